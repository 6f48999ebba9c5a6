//! `git os log`: the history of a ticket, and what its agents and checks printed.

mod follow;

use std::collections::HashMap;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use super::show::{links_of, warn};
use crate::agent;
use crate::core::event::{Action, EventKind, Role, State, StepState};
use crate::core::holding::{Holding, name_of, other_words};
use crate::core::id::{ObjectId, RunId, StepId, TicketId};
use crate::core::json::VERSION;
use crate::core::plan::StepType;
use crate::core::text::{MAX_FILE, comma, escape, plural, shell};
use crate::core::ticket::Content;
use crate::core::time::Timestamp;
use crate::core::verdict::{CheckResult, PERSON};
use crate::error::{CliError, Code};
use crate::ledger::attempts::{Attempt, attempts};
use crate::ledger::replay::Link;
use crate::ledger::{DESCRIPTION, Entry, Ledger};
use crate::local::output::{self, Printer};
use crate::operations;

/// Show the history of a ticket
///
/// Shows the events, newest first: who wrote each, by which agent and on which machine, and what an edit changed. With --run,
/// --step or --check, prints what an agent or a check printed. That is kept on the machine where it ran until the ticket is
/// archived, up to 1 MiB of each stream.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// Also show how the description changed
    #[arg(long, short)]
    patch: bool,

    /// Print what the agent of a run printed; `git os show` numbers the runs
    #[arg(long, value_name = "N")]
    run: Option<usize>,

    /// Print what a check printed in that run [default: in the last one that has a verdict]
    #[arg(long, value_name = "NAME", conflicts_with = "patch")]
    check: Option<String>,

    /// Print what the agent of a step of the plan printed the last time
    #[arg(long, value_name = "S", conflicts_with_all = ["patch", "run", "check"])]
    step: Option<String>,

    /// Print what happens while somebody works on it here, until the ticket rests; with --json, one object per line
    #[arg(long, short, conflicts_with_all = ["patch", "run", "check", "step"])]
    follow: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Log {
    version: u32,
    id: TicketId,
    events: Vec<LogEvent>,
}

#[derive(Serialize)]
struct LogEvent {
    seq: u32,
    event: EventKind,
    state: State,
    /// The step of the plan that it is about; left out if it is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<LogStep>,
    actor: Role,
    agent: Option<String>,
    run: Option<RunId>,
    /// Where the run works; left out if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    time: Timestamp,
    author: String,
    text: String,
    /// What an edit changed; left out if nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    commit: ObjectId,
}

/// A step of a plan, and its state from then on.
#[derive(Serialize)]
struct LogStep {
    id: StepId,
    state: StepState,
}

/// A field that an edit changed.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    field: &'static str,
    old: String,
    new: String,
}

/// What was printed.
#[derive(Serialize)]
struct Printed {
    version: u32,
    id: TicketId,
    run: usize,
    output: String,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    if args.follow {
        return follow::run(ctx, &place, &id, args.json);
    }
    let ledger = place.ledger()?;
    let (entry, quarantine) = ledger.read_legal(&id)?;
    warn(ctx, &id, quarantine.as_ref());
    let links = links_of(&ledger, &entry)?;
    if args.run.is_some() || args.check.is_some() || args.step.is_some() {
        let attempts = attempts(&links);
        let (number, text) = match &args.step {
            Some(step) => printed_in_step(&ledger, &entry, &links, &attempts, step)?,
            None => printed(&ledger, &id, &attempts, args)?,
        };
        if args.json {
            return ctx.ui.json(&Printed { version: VERSION, id, run: number, output: text });
        }
        if text.trim_end().is_empty() {
            ctx.ui.say("nothing was printed");
            return Ok(());
        }
        return ctx.ui.line(text.trim_end_matches('\n'));
    }
    let machines = machines(&links);
    let event = |at: usize| event(&ledger, &links[at], links.get(at + 1), &machines);
    if args.json {
        let events = (0..links.len()).map(event).collect::<Result<_, _>>()?;
        return ctx.ui.json(&Log { version: VERSION, id, events });
    }
    for (at, link) in links.iter().enumerate() {
        let one = event(at)?;
        let step = one.step.as_ref().map(|step| format!(" {} {}", step.id, step.state)).unwrap_or_default();
        ctx.ui.heading(&format!("{} {}{step} -> {}", one.seq, one.event, one.state))?;
        let agent = one.agent.filter(|agent| agent != PERSON).map(|agent| format!(", agent {agent}")).unwrap_or_default();
        let machine = one.machine.map(|machine| format!(", on {machine}")).unwrap_or_default();
        ctx.ui.line(format!("  {} {}{agent}{machine}, as {}", one.time, one.author, one.actor))?;
        for Change { field, old, new } in &one.changes {
            let shown = |text: &str| if text.is_empty() { "(none)".to_owned() } else { escape(text) };
            ctx.ui.line(format!("    {field}: {} -> {}", shown(old), shown(new)))?;
        }
        let event = &link.record.event;
        let words = if event.action.kind() == EventKind::Claim { other_words(&event.text) } else { &event.text };
        for line in words.lines() {
            ctx.ui.line(format!("    {line}"))?;
        }
        if args.patch {
            patch(ctx, &ledger, link, links.get(at + 1))?;
        }
    }
    Ok(())
}

