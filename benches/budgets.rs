//! The budgets of the design, measured: each row is a ratio of medians over interleaved runs, beside what it may be.
//!
//! `cargo bench` prints the table. Ratios hold on any machine; the milliseconds beside them are of this one.
#![expect(clippy::disallowed_methods, reason = "a bench starts programs and looks at the clock")]
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

/// How many tickets a long list has.
const MANY: usize = 10_000;
/// How many tickets the orchestrator works through.
const QUEUE: usize = 12;

/// A place with its own home, and `git-os` in its `PATH`.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
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

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn command(&self, dir: &str, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.env_clear().env("PATH", path).env("HOME", self.root.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("TZ", "UTC");
        command.current_dir(self.path(dir)).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, dir: &str, program: &str, args: &[&str]) -> String {
        let output = self.command(dir, program, args).output().expect("a program that starts");
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn sh(&self, dir: &str, script: &str) -> String {
        self.run(dir, "/bin/sh", &["-ec", script])
    }

    fn os(&self, dir: &str, args: &[&str]) -> String {
        self.run(dir, self.path("bin/git-os").to_str().expect("UTF-8"), args)
    }

    /// A workspace of one repository below a folder; `settings` go to it.
    fn workspace(&self, name: &str, settings: &str) -> String {
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
fn time(mut command: Command) -> f64 {
    let started = Instant::now();
    let output = command.output().expect("a program that starts");
    let took = started.elapsed().as_secs_f64() * 1000.0;
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The medians of two commands, run in turns; the first two turns warm up.
fn pair(rounds: usize, mut ours: impl FnMut(usize) -> f64, mut theirs: impl FnMut(usize) -> f64) -> (f64, f64) {
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

#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, what: &str, (ours, theirs): (f64, f64), budget: f64) {
        let ratio = ours / theirs;
        let mark = if ratio <= budget { "" } else { "  over" };
        let line = format!("{what:<58} {ours:>8.2} {theirs:>8.2} {ratio:>7.2} {budget:>7.2}{mark}");
        println!("{line}");
        writeln!(self.0, "{line}").expect("a string takes all text");
    }
}

/// The cheapest hook there can be: a static program that returns 0.
fn static_hook(place: &Place) -> Option<PathBuf> {
    let path = place.path("bin/cheapest-hook");
    let source = place.path("cheapest.c");
    let text = "void _start(void){__asm__ volatile(\"mov $60,%eax\\n xor %edi,%edi\\n syscall\");}\n";
    std::fs::write(&source, text).ok()?;
    let args = ["-O2", "-static", "-nostdlib", "-o"];
    let output = Command::new("cc").args(args).arg(&path).arg(&source).output().ok()?;
    output.status.success().then_some(path)
}

fn hooks(place: &Place, table: &mut Table) {
    let Some(cheapest) = static_hook(place) else {
        println!("not measured: there is no `cc` for x86_64 to make the cheapest hook with");
        return;
    };
    let ours = place.workspace("hook-ours", "");
    let theirs = place.workspace("hook-theirs", "");
    for dir in [&ours, &theirs] {
        place.sh(dir, "git clone -q --bare . ../remote.git && git remote add origin ../remote.git && git fetch -q");
    }
    for hook in ["reference-transaction", "pre-merge-commit"] {
        let path = place.path(&format!("{theirs}/.git/hooks/{hook}"));
        std::fs::remove_file(&path).expect("a hook");
        std::fs::hard_link(&cheapest, &path).expect("a hook");
    }
    let mut compare = |what: &str, args: &dyn Fn(usize) -> Vec<String>| {
        let run = |dir: &str, round: usize| {
            let args = args(round);
            time(place.command(dir, "git", &args.iter().map(String::as_str).collect::<Vec<_>>()))
        };
        table.row(what, pair(60, |round| run(&ours, round), |round| run(&theirs, round)), 1.15);
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    // On a branch that nobody protects; on `main` the gate has to look.
    for dir in [&ours, &theirs] {
        place.sh(dir, "git switch -qc side");
    }
    compare("hook: git commit / cheapest hook", &|_| words("commit -q --allow-empty -m x"));
    compare("hook: git update-ref / cheapest hook", &|round| words(&format!("update-ref refs/heads/u{round} HEAD")));
    compare("hook: git fetch, nothing new / cheapest hook", &|_| words("fetch -q"));
}

fn one_ticket(place: &Place, table: &mut Table) {
    let dir = place.workspace("one", "");
    let program = place.path("bin/git-os").display().to_string();
    let os = |args: &[&str]| place.command(&dir, &program, args);
    let rev_parse = |_| time(place.command(&dir, "git", &["rev-parse", "HEAD"]));
    let version = |_| time(place.command(&dir, "git", &["--version"]));
    table.row("git os --version / git --version", pair(40, |_| time(os(&["--version"])), version), 1.5);
    let id = |text: &str| text.split_whitespace().next().expect("an id").to_owned();
    let objects = |what: &dyn Fn()| {
        let count = || place.sh(&dir, "git count-objects | cut -d' ' -f1").parse::<i64>().expect("a number");
        let before = count();
        what();
        count() - before
    };
    table.row("create / git rev-parse HEAD", pair(40, |round| time(os(&["new", &format!("Ticket {round}")])), rev_parse), 2.0);
    let created = objects(&|| drop(place.os(&dir, &["new", "One more"])));
    let tickets: Vec<String> = (0..45).map(|round| id(&place.os(&dir, &["new", &format!("Approve {round}")]))).collect();
    let approve = |round: usize| time(os(&["approve", &tickets[round]]));
    table.row("approve / git rev-parse HEAD", pair(40, approve, rev_parse), 2.0);
    let claim = |round: usize| time(os(&["claim", &tickets[round]]));
    table.row("claim / git rev-parse HEAD", pair(40, claim, rev_parse), 2.0);
    let approved = objects(&|| drop(place.os(&dir, &["approve", &tickets[43]])));
    let claimed = objects(&|| drop(place.os(&dir, &["claim", &tickets[43]])));
    println!("objects written: create {created}, approve {approved}, claim {claimed} (1 to 3)");

    // The hook's judgement of one event: an approved ticket is put back and moved on by plain git.
    let tip = place.run(&dir, "git", &["rev-parse", &format!("refs/os/tickets/{}", tickets[43])]);
    let before = place.run(&dir, "git", &["rev-parse", &format!("{tip}^")]);
    let name = format!("refs/os/tickets/{}", tickets[43]);
    let judge = |hooks: &'static str, _: usize| {
        place.run(&dir, "git", &["-c", "core.hooksPath=/dev/null", "update-ref", &name, &before]);
        let setting = if hooks.is_empty() { "core.quotePath=true".to_owned() } else { format!("core.hooksPath={hooks}") };
        time(place.command(&dir, "git", &["-c", &setting, "update-ref", &name, &tip]))
    };
    let (with, without) = pair(40, |round| judge("", round), |round| judge("/dev/null", round));
    let plain = median((0..40).map(rev_parse).collect());
    table.row("hook judging one ticket event / git rev-parse HEAD", (with - without, plain), 5.0);
}

/// Ten thousand live tickets, made by fast-import from the first event of a real one.
fn many(place: &Place, table: &mut Table) {
    let dir = place.workspace("many", "");
    place.os(&dir, &["new", "Ticket 00000"]);
    let name = place.run(&dir, "git", &["for-each-ref", "--format=%(refname)", "refs/os/tickets"]);
    let message = place.run(&dir, "git", &["log", "-1", "--format=%B", &name]);
    let tree = place.run(&dir, "git", &["log", "-1", "--format=%T", &name]);
    let nonce = message.lines().find_map(|line| line.strip_prefix("Os-Nonce: ")).expect("a nonce");
    let when = place.run(&dir, "git", &["log", "-1", "--format=%ct", &name]);
    let mut stream = String::new();
    for number in 1..=MANY {
        let own = message.replace(nonce, &format!("{number:032x}")).replace("00000", &format!("{number:05}")) + "\n";
        writeln!(stream, "reset refs/import/x\ncommit refs/import/x\nmark :{number}").expect("text");
        writeln!(stream, "committer Ann <ann@example.com> {when} +0000\ndata {}\n{own}", own.len()).expect("text");
        writeln!(stream, "M 040000 {tree} \"\"").expect("text");
    }
    std::fs::write(place.path("stream"), stream).expect("a file");
    place.sh(&dir, "git -c core.hooksPath=/dev/null fast-import --quiet --export-marks=../../marks <../../stream");
    let prefix = name.rsplit_once('-').expect("an id").0;
    let marks = std::fs::read_to_string(place.path("marks")).expect("marks");
    let mut updates = String::new();
    let mut taken = std::collections::BTreeSet::new();
    for commit in marks.lines().filter_map(|line| line.split(' ').nth(1)) {
        let digits = (4..=commit.len()).find(|digits| taken.insert(commit[..*digits].to_owned())).expect("a free id");
        writeln!(updates, "create {prefix}-{} {commit}", &commit[..digits]).expect("text");
    }
    std::fs::write(place.path("updates"), updates).expect("a file");
    place.sh(&dir, "git -c core.hooksPath=/dev/null update-ref --stdin <../../updates; git update-ref -d refs/import/x");
    place.sh(&dir, "git -c core.hooksPath=/dev/null pack-refs --all");
    let listed = place.os(&dir, &["list"]);
    assert_eq!(listed.lines().count(), MANY + 1, "{}", listed.lines().take(3).collect::<Vec<_>>().join("\n"));
    let program = place.path("bin/git-os").display().to_string();
    let format = "--format=%(trailers:key=Os-State,valueonly,separator=) %(trailers:key=Os-Priority,valueonly,separator=) \
                  %(refname:lstrip=3) %(contents:subject)";
    let theirs = |_| time(place.command(&dir, "git", &["for-each-ref", "refs/os/tickets", format]));
    let plain = |_| time(place.command(&dir, "git", &["for-each-ref", "refs/os/tickets"]));
    let warm = |_| time(place.command(&dir, &program, &["list"]));
    let board = place.path(&format!("{dir}/.git/os/board"));
    let cold = |round| {
        std::fs::remove_file(&board).expect("a board");
        warm(round)
    };
    table.row("list 10,000 tickets, warm / for-each-ref with trailers", pair(9, warm, theirs), 1.0);
    table.row("list 10,000 tickets, warm / for-each-ref, plain", pair(9, warm, plain), 1.0);
    table.row("list 10,000 tickets, cold / for-each-ref with trailers", pair(5, cold, theirs), 5.0);
}

/// What a session costs beside its agents and checks, per ticket.
fn orchestrator(place: &Place, table: &mut Table) {
    let settings = "agent = \"crew\"\nchecks = [{ name = \"none\", run = \"true\" }]\n\n\
                    [agents.crew]\nkind = \"command\"\nrun = [\"sh\", \"-c\", \"echo $GIT_OS_TICKET >$GIT_OS_TICKET\"]\n";
    let dir = place.workspace("queue", settings);
    let program = place.path("bin/git-os").display().to_string();
    let session = || time(place.command(&dir, &program, &["start", "--yes"]));
    session();
    let idle = session();
    for number in 0..QUEUE {
        place.os(&dir, &["new", &format!("Ticket {number}")]);
    }
    let busy = session();
    let merged = place.os(&dir, &["list", "--state", "merged", "--all"]).lines().count();
    assert_eq!(merged, QUEUE);
    #[expect(clippy::cast_precision_loss, reason = "a dozen")]
    let each = (busy - idle) / QUEUE as f64;
    table.row("orchestrator per ticket, agent and check of 1 ms / 100 ms", (each, 100.0), 1.0);
}

fn main() {
    // `cargo test --all-targets` starts benches too, without this word.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let place = Place::new();
    let mut table = Table::default();
    println!("{}, {}", place.run("", "git", &["--version"]), place.os("", &["--version"]));
    println!("{:<58} {:>8} {:>8} {:>7} {:>7}", "what", "ms", "of ms", "ratio", "budget");
    hooks(&place, &mut table);
    one_ticket(&place, &mut table);
    many(&place, &mut table);
    orchestrator(&place, &mut table);
    if table.0.contains("  over") {
        println!("over budget: {} of {}", table.0.matches("  over").count(), table.0.lines().count());
    }
}
