//! The policy on `refs/os/meta`: read by everybody, published by `git os init`.

use super::workspace::Workspace;
use super::{Ledger, LedgerError, random_hex};
use crate::core::id::{Brand, META, ObjectId};
use crate::core::meta::{self, FILE, Policy};
use crate::core::registry::RepoEntry;
use crate::core::text::MAX_FILE;
use crate::git::Repo;
use crate::git::refs::{Moved, RefEdit};

/// The root of the policy's chain and the policy at its tip.
///
/// # Errors
/// When the chain or the policy cannot be read.
pub(crate) fn read(repo: &Repo) -> Result<Option<(ObjectId, Policy)>, LedgerError> {
    let Some(tip) = repo.find_ref(META)? else { return Ok(None) };
    let commit = repo.read_commit(tip)?;
    let policy = read_file(repo, commit.tree_id)?;
    // The root stands in every later commit, so that the chain need not be walked.
    let root = match root_of(&commit.message) {
        Some(root) => root,
        None => tip,
    };
    Ok(Some((root, policy)))
}

fn root_of(message: &[u8]) -> Option<ObjectId> {
    let text = String::from_utf8_lossy(message);
    text.lines().find_map(|line| ObjectId::parse(line.strip_prefix("Os-Root: ")?).ok())
}

fn read_file(repo: &Repo, tree_id: ObjectId) -> Result<Policy, LedgerError> {
    let text = repo.find_file(tree_id, FILE, MAX_FILE)?.unwrap_or_default();
    Policy::from_json(&text).map_err(LedgerError::Policy)
}

/// Publishes a policy, unless it is the one in force. Answers whether anything was written.
///
/// # Errors
/// When git cannot write.
pub(crate) fn publish(repo: &Repo, policy: &Policy) -> Result<bool, LedgerError> {
    for _ in 0..super::TRIES {
        let old = repo.find_ref(META)?;
        let known = read(repo)?;
        if known.as_ref().is_some_and(|(_, known)| known == policy) {
            return Ok(false);
        }
        let file = repo.write_blob(policy.to_json().as_bytes())?;
        let tree_id = repo.edit_tree(None, FILE, Some(file))?;
        let mut message = format!("[policy] {}\n\nOs-Schema: {}\n", policy.repo, crate::core::meta::VERSION);
        if let Some((root, _)) = known {
            message += &format!("Os-Root: {root}\n");
        }
        message += &format!("Os-Nonce: {}\n", random_hex()?);
        let parents: Vec<_> = old.into_iter().collect();
        let new = repo.write_commit(tree_id, &parents, &repo.identity()?, &message)?;
        if repo.move_refs(&[RefEdit::advance(META, old, new)])? == Moved::Done {
            return Ok(true);
        }
    }
    Err(LedgerError::NotInitialised)
}

/// The policy that the registry means for a repository; where a branch came under the gate is kept.
///
/// # Errors
/// When a branch cannot be read.
pub(crate) fn of_registry(
    workspace: &Workspace,
    entry: &RepoEntry,
    repo: &Repo,
    known: Option<&Policy>,
) -> Result<Policy, LedgerError> {
    let mut epoch = known.map(|known| known.epoch.clone()).unwrap_or_default();
    epoch.retain(|branch, _| entry.protected.contains(branch));
    for branch in &entry.protected {
        if let (false, Some(tip)) = (epoch.contains_key(branch), repo.find_ref(&format!("refs/heads/{branch}"))?) {
            epoch.insert(branch.clone(), tip);
        }
    }
    let mut brands = vec![entry.brand.clone()];
    if entry.name == workspace.registry.hub {
        brands.extend(Brand::parse(Brand::GLOBAL).ok());
    }
    Ok(Policy {
        version: meta::VERSION,
        repo: entry.name.clone(),
        brand: entry.brand.clone(),
        brands,
        protected: entry.protected.clone(),
        gate: entry.gate,
        auto_commit: entry.auto_commit.clone(),
        checks: entry.checks.clone(),
        grade: entry.grade,
        judged: entry.verifier.is_some(),
        max_attempts: entry.max_attempts,
        silo: entry.silo,
        epoch,
    })
}

/// Why a move of `refs/os/meta` is not a publication, if it is none.
///
/// # Errors
/// When git cannot read.
pub(crate) fn judge(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Option<String>, LedgerError> {
    let mut next = Some(new);
    let mut first = new;
    let mut root_named = Vec::new();
    while let Some(id) = next.filter(|id| Some(*id) != old) {
        let commit = repo.read_commit(id)?;
        if let Err(error) = read_file(repo, commit.tree_id) {
            return Ok(Some(format!("commit {} holds no policy: {error}", id.short(12))));
        }
        root_named.push(root_of(&commit.message));
        first = id;
        next = match commit.parents.as_slice() {
            [] => None,
            [parent] => Some(*parent),
            _ => return Ok(Some("a policy has one parent".to_owned())),
        };
    }
    let root = match old {
        Some(_) if next.is_none() => return Ok(Some("it does not descend from the policy in force".to_owned())),
        Some(_) => read(repo)?.map(|known| known.0),
        None => {
            root_named.pop();
            Some(first)
        }
    };
    if root_named.iter().any(|named| *named != root) {
        return Ok(Some("a policy names another repository".to_owned()));
    }
    Ok(None)
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
