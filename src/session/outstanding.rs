//! Phase 3: lists the tickets that are open, blocked and waiting, and puts the questions of agents.

use std::collections::BTreeMap;

use super::{Asked, Said, Session, SessionError, event};
use crate::core::event::{EventKind, State};
use crate::core::progress::{SessionEvent, What};
use crate::core::registry::RepoEntry;
use crate::core::report;
use crate::core::ruling::Ruling;
use crate::core::session::Phase;
use crate::core::text::{first_line, plural};
use crate::dispatch::last_reason;
use crate::ledger::{Entry, Ledger, replay};
use crate::operations::{OperationError, plan};

/// How many events of a ticket are shown with a question.
const EVENTS: usize = 4;

impl Session<'_> {
    pub(super) fn outstanding(&mut self) -> Result<(), SessionError> {
        let mut counts: BTreeMap<State, usize> = BTreeMap::new();
        let mut stands = Vec::new();
        let (mut told, mut unchanged) = (BTreeMap::new(), 0);
        for (entry, repo) in self.places() {
            let ledger = Ledger::open(&repo)?;
            let rows = ledger.rows()?.tickets;
            for row in rows.iter().filter(|row| !row.ticket.state.is_terminal()) {
                let state = row.ticket.state;
                *counts.entry(state).or_default() += 1;
                if !matches!(state, State::Blocked | State::AwaitingInput) {
                    continue;
                }
                if state == State::Blocked {
                    let tip = row.tip.to_string();
                    let is_known = self.seen.told.get(row.id.as_str()) == Some(&tip);
                    told.insert(row.id.to_string(), tip);
                    if is_known {
                        unchanged += 1;
                        continue;
                    }
                }
                let Some(found) = ledger.find(&row.id)? else { continue };
                let (title, words) = (row.ticket.content.title.clone(), last_reason(&ledger, &found)?);
                stands.push(event(entry, What::Stands { ticket: row.id.clone(), state, title, words }));
            }
        }
        self.seen.told = told;
        let outstanding = SessionEvent::Outstanding(counts.into_iter().collect());
        let what = outstanding.line().unwrap_or_default();
        self.tell(outstanding);
        for former in self.workspace.list_former()? {
            let count = former.rows().iter().filter(|row| !row.ticket.state.is_terminal()).count();
            if count > 0 {
                self.tell(SessionEvent::LeftOut(former.name, count));
            }
        }
        if unchanged > 0 {
            self.tell(SessionEvent::StillBlocked { count: unchanged });
        }
        for (brand, said) in self.seen.said.clone() {
            if !said.waiting.is_empty() {
                self.tell(SessionEvent::WaitsFor { brand, date: said.date, words: said.waiting });
            }
        }
        let lines = self.tell_all(&stands);
        self.record(Phase::Outstanding, &what, &lines.join("\n"), &[])?;
        self.put_questions().map(drop)
    }

    /// Puts the questions of agents to whoever is there. Returns how many were answered.
    pub(super) fn put_questions(&mut self) -> Result<usize, SessionError> {
        if !self.desk.is_attended() || self.has_left_questions {
            return Ok(0);
        }
        let mut answered = Vec::new();
        for (entry, repo) in self.places() {
            let ledger = Ledger::open(&repo)?;
            for row in ledger.rows()?.tickets.iter().filter(|row| row.ticket.state == State::AwaitingInput) {
                if self.has_left_questions || self.unanswered.contains(&row.id) {
                    continue;
                }
                let Some(found) = ledger.find(&row.id)? else { continue };
                let asked = asked(entry, &ledger, &found)?;
                match self.answer(&ledger, &found, asked)? {
                    Said::Text(words) => {
                        self.summary.answered += 1;
                        answered.push(format!("{}: {}", row.id, first_line(&words)));
                    }
                    Said::Nothing | Said::NothingMore => drop(self.unanswered.insert(row.id.clone())),
                    Said::Quit => self.has_left_questions = true,
                }
            }
        }
        if !answered.is_empty() {
            let what = format!("{} answered", plural(answered.len(), "question", "questions"));
            self.record(Phase::Outstanding, &what, &answered.join("\n"), &[])?;
        }
        Ok(answered.len())
    }

    /// Puts one question, and writes the answer at once.
    fn answer(&self, ledger: &Ledger<'_>, found: &Entry, mut asked: Asked) -> Result<Said, SessionError> {
        loop {
            let said = self.desk.reply(&asked)?;
            let Said::Text(words) = &said else { return Ok(said) };
            match plan::answer(ledger, &found.id, words) {
                Ok(_) => return Ok(said),
                Err(error @ (OperationError::TextTooLong(_) | OperationError::Plan(_))) => asked.doing = vec![error.to_string()],
                // It was answered or taken back in the meantime.
                Err(OperationError::Refused { .. }) => return Ok(Said::Nothing),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The question of a ticket, and what its agent was doing.
fn asked(entry: &RepoEntry, ledger: &Ledger<'_>, found: &Entry) -> Result<Asked, SessionError> {
    let ticket = &found.ticket;
    let attempt = ledger.used(found)?.attempts + 1;
    let mut doing = vec![format!("attempt {attempt} of {}", ledger.policy.max_attempts)];
    if !ticket.steps.is_empty() {
        let steps: Vec<_> = ticket.steps.iter().map(|(step, state)| format!("{step} {state}")).collect();
        doing.push(format!("steps: {}", steps.join(", ")));
    }
    if let Ruling::Granted(links) = replay::links(ledger.repo, found.tip, None)? {
        let is_told =
            |kind: EventKind| matches!(kind, EventKind::Comment | EventKind::Fail | EventKind::Release | EventKind::Answer);
        let mut last: Vec<_> = links
            .iter()
            .map(|link| &link.record.event)
            .filter(|event| is_told(event.action.kind()) && !report::words(event).is_empty())
            .take(EVENTS)
            .map(|event| format!("{}: {}", event.action.kind(), first_line(report::words(event))))
            .collect();
        last.reverse();
        doing.extend(last);
    }
    Ok(Asked {
        id: found.id.to_string(),
        repo: entry.name.clone(),
        title: ticket.content.title.clone(),
        doing,
        question: last_reason(ledger, found)?,
    })
}
