//! Claimed → running: creates the branch and the worktree.

use super::land::short;
use super::{DispatchError, Site, include, write};
use crate::core::event::{Action, Role};
use crate::core::id::ObjectId;
use crate::core::progress::{Activity, CareEvent, Stage, What};
use crate::git::process::{remove_all, rename_file};
use crate::git::worktree::is_same_place;
use crate::ledger::{Draft, Entry, Ledger};
use crate::local::runs::{AgentStage, RunRecord};
use crate::local::worktrees::{aside, rescue};

pub(super) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<(), DispatchError> {
    site.tell(What::Begun(Activity::Preparing));
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let base = ledger.find_trunk_tip()?.ok_or(DispatchError::Unborn(trunk))?;
    let branch = entry.id.branch();
    let tip = ledger.repo.find_ref(&branch)?;
    // Continue the work of an earlier attempt if it still descends from the trunk.
    let start = match tip {
        Some(tip) if ledger.repo.is_ancestor(base, tip)? => tip,
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
    let branch = entry.id.branch();
    let known = ledger.repo.list_worktrees()?;
    let is_known = known.iter().any(|worktree| is_same_place(&worktree.path, &path)) && path.as_std_path().exists();
    if is_known && let Some(git) = ledger.repo.pinned(&path) {
        rescue(&site.repo, &entry.id, &path, start)?;
        set_branch(site, &branch, start)?;
        git.output(["symbolic-ref", "HEAD", &branch])?;
        git.output(["reset", "--quiet", "--hard"])?;
        git.output(["clean", "--quiet", "-d", "--force"])?;
        return include(site, &path);
    }
    // git does not know this path as a worktree, so nobody can tell what in it matters.
    if path.is_symlink() || path.as_std_path().exists() {
        let lost = aside(&path);
        rename_file(&path, &lost)?;
        site.tell(What::Care(CareEvent::WorktreeLost { path: lost }));
    }
    if let Some(git_dir) = ledger.repo.find_worktree_git_dir(&path) {
        remove_all(&git_dir)?;
    }
    set_branch(site, &branch, start)?;
    site.repo.add_worktree(&path, &branch)?;
    include(site, &path)
}

/// Moves the ticket's branch; only the ticket's holder uses it.
pub(super) fn set_branch(site: &Site<'_>, branch: &str, commit_id: ObjectId) -> Result<(), DispatchError> {
    if site.repo.find_ref(branch)? != Some(commit_id) {
        if let Some(there) = site.repo.find_ref_in_the_way(branch)? {
            return Err(DispatchError::BranchInTheWay { wanted: short(branch), there: short(&there) });
        }
        site.repo.git().output(["update-ref", "-m", "git os", branch, &commit_id.to_string()])?;
    }
    Ok(())
}
