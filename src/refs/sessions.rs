//! `refs/os/sessions/<id>`: the log of a session. Whoever reads one reads its last commit; old ones are archived.

use super::Kind;
use super::sides::Sides;
use crate::core::holding::address_of;
use crate::core::id::{ObjectId, SESSIONS, SessionId};
use crate::core::session::Seen;
use crate::git::Repo;
use crate::git::object::Commit;
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

/// The file with what sessions have seen.
pub(crate) const SEEN: &str = "seen.json";
/// The maximum size of a file that is read, in bytes.
pub(crate) const MAX_FILE: usize = 16 * 1024 * 1024;

/// The latest session of a hub.
pub(crate) struct Latest {
    pub(crate) id: SessionId,
    pub(crate) tip: ObjectId,
    pub(crate) commit: Commit,
    pub(crate) seen: Seen,
}

/// Finds the latest session. Two of one second are ordered by their numbers.
///
/// # Errors
/// If the hub cannot be read.
pub(crate) fn find_latest(hub: &Repo) -> Result<Option<Latest>, LedgerError> {
    find_latest_where(hub, |_| true)
}

/// Finds the latest session of the person with this address.
///
/// # Errors
/// If the hub cannot be read.
pub(crate) fn find_latest_of(hub: &Repo, address: &str) -> Result<Option<Latest>, LedgerError> {
    find_latest_where(hub, |commit| address_of(&commit.author).eq_ignore_ascii_case(address))
}

fn find_latest_where(hub: &Repo, is_wanted: impl Fn(&Commit) -> bool) -> Result<Option<Latest>, LedgerError> {
    let seen = |commit: &Commit| -> Result<Seen, LedgerError> {
        let json = hub.find_file(commit.tree_id, SEEN, MAX_FILE)?;
        Ok(json.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
    };
    let mut latest: Option<(Commit, SessionId, ObjectId)> = None;
    for (name, tip) in hub.list_refs(SESSIONS)? {
        let Some(id) = id_of(&name) else { continue };
        // Ignore a ref that does not point to a commit.
        let Ok(commit) = hub.read_commit(tip) else { continue };
        if !is_wanted(&commit) {
            continue;
        }
        let is_later = match &latest {
            None => true,
            Some((other, _, other_tip)) if commit.time() == other.time() => {
                (seen(&commit)?.number, tip) > (seen(other)?.number, *other_tip)
            }
            Some((other, ..)) => commit.time().0 > other.time().0,
        };
        if is_later {
            latest = Some((commit, id, tip));
        }
    }
    let Some((commit, id, tip)) = latest else { return Ok(None) };
    let seen = seen(&commit)?;
    Ok(Some(Latest { id, tip, commit, seen }))
}
