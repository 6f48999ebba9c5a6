//! Races of real processes: one ticket claimed by eight, tickets created by eight, one chain commented by eight.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};

use crate::sandbox::{RUN, Sandbox, gits};

/// How many processes race.
const PROCESSES: usize = 8;

/// How often; `GIT_OS_TEST_ROUNDS` says otherwise.
fn rounds() -> usize {
    std::env::var("GIT_OS_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(25)
}

/// Exit code, standard output and standard error of processes that run at the same time.
fn race(sandbox: &Sandbox, commands: &[Vec<String>]) -> Vec<(Option<i32>, String, String)> {
    let program = sandbox.path("bin/git-os");
    let start = |args: &Vec<String>| -> Child {
        let mut command = sandbox.command("hub", program.to_str().expect("UTF-8"));
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process")
    };
    let children: Vec<_> = commands.iter().map(start).collect();
    let end = |child: Child| {
        let output = child.wait_with_output().expect("an end");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    children.into_iter().map(end).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn hub(init_args: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.repo("hub", init_args);
    sandbox.registry(&["hub"], "");
    sandbox.os("hub", &["init"]).ok();
    sandbox
}

/// How many events of a kind a ticket's chain has, as plain git shows it.
fn events(sandbox: &Sandbox, id: &str, kind: &str) -> usize {
    let format = "--format=%(trailers:key=Os-Event,valueonly,separator=)";
    let log = sandbox.git("hub", &["log", format, &format!("refs/os/tickets/{id}")]).ok();
    log.lines().filter(|line| *line == kind).count()
}

fn all_is_well(sandbox: &Sandbox) {
    sandbox.os("hub", &["fsck"]).ok();
    sandbox.git("hub", &["fsck", "--strict"]).ok().lines().for_each(|line| {
        // What lost a race is left for gc.
        assert!(line.starts_with("dangling "), "{line}");
    });
    let locks = sandbox.sh("hub", "find .git -name '*.lock' ! -name session.lock").ok();
    assert_eq!(locks, "");
}

/// One ticket, claimed by eight; exactly one has it, and the others are told who.
fn one_claim_wins(sandbox: &Sandbox, rounds: usize, run: Option<&str>) {
    for round in 0..rounds {
        let id = sandbox.ticket("hub", &format!("Race {round}"), "ready").id;
        let mut claim = words(&["claim", &id]);
        claim.extend(run.iter().flat_map(|run| ["--run".to_owned(), (*run).to_owned()]));
        let ends = race(sandbox, &vec![claim; PROCESSES]);
        let winners: Vec<_> = ends.iter().filter(|end| end.0 == Some(0)).collect();
        assert_eq!(winners.len(), 1, "round {round}: {ends:#?}");
        let holder = winners[0].1.trim().rsplit(' ').next().expect("a run").to_owned();
        for (code, stdout, stderr) in ends.iter().filter(|end| end.0 != Some(0)) {
            assert_eq!(*code, Some(1), "round {round}: {stdout}{stderr}");
            assert!(stderr.contains(&holder[..8]), "a loser is told who has it: {stderr}");
        }
        assert_eq!(events(sandbox, &id, "claim"), 1);
        assert_eq!(sandbox.state("hub", &id), "claimed");
    }
    all_is_well(sandbox);
}

#[test]
fn one_of_eight_claims_wins() {
    let mut sandbox = hub("");
    // Everybody is the same person, and time stands still.
    one_claim_wins(&sandbox, rounds(), None);
    one_claim_wins(&sandbox, rounds() / 5, Some(RUN));
    // And with a clock that runs.
    sandbox.unset("GIT_COMMITTER_DATE");
    one_claim_wins(&sandbox, rounds() / 5, None);
}

#[test]
fn one_of_eight_claims_wins_in_other_formats() {
    one_claim_wins(&hub("--object-format=sha256"), rounds() / 5, None);
    if gits()[0].is_since(2, 45) {
        one_claim_wins(&hub("--ref-format=reftable"), rounds() / 5, None);
    }
}

#[test]
fn all_tickets_created_at_once_are_there() {
    let sandbox = hub("");
    let each = rounds() * 4 / 5;
    let program = sandbox.path("bin/git-os").to_str().expect("UTF-8").to_owned();
    let spawn = |process: usize| {
        let script = format!("for i in $(seq {each}); do {program} new \"Ticket {process}-$i\" || exit 1; done");
        let mut command = sandbox.command("hub", "/bin/sh");
        command.args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process")
    };
    let children: Vec<_> = (0..PROCESSES).map(spawn).collect();
    let mut ids = BTreeSet::new();
    for child in children {
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ids.extend(said.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)));
    }
    assert_eq!(ids.len(), PROCESSES * each, "every id is another");
    let refs = sandbox.git("hub", &["for-each-ref", "--format=%(refname:lstrip=3)", "refs/os/tickets"]).ok();
    assert_eq!(refs.lines().map(str::to_owned).collect::<BTreeSet<_>>(), ids);
    let listed = sandbox.os("hub", &["list", "--json"]).ok();
    assert_eq!(listed.matches("\"id\"").count(), PROCESSES * each);
    all_is_well(&sandbox);
}

#[test]
fn no_comment_of_eight_is_lost() {
    let sandbox = hub("");
    let id = sandbox.ticket("hub", "Talk of the town", "ready").id;
    let each = 10.max(rounds() / 10);
    for round in 0..each {
        let comment = |process| words(&["comment", &id, &format!("{process} says {round}")]);
        let ends = race(&sandbox, &(0..PROCESSES).map(comment).collect::<Vec<_>>());
        assert!(ends.iter().all(|end| end.0 == Some(0)), "{ends:#?}");
    }
    assert_eq!(events(&sandbox, &id, "comment"), PROCESSES * each);
    let log = sandbox.git("hub", &["log", "--format=%B", &format!("refs/os/tickets/{id}")]).ok();
    for (process, round) in (0..PROCESSES).flat_map(|process| (0..each).map(move |round| (process, round))) {
        assert!(log.contains(&format!("{process} says {round}\n")), "{process} {round}");
    }
    all_is_well(&sandbox);
}
