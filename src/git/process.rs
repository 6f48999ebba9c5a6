//! Starts git itself, in an environment that is built and not inherited.

mod reading;

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};

pub(crate) use self::reading::{read_bytes, read_file, read_untrusted};
pub(crate) use super::ending::{Charge, Heed, Wish, at_end, has_ended_git, heed, listen, on_interrupt, take_charge};
use super::ending::{Group, Ward, step};
use super::failure::Failure;
pub(crate) use super::family::find_parent;
use super::patience::{self, Patience};
pub(crate) use super::surroundings::settings_for_agents;
use super::surroundings::{CLOSED, Reach, passed_environment};
use super::{GitError, Repo, shared};
use crate::core::time::Timestamp;

/// A git command that runs in one place.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    dir: Utf8PathBuf,
    reach: Reach,
    settings: Vec<String>,
    variables: Vec<(&'static str, String)>,
    /// How long it is waited for; `None` where no repository says it.
    patience: Option<Patience>,
}

/// The result of a git command.
#[derive(Debug, Clone)]
#[must_use]
pub(crate) struct Output {
    /// As a shell has it: 128 and more for a signal.
    pub(crate) code: i32,
    /// That ended it.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Git {
    /// Runs in a directory, and lets git find the repository from there.
    #[must_use]
    pub(crate) fn at(dir: &Utf8Path) -> Self {
        Self { settings: CLOSED.iter().map(|setting| (*setting).to_owned()).collect(), ..Self::unsettled(dir) }
    }

    /// Runs in a directory with the person's settings as they are.
    pub(super) fn unsettled(dir: &Utf8Path) -> Self {
        Self { dir: dir.to_owned(), reach: Reach::Wide, settings: Vec::new(), variables: Vec::new(), patience: None }
    }

    /// Runs in a repository, from its worktree or its git directory.
    #[must_use]
    pub(crate) fn in_repo(repo: &Repo) -> Self {
        Self::at(repo.home()).variable("GIT_DIR", repo.git_dir().as_str()).patient_for(repo.local_patience())
    }

    /// Runs in a worktree that an agent could write to: nothing in it can redirect git or start a program.
    #[must_use]
    pub(crate) fn pinned(work_tree: &Utf8Path, git_dir: &Utf8Path, common_dir: &Utf8Path) -> Self {
        Self { reach: Reach::Narrow, ..Self::at(work_tree) }
            .variable("GIT_DIR", git_dir.as_str())
            .variable("GIT_COMMON_DIR", common_dir.as_str())
            .variable("GIT_WORK_TREE", work_tree.as_str())
            .config("core.hooksPath=/dev/null")
            .config("core.untrackedCache=false")
            .config("commit.gpgSign=false")
    }

    /// Adds a setting, `key=value`.
    #[must_use]
    pub(crate) fn config(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// Ends the command, with all that it started, when it has not got on for this long.
    #[must_use]
    pub(super) fn patient_for(mut self, patience: Patience) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub(crate) fn variable(mut self, key: &'static str, value: &str) -> Self {
        self.variables.push((key, value.to_owned()));
        self
    }

    fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that starts git")]
        let mut command = Command::new("git");
        command.env_clear().envs(passed_environment(self.reach)).current_dir(&self.dir);
        command
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0");
        command.env("GIT_EDITOR", "true").env("GIT_PAGER", "cat");
        command.envs(self.variables.iter().map(|(key, value)| (*key, value.as_str())));
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        command.args(args);
        command
    }

