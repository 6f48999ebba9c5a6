//! `git os show` and `git os log`

use crate::core::ruling::Ruling;
use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::{Context, vain_views, view};
use crate::core::event::{EventKind, State};
use crate::core::id::{ObjectId, TicketId};
use crate::core::json::{QuarantineView, TicketView, VERSION};
use crate::core::text::in_one_line;
use crate::core::time::Timestamp;
use crate::dispatch::last_reason;
use crate::error::CliError;
use crate::ledger::replay::{self, Link};
use crate::ledger::{DESCRIPTION, Entry, Ledger, LedgerError, Quarantine};
use crate::ui::Tone;
use crate::workspace::Readiness;

/// Show a ticket
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Show the history of a ticket
#[derive(ClapArgs, Debug)]
pub(super) struct LogArgs {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// Also show how the description changed
    #[arg(long, short)]
    patch: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Says that a ticket is quarantined, and what repairs it.
fn warn(ctx: &Context, id: &TicketId, quarantine: Option<&Quarantine>) {
    if let Some(found) = quarantine {
        ctx.ui.say(format!(
            "warning: `{}` is quarantined: {}; this is its last valid state",
            id.ref_name(),
            in_one_line(&found.illegal)
        ));
        ctx.ui.say("hint: git os fsck --repair");
    }
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let ledger = place.ledger()?;
    let (entry, quarantine) = ledger.read_legal(&id)?;
    let mut view = view(&ledger, &entry)?;
    view.quarantined = quarantine.as_ref().map(|found| QuarantineView { tip: found.tip, reason: in_one_line(&found.illegal) });
    let readiness = Readiness::new(place.workspace.as_ref(), &place.repo);
    view.waits_in_vain = vain_views(&ctx.list_never(&readiness, &id, &entry.ticket));
    warn(ctx, &id, quarantine.as_ref());
    if args.json {
        return ctx.ui.json(&super::with_version(&view));
    }
    print(ctx, &ledger, &view, &entry)
}

fn print(ctx: &Context, ledger: &Ledger<'_>, view: &TicketView, entry: &Entry) -> Result<(), CliError> {
    ctx.ui.heading(&format!("{} {}", view.id, view.title))?;
    let mut rows = vec![
        ("state", view.state.to_string()),
        ("repository", format!("{} (brand {})", view.repo, view.brand)),
        ("kind", format!("{}, priority {}", view.kind, view.priority)),
        ("created", view.created.clone()),
        ("updated", view.updated.to_string()),
    ];
    let mut add = |key, value: Option<String>| rows.extend(value.map(|value| (key, value)));
    let words = |words: Vec<String>| (!words.is_empty()).then(|| words.join(" "));
    add("labels", words(view.labels.iter().map(ToString::to_string).collect()));
    add("depends on", words(view.depends.iter().map(|id| dependency(view, id)).collect()));
    let held = if view.state.is_held() { "held by run" } else { "last run" };
    add(held, view.run.as_ref().map(ToString::to_string));
    add("until", view.lease.map(|lease| lease.to_string()));
    add("attempt", (view.attempt > 0).then(|| view.attempt.to_string()));
    add("head", view.head.map(|head| head.to_string()));
    add("base", view.base.map(|base| base.to_string()));
    add("in the branch as", view.copy.map(|copy| copy.to_string()));
    add("steps", words(entry.ticket.steps.iter().map(|(step, state)| format!("{step}={state}")).collect()));
    let cells = |(key, value): (&str, String)| vec![(Tone::Quiet, format!("  {key}")), (Tone::Strong, value)];
    ctx.ui.table(&rows.into_iter().map(cells).collect::<Vec<_>>())?;
    if let Some(text) = view.description.as_deref().filter(|text| !text.is_empty()) {
        ctx.ui.line(format!("\n{text}"))?;
    }
    if let Some((what, words)) = words_of(ledger, entry)? {
        ctx.ui.line("")?;
        ctx.ui.heading(&what)?;
        ctx.ui.line(&words)?;
    }
    Ok(())
}

/// A dependency, and why it will not land if it will not.
fn dependency(view: &TicketView, id: &TicketId) -> String {
    match view.waits_in_vain.iter().find(|vain| vain.depends == *id) {
        Some(vain) => format!("{id} (will never land: {})", vain.reason),
        None => id.to_string(),
    }
}

/// Why a ticket is blocked, or what it asks, and how to resume it.
fn words_of(ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<(String, String)>, CliError> {
    let (what, verb) = match entry.ticket.state {
        State::Blocked => ("reason for the block", "unblock"),
        State::AwaitingInput => ("question", "answer"),
        _ => return Ok(None),
    };
    let words = last_reason(ledger, entry)?;
    Ok((!words.is_empty()).then(|| (format!("{what} (resume with `git os {verb} {}`)", entry.id), words)))
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
    state: crate::core::event::State,
    actor: crate::core::event::Role,
    agent: Option<String>,
    run: Option<crate::core::id::RunId>,
    time: Timestamp,
    author: String,
    text: String,
    commit: ObjectId,
}

pub(super) fn run_log(ctx: &Context, args: &LogArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let ledger = place.ledger()?;
    let (entry, quarantine) = ledger.read_legal(&id)?;
    warn(ctx, &id, quarantine.as_ref());
    let links = match replay::links(&place.repo, entry.tip, None)? {
        Ruling::Granted(links) => links,
        Ruling::Denied(illegal) => return Err(LedgerError::Quarantined { id, last: None, source: Box::new(illegal) }.into()),
    };
    if args.json {
        return ctx.ui.json(&Log { version: VERSION, id, events: links.iter().map(event).collect() });
    }
    for (at, link) in links.iter().enumerate() {
        let one = event(link);
        let agent = one.agent.map(|agent| format!(" ({agent})")).unwrap_or_default();
        ctx.ui.heading(&format!("{} {} -> {}", one.seq, one.event, one.state))?;
        ctx.ui.line(format!("  {} {}{agent}, {}", one.time, one.actor, one.author))?;
        for line in one.text.lines() {
            ctx.ui.line(format!("    {line}"))?;
        }
        if args.patch {
            patch(ctx, &ledger, link, links.get(at + 1))?;
        }
    }
    Ok(())
}

fn event(link: &Link) -> LogEvent {
    let event = &link.record.event;
    LogEvent {
        seq: link.record.after.seq,
        event: event.action.kind(),
        state: link.record.after.state,
        actor: event.actor,
        agent: event.agent.clone(),
        run: event.by.clone(),
        time: link.commit.time(),
        author: link.commit.author.split(" <").next().unwrap_or_default().to_owned(),
        text: event.text.clone(),
        commit: link.commit_id,
    }
}

/// How the description changed against the event before.
fn patch(ctx: &Context, ledger: &Ledger<'_>, link: &Link, before: Option<&Link>) -> Result<(), CliError> {
    let text = |link: &Link| -> Result<String, CliError> {
        let file = ledger.repo.find_file(link.commit.tree_id, DESCRIPTION, crate::core::text::MAX_FILE)?;
        Ok(String::from_utf8_lossy(&file.unwrap_or_default()).into_owned())
    };
    let (old, new) = (before.map(text).transpose()?.unwrap_or_default(), text(link)?);
    if old != new {
        let diff = similar::TextDiff::from_lines(&old, &new);
        ctx.ui.line(diff.unified_diff().context_radius(2).header(DESCRIPTION, DESCRIPTION).to_string().trim_end())?;
    }
    Ok(())
}
