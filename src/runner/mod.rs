//! One process of one agent: a brief in, an outcome out. It never touches the ledger.

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
    /// What an agent is there for.
    Duty, "duty", { Executor = "executor", Verifier = "verifier" }
}

/// All that one run of an agent is given.
#[derive(Debug, Clone)]
pub(crate) struct Brief {
    pub(crate) text: String,
    pub(crate) duty: Duty,
    pub(crate) ticket: TicketId,
    pub(crate) run: RunId,
    pub(crate) attempt: u32,
    pub(crate) worktree: Utf8PathBuf,
    pub(crate) outbox: Utf8PathBuf,
    /// In seconds.
    pub(crate) timeout: u64,
}

/// Where programs are found: git-os itself, and the folder to which an agent's relative paths count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) program: &'a Utf8Path,
    pub(crate) registry_dir: &'a Utf8Path,
}

/// How a run of an agent ended.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) finished: Finished,
    /// The agent's name and, where it says so, its model.
    pub(crate) agent: String,
    /// What it says of itself: cost, turns, its session. Empty for programs that say nothing.
    pub(crate) record: serde_json::Value,
    /// Why it did not succeed although it exited with 0.
    pub(crate) refusal: Option<String>,
    /// Its last words: where a verifier's judgement stands.
    pub(crate) answer: String,
}

impl Outcome {
    /// Why the run failed; `None` when it did not.
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

/// Why an agent could not be run at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunnerError {
    #[error("agents of kind `{0}` are not part of this version; `claude` and `command` are")]
    Kind(AgentKind),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Runs an agent to its end.
///
/// # Errors
/// When it cannot be started; how it ended is in the outcome.
pub(crate) fn run(name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Outcome, RunnerError> {
    match agent.kind {
        AgentKind::Command => command::run(name, agent, brief, around),
        AgentKind::Claude => claude::run(name, agent, brief, around),
        kind @ (AgentKind::Codex | AgentKind::Gemini | AgentKind::Opencode | AgentKind::Aider) => Err(RunnerError::Kind(kind)),
    }
}

/// The variables by which an agent knows what it is about.
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

/// A word of an agent's command line: what begins with `./` or `../` counts from the registry's folder.
fn resolve(word: &str, registry_dir: &Utf8Path) -> String {
    if word.starts_with("./") || word.starts_with("../") { registry_dir.join(word).to_string() } else { word.to_owned() }
}
