//! Phase 3: lists the tickets that are open, held, waiting and blocked.

use std::collections::BTreeMap;

use super::{Session, SessionError, event};
use crate::core::event::State;
use crate::core::progress::{SessionEvent, What};
use crate::core::session::Phase;
use crate::ledger::Ledger;

impl Session<'_> {
    pub(super) fn outstanding(&mut self) -> Result<(), SessionError> {
        let mut counts: BTreeMap<State, usize> = BTreeMap::new();
        let mut waiting = Vec::new();
        for (entry, repo) in self.places() {
            let ledger = Ledger::open(&repo)?;
            let rows = ledger.rows()?.tickets;
            for row in rows.iter().filter(|row| !row.ticket.state.is_terminal()) {
                *counts.entry(row.ticket.state).or_default() += 1;
                if matches!(row.ticket.state, State::Blocked | State::AwaitingInput) {
                    let (state, title) = (row.ticket.state, row.ticket.content.title.clone());
                    waiting.push(event(entry, What::Stands { ticket: row.id.clone(), state, title }));
                }
            }
        }
        let outstanding = SessionEvent::Outstanding(counts.into_iter().collect());
        let what = outstanding.line().unwrap_or_default();
        self.tell(outstanding);
        let lines = self.tell_all(&waiting);
        self.record(Phase::Outstanding, &what, &lines.join("\n"), &[])
    }
}
