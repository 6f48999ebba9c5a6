//! Whether work stays in the scope of its ticket.

use super::{Ledger, LedgerError};
use crate::core::denial::{Cause, Denial};
use crate::core::id::ObjectId;
use crate::core::ruling::Ruling;
use crate::core::scope;
use crate::core::ticket::Content;
use crate::git::mixture::Keep;

impl Ledger<'_> {
    /// Judges which files work changes, from its base to its head. Commits that are not here are not looked at: work that was redone is
    /// kept by nobody.
    ///
    /// # Errors
    /// When git cannot read what it takes.
    pub(crate) fn judge_scope(&self, content: &Content, base: ObjectId, head: ObjectId) -> Result<Ruling<()>, LedgerError> {
        if content.scope.is_empty() || !self.repo.has_object(base) || !self.repo.has_object(head) {
            return Ok(Ruling::Granted(()));
        }
        let outside = |path: String, more| Ok(Ruling::Denied(Denial::OutOfScope { path, more }));
        let Some(paths) = scope::paths(&content.scope) else { return outside(String::new(), 0) };
        let tree_of = |commit_id| self.repo.read_commit(commit_id).map(|commit| commit.tree_id);
        let (base, head) = (tree_of(base)?, tree_of(head)?);
        // The files of the scope as the work has them, and all others as they were: that is the work.
        match self.repo.mix(base, head, &paths, Keep::Named) {
            Ok(mixed) if mixed.tree_id == head => return Ok(Ruling::Granted(())),
            Ok(_) => {}
            Err(error) => return Ok(Ruling::Denied(Denial::Unreadable(Cause::new(error)))),
        }
        let changed = self.repo.changed_paths(Some(base), Some(head)).ok().flatten().unwrap_or_default();
        let mut others = changed.into_iter().filter(|path| !paths.has(path));
        outside(others.next().unwrap_or_default(), others.count())
    }
}
