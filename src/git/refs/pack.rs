//! Loose refs of ours, packed in process once they are many: git reads one file faster than a folder of small ones, and
//! `git pack-refs` would start a hook for each.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use gix::lock::acquire::Fail;
use gix::refs::file::transaction::PackedRefs;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit as NativeEdit};
use gix::refs::{FullName, Target};

use super::{pause, wait};
use crate::core::id::ObjectId;
use crate::git::durable::{self, Durable};
use crate::git::ending::step;
use crate::git::object::native;
use crate::git::process::{age, read_file, remove_file};
use crate::git::store::Store;
use crate::git::{GitError, RefBackend, Repo, shared};

/// Where refs are that git-os packs; those of people are left to git.
const FOLDERS: [&str; 3] = ["refs/os", "refs/os-remote", "refs/notes/os"];
/// How often refs are read that are packed all the while, and how often at once, before others get the time to come to an end.
const READS: usize = 20;
const READS_AT_ONCE: usize = 5;
/// More than a tick of a file system's clock, which is that of the kernel's timer: 10 ms at the most.
const TICK: Duration = Duration::from_millis(20);
/// From how many loose ones on.
const MANY: usize = 192;

impl Repo {
    /// Packs the loose refs of git-os if there are many. Nothing depends on it: whatever is in the way, the next one tries
    /// again.
    pub(crate) fn pack_own_refs(&self) {
        if self.backend == RefBackend::Files
            && let Store::Git(git) = &self.store
        {
            // They are only counted at first: this follows each move of a ref.
            let mut count = 0;
            self.each_loose_ref(|_| count += 1);
            if count >= MANY {
                drop(self.pack(git, &self.loose_refs()));
            }
        }
    }

    /// Waits until `packed-refs` is older than a tick of the file system's clock, and has the store read it anew.
    ///
    /// gix writes the whole file from what it has read, and takes that for up to date, under the lock too, unless the file's time is
    /// later. Written by somebody else within the same tick, the file would lose what they wrote.
    fn settle_packed(&self) {
        let file = self.common_dir().join("packed-refs");
        if age(&file).is_ok_and(|age| age < TICK) {
            wait(TICK);
        }
        self.packed.set(mark(&file));
        self.store.forget_packed();
    }

    /// Reads refs, and again if `packed-refs` was written meanwhile: gix looks at it first and at the loose refs then, and
    /// would miss a ref that is packed in between. It also takes two states of the file for one that were written within a
    /// tick of the file system's clock. `read` returns nothing where it was disturbed. After too many tries git itself reads them: the loose refs first, so that it misses none.
    pub(super) fn read_refs<T>(
        &self,
        read: impl Fn() -> Result<Option<T>, GitError>,
        by_git: impl FnOnce() -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let file = self.common_dir().join("packed-refs");
        for reads in 0..READS {
            if reads >= READS_AT_ONCE {
                pause(0);
            }
            let before = mark(&file);
            if self.packed.replace(before) != before {
                self.store.forget_packed();
            }
            if let Some(found) = read()?
                && mark(&file) == before
            {
                return Ok(found);
            }
        }
        by_git()
    }

