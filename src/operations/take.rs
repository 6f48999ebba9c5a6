//! Work by hand in one step: taking a ticket with a place to work on it, and giving it back with nothing lost.

use camino::{Utf8Path, Utf8PathBuf};

use super::checkout::{Checkout, is_held_here};
use super::claim::{self, Lease};
use super::{Caller, Done, OperationError, Place, Verb, transition, trunk_tip};
use crate::core::event::{EventKind, State};
use crate::core::fsm::rule_of;
use crate::core::id::{ObjectId, RunId, TicketId};
use crate::core::progress::Hold;
use crate::dispatch::prepare;
use crate::git::Repo;
use crate::git::failure::Failure;
use crate::git::worktree::is_same_place;
use crate::ledger::{Entry, Ledger};
use crate::local::worktrees;

/// Where somebody wants to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whereabouts<'a> {
    /// In a worktree of the ticket's own.
    Worktree,
    /// In the checkout around this directory.
    Here(&'a Utf8Path),
}

/// A ticket that was taken, and where its branch is checked out.
pub(crate) struct Taken {
    pub(crate) entry: Entry,
    pub(crate) folder: Utf8PathBuf,
    /// Where that moved what was in the way.
    pub(crate) moved: Option<Utf8PathBuf>,
}

/// Claims a ready ticket, starts the attempt, and makes its branch and a place to work. What this clone holds already is left as
/// it is, and only its place is made if it is not there.
///
/// # Errors
/// When the ticket cannot be claimed, or git cannot make the place; then the ticket stays taken.
pub(crate) fn take(place: &Place, id: &TicketId, lease: &Lease, whereabouts: Whereabouts<'_>) -> Done<Taken> {
    let ledger = place.ledger()?;
    let start = start(&ledger, id)?;
    let checkout = match whereabouts {
        Whereabouts::Worktree => None,
        Whereabouts::Here(dir) => Some(free_checkout(&place.repo, dir, start)?),
    };
    let mut entry = match ledger.find(id)?.filter(|entry| is_held_here(&place.repo, entry)) {
        Some(entry) => entry,
        None => claim::claim(place, id, lease)?,
    };
    let (folder, moved) = match checkout {
        None => worktree(&place.repo, id, start)?,
        Some(checkout) => (switch(&place.repo, id, &checkout, start)?, None),
    };
    if let (State::Claimed, Some(run)) = (entry.ticket.state, entry.ticket.run.clone()) {
        entry = claim::start(&ledger, id, &Caller::of(run))?;
    }
    Ok(Taken { entry, folder, moved })
}

/// Where the work begins: where an earlier attempt ended if it has work, and else at the tip of the protected branch.
fn start(ledger: &Ledger<'_>, id: &TicketId) -> Done<ObjectId> {
    let trunk = trunk_tip(ledger)?;
    Ok(match ledger.repo.find_ref(&id.branch())? {
        Some(tip) if !ledger.repo.is_ancestor(tip, trunk)? => tip,
        _ => trunk,
    })
}

/// The place where the ticket's branch is checked out, which is made if there is none.
fn worktree(repo: &Repo, id: &TicketId, start: ObjectId) -> Done<(Utf8PathBuf, Option<Utf8PathBuf>)> {
    let own = worktrees::of_ticket(repo, id);
    if prepare::is_worktree(repo, &own) {
        return Ok((own, None));
    }
    if let Some(there) = repo.list_worktrees()?.into_iter().find(|one| one.branch == Some(id.branch()))
        && there.path.as_std_path().exists()
    {
        return Ok((there.path, None));
    }
    let moved = prepare::add_worktree(repo, id, start)?;
    Ok((own, moved))
}

/// The checkout around a directory, if its changes do not keep git from switching it to a commit.
fn free_checkout(repo: &Repo, dir: &Utf8Path, to: ObjectId) -> Done<Checkout> {
    let checkout = Checkout::around(repo, dir)?.ok_or_else(|| OperationError::NoCheckout(dir.to_owned()))?;
    let git = repo.git_at(&checkout.top);
    let tried = git.run(["read-tree", "--dry-run", "-m", "-u", "HEAD", &to.to_string()])?;
    if tried.code == 0 { Ok(checkout) } else { Err(OperationError::ChangesInTheWay(checkout.top)) }
}

/// Switches a checkout to the ticket's branch.
fn switch(repo: &Repo, id: &TicketId, checkout: &Checkout, start: ObjectId) -> Done<Utf8PathBuf> {
    let git = repo.git_at(&checkout.top);
    let branch = id.branch();
    if !checkout.is_on(&branch) {
        if repo.list_worktrees()?.iter().all(|one| one.branch.as_ref() != Some(&branch)) {
            prepare::set_branch(repo, &branch, start)?;
        }
        let switched = git.run(["switch", "--quiet", branch.trim_start_matches("refs/heads/")])?;
        if switched.code != 0 {
            return Err(OperationError::NotSwitched { id: id.clone(), why: Failure::of(&switched) });
        }
    }
    Ok(checkout.top.clone())
}

