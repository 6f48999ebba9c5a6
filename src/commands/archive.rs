//! `git os archive`

use crate::refs;
use clap::Args as ClapArgs;

use super::context::Context;
use crate::core::text::plural;
use crate::core::time::parse_span;
use crate::error::CliError;
use crate::ledger::Ledger;
use crate::refs::archive::AFTER_CLOSED;

/// Fold closed tickets and old sessions into one ref
///
/// Tickets that were closed a week ago leave the live refs, so that these stay as few as what is open. Nothing is lost:
/// `show`, `log` and `list --all` reach into the archive, and a comment brings a ticket back. A session does this by itself
/// when much is closed.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Fold what was closed this long ago, such as 1d or 0m; by default 7d
    #[arg(long, value_name = "TIME")]
    after: Option<String>,

    /// All repositories of the registry
    #[arg(long)]
    all: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let after = args.after.as_deref().map(span).transpose()?.unwrap_or(AFTER_CLOSED);
    let place = ctx.place()?;
    let Some(workspace) = place.workspace.as_ref().filter(|_| args.all) else {
        let count = fold(&place.ledger()?, after)?;
        return ctx.ui.line(format!("{} folded into the archive", plural(count, "history", "histories")));
    };
    for entry in &workspace.registry.repos {
        let repo = workspace.open(entry)?;
        ctx.fold(&repo)?;
        let count = fold(&Ledger::open(&repo)?, after)?;
        ctx.ui.line(format!("{}: {count} folded into the archive", entry.name))?;
    }
    Ok(())
}

fn span(text: &str) -> Result<u64, CliError> {
    match text {
        // Nothing to wait for is a time as well.
        "0" | "0s" | "0m" | "0h" | "0d" => Ok(0),
        _ => parse_span(text)
            .ok_or_else(|| CliError::no(format!("`{}` is not a time such as 7d", crate::core::text::escape(text)))),
    }
}

fn fold(ledger: &Ledger<'_>, after: u64) -> Result<usize, CliError> {
    let due = refs::archive::due(ledger, ledger.repo.identity()?.time, after)?;
    Ok(refs::archive::write(ledger, &due)?)
}
