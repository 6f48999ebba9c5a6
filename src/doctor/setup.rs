//! Brings a repository to what the registry says: policy, hooks, settings, refspecs. The checks ask for the same.

use crate::refs;
use crate::refs::policy::Published;
use camino::{Utf8Path, Utf8PathBuf};

use crate::core::meta::{Change, Policy, Push};
use crate::core::refs::{is_ours, refspecs};
use crate::core::registry::RepoEntry;
use crate::core::secrets;
use crate::core::text::plural;
use crate::git::remote::{Fetched, mapped};
use crate::git::{GitError, Repo};
use crate::hook::install::{self, InstallError, Side};
use crate::ledger::{LedgerError, REMOTE_KEY, policy};
use crate::sync;
use crate::workspace::in_force::{self, HUB_KEY, InForce};
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

/// Whether to change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Apply,
    /// Only say what would change.
    DryRun,
}

/// A repository, and what the registry wants of it.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) entry: &'a RepoEntry,
    pub(crate) repo: &'a Repo,
    /// The git-os that the hooks shall call.
    pub(crate) program: &'a Utf8Path,
    pub(crate) mode: Mode,
}

/// Brings one repository to what the registry says. Returns what was done.
///
/// # Errors
/// When git or its files cannot be written.
pub(crate) fn set_up(setup: Setup<'_>) -> Result<Vec<String>, SetupError> {
    let mut done = setup.join()?;
    done.extend(setup.settle()?);
    Ok(done)
}

impl Setup<'_> {
    fn is_applied(&self) -> bool {
        self.mode == Mode::Apply
    }

    /// The policy in force, and the one that the registry wants.
    fn policies(&self) -> Result<(Option<Policy>, Policy), SetupError> {
        let known = policy::read(self.repo)?.map(|known| known.1);
        let wanted = refs::policy::of_registry(&self.workspace.registry, self.entry, self.repo, known.as_ref())?;
        Ok((known, wanted))
    }

    /// How the policy would change. Empty where there is none yet.
    ///
    /// # Errors
    /// When the policy cannot be read.
    pub(crate) fn changes(&self) -> Result<Vec<Change>, SetupError> {
        let (known, wanted) = self.policies()?;
        Ok(known.map(|known| known.changes_to(&wanted)).unwrap_or_default())
    }

    /// The registry that the repository uses now, if that is another one and has it.
    #[must_use]
    pub(crate) fn find_other_registry(&self) -> Option<Utf8PathBuf> {
        let InForce::Found(other, _) = in_force::find(self.repo).ok()? else { return None };
        (other.recorded_file() != self.workspace.recorded_file()).then_some(other.file)
    }

    /// The text to publish, in the hub.
    fn registry_text(&self, done: &mut Vec<String>) -> Option<&str> {
        if self.entry.name != self.workspace.registry.hub {
            return None;
        }
        let text = self.workspace.text.as_str();
        let secret = secrets::scan(text).into_iter().next();
        if let Some(secret) = &secret {
            done.push(format!("registry not published: it contains what looks like {}", secret.kind));
        }
        secret.is_none().then_some(text)
    }

    /// Does what the registry wants, once the repository has what others published. Returns what was done.
    ///
    /// # Errors
    /// When git or its files cannot be written.
    pub(crate) fn settle(&self) -> Result<Vec<String>, SetupError> {
        let mut done = Vec::new();
        let (known, wanted) = self.policies()?;
        let text = self.registry_text(&mut done);
        let published = match self.mode {
            Mode::Apply => refs::policy::publish(self.repo, &wanted, text),
            Mode::DryRun => refs::policy::foresee(self.repo, &wanted, text),
        };
        let mut in_force = &wanted;
        match (published, &known) {
            (Ok(Published::Policy), None) => done.push("policy published".to_owned()),
            (Ok(Published::Policy), Some(_)) => done.push("policy updated".to_owned()),
            (Ok(Published::Registry), _) => done.push("registry published".to_owned()),
            (Ok(Published::Nothing), _) => {}
            // The registry of this machine says something else, and it is not for this machine to say it to all.
            (Err(error @ LedgerError::NotYours { .. }), Some(known)) => {
                done.push(format!("policy not updated: {}", crate::core::text::in_one_line(&error)));
                in_force = known;
            }
            (Err(error), _) => return Err(error.into()),
        }
        self.install(in_force, &mut done)?;
        self.record(&mut done)?;
        Ok(done)
    }

    /// Installs the hooks, and hides the worktrees of tickets.
    fn install(&self, policy: &Policy, done: &mut Vec<String>) -> Result<(), SetupError> {
        let side = Side::Clone(policy);
        let has_news = match self.mode {
            Mode::Apply => install::install(self.repo, side, self.program)?,
            Mode::DryRun => !install::faults(self.repo, side, self.program)?.is_empty(),
        };
        if has_news {
            done.push("hooks installed".to_owned());
        }
        let is_hidden = match self.mode {
            _ if self.repo.work_dir().is_none() => false,
            Mode::Apply => install::exclude(self.repo, &install::EXCLUDED)?,
            Mode::DryRun => install::excluding(self.repo, &install::EXCLUDED).is_some(),
        };
        if is_hidden {
            done.push("worktrees excluded from status".to_owned());
        }
        Ok(())
    }

    /// Records where the registry and the hub are.
    fn record(&self, done: &mut Vec<String>) -> Result<(), SetupError> {
        let file = self.workspace.recorded_file();
        let noted = self.repo.config(CONFIG_KEY);
        if noted.as_deref() != Some(file.as_str()) {
            done.push("registry recorded".to_owned());
        }
        let hub = self.workspace.hub().and_then(|hub| self.workspace.open(hub)).ok();
        let hub = hub.map(|hub| between(self.repo.common_dir(), hub.common_dir()));
        if !self.is_applied() {
            return Ok(());
        }
        let git = self.repo.git();
        if noted.as_deref() != Some(file.as_str()) {
            git.output(["config", "--local", CONFIG_KEY, file.as_str()])?;
        }
        if let Some(hub) = hub.filter(|hub| self.repo.config(HUB_KEY).as_deref() != Some(hub.as_str())) {
            git.output(["config", "--local", HUB_KEY, hub.as_str()])?;
        }
        Ok(())
    }

    /// Ties a repository to its shared remote, and brings what others put there before anything is published here. Returns
    /// what was done.
    ///
    /// # Errors
    /// When git cannot be started or its files cannot be written.
    pub(crate) fn join(&self) -> Result<Vec<String>, SetupError> {
        let mut done = Vec::new();
        let Some(remote) = &self.entry.remote else { return Ok(done) };
        let repo = self.repo;
        if repo.config(&format!("remote.{remote}.url")).is_none() {
            done.push(format!("remote `{remote}` does not exist yet"));
            return Ok(done);
        }
        let missing = missing_refspecs(repo, remote)?;
        if !missing.is_empty() {
            done.push(format!("refspecs of `{remote}` set"));
        }
        if self.is_applied() {
            tie(repo, remote, self.entry.push, &missing)?;
            bring(repo, remote, &mut done)?;
        }
        Ok(done)
    }
}

