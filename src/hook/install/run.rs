//! The hooks of a run: those that the repository has, and a `pre-push` that refuses. Only the git of agents and checks sees them, by
//! settings in its environment that count in the repositories of the workspace and their worktrees.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::setting::HOOKS_PATH;
use super::{REFS, USUAL, is_executable, quote};
use crate::core::rule::MAGIC;
use crate::git::config::quoted;
use crate::git::process::{link_file, read_bytes, remove_all, remove_file, write_file};
use crate::git::{GitError, Repo};

/// The folder of the hooks. It lies in the common directory itself, as `hooks/front.rs` finds that one folder above its own.
const FOLDER: &str = "git-os-run-hooks";
/// The file of settings beside the hooks. git has no hook of this name.
const SETTINGS: &str = "config";
const PRE_PUSH: &str = "pre-push";
/// The hooks whose names have no `-`; other files of such names are parts of hooks.
const PLAIN: [&str; 1] = ["update"];

/// Writes the hooks of runs in a repository. Returns the settings, each with its value, by which git looks for them there.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn put(repo: &Repo) -> Result<Vec<(String, String)>, GitError> {
    let folder = repo.common_dir().join(FOLDER);
    let others = match repo.find_path_of_files(HOOKS_PATH)? {
        Some(path) => path,
        None => repo.common_dir().join("hooks"),
    };
    let names = names(repo, &others);
    put_file(&folder.join(PRE_PUSH), include_str!("../../../hooks/pre-push"))?;
    for name in &names {
        let (there, here) = (others.join(name), folder.join(name));
        // The small program looks at the files around it and costs nothing more as a link; a script may look at its own path.
        if name == REFS && there.is_absolute() && read_bytes(&there).is_ok_and(|bytes| is_front(&bytes)) {
            link_file(&there, &here)?;
        } else {
            put_file(&here, &include_str!("../../../hooks/hand-on").replace("@PREVIOUS@", &quote(there.as_str())))?;
        }
    }
    let settings = folder.join(SETTINGS);
    put_file(&settings, &format!("[core]\n\thooksPath = {}\n", quoted(folder.as_str())))?;
    for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
        let name = entry.file_name();
        // A file that begins with a dot is just being written by another run.
        if !names.contains(name) && name != PRE_PUSH && name != SETTINGS && !name.starts_with('.') {
            remove_file(entry.path())?;
        }
    }
    Ok(conditions(repo.common_dir()).map(|condition| (format!("includeIf.{condition}.path"), settings.to_string())).to_vec())
}

/// Removes the folder.
///
/// # Errors
/// If a file stays.
pub(super) fn remove(repo: &Repo) -> Result<(), GitError> {
    remove_all(&repo.common_dir().join(FOLDER))
}

/// Where the settings count: in the repository and in its linked worktrees, and in nothing else that lies inside, such as a submodule.
fn conditions(common_dir: &Utf8Path) -> [String; 2] {
    // git reads it as a pattern.
    let literal: String =
        common_dir.as_str().chars().flat_map(|c| r"\*?[".contains(c).then_some('\\').into_iter().chain([c])).collect();
    [format!("gitdir:{literal}"), format!("gitdir:{literal}/worktrees/*")]
}

/// The names of the hooks in a folder. A relative folder is another one in each worktree, and its hooks may be made while the agent works.
fn names(repo: &Repo, folder: &Utf8Path) -> BTreeSet<String> {
    let there = repo.home().join(folder);
    let is_hook = |name: &str| name != PRE_PUSH && !name.contains('.') && (name.contains('-') || PLAIN.contains(&name));
    let found = there.read_dir_utf8().into_iter().flatten().flatten();
    let found = found.filter(|entry| is_hook(entry.file_name()) && is_executable(entry.path()) && entry.path().is_file());
    let usual = USUAL.iter().filter(|name| folder.is_relative() && folder != "" && **name != PRE_PUSH);
    found.map(|entry| entry.file_name().to_owned()).chain(usual.map(|name| (*name).to_owned())).collect()
}

fn is_front(bytes: &[u8]) -> bool {
    bytes.windows(MAGIC.len()).any(|window| window == MAGIC)
}

/// Writes a file where it is not there or differs.
fn put_file(path: &Utf8Path, text: &str) -> Result<(), GitError> {
    let is_same = !path.is_symlink() && is_executable(path) && read_bytes(path).is_ok_and(|found| found == text.as_bytes());
    if is_same { Ok(()) } else { write_file(path, text.as_bytes(), 0o755) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_runs_that_begin_at_once_write_the_same_hooks() {
        let (_dir, repo) = crate::git::tests::repo();
        write_file(&repo.common_dir().join("hooks").join(REFS), &MAGIC, 0o755).expect("written");
        let home = repo.home();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let repo = Repo::open(home).expect("a repository");
                    for _ in 0..20 {
                        put(&repo).expect("written");
                        // As if the repository had no such hooks yet.
                        remove_file(&repo.common_dir().join(FOLDER).join(REFS)).expect("removed");
                    }
                });
            }
        });
        put(&repo).expect("written");
        assert!(repo.common_dir().join(FOLDER).join(REFS).is_symlink());
    }

    #[test]
    fn where_settings_count_is_said_by_a_pattern_that_means_the_path_alone() {
        assert_eq!(conditions(r"/a[1]*\?/.git".into())[0], r"gitdir:/a\[1]\*\\\?/.git");
    }
}
