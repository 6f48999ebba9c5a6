//! Whether a commit may become the tip of a protected branch: one answer for hooks, server, `git os merge` and fsck.
//!
//! The gate only reads. The verdict already exists from the verification of the ticket.

mod aftermath;
#[cfg(test)]
mod laws;
mod work;

use std::collections::HashSet;

pub(crate) use self::aftermath::{awaits_landing, find_ungated, find_unlanded, follow_copies, reconcile};
pub(crate) use self::work::involved;
use crate::core::denial::{Cause, Denial};
use crate::core::event::{Event, EventKind, State};
use crate::core::id::{ObjectId, TICKETS, TicketId};
use crate::core::meta::{Check, Gate, Land, Paths, Policy};
use crate::core::ruling::{Ruling, granted};
use crate::core::verdict::{Judgement, PERSON, Verdict};
use crate::core::wire;
use crate::git::{GitError, Repo};
use crate::ledger::replay::{self, Landed};
use crate::ledger::tree;
use crate::ledger::{Entry, Ledger, LedgerError, archive, shared_remote};

/// Judges a move of a protected branch; what is there and cannot be read is refused.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn judge(ledger: &Ledger<'_>, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Ruling<()>, LedgerError> {
    match judge_readable(ledger, old, new) {
        Err(LedgerError::Git(error @ GitError::Malformed { .. })) => Ok(Ruling::Denied(Denial::Unjudged(Cause::new(error)))),
        Err(error) if ledger.policy.gate == Gate::All => Ok(Ruling::Denied(Denial::Unjudged(Cause::new(error)))),
        judged => judged,
    }
}

fn judge_readable(ledger: &Ledger<'_>, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Ruling<()>, LedgerError> {
    let Policy { gate, .. } = ledger.policy;
    if gate == Gate::Off || old == new {
        return Ok(Ruling::Granted(()));
    }
    let Some(new) = new else { return Ok(Ruling::Denied(Denial::BranchDeleted)) };
    if gate == Gate::All && old.is_some() && ledger.repo.is_shallow() {
        // What was dropped cannot be told; where the history comes from there is all of it.
        return Ok(Ruling::Denied(Denial::Shallow));
    }
    if is_of_host(ledger, new) {
        return Ok(Ruling::Granted(()));
    }
    let difference = ledger.repo.difference(old, new)?;
    granted!(judge_removed(ledger, &difference.removed, new)?);
    let added = added(ledger, old, new, difference.added)?;
    let involved = involved(ledger, old, &added)?;
    if involved.is_none() && gate == Gate::Tickets {
        return Ok(Ruling::Granted(()));
    }
    match verified_head(ledger, new)? {
        Some(Ruling::Granted(_)) if difference.removed.is_empty() => return Ok(Ruling::Granted(())),
        Some(Ruling::Granted(entry)) => {
            return Ok(Ruling::Denied(Denial::CannotLand { ticket: entry.id, why: Box::new(Denial::NotOnTip) }));
        }
        Some(Ruling::Denied(why)) => return Ok(Ruling::Denied(why)),
        None => {}
    }
    if let Some((commit_id, ticket, state)) = involved {
        return Ok(Ruling::Denied(Denial::Unverified { commit_id, ticket, state }));
    }
    // With the gate `all`, the remaining commits must be the first history or change only auto-commit paths.
    if old.is_none() && ledger.policy.epoch.is_empty() {
        return Ok(Ruling::Granted(()));
    }
    let paths = Paths::new(ledger.policy.auto_commit.iter().map(String::as_str)).ok();
    let carried = aftermath::carried(ledger, |_| true)?;
    for commit_id in added.into_iter().filter(|commit_id| !carried.contains(commit_id)) {
        if !is_confined(ledger, paths.as_ref(), commit_id)? {
            return Ok(Ruling::Denied(Denial::NoTicket(commit_id)));
        }
    }
    Ok(Ruling::Granted(()))
}

/// Whether a commit comes from a host that decides by its own rules what lands.
fn is_of_host(ledger: &Ledger<'_>, new: ObjectId) -> bool {
    let has = |remote: String| Landed::at(ledger.repo, &ledger.policy, &remote).has(new);
    ledger.policy.land == Land::PullRequest && shared_remote(ledger.repo).is_some_and(has)
}

