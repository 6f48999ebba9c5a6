//! `refs/os/proposals/<id>`: a change that somebody has to decide on. Whoever reads one reads its last commit.

use super::Kind;
use super::sides::Sides;
use crate::core::id::{ObjectId, PROPOSALS, is_ref_component};
use crate::git::Repo;
use crate::ledger::LedgerError;

pub(crate) struct Proposals;

impl Kind for Proposals {
    fn owns(&self, name: &str) -> bool {
        name.strip_prefix(PROPOSALS).is_some_and(is_ref_component)
    }

    fn merge(&self, repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
        sides.join_as_newer(repo)
    }
}
