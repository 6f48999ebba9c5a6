//! Closed tickets, folded into one ref: commits whose parents are the folded tips, and a tree that names them.

use super::LedgerError;
use crate::core::id::{ARCHIVE, ObjectId, TicketId};
use crate::git::Repo;
use crate::git::object::{COMMIT, FOLDER};

/// The tip of an archived ticket.
///
/// # Errors
/// When the archive cannot be read.
pub(crate) fn find(repo: &Repo, id: &TicketId) -> Result<Option<ObjectId>, LedgerError> {
    let Some(tip) = repo.find_ref(ARCHIVE)? else { return Ok(None) };
    let path = format!("tickets/{}/{id}", &id.date()[..7]);
    let entry = repo.find_entry(repo.read_commit(tip)?.tree_id, &path)?;
    Ok(entry.filter(|entry| entry.mode == COMMIT).map(|entry| entry.id))
}

/// All archived tickets with their tips.
///
/// # Errors
/// When the archive cannot be read.
pub(crate) fn list(repo: &Repo) -> Result<Vec<(TicketId, ObjectId)>, LedgerError> {
    let Some(tip) = repo.find_ref(ARCHIVE)? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    let tickets = repo.find_entry(repo.read_commit(tip)?.tree_id, "tickets")?;
    for month in tickets.map(|entry| repo.read_tree(entry.id)).transpose()?.unwrap_or_default() {
        if month.mode == FOLDER {
            let entries = repo.read_tree(month.id)?.into_iter().filter(|entry| entry.mode == COMMIT);
            all.extend(entries.filter_map(|entry| Some((TicketId::parse(&entry.name).ok()?, entry.id))));
        }
    }
    Ok(all)
}
