//! Locks on this machine: those that ours hold as long as they live, and those that killed processes left.

use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::gone;
use crate::core::id::TicketId;
use crate::git::process::{remove_file, write_file};
use crate::git::{GitError, Repo};

/// The folders of loose refs that are ours.
const FOLDERS: [&str; 2] = ["refs/os", "refs/notes/os"];
/// How old a lock is that nobody can still hold: a ref is moved in milliseconds.
const STALE: Duration = Duration::from_secs(60);
/// How long a ref of ours may be locked by somebody who lives: a move takes milliseconds, and a hook's judgement not much more.
const LOCKED: Duration = Duration::from_secs(1);
/// How long a session that was killed may take to let go of the lock: a process that it had just begun to start holds it
/// until it has started.
const LETTING_GO: Duration = Duration::from_millis(500);

/// Takes the lock of a file, which is made if it is not there; `None` when somebody else holds it. The system lets go of it
/// when the process ends, however it ends.
///
/// # Errors
/// When the file cannot be accessed.
pub(super) fn take(path: &Utf8Path) -> Result<Option<File>, GitError> {
    let opened = File::options().write(true).create(true).truncate(false).open(path);
    try_take(path, opened.map_err(failed(path))?)
}

/// As [`take`], but makes no file: one that is not there cannot be taken.
///
/// # Errors
/// When the file cannot be accessed.
pub(super) fn take_existing(path: &Utf8Path) -> Result<Option<File>, GitError> {
    match File::open(path) {
        Ok(file) => try_take(path, file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

fn try_take(path: &Utf8Path, file: File) -> Result<Option<File>, GitError> {
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed(path)(source)),
    }
}

fn failed(path: &Utf8Path) -> impl Fn(std::io::Error) -> GitError + '_ {
    move |source| GitError::File { path: path.to_owned(), source }
}

fn session_lock(hub: &Repo) -> Utf8PathBuf {
    hub.os_dir().join("session.lock")
}

/// Takes the lock of a file among ours.
fn take_in(repo: &Repo, name: &str) -> Result<Option<File>, GitError> {
    let path = repo.os_dir().join(name);
    if !path.as_std_path().exists() {
        write_file(&path, b"", 0o600)?;
    }
    take(&path)
}

/// Takes the lock of the verification of a ticket, whose worktree is one for all processes; `None` when another process verifies it.
///
/// # Errors
/// When the file cannot be accessed.
pub(crate) fn take_verification(repo: &Repo, id: &TicketId) -> Result<Option<File>, GitError> {
    take_in(repo, &format!("verifying/{id}"))
}

/// Takes the lock of the replay of a ticket; `None` when another process replays it.
///
/// # Errors
/// When the file cannot be accessed.
pub(crate) fn take_replay(repo: &Repo, id: &TicketId) -> Result<Option<File>, GitError> {
    take_in(repo, &format!("replaying/{id}"))
}

/// Removes the files of the locks of tickets that are not live.
///
/// # Errors
/// When a file stays, or it cannot be asked what is live.
pub(crate) fn forget(repo: &Repo, is_live: impl Fn(&TicketId) -> Result<bool, GitError> + Copy) -> Result<(), GitError> {
    gone::forget(&repo.os_dir().join("verifying"), is_live)?;
    gone::forget(&repo.os_dir().join("replaying"), is_live)
}

/// Takes the lock of the removal of worktrees in a repository; `None` when another process removes some.
///
/// # Errors
/// When the file cannot be accessed.
pub(crate) fn take_collection(repo: &Repo) -> Result<Option<File>, GitError> {
    take_in(repo, "collection")
}

/// Takes the lock of landings in a repository, as whoever moves the branch also moves index and files of the worktree that has it checked
/// out; `None` when something else lands there.
///
/// # Errors
/// When the file cannot be accessed.
pub(crate) fn take_landing(repo: &Repo) -> Result<Option<File>, GitError> {
    take_in(repo, "turn")
}

