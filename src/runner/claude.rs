//! The `claude` kind: Claude Code without a terminal; its result is JSON.
//!
//! The exit code and the subtype of the result do not say whether it succeeded; only `is_error` and the work itself do.

use serde_json::Value;

use super::process::{self, Spec};
use super::{Brief, Duty, Outcome, RunnerError, Surroundings, variables};
use crate::core::registry::AgentEntry;

/// The environment variables that the client needs to reach its model.
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

/// The JSON schema of a verifier's answer.
const JUDGEMENT: &str = r#"{"type":"object","properties":{"verdict":{"enum":["pass","fail"]},"reasons":{"type":"array","items":{"type":"string"}}},"required":["verdict","reasons"]}"#;

pub(super) fn run(name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Outcome, RunnerError> {
    let mut variables = variables(brief);
    variables.extend(
        [("DISABLE_AUTOUPDATER", "1"), ("DISABLE_TELEMETRY", "1")].map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let finished = process::run(&Spec {
        words: words(agent, brief),
        dir: brief.worktree.clone(),
        variables,
        passed: PASSED,
        input: brief.text.clone().into_bytes(),
        timeout: brief.timeout,
        program: around.program.to_owned(),
        run: brief.run.clone(),
    })?;
    let result = find_result(&finished.stdout_text());
    let refusal = match &result {
        None => Some(format!("{name} left no result: {}", finished.last_words())),
        Some(result) if result["is_error"].as_bool() != Some(false) => {
            let what = result["result"].as_str().or(result["subtype"].as_str()).unwrap_or("it says so itself");
            Some(format!("{name} ended with an error: {what}"))
        }
        Some(_) => None,
    };
    let result = result.unwrap_or_default();
    let answer = match result.get("structured_output") {
        Some(answer) if !answer.is_null() => answer.to_string(),
        _ => result["result"].as_str().and_then(|text| text.trim().lines().last()).unwrap_or_default().to_owned(),
    };
    let model = result["modelUsage"].as_object().and_then(|models| models.keys().next().cloned());
    let agent = model.map_or_else(|| name.to_owned(), |model| format!("{name}/{model}"));
    Ok(Outcome { finished, agent, record: summary(&result), refusal, answer })
}

fn words(agent: &AgentEntry, brief: &Brief) -> Vec<String> {
    let program = if agent.run.is_empty() { vec!["claude".to_owned()] } else { agent.run.clone() };
    let mut words = program;
    let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
    add(&["-p", "--output-format", "stream-json", "--verbose", "--setting-sources", "", "--strict-mcp-config"]);
    // The project's own settings are not read, so they cannot disable hooks or permissions; state that in the settings too.
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

/// Finds the last result line in the stream.
fn find_result(stream: &str) -> Option<Value> {
    let values = stream.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    values.into_iter().find(|value| value["type"] == "result")
}

/// The part of the result that goes into the run's record.
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
}
