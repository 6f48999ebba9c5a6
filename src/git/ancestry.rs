//! Who descends from whom, computed from the commits themselves.

use std::collections::{BinaryHeap, HashMap};

use super::{GitError, Repo};
use crate::core::id::ObjectId;

const NEW: u8 = 1;
const OLD: u8 = 2;
const BOTH: u8 = NEW | OLD;

/// How two commits of one repository relate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What is reachable from the new commit and not from the old one, newest first.
    pub(crate) added: Vec<ObjectId>,
    /// What is reachable from the old commit and not from the new one, newest first.
    pub(crate) removed: Vec<ObjectId>,
}

impl Repo {
    /// What a move from one commit to another brings and drops.
    ///
    /// Dates only set the order of the walk: a lying date costs time, never the answer to whether `old` is kept,
    /// since whatever leads from `new` to `old` is reachable from `new` alone and so is always followed.
    ///
    /// # Errors
    /// When a commit on the way cannot be read.
    pub(crate) fn difference(&self, old: Option<ObjectId>, new: ObjectId) -> Result<Difference, GitError> {
        let mut paint: HashMap<ObjectId, (u8, Vec<ObjectId>, i64)> = HashMap::new();
        let mut queue: BinaryHeap<(i64, ObjectId)> = BinaryHeap::new();
        let mut lone = 0_usize;
        let mut waiting: Vec<(ObjectId, u8)> = vec![(new, NEW)];
        waiting.extend(old.map(|old| (old, OLD)));
        loop {
            for (id, colour) in waiting.drain(..) {
                let entry = match paint.entry(id) {
                    std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::hash_map::Entry::Vacant(entry) => {
                        let commit = match self.read_commit(id) {
                            Ok(commit) => commit,
                            // A shallow history ends where its objects do, whatever its list of ends says.
                            Err(_) if id != new && self.is_shallow() && !self.has_object(id) => continue,
                            Err(error) => return Err(error),
                        };
                        entry.insert((0, commit.parents.clone(), commit.time().0))
                    }
                };
                let before = entry.0;
                entry.0 |= colour;
                if entry.0 != before {
                    queue.push((entry.2, id));
                }
            }
            // Count only when the queue may be done: an entry is alone while one side alone reaches it.
            if lone == 0 {
                lone = queue.iter().filter(|(_, id)| paint.get(id).is_some_and(|entry| entry.0 != BOTH)).count();
                if lone == 0 {
                    break;
                }
            }
            let Some((_, id)) = queue.pop() else { break };
            let Some((colour, parents, _)) = paint.get(&id) else { continue };
            lone = lone.saturating_sub(usize::from(*colour != BOTH));
            waiting.extend(parents.iter().map(|parent| (*parent, *colour)));
        }
        // What is left in the queue is common; its colour still has to reach what was visited before by another way.
        while let Some((_, id)) = queue.pop() {
            let parents = paint.get(&id).map(|entry| entry.1.clone()).unwrap_or_default();
            for parent in parents {
                if let Some(entry) = paint.get_mut(&parent)
                    && entry.0 != BOTH
                {
                    entry.0 = BOTH;
                    queue.push((entry.2, parent));
                }
            }
        }
        let side = |colour: u8| {
            let mut ids: Vec<_> = paint.iter().filter(|(_, entry)| entry.0 == colour).map(|(id, entry)| (entry.2, *id)).collect();
            ids.sort_by(|left, right| right.cmp(left));
            ids.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
        };
        Ok(Difference { added: side(NEW), removed: side(OLD) })
    }

    /// Whether `ancestor` is `descendant` or one of those it descends from.
    ///
    /// # Errors
    /// When a commit on the way cannot be read.
    pub(crate) fn is_ancestor(&self, ancestor: ObjectId, descendant: ObjectId) -> Result<bool, GitError> {
        Ok(ancestor == descendant || !self.difference(Some(ancestor), descendant)?.removed.contains(&ancestor))
    }
}