    /// Calls `found` with each loose ref of git-os: the path of its file.
    fn each_loose_ref(&self, mut found: impl FnMut(std::fs::DirEntry)) {
        let top = self.common_dir();
        let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| top.join(folder).into()).collect();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(kind) if kind.is_file() => found(entry),
                    // It went meanwhile, or is none of ours.
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }

    /// Removes loose refs below a folder of ours that name no object, such as the empty file that a killed process may leave. Returns whether
    /// there were any. For refs that only repeat what others have.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub(crate) fn remove_broken_refs(&self, folder: &str) -> Result<bool, GitError> {
        let mut found = false;
        for (name, path) in self.loose_refs() {
            let is_broken =
                || read_file(&path).is_ok_and(|text| !text.starts_with("ref: ") && ObjectId::parse(text.trim_end()).is_err());
            if self.backend == RefBackend::Files && name.starts_with(folder) && is_broken() {
                remove_file(&path)?;
                found = true;
            }
        }
        Ok(found)
    }

    /// The loose refs of git-os, with the files they are in.
    fn loose_refs(&self) -> Vec<(String, Utf8PathBuf)> {
        let mut loose = Vec::new();
        self.each_loose_ref(|entry| {
            if let Ok(path) = Utf8PathBuf::from_path_buf(entry.path())
                && path.extension() != Some("lock")
                && let Ok(name) = path.strip_prefix(self.common_dir())
            {
                loose.push((name.to_string(), path.clone()));
            }
        });
        loose
    }

    fn pack(&self, git: &gix::Repository, loose: &[(String, Utf8PathBuf)]) -> Result<(), GitError> {
        let fail = |source| GitError::Move { name: FOLDERS[0].to_owned(), source };
        if Durable::of(git).refs {
            // gix gives no chance to write the new file out before it takes the place of the old one.
            return self.git().config("core.hooksPath=/dev/null").output(["pack-refs", "--all"]).map(drop);
        }
        self.settle_packed();
        let _whole = step();
        let mut edits = Vec::with_capacity(loose.len());
        let mut packed = Vec::with_capacity(loose.len());
        for (name, path) in loose {
            // A symbolic ref, and one of garbage, stay as they are.
            let Some(id) = read_loose(path) else { continue };
            let (Some(target), Ok(full)) = (native(id).map(Target::Object), FullName::try_from(name.as_str())) else { continue };
            let expected = PreviousValue::MustExistAndMatch(target.clone());
            let change = Change::Update { log: LogChange::default(), expected, new: target };
            edits.push(NativeEdit { change, name: full, deref: false });
            packed.push((path, id));
        }
        let objects = git.objects.clone().into_inner();
        git.refs
            .transaction()
            .packed_refs(PackedRefs::DeletionsAndNonSymbolicUpdates(Box::new(objects)))
            .prepare(edits, Fail::Immediately, Fail::Immediately)
            .and_then(|transaction| transaction.commit(None))
            .map_err(|error| fail(Box::new(error)))?;
        // The loose ones go only once the packed ones are certain to be on the disk.
        let file = self.common_dir().join("packed-refs");
        shared::adjust(&file);
        durable::sync(file.as_std_path()).map_err(GitError::file(&file))?;
        for (path, id) in packed {
            prune(path, id)?;
        }
        Ok(())
    }
}

/// What tells one state of a file from another.
pub(in crate::git) type Mark = (u64, i64, i64, u64);

/// The state of a file; nothing where there is none.
fn mark(file: &Utf8Path) -> Option<Mark> {
    let file = file.as_std_path().metadata().ok()?;
    Some((file.ino(), file.mtime(), file.mtime_nsec(), file.len()))
}

/// The object that a loose ref names.
fn read_loose(path: &Utf8Path) -> Option<ObjectId> {
    ObjectId::parse(read_file(path).ok()?.trim_end()).ok()
}

