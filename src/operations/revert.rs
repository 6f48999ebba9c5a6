//! Reverting landed work with a new commit, which goes through a ticket of its own.

use super::claim::{Lease, start};
use super::error::Verb;
use super::ticket::{New, create};
use super::transition::approve;
use super::{Caller, Done, OperationError, trunk_tip, write};
use crate::core::event::{Action, Role, State};
use crate::core::id::{Kind, ObjectId, RunId, TicketId};
use crate::core::meta::Check;
use crate::core::proof::FIX;
use crate::core::ruling::Ruling;
use crate::core::text;
use crate::dispatch::{DispatchError, Site, last_reason};
use crate::gate;
use crate::git::worktree::Picked;
use crate::ledger::{Draft, Entry, Ledger};
use crate::local::worktrees;

/// How long the ticket of a revert is claimed for, in seconds.
const LEASE: u64 = 1800;

/// The most commits that the message of a revert names.
const NAMED: usize = 50;

/// Work that landed: the commits from `base` to `head`.
struct Landed {
    entry: Entry,
    base: ObjectId,
    head: ObjectId,
}

/// Takes back what a ticket landed, merges included, with one commit that a ticket of its own verifies and lands.
///
/// The commit is made first. If later commits changed the same lines, nobody has asked for a ticket that cannot land: no
/// ticket, no branch and no worktree is left, and the files in conflict are named. If the commit does not pass verification,
/// its ticket is blocked with the reason, and its branch has the commit for whoever goes on with it.
///
/// # Errors
/// When the work has not landed, is not there any more, cannot be undone without conflicts, or the ticket of the revert cannot
/// land.
pub(crate) fn revert(site: &Site<'_>, id: &TicketId) -> Done<Entry> {
    let ledger = site.ledger()?;
    let (entry, _) = ledger.read_legal(id)?;
    let (State::Merged, Some(head)) = (entry.ticket.state, entry.ticket.head) else {
        let (state, needed) = (entry.ticket.state, State::Merged);
        return Err(OperationError::WrongState { verb: Verb::Revert, id: id.clone(), state, needed });
    };
    let base = gate::find_pass(&site.repo, entry.tip)?.map_or(entry.ticket.base, |verdict| Some(verdict.base));
    let base = base.ok_or_else(|| OperationError::NoBase(id.clone()))?;
    let tip = trunk_tip(&ledger)?;
    if !site.repo.has_object(head) {
        // The clone in which the branch was rebased keeps it.
        let copy = entry.ticket.copy.map(|copy| format!("; the branch has a copy of it that ends at {copy}")).unwrap_or_default();
        return Err(OperationError::RevertBlocked {
            of: id.clone(),
            why: format!("its commit {head} is not in this clone{copy}"),
        });
    }
    let landed = Landed { entry, base, head };
    let tree_id = match tree_without(site, tip, &landed)? {
        Ruling::Granted(tree_id) if tree_id == site.repo.read_commit(tip)?.tree_id => {
            return Err(OperationError::NothingToRevert(id.clone()));
        }
        Ruling::Granted(tree_id) => tree_id,
        Ruling::Denied(why) => return Err(OperationError::RevertBlocked { of: id.clone(), why }),
    };
    let undone = site.repo.write_commit(tree_id, &[tip], &site.repo.identity()?, &message(site, &landed)?)?;
    let content = &landed.entry.ticket.content;
    // What is undone may have brought tests, which go with it, and a fix that is undone mends nothing.
    let is_proven = ledger.policy.checks.iter().any(Check::is_marked);
    let kind = if is_proven && content.kind.as_str() == FIX { Kind::parse("task")? } else { content.kind.clone() };
    let new = New {
        title: text::line(&format!("Revert: {}", content.title), text::MAX_TITLE),
        brand: Some(content.brand.clone()),
        kind,
        priority: content.priority,
        labels: content.labels.clone(),
        depends: Vec::new(),
        tests_may_change: is_proven,
        scope: Vec::new(),
        description: format!("Revert what {id} landed: the commits from {base} to {head}."),
        acceptance: Vec::new(),
        plan: None,
    };
    let id = create(&ledger, new, Role::Operator)?.id;
    let caller = begin(&ledger, &id)?;
    let run = caller.run_on(ledger.repo, &id)?;
    // Nobody else would go on with the run that holds it.
    let block = |why: &str| write(&ledger, &id, &Draft::new(Action::Block, Role::Executor).by(&run).saying(why));
    if let Err(error) = hand_in(site, &ledger, &id, &run, undone, tip) {
        block(&text::in_one_line(&error))?;
        return Err(error);
    }
    match super::land::land(site, &id) {
        Err(OperationError::NotPassed { state: State::Running, .. }) => {
            let (now, _) = ledger.read_legal(&id)?;
            let why = format!("the revert did not pass verification: {}", last_reason(&ledger, &now)?);
            let state = block(&why)?.ticket.state;
            Err(OperationError::NotPassed { id, state })
        }
        done => done,
    }
}

