//! Who holds a ticket, found in its chain.

use super::{Ledger, LedgerError};
use crate::core::holding::Holding;
use crate::core::id::ObjectId;
use crate::core::wire;

impl Ledger<'_> {
    /// Who claimed a ticket last; `None` if nobody did.
    ///
    /// # Errors
    /// When a commit of the chain cannot be read.
    pub(crate) fn find_holding(&self, tip: ObjectId) -> Result<Option<Holding>, LedgerError> {
        let mut next = Some(tip);
        while let Some(commit_id) = next {
            let commit = self.repo.read_commit(commit_id)?;
            let record = wire::decode(&commit.message).map_err(|source| LedgerError::Event { commit_id, source })?;
            let found = Holding::of_claim(&record.event, &commit.author, commit.time());
            if found.is_some() {
                return Ok(found);
            }
            next = commit.parents.first().copied();
        }
        Ok(None)
    }
}
