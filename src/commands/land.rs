//! `git os verify`, `git os merge` and `git os revert`

use clap::Args as ClapArgs;

use super::context::Context;
use super::each::each;
use super::listen::OneTicket;
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::error::{CliError, Code};
use crate::operations::{Place, Verb, land, revert};

/// Verify submitted work
///
/// Runs the checks in a clean worktree at exactly the submitted commit, asks the judge if there is one, and records the
/// verdict. Exits with 1 if the work does not pass. Without an id, verifies the ticket whose branch or worktree this is, or else the
/// only submitted one that this clone holds by hand.
#[derive(ClapArgs, Debug)]
pub(super) struct VerifyArgs {
    /// Ticket id or title, or any unique part of one [default: the ticket of this checkout]
    id: Option<String>,
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
    let (place, id, _) = ctx.find_or_here(args.id.as_deref(), Verb::Verify)?;
    let entry = ctx.at_site(&place, &OneTicket::new(&ctx.ui, &id), |site| Ok(land::verify(&site.for_ticket(&id), &id)?))?;
    ctx.ui.line(format!("{id} {}", entry.ticket.state))?;
    match entry.ticket.state {
        State::Verified => Ok(()),
        _ => Err(CliError::no(Code::NotPassed, format!("{id} did not pass verification")).hint(format!("git os log {id}"))),
    }
}

pub(super) fn run_merge(ctx: &Context, args: &MergeArgs) -> Result<(), CliError> {
    let all: Vec<String>;
    let named = if args.ids.is_empty() {
        all = land::list_verified(&ctx.place()?.ledger()?)?.iter().map(ToString::to_string).collect();
        &all
    } else {
        &args.ids
    };
    each(ctx, "merge", (Code::NotLanded, named), |place, id| {
        land_one(ctx, place, id)?;
        Ok(format!("{id} merged"))
    })
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
