//! Leases of runs: short, renewed while the run lives, and over soon after it died; a run that was cut off lands nothing twice.

use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fleet::{BARE, Fleet, Plan};
use crate::sandbox::Out;

/// Commits its work, and waits for `go` on the machine whose name `slow` holds.
const AGENT: &str = "set -eu; cat >/dev/null; mkdir -p work; basename \"${PWD%/.claude*}\" >\"work/$GIT_OS_TICKET\"
git add -A; git commit -qm \"Work on $GIT_OS_TICKET\"
case $PWD in */\"$(cat ../../../../slow)\"/*) touch ../../../../begun; until [ -e ../../../../go ]; do sleep 0.05; done;; esac\n";

fn fleet(settings: &str) -> Fleet {
    let settings = format!(
        "push = \"auto\"\nagent = \"crew\"\n{settings}\n[agents.crew]\nkind = \"command\"\nrun = [\"sh\", \"../agent.sh\"]\n"
    );
    let fleet = Fleet::new(2, Plan { settings: &settings, ..Plan::default() });
    fleet.sandbox.write("agent.sh", AGENT);
    fleet.sandbox.write("slow", "m0\n");
    fleet
}

fn spawn(fleet: &Fleet, machine: &str, args: &[&str]) -> Child {
    let log = fleet.sandbox.path(&format!("{machine}.log"));
    let log = std::fs::File::options().create(true).append(true).open(log).expect("a log");
    let mut command = fleet.command(machine, machine, "git-os");
    command.arg("worker").args(args).stdout(Stdio::null()).stderr(log).spawn().expect("a worker")
}

/// The variable with which a machine's clock stands still, so many seconds ago. Nobody's clock can be ahead: whether a lease is over is
/// judged by that of the system.
fn clock(ago: u64) -> (&'static str, String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    ("GIT_COMMITTER_DATE", format!("@{} +0000", now - ago))
}

/// Runs `git os` on a machine with such a clock.
fn earlier(fleet: &Fleet, machine: &str, ago: u64, args: &[&str]) -> Out {
    let mut command = fleet.command(machine, machine, "git-os");
    command.args(args).envs([clock(ago)]);
    Out::of("git os", args, &mut command)
}

#[track_caller]
fn wait(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it never came that {what}");
}

fn wait_for(fleet: &Fleet, file: &str) {
    wait(&format!("{file} is there"), || fleet.sandbox.path(file).exists());
}

fn log(fleet: &Fleet, machine: &str) -> String {
    fleet.sandbox.read(&format!("{machine}.log"))
}

/// A ticket on which the worker of `m0` works.
fn work_begun(fleet: &Fleet, args: &[&str]) -> (String, Child) {
    let id = fleet.ready("m0", "Ticket");
    fleet.settle();
    let worker = spawn(fleet, "m0", args);
    wait_for(fleet, "begun");
    (id, worker)
}

fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill");
    assert!(status.success());
}

#[track_caller]
fn landed_once_by(fleet: &Fleet, id: &str, machine: &str) {
    assert_eq!(fleet.sandbox.git(BARE, &["show", &format!("main:work/{id}")]).ok(), machine);
    let landed = fleet.sandbox.git(BARE, &["log", "--format=%s", "main"]).ok();
    assert_eq!(landed.matches("Work on").count(), 1, "{landed}");
    assert_eq!(fleet.events(BARE, id).iter().filter(|event| *event == "merge").count(), 1);
}

#[test]
fn the_ticket_of_a_killed_worker_is_free_for_others_within_five_minutes() {
    for (ago, is_free) in [(0, false), (200, false), (290, true)] {
        let fleet = fleet("");
        let id = fleet.ready("m0", "Ticket");
        fleet.settle();
        let mut command = fleet.command("m0", "m0", "git-os");
        let mut worker = command.arg("worker").envs([clock(ago)]).stderr(Stdio::null()).spawn().expect("a worker");
        wait_for(&fleet, "begun");
        worker.kill().expect("a signal");
        worker.wait().expect("an end");
        wait("what it started is gone", || fleet.processes().is_empty());
        fleet.os("m1", &["worker", "--until-empty"]).ok();
        assert_eq!(fleet.events(BARE, &id).contains(&"expire".to_owned()), is_free, "{ago} s ago");
        if is_free {
            landed_once_by(&fleet, &id, "m1");
        }
    }
}

