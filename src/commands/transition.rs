//! The verbs that write one event: approve, reject, block, unblock, release, expire, cancel, comment, ask, answer, renew, step, ….
//!
//! They share one shape: find the ticket, call the operation, print the state of the ticket.

use clap::Args as ClapArgs;

use super::claim::{BY_HAND, until};
use super::context::Context;
use super::each::each;
use crate::agent::outbox::Message;
use crate::core::event::{EventKind, StepState};
use crate::core::id::StepId;
use crate::core::text::escape;
use crate::core::time::parse_span;
use crate::error::{CliError, Code};
use crate::ledger::Entry;
use crate::operations::{Verb, claim, plan, submit, transition};

/// Tickets alone.
#[derive(ClapArgs, Debug)]
pub(super) struct Plain {
    /// Ticket ids or titles, or any unique parts of them
    #[arg(required = true)]
    ids: Vec<String>,

    #[command(flatten)]
    who: Who,
}

/// Tickets and a reason.
#[derive(ClapArgs, Debug)]
pub(super) struct Reasoned {
    /// Ticket ids or titles, or any unique parts of them
    #[arg(required = true)]
    ids: Vec<String>,

    /// The reason
    #[arg(long)]
    reason: String,

    #[command(flatten)]
    who: Who,
}

/// Approve drafts
///
/// With `--step`, approves a step of a plan that waits for it.
#[derive(ClapArgs, Debug)]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    plain: Plain,

    /// Approve this step of the ticket's plan, which waits for it
    #[arg(long, value_name = "S")]
    step: Option<String>,
}

/// Reject drafts
///
/// With `--step`, refuses a step of a plan that waits for approval.
#[derive(ClapArgs, Debug)]
pub(super) struct RejectArgs {
    #[command(flatten)]
    reasoned: Reasoned,

    /// Refuse this step of the ticket's plan, which waits for approval; the ticket is blocked
    #[arg(long, value_name = "S")]
    step: Option<String>,
}

/// A ticket and a text.
#[derive(ClapArgs, Debug)]
pub(super) struct Worded {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// The text; - reads standard input
    text: String,

    #[command(flatten)]
    who: Who,
}

/// A question, and the ticket it is about.
#[derive(ClapArgs, Debug)]
#[command(allow_missing_positional = true)]
pub(super) struct Asked {
    /// Ticket id or title, or any unique part of one [default: in an agent, its own ticket]
    id: Option<String>,

    /// The question; - reads standard input
    text: String,

    #[command(flatten)]
    who: Who,
}

/// A remark, and the ticket it is about.
///
/// It becomes a comment. What an agent says of its own ticket is written down when its run ends.
#[derive(ClapArgs, Debug)]
#[command(allow_missing_positional = true)]
pub(super) struct Noted {
    /// Ticket id or title, or any unique part of one [default: in an agent its own ticket, else the ticket of this checkout]
    id: Option<String>,

    /// The remark; - reads standard input
    text: String,

    #[command(flatten)]
    who: Who,
}

/// A ticket and a later end of its lease.
#[derive(ClapArgs, Debug)]
pub(super) struct Renewed {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// New lease time from now, such as 30m or 2h [default: 8h; for an agent, whose lease is renewed anyway, 5m]
    #[arg(long)]
    lease: Option<String>,

    #[command(flatten)]
    who: Who,
}

/// A step of a ticket's plan.
///
/// An agent that works on one step of a plan says of it that it is done or failed, and needs not name its ticket. A step that it calls
/// failed has failed; one that it calls done still has to pass what the plan asks of it.
#[derive(ClapArgs, Debug)]
#[command(override_usage = "git os step [OPTIONS] <ID> <STEP> <STATE>\n       git os step [OPTIONS] <STEP> <STATE>")]
pub(super) struct Stepped {
    /// Ticket id or title, or any unique part of one; an agent may leave it out
    id: String,

    /// Id of the step in the plan
    step: String,

    /// New state: running, done, failed or waiting
    state: Option<StepState>,

    /// What is to be said of it; - reads standard input
    #[arg(long, default_value = "", hide_default_value = true)]
    text: String,

    #[command(flatten)]
    who: Who,
}

/// Work that is submitted again.
#[derive(ClapArgs, Debug)]
pub(super) struct Resubmitted {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// Commit to submit [default: the tip of the ticket's branch]
    #[arg(long)]
    head: Option<String>,
}

