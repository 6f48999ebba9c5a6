//! Why a ticket is where it is: the words that events of its chain give, since it was last made ready.

use super::DispatchError;
use crate::core::event::EventKind;
use crate::core::outcome::Outcome;
use crate::core::report::Report;
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
    Ok(find_report(ledger, entry, is_failure)?.map(|(_, words)| words).filter(|words| !words.is_empty()))
}

/// The same for any events, with how the run ended that the event is about.
fn find_report(
    ledger: &Ledger<'_>,
    entry: &Entry,
    is_wanted: impl Fn(EventKind, Option<Outcome>) -> bool,
) -> Result<Option<(Option<Outcome>, String)>, LedgerError> {
    let Some(links) = replay::links(ledger.repo, entry.tip, None)?.granted() else { return Ok(None) };
    for link in links {
        let kind = link.record.event.action.kind();
        let report = Report::read(&link.record.event.text);
        if is_wanted(kind, report.outcome) {
            return Ok(Some((report.outcome, report.words.to_owned())));
        }
        if matches!(kind, EventKind::Unblock | EventKind::Approve) {
            return Ok(None);
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
