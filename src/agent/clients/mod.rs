//! The programs that agents are: how each is started, understood and answered, a file each.

mod acp;
mod claude;
mod codex;
mod command;
mod gemini;
mod opencode;
mod service;

use camino::Utf8PathBuf;
use serde_json::Value;
use tempfile::TempDir;

use super::process::{self, Ended, Finished, ProcessError};
use super::session::{Decision, Event, Failure, Permission};
use super::{Brief, Surroundings};
use crate::core::outcome::Outcome;
use crate::core::progress::ToolUse;
use crate::core::registry::{AgentEntry, AgentKind};
use crate::core::time::Timestamp;
use crate::core::usage::Usage;
use crate::core::{secrets, text};
use crate::git::process::write_file;

/// How much of what a tool is given is told, in bytes.
const MAX_DETAIL: usize = 200;
/// How many of the tools that were not granted are named in a record.
const MAX_DENIED: usize = 20;

/// Of the operator's environment what any client needs to reach its model.
const NETWORK: &[&str] = &[
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
];

/// What is on this machine itself, for which no proxy is asked.
const LOOPBACK: &str = "localhost,127.0.0.1,::1";

/// The operator's settings of the network. A model on this machine is reached although there is a proxy, unless they say otherwise.
pub(super) fn network() -> Vec<(String, String)> {
    let mut all = process::passed(NETWORK.iter().copied());
    if !all.iter().any(|(key, _)| key.eq_ignore_ascii_case("no_proxy")) {
        all.extend(["NO_PROXY", "no_proxy"].map(|key| (key.to_owned(), LOOPBACK.to_owned())));
    }
    all
}

/// How a client is started.
pub(super) struct Launch {
    pub(super) words: Vec<String>,
    /// Beyond those that tell an agent what it is about.
    pub(super) variables: Vec<(String, String)>,
    /// What of the operator's environment it may see beyond what every agent may.
    pub(super) passed: &'static [&'static str],
    pub(super) input: Vec<u8>,
    /// Whether it reads answers while it runs.
    pub(super) is_input_open: bool,
    pub(super) talk: Box<dyn Talk>,
}

/// What a client says of a run that is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// By which name the client knows this run.
    pub(super) session: Option<String>,
    /// Why it did not end in order.
    pub(super) failure: Option<Failure>,
    /// Its last words: where a verifier's judgement stands.
    pub(super) answer: String,
    pub(super) usage: Usage,
    /// The tools that it wanted to use and was not granted.
    pub(super) denied: Vec<ToolUse>,
}

impl Report {
    /// What goes into the run's record: never what tools were given in full. Null if nothing is known.
    pub(super) fn record(&self) -> Value {
        let mut known = self.usage.record();
        let tool = |tool: &ToolUse| serde_json::json!({ "tool_name": tool.name, "input": secrets::redact(&tool.detail) });
        let tools: Vec<Value> = self.denied.iter().take(MAX_DENIED).map(tool).collect();
        let more = [
            ("session_id", self.session.clone().map(Value::from)),
            ("permission_denials", (!tools.is_empty()).then(|| Value::from(tools))),
        ];
        known.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        if known.is_empty() { Value::Null } else { Value::Object(known) }
    }
}

/// One kind of program.
pub(super) trait Client {
    /// How it is started.
    ///
    /// # Errors
    /// When a file that it reads cannot be written.
    fn launch(&self, name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Launch, ProcessError>;
}

/// What understands one run of a client. It keeps what it needs of the lines; the transcript may have a gap.
pub(super) trait Talk {
    /// What a line of its standard output tells.
    fn hear(&mut self, line: &str) -> Vec<Event>;

    /// What a line of its standard error tells.
    fn overhear(&mut self, _line: &str) {}

    /// The line by which it is told what was decided; `None` when it cannot be told.
    fn reply(&mut self, _request: &Permission, _decision: Decision) -> Option<String> {
        None
    }

