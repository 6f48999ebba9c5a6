//! Syncing one repository with its shared remote.

use super::{Done, OperationError, Place};
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::core::meta::Push;
use crate::core::registry::RepoEntry;
use crate::core::text;
use crate::git::Repo;
use crate::ledger::{Ledger, shared_remote};
use crate::local::held;
use crate::sync::{self, Synced};

/// What a sync came to.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    pub(crate) synced: Synced,
    /// The tickets that this clone no longer holds.
    pub(crate) lost: Vec<(TicketId, State)>,
}

/// The remote that a repository is synced with: the one that was named, or the shared one.
///
/// # Errors
/// When there is none, or git does not know it.
pub(crate) fn remote_of(place: &Place, named: Option<&str>) -> Done<String> {
    let listed = || entry_of(place)?.remote.clone();
    let remote = named.map(str::to_owned).or_else(|| shared_remote(&place.repo)).or_else(listed);
    let remote = remote.ok_or(OperationError::NoSharedRemote)?;
    check_remote(&place.repo, &remote)?;
    Ok(remote)
}

/// Fetches, merges and pushes the refs of git-os in one place; a repository whose registry entry says `push = "never"` only
/// fetches and merges.
///
/// # Errors
/// When git fails; an unreachable remote is part of the outcome.
pub(crate) fn sync_here(place: &Place, remote: &str) -> Done<Brought> {
    sync_repo(&place.repo, entry_of(place), remote)
}

/// As [`sync_here`], for a repository of the registry.
///
/// # Errors
/// When git fails, or does not know the remote.
pub(crate) fn sync_listed(repo: &Repo, entry: &RepoEntry, remote: &str) -> Done<Brought> {
    check_remote(repo, remote)?;
    sync_repo(repo, Some(entry), remote)
}

fn sync_repo(repo: &Repo, entry: Option<&RepoEntry>, remote: &str) -> Done<Brought> {
    let is_pushed = entry.is_none_or(|entry| entry.push != Push::Never);
    let synced = if is_pushed { sync::sync(repo, remote)? } else { sync::pull(repo, remote)? };
    Ok(Brought { synced, lost: forget_lost(repo)? })
}

/// Forgets the tickets that this clone took by hand and that somebody else has or closed by now; answers them with their states.
fn forget_lost(repo: &Repo) -> Done<Vec<(TicketId, State)>> {
    let mut lost = Vec::new();
    for id in held::list(repo) {
        let Some(entry) = Ledger::open(repo)?.find(&id)? else { continue };
        let is_ours = entry.ticket.run.map(|run| run.to_string()) == held::find(repo, &id);
        if entry.ticket.state != State::Merged && (!is_ours || entry.ticket.state.is_terminal()) {
            held::forget(repo, &id)?;
            lost.push((id, entry.ticket.state));
        }
    }
    Ok(lost)
}

fn entry_of(place: &Place) -> Option<&RepoEntry> {
    place.workspace.as_ref()?.registry.find_repo(place.name.as_ref()?.as_str())
}

fn check_remote(repo: &Repo, remote: &str) -> Done<()> {
    match repo.config(&format!("remote.{remote}.url")) {
        Some(_) => Ok(()),
        None => Err(OperationError::NoRemote(text::escape(remote))),
    }
}
