//! `git os hooks` and `git os gc`

use clap::{Args as ClapArgs, ValueEnum};

use super::context::Context;
use super::meant::{self, Meant, Reach};
use crate::core::progress::Nobody;
use crate::core::text::plural;
use crate::dispatch::Site;
use crate::dispatch::collect::{self, When};
use crate::error::{CliError, Code};
use crate::hook::install;
use crate::ledger::Ledger;

/// Install, remove or check the hooks
///
/// Installs and removes them in the current repository, or with `--all` in all of the workspace. `status` looks at all of them, or
/// at the one that `--repo` names.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// What to do
    #[arg(value_enum, default_value = "status")]
    what: What,

    /// Change all repositories of the workspace [default: the current repository]
    #[arg(long)]
    all: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Install the hooks; existing hooks still run
    Install,
    /// Remove the hooks and restore the previous ones
    Uninstall,
    /// Report problems with the hooks
    Status,
}

/// Remove worktrees that are no longer needed
///
/// Removes a worktree one day after its ticket was merged, closed or released, and three days after it was blocked. Saves
/// uncommitted changes to refs/os/rescue first.
///
/// Sessions and workers do the same by themselves. Where landings leave more than 16 worktrees of closed tickets in a repository, those of
/// the tickets that were closed first are removed at once.
#[derive(ClapArgs, Debug)]
pub(super) struct GcArgs {
    /// Remove the worktrees of all closed tickets, however long ago they were closed
    #[arg(long)]
    now: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place_of_all()?;
    // To look at all of them changes nothing.
    let looks = args.what == What::Status && ctx.repo_name.is_none();
    let workspace = place.workspace.clone();
    let meant = meant::repos(ctx, place, Reach::of(args.all || looks))?;
    let mut faults = 0;
    for Meant { name, repo, .. } in &meant {
        let done = match args.what {
            What::Uninstall => {
                install::uninstall(repo)?;
                "removed".to_owned()
            }
            What::Install => {
                let policy = Ledger::open(repo)?.policy;
                if install::install(repo, install::Side::Clone(&policy), &ctx.env.program)? { "installed" } else { "in place" }
                    .to_owned()
            }
            What::Status => {
                let found = install::faults(repo, install::Side::Clone(&Ledger::open(repo)?.policy), &ctx.env.program)?;
                faults += found.len();
                if found.is_empty() { "in place".to_owned() } else { found.join("; ") }
            }
        };
        ctx.ui.line(format!("{name}: {done}"))?;
    }
    if args.what == What::Uninstall {
        meant::name_others(ctx, workspace.as_ref(), &meant)?;
    }
    if faults > 0 {
        let remedy = if meant.len() > 1 { "git os hooks install --all" } else { "git os hooks install" };
        Err(CliError::no(Code::HookProblems, format!("{} with the hooks", plural(faults, "problem", "problems"))).hint(remedy))
    } else {
        Ok(())
    }
}

pub(super) fn run_gc(ctx: &Context, args: &GcArgs) -> Result<(), CliError> {
    let place = ctx.place_in_workspace()?;
    let workspace = place.workspace()?;
    let when = if args.now { When::Now } else { When::Due };
    let mut count = 0;
    for entry in &workspace.registry.repos {
        let done = ctx.at_work(workspace, &Nobody, |at| match Site::open(at, entry) {
            Ok(site) if site.ledger().is_ok() => collect::run(&site, when),
            Ok(_) | Err(_) => Ok(Vec::new()),
        });
        for what in done? {
            count += 1;
            ctx.ui.line(format!("{}: {what}", entry.name))?;
        }
    }
    if count == 0 {
        ctx.ui.say("nothing to remove");
    }
    Ok(())
}