    /// Runs to the end and returns any exit code.
    ///
    /// # Errors
    /// If git cannot be started, or if it asks no remote and does not end by itself.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Output, GitError> {
        self.finish(args, None)
    }

    fn finish<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, input: Option<&[u8]>) -> Result<Output, GitError> {
        let args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let fail = |source| match &self.dir {
            // The system reports a missing program and a missing folder in the same way.
            dir if !dir.as_std_path().exists() => GitError::File { path: dir.clone(), source },
            _ => GitError::Start { program: "git".to_owned(), source },
        };
        let mut command = self.command(&args);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() }).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut ward = Ward::start(&mut command, Group::OwnIfPossible).map_err(fail)?;
        if let (Some(mut writer), Some(input)) = (ward.child.stdin.take(), input) {
            let input = input.to_vec();
            // Git may stop reading early; its exit code tells why.
            std::thread::spawn(move || drop(writer.write_all(&input)));
        }
        let patience = self.patience.unwrap_or_else(Patience::usual);
        let (output, overdue) = patience::wait(ward, patience).map_err(fail)?;
        let said = String::from_utf8_lossy(&output.stderr);
        // Of a line of progress that was written over, the last state counts.
        let mut said = said.lines().map(|line| line.rsplit('\r').next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
        if let Some(overdue) = overdue {
            said += &format!("\n{}", overdue.words());
        }
        let signal = output.status.signal();
        let output = Output {
            code: output.status.code().or(signal.map(|signal| 128 + signal)).unwrap_or(128),
            signal,
            stdout: output.stdout,
            stderr: said.trim().to_owned(),
        };
        // Who asks a remote looks what became of it; any other command that did not end by itself says nothing of what it was asked.
        match patience {
            Patience::Idleness(_) if overdue.is_some() || signal.is_some() => Err(failed(&args, &output)),
            Patience::Idleness(_) | Patience::Silence(_) => Ok(output),
        }
    }

    /// Returns the output of a command.
    ///
    /// # Errors
    /// If it cannot be started or does not exit with 0.
    pub(crate) fn output<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<String, GitError> {
        let args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let output = self.run(&args)?;
        check(&args, &output)
    }

    /// Like `output`, with text on standard input.
    ///
    /// # Errors
    /// If it cannot be started or does not exit with 0.
    pub(crate) fn input<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, input: &[u8]) -> Result<String, GitError> {
        let args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let output = self.finish(&args, Some(input))?;
        check(&args, &output)
    }

    /// Returns the output of a command that looks for something, or `None` if it exits with 1, which says that there is none.
    ///
    /// # Errors
    /// If it cannot be started or fails.
    pub(crate) fn find<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Option<String>, GitError> {
        let args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let output = self.run(&args)?;
        if output.code == NO { Ok(None) } else { check(&args, &output).map(Some) }
    }

    /// Like `find`, with the first line alone.
    ///
    /// # Errors
    /// If it cannot be started or fails.
    pub(crate) fn line<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Option<String>, GitError> {
        Ok(self.find(args)?.map(|text| text.lines().next().unwrap_or_default().to_owned()))
    }
}

/// The exit code of a git that looked and found nothing.
const NO: i32 = 1;

pub(super) fn check<S: AsRef<OsStr>>(args: &[S], output: &Output) -> Result<String, GitError> {
    if output.code == 0 { Ok(String::from_utf8_lossy(&output.stdout).into_owned()) } else { Err(failed(args, output)) }
}

fn failed<S: AsRef<OsStr>>(args: &[S], output: &Output) -> GitError {
    let command = args.iter().map(|arg| arg.as_ref().to_string_lossy()).take(3).collect::<Vec<_>>().join(" ");
    GitError::Command { command, source: Failure::of(output) }
}

/// Adds to the end of a file, in one write; creates the file and missing folders. Returns how long the file is then, in bytes.
///
/// # Errors
/// If the folder or the file cannot be written.
#[expect(clippy::disallowed_methods, reason = "the files of a git directory belong to this module")]
pub(crate) fn append_file(path: &Utf8Path, bytes: &[u8], mode: u32) -> Result<u64, GitError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    std::fs::create_dir_all(folder).map_err(GitError::file(folder))?;
    shared::adjust(folder);
    let mode = shared::mode(path, mode);
    let append = || {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        Ok(file.metadata()?.len())
    };
    append().map_err(GitError::file(path))
}

/// Replaces a file atomically, so that a reader sees the old or the new contents; creates missing folders.
///
/// # Errors
/// If the folder or the file cannot be written.
#[expect(clippy::disallowed_methods, reason = "the files of a git directory belong to this module")]
pub(crate) fn write_file(path: &Utf8Path, contents: &[u8], mode: u32) -> Result<(), GitError> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    std::fs::create_dir_all(folder).map_err(GitError::file(folder))?;
    shared::adjust(folder);
    let mode = shared::mode(path, mode);
    let _whole = step();
    let write = || {
        let mut file = tempfile::Builder::new().prefix(".git-os-").tempfile_in(folder)?;
        file.write_all(contents)?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(drop).map_err(GitError::file(path))
}

/// Sets the time at which a file was last written to now. Returns whether the file is there and ours to touch.
#[must_use]
pub(crate) fn touch(path: &Utf8Path) -> bool {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    utimensat(CWD, path.as_std_path(), &Timestamps { last_access: now, last_modification: now }, AtFlags::empty()).is_ok()
}

