//! Phase 6: drafts tickets from signals and wishes, and asks for approval of each draft.

use std::collections::BTreeMap;

use super::log::{Pending, Source};
use super::{Approval, Proposal, Session, SessionError};
use crate::core::event::{Role, State};
use crate::core::id::{Brand, InvalidId, Kind, Label, TicketId};
use crate::core::progress::{DraftEvent, SessionEvent, Stage, Trouble, What};
use crate::core::registry::RepoEntry;
use crate::core::session::Phase;
use crate::core::sheet::Sheet;
use crate::core::text;
use crate::core::text::plural;
use crate::ledger::{Ledger, LedgerError};
use crate::operations::ticket::{self, Changes, New};
use crate::operations::{OperationError, Place, transition};

impl Session<'_> {
    pub(super) fn draft(&mut self) -> Result<(), SessionError> {
        self.take_wishes();
        let drafted = self.write_drafts()?;
        self.summary.drafted = drafted;
        if drafted > 0 {
            self.record(Phase::Draft, &format!("{} drafted", plural(drafted, "ticket", "tickets")), "", &[])?;
        }
        self.tell(SessionEvent::Reached(Stage::Drafted));
        let mut drafts = self.list_drafts()?;
        let mut lines = Vec::new();
        let (mut at, mut takes_all) = (0, false);
        while at < drafts.len() {
            let approval = if takes_all { Approval::Approve } else { self.desk.approve(&drafts[at..])? };
            let id = TicketId::parse(&drafts[at].id).map_err(LedgerError::from)?;
            let repo = self.workspace.open(self.workspace.entry(drafts[at].repo.as_str())?)?;
            let place = Place::alone(repo);
            let ledger = place.ledger()?;
            let after = match approval {
                Approval::Quit => break,
                Approval::Later => {
                    at += 1;
                    continue;
                }
                Approval::Edit(sheet) => {
                    let edited = changes(&sheet).map_err(OperationError::from).and_then(|new| ticket::edit(&place, &id, new));
                    match edited {
                        Ok(_) => drafts[at].sheet = sheet,
                        Err(OperationError::Refused { .. }) => at += 1,
                        Err(
                            error @ (OperationError::InvalidValue(_)
                            | OperationError::TitleTooLong
                            | OperationError::TextTooLong(_)
                            | OperationError::ManyCriteria(_)),
                        ) => {
                            self.tell(SessionEvent::Trouble(Trouble::of(&error)));
                        }
                        Err(error) => return Err(error.into()),
                    }
                    continue;
                }
                Approval::Approve => transition::approve(&ledger, &id),
                Approval::ApproveRest => {
                    takes_all = true;
                    transition::approve(&ledger, &id)
                }
                Approval::Reject(reason) => match transition::reject(&ledger, &id, &reason) {
                    Err(error @ OperationError::TextTooLong(_)) => {
                        self.tell(SessionEvent::Trouble(Trouble::of(&error)));
                        continue;
                    }
                    after => after,
                },
            };
            at += 1;
            match after {
                Ok(after) => {
                    self.summary.approved += usize::from(after.ticket.state == State::Ready);
                    self.summary.rejected += usize::from(after.ticket.state == State::Rejected);
                    lines.push(format!("{} {}", after.id, after.ticket.state));
                }
                // Another process may have decided in the meantime.
                Err(OperationError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        let event = SessionEvent::Approved { count: self.summary.approved };
        let what = event.line().unwrap_or_default();
        self.tell(event);
        self.record(Phase::Draft, &what, &lines.join("\n"), &[])
    }

    /// All drafts of the workspace, as an operator decides about them.
    fn list_drafts(&self) -> Result<Vec<Proposal>, SessionError> {
        let mut drafts = Vec::new();
        for (entry, repo) in self.places() {
            let ledger = Ledger::open(&repo)?;
            for row in ledger.rows()?.tickets.into_iter().filter(|row| row.ticket.state == State::Draft) {
                let Some(found) = ledger.find(&row.id)? else { continue };
                let description = ledger.description(&found)?;
                let brand = row.ticket.content.brand.clone();
                let sheet = Sheet::of(row.ticket.content, description, &ledger.criteria(found.tree_id)?);
                drafts.push(Proposal { id: row.id.to_string(), repo: entry.name.clone(), brand, sheet });
            }
        }
        Ok(drafts)
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
            if one.source() == Source::Wish {
                let (ticket, title) = (same.id.clone(), one.title.clone());
                self.at.tell(entry, What::Draft(DraftEvent::Known { ticket, title }));
            }
            return Ok(Some((same.id.clone(), false)));
        }
        if one.is_done_with(&ledger, &self.seen)? {
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
            // That is for a person to decide, when they approve the draft.
            tests_may_change: false,
            scope: Vec::new(),
            description: one.description.clone(),
            acceptance: one.acceptance.clone(),
            plan: None,
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
            Err(error @ (OperationError::TitleTooLong | OperationError::TextTooLong(_) | OperationError::ManyCriteria(_))) => {
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

/// What an edited draft changes. Dependencies are named by their ids here.
fn changes(sheet: &Sheet) -> Result<Changes, InvalidId> {
    Ok(Changes {
        title: Some(sheet.title.clone()),
        kind: Some(sheet.kind.clone()),
        priority: Some(sheet.priority),
        labels: Some(sheet.labels.clone()),
        depends: Some(sheet.depends.iter().map(|id| TicketId::parse(id)).collect::<Result<_, _>>()?),
        tests_may_change: Some(sheet.tests_may_change),
        scope: Some(sheet.scope.clone()),
        description: Some(sheet.description.clone()),
        acceptance: Some(sheet.acceptance.clone()),
        plan: None,
    })
}