    /// The lines that it is to be sent by now.
    fn say(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Whether all is said, and the client only waits to be ended, or waits for what will not come.
    fn is_over(&self) -> bool {
        false
    }

    /// What the run has used by now, as far as its lines tell.
    fn used(&self) -> Usage {
        Usage::default()
    }

    /// What the run came to; also where it did not end by itself.
    fn report(&mut self, finished: &Finished) -> Report;
}

/// Whose run it is, for words and times.
#[derive(Debug, Clone)]
struct Teller {
    name: String,
    begun: Timestamp,
}

impl Teller {
    fn new(name: &str, around: Surroundings<'_>) -> Self {
        Self { name: name.to_owned(), begun: around.now }
    }

    fn failure(&self, end: Outcome, words: &str) -> Failure {
        Failure::new(end, &format!("{} {words}", self.name))
    }

    /// What an error of the model's service means, with its status if that is known.
    fn refused(&self, status: Option<u64>, words: &str, finished: &Finished) -> Failure {
        let end = service::judge(status, words, self.now(finished));
        let words = text::line(words, MAX_DETAIL);
        match status.map(|status| status.to_string()) {
            Some(status) if !words.contains(&status) => self.failure(end, &format!("got {status} from its model: {words}")),
            _ => self.failure(end, &format!("ended with an error: {words}")),
        }
    }

    /// The end of a client that did not say what it came to.
    fn silent(&self, finished: &Finished) -> Failure {
        let said = finished.transcript.last_useful_line();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        match finished.ended {
            Ended::Exit(0) => self.failure(Outcome::Crashed, &format!("returned no result{said}")),
            Ended::Exit(code) if service::is_wrong_version(&finished.transcript.stderr.text()) => {
                self.failure(Outcome::WrongVersion, &format!("does not know what it was told, and exited with {code}{said}"))
            }
            Ended::Exit(code) => {
                let end = match service::judge(None, &finished.transcript.stderr.text(), self.now(finished)) {
                    // What a crash prints may speak of anything; only who may not use the model is told from it.
                    end @ (Outcome::NoLogin | Outcome::Limited { .. }) => end,
                    _ => Outcome::Crashed,
                };
                self.failure(end, &format!("exited with {code}{said}"))
            }
            Ended::TimedOut | Ended::Interrupted | Ended::Canceled => self.failure(Outcome::Crashed, &format!("was ended{said}")),
        }
    }

