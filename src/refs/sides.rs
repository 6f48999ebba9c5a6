//! What grew on both sides: one commit with both as its parents, the same on every machine.

use std::collections::{BTreeMap, BTreeSet};

use super::Order;
use crate::core::id::ObjectId;
use crate::core::merge::is_first;
use crate::core::text::MAX_FILE;
use crate::core::trailers::Message;
use crate::core::wire::SCHEMA;
use crate::git::Repo;
use crate::git::object::Commit;
use crate::ledger::LedgerError;

/// The message of a commit that puts two sides together and has nothing to say itself.
pub(super) fn joined() -> String {
    Message::new("Put two histories together", "", SCHEMA).into()
}

/// Two histories of one ref, the one that goes first in front.
pub(crate) struct Sides {
    pub(crate) first: (ObjectId, Commit),
    pub(crate) second: (ObjectId, Commit),
}

impl Sides {
    /// Puts two tips in order.
    ///
    /// # Errors
    /// When one of them is not a commit.
    pub(crate) fn of(repo: &Repo, ours: ObjectId, theirs: ObjectId, order: Order) -> Result<Self, LedgerError> {
        let (our_commit, their_commit) = (repo.read_commit(ours)?, repo.read_commit(theirs)?);
        let is_ours_first = match order {
            Order::Theirs => false,
            Order::Ours => true,
            Order::Older => is_first((our_commit.time().0, ours), (their_commit.time().0, theirs)),
        };
        let (ours, theirs) = ((ours, our_commit), (theirs, their_commit));
        Ok(if is_ours_first { Self { first: ours, second: theirs } } else { Self { first: theirs, second: ours } })
    }

    /// A commit with both as its parents, in the name and at the time of the second; so whoever makes it makes the same.
    ///
    /// # Errors
    /// When git cannot write.
    pub(crate) fn join(&self, repo: &Repo, tree_id: ObjectId, message: &str) -> Result<ObjectId, LedgerError> {
        Ok(repo.rewrite_commit(&self.second.1, tree_id, &[self.first.0, self.second.0], message)?)
    }

    /// The one that was written later.
    #[must_use]
    pub(super) fn newer(&self) -> &Commit {
        let key = |side: &(ObjectId, Commit)| (side.1.time().0, side.0);
        if key(&self.first) > key(&self.second) { &self.first.1 } else { &self.second.1 }
    }

    /// Both sides, with the message and the tree of the newer one.
    ///
    /// # Errors
    /// When git cannot write.
    pub(super) fn join_as_newer(&self, repo: &Repo) -> Result<ObjectId, LedgerError> {
        let message = String::from_utf8_lossy(&self.newer().message).into_owned();
        self.join(repo, self.newer().tree_id, &message)
    }

    /// The notes of both: for what both annotate, the lines of both.
    ///
    /// # Errors
    /// When git cannot read or write.
    pub(super) fn join_notes(&self, repo: &Repo) -> Result<ObjectId, LedgerError> {
        let known: BTreeMap<_, _> = repo.list_notes(self.first.0)?.into_iter().collect();
        let mut tree_id = self.first.1.tree_id;
        for (about, blob) in repo.list_notes(self.second.0)? {
            let blob = match known.get(&about) {
                Some(known) if *known == blob => continue,
                Some(known) => lines(repo, *known, blob)?,
                None => blob,
            };
            tree_id = repo.set_note(Some(tree_id), about, blob)?;
        }
        self.join(repo, tree_id, &joined())
    }
}

/// A file of notes or a page that grew on both sides: all lines of the first, then those that only the second has.
pub(super) fn lines(repo: &Repo, first: ObjectId, second: ObjectId) -> Result<ObjectId, LedgerError> {
    let text = |id| repo.read_blob(id, MAX_FILE).map(|text| String::from_utf8_lossy(&text).into_owned());
    let (mut all, more) = (text(first)?, text(second)?);
    let known: BTreeSet<String> = all.lines().map(str::to_owned).collect();
    if !all.is_empty() && !all.ends_with('\n') {
        all.push('\n');
    }
    for line in more.lines().filter(|line| !known.contains(*line)) {
        all += line;
        all.push('\n');
    }
    Ok(repo.write_blob(all.as_bytes())?)
}
