//! `git os start`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use super::desk::{Given, Terminal};
use crate::core::freshness::Decision;
use crate::core::interview;
use crate::core::text::plural;
use crate::error::CliError;
use crate::git::process::read_file;
use crate::session::{self, Summary};
use crate::ui::Tone;
use crate::workspace::Workspace;

/// Run a session: scout, brief, interview, approve, dispatch, land, distil
///
/// Looks at what changed in the workspace, asks what matters, drafts tickets, takes approvals one at a time, runs agents
/// in parallel, has their work verified and lands it. Phases that have nothing new are skipped, with the reason.
/// May be interrupted at any point and started again. With a ticket's id it only writes the event `start`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// A claimed ticket whose attempt begins; without one a session runs
    #[arg(conflicts_with_all = ["plan", "answers", "yes", "jobs", "json"])]
    id: Option<String>,

    /// The run that begins, with a ticket; by default the one this clone claimed it with
    #[arg(long, requires = "id", value_name = "RUN")]
    run: Option<String>,

    /// Only say what would run, and why
    #[arg(long)]
    plan: bool,

    /// Answers to the interview, from a file
    #[arg(long, value_name = "FILE")]
    answers: Option<String>,

    /// Ask nothing, and approve every draft
    #[arg(long)]
    yes: bool,

    /// How many brands work side by side; by default what the registry says
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Plan {
    version: u32,
    phases: Vec<Decision>,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    if let Some(id) = &args.id {
        return super::transition::run_begin(ctx, id, args.run.as_deref());
    }
    let place = ctx.place()?;
    let workspace = place.workspace.ok_or_else(|| CliError::no("this repository belongs to no registry").hint("git os init"))?;
    if args.plan {
        return print_plan(ctx, &workspace, args.json);
    }
    let answers = match &args.answers {
        Some(file) => {
            let text = read_file(&ctx.env.path(file))?;
            let faults = |faults: Vec<crate::core::registry::Fault>| {
                let list = faults.iter().fold(String::new(), |all, fault| all + "\n  " + &fault.to_string());
                CliError::no(format!("the answers have {}:{list}", plural(faults.len(), "fault", "faults")))
            };
            Some(interview::parse(&text).map_err(faults)?)
        }
        None => None,
    };
    let is_interactive = ctx.env.stdin_is_terminal && ctx.env.stderr_is_terminal && !args.yes && !args.json;
    let desk = Terminal::new(&ctx.ui, Given { answers, approves_all: args.yes, is_interactive });
    let jobs = args.jobs.unwrap_or(workspace.registry.jobs);
    let summary = session::run(&workspace, &ctx.env, &desk, jobs)?;
    if args.json { ctx.ui.json(&summary) } else { print(ctx, &summary) }
}

fn print_plan(ctx: &Context, workspace: &Workspace, as_json: bool) -> Result<(), CliError> {
    let phases = session::plan(workspace)?;
    if as_json {
        return ctx.ui.json(&Plan { version: crate::core::json::VERSION, phases });
    }
    let row = |decision: &Decision| {
        let tone = if decision.runs { Tone::Good } else { Tone::Quiet };
        vec![
            (Tone::Quiet, decision.phase.number().to_string()),
            (Tone::Strong, decision.phase.to_string()),
            (tone, if decision.runs { "run" } else { "skip" }.to_owned()),
            (Tone::Quiet, decision.why.clone()),
        ]
    };
    ctx.ui.table(&phases.iter().map(row).collect::<Vec<_>>())
}

pub(super) fn print(ctx: &Context, summary: &Summary) -> Result<(), CliError> {
    let row = |end: &session::TicketEnd| {
        let tone = match end.fate {
            "landed" => Tone::Good,
            "blocked" | "failed" => Tone::Bad,
            _ => Tone::Busy,
        };
        vec![
            (Tone::Strong, end.id.clone()),
            (tone, end.fate.to_owned()),
            (Tone::Quiet, end.repo.to_string()),
            (Tone::Strong, end.title.clone()),
        ]
    };
    ctx.ui.table(&summary.tickets.iter().map(row).collect::<Vec<_>>())?;
    let count = |fate: &str| summary.tickets.iter().filter(|end| end.fate == fate).count();
    let brands: std::collections::BTreeSet<_> =
        summary.tickets.iter().filter(|end| end.fate == "landed").map(|end| &end.brand).collect();
    let mut words =
        vec![format!("{} landed over {}", plural(count("landed"), "ticket", "tickets"), plural(brands.len(), "brand", "brands"))];
    for (fate, word) in [("blocked", "blocked"), ("waiting", "waiting for an answer"), ("held", "held up"), ("failed", "failed")]
    {
        if count(fate) > 0 {
            words.push(format!("{} {word}", count(fate)));
        }
    }
    if let Some(grade) = summary.grade {
        words.push(format!("grade {grade}"));
    }
    ctx.ui.line(words.join(", "))
}