#[test]
fn after_a_remote_was_away_those_who_live_are_first_to_renew() {
    let fleet = fleet("");
    let id = fleet.ready("m0", "Ticket");
    fleet.settle();
    earlier(&fleet, "m0", 290, &["claim", &id, "--lease", "1m"]).ok();
    fleet.sandbox.sh(".", &format!("mv {BARE} away")).ok();
    let mut worker = spawn(&fleet, "m1", &["--poll", "1s"]);
    wait("the remote is away", || log(&fleet, "m1").contains("cannot be reached"));
    fleet.sandbox.sh(".", &format!("mv away {BARE}")).ok();
    wait("it waits", || log(&fleet, "m1").contains("can be reached again\n   waiting for ready tickets\n"));
    signal(&worker, "TERM");
    assert!(worker.wait().expect("an end").success());
    assert_eq!(fleet.events(BARE, &id).last().map(String::as_str), Some("claim"));
    // Whoever has not seen it away takes the ticket.
    fleet.os("m1", &["worker", "--until-empty"]).ok();
    landed_once_by(&fleet, &id, "m1");
}

#[test]
fn a_live_run_that_says_nothing_keeps_its_ticket() {
    let fleet = fleet("lease = \"3s\"");
    let (id, mut worker) = work_begun(&fleet, &[]);
    let renewals = || fleet.events(BARE, &id).iter().filter(|event| *event == "renew").count();
    // Others see it, too: each goes to the remote.
    wait("it was renewed three times", || renewals() >= 3);
    fleet.sandbox.write("go", "");
    wait("it landed", || fleet.sandbox.state(BARE, &id) == "merged");
    signal(&worker, "TERM");
    assert!(worker.wait().expect("an end").success());
    fleet.settle();
    fleet.all_agree();
    landed_once_by(&fleet, &id, "m0");
}

#[test]
fn a_run_that_was_cut_off_learns_that_it_lost_its_ticket_and_keeps_its_work() {
    let fleet = fleet("lease = \"3s\"");
    let (id, mut worker) = work_begun(&fleet, &["--poll", "1s"]);
    let url = fleet.git("m0", &["remote", "get-url", "origin"]).ok();
    fleet.git("m0", &["remote", "set-url", "origin", "../nowhere"]).ok();
    wait("it cannot renew", || log(&fleet, "m0").contains("cannot renew the lease"));
    // That a lease is over is as good as that.
    fleet.os("m1", &["sync"]).ok();
    fleet.os("m1", &["release", &id]).ok();
    fleet.os("m1", &["worker", "--until-empty"]).ok();
    landed_once_by(&fleet, &id, "m1");
    // Its agent would go on for ever: whoever learns that the ticket is gone ends it.
    fleet.git("m0", &["remote", "set-url", "origin", &url]).ok();
    wait("it knows", || log(&fleet, "m0").contains("as refs/os/rescue/"));
    wait("its agent is gone", || !fleet.processes().iter().any(|process| process.contains("agent.sh")));
    signal(&worker, "TERM");
    assert!(worker.wait().expect("an end").success());
    let saved = fleet.git("m0", &["for-each-ref", "--format=%(refname)", &format!("refs/os/rescue/{id}")]).ok();
    let saved: Vec<_> = saved.lines().filter(|name| !name.contains("submitted-")).collect();
    assert_eq!(saved.len(), 1, "{saved:?}");
    assert_eq!(fleet.git("m0", &["show", &format!("{}:work/{id}", saved[0])]).ok(), "m0");
    fleet.settle();
    fleet.all_agree();
    landed_once_by(&fleet, &id, "m1");
}

