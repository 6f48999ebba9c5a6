//! Turns what an agent left into a commit that git-os made or checked; no ref is moved on the agent's word.
//!
//! The worktree's HEAD may point anywhere by now, so git-os never commits or rebases on it. It writes uncommitted changes as
//! a commit object, and rebases work in a scratch worktree with a detached HEAD.

use camino::Utf8Path;

use super::verify::Scratch;
use super::{DispatchError, Site};
use crate::core::id::{ObjectId, TicketId};
use crate::core::ruling::Ruling;
use crate::git::Git;
use crate::git::process::remove_all;
use crate::ledger::Entry;
use crate::local::worktrees::rescue;

/// Unfinished operations in a worktree, by the name of git's own file.
const UNFINISHED: [(&str, &str); 6] = [
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("BISECT_LOG", "a bisect"),
];

/// The accepted work.
pub(super) struct Taken {
    pub(super) head: ObjectId,
    /// A remark for the event.
    pub(super) note: Option<String>,
}

/// Why an agent's work cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untaken {
    #[error("the worktree is missing")]
    NoWorktree,
    #[error("the worktree has no commit")]
    NoCommit,
    #[error("the agent left {0} unfinished in the worktree")]
    Unfinished(&'static str),
    #[error("the work shares no history with the protected branch")]
    Unrelated,
    #[error("the scratch worktree is missing")]
    NoScratch,
    #[error("cannot rebase the work onto the protected branch: conflicts in {0}")]
    Conflicts(String),
}

/// Commits everything in an agent's worktree.
pub(super) fn commit_all(
    site: &Site<'_>,
    entry: &Entry,
    worktree: &Utf8Path,
    git: &Git,
) -> Result<Ruling<Taken, Untaken>, DispatchError> {
    let Some(git_dir) = site.repo.find_worktree_git_dir(worktree) else { return Ok(Ruling::Denied(Untaken::NoWorktree)) };
    if let Some((_, what)) = UNFINISHED.iter().find(|(name, _)| git_dir.join(name).as_std_path().exists()) {
        if let Some(beyond) = site.repo.find_ref(&entry.id.branch())? {
            rescue(&site.repo, &entry.id, worktree, beyond)?;
        }
        for (name, _) in UNFINISHED {
            remove_all(&git_dir.join(name))?;
        }
        return Ok(Ruling::Denied(Untaken::Unfinished(what)));
    }
    let Some(head) = git.find_commit("HEAD")? else { return Ok(Ruling::Denied(Untaken::NoCommit)) };
    let repositories = embedded(git)?;
    let status = git.output(["status", "--porcelain", "--untracked-files=all", "--ignore-submodules=all"])?;
    if status.trim().is_empty() {
        return Ok(Ruling::Granted(Taken { head, note: None }));
    }
    let mut add: Vec<String> = ["add", "--all", "--", "."].map(str::to_owned).to_vec();
    // git would run filters that the agent configured in an embedded repository; its files do not belong to this repository.
    add.extend(repositories.iter().map(|path| format!(":(exclude,literal){path}")));
    git.output(&add)?;
    let tree = git.output(["write-tree"])?;
    let tree_id = ObjectId::parse(tree.trim()).map_err(crate::ledger::LedgerError::from)?;
    if tree_id == site.repo.read_commit(head)?.tree_id {
        return Ok(Ruling::Granted(Taken { head, note: None }));
    }
    let message = format!("{}\n\nThe run left this uncommitted.\n\nTicket: {}\n", entry.ticket.content.title, entry.id);
    let head = site.repo.write_commit(tree_id, &[head], &site.repo.identity()?, &message)?;
    Ok(Ruling::Granted(Taken { head, note: Some("git-os committed the changes that the run left uncommitted.".to_owned()) }))
}

/// The paths of other repositories inside of a worktree that its index knows.
fn embedded(git: &Git) -> Result<Vec<String>, DispatchError> {
    let staged = git.output(["ls-files", "--stage", "-z"])?;
    let paths = staged
        .split('\0')
        .filter(|line| line.starts_with("160000 "))
        .filter_map(|line| Some(line.split_once('\t')?.1.to_owned()));
    Ok(paths.collect())
}

/// Rebases a commit onto another one; the inner error is the reason why that is not possible.
pub(super) fn onto(
    site: &Site<'_>,
    id: &TicketId,
    head: ObjectId,
    base: ObjectId,
) -> Result<Ruling<ObjectId, Untaken>, DispatchError> {
    if site.repo.is_ancestor(base, head)? {
        return Ok(Ruling::Granted(head));
    }
    let common = site.repo.git().run(["merge-base", &base.to_string(), &head.to_string()])?;
    if common.code != 0 {
        return Ok(Ruling::Denied(Untaken::Unrelated));
    }
    let place = Scratch::add(site, id, head)?;
    let rebased = rebase(site, &place.path, base);
    place.remove(site)?;
    rebased
}

fn rebase(site: &Site<'_>, path: &Utf8Path, base: ObjectId) -> Result<Ruling<ObjectId, Untaken>, DispatchError> {
    let Some(git) = site.repo.pinned(path) else { return Ok(Ruling::Denied(Untaken::NoScratch)) };
    let rebase = git.run(["rebase", "--quiet", "--no-autostash", "--no-update-refs", &base.to_string()])?;
    if rebase.code != 0 {
        let conflicts = git.output(["diff", "--name-only", "--diff-filter=U"]).unwrap_or_default();
        let files = conflicts.split_whitespace().collect::<Vec<_>>().join(", ");
        return Ok(Ruling::Denied(Untaken::Conflicts(files)));
    }
    Ok(git.find_commit("HEAD")?.ok_or(Untaken::NoCommit).into())
}

/// Switches a worktree to a branch and its files; the caller has already saved the worktree's changes.
pub(super) fn sit_on(git: &Git, branch: &str) -> Result<(), DispatchError> {
    git.output(["symbolic-ref", "HEAD", branch])?;
    git.output(["reset", "--quiet", "--hard"])?;
    Ok(())
}
