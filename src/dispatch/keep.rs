//! Keeps a ticket while its run lives: the lease is short, and the process that works renews it, however quiet its agent is.
//!
//! Whoever dies renews no more, and the ticket is free for others once the lease is over. Whoever was cut off learns on its
//! return that it lost the ticket: its agent is ended, and its work is kept and handed in nowhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::{DispatchError, Site, Workplace};
use crate::agent::process::sweep;
use crate::core::event::{Action, EventKind, Role, State};
use crate::core::fsm::rule_of;
use crate::core::id::{RunId, TicketId};
use crate::core::progress::{CareEvent, LandingEvent, Trouble, What};
use crate::core::ruling::Ruling;
use crate::git::remote::Fetched;
use crate::ledger::{Draft, Entry, Ledger, LedgerError, replay, shared_remote};
use crate::local::runs::{self, RunRecord};
use crate::local::{held, worktrees};
use crate::sync::{self, submit_shared};

/// How often at most it is looked whether the lease is to be renewed; that costs one file.
const MAX_TICK: Duration = Duration::from_secs(5);
/// The longest pause after a renewal that failed.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// For how long submitted work that this machine may not verify or land waits for others, in seconds.
const PARKED: u64 = 2 * 3600;

/// Whether a run still has its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Yes,
    /// The run itself is done with it.
    Over,
    /// Somebody took it away.
    Lost,
}

