//! `git os dispatch` and `git os context`

use clap::Args as ClapArgs;

use super::context::{Context, workspace};
use super::desk::{Given, Terminal};
use crate::core::text::plural;
use crate::dispatch::{Fate, Site, brief, schedule};
use crate::error::CliError;

/// Drain the queue: work every ready ticket, without the rest of a session
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// How many brands work side by side; by default what the registry says
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

/// Show what an agent would be told about a ticket
#[derive(ClapArgs, Debug)]
pub(super) struct ContextArgs {
    /// The ticket: its id, or any part of it that is unique
    id: String,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place()?;
    let workspace = workspace(&place)?;
    let desk = Terminal::new(&ctx.ui, Given { answers: None, approves_all: false, is_interactive: false });
    let endings = schedule::run(workspace, &ctx.env, args.jobs.unwrap_or(workspace.registry.jobs), &desk)?;
    let landed = endings.iter().filter(|ending| ending.fate == Fate::Landed).count();
    ctx.ui.line(format!("{landed} of {} landed", plural(endings.len(), "ticket", "tickets")))
}

pub(super) fn run_context(ctx: &Context, args: &ContextArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let name = place.name.clone().ok_or_else(|| CliError::no("this repository is not in its registry"))?;
    let workspace = workspace(&place)?;
    let site = Site::open(workspace, workspace.entry(name.as_str())?, &ctx.env, &|_| {})?;
    let ledger = site.ledger()?;
    let entry = super::show::read(&ledger, &id)?;
    let worktree = site.worktree(&id);
    let worktree = if worktree.as_std_path().exists() { worktree } else { site.repo.home().to_owned() };
    ctx.ui.line(brief::executor(&site, &ledger, &entry, &worktree)?.trim_end())
}
