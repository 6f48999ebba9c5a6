//! Brings a repository to what the registry says: policy, hooks, settings, refspecs. The checks ask for the same.

use crate::refs;
use camino::Utf8PathBuf;

use crate::core::meta::Push;
use crate::core::refs::{is_ours, refspecs};
use crate::core::registry::RepoEntry;
use crate::core::text::plural;
use crate::git::remote::{Fetched, mapped};
use crate::git::{GitError, Repo};
use crate::hook::install::{self, InstallError, Side};
use crate::ledger::{LedgerError, REMOTE_KEY, policy};
use crate::sync;
use crate::workspace::{CONFIG_KEY, Workspace};

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
    if let Some(remote) = &entry.remote {
        join(repo, remote, entry.push, &mut done)?;
    }
    let known = policy::read(repo)?.map(|known| known.1);
    let wanted = refs::policy::of_registry(&workspace.registry, entry, repo, known.as_ref())?;
    let mut in_force = &wanted;
    match (refs::policy::publish(repo, &wanted), &known) {
        (Ok(true), None) => done.push("policy published".to_owned()),
        (Ok(true), Some(_)) => done.push("policy updated".to_owned()),
        (Ok(false), _) => {}
        // The registry of this machine says something else, and it is not for this machine to say it to all.
        (Err(error @ LedgerError::NotYours { .. }), Some(known)) => {
            done.push(format!("policy not updated: {}", crate::core::text::in_one_line(&error)));
            in_force = known;
        }
        (Err(error), _) => return Err(error.into()),
    }
    if install::install(repo, Side::Clone(in_force), program)? {
        done.push("hooks installed".to_owned());
    }
    if repo.work_dir().is_some() && install::exclude(repo, &install::EXCLUDED)? {
        done.push("worktrees excluded from status".to_owned());
    }
    let git = repo.git();
    let file = registry_file(workspace);
    if repo.config(CONFIG_KEY).as_deref() != Some(file.as_str()) {
        git.output(["config", "--local", CONFIG_KEY, file.as_str()])?;
        done.push("registry recorded".to_owned());
    }
    Ok(done)
}

/// Ties a repository to its shared remote, and brings what others put there before anything is published here.
fn join(repo: &Repo, remote: &str, push: Push, done: &mut Vec<String>) -> Result<(), SetupError> {
    let git = repo.git();
    if repo.config(&format!("remote.{remote}.url")).is_none() {
        done.push(format!("remote `{remote}` does not exist yet"));
        return Ok(());
    }
    let missing = missing_refspecs(repo, remote)?;
    if missing.iter().any(|spec| spec == LEFT_OUT[0]) {
        remove_refspecs(repo, remote, &refspecs(remote))?;
    }
    for spec in &missing {
        git.output(["config", "--local", "--add", &format!("remote.{remote}.fetch"), spec])?;
    }
    // Where nothing may be pushed no claim can be, and the remote orders nothing.
    if push == Push::Never {
        git.unset(&["--local", "--unset", REMOTE_KEY])?;
    } else if repo.config(REMOTE_KEY).as_deref() != Some(remote) {
        git.output(["config", "--local", REMOTE_KEY, remote])?;
    }
    if !missing.is_empty() {
        done.push(format!("refspecs of `{remote}` set"));
    }
    // Settings are read when a repository is opened.
    let repo = Repo::open(repo.home())?;
    match sync::fetch(&repo, remote)? {
        Fetched::Done => {
            let folded = sync::fold(&repo, remote)?;
            if folded.moved > 0 {
                done.push(format!("{} fetched from `{remote}`", plural(folded.moved, "ref", "refs")));
            }
            done.extend(folded.refused.iter().map(|(name, why)| format!("`{name}` of `{remote}` is not merged: {why}")));
        }
        Fetched::Failed(why) => done.push(format!("cannot reach `{remote}`: {why}")),
    }
    Ok(())
}

/// The registry's file as a repository's configuration names it.
#[must_use]
pub(crate) fn registry_file(workspace: &Workspace) -> Utf8PathBuf {
    workspace.file.canonicalize_utf8().unwrap_or_else(|_| workspace.file.clone())
}

/// The refspecs that keep a plain fetch away from the refs of git-os.
pub(crate) const LEFT_OUT: [&str; 2] = ["^refs/os/*", "^refs/notes/os/*"];

/// The refspecs that a repository's configuration should have, and whether it has each. A refspec of the person's that fetches over
/// the refs of git-os, as that of a mirror does, would be refused with all that it fetches; then a plain fetch leaves them out, and
/// `git os sync` alone brings them.
///
/// # Errors
/// When git cannot be started.
fn wanted_refspecs(repo: &Repo, remote: &str) -> Result<Vec<(String, bool)>, GitError> {
    let present = repo.git().find(["config", "--local", "--get-all", &format!("remote.{remote}.fetch")])?.unwrap_or_default();
    let writes_over = |spec: &str| {
        ["refs/os/tickets/x", "refs/notes/os/x"].iter().any(|name| mapped(spec, name).is_some_and(|into| is_ours(&into)))
    };
    let wanted: Vec<String> =
        if present.lines().any(writes_over) { LEFT_OUT.map(str::to_owned).to_vec() } else { refspecs(remote).to_vec() };
    Ok(wanted.into_iter().map(|spec| (spec.clone(), present.lines().any(|line| line == spec))).collect())
}

/// Which of the refspecs a repository's configuration lacks.
///
/// # Errors
/// When git cannot be started.
pub(crate) fn missing_refspecs(repo: &Repo, remote: &str) -> Result<Vec<String>, GitError> {
    Ok(wanted_refspecs(repo, remote)?.into_iter().filter(|(_, is_there)| !is_there).map(|(spec, _)| spec).collect())
}

/// Takes these refspecs out of a remote's configuration.
///
/// # Errors
/// When git cannot be started.
pub(crate) fn remove_refspecs(repo: &Repo, remote: &str, specs: &[String]) -> Result<(), GitError> {
    for spec in specs {
        repo.git().unset(&["--local", "--fixed-value", "--unset-all", &format!("remote.{remote}.fetch"), spec])?;
    }
    Ok(())
}