/// Whether what is dropped was landed work, of which the new tip has no copy, as after a rebase.
fn judge_removed(ledger: &Ledger<'_>, removed: &[ObjectId], new: ObjectId) -> Result<Ruling<()>, LedgerError> {
    let Some(first) = removed.first() else { return Ok(Ruling::Granted(())) };
    if ledger.policy.gate == Gate::All {
        return Ok(Ruling::Denied(Denial::DropsCommit(*first)));
    }
    let removed: HashSet<_> = removed.iter().collect();
    let live = ledger.repo.list_refs(TICKETS)?;
    let live = live.iter().filter_map(|(name, tip)| Some((TicketId::parse(&name[TICKETS.len()..]).ok()?, *tip)));
    let archived = archive::list(ledger.repo)?.into_iter().map(|(id, tip)| (id, tip, true));
    for (id, tip, is_archived) in live.map(|(id, tip)| (id, tip, false)).chain(archived) {
        // A ticket that cannot be read has landed nothing.
        let Ok(entry) = ledger.read_entry(id, tip) else { continue };
        let landed = entry.ticket.landed_commit().filter(|_| matches!(entry.ticket.state, State::Merged | State::Verified));
        let Some(commit_id) = landed.filter(|landed| removed.contains(landed)) else { continue };
        // An archived ticket cannot say where its work is now.
        if is_archived || aftermath::find_copy(ledger.repo, &entry.ticket, new).is_none() {
            return Ok(Ruling::Denied(Denial::DropsLanded { commit_id, ticket: entry.id }));
        }
    }
    Ok(Ruling::Granted(()))
}

/// The commits that an update to `new` adds and that no protected branch has had yet.
fn added(ledger: &Ledger<'_>, old: Option<ObjectId>, new: ObjectId, added: Vec<ObjectId>) -> Result<Vec<ObjectId>, LedgerError> {
    let mut added = added;
    let mut known: Vec<ObjectId> = Vec::new();
    for branch in ledger.policy.protected_refs() {
        // Use the present value: another update in the same push is no excuse.
        known.extend(ledger.repo.find_present_ref(&branch)?);
    }
    // A branch that does not exist started at its epoch.
    known.extend(ledger.policy.epoch.values().filter(|_| old.is_none()));
    known.retain(|id| Some(*id) != old);
    known.sort_unstable();
    known.dedup();
    for known in known {
        if let (false, Ok(since)) = (added.is_empty(), ledger.repo.difference(Some(known), new)) {
            let since: HashSet<_> = since.added.into_iter().collect();
            added.retain(|commit_id| since.contains(commit_id));
        }
    }
    Ok(added)
}

/// The ticket whose head this commit is, if its verdict carries it; or why it does not.
fn verified_head(ledger: &Ledger<'_>, new: ObjectId) -> Result<Option<Ruling<Entry>>, LedgerError> {
    let mut refused = None;
    for (name, tip) in ledger.repo.list_refs(TICKETS)? {
        let Ok(id) = TicketId::parse(&name[TICKETS.len()..]) else { continue };
        let Ok(entry) = ledger.read_entry(id, tip) else { continue };
        if entry.ticket.head != Some(new) {
            continue;
        }
        if !matches!(entry.ticket.state, State::Verified | State::Merged) {
            let (ticket, state) = (entry.id.clone(), entry.ticket.state);
            refused = Some(Ruling::Denied(Denial::Unverified { commit_id: new, ticket, state }));
            continue;
        }
        match carries(ledger, &entry)? {
            Ruling::Granted(_) => return Ok(Some(Ruling::Granted(entry))),
            Ruling::Denied(why) => {
                refused = Some(Ruling::Denied(Denial::CannotLand { ticket: entry.id, why: Box::new(why) }));
            }
        }
    }
    Ok(refused)
}

