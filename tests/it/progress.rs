//! What people who watch see while something takes long, and what an interrupt is answered; nobody else sees any of it.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::crew::Crew;

/// A command at a terminal of 100 columns.
struct Watched {
    child: Child,
    keys: ChildStdin,
    output: ChildStdout,
    screen: String,
}

impl Watched {
    /// Starts it; `None` where there is no `script` of util-linux.
    fn start(crew: &Crew, command: &str) -> Option<Self> {
        let version = std::process::Command::new("script").arg("--version").output().ok()?;
        if !String::from_utf8_lossy(&version.stdout).contains("util-linux") {
            println!("not tested: there is no `script` of util-linux");
            return None;
        }
        let program = crew.sandbox.path("bin/git-os").display().to_string();
        let mut script = crew.sandbox.command("ws/hub", "script");
        script.env("TERM", "xterm").env("COLUMNS", "100");
        script.args(["-qefc", &format!("{program} {command}"), "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().ok()?;
        let (keys, output) = (child.stdin.take()?, child.stdout.take()?);
        Some(Self { child, keys, output, screen: String::new() })
    }

    /// Reads on; whether there was something.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let count = self.output.read(&mut bytes).unwrap_or(0);
        self.screen += &String::from_utf8_lossy(&bytes[..count]);
        count > 0
    }

    /// Reads until something is on the screen.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        while !self.screen.contains(text) {
            assert!(self.read(), "`{text}` never came: {:.2000}", self.screen);
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("a terminal that listens");
    }

    /// Its exit code, and all that was on the screen.
    fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        (self.child.wait().expect("an end").code(), self.screen)
    }
}

/// Three repositories whose check takes as long as `ws/hang` is there, and longer than a second if `ws/long` is.
fn crew() -> Crew {
    let check = "checks = [{ name = \"tests\", run = \"while [ -e $HOME/../ws/hang ]; do sleep 0.05; done; [ ! -e $HOME/../ws/long ] || sleep 1.5\" }]\n";
    Crew::with(&["hub", "alpha", "beta"], &format!("agent = \"crew\"\n{check}"))
}

#[track_caller]
fn is_interrupted(crew: &Crew, end: (Option<i32>, String)) {
    let (code, screen) = end;
    assert_eq!(code, Some(130), "{screen}");
    assert_eq!(screen.matches("interrupted").count(), 1, "{screen}");
    crew.wait("all that was started is gone", || crew.processes().is_empty());
}

#[test]
fn a_session_shows_the_check_that_it_scouts_with_and_answers_an_interrupt() {
    let crew = crew();
    crew.sandbox.write("ws/hang", "");
    let Some(mut person) = Watched::start(&crew, "start --yes") else { return };
    // One lane of each brand runs the check of its repository.
    person.sees("/3 repositories, ");
    person.sees(": check tests");
    person.press("\u{3}");
    is_interrupted(&crew, person.end());
    assert_eq!(crew.sandbox.sh("ws", "ls -d */.claude/worktrees/scout-* 2>/dev/null || true").ok(), "");
    crew.sandbox.sh("ws", "rm hang").ok();
    crew.start().ok();
}

#[test]
fn a_verification_shows_the_check_that_runs_and_answers_an_interrupt() {
    let crew = crew();
    let id = crew.sandbox.ticket("ws/hub", "Work", "verifying").id;
    crew.sandbox.write("ws/hang", "");
    for command in [format!("verify {id}"), format!("pass {id} --reason good"), format!("merge {id}")] {
        let Some(mut person) = Watched::start(&crew, &command) else { return };
        // The line that stays, and then the one that moves, with the time that it takes.
        person.sees(&format!("{id}: check tests\r\n"));
        person.sees(" check tests  ");
        person.press("\u{3}");
        is_interrupted(&crew, person.end());
        assert_eq!(crew.state(&id), "verifying", "{command}");
    }
}

#[test]
fn the_doctor_shows_where_it_is_and_answers_an_interrupt() {
    let crew = crew();
    crew.stop_git_at("version");
    for (command, shown) in
        [("doctor", "0/3 repositories, hub"), ("doctor --repo alpha", ""), ("doctor --fix", "0/3 repositories, hub")]
    {
        let Some(mut person) = Watched::start(&crew, command) else { return };
        person.sees(&format!("doctor\u{1b}[0m {shown} "));
        person.press("\u{3}");
        is_interrupted(&crew, person.end());
    }
    crew.sandbox.sh("ws", "rm hang").ok();
    crew.os(&["doctor"]).says("grade A").ok();
}

#[test]
fn what_does_not_heed_an_interrupt_is_answered_as_well() {
    let crew = crew();
    crew.sandbox.script("slow.sh", "#!/bin/sh\ntouch \"$HOME/../ws/hanging\"; sleep 301\n");
    crew.sandbox.sh("ws/hub", "git init -q --bare ../hub.git; git remote add origin ../hub.git").ok();
    let slow = crew.sandbox.path("slow.sh").display().to_string();
    crew.sandbox.git("ws/hub", &["config", "remote.origin.uploadpack", &slow]).ok();
    let Some(mut person) = Watched::start(&crew, "sync origin") else { return };
    crew.wait_for("ws/hanging");
    person.sees(" origin  ");
    person.press("\u{3}");
    is_interrupted(&crew, person.end());
}

#[test]
fn what_is_quick_shows_nothing_and_nobody_but_who_watches_is_shown_anything() {
    let crew = crew();
    let Some(person) = Watched::start(&crew, "fsck") else { return };
    let (code, screen) = person.end();
    assert_eq!((code, screen.contains('\u{1b}')), (Some(0), false), "{screen:?}");
    let id = crew.sandbox.ticket("ws/hub", "Work", "verifying").id;
    // So long that whoever watches would see it.
    crew.sandbox.write("ws/long", "");
    let out = crew.os(&["verify", &id]);
    assert_eq!(out.stderr, format!("{id}: check tests\n{id}: verified\n"));
    let json = Watched::start(&crew, "sync --all --json").expect("it was there before").end();
    assert!(!json.1.contains('\u{1b}'), "{json:?}");
}
