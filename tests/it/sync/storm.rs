//! Machines that do everything at once, are killed, cut off and out of time; then the storm is over, and all is there.
//!
//! `GIT_OS_STORM_OPS` says how many operations there are, `GIT_OS_TEST_SEED` which; with `GIT_OS_STORM_HOURS` it goes on for
//! hours, storm after storm, each with the next seed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::fleet::{BARE, Fleet, Plan};

const MACHINES: usize = 6;
/// How far each machine's clock is off, in hours.
const HOURS_OFF: [i64; MACHINES] = [0, 3, -2, 0, 7, -5];

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % below.max(1)
    }
}

fn number(key: &str) -> Option<u64> {
    std::env::var(key).ok()?.parse().ok()
}

/// What was answered with yes.
#[derive(Debug, Clone)]
struct Acknowledged {
    number: usize,
    verb: &'static str,
    id: String,
}

struct Storm {
    fleet: Fleet,
    /// How many operations were thought of, and how many of them there was a ticket for.
    count: AtomicUsize,
    done: AtomicUsize,
    is_over: AtomicBool,
    acknowledged: Mutex<Vec<Acknowledged>>,
    outcomes: Mutex<BTreeMap<(&'static str, &'static str), usize>>,
}

/// How one operation ended.
struct End {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Storm {
    /// A command in the name of operation `number`, by the machine's own clock.
    fn command(&self, machine: usize, number: usize, program: &str) -> Command {
        let name = &self.fleet.machines[machine];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        let date = format!("@{} +0000", i64::try_from(now).expect("a time") + HOURS_OFF[machine] * 3600);
        let mut command = self.fleet.command(name, name, program);
        for key in ["GIT_COMMITTER_NAME", "GIT_AUTHOR_NAME"] {
            command.env(key, format!("op{number}."));
        }
        command.env("GIT_COMMITTER_DATE", &date).env("GIT_AUTHOR_DATE", &date);
        command
    }

    /// The tickets a machine knows, each with its state, as plain git shows them.
    fn known(&self, machine: usize) -> Vec<(String, String)> {
        let format = "--format=%(refname:lstrip=3) %(trailers:key=Os-State,valueonly,separator=)";
        let refs = self.fleet.git(&self.fleet.machines[machine], &["for-each-ref", format, "refs/os/tickets"]);
        refs.stdout.lines().filter_map(|line| line.split_once(' ').map(|(id, state)| (id.to_owned(), state.to_owned()))).collect()
    }

    /// One operation of one machine.
    fn operate(&self, machine: usize, dice: &mut Dice) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let known = self.known(machine);
        let any = |dice: &mut Dice, states: &[&str]| -> Option<String> {
            let fitting: Vec<_> = known.iter().filter(|(_, state)| states.contains(&state.as_str())).collect();
            (!fitting.is_empty()).then(|| fitting[dice.roll(fitting.len())].0.clone())
        };
        // What this machine holds is what it can go on with.
        let held = std::fs::read_dir(self.fleet.sandbox.path(&format!("{}/.git/os/held", self.fleet.machines[machine])));
        let held: BTreeSet<String> =
            held.into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        let own = |dice: &mut Dice, states: &[&str]| -> Option<String> {
            let fitting: Vec<_> =
                known.iter().filter(|(id, state)| held.contains(id) && states.contains(&state.as_str())).collect();
            (!fitting.is_empty()).then(|| fitting[dice.roll(fitting.len())].0.clone())
        };
        let text = format!("words of op{number}.");
        let (verb, id, args): (&'static str, Option<String>, Vec<String>) = match dice.roll(32) {
            0 | 1 => ("new", None, vec!["new".into(), format!("Ticket of op{number}.")]),
            2..=5 => ("approve", any(dice, &["draft"]), vec![]),
            6 => ("edit", any(dice, &["draft", "ready", "blocked"]), vec!["--title".into(), text.clone()]),
            7 | 8 => ("comment", known.get(dice.roll(known.len())).map(|one| one.0.clone()), vec![text.clone()]),
            9 | 10 | 26 => ("claim", any(dice, &["ready"]), vec!["--lease".into(), "4h".into()]),
            11 | 27 => ("start", own(dice, &["claimed"]), vec![]),
            12 => ("ask", own(dice, &["running"]), vec![text.clone()]),
            13 => ("answer", any(dice, &["awaiting-input"]), vec![text.clone()]),
            14 | 28 => ("submit", own(dice, &["running"]), vec![]),
            15 | 29 => ("verify", any(dice, &["verifying"]), vec![]),
            16 | 30 => ("merge", any(dice, &["verified"]), vec![]),
            17 => ("block", any(dice, &["claimed", "running", "verifying"]), vec!["--reason".into(), text.clone()]),
            18 => ("unblock", any(dice, &["blocked"]), vec![]),
            19 => ("release", any(dice, &["claimed", "running"]), vec![]),
            20 => ("expire", any(dice, &["claimed", "running", "verifying"]), vec![]),
            21 => match dice.roll(3) {
                0 => ("cancel", any(dice, &["ready", "blocked", "running"]), vec!["--reason".into(), text.clone()]),
                1 => ("reject", any(dice, &["draft"]), vec!["--reason".into(), text.clone()]),
                _ => ("archive", None, vec!["archive".into(), "--after".into(), "0m".into()]),
            },
            22 => ("learn", None, vec!["learn".into(), format!("What op{number}. has learned of it")]),
            23 => ("list", None, vec!["list".into(), "--all".into()]),
            _ => ("sync", None, vec!["sync".into()]),
        };
        let mut words = args;
        if let Some(id) = &id {
            words.splice(0..0, [verb.to_owned(), id.clone()]);
            if verb == "submit" {
                self.work(machine, number, id);
            }
        } else if words.first().map(String::as_str) != Some(verb) {
            // There is no ticket it could be done to.
            return;
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        let mut command = self.command(machine, number, "git-os");
        command.args(&words);
        let end = run(dice, command);
        let outcome = match end.code {
            Some(0) => "yes",
            Some(1) => "no",
            None => "killed",
            _ => "failed",
        };
        *self.outcomes.lock().expect("a lock").entry((verb, outcome)).or_default() += 1;
        if std::env::var_os("GIT_OS_STORM_TRACE").is_some() || (outcome == "failed" && !is_of_the_storm(&end.stderr)) {
            println!("op{number} m{machine} {words:?} -> {outcome}\n{}{}", end.stdout, end.stderr);
        }
        if outcome == "yes" && !matches!(verb, "list" | "sync" | "archive" | "merge" | "verify") {
            let id = id.unwrap_or_else(|| end.stdout.split_whitespace().next().unwrap_or_default().to_owned());
            self.acknowledged.lock().expect("a lock").push(Acknowledged { number, verb, id });
        }
    }

