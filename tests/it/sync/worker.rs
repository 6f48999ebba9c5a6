//! Workers: any number of machines that take what is ready, one remote, and nothing done twice.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::fleet::{BARE, Fleet, Plan};

/// Leaves a file named after the ticket, and a line for each time it was begun.
const AGENT: &str = "set -eu; cat >/dev/null; sleep \"${AGENT_SLEEP:-0.05}\"; mkdir -p work; echo \"$GIT_OS_TICKET\" >>\"work/$GIT_OS_TICKET\"; \
                     git add -A; git commit -qm \"Work on $GIT_OS_TICKET\"\n";

const SETTINGS: &str = "push = \"auto\"\nagent = \"crew\"\ntimeout = \"20s\"\nmax_attempts = 9\n\
                        [agents.crew]\nkind = \"command\"\nrun = [\"sh\", \"../agent.sh\"]\n";

fn fleet(count: usize) -> Fleet {
    let fleet = Fleet::new(count, Plan { is_judged: true, settings: SETTINGS, ..Plan::default() });
    fleet.sandbox.write("agent.sh", AGENT);
    fleet
}

fn spawn(fleet: &Fleet, machine: &str, args: &[&str]) -> Child {
    let mut command = fleet.command(machine, machine, "git-os");
    let log =
        std::fs::File::options().create(true).append(true).open(fleet.sandbox.path(&format!("{machine}.log"))).expect("a log");
    command.arg("worker").args(args).stdout(Stdio::null()).stderr(log).spawn().expect("a worker")
}

/// Each ticket is merged, by one landing, and its work is in the branch once.
#[track_caller]
fn each_landed_once(fleet: &Fleet, ids: &[String]) {
    let log = fleet.sandbox.git(BARE, &["log", "--format=%s", "main"]).ok();
    let mut landed: BTreeMap<&str, usize> = BTreeMap::new();
    for subject in log.lines().filter_map(|line| line.strip_prefix("Work on ")) {
        *landed.entry(subject).or_default() += 1;
    }
    for id in ids {
        assert_eq!(landed.get(id.as_str()), Some(&1), "{id}");
        assert_eq!(fleet.sandbox.git(BARE, &["show", &format!("main:work/{id}")]).ok(), *id);
        let events = fleet.events(BARE, id);
        assert_eq!(events.iter().filter(|event| *event == "merge").count(), 1, "{id}: {events:?}");
    }
}

#[test]
fn workers_share_the_work_though_they_are_killed() {
    let count = std::env::var("GIT_OS_TEST_TICKETS").ok().and_then(|count| count.parse().ok()).unwrap_or(12);
    let fleet = fleet(3);
    let ids: Vec<_> = (0..count).map(|number| fleet.ready("m0", &format!("Ticket {number}"))).collect();
    fleet.os("m0", &["sync"]).ok();
    let args = ["--remote", "origin", "--jobs", "1", "--poll", "1s"];
    let began = Instant::now();
    let mut workers: Vec<Child> = fleet.machines.iter().map(|machine| spawn(&fleet, machine, &args)).collect();
    let is_done = || {
        let format = "--format=%(trailers:key=Os-State,valueonly,separator=)";
        let states = fleet.sandbox.git(BARE, &["for-each-ref", format, "refs/os/tickets"]).ok();
        states.lines().filter(|state| *state == "merged").count() == ids.len()
    };
    let mut kills = 0;
    let mut last = Instant::now();
    while !is_done() {
        assert!(began.elapsed() < Duration::from_secs(120 + 10 * ids.len() as u64), "it never came to an end");
        std::thread::sleep(Duration::from_millis(100));
        if last.elapsed() > Duration::from_secs(4) {
            let victim = kills % workers.len();
            workers[victim].kill().expect("a signal");
            workers[victim].wait().expect("an end");
            workers[victim] = spawn(&fleet, &fleet.machines[victim], &args);
            kills += 1;
            last = Instant::now();
        }
    }
    println!("{} tickets by 3 workers in {:.1?}, {kills} killed", ids.len(), began.elapsed());
    for worker in &mut workers {
        terminate(worker);
        assert!(worker.wait().expect("an end").success());
    }
    fleet.settle();
    fleet.all_agree();
    each_landed_once(&fleet, &ids);
    assert_eq!(fleet.processes(), Vec::<String>::new());
}

/// Asks a worker to end, once it has begun to heed that.
pub(crate) fn terminate(child: &Child) {
    while !catches_term(child) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let status = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(status.success());
}

/// Whether a process has a handler for SIGTERM, as the kernel says.
fn catches_term(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("a process");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("its signals");
    u64::from_str_radix(caught.trim(), 16).expect("a mask") & (1 << 14) != 0
}