/// A ticket that was given back.
pub(crate) struct Dropped {
    pub(crate) entry: Entry,
    /// The refs to which work was saved.
    pub(crate) saved: Vec<String>,
    /// The folder of the worktree that was removed.
    pub(crate) removed: Option<Utf8PathBuf>,
    /// The main worktree.
    pub(crate) top: Utf8PathBuf,
    /// The other checkouts that were on the ticket's branch.
    pub(crate) left: Vec<Left>,
}

/// A checkout that is not on the ticket's branch any more.
pub(crate) struct Left {
    pub(crate) folder: Utf8PathBuf,
    /// The branch that it came from, or else the protected one.
    pub(crate) to: String,
    /// Whether it was switched there; if not, its files are as they were, on no branch.
    pub(crate) is_there: bool,
}

/// Gives back a ticket that was taken by hand: saves work that no protected branch has, removes the ticket's worktree and branch,
/// takes other checkouts off the branch, and makes the ticket ready again.
///
/// # Errors
/// When this clone does not hold it, or git fails.
pub(crate) fn give_back(place: &Place, id: &TicketId) -> Done<Dropped> {
    // The worktree that is about to go may be the one around.
    let top = worktrees::top(&place.repo);
    let repo = Repo::open(&top)?;
    let ledger = Ledger::open(&repo)?;
    let run = held_by_hand(&ledger, id)?;
    let trunk = trunk_tip(&ledger)?;
    let (own, branch) = (worktrees::of_ticket(&repo, id), id.branch());
    let mut saved = Vec::new();
    let mut removed = None;
    if let Some((path, what)) = repo.find_operation_on(&branch)?.filter(|(path, _)| !is_same_place(path, &own)) {
        let why = Hold::InUse { branch: branch.trim_start_matches("refs/heads/").to_owned(), path, what: what.to_owned() };
        return Err(OperationError::Held { verb: Verb::Drop, id: id.clone(), why });
    }
    if prepare::is_worktree(&repo, &own) {
        saved.extend(worktrees::rescue(&repo, id, &own, trunk)?);
    }
    if let Some(tip) = repo.find_ref(&branch)? {
        let mut is_lost = !repo.is_ancestor(tip, trunk)?;
        for name in &saved {
            let kept = repo.find_ref(name)?;
            is_lost &= !kept.is_some_and(|kept| repo.is_ancestor(tip, kept).unwrap_or(false));
        }
        if is_lost {
            saved.push(worktrees::keep(&repo, id, tip)?);
        }
    }
    if prepare::is_worktree(&repo, &own) {
        repo.clear_worktree(&own)?;
        removed = Some(own);
    }
    let mut left = Vec::new();
    for one in repo.list_worktrees()?.into_iter().filter(|one| one.branch.as_ref() == Some(&branch)) {
        if one.path.as_std_path().exists() {
            left.push(leave(&repo, one.path, &branch, &ledger.policy.trunk().unwrap_or_default())?);
        }
    }
    if let Some(tip) = repo.find_ref(&branch)? {
        repo.git().output(["update-ref", "-d", &branch, &tip.to_string()])?;
    }
    // Once it is ready, another run of this machine may make a worktree at the same path.
    let entry = transition::release(&ledger, id, &Caller::of(run))?;
    Ok(Dropped { entry, saved, removed, top, left })
}

/// Takes a checkout off its branch: back to the branch that it came from, or else to the protected one. If git cannot switch it, or would
/// carry changes along that are not committed, its files and its index stay as they are, on no branch.
fn leave(repo: &Repo, folder: Utf8PathBuf, left: &str, trunk: &str) -> Done<Left> {
    let git = repo.git_at(&folder);
    let is_clean = git.output(["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty();
    let came_from = git.line(["rev-parse", "--verify", "--quiet", "--symbolic-full-name", "@{-1}"])?;
    let others = came_from.as_deref().into_iter().chain([trunk]).filter(|branch| *branch != left);
    let others: Vec<&str> = others.filter_map(|branch| branch.strip_prefix("refs/heads/")).collect();
    for name in others.iter().filter(|_| is_clean) {
        if git.run(["switch", "--quiet", "--no-guess", name])?.code == 0 {
            return Ok(Left { folder, to: (*name).to_owned(), is_there: true });
        }
    }
    let head = git.find_commit("HEAD")?.map(|head| head.to_string()).unwrap_or_default();
    git.output(["update-ref", "--no-deref", "-m", "git os drop", "HEAD", &head])?;
    Ok(Left { folder, to: others.first().copied().unwrap_or_default().to_owned(), is_there: false })
}

/// The run with which this clone holds a ticket by hand, if the ticket can be released as it is.
fn held_by_hand(ledger: &Ledger<'_>, id: &TicketId) -> Done<RunId> {
    let (entry, _) = ledger.read_legal(id)?;
    let state = entry.ticket.state;
    let run = entry.ticket.run.clone().filter(|_| is_held_here(ledger.repo, &entry));
    if rule_of(EventKind::Release).allows(state) {
        return run.ok_or_else(|| OperationError::NotByHand(id.clone()));
    }
    Err(OperationError::WrongState { verb: Verb::Drop, id: id.clone(), state, needed: State::Running })
}
