//! `refs/os/budget`: what was used and is reserved, a commit for each change. Each book is what its change makes of the one before.

use std::collections::BTreeSet;

use super::fold::Meeting;
use super::sides::Sides;
use super::{Audit, Joined, Kind, Order, Scene, grows};
use crate::core::budget::{Book, Change, What};
use crate::core::denial::Denial;
use crate::core::id::{BUDGET, ObjectId};
use crate::core::ruling::{Ruling, granted};
use crate::core::text::MAX_FILE;
use crate::core::trailers::Message;
use crate::core::wire::SCHEMA;
use crate::git::Repo;
use crate::git::object::Commit;
use crate::ledger::LedgerError;

/// The file with the book as it is after the change.
const BOOK: &str = "book.json";
/// The file with the change.
const CHANGE: &str = "change.json";

pub(crate) struct Budgets;

impl Kind for Budgets {
    fn owns(&self, name: &str) -> bool {
        name == BUDGET
    }

    fn judge(&self, scene: &Scene<'_>, _name: &str, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
        granted!(grows(scene.repo, old, new)?);
        verify(scene.repo, old, new)
    }

    fn accept(&self, scene: &Scene<'_>, _name: &str, meeting: &Meeting) -> Result<Ruling<()>, LedgerError> {
        verify(scene.repo, meeting.base(), meeting.theirs)
    }

    /// The changes of the second side are made again on top of the first; what is no change there is left out.
    fn join(
        &self,
        scene: &Scene<'_>,
        _name: &str,
        (ours, theirs): (ObjectId, ObjectId),
        order: Order,
    ) -> Result<Ruling<Joined>, LedgerError> {
        let repo = scene.repo;
        let sides = Sides::of(repo, ours, theirs, order)?;
        let known: BTreeSet<ObjectId> = line(repo, None, sides.first.0)?.into_iter().map(|(id, _)| id).collect();
        let Some(mut book) = find(repo, Some(sides.first.0))? else {
            return Ok(Ruling::Denied(Denial::UnearnedBudget(sides.first.0)));
        };
        let mut tip = sides.first.0;
        let more = line(repo, None, sides.second.0)?;
        for (_, commit) in more.into_iter().rev().filter(|(id, _)| !known.contains(id)) {
            let Some(change) = find_change(repo, &commit) else { continue };
            let Ok(after) = book.clone().after(&change) else { continue };
            let tree_id = tree(repo, &after, &change)?;
            tip = repo.rewrite_commit(&commit, tree_id, &[tip], &String::from_utf8_lossy(&commit.message))?;
            book = after;
        }
        Ok(Ruling::Granted(Joined::Both { tip, conflicts: 0 }))
    }

    fn audit(&self, scene: &Scene<'_>, name: &str, tip: ObjectId, report: &mut Audit) -> Result<(), LedgerError> {
        if let Ruling::Denied(why) = verify(scene.repo, None, tip)? {
            let at = if let Denial::UnearnedBudget(id) = &why { *id } else { tip };
            report.add(name, Some(at), &why);
        }
        Ok(())
    }
}

/// The book of a tip, an empty one before anything was reserved; `None` if it cannot be read here.
///
/// # Errors
/// When git cannot read the commit.
pub(crate) fn find(repo: &Repo, tip: Option<ObjectId>) -> Result<Option<Book>, LedgerError> {
    let Some(tip) = tip else { return Ok(Some(Book::default())) };
    let commit = repo.read_commit(tip)?;
    Ok(repo.find_file(commit.tree_id, BOOK, MAX_FILE).ok().flatten().and_then(|bytes| Book::read(&bytes)))
}

/// Writes the commit of a change, on top of a tip that has this book.
///
/// # Errors
/// When git cannot write.
pub(crate) fn write(repo: &Repo, tip: Option<ObjectId>, after: &Book, change: &Change) -> Result<ObjectId, LedgerError> {
    let tree_id = tree(repo, after, change)?;
    let subject = match &change.what {
        What::Reserve { run, ticket, .. } => format!("[reserve] {} for {ticket}", run.as_str()),
        What::Settle { run, .. } => format!("[settle] {}", run.as_str()),
    };
    let message: String = Message::new(subject, "", SCHEMA).into();
    Ok(repo.write_commit(tree_id, tip.as_slice(), &repo.identity()?, &message)?)
}

fn tree(repo: &Repo, book: &Book, change: &Change) -> Result<ObjectId, LedgerError> {
    let mut json = serde_json::to_vec(change).unwrap_or_default();
    json.push(b'\n');
    let tree_id = repo.edit_tree(None, BOOK, Some(repo.write_blob(&book.bytes())?))?;
    Ok(repo.edit_tree(Some(tree_id), CHANGE, Some(repo.write_blob(&json)?))?)
}

/// Whether all that came since `old` was earned; that `old` was, is known.
fn verify(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
    let Some(mut book) = find(repo, old)? else { return Ok(Ruling::Denied(Denial::UnearnedBudget(new))) };
    for (id, commit) in line(repo, old, new)?.into_iter().rev() {
        let has_one_parent = commit.parents.len() <= 1;
        let after = match find_change(repo, &commit).filter(|_| has_one_parent) {
            Some(change) => book.after(&change).ok(),
            None => None,
        };
        let Some(after) = after.filter(|after| holds(repo, &commit, after).unwrap_or(false)) else {
            return Ok(Ruling::Denied(Denial::UnearnedBudget(id)));
        };
        book = after;
    }
    Ok(Ruling::Granted(()))
}

/// Whether a commit has just this book.
fn holds(repo: &Repo, commit: &Commit, book: &Book) -> Result<bool, LedgerError> {
    Ok(repo.find_file(commit.tree_id, BOOK, MAX_FILE)?.is_some_and(|bytes| bytes == book.bytes()))
}

/// The change of a commit; none if it is not one, whatever else stands there.
fn find_change(repo: &Repo, commit: &Commit) -> Option<Change> {
    let bytes = repo.find_file(commit.tree_id, CHANGE, MAX_FILE).ok().flatten()?;
    serde_json::from_slice(&bytes).ok()
}

/// The commits after `old` up to `new` by first parents, newest first.
fn line(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Vec<(ObjectId, Commit)>, LedgerError> {
    let mut all = Vec::new();
    let mut next = Some(new);
    while let Some(id) = next.filter(|id| Some(*id) != old) {
        let commit = repo.read_commit(id)?;
        next = commit.parents.first().copied();
        all.push((id, commit));
    }
    Ok(all)
}
