//! Who listens to progress: the terminal, a log of JSON lines, and the kill-points of tests.

use crate::dispatch::Site;
use crate::error::CliError;
use crate::local::resting::Resting;
use crate::operations::Place;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::context::Context;
use crate::core::id::TicketId;
use crate::core::progress::{All, Busy, Event, Listener, SessionEvent};
use crate::dispatch::Workplace;
use crate::env::Env;
use crate::ui::{Count, Lane, Ui};
use crate::workspace::Workspace;

/// Lines of talk, and a live line for each lane and for what a session looks at, where people watch.
pub(super) struct Terminal<'a> {
    ui: &'a Ui,
    /// What stands before the count of repositories.
    name: &'static str,
    lanes: Mutex<BTreeMap<TicketId, Lane>>,
    count: Mutex<Option<Count>>,
}

impl<'a> Terminal<'a> {
    pub(super) fn new(ui: &'a Ui) -> Self {
        Self::of(ui, "")
    }

    /// The same for a command of this name, which goes through repositories.
    pub(super) fn of(ui: &'a Ui, name: &'static str) -> Self {
        Self { ui, name, lanes: Mutex::default(), count: Mutex::default() }
    }

    /// Shows on the lane of a ticket what goes on there. Returns whether somebody sees it.
    fn show(&self, event: &Event) -> bool {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Lane { brand, ticket: Some(ticket), .. } => {
                drop(lanes.insert(ticket.clone(), self.ui.lane(brand.as_str())));
            }
            Event::Lane { left: Some(ticket), .. } => drop(lanes.remove(ticket)),
            Event::Work { ticket: Some(ticket), what, .. } => {
                if let (Some(lane), Some(line)) = (lanes.get(ticket), what.line()) {
                    lane.now(&format!("{ticket} {line}"));
                    return self.ui.is_live();
                }
            }
            Event::Busy(busy) => self.count(busy),
            Event::Session(SessionEvent::PhaseEnded(_) | SessionEvent::Phase(_)) => {
                drop(self.count.lock().unwrap_or_else(PoisonError::into_inner).take());
            }
            Event::Lane { .. } | Event::Work { ticket: None, .. } | Event::Session(_) | Event::Worker(_) => {}
        }
        false
    }

    fn count(&self, busy: &Busy) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        match (busy, count.as_mut()) {
            (Busy::Begun { repos }, _) => *count = Some(self.ui.count(self.name, *repos)),
            (Busy::At { repo, check: None }, Some(count)) => count.at(repo.as_str()),
            (Busy::At { repo, check: Some(check) }, Some(count)) => count.at(&format!("{repo}: check {check}")),
            (Busy::Done, Some(count)) => count.step(),
            (Busy::At { .. } | Busy::Done, None) => {}
        }
    }
}

impl Listener for Terminal<'_> {
    fn hear(&self, event: &Event) {
        if self.show(event) {
            return;
        }
        match (event, event.line()) {
            (_, None) => {}
            (Event::Session(SessionEvent::Phase(_)), Some(line)) => self.ui.say(line),
            (Event::Session(SessionEvent::Brief(page)), Some(_)) => {
                page.lines().filter(|line| !line.is_empty()).for_each(|line| self.ui.say(format!("   {line}")));
            }
            (_, Some(line)) => self.ui.say(format!("   {line}")),
        }
    }
}

/// Lines of talk about one ticket that somebody asked for, and a live line with what goes on.
pub(super) struct OneTicket<'a> {
    ui: &'a Ui,
    id: &'a TicketId,
    lane: Lane,
}

impl<'a> OneTicket<'a> {
    pub(super) fn new(ui: &'a Ui, id: &'a TicketId) -> Self {
        Self { ui, id, lane: ui.task("") }
    }
}

