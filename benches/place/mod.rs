//! A place for benches: a home, programs, repositories, and a table of what was measured.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

/// A place with its own home, and `git-os` in its `PATH`.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let root = TempDir::with_prefix("git-os-bench-").expect("a temporary folder");
        let place = Self { root };
        std::fs::create_dir_all(place.path("bin")).expect("a folder");
        std::fs::hard_link(env!("CARGO_BIN_EXE_git-os"), place.path("bin/git-os"))
            .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_git-os"), place.path("bin/git-os")).map(drop))
            .expect("the program");
        let settings = "[user]\n\tname = Ann\n\temail = ann@example.com\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n\
                        [maintenance]\n\tauto = false\n[protocol \"file\"]\n\tallow = always\n";
        std::fs::write(place.path(".gitconfig"), settings).expect("a file");
        place
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub(crate) fn command(&self, dir: &str, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.env_clear().env("PATH", path).env("HOME", self.root.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("TZ", "UTC");
        command.current_dir(self.path(dir)).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, dir: &str, program: &str, args: &[&str]) -> String {
        let output = self.command(dir, program, args).output().expect("a program that starts");
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(crate) fn sh(&self, dir: &str, script: &str) -> String {
        self.run(dir, "/bin/sh", &["-ec", script])
    }

    pub(crate) fn os(&self, dir: &str, args: &[&str]) -> String {
        self.run(dir, self.path("bin/git-os").to_str().expect("UTF-8"), args)
    }

    /// A workspace of one repository below a folder; `settings` go to it.
    pub(crate) fn workspace(&self, name: &str, settings: &str) -> String {
        let dir = format!("{name}/hub");
        std::fs::create_dir_all(self.path(&dir)).expect("a folder");
        self.sh(&dir, "git init -q && echo 1 >a && git add a && git commit -qm one && echo 2 >a && git commit -qam two");
        let registry = format!(
            "version = 1\n\n[os]\nhub = \"hub\"\njobs = 1\n\n[[repo]]\nname = \"hub\"\npath = \"../hub\"\nbrand = \"hub\"\n\
             protected = [\"main\"]\n{settings}"
        );
        std::fs::write(self.path(&format!("{dir}/registry.toml")), registry).expect("a file");
        self.os(&dir, &["init"]);
        dir
    }
}

/// Milliseconds.
pub(crate) fn time(mut command: Command) -> f64 {
    let started = Instant::now();
    let output = command.output().expect("a program that starts");
    let took = started.elapsed().as_secs_f64() * 1000.0;
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

pub(crate) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The medians of two commands, run in turns; the first two turns warm up.
pub(crate) fn pair(rounds: usize, mut ours: impl FnMut(usize) -> f64, mut theirs: impl FnMut(usize) -> f64) -> (f64, f64) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for round in 0..rounds + 2 {
        // Who comes first changes, so that neither always finds the other's caches.
        let (one, two) = if round % 2 == 0 {
            let one = ours(round);
            (one, theirs(round))
        } else {
            let two = theirs(round);
            (ours(round), two)
        };
        if round >= 2 {
            left.push(one);
            right.push(two);
        }
    }
    (median(left), median(right))
}

/// What was measured, row by row.
#[derive(Default)]
pub(crate) struct Table(String);

impl Table {
    pub(crate) fn row(&mut self, what: &str, (ours, theirs): (f64, f64), budget: f64) {
        let ratio = ours / theirs;
        let mark = if ratio <= budget { "" } else { "  over" };
        let line = format!("{what:<58} {ours:>8.2} {theirs:>8.2} {ratio:>7.2} {budget:>7.2}{mark}");
        println!("{line}");
        writeln!(self.0, "{line}").expect("a string takes all text");
    }
    pub(crate) fn head(place: &Place) {
        println!("{}, {}", place.run("", "git", &["--version"]), place.os("", &["--version"]));
        println!("{:<58} {:>8} {:>8} {:>7} {:>7}", "what", "ms", "of ms", "ratio", "budget");
    }

    pub(crate) fn end(&self) {
        if self.0.contains("  over") {
            println!("over budget: {} of {}", self.0.matches("  over").count(), self.0.lines().count());
        }
    }
}
