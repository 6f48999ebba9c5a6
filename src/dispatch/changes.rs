//! What a worker tells: what changed since its last round, and not what is as it was.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Workplace;
use crate::core::id::RepoName;
use crate::core::progress::{CareEvent, Event, Fate, Listener, RemoteEvent, What, WorkerEvent};

/// A remote that cannot be reached, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Away {
    pub(super) remote: String,
    pub(super) why: String,
}

/// Tells what changed since the last round: a worker looks every few seconds, and mostly finds what it found before.
pub(super) struct Changes<'a> {
    to: &'a dyn Listener,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// What stands in the way, in the last round and in this one.
    last: Vec<Event>,
    now: Vec<Event>,
    away: BTreeMap<RepoName, Away>,
    is_waiting: bool,
}

impl<'a> Changes<'a> {
    pub(super) fn new(to: &'a dyn Listener) -> Self {
        Self { to, told: Mutex::default() }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round is over.
    pub(super) fn next_round(&self) {
        let mut told = self.told();
        told.last = std::mem::take(&mut told.now);
    }

    /// Tells which remotes went away or came back, and when those that are away are asked again.
    pub(super) fn tell_remotes(&self, at: Workplace<'_>, away: &BTreeMap<RepoName, Away>, again: Option<Duration>) {
        let before = std::mem::take(&mut self.told().away);
        for entry in &at.workspace.registry.repos {
            let Some(now) = away.get(&entry.name) else { continue };
            if before.get(&entry.name) != Some(now) {
                let Away { remote, why } = now.clone();
                let seconds = again.map(|again| again.as_secs());
                at.tell(entry, What::Remote(RemoteEvent::AwayUntil { remote, why, seconds }));
            }
        }
        for entry in &at.workspace.registry.repos {
            if let Some(Away { remote, .. }) = before.get(&entry.name).filter(|_| !away.contains_key(&entry.name)) {
                at.tell(entry, What::Remote(RemoteEvent::Back { remote: remote.clone() }));
            }
        }
        self.told().away.clone_from(away);
    }

    /// Tells once that nothing is ready.
    pub(super) fn tell_waiting(&self) {
        if !std::mem::replace(&mut self.told().is_waiting, true) {
            self.to.hear(&Event::Worker(WorkerEvent::Waiting));
        }
    }
}

impl Listener for Changes<'_> {
    fn hear(&self, event: &Event) {
        let mut told = self.told();
        if stands(event) {
            told.now.push(event.clone());
            if told.last.contains(event) {
                return;
            }
        } else if event.line().is_some() {
            told.is_waiting = false;
        }
        drop(told);
        self.to.hear(event);
    }
}

/// Whether an event tells what keeps something from going on, and would be told in every round.
fn stands(event: &Event) -> bool {
    let Event::Work { what, .. } = event else { return false };
    match what {
        What::Care(care) => {
            matches!(care, CareEvent::Idle { .. } | CareEvent::AgentCannotStart { .. } | CareEvent::WaitsInVain { .. })
        }
        What::Ended { fate, .. } => matches!(fate, Fate::Held(_) | Fate::Waiting(_) | Fate::Failed(_) | Fate::Gone),
        What::Remote(_) | What::Trouble(_) => true,
        What::Reached(_)
        | What::Begun(_)
        | What::Tool(_)
        | What::Denied(_)
        | What::Usage(_)
        | What::Cut { .. }
        | What::Check(_)
        | What::Verdict { .. }
        | What::Question(_)
        | What::AttemptFailed { .. }
        | What::RunEnded { .. }
        | What::AttemptWaits { .. }
        | What::Landing(_)
        | What::Draft(_)
        | What::Scouted { .. }
        | What::Stands { .. } => false,
    }
}
