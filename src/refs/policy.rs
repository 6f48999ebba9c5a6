//! The policy on `refs/os/meta`: read by everybody, published by `git os init`.

use super::chain::keep_rejected;
use super::{Order, Outcome, TRIES};
use crate::core::event::Role;
use crate::core::id::{Brand, META, ObjectId, TICKETS};
use crate::core::meta::{self, FILE, Policy};
use crate::core::registry::{Registry, RepoEntry};
use crate::core::signer::{self, Actor, is_asked};
use crate::core::text::MAX_FILE;
use crate::git::Repo;
use crate::git::object::{Commit, Kind};
use crate::git::refs::{Moved, RefEdit};
use crate::git::signature::NewCommit;
use crate::ledger::policy::{read, read_file, root_at, root_of};
use crate::ledger::{Ledger, LedgerError, random_hex, signed};

/// Publishes a policy, unless it is the one in force. Answers whether anything was written.
///
/// # Errors
/// When git cannot write.
pub(crate) fn publish(repo: &Repo, policy: &Policy) -> Result<bool, LedgerError> {
    for _ in 0..TRIES {
        let old = repo.find_ref(META)?;
        let known = if old.is_some() { Some(Ledger::open(repo)?) } else { None };
        if let Some(known) = &known
            && known.policy == *policy
            && !signed::is_overtaken(known)?
        {
            return Ok(false);
        }
        let file = repo.write_blob(policy.to_json().as_bytes())?;
        let mut tree_id = repo.edit_tree(None, FILE, Some(file))?;
        let mut message = format!("[policy] {}\n\nOs-Schema: {}\n", policy.repo, policy.version);
        let mut actors = &[][..];
        if let Some(known) = &known {
            message += &format!("Os-Root: {}\n", known.repo_id);
            actors = &known.policy.actors;
            if known.policy.actors != policy.actors || known.policy == *policy {
                let tips = repo.write_blob(signed::tips(known)?.as_bytes())?;
                tree_id = repo.edit_tree(Some(tree_id), signed::TIPS, Some(tips))?;
            }
        }
        message += &format!("Os-Nonce: {}\n", random_hex()?);
        let parents: Vec<_> = old.into_iter().collect();
        let new = write(repo, actors, &NewCommit::by(&repo.identity()?, tree_id, &parents, message))?;
        if repo.move_refs(&[RefEdit::advance(META, old, new)])? == Moved::Done {
            return Ok(true);
        }
    }
    Err(LedgerError::NotInitialised)
}

/// Writes a publication, signed by an operator where the policy before it has one.
fn write(repo: &Repo, actors: &[Actor], commit: &NewCommit) -> Result<ObjectId, LedgerError> {
    if !is_asked(actors, Role::Operator) {
        return Ok(repo.write_new(commit)?);
    }
    Ok(repo.write_commit_bytes(&signed::sign(repo, actors, Role::Operator, commit)?)?)
}

/// The policy that the registry means for a repository; where a branch came under the gate is kept.
///
/// # Errors
/// When a branch cannot be read.
pub(crate) fn of_registry(
    registry: &Registry,
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
    let in_force = known.map(|known| known.actors.clone());
    let actors = registry.actors.clone().or(in_force).unwrap_or_default();
    let mut brands = vec![entry.brand.clone()];
    if entry.name == registry.hub {
        brands.extend(Brand::parse(Brand::GLOBAL).ok());
    }
    Ok(Policy {
        version: meta::version_of(&actors),
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
        actors,
    })
}

