//! A ticket as it stands after its latest event.

use super::event::{Role, State, StepState};
use super::id::{Brand, Kind, Label, ObjectId, RunId, StepId, TicketId};
use super::time::Timestamp;

/// The highest number, thus the lowest urgency, of a priority; 0 is the most urgent.
pub(crate) const LOWEST_PRIORITY: u8 = 4;
/// How many labels, and how many dependencies, a ticket may have.
pub(crate) const MAX_LIST: usize = 64;

/// What a ticket says of itself; the description is in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) title: String,
    pub(crate) brand: Brand,
    pub(crate) kind: Kind,
    pub(crate) priority: u8,
    pub(crate) labels: Vec<Label>,
    pub(crate) depends: Vec<TicketId>,
}

/// The state after an event, as its trailers hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) schema: u32,
    pub(crate) state: State,
    pub(crate) content: Content,
    /// In which role it was created.
    pub(crate) author: Role,
    /// The run that holds it, or, in a terminal state, that held it last.
    pub(crate) run: Option<RunId>,
    pub(crate) lease: Option<Timestamp>,
    /// How many attempts were begun or taken since it was last made ready by an operator.
    pub(crate) attempt: u32,
    pub(crate) head: Option<ObjectId>,
    pub(crate) base: Option<ObjectId>,
    pub(crate) steps: Vec<(StepId, StepState)>,
    /// The number of events so far.
    pub(crate) seq: u32,
    /// Trailers of a newer git-os, kept as they are.
    pub(crate) unknown: Vec<(String, String)>,
}
