//! Whoever interrupts a session gets one line, and the next session goes on.

use super::person::Person;
use super::{APPROVE, board, crew, shows, with_drafts};
use crate::crew::Crew;

/// It ends with the line of an interrupt, and nothing after it.
#[track_caller]
fn interrupted(person: &mut Person, crew: &Crew, phase: &str, kept: &str) {
    let screen = person.ends(crew, 130);
    let row = screen.lines().position(|row| row.starts_with("interrupted ")).unwrap_or_else(|| panic!("no line:\n{screen}"));
    let line = screen.lines().skip(row).collect::<Vec<_>>().join("");
    assert!(line.starts_with(&format!("interrupted in phase {phase}, {kept};")), "{screen}");
    assert!(line.trim_end().ends_with("`git os start` continues"), "{screen}");
    assert!(!screen.contains("error") && !screen.contains("panick"), "{screen}");
    assert_eq!(screen.matches("interrupted in").count(), 1, "{screen}");
}

#[test]
fn interrupted_at_a_draft_the_next_session_asks_about_it_again() {
    let crew = with_drafts(&["One", "Two"]);
    let Some(mut person) = Person::sit_down(&crew, 60, "start") else { return };
    person.answer(APPROVE, "a");
    person.asked(APPROVE);
    person.press("r\r");
    person.asked("Why not?");
    person.press("It is n\u{3}");
    interrupted(&mut person, &crew, "6 (draft)", "kept 1 decision");
    let mut states: Vec<_> = crew.board().into_iter().map(|ticket| ticket.1).collect();
    states.sort();
    assert_eq!(states, ["draft", "ready"]);
    let mut person = Person::sit_down(&crew, 60, "start").expect("it was there before");
    person.answer(APPROVE, "a");
    person.ends(&crew, 0);
    board(&crew, &[("One", "merged"), ("Two", "merged")]);
    crew.all_is_well();
}

#[test]
fn interrupted_in_the_interview_the_answers_are_kept() {
    let crew = crew();
    let Some(mut person) = Person::sit_down(&crew, 120, "start") else { return };
    person.answer("What matters most now?", "All of it.");
    person.asked("What should be done next?");
    person.press("Half of\u{3}");
    interrupted(&mut person, &crew, "5 (interview)", "kept 1 answer");
    let mut person = Person::sit_down(&crew, 120, "start").expect("it was there before");
    person.asked("What should be done next?");
    // Not the keyboard, but another process.
    person.signal(&crew, "INT");
    interrupted(&mut person, &crew, "5 (interview)", "kept 1 answer");
    crew.all_is_well();
}

#[test]
fn interrupted_while_a_check_or_an_agent_runs() {
    let settings = "agent = \"crew\"\nchecks = [{ name = \"slow\", run = \"touch ../../../../slow; test -e ../../../../quick || sleep 60\" }]\n";
    let mut crew = Crew::with(&["hub"], settings);
    crew.sandbox.set("TERM", "xterm");
    let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
    crew.wait_for("ws/slow");
    person.press("\u{3}");
    interrupted(&mut person, &crew, "1 (scout)", "nothing is lost");
    crew.sandbox.write("ws/quick", "");
    crew.agent("cat >/dev/null; touch ../../../../begun; test -e ../../../../go || sleep 60; echo done >done");
    crew.ready("Work");
    let mut person = Person::sit_down(&crew, 80, "start --no-interview").expect("it was there before");
    crew.wait_for("ws/begun");
    person.press("\u{3}");
    interrupted(&mut person, &crew, "7 (dispatch)", "nothing is lost");
    crew.sandbox.write("ws/go", "");
    crew.start().ok();
    board(&crew, &[("Work", "merged")]);
    crew.all_is_well();
}

