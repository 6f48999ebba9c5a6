//! `git os which`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use crate::core::id::RepoName;
use crate::core::json::VERSION;
use crate::core::text::escape;
use crate::error::{CliError, Code};
use crate::operations::which::{By, Which, which};

/// Show which ticket a commit belongs to
///
/// Looks for the commit in the work of the tickets, in the notes on it, and in its trailers. Exits with 1 if it belongs to
/// none.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Commit, as git names it
    commit: String,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    version: u32,
    repo: &'a RepoName,
    #[serde(flatten)]
    which: &'a Which,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place()?;
    let ledger = place.ledger()?;
    let Some(which) = which(&ledger, &args.commit)? else {
        return Err(CliError::no(Code::NoTicket, format!("`{}` belongs to no ticket", escape(&args.commit))));
    };
    if args.json {
        return ctx.ui.json(&Answer { version: VERSION, repo: &ledger.policy.repo, which: &which });
    }
    let ticket = &which.entry.ticket;
    ctx.ui.line(format!("{} {} {}", which.ticket, ticket.state, ticket.content.title))?;
    let run = which.run.as_ref().map(|run| format!("run {run}, ")).unwrap_or_default();
    let by = match which.by {
        By::Chain => "named by the history of the ticket",
        By::Note => "named by a note on the commit",
        By::Trailer => "named by the commit alone; the history of the ticket does not confirm it",
    };
    ctx.ui.line(format!("{run}{by}"))
}
