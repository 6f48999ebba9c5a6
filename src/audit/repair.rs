//! `git os fsck --repair`: every ref back to what is legal of it.

use crate::core::refs::{NOTES_ROOT, ROOT};
use crate::gate;
use crate::git::GitError;
use crate::ledger::{Ledger, LedgerError};
use crate::refs::{Rank, Repaired, Scene, kind_of};

/// Puts every ref of ours back to what is legal of it, and rebuilds what is derived from them. Branches are left to people.
///
/// # Errors
/// When git cannot read or write.
pub(crate) fn repair(ledger: &Ledger<'_>) -> Result<Vec<Repaired>, LedgerError> {
    // What is legal again by that needs not be put back.
    gate::follow_copies(ledger)?;
    let mut refs = ledger.repo.list_refs(ROOT)?;
    refs.extend(ledger.repo.list_refs(NOTES_ROOT)?);
    let mut known: Vec<_> = refs.into_iter().filter_map(|(name, tip)| Some((kind_of(&name)?, name, tip))).collect();
    // What repeats chains is rebuilt from those that are legal by then.
    known.sort_by_key(|(kind, ..)| kind.rank() == Rank::Notes);
    let mut repaired = Vec::new();
    for (kind, name, tip) in known {
        match kind.repair(&Scene::of(ledger), &name, tip) {
            Ok(done) => repaired.extend(done),
            // The audit names it; here it is no excuse for the rest.
            Err(LedgerError::Git(GitError::Malformed { .. } | GitError::Read { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(repaired)
}
