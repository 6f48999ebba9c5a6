//! The `gemini` kind: Gemini CLI without a terminal, its events as JSON lines.

use serde_json::Value;
use tempfile::TempDir;

use super::{Client, Launch, MAX_DETAIL, Report, Talk, Teller, answer, detail, file, object, tool, variables};
use crate::agent::process::{Ended, Finished, ProcessError};
use crate::agent::session::{Event, Failure};
use crate::agent::{Brief, Surroundings};
use crate::core::outcome::Outcome;
use crate::core::progress::ToolUse;
use crate::core::registry::AgentEntry;
use crate::core::text;
use crate::core::usage::Usage;

/// What of the operator's environment the client needs to reach its model.
const PASSED: &[&str] = &[
    "GEMINI_API_KEY",
    "GEMINI_MODEL",
    "GEMINI_CLI_HOME",
    "GOOGLE_API_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_ACCESS_TOKEN",
    "GOOGLE_CLOUD_LOCATION",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_PROJECT_ID",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_USE_GCA",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GOOGLE_VERTEX_BASE_URL",
];

const VARIABLES: &[(&str, &str)] = &[("GEMINI_TELEMETRY_ENABLED", "false")];

/// What a verifier may run. In its mode, what nothing allows is refused, and the tools that write are not there.
const POLICY: &str = "[[rule]]\ntoolName = \"run_shell_command\"\n\
                      commandPrefix = [\"git diff\", \"git log\", \"git show\", \"git status\"]\ndecision = \"allow\"\npriority = 900\n";

/// Of a status of its service it exits with the lowest eight bits.
const STATUS_EXIT: std::ops::RangeInclusive<i32> = 144..=255;
/// With what it exits when it has no way to log in.
const NO_LOGIN_EXIT: i32 = 41;

pub(super) struct Gemini;

