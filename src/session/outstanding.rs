//! Phase 3: lists the tickets that are open, held, waiting and blocked.

use std::collections::BTreeMap;

use super::{Session, SessionError};
use crate::core::event::State;
use crate::core::session::Phase;
use crate::ledger::Ledger;

impl Session<'_> {
    pub(super) fn outstanding(&mut self) -> Result<(), SessionError> {
        let mut counts: BTreeMap<State, usize> = BTreeMap::new();
        let mut lines = Vec::new();
        for (entry, repo) in self.places() {
            let ledger = Ledger::open(&repo)?;
            let rows = ledger.rows()?.tickets;
            for row in rows.iter().filter(|row| !row.ticket.state.is_terminal()) {
                *counts.entry(row.ticket.state).or_default() += 1;
                if matches!(row.ticket.state, State::Blocked | State::AwaitingInput) {
                    lines.push(format!("{}: {} is {}: {}", entry.name, row.id, row.ticket.state, row.ticket.content.title));
                }
            }
        }
        let counted = counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ");
        let what = if counted.is_empty() { "no open tickets".to_owned() } else { counted };
        self.desk.say(&what);
        for line in &lines {
            self.desk.say(line);
        }
        self.record(Phase::Outstanding, &what, &lines.join("\n"), &[])
    }
}
