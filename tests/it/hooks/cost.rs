//! What each front costs, measured: `cargo test --test it what_a_hook_costs -- --ignored --nocapture`.

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::Instant;

use super::fronts::{HOOK, fronts, replace_front};
use crate::sandbox::Sandbox;

/// How often a hook is started.
const STARTS: usize = 2000;
/// How many commits are made with each.
const COMMITS: usize = 1000;

/// A repository with one of the fronts as its hook, on a branch that nobody protects; without one there is no hook.
fn place(program: Option<&[u8]>) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["r"], "");
    match program {
        Some(program) => replace_front(&sandbox, program),
        None => drop(sandbox.os("r", &["uninstall"]).ok()),
    }
    sandbox.sh("r", "git config gc.auto 0; git config maintenance.auto false; git switch -q -c side").ok();
    sandbox
}

/// Microseconds from the start of a hook to its end, for a transaction that is not for git-os.
fn start(place: &Sandbox) -> f64 {
    let mut command = place.command("r", place.path("r").join(HOOK).to_str().expect("UTF-8"));
    command.arg0(HOOK).arg("prepared").stdin(Stdio::piped()).stdout(Stdio::piped());
    let line = format!("{0} {0} refs/heads/side\n", "1".repeat(40));
    let started = Instant::now();
    let mut child = command.spawn().expect("a hook that starts");
    drop(child.stdin.take().map(|mut stdin| stdin.write_all(line.as_bytes())));
    // Its end is when nobody has its output open.
    drop(child.stdout.take().map(|mut stdout| stdout.read_to_end(&mut Vec::new())));
    let status = child.wait().expect("an end");
    let took = started.elapsed().as_secs_f64() * 1e6;
    assert!(status.success());
    took
}

/// Microseconds of a commit.
fn commit(place: &Sandbox) -> f64 {
    let mut command = place.command("r", place.path("bin/git").to_str().expect("UTF-8"));
    command.args(["commit", "-q", "--allow-empty", "-m", "x"]);
    let started = Instant::now();
    let status = command.status().expect("a git that starts");
    let took = started.elapsed().as_secs_f64() * 1e6;
    assert!(status.success());
    took
}

/// What is measured at each place, in turns, so that all of them meet the same machine; in order of size.
fn measure(places: &[Sandbox], rounds: usize, once: impl Fn(&Sandbox) -> f64) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::new(); places.len()];
    for round in 0..rounds {
        for at in 0..places.len() {
            let at = (at + round) % places.len();
            times[at].push(once(&places[at]));
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    times
}

#[test]
#[ignore = "it measures, for a minute, on a machine that should have nothing else to do"]
fn what_a_hook_costs() {
    let all: Vec<_> = fronts().collect();
    let mut places: Vec<_> = all.iter().map(|(_, program)| place(Some(program))).collect();
    let starts = measure(&places, STARTS, start);
    places.push(place(None));
    let commits = measure(&places, COMMITS, commit);
    println!("{STARTS} starts and {COMMITS} commits in turns, in microseconds");
    // Where the machine has something else to do, the tenth part that met least of it says more than the median.
    for (what, part) in [("median", 2), ("tenth percentile", 10)] {
        let at = |times: &Vec<f64>| times[times.len() / part];
        let without = at(&commits[all.len()]);
        println!("{what:<16} {:>9} {:>8} {:>9} {:>17}", "bytes", "start", "commit", "hook in a commit");
        let mut costs = Vec::new();
        for (((name, program), starts), commits) in all.iter().zip(&starts).zip(&commits) {
            costs.push(at(commits) - without);
            println!("{name:<16} {:>9} {:>8.0} {:>9.0} {:>17.0}", program.len(), at(starts), at(commits), at(commits) - without);
        }
        println!("{:<16} {:>9} {:>8} {without:>9.0}", "no hook", "", "");
        if let [small, portable] = costs[..] {
            println!("{} saves {:.0} % of the hook's cost in a commit", all[0].0, 100.0 * (portable - small) / portable);
        }
    }
}
