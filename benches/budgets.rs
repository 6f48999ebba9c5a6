//! The budgets of the design, measured: each row is a ratio of medians over interleaved runs, beside what it may be.
//!
//! `cargo bench` prints the table. Ratios hold on any machine; the milliseconds beside them are of this one.
#![expect(clippy::disallowed_methods, reason = "a bench starts programs and looks at the clock")]
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

mod place;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use place::{Place, Table, median, pair, time};

/// How many tickets a long list has.
const MANY: usize = 10_000;
/// How many tickets the orchestrator works through.
const QUEUE: usize = 12;

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
    for hook in ["reference-transaction", "pre-merge-commit", "update"] {
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
    Table::head(&place);
    hooks(&place, &mut table);
    one_ticket(&place, &mut table);
    many(&place, &mut table);
    orchestrator(&place, &mut table);
    table.end();
}
