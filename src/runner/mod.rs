//! Runs one process of one agent, from brief to outcome; it never writes to the ledger.

mod claude;
mod command;
pub(crate) mod enter;
pub(crate) mod outbox;
pub(crate) mod process;

use camino::{Utf8Path, Utf8PathBuf};

use crate::core::event::named;
use crate::core::id::{RunId, TicketId};
use crate::core::registry::{AgentEntry, AgentKind};
use process::{Ended, Finished, ProcessError};

named! {
    /// The task of an agent.
    Duty, "duty", { Executor = "executor", Verifier = "verifier" }
}

/// The input of one run of an agent.
#[derive(Debug, Clone)]
pub(crate) struct Brief {
    pub(crate) text: String,
    pub(crate) duty: Duty,
    pub(crate) ticket: TicketId,
    pub(crate) run: RunId,
    pub(crate) attempt: u32,
    pub(crate) worktree: Utf8PathBuf,
    pub(crate) outbox: Utf8PathBuf,
    /// The time limit, in seconds.
    pub(crate) timeout: u64,
}

/// Where programs are: git-os itself, and the folder to which an agent's relative paths refer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) program: &'a Utf8Path,
    pub(crate) registry_dir: &'a Utf8Path,
}

/// The result of a run of an agent.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) finished: Finished,
    /// The agent's name and, if it reports one, its model.
    pub(crate) agent: String,
    /// What the agent reports about itself: cost, turns, session. Empty if it reports nothing.
    pub(crate) record: serde_json::Value,
    /// Why the run did not succeed, although it exited with 0.
    pub(crate) refusal: Option<String>,
    /// The agent's last output, which for a verifier contains its verdict.
    pub(crate) answer: String,
}

impl Outcome {
    /// Why the run failed; `None` if it did not.
    #[must_use]
    pub(crate) fn failure(&self) -> Option<String> {
        match (&self.finished.ended, &self.refusal) {
            (Ended::Exit(0), None) => None,
            (Ended::Exit(0), Some(refusal)) => Some(refusal.clone()),
            (Ended::Exit(code), _) => Some(format!("{} exited with {code}: {}", self.agent, self.finished.last_words())),
            (Ended::TimedOut, _) => Some(format!("{} was stopped, since its time was up", self.agent)),
            (Ended::Interrupted, _) => Some(format!("{} was interrupted", self.agent)),
        }
    }
}

/// Why an agent could not be run.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", prefix = "agent-")]
pub(crate) enum RunnerError {
    #[error("agents of kind `{0}` are not part of this version; `claude` and `command` are")]
    Kind(AgentKind),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Runs an agent to its end.
///
/// # Errors
/// If it cannot be started; the outcome says how it ended.
pub(crate) fn run(name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Outcome, RunnerError> {
    match agent.kind {
        AgentKind::Command => command::run(name, agent, brief, around),
        AgentKind::Claude => claude::run(name, agent, brief, around),
        kind @ (AgentKind::Codex | AgentKind::Gemini | AgentKind::Opencode | AgentKind::Aider) => Err(RunnerError::Kind(kind)),
    }
}

/// The environment variables that describe the run to the agent.
fn variables(brief: &Brief) -> Vec<(String, String)> {
    [
        ("GIT_OS_TICKET", brief.ticket.to_string()),
        ("GIT_OS_RUN", brief.run.to_string()),
        ("GIT_OS_ROLE", brief.duty.to_string()),
        ("GIT_OS_ATTEMPT", brief.attempt.to_string()),
        ("GIT_OS_OUTBOX", brief.outbox.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}

/// Resolves a word of an agent's command line: a word that begins with `./` or `../` is relative to the registry's folder.
fn resolve(word: &str, registry_dir: &Utf8Path) -> String {
    if word.starts_with("./") || word.starts_with("../") { registry_dir.join(word).to_string() } else { word.to_owned() }
}
