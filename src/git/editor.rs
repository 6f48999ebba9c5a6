//! The editor of a person, found and started as git does.

use std::process::{Command, Stdio};

use camino::Utf8Path;

use super::ending::{Group, TemporaryFolder, Ward};
use super::process::{read_file, write_file};
use super::{GitError, Repo};

/// Lets a person edit a text in the editor that git would start here. The name of the file tells editors what it is. `None` if the
/// editor does not exit with 0, which is how a person gives up.
///
/// # Errors
/// If there is no editor, or the file cannot be read afterwards.
pub(crate) fn edit(repo: &Repo, name: &str, text: &str) -> Result<Option<String>, GitError> {
    let folder = TemporaryFolder::new().map_err(GitError::file(Utf8Path::new(name)))?;
    let folder = Utf8Path::from_path(folder.path()).unwrap_or(Utf8Path::new("/tmp"));
    let path = folder.join(name);
    write_file(&path, text.as_bytes(), 0o600)?;
    if edit_file(repo, &path)? { read_file(&path).map(Some) } else { Ok(None) }
}

/// Lets a person edit a file in the editor that git would start here. Returns whether the editor exits with 0.
///
/// # Errors
/// If there is no editor.
pub(crate) fn edit_file(repo: &Repo, path: &Utf8Path) -> Result<bool, GitError> {
    let editor = find(repo)?;
    let fail = |source| GitError::Start { program: editor.clone(), source };
    #[expect(clippy::disallowed_methods, reason = "an editor is the user's own program")]
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{editor} \"$@\""), &editor, path.as_str()]).current_dir(repo.home());
    let mut ward = Ward::start(&mut command, Group::Ours).map_err(fail)?;
    Ok(ward.child.wait().map_err(fail)?.success())
}

/// What git calls the editor: `GIT_EDITOR`, `core.editor`, `VISUAL`, `EDITOR`, or its own choice.
fn find(repo: &Repo) -> Result<String, GitError> {
    let fail = |source| GitError::Start { program: "git".to_owned(), source };
    #[expect(clippy::disallowed_methods, reason = "git knows the editor only in the environment of the person")]
    let asked = Command::new("git").args(["var", "GIT_EDITOR"]).current_dir(repo.home()).stdin(Stdio::null()).output();
    let asked = asked.map_err(fail)?;
    let editor = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    let why = String::from_utf8_lossy(&asked.stderr).trim().to_owned();
    if asked.status.success() && !editor.is_empty() { Ok(editor) } else { Err(fail(std::io::Error::other(why))) }
}
