//! `git os log --follow`: what happens with a ticket, as it happens.

use std::time::Duration;

use super::Context;
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::error::CliError;
use crate::local::journal;
use crate::operations::Place;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(300);

/// Prints what happened in the last run, and then what happens, until nobody works on the ticket any more.
pub(super) fn run(ctx: &Context, place: &Place, id: &TicketId, as_json: bool) -> Result<(), CliError> {
    let ledger = place.ledger()?;
    let mut told: Option<journal::Entry> = None;
    let mut state = None;
    loop {
        // First the state: what is written after it is read in the next round, or the state ends nothing.
        let now = ledger.read_legal(id)?.0.ticket.state;
        let entries = journal::read(&place.repo, id);
        let known = told.as_ref().and_then(|told| entries.iter().rposition(|entry| entry == told));
        for entry in &entries[known.map_or(0, |at| at + 1)..] {
            if as_json {
                ctx.ui.json(&entry)?;
            } else {
                ctx.ui.line(format!("{}  {}", entry.time, entry.text))?;
            }
            told = Some(entry.clone());
        }
        if !as_json && state != Some(now) {
            ctx.ui.line(format!("{id} is {now}"))?;
        }
        state = Some(now);
        ctx.ui.flush()?;
        // Nothing more will happen until a person does something.
        let rests = now.is_terminal() || matches!(now, State::Draft | State::Blocked | State::AwaitingInput);
        if rests || ctx.stop.is_interrupted() {
            return Ok(());
        }
        ctx.stop.pause(EVERY);
    }
}
