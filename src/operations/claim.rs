//! Claiming tickets: the lease, and who holds what.

use super::checkout::is_held_here;
use super::transition::holders;
use super::{Caller, Done, OperationError, Place, refused, write};
use crate::core::event::{Action, Role};
use crate::core::id::{RunId, TicketId};
use crate::core::ruling::Ruling;
use crate::dispatch::settle;
use crate::git::Repo;
use crate::ledger::{Draft, Entry, Ledger, LedgerError, new_run};
use crate::local::{held, machine};
use crate::workspace::Readiness;

/// A lease for a run.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) run: RunId,
    /// How long it lasts, in seconds.
    pub(crate) seconds: u64,
}

impl Lease {
    /// For this run, or a new one.
    ///
    /// # Errors
    /// When the run is not a run id, or the system gives no random numbers.
    pub(crate) fn new(run: Option<&str>, seconds: u64) -> Done<Self> {
        let run = match run {
            Some(run) => RunId::parse(run)?,
            None => new_run()?,
        };
        Ok(Self { run, seconds })
    }

    /// The claim of it, from now on and on this machine.
    ///
    /// # Errors
    /// When git does not know who claims.
    pub(super) fn draft(&self, repo: &Repo) -> Done<Draft> {
        let until = repo.identity()?.time.plus(self.seconds);
        let draft = Draft::new(Action::Claim { run: self.run.clone(), lease: until }, Role::Executor).by(&self.run);
        Ok(draft.saying(&machine::words(repo)))
    }
}

/// Claims a ready ticket, and notes the run in this clone. With a shared remote, the remote picks the winner.
///
/// # Errors
/// When it is not ready, another run holds it, something it depends on is not merged or will never be, or the remote cannot be reached.
pub(crate) fn claim(place: &Place, id: &TicketId, lease: &Lease) -> Done<Entry> {
    let ledger = place.ledger()?;
    let entry = ledger.find(id)?;
    let draft = lease.draft(&place.repo)?;
    let Some(entry) = entry else {
        // An archived ticket is closed, which the rules say better.
        return write(&ledger, id, &draft);
    };
    // First of all: a claim whose run nobody knows is nobody's until its lease is over. A note on what was not claimed says nothing.
    let noted = held::find(&place.repo, id).and_then(|noted| RunId::parse(&noted).ok());
    if !is_held_here(&place.repo, &entry) {
        held::keep(&place.repo, id, &lease.run)?;
    }
    match settle::claim(&ledger, place.workspace.as_ref(), &entry, &draft)? {
        Ruling::Granted(entry) => {
            // Another claim from here may have written its own.
            held::keep(&place.repo, &entry.id, &lease.run)?;
            Ok(*entry)
        }
        Ruling::Denied(refusal) => {
            if held::find(&place.repo, id).as_deref() == Some(lease.run.as_str()) {
                match noted {
                    Some(noted) => held::keep(&place.repo, id, &noted)?,
                    None => held::forget(&place.repo, id)?,
                }
            }
            Err(refused(&ledger, id, refusal))
        }
    }
}

/// Claims the most urgent ready ticket of a repository.
///
/// # Errors
/// When none is ready, or the remote cannot be reached.
pub(crate) fn claim_next(place: &Place, lease: &Lease) -> Done<Entry> {
    let mut rows = place.ledger()?.rows()?.tickets;
    rows.sort_by(|left, right| left.urgency().cmp(&right.urgency()));
    let readiness = Readiness::new(place.workspace.as_ref(), &place.repo);
    for row in rows {
        if !readiness.is_ready(&row)? {
            continue;
        }
        match claim(place, &row.id, lease) {
            // Another run was faster.
            Err(OperationError::Refused { .. } | OperationError::Ledger(LedgerError::NotFound(_))) => {}
            done => return done,
        }
    }
    Err(OperationError::NoneReady)
}

/// Extends the lease of a claimed ticket: it lasts this many seconds from now.
///
/// # Errors
/// When the caller does not hold it.
pub(crate) fn renew(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller, seconds: u64) -> Done<Entry> {
    let lease = ledger.repo.identity()?.time.plus(seconds);
    write(ledger, id, &holders(ledger, id, caller, Action::Renew { lease })?)
}

/// Starts the attempt for which a ticket was claimed.
///
/// # Errors
/// When the caller does not hold it.
pub(crate) fn start(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller) -> Done<Entry> {
    let attempt = ledger.find(id)?.map_or(0, |entry| entry.ticket.attempt);
    write(ledger, id, &holders(ledger, id, caller, Action::Start { attempt })?)
}
