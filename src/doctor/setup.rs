//! Brings a repository to what the registry says: policy, hooks, settings, refspecs. The checks ask for the same.

use camino::Utf8PathBuf;

use crate::core::registry::RepoEntry;
use crate::git::{GitError, Repo};
use crate::hook::install::{self, InstallError};
use crate::ledger::workspace::{CONFIG_KEY, Workspace};
use crate::ledger::{LedgerError, policy};

/// What is kept out of `git status`: the worktrees of tickets.
const EXCLUDED: [&str; 1] = ["/.claude/worktrees/"];

/// Why a repository could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Brings one repository to what the registry says; `program` is the git-os its hooks shall call. Answers what was done.
///
/// # Errors
/// When git or its files cannot be written.
pub(crate) fn set_up(
    workspace: &Workspace,
    entry: &RepoEntry,
    repo: &Repo,
    program: &camino::Utf8Path,
) -> Result<Vec<String>, SetupError> {
    let mut done = Vec::new();
    let known = policy::read(repo)?.map(|known| known.1);
    let wanted = policy::of_registry(workspace, entry, repo, known.as_ref())?;
    if policy::publish(repo, &wanted)? {
        done.push(if known.is_none() { "policy published" } else { "policy updated" }.to_owned());
    }
    if install::install(repo, &wanted, program)? {
        done.push("hooks installed".to_owned());
    }
    if repo.work_dir().is_some() && install::exclude(repo, &EXCLUDED)? {
        done.push("worktrees excluded from status".to_owned());
    }
    let git = repo.git();
    let file = registry_file(workspace);
    if repo.config(CONFIG_KEY).as_deref() != Some(file.as_str()) {
        git.output(["config", "--local", CONFIG_KEY, file.as_str()])?;
        done.push("registry noted".to_owned());
    }
    if let Some(remote) = &entry.remote {
        let missing = missing_refspecs(repo, remote)?;
        for spec in &missing {
            git.output(["config", "--local", "--add", &format!("remote.{remote}.fetch"), spec])?;
        }
        if !missing.is_empty() {
            done.push(format!("refspecs of `{remote}` set"));
        }
    }
    Ok(done)
}

/// The registry's file as a repository's configuration names it.
#[must_use]
pub(crate) fn registry_file(workspace: &Workspace) -> Utf8PathBuf {
    workspace.file.canonicalize_utf8().unwrap_or_else(|_| workspace.file.clone())
}

/// What a fetch brings along, into a namespace of its own.
#[must_use]
pub(crate) fn refspecs(remote: &str) -> [String; 2] {
    [format!("+refs/os/*:refs/os-remote/{remote}/*"), format!("+refs/notes/os/*:refs/os-remote/{remote}/notes/*")]
}

/// Which of those a repository's configuration lacks.
///
/// # Errors
/// When git cannot be started.
pub(crate) fn missing_refspecs(repo: &Repo, remote: &str) -> Result<Vec<String>, GitError> {
    let present = repo.git().run(["config", "--local", "--get-all", &format!("remote.{remote}.fetch")])?;
    let present = String::from_utf8_lossy(&present.stdout).into_owned();
    Ok(refspecs(remote).into_iter().filter(|spec| !present.lines().any(|line| line == spec)).collect())
}