/// On which machine each run works.
fn machines(links: &[Link]) -> HashMap<&RunId, String> {
    let claim = |link: &Link| Holding::of_claim(&link.record.event, &link.commit.author, link.commit.time());
    let of = |link| Some((link, claim(link)?.machine?));
    links.iter().filter_map(of).filter_map(|(link, machine)| Some((link.record.after.run.as_ref()?, machine))).collect()
}

fn event(
    ledger: &Ledger<'_>,
    link: &Link,
    before: Option<&Link>,
    machines: &HashMap<&RunId, String>,
) -> Result<LogEvent, CliError> {
    let event = &link.record.event;
    let kind = event.action.kind();
    let changes = match before {
        Some(before) if kind == EventKind::Edit => {
            let mut changes = changes(&before.record.after.content, &link.record.after.content);
            let (old, new) = (description(ledger, before)?, description(ledger, link)?);
            if old != new {
                let lines =
                    |text: &str| if text.is_empty() { String::new() } else { plural(text.lines().count(), "line", "lines") };
                changes.push(Change { field: "description", old: lines(&old), new: lines(&new) });
            }
            changes
        }
        _ => Vec::new(),
    };
    Ok(LogEvent {
        seq: link.record.after.seq,
        event: kind,
        state: link.record.after.state,
        step: match &event.action {
            Action::Step { step, state } => Some(LogStep { id: step.clone(), state: *state }),
            _ => None,
        },
        actor: event.actor,
        agent: event.agent.clone(),
        run: event.by.clone(),
        machine: event.by.as_ref().and_then(|run| machines.get(run).cloned()),
        time: link.commit.time(),
        author: name_of(&link.commit.author).to_owned(),
        text: event.text.clone(),
        changes,
        commit: link.commit_id,
    })
}

/// The fields in which two contents differ.
fn changes(old: &Content, new: &Content) -> Vec<Change> {
    // Nothing is left out with `..`, so that a new field does not compile until it is compared here.
    let fields = |content: &Content| {
        let Content { title, brand, kind, priority, labels, depends, tests_may_change, scope } = content;
        [
            ("title", title.clone()),
            ("brand", brand.to_string()),
            ("kind", kind.to_string()),
            ("priority", priority.to_string()),
            ("labels", comma(labels)),
            ("depends on", comma(depends)),
            ("tests may change", if *tests_may_change { "yes" } else { "no" }.to_owned()),
            ("scope", comma(scope)),
        ]
    };
    let both = fields(old).into_iter().zip(fields(new));
    both.filter(|(old, new)| old != new).map(|((field, old), (_, new))| Change { field, old, new }).collect()
}

fn description(ledger: &Ledger<'_>, link: &Link) -> Result<String, CliError> {
    let file = ledger.repo.find_file(link.commit.tree_id, DESCRIPTION, MAX_FILE)?;
    Ok(String::from_utf8_lossy(&file.unwrap_or_default()).into_owned())
}

/// How the description changed against the event before.
fn patch(ctx: &Context, ledger: &Ledger<'_>, link: &Link, before: Option<&Link>) -> Result<(), CliError> {
    let old = before.map(|before| description(ledger, before)).transpose()?.unwrap_or_default();
    let new = description(ledger, link)?;
    if old != new {
        let diff = similar::TextDiff::from_lines(&old, &new);
        ctx.ui.line(diff.unified_diff().context_radius(2).header(DESCRIPTION, DESCRIPTION).to_string().trim_end())?;
    }
    Ok(())
}

/// The number of the last run that has a verdict.
fn find_last_judged(ledger: &Ledger<'_>, all: &[Attempt]) -> Result<Option<usize>, CliError> {
    for (at, attempt) in all.iter().enumerate().rev() {
        if ledger.find_verdict(attempt)?.is_some() {
            return Ok(Some(at + 1));
        }
    }
    Ok(None)
}

