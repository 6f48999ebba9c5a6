//! Lines of progress that move on the screen: lanes of work, tasks that appear when they take long, and counts.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Ui;
use crate::core::text::escape;

impl Ui {
    /// A line of progress that people can watch; for everybody else there is one line when it ends.
    #[must_use]
    pub(crate) fn lane(&self, name: &str) -> Lane {
        let lane = self.hidden(name);
        if let Some(line) = &lane.line {
            line.appear();
        }
        lane
    }

    /// The same for what mostly takes no time: it appears after a second.
    #[must_use]
    pub(crate) fn task(&self, name: &str) -> Lane {
        let lane = self.hidden(name);
        if let Some(line) = lane.line.clone() {
            std::thread::spawn(move || line.appear_late());
        }
        lane
    }

    fn hidden(&self, name: &str) -> Lane {
        let line = self.is_live.then(|| {
            Arc::new(Line {
                lanes: self.lanes.clone(),
                name: escape(name),
                shown: Mutex::new(Shown { text: String::new(), since: now(), bar: None, is_over: false }),
                changed: Condvar::new(),
            })
        });
        Lane { line }
    }

    /// Counts repositories, as a task.
    #[must_use]
    pub(crate) fn count(&self, name: &str, total: usize) -> Count {
        Count { lane: self.task(name), total, done: 0 }
    }
}

/// One line of live progress; dropped, it is gone.
pub(crate) struct Lane {
    line: Option<Arc<Line>>,
}

struct Line {
    lanes: MultiProgress,
    name: String,
    shown: Mutex<Shown>,
    changed: Condvar,
}

struct Shown {
    text: String,
    /// Since when it says that.
    since: Instant,
    bar: Option<ProgressBar>,
    is_over: bool,
}

/// How long something takes that is worth a line.
const LATE: Duration = Duration::from_secs(1);

impl Line {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn appear(&self) {
        self.draw(&mut self.shown());
    }

    /// Appears after a while, if it is not over by then.
    fn appear_late(&self) {
        let waited = self.changed.wait_timeout_while(self.shown(), LATE, |shown| !shown.is_over);
        let mut shown = waited.unwrap_or_else(PoisonError::into_inner).0;
        if !shown.is_over {
            self.draw(&mut shown);
        }
    }

    fn draw(&self, shown: &mut Shown) {
        let style = ProgressStyle::with_template("{spinner} {prefix:.bold} {wide_msg} {elapsed:.dim}");
        let bar = ProgressBar::new_spinner().with_elapsed(now().duration_since(shown.since));
        let bar = self.lanes.add(bar);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(self.name.clone());
        bar.set_message(shown.text.clone());
        bar.enable_steady_tick(Duration::from_millis(120));
        shown.bar = Some(bar);
    }
}

#[expect(clippy::disallowed_methods, reason = "how long people wait is a matter of real time")]
fn now() -> Instant {
    Instant::now()
}

impl Lane {
    /// Shows what goes on now, and for how long it does.
    pub(crate) fn now(&self, text: &str) {
        let Some(line) = &self.line else { return };
        let mut shown = line.shown();
        if shown.text != escape(text) {
            shown.text = escape(text);
            shown.since = now();
            if let Some(bar) = &shown.bar {
                bar.set_message(shown.text.clone());
                bar.reset_elapsed();
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let Some(line) = &self.line else { return };
        let mut shown = line.shown();
        shown.is_over = true;
        if let Some(bar) = shown.bar.take() {
            bar.finish_and_clear();
        }
        line.changed.notify_all();
    }
}

/// How many of some repositories are done.
pub(crate) struct Count {
    lane: Lane,
    total: usize,
    done: usize,
}

impl Count {
    /// Something goes on in one of them.
    pub(crate) fn at(&self, what: &str) {
        let Self { lane, total, done } = self;
        match total {
            0 | 1 => lane.now(what),
            _ => lane.now(&format!("{done}/{total} repositories, {what}")),
        }
    }

    /// One of them is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
    }
}
