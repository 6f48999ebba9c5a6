//! What people have stashed: worktrees share one stack, so an agent that pops what it did not push takes a person's changes.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::git::process::{read_file, write_file};
use crate::git::{GitError, Repo};

/// The entries of the stack, the latest first: the id of each commit, a space, its message.
fn entries(repo: &Repo) -> Result<Vec<String>, GitError> {
    let listed = repo.git().output(["stash", "list", "--format=%H %gs"])?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// Notes in a file what is stashed.
///
/// # Errors
/// If git cannot list it, or the file cannot be written.
pub(crate) fn note(repo: &Repo, file: &Utf8Path) -> Result<(), GitError> {
    write_file(file, entries(repo)?.join("\n").as_bytes(), 0o600)
}

/// Puts what was noted and is gone on top of the stack again. Returns how many entries that were.
///
/// # Errors
/// If git cannot list or store them.
pub(crate) fn restore(repo: &Repo, file: &Utf8Path) -> Result<usize, GitError> {
    // Without a note, nothing is known to be missing.
    let noted = read_file(file).unwrap_or_default();
    if noted.is_empty() {
        return Ok(0);
    }
    let id = |entry: &str| entry.split(' ').next().unwrap_or_default().to_owned();
    let now: BTreeSet<String> = entries(repo)?.iter().map(|entry| id(entry)).collect();
    let gone: Vec<&str> = noted.lines().filter(|entry| !now.contains(&id(entry))).collect();
    for entry in gone.iter().rev() {
        let (commit_id, message) = entry.split_once(' ').unwrap_or((entry, ""));
        repo.git().output(["stash", "store", "--quiet", "--message", message, commit_id])?;
    }
    Ok(gone.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;

    #[test]
    fn what_was_stashed_before_is_there_again() {
        let (_dir, repo) = repo();
        let git = |args: &[&str]| {
            let git = repo.git().variable("GIT_AUTHOR_NAME", "A").variable("GIT_AUTHOR_EMAIL", "a@example.com");
            let git = git.variable("GIT_COMMITTER_NAME", "A").variable("GIT_COMMITTER_EMAIL", "a@example.com");
            git.output(args).expect("git does it")
        };
        let write = |text: &str| write_file(&repo.home().join("a"), text.as_bytes(), 0o644).expect("written");
        let stash = |text: &str| {
            write(text);
            git(&["stash", "push", "--quiet", "--message", text]);
        };
        let file = repo.os_dir().join("stash");
        note(&repo, &file).expect("noted");
        assert_eq!(restore(&repo, &file).expect("restored"), 0);
        write("0");
        git(&["add", "a"]);
        git(&["commit", "--quiet", "--message", "0"]);
        stash("one");
        stash("two");
        stash("three");
        note(&repo, &file).expect("noted");
        let before = entries(&repo).expect("listed");
        stash("of the agent");
        git(&["stash", "drop", "--quiet", "stash@{1}"]);
        git(&["stash", "drop", "--quiet", "stash@{2}"]);
        assert_eq!(restore(&repo, &file).expect("restored"), 2);
        let after = entries(&repo).expect("listed");
        assert!(before.iter().all(|entry| after.contains(entry)), "{before:?} {after:?}");
        git(&["stash", "clear"]);
        assert_eq!(restore(&repo, &file).expect("restored"), 3);
        assert_eq!(entries(&repo).expect("listed"), before, "in their order");
    }
}
