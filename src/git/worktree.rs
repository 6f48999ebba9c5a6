//! Worktrees: added, found and removed by git itself.

use camino::{Utf8Path, Utf8PathBuf};

use super::process::remove_all;
use super::{Git, GitError, Repo};
use crate::core::id::ObjectId;

/// One worktree of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worktree {
    pub(crate) path: Utf8PathBuf,
    /// The full name of the branch that is checked out in it.
    pub(crate) branch: Option<String>,
    pub(crate) head: Option<ObjectId>,
}

impl Repo {
    /// Lists all worktrees, the main one first.
    ///
    /// # Errors
    /// If git cannot list them.
    pub(crate) fn list_worktrees(&self) -> Result<Vec<Worktree>, GitError> {
        let out = self.git().output(["worktree", "list", "--porcelain", "-z"])?;
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

    /// Adds a worktree for an existing branch, without running the repository's hooks.
    ///
    /// # Errors
    /// If git fails.
    pub(crate) fn add_worktree(&self, path: &Utf8Path, branch: &str) -> Result<(), GitError> {
        let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        self.git().config("core.hooksPath=/dev/null").output(["worktree", "add", "--force", path.as_str(), branch]).map(drop)
    }

    /// Removes a worktree and everything in it; the caller must save what matters first.
    ///
    /// # Errors
    /// If git fails.
    pub(crate) fn remove_worktree(&self, path: &Utf8Path) -> Result<(), GitError> {
        self.git().output(["worktree", "remove", "--force", "--force", path.as_str()]).map(drop)
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
        let folders = self.common_dir().join("worktrees").read_dir_utf8().ok()?;
        for folder in folders.flatten() {
            let git_dir = folder.path().to_owned();
            let points_to = std::fs::read_to_string(git_dir.join("gitdir")).unwrap_or_default();
            if Utf8Path::new(points_to.trim()).parent().is_some_and(|known| is_same_place(known, path)) {
                return Some(git_dir);
            }
        }
        None
    }

    /// Returns a git for a worktree that an agent could write to.
    #[must_use]
    pub(crate) fn pinned(&self, path: &Utf8Path) -> Option<Git> {
        let git_dir = self.find_worktree_git_dir(path)?;
        Some(Git::pinned(path, &git_dir, self.common_dir()))
    }
}

/// Whether two paths mean the same folder, through any links, and even if it does not exist.
#[must_use]
pub(crate) fn is_same_place(left: &Utf8Path, right: &Utf8Path) -> bool {
    let real = |path: &Utf8Path| {
        path.canonicalize_utf8().ok().or_else(|| Some(path.parent()?.canonicalize_utf8().ok()?.join(path.file_name()?)))
    };
    left == right || left.file_name() == right.file_name() && real(left).is_some_and(|left| real(right) == Some(left))
}
