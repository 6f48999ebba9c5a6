//! `refs/os/rescue/<ticket>/<time>`: what a worktree held that nobody handed in. Written once, on its own machine.

use super::{Kind, Scene, grows};
use crate::core::denial::Denial;
use crate::core::id::{ObjectId, RESCUE, TicketId, is_ref_component};
use crate::core::ruling::Ruling;
use crate::git::Repo;
use crate::ledger::LedgerError;

pub(crate) struct Rescued;

impl Kind for Rescued {
    fn owns(&self, name: &str) -> bool {
        let parts = name.strip_prefix(RESCUE).and_then(|rest| rest.split_once('/'));
        parts.is_some_and(|(id, time)| TicketId::parse(id).is_ok() && is_ref_component(time))
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn judge(&self, scene: &Scene<'_>, _name: &str, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
        written_once(scene.repo, old, new)
    }
}

/// What is written once, and never moves.
pub(super) fn written_once(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
    if old.is_some() { Ok(Ruling::Denied(Denial::WrittenOnce)) } else { grows(repo, None, new) }
}
