//! `git os show`

mod account;

use clap::Args as ClapArgs;

use self::account::Account;
use super::context::{Context, now, vain_views, view};
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::core::json::{QuarantineView, TicketView};
use crate::core::ruling::Ruling;
use crate::core::text::in_one_line;
use crate::core::time::Timestamp;
use crate::dispatch::last_reason;
use crate::error::CliError;
use crate::ledger::replay::{self, Link};
use crate::ledger::{Entry, Ledger, LedgerError, Quarantine};
use crate::ui::Tone;
use crate::workspace::Readiness;

/// Show a ticket
///
/// Shows its fields, its description, what it depends on, each run with who worked where and what came of it, the last verdict with
/// the checks and the judge's reasons, and the comments.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Says that a ticket is quarantined, and what repairs it.
pub(super) fn warn(ctx: &Context, id: &TicketId, quarantine: Option<&Quarantine>) {
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
    let account = Account::of(&place, &ledger, &entry, &links_of(&ledger, &entry)?)?;
    view.holder = account.holder(&entry);
    if args.json {
        return ctx.ui.json(&account.beside(super::with_version(&view)));
    }
    let max_attempts = ledger.policy.max_attempts;
    print(ctx, &Shown { ledger: &ledger, view: &view, entry: &entry, account: &account, max_attempts, now: now(&place.repo) })
}

/// What is printed of a ticket.
struct Shown<'s> {
    ledger: &'s Ledger<'s>,
    view: &'s TicketView,
    entry: &'s Entry,
    account: &'s Account,
    max_attempts: u32,
    now: Timestamp,
}

fn print(ctx: &Context, shown: &Shown<'_>) -> Result<(), CliError> {
    let Shown { view, entry, account, .. } = shown;
    ctx.ui.heading(&format!("{} {}", view.id, view.title))?;
    let mut rows = vec![
        ("state", view.state.to_string()),
        ("repository", format!("{} (brand {})", view.repo, view.brand)),
        ("kind", format!("{}, priority {}", view.kind, view.priority)),
        ("created", account.created.clone()),
        ("updated", view.updated.to_string()),
    ];
    let mut add = |key, value: Option<String>| rows.extend(value.map(|value| (key, value)));
    let words = |words: Vec<String>| (!words.is_empty()).then(|| words.join(" "));
    add("tests", view.tests_may_change.then(|| "may change".to_owned()));
    add("scope", words(view.scope.clone()));
    add("labels", words(view.labels.iter().map(ToString::to_string).collect()));
    add("held by", view.holder.as_ref().map(ToString::to_string));
    add("since", view.holder.as_ref().map(|holding| format!("{} ({})", holding.since, shown.now.since(holding.since))));
    let run = if view.state.is_held() { "run" } else { "last run" };
    add(run, view.run.as_ref().map(ToString::to_string));
    add("until", view.lease.map(|lease| lease.to_string()));
    add("attempts", (account.used > 0).then(|| format!("{} of {} used up", account.used, shown.max_attempts)));
    add("cost", account.cost());
    add("branch", account.branch.clone());
    add("head", view.head.map(|head| head.to_string()));
    add("base", view.base.map(|base| base.to_string()));
    add("landed as", account.landed.map(|commit| commit.to_string()));
    add("steps", words(entry.ticket.steps.iter().map(|(step, state)| format!("{step}={state}")).collect()));
    let cells = |(key, value): (&str, String)| vec![(Tone::Quiet, format!("  {key}")), (Tone::Strong, value)];
    ctx.ui.table(&rows.into_iter().map(cells).collect::<Vec<_>>())?;
    if let Some(text) = view.description.as_deref().filter(|text| !text.is_empty()) {
        ctx.ui.line(format!("\n{text}"))?;
    }
    if !view.acceptance.is_empty() {
        ctx.ui.line("")?;
        ctx.ui.heading("acceptance criteria")?;
        let cells =
            |(number, words): (usize, &String)| vec![(Tone::Quiet, format!("  {number}.")), (Tone::Strong, words.clone())];
        ctx.ui.table(&(1..).zip(&view.acceptance).map(cells).collect::<Vec<_>>())?;
    }
    account.print(ctx, view, shown.now)?;
    if let Some((what, words)) = words_of(shown.ledger, entry)? {
        ctx.ui.line("")?;
        ctx.ui.heading(&what)?;
        ctx.ui.line(&words)?;
    }
    Ok(())
}

/// The links of a chain, newest first.
///
/// # Errors
/// When one of them is no event.
pub(super) fn links_of(ledger: &Ledger<'_>, entry: &Entry) -> Result<Vec<Link>, CliError> {
    match replay::links(ledger.repo, entry.tip, None)? {
        Ruling::Granted(links) => Ok(links),
        Ruling::Denied(illegal) => {
            Err(LedgerError::Quarantined { id: entry.id.clone(), last: None, source: Box::new(illegal) }.into())
        }
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
