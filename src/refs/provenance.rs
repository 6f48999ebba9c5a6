//! `refs/notes/os/provenance`: where a commit comes from. Of two sides, a note has the lines of both.

use super::sides::Sides;
use super::{Joined, Kind, Order, Scene};
use crate::core::id::{ObjectId, PROVENANCE_NOTES};
use crate::core::ruling::Ruling;
use crate::ledger::LedgerError;

pub(crate) struct Provenance;

impl Kind for Provenance {
    fn owns(&self, name: &str) -> bool {
        name == PROVENANCE_NOTES
    }

    fn join(
        &self,
        scene: &Scene<'_>,
        _name: &str,
        (ours, theirs): (ObjectId, ObjectId),
        order: Order,
    ) -> Result<Ruling<Joined>, LedgerError> {
        Sides::of(scene.repo, ours, theirs, order)?.join_notes(scene.repo)
    }
}
