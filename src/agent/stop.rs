//! The wish to end, passed down to everything that takes long: interrupted, or draining.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::git::process::{Heed, Wish, heed};

/// Within this time a second interrupt is the first one, which came by another way.
const SAME: Duration = Duration::from_millis(400);

/// When this process was interrupted first: each process that is started renews the listener.
static FIRST: OnceLock<Instant> = OnceLock::new();

/// Says whether whoever runs this wants it to end; its copies say the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    asked: watch::Sender<Asked>,
    /// That of whoever started this part of the work.
    above: Option<watch::Sender<Asked>>,
}

/// What was asked for; each stays true once it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Asked {
    is_interrupted: bool,
    is_draining: bool,
}

impl Stop {
    /// For a part of the work: it ends when the whole does, and can be ended alone.
    #[must_use]
    pub(crate) fn part(&self) -> Self {
        Self { asked: watch::Sender::default(), above: Some(self.above.clone().unwrap_or_else(|| self.asked.clone())) }
    }

    /// That of the whole work.
    fn whole(&self) -> Self {
        Self { asked: self.above.clone().unwrap_or_else(|| self.asked.clone()), above: None }
    }

    fn has(&self, is_so: impl Fn(&Asked) -> bool) -> bool {
        is_so(&self.asked.borrow()) || self.above.as_ref().is_some_and(|above| is_so(&above.borrow()))
    }

    /// From now on an interrupt is remembered, also while no process runs; a second one ends this process at once.
    pub(crate) fn heed_interrupts(&self) {
        let stop = self.whole();
        heed(Wish::Interrupt, move || {
            if stop.is_interrupted() {
                // Whoever interrupts twice does not want to wait for anything. As `git os`, one Ctrl-C comes twice: git passes it on.
                let is_same = FIRST.get().is_some_and(|first: &Instant| first.elapsed() < SAME);
                return if is_same { Heed::GoOn } else { Heed::End };
            }
            FIRST.get_or_init(clock);
            stop.interrupt();
            Heed::EndGit
        });
    }

    /// From now on SIGTERM is a wish to end, and not the end, and is answered; a second one interrupts.
    pub(crate) fn heed_termination(&self, answer: impl Fn() + Send + 'static) {
        let stop = self.whole();
        heed(Wish::Terminate, move || {
            if stop.is_draining() {
                stop.interrupt();
                return Heed::EndGit;
            }
            stop.drain();
            answer();
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
        self.has(|asked| asked.is_interrupted)
    }

    /// Whether nothing new may be begun.
    #[must_use]
    pub(crate) fn is_draining(&self) -> bool {
        self.has(|asked| asked.is_draining)
    }

    /// Whether either was asked for.
    #[must_use]
    pub(crate) fn is_asked(&self) -> bool {
        self.has(|asked| *asked != Asked::default())
    }

    /// Returns once somebody interrupts.
    pub(super) async fn interrupted(&self) {
        let above = async {
            match &self.above {
                Some(above) => interruption(above).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = interruption(&self.asked) => {}
            () = above => {}
        }
    }

    /// Waits for a time, or until either is asked for.
    #[expect(clippy::disallowed_methods, reason = "what is waited for happens on another machine")]
    pub(crate) fn pause(&self, time: Duration) {
        const STEP: Duration = Duration::from_millis(100);
        let mut left = longest().map_or(time, |longest| time.min(longest));
        while !left.is_zero() && !self.is_asked() {
            std::thread::sleep(left.min(STEP));
            left = left.saturating_sub(STEP);
        }
    }
}

/// The longest pause, where a test of a debug build does not want to wait.
#[expect(clippy::disallowed_methods, reason = "a test says it to the program that it starts")]
fn longest() -> Option<Duration> {
    let told = cfg!(debug_assertions).then(|| std::env::var("GIT_OS_MAX_PAUSE").ok()?.parse().ok()).flatten();
    told.map(Duration::from_millis)
}

#[expect(clippy::disallowed_methods, reason = "two signals are one if they come together")]
fn clock() -> Instant {
    Instant::now()
}

/// Returns once somebody interrupts by this sender.
async fn interruption(asked: &watch::Sender<Asked>) {
    // Whoever waits has the sender, so waiting cannot fail.
    drop(asked.subscribe().wait_for(|asked| asked.is_interrupted).await);
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

    #[test]
    fn a_part_ends_with_the_whole_and_the_whole_does_not_end_with_a_part() {
        let whole = Stop::default();
        let part = whole.part();
        part.interrupt();
        assert!(part.is_interrupted() && !whole.is_interrupted() && !whole.part().is_interrupted());
        let other = whole.part();
        whole.interrupt();
        assert!(other.is_interrupted());
    }
}