/// Acts while the lease of a run is renewed. If the ticket is lost meanwhile, whatever runs at the place of the act is ended, and the
/// second answer says so.
pub(super) fn while_alive<T, E: From<DispatchError>>(
    site: &Site<'_>,
    id: &TicketId,
    run: &RunId,
    act: impl FnOnce(&Site<'_>) -> Result<T, E>,
) -> (Result<T, E>, bool) {
    let is_lost = AtomicBool::new(false);
    let end = End::default();
    let part = site.stop.part();
    let at = Workplace { workspace: site.workspace, env: site.env, stop: &part, listener: site.listener, resting: site.resting };
    let entry = site.entry;
    let done = std::thread::scope(|scope| {
        let (end, is_lost) = (&end, &is_lost);
        scope.spawn(move || {
            // The objects that a repository has read belong to one thread.
            let opened = Site::open(at, entry).map(|site| site.for_ticket(id));
            if let Ok(site) = opened
                && watch(&site, id, run, end) == Kept::Lost
            {
                is_lost.store(true, Ordering::Relaxed);
                site.stop.interrupt();
            }
        });
        let _ends = Ends(end);
        let site = Site::open(at, entry)?.for_ticket(id);
        act(&site)
    });
    (done, is_lost.into_inner())
}

/// Acts on a ticket in the name of a person. If this clone holds it, its lease is renewed meanwhile: checks may take longer than what is
/// left of it.
///
/// # Errors
/// If the ledger cannot be read, and what `act` fails with.
pub(crate) fn while_held_here<T, E: From<DispatchError>>(
    site: &Site<'_>,
    id: &TicketId,
    act: impl FnOnce(&Site<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let found = site.ledger().and_then(|ledger| ledger.find(id)).map_err(DispatchError::from)?;
    let is_here = |run: &RunId| runs::has(&site.repo, run) || held::find(&site.repo, id).as_deref() == Some(run.as_str());
    match found.and_then(|entry| entry.ticket.run).filter(is_here) {
        Some(run) => {
            let (done, is_lost) = while_alive(site, id, &run, act);
            if is_lost {
                site.tell(What::Care(CareEvent::ClaimLost { by: None }));
            }
            done
        }
        None => act(site),
    }
}

/// Says when the work is over.
#[derive(Default)]
struct End {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl End {
    /// Waits for a time. Returns whether the work is over by then.
    fn wait(&self, time: Duration) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_over, time, |is_over| !*is_over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Ends the watch, also if the work panics.
struct Ends<'a>(&'a End);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        *self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

/// Renews the lease whenever it is time, until the work is over or the ticket is no longer held.
fn watch(site: &Site<'_>, id: &TicketId, run: &RunId, end: &End) -> Kept {
    let tick = (Duration::from_secs(site.entry.lease) / 30).min(MAX_TICK);
    let mut pause = tick;
    let mut said = None;
    while !end.wait(pause) && !site.stop.is_interrupted() {
        match renew(site, id, run) {
            Ok(Kept::Yes) => {
                pause = tick;
                said = None;
            }
            Ok(gone) => return gone,
            Err(error) => {
                // It is tried again, also for as long as a remote is away; what is said is said once.
                let trouble = Trouble::of(&error);
                if said.as_ref() != Some(&trouble) {
                    site.tell(What::Care(CareEvent::LeaseNotRenewed { trouble: trouble.clone() }));
                    said = Some(trouble);
                }
                pause = pause.saturating_mul(2).min(MAX_PAUSE);
            }
        }
    }
    Kept::Yes
}

/// Renews the lease of a run if less than a third of it is left; where there is a shared remote, there first.
///
/// # Errors
/// If the remote cannot be reached, or git or the ledger fails.
pub(super) fn renew(site: &Site<'_>, id: &TicketId, run: &RunId) -> Result<Kept, DispatchError> {
    renew_for(site, id, run, site.entry.lease)
}

/// Keeps submitted work for those who may verify it, while nobody works on it here.
///
/// # Errors
/// As for [`renew`].
pub(super) fn park(site: &Site<'_>, id: &TicketId, run: &RunId) -> Result<(), DispatchError> {
    let is_submitted = site.ledger()?.find(id)?.is_some_and(|entry| entry.ticket.state == State::Verifying);
    if is_submitted {
        renew_for(site, id, run, PARKED)?;
    }
    Ok(())
}

fn renew_for(site: &Site<'_>, id: &TicketId, run: &RunId, seconds: u64) -> Result<Kept, DispatchError> {
    let ledger = site.ledger()?;
    let kept = find_kept(&ledger, id, run)?;
    let (Kept::Yes, Some(entry)) = (kept, ledger.find(id)?) else { return Ok(kept) };
    let Some(lease) = entry.ticket.lease.filter(|_| rule_of(EventKind::Renew).allows(entry.ticket.state)) else {
        return Ok(kept);
    };
    let now = site.repo.identity()?.time;
    if lease.0.saturating_sub(now.0) >= i64::try_from(seconds / 3).unwrap_or(i64::MAX) {
        return Ok(kept);
    }
    let lease = now.plus(seconds);
    match submit_shared(&ledger, id, &Draft::new(Action::Renew { lease }, Role::Executor).by(run)) {
        Ok(Ruling::Granted(_)) => Ok(Kept::Yes),
        // What was not known here, such as who took it, is by now.
        Ok(Ruling::Denied(_)) => find_kept(&ledger, id, run),
        // What others did with it may stand on what only a whole fetch brings, such as the branch on which it landed.
        Err(error @ LedgerError::Illegal { .. }) => match shared_remote(&site.repo) {
            Some(remote) if sync::fetch(&site.repo, &remote)? == Fetched::Done => {
                sync::fold(&site.repo, &remote)?;
                match find_kept(&site.ledger()?, id, run)? {
                    Kept::Yes => Err(error.into()),
                    gone => Ok(gone),
                }
            }
            _ => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// Whether somebody took the ticket of a run away, as far as is known here.
///
/// # Errors
/// If the ledger cannot be read.
pub(super) fn is_lost(site: &Site<'_>, id: &TicketId, run: &RunId) -> Result<bool, DispatchError> {
    Ok(find_kept(&site.ledger()?, id, run)? == Kept::Lost)
}

/// Whether a run has its ticket, as far as is known here.
fn find_kept(ledger: &Ledger<'_>, id: &TicketId, run: &RunId) -> Result<Kept, DispatchError> {
    let Some(entry) = ledger.find(id)? else { return Ok(Kept::Over) };
    let is_ours = entry.ticket.run.as_ref() == Some(run);
    Ok(match entry.ticket.state {
        state if is_ours && state.is_held() => Kept::Yes,
        // Another run landed it.
        State::Merged if !is_ours => Kept::Lost,
        State::Merged | State::Blocked | State::Rejected | State::Draft => Kept::Over,
        state if !state.is_terminal() && was_given_back(ledger, &entry, run)? => Kept::Over,
        State::Ready
        | State::Claimed
        | State::Running
        | State::AwaitingInput
        | State::Verifying
        | State::Verified
        | State::Canceled => Kept::Lost,
    })
}

/// Whether the run itself made its ticket ready again.
///
/// # Errors
/// If the chain cannot be read.
pub(super) fn was_given_back(ledger: &Ledger<'_>, entry: &Entry, run: &RunId) -> Result<bool, DispatchError> {
    let Some(links) = replay::links(ledger.repo, entry.tip, None)?.granted() else { return Ok(false) };
    let release = links
        .iter()
        .find(|link| matches!(link.record.event.action.kind(), EventKind::Release | EventKind::Expire | EventKind::Claim));
    Ok(release
        .is_some_and(|link| link.record.event.action.kind() == EventKind::Release && link.record.event.by.as_ref() == Some(run)))
}

/// Keeps the work of a run that lost its ticket, and names it.
///
/// # Errors
/// If git cannot write.
pub(super) fn lost(site: &Site<'_>, id: &TicketId, record: &RunRecord) -> Result<(), DispatchError> {
    sweep(record.run());
    let ledger = site.ledger()?;
    let by = ledger.find(id)?.and_then(|entry| entry.ticket.run).filter(|run| run != record.run());
    site.tell(What::Care(CareEvent::ClaimLost { by }));
    let worktree = site.worktree(id);
    if let Some(trunk) = ledger.find_trunk_tip()?.filter(|_| worktree.is_dir())
        && let Some(ref_name) = worktrees::rescue(&site.repo, id, &worktree, trunk)?
    {
        site.tell(What::Landing(LandingEvent::Kept { path: worktree, ref_name }));
    }
    Ok(())
}
