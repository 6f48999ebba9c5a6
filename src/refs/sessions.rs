//! `refs/os/sessions/<id>`: the log of a session. Whoever reads one reads its last commit; old ones are archived.

use super::sides::Sides;
use super::{Joined, Kind, Order, Scene};
use crate::core::id::{ObjectId, SESSIONS, SessionId};
use crate::core::ruling::Ruling;
use crate::ledger::{LedgerError, archive};

pub(crate) struct Sessions;

fn id_of(name: &str) -> Option<SessionId> {
    SessionId::parse(name.strip_prefix(SESSIONS)?).ok()
}

impl Kind for Sessions {
    fn owns(&self, name: &str) -> bool {
        id_of(name).is_some()
    }

    fn archive_path(&self, name: &str) -> Option<String> {
        id_of(name).map(|id| archive::session_path(&id))
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