impl Listener for OneTicket<'_> {
    fn hear(&self, event: &Event) {
        let line = match event {
            Event::Work { what, .. } => what.line(),
            Event::Session(_) | Event::Busy(_) | Event::Worker(_) | Event::Lane { .. } => event.line(),
        };
        if let Some(line) = line {
            self.lane.now(&line);
            self.ui.say(format!("{}: {line}", self.id));
        }
    }
}

/// One line of JSON for each event, at once.
pub(super) struct JsonLines<'a>(pub(super) &'a Ui);

/// One event as it is printed.
#[derive(Serialize)]
struct JsonLine<'a> {
    version: u32,
    event: &'a Event,
}

impl Listener for JsonLines<'_> {
    fn hear(&self, event: &Event) {
        if let Event::Busy(_) = event {
            return;
        }
        let line = JsonLine { version: crate::core::json::VERSION, event };
        // Work goes on when nobody reads any more; the command says so at its end.
        drop(self.0.json(&line).and_then(|()| self.0.flush()));
    }
}

/// Ends this process right after the event that a test names.
pub(super) struct KillPoint<'a>(&'a Env);

impl Listener for KillPoint<'_> {
    fn hear(&self, event: &Event) {
        if let Some(name) = event.kill_point() {
            self.0.end_after(name);
        }
    }
}

impl Context {
    /// Does something in a workspace, and tells a listener what happens.
    pub(super) fn at_work<T>(&self, workspace: &Workspace, listener: &dyn Listener, act: impl FnOnce(Workplace<'_>) -> T) -> T {
        let kill_point = KillPoint(&self.env);
        let listener = All(&[listener, &kill_point]);
        act(Workplace { workspace, env: &self.env, stop: &self.stop, listener: &listener, resting: &Resting::default() })
    }

    /// As [`Context::at_work`], in one repository of its workspace.
    ///
    /// # Errors
    /// When the repository is not in a registry, and what `act` fails with.
    pub(super) fn at_site<T>(
        &self,
        place: &Place,
        listener: &dyn Listener,
        act: impl FnOnce(Site<'_>) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        self.at_work(place.workspace()?, listener, |at| act(place.site(at)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::State;
    use crate::core::id::Brand;
    use crate::core::progress::{CheckEvent, Fate, Hold, What};

    #[test]
    fn an_event_is_one_object_with_its_place() {
        let work = |ticket: Option<&str>, what| Event::Work {
            repo: crate::core::id::RepoName::parse("alpha").expect("a name"),
            brand: Brand::parse("greek").expect("a brand"),
            ticket: ticket.map(|id| TicketId::parse(id).expect("an id")),
            what,
        };
        let check = CheckEvent::Ended { name: "tests".to_owned(), exit: 1, millis: 20 };
        let hold = Hold::NoAgent { repo: "alpha".to_owned() };
        let events = [
            Event::Session(SessionEvent::Outstanding(vec![(State::Ready, 2)])),
            Event::Lane { brand: Brand::parse("greek").expect("a brand"), ticket: None, left: None },
            work(Some("T-2026-05-07-greek-91c2"), What::Check(check)),
            work(None, What::Ended { title: "Do it".to_owned(), fate: Fate::Held(hold) }),
        ];
        let lines = events.iter().map(|event| serde_json::to_string(&JsonLine { version: 1, event }).expect("JSON"));
        snapbox::assert_data_eq!(
            lines.collect::<Vec<_>>().join("\n"),
            snapbox::str![[r#"
{"version":1,"event":{"session":{"outstanding":[["ready",2]]}}}
{"version":1,"event":{"lane":{"brand":"greek","ticket":null}}}
{"version":1,"event":{"work":{"repo":"alpha","brand":"greek","ticket":"T-2026-05-07-greek-91c2","what":{"check":{"ended":{"name":"tests","exit":1,"millis":20}}}}}}
{"version":1,"event":{"work":{"repo":"alpha","brand":"greek","ticket":null,"what":{"ended":{"title":"Do it","fate":{"held":{"no-agent":{"repo":"alpha"}}}}}}}}
"#]]
        );
    }
}
