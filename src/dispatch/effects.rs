//! Watches what an agent does and not what it says: a run without effects ends, and so does one that fills the disk.

use std::time::Duration;

use crate::agent::Brief;
use crate::core::budget::{Amounts, words};
use crate::core::outcome::{Cap, Outcome};
use crate::local::effects::{Look, look};

/// How much longer than a look took the next one is waited for.
const RATIO: u32 = 20;

/// What is known of the effects of a run.
pub(super) struct Effects<'a> {
    brief: &'a Brief,
    /// After how long without effects a run ends.
    patience: Option<Duration>,
    disk: Option<u64>,
    first: Look,
    last: Look,
    changed: Duration,
    next: Duration,
}

impl<'a> Effects<'a> {
    pub(super) fn begin(brief: &'a Brief, limits: &Amounts, no_progress: Option<u64>) -> Self {
        let (patience, disk) = (no_progress.map(Duration::from_secs), limits.get(Cap::Disk));
        let mut effects = Self {
            brief,
            patience,
            disk,
            first: Look::default(),
            last: Look::default(),
            changed: Duration::ZERO,
            next: Duration::ZERO,
        };
        if effects.is_wanted() {
            effects.first = effects.look();
            effects.last = effects.first;
        }
        effects
    }

    fn is_wanted(&self) -> bool {
        self.patience.is_some() || self.disk.is_some()
    }

    fn look(&self) -> Look {
        look(&[&self.brief.worktree, &self.brief.outbox])
    }

    /// Why a run is to end that has lasted so long, if it is; `clock` says how long by now.
    pub(super) fn find_end(&mut self, clock: impl Fn() -> Duration) -> Option<(Outcome, String)> {
        let now = clock();
        if !self.is_wanted() || now < self.next {
            return None;
        }
        let seen = self.look();
        self.next = clock() + clock().saturating_sub(now) * RATIO;
        if seen.mark != self.last.mark {
            self.changed = now;
            self.last = seen;
        }
        let grown = seen.bytes.saturating_sub(self.first.bytes);
        if let Some(limit) = self.disk.filter(|limit| grown > *limit) {
            let why = format!("its worktree grew by {} of {}", words(Cap::Disk, grown), words(Cap::Disk, limit));
            return Some((Outcome::OverBudget(Cap::Disk), why));
        }
        let quiet = now.saturating_sub(self.changed);
        self.patience
            .filter(|patience| quiet > *patience)
            .map(|patience| (Outcome::NoProgress, format!("it changed no file for {}", words(Cap::Minutes, patience.as_secs()))))
    }
}
