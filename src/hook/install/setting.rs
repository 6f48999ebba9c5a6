//! The setting `core.hooksPath`, put where it wins over all that others set, and taken back.

use camino::Utf8Path;

use super::{FOLDER, InstallError, folder};
use crate::git::config::{Scope, Setting, quoted};
use crate::git::process::write_file;
use crate::git::{GitError, Repo};

/// The setting that says where git looks for hooks.
pub(super) const HOOKS_PATH: &str = "core.hooksPath";
/// The setting that keeps the value of `core.hooksPath` to whose folder the installed hooks hand on.
pub(super) const FORMER: &str = "git-os.formerHooksPath";
/// What earlier versions of git-os wrote: the values of `core.hooksPath` that theirs replaced.
const REPLACED: &str = "git-os.replacedHooksPath";
/// What earlier versions of git-os wrote instead: whether the former value was in the repository's own configuration.
const FORMER_IS_LOCAL: &str = "git-os.formerHooksPathIsLocal";

/// The file in the folder of our hooks that sets `core.hooksPath`; git has no hook of this name. The repository's configuration includes it at
/// its end, so that it wins over what stands in that file, also over what is written there later: `npm install` with husky does so each time.
const FILE: &str = "config";
const INCLUDE: &str = "include.path";

/// Whether this value of `core.hooksPath` is the git-os folder at the repository's old location.
pub(super) fn is_moved(repo: &Repo, path: &str) -> bool {
    Utf8Path::new(path).file_name() == Some(FOLDER) && repo.config(FORMER).is_some()
}

/// Whether this value of `core.hooksPath` is from git-os.
pub(super) fn is_own(repo: &Repo, path: &str) -> bool {
    path == folder(repo).as_str() || is_moved(repo, path)
}

/// Whether a setting stands in the repository's configuration itself, where earlier versions of git-os wrote it in place of that of others.
pub(super) fn is_in_place_of_others(setting: &Setting) -> bool {
    !setting.origin.ends_with(&format!("{FOLDER}/{FILE}"))
}

/// Points `core.hooksPath` to a folder, where it wins over all that sets it now, and remembers the value that did.
///
/// # Errors
/// If git's configuration cannot be written, or something else wins all the same.
pub(super) fn put_in_force(repo: &Repo, dir: &Utf8Path, former: &Utf8Path) -> Result<(), InstallError> {
    repo.replace_settings(Scope::Local, FORMER, &[former.to_string()])?;
    let file = dir.join(FILE);
    write_file(&file, format!("[core]\n\thooksPath = {}\n", quoted(dir.as_str())).as_bytes(), 0o644)?;
    for scope in [Scope::Local, Scope::Worktree] {
        take_out(repo, scope)?;
        repo.append_setting(scope, "include", "path", file.as_str())?;
        match repo.find_path_setting(HOOKS_PATH)? {
            Some(winner) if winner.path == dir => return Ok(()),
            Some(winner) if winner.scope == "worktree" => {}
            // Nothing in a file of this repository helps.
            _ => break,
        }
    }
    wins_nothing_else(repo, Some(dir))
}

/// Removes our settings, and restores what those of earlier versions replaced.
///
/// # Errors
/// If git's configuration cannot be written.
pub(super) fn take_back(repo: &Repo) -> Result<(), GitError> {
    renew_memory(repo)?;
    for scope in [Scope::Local, Scope::Worktree] {
        take_out(repo, scope)?;
    }
    repo.replace_settings(Scope::Local, FORMER, &[])
}

/// Makes sure that `core.hooksPath` has this value now.
///
/// # Errors
/// If it has another one.
pub(super) fn wins_nothing_else(repo: &Repo, wanted: Option<&Utf8Path>) -> Result<(), InstallError> {
    match repo.find_path_setting(HOOKS_PATH)? {
        winner if winner.as_ref().map(|winner| winner.path.as_str()) == wanted.map(Utf8Path::as_str) => Ok(()),
        winner => {
            let Setting { path: value, scope, origin } = winner.unwrap_or_default();
            Err(InstallError::Shadowed { value, scope, origin })
        }
    }
}

/// Writes what an earlier git-os remembered of the replaced setting as a later one did.
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

/// Removes our setting from this file, and restores what that of an earlier version replaced.
fn take_out(repo: &Repo, scope: Scope) -> Result<(), GitError> {
    let end = format!("/{FOLDER}/{FILE}");
    for path in repo.list_settings(scope, INCLUDE)?.iter().filter(|path| path.ends_with(&end)) {
        repo.replace_setting(scope, INCLUDE, path, None)?;
    }
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
