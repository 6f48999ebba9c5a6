//! Phase 4: what matters now, per brand, from signals, history and open tickets.

use super::{Session, SessionError};
use crate::core::event::State;
use crate::core::progress::SessionEvent;
use crate::core::session::Phase;
use crate::core::text::plural;
use crate::ledger::Ledger;

impl Session<'_> {
    pub(super) fn brief(&mut self) -> Result<(), SessionError> {
        let brands = self.decision(Phase::Brief).brands.clone();
        let mut text = format!("# Brief of {}\n", self.date);
        for brand in &brands {
            text += &format!("\n## {brand}\n");
            if let Some(said) = self.seen.said.get(brand) {
                for (what, words) in [("matters", &said.matters), ("waits for", &said.waiting)] {
                    if !words.is_empty() {
                        text += &format!("\n{what} (answer of {}): {words}\n", said.date);
                    }
                }
            }
            for entry in self.workspace.registry.repos_of(brand).filter(|entry| !entry.silo) {
                let Ok(repo) = self.workspace.open(entry) else { continue };
                let Ok(ledger) = Ledger::open(&repo) else { continue };
                let rows = ledger.rows()?.tickets;
                let open = rows.iter().filter(|row| !row.ticket.state.is_terminal()).count();
                let blocked = rows.iter().filter(|row| row.ticket.state == State::Blocked).count();
                let tail = if blocked > 0 { format!(", {blocked} of them blocked") } else { String::new() };
                let tickets =
                    if open > 0 { format!(": {}{tail}", plural(open, "open ticket", "open tickets")) } else { String::new() };
                text += &format!("\n{}{tickets}\n", entry.name);
                for signal in self.log.pending.iter().filter(|signal| signal.repo == entry.name.as_str()) {
                    text += &format!("- {}\n", signal.title);
                }
            }
        }
        self.tell(SessionEvent::Brief(text.clone()));
        self.summary.brief.clone_from(&text);
        self.record(Phase::Brief, &plural(brands.len(), "brand", "brands"), "", &[("brief.md", text)])
    }
}
