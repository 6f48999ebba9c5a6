//! The programs that agents are: how each is started, understood and answered, a file each.

mod claude;
mod command;

use super::process::Finished;
use super::session::{Decision, Event, Permission};
use super::{Brief, Surroundings};
use crate::core::registry::{AgentEntry, AgentKind};
use crate::core::usage::Usage;

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
}

/// What a client says of a run that is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClientReport {
    /// The agent's name and, where it says so, its model.
    pub(super) agent: String,
    /// What it says of itself: cost, turns, its session. Null for programs that say nothing.
    pub(super) record: serde_json::Value,
    /// Why it did not succeed although it exited with 0.
    pub(super) refusal: Option<String>,
    /// Its last words: where a verifier's judgement stands.
    pub(super) answer: String,
    pub(super) usage: Usage,
}

/// One kind of program.
pub(super) trait Client {
    /// How it is started.
    fn launch(&self, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Launch;
    /// What a line of its standard output tells.
    fn hear(&self, line: &str) -> Vec<Event>;
    /// The line by which it is told what was decided; `None` when it cannot be told.
    fn reply(&self, request: &Permission, decision: Decision) -> Option<String>;
    /// What it came to.
    fn report(&self, name: &str, finished: &Finished) -> ClientReport;
}

/// What a line of a client's standard output says to a person; `None` if it is no line of a client that talks JSON.
pub(super) fn spoken(line: &str) -> Option<String> {
    claude::spoken(line)
}

/// The client of a kind.
pub(super) fn of(kind: AgentKind) -> &'static dyn Client {
    match kind {
        AgentKind::Command => &command::Command,
        AgentKind::Claude => &claude::Claude,
    }
}
