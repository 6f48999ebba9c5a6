//! Ignored files that agents and checks need, such as `.env`: `.worktreeinclude` names them, in the form of a `.gitignore`.
//!
//! The file is a convention of agent clients. It is read in the main worktree, and what it names is copied from there.

use camino::{Utf8Path, Utf8PathBuf};

use super::worktrees::top;
use crate::git::process::{copy_file, remove_all};
use crate::git::{Git, GitError, Repo};

/// The file with the patterns.
pub(crate) const FILE: &str = ".worktreeinclude";

/// The files that are copied into each worktree, relative to it: those that match a pattern and that git ignores.
///
/// # Errors
/// If git cannot list them.
pub(crate) fn list(repo: &Repo) -> Result<Vec<String>, GitError> {
    let top = top(repo);
    if !top.join(FILE).as_std_path().is_file() {
        return Ok(Vec::new());
    }
    let git = repo.git_at(&top);
    let named = git.output(["ls-files", "-z", "--others", "--ignored", &format!("--exclude-from={FILE}")])?;
    // What ends in a slash is a repository inside; a link may lead anywhere.
    Ok(ignored(&git, named.split('\0').filter(|name| !name.ends_with('/') && !top.join(name).is_symlink())))
}

/// Of these files, those that git ignores in a worktree.
fn ignored<'a>(git: &Git, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names = names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join("\0");
    // It exits with 1 if it ignores none.
    let ignored = git.input(["check-ignore", "-z", "--stdin"], names.as_bytes()).unwrap_or_default();
    ignored.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Copies them into a worktree, over what is there. A file that is not ignored there stays away, because it would be handed in.
///
/// # Errors
/// If git cannot list them, or a file cannot be copied.
pub(crate) fn copy(repo: &Repo, worktree: &Utf8Path) -> Result<(), GitError> {
    let named = list(repo)?;
    let Some(git) = repo.pinned(worktree).filter(|_| !named.is_empty()) else { return Ok(()) };
    let top = top(repo);
    for name in ignored(&git, named.iter().map(String::as_str)) {
        let (from, to) = (top.join(&name), worktree.join(&name));
        if crosses_no_link(&to, worktree) {
            // Whatever an agent made of it.
            remove_all(&to)?;
            copy_file(&from, &to)?;
        }
    }
    Ok(())
}

/// Whether no link of the worktree leads a path out of it.
fn crosses_no_link(path: &Utf8Path, worktree: &Utf8Path) -> bool {
    let between = path.strip_prefix(worktree).unwrap_or(path).ancestors().filter(|part| !part.as_str().is_empty());
    between.map(|part| worktree.join(part)).all(|part: Utf8PathBuf| !part.is_symlink())
}