    /// A commit on the ticket's branch, on top of what this machine has of the protected one.
    fn work(&self, machine: usize, number: usize, id: &str) {
        let name = &self.fleet.machines[machine];
        let script = format!(
            "export GIT_INDEX_FILE=.git/work-{number}; git read-tree main
             file=$(echo {id} | git hash-object -w --stdin); git update-index --add --cacheinfo 100644,$file,work/{id}
             git update-ref refs/heads/claude/{id} $(git commit-tree -p main -m 'Work on {id}' $(git write-tree)); rm -f $GIT_INDEX_FILE"
        );
        drop(self.fleet.command(name, name, "git").args(["-c", &format!("alias.work=!{script}"), "work"]).output());
    }

    /// What happens around the machines: the remote goes away and comes back, and whoever receives a push is killed.
    fn weather(&self, mut dice: Dice) {
        let here = |path: &str| self.fleet.sandbox.path(path);
        while !self.is_over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(200 + dice.roll(1500) as u64));
            match dice.roll(3) {
                0 => {
                    std::fs::rename(here(BARE), here("away")).expect("a move");
                    std::thread::sleep(Duration::from_millis(100 + dice.roll(700) as u64));
                    std::fs::rename(here("away"), here(BARE)).expect("a move");
                }
                1 => kill_receivers(self.fleet.sandbox.path(".").as_path()),
                _ => {
                    let machine = &self.fleet.machines[dice.roll(MACHINES)];
                    drop(self.fleet.command(machine, machine, "git").args(["gc", "-q"]).output());
                }
            }
        }
    }

    fn blow(&self, ops: usize, seed: u64) {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..MACHINES)
                .map(|machine| {
                    scope.spawn(move || {
                        let mut dice = Dice(seed.wrapping_mul(1000).wrapping_add(machine as u64));
                        while self.done.load(Ordering::Relaxed) < ops {
                            self.operate(machine, &mut dice);
                        }
                    })
                })
                .collect();
            let weather = scope.spawn(move || self.weather(Dice(seed.wrapping_mul(7919))));
            let ends: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            self.is_over.store(true, Ordering::Relaxed);
            weather.join().expect("the weather");
            assert!(ends.iter().all(Result::is_ok), "a machine stopped");
        });
    }

    /// The wind is down: everybody syncs until nobody has anything new.
    fn heal(&self) {
        // What a killed process locked is known to be left behind only after a while.
        let locks = self.fleet.sandbox.sh(".", "find . -name '*.lock' -path '*refs*' | wc -l").ok();
        if locks != "0" {
            println!("{locks} locks left behind");
            std::thread::sleep(Duration::from_secs(31));
        }
        let mut before = String::new();
        for _ in 0..12 {
            for (at, machine) in self.fleet.machines.iter().enumerate() {
                let mut command = self.command(at, 0, "git-os");
                let output = command.arg("sync").output().expect("an end");
                let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                if !output.status.success() {
                    println!("{machine}: {said}");
                }
            }
            let now = self
                .fleet
                .machines
                .iter()
                .fold(self.fleet.shared_refs(BARE), |all, machine| all + &self.fleet.shared_refs(machine));
            if now == before {
                return;
            }
            before = now;
        }
        panic!("it never came to rest");
    }

    /// Everything that has to be so after a storm.
    fn judge(&self) {
        self.fleet.all_agree();
        for machine in self.fleet.machines.iter().map(String::as_str).chain([BARE]) {
            let said = self.fleet.sandbox.git(machine, &["fsck", "--strict", "--no-dangling"]);
            assert_eq!(said.code, Some(0), "{machine}: {said}");
        }
        let (events, conflicts) = self.events();
        let all = self.acknowledged.lock().expect("a lock").clone();
        for one in &all {
            let name = format!("op{}.", one.number);
            let is_there = events.contains(&name) || conflicts.contains_key(&name);
            assert!(is_there, "{} of op{} on {} is gone", one.verb, one.number, one.id);
            // Somebody who was told that a ticket is theirs has had it.
            assert!(one.verb != "claim" || events.contains(&name), "the claim of op{} on {} was none", one.number, one.id);
        }
        println!("{} events acknowledged and there, {} of them as conflicts", all.len(), conflicts.len());
    }

    /// The names of all operations that wrote an event, and of those whose event stands as a conflict.
    fn events(&self) -> (BTreeSet<String>, BTreeMap<String, String>) {
        let git = |args: &[&str]| self.fleet.sandbox.git(BARE, args).ok();
        let log = git(&["log", "--format=%H %cn %(trailers:key=Os-Event,valueonly,separator=)", "--all", "--not", "main"]);
        let mut events = BTreeSet::new();
        let mut conflicts = BTreeMap::new();
        for line in log.lines() {
            let mut words = line.split(' ');
            let mut next = || words.next().unwrap_or_default().to_owned();
            let (commit, name, event) = (next(), next(), next());
            match event.as_str() {
                "conflict" => drop(conflicts.insert(name, commit)),
                _ => drop(events.insert(name)),
            }
        }
        (events, conflicts)
    }
}

