//! Compares the walk with a simple implementation, and checks how far it goes.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use super::*;
use crate::git::process::remove_file;
use crate::git::tests::{commit, repo};

/// Repeatable pseudo-random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("it fits") % end
    }
}

/// A history with merges, and the ancestors of each of its commits.
fn history(
    repo: &Repo,
    random: &mut Random,
    time: impl Fn(&mut Random, usize) -> usize,
) -> BTreeMap<ObjectId, BTreeSet<ObjectId>> {
    let mut ids: Vec<ObjectId> = Vec::new();
    let mut reach: BTreeMap<ObjectId, BTreeSet<ObjectId>> = BTreeMap::new();
    for number in 0..24 {
        let mut parents = BTreeSet::new();
        if number > 0 {
            parents.extend((0..=random.below(3)).map(|_| ids[ids.len() - 1 - random.below(ids.len().min(6))]));
        }
        let parents: Vec<_> = parents.into_iter().collect();
        let time = i64::try_from(time(random, number)).expect("a time");
        let id = commit(repo, &parents, time, random.below(usize::MAX));
        let mut reached: BTreeSet<_> = parents.iter().flat_map(|parent| reach[parent].clone()).collect();
        reached.insert(id);
        reach.insert(id, reached);
        ids.push(id);
    }
    reach
}

#[test]
fn both_sides_are_what_they_are() {
    let (_dir, repo) = repo();
    let mut random = Random(7);
    for step in [1, 2, 5, 50].repeat(2) {
        let reach = history(&repo, &mut random, |_, number| 1000 + number / step);
        for (old, reached_by_old) in &reach {
            for (new, reached_by_new) in &reach {
                let difference = repo.difference(Some(*old), *new).expect("readable");
                let added: BTreeSet<_> = difference.added.into_iter().collect();
                let removed: BTreeSet<_> = difference.removed.into_iter().collect();
                assert_eq!(added, reached_by_new.difference(reached_by_old).copied().collect(), "{old}..{new}");
                assert_eq!(removed, reached_by_old.difference(reached_by_new).copied().collect(), "{new}..{old}");
            }
        }
    }
}

#[test]
fn dates_that_lie_do_not_change_what_is_kept() {
    let (_dir, repo) = repo();
    let mut random = Random(11);
    for _ in 0..5 {
        let reach = history(&repo, &mut random, |random, number| [1000 + number, 1000, random.below(2000)][random.below(3)]);
        for old in reach.keys() {
            for (new, reached) in &reach {
                assert_eq!(repo.is_ancestor(*old, *new).expect("readable"), reached.contains(old), "{old}..{new}");
                let added: BTreeSet<_> = repo.difference(Some(*old), *new).expect("readable").added.into_iter().collect();
                assert!(reached.difference(&reach[old]).all(|id| added.contains(id)), "{old}..{new}");
            }
        }
    }
}

#[test]
fn what_is_common_is_not_walked() {
    let (dir, repo) = repo();
    let root = commit(&repo, &[], 1000, 0);
    let mut chain = vec![root];
    for number in 1..40_usize {
        // Some commits are from the same second, as if made by a program.
        let time = 1000 + i64::try_from(number / 3).expect("a time");
        chain.push(commit(&repo, &[chain[number - 1]], time, number));
    }
    let side = commit(&repo, &[chain[35]], 1020, 99);
    let hex = root.to_string();
    let path = dir.path().join(".git/objects").join(&hex[..2]).join(&hex[2..]);
    remove_file(&Utf8PathBuf::from_path_buf(path).expect("UTF-8")).expect("it is there");
    assert!(repo.is_ancestor(chain[38], chain[39]).expect("the root is not read"));
    assert!(repo.is_ancestor(chain[20], chain[39]).expect("the root is not read"));
    assert!(!repo.is_ancestor(side, chain[39]).expect("the root is not read"));
    assert_eq!(repo.difference(Some(chain[39]), side).expect("the root is not read").removed.len(), 4);
    assert!(repo.difference(None, chain[39]).is_err());
}
