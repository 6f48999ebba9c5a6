//! Whether a move of the archive is by the rules: nothing it named is gone, and all it names is kept, closed and legal.

use std::collections::{HashMap, HashSet};

use crate::core::denial::Denial;
use crate::core::id::ObjectId;
use crate::core::ruling::{Ruling, granted};
use crate::git::Repo;
use crate::git::tree::{COMMIT, FOLDER, TreeEntry};
use crate::ledger::archive::{Folds, entries};
use crate::ledger::replay::JudgeChain;
use crate::ledger::{Ledger, LedgerError};
use crate::refs::{Scene, grows, kind_of, name_at};

/// How the messages of the archive's own commits begin; what they hold does not.
const OWN: [&str; 2] = ["[archive] ", "[bundle] "];

/// Whether a move of the archive is legal: it names all that it named, each as it was or further on, keeps what it names,
/// and holds nothing but legal histories of what may be archived.
///
/// # Errors
/// When git cannot read.
pub(super) fn judge(
    scene: &Scene<'_>,
    old: Option<ObjectId>,
    new: ObjectId,
    chain: JudgeChain,
) -> Result<Ruling<()>, LedgerError> {
    let ledger = granted!(scene.ledger());
    let repo = scene.repo;
    granted!(grows(repo, old, new)?);
    let before = match old {
        Some(old) => entries(repo, repo.read_commit(old)?.tree_id)?,
        None => Folds::new(),
    };
    let tree_id = repo.read_commit(new)?.tree_id;
    if let Some(strange) = strange_entry(repo, tree_id)? {
        return Ok(Ruling::Denied(Denial::StrangeEntry(strange)));
    }
    let after = entries(repo, tree_id)?;
    if let Some(lost) = before.keys().find(|path| !after.contains_key(*path)) {
        return Ok(Ruling::Denied(Denial::EntryLost(lost.clone())));
    }
    let kept = own_parents(repo, new, old)?;
    for (path, tip) in after.into_iter().filter(|(path, tip)| before.get(path) != Some(tip)) {
        let known = before.get(&path).copied();
        let ruling = if kept.contains(&tip) {
            judge_entry(scene, ledger, &path, tip, known, chain)?
        } else {
            Ruling::Denied(Denial::HistoryNotKept)
        };
        granted!(ruling.map_denied(|why| Denial::Entry { path, why: Box::new(why) }));
    }
    Ok(Ruling::Granted(()))
}

fn judge_entry(
    scene: &Scene<'_>,
    ledger: &Ledger<'_>,
    path: &str,
    tip: ObjectId,
    before: Option<ObjectId>,
    chain: JudgeChain,
) -> Result<Ruling<()>, LedgerError> {
    let name = name_at(path).unwrap_or_default();
    let Some(kind) = kind_of(&name) else { return Ok(Ruling::Denied(Denial::UnknownRef)) };
    if let Some(before) = before
        && !kind.keeps(ledger, before, tip)?
    {
        return Ok(Ruling::Denied(Denial::HistoryReplaced));
    }
    kind.judge_archived(scene, &name, tip, chain)
}

/// Whether an archive is legal as it is, the chains that it names apart: nothing strange is in its tree, its commits keep
/// all that it names, and name all that an earlier one did.
///
/// # Errors
/// When git cannot read.
pub(super) fn audit(repo: &Repo, tip: ObjectId) -> Result<Ruling<()>, LedgerError> {
    let tree_id = repo.read_commit(tip)?.tree_id;
    if let Some(strange) = strange_entry(repo, tree_id)? {
        return Ok(Ruling::Denied(Denial::StrangeEntry(strange)));
    }
    let kept = own_parents(repo, tip, None)?;
    if let Some((path, _)) = entries(repo, tree_id)?.iter().find(|(_, tip)| !kept.contains(*tip)) {
        return Ok(Ruling::Denied(Denial::Entry { path: path.clone(), why: Box::new(Denial::HistoryNotKept) }));
    }
    let mut seen = HashSet::new();
    let mut queue = vec![tip];
    while let Some(id) = queue.pop() {
        let commit = repo.read_commit(id)?;
        for parent in commit.parents.iter().filter(|parent| !kept.contains(*parent) && seen.insert(**parent)) {
            let before = repo.read_commit(*parent)?;
            if before.subject().starts_with(OWN[0]) {
                if let Some(path) = dropped(repo, before.tree_id, commit.tree_id, "")? {
                    return Ok(Ruling::Denied(Denial::EntryGone { path, commit_id: id }));
                }
                queue.push(*parent);
            }
        }
    }
    Ok(Ruling::Granted(()))
}

/// What one tree names and another does not; folders that are the same are not looked into.
fn dropped(repo: &Repo, before: ObjectId, after: ObjectId, prefix: &str) -> Result<Option<String>, LedgerError> {
    if before == after {
        return Ok(None);
    }
    let after: HashMap<String, TreeEntry> = repo.read_tree(after)?.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
    for entry in repo.read_tree(before)? {
        let path = format!("{prefix}{}", entry.name);
        match after.get(&entry.name) {
            None => return Ok(Some(path)),
            Some(now) if entry.mode == FOLDER && now.mode == FOLDER => {
                if let Some(path) = dropped(repo, entry.id, now.id, &(path + "/"))? {
                    return Ok(Some(path));
                }
            }
            Some(_) => {}
        }
    }
    Ok(None)
}

/// Something in an archive's tree that is not where it belongs.
fn strange_entry(repo: &Repo, tree_id: ObjectId) -> Result<Option<String>, LedgerError> {
    for top in repo.read_tree(tree_id)? {
        if top.mode != FOLDER {
            return Ok(Some(top.name));
        }
        for month in repo.read_tree(top.id)? {
            if month.mode != FOLDER {
                return Ok(Some(format!("{}/{}", top.name, month.name)));
            }
            for entry in repo.read_tree(month.id)? {
                let path = format!("{}/{}/{}", top.name, month.name, entry.name);
                let name = name_at(&path).unwrap_or_default();
                let wanted = kind_of(&name).and_then(|kind| kind.archive_path(&name));
                if entry.mode != COMMIT || wanted.as_ref() != Some(&path) {
                    return Ok(Some(path));
                }
            }
        }
    }
    Ok(None)
}

/// The parents of the archive's own commits from one on, but for what an older one has: the tips that are kept.
fn own_parents(repo: &Repo, new: ObjectId, old: Option<ObjectId>) -> Result<HashSet<ObjectId>, LedgerError> {
    let mut kept = HashSet::new();
    let mut seen: HashSet<ObjectId> = old.into_iter().collect();
    let mut queue = vec![new];
    while let Some(id) = queue.pop() {
        if !seen.insert(id) {
            continue;
        }
        let commit = repo.read_commit(id)?;
        let subject = commit.subject();
        if OWN.iter().any(|own| subject.starts_with(own)) {
            queue.extend(commit.parents);
        } else {
            kept.insert(id);
        }
    }
    Ok(kept)
}
