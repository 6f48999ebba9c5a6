//! A session at a terminal: `script` gives `git os start` one, and a test types what a person would.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::crew::Crew;

/// Somebody at a terminal.
struct Person {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<Vec<u8>>>,
    /// How much of the screen was read.
    at: usize,
}

impl Person {
    /// Sits down and types a command; `None` where there is no `script` of util-linux.
    fn sit_down(crew: &Crew, command: &str) -> Option<Self> {
        let version = std::process::Command::new("script").arg("--version").output().ok()?;
        if !String::from_utf8_lossy(&version.stdout).contains("util-linux") {
            return None;
        }
        let program = crew.sandbox.path("bin/git-os").display().to_string();
        let mut script = crew.sandbox.command("ws/hub", "script");
        script.args(["-qefc", &format!("{program} {command}"), "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().ok()?;
        let (keys, mut output) = (child.stdin.take()?, child.stdout.take()?);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shared.lock().expect("a screen").extend_from_slice(&bytes[..count]);
            }
        });
        Some(Self { child, keys, screen, at: 0 })
    }

    /// The whole screen so far, without what moves the cursor and colours.
    fn transcript(&self) -> String {
        plain(&String::from_utf8_lossy(&self.screen.lock().expect("a screen")))
    }

    /// Waits for a text that was not read yet; answers all up to its end.
    #[track_caller]
    fn read_to(&mut self, text: &str) -> String {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            let screen = String::from_utf8_lossy(&self.screen.lock().expect("a screen")[self.at..]).into_owned();
            if let Some(found) = screen.find(text) {
                self.at += found + text.len();
                return plain(&screen[..found + text.len()]);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("`{text}` never came:\n{}", self.transcript());
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("a terminal that listens");
    }

    #[track_caller]
    fn answer(&mut self, question: &str, answer: &str) {
        self.read_to(question);
        self.press(&format!("{answer}\r"));
    }

    /// The exit code of the command.
    fn wait(&mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("an end").code();
        std::thread::sleep(Duration::from_millis(50));
        let screen = self.screen.lock().expect("a screen");
        (code, plain(&String::from_utf8_lossy(&screen)))
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // A test that failed leaves nobody at a terminal. What has ended already cannot be ended.
        drop(self.child.kill());
    }
}

/// Text without escape sequences, and without what was written over.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain += before;
        let after = after.strip_prefix('[').unwrap_or(after);
        rest = after.find(|character: char| character.is_ascii_alphabetic()).map_or("", |end| &after[end + 1..]);
    }
    plain += rest;
    let shown = |line: &str| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default().trim_end().to_owned();
    plain.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

const DOWN: &str = "\u{1b}[B";

fn crew() -> Crew {
    let mut crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    crew.sandbox.set("TERM", "xterm");
    crew.sandbox.set("COLUMNS", "120");
    crew.start().ok();
    crew.sandbox.sh("ws/alpha", "git commit -q --allow-empty -m 'Something new'").ok();
    crew
}

/// Answers the five questions of alpha with three wishes.
fn interview(person: &mut Person) {
    person.answer("What matters most now?", "That it works.");
    for title in ["Do this", "Do not do that", "Do this some day"] {
        person.answer("What should be done next?", title);
    }
    person.answer("What should be done next?", "");
    person.answer("What must not be touched?", "The roof.");
    person.answer("What is waiting for you or for someone else?", "");
    person.answer("What did you learn that others should know?", "Ask before you build.");
}

/// The next draft: its title.
#[track_caller]
fn next_draft(person: &mut Person) -> String {
    let shown = person.read_to("> approve");
    let title = shown.lines().rev().find_map(|line| line.trim().strip_prefix("alpha: "));
    title.unwrap_or_else(|| panic!("which one?\n{shown}")).to_owned()
}

#[test]
fn a_person_answers_approves_rejects_and_puts_off() {
    let crew = crew();
    let Some(mut person) = Person::sit_down(&crew, "start") else {
        println!("not tested: there is no `script` of util-linux");
        return;
    };
    interview(&mut person);
    for _ in 0..3 {
        let title = next_draft(&mut person);
        match title.as_str() {
            "Do this" => person.press("\r"),
            "Do not do that" => {
                person.press(&format!("{DOWN}\r"));
                person.answer("Reason:", "The roof leaks.");
            }
            "Do this some day" => person.press(&format!("{DOWN}{DOWN}\r")),
            other => panic!("`{other}` is no draft:\n{}", person.transcript()),
        }
    }
    let (code, transcript) = person.wait();
    println!("{transcript}");
    assert_eq!(code, Some(0), "{transcript}");
    let board = [("Do this", "merged"), ("Do not do that", "rejected"), ("Do this some day", "draft")];
    assert_eq!(crew.board(), board.map(|(title, state)| (title.to_owned(), state.to_owned())).into(), "{transcript}");
    let rejected = crew.tickets().into_iter().find(|ticket| ticket.1.1 == "rejected").expect("one").0.1;
    assert!(crew.sandbox.git("ws/alpha", &["log", "-1", "--format=%B", &rejected]).ok().contains("The roof leaks."));
    let lessons = crew.sandbox.os("ws/alpha", &["learn"]).ok();
    assert!(lessons.contains("Ask before you build."), "{lessons}");
    crew.all_is_well();
}

#[test]
fn interrupted_at_a_draft_the_next_session_asks_about_it_again() {
    let crew = crew();
    let Some(mut person) = Person::sit_down(&crew, "start") else {
        println!("not tested: there is no `script` of util-linux");
        return;
    };
    interview(&mut person);
    let mut titles = BTreeSet::from([next_draft(&mut person)]);
    person.press("\u{3}");
    let (code, transcript) = person.wait();
    assert_eq!(code, Some(130), "{transcript}");
    let drafts: BTreeSet<_> = crew.board();
    assert_eq!(drafts.len(), 3, "{transcript}");
    assert!(drafts.iter().all(|ticket| ticket.1 == "draft"), "{transcript}");

    let mut person = Person::sit_down(&crew, "start").expect("it was there before");
    for _ in 0..3 {
        titles.insert(next_draft(&mut person));
        person.press("\r");
    }
    let (code, transcript) = person.wait();
    assert_eq!(code, Some(0), "{transcript}");
    assert!(!transcript.contains("What matters most now?"), "it was answered already: {transcript}");
    assert_eq!(titles.len(), 3, "{transcript}");
    assert!(crew.board().iter().all(|ticket| ticket.1 == "merged"), "{transcript}");
    crew.all_is_well();
}