/// Folds in the policy a remote has. What was published here and is not there is put on top of it.
///
/// # Errors
/// When git fails; that it is the policy of another repository is an answer.
pub(crate) fn fold(repo: &Repo, theirs: ObjectId, order: Order) -> Result<Outcome, LedgerError> {
    for _ in 0..TRIES {
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
            // Nothing is signed anew that was not right before.
            Some(ours) if !descends && judge(repo, None, ours)?.is_some() => {
                return Ok(Outcome::Refused(
                    "what is here is not by the rules, and what is there does not go on from it".to_owned(),
                ));
            }
            Some(ours) if !descends => match join(repo, ours, theirs, order)? {
                Some(Ok(tip)) => (tip, Outcome::Merged { conflicts: 0 }),
                // What this machine alone published comes from its registry, from which an operator may publish it again.
                Some(Err(_)) if order == Order::Theirs => {
                    keep_rejected(repo, ours)?;
                    (theirs, Outcome::Brought)
                }
                Some(Err(why)) => return Ok(Outcome::Refused(why)),
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
fn join(repo: &Repo, ours: ObjectId, theirs: ObjectId, order: Order) -> Result<Option<Result<ObjectId, String>>, LedgerError> {
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
    let Some((mut tip, last)) = first.last().map(|one| (one.0, &one.1)) else { return Ok(None) };
    let mut actors = read_file(repo, last.tree_id)?.actors;
    for (_, commit) in &second[shared..] {
        // Its nonce tells a publication from all others.
        if first.iter().any(|known| known.1.message == commit.message) {
            continue;
        }
        let message = String::from_utf8_lossy(&commit.message).into_owned();
        tip = match write(repo, &actors, &NewCommit::like(commit, commit.tree_id, &[tip], message)) {
            Ok(tip) => tip,
            Err(error @ (LedgerError::Unsigned { .. } | LedgerError::NotYours { .. })) => {
                let why = crate::core::text::chain(&error);
                return Ok(Some(Err(format!(
                    "a policy was published on both sides, and it takes an operator's machine to put them together: {why}"
                ))));
            }
            Err(error) => return Err(error),
        };
        actors = read_file(repo, commit.tree_id)?.actors;
    }
    Ok(Some(Ok(tip)))
}

/// Whether a policy's chain has another root than the one in force here.
///
/// # Errors
/// When git cannot read.
pub(crate) fn is_of_another(repo: &Repo, theirs: ObjectId) -> Result<bool, LedgerError> {
    let root = root_at(theirs, &repo.read_commit(theirs)?);
    Ok(read(repo)?.is_some_and(|known| known.0 != root))
}

/// Why a move of `refs/os/meta` is not a publication, if it is none.
///
/// # Errors
/// When git cannot read.
pub(crate) fn judge(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Option<String>, LedgerError> {
    let mut next = Some(new);
    let mut first = new;
    let mut root_named = Vec::new();
    let mut later = None;
    while let Some(id) = next.filter(|id| Some(*id) != old) {
        let commit = repo.read_commit(id)?;
        let policy = match read_file(repo, commit.tree_id) {
            Ok(policy) => policy,
            Err(error) => return Ok(Some(format!("commit {} holds no policy: {error}", id.short(12)))),
        };
        if let Some(later) = later.replace(id)
            && let Some(why) = judge_hand(repo, &policy.actors, later)?
        {
            return Ok(Some(why));
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
        Some(old) => {
            let commit = repo.read_commit(old)?;
            if let (Some(later), Some(actors)) = (later, actors_in_force(repo, commit.tree_id)?) {
                if let Some(why) = judge_hand(repo, &actors, later)? {
                    return Ok(Some(why));
                }
            } else if later.is_some() {
                return Ok(Some("the policy in force is one that this git-os does not understand".to_owned()));
            }
            Some(root_at(old, &commit))
        }
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

/// Why a publication is not by whom the policy before it asks for, if it is not.
fn judge_hand(repo: &Repo, actors: &[Actor], commit_id: ObjectId) -> Result<Option<String>, LedgerError> {
    if !is_asked(actors, Role::Operator) {
        return Ok(None);
    }
    let hand = signed::read_hand(repo, commit_id)?;
    let judged = signer::permit(actors, Role::Operator, &hand);
    Ok(judged.err().map(|why| format!("commit {} is not by an operator: {why}", commit_id.short(12))))
}

/// The actors of a policy that is to be followed by another; `None` when they are not known. A file that is no policy at all
/// has none, so that another one can mend it.
fn actors_in_force(repo: &Repo, tree_id: ObjectId) -> Result<Option<Vec<Actor>>, LedgerError> {
    let text = repo.find_file(tree_id, FILE, MAX_FILE)?.unwrap_or_default();
    if let Ok(policy) = Policy::from_json(&text) {
        return Ok(Some(policy.actors));
    }
    let is_newer = serde_json::from_slice::<serde_json::Value>(&text).is_ok_and(|json| {
        json.get("actors").is_some() || json.get("version").is_some_and(|version| *version != serde_json::json!(meta::VERSION))
    });
    Ok((!is_newer).then(Vec::new))
}