/// In whose name the command acts.
#[derive(ClapArgs, Debug)]
pub(super) struct Who {
    /// Act as this run [default: the run that claimed the ticket in this clone]
    #[arg(long)]
    pub(super) run: Option<String>,
}

/// What became of a ticket.
fn outcome(entry: &Entry) -> String {
    format!("{} {}", entry.id, entry.ticket.state)
}

/// Prints it.
pub(super) fn report(ctx: &Context, entry: &Entry) -> Result<(), CliError> {
    ctx.ui.line(outcome(entry))
}

/// The one ticket that a step belongs to.
fn only<'a>(ids: &'a [String], step: &str) -> Result<(&'a str, StepId), CliError> {
    match ids {
        [id] => Ok((id, StepId::parse(step)?)),
        _ => Err(CliError::no(Code::InvalidInput, "`--step` names a step of one ticket, and several tickets are named")),
    }
}

pub(super) fn run_approve(ctx: &Context, args: &ApproveArgs) -> Result<(), CliError> {
    let Some(step) = &args.step else { return run_plain(ctx, EventKind::Approve, &args.plain) };
    let (part, step) = only(&args.plain.ids, step)?;
    let (place, id) = ctx.find(part)?;
    report(ctx, &plan::approve_step(&place.ledger()?, &id, &step)?)
}

pub(super) fn run_reject(ctx: &Context, args: &RejectArgs) -> Result<(), CliError> {
    let Some(step) = &args.step else { return run_reasoned(ctx, EventKind::Reject, &args.reasoned) };
    let (part, step) = only(&args.reasoned.ids, step)?;
    let (place, id) = ctx.find(part)?;
    report(ctx, &plan::reject_step(&place.ledger()?, &id, &step, &args.reasoned.reason)?)
}

pub(super) fn run_plain(ctx: &Context, kind: EventKind, args: &Plain) -> Result<(), CliError> {
    let caller = ctx.caller(args.who.run.as_deref())?;
    each(ctx, kind.as_str(), (Code::NotAll, &args.ids), |place, id| {
        let ledger = place.ledger()?;
        let entry = match kind {
            EventKind::Approve => transition::approve(&ledger, id),
            EventKind::Unblock => transition::unblock(&ledger, id),
            EventKind::Expire => transition::expire(&ledger, id),
            _ => transition::release(&ledger, id, &caller),
        };
        Ok(outcome(&entry?))
    })
}

pub(super) fn run_reasoned(ctx: &Context, kind: EventKind, args: &Reasoned) -> Result<(), CliError> {
    let caller = ctx.caller(args.who.run.as_deref())?;
    each(ctx, kind.as_str(), (Code::NotAll, &args.ids), |place, id| {
        let ledger = place.ledger()?;
        let entry = match kind {
            EventKind::Reject => transition::reject(&ledger, id, &args.reason),
            EventKind::Cancel => transition::cancel(&ledger, id, &args.reason),
            EventKind::Fail => submit::fail(&ledger, id, &caller, &args.reason),
            _ => transition::block(&ledger, id, &caller, &args.reason),
        };
        Ok(outcome(&entry?))
    })
}

pub(super) fn run_worded(ctx: &Context, kind: EventKind, args: &Worded) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let ledger = place.ledger()?;
    let text = words(ctx, &args.text)?;
    let entry = match kind {
        EventKind::Answer => plan::answer(&ledger, &id, &text),
        EventKind::Conflict => transition::conflict(&ledger, &id, &text),
        _ => transition::comment(&ledger, &id, &ctx.caller(args.who.run.as_deref())?, &text),
    };
    report(ctx, &entry?)
}

pub(super) fn run_asked(ctx: &Context, args: &Asked) -> Result<(), CliError> {
    let part = args.id.as_ref().or(ctx.env.ticket.as_ref());
    let part = part.ok_or_else(|| CliError::no(Code::NoTicket, "no ticket given").hint("git os ask TICKET QUESTION"))?;
    let (place, id) = ctx.find(part)?;
    let text = words(ctx, &args.text)?;
    // That there is no question is for the rules to say.
    let is_own = ctx.env.ticket.as_deref() == Some(id.as_str()) && !text.trim().is_empty();
    if is_own && super::learn::leave(ctx, &Message::Ask { text: text.clone() })? {
        return ctx.ui.line("question sent; exit now, and you will be started again when there is an answer");
    }
    let caller = ctx.caller(args.who.run.as_deref())?;
    report(ctx, &transition::ask(&place.ledger()?, &id, &caller, &text)?)
}

