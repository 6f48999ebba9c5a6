//! What a remote had before a fetch and has lost since: nothing legal does that.

use crate::core::id::{ARCHIVE, ObjectId};
use crate::core::refs::{mirrored, tracking, tracking_prefix};
use crate::git::object;
use crate::git::tree::COMMIT;
use crate::ledger::{Ledger, LedgerError};
use crate::refs::{Kind, kind_of};

/// What a remote had before a fetch and has lost since, by the names it has there.
///
/// # Errors
/// When git cannot read.
pub(super) fn rewound(ledger: &Ledger<'_>, remote: &str, before: Vec<(String, ObjectId)>) -> Result<Vec<String>, LedgerError> {
    let repo = ledger.repo;
    let prefix = tracking_prefix(remote);
    let archive = repo.find_ref(&tracking(remote, ARCHIVE))?;
    let mut all = Vec::new();
    for (tracked, old) in before {
        let name = mirrored(&tracked[prefix.len()..]);
        let Some(kind) = kind_of(&name).filter(|kind| kind.is_shared()) else { continue };
        let is_kept = match repo.find_ref(&tracked)? {
            Some(new) if new == old => true,
            Some(new) => repo.read_header(new)?.0 == object::Kind::Commit && kind.keeps(ledger, old, new)?,
            // What was archived is kept there.
            None => match archive {
                Some(archive) => is_archived(ledger, archive, kind, &name, old)?,
                None => false,
            },
        };
        if !is_kept {
            all.push(name);
        }
    }
    Ok(all)
}

/// Whether an archive has all that a live ref had.
fn is_archived(ledger: &Ledger<'_>, archive: ObjectId, kind: &dyn Kind, name: &str, tip: ObjectId) -> Result<bool, LedgerError> {
    let repo = ledger.repo;
    let Some(path) = kind.archive_path(name) else { return Ok(false) };
    match repo.find_entry(repo.read_commit(archive)?.tree_id, &path)? {
        Some(entry) if entry.mode == COMMIT => kind.keeps(ledger, tip, entry.id),
        _ => Ok(false),
    }
}
