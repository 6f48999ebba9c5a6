//! An agent: a session from a brief to an outcome, in a process of its own. It never touches the ledger.

mod clients;
pub(crate) mod enter;
mod environment;
pub(crate) mod outbox;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod session;
pub(crate) mod stop;
pub(crate) mod transcript;

use camino::{Utf8Path, Utf8PathBuf};

use crate::core::budget::Amounts;
use crate::core::event::named;
use crate::core::id::{RunId, StepId, TicketId};
use crate::core::time::Timestamp;

named! {
    /// What an agent is there for.
    Duty, "duty", { Executor = "executor", Verifier = "verifier", Planner = "planner" }
}

impl Duty {
    /// Whether it changes files; the others read, and answer.
    #[must_use]
    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Executor)
    }
}

/// All that one run of an agent is given.
#[derive(Debug, Clone)]
pub(crate) struct Brief {
    pub(crate) text: String,
    pub(crate) duty: Duty,
    pub(crate) ticket: TicketId,
    pub(crate) run: RunId,
    pub(crate) attempt: u32,
    /// The JSON schema of the answer, for clients that hold their model to one.
    pub(crate) schema: Option<&'static str>,
    /// The step of the plan, if it is about one alone.
    pub(crate) step: Option<StepId>,
    pub(crate) worktree: Utf8PathBuf,
    pub(crate) outbox: Utf8PathBuf,
    /// In seconds.
    pub(crate) timeout: u64,
    /// What else it may use.
    pub(crate) limits: Amounts,
}

/// What an agent printed, as a person reads it: the lines of a client that talks JSON become what it said and did.
#[must_use]
pub(crate) fn plain(printed: &str) -> String {
    let mut text = String::with_capacity(printed.len());
    for line in printed.lines() {
        match clients::spoken(line) {
            Some(spoken) if spoken.is_empty() => {}
            Some(spoken) => text += &format!("{spoken}\n"),
            None => text += &format!("{line}\n"),
        }
    }
    text
}

impl Brief {
    /// The variables by which an agent knows what it is about.
    fn variables(&self) -> Vec<(String, String)> {
        let step = self.step.iter().map(|step| ("GIT_OS_STEP", step.to_string()));
        [
            ("GIT_OS_TICKET", self.ticket.to_string()),
            ("GIT_OS_RUN", self.run.to_string()),
            ("GIT_OS_ROLE", self.duty.to_string()),
            ("GIT_OS_ATTEMPT", self.attempt.to_string()),
            ("GIT_OS_OUTBOX", self.outbox.to_string()),
        ]
        .into_iter()
        .chain(step)
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }
}

/// What an agent finds around it: git-os itself, the folder to which its relative paths count, and settings for its git.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) program: &'a Utf8Path,
    pub(crate) registry_dir: &'a Utf8Path,
    pub(crate) settings: &'a [(String, String)],
    /// When the run begins.
    pub(crate) now: Timestamp,
}
