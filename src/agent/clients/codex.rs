//! The `codex` kind: `codex exec`, its events as JSON lines.
//!
//! Its own sandbox confines it. There `.git` is read-only, so it leaves its work in the files, and git-os commits it.

use serde_json::Value;
use tempfile::TempDir;

use super::{Client, Launch, MAX_DETAIL, Report, Talk, Teller, answer, file, millis, object};
use crate::agent::process::{Finished, ProcessError};
use crate::agent::session::{Event, Failure};
use crate::agent::{Brief, Surroundings};
use crate::core::progress::ToolUse;
use crate::core::registry::AgentEntry;
use crate::core::text;
use crate::core::usage::Usage;

/// What of the operator's environment the client needs to reach its model.
const PASSED: &[&str] = &[
    "CODEX_HOME",
    "CODEX_API_KEY",
    "CODEX_ACCESS_TOKEN",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORGANIZATION",
    "OPENAI_PROJECT",
    "AZURE_OPENAI_API_KEY",
];

/// What an executor has to know of its sandbox.
const NO_COMMITS: &str = "\n## Your sandbox\n\nIn your sandbox `.git` is read-only, so `git add` and `git commit` fail. Leave your changes \
                          in the files; git-os commits them when you end.\n";

pub(super) struct Codex;

impl Client for Codex {
    fn launch(&self, name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Launch, ProcessError> {
        let mut words = agent.words(around.registry_dir);
        let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
        add(&["exec", "--json", "--color", "never", "--skip-git-repo-check", "-C", brief.worktree.as_str()]);
        // A login shell would set another PATH, without `git os`.
        add(&["-c", "allow_login_shell=false"]);
        if let Some(model) = &agent.model {
            add(&["--model", model]);
        }
        let mut input = brief.text.clone();
        if brief.duty.writes() {
            add(&["--sandbox", "workspace-write", "--add-dir", brief.outbox.as_str()]);
            input += NO_COMMITS;
        } else {
            add(&["--sandbox", "read-only"]);
        }
        let schema = brief.schema.map(|schema| file(name, "answer.json", schema)).transpose()?;
        let files = schema.map(|(files, path)| {
            add(&["--output-schema", path.as_str()]);
            files
        });
        add(&["-"]);
        let run = Run { model: agent.model.clone(), _files: files, ..Run::empty(name, around) };
        Ok(Launch {
            words,
            variables: Vec::new(),
            passed: PASSED,
            input: input.into_bytes(),
            is_input_open: false,
            talk: Box::new(run),
        })
    }
}

/// What is known of a run.
struct Run {
    teller: Teller,
    session: Option<String>,
    model: Option<String>,
    /// Of the whole thread so far.
    usage: Option<Value>,
    turns: u64,
    said: String,
    /// What it says of its last error; it may still get over it.
    error: Option<String>,
    is_done: bool,
    /// What it reads while it runs.
    _files: Option<TempDir>,
}

impl Run {
    fn empty(name: &str, around: Surroundings<'_>) -> Self {
        Self {
            teller: Teller::new(name, around),
            session: None,
            model: None,
            usage: None,
            turns: 0,
            said: String::new(),
            error: None,
            is_done: false,
            _files: None,
        }
    }

    fn failure(&self, finished: &Finished) -> Option<Failure> {
        match (&self.error, self.is_done) {
            (_, true) => None,
            (Some(error), false) => Some(self.teller.refused(None, error, finished)),
            (None, false) => Some(self.teller.silent(finished)),
        }
    }
}

impl Talk for Run {
    fn hear(&mut self, line: &str) -> Vec<Event> {
        let Some(value) = object(line) else { return Vec::new() };
        match value["type"].as_str() {
            Some("thread.started") => self.session = value["thread_id"].as_str().map(str::to_owned),
            Some("item.started" | "item.completed") => {
                let item = &value["item"];
                if item["type"] == "agent_message" {
                    self.turns += 1;
                    item["text"].as_str().unwrap_or_default().clone_into(&mut self.said);
                }
                // What runs for a while is told when it begins, the rest when it is done.
                let is_begun = value["type"] == "item.started";
                if is_begun == (item["type"] == "command_execution" || item["type"] == "mcp_tool_call") {
                    return tool(item).map(Event::Tool).into_iter().collect();
                }
            }
            Some("turn.completed") => {
                (self.is_done, self.error) = (true, None);
                self.usage = Some(value["usage"].clone());
            }
            Some("turn.failed") => {
                self.is_done = false;
                self.error = Some(value["error"]["message"].as_str().unwrap_or("it gave no details").to_owned());
            }
            Some("error") => self.error = value["message"].as_str().map(str::to_owned),
            _ => {}
        }
        Vec::new()
    }