#[test]
fn a_worker_that_is_asked_to_end_ends_its_ticket_first() {
    let mut fleet = fleet(1);
    fleet.sandbox.set("AGENT_SLEEP", "1");
    let ids: Vec<_> = (0..3).map(|number| fleet.ready("m0", &format!("Ticket {number}"))).collect();
    fleet.os("m0", &["sync"]).ok();
    let mut worker = spawn(&fleet, "m0", &["--jobs", "1"]);
    while !ids.iter().any(|id| fleet.sandbox.state("m0", id) == "running") {
        std::thread::sleep(Duration::from_millis(20));
    }
    terminate(&worker);
    assert!(worker.wait().expect("an end").success());
    assert!(fleet.sandbox.read("m0.log").contains("ending: finishing what is under way"));
    let states: Vec<_> = ids.iter().map(|id| fleet.sandbox.state(BARE, id)).collect();
    assert_eq!(states.iter().filter(|state| *state == "merged").count(), 1, "{states:?}");
    assert_eq!(states.iter().filter(|state| *state == "ready").count(), 2, "{states:?}");
    assert_eq!(fleet.processes(), Vec::<String>::new());
}

#[test]
fn a_worker_goes_on_when_the_remote_is_back() {
    let fleet = fleet(1);
    let id = fleet.ready("m0", "Ticket");
    fleet.os("m0", &["sync"]).ok();
    fleet.sandbox.sh(".", &format!("mv {BARE} away")).ok();
    let mut worker = spawn(&fleet, "m0", &["--poll", "1s"]);
    while !fleet.sandbox.read("m0.log").contains("remote `origin` cannot be reached") {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(fleet.sandbox.state("m0", &id), "ready");
    fleet.sandbox.sh(".", &format!("mv away {BARE}")).ok();
    while fleet.sandbox.state(BARE, &id) != "merged" {
        std::thread::sleep(Duration::from_millis(50));
    }
    terminate(&worker);
    assert!(worker.wait().expect("an end").success());
    each_landed_once(&fleet, &[id]);
}

#[test]
fn a_worker_goes_on_by_the_registry_as_it_is_by_then() {
    let fleet = fleet(1);
    let id = fleet.ready("m0", "Ticket");
    let registry = fleet.sandbox.read("m0/registry.toml");
    let without = registry.replace("agent = \"crew\"\n", "");
    assert_ne!(registry, without);
    fleet.sandbox.write("m0/registry.toml", &without);
    let mut worker = spawn(&fleet, "m0", &["--poll", "1s"]);
    while !fleet.sandbox.read("m0.log").contains("there is no agent in the registry") {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(fleet.sandbox.state("m0", &id), "ready");
    // One that cannot be read changes nothing.
    fleet.sandbox.write("m0/registry.toml", "version = \n");
    fleet.sandbox.write("m0/registry.toml", &registry);
    while fleet.sandbox.state(BARE, &id) != "merged" {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(fleet.sandbox.read("m0.log").contains("the registry changed; going on by the new one"));
    terminate(&worker);
    assert!(worker.wait().expect("an end").success());
}

/// One machine checks for long, another lands every moment: the first is not outrun for ever.
#[test]
fn a_machine_that_checks_for_long_has_its_turn() {
    const SLOW: &str = "checks = [{ name = \"slow\", run = 'sleep $(cat $HOME/seconds 2>/dev/null || echo 0)' }]\n";
    let settings = SETTINGS.replacen("[agents.crew]", &format!("{SLOW}[agents.crew]"), 1);
    let fleet = Fleet::new(2, Plan { is_judged: true, settings: &settings, ..Plan::default() });
    fleet.sandbox.write("agent.sh", AGENT);
    fleet.sandbox.write("homes/m0/seconds", "2\n");
    let quick: Vec<_> = (0..30).map(|number| fleet.ready("m0", &format!("Ticket {number}"))).collect();
    let slow = fleet.ready("m0", "Checked for long");
    fleet.os("m0", &["edit", &slow, "--priority", "0"]).ok();
    fleet.os("m0", &["sync"]).ok();
    let args = ["--remote", "origin", "--poll", "1s"];
    let mut workers = vec![spawn(&fleet, "m0", &args)];
    while fleet.sandbox.state("m0", &slow) != "verifying" {
        std::thread::sleep(Duration::from_millis(20));
    }
    workers.push(spawn(&fleet, "m1", &args));
    while fleet.sandbox.state(BARE, &slow) != "merged" {
        std::thread::sleep(Duration::from_millis(50));
    }
    let left = quick.iter().filter(|id| fleet.sandbox.state("m1", id) == "ready").count();
    for worker in &mut workers {
        terminate(worker);
        assert!(worker.wait().expect("an end").success());
    }
    let outrun = fleet.events(BARE, &slow).iter().filter(|event| *event == "stale").count();
    assert!((1..=3).contains(&outrun) && left > 0, "outrun {outrun} times, {left} of {} left", quick.len());
    let said = fleet.sandbox.read("m1.log");
    assert!(said.contains(&format!("waiting for {slow} to land first")), "{said}");
}
