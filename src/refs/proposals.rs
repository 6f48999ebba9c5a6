//! `refs/os/proposals/<id>`: a change that somebody has to decide on. Whoever reads one reads its last commit.

use super::sides::Sides;
use super::{Joined, Kind, Order, Scene};
use crate::core::id::{ObjectId, PROPOSALS, is_ref_component};
use crate::core::ruling::Ruling;
use crate::ledger::LedgerError;

pub(crate) struct Proposals;

impl Kind for Proposals {
    fn owns(&self, name: &str) -> bool {
        name.strip_prefix(PROPOSALS).is_some_and(is_ref_component)
    }

    fn join(
        &self,
        scene: &Scene<'_>,
        _name: &str,
        (ours, theirs): (ObjectId, ObjectId),
        order: Order,
    ) -> Result<Ruling<Joined>, LedgerError> {
        Sides::of(scene.repo, ours, theirs, order)?.join_as_newer(scene.repo)
    }
}