    fn report(&mut self, finished: &Finished) -> Report {
        let none = Value::Null;
        let usage = self.usage.as_ref().unwrap_or(&none);
        let cached = usage["cached_input_tokens"].as_u64();
        let usage = Usage {
            model: self.model.clone(),
            // It counts what came from the cache among what was read.
            input_tokens: usage["input_tokens"].as_u64().map(|all| all.saturating_sub(cached.unwrap_or(0))),
            output_tokens: usage["output_tokens"].as_u64(),
            cache_read_tokens: cached,
            cache_write_tokens: usage["cache_write_input_tokens"].as_u64(),
            turns: (self.turns > 0).then_some(self.turns),
            millis: millis(finished),
            ..Usage::default()
        };
        Report {
            session: self.session.clone(),
            failure: self.failure(finished),
            answer: answer(&self.said),
            usage,
            denied: Vec::new(),
        }
    }
}

/// What an item of the stream uses; nothing if it is no tool.
fn tool(item: &Value) -> Option<ToolUse> {
    let (name, detail) = match item["type"].as_str()? {
        "command_execution" => ("shell", item["command"].as_str().unwrap_or_default().to_owned()),
        "file_change" => {
            let changes = item["changes"].as_array().into_iter().flatten();
            ("edit", changes.filter_map(|change| change["path"].as_str()).collect::<Vec<_>>().join(" "))
        }
        "mcp_tool_call" => (item["tool"].as_str().unwrap_or("mcp"), String::new()),
        "web_search" => ("web_search", item["query"].as_str().unwrap_or_default().to_owned()),
        _ => return None,
    };
    Some(ToolUse { name: text::line(name, MAX_DETAIL), detail: text::line(&detail, MAX_DETAIL) })
}

/// What a line of the stream says to a person.
pub(super) fn spoken(value: &Value) -> Option<String> {
    let item = &value["item"];
    Some(match value["type"].as_str()? {
        "item.completed" => match item["type"].as_str()? {
            "agent_message" => item["text"].as_str()?.to_owned(),
            "command_execution" => {
                let output = item["aggregated_output"].as_str().unwrap_or_default().lines().map(|line| format!("\n    {line}"));
                format!("> shell {}{}", item["command"].as_str().unwrap_or_default(), output.collect::<String>())
            }
            _ => tool(item).map(|tool| format!("> {} {}", tool.name, tool.detail)).unwrap_or_default(),
        },
        "turn.failed" => format!("error: {}", value["error"]["message"].as_str().unwrap_or_default()),
        "thread.started" | "turn.started" | "turn.completed" | "item.started" | "item.updated" => String::new(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::clients::tests::{around, exited};
    use crate::core::outcome::Outcome;

    fn hear(lines: &[&str], code: i32, stderr: &str) -> (Vec<Event>, Report) {
        let mut run = Run::empty("coder", around());
        let events = lines.iter().flat_map(|line| run.hear(line)).collect();
        (events, run.report(&exited(code, &lines.join("\n"), stderr)))
    }

    const BEGIN: &str = r#"{"type":"thread.started","thread_id":"01a2276c-223e-7ab0-bd52-fdab64f21fed"}"#;
    const WARNING: &str = r#"{"type":"item.completed","item":{"id":"item_0","type":"error","message":"Model metadata for `mock-model` not found."}}"#;

    #[test]
    fn a_run_in_order_is_heard() {
        let (events, report) = hear(
            &[
                BEGIN,
                WARNING,
                r#"{"type":"turn.started"}"#,
                r#"{"type":"item.started","item":{"id":"item_1","type":"command_execution","command":"/bin/bash -c 'echo hi'","aggregated_output":"","exit_code":null,"status":"in_progress"}}"#,
                r#"{"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"/bin/bash -c 'echo hi'","aggregated_output":"hi\n","exit_code":0,"status":"completed"}}"#,
                r#"{"type":"item.completed","item":{"id":"item_2","type":"agent_message","text":"{\"verdict\":\"pass\",\"reasons\":[]}"}}"#,
                r#"{"type":"turn.completed","usage":{"input_tokens":200,"cached_input_tokens":50,"cache_write_input_tokens":0,"output_tokens":40,"reasoning_output_tokens":0}}"#,
            ],
            0,
            "",
        );
        let shell = ToolUse { name: "shell".to_owned(), detail: "/bin/bash -c 'echo hi'".to_owned() };
        assert_eq!(events, [Event::Tool(shell)]);
        assert_eq!((report.failure, report.answer.as_str()), (None, r#"{"reasons":[],"verdict":"pass"}"#));
        assert_eq!(
            (report.usage.input_tokens, report.usage.cache_read_tokens, report.usage.output_tokens),
            (Some(150), Some(50), Some(40))
        );
        assert_eq!(report.session.as_deref(), Some("01a2276c-223e-7ab0-bd52-fdab64f21fed"));
    }

    #[test]
    fn how_a_run_failed_is_told() {
        let failed = |message: &str| format!(r#"{{"type":"turn.failed","error":{{"message":"{message}"}}}}"#);
        for (message, end) in [
            ("unexpected status 401 Unauthorized: Incorrect API key, url: http://127.0.0.1:8787/v1/responses", Outcome::NoLogin),
            ("exceeded retry limit, last status: 429 Too Many Requests", Outcome::Limited { until: None }),
            ("Quota exceeded. Check your plan and billing details.", Outcome::Limited { until: None }),
            ("Missing environment variable: `KEY`.", Outcome::NoLogin),
            ("We’re currently experiencing high demand, which may cause temporary errors.", Outcome::Limited { until: None }),
        ] {
            let failure = hear(&[BEGIN, WARNING, &failed(message)], 1, "").1.failure.expect("a failure");
            assert_eq!(failure.end, end, "{message}");
            assert_eq!(failure.to_string(), format!("coder ended with an error: {message}"));
        }
        let (_, report) = hear(&[], 2, "error: unexpected argument '--no-such' found\n\n  tip: a similar argument exists\n");
        assert_eq!(report.failure.map(|failure| failure.end), Some(Outcome::WrongVersion));
        let (_, report) = hear(&[BEGIN, WARNING], 0, "");
        assert_eq!(report.failure.map(|failure| failure.end), Some(Outcome::Crashed));
    }
}
