//! The policy on `refs/os/meta`: read by everybody, published by `git os init`.

use super::sync::{Order, Outcome};
use super::workspace::Workspace;
use super::{Ledger, LedgerError, random_hex};
use crate::core::id::{Brand, META, ObjectId, TICKETS};
use crate::core::meta::{self, FILE, Policy};
use crate::core::registry::RepoEntry;
use crate::core::text::MAX_FILE;
use crate::git::Repo;
use crate::git::object::{Commit, Kind};
use crate::git::refs::{Moved, RefEdit};

/// The root of the policy's chain and the policy at its tip.
///
/// # Errors
/// When the chain or the policy cannot be read.
pub(crate) fn read(repo: &Repo) -> Result<Option<(ObjectId, Policy)>, LedgerError> {
    let Some(tip) = repo.find_ref(META)? else { return Ok(None) };
    let commit = repo.read_commit(tip).map_err(LedgerError::PolicyObject)?;
    let policy = read_file(repo, commit.tree_id).map_err(|error| match error {
        LedgerError::Git(error) => LedgerError::PolicyObject(error),
        error => error,
    })?;
    Ok(Some((root_at(tip, &commit), policy)))
}

/// The root stands in every later commit, so that the chain need not be walked.
fn root_at(tip: ObjectId, commit: &Commit) -> ObjectId {
    root_of(&commit.message).unwrap_or(tip)
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
        offline_claims: entry.offline_claims,
        epoch,
    })
}

/// Folds in the policy a remote has. What was published here and is not there is put on top of it.
///
/// # Errors
/// When git fails; that it is the policy of another repository is an answer.
pub(super) fn fold(repo: &Repo, theirs: ObjectId, order: Order) -> Result<Outcome, LedgerError> {
    for _ in 0..super::TRIES {
        let ours = repo.find_ref(META)?;
        if let Some(ours) = ours
            && (ours == theirs || (repo.has_object(theirs) && repo.is_ancestor(theirs, ours)?))
        {
            return Ok(Outcome::Same);
        }
        if repo.read_header(theirs)?.0 != Kind::Commit {
            return Ok(Outcome::Refused("it is not a commit".to_owned()));
        }
        let descends = match ours {
            Some(ours) => repo.is_ancestor(ours, theirs)?,
            None => true,
        };
        if let Some(why) = judge(repo, ours.filter(|_| descends), theirs)? {
            return Ok(Outcome::Refused(why));
        }
        let (tip, outcome) = match ours {
            Some(ours) if !descends => match join(repo, ours, theirs, order)? {
                Some(tip) => (tip, Outcome::Merged { conflicts: 0 }),
                // Published here before it was known that there is one, and nothing stands on it yet.
                None if repo.list_refs(TICKETS)?.is_empty() => (theirs, Outcome::Brought),
                None => {
                    let why = "this clone was put under git-os apart from it, and its tickets belong to another repository";
                    return Ok(Outcome::Refused(why.to_owned()));
                }
            },
            _ => (theirs, Outcome::Brought),
        };
        if repo.move_refs(&[RefEdit::advance(META, ours, tip)])? == Moved::Done {
            return Ok(outcome);
        }
    }
    Err(LedgerError::NotInitialised)
}

/// The publications of two sides, those of the second on top of the first; `None` when they have not the same root.
fn join(repo: &Repo, ours: ObjectId, theirs: ObjectId, order: Order) -> Result<Option<ObjectId>, LedgerError> {
    let chain = |tip| -> Result<Vec<(ObjectId, Commit)>, LedgerError> {
        let mut all = Vec::new();
        let mut next = Some(tip);
        while let Some(id) = next {
            let commit = repo.read_commit(id)?;
            next = commit.parents.first().copied();
            all.push((id, commit));
        }
        all.reverse();
        Ok(all)
    };
    let (ours, theirs) = (chain(ours)?, chain(theirs)?);
    let shared = ours.iter().zip(&theirs).take_while(|(left, right)| left.0 == right.0).count();
    if shared == 0 {
        return Ok(None);
    }
    let age = |side: &[(ObjectId, Commit)]| side.get(shared).map(|one| (one.1.time().0, one.0));
    let is_ours_first = match order {
        Order::Theirs => false,
        Order::Ours => true,
        Order::Older => age(&ours) < age(&theirs),
    };
    let (first, second) = if is_ours_first { (ours, theirs) } else { (theirs, ours) };
    let mut tip = first.last().map(|one| one.0);
    for (_, commit) in &second[shared..] {
        // Its nonce tells a publication from all others.
        if first.iter().any(|known| known.1.message == commit.message) {
            continue;
        }
        let parents: Vec<_> = tip.into_iter().collect();
        tip = Some(repo.rewrite_commit(commit, commit.tree_id, &parents, &String::from_utf8_lossy(&commit.message))?);
    }
    Ok(tip)
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
        Some(old) => Some(root_at(old, &repo.read_commit(old)?)),
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
