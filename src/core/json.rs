//! A ticket as other programs see it: the same object for `--json`, for agents and for the board.

use serde::Serialize;

use super::event::State;
use super::holding::Holding;
use super::id::{Brand, Kind, Label, ObjectId, RepoName, RunId, TicketId};
use super::ticket::Ticket;
use super::time::Timestamp;

/// The version in every `--json` answer.
pub(crate) const VERSION: u32 = 1;

/// One ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TicketView {
    pub(crate) id: TicketId,
    pub(crate) title: String,
    pub(crate) state: State,
    pub(crate) brand: Brand,
    pub(crate) repo: RepoName,
    pub(crate) kind: Kind,
    pub(crate) priority: u8,
    pub(crate) labels: Vec<Label>,
    pub(crate) depends: Vec<TicketId>,
    pub(crate) tests_may_change: bool,
    /// Which files the work may change; left out where it may change any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) scope: Vec<String>,
    /// `null` in a list.
    pub(crate) description: Option<String>,
    /// The acceptance criteria, in their order; left out of a list and where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) acceptance: Vec<String>,
    pub(crate) run: Option<RunId>,
    pub(crate) lease: Option<Timestamp>,
    pub(crate) attempt: u32,
    pub(crate) head: Option<ObjectId>,
    pub(crate) base: Option<ObjectId>,
    /// The commit that stands for the head in the branch, if the branch was rebased; left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) copy: Option<ObjectId>,
    pub(crate) created: String,
    pub(crate) updated: Timestamp,
    /// The number of events so far.
    pub(crate) events: u32,
    /// What is at the ref, if that is not legal; the ticket is then as its last legal event left it.
    pub(crate) quarantined: Option<QuarantineView>,
    /// Who claimed it, while it is held; left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<Holding>,
    /// The dependencies that will not land; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waits_in_vain: Vec<VainView>,
}

/// A dependency that will not land, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct VainView {
    pub(crate) depends: TicketId,
    pub(crate) reason: String,
}

/// Why a ticket is shown and not acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct QuarantineView {
    pub(crate) tip: ObjectId,
    pub(crate) reason: String,
}

impl TicketView {
    /// Combines the content of the chain with what only its location tells.
    #[must_use]
    pub(crate) fn new(id: &TicketId, repo: &RepoName, ticket: &Ticket, updated: Timestamp, description: Option<String>) -> Self {
        Self {
            id: id.clone(),
            title: ticket.content.title.clone(),
            state: ticket.state,
            brand: ticket.content.brand.clone(),
            repo: repo.clone(),
            kind: ticket.content.kind.clone(),
            priority: ticket.content.priority,
            labels: ticket.content.labels.clone(),
            depends: ticket.content.depends.clone(),
            tests_may_change: ticket.content.tests_may_change,
            scope: ticket.content.scope.iter().map(ToString::to_string).collect(),
            description,
            acceptance: Vec::new(),
            run: ticket.run.clone(),
            lease: ticket.lease,
            attempt: ticket.attempt,
            head: ticket.head,
            base: ticket.base,
            copy: ticket.copy,
            created: id.date().to_owned(),
            updated,
            events: ticket.seq,
            quarantined: None,
            holder: None,
            waits_in_vain: Vec::new(),
        }
    }
}
