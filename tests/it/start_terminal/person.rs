//! Somebody at a terminal of a given width: `script` gives `git os start` one, and a screen shows what a person would see.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::crew::Crew;

/// What ends the drawing of an empty answer: from now on the person may type.
const READY: &str = "\u{1b}[?2004h\r\u{1b}[J   > \r\u{1b}[5C";
/// How many rows the terminal has, more than any test needs.
const ROWS: u16 = 400;

/// Somebody at a terminal.
pub(super) struct Person {
    child: Child,
    keys: ChildStdin,
    written: Arc<Mutex<Vec<u8>>>,
    /// How much of what was written is read.
    at: usize,
    columns: u16,
}

impl Person {
    /// Sits down and types a command; `None` where there is no `script` of util-linux.
    pub(super) fn sit_down(crew: &Crew, columns: u16, command: &str) -> Option<Self> {
        let version = std::process::Command::new("script").arg("--version").output().ok()?;
        if !String::from_utf8_lossy(&version.stdout).contains("util-linux") {
            println!("not tested: there is no `script` of util-linux");
            return None;
        }
        let program = crew.sandbox.path("bin/git-os").display().to_string();
        // The settings of the terminal before and after are for whoever looks whether it was restored.
        let typed = format!(
            "trap : INT; stty cols {columns} rows {ROWS}; stty -a >../before; {program} {command}; code=$?; stty -a >../after; exit $code"
        );
        // Whoever runs the tests in the background has them ignore what Ctrl-C sends.
        let mut script = crew.sandbox.command("ws/hub", "env");
        script
            .args(["--default-signal=INT", "script", "-qefc", &typed, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = script.spawn().ok()?;
        let (keys, mut output) = (child.stdin.take()?, child.stdout.take()?);
        let written = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&written);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shared.lock().expect("a screen").extend_from_slice(&bytes[..count]);
            }
        });
        Some(Self { child, keys, written, at: 0, columns })
    }

    /// What a person sees, row by row.
    pub(super) fn screen(&self) -> String {
        let mut screen = vt100::Parser::new(ROWS, self.columns, 0);
        screen.process(&self.written.lock().expect("a screen"));
        let rows: Vec<String> = screen.screen().rows(0, self.columns).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Waits for a text that was not read yet.
    #[track_caller]
    pub(super) fn read_to(&mut self, text: &str) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(30) {
            let written = self.written.lock().expect("a screen").clone();
            let new = String::from_utf8_lossy(&written[self.at..]).into_owned();
            if let Some(found) = new.find(text) {
                self.at += found + text.len();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("`{text}` never came:\n{}", self.screen());
    }

    /// Waits for a question, until it can be answered.
    #[track_caller]
    pub(super) fn asked(&mut self, question: &str) {
        self.read_to(question);
        self.read_to(READY);
    }

    pub(super) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("a terminal that listens");
    }

    #[track_caller]
    pub(super) fn answer(&mut self, question: &str, answer: &str) {
        self.asked(question);
        self.press(answer);
        self.press("\r");
    }

    /// The exit code of the command, and the last screen.
    pub(super) fn wait(&mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("an end").code();
        // What was written last is read by another thread.
        let mut last = 0;
        loop {
            std::thread::sleep(Duration::from_millis(30));
            let now = self.written.lock().expect("a screen").len();
            if now == last {
                return (code, self.screen());
            }
            last = now;
        }
    }

    /// It ends with this code, and leaves the terminal as it was.
    #[track_caller]
    pub(super) fn ends(&mut self, crew: &Crew, code: i32) -> String {
        let (ended, screen) = self.wait();
        println!("{screen}\n{:?}", String::from_utf8_lossy(&self.written.lock().expect("a screen")));
        assert_eq!(ended, Some(code), "{screen}");
        let (before, after) = (crew.sandbox.read("ws/before"), crew.sandbox.read("ws/after"));
        assert!(!before.is_empty() && before == after, "the terminal is not as it was:\n{before}\n{after}");
        let written = String::from_utf8_lossy(&self.written.lock().expect("a screen")).into_owned();
        let count = |what: &str| written.matches(what).count();
        assert_eq!(count("\u{1b}[?2004h"), count("\u{1b}[?2004l"), "it still marks what is pasted");
        screen
    }

    /// Ends the program itself with a signal, such as `KILL`.
    #[track_caller]
    #[expect(clippy::unused_self, reason = "it reads as what happens to what the person started")]
    pub(super) fn signal(&self, crew: &Crew, signal: &str) {
        let is_program = |process: &&String| process.contains("bin/git-os ") && !process.contains("stty");
        let process = crew.processes().iter().find(is_program).cloned().expect("a program");
        let id = process.split(' ').next().expect("an id").to_owned();
        crew.sandbox.sh(".", &format!("kill -{signal} {id}")).ok();
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // A test that failed leaves nobody at a terminal. What has ended already cannot be ended.
        drop(self.child.kill());
    }
}
