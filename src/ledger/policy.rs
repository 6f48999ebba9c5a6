//! The policy on `refs/os/meta`, as everybody reads it. It is published and moved by `refs`.

use super::{Ledger, LedgerError};
use crate::core::id::{META, ObjectId};
use crate::core::meta::{FILE, Policy};
use crate::core::text::MAX_FILE;
use crate::core::trailers::{self, Key};
use crate::git::Repo;
use crate::git::object::Commit;

/// The root of the policy's chain and the policy at its tip.
///
/// # Errors
/// When the chain or the policy cannot be read.
pub(crate) fn read(repo: &Repo) -> Result<Option<(ObjectId, Policy)>, LedgerError> {
    read_at(repo, META)
}

/// The policy that a ref holds, such as the one that a remote's was fetched to, with the root of its chain.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn read_at(repo: &Repo, ref_name: &str) -> Result<Option<(ObjectId, Policy)>, LedgerError> {
    let Some(tip) = repo.find_ref(ref_name)? else { return Ok(None) };
    let commit = repo.read_commit(tip).map_err(LedgerError::PolicyObject)?;
    let policy = read_file(repo, commit.tree_id).map_err(|error| match error {
        LedgerError::Git(error) => LedgerError::PolicyObject(error),
        error => error,
    })?;
    Ok(Some((root_at(tip, &commit), policy)))
}

/// The root stands in every later commit, so that the chain need not be walked.
pub(crate) fn root_at(tip: ObjectId, commit: &Commit) -> ObjectId {
    root_of(&commit.message).unwrap_or(tip)
}

pub(crate) fn root_of(message: &[u8]) -> Option<ObjectId> {
    let parts = trailers::read(message, &[Key::Schema, Key::Root, Key::Nonce]).ok()?;
    parts.trailers.find(Key::Root).and_then(|text| ObjectId::parse(text).ok())
}

pub(crate) fn read_file(repo: &Repo, tree_id: ObjectId) -> Result<Policy, LedgerError> {
    let text = repo.find_file(tree_id, FILE, MAX_FILE)?.unwrap_or_default();
    Policy::from_json(&text).map_err(LedgerError::Policy)
}

impl Ledger<'_> {
    /// The tip of the branch on which tickets land, if it exists.
    ///
    /// # Errors
    /// When the refs cannot be read.
    pub(crate) fn find_trunk_tip(&self) -> Result<Option<ObjectId>, LedgerError> {
        match self.policy.trunk() {
            Some(trunk) => Ok(self.repo.find_ref(&trunk)?),
            None => Ok(None),
        }
    }
}
