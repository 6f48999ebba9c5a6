//! Git's configuration: which setting is in force, who sets it, and settings added where they win.

use std::fs::File;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::process::{check, read_bytes, remove_file, rename_file};
use super::{Git, GitError, Repo};

/// One of the two files of configuration that belong to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// `config`, which all worktrees share.
    Local,
    /// `config.worktree`, if git uses one for each worktree.
    Worktree,
}

impl Scope {
    fn option(self) -> &'static str {
        match self {
            Self::Local => "--local",
            Self::Worktree => "--worktree",
        }
    }
}

/// The scope of what the caller of this process set.
pub(crate) const COMMAND: &str = "command";

/// The value of a setting, and who sets it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The value, with a leading `~` expanded.
    pub(crate) path: String,
    /// The scope as git names it, such as `local` or `global`.
    pub(crate) scope: String,
    /// Where it is set, such as `file:.git/config`.
    pub(crate) origin: String,
}

/// The exit code of `git config` where a setting that is to be removed is not there.
const NOT_SET: i32 = 5;

impl Git {
    /// Removes settings, if they are there, with these arguments of `git config`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn unset(&self, args: &[&str]) -> Result<(), GitError> {
        let args = [&["config"], args].concat();
        let output = self.run(&args)?;
        if output.code == NOT_SET { Ok(()) } else { check(&args, &output).map(drop) }
    }
}

impl Repo {
    /// The setting of a path that is in force, as git itself sees it now; other settings may have been read when the
    /// repository was opened.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn find_path_setting(&self, key: &str) -> Result<Option<Setting>, GitError> {
        Ok(self.list_path_settings(key)?.pop())
    }

    /// All settings of a path, as git itself sees them now; the last one is in force.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn list_path_settings(&self, key: &str) -> Result<Vec<Setting>, GitError> {
        let found = self.git().find(["config", "--null", "--show-scope", "--show-origin", "--type=path", "--get-all", key])?;
        let text = found.unwrap_or_default();
        let parts: Vec<_> = text.split_terminator('\0').map(str::to_owned).collect();
        let setting = |parts: &[String]| Setting { scope: parts[0].clone(), origin: parts[1].clone(), path: parts[2].clone() };
        Ok(parts.chunks_exact(3).map(setting).collect())
    }

    /// The path that the files of git's configuration set, as they were when the repository was opened, with a leading `~` expanded; what the
    /// caller of this process set does not count.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn find_path_of_files(&self, key: &str) -> Result<Option<Utf8PathBuf>, GitError> {
        match self.store.config_of_files(key) {
            // Git expands it.
            Some(path) if path.starts_with(['~', '%']) => {}
            path => return Ok(path.map(Utf8PathBuf::from)),
        }
        let listed = self.list_path_settings(key)?;
        Ok(listed.into_iter().rfind(|setting| setting.scope != COMMAND).map(|setting| setting.path.into()))
    }

    /// All values of a setting in one file, without the files that it includes.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn list_settings(&self, scope: Scope, key: &str) -> Result<Vec<String>, GitError> {
        // Without the extension, git refuses to read this file where there are several worktrees, or reads the other one.
        if scope == Scope::Worktree && self.config("extensions.worktreeConfig").is_none() {
            return Ok(Vec::new());
        }
        let found = self.git().find(["config", scope.option(), "--null", "--get-all", key])?.unwrap_or_default();
        Ok(found.split_terminator('\0').map(str::to_owned).collect())
    }

    /// Gives a setting in one file these values, in place of those it has. The first takes the place of what is there.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn replace_settings(&self, scope: Scope, key: &str, values: &[String]) -> Result<(), GitError> {
        let git = self.git();
        let Some((first, others)) = values.split_first() else {
            return git.unset(&[scope.option(), "--unset-all", key]);
        };
        git.output(["config", scope.option(), "--replace-all", key, first])?;
        for value in others {
            git.output(["config", scope.option(), "--add", key, value])?;
        }
        Ok(())
    }

    /// Gives the values of a setting in one file that are equal to `old` another value, or removes them.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn replace_setting(&self, scope: Scope, key: &str, old: &str, new: Option<&str>) -> Result<(), GitError> {
        match new {
            Some(new) => self.git().output(["config", scope.option(), "--fixed-value", "--replace-all", key, new, old]).map(drop),
            None => self.git().output(["config", scope.option(), "--fixed-value", "--unset-all", key, old]).map(drop),
        }
    }

    /// Adds a setting at the end of one file, where it wins over all that the file says or includes before. Git itself adds
    /// to the first section of the name.
    ///
    /// # Errors
    /// If the file cannot be written, or another process is writing it.
    pub(crate) fn append_setting(&self, scope: Scope, section: &str, name: &str, value: &str) -> Result<(), GitError> {
        let file = match scope {
            Scope::Local => self.common_dir().join("config"),
            Scope::Worktree => self.git_dir().join("config.worktree"),
        };
        // Git writes to where a link leads.
        let file = file.canonicalize_utf8().unwrap_or(file);
        let lock = Utf8PathBuf::from(format!("{file}.lock"));
        let opened = File::create_new(&lock).map_err(GitError::file(&lock))?;
        let written = append_locked(&file, &lock, opened, &format!("[{section}]\n\t{name} = {}\n", quoted(value)));
        if written.is_err() {
            remove_file(&lock)?;
        }
        written
    }
}

