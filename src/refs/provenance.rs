//! `refs/notes/os/provenance`: where a commit comes from. Of two sides, a note has the lines of both.

use super::Kind;
use super::sides::Sides;
use crate::core::id::{ObjectId, PROVENANCE_NOTES};
use crate::git::Repo;
use crate::ledger::LedgerError;

pub(crate) struct Provenance;

impl Kind for Provenance {
    fn owns(&self, name: &str) -> bool {
        name == PROVENANCE_NOTES
    }

    fn merge(&self, repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
        sides.join_notes(repo)
    }
}
