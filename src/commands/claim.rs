//! `git os claim`

use clap::Args as ClapArgs;

use super::context::{Context, view};
use crate::error::CliError;
use crate::ledger::Entry;
use crate::operations::claim::{self, Lease};

/// The lease of a claim by hand: a person does not renew.
pub(super) const BY_HAND: &str = "8h";

/// Claim a ready ticket
///
/// Only records the claim; `git os take` also makes a place to work in.
/// Only one claim on a ticket succeeds. Exits with 0 if this claim succeeds, and with 1 if it does not.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Ticket id or title, or any unique part of one
    #[arg(required_unless_present = "next")]
    id: Option<String>,

    /// Claim the most urgent ready ticket of this repository
    #[arg(long, conflicts_with = "id")]
    next: bool,

    /// Run id, 32 hexadecimal digits [default: a new one]
    #[arg(long)]
    run: Option<String>,

    /// Lease time, such as 30m or 2h; nobody renews it for you
    #[arg(long, default_value = BY_HAND)]
    lease: String,

    /// Print the ticket as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let lease = Lease::new(args.run.as_deref(), super::span(&args.lease)?)?;
    let (place, entry) = if let Some(part) = &args.id {
        let (place, id) = ctx.find(part)?;
        let entry = claim::claim(&place, &id, &lease)?;
        (place, entry)
    } else {
        let place = ctx.place()?;
        let entry = claim::claim_next(&place, &lease)?;
        (place, entry)
    };
    if args.json {
        return ctx.ui.json(&super::with_version(&view(&place.ledger()?, &entry)?));
    }
    ctx.ui.line(format!("{} claimed by run {}{}", entry.id, lease.run, until(&entry)))
}

/// Until when a ticket is held.
pub(super) fn until(entry: &Entry) -> String {
    entry.ticket.lease.map(|lease| format!(" until {lease}")).unwrap_or_default()
}
