//! How a clone and a remote stand to each other, as far as the last fetch tells; nothing is moved.

use super::offer::offers;
use crate::core::denial::Denial;
use crate::core::refs::is_ours;
use crate::core::ruling::Ruling;
use crate::ledger::{Ledger, LedgerError};
use crate::refs::{self, Rank, Scene, kind_of};

/// What is to be done between a clone and a remote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many refs of ours a sync would push.
    pub(crate) unpushed: usize,
    /// How many refs of the remote were fetched and wait for the next fold.
    pub(crate) unfolded: usize,
    /// Refs of the remote that no fold takes in, and why; none as long as others wait for one.
    pub(crate) outside: Vec<(String, Denial)>,
}

/// Compares what is here with what was last seen of a remote.
///
/// # Errors
/// When git cannot read; what is not by the rules is an answer.
pub(crate) fn standing(ledger: &Ledger<'_>, remote: &str) -> Result<Standing, LedgerError> {
    let repo = ledger.repo;
    let unpushed = offers(ledger, remote)?.iter().filter(|offer| is_ours(&offer.name)).count();
    let mut standing = Standing { unpushed, ..Standing::default() };
    let scene = Scene::of(ledger);
    for (name, theirs) in super::fetched_refs(repo, remote)? {
        let Some(kind) = kind_of(&name) else {
            standing.outside.push((name, Denial::UnknownRef));
            continue;
        };
        if !kind.is_shared() {
            continue;
        }
        match refs::meet(&scene, kind, &name, repo.find_ref(&name)?, theirs)? {
            Ruling::Granted(None) => {}
            Ruling::Granted(Some(_)) => standing.unfolded += 1,
            // Whose the rest is, is not known.
            Ruling::Denied(why) if kind.rank() == Rank::Policy => {
                return Ok(Standing { outside: vec![(name, why)], unfolded: 0, ..standing });
            }
            Ruling::Denied(why) => standing.outside.push((name, why)),
        }
    }
    if standing.unfolded > 0 {
        // What waits for the same fold may be what the others need to be legal.
        standing.outside.clear();
    }
    Ok(standing)
}