/// Sets what ties a repository to its shared remote.
fn tie(repo: &Repo, remote: &str, push: Push, missing: &[String]) -> Result<(), SetupError> {
    let git = repo.git();
    if missing.iter().any(|spec| spec == LEFT_OUT[0]) {
        remove_refspecs(repo, remote, &refspecs(remote))?;
    }
    for spec in missing {
        git.output(["config", "--local", "--add", &format!("remote.{remote}.fetch"), spec])?;
    }
    // Where nothing may be pushed no claim can be, and the remote orders nothing.
    if push == Push::Never {
        git.unset(&["--local", "--unset", REMOTE_KEY])?;
    } else if repo.config(REMOTE_KEY).as_deref() != Some(remote) {
        git.output(["config", "--local", REMOTE_KEY, remote])?;
    }
    Ok(())
}

/// Brings what a remote has.
fn bring(repo: &Repo, remote: &str, done: &mut Vec<String>) -> Result<(), SetupError> {
    // Settings are read when a repository is opened.
    let repo = Repo::open(repo.home())?;
    match sync::fetch(&repo, remote)? {
        Fetched::Done => {
            let folded = sync::fold(&repo, remote)?;
            if folded.moved > 0 {
                done.push(format!("{} fetched from `{remote}`", plural(folded.moved, "ref", "refs")));
            }
            done.extend(folded.refused.iter().map(|(name, why)| format!("`{name}` of `{remote}` is not merged: {why}")));
            if sync::shows_none_of_ours(&repo, remote)? {
                let why = "it hides them, as `uploadpack.hideRefs` and `transfer.hideRefs` do, or has lost them";
                done.push(format!("`{remote}` shows none of the `refs/os/*` that were pushed to it: {why}"));
            }
        }
        Fetched::Failed(why) => done.push(format!("cannot reach `{remote}`: {why}")),
    }
    Ok(())
}

/// The path from one folder to another.
fn between(from: &Utf8Path, to: &Utf8Path) -> Utf8PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(shared).map(|_| "..");
    let path: Utf8PathBuf = up.chain(to.components().skip(shared).map(|part| part.as_str())).collect();
    if path == "" { ".".into() } else { path }
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
