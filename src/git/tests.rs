//! A repository to try things in, and commits for it.

use std::process::Command;

use camino::Utf8PathBuf;
use tempfile::TempDir;

use super::Repo;
use crate::core::id::ObjectId;

/// The tree that is empty; no commit here needs another.
const EMPTY: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// A repository with a work tree.
pub(crate) fn repo() -> (TempDir, Repo) {
    init(&[])
}

/// A bare one.
pub(crate) fn bare() -> (TempDir, Repo) {
    init(&["--bare"])
}

/// A repository of this person, who acts in it under that name.
pub(crate) fn repo_of(who: &str) -> (TempDir, Repo) {
    let (dir, repo) = repo();
    name(&repo, who);
    (dir, Repo::open(repo.home()).expect("a repository"))
}

/// One more, of another person, which has its objects in the same place as the first, and refs of its own.
pub(crate) fn repo_beside(first: &Repo, who: &str) -> (TempDir, Repo) {
    let (dir, repo) = repo();
    name(&repo, who);
    let objects = repo.common_dir().join("objects");
    crate::git::process::remove_all(&objects).expect("removed");
    std::os::unix::fs::symlink(first.common_dir().join("objects"), &objects).expect("a link");
    (dir, Repo::open(repo.home()).expect("a repository"))
}

fn name(repo: &Repo, who: &str) {
    for (key, value) in [("user.name", who.to_owned()), ("user.email", format!("{who}@example.com"))] {
        repo.git().output(["config", key, &value]).expect("configured");
    }
}

#[expect(clippy::disallowed_methods, reason = "a repository to look at")]
fn init(args: &[&str]) -> (TempDir, Repo) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = Utf8PathBuf::from_path_buf(dir.path().canonicalize().expect("it is there")).expect("UTF-8");
    let mut git = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        git.env_remove(name);
    }
    assert!(git.args(["init", "-q"]).args(args).arg(&path).status().expect("git").success());
    let repo = Repo::open(&path).expect("a repository");
    (dir, repo)
}

pub(crate) fn commit(repo: &Repo, parents: &[ObjectId], time: i64, salt: usize) -> ObjectId {
    let parents = parents.iter().fold(String::new(), |all, parent| format!("{all}parent {parent}\n"));
    let who = format!("A <a@example.com> {time} +0000");
    let text = format!("tree {EMPTY}\n{parents}author {who}\ncommitter {who}\n\n{salt}\n");
    repo.write_commit_bytes(text.as_bytes()).expect("written")
}
