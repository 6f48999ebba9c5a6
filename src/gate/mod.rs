//! May this commit become the tip of a protected branch? One answer for hooks, the server, `git os merge` and fsck.
//!
//! Only reads: a verdict was earned before, when the ticket was verified.

use std::collections::HashSet;
use std::fmt;

use crate::core::event::{EventKind, State};
use crate::core::id::{BRANCHES, ObjectId, TICKETS, TicketId};
use crate::core::meta::{Gate, Paths, Policy};
use crate::core::verdict::{Judgement, Verdict};
use crate::core::wire;
use crate::git::Repo;
use crate::git::ancestry::Difference;
use crate::ledger::replay::{self, Landed};
use crate::ledger::{Entry, Ledger, LedgerError, archive};

/// Why a protected branch stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Closed {
    Deleted,
    /// It would drop the work of a landed ticket, or, where all is gated, anything at all.
    Drops {
        commit_id: ObjectId,
        ticket: Option<TicketId>,
    },
    /// It brings a ticket's commit, and its tip is not verified work.
    Unverified {
        commit_id: ObjectId,
        ticket: TicketId,
        state: State,
    },
    /// Everything needs a ticket here, and this has none.
    NoTicket {
        commit_id: ObjectId,
    },
    /// The tip is a ticket's head, but its verdict does not carry it.
    Verdict {
        ticket: TicketId,
        why: String,
    },
    /// History is cut off, so nothing can be said.
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
            Self::Shallow => write!(out, "the history here is shallow, so nothing can be judged"),
        }
    }
}

/// Judges a move of a protected branch.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn judge(ledger: &Ledger<'_>, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Option<Closed>, LedgerError> {
    let Policy { gate, .. } = ledger.policy;
    if gate == Gate::Off || old == new {
        return Ok(None);
    }
    let Some(new) = new else { return Ok(Some(Closed::Deleted)) };
    if ledger.repo.is_shallow() {
        // A shallow clone cannot be judged; it is for looking, and its server judges what it pushes.
        return Ok((gate == Gate::All && old.is_some()).then_some(Closed::Shallow));
    }
    let difference = ledger.repo.difference(old, new)?;
    if let Some(closed) = judge_removed(ledger, &difference)? {
        return Ok(Some(closed));
    }
    let involved = involved(ledger, old, &difference.added)?;
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
    // Everything is gated: what is left has to be the first history, or confined to auto-commit paths.
    if old.is_none() && ledger.policy.epoch.is_empty() {
        return Ok(None);
    }
    let paths = Paths::new(ledger.policy.auto_commit.iter().map(String::as_str)).ok();
    for commit_id in &difference.added {
        let confined = match &paths {
            Some(paths) if !ledger.policy.auto_commit.is_empty() => {
                let changed = ledger.repo.commit_paths(*commit_id)?;
                let is_merge = ledger.repo.read_commit(*commit_id)?.parents.len() > 1;
                !is_merge && changed.iter().all(|path| paths.has(path))
            }
            _ => false,
        };
        if !confined {
            return Ok(Some(Closed::NoTicket { commit_id: *commit_id }));
        }
    }
    Ok(None)
}

/// Whether what is dropped was landed work.
fn judge_removed(ledger: &Ledger<'_>, difference: &Difference) -> Result<Option<Closed>, LedgerError> {
    let Some(first) = difference.removed.first() else { return Ok(None) };
    if ledger.policy.gate == Gate::All {
        return Ok(Some(Closed::Drops { commit_id: *first, ticket: None }));
    }
    let removed: HashSet<_> = difference.removed.iter().collect();
    let live = ledger.repo.list_refs(TICKETS)?;
    let live = live.iter().filter_map(|(name, tip)| Some((TicketId::parse(&name[TICKETS.len()..]).ok()?, *tip)));
    for (id, tip) in live.chain(archive::list(ledger.repo)?) {
        // What cannot be read landed nothing.
        let Ok(entry) = ledger.read_entry(id, tip) else { continue };
        let head = entry.ticket.head.filter(|_| matches!(entry.ticket.state, State::Merged | State::Verified));
        if let Some(head) = head.filter(|head| removed.contains(head)) {
            return Ok(Some(Closed::Drops { commit_id: head, ticket: Some(entry.id) }));
        }
    }
    Ok(None)
}

/// The first of these commits that is the work of a ticket that has not landed.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn involved(
    ledger: &Ledger<'_>,
    old: Option<ObjectId>,
    added: &[ObjectId],
) -> Result<Option<(ObjectId, TicketId, State)>, LedgerError> {
    if added.is_empty() {
        return Ok(None);
    }
    let added_set: HashSet<_> = added.iter().collect();
    let mut trees: Option<Vec<(ObjectId, ObjectId)>> = None;
    for (id, state, heads) in open_work(ledger)? {
        for head in heads {
            // A head that is not here cannot come in either.
            let Ok(work) = ledger.repo.difference(old, head) else { continue };
            if let Some(commit_id) = work.added.iter().find(|commit_id| added_set.contains(commit_id)) {
                return Ok(Some((*commit_id, id, state)));
            }
            if work.added.is_empty() {
                continue;
            }
            // A squashed or cherry-picked copy of the whole has another id and the same tree.
            let tree_of = |commit_id: &ObjectId| ledger.repo.read_commit(*commit_id).map(|commit| (*commit_id, commit.tree_id));
            let trees = match &mut trees {
                Some(trees) => trees,
                None => trees.insert(added.iter().map(tree_of).collect::<Result<_, _>>()?),
            };
            let (_, tree_id) = tree_of(&head)?;
            if let Some((commit_id, _)) = trees.iter().find(|(_, tree)| *tree == tree_id) {
                return Ok(Some((*commit_id, id, state)));
            }
        }
    }
    Ok(None)
}

