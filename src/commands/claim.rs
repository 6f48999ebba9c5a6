//! `git os claim`

use clap::Args as ClapArgs;

use super::context::{Context, view};
use crate::error::CliError;
use crate::operations::claim::{self, Lease};

/// Claim a ready ticket
///
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

    /// Lease time, such as 30m or 2h
    #[arg(long, default_value = "30m")]
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
    ctx.ui.line(format!("{} claimed by run {}", entry.id, lease.run))
}
