//! Which tickets are ready: in the state `ready`, and everything they depend on has landed.

use std::collections::HashSet;

use super::{Workspace, WorkspaceError};
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::git::Repo;
use crate::ledger::cache::Row;
use crate::ledger::{Ledger, LedgerError, archive};

/// Decides which tickets are ready, in a workspace or, without one, in one repository.
pub(crate) struct Readiness<'a> {
    workspace: Option<&'a Workspace>,
    repo: &'a Repo,
    merged: HashSet<TicketId>,
}

impl<'a> Readiness<'a> {
    /// Without a workspace, all dependencies are looked for in `repo`.
    #[must_use]
    pub(crate) fn new(workspace: Option<&'a Workspace>, repo: &'a Repo) -> Self {
        Self { workspace, repo, merged: HashSet::new() }
    }

    /// Takes over which tickets are merged from rows that were read before, so that they are not read again.
    #[must_use]
    pub(crate) fn knowing<'r>(mut self, rows: impl Iterator<Item = &'r Row>) -> Self {
        self.merged = rows.filter(|row| row.ticket.state == State::Merged).map(|row| row.id.clone()).collect();
        self
    }

    /// Whether a ticket is ready.
    ///
    /// # Errors
    /// When a repository cannot be read.
    pub(crate) fn is_ready(&self, row: &Row) -> Result<bool, WorkspaceError> {
        let depends = || row.ticket.content.depends.iter().filter(|id| !self.merged.contains(id));
        Ok(row.ticket.state == State::Ready && open_dependency(self.workspace, self.repo, depends())?.is_none())
    }
}

/// The first of these tickets that is not merged anywhere in a workspace or, without one, in one repository.
///
/// # Errors
/// When a repository cannot be read.
pub(crate) fn open_dependency<'i>(
    workspace: Option<&Workspace>,
    repo: &Repo,
    depends: impl Iterator<Item = &'i TicketId>,
) -> Result<Option<TicketId>, WorkspaceError> {
    'next: for id in depends {
        let Some(workspace) = workspace else {
            if is_merged_in(repo, id)? != Some(true) {
                return Ok(Some(id.clone()));
            }
            continue;
        };
        for entry in &workspace.registry.repos {
            // A repository that is not here may hold it; then it is not known to be merged.
            let Ok(repo) = workspace.open(entry) else { continue };
            match is_merged_in(&repo, id)? {
                Some(true) => continue 'next,
                Some(false) => break,
                None => {}
            }
        }
        return Ok(Some(id.clone()));
    }
    Ok(None)
}

/// Whether a ticket of this repository is merged; `None` if the repository does not have it.
fn is_merged_in(repo: &Repo, id: &TicketId) -> Result<Option<bool>, LedgerError> {
    let Ok(ledger) = Ledger::open(repo) else { return Ok(None) };
    let tip = match repo.find_ref(&id.ref_name())? {
        Some(tip) => Some(tip),
        None => archive::find(repo, id)?,
    };
    // What cannot be read is not known to be merged.
    Ok(tip.map(|tip| ledger.read_entry(id.clone(), tip).is_ok_and(|entry| entry.ticket.state == State::Merged)))
}