/// The tickets that have work which has not landed, with the commits where it ends.
fn open_work(ledger: &Ledger<'_>) -> Result<Vec<(TicketId, State, Vec<ObjectId>)>, LedgerError> {
    let mut all: Vec<(TicketId, State, Vec<ObjectId>)> = Vec::new();
    for (name, tip) in ledger.repo.list_refs(TICKETS)? {
        let Ok(id) = TicketId::parse(&name[TICKETS.len()..]) else { continue };
        let Ok(entry) = ledger.read_entry(id, tip) else { continue };
        if entry.ticket.state != State::Merged {
            all.push((entry.id, entry.ticket.state, entry.ticket.head.into_iter().collect()));
        }
    }
    for (name, head) in ledger.repo.list_refs(BRANCHES)? {
        let Ok(id) = TicketId::parse(&name[BRANCHES.len()..]) else { continue };
        if let Some(found) = all.iter_mut().find(|found| found.0 == id)
            && !found.2.contains(&head)
        {
            found.2.push(head);
        }
    }
    Ok(all)
}

/// The ticket whose head this commit is, if its verdict carries it; or why it does not.
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

/// The verdict of a verified ticket, if it lets the ticket's head land; or why it does not.
///
/// # Errors
/// When git cannot read what it takes.
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

/// The verdict of the latest `pass` of a chain.
///
/// # Errors
/// When git cannot read the chain.
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

/// Closes every verified ticket whose head is in a protected branch, however it got there. Answers which.
///
/// # Errors
/// When git cannot read or write.
pub(crate) fn reconcile(ledger: &Ledger<'_>) -> Result<Vec<Entry>, LedgerError> {
    use crate::core::event::{Action, Role};
    use crate::ledger::{Answer, Draft};
    let mut closed = Vec::new();
    for row in ledger.rows()?.tickets {
        if row.ticket.state != State::Verified {
            continue;
        }
        let landed = Landed::new(ledger.repo, &ledger.policy);
        if row.ticket.head.is_some_and(|head| landed.has(head))
            && let Answer::Yes(entry) = ledger.submit(&row.id, &Draft::new(Action::Merge, Role::Gate))?
        {
            closed.push(*entry);
        }
    }
    Ok(closed)
}

/// What of a protected branch, since a commit, is there without having passed the gate.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn smuggled(ledger: &Ledger<'_>, epoch: ObjectId, tip: ObjectId) -> Result<Vec<(ObjectId, String)>, LedgerError> {
    let added = ledger.repo.difference(Some(epoch), tip)?.added;
    let mut landed: HashSet<ObjectId> = HashSet::new();
    let live = ledger.repo.list_refs(TICKETS)?;
    let live = live.iter().filter_map(|(name, tip)| Some((TicketId::parse(&name[TICKETS.len()..]).ok()?, *tip)));
    for (id, tip) in live.chain(archive::list(ledger.repo)?) {
        let Ok(entry) = ledger.read_entry(id, tip) else { continue };
        let is_carried = matches!(entry.ticket.state, State::Merged | State::Verified);
        if let (true, Some(head), Some(base)) = (is_carried, entry.ticket.head, entry.ticket.base)
            && find_pass(ledger.repo, entry.tip)?.is_some_and(|verdict| verdict.commit == head)
        {
            landed.extend(ledger.repo.difference(Some(base), head)?.added);
        }
    }
    let rest: Vec<ObjectId> = added.into_iter().filter(|commit_id| !landed.contains(commit_id)).collect();
    let mut found = Vec::new();
    if let Some((commit_id, ticket, state)) = involved(ledger, Some(epoch), &rest)? {
        found.push((commit_id, format!("commit {} of ticket {ticket}, which is `{state}`, is here", commit_id.short(12))));
    }
    if ledger.policy.gate == Gate::All {
        let paths = Paths::new(ledger.policy.auto_commit.iter().map(String::as_str)).ok();
        for commit_id in rest {
            let confined = paths.as_ref().filter(|_| !ledger.policy.auto_commit.is_empty());
            let confined = match confined {
                Some(paths) => ledger.repo.commit_paths(commit_id)?.iter().all(|path| paths.has(path)),
                None => false,
            };
            if !confined {
                found.push((commit_id, Closed::NoTicket { commit_id }.to_string()));
            }
        }
    }
    Ok(found)
}
