//! `git os archive`

use clap::Args as ClapArgs;

use super::context::Context;
use super::transition::not_a_span;
use crate::core::text::plural;
use crate::core::time::parse_span;
use crate::error::CliError;
use crate::ledger::Ledger;
use crate::operations::archive;
use crate::refs::archive::AFTER_CLOSED;

/// Archive closed tickets and old sessions in one ref
///
/// Moves tickets that closed a week ago out of the live refs, to keep fetches small. Nothing is lost: `show`, `log` and
/// `list --all` read the archive, and a comment restores a ticket. Sessions archive automatically when many tickets are
/// closed.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Archive what was closed at least this long ago, such as 1d or 0m [default: 7d]
    #[arg(long, value_name = "TIME")]
    after: Option<String>,

    /// Archive in all repositories of the registry
    #[arg(long)]
    all: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let after = args.after.as_deref().map(span).transpose()?.unwrap_or(AFTER_CLOSED);
    let place = ctx.place_of_all()?;
    let Some(workspace) = place.workspace.as_ref().filter(|_| args.all) else {
        let _shown = ctx.ui.task("archive");
        return ctx.ui.line(archived(archive::archive(&place.ledger()?, after)?));
    };
    let mut progress = ctx.ui.count("archive", workspace.registry.repos.len());
    for entry in &workspace.registry.repos {
        progress.at(entry.name.as_str());
        let repo = workspace.open(entry)?;
        ctx.fold(&repo)?;
        let count = archive::archive(&Ledger::open(&repo)?, after)?;
        ctx.ui.line(format!("{}: {}", entry.name, archived(count)))?;
        progress.step();
    }
    Ok(())
}

fn archived(count: usize) -> String {
    format!("archived {}", plural(count, "ref", "refs"))
}

fn span(text: &str) -> Result<u64, CliError> {
    match text {
        // No time at all is a time, too.
        "0" | "0s" | "0m" | "0h" | "0d" => Ok(0),
        _ => parse_span(text).ok_or_else(|| not_a_span(text)),
    }
}