    fn now(&self, finished: &Finished) -> Timestamp {
        self.begun.plus(finished.took.as_secs())
    }
}

fn millis(finished: &Finished) -> Option<u64> {
    u64::try_from(finished.took.as_millis()).ok()
}

/// Where a judgement stands in what was said last: all of it, in a fence, or its last line.
fn answer(said: &str) -> String {
    let said = said.trim();
    let fenced = said.rsplit_once("```").and_then(|(before, _)| before.rsplit_once("```")).map(|(_, inside)| {
        let inside = inside.trim();
        inside.strip_prefix("json").unwrap_or(inside)
    });
    let parse = |text: &str| serde_json::from_str::<Value>(text.trim()).ok().filter(Value::is_object);
    let object = [Some(said), fenced].into_iter().flatten().find_map(parse);
    object.map_or_else(|| said.lines().last().unwrap_or_default().to_owned(), |object| object.to_string())
}

/// What a tool is used on, in one line: the first word of its input that says so.
fn detail(input: &Value) -> String {
    let keys = ["command", "cmd", "file_path", "filePath", "path", "pattern", "url", "query"];
    let said = keys.iter().find_map(|key| input[key].as_str());
    text::line(said.unwrap_or_default(), MAX_DETAIL)
}

fn tool(name: &str, input: &Value) -> ToolUse {
    ToolUse { name: text::line(name, MAX_DETAIL), detail: detail(input) }
}

/// A line of a client that talks JSON.
fn object(line: &str) -> Option<Value> {
    serde_json::from_str::<Value>(line).ok().filter(Value::is_object)
}

/// Variables as a process is given them.
fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A file outside of the worktree that a client reads while it runs; it goes with its folder.
fn file(agent: &str, name: &str, text: &str) -> Result<(TempDir, Utf8PathBuf), ProcessError> {
    let fail = |source| ProcessError::Prepare { agent: agent.to_owned(), source };
    let folder = tempfile::Builder::new().prefix("git-os-agent-").tempdir().map_err(fail)?;
    let path =
        Utf8PathBuf::from_path_buf(folder.path().join(name)).map_err(|_| fail(std::io::Error::other("a path is not UTF-8")))?;
    write_file(&path, text.as_bytes(), 0o644).map_err(|error| fail(std::io::Error::other(error)))?;
    Ok((folder, path))
}

/// What a line of a client's standard output says to a person; `None` if it is no line of a client that talks JSON.
pub(super) fn spoken(line: &str) -> Option<String> {
    let line = object(line)?;
    [claude::spoken, codex::spoken, gemini::spoken, opencode::spoken, acp::spoken].iter().find_map(|spoken| spoken(&line))
}

/// The client of a kind.
pub(super) fn of(kind: AgentKind) -> &'static dyn Client {
    match kind {
        AgentKind::Command => &command::Command,
        AgentKind::Claude => &claude::Claude,
        AgentKind::Codex => &codex::Codex,
        AgentKind::Gemini => &gemini::Gemini,
        AgentKind::Opencode => &opencode::Opencode,
        AgentKind::Acp => &acp::Acp,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use camino::Utf8Path;

    use super::*;
    use crate::agent::transcript::{Channel, Transcript};

    /// When the runs of tests begin.
    pub(super) const NOW: Timestamp = Timestamp(1_795_957_000);

    pub(super) fn around() -> Surroundings<'static> {
        Surroundings { program: Utf8Path::new("git-os"), registry_dir: Utf8Path::new("/registry"), settings: &[], now: NOW }
    }

    fn finished(ended: Ended, stdout: &str, stderr: &str) -> Finished {
        let mut transcript = Transcript::default();
        transcript.add(Channel::Stdout, stdout.as_bytes());
        transcript.add(Channel::Stderr, stderr.as_bytes());
        Finished { ended, transcript, took: Duration::from_secs(10) }
    }

    /// A process that ended by itself and printed this.
    pub(super) fn exited(code: i32, stdout: &str, stderr: &str) -> Finished {
        finished(Ended::Exit(code), stdout, stderr)
    }

    pub(super) fn timed_out(stdout: &str, stderr: &str) -> Finished {
        finished(Ended::TimedOut, stdout, stderr)
    }

    #[test]
    fn a_judgement_is_found_where_models_put_it() {
        let judgement = r#"{"reasons":["fine"],"verdict":"pass"}"#;
        for said in [
            r#"{"verdict": "pass", "reasons": ["fine"]}"#.to_owned(),
            format!("Looks good.\n```json\n{judgement}\n```\n"),
            format!("I looked at it.\n{judgement}"),
            "{\n  \"verdict\": \"pass\",\n  \"reasons\": [\"fine\"]\n}".to_owned(),
        ] {
            assert_eq!(answer(&said), judgement, "{said}");
        }
        assert_eq!(answer("All good.\nI would pass this.\n"), "I would pass this.");
        assert_eq!(answer(""), "");
    }

    #[test]
    fn a_record_is_small_and_null_where_nothing_is_known() {
        assert_eq!(Report::default().record(), Value::Null);
        let usage = Usage { micro_dollars: Some(2400), turns: Some(3), denied: Some(30), ..Usage::default() };
        let denied = vec![tool("Write", &serde_json::json!({ "file_path": "/x".repeat(5000), "content": "secret" })); 30];
        let record = Report { usage, denied, session: Some("s".to_owned()), ..Report::default() }.record();
        let text = record.to_string();
        assert!(text.len() < 8000 && !text.contains("secret"), "{} bytes", text.len());
        assert_eq!((&record["total_cost_usd"], &record["denied"]), (&serde_json::json!(0.0024), &serde_json::json!(30)));
    }
}
