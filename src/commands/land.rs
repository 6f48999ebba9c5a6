//! `git os verify`, `git os merge` and `git os revert`

use clap::Args as ClapArgs;

use super::context::Context;
use super::listen::OneTicket;
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::core::text::plural;
use crate::error::{CliError, Code};
use crate::operations::{Place, land, revert};

/// Verify submitted work
///
/// Runs the checks in a clean worktree at exactly the submitted commit, asks the judge if there is one, and records the
/// verdict. Exits with 1 if the work does not pass.
#[derive(ClapArgs, Debug)]
pub(super) struct VerifyArgs {
    /// Ticket id or title, or any unique part of one
    id: String,
}

/// Land verified tickets
///
/// Fast-forwards the protected branch to the verified commit. If the branch has moved, rebases the work, verifies it again
/// and retries. Tickets land in sequence; one that fails does not stop the others.
#[derive(ClapArgs, Debug)]
pub(super) struct MergeArgs {
    /// Ticket ids or titles, or any unique parts of them [default: all verified tickets of this repository]
    ids: Vec<String>,
}

/// Revert landed work
///
/// Takes back what a ticket landed, merges included, with one commit on a ticket of its own, which is verified and lands like
/// any other work. Where later commits are in the way, names the files in conflict and changes nothing.
#[derive(ClapArgs, Debug)]
pub(super) struct RevertArgs {
    /// Ticket id or title, or any unique part of one
    id: String,
}

pub(super) fn run_verify(ctx: &Context, args: &VerifyArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let entry = ctx.at_site(&place, &OneTicket::new(&ctx.ui, &id), |site| Ok(land::verify(&site.for_ticket(&id), &id)?))?;
    ctx.ui.line(format!("{id} {}", entry.ticket.state))?;
    match entry.ticket.state {
        State::Verified => Ok(()),
        _ => Err(CliError::no(Code::NotPassed, format!("{id} did not pass verification")).hint(format!("git os log {id}"))),
    }
}

pub(super) fn run_merge(ctx: &Context, args: &MergeArgs) -> Result<(), CliError> {
    let mut train = Vec::new();
    if args.ids.is_empty() {
        let place = ctx.place()?;
        for id in land::list_verified(&place.ledger()?)? {
            train.push(ctx.find(id.as_str())?);
        }
    }
    for part in &args.ids {
        train.push(ctx.find(part)?);
    }
    if let [(place, id)] = train.as_slice() {
        land_one(ctx, place, id)?;
        return ctx.ui.line(format!("{id} merged"));
    }
    let mut failed = 0;
    for (place, id) in &train {
        match land_one(ctx, place, id) {
            Ok(()) => ctx.ui.line(format!("{id} merged"))?,
            Err(error) => {
                failed += 1;
                ctx.ui.error(&error, false);
            }
        }
    }
    if failed == 0 {
        return Ok(());
    }
    Err(CliError::no(Code::NotLanded, format!("{failed} of {} did not land", plural(train.len(), "ticket", "tickets"))))
}

fn land_one(ctx: &Context, place: &Place, id: &TicketId) -> Result<(), CliError> {
    ctx.at_site(place, &OneTicket::new(&ctx.ui, id), |site| {
        land::land(&site.for_ticket(id), id)?;
        Ok(())
    })
}

pub(super) fn run_revert(ctx: &Context, args: &RevertArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let landed = ctx.at_site(&place, &OneTicket::new(&ctx.ui, &id), |site| Ok(revert::revert(&site.for_ticket(&id), &id)?))?;
    ctx.ui.line(format!("{} merged", landed.id))
}
