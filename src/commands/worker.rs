//! `git os worker`

use std::time::Duration;

use clap::Args as ClapArgs;

use super::context::{Context, workspace};
use super::desk::{Given, Terminal};
use crate::core::text::plural;
use crate::dispatch::worker::{self, Plan, WhenEmpty};
use crate::error::CliError;

/// Be one more machine that takes ready tickets, until it is told to end
///
/// Fetches, claims by push, works, verifies, lands and pushes, again and again. Any number of workers share the work: the
/// remote lets one claim through. On SIGTERM it takes nothing new, ends what it works on, and exits with 0; a worker that is
/// killed goes on where it was when it is started again, or others take over once its leases are over.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Work only in repositories whose shared remote has this name
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,

    /// How many brands to work on side by side; by default what the registry says
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// How long to wait when nothing is ready, such as 5s or 1m
    #[arg(long, value_name = "TIME", default_value = "5s")]
    poll: String,

    /// End when nothing is ready any more
    #[arg(long)]
    until_empty: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place()?;
    let workspace = workspace(&place)?;
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
        return Err(CliError::no(format!("no repository of the registry has the shared remote `{shown}`")).hint("git remote -v"));
    }
    let desk = Terminal::new(&ctx.ui, Given { answers: None, approves_all: false, is_interactive: false });
    let landed = worker::run(workspace, &ctx.env, &plan, &desk)?;
    ctx.ui.line(format!("{} landed", plural(landed, "ticket", "tickets")))
}
