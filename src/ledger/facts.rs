//! What the rules need to know of the world, as this repository tells it.

use std::collections::HashMap;

use super::replay::{self, Landed};
use super::{Ledger, archive};
use crate::core::event::State;
use crate::core::fsm::{Dependency, Facts};
use crate::core::id::{ObjectId, TicketId};
use crate::core::meta::{Gate, Land};
use crate::core::time::Timestamp;
use crate::core::trailers::{Key, plain};
use crate::core::verdict::Verdict;

/// [`Facts`] with what they borrow.
pub(crate) struct FactsHere<'f> {
    now: Timestamp,
    dependency: Box<dyn Fn(&TicketId) -> Dependency + 'f>,
    is_landed: Box<dyn Fn(ObjectId) -> bool + 'f>,
    is_copy: Box<dyn Fn(ObjectId, ObjectId, ObjectId) -> bool + 'f>,
    lands_at_host: bool,
    verdict: Option<&'f Verdict>,
}

impl<'f> FactsHere<'f> {
    /// As of a time; `stands` tells whether what an event says of where work has landed still has to be so.
    pub(crate) fn new(
        ledger: &'f Ledger<'_>,
        landed: &'f Landed<'f>,
        verdict: Option<&'f Verdict>,
        (now, stands): (Timestamp, bool),
    ) -> Self {
        let known = std::cell::RefCell::new(HashMap::new());
        let dependency = move |id: &TicketId| *known.borrow_mut().entry(id.clone()).or_insert_with(|| ledger.dependency(id));
        // Where nothing is gated, a branch may drop what has landed; that takes nothing back from the ticket.
        let is_free = ledger.policy.gate == Gate::Off;
        let lands_at_host = ledger.policy.land == Land::PullRequest;
        let is_landed = move |head| !stands || landed.has(head) || (is_free && ledger.repo.has_object(head));
        let is_copy = move |copy, base, head| {
            // Nothing but the very commit that was verified lands where everything is gated, unless a host does it.
            let may_be = ledger.policy.gate != Gate::All || lands_at_host;
            is_landed(copy) && may_be && (!stands || ledger.copies(base, head, copy))
        };
        let (dependency, is_landed, is_copy) = (Box::new(dependency), Box::new(is_landed), Box::new(is_copy));
        Self { now, dependency, is_landed, is_copy, lands_at_host, verdict }
    }

    pub(crate) fn borrow(&self) -> Facts<'_> {
        let Self { now, dependency, is_landed, is_copy, lands_at_host, verdict } = self;
        let (dependency, is_landed, is_copy) = (&**dependency, &**is_landed, &**is_copy);
        Facts { now: *now, dependency, is_landed, is_copy, lands_at_host: *lands_at_host, verdict: *verdict }
    }
}

impl Ledger<'_> {
    /// What the rules need to know, as of now.
    pub(crate) fn facts<'f>(&'f self, landed: &'f Landed<'f>, verdict: Option<&'f Verdict>) -> FactsHere<'f> {
        let now = self.repo.identity().map_or_else(|_| replay::system_clock(), |who| who.time);
        FactsHere::new(self, landed, verdict, (now, true))
    }

    /// Whether a commit is the last one of a copy of work. Where the work itself is not here, the machine that made the copy is believed.
    fn copies(&self, base: ObjectId, head: ObjectId, copy: ObjectId) -> bool {
        let is_of_host = self.policy.land == Land::PullRequest;
        let is_squash = || self.repo.find_squash(base, head, copy).is_ok_and(|found| found == Some(copy));
        !self.repo.has_object(head)
            || is_of_host && self.names_the_same(head, copy)
            || self.repo.find_copy(base, head, copy).is_ok_and(|found| found == Some(copy))
            || is_of_host && is_squash()
    }

    /// Whether two commits name the same ticket.
    fn names_the_same(&self, head: ObjectId, copy: ObjectId) -> bool {
        let named = |commit_id| {
            let message = self.repo.read_commit(commit_id).ok()?.message;
            plain::values(&message, Key::Ticket.as_str()).last().map(|id| (*id).to_owned())
        };
        named(head).is_some_and(|ticket| named(copy) == Some(ticket))
    }

    /// How a dependency stands in this repository.
    fn dependency(&self, id: &TicketId) -> Dependency {
        let tip = self.repo.find_ref(&id.ref_name()).ok().flatten().or_else(|| archive::find(self.repo, id).ok().flatten());
        let Some(tip) = tip else { return Dependency::Elsewhere };
        match self.read_entry(id.clone(), tip) {
            Ok(entry) if entry.ticket.state == State::Merged => Dependency::Merged,
            _ => Dependency::Open,
        }
    }
}
