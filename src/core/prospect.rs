//! Whether what a ticket waits for can still come.

use serde::Serialize;

use super::event::State;
use super::id::TicketId;

/// How a ticket stands on which another one depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Prospect {
    Landed,
    /// It may still land.
    Open,
    Never(Never),
    /// A repository that is not here, or cannot be read, may have it.
    Unknown,
}

/// Why a dependency will not land, as things are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Never {
    /// It was closed without landing.
    #[error("it is `{0}`")]
    Closed(State),
    #[error("no repository of the workspace has it")]
    Missing,
    /// It waits for the very ticket that waits for it. Edits on two machines come to that, as neither sees the other.
    #[error("it waits for this ticket itself: {}", route(.0))]
    Cycle(Vec<TicketId>),
}

/// Tickets of which each waits for the next.
#[must_use]
pub(crate) fn route(path: &[TicketId]) -> String {
    path.iter().map(TicketId::as_str).collect::<Vec<_>>().join(" -> ")
}
