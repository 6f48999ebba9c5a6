//! The `opencode` kind: opencode without a terminal, its events as JSON lines.

use serde_json::Value;

use super::{Client, Launch, MAX_DETAIL, Report, Talk, Teller, answer, detail, millis, object, tool, variables};
use crate::agent::process::{Ended, Finished, ProcessError};
use crate::agent::session::{Event, Failure};
use crate::agent::{Brief, Surroundings};
use crate::core::outcome::Outcome;
use crate::core::progress::ToolUse;
use crate::core::registry::AgentEntry;
use crate::core::text;
use crate::core::usage::{MicroDollars, Usage, add};

/// What of the operator's environment the client needs to reach its model.
const PASSED: &[&str] = &[
    "OPENCODE_CONFIG",
    "OPENCODE_CONFIG_DIR",
    "OPENCODE_API_KEY",
    "OPENCODE_DISABLE_MODELS_FETCH",
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "DEEPSEEK_API_KEY",
    "XAI_API_KEY",
];

const VARIABLES: &[(&str, &str)] = &[
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    // Settings that the work brings would go before ours. The brief has what the repository tells agents.
    ("OPENCODE_DISABLE_PROJECT_CONFIG", "1"),
    ("OPENCODE_DISABLE_CLAUDE_CODE", "1"),
];

/// Settings that go before the operator's. What is asked for without a terminal is refused and ends the run, so nothing is asked.
const WRITER: &str = r#"{"autoupdate":false,"share":"disabled","permission":{"edit":"allow","bash":"allow","webfetch":"deny","external_directory":"deny","question":"deny","doom_loop":"deny"}}"#;
const READER: &str = r#"{"autoupdate":false,"share":"disabled","permission":{"edit":"deny","task":"deny","webfetch":"deny","external_directory":"deny","question":"deny","doom_loop":"deny","bash":{"*":"deny","git diff*":"allow","git log*":"allow","git show*":"allow","git status*":"allow"}}}"#;

/// How often its service may refuse it in a row. It waits longer each time, half a minute by then, and never gives up by itself.
const LAST_TRY: u32 = 5;

/// How it says that a rule forbids a tool, or that it does not exist.
const DENIALS: &[&str] = &["rule which prevents", "rejected permission", "unavailable tool"];

pub(super) struct Opencode;

impl Client for Opencode {
    fn launch(&self, name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Launch, ProcessError> {
        let mut words = agent.words(around.registry_dir);
        let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
        // It tries again for as long as it lives, and says so in its log alone.
        add(&["run", "--pure", "--format", "json", "--agent", "build", "--print-logs", "--log-level", "ERROR"]);
        if let Some(model) = &agent.model {
            add(&["--model", model]);
        }
        let mut given = variables(VARIABLES);
        let settings = if brief.duty.writes() { WRITER } else { READER };
        given.push(("OPENCODE_CONFIG_CONTENT".to_owned(), settings.to_owned()));
        Ok(Launch {
            words,
            variables: given,
            passed: PASSED,
            input: brief.text.clone().into_bytes(),
            is_input_open: false,
            talk: Box::new(Run::new(Teller::new(name, around), agent.model.clone())),
        })
    }
}

/// What is known of a run.
struct Run {
    teller: Teller,
    session: Option<String>,
    usage: Usage,
    said: String,
    /// Why the last step ended.
    reason: Option<String>,
    error: Option<Value>,
    /// What its service answered last, and how often in a row since the last step.
    refused: (u32, String),
    denied: Vec<ToolUse>,
}

impl Run {
    fn new(teller: Teller, model: Option<String>) -> Self {
        let usage = Usage { model, ..Usage::default() };
        Self {
            teller,
            session: None,
            usage,
            said: String::new(),
            reason: None,
            error: None,
            refused: (0, String::new()),
            denied: Vec::new(),
        }
    }

    fn add_step(&mut self, part: &Value) {
        let (tokens, usage) = (&part["tokens"], &mut self.usage);
        add(&mut usage.turns, Some(1));
        add(&mut usage.input_tokens, tokens["input"].as_u64());
        add(&mut usage.output_tokens, tokens["output"].as_u64());
        add(&mut usage.output_tokens, tokens["reasoning"].as_u64());
        add(&mut usage.cache_read_tokens, tokens["cache"]["read"].as_u64());
        add(&mut usage.cache_write_tokens, tokens["cache"]["write"].as_u64());
        let dollars = part["cost"].as_number().and_then(|cost| MicroDollars::parse(&cost.to_string()));
        add(&mut usage.micro_dollars, dollars.map(|MicroDollars(micros)| micros));
        self.reason = part["reason"].as_str().map(str::to_owned);
    }