/// Runs it, and kills it on the way if the dice say so.
fn run(dice: &mut Dice, mut command: Command) -> End {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    if dice.roll(12) == 0 {
        std::thread::sleep(Duration::from_millis(dice.roll(150) as u64));
        child.kill().expect("a signal");
    }
    let output = child.wait_with_output().expect("an end");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    End { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// What is said when the remote is away, a receiver was killed, or somebody holds a lock that will be let go.
fn is_of_the_storm(said: &str) -> bool {
    [
        "cannot reach remote",
        "cannot reach",
        "lock",
        "not up to date",
        "not all refs are up to date",
        "unable to",
        "remote end hung up",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// Kills one process that receives a push, or judges it.
fn kill_receivers(place: &Path) {
    let place = place.canonicalize().expect("a path").display().to_string();
    for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
        let Ok(words) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let is_receiver =
            words.contains("receive-pack") || words.contains("hook pre-receive") || words.contains("unpack-objects");
        if is_receiver && words.contains(&place) {
            let pid = entry.file_name().to_string_lossy().into_owned();
            // It may have come to its end since.
            drop(Command::new("kill").args(["-9", &pid]).stderr(Stdio::null()).status());
            return;
        }
    }
}

fn storm(ops: usize, seed: u64) {
    println!("GIT_OS_TEST_SEED={seed} GIT_OS_STORM_OPS={ops}");
    let fleet = Fleet::new(MACHINES, Plan { is_judged: true, settings: "push = \"auto\"\n", ..Plan::default() });
    let storm = Storm {
        fleet,
        count: AtomicUsize::new(1),
        done: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
        acknowledged: Mutex::default(),
        outcomes: Mutex::default(),
    };
    let began = Instant::now();
    storm.blow(ops, seed);
    println!("{} operations in {:.1?}", storm.done.load(Ordering::Relaxed), began.elapsed());
    let outcomes = storm.outcomes.lock().expect("a lock").clone();
    let line = outcomes.iter().fold(String::new(), |all, ((verb, end), count)| all + &format!("{verb} {end} {count}, "));
    println!("{}", line.trim_end_matches(", "));
    storm.heal();
    storm.judge();
}

#[test]
fn after_a_storm_all_is_there_and_all_agree() {
    let seed =
        number("GIT_OS_TEST_SEED").unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs());
    let ops = usize::try_from(number("GIT_OS_STORM_OPS").unwrap_or(200)).expect("a number");
    let end = Instant::now() + Duration::from_secs(3600 * number("GIT_OS_STORM_HOURS").unwrap_or(0));
    let mut seed = seed;
    loop {
        storm(ops, seed);
        seed += 1;
        if Instant::now() >= end {
            return;
        }
    }
}
