//! The refs that are ours, one file a kind: what they hold, who may move them how, and how two sides meet.

pub(crate) mod archive;
pub(crate) mod chain;
pub(crate) mod policy;
mod said;
mod union;
mod verdicts;

pub(crate) use self::said::{keeps, went_back};
pub(crate) use self::union::{Sides, fold};
use crate::core::id::TicketId;

/// How often a move is tried again when somebody else was faster.
const TRIES: usize = 50;

/// Which of two histories goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// That of the remote, which orders events for all.
    Theirs,
    /// Ours, since it has what the shared remote ordered.
    Ours,
    /// The older one: there is no shared remote.
    Older,
}

/// What became of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing was to be done here.
    Same,
    /// It is here as the remote has it.
    Brought,
    /// Both had something new; so many events could not be replayed and stand as conflicts.
    Merged { conflicts: usize },
    /// The ticket of this name here has a longer one now, since another ticket was found to have its name.
    Renamed(TicketId),
    /// It is not by the rules, and stays outside.
    Refused(String),
}