    fn failure(&self, finished: &Finished) -> Option<Failure> {
        if let Some(error) = &self.error {
            let data = &error["data"];
            let words = data["message"].as_str().or_else(|| error["name"].as_str()).unwrap_or("it gave no details");
            return Some(self.teller.refused(data["statusCode"].as_u64(), words, finished));
        }
        match (finished.ended, self.reason.as_deref()) {
            (Ended::TimedOut | Ended::Canceled, _) if self.refused.0 > 0 => {
                Some(self.teller.refused(None, &self.refused.1, finished))
            }
            (Ended::Exit(0), Some("stop")) => None,
            (Ended::Exit(0), Some("length")) => {
                Some(self.teller.failure(Outcome::Crashed, "was cut off: its answer became too long"))
            }
            (Ended::Exit(1), None) if is_help(finished) => {
                Some(self.teller.failure(Outcome::WrongVersion, "does not know what it was told, and printed its help"))
            }
            _ => Some(self.teller.silent(finished)),
        }
    }
}

/// Whether it printed how it is used, which is all that it says to an option that it does not know.
fn is_help(finished: &Finished) -> bool {
    finished.transcript.stderr.text().contains("opencode run [message..]")
}

impl Talk for Run {
    fn hear(&mut self, line: &str) -> Vec<Event> {
        let Some(value) = object(line) else { return Vec::new() };
        let part = &value["part"];
        if self.session.is_none() {
            self.session = value["sessionID"].as_str().map(str::to_owned);
        }
        match value["type"].as_str() {
            Some("text") => part["text"].as_str().unwrap_or_default().clone_into(&mut self.said),
            Some("tool_use") => {
                let state = &part["state"];
                let used = match part["tool"].as_str() {
                    Some("invalid") => tool(state["input"]["tool"].as_str().unwrap_or_default(), &Value::Null),
                    name => tool(name.unwrap_or_default(), &state["input"]),
                };
                let said = [&state["error"], &state["output"]].into_iter().find_map(Value::as_str).unwrap_or_default();
                let is_refused = state["status"] == "error" || part["tool"] == "invalid";
                if is_refused && DENIALS.iter().any(|denial| said.contains(denial)) {
                    self.denied.push(used.clone());
                }
                return vec![Event::Tool(used)];
            }
            Some("step_finish") => {
                self.refused.0 = 0;
                self.add_step(part);
            }
            Some("error") => self.error = Some(value["error"].clone()),
            _ => {}
        }
        Vec::new()
    }

    fn overhear(&mut self, line: &str) {
        // Beside the work it asks for titles.
        if let Some((_, words)) = line.split_once("error.error=\"").filter(|_| !line.contains("small=true")) {
            self.refused = (self.refused.0 + 1, words.trim_end_matches('"').to_owned());
        }
    }

    fn is_over(&self) -> bool {
        self.refused.0 >= LAST_TRY
    }

