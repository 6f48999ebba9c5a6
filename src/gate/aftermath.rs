//! After the fact: notices landings made by hand, and finds commits that bypassed the gate.

use crate::core::ruling::Ruling;
use std::collections::HashSet;

use super::work::{find_work, open_work};
use super::{find_pass, is_confined};
use crate::core::denial::Denial;
use crate::core::event::{Action, Role, State};
use crate::core::id::{ObjectId, TICKETS, TicketId};
use crate::core::meta::{Gate, Paths};
use crate::ledger::replay::Landed;
use crate::ledger::{Draft, Entry, Ledger, LedgerError, archive};

/// Marks every verified ticket whose head is in a protected branch as merged, however it got there. Returns these tickets.
///
/// # Errors
/// If git cannot read or write.
pub(crate) fn reconcile(ledger: &Ledger<'_>) -> Result<Vec<Entry>, LedgerError> {
    let mut closed = Vec::new();
    if !ledger.may_act(Role::Gate) {
        // Only an actor with the `gate` role can write this event; a machine of such an actor will.
        return Ok(closed);
    }
    for row in ledger.rows()?.tickets {
        if row.ticket.state != State::Verified {
            continue;
        }
        let landed = Landed::new(ledger.repo, &ledger.policy);
        if !row.ticket.head.is_some_and(|head| landed.has(head)) {
            continue;
        }
        match ledger.submit(&row.id, &Draft::new(Action::Merge, Role::Gate)) {
            Ok(Ruling::Granted(entry)) => closed.push(*entry),
            Ok(Ruling::Denied(_)) => {}
            // No user asked for this event, so a missing key is not reported.
            Err(LedgerError::Unsigned { .. } | LedgerError::NotYours { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(closed)
}

/// Whether a ticket is verified, so that the next move of a protected branch may land it.
///
/// # Errors
/// If git cannot read the tickets.
pub(crate) fn awaits_landing(ledger: &Ledger<'_>) -> Result<bool, LedgerError> {
    Ok(ledger.rows()?.tickets.iter().any(|row| row.ticket.state == State::Verified))
}

/// The commits that landed, or may land, by the verdict of a ticket.
///
/// # Errors
/// If git cannot read an object.
pub(super) fn carried(ledger: &Ledger<'_>) -> Result<HashSet<ObjectId>, LedgerError> {
    let mut passed: HashSet<ObjectId> = HashSet::new();
    let live = ledger.repo.list_refs(TICKETS)?;
    let live = live.iter().filter_map(|(name, tip)| Some((TicketId::parse(&name[TICKETS.len()..]).ok()?, *tip)));
    for (id, tip) in live.chain(archive::list(ledger.repo)?) {
        let Ok(entry) = ledger.read_entry(id, tip) else { continue };
        let is_carried = matches!(entry.ticket.state, State::Merged | State::Verified);
        if let (true, Some(head), Some(base)) = (is_carried, entry.ticket.head, entry.ticket.base)
            && find_pass(ledger.repo, entry.tip)?.is_some_and(|verdict| verdict.commit == head)
            // If the work is missing in this repository, it is not in the branch either.
            && let Ok(work) = ledger.repo.difference(Some(base), head)
        {
            passed.extend(work.added);
        }
    }
    Ok(passed)
}

/// Finds commits that came after the epoch of a protected branch and did not pass the gate.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn find_ungated(
    ledger: &Ledger<'_>,
    epoch: Option<ObjectId>,
    tip: ObjectId,
) -> Result<Vec<(ObjectId, Denial)>, LedgerError> {
    let mut rest = ledger.repo.difference(epoch, tip)?.added;
    for other in ledger.policy.epoch.values().filter(|other| Some(**other) != epoch) {
        // Commits that another branch already had at its epoch.
        if let Ok(since) = ledger.repo.difference(Some(*other), tip) {
            let since: HashSet<_> = since.added.into_iter().collect();
            rest.retain(|commit_id| since.contains(commit_id));
        }
    }
    let passed = carried(ledger)?;
    rest.retain(|commit_id| !passed.contains(commit_id));
    let mut found = Vec::new();
    let mut trees = None;
    for work in open_work(ledger, &mut HashSet::new())? {
        let Ok(own) = work.certain(ledger.repo) else { continue };
        if let Some(commit_id) = find_work(ledger.repo, &work, &own, &rest, &mut trees)? {
            found.push((commit_id, Denial::Ungated { commit_id, ticket: work.id, state: work.state }));
        }
    }
    // A repository that was gated before its first commit has no epoch, and its first history needs no ticket.
    if ledger.policy.gate == Gate::All && !ledger.policy.epoch.is_empty() {
        let paths = Paths::new(ledger.policy.auto_commit.iter().map(String::as_str)).ok();
        for commit_id in rest {
            if !is_confined(ledger, paths.as_ref(), commit_id)? {
                found.push((commit_id, Denial::NoTicket(commit_id)));
            }
        }
    }
    Ok(found)
}
