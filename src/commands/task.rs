//! `git os task`: a goal, planned by one agent, done by another, reviewed by a third, and landed.

use clap::{Args as ClapArgs, Subcommand};

use super::context::{Context, view};
use super::listen::Terminal;
use super::{log, plan, transition};
use crate::core::event::{EventKind, State};
use crate::core::id::{Kind, TicketId};
use crate::core::json::VERSION;
use crate::core::plan::Track;
use crate::core::progress::{Fate, Listener, Nobody};
use crate::core::text::{escape, headline};
use crate::dispatch::alone;
use crate::error::{CliError, Code};
use crate::ledger::Ledger;
use crate::operations::{self, Place, task, transition as verbs};
use crate::ui::{Tone, tone_of};

/// Take a goal to landed work: plan, approve, do, review, land
///
/// A task is a ticket with a plan. An agent that only reads makes the plan (`planner` in the registry, or else the repository's
/// agent); after your approval the agent does the steps, the checks and verifiers review the work against the success criteria,
/// and it lands. Every command for tickets works on tasks too.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Plan a goal, show the plan, and after approval have it done
    ///
    /// Exits with 0 if the work landed, or if the plan waits for approval because there is no terminal to ask at.
    Create(Create),
    /// Plan a draft, or plan it again
    Plan(Again),
    /// Show how far a task is
    Status(Status),
    /// Approve a plan, and have it done; also goes on with a task that was interrupted
    Approve(Named),
    /// Cancel tasks
    Cancel(transition::Reasoned),
    /// Show the history of a task
    Log(log::Args),
}

#[derive(ClapArgs, Debug)]
struct Create {
    /// What is to be reached; - reads standard input
    goal: String,

    /// Kind of work: task, fix, feature, docs, ...
    #[arg(long, default_value = "task")]
    kind: String,

    /// Priority, from 0 (most urgent) to 4 (least)
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=4))]
    priority: u8,

    /// The agent that plans [default: `planner` of the registry, or else the repository's agent]
    #[arg(long, value_name = "NAME")]
    planner: Option<String>,

    /// Approve the plan without asking
    #[arg(long)]
    yes: bool,

    /// Print the ticket as JSON at the end
    #[arg(long)]
    json: bool,
}

#[derive(ClapArgs, Debug)]
struct Again {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// The agent that plans [default: `planner` of the registry, or else the repository's agent]
    #[arg(long, value_name = "NAME")]
    planner: Option<String>,

    /// Print the ticket as JSON
    #[arg(long)]
    json: bool,
}

#[derive(ClapArgs, Debug)]
struct Status {
    /// Ticket id or title, or any unique part of one [default: all open tickets with a plan]
    id: Option<String>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(ClapArgs, Debug)]
struct Named {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// Print the ticket as JSON at the end
    #[arg(long)]
    json: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    match &args.what {
        What::Create(args) => create(ctx, args),
        What::Plan(args) => {
            let (place, id) = ctx.find(&args.id)?;
            make_plan(ctx, &place, &id, args.planner.as_deref(), args.json)?;
            if args.json { print(ctx, &place, &id) } else { tell_next(ctx, &id) }
        }
        What::Status(args) => status(ctx, args),
        What::Approve(args) => {
            let (place, id) = ctx.find(&args.id)?;
            let ledger = place.ledger()?;
            if ledger.read_legal(&id)?.0.ticket.state == State::Draft {
                verbs::approve(&ledger, &id)?;
            }
            work(ctx, &place, &id, args.json)
        }
        What::Cancel(args) => transition::run_reasoned(ctx, EventKind::Cancel, args),
        What::Log(args) => log::run(ctx, args),
    }
}

fn create(ctx: &Context, args: &Create) -> Result<(), CliError> {
    let kind = Kind::parse(&args.kind)?;
    let goal = super::read_text(ctx, Some(&args.goal), None)?.unwrap_or_default();
    let place = ctx.place_in_workspace()?;
    let entry = task::keep(&place.ledger()?, &goal, kind, args.priority)?;
    let id = entry.id;
    if !args.json {
        ctx.ui.say(format!("{id}: kept the goal as a draft"));
    }
    make_plan(ctx, &place, &id, args.planner.as_deref(), args.json)?;
    if args.yes || (!args.json && ctx.confirm("Approve this plan?")?) {
        verbs::approve(&place.ledger()?, &id)?;
        return work(ctx, &place, &id, args.json);
    }
    if args.json { print(ctx, &place, &id) } else { tell_next(ctx, &id) }
}

/// What can be done with a plan that waits.
#[expect(clippy::unnecessary_wraps, reason = "one of two ways to end")]
fn tell_next(ctx: &Context, id: &TicketId) -> Result<(), CliError> {
    ctx.ui.say(format!("hint: git os task approve {id}   # has it done"));
    ctx.ui.say(format!("hint: git os plan edit {id}   # changes the plan before"));
    Ok(())
}

