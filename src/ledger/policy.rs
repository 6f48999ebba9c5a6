//! The policy on `refs/os/meta`, as everybody reads it. It is published and moved by `refs`.

use std::collections::HashSet;

use super::{Ledger, LedgerError};
use crate::core::id::{META, ObjectId};
use crate::core::meta::{Check, FILE, Policy};
use crate::core::registry;
use crate::core::text::MAX_FILE;
use crate::core::time::Timestamp;
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

/// The registry as it was published beside the policy of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishedRegistry {
    pub(crate) text: String,
    /// When it was published.
    pub(crate) since: Timestamp,
}

/// Finds the registry that was published last. Only the hub has one; what a repository has that was the hub once does not
/// count.
///
/// # Errors
/// When the chain cannot be read.
pub(crate) fn find_registry(repo: &Repo) -> Result<Option<PublishedRegistry>, LedgerError> {
    find_registry_at(repo, META)
}

/// As [`find_registry`], of the ref that the policy of a remote was fetched to.
///
/// # Errors
/// When the chain cannot be read.
pub(crate) fn find_registry_at(repo: &Repo, ref_name: &str) -> Result<Option<PublishedRegistry>, LedgerError> {
    let mut is_first = true;
    for commit in publications(repo, ref_name)? {
        let commit = commit?;
        // A policy that this git-os cannot read names no hub.
        if std::mem::take(&mut is_first) && !read_file(repo, commit.tree_id).is_ok_and(|policy| policy.is_of_hub()) {
            break;
        }
        // A git-os that did not know of it may have published since.
        if let Some(text) = repo.find_file(commit.tree_id, registry::FILE, MAX_FILE)? {
            let text = String::from_utf8_lossy(&text).into_owned();
            return Ok(Some(PublishedRegistry { text, since: commit.time() }));
        }
    }
    Ok(None)
}

/// Whether this text was published, and another one after it.
///
/// # Errors
/// When the chain cannot be read.
pub(crate) fn is_earlier_registry(repo: &Repo, text: &str) -> Result<bool, LedgerError> {
    let blob_id = repo.blob_id(text.as_bytes());
    let mut is_last = true;
    for commit in publications(repo, META)? {
        let Some(entry) = repo.find_entry(commit?.tree_id, registry::FILE)? else { continue };
        if entry.id == blob_id {
            return Ok(!is_last);
        }
        is_last = false;
    }
    Ok(false)
}

/// The registries that were published, each text once, the last one first.
///
/// # Errors
/// When the chain cannot be read.
pub(crate) fn list_registries(repo: &Repo) -> Result<Vec<String>, LedgerError> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for commit in publications(repo, META)? {
        let tree_id = commit?.tree_id;
        if let Some(entry) = repo.find_entry(tree_id, registry::FILE)?
            && seen.insert(entry.id)
            && let Some(text) = repo.find_file(tree_id, registry::FILE, MAX_FILE)?
        {
            all.push(String::from_utf8_lossy(&text).into_owned());
        }
    }
    Ok(all)
}

/// The publications of a chain, the last one first.
fn publications<'a>(
    repo: &'a Repo,
    ref_name: &str,
) -> Result<impl Iterator<Item = Result<Commit, LedgerError>> + 'a, LedgerError> {
    let mut next = repo.find_ref(ref_name)?;
    Ok(std::iter::from_fn(move || {
        let commit = repo.read_commit(next.take()?).map_err(LedgerError::PolicyObject);
        next = commit.as_ref().ok().and_then(|commit| commit.parents.first().copied());
        Some(commit)
    }))
}

impl Ledger<'_> {
    /// The checks of each policy that was in force at some time between these two, the latest first.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub(super) fn checks_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Vec<Check>>, LedgerError> {
        let mut all = Vec::new();
        let mut last = None;
        for commit in publications(self.repo, META)? {
            let commit = commit?;
            let checks = match last {
                // That is the one that this ledger goes by.
                None => self.policy.checks.clone(),
                // Nobody is held to what cannot be read.
                Some(_) => read_file(self.repo, commit.tree_id).map(|policy| policy.checks).unwrap_or_default(),
            };
            if commit.time() <= to {
                all.push(checks.clone());
            }
            last = Some(checks);
            if commit.time() <= from {
                break;
            }
        }
        // By whatever clock: an event comes after the first policy.
        if all.is_empty() {
            all.extend(last);
        }
        Ok(all)
    }

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
