//! Phase 8: writes what happened into the pages of its days, archives, and closes the session.

use super::{Session, SessionError};
use crate::core::event::State;
use crate::core::progress::{CareEvent, SessionEvent, What};
use crate::core::ruling::Ruling;
use crate::core::session::Phase;
use crate::core::text::first_line;
use crate::core::time::Timestamp;
use crate::dispatch::{Site, land};
use crate::git::Repo;
use crate::ledger::cache::Row;
use crate::ledger::{Ledger, replay};
use crate::memory::learnings;
use crate::memory::ledger_page::{self, Days};
use crate::refs;

impl Session<'_> {
    /// Adds what has landed, been blocked or been learned to the page of the day on which it happened, wherever it happened.
    pub(super) fn distil(&mut self) -> Result<(), SessionError> {
        let known = ledger_page::lines(&self.hub)?;
        let mut days = Days::new();
        for (entry, repo) in self.places() {
            if entry.silo {
                continue;
            }
            let mut add = |time: Timestamp, line: String| days.entry(time.date()).or_default().push(line);
            let ledger = Ledger::open(&repo)?;
            for row in ledger.rows()?.tickets {
                let line = |what: &str| format!("- {what}: {} ({}, {})", row.ticket.content.title, entry.name, row.id);
                match row.ticket.state {
                    // The day is in the chain, which needs to be read only once.
                    State::Merged if !known.contains(&line("landed")) => add(since(&repo, &row)?, line("landed")),
                    State::Blocked => add(since(&repo, &row)?, line("blocked")),
                    State::Merged
                    | State::Draft
                    | State::Ready
                    | State::Claimed
                    | State::Running
                    | State::AwaitingInput
                    | State::Verifying
                    | State::Verified
                    | State::Rejected
                    | State::Canceled => {}
                }
            }
            for lesson in learnings::list(&repo)? {
                let from = lesson.ticket.as_ref().map(|id| format!(", {id}")).unwrap_or_default();
                let confidence = lesson.confidence.map(|confidence| format!(", {confidence}")).unwrap_or_default();
                add(lesson.time, format!("- learned: {} ({}{from}{confidence})", first_line(&lesson.text), entry.name));
            }
        }
        let added = ledger_page::add(&self.hub, &days)?;
        self.seen.distilled = Some(self.date.clone());
        let mut told = Vec::new();
        for (date, lines) in added {
            let event = SessionEvent::Distilled { lines, date };
            told.extend(event.line());
            self.tell(event);
        }
        self.archive()?;
        let what = told.first().map_or("nothing new", String::as_str);
        self.record(Phase::Close, what, &told.get(1..).unwrap_or_default().join("\n"), &[])
    }

    /// Archives what was closed long ago; by now, the pages of days have it.
    fn archive(&self) -> Result<(), SessionError> {
        for (entry, repo) in self.places() {
            let count = refs::archive::write_due(&Ledger::open(&repo)?)?;
            if count > 0 {
                self.at.tell(entry, What::Care(CareEvent::Archived { count }));
            }
        }
        Ok(())
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
        self.seen.commits.clear();
        self.log.close(&self.hub, "closed", &self.seen)?;
        self.summary.session.clone_from(&self.log.id);
        self.share()
    }
}

/// Since when a ticket is in its state, as its chain says: a comment moves it to no other day.
fn since(repo: &Repo, row: &Row) -> Result<Timestamp, SessionError> {
    let Ruling::Granted(links) = replay::links(repo, row.tip, None)? else { return Ok(row.updated) };
    let is_same = |link: &&replay::Link| link.record.after.state == row.ticket.state;
    Ok(links.iter().take_while(is_same).last().map_or(row.updated, |link| link.commit.time()))
}
