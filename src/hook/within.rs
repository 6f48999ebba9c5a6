//! Whether a hook runs on behalf of an agent or a check.

use crate::core::event::Action;
use crate::env::find_place;
use crate::git::Repo;
use crate::git::worktree::is_same_place;
use crate::ledger::replay::links;
use crate::ledger::{Ledger, LedgerError};
use crate::local::worktrees;

/// Whether this process was started by an agent or a check that git-os started in a worktree of this repository, or works in the worktree of a
/// ticket that an agent holds. They can hide it; what they do then is found afterwards.
///
/// # Errors
/// If the tickets cannot be read.
pub(super) fn is_in_run(repo: &Repo, ledger: Option<&Ledger<'_>>) -> Result<bool, LedgerError> {
    if find_place().is_some_and(|place| repo.find_worktree_git_dir(&place).is_some()) {
        return Ok(true);
    }
    let (Some(ledger), true) = (ledger, repo.git_dir() != repo.common_dir()) else { return Ok(false) };
    for row in ledger.rows()?.tickets.into_iter().filter(|row| row.ticket.state.is_held()) {
        let git_dir = repo.find_worktree_git_dir(&worktrees::of_ticket(repo, &row.id));
        if git_dir.is_some_and(|git_dir| is_same_place(&git_dir, repo.git_dir())) {
            let links = links(repo, row.tip, None)?.granted().unwrap_or_default();
            let claim = links.into_iter().find(|link| matches!(link.record.event.action, Action::Claim { .. }));
            return Ok(claim.is_some_and(|claim| claim.record.event.agent.is_some()));
        }
    }
    Ok(false)
}