/// Text from the command line, or from standard input.
fn words(ctx: &Context, text: &str) -> Result<String, CliError> {
    let (given, file) = if text == "-" { (None, Some("-")) } else { (Some(text), None) };
    Ok(super::read_text(ctx, given, file)?.unwrap_or_default())
}

pub(super) fn run_renewed(ctx: &Context, args: &Renewed) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let default = if ctx.env.run.is_some() { "5m" } else { BY_HAND };
    let seconds = span(args.lease.as_deref().unwrap_or(default))?;
    let entry = claim::renew(&place.ledger()?, &id, &ctx.caller(args.who.run.as_deref())?, seconds)?;
    ctx.ui.line(format!("{}{}", outcome(&entry), until(&entry)))
}

pub(super) fn run_noted(ctx: &Context, args: &Noted) -> Result<(), CliError> {
    let part = args.id.as_ref().or(ctx.env.ticket.as_ref());
    let (place, id, _) = ctx.find_or_here(part.map(String::as_str), Verb::Note)?;
    let text = words(ctx, &args.text)?;
    // That it says nothing is for the rules to say.
    let is_own = ctx.env.ticket.as_deref() == Some(id.as_str()) && !text.trim().is_empty();
    if is_own && super::learn::leave(ctx, &Message::Note { text: text.clone() })? {
        return ctx.ui.line("noted; it becomes a comment on the ticket when this run ends");
    }
    report(ctx, &transition::comment(&place.ledger()?, &id, &ctx.caller(args.who.run.as_deref())?, &text)?)
}

pub(super) fn run_stepped(ctx: &Context, args: &Stepped) -> Result<(), CliError> {
    let no_ticket = || CliError::no(Code::NoTicket, "no ticket given").hint("git os step TICKET STEP STATE");
    let no_state = || {
        let message = format!("`{}` is no state of a step: expected running, done, failed or waiting", escape(&args.step));
        CliError::no(Code::InvalidInput, message)
    };
    let (part, step, state) = if let Some(state) = args.state {
        (&args.id, &args.step, state)
    } else {
        let own = ctx.env.ticket.as_ref().ok_or_else(no_ticket)?;
        (own, &args.id, StepState::parse(&args.step).ok_or_else(no_state)?)
    };
    let step = StepId::parse(step)?;
    let (place, id) = ctx.find(part)?;
    let ledger = place.ledger()?;
    let text = words(ctx, &args.text)?;
    if ctx.env.ticket.as_deref() == Some(id.as_str()) && ctx.env.outbox.is_some() {
        plan::may_say(&ledger, &id, ctx.env.step.as_deref(), (&step, state))?;
        if super::learn::leave(ctx, &Message::Step { step: step.clone(), state, text: text.clone() })? {
            return ctx.ui.line(format!("noted: step {step} is {state}; your orchestrator reads it when this run ends"));
        }
    }
    let caller = ctx.caller(args.who.run.as_deref())?;
    report(ctx, &transition::step(&ledger, &id, &caller, (step, state), &text)?)
}

/// The event `start`: the holder starts the attempt it claimed.
pub(super) fn run_begin(ctx: &Context, part: &str, run: Option<&str>) -> Result<(), CliError> {
    let (place, id) = ctx.find(part)?;
    report(ctx, &claim::start(&place.ledger()?, &id, &ctx.caller(run)?)?)
}

pub(super) fn run_resubmitted(ctx: &Context, args: &Resubmitted) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    report(ctx, &submit::resubmit(&place.ledger()?, &id, args.head.as_deref())?)
}

/// Reads a span such as 30m.
pub(super) fn span(text: &str) -> Result<u64, CliError> {
    parse_span(text).ok_or_else(|| not_a_span(text))
}

/// The error of a span that cannot be read.
pub(super) fn not_a_span(text: &str) -> CliError {
    CliError::no(Code::NotATime, format!("invalid time `{}`: expected a number and a unit, such as 30m, 2h or 7d", escape(text)))
}
