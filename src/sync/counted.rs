//! A ref that is counted on: it moves at the shared remote first, so that no two machines count from the same value.

use super::{fold_one, push};
use crate::core::id::ObjectId;
use crate::core::refs::tracking;
use crate::git::refs::{Attempts, Moved, RefEdit, Update};
use crate::git::remote::{Fetched, Offer, PrePush, Pushed};
use crate::ledger::{Ledger, LedgerError, shared_remote};
use crate::refs::Folded;

/// Moves a ref to what `attempt` makes of its value, by compare-and-swap at the shared remote if there is one, and otherwise here.
///
/// # Errors
/// When the remote cannot be reached or refuses, or git fails; then nothing that was attempted counts here.
pub(crate) fn change<T>(
    ledger: &Ledger<'_>,
    name: &str,
    mut attempt: impl FnMut(Option<ObjectId>) -> Result<Update<T>, LedgerError>,
) -> Result<T, LedgerError> {
    let repo = ledger.repo;
    let Some(remote) = shared_remote(repo) else { return repo.update_ref(name, attempt) };
    let tracked = tracking(&remote, name);
    let mut attempts = Attempts::at(name);
    let mut has_shared = false;
    loop {
        attempts.begin()?;
        let (live, expected) = (repo.find_ref(name)?, repo.find_ref(&tracked)?);
        if let Some(expected) = expected.filter(|expected| live != Some(*expected))
            && !live.is_some_and(|live| repo.is_ancestor(expected, live).unwrap_or(false))
        {
            refold(ledger, &remote, name)?;
            continue;
        }
        let (to, then) = match attempt(live)? {
            Update::Stop(done) => return Ok(done),
            Update::Move { to, then } => (to, then),
        };
        let offer = Offer { name: name.to_owned(), expected, new: Some(to) };
        let is_won = match repo.push(&remote, std::slice::from_ref(&offer), PrePush::Skipped)? {
            Pushed::Done => true,
            Pushed::Lost | Pushed::Unclear(_) => false,
            Pushed::Refused(_) if !has_shared => {
                has_shared = true;
                push(ledger, &remote)?;
                false
            }
            Pushed::Refused(why) => return Err(LedgerError::RefusedThere { remote, why }),
            Pushed::NotTaken(why) => return Err(LedgerError::RefusedThere { remote, why: why.to_string() }),
        };
        if !is_won {
            let spec = format!("+{name}*:{tracked}*");
            if let Fetched::Failed(why) = repo.fetch(&remote, &[spec], &[])? {
                return Err(LedgerError::Unreachable { remote, why: why.to_string() });
            }
        }
        let there = repo.find_ref(&tracked)?;
        // The answer to a push may be lost, and the push not be.
        let has_arrived = match there {
            Some(there) if !is_won => repo.is_ancestor(to, there)?,
            _ => is_won,
        };
        if is_won && there != Some(to) && repo.move_refs(&[RefEdit::advance(&tracked, there, to)])? == Moved::Lost {
            // A fetch was faster, and knows better.
        }
        if !has_arrived || repo.move_refs(&[RefEdit::advance(name, live, to)])? == Moved::Lost {
            refold(ledger, &remote, name)?;
        }
        if has_arrived {
            return Ok(then);
        }
    }
}

fn refold(ledger: &Ledger<'_>, remote: &str, name: &str) -> Result<(), LedgerError> {
    match fold_one(ledger, remote, name)? {
        Folded::Refused(why) => Err(LedgerError::RefusedThere { remote: remote.to_owned(), why: why.full() }),
        _ => Ok(()),
    }
}
