//! Ancestry, computed from the commits themselves.

use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};

use super::{GitError, Repo};
use crate::core::id::ObjectId;

const NEW: u8 = 1;
const OLD: u8 = 2;
const BOTH: u8 = NEW | OLD;

/// A commit that was visited.
struct Painted {
    /// The sides from which the walk reached the commit.
    colour: u8,
    is_queued: bool,
    parents: Vec<ObjectId>,
    time: i64,
}

/// How two commits of one repository relate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Reachable from the new commit but not from the old one, newest first.
    pub(crate) added: Vec<ObjectId>,
    /// Reachable from the old commit but not from the new one, newest first.
    pub(crate) removed: Vec<ObjectId>,
}

impl Repo {
    /// Returns the commits that a move from one commit to another adds and removes.
    ///
    /// Dates only decide the order of the walk. If every commit is at least as new as its parents, the result is exact. A
    /// wrong date can add commits that both sides have, but it never changes whether `old` is kept: every path from `new` to
    /// `old` consists of commits that only `new` reaches, and the walk always follows those.
    ///
    /// # Errors
    /// If a commit on the way cannot be read.
    pub(crate) fn difference(&self, old: Option<ObjectId>, new: ObjectId) -> Result<Difference, GitError> {
        let mut paint: HashMap<ObjectId, Painted> = HashMap::new();
        let mut queue: BinaryHeap<(i64, ObjectId)> = BinaryHeap::new();
        // The number of queued commits that only one side has reached. At zero, everything that follows is common.
        let mut lone = 0_usize;
        // A commit that is not older than every commit of one side may still lead to commits of one side.
        let mut oldest = i64::MAX;
        let mut waiting: Vec<(ObjectId, u8)> = vec![(new, NEW)];
        waiting.extend(old.map(|old| (old, OLD)));
        loop {
            for (id, colour) in waiting.drain(..) {
                let entry = match paint.entry(id) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => {
                        let commit = match self.read_commit(id) {
                            Ok(commit) => commit,
                            // A shallow history ends where its objects end, whatever the shallow file says.
                            Err(_) if id != new && self.is_shallow() && !self.has_object(id) => continue,
                            Err(error) => return Err(error),
                        };
                        let time = commit.time().0;
                        entry.insert(Painted { colour: 0, is_queued: false, parents: commit.parents, time })
                    }
                };
                let was_lone = entry.is_queued && entry.colour != BOTH;
                if entry.colour | colour != entry.colour {
                    entry.colour |= colour;
                    if !entry.is_queued {
                        entry.is_queued = true;
                        queue.push((entry.time, id));
                    }
                }
                let is_lone = entry.is_queued && entry.colour != BOTH;
                lone = lone + usize::from(is_lone) - usize::from(was_lone);
            }
            let Some((time, id)) = queue.pop() else { break };
            if lone == 0 && time < oldest {
                queue.push((time, id));
                break;
            }
            let Some(entry) = paint.get_mut(&id) else { continue };
            entry.is_queued = false;
            if entry.colour != BOTH {
                lone -= 1;
                oldest = oldest.min(entry.time);
            }
            waiting.extend(entry.parents.iter().map(|parent| (*parent, entry.colour)));
        }
        // The rest of the queue is common. Commits that the walk reached earlier from one side must still be marked as common.
        while let Some((_, id)) = queue.pop() {
            let parents = paint.get(&id).map(|entry| entry.parents.clone()).unwrap_or_default();
            for parent in parents {
                if let Some(entry) = paint.get_mut(&parent)
                    && entry.colour != BOTH
                {
                    entry.colour = BOTH;
                    queue.push((entry.time, parent));
                }
            }
        }
        let side = |colour: u8| {
            let painted = paint.iter().filter(|(_, entry)| entry.colour == colour);
            let mut ids: Vec<_> = painted.map(|(id, entry)| (entry.time, *id)).collect();
            ids.sort_by(|left, right| right.cmp(left));
            ids.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
        };
        Ok(Difference { added: side(NEW), removed: side(OLD) })
    }

    /// A commit and all its ancestors, each before its parents, whatever their dates say.
    ///
    /// # Errors
    /// If a commit on the way cannot be read.
    pub(crate) fn list_history(&self, tip: ObjectId) -> Result<Vec<ObjectId>, GitError> {
        let mut parents = HashMap::new();
        let mut children: HashMap<ObjectId, usize> = HashMap::new();
        for id in self.difference(None, tip)?.added {
            let commit = self.read_commit(id)?;
            commit.parents.iter().for_each(|parent| *children.entry(*parent).or_default() += 1);
            parents.insert(id, (commit.time().0, commit.parents));
        }
        let mut queue = BinaryHeap::from([(0, tip)]);
        let mut ordered = Vec::new();
        while let Some((_, id)) = queue.pop() {
            ordered.push(id);
            for parent in parents.get(&id).map(|(_, parents)| parents.as_slice()).unwrap_or_default() {
                let left = children.entry(*parent).or_default();
                *left = left.saturating_sub(1);
                // What a shallow history lacks is no part of it.
                if let (0, Some((time, _))) = (*left, parents.get(parent)) {
                    queue.push((*time, *parent));
                }
            }
        }
        Ok(ordered)
    }

    /// Whether `ancestor` is `descendant` or one of its ancestors.
    ///
    /// # Errors
    /// If a commit on the way cannot be read.
    pub(crate) fn is_ancestor(&self, ancestor: ObjectId, descendant: ObjectId) -> Result<bool, GitError> {
        Ok(ancestor == descendant || !self.difference(Some(ancestor), descendant)?.removed.contains(&ancestor))
    }
}

#[cfg(test)]
mod tests;
