//! `git os replay`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use super::listen::Terminal;
use crate::core::json::VERSION;
use crate::core::text::{headline, plural};
use crate::core::usage::MicroDollars;
use crate::dispatch::replay::{Replayed, Side};
use crate::error::CliError;
use crate::operations;
use crate::ui::Tone;

/// Let another agent work on a landed ticket again, and compare
///
/// The agent gets the brief, the commit and the policy with which the work on the ticket began, in a repository of its own. What it
/// hands in goes through the checks and the verifier of the ticket. Prints both results side by side. Nothing lands, no ticket
/// changes, and the work is thrown away.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// Agent of the registry that does the work
    #[arg(long, value_name = "NAME")]
    agent: String,

    /// Print both sides as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct View<'a> {
    version: u32,
    #[serde(flatten)]
    replayed: &'a Replayed,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let replayed =
        ctx.at_site(&place, &Terminal::new(&ctx.ui), |site| Ok(operations::replay::replay(&site, &id, &args.agent)?))?;
    if args.json {
        return ctx.ui.json(&View { version: VERSION, replayed: &replayed });
    }
    ctx.ui.heading(&format!("{id} on {}", replayed.base.short(12)))?;
    let (landed, again) = (cells(&replayed.landed), cells(&replayed.replay));
    let heads = ["", "agent", "outcome", "verdict", "attempts", "time", "tokens in", "tokens out", "cost", "files", "lines"];
    let rows = heads
        .iter()
        .zip(std::iter::once(["landed", "replayed"].map(str::to_owned)).chain(landed.into_iter().zip(again).map(<[_; 2]>::from)));
    let rows = rows.map(|(head, [one, two])| vec![(Tone::Quiet, format!("  {head}")), (Tone::Strong, one), (Tone::Strong, two)]);
    ctx.ui.table(&rows.collect::<Vec<_>>())?;
    for reason in &replayed.replay.reasons {
        ctx.ui.line(format!("  replayed: {}", headline(reason)))?;
    }
    Ok(())
}

/// One side, line by line.
fn cells(side: &Side) -> [String; 10] {
    let unknown = || "-".to_owned();
    let count = |count: Option<u64>| count.map_or_else(unknown, |count| count.to_string());
    let agent = match (&side.agent, &side.usage.model) {
        (Some(agent), Some(model)) => format!("{agent} ({model})"),
        (Some(agent), None) => agent.clone(),
        (None, _) => unknown(),
    };
    [
        agent,
        side.outcome.clone(),
        side.verdict.map_or_else(unknown, |verdict| verdict.to_string()),
        side.attempts.to_string(),
        plural(usize::try_from(side.seconds).unwrap_or(usize::MAX), "second", "seconds"),
        count(side.usage.input_tokens),
        count(side.usage.output_tokens),
        side.usage.micro_dollars.map_or_else(unknown, |micros| format!("${}", MicroDollars(micros))),
        side.diff.files.to_string(),
        format!("+{} -{}", side.diff.added, side.diff.removed),
    ]
}
