//! Verifying, passing and landing by hand: what a run does with submitted work, with the same guards.

use super::error::{FailedCheck, Verb};
use super::{Caller, Done, OperationError, refused};
use crate::core::event::{EventKind, Role, State};
use crate::core::fsm::Refusal;
use crate::core::id::TicketId;
use crate::core::progress::Hold;
use crate::core::ruling::Ruling;
use crate::core::text;
use crate::dispatch::settle::{self, Tries};
use crate::dispatch::verify::{self, Judging};
use crate::dispatch::{Site, keep, land, last_reason};
use crate::ledger::{Entry, Ledger, new_run};
use crate::local::pulls;

/// Verifies submitted work; a ticket that is verified already is left alone. The state of the ticket tells the result.
///
/// # Errors
/// When nothing was submitted, or this machine cannot verify it now.
pub(crate) fn verify(site: &Site<'_>, id: &TicketId) -> Done<Entry> {
    keep::while_held_here(site, id, |site| verify_at(site, id))
}

fn verify_at(site: &Site<'_>, id: &TicketId) -> Done<Entry> {
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

/// Passes submitted work in the name of a person, once its checks pass in a clean worktree.
///
/// # Errors
/// When nothing was submitted, a check fails, this machine cannot verify it now, or the rules refuse the judgement.
pub(crate) fn pass(site: &Site<'_>, id: &TicketId, caller: &Caller, reason: &str) -> Done<Entry> {
    keep::while_held_here(site, id, |site| pass_at(site, id, caller, reason))
}

fn pass_at(site: &Site<'_>, id: &TicketId, caller: &Caller, reason: &str) -> Done<Entry> {
    let ledger = site.ledger()?;
    let (entry, _) = ledger.read_legal(id)?;
    let state = entry.ticket.state;
    if state != State::Verifying {
        return Err(refused(&ledger, id, Refusal::WrongState { event: EventKind::Pass, state }));
    }
    let run = match caller.named() {
        Some(run) if entry.ticket.run.as_ref() == Some(run) => return Err(refused(&ledger, id, Refusal::OwnWork)),
        Some(run) => run.clone(),
        None => new_run()?,
    };
    let reason = text::whole(reason, text::MAX_BODY)?;
    let examined = match verify::examine(site, &ledger, &entry, &run, Judging::Person { reason: &reason })? {
        Ruling::Granted(Some(examined)) => examined,
        Ruling::Granted(None) => return Ok(entry),
        Ruling::Denied(why) => return Err(OperationError::Held { verb: Verb::Pass, id: id.clone(), why }),
    };
    let words = |name: &str| examined.last_words.iter().find(|(failed, _)| failed == name).map(|(_, words)| last_lines(words));
    let failed = examined.verdict.checks.iter().filter(|check| check.exit != 0).map(|check| FailedCheck {
        name: check.name.clone(),
        exit: check.exit,
        output: check.output,
        last_words: words(&check.name).unwrap_or_default(),
    });
    let failed: Vec<_> = failed.collect();
    if !failed.is_empty() {
        return Err(OperationError::ChecksFailed { id: id.clone(), failed });
    }
    if !examined.reasons.is_empty() {
        return Err(OperationError::Unfit { id: id.clone(), why: examined.reasons.join("\n") });
    }
    verify::record(site, &ledger, &entry, &examined, Role::Reviewer)?;
    Ok(ledger.read_legal(id)?.0)
}

/// The last lines of an output, as many as are read at a glance.
fn last_lines(words: &str) -> String {
    const SHOWN: usize = 10;
    let lines: Vec<_> = words.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

/// Lands a verified ticket. If the protected branch has moved, the work is rebased, verified again and tried again.
///
/// # Errors
/// When it is not verified, does not pass on the moved branch, or cannot land now.
pub(crate) fn land(site: &Site<'_>, id: &TicketId) -> Done<Entry> {
    keep::while_held_here(site, id, |site| land_at(site, id))
}

fn land_at(site: &Site<'_>, id: &TicketId) -> Done<Entry> {
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
            State::Blocked if is_begun => {
                return Err(OperationError::NowBlocked { id: id.clone(), why: last_reason(&ledger, &entry)? });
            }
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
