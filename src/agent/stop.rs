//! The wish to end, passed down to everything that takes long: interrupted, or draining.

use std::time::Duration;

use tokio::sync::watch;

use crate::git::process::{Heed, Wish, heed};

/// Says whether whoever runs this wants it to end; its copies say the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    asked: watch::Sender<Asked>,
}

/// What was asked for; each stays true once it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Asked {
    is_interrupted: bool,
    is_draining: bool,
}

impl Stop {
    /// From now on an interrupt is remembered, also while no process runs; a second one ends this process at once.
    pub(crate) fn heed_interrupts(&self) {
        let stop = self.clone();
        heed(Wish::Interrupt, move || {
            if stop.is_interrupted() {
                // Whoever interrupts twice does not want to wait for anything.
                return Heed::End;
            }
            stop.interrupt();
            Heed::EndGit
        });
    }

    /// From now on SIGTERM is a wish to end, and not the end.
    pub(crate) fn heed_termination(&self) {
        let stop = self.clone();
        heed(Wish::Terminate, move || {
            stop.drain();
            Heed::GoOn
        });
    }

    /// Ends what runs, and starts nothing more.
    pub(crate) fn interrupt(&self) {
        self.asked.send_modify(|asked| asked.is_interrupted = true);
    }

    /// Begins nothing new; what is under way is finished first.
    pub(crate) fn drain(&self) {
        self.asked.send_modify(|asked| asked.is_draining = true);
    }

    /// Whether somebody interrupted.
    #[must_use]
    pub(crate) fn is_interrupted(&self) -> bool {
        self.asked.borrow().is_interrupted
    }

    /// Whether nothing new may be begun.
    #[must_use]
    pub(crate) fn is_draining(&self) -> bool {
        self.asked.borrow().is_draining
    }

    /// Whether either was asked for.
    #[must_use]
    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow() != Asked::default()
    }

    /// Returns once somebody interrupts.
    pub(super) async fn interrupted(&self) {
        // The sender is `self`, so waiting cannot fail.
        drop(self.asked.subscribe().wait_for(|asked| asked.is_interrupted).await);
    }

    /// Waits for a time, or until either is asked for.
    #[expect(clippy::disallowed_methods, reason = "what is waited for happens on another machine")]
    pub(crate) fn pause(&self, time: Duration) {
        const STEP: Duration = Duration::from_millis(100);
        let mut left = time;
        while !left.is_zero() && !self.is_asked() {
            std::thread::sleep(left.min(STEP));
            left = left.saturating_sub(STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_say_the_same_and_nothing_is_taken_back() {
        let stop = Stop::default();
        let copy = stop.clone();
        assert!(!copy.is_asked());
        stop.drain();
        assert!(copy.is_asked() && copy.is_draining() && !copy.is_interrupted());
        copy.interrupt();
        assert!(stop.is_draining() && stop.is_interrupted());
    }
}
