//! Worktrees: added, found and removed by git itself.

use camino::{Utf8Path, Utf8PathBuf};

use super::failure::{Failure, FailureKind};
use super::process::{read_file, remove_all};
use super::refs::pause;
use super::{Git, GitError, Repo, shared};
use crate::core::id::ObjectId;

/// One worktree of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worktree {
    pub(crate) path: Utf8PathBuf,
    /// The full name of the branch that is checked out in it.
    pub(crate) branch: Option<String>,
    pub(crate) head: Option<ObjectId>,
}

/// How a branch was moved forward where it is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Forwarded {
    Done,
    /// Files that are not committed are in the way; nothing was changed.
    Overwrites,
    Failed(Failure),
}

/// What came of the changes of a commit in a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Picked {
    /// The files with the changes.
    Tree(ObjectId),
    /// These files conflict.
    Conflicts(Vec<String>),
    Failed(Failure),
}

/// How git merges unless `pull.twohead` says otherwise, which rebases and cherry-picks heed as well.
pub(crate) const STRATEGY: &str = "--strategy=ort";
/// How often a git is run that reads worktrees while others are made.
const MAX_TRIES: u32 = 10;
/// The exit code of a merge that could not write the files; one that git gives up otherwise has another.
const NOT_WRITTEN: i32 = 1;

impl Git {
    /// Moves this branch, which is checked out here, to a commit ahead of it, together with index and files.
    ///
    /// # Errors
    /// When git cannot be started.
    pub(crate) fn fast_forward(&self, branch: &str, to: ObjectId) -> Result<Forwarded, GitError> {
        let to = to.to_string();
        let branch = branch.trim_start_matches("refs/heads/");
        // Options of the branch come before these, and some strategies make a merge of what could be forwarded.
        let git = self.clone().config(&format!("branch.{branch}.mergeOptions="));
        let output = git.run([
            "merge",
            STRATEGY,
            "--quiet",
            "--ff-only",
            "--no-squash",
            "--no-autostash",
            "--no-verify-signatures",
            "--no-stat",
            &to,
        ])?;
        if output.code == 0 {
            return Ok(Forwarded::Done);
        }
        let is_in_the_way =
            output.code == NOT_WRITTEN && self.run(["read-tree", "--dry-run", "-m", "-u", "HEAD", &to])?.code != 0;
        Ok(if is_in_the_way { Forwarded::Overwrites } else { Forwarded::Failed(Failure::of(&output)) })
    }
}

impl Git {
    /// Adds the changes of a commit to index and files of a worktree that nobody else uses, and commits nothing.
    ///
    /// # Errors
    /// When git cannot be started.
    pub(crate) fn pick(self, commit_id: ObjectId) -> Result<Picked, GitError> {
        // How somebody once resolved the same conflict by hand is not what is asked for.
        let git = self.config("core.hooksPath=/dev/null").config("rerere.enabled=false");
        let output = git.run(["cherry-pick", STRATEGY, "--no-commit", &commit_id.to_string()])?;
        if output.code == 0 {
            let written = git.run(["write-tree"])?;
            let tree_id = ObjectId::parse(String::from_utf8_lossy(&written.stdout).trim());
            return Ok(tree_id.map_or_else(|_| Picked::Failed(Failure::of(&written)), Picked::Tree));
        }
        let listed = git.output(["diff", "--name-only", "--diff-filter=U", "-z"])?;
        let files: Vec<_> = listed.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect();
        Ok(if files.is_empty() { Picked::Failed(Failure::of(&output)) } else { Picked::Conflicts(files) })
    }
}

