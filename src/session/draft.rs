//! Phase 6: drafts tickets from signals and wishes, and asks for approval of each draft.

use std::collections::BTreeMap;

use super::log::Pending;
use super::{Approval, Proposal, Session, SessionError};
use crate::core::event::{Role, State};
use crate::core::id::{Brand, Kind, Label, TicketId};
use crate::core::progress::{DraftEvent, SessionEvent, Stage, What};
use crate::core::registry::RepoEntry;
use crate::core::session::Phase;
use crate::core::text;
use crate::core::text::plural;
use crate::ledger::Ledger;
use crate::operations::ticket::{self, New};
use crate::operations::{OperationError, transition};

impl Session<'_> {
    pub(super) fn draft(&mut self) -> Result<(), SessionError> {
        let drafted = self.write_drafts()?;
        self.summary.drafted = drafted;
        if drafted > 0 {
            self.record(Phase::Draft, &format!("{} drafted", plural(drafted, "ticket", "tickets")), "", &[])?;
        }
        self.tell(SessionEvent::Reached(Stage::Drafted));
        let mut lines = Vec::new();
        for (entry, repo) in self.places() {
            let ledger = Ledger::open(&repo)?;
            for row in ledger.rows()?.tickets.into_iter().filter(|row| row.ticket.state == State::Draft) {
                let Some(found) = ledger.find(&row.id)? else { continue };
                let proposal = Proposal {
                    id: row.id.to_string(),
                    repo: entry.name.clone(),
                    brand: row.ticket.content.brand.clone(),
                    title: row.ticket.content.title.clone(),
                    description: ledger.description(&found)?,
                };
                let after = match self.desk.approve(&proposal)? {
                    Approval::Approve => transition::approve(&ledger, &row.id),
                    Approval::Reject(reason) => transition::reject(&ledger, &row.id, &reason),
                    Approval::Later => continue,
                };
                match after {
                    Ok(after) => lines.push(format!("{} {}", after.id, after.ticket.state)),
                    // Another process may have decided in the meantime.
                    Err(OperationError::Refused { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.summary.approved = lines.iter().filter(|line| line.ends_with("ready")).count();
        if lines.is_empty() {
            return Ok(());
        }
        let event = SessionEvent::Approved { count: self.summary.approved };
        let what = event.line().unwrap_or_default();
        self.tell(event);
        self.record(Phase::Draft, &what, &lines.join("\n"), &[])
    }

    /// Creates a ticket for each pending item, unless there is already an open one.
    fn write_drafts(&mut self) -> Result<usize, SessionError> {
        let pending = std::mem::take(&mut self.log.pending);
        let mut by_title: BTreeMap<String, TicketId> = BTreeMap::new();
        let mut count = 0;
        // Create tickets that others depend on first, so that their ids are known.
        let (first, second): (Vec<_>, Vec<_>) = pending.into_iter().partition(|one| one.after.is_none());
        for one in first.into_iter().chain(second) {
            let is_here = |entry| self.workspace.open(entry).is_ok_and(|repo| Ledger::open(&repo).is_ok());
            if let Ok(entry) = self.workspace.entry(&one.repo)
                && !is_here(entry)
            {
                self.at.tell(entry, What::Draft(DraftEvent::Pending { title: one.title.clone() }));
                self.log.pending.push(one);
                continue;
            }
            let Some((id, is_new)) = self.open_ticket(&one, &by_title)? else { continue };
            by_title.insert(one.title.clone(), id.clone());
            self.seen.drafted.insert(one.key, id.to_string());
            count += usize::from(is_new);
        }
        Ok(count)
    }

    fn open_ticket(&self, one: &Pending, known: &BTreeMap<String, TicketId>) -> Result<Option<(TicketId, bool)>, SessionError> {
        let Ok(entry) = self.workspace.entry(&one.repo) else {
            self.tell(SessionEvent::UnknownRepo { repo: one.repo.clone(), title: one.title.clone() });
            return Ok(None);
        };
        let repo = self.workspace.open(entry)?;
        let ledger = Ledger::open(&repo)?;
        let rows = ledger.rows()?.tickets;
        let same = rows.iter().find(|row| row.ticket.content.title == one.title && !row.ticket.state.is_terminal());
        if let Some(same) = same {
            return Ok(Some((same.id.clone(), false)));
        }
        // Do not propose again what an operator rejected.
        let is_unwanted = |row: &crate::ledger::cache::Row| {
            self.seen.drafted.get(&one.key).is_some_and(|id| *id == row.id.to_string())
                && matches!(row.ticket.state, State::Rejected | State::Canceled)
        };
        if rows.iter().any(is_unwanted) {
            return Ok(None);
        }
        let depends = match &one.after {
            Some(title) => known.get(title).cloned().or_else(|| {
                rows.iter()
                    .find(|row| row.ticket.content.title == *title && !row.ticket.state.is_terminal())
                    .map(|row| row.id.clone())
            }),
            None => None,
        };
        let brand = one.brand.as_deref().and_then(|brand| Brand::parse(brand).ok()).unwrap_or_else(|| entry.brand.clone());
        let new = New {
            title: text::line(&one.title, text::MAX_TITLE),
            brand: Some(brand),
            kind: Kind::parse(&one.kind).or_else(|_| Kind::parse("task")).map_err(crate::ledger::LedgerError::from)?,
            priority: one.priority.min(crate::core::ticket::LOWEST_PRIORITY),
            labels: one.labels.iter().filter_map(|label| Label::parse(label).ok()).collect(),
            depends: depends.into_iter().collect(),
            description: one.description.clone(),
        };
        Ok(match ticket::create(&ledger, new, Role::Scout) {
            Ok(opened) => {
                let title = opened.ticket.content.title.clone();
                self.at.tell(entry, What::Draft(DraftEvent::Opened { ticket: opened.id.clone(), title }));
                Some((opened.id, true))
            }
            Err(OperationError::NotCreated(refusal)) => {
                self.tell_refused(entry, one, refusal.to_string());
                None
            }
            Err(error @ (OperationError::TitleTooLong | OperationError::TextTooLong(_))) => {
                self.tell_refused(entry, one, error.to_string());
                None
            }
            Err(error) => return Err(error.into()),
        })
    }

    fn tell_refused(&self, entry: &RepoEntry, one: &Pending, refusal: String) {
        self.at.tell(entry, What::Draft(DraftEvent::Refused { title: one.title.clone(), refusal }));
    }
}
