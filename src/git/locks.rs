//! Lock files that killed processes left: known by their age, since whoever lives holds one for milliseconds.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::process::{age, remove_file};
use super::{GitError, Repo};

/// From what age on a lock on a ref is left behind. A transaction of thousands of refs takes a second or two.
const LEFT_BEHIND: Duration = Duration::from_secs(10);
/// That of `packed-refs` is held while all refs are packed and others' hooks are asked.
const PACKED_LEFT_BEHIND: Duration = Duration::from_secs(30);

impl Repo {
    /// Removes the locks below folders of refs, and the one of `packed-refs`, that nobody can be holding any more.
    ///
    /// # Errors
    /// When one of them stays.
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

    /// Removes the locks of these refs, and the one of `packed-refs`, that nobody can be holding any more.
    ///
    /// # Errors
    /// When one of them stays.
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
