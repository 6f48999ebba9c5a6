//! The verbs that write one event: approve, reject, block, unblock, release, expire, cancel, comment, ask, answer, renew, step, ….
//!
//! They share one shape: find the ticket, name the action and its words, submit. The rules are in `core::fsm`.

use crate::local::held;
use clap::Args as ClapArgs;

use super::context::{Context, Place, submit};
use crate::agent::outbox::Message;
use crate::core::event::{Action, EventKind, Role, State, StepState};
use crate::core::id::{StepId, TicketId};
use crate::core::time::parse_span;
use crate::core::verdict::Verdict;
use crate::error::CliError;
use crate::git::process::read_file;
use crate::ledger::{Draft, Entry};

/// Tickets, and nothing else to say.
#[derive(ClapArgs, Debug)]
pub(super) struct Plain {
    /// The tickets: ids, or any parts of them that are unique
    #[arg(required = true)]
    ids: Vec<String>,

    #[command(flatten)]
    who: Who,
}

/// Tickets and a reason.
#[derive(ClapArgs, Debug)]
pub(super) struct Reasoned {
    /// The tickets: ids, or any parts of them that are unique
    #[arg(required = true)]
    ids: Vec<String>,

    /// Why
    #[arg(long)]
    reason: String,

    #[command(flatten)]
    who: Who,
}

/// A ticket and words.
#[derive(ClapArgs, Debug)]
pub(super) struct Worded {
    /// The ticket: its id, or any part of it that is unique
    id: String,

    /// The words; - is standard input
    text: String,

    #[command(flatten)]
    who: Who,
}

/// A question, and the ticket it is about.
#[derive(ClapArgs, Debug)]
#[command(allow_missing_positional = true)]
pub(super) struct Asked {
    /// The ticket: its id, or any part of it that is unique; an agent may leave out its own
    id: Option<String>,

    /// The question; - is standard input
    text: String,

    #[command(flatten)]
    who: Who,
}

/// A ticket and a later end of its lease.
#[derive(ClapArgs, Debug)]
pub(super) struct Renewed {
    /// The ticket: its id, or any part of it that is unique
    id: String,

    /// How long it shall hold from now, such as 30m or 2h
    #[arg(long, default_value = "30m")]
    lease: String,

    #[command(flatten)]
    who: Who,
}

/// A step of a ticket's plan.
#[derive(ClapArgs, Debug)]
pub(super) struct Stepped {
    /// The ticket: its id, or any part of it that is unique
    id: String,

    /// The step's id in the plan
    step: String,

    /// running, done, failed or waiting
    state: StepState,

    #[command(flatten)]
    who: Who,
}

/// Work that is handed in, or that moved.
#[derive(ClapArgs, Debug)]
pub(super) struct Submitted {
    /// The ticket: its id, or any part of it that is unique
    id: String,

    /// The commit that is handed in; by default the tip of the ticket's branch
    #[arg(long)]
    head: Option<String>,

    #[command(flatten)]
    who: Who,
}

/// A judgement by hand.
#[derive(ClapArgs, Debug)]
pub(super) struct Passed {
    /// The ticket: its id, or any part of it that is unique
    id: String,

    /// A file with the verdict as JSON; `git os verify` writes and submits one itself
    #[arg(long, value_name = "FILE")]
    verdict: String,

    #[command(flatten)]
    who: Who,
}

/// In whose name.
#[derive(ClapArgs, Debug)]
pub(super) struct Who {
    /// The run that acts; by default the one this clone claimed the ticket with
    #[arg(long)]
    run: Option<String>,
}

/// A word for what became of a ticket.
fn report(ctx: &Context, entry: &Entry) -> Result<(), CliError> {
    ctx.ui.line(format!("{} {}", entry.id, entry.ticket.state))
}

/// The draft of an event that its holder may write, and for some events an operator too.
fn holders(ctx: &Context, place: &Place, id: &TicketId, action: Action, who: &Who, or_operator: bool) -> Result<Draft, CliError> {
    match ctx.run_of(place, id, who.run.as_deref()) {
        Ok(run) => Ok(Draft::new(action, Role::Executor).by(&run)),
        Err(_) if or_operator && who.run.is_none() => Ok(Draft::new(action, Role::Operator)),
        Err(error) => Err(error),
    }
}

pub(super) fn run_plain(ctx: &Context, kind: EventKind, args: &Plain) -> Result<(), CliError> {
    for part in &args.ids {
        let (place, id) = ctx.find(part)?;
        let ledger = place.ledger()?;
        let draft = match kind {
            EventKind::Approve => Draft::new(Action::Approve, Role::Operator),
            EventKind::Unblock => Draft::new(Action::Unblock, Role::Operator),
            EventKind::Expire => Draft::new(Action::Expire, Role::Operator),
            _ => holders(ctx, &place, &id, Action::Release, &args.who, true)?,
        };
        let entry = submit(&ledger, &id, &draft)?;
        if entry.ticket.run.is_none() {
            held::forget(&place.repo, &id)?;
        }
        report(ctx, &entry)?;
    }
    Ok(())
}

