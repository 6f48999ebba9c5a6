//! Verifying and landing by hand: what a run does with submitted work, with the same guards.

use super::error::Verb;
use super::{Done, OperationError};
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::core::progress::Hold;
use crate::core::ruling::Ruling;
use crate::dispatch::settle::{self, Tries};
use crate::dispatch::{Site, land};
use crate::ledger::{Entry, Ledger};
use crate::local::pulls;

/// Verifies submitted work; a ticket that is verified already is left alone. The state of the ticket tells the result.
///
/// # Errors
/// When nothing was submitted, or this machine cannot verify it now.
pub(crate) fn verify(site: &Site<'_>, id: &TicketId) -> Done<Entry> {
    let ledger = site.ledger()?;
    let (entry, _) = ledger.read_legal(id)?;
    match entry.ticket.state {
        State::Verified => return Ok(entry),
        State::Verifying => held(Verb::Verify, id, settle::verify(site, &ledger, &entry)?)?,
        state => {
            let (verb, id) = (Verb::Verify, id.clone());
            return Err(OperationError::WrongState { verb, id, state, needed: State::Verifying });
        }
    }
    Ok(ledger.read_legal(id)?.0)
}

/// Lands a verified ticket. If the protected branch has moved, the work is rebased, verified again and tried again.
///
/// # Errors
/// When it is not verified, does not pass on the moved branch, or cannot land now.
pub(crate) fn land(site: &Site<'_>, id: &TicketId) -> Done<Entry> {
    let mut tries = Tries::default();
    let mut is_begun = false;
    // Who asks now wants to know how it is now.
    pulls::forget(&site.repo, id)?;
    loop {
        let ledger = site.ledger()?;
        let (entry, _) = ledger.read_legal(id)?;
        match entry.ticket.state {
            State::Merged => {
                land::finish(site, &ledger, &entry)?;
                return Ok(entry);
            }
            State::Verified => held(Verb::Land, id, settle::land(site, &ledger, &entry, &mut tries)?)?,
            State::Verifying => held(Verb::Verify, id, settle::verify(site, &ledger, &entry)?)?,
            state if is_begun => return Err(OperationError::NotPassed { id: id.clone(), state }),
            state => {
                return Err(OperationError::WrongState { verb: Verb::Land, id: id.clone(), state, needed: State::Verified });
            }
        }
        is_begun = true;
    }
}

/// The verified tickets of a repository, the oldest first.
///
/// # Errors
/// When there is none, or the ledger cannot be read.
pub(crate) fn list_verified(ledger: &Ledger<'_>) -> Done<Vec<TicketId>> {
    let rows = ledger.rows()?.tickets.into_iter().filter(|row| row.ticket.state == State::Verified);
    let ids: Vec<TicketId> = rows.map(|row| row.id).collect();
    if ids.is_empty() { Err(OperationError::NoneVerified) } else { Ok(ids) }
}

fn held(verb: Verb, id: &TicketId, ruling: Ruling<(), Hold>) -> Done<()> {
    match ruling {
        Ruling::Granted(()) => Ok(()),
        Ruling::Denied(why) => Err(OperationError::Held { verb, id: id.clone(), why }),
    }
}
