//! `git os init`

mod choose;
mod starter;

use clap::Args as ClapArgs;

use super::context::Context;
use super::manual;
use crate::core::meta::{Change, Weight};
use crate::core::registry::{Registry, RepoEntry};
use crate::core::text::{chain, plural, shell};
use crate::doctor::mistakes;
use crate::doctor::setup::{Mode, Setup};
use crate::error::{CliError, Code, Kind};
use crate::git::process::git_version;
use crate::git::{OLDEST_GIT, Repo};
use crate::ledger::policy;
use crate::workspace::in_force::NotTheFile;
use crate::workspace::{Source, Workspace};

/// Set up git-os in the repositories of a registry
///
/// Publishes each repository's policy to refs/os/meta, installs the hooks, sets refspecs, and installs the man page and
/// completions. Existing hooks still run. Run it again after a change to the registry; it changes only what differs, and asks
/// before it takes anything away. The registry is published with the policy of the hub, and is used where its file is missing,
/// invalid or that of an older branch. Without a registry, writes one for the current repository, and takes over the policy of
/// the shared remote if there is one.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Registry file [default: the one in use, or registry.toml at the top of this repository]
    #[arg(long, value_name = "FILE")]
    registry: Option<String>,

    /// Print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask before checks, protected branches, repositories or the like are taken away
    #[arg(long)]
    yes: bool,
}

/// Says how to have the file of the registry counted again, where an earlier version of it is not.
fn name_way_back(ctx: &Context, workspace: &Workspace) {
    if let Source::Published { why: NotTheFile::Earlier, .. } = &workspace.source {
        ctx.ui.say(format!("hint: git os init --registry {}   # goes by the file again", shell(workspace.file.as_str())));
    }
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let (major, minor, version) = git_version()?;
    if (major, minor) < OLDEST_GIT {
        return Err(CliError::new(
            Kind::Fatal,
            Code::GitTooOld,
            format!("git {version} is too old: git-os needs {}.{} or newer", OLDEST_GIT.0, OLDEST_GIT.1),
        ));
    }
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Apply };
    let mut workspace = choose::choose(ctx, args.registry.as_deref(), mode)?;
    // What others published comes first: it may be a later registry than this file.
    let hub = workspace.hub()?.clone();
    let mut joined = None;
    if let Ok(repo) = workspace.open(&hub) {
        let shown = ctx.ui.task("init");
        shown.now(hub.name.as_str());
        joined = Some(setup(ctx, &workspace, &hub, &repo, mode).join()?);
        drop(shown);
        if args.registry.is_none() {
            workspace = workspace.or_later(&repo)?;
        }
    }
    ctx.name_source(&workspace);
    name_way_back(ctx, &workspace);
    let mut sites = Vec::new();
    let mut missing = 0;
    let mut count = ctx.ui.count("init", workspace.registry.repos.len());
    for entry in &workspace.registry.repos {
        count.at(entry.name.as_str());
        match workspace.open(entry) {
            Ok(repo) => {
                let done = match joined.take_if(|_| entry.name == hub.name) {
                    Some(done) => done,
                    None => setup(ctx, &workspace, entry, &repo, mode).join()?,
                };
                let changes = setup(ctx, &workspace, entry, &repo, mode).changes()?;
                sites.push(Site { entry, repo, done, changes });
            }
            Err(error) => {
                missing += 1;
                let line = entry.lines.of("path");
                ctx.ui.say(format!("warning: {}:{line}: {}", workspace.file, chain(&error)));
            }
        }
        count.step();
    }
    drop(count);
    let losses = list_losses(ctx, &workspace, &sites)?;
    if mode == Mode::Apply && !args.yes {
        confirm(ctx, &losses)?;
    }
    for Site { entry, repo, mut done, changes } in sites {
        done.extend(setup(ctx, &workspace, entry, &repo, mode).settle()?);
        let done = match (done.is_empty(), mode) {
            (true, _) => "nothing to do".to_owned(),
            (false, Mode::Apply) => done.join(", "),
            (false, Mode::DryRun) => format!("to be done: {}", done.join(", ")),
        };
        ctx.ui.line(format!("{}: {done}", entry.name))?;
        for change in changes {
            ctx.ui.line(format!("  {}", change.what))?;
        }
        for mistake in mistakes::find(&workspace, entry, &repo)? {
            ctx.ui.say(format!("warning: {}:{}: {}", workspace.file, mistake.line, mistake.what));
        }
    }
    if mode == Mode::DryRun {
        for loss in losses {
            ctx.ui.line(format!("takes away: {loss}"))?;
        }
        return ctx.ui.line("dry run: nothing was changed");
    }
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

fn setup<'a>(ctx: &'a Context, workspace: &'a Workspace, entry: &'a RepoEntry, repo: &'a Repo, mode: Mode) -> Setup<'a> {
    Setup { workspace, entry, repo, program: &ctx.env.program, mode }
}

/// A repository that is set up.
struct Site<'a> {
    entry: &'a RepoEntry,
    repo: Repo,
    /// What was done until now.
    done: Vec<String>,
    /// How its policy will change.
    changes: Vec<Change>,
}

/// What would be taken away, one line each.
fn list_losses(ctx: &Context, workspace: &Workspace, sites: &[Site<'_>]) -> Result<Vec<String>, CliError> {
    let mut losses = Vec::new();
    for Site { entry, repo, changes, .. } in sites {
        if let Some(other) = setup(ctx, workspace, entry, repo, Mode::DryRun).find_other_registry() {
            losses.push(format!("{}: now uses the registry `{other}`", entry.name));
        }
        if entry.name == workspace.registry.hub
            && let Some(published) = policy::find_registry(repo)?
            && let Ok(published) = Registry::parse(&published.text)
        {
            let is_gone = |known: &&RepoEntry| workspace.registry.find_repo(known.name.as_str()).is_none();
            let gone = published.repos.iter().filter(is_gone);
            losses.extend(gone.map(|gone| format!("{}: is no longer in the registry; its hooks and refs stay", gone.name)));
        }
        let lost = changes.iter().filter(|change| change.weight == Weight::Loss);
        losses.extend(lost.map(|change| format!("{}: {}", entry.name, change.what)));
    }
    Ok(losses)
}

/// Asks before anything is taken away.
fn confirm(ctx: &Context, losses: &[String]) -> Result<(), CliError> {
    if losses.is_empty() {
        return Ok(());
    }
    ctx.ui.say("this registry takes something away:");
    for loss in losses {
        ctx.ui.say(format!("  {loss}"));
    }
    if ctx.confirm("continue?")? {
        return Ok(());
    }
    let error = CliError::no(Code::NotConfirmed, "nothing was changed");
    Err(if ctx.env.stdin_is_terminal { error } else { error.hint("git os init --help   # see `--yes`") })
}
