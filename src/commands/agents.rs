//! `git os agents`

use clap::{Args as ClapArgs, Subcommand};

use super::context::{Context, now};
use super::transition::span;
use crate::core::json::VERSION;
use crate::core::text::escape;
use crate::core::usage::MicroDollars;
use crate::error::CliError;
use crate::operations::agents::{self, AgentView};
use crate::ui::Tone;

/// List the agents of the registry, and whether they can be used here
///
/// Looks for each agent's program, and asks it for its version. Whether an agent is logged in shows only in a test, since its
/// model is not asked. Exits with 0 also if an agent cannot be used.
#[derive(ClapArgs, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Let an agent do one short turn in an empty folder, at its model's price
    ///
    /// Exits with 0 if the agent answers, and otherwise with 1, the name of the outcome and the reason.
    Test {
        /// The agent's name in the registry
        agent: String,

        /// How long the turn may take
        #[arg(long, value_name = "TIME", default_value = "3m")]
        timeout: String,

        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    match &args.what {
        None => list(ctx, args.json),
        Some(What::Test { agent, timeout, json }) => test(ctx, agent, span(timeout)?, *json),
    }
}

fn list(ctx: &Context, as_json: bool) -> Result<(), CliError> {
    let place = ctx.place_in_workspace()?;
    let agents = agents::list(place.workspace()?, &ctx.env.program, &ctx.stop)?;
    if as_json {
        return ctx.ui.json(&serde_json::json!({ "version": VERSION, "agents": agents }));
    }
    if agents.is_empty() {
        return ctx.ui.line("the registry has no agents");
    }
    let rows: Vec<_> = agents.iter().map(row).collect();
    ctx.ui.table(&rows)
}

fn row(agent: &AgentView) -> Vec<(Tone, String)> {
    let version = agent.version.clone().unwrap_or_else(|| "-".to_owned());
    let state = match (&agent.outcome, &agent.reason) {
        (Some(outcome), Some(reason)) => (Tone::Bad, format!("{outcome}: {reason}")),
        _ => (Tone::Good, "found".to_owned()),
    };
    vec![
        (Tone::Strong, escape(&agent.name)),
        (Tone::Quiet, agent.kind.to_string()),
        (Tone::Quiet, escape(&agent.program)),
        (Tone::Quiet, version),
        state,
    ]
}

fn test(ctx: &Context, name: &str, timeout: u64, as_json: bool) -> Result<(), CliError> {
    let place = ctx.place_in_workspace()?;
    let workspace = place.workspace()?;
    let usage = agents::test(workspace, name, timeout, now(&place.repo), &ctx.env.program, &ctx.stop)?;
    if as_json {
        return ctx.ui.json(&serde_json::json!({ "version": VERSION, "name": name, "is_usable": true, "usage": usage }));
    }
    let model = usage.model.map(|model| format!("; its model is {}", escape(&model))).unwrap_or_default();
    let cost = usage.micro_dollars.map(|micros| format!("; the turn cost ${}", MicroDollars(micros))).unwrap_or_default();
    ctx.ui.line(format!("agent `{}` can be used{model}{cost}", escape(name)))
}
