//! `git os worker`

use std::time::Duration;

use clap::Args as ClapArgs;

use super::context::Context;
use super::listen::{JsonLines, Terminal};
use crate::core::text::plural;
use crate::dispatch::worker::{self, Plan, WhenEmpty};
use crate::error::{CliError, Code};

/// Run a worker that claims and lands ready tickets
///
/// Fetches, claims by push, works, verifies, lands and pushes, and repeats. You can run any number of workers, because the
/// remote accepts only one claim on a ticket. On SIGTERM, finishes the current work, claims nothing new and exits with 0; a
/// second SIGTERM ends the work and gives the tickets back. So does Ctrl-C, with exit code 130. A killed worker resumes when
/// it is started again, unless another worker took over: within five minutes its leases are over.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Work only in repositories with this shared remote
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,

    /// Number of tickets to work on in parallel [default: `jobs` in the registry]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Time to wait if no ticket is ready, such as 5s or 1m
    #[arg(long, value_name = "TIME", default_value = "5s")]
    poll: String,

    /// Exit when no ticket is ready, or with an error when a remote stays away
    #[arg(long)]
    until_empty: bool,

    /// Print progress as JSON, one object per line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place_in_workspace()?;
    let workspace = place.workspace()?;
    let plan = Plan {
        remote: args.remote.clone(),
        jobs: args.jobs.unwrap_or(workspace.registry.jobs),
        poll: Duration::from_secs(super::span(&args.poll)?),
        when_empty: if args.until_empty { WhenEmpty::End } else { WhenEmpty::Wait },
    };
    if let Some(remote) = &plan.remote
        && !workspace.registry.repos.iter().any(|entry| entry.remote.as_ref() == Some(remote))
    {
        let shown = crate::core::text::escape(remote);
        return Err(CliError::no(Code::NoRemote, format!("no repository of the registry has the shared remote `{shown}`"))
            .hint("git remote -v"));
    }
    if !args.json {
        ctx.stop.heed_termination(ctx.ui.notice("ending: finishing what is under way; a second SIGTERM gives it back"));
    }
    if args.json {
        return ctx.at_work(workspace, &JsonLines(&ctx.ui), |at| worker::run(at, &plan).map(drop)).map_err(CliError::from);
    }
    let landed = ctx.at_work(workspace, &Terminal::new(&ctx.ui), |at| worker::run(at, &plan))?;
    ctx.ui.line(format!("{} landed", plural(landed, "ticket", "tickets")))
}
