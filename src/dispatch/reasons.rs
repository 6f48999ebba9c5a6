//! Why a ticket is where it is: the words that events of its chain give, since it was last made ready.

use super::DispatchError;
use crate::core::event::EventKind;
use crate::core::outcome::Outcome;
use crate::core::plan::note::Note;
use crate::core::report::{self, Report};
use crate::ledger::{Entry, Ledger, LedgerError, replay};

/// Returns the text of the latest event that gives a reason for a stop.
///
/// # Errors
/// If the chain cannot be read.
pub(crate) fn last_reason(ledger: &Ledger<'_>, entry: &Entry) -> Result<String, DispatchError> {
    Ok(find_words(ledger, entry, &[EventKind::Fail, EventKind::Block, EventKind::Ask, EventKind::Release])?.unwrap_or_default())
}

/// Finds the words of the latest event of these kinds since the ticket was last made ready.
pub(super) fn find_words(ledger: &Ledger<'_>, entry: &Entry, kinds: &[EventKind]) -> Result<Option<String>, LedgerError> {
    Ok(find_report(ledger, entry, |kind, _| kinds.contains(&kind))?.map(|(_, words)| words))
}

/// Finds why the work failed last, since the ticket was last made ready: not what went wrong with an agent.
pub(super) fn find_failure(ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<String>, LedgerError> {
    let is_failure = |kind, outcome: Option<Outcome>| match kind {
        EventKind::Fail => true,
        EventKind::Release => outcome.is_some_and(Outcome::uses_up_attempt),
        _ => false,
    };
    Ok(find_report(ledger, entry, is_failure)?.map(|(_, words)| words))
}

/// The same for any events that have words, with how the run ended that the event is about.
fn find_report(
    ledger: &Ledger<'_>,
    entry: &Entry,
    is_wanted: impl Fn(EventKind, Option<Outcome>) -> bool,
) -> Result<Option<(Option<Outcome>, String)>, LedgerError> {
    let Some(links) = replay::links(ledger.repo, entry.tip, None)?.granted() else { return Ok(None) };
    for link in links {
        let kind = link.record.event.action.kind();
        let report = Report::read(&link.record.event.text);
        if is_wanted(kind, report.outcome) && !report.words.trim().is_empty() {
            return Ok(Some((report.outcome, for_people(report.words))));
        }
        if matches!(kind, EventKind::Unblock | EventKind::Approve) {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Words without the line that says which step of a plan they are about, unless nothing else says it.
fn for_people(words: &str) -> String {
    match Note::read(words) {
        (Some(Note::Refused { step }), why) => format!("step `{step}` was refused: {why}"),
        (Some(_), rest) if !rest.is_empty() => rest.to_owned(),
        _ => words.to_owned(),
    }
}

/// What an agent asked last, and the answer, since the ticket was last made ready: not what a plan asks.
///
/// # Errors
/// If the chain cannot be read.
pub(super) fn find_answer(ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<(String, String)>, LedgerError> {
    let Some(links) = replay::links(ledger.repo, entry.tip, None)?.granted() else { return Ok(None) };
    let mut answer = None;
    for link in links {
        let event = &link.record.event;
        let (kind, words) = (event.action.kind(), report::words(event));
        if matches!(kind, EventKind::Unblock | EventKind::Approve) {
            return Ok(None);
        }
        if kind == EventKind::Answer {
            answer = Some(words.to_owned());
        } else if kind == EventKind::Ask
            && let (Some(answer), None) = (answer.take(), Note::read(words).0)
        {
            return Ok(Some((words.to_owned(), answer)));
        }
    }
    Ok(None)
}

/// How the last run on a ticket ended that gave it back, and its words.
///
/// # Errors
/// If the chain cannot be read.
pub(super) fn find_end(ledger: &Ledger<'_>, entry: &Entry) -> Result<(Option<Outcome>, String), LedgerError> {
    Ok(find_report(ledger, entry, |kind, _| matches!(kind, EventKind::Release | EventKind::Fail))?.unwrap_or_default())
}
