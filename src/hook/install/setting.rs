//! The setting `core.hooksPath`, put where it wins over all that others set, and taken back.

use camino::Utf8Path;

use super::{FOLDER, InstallError, folder};
use crate::git::config::{Scope, Setting};
use crate::git::{GitError, Repo};

/// The setting that says where git looks for hooks: its section, its name, and both.
const SECTION: &str = "core";
const NAME: &str = "hooksPath";
pub(super) const HOOKS_PATH: &str = "core.hooksPath";
/// The setting that keeps the value of `core.hooksPath` that was in force.
pub(super) const FORMER: &str = "git-os.formerHooksPath";
/// The setting that keeps the values of `core.hooksPath` that the same file had, as they were written there.
const REPLACED: &str = "git-os.replacedHooksPath";
/// What earlier versions of git-os wrote instead: whether the former value was in the repository's own configuration.
const FORMER_IS_LOCAL: &str = "git-os.formerHooksPathIsLocal";

/// Whether this value of `core.hooksPath` is the git-os folder at the repository's old location.
pub(super) fn is_moved(repo: &Repo, path: &str) -> bool {
    Utf8Path::new(path).file_name() == Some(FOLDER) && repo.config(FORMER).is_some()
}

/// Whether this value of `core.hooksPath` is from git-os.
fn is_own(repo: &Repo, path: &str) -> bool {
    path == folder(repo).as_str() || is_moved(repo, path)
}

/// Points `core.hooksPath` to a folder, where it wins over all that sets it now, and remembers the value that did.
///
/// # Errors
/// If git's configuration cannot be written, or something else wins all the same.
pub(super) fn put_in_force(repo: &Repo, dir: &Utf8Path, former: &Utf8Path) -> Result<(), InstallError> {
    renew_memory(repo)?;
    repo.replace_settings(Scope::Local, FORMER, &[former.to_string()])?;
    for (scope, name) in [(Scope::Local, "local"), (Scope::Worktree, "worktree")] {
        for put in [replace, append] {
            put(repo, scope, dir)?;
            match repo.find_path_setting(HOOKS_PATH)? {
                Some(winner) if winner.path == dir => return Ok(()),
                // Nothing in this file helps.
                Some(winner) if winner.scope != name => break,
                _ => {}
            }
        }
        if repo.find_path_setting(HOOKS_PATH)?.is_none_or(|winner| winner.scope != "worktree") {
            break;
        }
    }
    let Setting { path: value, scope, origin } = repo.find_path_setting(HOOKS_PATH)?.unwrap_or_default();
    Err(InstallError::Shadowed { value, scope, origin })
}

/// Puts the setting in the place of the one in this file, which is remembered.
fn replace(repo: &Repo, scope: Scope, dir: &Utf8Path) -> Result<(), GitError> {
    let values = repo.list_settings(scope, HOOKS_PATH)?;
    if let Some(own) = values.iter().find(|value| is_own(repo, value)) {
        return repo.replace_setting(scope, HOOKS_PATH, own, Some(dir.as_str()));
    }
    repo.replace_settings(scope, REPLACED, &values)?;
    repo.replace_settings(scope, HOOKS_PATH, &[dir.to_string()])
}

/// Puts the setting at the end of this file, since something that the file includes comes after the other ones; those are
/// put back.
fn append(repo: &Repo, scope: Scope, dir: &Utf8Path) -> Result<(), GitError> {
    take_out(repo, scope)?;
    repo.append_setting(scope, SECTION, NAME, dir.as_str())
}

/// Removes our settings and restores what they replaced.
///
/// # Errors
/// If git's configuration cannot be written.
pub(super) fn take_back(repo: &Repo) -> Result<(), GitError> {
    renew_memory(repo)?;
    for scope in [Scope::Local, Scope::Worktree] {
        take_out(repo, scope)?;
    }
    Ok(())
}

/// Writes what an earlier git-os remembered of the replaced setting as this one does.
fn renew_memory(repo: &Repo) -> Result<(), GitError> {
    let known = repo.list_settings(Scope::Local, FORMER_IS_LOCAL)?;
    if known.is_empty() {
        return Ok(());
    }
    if known == ["true"] && repo.list_settings(Scope::Local, REPLACED)?.is_empty() {
        repo.replace_settings(Scope::Local, REPLACED, &repo.list_settings(Scope::Local, FORMER)?)?;
    }
    repo.replace_settings(Scope::Local, FORMER_IS_LOCAL, &[])
}

/// Removes our setting from this file and restores what it replaced.
fn take_out(repo: &Repo, scope: Scope) -> Result<(), GitError> {
    let values = repo.list_settings(scope, HOOKS_PATH)?;
    let Some(own) = values.iter().find(|value| is_own(repo, value)) else { return Ok(()) };
    if values.len() > 1 {
        // The other ones never went.
        repo.replace_setting(scope, HOOKS_PATH, own, None)?;
    } else {
        repo.replace_settings(scope, HOOKS_PATH, &repo.list_settings(scope, REPLACED)?)?;
    }
    repo.replace_settings(scope, REPLACED, &[])
}
