//! The commits that belong to tickets that have not landed.

use std::collections::HashSet;

use crate::core::event::{Action, State};
use crate::core::id::{BRANCHES, ObjectId, TICKETS, TicketId};
use crate::git::Repo;
use crate::git::refs::LogLine;
use crate::ledger::replay;
use crate::ledger::{Entry, Ledger, LedgerError};

/// The number of the earliest event that can submit work.
const FIRST_SUBMIT: u32 = 5;

/// Finds the first of these commits that belongs to a ticket that has not landed.
///
/// # Errors
/// If git cannot read an object.
pub(crate) fn involved(
    ledger: &Ledger<'_>,
    old: Option<ObjectId>,
    added: &[ObjectId],
) -> Result<Option<(ObjectId, TicketId, State)>, LedgerError> {
    if added.is_empty() {
        return Ok(None);
    }
    let mut trees = None;
    let mut was_tip = former_tips(ledger);
    for mut work in open_work(ledger, &mut was_tip)? {
        // Subtract only what was once the tip of a protected branch, so that a made-up base hides nothing.
        work.base = work.base.filter(|base| was_tip.contains(base));
        // A head that is missing in this repository cannot be part of the update.
        let Ok(own) = work.own(ledger.repo, old) else { continue };
        if let Some(commit_id) = find_work(ledger.repo, &work, &own, added, &mut trees)? {
            return Ok(Some((commit_id, work.id, work.state)));
        }
    }
    Ok(None)
}

/// Finds one of these commits that belongs to a ticket, or that is a copy of all of the ticket's commits.
pub(super) fn find_work(
    repo: &Repo,
    work: &Work,
    own: &[ObjectId],
    added: &[ObjectId],
    trees: &mut Option<Vec<ObjectId>>,
) -> Result<Option<ObjectId>, LedgerError> {
    let own_set: HashSet<_> = own.iter().collect();
    if let Some(commit_id) = added.iter().find(|commit_id| own_set.contains(commit_id)) {
        return Ok(Some(*commit_id));
    }
    // A squashed or cherry-picked copy of the whole work has another id but the same tree. So has an older state of the branch
    // that the work goes back to; the work is built on that one, and on no copy of itself.
    let tree_of = |commit_id: ObjectId| repo.read_commit(commit_id).map(|commit| commit.tree_id);
    let tree_id = tree_of(work.head)?;
    if own.is_empty() || work.base.is_some_and(|base| tree_of(base).is_ok_and(|before| before == tree_id)) {
        return Ok(None);
    }
    let trees = match trees {
        Some(trees) => trees,
        None => trees.insert(added.iter().map(|commit_id| tree_of(*commit_id)).collect::<Result<_, _>>()?),
    };
    let copies = trees.iter().zip(added).filter(|(tree, _)| **tree == tree_id).map(|(_, commit_id)| *commit_id);
    Ok(copies.into_iter().find(|copy| !repo.is_ancestor(*copy, work.head).unwrap_or(false)))
}

/// The work of a ticket that has not landed.
pub(super) struct Work {
    pub(super) id: TicketId,
    pub(super) state: State,
    head: ObjectId,
    /// The commit that the work is based on: as submitted, or otherwise where the branch began.
    base: Option<ObjectId>,
    /// The branch, if its tip was not submitted.
    branch: Option<String>,
}

impl Work {
    /// The commits of the work, without those of its base and of `old`.
    fn own(&self, repo: &Repo, old: Option<ObjectId>) -> Result<Vec<ObjectId>, LedgerError> {
        let mut own = repo.difference(old, self.head)?.added;
        if let Some(Ok(since)) = self.base.map(|base| repo.difference(Some(base), self.head)) {
            let since: HashSet<_> = since.added.into_iter().collect();
            own.retain(|commit_id| since.contains(commit_id));
        }
        Ok(own)
    }

    /// The commits that certainly belong to the work, even if a protected branch already has them: they were submitted, or the
    /// reflog of the branch says that they were committed on it.
    pub(super) fn certain(&self, repo: &Repo) -> Result<Vec<ObjectId>, LedgerError> {
        let Some(branch) = &self.branch else { return self.own(repo, self.base) };
        let log = repo.read_log(branch);
        let born = log.first().map(|line| line.new);
        // git-os and `update-ref` move a branch without a message in the reflog.
        let is_own = |line: &LogLine| line.message.starts_with("commit") || (line.message.is_empty() && Some(line.new) != born);
        Ok(log.iter().filter(|line| is_own(line)).map(|line| line.new).collect())
    }
}

/// The present tips of the protected branches and, as far as their reflogs go, the earlier ones.
fn former_tips(ledger: &Ledger<'_>) -> HashSet<ObjectId> {
    let logged = ledger.policy.protected_refs().flat_map(|branch| ledger.repo.read_log(&branch)).map(|line| line.new);
    logged.chain(ledger.policy.epoch.values().copied()).collect()
}

/// Everything that was ever submitted for a ticket: work that was refused or released must not land either.
fn handed_in(ledger: &Ledger<'_>, tip: ObjectId, events: u32) -> Result<Vec<(ObjectId, ObjectId)>, LedgerError> {
    // The first submit comes after create, approve, claim and start.
    if events < FIRST_SUBMIT {
        return Ok(Vec::new());
    }
    let Some(links) = replay::links(ledger.repo, tip, None)?.granted() else { return Ok(Vec::new()) };
    let handed_in = links.iter().filter_map(|link| match link.record.event.action {
        Action::Submit { head, base } | Action::Stale { head, base } => Some((head, base)),
        _ => None,
    });
    Ok(handed_in.collect())
}

/// All work that has not landed; heads that did land are added to the former tips.
pub(super) fn open_work(ledger: &Ledger<'_>, was_tip: &mut HashSet<ObjectId>) -> Result<Vec<Work>, LedgerError> {
    let mut all: Vec<Work> = Vec::new();
    let branches = ledger.repo.list_refs(BRANCHES)?;
    for (name, tip) in ledger.repo.list_refs(TICKETS)? {
        let Ok(id) = TicketId::parse(&name[TICKETS.len()..]) else { continue };
        let entry_tip = tip;
        let Ok(Entry { id, ticket, .. }) = ledger.read_entry(id, tip) else { continue };
        if ticket.state == State::Merged {
            was_tip.extend([ticket.head, ticket.copy].into_iter().flatten());
            continue;
        }
        let branch = id.branch();
        let tip = branches.iter().find(|(name, tip)| *name == branch && Some(*tip) != ticket.head).map(|found| found.1);
        let state = ticket.state;
        for (head, base) in handed_in(ledger, entry_tip, ticket.seq)? {
            all.push(Work { id: id.clone(), state, head, base: Some(base), branch: None });
        }
        if let Some(head) = tip {
            let base =
                ticket.base.or_else(|| ledger.repo.read_log(&branch).first().filter(|line| line.is_birth).map(|line| line.new));
            all.push(Work { id, state, head, base, branch: Some(branch) });
        }
    }
    Ok(all)
}
