//! Phase 7: works on all ready tickets, in parallel by brand, and goes on with those whose question is answered meanwhile.

use super::{Session, SessionError, TicketEnd};
use crate::core::progress::Fate;
use crate::core::session::Phase;
use crate::core::text::plural;
use crate::dispatch::DispatchError;
use crate::dispatch::schedule::{self, Ending};
use crate::ledger::Ledger;

impl Session<'_> {
    pub(super) fn dispatch(&mut self) -> Result<(), SessionError> {
        let mut endings: Vec<Ending> = Vec::new();
        loop {
            let new = schedule::run(self.at, self.jobs).map_err(|error| match error {
                DispatchError::Interrupted => SessionError::Interrupted,
                error => error.into(),
            })?;
            endings.retain(|old| !new.iter().any(|new| new.id == old.id));
            endings.extend(new);
            if self.put_questions()? == 0 {
                break;
            }
        }
        self.summary.tickets = endings.iter().map(TicketEnd::of).collect();
        let landed = endings.iter().filter(|ending| ending.fate == Fate::Landed).count();
        // What this session landed is not news for the next scout, unless other commits came on top.
        for (entry, repo) in self.places() {
            let ledger = Ledger::open(&repo)?;
            let Some(tip) = ledger.find_trunk_tip()? else { continue };
            let mut is_ours = false;
            for ending in endings.iter().filter(|ending| ending.repo == entry.name && ending.fate == Fate::Landed) {
                is_ours |= ledger.find(&ending.id).ok().flatten().is_some_and(|found| found.ticket.head == Some(tip));
            }
            if is_ours {
                self.seen.scouted.insert(entry.name.clone(), tip.to_string());
            }
        }
        let lines: Vec<_> = self.summary.tickets.iter().map(|end| format!("{} {} {}", end.id, end.fate, end.title)).collect();
        let json = serde_json::to_string_pretty(&self.summary.tickets).unwrap_or_default() + "\n";
        let what = format!("{} of {} landed", landed, plural(endings.len(), "ticket", "tickets"));
        self.record(Phase::Dispatch, &what, &lines.join("\n"), &[("tickets.json", json)])
    }
}
