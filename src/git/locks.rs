//! Lock files of killed processes, recognised by their age: a live process holds a lock only for milliseconds.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::process::{age, remove_file};
use super::{GitError, Repo};

/// The age from which a lock on a ref is stale. A transaction of thousands of refs takes one or two seconds.
const LEFT_BEHIND: Duration = Duration::from_secs(10);
/// The same for `packed-refs`, whose lock is held while all refs are packed and other hooks run.
const PACKED_LEFT_BEHIND: Duration = Duration::from_secs(30);
const PACKED_LOCK: &str = "packed-refs.lock";

/// The lock of one loose ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) path: Utf8PathBuf,
    /// How long ago it was taken.
    pub(crate) age: Duration,
    file: Mark,
}

/// What tells a file from another one of its name. The number of an inode alone is soon used again.
type Mark = (u64, i64, i64);

fn mark(file: &Metadata) -> Mark {
    (file.ino(), file.ctime(), file.ctime_nsec())
}

impl Lock {
    /// Whether it is held since it was found: not given up, nor another one of the same name taken.
    #[must_use]
    pub(crate) fn is_still_there(&self) -> bool {
        self.path.metadata().is_ok_and(|file| mark(&file) == self.file)
    }
}

impl Repo {
    /// The locks below folders of refs, in the order of their paths.
    #[must_use]
    pub(crate) fn list_locks(&self, folders: &[&str]) -> Vec<Lock> {
        let mut locks = Vec::new();
        let mut folders: Vec<Utf8PathBuf> = folders.iter().map(|folder| self.common_dir().join(folder)).collect();
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path.to_owned()),
                    Ok(_) if path.extension() == Some("lock") => {
                        // It may have been given up already.
                        if let (Ok(file), Ok(age)) = (path.metadata(), age(path)) {
                            locks.push(Lock { path: path.to_owned(), age, file: mark(&file) });
                        }
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        }
        locks.sort_by(|left, right| left.path.cmp(&right.path));
        locks
    }

    /// Removes the locks below folders of refs, and the one of `packed-refs`, that nobody can be holding any more.
    ///
    /// # Errors
    /// If a stale lock cannot be removed.
    pub(crate) fn clear_left_locks(&self, folders: &[&str]) -> Result<(), GitError> {
        for lock in self.list_locks(folders).into_iter().filter(|lock| lock.age >= LEFT_BEHIND) {
            // Somebody else may have removed it, and a third one holds a lock of that name by now.
            if lock.is_still_there() {
                remove_file(&lock.path)?;
            }
        }
        self.clear_left_lock_of(&[])
    }

    /// Whether somebody holds, or left, the lock of `packed-refs`.
    #[must_use]
    pub(super) fn is_packed_locked(&self) -> bool {
        self.common_dir().join(PACKED_LOCK).as_std_path().exists()
    }

    /// Removes stale locks on these refs, and a stale lock on `packed-refs`.
    ///
    /// # Errors
    /// If a stale lock cannot be removed.
    pub(super) fn clear_left_lock_of(&self, names: &[&str]) -> Result<(), GitError> {
        for name in names {
            clear(&self.common_dir().join(format!("{name}.lock")), LEFT_BEHIND)?;
        }
        clear(&self.common_dir().join(PACKED_LOCK), PACKED_LEFT_BEHIND)
    }
}

fn clear(lock: &Utf8Path, limit: Duration) -> Result<(), GitError> {
    if age(lock).is_ok_and(|age| age >= limit) { remove_file(lock) } else { Ok(()) }
}
