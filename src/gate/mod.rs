//! Whether a commit may become the tip of a protected branch: one answer for hooks, server, `git os merge` and fsck.
//!
//! The gate only reads. The verdict already exists from the verification of the ticket.

mod aftermath;
mod work;

use std::collections::HashSet;
use std::fmt;

pub(crate) use self::aftermath::{reconcile, smuggled};
pub(crate) use self::work::involved;
use crate::core::event::{EventKind, State};
use crate::core::id::{ObjectId, TICKETS, TicketId};
use crate::core::meta::{Gate, Paths, Policy};
use crate::core::verdict::{Judgement, Verdict};
use crate::core::wire;
use crate::git::{GitError, Repo};
use crate::ledger::replay::{self, Landed};
use crate::ledger::{Entry, Ledger, LedgerError, archive};

/// Why a protected branch cannot be updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Closed {
    Deleted,
    /// The update would drop the work of a landed ticket or, with the gate `all`, any commit.
    Drops {
        commit_id: ObjectId,
        ticket: Option<TicketId>,
    },
    /// The update adds a commit of a ticket, and its tip is not verified work.
    Unverified {
        commit_id: ObjectId,
        ticket: TicketId,
        state: State,
    },
    /// With the gate `all`, every commit needs a ticket, and this one has none.
    NoTicket {
        commit_id: ObjectId,
    },
    /// The tip is the head of a ticket, but the ticket's verdict does not let it land.
    Verdict {
        ticket: TicketId,
        why: String,
    },
    /// An object that the update adds is malformed.
    Unreadable(String),
    /// The repository is shallow, so history cannot be checked.
    Shallow,
}

impl fmt::Display for Closed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => write!(out, "a protected branch is not deleted"),
            Self::Drops { commit_id, ticket: Some(ticket) } => {
                write!(out, "it would drop commit {} of the landed ticket {ticket}", commit_id.short(12))
            }
            Self::Drops { commit_id, ticket: None } => write!(out, "it would drop commit {}", commit_id.short(12)),
            Self::Unverified { commit_id, ticket, state } => write!(
                out,
                "commit {} belongs to ticket {ticket}, which is `{state}`, and the new tip is no verified work",
                commit_id.short(12)
            ),
            Self::NoTicket { commit_id } => {
                write!(
                    out,
                    "commit {} belongs to no verified ticket and is not confined to auto-commit paths",
                    commit_id.short(12)
                )
            }
            Self::Verdict { ticket, why } => write!(out, "ticket {ticket}: {why}"),
            Self::Unreadable(what) => write!(out, "what it brings cannot be judged: {what}"),
            Self::Shallow => write!(out, "the history here is shallow, so nothing can be judged"),
        }
    }
}

/// Checks an update of a protected branch; refuses objects that exist but cannot be read.
///
/// # Errors
/// If git cannot read an object.
pub(crate) fn judge(ledger: &Ledger<'_>, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Option<Closed>, LedgerError> {
    match judge_readable(ledger, old, new) {
        Err(LedgerError::Git(error @ GitError::Malformed { .. })) => Ok(Some(Closed::Unreadable(error.to_string()))),
        Err(error) if ledger.policy.gate == Gate::All => Ok(Some(Closed::Unreadable(error.to_string()))),
        judged => judged,
    }
}

fn judge_readable(ledger: &Ledger<'_>, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Option<Closed>, LedgerError> {
    let Policy { gate, .. } = ledger.policy;
    if gate == Gate::Off || old == new {
        return Ok(None);
    }
    let Some(new) = new else { return Ok(Some(Closed::Deleted)) };
    if gate == Gate::All && old.is_some() && ledger.repo.is_shallow() {
        // A shallow repository cannot tell what is dropped. The repository that the history came from is complete.
        return Ok(Some(Closed::Shallow));
    }
    let difference = ledger.repo.difference(old, new)?;
    if let Some(closed) = judge_removed(ledger, &difference.removed)? {
        return Ok(Some(closed));
    }
    let added = added(ledger, old, new, difference.added)?;
    let involved = involved(ledger, old, &added)?;
    if involved.is_none() && gate == Gate::Tickets {
        return Ok(None);
    }
    match verified_head(ledger, new)? {
        Some(Ok(_)) if difference.removed.is_empty() => return Ok(None),
        Some(Ok(entry)) => {
            let why = "its head does not sit on the branch's present tip".to_owned();
            return Ok(Some(Closed::Verdict { ticket: entry.id, why }));
        }
        Some(Err(closed)) => return Ok(Some(closed)),
        None => {}
    }
    if let Some((commit_id, ticket, state)) = involved {
        return Ok(Some(Closed::Unverified { commit_id, ticket, state }));
    }
    // With the gate `all`, the remaining commits must be the first history or change only auto-commit paths.
    if old.is_none() && ledger.policy.epoch.is_empty() {
        return Ok(None);
    }
    let paths = Paths::new(ledger.policy.auto_commit.iter().map(String::as_str)).ok();
    let carried = aftermath::carried(ledger)?;
    for commit_id in added.into_iter().filter(|commit_id| !carried.contains(commit_id)) {
        if !is_confined(ledger, paths.as_ref(), commit_id)? {
            return Ok(Some(Closed::NoTicket { commit_id }));
        }
    }
    Ok(None)
}

