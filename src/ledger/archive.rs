//! What the archive holds: the last commits of closed tickets and old sessions, by path. Read here, moved by `refs`.

use std::collections::BTreeMap;

use super::LedgerError;
use crate::core::id::{ARCHIVE, ObjectId, SessionId, TicketId};
use crate::git::Repo;
use crate::git::tree::{COMMIT, FOLDER};

/// What is folded: the path in the archive's tree, and the tip.
pub(crate) type Folds = BTreeMap<String, ObjectId>;

pub(crate) fn ticket_path(id: &TicketId) -> String {
    format!("tickets/{}/{id}", &id.date()[..7])
}

pub(crate) fn session_path(id: &SessionId) -> String {
    format!("sessions/{}/{id}", &id.as_str()[..7])
}

/// The tip that the archive keeps at a path.
///
/// # Errors
/// When the archive cannot be read.
pub(crate) fn find_path(repo: &Repo, path: &str) -> Result<Option<ObjectId>, LedgerError> {
    let Some(tip) = repo.find_ref(ARCHIVE)? else { return Ok(None) };
    let entry = repo.find_entry(repo.read_commit(tip)?.tree_id, path)?;
    Ok(entry.filter(|entry| entry.mode == COMMIT).map(|entry| entry.id))
}

/// The tip of an archived ticket.
///
/// # Errors
/// When the archive cannot be read.
pub(crate) fn find(repo: &Repo, id: &TicketId) -> Result<Option<ObjectId>, LedgerError> {
    find_path(repo, &ticket_path(id))
}

/// All that an archive's tree names, by path.
pub(crate) fn entries(repo: &Repo, tree_id: ObjectId) -> Result<Folds, LedgerError> {
    let mut all = Folds::new();
    for top in repo.read_tree(tree_id)? {
        for month in if top.mode == FOLDER { repo.read_tree(top.id)? } else { Vec::new() } {
            for entry in if month.mode == FOLDER { repo.read_tree(month.id)? } else { Vec::new() } {
                if entry.mode == COMMIT {
                    all.insert(format!("{}/{}/{}", top.name, month.name, entry.name), entry.id);
                }
            }
        }
    }
    Ok(all)
}

pub(crate) fn present(repo: &Repo) -> Result<Folds, LedgerError> {
    match repo.find_ref(ARCHIVE)? {
        Some(tip) => entries(repo, repo.read_commit(tip)?.tree_id),
        None => Ok(Folds::new()),
    }
}

/// All archived tickets with their tips.
///
/// # Errors
/// When the archive cannot be read.
pub(crate) fn list(repo: &Repo) -> Result<Vec<(TicketId, ObjectId)>, LedgerError> {
    let id = |path: &str| TicketId::parse(path.strip_prefix("tickets/")?.split_once('/')?.1).ok();
    Ok(present(repo)?.into_iter().filter_map(|(path, tip)| Some((id(&path)?, tip))).collect())
}

/// All archived sessions with their tips.
///
/// # Errors
/// When the archive cannot be read.
pub(crate) fn list_sessions(repo: &Repo) -> Result<Vec<(SessionId, ObjectId)>, LedgerError> {
    let id = |path: &str| SessionId::parse(path.strip_prefix("sessions/")?.split_once('/')?.1).ok();
    Ok(present(repo)?.into_iter().filter_map(|(path, tip)| Some((id(&path)?, tip))).collect())
}

/// From how many questions on all that the archive names is read at once.
const MANY: usize = 100;

/// What the archive names, read as a whole or entry by entry, whichever is less to read.
pub(crate) struct Lookup(Option<Folds>);

impl Lookup {
    /// For so many questions.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub(crate) fn of(repo: &Repo, questions: usize) -> Result<Self, LedgerError> {
        Ok(Self(if questions < MANY { None } else { Some(present(repo)?) }))
    }

    /// The tip of an archived ticket.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub(crate) fn find_ticket(&self, repo: &Repo, id: &TicketId) -> Result<Option<ObjectId>, LedgerError> {
        self.find(repo, &ticket_path(id))
    }

    pub(crate) fn find(&self, repo: &Repo, path: &str) -> Result<Option<ObjectId>, LedgerError> {
        match &self.0 {
            Some(all) => Ok(all.get(path).copied()),
            None => find_path(repo, path),
        }
    }
}
