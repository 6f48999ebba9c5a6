//! A worktree for one verification, on no branch: what agents left running or wrote elsewhere is not in it.

use camino::Utf8PathBuf;

use super::{DispatchError, Site, include};
use crate::agent::process;
use crate::core::id::{ObjectId, TicketId};
use crate::git::process::remove_all;
use crate::local::worktrees::of_verification;

/// A clean worktree of one commit, for one verification.
pub(super) struct Scratch {
    pub(super) path: Utf8PathBuf,
}

/// What becomes of files that git ignores, such as caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignored {
    Kept,
    /// They may hold what was made of other files.
    Removed,
}

impl Scratch {
    pub(super) fn add(site: &Site<'_>, id: &TicketId, head: ObjectId) -> Result<Self, DispatchError> {
        let place = Self { path: of_verification(&site.repo, id) };
        if place.path.as_std_path().exists() {
            process::sweep_place(&place.path);
        }
        site.repo.add_detached_worktree(&place.path, head)?;
        include(&site.repo, &place.path)?;
        Ok(place)
    }

    /// Resets the files to a commit, whatever ran before.
    pub(super) fn restore(&self, site: &Site<'_>, commit_id: ObjectId, ignored: Ignored) -> Result<(), DispatchError> {
        let (Some(git), Some(git_dir)) = (site.repo.pinned(&self.path), site.repo.find_worktree_git_dir(&self.path)) else {
            return Err(DispatchError::Vanished(self.path.clone()));
        };
        // An index that a check has manipulated could hide changes.
        remove_all(&git_dir.join("index"))?;
        remove_all(&git_dir.join("index.lock"))?;
        git.output(["update-ref", "--no-deref", "HEAD", &commit_id.to_string()])?;
        git.output(["reset", "--quiet", "--hard"])?;
        let clean = ["clean", "--quiet", "-d", "--force", "--force"];
        git.output(clean.into_iter().chain((ignored == Ignored::Removed).then_some("-x")))?;
        include(&site.repo, &self.path)
    }

    pub(super) fn remove(&self, site: &Site<'_>) -> Result<(), DispatchError> {
        Ok(site.repo.clear_worktree(&self.path)?)
    }
}
