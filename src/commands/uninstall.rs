//! `git os uninstall`

use clap::{Args as ClapArgs, ValueEnum};

use camino::Utf8Path;

use super::context::Context;
use super::manual;
use super::meant::{self, Meant, Reach};
use crate::core::text::{plural, shell};
use crate::error::{CliError, Code};
use crate::ledger::shared_remote;
use crate::operations::uninstall::{self, Inventory};

/// Remove git-os from a repository
///
/// Removes hooks, settings and refspecs, and restores the previous hooks: in the current repository, in the one that `--repo`
/// names, or with `--all` in all of the workspace, also in those that are no longer in its registry. The refs of git-os stay, and
/// so do the registry, the man pages and the completions.
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of the command line")]
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Remove git-os from all repositories of the workspace [default: from the current repository]
    #[arg(long)]
    all: bool,

    /// What happens to the worktrees of tickets [default: ask at a terminal, else keep]
    ///
    /// `remove` also deletes the branches whose work has landed. What is not committed in a worktree is saved under
    /// refs/os/rescue first.
    #[arg(long, value_name = "WHAT")]
    worktrees: Option<Worktrees>,

    /// Also remove all refs of git-os: tickets, verdicts, sessions, learnings, wiki and saved work. Asks first; a remote keeps its own
    #[arg(long)]
    purge: bool,

    /// Do not ask before the refs are removed
    #[arg(long, requires = "purge")]
    yes: bool,

    /// Remove the man pages and completions of this user, and nothing else
    #[arg(long, conflicts_with_all = ["worktrees", "purge", "all"])]
    pages: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Worktrees {
    Keep,
    Remove,
}

/// One repository to take git-os out of.
struct Site {
    meant: Meant,
    inventory: Inventory,
}

impl Site {
    fn name(&self) -> &str {
        &self.meant.name
    }

    /// The shared remote, as the registry says, or where it no longer does, as the repository itself says.
    fn remote(&self) -> Option<String> {
        let entry = self.meant.entry.as_ref();
        entry.and_then(|entry| entry.remote.clone()).or_else(|| shared_remote(&self.meant.repo))
    }
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    if args.pages {
        for path in manual::uninstall(&ctx.env)? {
            ctx.ui.line(format!("removed {path}"))?;
        }
        return Ok(());
    }
    let place = ctx.place_of_all()?;
    let workspace = place.workspace.clone();
    let sites = sites(meant::repos(ctx, place, Reach::of(args.all))?)?;
    let worktrees = choose(ctx, args, &sites)?;
    if worktrees == Worktrees::Remove {
        refuse_inside(ctx, &sites)?;
    }
    if args.purge {
        confirm_purge(ctx, args, &sites, worktrees)?;
    }
    for site in &sites {
        take_out(ctx, args, site, worktrees)?;
    }
    ctx.ui.say("the registry stays, and so do the man pages and completions (`git os uninstall --pages` removes those)");
    let meant: Vec<Meant> = sites.into_iter().map(|site| site.meant).collect();
    meant::name_others(ctx, workspace.as_ref(), &meant)
}

/// The repositories that are meant, with what they have.
fn sites(meant: Vec<Meant>) -> Result<Vec<Site>, CliError> {
    let site = |meant: Meant| Ok(Site { inventory: uninstall::look(&meant.repo)?, meant });
    meant.into_iter().map(site).collect()
}

/// Refuses to remove the worktree in which this command was started: whoever is in it would be nowhere.
fn refuse_inside(ctx: &Context, sites: &[Site]) -> Result<(), CliError> {
    let here = ctx.env.dir.canonicalize_utf8().unwrap_or_else(|_| ctx.env.dir.clone());
    let is_around = |path: &Utf8Path| path.canonicalize_utf8().is_ok_and(|path| here.starts_with(path));
    for Site { meant, inventory } in sites {
        if let Some((id, path)) = inventory.worktrees.iter().find(|(_, path)| is_around(path)) {
            let top = meant.repo.main_top().unwrap_or_else(|| meant.repo.common_dir().to_owned());
            let message =
                format!("cannot remove the worktree of {id}, `{path}`: this command was started in it; nothing was changed");
            let hint = format!("cd {}   # and then the same command", shell(top.as_str()));
            return Err(CliError::no(Code::InsideWorktree, message).hint(hint));
        }
    }
    Ok(())
}

