//! `refs/notes/os/strays`: notes on commits that came to a protected branch while an agent worked, though no ticket landed them. Only on the
//! machine where that happened: whoever has looked at a commit may remove its note.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::core::id::{ObjectId, RunId, STRAYS, TicketId};
use crate::core::text::MAX_FILE;
use crate::git::Repo;
use crate::ledger::{Ledger, LedgerError};

/// How many are noted of one run.
const MAX: usize = 100;

pub(crate) struct Strays;

impl Kind for Strays {
    fn owns(&self, name: &str) -> bool {
        name == STRAYS
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// During which run a commit came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) version: u32,
    pub(crate) ticket: TicketId,
    pub(crate) run: RunId,
    pub(crate) agent: String,
}

/// A commit of a protected branch, and during which run it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Stray {
    pub(crate) branch: String,
    pub(crate) commit: ObjectId,
    #[serde(flatten)]
    pub(crate) origin: Origin,
}

/// Notes commits, but no more than are worth to be looked at one by one.
///
/// # Errors
/// If git cannot write.
pub(crate) fn add(repo: &Repo, commits: &[ObjectId], origin: &Origin) -> Result<(), LedgerError> {
    let line = serde_json::json!(origin).to_string();
    for commit_id in commits.iter().take(MAX) {
        repo.add_note_line(STRAYS, *commit_id, &line, &repo.identity()?)?;
    }
    Ok(())
}

/// Those that are in a protected branch now. A note of somebody else's is none.
///
/// # Errors
/// If git cannot read the notes.
pub(crate) fn list(ledger: &Ledger<'_>) -> Result<Vec<Stray>, LedgerError> {
    let repo = ledger.repo;
    let Some(tip) = repo.find_ref(STRAYS)? else { return Ok(Vec::new()) };
    let mut strays = Vec::new();
    for (commit, note) in repo.list_notes(tip)? {
        let Ok(text) = repo.read_blob(note, MAX_FILE) else { continue };
        let Some(origin) = text.split(|byte| *byte == b'\n').find_map(|line| serde_json::from_slice::<Origin>(line).ok()) else {
            continue;
        };
        for branch in &ledger.policy.protected {
            let tip = repo.find_ref(&format!("refs/heads/{branch}"))?;
            if tip.is_some_and(|tip| repo.is_ancestor(commit, tip).unwrap_or(false)) {
                strays.push(Stray { branch: branch.clone(), commit, origin: origin.clone() });
            }
        }
    }
    Ok(strays)
}