/// What the agent of a step printed the last time, and the number of the run.
fn printed_in_step(
    ledger: &Ledger<'_>,
    entry: &Entry,
    links: &[Link],
    attempts: &[Attempt],
    step: &str,
) -> Result<(usize, String), CliError> {
    let id = &entry.id;
    let no = |message: String| CliError::no(Code::NoOutput, message).hint(format!("git os plan show {id}   # lists its steps"));
    let (plan, _) = operations::plan::of(ledger, entry)?;
    let Some(place) = plan.steps.iter().position(|known| known.id.as_str() == step) else {
        let known: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
        return Err(no(format!("the plan of {id} has no step `{}`; expected one of: {}", escape(step), comma(&known))));
    };
    if plan.steps[place].kind == StepType::Shell {
        let hint = format!("git os log {id}   # has the last words of its command");
        return Err(
            CliError::no(Code::NoOutput, format!("step `{step}` runs a command, and only its last words are kept")).hint(hint)
        );
    }
    let begins = |link: &&Link| match &link.record.event.action {
        Action::Step { step, state: StepState::Running } => *step == plan.steps[place].id,
        _ => false,
    };
    let Some(begun) = links.iter().find(begins) else { return Err(no(format!("step `{step}` of {id} has not begun"))) };
    let run = begun.record.after.run.as_ref();
    let of_run = attempts.iter().position(|attempt| Some(&attempt.holding.run) == run);
    let (Some(run), Some(at)) = (run, of_run) else { return Err(no(format!("nobody began step `{step}` of {id}"))) };
    let printer = Printer::Step { place, seq: begun.record.after.seq };
    match output::find(ledger.repo, id, run, printer) {
        Some(text) => Ok((at + 1, agent::plain(&text))),
        None => Err(no(absent(ledger, id, &attempts[at], &format!("the output of step `{step}`"), (run, printer)))),
    }
}

/// Says that something printed is not in this clone, and where it is.
fn absent(ledger: &Ledger<'_>, id: &TicketId, attempt: &Attempt, what: &str, (run, printer): (&RunId, Printer)) -> String {
    let path = output::path(ledger.repo, id, run, printer);
    let machine = attempt.holding.machine.as_ref();
    let elsewhere = machine.map_or_else(String::new, |machine| format!("; the run worked on machine `{machine}`"));
    format!("{what} of {id} is not in this clone, where it would be `{path}`{elsewhere}")
}

/// What an agent or a check printed, and the number of the run.
fn printed(ledger: &Ledger<'_>, id: &TicketId, all: &[Attempt], args: &Args) -> Result<(usize, String), CliError> {
    let no = |message: String| CliError::no(Code::NoOutput, message).hint(format!("git os show {id}   # lists its runs"));
    let number = match args.run {
        Some(number) => number,
        None => find_last_judged(ledger, all)?.ok_or_else(|| no(format!("no check has run for {id}")))?,
    };
    let attempt = number.checked_sub(1).and_then(|at| all.get(at)).ok_or_else(|| no(format!("{id} has no run {number}")))?;
    let (run, printer, what) = match &args.check {
        None => {
            let printer = Printer::Agent { attempt: attempt.number };
            (attempt.holding.run.clone(), printer, format!("the output of run {number}"))
        }
        Some(name) => {
            let verdict = ledger.find_verdict(attempt)?.ok_or_else(|| no(format!("no check has run in run {number} of {id}")))?;
            let Some(place) = verdict.checks.iter().position(|check| check.name == *name) else {
                let names: Vec<_> = verdict.checks.iter().map(|check| check.name.as_str()).collect();
                let known = if names.is_empty() { String::new() } else { format!("; expected one of: {}", comma(&names)) };
                return Err(no(format!("run {number} of {id} has no check `{}`{known}", escape(name))));
            };
            (verdict.run, Printer::Check { place }, format!("the output of the check `{}` in run {number}", escape(name)))
        }
    };
    match output::find(ledger.repo, id, &run, printer) {
        Some(text) if args.check.is_none() => Ok((number, agent::plain(&text))),
        Some(text) => Ok((number, text)),
        // No agent was started for it; a person worked.
        None if args.check.is_none() && attempt.holding.agent.as_deref().is_none_or(|agent| agent == PERSON) => {
            let by = &attempt.holding.person;
            let error =
                CliError::no(Code::NoOutput, format!("run {number} of {id} was worked by hand by {by}; it has no output"));
            let verdict = ledger.find_verdict(attempt)?;
            let checks = verdict.iter().flat_map(|verdict| &verdict.checks);
            let hint = |check: &CheckResult| format!("git os log {id} --run {number} --check {}", shell(&check.name));
            let error = checks.fold(error, |error, check| error.hint(hint(check)));
            Err(error.hint(format!("git os log {id}   # what was done, and why")))
        }
        None => Err(no(absent(ledger, id, attempt, &what, (&run, printer)))),
    }
}
