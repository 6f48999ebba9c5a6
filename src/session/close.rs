//! Phase 8: writes the day's summary and closes the session.

use super::{Session, SessionError};
use crate::core::event::State;
use crate::core::progress::SessionEvent;
use crate::core::session::Phase;
use crate::dispatch::{Site, land};
use crate::ledger::Ledger;
use crate::memory::{learnings, ledger_page};

impl Session<'_> {
    /// Adds what has landed, been blocked or been learned since the last time to the day's page.
    pub(super) fn distil(&mut self) -> Result<(), SessionError> {
        let since = self.seen.distilled.clone().unwrap_or_default();
        let mut lines = Vec::new();
        for (entry, repo) in self.places() {
            if entry.silo {
                continue;
            }
            let ledger = Ledger::open(&repo)?;
            for row in ledger.rows()?.tickets.iter().filter(|row| row.updated.date() >= since) {
                let what = match row.ticket.state {
                    State::Merged => "landed",
                    State::Blocked => "blocked",
                    _ => continue,
                };
                lines.push(format!("- {what}: {} ({}, {})", row.ticket.content.title, entry.name, row.id));
            }
            for lesson in learnings::list(&repo)?.iter().filter(|lesson| lesson.time.date() >= since) {
                let from = lesson.ticket.as_ref().map(|id| format!(", {id}")).unwrap_or_default();
                let confidence = lesson.confidence.map(|confidence| format!(", {confidence}")).unwrap_or_default();
                lines.push(format!(
                    "- learned: {} ({}{from}{confidence})",
                    crate::core::text::first_line(&lesson.text),
                    entry.name
                ));
            }
        }
        let added = ledger_page::add(&self.hub, &self.date, &lines)?;
        self.seen.distilled = Some(self.date.clone());
        let event = SessionEvent::Distilled { lines: added, date: self.date.clone() };
        let what = event.line().unwrap_or_default();
        self.tell(event);
        self.record(Phase::Close, &what, &lines.join("\n"), &[])
    }

    /// Pushes what the session wrote, including its log.
    fn share(&self) -> Result<(), SessionError> {
        for entry in &self.workspace.registry.repos {
            // A repository that is not here was named at the beginning.
            let Ok(site) = Site::open(self.at, entry) else { continue };
            if let (Some(remote), Ok(ledger)) = (land::remote_of(&site), site.ledger()) {
                land::share(&site, &ledger, &remote)?;
            }
        }
        Ok(())
    }

    /// Closes the log.
    pub(super) fn close(&mut self) -> Result<(), SessionError> {
        // If all was well before the session, its own changes are not news for the doctor.
        if let Some((_, health)) = &mut self.seen.doctor {
            *health = super::present(self.workspace, &self.hub)?.health;
        }
        self.seen.news.clear();
        self.log.close(&self.hub, "closed", &self.seen)?;
        self.summary.session.clone_from(&self.log.id);
        self.share()
    }
}
