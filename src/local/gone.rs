//! Removes what is kept by ticket once the ticket is not live any more.

use camino::Utf8Path;

use crate::core::id::TicketId;
use crate::git::GitError;
use crate::git::process::remove_all;

/// Removes from a folder, whose entries have the names of tickets, what belongs to tickets that are not live.
///
/// # Errors
/// When something stays, or it cannot be asked what is live.
pub(super) fn forget(folder: &Utf8Path, is_live: impl Fn(&TicketId) -> Result<bool, GitError>) -> Result<(), GitError> {
    let Ok(entries) = folder.read_dir_utf8() else { return Ok(()) };
    for entry in entries.flatten() {
        let is_kept = match TicketId::parse(entry.file_name()) {
            Ok(id) => is_live(&id)?,
            Err(_) => false,
        };
        if !is_kept {
            remove_all(entry.path())?;
        }
    }
    Ok(())
}
