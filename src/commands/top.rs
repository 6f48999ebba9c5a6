//! `git os top`

use std::time::Duration;

use clap::Args as ClapArgs;

use super::context::{Context, now};
use crate::core::holding::Holding;
use crate::core::json::VERSION;
use crate::core::text::{escape, headline, line, plural};
use crate::core::time::Timestamp;
use crate::core::wrap::{columns as width, cut};
use crate::error::CliError;
use crate::ledger::Ledger;
use crate::operations::watch::{self, Watched};
use crate::ui::{Tone, Ui, tone_of};

/// How long a screen stands.
const EVERY: Duration = Duration::from_secs(1);
/// How much of a question is shown, in bytes.
const MAX_WORDS: usize = 300;

/// Watch the work that goes on
///
/// Shows each ticket that somebody works on: who, since when, until when its lease lasts, what its agent did last and what it used,
/// and below the tickets that wait for you. At a terminal the picture is renewed every second until you press Ctrl-C; elsewhere it is
/// printed once. What agents on other machines do is not seen here, only that they work.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Print the picture once
    #[arg(long)]
    once: bool,

    /// Print it as JSON, once
    #[arg(long)]
    json: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    if args.json {
        return ctx.ui.json(&serde_json::json!({ "version": VERSION, "tickets": gather(ctx)?.0 }));
    }
    if args.once || !ctx.ui.is_live() {
        let (watched, now) = gather(ctx)?;
        return lines(&watched, now).into_iter().try_for_each(|row| ctx.ui.table(&[row]));
    }
    let mut before = 0;
    while !ctx.stop.is_interrupted() {
        let (watched, now) = gather(ctx)?;
        before = draw(&ctx.ui, &lines(&watched, now), before);
        ctx.stop.pause(EVERY);
    }
    ctx.ui.draw("\n");
    Ok(())
}

/// What goes on in all repositories, or in the one that is named, and when.
fn gather(ctx: &Context) -> Result<(Vec<Watched>, Timestamp), CliError> {
    let place = ctx.place_of_all()?;
    let at = now(&place.repo);
    let Some(workspace) = place.workspace.as_ref().filter(|_| ctx.repo_name.is_none()) else {
        return Ok((watch::list(&Ledger::open(&place.repo)?)?, at));
    };
    let mut all = Vec::new();
    for entry in &workspace.registry.repos {
        // One that cannot be read is said by `git os list`; here it would be said every second.
        let Ok(repo) = workspace.open(entry) else { continue };
        let Ok(ledger) = Ledger::open(&repo) else { continue };
        all.extend(watch::list(&ledger)?);
    }
    all.sort_by_key(|one| one.waits_for.is_some());
    Ok((all, at))
}

type Row = Vec<(Tone, String)>;

/// The picture, line by line.
fn lines(watched: &[Watched], now: Timestamp) -> Vec<Row> {
    let waiting = watched.iter().filter(|one| one.waits_for.is_some()).count();
    let at_work = watched.len() - waiting;
    let mut all =
        vec![vec![(Tone::Strong, format!("{} at work, {waiting} waiting for you", plural(at_work, "ticket", "tickets")))]];
    for one in watched {
        let who = one.holder.as_ref().map(Holding::short).unwrap_or_default();
        let since = one.holder.as_ref().map(|holding| now.lasted(holding.since)).unwrap_or_default();
        all.push(vec![
            (Tone::Strong, one.ticket.to_string()),
            (tone_of(one.state), one.state.to_string()),
            (Tone::Busy, escape(&who)),
            (Tone::Quiet, since),
            (Tone::Strong, one.title.clone()),
        ]);
        let lease = one.lease.map(|lease| format!("lease until {lease}"));
        let usage = one.usage.as_ref().map(|usage| format!("used {usage}"));
        let known = [lease, usage].into_iter().flatten().collect::<Vec<_>>().join(", ");
        // What it waits for is the last that happened.
        if let Some(last) = one.last.as_ref().filter(|_| one.waits_for.is_none()) {
            all.push(vec![(Tone::Quiet, String::new()), (Tone::Quiet, line(&last.text, MAX_WORDS))]);
        }
        if !known.is_empty() {
            all.push(vec![(Tone::Quiet, String::new()), (Tone::Quiet, known)]);
        }
        if let Some(words) = &one.waits_for {
            all.push(vec![(Tone::Quiet, String::new()), (Tone::Busy, line(&headline(words), MAX_WORDS))]);
            all.extend(one.reply.iter().map(|reply| vec![(Tone::Quiet, String::new()), (Tone::Quiet, reply.clone())]));
        }
    }
    all
}

/// Draws the picture over the one before, which had so many lines. Returns how many it has.
fn draw(ui: &Ui, rows: &[Row], before: usize) -> usize {
    let (columns, height) = Ui::size();
    let mut frame = if before > 0 { format!("\r\u{1b}[{before}A") } else { String::new() };
    let shown = rows.len().min(height.saturating_sub(2).max(1));
    for row in &rows[..shown] {
        let mut left = columns.saturating_sub(1);
        for (tone, text) in row {
            let cell = cut(&escape(text), left);
            left = left.saturating_sub(width(&cell) + 2);
            frame += &ui.paint(*tone, &cell);
            frame += "  ";
        }
        frame += "\u{1b}[K\n";
    }
    // What is left of a longer picture.
    frame += "\u{1b}[J";
    ui.draw(&frame);
    shown
}
