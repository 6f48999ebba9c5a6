//! What goes on now: the tickets that somebody holds, what each did last, and those that wait for a person.

use serde::Serialize;

use super::{Done, plan};
use crate::core::event::State;
use crate::core::holding::Holding;
use crate::core::id::{Brand, RepoName, TicketId};
use crate::core::time::Timestamp;
use crate::dispatch::last_reason;
use crate::ledger::Ledger;
use crate::local::journal::{self, Entry};
use crate::local::runs;

/// A ticket that is being worked on, or waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Watched {
    pub(crate) repo: RepoName,
    pub(crate) brand: Brand,
    pub(crate) ticket: TicketId,
    pub(crate) title: String,
    pub(crate) state: State,
    /// Who works on it; `None` if it is blocked.
    pub(crate) holder: Option<Holding>,
    /// Until when others leave it alone.
    pub(crate) lease: Option<Timestamp>,
    /// Whether its run is one of this machine.
    pub(crate) is_here: bool,
    /// What happened last, as far as this machine knows.
    pub(crate) last: Option<Entry>,
    /// What the agent said last that it used.
    pub(crate) usage: Option<String>,
    /// What it asks, or why it is blocked.
    pub(crate) waits_for: Option<String>,
    /// The command that goes on from there.
    pub(crate) reply: Option<String>,
}

/// The tickets of a repository that are held or wait for a person, those that wait last.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn list(ledger: &Ledger<'_>) -> Done<Vec<Watched>> {
    let here = runs::here(ledger.repo);
    let mut all = Vec::new();
    for row in ledger.rows()?.tickets {
        let ticket = row.ticket;
        let waits = matches!(ticket.state, State::AwaitingInput | State::Blocked);
        if !ticket.state.is_held() && !waits {
            continue;
        }
        let holder = if ticket.state.is_held() { ledger.find_holding(row.tip)? } else { None };
        let (waits_for, reply) = match ledger.find(&row.id)?.filter(|_| waits) {
            Some(entry) => (Some(last_reason(ledger, &entry)?), Some(plan::reply(ledger, &entry)?)),
            None => (None, None),
        };
        // What an earlier run left says nothing of this one.
        let since = holder.as_ref().map(|holding| holding.since.to_string());
        let mut told = journal::read(ledger.repo, &row.id);
        told.retain(|entry| since.as_ref().is_none_or(|since| entry.time >= *since));
        all.push(Watched {
            repo: ledger.policy.repo.clone(),
            brand: ticket.content.brand.clone(),
            ticket: row.id,
            title: ticket.content.title.clone(),
            state: ticket.state,
            lease: ticket.lease.filter(|_| holder.is_some()),
            is_here: ticket.run.as_ref().is_some_and(|run| here.contains(run)),
            usage: told.iter().rev().find_map(|entry| entry.usage.clone()),
            last: told.pop(),
            holder,
            waits_for,
            reply,
        });
    }
    all.sort_by(|left, right| {
        left.waits_for.is_some().cmp(&right.waits_for.is_some()).then_with(|| left.ticket.cmp(&right.ticket))
    });
    Ok(all)
}