/// Removes a loose ref that is packed, unless it moved since; as git does, under its lock.
fn prune(path: &Utf8Path, id: ObjectId) -> Result<(), GitError> {
    let lock = Utf8PathBuf::from(format!("{path}.lock"));
    if File::create_new(&lock).is_err() {
        // Whoever holds it is about to move the ref.
        return Ok(());
    }
    let removed = if read_loose(path) == Some(id) { remove_file(path) } else { Ok(()) };
    remove_file(&lock)?;
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::process::write_file;
    use crate::git::refs::{Moved, RefEdit};
    use crate::git::tests::{commit, repo};

    #[test]
    fn many_refs_are_packed_and_nothing_is_lost() {
        let (_dir, repo) = repo();
        let ids: Vec<ObjectId> = (0..3).map(|salt| commit(&repo, &[], 1, salt)).collect();
        let name = |number: usize| format!("refs/os/tickets/T-{number}");
        for number in 0..MANY - 1 {
            assert_eq!(repo.move_refs(&[RefEdit::create(name(number), ids[0])]).expect("moved"), Moved::Done);
        }
        assert_eq!(repo.loose_refs().len(), MANY - 1, "few refs stay as they are");
        for number in MANY - 1..2 * MANY {
            assert_eq!(repo.move_refs(&[RefEdit::create(name(number), ids[1])]).expect("moved"), Moved::Done);
        }
        assert!(repo.loose_refs().len() < MANY, "{}", repo.loose_refs().len());
        // One that is packed moves, and goes, as any other.
        assert_eq!(repo.move_refs(&[RefEdit::advance(name(0), Some(ids[0]), ids[2])]).expect("moved"), Moved::Done);
        assert_eq!(repo.move_refs(&[RefEdit::delete(name(1), ids[0])]).expect("moved"), Moved::Done);
        let all = repo.list_refs("refs/os/").expect("listed");
        assert_eq!(all.len(), 2 * MANY - 1);
        assert_eq!(repo.find_ref(&name(0)).expect("read"), Some(ids[2]));
        assert_eq!(repo.find_ref(&name(MANY)).expect("read"), Some(ids[1]));
    }

    #[test]
    fn a_ref_is_never_missed_while_others_are_packed() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let (_dir, repo) = repo();
        let id = commit(&repo, &[], 1, 0);
        let name = |number: usize| format!("refs/os/tickets/T-{number}");
        assert_eq!(repo.move_refs(&[RefEdit::create(name(0), id)]).expect("moved"), Moved::Done);
        let (home, is_over) = (repo.home().to_owned(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let repo = Repo::open(&home).expect("a repository");
                let mut reads = 0;
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(repo.find_ref(&name(0)).expect("read"), Some(id));
                    assert!(repo.list_refs("refs/os/").expect("listed").contains(&(name(0), id)));
                    reads += 1;
                }
                reads
            });
            for number in 1..2000 {
                assert_eq!(repo.move_refs(&[RefEdit::create(name(number), id)]).expect("moved"), Moved::Done);
                if number % 20 == 0 {
                    // It is loose again, as it was, and packed again with the others.
                    write_file(&repo.common_dir().join(name(0)), format!("{id}\n").as_bytes(), 0o644).expect("written");
                    if let Store::Git(git) = &repo.store {
                        drop(repo.pack(git, &repo.loose_refs()));
                    }
                }
            }
            is_over.store(true, Ordering::Relaxed);
            assert!(reader.join().expect("no ref was missed") > 0);
        });
    }

    #[test]
    fn what_is_packed_at_every_look_is_read_by_git() {
        let (_dir, repo) = repo();
        let id = commit(&repo, &[], 1, 0);
        assert_eq!(repo.move_refs(&[RefEdit::create("refs/os/x", id)]).expect("moved"), Moved::Done);
        let file = repo.common_dir().join("packed-refs");
        let reads = std::cell::Cell::new(0);
        let disturbed = || {
            reads.set(reads.get() + 1);
            write_file(&file, "# pack-refs with: peeled fully-peeled sorted \n".as_bytes(), 0o644).expect("written");
            Ok(Some(None))
        };
        let found = repo.read_refs(disturbed, || repo.find_ref_by_git("refs/os/x")).expect("read");
        assert_eq!((found, reads.get()), (Some(id), READS));
    }

    #[test]
    fn a_ref_that_moved_meanwhile_or_is_locked_is_not_pruned() {
        let (_dir, repo) = repo();
        let (old, new) = (commit(&repo, &[], 1, 0), commit(&repo, &[], 1, 1));
        let name = "refs/os/x";
        assert_eq!(repo.move_refs(&[RefEdit::create(name, new)]).expect("moved"), Moved::Done);
        let path = repo.common_dir().join(name);
        prune(&path, old).expect("looked at");
        assert_eq!(read_loose(&path), Some(new));
        let lock = format!("{path}.lock");
        write_file(Utf8Path::new(&lock), b"", 0o644).expect("written");
        prune(&path, new).expect("looked at");
        assert_eq!(read_loose(&path), Some(new));
        remove_file(Utf8Path::new(&lock)).expect("removed");
        prune(&path, new).expect("looked at");
        assert_eq!(read_loose(&path), None);
    }

    #[test]
    fn who_deletes_while_git_packs_loses_no_ref_and_brings_none_back() {
        const ROUNDS: usize = 40;
        let (_dir, repo) = repo();
        let id = commit(&repo, &[], 1, 0);
        let name = |who: &str, at: usize| format!("refs/os/x/{who}-{at}");
        let all: Vec<_> = (0..2 * ROUNDS).map(|at| RefEdit::create(name("gone", at), id)).collect();
        assert_eq!(repo.move_refs(&all).expect("moved"), Moved::Done);
        repo.git().output(["pack-refs", "--all"]).expect("packed");
        let home = repo.home().to_owned();
        std::thread::scope(|scope| {
            for half in 0..2 {
                let home = home.clone();
                scope.spawn(move || {
                    let repo = Repo::open(&home).expect("a repository");
                    for at in (half * ROUNDS)..((half + 1) * ROUNDS) {
                        assert_eq!(repo.move_refs(&[RefEdit::delete(name("gone", at), id)]).expect("moved"), Moved::Done);
                    }
                });
            }
            for at in 0..ROUNDS {
                assert_eq!(repo.move_refs(&[RefEdit::create(name("kept", at), id)]).expect("moved"), Moved::Done);
                // Somebody else may be at it.
                drop(repo.git().run(["pack-refs", "--all"]).expect("git starts"));
            }
        });
        let listed = repo.git().output(["for-each-ref", "--format=%(refname)", "refs/os"]).expect("listed");
        let listed: std::collections::BTreeSet<_> = listed.lines().map(str::to_owned).collect();
        assert_eq!(listed, (0..ROUNDS).map(|at| name("kept", at)).collect());
    }
}
