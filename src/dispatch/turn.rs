//! The order in which several machines land: without it, a machine with quick checks would overtake one with slow checks
//! again and again.

use std::cmp::Reverse;
use std::time::Duration;

use super::{DispatchError, Site};
use crate::core::event::{EventKind, State};
use crate::core::id::{ObjectId, TicketId};
use crate::core::progress::{LandingEvent, What};
use crate::core::time::Timestamp;
use crate::ledger::{Entry, Ledger, replay};

/// How long to wait for an overtaken ticket, in addition to twice its verification time, in seconds.
const PATIENCE: u64 = 3;
/// How far another machine's clock may be ahead and still be believed, in seconds.
const MAX_AHEAD: u64 = 30;

/// How a submitted ticket was overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outrun {
    /// How often the branch moved during the verification.
    times: usize,
    /// When it last moved.
    last: Timestamp,
    /// How long one verification takes, in seconds.
    took: u64,
}

/// How long a landing has waited for other tickets, and for which one last.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    waited: Duration,
    waits_for: Option<TicketId>,
}

impl Patience {
    /// Waits for a while if it is another ticket's turn. Returns whether it was.
    ///
    /// # Errors
    /// If git or the ledger fails, or if the user interrupts.
    pub(super) fn lets_another_go_first(
        &mut self,
        site: &Site<'_>,
        ledger: &Ledger<'_>,
        entry: &Entry,
    ) -> Result<bool, DispatchError> {
        // Whatever others say, and who is to end does not wait.
        if site.stop.is_draining() || self.waited.as_secs() > patience(site.entry.timeout) {
            return Ok(false);
        }
        let Some((first, pace)) = find_first(site, ledger, entry)? else { return Ok(false) };
        if self.waits_for.as_ref() != Some(&first) {
            site.tell(What::Landing(LandingEvent::LetsFirst(first.clone())));
            self.waits_for = Some(first);
        }
        site.stop.pause(pace);
        self.waited += pace;
        if site.stop.is_interrupted() { Err(DispatchError::Interrupted) } else { Ok(true) }
    }
}

/// Finds the ticket that this one lets land first, and how long to wait before looking again. That ticket was overtaken more
/// often, or as often and its id is smaller, and so recently that its machine is probably still there.
fn find_first(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<(TicketId, Duration)>, DispatchError> {
    let now = replay::system_clock();
    let own = outrun(ledger, entry.tip)?.map_or(0, |outrun| outrun.times);
    let mut first = (own, Reverse(entry.id.clone()));
    let mut pace = None;
    for row in ledger.rows()?.tickets {
        if row.id == entry.id || !matches!(row.ticket.state, State::Verifying | State::Verified) {
            continue;
        }
        let Some(other) = outrun(ledger, row.tip)? else { continue };
        // Believe what other machines say only as far as it can be true.
        let took = other.took.min(site.entry.timeout);
        let is_awaited = now <= other.last.plus(patience(took)) && other.last <= now.plus(MAX_AHEAD);
        let key = (other.times, Reverse(row.id));
        if is_awaited && key > first {
            first = key;
            pace =
                Some(Duration::from_millis(took.saturating_mul(250)).clamp(Duration::from_millis(200), Duration::from_secs(5)));
        }
    }
    Ok(pace.map(|pace| (first.1.0, pace)))
}

/// How many seconds to wait for a ticket with this verification time.
fn patience(took: u64) -> u64 {
    took.saturating_mul(2).saturating_add(PATIENCE)
}

/// How a ticket was overtaken since it was submitted; `None` if the branch did not move.
fn outrun(ledger: &Ledger<'_>, tip: ObjectId) -> Result<Option<Outrun>, DispatchError> {
    let Some(links) = replay::links(ledger.repo, tip, None)?.granted() else { return Ok(None) };
    let (mut times, mut last, mut passed, mut took) = (0, None, None, None);
    for link in links {
        let time = link.commit.time();
        let kind = link.record.event.action.kind();
        match kind {
            EventKind::Pass => passed = passed.or(Some(time)),
            EventKind::Stale | EventKind::Submit => {
                took = took.or_else(|| passed.map(|passed| u64::try_from(passed.0.saturating_sub(time.0)).unwrap_or(0)));
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