/// Hands in the commit of a revert, on the branch of its ticket.
fn hand_in(site: &Site<'_>, ledger: &Ledger<'_>, id: &TicketId, run: &RunId, head: ObjectId, base: ObjectId) -> Done<Entry> {
    site.repo.git().output(["update-ref", &id.branch(), &head.to_string()])?;
    write(ledger, id, &Draft::new(Action::Submit { head, base }, Role::Executor).by(run))
}

/// Approves and claims the ticket of a revert, for a run of its own, and starts the attempt.
fn begin(ledger: &Ledger<'_>, id: &TicketId) -> Done<Caller> {
    let lease = Lease::new(None, LEASE)?;
    let caller = Caller::of(lease.run.clone());
    approve(ledger, id)?;
    write(ledger, id, &lease.draft(ledger.repo)?)?;
    start(ledger, id, &caller)?;
    Ok(caller)
}

/// The files of a branch without what landed; or why there is no such tree.
///
/// The way from `head` back to `base` is one commit that is picked onto the tip, so it does not matter which commits and merges
/// lie between them, nor how they came to the branch.
fn tree_without(site: &Site<'_>, tip: ObjectId, landed: &Landed) -> Done<Ruling<ObjectId, String>> {
    let repo = &site.repo;
    let base_tree_id = repo.read_commit(landed.base)?.tree_id;
    let back = repo.write_commit(base_tree_id, &[landed.head], &repo.identity()?, "Undo\n")?;
    let path = worktrees::of_verification(repo, &landed.entry.id);
    repo.add_detached_worktree(&path, tip)?;
    let picked = repo.pinned(&path).map(|git| git.pick(back));
    repo.clear_worktree(&path)?;
    Ok(match picked.ok_or(DispatchError::Vanished(path))?? {
        Picked::Tree(tree_id) => Ruling::Granted(tree_id),
        Picked::Conflicts(files) => {
            let files: Vec<_> = files.iter().map(|file| format!("`{}`", text::escape(file))).collect();
            Ruling::Denied(format!("later commits changed the same lines; conflicts in {}", files.join(", ")))
        }
        Picked::Failed(failure) => Ruling::Denied(failure.to_string()),
    })
}

/// The message of the commit that takes work back.
fn message(site: &Site<'_>, landed: &Landed) -> Done<String> {
    let (id, title) = (&landed.entry.id, &landed.entry.ticket.content.title);
    let mut message = format!("Revert \"{title}\"\n\nThis takes back what {id} landed:\n\n");
    let commits = site.repo.difference(Some(landed.base), landed.head)?.added;
    for commit_id in commits.iter().take(NAMED) {
        message += &format!("  {commit_id} {}\n", text::escape(&site.repo.read_commit(*commit_id)?.subject()));
    }
    if let more @ 1.. = commits.len().saturating_sub(NAMED) {
        message += &format!("  and {}\n", text::plural(more, "more commit", "more commits"));
    }
    Ok(message)
}