/// Returns the verdict of a verified ticket if it lets the ticket's head land; otherwise the reason why not.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn carries(ledger: &Ledger<'_>, entry: &Entry) -> Result<Ruling<Verdict>, LedgerError> {
    granted!(replay::replay(ledger, &entry.id, entry.tip, None, &Landed::new(ledger.repo, &ledger.policy))?);
    let Some(verdict) = find_pass(ledger.repo, entry.tip)? else {
        return Ok(Ruling::Denied(Denial::NoVerdict));
    };
    let head = entry.ticket.head;
    let policy = &ledger.policy;
    let content = &entry.ticket.content;
    let is_missing = |check: &&Check| {
        !verdict.checks.iter().any(|result| result.name == check.name && result.run == check.run && result.exit == 0)
    };
    Ok(Ruling::Denied(if Some(verdict.commit) != head || verdict.verdict != Judgement::Pass {
        Denial::VerdictOnOtherCommit
    } else if ledger.repo.read_commit(verdict.commit)?.tree_id != verdict.tree {
        Denial::VerdictOnOtherTree
    } else if let Some(check) = policy.checks.iter().find(is_missing) {
        Denial::CheckMissing(check.name.clone())
    } else if verdict.grade > policy.grade {
        Denial::GradeTooLow { found: verdict.grade, required: policy.grade }
    } else if policy.judged && verdict.judge.agent == "checks" {
        Denial::NotJudged
    } else if let Some(why) = find_discord(ledger, entry, &verdict)? {
        why
    } else if let Ruling::Denied(why) = ledger.judge_proof(content, &policy.checks, &verdict)? {
        why
    } else {
        return Ok(Ruling::Granted(verdict));
    }))
}

/// Why the votes of a verdict are not what the policy requires. A person's judgement needs no votes.
fn find_discord(ledger: &Ledger<'_>, entry: &Entry, verdict: &Verdict) -> Result<Option<Denial>, LedgerError> {
    let Some(judges) = ledger.policy.judges.as_ref().filter(|_| verdict.judge.agent != PERSON) else { return Ok(None) };
    if let Err((count, fault)) = judges.agree(verdict, &ledger.criteria(entry.tree_id)?) {
        return Ok(Some(Denial::NoQuorum { count, quorum: judges.quorum, fault }));
    }
    let submitted = find_submit(ledger.repo, entry.tip)?.and_then(|event| event.agent);
    let worker = verdict.ballot.as_ref().and_then(|ballot| ballot.worker.as_ref());
    let is_it = |name: &str, called: &str| called.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_told = match (worker, &submitted) {
        (None, None) => true,
        (Some(worker), Some(called)) => is_it(&worker.agent, called),
        _ => false,
    };
    Ok((judges.decorrelated && !is_told).then_some(Denial::OtherWorker))
}

/// Finds the latest event of a chain that submitted work.
fn find_submit(repo: &Repo, tip: ObjectId) -> Result<Option<Event>, LedgerError> {
    let mut next = Some(tip);
    while let Some(commit_id) = next {
        let commit = repo.read_commit(commit_id)?;
        let Ok(record) = wire::decode(&commit.message) else { return Ok(None) };
        if record.event.action.kind() == EventKind::Submit {
            return Ok(Some(record.event));
        }
        next = commit.parents.first().copied();
    }
    Ok(None)
}

/// Finds the verdict of the latest `pass` in a chain.
///
/// # Errors
/// If git cannot read the chain.
pub(crate) fn find_pass(repo: &Repo, tip: ObjectId) -> Result<Option<Verdict>, LedgerError> {
    let mut next = Some(tip);
    while let Some(commit_id) = next {
        let commit = repo.read_commit(commit_id)?;
        let Ok(record) = wire::decode(&commit.message) else { return Ok(None) };
        match record.event.action.kind() {
            EventKind::Pass => return Ok(tree::read_verdict(repo, commit.tree_id, record.after.seq)?.granted()),
            EventKind::Submit | EventKind::Stale => return Ok(None),
            _ => next = commit.parents.first().copied(),
        }
    }
    Ok(None)
}

/// Whether a commit changes only auto-commit paths.
fn is_confined(ledger: &Ledger<'_>, paths: Option<&Paths>, commit_id: ObjectId) -> Result<bool, LedgerError> {
    let Some(paths) = paths.filter(|_| !ledger.policy.auto_commit.is_empty()) else { return Ok(false) };
    let is_merge = ledger.repo.read_commit(commit_id)?.parents.len() > 1;
    let changed = ledger.repo.commit_paths(commit_id)?;
    Ok(!is_merge && changed.is_some_and(|changed| changed.iter().all(|path| paths.has(path))))
}
