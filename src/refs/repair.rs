//! Putting a ref back to what is legal of it; what is illegal is kept, and nothing is thrown away.

use serde::Serialize;

use super::rejected;
use crate::core::id::ObjectId;
use crate::git::Repo;
use crate::git::refs::{Moved, RefEdit};
use crate::ledger::LedgerError;

/// A ref that was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Repaired {
    #[serde(rename = "ref")]
    pub(crate) ref_name: String,
    pub(crate) from: ObjectId,
    /// None where nothing of it was legal, and the ref is gone.
    pub(crate) to: Option<ObjectId>,
    /// The ref that keeps what was there.
    pub(crate) kept: String,
}

/// Keeps a tip, then moves its ref to another, or deletes it; nothing when the ref moved meanwhile.
///
/// # Errors
/// When git cannot write.
pub(super) fn put_back(repo: &Repo, name: &str, from: ObjectId, to: Option<ObjectId>) -> Result<Option<Repaired>, LedgerError> {
    let kept = rejected::keep(repo, from)?;
    let edit = match to {
        Some(to) => RefEdit::advance(name, Some(from), to),
        None => RefEdit::delete(name, from),
    };
    Ok(match repo.move_refs(&[edit])? {
        Moved::Done => Some(Repaired { ref_name: name.to_owned(), from, to, kept }),
        Moved::Lost => None,
    })
}
