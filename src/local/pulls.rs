//! When the host was last asked about the pull request of a ticket, and what it said: it is not asked again at once.

use std::time::Duration;

use camino::Utf8PathBuf;

use crate::core::id::{ObjectId, TicketId};
use crate::git::process::{age, read_file, remove_file, write_file};
use crate::git::{GitError, Repo};

/// How long an answer is good enough for those who only wait.
const FRESH: Duration = Duration::from_secs(60);

fn path(repo: &Repo, id: &TicketId) -> Utf8PathBuf {
    repo.os_dir().join("pulls").join(id.as_str())
}

/// Keeps that the pull request of this work is open.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn keep(repo: &Repo, id: &TicketId, head: ObjectId, url: &str) -> Result<(), GitError> {
    write_file(&path(repo, id), format!("{head} {url}\n").as_bytes(), 0o644)
}

/// The open pull request of this work, if the host said so a moment ago.
#[must_use]
pub(crate) fn find(repo: &Repo, id: &TicketId, head: ObjectId) -> Option<String> {
    let path = path(repo, id);
    age(&path).ok().filter(|age| *age < FRESH)?;
    let text = read_file(&path).ok()?;
    text.trim().strip_prefix(&head.to_string()).map(|url| url.trim().to_owned())
}

/// Forgets what the host said.
///
/// # Errors
/// When the file stays.
pub(crate) fn forget(repo: &Repo, id: &TicketId) -> Result<(), GitError> {
    remove_file(&path(repo, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;

    #[test]
    fn an_answer_is_about_one_state_of_the_work() {
        let (_dir, repo) = repo();
        let id = TicketId::parse("T-2026-05-07-one-91c2").expect("valid");
        let [one, other] = ["1", "2"].map(|digit| ObjectId::parse(&digit.repeat(40)).expect("hex"));
        assert_eq!(find(&repo, &id, one), None);
        keep(&repo, &id, one, "https://x/1").expect("written");
        assert_eq!(find(&repo, &id, one).as_deref(), Some("https://x/1"));
        assert_eq!(find(&repo, &id, other), None);
        forget(&repo, &id).expect("removed");
        assert_eq!(find(&repo, &id, one), None);
    }
}
