//! Lock files of killed processes, recognised by their age: a live process holds a lock only for milliseconds.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::process::{age, remove_file};
use super::{GitError, Repo};

/// The age from which a lock on a ref is stale. A transaction of thousands of refs takes one or two seconds.
const LEFT_BEHIND: Duration = Duration::from_secs(10);
/// The same for `packed-refs`, whose lock is held while all refs are packed and other hooks run.
const PACKED_LEFT_BEHIND: Duration = Duration::from_secs(30);

impl Repo {
    /// Removes stale locks under folders of refs, and a stale lock on `packed-refs`.
    ///
    /// # Errors
    /// If a stale lock cannot be removed.
    pub(crate) fn clear_left_locks(&self, folders: &[&str]) -> Result<(), GitError> {
        let mut folders: Vec<Utf8PathBuf> = folders.iter().map(|folder| self.common_dir().join(folder)).collect();
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.into_path()),
                    Ok(_) if entry.path().extension() == Some("lock") => clear(entry.path(), LEFT_BEHIND)?,
                    Ok(_) | Err(_) => {}
                }
            }
        }
        self.clear_left_lock_of(&[])
    }

    /// Removes stale locks on these refs, and a stale lock on `packed-refs`.
    ///
    /// # Errors
    /// If a stale lock cannot be removed.
    pub(super) fn clear_left_lock_of(&self, names: &[&str]) -> Result<(), GitError> {
        for name in names {
            clear(&self.common_dir().join(format!("{name}.lock")), LEFT_BEHIND)?;
        }
        clear(&self.common_dir().join("packed-refs.lock"), PACKED_LEFT_BEHIND)
    }
}

fn clear(lock: &Utf8Path, limit: Duration) -> Result<(), GitError> {
    if age(lock).is_ok_and(|age| age >= limit) { remove_file(lock) } else { Ok(()) }
}
