//! `git os claim`

use clap::Args as ClapArgs;

use super::context::{Context, Place, refused, view};
use crate::core::event::{Action, Role, State};
use crate::core::id::{RunId, TicketId};
use crate::error::CliError;
use crate::ledger::{Answer, Draft, Entry, new_run};
use crate::local::held;
use crate::sync::submit_shared;

/// Take a ready ticket, exclusively
///
/// Exactly one of any number of claims wins. Exits with 0 when this one did and with 1 when it did not.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// The ticket: its id, or any part of it that is unique
    #[arg(required_unless_present = "next")]
    id: Option<String>,

    /// The most urgent ticket of this repository that is ready
    #[arg(long, conflicts_with = "id")]
    next: bool,

    /// The run that takes it: 32 hexadecimal digits; by default a new one
    #[arg(long)]
    run: Option<String>,

    /// How long the claim holds, such as 30m or 2h
    #[arg(long, default_value = "30m")]
    lease: String,

    /// Print the ticket as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let run =
        args.run.as_deref().map_or_else(|| new_run().map_err(CliError::from), |run| RunId::parse(run).map_err(CliError::no))?;
    let lease = super::span(&args.lease)?;
    let (place, entry) = match &args.id {
        Some(part) => {
            let (place, id) = ctx.find(part)?;
            let entry = claim(&place, &id, &run, lease)??;
            (place, entry)
        }
        None => next(ctx, &run, lease)?,
    };
    held::keep(&place.repo, &entry.id, &run)?;
    if args.json {
        return ctx.ui.json(&super::with_version(&view(&place.ledger()?, &entry)?));
    }
    ctx.ui.line(format!("{} claimed by run {run}", entry.id))
}

/// One claim; the answer no is inside.
fn claim(place: &Place, id: &TicketId, run: &RunId, lease: u64) -> Result<Result<Entry, CliError>, CliError> {
    let ledger = place.ledger()?;
    if let (Some(workspace), Some(entry)) = (&place.workspace, ledger.find(id)?)
        && let Some(open) = workspace.open_dependency(&entry.ticket.content.depends)?
    {
        return Ok(Err(
            CliError::no(format!("{id}: it depends on {open}, which is not merged")).hint(format!("git os show {open}"))
        ));
    }
    let lease = place.repo.identity()?.time.plus(lease);
    let draft = Draft::new(Action::Claim { run: run.clone(), lease }, Role::Executor).by(run);
    Ok(match submit_shared(&ledger, id, &draft)? {
        Answer::Yes(entry) => Ok(*entry),
        Answer::No(refusal) => Err(refused(&ledger, id, &refusal)),
    })
}

/// The most urgent ticket that can still be had.
fn next(ctx: &Context, run: &RunId, lease: u64) -> Result<(Place, Entry), CliError> {
    let place = ctx.place()?;
    let mut rows = place.ledger()?.rows()?.tickets;
    rows.retain(|row| row.ticket.state == State::Ready);
    rows.sort_by_key(|row| (row.ticket.content.priority, row.id.clone()));
    for row in rows {
        if let Ok(entry) = claim(&place, &row.id, run, lease)? {
            return Ok((place, entry));
        }
    }
    Err(CliError::no("no ticket of this repository is ready").hint("git os list"))
}
