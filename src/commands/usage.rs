//! `git os usage`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use crate::core::json::VERSION;
use crate::core::text::{escape, plural};
use crate::core::time::Timestamp;
use crate::core::usage::MicroDollars;
use crate::error::{CliError, Code};
use crate::ledger::Ledger;
use crate::operations::usage::{self, By, Run, Sum};
use crate::ui::Tone;

/// Show what agents used: runs, tokens, turns, time and money
///
/// Adds up what the clients of agents and judges said at the end of each run, as the chains of the tickets have it, those of
/// archived tickets included. Runs that failed count like those that landed. An agent that says nothing of itself is counted as a
/// run of unknown cost; a judge that says nothing, and work by hand, are not counted.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Add up by agent, brand, ticket or day
    #[arg(long, value_name = "WHAT", default_value_t = By::Agent)]
    by: By,

    /// Only runs that ended on this day or later, in UTC
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<String>,

    /// Print the sums as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Usage {
    version: u32,
    by: By,
    rows: Vec<Row>,
    total: Sum,
}

#[derive(Serialize)]
struct Row {
    key: String,
    #[serde(rename = "sum")]
    sum: Sum,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let since = args.since.as_deref().map(midnight).transpose()?;
    let runs = gather(ctx, since)?;
    let rows: Vec<_> = usage::sums(&runs, args.by).into_iter().map(|(key, sum)| Row { key, sum }).collect();
    let total = usage::total(&runs);
    if args.json {
        return ctx.ui.json(&Usage { version: VERSION, by: args.by, rows, total });
    }
    if rows.is_empty() {
        return ctx.ui.line("no agent has run");
    }
    let mut table = vec![
        ["", "runs", "tokens in", "cached", "tokens out", "turns", "time", "cost"]
            .map(|head| (Tone::Quiet, head.to_owned()))
            .to_vec(),
    ];
    table.extend(rows.iter().map(|row| cells(&escape(&row.key), &row.sum)));
    if rows.len() > 1 {
        table.push(cells("all", &total));
    }
    ctx.ui.table(&table)?;
    if total.without_cost > 0 {
        ctx.ui.say(format!("note: {} of {} said nothing of their cost", total.without_cost, plural(total.runs, "run", "runs")));
    }
    Ok(())
}

fn cells(key: &str, sum: &Sum) -> Vec<(Tone, String)> {
    let used = &sum.usage;
    let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let time = used
        .millis
        .map_or_else(|| "-".to_owned(), |millis| Timestamp(i64::try_from(millis / 1000).unwrap_or(0)).lasted(Timestamp(0)));
    let cost = used.micro_dollars.map_or_else(|| "-".to_owned(), |micros| format!("${}", MicroDollars(micros)));
    let quiet = |text: String| (Tone::Quiet, text);
    vec![
        (Tone::Strong, key.to_owned()),
        quiet(sum.runs.to_string()),
        quiet(count(used.input_tokens)),
        quiet(count(used.cache_read_tokens)),
        quiet(count(used.output_tokens)),
        quiet(count(used.turns)),
        quiet(time),
        (Tone::Strong, cost),
    ]
}

/// The runs of one repository, if it is named, or of the workspace.
fn gather(ctx: &Context, since: Option<Timestamp>) -> Result<Vec<Run>, CliError> {
    let place = ctx.place_of_all()?;
    let Some(workspace) = place.workspace.as_ref().filter(|_| ctx.repo_name.is_none()) else {
        return Ok(usage::runs(&Ledger::open(&place.repo)?, since)?);
    };
    let mut all = Vec::new();
    for entry in &workspace.registry.repos {
        let found = workspace.open(entry).map_err(CliError::from).and_then(|repo| {
            ctx.fold(&repo)?;
            Ok(usage::runs(&Ledger::open(&repo)?, since)?)
        });
        match found {
            Ok(found) => all.extend(found),
            Err(error) => ctx.ui.say(format!("warning: {}: {}", entry.name, error.message)),
        }
    }
    Ok(all)
}

/// The beginning of a day.
fn midnight(day: &str) -> Result<Timestamp, CliError> {
    Timestamp::parse(&format!("{day}T00:00:00Z"))
        .ok_or_else(|| CliError::no(Code::NotATime, format!("`{}` is not a day such as 2026-05-07", escape(day))))
}