pub(super) fn run_reasoned(ctx: &Context, kind: EventKind, args: &Reasoned) -> Result<(), CliError> {
    for part in &args.ids {
        let (place, id) = ctx.find(part)?;
        let ledger = place.ledger()?;
        let draft = match kind {
            EventKind::Reject => Draft::new(Action::Reject, Role::Operator),
            EventKind::Cancel => Draft::new(Action::Cancel, Role::Operator),
            EventKind::Fail => {
                let run = match &args.who.run {
                    Some(_) => ctx.run_of(&place, &id, args.who.run.as_deref())?,
                    None => crate::ledger::new_run()?,
                };
                let attempt = ledger.find(&id)?.map_or(0, |entry| entry.ticket.attempt);
                let then = if attempt >= ledger.policy.max_attempts { State::Blocked } else { State::Running };
                Draft::new(Action::Fail { then }, Role::Reviewer).by(&run)
            }
            _ => holders(ctx, &place, &id, Action::Block, &args.who, true)?,
        };
        report(ctx, &submit(&ledger, &id, &draft.saying(&args.reason))?)?;
    }
    Ok(())
}

pub(super) fn run_worded(ctx: &Context, kind: EventKind, args: &Worded) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let ledger = place.ledger()?;
    let text = words(ctx, &args.text)?;
    let draft = match kind {
        EventKind::Answer => Draft::new(Action::Answer, Role::Operator),
        EventKind::Conflict => Draft::new(Action::Conflict, Role::Sync),
        _ => Draft::new(Action::Comment, if ctx.env.run.is_some() { Role::Executor } else { Role::Operator }),
    };
    report(ctx, &submit(&ledger, &id, &draft.saying(&text))?)
}

pub(super) fn run_asked(ctx: &Context, args: &Asked) -> Result<(), CliError> {
    let part = args.id.as_ref().or(ctx.env.ticket.as_ref());
    let part = part.ok_or_else(|| CliError::no("it is not said which ticket this is about").hint("git os list"))?;
    let (place, id) = ctx.find(part)?;
    let text = words(ctx, &args.text)?;
    if ctx.env.ticket.as_deref() == Some(id.as_str()) && super::learn::leave(ctx, &Message::Ask { text: text.clone() })? {
        return ctx.ui.line("asked; end now, and you go on when there is an answer");
    }
    let draft = holders(ctx, &place, &id, Action::Ask, &args.who, false)?;
    report(ctx, &submit(&place.ledger()?, &id, &draft.saying(&text))?)
}

/// Words from the command line, or from standard input.
fn words(ctx: &Context, text: &str) -> Result<String, CliError> {
    let (given, file) = if text == "-" { (None, Some("-")) } else { (Some(text), None) };
    Ok(super::read_text(ctx, given, file)?.unwrap_or_default())
}

pub(super) fn run_renewed(ctx: &Context, args: &Renewed) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let ledger = place.ledger()?;
    let lease = place.repo.identity()?.time.plus(super::span(&args.lease)?);
    let draft = holders(ctx, &place, &id, Action::Renew { lease }, &args.who, false)?;
    report(ctx, &submit(&ledger, &id, &draft)?)
}

pub(super) fn run_stepped(ctx: &Context, args: &Stepped) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let ledger = place.ledger()?;
    let step = StepId::parse(&args.step).map_err(CliError::no)?;
    let draft = holders(ctx, &place, &id, Action::Step { step, state: args.state }, &args.who, false)?;
    report(ctx, &submit(&ledger, &id, &draft)?)
}

/// The event `start`: the holder begins the attempt it claimed.
pub(super) fn run_begin(ctx: &Context, part: &str, run: Option<&str>) -> Result<(), CliError> {
    let (place, id) = ctx.find(part)?;
    let ledger = place.ledger()?;
    let attempt = ledger.find(&id)?.map_or(0, |entry| entry.ticket.attempt);
    let draft = holders(ctx, &place, &id, Action::Start { attempt }, &Who { run: run.map(str::to_owned) }, false)?;
    report(ctx, &submit(&ledger, &id, &draft)?)
}

pub(super) fn run_submitted(ctx: &Context, kind: EventKind, args: &Submitted) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let ledger = place.ledger()?;
    let name = args.head.clone().unwrap_or_else(|| id.branch());
    let spec = format!("{name}^{{commit}}");
    let head = place.repo.git().line(["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
    let head = head.and_then(|head| crate::core::id::ObjectId::parse(&head).ok());
    let head = head.ok_or_else(|| CliError::no(format!("there is no commit `{}`", crate::core::text::escape(&name))))?;
    let base = ledger.find_trunk_tip()?.ok_or_else(|| CliError::no("the protected branch does not exist yet"))?;
    if !place.repo.is_ancestor(base, head)? || base == head {
        let trunk = ledger.policy.trunk().unwrap_or_default();
        let trunk = trunk.trim_start_matches("refs/heads/");
        return Err(
            CliError::no(format!("{} does not sit on the tip of `{trunk}`", head.short(12))).hint(format!("git rebase {trunk}"))
        );
    }
    let draft = match kind {
        EventKind::Stale => Draft::new(Action::Stale { head, base }, Role::Gate),
        _ => holders(ctx, &place, &id, Action::Submit { head, base }, &args.who, false)?,
    };
    report(ctx, &submit(&ledger, &id, &draft)?)
}

pub(super) fn run_passed(ctx: &Context, args: &Passed) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let ledger = place.ledger()?;
    let text = read_file(&ctx.env.path(&args.verdict))?;
    let verdict =
        Verdict::from_json(&text).map_err(|error| CliError::no(format!("`{}` is not a verdict: {error}", args.verdict)))?;
    let mut draft = Draft::new(Action::Pass, Role::Reviewer).by(&verdict.run);
    draft.verdict = Some(verdict);
    report(ctx, &submit(&ledger, &id, &draft)?)
}

/// Reads a span such as 30m.
pub(super) fn span(text: &str) -> Result<u64, CliError> {
    parse_span(text).ok_or_else(|| CliError::no(format!("`{}` is not a time such as 30m", crate::core::text::escape(text))))
}
