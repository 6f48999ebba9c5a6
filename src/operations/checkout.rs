//! Where a person stands: the checkout they are in, the ticket that it is about, and the commit that is its work.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Done, OperationError, Verb, trunk_tip};
use crate::core::event::{EventKind, State};
use crate::core::fsm::rule_of;
use crate::core::id::{BRANCHES, ObjectId, TicketId};
use crate::git::Repo;
use crate::ledger::{Entry, Ledger};
use crate::local::held;
use crate::local::worktrees::{self, Purpose};

/// A work tree of the repository, with what is checked out in it.
pub(crate) struct Checkout {
    pub(crate) top: Utf8PathBuf,
    /// The full name of its branch.
    branch: Option<String>,
    head: Option<ObjectId>,
}

/// How the ticket was found that nobody named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoundBy {
    /// A person named it.
    Name,
    /// Its branch is checked out, or this is its worktree.
    Checkout,
    /// This clone holds no other by hand.
    OnlyOne,
}

impl Checkout {
    /// The checkout around a directory; `None` where the directory belongs to no work tree of this repository.
    ///
    /// # Errors
    /// If git cannot say what is checked out.
    pub(crate) fn around(repo: &Repo, dir: &Utf8Path) -> Done<Option<Self>> {
        let Ok(here) = Repo::discover(dir) else { return Ok(None) };
        let Some(top) = here.work_dir().filter(|_| here.common_dir() == repo.common_dir()) else { return Ok(None) };
        let git = repo.git_at(top);
        let branch = git.line(["symbolic-ref", "--quiet", "HEAD"])?;
        Ok(Some(Self { top: top.to_owned(), branch, head: git.find_commit("HEAD")? }))
    }

    /// The ticket whose worktree this is, or whose branch is checked out.
    fn ticket(&self, repo: &Repo) -> Option<TicketId> {
        let by_branch = || TicketId::parse(self.branch.as_deref()?.strip_prefix(BRANCHES)?).ok();
        match worktrees::purpose(&self.top, &worktrees::folder(repo)) {
            Some((id, Purpose::Work)) => Some(id),
            Some((_, Purpose::Verification)) | None => by_branch(),
        }
    }

    /// Whether this branch is checked out.
    #[must_use]
    pub(super) fn is_on(&self, branch: &str) -> bool {
        self.branch.as_deref() == Some(branch)
    }

    /// The files that are not committed.
    fn uncommitted(repo: &Repo, top: &Utf8Path) -> Done<Vec<String>> {
        let listed = repo.git_at(top).output(["status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"])?;
        Ok(listed.split('\0').filter_map(|line| line.get(3..)).map(str::to_owned).collect())
    }
}

/// Whether this clone holds a ticket that was claimed by hand.
#[must_use]
pub(super) fn is_held_here(repo: &Repo, entry: &Entry) -> bool {
    let run = entry.ticket.run.as_ref().filter(|_| entry.ticket.state.is_held());
    run.is_some_and(|run| held::find(repo, &entry.id).as_deref() == Some(run.as_str()))
}

/// Whether something can be done by hand to a ticket that this clone holds in this state.
fn is_for(verb: Verb, state: State) -> bool {
    match verb {
        // That it was not started is for the rules to say.
        Verb::Submit => matches!(state, State::Claimed | State::Running),
        Verb::Pass | Verb::Verify => state == State::Verifying,
        Verb::Drop => rule_of(EventKind::Release).allows(state),
        Verb::Note => state.is_held(),
        Verb::Land | Verb::Revert | Verb::Replay => false,
    }
}

/// The ticket that is meant by where somebody stands: the one of the checkout, or else the only one that this clone holds by hand
/// and to which this can be done.
///
/// # Errors
/// If there is none, or more than one.
pub(crate) fn find_ticket(ledger: &Ledger<'_>, checkout: Option<&Checkout>, verb: Verb) -> Done<(TicketId, FoundBy)> {
    let here = checkout.and_then(|checkout| checkout.ticket(ledger.repo));
    if let Some(id) = &here
        && let Some(entry) = ledger.find(id)?
        // On the branch of a ticket that has landed, somebody may submit the work of another; nothing else is done to another.
        && (entry.ticket.state.is_held() || verb != Verb::Submit)
    {
        return Ok((id.clone(), FoundBy::Checkout));
    }
    let mut ids = Vec::new();
    for id in held::list(ledger.repo) {
        if let Some(entry) = ledger.find(&id)?
            && is_for(verb, entry.ticket.state)
            && is_held_here(ledger.repo, &entry)
        {
            ids.push(id);
        }
    }
    match (ids.as_slice(), here) {
        ([], None) => Err(OperationError::NoneHeld(verb)),
        // That it is not held is for the rules to say.
        ([], Some(id)) => Ok((id, FoundBy::Checkout)),
        ([id], _) => Ok((id.clone(), FoundBy::OnlyOne)),
        _ => Err(OperationError::SeveralHeld { verb, ids }),
    }
}

/// The work on a ticket that nobody named: the tip of the ticket's branch, or the commit that is checked out if it goes on from
/// there, or if the branch has no work.
///
/// # Errors
/// If there is none, if it cannot be told which is meant, or if files of it are not committed.
pub(super) fn find_work(ledger: &Ledger<'_>, id: &TicketId, here: Option<&Checkout>, found_by: FoundBy) -> Done<ObjectId> {
    let repo = ledger.repo;
    let trunk = trunk_tip(ledger)?;
    let has_work = |commit_id: ObjectId| Ok::<_, OperationError>(!repo.is_ancestor(commit_id, trunk)?);
    let branch = repo.find_ref(&id.branch())?;
    let (head, top) = match (branch, here.and_then(|here| Some((here.head?, here)))) {
        (None, None) => return Err(OperationError::NoCommit(id.branch())),
        (None, Some((head, here))) => (head, Some(here.top.clone())),
        (Some(tip), Some((head, here))) if tip == head && (here.is_on(&id.branch()) || has_work(tip)?) => {
            (tip, Some(here.top.clone()))
        }
        (Some(tip), Some((head, here))) if has_work(head)? && (repo.is_ancestor(tip, head)? || !has_work(tip)?) => {
            (head, Some(here.top.clone()))
        }
        (Some(tip), Some((head, _)))
            if found_by == FoundBy::OnlyOne && has_work(head)? && has_work(tip)? && !repo.is_ancestor(head, tip)? =>
        {
            return Err(OperationError::SeveralHeads { id: id.clone(), tip, head });
        }
        (Some(tip), _) => {
            let all = repo.list_worktrees()?;
            (tip, all.into_iter().find(|one| one.branch == Some(id.branch())).map(|one| one.path))
        }
    };
    if let Some(top) = top.filter(|top| top.as_std_path().exists()) {
        let files = Checkout::uncommitted(repo, &top)?;
        if !files.is_empty() {
            return Err(OperationError::Uncommitted { id: id.clone(), top, head, files });
        }
    }
    Ok(head)
}
