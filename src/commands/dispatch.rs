//! `git os dispatch` and `git os context`

use clap::Args as ClapArgs;

use super::context::Context;
use super::listen::{JsonLines, Terminal};
use crate::core::progress::{Fate, Nobody};
use crate::core::text::plural;
use crate::dispatch::{brief, schedule};
use crate::error::CliError;

/// Work on every ready ticket, without a session
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Number of brands to work on in parallel [default: `jobs` in the registry]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Print progress as JSON, one object per line
    #[arg(long)]
    json: bool,
}

/// Show the brief an agent would get for a ticket
#[derive(ClapArgs, Debug)]
pub(super) struct ContextArgs {
    /// Ticket id or title, or any unique part of one
    id: String,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place_in_workspace()?;
    let workspace = place.workspace()?;
    let jobs = args.jobs.unwrap_or(workspace.registry.jobs);
    if args.json {
        return ctx.at_work(workspace, &JsonLines(&ctx.ui), |at| schedule::run(at, jobs).map(drop)).map_err(CliError::from);
    }
    let endings = ctx.at_work(workspace, &Terminal::new(&ctx.ui), |at| schedule::run(at, jobs))?;
    let landed = endings.iter().filter(|ending| ending.fate == Fate::Landed).count();
    ctx.ui.line(format!("{landed} of {} landed", plural(endings.len(), "ticket", "tickets")))
}

pub(super) fn run_context(ctx: &Context, args: &ContextArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    ctx.at_site(&place, &Nobody, |site| {
        let ledger = site.ledger()?;
        let (entry, _) = ledger.read_legal(&id)?;
        let worktree = site.worktree(&id);
        let worktree = if worktree.as_std_path().exists() { worktree } else { site.repo.home().to_owned() };
        ctx.ui.line(brief::executor(&site, &ledger, &entry, &worktree)?.trim_end())
    })
}