/// Has it planned, and shows the plan.
fn make_plan(ctx: &Context, place: &Place, id: &TicketId, planner: Option<&str>, as_json: bool) -> Result<(), CliError> {
    let (entry, plan) = listening(ctx, as_json, |listener| {
        ctx.at_site(place, listener, |site| Ok(task::plan(&site.for_ticket(id), id, planner)?))
    })?;
    if as_json {
        return Ok(());
    }
    plan::print(ctx, &entry, &plan, &Track::default())?;
    let criteria = plan.criteria();
    if !criteria.is_empty() {
        ctx.ui.line("")?;
        ctx.ui.heading("success criteria")?;
    }
    criteria.iter().zip(1..).try_for_each(|(words, number)| ctx.ui.line(format!("  {number}. {}", escape(words))))?;
    if !criteria.is_empty() && place.workspace()?.entry(&place.label())?.verifiers.is_empty() {
        ctx.ui.say("note: the registry names no `verifier` for this repository, so nobody reviews the work against them");
    }
    Ok(())
}

/// Does something while a person reads along, or nobody.
fn listening<T>(ctx: &Context, as_json: bool, act: impl FnOnce(&dyn Listener) -> T) -> T {
    if as_json { act(&Nobody) } else { act(&Terminal::new(&ctx.ui)) }
}

fn status(ctx: &Context, args: &Status) -> Result<(), CliError> {
    if let Some(part) = &args.id {
        return plan::show(ctx, part, args.json);
    }
    let place = ctx.place_of_all()?;
    let mut tasks = Vec::new();
    match place.workspace.as_ref().filter(|_| ctx.repo_name.is_none()) {
        None => task::list(&place.ledger()?, &mut tasks)?,
        Some(workspace) => {
            for entry in &workspace.registry.repos {
                let repo = workspace.open(entry).map_err(CliError::from);
                let found = repo.and_then(|repo| Ok(task::list(&Ledger::open(&repo)?, &mut tasks)?));
                if let Err(error) = found {
                    ctx.ui.say(format!("warning: {}: {}", entry.name, error.message));
                }
            }
        }
    }
    if args.json {
        return ctx.ui.json(&serde_json::json!({ "version": VERSION, "tasks": tasks }));
    }
    if tasks.is_empty() {
        return ctx.ui.line("no tasks; `git os task create GOAL` begins one");
    }
    let row = |one: &task::Task| {
        let steps = format!("{}/{} steps", one.done, one.steps);
        let next = one.next.as_ref().map(|next| format!("next {next}")).unwrap_or_default();
        vec![
            (Tone::Strong, one.ticket.to_string()),
            (tone_of(one.state), one.state.to_string()),
            (Tone::Quiet, steps),
            (Tone::Quiet, next),
            (Tone::Strong, one.title.clone()),
        ]
    };
    ctx.ui.table_to_width(&tasks.iter().map(row).collect::<Vec<_>>())
}

/// Has a ready task done, and says how it ended.
fn work(ctx: &Context, place: &Place, id: &TicketId, as_json: bool) -> Result<(), CliError> {
    let workspace = place.workspace()?;
    let name = place.label();
    let entry = workspace.entry(&name)?;
    let fate = listening(ctx, as_json, |listener| ctx.at_work(workspace, listener, |at| alone::run(at, entry, id)))?;
    let ticket = place.ledger()?.read_legal(id)?.0.ticket;
    if as_json {
        print(ctx, place, id)?;
    }
    let fail = |words: String| Err(CliError::no(Code::NotLanded, words).hint(format!("git os show {id}")));
    match fate {
        Fate::Landed => Ok(()),
        _ if ticket.state == State::Merged => Ok(()),
        Fate::Waiting(question) => {
            let ledger = place.ledger()?;
            let reply = operations::plan::reply(&ledger, &ledger.read_legal(id)?.0)?;
            let message = format!("{id} waits for an answer: {}", escape(&headline(&question)));
            let error = CliError::no(Code::NotLanded, message).hint(reply);
            Err(error.hint(format!("git os task approve {id}   # goes on after that")))
        }
        Fate::Blocked(why) => fail(format!("{id} is blocked: {}", escape(&why))),
        Fate::Failed(trouble) => fail(format!("{id} could not be worked on: {trouble}")),
        Fate::Held(hold) => fail(format!("{id} is held: {hold}")),
        Fate::Gone => fail(format!("{id} is `{}`; another run may hold it", ticket.state)),
    }
}

fn print(ctx: &Context, place: &Place, id: &TicketId) -> Result<(), CliError> {
    let ledger = place.ledger()?;
    let (entry, _) = ledger.read_legal(id)?;
    ctx.ui.json(&super::with_version(&view(&ledger, &entry)?))
}
