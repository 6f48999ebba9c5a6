//! Claimed → running: creates the branch and the worktree.

use camino::{Utf8Path, Utf8PathBuf};

use super::land::short;
use super::{DispatchError, Site, include, planned, write};
use crate::core::event::{Action, Role};
use crate::core::id::{ObjectId, TicketId};
use crate::core::progress::{Activity, CareEvent, Stage, What};
use crate::git::Repo;
use crate::git::process::{remove_all, rename_file};
use crate::git::worktree::{Worktree, is_same_place};
use crate::ledger::{Draft, Entry, Ledger};
use crate::local::runs::{AgentStage, RunRecord};
use crate::local::worktrees::{aside, of_ticket, rescue};

pub(super) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<(), DispatchError> {
    site.tell(What::Begun(Activity::Preparing));
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let base = ledger.find_trunk_tip()?.ok_or(DispatchError::Unborn(trunk))?;
    let branch = entry.id.branch();
    let tip = ledger.repo.find_ref(&branch)?;
    // What the steps of a plan made goes onto the trunk as a whole. Any other work goes on if it still descends from the trunk.
    let start = match (planned::find_start(ledger, entry)?, tip) {
        (Some(start), _) => start,
        (None, Some(tip)) if ledger.repo.is_ancestor(base, tip)? => tip,
        _ => base,
    };
    ensure_worktree(site, ledger, entry, start)?;
    site.reached(Stage::Prepared);
    let draft = Draft::new(Action::Start { attempt: entry.ticket.attempt }, Role::Executor).by(record.run());
    write(ledger, &entry.id, &draft)?;
    record.advance(AgentStage::Claimed)?;
    site.reached(Stage::Started);
    Ok(())
}

/// Creates a worktree at this commit on the ticket's branch; saves existing changes first.
pub(super) fn ensure_worktree(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, start: ObjectId) -> Result<(), DispatchError> {
    let path = site.worktree(&entry.id);
    if is_worktree(&site.repo, &path) && ledger.repo.pinned(&path).is_some() {
        rescue(&site.repo, &entry.id, &path, start)?;
        return put_at(&site.repo, &entry.id, start);
    }
    if let Some(lost) = add_worktree(&site.repo, &entry.id, start)? {
        site.tell(What::Care(CareEvent::WorktreeLost { path: lost }));
    }
    Ok(())
}

/// Puts the ticket's branch, and its worktree if there is one, at a commit. The caller has saved what is beyond.
///
/// # Errors
/// If git cannot move the branch or write the files.
pub(crate) fn put_at(repo: &Repo, id: &TicketId, commit_id: ObjectId) -> Result<(), DispatchError> {
    let (path, branch) = (of_ticket(repo, id), id.branch());
    set_branch(repo, &branch, commit_id)?;
    if is_worktree(repo, &path)
        && let Some(git) = repo.pinned(&path)
    {
        git.output(["symbolic-ref", "HEAD", &branch])?;
        git.output(["reset", "--quiet", "--hard"])?;
        git.output(["clean", "--quiet", "-d", "--force"])?;
        include(repo, &path)?;
    }
    Ok(())
}

/// Refuses to move the ticket's branch under a checkout of somebody.
///
/// # Errors
/// If it is checked out elsewhere than in the ticket's worktree.
pub(crate) fn refuse_in_use(repo: &Repo, id: &TicketId) -> Result<(), DispatchError> {
    let (path, branch) = (of_ticket(repo, id), id.branch());
    let is_elsewhere = |one: &Worktree| one.branch.as_ref() == Some(&branch) && !is_same_place(&one.path, &path);
    match repo.list_worktrees()?.into_iter().find(is_elsewhere) {
        Some(other) => Err(DispatchError::BranchInUse { branch: short(&branch), path: other.path }),
        None => Ok(()),
    }
}

/// Whether git knows a worktree at this path, and it is there.
#[must_use]
pub(crate) fn is_worktree(repo: &Repo, path: &Utf8Path) -> bool {
    path.as_std_path().exists() && repo.find_worktree_git_dir(path).is_some()
}

/// Adds the worktree of a ticket, which git does not know, with its branch at this commit. Returns where it moved what was in
/// the way, if anything was.
///
/// # Errors
/// If git cannot create the branch or the worktree, or what is in the way stays.
pub(crate) fn add_worktree(repo: &Repo, id: &TicketId, start: ObjectId) -> Result<Option<Utf8PathBuf>, DispatchError> {
    let (path, branch) = (of_ticket(repo, id), id.branch());
    let mut moved = None;
    // git does not know this path as a worktree, so nobody can tell what in it matters.
    if path.is_symlink() || path.as_std_path().exists() {
        let lost = aside(&path);
        rename_file(&path, &lost)?;
        moved = Some(lost);
    }
    if let Some(git_dir) = repo.find_worktree_git_dir(&path) {
        remove_all(&git_dir)?;
    }
    // Nobody's checkout is moved under them.
    refuse_in_use(repo, id)?;
    set_branch(repo, &branch, start)?;
    repo.add_worktree(&path, &branch)?;
    include(repo, &path)?;
    Ok(moved)
}

/// Moves the ticket's branch; only the ticket's holder uses it.
///
/// # Errors
/// If a branch of another name is in the way, or git cannot move it.
pub(crate) fn set_branch(repo: &Repo, branch: &str, commit_id: ObjectId) -> Result<(), DispatchError> {
    if repo.find_ref(branch)? != Some(commit_id) {
        if let Some(there) = repo.find_ref_in_the_way(branch)? {
            return Err(DispatchError::BranchInTheWay { wanted: short(branch), there: short(&there) });
        }
        repo.git().output(["update-ref", "-m", "git os", branch, &commit_id.to_string()])?;
    }
    Ok(())
}
