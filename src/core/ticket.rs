//! A ticket in its state after the latest event.

use super::event::{Role, State, StepState};
use super::id::{Brand, Kind, Label, ObjectId, RunId, StepId, TicketId};
use super::time::Timestamp;

/// The lowest priority; 0 is the most urgent.
pub(crate) const LOWEST_PRIORITY: u8 = 4;
/// The maximum number of labels, and of dependencies, of a ticket.
pub(crate) const MAX_LIST: usize = 64;

/// The content that events can edit; the description is in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) title: String,
    pub(crate) brand: Brand,
    pub(crate) kind: Kind,
    pub(crate) priority: u8,
    pub(crate) labels: Vec<Label>,
    pub(crate) depends: Vec<TicketId>,
}

/// The state after an event, as its trailers record it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) schema: u32,
    pub(crate) state: State,
    pub(crate) content: Content,
    /// The role in which the ticket was created.
    pub(crate) author: Role,
    /// The run that holds it or, in a terminal state, held it last.
    pub(crate) run: Option<RunId>,
    pub(crate) lease: Option<Timestamp>,
    /// The number of attempts since an operator last made the ticket ready.
    pub(crate) attempt: u32,
    pub(crate) head: Option<ObjectId>,
    pub(crate) base: Option<ObjectId>,
    /// The copy of the head that is in a protected branch, where the head itself is no longer in one.
    pub(crate) copy: Option<ObjectId>,
    pub(crate) steps: Vec<(StepId, StepState)>,
    /// The number of events so far.
    pub(crate) seq: u32,
    /// Trailers from a newer git-os, kept unchanged.
    pub(crate) unknown: Vec<(String, String)>,
}

impl Ticket {
    /// The commit that stands for the work in a protected branch, once it has landed.
    #[must_use]
    pub(crate) fn landed_commit(&self) -> Option<ObjectId> {
        self.copy.or(self.head)
    }
}