impl Client for Gemini {
    fn launch(&self, name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Launch, ProcessError> {
        let mut words = agent.words(around.registry_dir);
        let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
        // In a folder that is not trusted it ends at once; in one that is, it runs hooks and servers that the work brings.
        add(&["--output-format", "stream-json", "--skip-trust"]);
        if let Some(model) = &agent.model {
            add(&["--model", model]);
        }
        let files = if brief.duty.writes() {
            add(&["--approval-mode", "yolo"]);
            None
        } else {
            let (files, policy) = file(name, "policy.toml", POLICY)?;
            add(&["--approval-mode", "default", "--policy", policy.as_str()]);
            Some(files)
        };
        let run = Run { _files: files, ..Run::new(Teller::new(name, around)) };
        Ok(Launch {
            words,
            variables: variables(VARIABLES),
            passed: PASSED,
            input: brief.text.clone().into_bytes(),
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
    /// The result, which is the last line.
    result: Option<Value>,
    /// What the model said since it last used a tool.
    said: String,
    /// The calls that it has made, with their names, until their results come.
    calls: Vec<(String, ToolUse)>,
    turns: u64,
    is_turn_open: bool,
    denied: Vec<ToolUse>,
    /// What it reads while it runs.
    _files: Option<TempDir>,
}

impl Run {
    fn new(teller: Teller) -> Self {
        Self {
            teller,
            session: None,
            model: None,
            result: None,
            said: String::new(),
            calls: Vec::new(),
            turns: 0,
            is_turn_open: false,
            denied: Vec::new(),
            _files: None,
        }
    }

    fn begin_turn(&mut self) {
        if !std::mem::replace(&mut self.is_turn_open, true) {
            self.turns += 1;
        }
    }

    fn failure(&self, finished: &Finished) -> Option<Failure> {
        let status = match finished.ended {
            Ended::Exit(code) if STATUS_EXIT.contains(&code) => u64::try_from(code + 256).ok(),
            _ => None,
        };
        match &self.result {
            Some(result) if result["status"] == "success" && finished.ended == Ended::Exit(0) => None,
            Some(result) if result["status"] != "success" => {
                let words = result["error"]["message"].as_str().unwrap_or("it gave no details");
                Some(self.teller.refused(status, &inner(words), finished))
            }
            Some(_) => Some(self.teller.silent(finished)),
            None => Some(self.without_result(status, finished)),
        }
    }

    fn without_result(&self, status: Option<u64>, finished: &Finished) -> Failure {
        let stderr = finished.transcript.stderr.text();
        // It tries again for minutes, and says so only here.
        let retries = || stderr.lines().rev().find_map(|line| line.split_once(" failed with status ").map(|(_, rest)| rest));
        let retried =
            retries().and_then(|rest| rest.get(..3)?.parse().ok()).filter(|_| matches!(finished.ended, Ended::TimedOut));
        match (finished.ended, status.or(retried)) {
            (_, Some(status)) => self.teller.refused(Some(status), "it was asked again until the time was up", finished),
            (Ended::Exit(NO_LOGIN_EXIT), None) => {
                let said = stderr.lines().filter(|line| !line.starts_with("YOLO") && !line.starts_with("Warning"));
                let said = said.collect::<Vec<_>>().join(" ");
                self.teller.failure(Outcome::NoLogin, &format!("cannot log in: {said}"))
            }
            _ => self.teller.silent(finished),
        }
    }
}

/// The message in an error that a service wrapped in JSON, maybe more than once.
fn inner(words: &str) -> String {
    let object =
        words.find('{').and_then(|at| serde_json::Deserializer::from_str(&words[at..]).into_iter::<Value>().next()?.ok());
    match object.as_ref().and_then(|object| object["error"]["message"].as_str()) {
        Some(message) if message.contains("\"message\"") => inner(message),
        Some(message) => {
            let code = object.as_ref().and_then(|object| object["error"]["code"].as_u64());
            code.map_or_else(|| message.to_owned(), |code| format!("status {code}: {message}"))
        }
        None => words.to_owned(),
    }
}

impl Talk for Run {
    fn hear(&mut self, line: &str) -> Vec<Event> {
        let Some(value) = object(line) else { return Vec::new() };
        let id = value["tool_id"].as_str().unwrap_or_default();
        match value["type"].as_str() {
            Some("init") => {
                self.session = value["session_id"].as_str().map(str::to_owned);
                self.model = value["model"].as_str().filter(|model| *model != "auto").map(str::to_owned);
            }
            Some("message") if value["role"] == "assistant" => {
                self.begin_turn();
                self.said += value["content"].as_str().unwrap_or_default();
            }
            Some("tool_use") => {
                self.begin_turn();
                self.said.clear();
                let used = tool(value["tool_name"].as_str().unwrap_or_default(), &value["parameters"]);
                self.calls.push((id.to_owned(), used.clone()));
                return vec![Event::Tool(used)];
            }
            Some("tool_result") => {
                self.is_turn_open = false;
                let at = self.calls.iter().position(|(call, _)| call == id);
                let call = at.map(|at| self.calls.swap_remove(at).1);
                let is_denied = matches!(value["error"]["type"].as_str(), Some("policy_violation" | "tool_not_registered"));
                self.denied.extend(call.filter(|_| is_denied));
            }
            Some("result") => self.result = Some(value),
            _ => {}
        }
        Vec::new()
    }

    fn report(&mut self, finished: &Finished) -> Report {
        let none = Value::Null;
        let stats = &self.result.as_ref().unwrap_or(&none)["stats"];
        let models = stats["models"].as_object();
        let usage = Usage {
            model: self.model.clone().or_else(|| models.and_then(|models| models.keys().next().cloned())),
            input_tokens: stats["input"].as_u64().or_else(|| stats["input_tokens"].as_u64()),
            output_tokens: stats["output_tokens"].as_u64(),
            cache_read_tokens: stats["cached"].as_u64(),
            turns: (self.turns > 0).then_some(self.turns),
            millis: stats["duration_ms"].as_u64(),
            denied: self.result.as_ref().and_then(|_| u64::try_from(self.denied.len()).ok()),
            ..Usage::default()
        };
        Report {
            session: self.session.clone(),
            failure: self.failure(finished),
            answer: answer(&self.said),
            usage,
            denied: std::mem::take(&mut self.denied),
        }
    }
}

/// What a line of the stream says to a person.
pub(super) fn spoken(value: &Value) -> Option<String> {
    Some(match value["type"].as_str()? {
        "message" if value["role"] == "assistant" => value["content"].as_str()?.to_owned(),
        "message" if value["role"] == "user" => String::new(),
        "tool_use" if value.get("tool_name").is_some() => {
            format!("> {} {}", text::line(value["tool_name"].as_str()?, MAX_DETAIL), detail(&value["parameters"]))
        }
        "tool_result" if value.get("tool_id").is_some() => {
            let lines = value["output"].as_str().unwrap_or_default().lines().map(|line| format!("    {line}"));
            lines.collect::<Vec<_>>().join("\n")
        }
        "result" if value.get("stats").is_some() => {
            value["error"]["message"].as_str().map(|words| format!("error: {}", inner(words))).unwrap_or_default()
        }
        "init" => String::new(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::clients::tests::{around, exited, timed_out};

    fn hear(lines: &[&str], finished: &Finished) -> (Vec<Event>, Report) {
        let mut run = Run::new(Teller::new("coder", around()));
        let events = lines.iter().flat_map(|line| run.hear(line)).collect();
        (events, run.report(finished))
    }

    const BEGIN: &str = r#"{"type":"init","timestamp":"2026-11-29T13:12:12.188Z","session_id":"80dad1fd-5304-4e7e-b3e9-dcddfffb0020","model":"auto"}"#;

    #[test]
    fn a_run_in_order_is_heard() {
        let lines = [
            BEGIN,
            r#"{"type":"message","timestamp":"2026-11-29T13:12:12.190Z","role":"user","content":"Do it.\n"}"#,
            r#"{"type":"tool_use","tool_name":"run_shell_command","tool_id":"a","parameters":{"command":"git log --oneline"}}"#,
            r#"{"type":"tool_use","tool_name":"run_shell_command","tool_id":"b","parameters":{"command":"touch planted"}}"#,
            r#"{"type":"tool_result","tool_id":"a","status":"success","output":"323c161 gem"}"#,
            r#"{"type":"tool_result","tool_id":"b","status":"error","output":"Tool execution denied by policy.","error":{"type":"policy_violation","message":"Tool execution denied by policy."}}"#,
            r#"{"type":"message","role":"assistant","content":"{\"verdict\":\"pass\",","delta":true}"#,
            r#"{"type":"message","role":"assistant","content":"\"reasons\":[]}","delta":true}"#,
            r#"{"type":"result","status":"success","stats":{"total_tokens":240,"input_tokens":200,"output_tokens":40,"cached":20,"input":180,"duration_ms":327,"tool_calls":2,"models":{"mock":{"total_tokens":240}}}}"#,
        ];
        let (events, report) = hear(&lines, &exited(0, "", ""));
        assert_eq!((events.len(), &report.failure), (2, &None));
        assert_eq!(report.answer, r#"{"reasons":[],"verdict":"pass"}"#);
        assert_eq!(report.denied, [ToolUse { name: "run_shell_command".to_owned(), detail: "touch planted".to_owned() }]);
        let usage = Usage {
            model: Some("mock".to_owned()),
            input_tokens: Some(180),
            output_tokens: Some(40),
            cache_read_tokens: Some(20),
            turns: Some(2),
            millis: Some(327),
            denied: Some(1),
            ..Usage::default()
        };
        assert_eq!(report.usage, usage);
    }

    #[test]
    fn how_a_run_failed_is_told() {
        let end = |lines: &[&str], finished: &Finished| {
            let failure = hear(lines, finished).1.failure.expect("a failure");
            (failure.end, failure.to_string())
        };
        let error = r#"{"type":"result","status":"error","error":{"type":"unknown","message":"[API Error: {\"error\":{\"code\":\"X\",\"message\":\"message for 401\"}}]"},"stats":{}}"#;
        let unauthorized = "coder ended with an error: status 401: message for 401".to_owned();
        assert_eq!(end(&[BEGIN, error], &exited(145, "", "")).0, Outcome::NoLogin);
        let coded = error.replace("\\\"X\\\"", "401");
        assert_eq!(end(&[BEGIN, &coded], &exited(1, "", "")), (Outcome::NoLogin, unauthorized));
        let limited = Outcome::Limited { until: None };
        let retries = "Attempt 1 failed with status 429. Retrying with backoff... _ApiError: {}\n    at x\n";
        assert_eq!(end(&[BEGIN], &timed_out("", retries)).0, limited);
        let login = "YOLO mode is enabled. All tool calls will be automatically approved.\nInvalid auth method selected.\n";
        assert_eq!(end(&[], &exited(41, "", login)).0, Outcome::NoLogin);
        assert_eq!(end(&[], &exited(1, "", "Unknown argument: no-such\n")).0, Outcome::WrongVersion);
        assert_eq!(end(&[BEGIN], &exited(0, "", "")).0, Outcome::Crashed);
    }
}
