//! A ticket in its state after the latest event.

use super::event::{Role, State, StepState};
use super::fsm::LEASE_GRACE_SECONDS;
use super::id::{Brand, Kind, Label, ObjectId, RunId, StepId, TicketId};
use super::scope::Area;
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
    /// Whether the work may remove tests of the base, or turn them red.
    pub(crate) tests_may_change: bool,
    /// Which files the work may change; empty means any.
    pub(crate) scope: Vec<Area>,
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

/// How long a claim of a run lasts if the registry does not say, in seconds.
pub(crate) const DEFAULT_LEASE: u64 = 180;

impl Ticket {
    /// Whether whoever holds the ticket seems to be gone, if this is when the latest event was written: the lease is over, and nothing
    /// happened for as long as one lasts. A ticket that waits for an answer waits for a person, and no lease ends that.
    #[must_use]
    pub(crate) fn is_abandoned(&self, updated: Timestamp, now: Timestamp) -> bool {
        let is_worked_on = matches!(self.state, State::Claimed | State::Running | State::Verifying);
        let until = self.lease.map(|lease| lease.max(updated.plus(DEFAULT_LEASE)).plus(LEASE_GRACE_SECONDS));
        is_worked_on && until.is_some_and(|until| now >= until)
    }

    /// The commit that stands for the work in a protected branch, once it has landed.
    #[must_use]
    pub(crate) fn landed_commit(&self) -> Option<ObjectId> {
        self.copy.or(self.head)
    }
}
