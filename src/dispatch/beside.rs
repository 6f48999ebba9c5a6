//! Which tickets are worked on side by side: one of a brand at a time, and more of one repository if it says so and their scopes are apart.

use crate::core::id::{Brand, RepoName, TicketId};
use crate::core::registry::RepoEntry;
use crate::core::scope::{self, Area};

/// What the lanes of this process work on.
#[derive(Debug, Default)]
pub(super) struct Busy {
    all: Vec<Working>,
}

#[derive(Debug)]
struct Working {
    brand: Brand,
    repo: RepoName,
    ticket: TicketId,
    scope: Vec<Area>,
}

impl Busy {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether a ticket of this repository can be begun now, if its scope is apart from those of the others.
    pub(super) fn has_room(&self, entry: &RepoEntry) -> bool {
        let mut count = 0;
        for other in self.all.iter().filter(|other| other.brand == entry.brand) {
            if other.repo != entry.name {
                return false;
            }
            count += 1;
        }
        count < entry.parallel
    }

    /// Whether a ticket of this repository with this scope can be begun now.
    pub(super) fn admits(&self, entry: &RepoEntry, scope: &[Area]) -> bool {
        self.has_room(entry) && !self.all.iter().any(|other| other.brand == entry.brand && scope::meet(&other.scope, scope))
    }

    pub(super) fn begin(&mut self, entry: &RepoEntry, ticket: &TicketId, scope: Vec<Area>) {
        let (brand, repo, ticket) = (entry.brand.clone(), entry.name.clone(), ticket.clone());
        self.all.push(Working { brand, repo, ticket, scope });
    }

    pub(super) fn end(&mut self, ticket: &TicketId) {
        self.all.retain(|other| other.ticket != *ticket);
    }
}
