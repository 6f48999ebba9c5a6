//! Claimed → running: branch and worktree.

use super::record::{RunRecord, Stage};
use super::{DispatchError, Site, write};
use crate::core::event::{Action, Role};
use crate::core::id::ObjectId;
use crate::git::process::remove_all;
use crate::git::worktree::Worktree;
use crate::ledger::{Draft, Entry, Ledger};

pub(super) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<(), DispatchError> {
    (site.tell)("preparing the worktree");
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let base = ledger.find_trunk_tip()?.ok_or(DispatchError::Unborn(trunk))?;
    let branch = entry.id.branch();
    let tip = ledger.repo.find_ref(&branch)?;
    // Work of an earlier attempt is built upon as long as it still descends from the trunk.
    let start = match tip {
        Some(tip) if ledger.repo.is_ancestor(base, tip)? => tip,
        _ => base,
    };
    ensure_worktree(site, ledger, entry, start)?;
    site.env.step("prepared");
    let draft = Draft::new(Action::Start { attempt: entry.ticket.attempt }, Role::Executor).by(record.run());
    write(ledger, &entry.id, &draft)?;
    record.advance(Stage::Claimed)?;
    site.env.step("started");
    Ok(())
}

/// A worktree at this commit on the ticket's branch; what was there before is saved first.
pub(super) fn ensure_worktree(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, start: ObjectId) -> Result<(), DispatchError> {
    let path = site.worktree(&entry.id);
    let branch = entry.id.branch();
    let known = ledger.repo.list_worktrees()?;
    let here =
        |worktree: &&Worktree| worktree.path == path || worktree.path.canonicalize_utf8().ok() == path.canonicalize_utf8().ok();
    let is_known = known.iter().any(|worktree| here(&worktree)) && path.as_std_path().exists();
    if is_known && ledger.repo.pinned(&path).is_some() {
        super::collect::rescue(&site.repo, &entry.id, &path, start)?;
        set_branch(site, &branch, start)?;
        let git = ledger.repo.pinned(&path).ok_or_else(|| DispatchError::NoAgent(path.to_string()))?;
        git.output(["symbolic-ref", "HEAD", &branch])?;
        git.output(["reset", "--quiet", "--hard"])?;
        git.output(["clean", "--quiet", "-d", "--force"])?;
        return Ok(());
    }
    // Something is there that git does not know as a worktree: an interrupted removal.
    if path.as_std_path().exists() {
        remove_all(&path)?;
    }
    if known.iter().any(|worktree| here(&worktree)) {
        site.repo.git().output(["worktree", "prune"])?;
    }
    set_branch(site, &branch, start)?;
    site.repo.add_worktree(&path, &branch)?;
    Ok(())
}

/// Moves the ticket's branch, past which nobody else looks.
pub(super) fn set_branch(site: &Site<'_>, branch: &str, commit_id: ObjectId) -> Result<(), DispatchError> {
    if site.repo.find_ref(branch)? != Some(commit_id) {
        site.repo.git().output(["update-ref", "-m", "git os", branch, &commit_id.to_string()])?;
    }
    Ok(())
}
