//! `refs/os/rejected/<time>-<id>`: histories that gave way, whole. Written once, on the machine where they lost.

use super::rescue::written_once;
use super::{Kind, Scene};
use crate::core::id::{ObjectId, REJECTED, is_ref_component};
use crate::core::ruling::Ruling;
use crate::git::Repo;
use crate::git::refs::{Moved, RefEdit};
use crate::ledger::LedgerError;

pub(crate) struct Rejected;

impl Kind for Rejected {
    fn owns(&self, name: &str) -> bool {
        name.strip_prefix(REJECTED).is_some_and(is_ref_component)
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn judge(&self, scene: &Scene<'_>, _name: &str, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
        written_once(scene.repo, old, new)
    }
}

/// Keeps a history that gives way, signatures and all. Returns the name of its ref.
///
/// # Errors
/// When git cannot write.
pub(super) fn keep(repo: &Repo, tip: ObjectId) -> Result<String, LedgerError> {
    let time = repo.read_commit(tip)?.time().to_string().to_lowercase().replace(':', "");
    let name = format!("{REJECTED}{time}-{}", tip.short(12));
    match repo.move_refs(&[RefEdit::create(name.clone(), tip)])? {
        // It is there from the fold before, which was interrupted.
        Moved::Done | Moved::Lost => Ok(name),
    }
}
