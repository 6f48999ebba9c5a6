//! Whether a hook runs on behalf of an agent or a check.

use camino::{Utf8Path, Utf8PathBuf};

use crate::core::event::Action;
use crate::env::{Env, PLACE};
use crate::git::Repo;
use crate::git::process::{find_parent, read_bytes};
use crate::git::worktree::is_same_place;
use crate::ledger::replay::links;
use crate::ledger::{Ledger, LedgerError};
use crate::local::worktrees;

/// How far up the processes are looked at.
const GENERATIONS: usize = 256;

/// The folder in which git-os started the agent or check that this process belongs to: by its own environment, or by that of the nearest
/// process above it which has one. An agent can take it from what it starts, but not from itself. Where there is no `/proc`, or a process is
/// somebody else's, its environment is not known.
#[must_use]
pub(crate) fn find_place() -> Option<Utf8PathBuf> {
    if let Some(place) = Env::place() {
        return Some(place);
    }
    let mark = format!("{PLACE}=");
    let mut id = std::os::unix::process::parent_id();
    for _ in 0..GENERATIONS {
        let variables = read_bytes(Utf8Path::new(&format!("/proc/{id}/environ"))).unwrap_or_default();
        let found = variables.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(mark.as_bytes()));
        if let Some(place) = found.and_then(|place| std::str::from_utf8(place).ok()) {
            return Some(place.into());
        }
        id = find_parent(id).filter(|parent| *parent > 1)?;
    }
    None
}

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
