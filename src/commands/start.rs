//! `git os start`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use super::desk::{Given, Operator};
use super::listen::Terminal;
use crate::core::freshness::Decision;
use crate::core::id::Brand;
use crate::core::interview;
use crate::core::progress::{FateKind, SessionEvent};
use crate::core::text::{escape, plural};
use crate::error::{CliError, Code};
use crate::git::process::read_file;
use crate::operations::OperationError;
use crate::session::{self, Interviewed, Summary};
use crate::ui::Tone;
use crate::workspace::Workspace;

/// Run a session, or start a claimed ticket
///
/// Looks for changes in the workspace, asks what matters, drafts tickets, asks for approval of each, runs agents in
/// parallel, verifies their work and lands it. Phases with nothing to do are skipped, with the reason. You can interrupt a
/// session at any time and start it again; every answer and every decision is kept. With a ticket id, only records that the
/// attempt started.
///
/// At the terminal, a session asks about brands with new commits, signals, or tickets that are blocked or wait for an answer. It also
/// puts the questions of agents, and continues their work with your answers.
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of the command line")]
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Claimed ticket whose attempt starts [default: run a session]
    #[arg(conflicts_with_all = ["plan", "answers", "yes", "jobs", "json", "no_interview", "interview"])]
    id: Option<String>,

    /// Start as this run [default: the run that claimed the ticket in this clone]
    #[arg(long, requires = "id", value_name = "RUN")]
    run: Option<String>,

    /// Show what would run, and why, without running it
    #[arg(long)]
    plan: bool,

    /// Read the answers to the interview from a file
    ///
    /// The file is TOML, with a table for each brand. All keys are optional:
    ///
    ///   [brand.bakery]
    ///   matters = "The summer hours."
    ///   next = [
    ///     "Open on Sundays",
    ///     { title = "Announce it", repo = "blog", kind = "task", priority = 1,
    ///       description = "One sentence.", after = "Open on Sundays" },
    ///   ]
    ///   avoid = "The prices."
    ///   waiting = "The baker's holiday plan."
    ///   learned = "Sundays are short."
    ///
    /// `next` lists tickets: titles, or tables. `after` is the title of a ticket that
    /// must land first. The answers about a brand are used once a day, and only if
    /// there is something to ask about the brand.
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    answers: Option<String>,

    /// Ask nothing and approve every draft
    #[arg(long)]
    yes: bool,

    /// Ask no questions about brands
    #[arg(long, conflicts_with_all = ["answers", "interview"])]
    no_interview: bool,

    /// Ask everything about this brand, even without news, and nothing about others; repeatable
    #[arg(long, value_name = "BRAND", conflicts_with = "yes")]
    interview: Vec<String>,

    /// Number of tickets to work on in parallel [default: `jobs` in the registry]
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
    let place = ctx.place_in_workspace()?;
    let workspace = place.workspace()?;
    let plan = session::Plan { jobs: args.jobs.unwrap_or(workspace.registry.jobs), interviewed: interviewed(workspace, args)? };
    let answers = args.answers.as_deref().map(|file| read_answers(ctx, workspace, file)).transpose()?;
    if args.plan {
        return print_plan(ctx, workspace, &plan, answers.as_ref(), args.json);
    }
    let is_interactive = ctx.env.stdin_is_terminal && ctx.env.stderr_is_terminal && !args.yes && !args.json;
    let hub = workspace.open(workspace.hub()?)?;
    let desk = Operator::new(&ctx.ui, &ctx.stop, Given { answers, approves_all: args.yes, is_interactive, hub: &hub });
    let summary = ctx.at_work(workspace, &Terminal::new(&ctx.ui), |at| session::run(at, &desk, &plan))?;
    if args.json { ctx.ui.json(&summary) } else { print(ctx, &summary) }
}

/// Reads a file with answers.
fn read_answers(ctx: &Context, workspace: &Workspace, file: &str) -> Result<session::Given, CliError> {
    let text = read_file(&ctx.env.path(file))?;
    interview::parse(&text, &workspace.registry).map_err(|faults| {
        let list = faults.iter().fold(String::new(), |all, fault| all + "\n  " + &fault.to_string());
        let errors = plural(faults.len(), "error", "errors");
        CliError::no(Code::InvalidAnswers, format!("cannot use `{}`: {errors}:{list}", escape(file)))
    })
}

/// With which brands the interview is held.
fn interviewed(workspace: &Workspace, args: &Args) -> Result<Interviewed, CliError> {
    if args.no_interview {
        return Ok(Interviewed::NoBrand);
    }
    let mut brands = Vec::new();
    for name in &args.interview {
        let brand = Brand::parse(name)?;
        if workspace.registry.repos_of(&brand).next().is_none() {
            return Err(OperationError::NoBrand { brand: brand.to_string(), known: workspace.registry.brands() }.into());
        }
        brands.push(brand);
    }
    Ok(match &args.answers {
        _ if !brands.is_empty() => Interviewed::Only(brands),
        Some(_) => Interviewed::Answered,
        None => Interviewed::WithReason,
    })
}

fn print_plan(
    ctx: &Context,
    workspace: &Workspace,
    plan: &session::Plan,
    given: Option<&session::Given>,
    as_json: bool,
) -> Result<(), CliError> {
    let (phases, told) = session::foresee(workspace, plan, given)?;
    for line in told.iter().filter_map(SessionEvent::line) {
        ctx.ui.say(format!("note: {line}"));
    }
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
            FateKind::Landed => Tone::Good,
            FateKind::Blocked | FateKind::Failed => Tone::Bad,
            FateKind::Waiting | FateKind::Gone | FateKind::Held => Tone::Busy,
        };
        vec![
            (Tone::Strong, end.id.clone()),
            (tone, end.fate.to_string()),
            (Tone::Quiet, end.repo.to_string()),
            (Tone::Strong, end.title.clone()),
        ]
    };
    ctx.ui.table(&summary.tickets.iter().map(row).collect::<Vec<_>>())?;
    let count = |fate: FateKind| summary.tickets.iter().filter(|end| end.fate == fate).count();
    let brands: std::collections::BTreeSet<_> =
        summary.tickets.iter().filter(|end| end.fate == FateKind::Landed).map(|end| &end.brand).collect();
    let mut words = vec![format!(
        "{} landed in {}",
        plural(count(FateKind::Landed), "ticket", "tickets"),
        plural(brands.len(), "brand", "brands")
    )];
    for (fate, word) in [
        (FateKind::Blocked, "blocked"),
        (FateKind::Waiting, "waiting for an answer"),
        (FateKind::Held, "held"),
        (FateKind::Failed, "failed"),
    ] {
        if count(fate) > 0 {
            words.push(format!("{} {word}", count(fate)));
        }
    }
    if let Some(grade) = summary.grade {
        words.push(format!("grade {grade}"));
    }
    ctx.ui.line(words.join(", "))?;
    for end in summary.tickets.iter().filter(|end| end.fate == FateKind::Waiting) {
        ctx.ui.say(format!("hint: git os answer {} TEXT", end.id));
    }
    Ok(())
}
