//! Whose turn it is to land where several machines do: who is quick would otherwise outrun who checks for long, again and
//! again.

use std::cmp::Reverse;
use std::time::Duration;

use super::{DispatchError, Site};
use crate::core::event::{EventKind, State};
use crate::core::id::{ObjectId, TicketId};
use crate::core::time::Timestamp;
use crate::ledger::{Entry, Ledger, replay};
use crate::runner::process::{is_interrupted, pause};

/// How much longer than its verifications take a ticket that was outrun is waited for, in seconds.
const PATIENCE: u64 = 3;
/// How far another machine's clock may be ahead and still be believed, in seconds.
const MAX_AHEAD: u64 = 30;

/// How a ticket that is handed in has fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outrun {
    /// How often the branch moved while it was verified.
    times: usize,
    /// When it moved last.
    last: Timestamp,
    /// How long a verification takes, in seconds.
    took: u64,
}

/// The ticket that this one lets go first: one that the branch moved away under more often, and not long enough ago that
/// whoever verifies it may be gone.
///
/// # Errors
/// When git or the ledger fails.
pub(super) fn find_first(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
) -> Result<Option<(TicketId, Duration)>, DispatchError> {
    let now = site.repo.identity()?.time;
    let own = outrun(ledger, entry.tip)?.map_or(0, |outrun| outrun.times);
    let mut first = (own, Reverse(entry.id.clone()));
    let mut pace = None;
    for row in ledger.rows()?.tickets {
        if row.id == entry.id || !matches!(row.ticket.state, State::Verifying | State::Verified) {
            continue;
        }
        let Some(tip) = site.repo.find_ref(&row.id.ref_name())? else { continue };
        let Some(other) = outrun(ledger, tip)? else { continue };
        // What others say is believed as far as it can be true.
        let took = other.took.min(site.entry.timeout);
        let is_awaited = now <= other.last.plus(2 * took + PATIENCE) && other.last <= now.plus(MAX_AHEAD);
        let key = (other.times, Reverse(row.id));
        if is_awaited && key > first {
            first = key;
            pace = Some(Duration::from_millis(took * 250).clamp(Duration::from_millis(200), Duration::from_secs(5)));
        }
    }
    Ok(pace.map(|pace| (first.1.0, pace)))
}

/// Waits a while for the turn of another.
///
/// # Errors
/// When somebody interrupts.
pub(super) fn wait(time: Duration) -> Result<(), DispatchError> {
    pause(time, is_interrupted);
    if is_interrupted() { Err(DispatchError::Interrupted) } else { Ok(()) }
}

/// How a ticket has fared since it was handed in; nothing where the branch did not move.
fn outrun(ledger: &Ledger<'_>, tip: ObjectId) -> Result<Option<Outrun>, DispatchError> {
    let Ok(links) = replay::links(ledger.repo, tip, None)? else { return Ok(None) };
    let (mut times, mut last, mut passed, mut took) = (0, None, None, None);
    for link in links {
        let time = link.commit.time();
        let kind = link.record.event.action.kind();
        match kind {
            EventKind::Pass => passed = passed.or(Some(time)),
            EventKind::Stale | EventKind::Submit => {
                took = took.or_else(|| passed.map(|passed| u64::try_from(passed.0 - time.0).unwrap_or(0)));
                if kind == EventKind::Submit {
                    break;
                }
                times += 1;
                last = last.or(Some(time));
            }
            _ => {}
        }
    }
    Ok(last.map(|last| Outrun { times, last, took: took.unwrap_or(0) }))
}
