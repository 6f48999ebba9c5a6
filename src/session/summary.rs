//! What a session came to, or kept when it was interrupted.

use std::fmt;

use serde::Serialize;

use crate::core::freshness::Decision;
use crate::core::id::{Brand, RepoName, SessionId};
use crate::core::progress::FateKind;
use crate::core::session::Phase;
use crate::core::text::{self, plural};
use crate::core::verdict::Grade;
use crate::dispatch::schedule::Ending;

/// What a session that was interrupted has kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(super) phase: Phase,
    pub(super) answers: usize,
    pub(super) drafted: usize,
    pub(super) decided: usize,
}

impl fmt::Display for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.answers, "answer", "answers"),
            (self.drafted, "new draft", "new drafts"),
            (self.decided, "decision", "decisions"),
        ];
        let kept: Vec<_> =
            counts.iter().filter(|(count, ..)| *count > 0).map(|(count, one, many)| plural(*count, one, many)).collect();
        let kept = if kept.is_empty() { "nothing is lost".to_owned() } else { format!("kept {}", kept.join(", ")) };
        write!(out, "interrupted in phase {} ({}), {kept}; `git os start` continues", self.phase.number(), self.phase)
    }
}

/// The result of a session.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    pub(crate) version: u32,
    pub(crate) session: Option<SessionId>,
    pub(crate) phases: Vec<Decision>,
    pub(crate) drafted: usize,
    pub(crate) approved: usize,
    pub(crate) rejected: usize,
    /// How many questions of agents were answered.
    pub(crate) answered: usize,
    pub(crate) grade: Option<Grade>,
    pub(crate) tickets: Vec<TicketEnd>,
    pub(crate) brief: String,
}

/// How a ticket ended.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TicketEnd {
    pub(crate) id: String,
    pub(crate) repo: RepoName,
    pub(crate) brand: Brand,
    pub(crate) title: String,
    pub(crate) fate: FateKind,
    pub(crate) reason: String,
}

impl TicketEnd {
    pub(super) fn of(ending: &Ending) -> Self {
        Self {
            id: ending.id.to_string(),
            repo: ending.repo.clone(),
            brand: ending.brand.clone(),
            title: ending.title.clone(),
            fate: ending.fate.kind(),
            reason: text::body(&ending.fate.reason()),
        }
    }
}
