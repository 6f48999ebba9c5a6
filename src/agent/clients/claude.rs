//! The `claude` kind: Claude Code without a terminal, its result as JSON.
//!
//! Exit code and subtype of the result do not tell success from failure; `is_error` and the work itself do.

use camino::Utf8Path;
use serde_json::Value;

use super::{Client, ClientReport, Launch};
use crate::agent::process::Finished;
use crate::agent::session::{Decision, Event, Permission};
use crate::agent::{Brief, Duty, Surroundings};
use crate::core::progress::ToolUse;
use crate::core::registry::AgentEntry;
use crate::core::text;
use crate::core::usage::Usage;

/// What of the operator's environment the client needs to reach its model.
const PASSED: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_MAX_RETRIES",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
];

/// The shape of a verifier's answer.
const JUDGEMENT: &str = r#"{"type":"object","properties":{"verdict":{"enum":["pass","fail"]},"reasons":{"type":"array","items":{"type":"string"}}},"required":["verdict","reasons"]}"#;

/// How much of what a tool is given is told, in bytes.
const MAX_DETAIL: usize = 200;

pub(super) struct Claude;

impl Client for Claude {
    fn launch(&self, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Launch {
        let variables = [("DISABLE_AUTOUPDATER", "1"), ("DISABLE_TELEMETRY", "1")];
        Launch {
            words: words(agent, brief, around.registry_dir),
            variables: variables.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
            passed: PASSED,
            input: brief.text.clone().into_bytes(),
            // It begins once its input has ended, so nothing can be answered while it runs; it is told not to ask.
            is_input_open: false,
        }
    }

    fn hear(&self, line: &str) -> Vec<Event> {
        let Ok(value) = serde_json::from_str::<Value>(line) else { return Vec::new() };
        match value["type"].as_str() {
            Some("assistant") => tools(&value),
            Some("control_request") => permission(&value).map(Event::Permission).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn reply(&self, request: &Permission, decision: Decision) -> Option<String> {
        let response = match decision {
            Decision::Allow => serde_json::json!({ "behavior": "allow", "updatedInput": request.input }),
            Decision::Deny => serde_json::json!({ "behavior": "deny", "message": "not allowed in this run" }),
        };
        let response = serde_json::json!({ "subtype": "success", "request_id": request.id, "response": response });
        Some(serde_json::json!({ "type": "control_response", "response": response }).to_string())
    }

    fn report(&self, name: &str, finished: &Finished) -> ClientReport {
        let result = find_result(&finished.transcript.stdout.text());
        let refusal = match &result {
            None => Some(format!("{name} returned no result: {}", finished.transcript.last_words())),
            Some(result) if result["is_error"].as_bool() != Some(false) => {
                let what = result["result"].as_str().or(result["subtype"].as_str()).unwrap_or("it gave no details");
                Some(format!("{name} ended with an error: {what}"))
            }
            Some(_) => None,
        };
        let result = result.unwrap_or_default();
        let answer = match result.get("structured_output") {
            Some(answer) if !answer.is_null() => answer.to_string(),
            _ => result["result"].as_str().and_then(|text| text.trim().lines().last()).unwrap_or_default().to_owned(),
        };
        let usage = usage(&result);
        let agent = usage.model.as_ref().map_or_else(|| name.to_owned(), |model| format!("{name}/{model}"));
        ClientReport { agent, record: summary(&result), refusal, answer, usage }
    }
}

/// The tools that a message of the model uses.
fn tools(message: &Value) -> Vec<Event> {
    let parts = message["message"]["content"].as_array().into_iter().flatten();
    let used = parts.filter(|part| part["type"] == "tool_use").filter_map(|part| {
        let name = text::line(part["name"].as_str()?, MAX_DETAIL);
        Some(Event::Tool(ToolUse { name, detail: detail(&part["input"]) }))
    });
    used.collect()
}

/// What a line of the stream says to a person: nothing, what the model says, what it uses, or what came of that.
pub(super) fn spoken(line: &str) -> Option<String> {
    let value = serde_json::from_str::<Value>(line).ok().filter(Value::is_object)?;
    let parts = || value["message"]["content"].as_array().into_iter().flatten();
    let said: Vec<String> = match value["type"].as_str()? {
        "assistant" => parts()
            .filter_map(|part| match part["type"].as_str()? {
                "text" => part["text"].as_str().map(str::to_owned),
                "tool_use" => Some(format!("> {} {}", part["name"].as_str()?, detail(&part["input"]))),
                _ => None,
            })
            .collect(),
        "user" => parts().filter(|part| part["type"] == "tool_result").flat_map(|part| texts(&part["content"])).collect(),
        "result" => value["result"].as_str().map(|result| format!("result: {result}")).into_iter().collect(),
        "system" | "control_request" | "control_response" => Vec::new(),
        _ => return None,
    };
    Some(said.join("\n"))
}

/// The result of a tool, which is a text or a list of texts, with each line set in.
fn texts(content: &Value) -> Vec<String> {
    let all: Vec<&str> = match content {
        Value::String(text) => vec![text],
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => Vec::new(),
    };
    all.iter().flat_map(|text| text.lines()).map(|line| format!("    {line}")).collect()
}

/// What a tool is used on, in one line: the first word of its input that says so.
fn detail(input: &Value) -> String {
    let said = ["command", "file_path", "pattern", "path", "url"].iter().find_map(|key| input[key].as_str());
    text::line(said.unwrap_or_default(), MAX_DETAIL)
}

/// A question whether a tool may be used.
fn permission(request: &Value) -> Option<Permission> {
    let asked = &request["request"];
    (asked["subtype"] == "can_use_tool").then_some(())?;
    Some(Permission {
        id: request["request_id"].as_str()?.to_owned(),
        tool: ToolUse { name: text::line(asked["tool_name"].as_str()?, MAX_DETAIL), detail: detail(&asked["input"]) },
        input: asked["input"].clone(),
    })
}

/// What the result says of usage.
fn usage(result: &Value) -> Usage {
    let tokens = |key: &str| result["usage"][key].as_u64();
    let micro_dollars = result["total_cost_usd"].as_number().and_then(|dollars| micros(&dollars.to_string()));
    Usage {
        model: result["modelUsage"].as_object().and_then(|models| models.keys().next().cloned()),
        input_tokens: tokens("input_tokens"),
        output_tokens: tokens("output_tokens"),
        cache_read_tokens: tokens("cache_read_input_tokens"),
        cache_write_tokens: tokens("cache_creation_input_tokens"),
        turns: result["num_turns"].as_u64(),
        millis: result["duration_ms"].as_u64(),
        micro_dollars,
    }
}

/// A decimal number in millionths, what is smaller cut off.
fn micros(number: &str) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits: String = part.chars().chain("000000".chars()).take(6).collect();
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(digits.parse().ok()?)
}

fn words(agent: &AgentEntry, brief: &Brief, registry_dir: &Utf8Path) -> Vec<String> {
    let mut words = agent.words(registry_dir);
    let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
    add(&["-p", "--output-format", "stream-json", "--verbose", "--setting-sources", "", "--strict-mcp-config"]);
    // The project's own settings cannot switch hooks or permissions: they are not read, and this file says so again.
    add(&["--settings", r#"{"disableAllHooks":false}"#, "--permission-prompts", "none"]);
    match brief.duty {
        Duty::Executor => add(&["--permission-mode", "acceptEdits", "--allowedTools", "Bash Read Write Edit Glob Grep"]),
        Duty::Verifier => add(&["--permission-mode", "plan", "--allowedTools", "Read Glob Grep", "--json-schema", JUDGEMENT]),
    }
    if let Some(model) = &agent.model {
        add(&["--model", model]);
    }
    words
}

/// The last line of the stream that is a result.
fn find_result(stream: &str) -> Option<Value> {
    let values = stream.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    values.into_iter().find(|value| value["type"] == "result")
}

/// What of the result goes into the run's record.
fn summary(result: &Value) -> Value {
    let keys =
        ["session_id", "num_turns", "duration_ms", "total_cost_usd", "modelUsage", "terminal_reason", "permission_denials"];
    let kept = keys.iter().filter_map(|key| result.get(*key).map(|value| ((*key).to_owned(), value.clone())));
    Value::Object(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_the_last_line_that_says_it_is_one() {
        let stream =
            "{\"type\":\"system\"}\nnoise\n{\"type\":\"result\",\"is_error\":false,\"total_cost_usd\":0.5,\"secret\":1}\n";
        let result = find_result(stream).expect("there is one");
        assert_eq!(summary(&result), serde_json::json!({ "total_cost_usd": 0.5 }));
        assert_eq!(find_result("{\"type\":\"assistant\"}"), None);
    }

    #[test]
    fn what_it_uses_and_asks_is_heard() {
        let tool = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"So."},{"type":"tool_use","name":"Bash","input":{"command":"ls  -l"}}]}}"#;
        let bash = ToolUse { name: "Bash".to_owned(), detail: "ls -l".to_owned() };
        assert_eq!(Claude.hear(tool), [Event::Tool(bash.clone())]);
        let ask = r#"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls -l"}}}"#;
        let heard = Claude.hear(ask);
        let [Event::Permission(permission)] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!((permission.id.as_str(), &permission.tool), ("r1", &bash));
        let reply = Claude.reply(permission, Decision::Allow).expect("a reply");
        assert_eq!(
            reply,
            r#"{"response":{"request_id":"r1","response":{"behavior":"allow","updatedInput":{"command":"ls -l"}},"subtype":"success"},"type":"control_response"}"#
        );
        assert_eq!(Claude.hear("noise"), []);
    }

    #[test]
    fn a_person_reads_what_was_said_and_done() {
        let stream = [
            r#"{"type":"system","subtype":"init"}"#,
            r#"{"type":"assistant","message":{"content":[{"type":"text","text":"So."},{"type":"tool_use","name":"Bash","input":{"command":"ls  -l"}}]}}"#,
            r#"{"type":"user","message":{"content":[{"type":"tool_result","content":[{"type":"text","text":"a\nb"}]}]}}"#,
            r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"c"}]}}"#,
            r#"{"type":"result","result":"Done."}"#,
            r#"{"type":"of another program"}"#,
            "warning: no JSON",
        ]
        .join("\n");
        let plain = crate::agent::plain(&stream);
        let expected =
            "So.\n> Bash ls -l\n    a\n    b\n    c\nresult: Done.\n{\"type\":\"of another program\"}\nwarning: no JSON\n";
        assert_eq!(plain, expected);
    }

    #[test]
    fn usage_is_typed() {
        let result = serde_json::json!({
            "total_cost_usd": 0.123_456_7, "num_turns": 3, "duration_ms": 1500, "modelUsage": { "m": {} },
            "usage": { "input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 30 },
        });
        let expected = Usage {
            model: Some("m".to_owned()),
            input_tokens: Some(10),
            output_tokens: Some(20),
            cache_read_tokens: Some(30),
            cache_write_tokens: None,
            turns: Some(3),
            millis: Some(1500),
            micro_dollars: Some(123_456),
        };
        assert_eq!(usage(&result), expected);
        assert!(usage(&Value::Null).is_unknown());
        assert_eq!((micros("2"), micros("1e-7"), micros("-1")), (Some(2_000_000), None, None));
    }
}