/// Checks whether the update drops landed work.
fn judge_removed(ledger: &Ledger<'_>, removed: &[ObjectId]) -> Result<Option<Closed>, LedgerError> {
    let Some(first) = removed.first() else { return Ok(None) };
    if ledger.policy.gate == Gate::All {
        return Ok(Some(Closed::Drops { commit_id: *first, ticket: None }));
    }
    let removed: HashSet<_> = removed.iter().collect();
    let live = ledger.repo.list_refs(TICKETS)?;
    let live = live.iter().filter_map(|(name, tip)| Some((TicketId::parse(&name[TICKETS.len()..]).ok()?, *tip)));
    for (id, tip) in live.chain(archive::list(ledger.repo)?) {
        // A ticket that cannot be read has landed nothing.
        let Ok(entry) = ledger.read_entry(id, tip) else { continue };
        let head = entry.ticket.head.filter(|_| matches!(entry.ticket.state, State::Merged | State::Verified));
        if let Some(head) = head.filter(|head| removed.contains(head)) {
            return Ok(Some(Closed::Drops { commit_id: head, ticket: Some(entry.id) }));
        }
    }
    Ok(None)
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

/// Finds the ticket with this head, if its verdict lets it land; otherwise the reason why not.
fn verified_head(ledger: &Ledger<'_>, new: ObjectId) -> Result<Option<Result<Entry, Closed>>, LedgerError> {
    let mut refused = None;
    for (name, tip) in ledger.repo.list_refs(TICKETS)? {
        let Ok(id) = TicketId::parse(&name[TICKETS.len()..]) else { continue };
        let Ok(entry) = ledger.read_entry(id, tip) else { continue };
        if entry.ticket.head != Some(new) {
            continue;
        }
        if !matches!(entry.ticket.state, State::Verified | State::Merged) {
            let (ticket, state) = (entry.id.clone(), entry.ticket.state);
            refused = Some(Err(Closed::Unverified { commit_id: new, ticket, state }));
            continue;
        }
        match carries(ledger, &entry)? {
            Ok(_) => return Ok(Some(Ok(entry))),
            Err(why) => refused = Some(Err(Closed::Verdict { ticket: entry.id, why })),
        }
    }
    Ok(refused)
}

/// Returns the verdict of a verified ticket if it lets the ticket's head land; otherwise the reason why not.
///
/// # Errors
/// If git cannot read an object.
pub(crate) fn carries(ledger: &Ledger<'_>, entry: &Entry) -> Result<Result<Verdict, String>, LedgerError> {
    if let Err(illegal) = replay::replay(ledger, &entry.id, entry.tip, None, &Landed::new(ledger.repo, &ledger.policy))? {
        return Ok(Err(format!("its chain is not legal: {illegal}")));
    }
    let Some(verdict) = find_pass(ledger.repo, entry.tip)? else {
        return Ok(Err("it has no verdict".to_owned()));
    };
    let head = entry.ticket.head;
    let policy = &ledger.policy;
    let why = if Some(verdict.commit) != head || verdict.verdict != Judgement::Pass {
        "its verdict is on another commit".to_owned()
    } else if ledger.repo.read_commit(verdict.commit)?.tree_id != verdict.tree {
        "its verdict is on another tree".to_owned()
    } else if let Some(check) = policy.checks.iter().find(|check| {
        !verdict.checks.iter().any(|result| result.name == check.name && result.run == check.run && result.exit == 0)
    }) {
        format!("its verdict has no passing check `{}` as the policy asks", check.name)
    } else if verdict.grade > policy.grade {
        format!("the doctor's grade was {}, and the policy asks for {}", verdict.grade, policy.grade)
    } else if policy.judged && verdict.judge.agent == "checks" {
        "the policy asks for a judge beside the checks".to_owned()
    } else {
        return Ok(Ok(verdict));
    };
    Ok(Err(why))
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
            EventKind::Pass => return Ok(replay::read_verdict(repo, commit.tree_id, record.after.seq)?.ok()),
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