/// Takes the lock of a hub's session; `None` when another session lives.
///
/// # Errors
/// When the file cannot be accessed.
#[expect(clippy::disallowed_methods, reason = "a lock of another process can only be waited for")]
pub(crate) fn take_session(hub: &Repo) -> Result<Option<File>, GitError> {
    let path = session_lock(hub);
    if !path.as_std_path().exists() {
        write_file(&path, b"", 0o644)?;
    }
    let started = Instant::now();
    loop {
        let taken = take(&path)?;
        if taken.is_some() || started.elapsed() >= LETTING_GO {
            return Ok(taken);
        }
        std::thread::sleep(LETTING_GO / 25);
    }
}

/// Whether a session that lives holds the lock of this hub.
#[must_use]
pub(crate) fn has_session(hub: &Repo) -> bool {
    let path = session_lock(hub);
    path.as_std_path().exists() && take_existing(&path).is_ok_and(|taken| taken.is_none())
}

/// Locks on refs of ours that are too old to be held by anybody.
#[must_use]
pub(crate) fn stale(repo: &Repo) -> Vec<Utf8PathBuf> {
    repo.list_locks(&FOLDERS).into_iter().filter(|lock| lock.age > STALE).map(|lock| lock.path).collect()
}

/// Removes the locks on refs of ours that a killed process left, found by waiting for those who live. Returns which.
///
/// # Errors
/// When one of them stays.
#[expect(clippy::disallowed_methods, reason = "whether a lock is given up can only be seen by waiting")]
pub(crate) fn unlock(repo: &Repo) -> Result<Vec<Utf8PathBuf>, GitError> {
    let mut locks = repo.list_locks(&FOLDERS);
    if !locks.is_empty() {
        std::thread::sleep(LOCKED);
    }
    locks.retain(crate::git::locks::Lock::is_still_there);
    locks.into_iter().map(|lock| remove_file(&lock.path).map(|()| lock.path)).collect()
}

/// Removes the locks that a killed git left in a ticket's own places; nothing of the run lives any more. Returns whether one
/// was killed while it wrote the files.
///
/// # Errors
/// When one of them stays.
pub(crate) fn clear_of_ticket(repo: &Repo, id: &TicketId, worktree: &Utf8Path) -> Result<bool, GitError> {
    let mut was_writing = false;
    if let Some(git_dir) = repo.find_worktree_git_dir(worktree) {
        let index = git_dir.join("index.lock");
        was_writing = index.exists();
        remove_file(&index)?;
        remove_file(&git_dir.join("HEAD.lock"))?;
    }
    remove_file(&repo.common_dir().join(format!("{}.lock", id.branch())))?;
    Ok(was_writing)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::git::tests::repo;

    #[test]
    fn one_session_holds_a_hub() {
        let (_dir, hub) = repo();
        assert!(!has_session(&hub) && !session_lock(&hub).exists());
        let held = take_session(&hub).expect("written").expect("it is free");
        assert!(has_session(&hub));
        assert!(take_session(&hub).expect("readable").is_none());
        drop(held);
        assert!(!has_session(&hub));
        assert!(take_session(&hub).expect("readable").is_some());
    }

    #[test]
    fn only_a_lock_that_nobody_gives_up_is_removed() {
        let (_dir, repo) = repo();
        let [left, held] = ["left", "held"].map(|name| repo.common_dir().join(format!("refs/os/{name}.lock")));
        for lock in [&left, &held] {
            write_file(lock, b"", 0o644).expect("written");
        }
        let is_over = AtomicBool::new(false);
        let removed = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // Another one of the same name each time.
                    write_file(&held, b"", 0o644).expect("written");
                    crate::git::refs::pause(1);
                }
            });
            let removed = unlock(&repo);
            is_over.store(true, Ordering::Relaxed);
            removed
        });
        assert_eq!(removed.expect("removed"), std::slice::from_ref(&left));
        assert!(!left.exists() && held.exists());
        assert!(stale(&repo).is_empty(), "it is not old");
    }
}