/// The version of the git in `PATH`.
///
/// # Errors
/// If git cannot be started.
pub(crate) fn git_version() -> Result<(u32, u32, String), GitError> {
    let text = Git::at(Utf8Path::new("/")).output(["version"])?;
    let version = text.trim().trim_start_matches("git version ").to_owned();
    let mut numbers = version.split('.').map_while(|part| part.parse().ok());
    Ok((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), version))
}

/// When a file was last written, by this machine's clock.
///
/// # Errors
/// If it does not exist.
pub(crate) fn modified(path: &Utf8Path) -> Result<Timestamp, GitError> {
    let time = path.metadata().and_then(|file| file.modified()).map_err(GitError::file(path))?;
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)))
}

/// How long ago a file or folder was last written; zero if its time is in the future.
///
/// # Errors
/// When it is not there.
pub(crate) fn age(path: &Utf8Path) -> Result<Duration, GitError> {
    let time = path.metadata().and_then(|file| file.modified()).map_err(GitError::file(path))?;
    Ok(time.elapsed().unwrap_or_default())
}

/// Removes a file, if it exists.
///
/// # Errors
/// If it exists and cannot be removed.
#[expect(clippy::disallowed_methods, reason = "the files of a git directory belong to this module")]
pub(crate) fn remove_file(path: &Utf8Path) -> Result<(), GitError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(GitError::file(path)(error)),
        _ => Ok(()),
    }
}

/// Renames a file of any type, and replaces an existing file; creates missing folders.
///
/// # Errors
/// If a folder cannot be written.
#[expect(clippy::disallowed_methods, reason = "the files of a git directory belong to this module")]
pub(crate) fn rename_file(from: &Utf8Path, to: &Utf8Path) -> Result<(), GitError> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(GitError::file(folder))?;
    }
    std::fs::rename(from, to).map_err(GitError::file(from))
}

/// Puts a symbolic link to `there` into a folder, in place of what has its name.
///
/// # Errors
/// If the folder does not exist or cannot be written.
pub(crate) fn link_file(there: &Utf8Path, path: &Utf8Path) -> Result<(), GitError> {
    if path.read_link_utf8().is_ok_and(|known| known == there) {
        return Ok(());
    }
    // Several threads may be at it at once.
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    let link = |new: &std::path::Path| rustix::fs::symlink(there.as_std_path(), new).map_err(Into::into);
    let made = tempfile::Builder::new().prefix(".git-os-").make_in(folder, link).map_err(GitError::file(path))?;
    made.into_temp_path().persist(path).map_err(|error| GitError::file(path)(error.error))
}

/// Copies a file with its mode; creates missing folders.
///
/// # Errors
/// If a file cannot be read or written.
#[expect(clippy::disallowed_methods, reason = "files are written at the edges alone, and this is one")]
pub(crate) fn copy_file(from: &Utf8Path, to: &Utf8Path) -> Result<(), GitError> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(GitError::file(folder))?;
    }
    std::fs::copy(from, to).map(drop).map_err(GitError::file(to))
}

/// Runs another program's hook with this input, in this process's environment. Returns whether it exited with 0.
///
/// # Errors
/// If it cannot be started.
pub(crate) fn run_hook(path: &Utf8Path, args: &[&str], input: &[u8]) -> Result<bool, GitError> {
    let fail = |source| GitError::Start { program: path.to_string(), source };
    #[expect(clippy::disallowed_methods, reason = "a hook of somebody else is run as git would run it")]
    let mut command = Command::new(path);
    // Git waits for a hook for ever, and so does whoever runs it for git.
    let mut ward = Ward::start(command.args(args).stdin(Stdio::piped()), Group::Ours).map_err(fail)?;
    if let Some(mut writer) = ward.child.stdin.take() {
        // The hook may not read everything.
        drop(writer.write_all(input));
    }
    ward.child.wait().map(|status| status.success()).map_err(fail)
}

/// Removes a file, or a folder with its contents, if it exists.
///
/// # Errors
/// If it exists and cannot be removed.
#[expect(clippy::disallowed_methods, reason = "the files of a git directory belong to this module")]
pub(crate) fn remove_all(path: &Utf8Path) -> Result<(), GitError> {
    if path.is_symlink() || !path.as_std_path().is_dir() {
        return remove_file(path);
    }
    if std::fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    // The contents of a read-only folder cannot be removed.
    open_folders(path);
    std::fs::remove_dir_all(path).map_err(GitError::file(path))
}

/// Gives the owner access to a folder and all folders below it. Skips folders of other users; their removal reports the error.
fn open_folders(path: &Utf8Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap_or_default();
        let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
        folders.extend(entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(Utf8DirEntry::into_path));
    }
}
