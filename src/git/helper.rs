//! Programs that do something in a person's name beside git: what signs, and the tools of hosts. They see the person's
//! environment as git's own helpers do.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use camino::Utf8Path;

use super::ending::{Group, Ward};
use super::failure::Failure;
use super::patience::{self, Patience};
use super::remote::Fetched;
use super::surroundings::{Reach, passed_environment};
use super::{GitError, Repo};
use crate::core::id::ObjectId;

/// Starts a program, gives it what it reads, and waits for its end.
///
/// # Errors
/// If it cannot be started, or says and does nothing for too long.
pub(super) fn run(
    program: &str,
    args: &[&str],
    dir: &Utf8Path,
    input: Option<&[u8]>,
    patience: Patience,
) -> std::io::Result<Output> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts what acts for a person beside git")]
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(passed_environment(Reach::Wide)).env("LC_ALL", "C").current_dir(dir);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() }).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut ward = Ward::start(&mut command, Group::OwnIfPossible)?;
    if let (Some(mut writer), Some(input)) = (ward.child.stdin.take(), input) {
        let input = input.to_vec();
        // What it does not read is nothing to it; its answer tells.
        std::thread::spawn(move || drop(writer.write_all(&input)));
    }
    match patience::wait(ward, patience)? {
        (output, None) => Ok(output),
        (_, Some(overdue)) => Err(std::io::Error::other(overdue.words().trim_start_matches("fatal: ").to_owned())),
    }
}

impl Repo {
    /// Asks a tool about the host of a remote, in this repository; it is waited for as a remote is.
    ///
    /// # Errors
    /// If it cannot be started, or does not answer.
    pub(crate) fn ask_tool(&self, program: &str, args: &[&str], input: Option<&[u8]>) -> std::io::Result<Output> {
        run(program, args, self.home(), input, self.network_patience())
    }

    /// Where a branch is at a remote, by its full name; its objects are brought here.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn bring_branch(&self, remote: &str, branch: &str) -> Result<Result<Option<ObjectId>, Failure>, GitError> {
        let output = self.network().run(["ls-remote", "--refs", "--end-of-options", remote, branch])?;
        if output.code != 0 {
            return Ok(Err(Failure::of_fetch(&output)));
        }
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        let of_branch = |line: &str| line.split_once('\t').filter(|(_, name)| *name == branch).map(|(id, _)| id.to_owned());
        let Some(tip) = listed.lines().find_map(of_branch).and_then(|id| ObjectId::parse(&id).ok()) else { return Ok(Ok(None)) };
        if !self.has_object(tip)
            && let Fetched::Failed(why) = self.fetch(remote, &[branch.to_owned()], &[])?
        {
            return Ok(Err(why));
        }
        Ok(Ok(Some(tip)))
    }
}
