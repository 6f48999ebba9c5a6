//! Turns what an agent left into a commit that git-os made or checked; no ref is moved on the agent's word.
//!
//! The worktree's HEAD may point anywhere by now, so git-os never commits or rebases on it. It writes uncommitted changes as
//! a commit object, and rebases work in a scratch worktree with a detached HEAD.

use camino::Utf8Path;

use super::scratch::Scratch;
use super::{DispatchError, Site};
use crate::core::id::{ObjectId, TicketId};
use crate::core::ruling::Ruling;
use crate::core::text::escape;
use crate::git::failure::Failure;
use crate::git::process::{read_bytes, remove_all};
use crate::git::worktree::STRATEGY;
use crate::git::{Git, Repo};
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
    #[error("cannot rebase the work onto the protected branch: {0}")]
    NotRebased(Failure),
    #[error("git does not take what the agent left: {0}")]
    Git(String),
    #[error(
        "`{0}` is a repository of its own, and not a submodule: nobody else could check it out; remove its `.git`, or add it with `git submodule add`"
    )]
    Nested(String),
    #[error("the submodule `{path}` is at commit {commit_id}, which none of its remote branches contains; push it there first")]
    Unpushed { path: String, commit_id: ObjectId },
    #[error(
        "`.gitattributes` leaves {0} to Git LFS, but the commit has the contents and no pointer; run `git lfs install`, then `git add --renormalize .`"
    )]
    NoPointers(String),
    #[error(
        "nobody could check out {0}: the Git LFS object is not here, and git-lfs did not get it from the remote; add the file itself, with git-lfs set up"
    )]
    NoObjects(String),
    #[error(
        "`.gitattributes` leaves {0} to git-crypt, but a commit has plain text; run `git-crypt unlock`, then `git add --renormalize .`, and leave no commit with the plain text"
    )]
    NotEncrypted(String),
}

/// Commits everything in an agent's worktree, under this subject.
pub(super) fn commit_all(
    site: &Site<'_>,
    entry: &Entry,
    worktree: &Utf8Path,
    git: &Git,
    subject: &str,
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
    let moved = move_links(&site.repo, worktree, git, &repositories)?;
    let status = git.output(["status", "--porcelain", "--untracked-files=all", "--ignore-submodules=all"])?;
    if status.trim().is_empty() && !moved {
        return Ok(Ruling::Granted(Taken { head, note: None }));
    }
    let mut add: Vec<String> = ["add", "--all", "--", "."].map(str::to_owned).to_vec();
    // git would run filters that the agent configured in an embedded repository; its files do not belong to this repository.
    let others = repositories.into_iter().map(|(path, _)| path).chain(unchanged(site, entry, worktree, git, head)?);
    add.extend(others.map(|path| format!(":(exclude,literal){path}")));
    let added = git.run(&add)?;
    if added.code != 0 {
        return Ok(Ruling::Denied(Untaken::Git(added.stderr)));
    }
    let written = git.run(["write-tree"])?;
    if written.code != 0 {
        return Ok(Ruling::Denied(Untaken::Git(written.stderr)));
    }
    let tree = String::from_utf8_lossy(&written.stdout).into_owned();
    let tree_id = ObjectId::parse(tree.trim()).map_err(crate::ledger::LedgerError::from)?;
    if tree_id == site.repo.read_commit(head)?.tree_id {
        return Ok(Ruling::Granted(Taken { head, note: None }));
    }
    let message = format!("{subject}\n\nThe run left this uncommitted.\n");
    let head = site.repo.write_commit(tree_id, &[head], &site.repo.identity()?, &message)?;
    Ok(Ruling::Granted(Taken { head, note: Some("git-os committed the changes that the run left uncommitted.".to_owned()) }))
}

/// Stages where the submodules of a worktree are. Their own files and settings are not looked at.
fn move_links(repo: &Repo, worktree: &Utf8Path, git: &Git, links: &[(String, ObjectId)]) -> Result<bool, DispatchError> {
    let mut has_moved = false;
    for (path, known) in links {
        let place = worktree.join(path);
        if !place.join(".git").as_std_path().exists() {
            continue;
        }
        if let Some(here) = repo.git_at(&place).find_commit("HEAD")?.filter(|here| here != known) {
            git.output(["update-index", "--cacheinfo", &format!("160000,{here},{path}")])?;
            has_moved = true;
        }
    }
    Ok(has_moved)
}

/// The files that look changed in every fresh checkout, such as those whose line ends an attribute changes, and that are here as a
/// checkout has them: the agent did nothing to them.
fn unchanged(
    site: &Site<'_>,
    entry: &Entry,
    worktree: &Utf8Path,
    git: &Git,
    head: ObjectId,
) -> Result<Vec<String>, DispatchError> {
    let changed = |git: &Git| -> Result<Vec<String>, DispatchError> {
        let listed = git.output(["diff", "--name-only", "-z", "--ignore-submodules=all", "--diff-filter=M"])?;
        Ok(listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    };
    let mut looks = changed(git)?;
    if looks.is_empty() {
        return Ok(looks);
    }
    let place = Scratch::add(site, &entry.id, head)?;
    let fresh = match site.repo.pinned(&place.path) {
        // Without what the index knows of the files they are compared by their contents.
        Some(git) => git.output(["read-tree", "HEAD"]).map_err(DispatchError::from).and_then(|_| changed(&git)),
        None => Ok(Vec::new()),
    };
    let is_same = |name: &String| {
        let of = |folder: &Utf8Path| read_bytes(&folder.join(name)).ok();
        of(worktree).is_some_and(|here| of(&place.path) == Some(here))
    };
    if let Ok(fresh) = &fresh {
        looks.retain(|name| fresh.contains(name) && is_same(name));
    }
    place.remove(site)?;
    fresh.map(|_| looks)
}

/// The other repositories inside of a worktree that its index knows: their paths, and the commits they are to be at.
fn embedded(git: &Git) -> Result<Vec<(String, ObjectId)>, DispatchError> {
    let staged = git.output(["ls-files", "--stage", "-z"])?;
    let link = |line: &str| {
        let (entry, path) = line.strip_prefix("160000 ")?.split_once('\t')?;
        Some((path.to_owned(), ObjectId::parse(entry.split(' ').next()?).ok()?))
    };
    Ok(staged.split('\0').filter_map(link).collect())
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
    if site.repo.git().find(["merge-base", &base.to_string(), &head.to_string()])?.is_none() {
        return Ok(Ruling::Denied(Untaken::Unrelated));
    }
    let place = Scratch::add(site, id, head)?;
    let rebased = rebase(site, &place.path, base);
    place.remove(site)?;
    rebased
}

fn rebase(site: &Site<'_>, path: &Utf8Path, base: ObjectId) -> Result<Ruling<ObjectId, Untaken>, DispatchError> {
    let Some(git) = site.repo.pinned(path) else { return Ok(Ruling::Denied(Untaken::NoScratch)) };
    let rebase = git.run([
        "rebase",
        STRATEGY,
        "--quiet",
        "--no-autostash",
        "--no-update-refs",
        "--no-autosquash",
        "--no-fork-point",
        "--no-gpg-sign",
        &base.to_string(),
    ])?;
    if rebase.code != 0 {
        let conflicts = git.output(["diff", "--name-only", "--diff-filter=U", "-z"]).unwrap_or_default();
        let files = conflicts.split('\0').filter(|file| !file.is_empty()).map(escape).collect::<Vec<_>>().join(", ");
        if files.is_empty() {
            return Ok(Ruling::Denied(Untaken::NotRebased(Failure::of(&rebase))));
        }
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
