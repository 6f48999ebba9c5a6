//! What happens with each ticket that is worked on here, line by line, for those who watch from another process.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::gone;
use crate::core::id::TicketId;
use crate::core::secrets;
use crate::core::time::Timestamp;
use crate::git::process::{append_file, read_file, write_file};
use crate::git::{GitError, Repo};

/// How large a journal may be, in bytes; of a larger one the newer half is kept.
const MAX: usize = 1 << 20;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) time: String,
    /// In words, without secrets.
    pub(crate) text: String,
    /// What an agent used by then, where this tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<String>,
}

impl Entry {
    /// Something that happened at a time.
    #[must_use]
    pub(crate) fn new(time: Timestamp, text: &str, usage: Option<String>) -> Self {
        Self { time: time.to_string(), text: secrets::redact(text), usage }
    }
}

fn folder(repo: &Repo) -> Utf8PathBuf {
    repo.os_dir().join("journal")
}

fn path(repo: &Repo, id: &TicketId) -> Utf8PathBuf {
    folder(repo).join(id.as_str())
}

/// Writes down what happened.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn add(repo: &Repo, id: &TicketId, entry: &Entry) -> Result<(), GitError> {
    let line = serde_json::to_string(entry).unwrap_or_default() + "\n";
    let path = path(repo, id);
    let size = append_file(&path, line.as_bytes(), 0o600)?;
    if size <= MAX as u64 {
        return Ok(());
    }
    let text = read_file(&path)?;
    let half = text.len() - text.len() / 2;
    let newer = text.char_indices().find(|(at, one)| *at >= half && *one == '\n').map_or(text.len(), |(at, _)| at + 1);
    write_file(&path, &text.as_bytes()[newer..], 0o600)
}

/// What happened, oldest first. What is no entry is passed over: a line may be half written.
#[must_use]
pub(crate) fn read(repo: &Repo, id: &TicketId) -> Vec<Entry> {
    let text = read_file(&path(repo, id)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Removes what belongs to tickets that are not live.
///
/// # Errors
/// When a file stays, or it cannot be asked what is live.
pub(crate) fn forget(repo: &Repo, is_live: impl Fn(&TicketId) -> Result<bool, GitError>) -> Result<(), GitError> {
    gone::forget(&folder(repo), is_live)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;

    #[test]
    fn a_journal_is_read_in_its_order_and_does_not_grow_without_bound() {
        let (_dir, repo) = repo();
        let id = TicketId::parse("T-2026-05-07-one-91c2").expect("valid");
        assert!(read(&repo, &id).is_empty());
        let text = "x".repeat(1000);
        for number in 0..3000 {
            add(&repo, &id, &Entry::new(Timestamp(number), &text, None)).expect("written");
        }
        let kept = read(&repo, &id);
        assert!((500..1100).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.last().map(|entry| entry.time.clone()), Some(Timestamp(2999).to_string()));
        append_file(&path(&repo, &id), b"{\"time\":", 0o600).expect("written");
        assert_eq!(read(&repo, &id), kept, "a line that is half written");
        forget(&repo, |_| Ok(true)).expect("kept");
        assert_eq!(read(&repo, &id), kept);
        forget(&repo, |_| Ok(false)).expect("removed");
        assert!(read(&repo, &id).is_empty());
    }
}