#[test]
fn interrupted_where_git_takes_long() {
    for (words, phase) in [("worktree list", "0 (initialise)"), ("version", "2 (housekeeping)"), ("push", "8 (close)")] {
        let mut crew = Crew::with(&["hub"], "agent = \"crew\"\nremote = \"origin\"\npush = \"auto\"\n");
        crew.sandbox.set("TERM", "xterm");
        crew.sandbox
            .sh("ws/hub", "git init -q --bare ../hub.git; git remote add origin ../hub.git; git push -q origin main")
            .ok();
        crew.os(&["init"]).ok();
        crew.os(&["sync"]).ok();
        crew.stop_git_at(words);
        let Some(mut person) = Person::sit_down(&crew, 80, "start --no-interview") else { return };
        crew.wait_for("ws/hanging");
        person.press("\u{3}");
        interrupted(&mut person, &crew, phase, "nothing is lost");
        crew.wait("all that was started is gone", || crew.processes().is_empty());
        crew.sandbox.sh("ws", "rm hang").ok();
        crew.start().ok();
        crew.all_is_well();
    }
}

#[test]
fn interrupted_while_the_brief_is_printed() {
    use std::io::Read as _;
    let mut crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    // More than a pipe holds.
    let words = "All of it. ".repeat(5000);
    let answers = ["hub", "alpha"].map(|brand| format!("[brand.{brand}]\nmatters = \"{words}\"\nwaiting = \"{words}\"\n"));
    crew.sandbox.write("ws/answers.toml", answers.concat());
    crew.start_with_answers().ok();
    crew.sandbox.sh("ws", "for repo in hub alpha; do git -C $repo commit -q --allow-empty -m news; done").ok();
    crew.sandbox.set("TERM", "xterm");
    let mut session = crew.spawn(&["start", "--yes"]);
    let mut output = session.stderr.take().expect("a pipe");
    let (mut said, mut bytes) = (String::new(), [0; 64]);
    while !said.contains("4 brief") {
        let count = output.read(&mut bytes).expect("a pipe");
        assert!(count > 0, "{said}");
        said += &String::from_utf8_lossy(&bytes[..count]);
    }
    crew.sandbox.sh(".", &format!("kill -INT {}", session.id())).ok();
    output.read_to_string(&mut said).expect("text");
    assert_eq!(session.wait().expect("an end").code(), Some(130), "{said:.1000}");
    let last: Vec<_> = said.lines().filter(|line| line.contains("interrupted")).collect();
    assert!(matches!(last.as_slice(), [line] if line.starts_with("interrupted in phase ")), "{last:?}");
    assert!(said.trim_end().ends_with("nothing is lost; `git os start` continues"), "{last:?}");
    crew.start().ok();
    crew.all_is_well();
}

#[test]
fn interrupted_at_the_question_of_an_agent() {
    let mut crew = Crew::with(&["hub"], "agent = \"crew\"\n");
    crew.sandbox.set("TERM", "xterm");
    crew.start().ok();
    crew.agent("cat >/dev/null; git os ask 'Red or blue?'");
    crew.ready("Paint it");
    let Some(mut person) = Person::sit_down(&crew, 80, "start --no-interview") else { return };
    person.asked("Your answer?");
    person.press("\u{3}");
    interrupted(&mut person, &crew, "7 (dispatch)", "nothing is lost");
    let mut person = Person::sit_down(&crew, 80, "start --no-interview").expect("it was there before");
    person.asked("Your answer?");
    person.press("\u{3}");
    interrupted(&mut person, &crew, "3 (outstanding)", "nothing is lost");
    board(&crew, &[("Paint it", "awaiting-input")]);
}

#[test]
fn ended_at_a_prompt_the_terminal_is_as_it_was() {
    let crew = with_drafts(&["Wait"]);
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
        person.asked(APPROVE);
        person.press("a long ans");
        person.read_to("a long ans");
        person.signal(&crew, signal);
        let screen = person.ends(&crew, code);
        shows(&screen, "a long ans");
    }
    board(&crew, &[("Wait", "draft")]);
    crew.all_is_well();
}