    fn report(&mut self, finished: &Finished) -> Report {
        let denied = self.usage.turns.and_then(|_| u64::try_from(self.denied.len()).ok());
        Report {
            session: self.session.clone(),
            failure: self.failure(finished),
            answer: answer(&self.said),
            usage: Usage { millis: millis(finished), denied, ..self.usage.clone() },
            denied: std::mem::take(&mut self.denied),
        }
    }
}

/// What a line of the stream says to a person.
pub(super) fn spoken(value: &Value) -> Option<String> {
    value.get("sessionID")?;
    let part = &value["part"];
    Some(match value["type"].as_str()? {
        "text" => part["text"].as_str()?.to_owned(),
        "tool_use" => {
            let said =
                [&part["state"]["output"], &part["state"]["error"]].into_iter().find_map(Value::as_str).unwrap_or_default();
            let lines = said.lines().map(|line| format!("\n    {line}"));
            let name = text::line(part["tool"].as_str()?, MAX_DETAIL);
            format!("> {name} {}{}", detail(&part["state"]["input"]), lines.collect::<String>())
        }
        "error" => format!("error: {}", value["error"]["data"]["message"].as_str().unwrap_or_default()),
        "step_start" | "step_finish" => String::new(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::clients::tests::{around, exited, timed_out};

    fn hear(lines: &[&str], finished: &Finished) -> (Vec<Event>, Report) {
        let mut run = Run::new(Teller::new("coder", around()), Some("mock/m".to_owned()));
        let events = lines.iter().flat_map(|line| run.hear(line)).collect();
        (events, run.report(finished))
    }

    const STEP: &str = r#"{"type":"step_finish","timestamp":1795957848129,"sessionID":"ses_1","part":{"reason":"tool-calls","type":"step-finish","tokens":{"total":120,"input":100,"output":20,"reasoning":0,"cache":{"write":0,"read":0}},"cost":0.00014}}"#;

    #[test]
    fn a_run_in_order_is_heard_and_its_steps_are_summed() {
        let last = STEP.replace("tool-calls", "stop");
        let lines = [
            r#"{"type":"tool_use","timestamp":1795957847708,"sessionID":"ses_1","part":{"type":"tool","tool":"invalid","callID":"c5","state":{"status":"completed","input":{"tool":"write","error":"Model tried to call unavailable tool 'write'."},"output":"The arguments provided to the tool are invalid: Model tried to call unavailable tool 'write'."}}}"#,
            r#"{"type":"tool_use","timestamp":1795957847840,"sessionID":"ses_1","part":{"type":"tool","tool":"bash","callID":"c4","state":{"status":"error","input":{"command":"touch planted","description":"d"},"error":"The user has specified a rule which prevents you from using this specific tool call."}}}"#,
            r#"{"type":"tool_use","timestamp":1795957847913,"sessionID":"ses_1","part":{"type":"tool","tool":"bash","callID":"c3","state":{"status":"completed","input":{"command":"git log --oneline","description":"d"},"output":"9e758d7 gem\n"}}}"#,
            STEP,
            r#"{"type":"text","timestamp":1795957848472,"sessionID":"ses_1","part":{"type":"text","text":"{\"verdict\":\"pass\",\"reasons\":[]}"}}"#,
            &last,
        ];
        let (events, report) = hear(&lines, &exited(0, "", ""));
        assert_eq!((events.len(), &report.failure), (3, &None));
        let names: Vec<_> = report.denied.iter().map(|tool| format!("{} {}", tool.name, tool.detail)).collect();
        assert_eq!(names, ["write ", "bash touch planted"]);
        assert_eq!(report.answer, r#"{"reasons":[],"verdict":"pass"}"#);
        let usage = Usage {
            model: Some("mock/m".to_owned()),
            input_tokens: Some(200),
            output_tokens: Some(40),
            cache_read_tokens: Some(0),
            cache_write_tokens: Some(0),
            turns: Some(2),
            millis: Some(10_000),
            micro_dollars: Some(280),
            denied: Some(2),
        };
        assert_eq!(report.usage, usage);
    }

    #[test]
    fn how_a_run_failed_is_told() {
        let end = |lines: &[&str], finished: &Finished| hear(lines, finished).1.failure.map(|failure| failure.end);
        let error = r#"{"type":"error","timestamp":1795957858408,"sessionID":"ses_1","error":{"name":"APIError","data":{"message":"message for 401","statusCode":401,"isRetryable":false}}}"#;
        assert_eq!(end(&[error], &exited(1, "", "")), Some(Outcome::NoLogin));
        let log = "level=ERROR message=\"stream error\" small=false error.error=\"AI_APICallError: Rate limit reached, try again in 20s\"";
        let until = Some(crate::agent::clients::tests::NOW.plus(30));
        let mut run = Run::new(Teller::new("coder", around()), None);
        for time in 1..=LAST_TRY {
            assert!(!run.is_over());
            run.overhear(log);
            run.overhear(&log.replace("small=false", "small=true"));
            let failure = run.report(&timed_out("", "")).failure.map(|failure| failure.end);
            assert_eq!(failure, Some(Outcome::Limited { until }), "{time}");
        }
        assert!(run.is_over());
        assert_eq!(
            end(&[], &exited(1, "", "\nopencode run [message..]\n\nrun opencode with a message\n")),
            Some(Outcome::WrongVersion)
        );
        // It was refused what it asked for, and said nothing more.
        assert_eq!(
            end(&[STEP], &exited(0, "", "! permission requested: external_directory (/etc/*); auto-rejecting\n")),
            Some(Outcome::Crashed)
        );
        assert_eq!(end(&[], &exited(0, "", "")), Some(Outcome::Crashed));
    }
}
