//! `git os dispatch` and `git os context`

use clap::Args as ClapArgs;

use super::context::Context;
use super::desk::{Given, Terminal};
use crate::core::text::plural;
use crate::dispatch::{Fate, brief, schedule};
use crate::error::CliError;

/// Work on every ready ticket, without a session
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Number of brands to work on in parallel [default: `jobs` in the registry]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

/// Show the brief an agent would get for a ticket
#[derive(ClapArgs, Debug)]
pub(super) struct ContextArgs {
    /// Ticket id, or any unique part of it
    id: String,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place()?;
    let workspace = place.workspace()?;
    let desk = Terminal::new(&ctx.ui, Given { answers: None, approves_all: false, is_interactive: false });
    let endings = schedule::run(workspace, &ctx.env, args.jobs.unwrap_or(workspace.registry.jobs), &desk)?;
    let landed = endings.iter().filter(|ending| ending.fate == Fate::Landed).count();
    ctx.ui.line(format!("{landed} of {} landed", plural(endings.len(), "ticket")))
}

pub(super) fn run_context(ctx: &Context, args: &ContextArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let site = place.site(&ctx.env, &|_| {})?;
    let ledger = site.ledger()?;
    let (entry, _) = ledger.read_legal(&id)?;
    let worktree = site.worktree(&id);
    let worktree = if worktree.as_std_path().exists() { worktree } else { site.repo.home().to_owned() };
    ctx.ui.line(brief::executor(&site, &ledger, &entry, &worktree)?.trim_end())
}
