//! What each front costs, measured: `cargo test --test it what_a_hook_costs -- --ignored --nocapture`.

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::Instant;

use super::fronts::{HOOK, fronts, replace_front};
use crate::sandbox::Sandbox;

/// How many times each hook is started.
const STARTS: usize = 2000;
/// How many commits are made with each hook.
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

/// Microseconds of processor time that a commit takes, with all that git starts. Unlike the time by the clock it depends little on
/// what else the machine does.
fn commit(place: &Sandbox) -> f64 {
    // Other shells count in hundredths of a second.
    let times = place.sh("r", "exec bash -ec 'git commit -q --allow-empty -m x; times'").ok();
    // The second line is of the children, such as `0m0.12s 0m0.05s`.
    let children = times.lines().last().expect("two lines").split_whitespace().map(|time| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').expect("minutes");
        minutes.parse::<f64>().expect("a number") * 60.0 + seconds.parse::<f64>().expect("a number")
    });
    children.sum::<f64>() * 1e6
}

/// What is measured at each place, in turns, so that all places meet the same machine.
fn measure(places: &[Sandbox], rounds: usize, once: impl Fn(&Sandbox) -> f64) -> Vec<Vec<f64>> {
    let mut results = vec![Vec::new(); places.len()];
    for round in 0..rounds {
        for at in 0..places.len() {
            let at = (at + round) % places.len();
            results[at].push(once(&places[at]));
        }
    }
    results
}

#[test]
#[ignore = "it measures for some minutes"]
fn what_a_hook_costs() {
    let fronts = fronts();
    let mut places: Vec<_> = fronts.iter().map(|(_, program)| place(Some(program))).collect();
    let starts = measure(&places, STARTS, start);
    places.push(place(None));
    let commits = measure(&places, COMMITS, commit);
    let middle = |times: &[f64]| {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let half = &sorted[sorted.len() / 4..sorted.len() * 3 / 4];
        half.iter().sum::<f64>() / f64::from(u32::try_from(half.len()).expect("some thousands"))
    };
    let without = middle(&commits[fronts.len()]);
    let least = middle(&commits[0]) - without;
    println!(
        "{STARTS} starts by the clock and {COMMITS} commits in processor time, in turns: means of the middle half, in microseconds"
    );
    println!("{:<14} {:>9} {:>7} {:>8} {:>18} {:>12}", "hook", "bytes", "start", "commit", "share of the hook", "first saves");
    for (((name, program), starts), commits) in fronts.iter().zip(&starts).zip(&commits) {
        let (start, commit) = (middle(starts), middle(commits));
        let hook = commit - without;
        let saved = 100.0 * (hook - least) / hook;
        println!("{name:<14} {:>9} {start:>7.0} {commit:>8.0} {hook:>18.0} {saved:>10.0} %", program.len());
    }
    println!("{:<14} {:>9} {:>7} {without:>8.0}", "none", "", "");
}
