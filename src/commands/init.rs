//! `git os init` and `git os uninstall`

mod starter;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args as ClapArgs;

use super::context::Context;
use super::manual;
use crate::core::refs::refspecs;
use crate::core::registry::FILE;
use crate::core::text::chain;
use crate::core::text::plural;
use crate::doctor::setup::{self, set_up};
use crate::error::{CliError, Code, Kind};
use crate::git::process::{git_version, read_file, write_file};
use crate::git::{OLDEST_GIT, Repo};
use crate::hook::install;
use crate::local::held;
use crate::local::locks::has_session;
use crate::workspace::{CONFIG_KEY, Workspace};

/// Set up git-os in the repositories of a registry
///
/// Publishes each repository's policy to refs/os/meta, installs the hooks, sets refspecs, and installs the man page and
/// completions. Existing hooks still run. Run it again after a change to the registry; it changes only what differs. Without
/// a registry, writes one for the current repository, and takes over the policy of the shared remote if there is one.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Registry file [default: registry.toml at the top of this repository]
    #[arg(long, value_name = "FILE")]
    registry: Option<String>,
}

/// Remove git-os from the repositories of the registry
///
/// Removes hooks, settings, refspecs, man page and completions, and restores the previous hooks. The refs stay.
#[derive(ClapArgs, Debug)]
pub(super) struct UninstallArgs {}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let (major, minor, version) = git_version()?;
    if (major, minor) < OLDEST_GIT {
        return Err(CliError::new(
            Kind::Fatal,
            Code::GitTooOld,
            format!("git {version} is too old: git-os needs {}.{} or newer", OLDEST_GIT.0, OLDEST_GIT.1),
        ));
    }
    let file = match &args.registry {
        Some(file) => ctx.env.path(file),
        None => find_registry(ctx)?,
    };
    let workspace = Workspace::load(&file)?;
    let mut missing = 0;
    let mut count = ctx.ui.count("init", workspace.registry.repos.len());
    for entry in &workspace.registry.repos {
        count.at(entry.name.as_str());
        match workspace.open(entry) {
            Ok(repo) => {
                let done = set_up(&workspace, entry, &repo, &ctx.env.program)?;
                let done = if done.is_empty() { "nothing to do".to_owned() } else { done.join(", ") };
                ctx.ui.line(format!("{}: {done}", entry.name))?;
            }
            Err(error) => {
                missing += 1;
                ctx.ui.say(format!("warning: {}", chain(&error)));
            }
        }
        count.step();
    }
    drop(count);
    for path in manual::install(&ctx.env)? {
        ctx.ui.line(format!("installed {path}"))?;
    }
    if missing > 0 {
        let missing = plural(missing, "repository", "repositories");
        return Err(CliError::no(Code::NotSetUp, format!("cannot set up {missing}; see the warnings above"))
            .hint("git os init   # again, when they exist"));
    }
    Ok(())
}

/// The registry that is there, or a new one for the repository around.
fn find_registry(ctx: &Context) -> Result<Utf8PathBuf, CliError> {
    if let Some(file) = ctx.env.dir.ancestors().map(|dir| dir.join(FILE)).find(|file| file.as_std_path().exists()) {
        return Ok(file);
    }
    let repo = Repo::discover(&ctx.env.dir)?;
    if let Some(file) = repo.config(CONFIG_KEY) {
        return Ok(file.into());
    }
    let top = repo.work_dir().ok_or_else(|| {
        CliError::no(Code::NeedsRegistry, "cannot write a registry: this is a bare repository")
            .hint("git os init --registry FILE")
    })?;
    let file = top.join(FILE);
    write_file(&file, starter::write(top, &repo)?.as_bytes(), 0o644)?;
    ctx.ui.say(format!("wrote {file}; commit it, and add a `[[repo]]` table for each other repository"));
    Ok(file)
}

pub(super) fn run_uninstall(ctx: &Context, _args: &UninstallArgs) -> Result<(), CliError> {
    let place = ctx.place()?;
    let Some(workspace) = &place.workspace else {
        take_out(&place.repo, None)?;
        return ctx.ui.line("hooks and settings removed; the refs stay");
    };
    for entry in &workspace.registry.repos {
        match workspace.open(entry) {
            Ok(repo) => {
                take_out(&repo, entry.remote.as_deref())?;
                ctx.ui.line(format!("{}: hooks and settings removed; the refs stay", entry.name))?;
            }
            Err(error) => ctx.ui.say(format!("warning: {}", chain(&error))),
        }
    }
    for path in manual::uninstall(&ctx.env)? {
        ctx.ui.line(format!("removed {path}"))?;
    }
    Ok(())
}

fn take_out(repo: &Repo, remote: Option<&str>) -> Result<(), CliError> {
    install::uninstall(repo)?;
    install::exclude(repo, &[])?;
    let git = repo.git();
    if let Some(remote) = remote {
        let specs = [refspecs(remote), setup::LEFT_OUT.map(str::to_owned)].concat();
        setup::remove_refspecs(repo, remote, &specs)?;
    }
    // There may be none of them.
    let removed = git.output(["config", "--local", "--remove-section", "git-os"]);
    if Repo::open(repo.home())?.config(CONFIG_KEY).is_some() {
        removed?;
        let message = "cannot remove the settings of git-os from the configuration of this repository";
        return Err(CliError::new(Kind::Fatal, Code::HookProblems, message).hint("git config --local --get-regexp '^git-os\\.'"));
    }
    // Derived, and of this machine alone.
    if has_session(repo) {
        for file in ["board", "doctor"] {
            crate::git::process::remove_all(&repo.os_dir().join(file))?;
        }
        return Ok(held::forget_all(repo)?);
    }
    Ok(crate::git::process::remove_all(&repo.os_dir())?)
}

/// Whether a file was written by git-os.
pub(super) fn has_mark(path: &Utf8Path) -> bool {
    read_file(path).is_ok_and(|text| text.contains("git-os"))
}