/// What happens to the worktrees.
fn choose(ctx: &Context, args: &Args, sites: &[Site]) -> Result<Worktrees, CliError> {
    if let Some(chosen) = args.worktrees {
        return Ok(chosen);
    }
    if args.purge {
        // What is saved of them would go with the refs.
        return Ok(Worktrees::Keep);
    }
    let count: usize = sites.iter().map(|site| site.inventory.worktrees.len() + site.inventory.branches.len()).sum();
    if count == 0 {
        return Ok(Worktrees::Keep);
    }
    for site in sites {
        let Inventory { worktrees, branches, .. } = &site.inventory;
        ctx.ui.say(format!("{}: {}", site.name(), counted(worktrees.len(), branches.len())));
    }
    let is_yes = ctx.confirm("remove the worktrees, saving what is not committed, and the branches whose work has landed?")?;
    Ok(if is_yes { Worktrees::Remove } else { Worktrees::Keep })
}

fn counted(worktrees: usize, branches: usize) -> String {
    format!("{} and {} of tickets", plural(worktrees, "worktree", "worktrees"), plural(branches, "branch", "branches"))
}

/// Shows which refs would go, and asks.
fn confirm_purge(ctx: &Context, args: &Args, sites: &[Site], worktrees: Worktrees) -> Result<(), CliError> {
    for site in sites {
        if worktrees == Worktrees::Remove && !site.inventory.worktrees.is_empty() {
            let message = format!("`{}` has worktrees: what is saved of them would go with the refs", site.name());
            return Err(CliError::no(Code::NotConfirmed, message).hint("the same command with `--worktrees keep`"));
        }
        let kinds: Vec<_> = site.inventory.kinds().iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
        let there = site.remote().map(|remote| format!("; those at `{remote}` stay")).unwrap_or_default();
        let count = plural(site.inventory.refs.len(), "ref", "refs");
        ctx.ui.say(format!("{}: {count} would be removed: {}{there}", site.name(), kinds.join(", ")));
    }
    if args.yes || ctx.confirm("remove them? They cannot be brought back from here")? {
        return Ok(());
    }
    let error = CliError::no(Code::NotConfirmed, "nothing was changed");
    Err(if ctx.env.stdin_is_terminal { error } else { error.hint("git os uninstall --help   # see `--yes`") })
}

fn take_out(ctx: &Context, args: &Args, site: &Site, worktrees: Worktrees) -> Result<(), CliError> {
    let (Site { meant: Meant { name, repo, .. }, inventory }, remote) = (site, site.remote());
    if worktrees == Worktrees::Remove {
        let cleared = uninstall::clear(repo, inventory)?;
        ctx.ui.line(format!("{name}: removed {}", counted(cleared.worktrees, cleared.branches)))?;
        for saved in cleared.saved {
            ctx.ui.line(format!("{name}: saved uncommitted work as {saved}"))?;
        }
        for stays in cleared.stays {
            ctx.ui.line(format!("{name}: stays: {stays}"))?;
        }
    }
    uninstall::take_out(repo, remote.as_deref())?;
    ctx.ui.line(format!("{name}: hooks, settings and refspecs removed"))?;
    if worktrees == Worktrees::Keep && inventory.worktrees.len() + inventory.branches.len() > 0 {
        let counted = counted(inventory.worktrees.len(), inventory.branches.len());
        ctx.ui.line(format!("{name}: stays: {counted}; the worktrees stay hidden from `git status`"))?;
    }
    for held in &inventory.held {
        let until = held.until.map(|until| format!(" until {until}")).unwrap_or_default();
        ctx.ui.line(format!("{name}: still held by this clone{until}: {} {}", held.id, held.title))?;
        ctx.ui.say(format!("hint: git os release {}   # after a new `git os init`, if it is to be worked on here", held.id));
    }
    if args.purge {
        uninstall::purge(repo, inventory)?;
        let count = plural(inventory.refs.len(), "ref", "refs");
        return ctx.ui.line(format!("{name}: {count} of git-os removed"));
    }
    if inventory.refs.is_empty() {
        return Ok(());
    }
    let count = plural(inventory.refs.len(), "ref", "refs");
    ctx.ui.line(format!("{name}: stays: {count} of git-os, which hold the tickets and all that belongs to them"))
}