fn append_locked(file: &Utf8Path, lock: &Utf8Path, mut opened: File, text: &str) -> Result<(), GitError> {
    let mut bytes = if file.as_std_path().exists() { read_bytes(file)? } else { Vec::new() };
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(text.as_bytes());
    opened.write_all(&bytes).map_err(GitError::file(lock))?;
    match file.metadata() {
        Ok(before) => opened.set_permissions(before.permissions()).map_err(GitError::file(lock))?,
        Err(_) => super::shared::adjust(lock),
    }
    rename_file(lock, file)
}

/// A value as a file of configuration has it.
pub(crate) fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace('\t', r"\t");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::process::{read_file, write_file};
    use crate::git::tests::repo;

    #[test]
    fn a_setting_at_the_end_wins_and_goes_without_a_trace() {
        let (_dir, repo) = repo();
        let file = repo.common_dir().join("config");
        write_file(&repo.common_dir().join("more"), b"[a]\n\tb = theirs\n", 0o644).expect("written");
        for before in
            ["[include]\n\tpath = more\n", "[a]\n\tb = mine\n[include]\n\tpath = more", "[a]\n\tb =\n[include]\n\tpath = more\n"]
        {
            write_file(&file, format!("[core]\n\tbare = false\n{before}").as_bytes(), 0o640).expect("written");
            let text = read_file(&file).expect("there");
            let theirs = repo.find_path_setting("a.b").expect("asked").expect("set");
            assert_eq!((theirs.path.as_str(), theirs.scope.as_str()), ("theirs", "local"));
            assert!(theirs.origin.ends_with("more"), "{theirs:?}");
            let value = "/a path/with \"quotes\", \\ and # signs ";
            repo.append_setting(Scope::Local, "a", "b", value).expect("written");
            assert_eq!(repo.find_path_setting("a.b").expect("asked").expect("set").path, value);
            repo.replace_setting(Scope::Local, "a.b", value, None).expect("removed");
            assert_eq!(read_file(&file).expect("there").trim_end(), text.trim_end());
        }
    }

    #[test]
    fn a_locked_configuration_is_left_alone() {
        let (_dir, repo) = repo();
        let file = repo.common_dir().join("config");
        let before = read_file(&file).expect("there");
        let lock = Utf8PathBuf::from(format!("{file}.lock"));
        write_file(&lock, b"theirs", 0o644).expect("written");
        repo.append_setting(Scope::Local, "a", "b", "c").expect_err("locked");
        assert_eq!((read_file(&file).expect("there"), read_file(&lock).expect("there")), (before, "theirs".to_owned()));
    }

    #[test]
    fn values_come_back_in_their_order() {
        let (_dir, repo) = repo();
        assert_eq!(repo.find_path_setting("a.b").expect("asked"), None);
        let values = ["x".to_owned(), String::new(), "y z".to_owned()];
        repo.replace_settings(Scope::Local, "a.b", &values).expect("written");
        assert_eq!(repo.list_settings(Scope::Local, "a.b").expect("asked"), values);
        repo.replace_settings(Scope::Local, "a.b", &[]).expect("written");
        assert_eq!(repo.list_settings(Scope::Local, "a.b").expect("asked"), Vec::<String>::new());
    }
}