impl Git {
    /// The commit that a name stands for here.
    ///
    /// # Errors
    /// When git cannot be started.
    pub(crate) fn find_commit(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let line = self.line(["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])?;
        Ok(line.and_then(|text| ObjectId::parse(&text).ok()))
    }
}

impl Repo {
    /// Moves a branch that is checked out nowhere; hooks are asked, as for any move of a branch.
    ///
    /// # Errors
    /// When git cannot be started.
    pub(crate) fn forward(&self, branch: &str, old: ObjectId, new: ObjectId, message: &str) -> Result<Forwarded, GitError> {
        let output = self.git().run(["update-ref", "-m", message, branch, &new.to_string(), &old.to_string()])?;
        Ok(if output.code == 0 { Forwarded::Done } else { Forwarded::Failed(Failure::of(&output)) })
    }

    /// All worktrees, the main one first.
    ///
    /// # Errors
    /// If git cannot list them.
    pub(crate) fn list_worktrees(&self) -> Result<Vec<Worktree>, GitError> {
        let out = unless_in_between(&self.git(), &["worktree", "list", "--porcelain", "-z"])?;
        let mut all: Vec<Worktree> = Vec::new();
        for line in out.split('\0') {
            match (line.split_once(' '), all.last_mut()) {
                (Some(("worktree", path)), _) => all.push(Worktree { path: path.into(), branch: None, head: None }),
                (Some(("HEAD", id)), Some(last)) => last.head = ObjectId::parse(id).ok().filter(|id| !id.is_zero()),
                (Some(("branch", name)), Some(last)) => last.branch = Some(name.to_owned()),
                _ => {}
            }
        }
        Ok(all)
    }

    /// Finds a worktree in which a rebase or a bisect of a branch is in progress. It has no branch meanwhile, and writes this one, or
    /// goes back to it, when it ends.
    ///
    /// # Errors
    /// If git cannot list the worktrees.
    pub(crate) fn find_operation_on(&self, branch: &str) -> Result<Option<(Utf8PathBuf, &'static str)>, GitError> {
        let short = branch.trim_start_matches("refs/heads/");
        for worktree in self.list_worktrees()?.into_iter().filter(|worktree| worktree.branch.is_none()) {
            let git_dir = self.find_worktree_git_dir(&worktree.path).unwrap_or_else(|| self.common_dir().to_owned());
            let says = |file: &str| read_file(&git_dir.join(file)).is_ok_and(|text| [branch, short].contains(&text.trim()));
            if says("rebase-merge/head-name") || says("rebase-apply/head-name") {
                return Ok(Some((worktree.path, "a rebase")));
            }
            if says("BISECT_START") {
                return Ok(Some((worktree.path, "a bisect")));
            }
        }
        Ok(None)
    }

    /// Adds a worktree for an existing branch, without running the repository's hooks.
    ///
    /// # Errors
    /// If git fails.
    pub(crate) fn add_worktree(&self, path: &Utf8Path, branch: &str) -> Result<(), GitError> {
        let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        let git = self.git().config("core.hooksPath=/dev/null");
        unless_in_between(&git, &["worktree", "add", "--force", path.as_str(), branch])?;
        self.share_worktree(path);
        Ok(())
    }

    /// Adds a worktree at a commit, on no branch, in place of what is left of another time; hooks do not run for it.
    ///
    /// # Errors
    /// When something is in the way and stays, or git cannot.
    pub(crate) fn add_detached_worktree(&self, path: &Utf8Path, commit_id: ObjectId) -> Result<(), GitError> {
        // Its folder, or what git knows of it.
        if path.as_std_path().exists() || self.find_worktree_git_dir(path).is_some() {
            self.clear_worktree(path)?;
        }
        let git = self.git().config("core.hooksPath=/dev/null");
        unless_in_between(&git, &["worktree", "add", "--quiet", "--force", "--detach", path.as_str(), &commit_id.to_string()])?;
        self.share_worktree(path);
        Ok(())
    }

    /// Opens the git directory of a new worktree to the users of a shared repository; `git worktree add` does not.
    fn share_worktree(&self, path: &Utf8Path) {
        if let Some(git_dir) = self.find_worktree_git_dir(path) {
            shared::adjust(&git_dir);
        }
    }

    /// Removes a worktree with all that is in it; whoever calls has saved what matters.
    ///
    /// # Errors
    /// If git fails.
    pub(crate) fn remove_worktree(&self, path: &Utf8Path) -> Result<(), GitError> {
        unless_in_between(&self.git(), &["worktree", "remove", "--force", "--force", path.as_str()]).map(drop)
    }

    /// Removes a worktree even if git alone cannot: with read-only folders, or if its folder is already gone.
    ///
    /// # Errors
    /// If something of it remains.
    pub(crate) fn clear_worktree(&self, path: &Utf8Path) -> Result<(), GitError> {
        if self.remove_worktree(path).is_err() {
            remove_all(path)?;
        }
        match self.find_worktree_git_dir(path) {
            Some(git_dir) => remove_all(&git_dir),
            None => Ok(()),
        }
    }

    /// The git directory of a worktree, found from the repository and not from files in the worktree.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the files of a git directory belong to this module")]
    pub(crate) fn find_worktree_git_dir(&self, path: &Utf8Path) -> Option<Utf8PathBuf> {
        let folder = self.common_dir().join("worktrees");
        let is_its = |git_dir: &Utf8PathBuf| {
            let points_to = std::fs::read_to_string(git_dir.join("gitdir")).unwrap_or_default();
            // Since git 2.48 it may be relative to the folder that it is in.
            git_dir.join(points_to.trim()).parent().is_some_and(|known| is_same_place(known, path))
        };
        // git names it as the folder, unless another worktree has that name.
        let likely = path.file_name().map(|name| folder.join(name)).filter(is_its);
        likely.or_else(|| folder.read_dir_utf8().ok()?.flatten().map(|entry| entry.path().to_owned()).find(is_its))
    }

    /// Returns a git for a worktree that an agent could write to.
    #[must_use]
    pub(crate) fn pinned(&self, path: &Utf8Path) -> Option<Git> {
        let git_dir = self.find_worktree_git_dir(path)?;
        Some(Git::pinned(path, &git_dir, self.common_dir()).patient_for(self.local_patience()))
    }
}

/// Runs a git that reads all worktrees first, and again if another one was just being made or removed.
fn unless_in_between(git: &Git, args: &[&str]) -> Result<String, GitError> {
    for tries in 1..MAX_TRIES {
        match git.output(args) {
            Err(GitError::Command { source, .. }) if source.kind == FailureKind::LostRace => pause(tries),
            done => return done,
        }
    }
    git.output(args)
}

/// Whether two paths mean the same folder, through any links, and even if it does not exist.
#[must_use]
pub(crate) fn is_same_place(left: &Utf8Path, right: &Utf8Path) -> bool {
    let real = |path: &Utf8Path| {
        path.canonicalize_utf8().ok().or_else(|| Some(path.parent()?.canonicalize_utf8().ok()?.join(path.file_name()?)))
    };
    left == right || left.file_name() == right.file_name() && real(left).is_some_and(|left| real(right) == Some(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::process::{remove_file, write_file};
    use crate::git::tests::repo;

    #[test]
    fn what_is_in_the_way_of_a_branch_is_told_from_what_else_stops_it() {
        let (_dir, repo) = repo();
        let git = repo.git().variable("GIT_AUTHOR_NAME", "A").variable("GIT_AUTHOR_EMAIL", "a@example.com");
        let git = git.variable("GIT_COMMITTER_NAME", "A").variable("GIT_COMMITTER_EMAIL", "a@example.com");
        let commit = |text: &str| {
            write_file(&repo.home().join("a"), text.as_bytes(), 0o644).expect("written");
            git.output(["add", "a"]).expect("added");
            git.output(["commit", "--quiet", "--message", text]).expect("committed");
            ObjectId::parse(git.output(["rev-parse", "HEAD"]).expect("a commit").trim()).expect("an id")
        };
        let (first, next) = (commit("1"), commit("2"));
        let branch = git.output(["symbolic-ref", "HEAD"]).expect("a branch");
        let branch = branch.trim();
        git.output(["reset", "--quiet", "--hard", &first.to_string()]).expect("reset");
        write_file(&repo.home().join("a"), b"mine", 0o644).expect("written");
        assert_eq!(git.fast_forward(branch, next).expect("git starts"), Forwarded::Overwrites);
        git.output(["add", "a"]).expect("added");
        assert_eq!(git.fast_forward(branch, next).expect("git starts"), Forwarded::Overwrites);
        git.output(["reset", "--quiet", "--hard"]).expect("reset");
        let hook = repo.git_dir().join("hooks/reference-transaction");
        write_file(&hook, b"#!/bin/sh\nexit 1\n", 0o755).expect("written");
        assert!(matches!(git.fast_forward(branch, next).expect("git starts"), Forwarded::Failed(_)));
        remove_file(&hook).expect("removed");
        assert_eq!(git.fast_forward(branch, next).expect("git starts"), Forwarded::Done);
        let aside = commit("3");
        git.output(["reset", "--quiet", "--hard", &first.to_string()]).expect("reset");
        assert!(commit("4") != aside);
        assert!(matches!(git.fast_forward(branch, aside).expect("git starts"), Forwarded::Failed(_)));
    }
}
