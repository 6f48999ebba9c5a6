//! A worker of six brands for a long time: nothing that it uses grows.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::crew::Crew;
use crate::sync::worker::terminate;

/// The hub and five more, each of a brand of its own.
const BRANDS: [&str; 6] = ["hub", "alpha", "beta", "gamma", "delta", "epsilon"];

const SETTINGS: &str = "agent = \"crew\"\nverifier = \"judge\"\nmax_attempts = 1\ntimeout = \"60s\"\n\
                        checks = [{ name = \"words\", run = \"sh ../../../../check.sh\" }]\n";

/// Does what the number of the ticket says: most land, some leave daemons, some print much, some fail, some do nothing.
const AGENT: &str = r##"set -eu
IFS= read -r title; number=${title##*" "}; cat >/dev/null
began=$(date +%s%N)
sleep "${SOAK_SLEEP:-0.3}"
case $((number % 40)) in
  7) echo "there is no way" >&2; exit 1 ;;
  17) exit 0 ;;
  27) setsid sh -c 'exec sleep 87654.3' </dev/null >/dev/null 2>&1 & ;;
  37) yes "a line of many" | head -c 5000000 ;;
esac
mkdir -p work
echo "$title" >"work/$number"
git add -A
git commit -qm "$title"
echo "agent $(($(date +%s%N) - began))" >>../../../../times
"##;

const CHECK: &str = "began=$(date +%s%N); ! grep -r WRONG work; echo \"check $(($(date +%s%N) - began))\" >>../../../../times\n";

/// What the worker holds at one moment.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Kilobytes of memory.
    memory: u64,
    handles: usize,
    threads: u64,
}

/// `None` once it has ended.
fn look(worker: &Child) -> Option<Held> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.id())).ok()?;
    let number = |key: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(key))?;
        value.trim().trim_end_matches(" kB").parse().ok()
    };
    let handles = std::fs::read_dir(format!("/proc/{}/fd", worker.id())).ok()?.count();
    Some(Held { memory: number("VmRSS:")?, handles, threads: number("Threads:")? })
}

/// The milliseconds of CPU that the worker used itself, and those of all programs that it started.
fn used(worker: &Child) -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", worker.id())).ok()?;
    // The name of the program may have blanks, and ends with the last parenthesis. Ticks are hundredths of a second.
    let ticks: Vec<u64> =
        stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4).map_while(|tick| tick.parse().ok()).collect();
    let [user, system, user_of_others, system_of_others] = ticks[..] else { return None };
    Some(((user + system) * 10, (user_of_others + system_of_others) * 10))
}

/// Opens a ticket of each brand.
fn feed(crew: &Crew, number: &mut usize) {
    for brand in BRANDS {
        let made = crew.os(&["new", &format!("Ticket {number}"), "--repo", brand, "--json"]).ok();
        let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
        crew.os(&["approve", made["id"].as_str().expect("an id")]).ok();
        *number += 1;
    }
}

/// How many tickets are in each state.
fn count(crew: &Crew, state: &str) -> usize {
    crew.tickets().values().filter(|ticket| ticket.1 == state).count()
}

/// The mean of what agents or checks noted, in milliseconds.
fn mean(times: &str, who: &str) -> u64 {
    let all: Vec<u64> = times.lines().filter_map(|line| line.strip_prefix(who)?.trim().parse().ok()).collect();
    all.iter().sum::<u64>() / all.len().max(1) as u64 / 1_000_000
}

/// `GIT_OS_TEST_SOAK` says for how many minutes; a quarter of one unless it does.
#[test]
fn what_a_worker_of_six_brands_holds_does_not_grow() {
    let minutes: f64 = std::env::var("GIT_OS_TEST_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(0.25);
    let mut crew = Crew::with(&BRANDS, SETTINGS);
    for date in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
        crew.sandbox.unset(date);
    }
    let temporary = crew.sandbox.path("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    crew.sandbox.set("TMPDIR", temporary.to_str().expect("UTF-8"));
    if minutes > 1.0 {
        crew.sandbox.set("SOAK_SLEEP", "2");
    }
    crew.agent(AGENT);
    crew.sandbox.write("ws/check.sh", CHECK);
    let mut number = 0;
    feed(&crew, &mut number);
    let mut worker = crew.sandbox.command("ws/hub", crew.sandbox.path("bin/git-os").to_str().expect("UTF-8"));
    let log = std::fs::File::create(crew.sandbox.path("ws/worker.log")).expect("a file");
    worker.args(["worker", "--jobs", "6", "--poll", "1s"]).stdout(Stdio::null()).stderr(log);
    let mut worker = worker.spawn().expect("a worker");
    let (began, whole) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let mut samples = Vec::new();
    let mut cpu = (0, 0);
    while began.elapsed() < whole {
        if count(&crew, "ready") < BRANDS.len() {
            feed(&crew, &mut number);
        }
        samples.push(look(&worker).expect("a worker that lives"));
        cpu = used(&worker).expect("its times");
        std::thread::sleep(Duration::from_millis(250).min(whole / 100));
    }
    let landed = count(&crew, "merged");
    terminate(&worker);
    assert!(worker.wait().expect("an end").success(), "{}", crew.sandbox.read("ws/worker.log"));

    let times = crew.sandbox.read("ws/times");
    let (early, late) = (&samples[samples.len() / 4..samples.len() / 2], &samples[samples.len() * 3 / 4..]);
    let most = |part: &[Held], what: fn(&Held) -> u64| part.iter().map(what).max().expect("samples");
    let grew = |what: fn(&Held) -> u64| (most(early, what), most(late, what));
    let (memory, handles, threads) = (grew(|held| held.memory), grew(|held| held.handles as u64), grew(|held| held.threads));
    println!(
        "{number} tickets, {landed} landed in {:.0?}; the worker held at most, early and late: memory {memory:?} kB, \
         handles {handles:?}, threads {threads:?}; a landed ticket: {} ms of CPU of its own, {} ms of programs, \
         agent {} ms, check {} ms",
        began.elapsed(),
        cpu.0 / landed.max(1) as u64,
        cpu.1 / landed.max(1) as u64,
        mean(&times, "agent"),
        mean(&times, "check"),
    );
    assert!(landed >= BRANDS.len(), "{landed} of {number} landed");
    assert!(memory.1 < memory.0 * 3 / 2 + 20_000, "memory: {memory:?} kB");
    assert!(handles.1 <= handles.0 + 20 && threads.1 <= threads.0 + 10, "handles {handles:?}, threads {threads:?}");

    crew.all_is_well();
    crew.every_worktree_is_there();
    let worktrees = |name: &str| crew.sandbox.path(&format!("ws/{name}/.claude/worktrees")).read_dir().map_or(0, Iterator::count);
    let left: usize = BRANDS.into_iter().map(worktrees).sum();
    let open = crew.tickets().values().filter(|ticket| !["ready", "merged"].contains(&ticket.1.as_str())).count();
    assert!(left <= open + BRANDS.len() * 17, "{left} worktrees beside {open} tickets that are open");
    // The last ones stay for a day, unless somebody wants them gone.
    crew.os(&["gc", "--now"]).ok();
    let left: usize = BRANDS.into_iter().map(worktrees).sum();
    let blocked = count(&crew, "blocked");
    assert!(left <= blocked, "{left} worktrees, {blocked} blocked tickets");
    let leftovers = crew.sandbox.sh("tmp", "find . -mindepth 1 | head").ok();
    assert_eq!(leftovers, "", "temporary files");
}
