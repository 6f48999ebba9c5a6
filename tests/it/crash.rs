//! Sessions that are killed after each step, at any moment, and agents that do not behave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::crew::{BOARD, Crew};

/// Every step after which a session can be killed, but for the phases.
const STEPS: [&str; 17] = [
    "briefed",
    "checked",
    "claimed",
    "drafted",
    "finished",
    "judged",
    "landing",
    "learned",
    "merged",
    "moved",
    "noted",
    "prepared",
    "restacked",
    "started",
    "submitted",
    "verdict",
    "worked",
];
/// The phases: each is a step too.
const PHASES: [&str; 9] =
    ["initialise", "scout", "housekeeping", "outstanding", "brief", "interview", "draft", "dispatch", "close"];

fn expected() -> BTreeSet<(String, String)> {
    BOARD.map(|(title, state)| (title.to_owned(), state.to_owned())).into()
}

/// The literals that the source passes to `step`.
fn steps_of_source(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            steps_of_source(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file");
        found.extend(text.split(".step(\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
}

#[test]
fn every_step_is_known_here() {
    let mut found = BTreeSet::new();
    steps_of_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert_eq!(found, STEPS.map(str::to_owned).into());
}

/// What was in the chains is still in them.
fn nothing_is_lost(crew: &Crew, before: &BTreeMap<(String, String), (String, String, String)>) {
    let after = crew.tickets();
    for ((repo, name), (title, _, tip)) in before {
        let (_, _, now) = after.get(&(repo.clone(), name.clone())).unwrap_or_else(|| panic!("{repo}: {title} is gone"));
        crew.sandbox.git(repo, &["merge-base", "--is-ancestor", tip, now]).ok();
    }
}

fn killed_after(crew: &mut Crew, step: &str) {
    crew.copy("template", "ws");
    crew.sandbox.set("GIT_OS_KILL_AFTER", step);
    let killed = crew.start_with_answers();
    crew.sandbox.unset("GIT_OS_KILL_AFTER");
    assert_eq!(killed.code, None, "after {step}: {killed}");
    let before = crew.tickets();
    let again = crew.start_with_answers();
    assert_eq!(again.code, Some(0), "after {step}: {again}");
    assert_eq!(crew.board(), expected(), "after {step}: {again}");
    nothing_is_lost(crew, &before);
    println!("killed after {step}: {} tickets then", before.len());
    crew.all_is_well();
}

fn kill_after_each(steps: &[&str]) {
    let mut crew = Crew::new();
    crew.copy("ws", "template");
    for step in steps {
        killed_after(&mut crew, step);
    }
}

#[test]
fn a_session_that_is_not_killed_comes_to_the_board() {
    let crew = Crew::new();
    let said = crew.start_with_answers();
    assert_eq!(crew.board(), expected(), "{said}");
    said.ok();
    crew.all_is_well();
}

#[test]
fn killed_after_any_phase_the_next_session_goes_on() {
    kill_after_each(&PHASES);
}

#[test]
fn killed_after_any_step_of_the_work_the_next_session_goes_on() {
    kill_after_each(&STEPS[..8]);
}

#[test]
fn killed_after_any_step_of_the_landing_the_next_session_goes_on() {
    kill_after_each(&STEPS[8..]);
}
