//! `refs/os/sessions/<id>`: the log of a session. Whoever reads one reads its last commit; old ones are archived.

use super::Kind;
use super::sides::Sides;
use crate::core::id::{ObjectId, SESSIONS, SessionId};
use crate::git::Repo;
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

    fn merge(&self, repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
        sides.join_as_newer(repo)
    }
}
