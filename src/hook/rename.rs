//! `git branch -m` makes several transactions. If one of them is refused, git dies and takes nothing back, so the hook does.
//!
//! With refs in files, git moves the log of the old name away, deletes the old name, deletes the new name if there is one, and then
//! writes the new name, for which it starts no hook. A reftable does all of it in one step, for which git starts no hook either.

use camino::Utf8PathBuf;

use super::caller::Caller;
use crate::core::id::ObjectId;
use crate::core::text::escape;
use crate::git::process::rename_file;
use crate::git::refs::RefEdit;
use crate::git::{GitError, Repo};

/// Where git keeps the log of the old name, as the name of a ref.
const LOG: &str = "refs/.tmp-renamed-log";

/// Whether git deletes this branch only to write it again, as `git branch -M main` on `main` does.
pub(super) fn is_to_itself(repo: &Repo, name: &str) -> bool {
    let Some(rename) = Caller::find().and_then(|caller| caller.rename()) else { return false };
    rename.new == name && rename.old.or_else(|| repo.head_branch()).as_deref() == Some(name)
}

/// Restores what git has taken away before the deletion of this branch is refused. Returns what its reader has to know, if anything.
///
/// # Errors
/// If a file or ref cannot be written.
pub(super) fn put_back(repo: &Repo, name: &str, caller: Option<&Caller>) -> Result<Option<String>, GitError> {
    let log = |name: &str| repo.common_dir().join("logs").join(name);
    let tip = repo.read_log(LOG).last().map(|line| line.new);
    let rename = caller.and_then(Caller::rename);
    let rename = rename.filter(|rename| rename.new == name || rename.old.as_deref().is_none_or(|old| old == name));
    if caller.is_some() && rename.is_none() {
        // A log that is there is one that an earlier git left.
        return Ok(None);
    }
    let old = match rename {
        Some(rename) => rename.old.or_else(|| repo.head_branch()),
        None if tip.is_some() && !log(name).as_std_path().exists() => Some(name.to_owned()),
        None => None,
    };
    match (old, tip) {
        (Some(old), tip) if old == name => {
            // The log may be one of another branch, which an earlier git left.
            if tip.is_some() && tip == repo.find_present_ref(name)? {
                move_log(&log(LOG), &log(name))?;
            }
            Ok(Some("to rename a protected branch, first change `protected` in registry.toml and run `git os init`".to_owned()))
        }
        (Some(old), _) if repo.find_present_ref(&old)?.is_some() => Ok(None),
        (Some(old), Some(tip)) => {
            // The git that waits for this hook holds the lock of `packed-refs`.
            repo.move_by_git(&[RefEdit::create(&old, tip)])?;
            move_log(&log(LOG), &log(&old))?;
            Ok(Some(format!("branch `{}` is back at commit {}", short(&old), tip.short(12))))
        }
        (Some(old), None) => {
            Ok(Some(format!("git fsck --no-reflogs   # list the commits without a branch; one was `{}`", short(&old))))
        }
        (None, Some(tip)) if !is_on_a_branch(repo, tip)? => {
            Ok(Some(format!("git branch NAME {tip}   # restore a branch that git was renaming to `{}`", short(name))))
        }
        (None, _) => Ok(None),
    }
}

fn short(name: &str) -> String {
    escape(name.trim_start_matches("refs/heads/"))
}

fn is_on_a_branch(repo: &Repo, commit_id: ObjectId) -> Result<bool, GitError> {
    Ok(repo.list_refs("refs/heads/")?.iter().any(|(_, tip)| *tip == commit_id))
}

fn move_log(from: &Utf8PathBuf, to: &Utf8PathBuf) -> Result<(), GitError> {
    if from.as_std_path().exists() { rename_file(from, to) } else { Ok(()) }
}
