//! After the fact: notices landings made by hand, and finds commits that bypassed the gate.

use crate::core::ruling::Ruling;
use std::collections::HashSet;

use super::work::{find_work, open_work};
use super::{find_pass, is_confined};
use crate::core::denial::Denial;
use crate::core::event::{Action, Role, State};
use crate::core::id::{ObjectId, TICKETS, TicketId};
use crate::core::meta::{Gate, Paths};
use crate::core::ticket::Ticket;
use crate::git::Repo;
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
        match ledger.submit(&row.id, &Draft::new(Action::Merge { copy: None }, Role::Gate)) {
            Ok(Ruling::Granted(entry)) => closed.push(*entry),
            Ok(Ruling::Denied(_)) => {}
            // No user asked for this event, so a missing key is not reported.
            Err(LedgerError::Unsigned { .. } | LedgerError::NotYours { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(closed)
}

/// The copy of landed work below a commit. Work that is not marked as merged yet is not looked for: it would land twice.
pub(super) fn find_copy(repo: &Repo, ticket: &Ticket, below: ObjectId) -> Option<ObjectId> {
    let (State::Merged, Some(base), Some(head)) = (ticket.state, ticket.base, ticket.head) else { return None };
    repo.find_copy(base, head, below).ok().flatten()
}

/// Records where landed work is after a rebase of its branch, and keeps the work itself. Returns the tickets.
///
/// # Errors
/// If git cannot read or write.
pub(crate) fn follow_copies(ledger: &Ledger<'_>) -> Result<Vec<Entry>, LedgerError> {
    let mut moved = Vec::new();
    if ledger.policy.gate != Gate::Tickets || !ledger.may_act(Role::Gate) {
        return Ok(moved);
    }
    let landed = Landed::new(ledger.repo, &ledger.policy);
    for (ref_name, tip) in ledger.repo.list_refs(TICKETS)? {
        // Until its copy is recorded, the chain is not legal, so the board may not have it.
        let Ok(id) = TicketId::parse(&ref_name[TICKETS.len()..]) else { continue };
        let Ok(Entry { ticket, .. }) = ledger.read_entry(id.clone(), tip) else { continue };
        let dropped = ticket.landed_commit().filter(|commit_id| ticket.state == State::Merged && !landed.has(*commit_id));
        let (Some(dropped), Some(head)) = (dropped, ticket.head) else { continue };
        for branch in ledger.policy.protected_refs() {
            let Some(tip) = ledger.repo.find_ref(&branch)? else { continue };
            let Some(copy) = find_copy(ledger.repo, &ticket, tip) else { continue };
            ledger.keep_work(&id, head)?;
            let as_before = Landed::new(ledger.repo, &ledger.policy).and_commit(dropped);
            match ledger.submit_with(&id, &Draft::new(Action::Merge { copy: Some(copy) }, Role::Gate), &as_before) {
                Ok(Ruling::Granted(entry)) => moved.push(*entry),
                // What is wrong with it is not only that its work moved, which the audit names.
                Ok(Ruling::Denied(_)) | Err(LedgerError::Quarantined { .. }) => {}
                // No user asked for this event, so a missing key is not reported.
                Err(LedgerError::Unsigned { .. } | LedgerError::NotYours { .. }) => return Ok(moved),
                Err(error) => return Err(error),
            }
            break;
        }
    }
    Ok(moved)
}

/// Whether a ticket is verified, so that the next move of a protected branch may land it.
///
/// # Errors
/// If git cannot read the tickets.
pub(crate) fn awaits_landing(ledger: &Ledger<'_>) -> Result<bool, LedgerError> {
    Ok(ledger.rows()?.tickets.iter().any(|row| row.ticket.state == State::Verified))
}

/// The commits that landed, or may land, by the verdict of a ticket whose work ends at such a commit.
///
/// # Errors
/// If git cannot read an object.
pub(super) fn carried(ledger: &Ledger<'_>, ends: impl Fn(ObjectId) -> bool) -> Result<HashSet<ObjectId>, LedgerError> {
    let mut passed: HashSet<ObjectId> = HashSet::new();
    let live = ledger.repo.list_refs(TICKETS)?;
    let live = live.iter().filter_map(|(name, tip)| Some((TicketId::parse(&name[TICKETS.len()..]).ok()?, *tip)));
    for (id, tip) in live.chain(archive::list(ledger.repo)?) {
        let Ok(entry) = ledger.read_entry(id, tip) else { continue };
        let is_carried = matches!(entry.ticket.state, State::Merged | State::Verified);
        if let (true, Some(head), Some(base)) = (is_carried, entry.ticket.head, entry.ticket.base)
            && ends(head)
            && find_pass(ledger.repo, entry.tip)?.is_some_and(|verdict| verdict.commit == head)
            // If the work is missing in this repository, it is not in the branch either.
            && let Ok(work) = ledger.repo.difference(Some(base), head)
        {
            passed.extend(work.added);
        }
    }
    Ok(passed)
}

/// Finds the commits that a protected branch got between two tips, and that did not land by a verdict.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn find_unlanded(ledger: &Ledger<'_>, old: Option<ObjectId>, new: ObjectId) -> Result<Vec<ObjectId>, LedgerError> {
    let mut added = ledger.repo.difference(old, new)?.added;
    if !added.is_empty() {
        // Work that came in between these tips came with its end.
        let ends: HashSet<ObjectId> = added.iter().copied().collect();
        let passed = carried(ledger, |head| ends.contains(&head))?;
        added.retain(|commit_id| !passed.contains(commit_id));
    }
    Ok(added)
}

/// Finds commits that came to a protected branch since its gate began to apply, and did not pass it.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn find_ungated(ledger: &Ledger<'_>, branch: &str, tip: ObjectId) -> Result<Vec<(ObjectId, Denial)>, LedgerError> {
    let repo = ledger.repo;
    // Where only tickets are gated, what people made before may be rewritten, and then even be gone.
    let must_be_there = ledger.policy.gate == Gate::All && !repo.is_shallow();
    let epoch = ledger.policy.epoch.get(branch).copied().filter(|epoch| must_be_there || repo.has_object(*epoch));
    match epoch {
        Some(epoch) if must_be_there && !(repo.has_object(epoch) && repo.is_ancestor(epoch, tip)?) => {
            Ok(vec![(tip, Denial::OffEpoch(epoch))])
        }
        _ => find_ungated_since(ledger, epoch, tip),
    }
}

fn find_ungated_since(
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
    let passed = carried(ledger, |_| true)?;
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