#[test]
fn a_question_waits_for_its_answer_and_then_a_while_for_whoever_asked() {
    for (ago, state) in [(30, "running"), (290, "merged")] {
        let fleet = fleet("");
        let agent = "cat >/dev/null; if [ -e ../../../../answered ]; then echo x >x; else git os ask 'Which one?'; fi\n";
        fleet.sandbox.write("agent.sh", agent);
        let id = fleet.ready("m0", "Ticket");
        fleet.settle();
        earlier(&fleet, "m0", 24 * 3600, &["worker", "--until-empty"]).ok();
        assert_eq!(fleet.sandbox.state(BARE, &id), "awaiting-input");
        fleet.os("m1", &["worker", "--until-empty"]).ok();
        assert_eq!(fleet.sandbox.state("m1", &id), "awaiting-input", "no lease ends that");
        earlier(&fleet, "m1", ago, &["answer", &id, "The left one."]).ok();
        fleet.sandbox.write("answered", "");
        fleet.os("m1", &["worker", "--until-empty"]).ok();
        assert_eq!(fleet.sandbox.state("m1", &id), state, "answered {ago} s ago");
    }
}

#[test]
fn a_worker_that_is_interrupted_or_asked_twice_to_end_gives_its_ticket_back_at_once() {
    for (names, code) in [(&["INT"][..], 130), (&["TERM", "TERM"], 0)] {
        let fleet = fleet("");
        let (id, mut worker) = work_begun(&fleet, &[]);
        for name in names {
            signal(&worker, name);
            // Two at once would be one.
            wait("it is asked", || {
                std::fs::read_to_string(format!("/proc/{}/status", worker.id())).is_ok_and(|status| {
                    status.lines().any(|line| line.starts_with("SigPnd:") && line.ends_with("0000000000000000"))
                })
            });
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(worker.wait().expect("an end").code(), Some(code), "{}", log(&fleet, "m0"));
        assert_eq!(fleet.processes(), Vec::<String>::new());
        assert_eq!(fleet.sandbox.state(BARE, &id), "ready");
        assert!(log(&fleet, "m0").contains(&format!("released {id}")), "{}", log(&fleet, "m0"));
    }
}

#[test]
fn an_idle_worker_ends_at_once_when_it_is_interrupted() {
    let fleet = fleet("");
    let mut worker = spawn(&fleet, "m1", &["--poll", "1h"]);
    wait("it waits", || log(&fleet, "m1").contains("waiting for ready tickets"));
    signal(&worker, "INT");
    assert_eq!(worker.wait().expect("an end").code(), Some(130));
    assert_eq!(log(&fleet, "m1").lines().last(), Some("interrupted"));
}

#[test]
fn an_idle_worker_says_once_that_it_waits_and_once_that_its_remote_is_away() {
    let fleet = fleet("");
    let mut worker = spawn(&fleet, "m1", &["--poll", "1s"]);
    let count = |text: &str| log(&fleet, "m1").matches(text).count();
    wait("it waits", || count("waiting for ready tickets") == 1);
    fleet.sandbox.sh(".", &format!("mv {BARE} away")).ok();
    wait("the remote is away", || count("remote `origin` cannot be reached: ") == 1);
    fleet.sandbox.sh(".", &format!("mv away {BARE}")).ok();
    wait("the remote is back", || count("remote `origin` can be reached again") == 1);
    let id = fleet.ready("m0", "Ticket");
    fleet.os("m0", &["sync"]).ok();
    wait("it landed", || fleet.sandbox.state(BARE, &id) == "merged");
    wait("it waits again", || count("waiting for ready tickets") == 2);
    signal(&worker, "TERM");
    assert!(worker.wait().expect("an end").success());
    let said = log(&fleet, "m1");
    assert_eq!(count("cannot be reached"), 1, "{said}");
    assert!(said.contains("; trying again in 2 s\n"), "{said}");
}

#[test]
fn a_worker_that_is_to_end_gives_up_a_remote_that_stays_away() {
    let fleet = fleet("");
    fleet.ready("m0", "Ticket");
    fleet.sandbox.sh(".", &format!("mv {BARE} away")).ok();
    let out = fleet.os("m0", &["worker", "--until-empty", "--poll", "1s"]);
    assert_eq!(out.code, Some(1), "{out}");
    let said = out.fails("error: gave up after 2 attempts to reach the remote `origin`");
    assert_eq!(said.matches("cannot be reached").count(), 1, "{said}");
}
