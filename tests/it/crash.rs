//! Sessions that are killed after each step, at any moment, and agents that do not behave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::crew::{BOARD, Crew};

/// Every step after which a session can be killed, but for the phases.
const STEPS: [&str; 20] = [
    "answered",
    "briefed",
    "checked",
    "claimed",
    "drafted",
    "finished",
    "judged",
    "landing",
    "learned",
    "merged",
    "moved",
    "noted",
    "prepared",
    "pushed",
    "rebased",
    "restacked",
    "started",
    "submitted",
    "verdict",
    "worked",
];
/// Those of plans, which `plans.rs` tries.
const OF_PLANS: [&str; 4] = ["begun", "checkpoint", "done", "made"];
/// The phases: each is a step too.
const PHASES: [&str; 9] =
    ["initialise", "scout", "housekeeping", "outstanding", "brief", "interview", "draft", "dispatch", "close"];

fn expected() -> BTreeSet<(String, String)> {
    BOARD.map(|(title, state)| (title.to_owned(), state.to_owned())).into()
}

/// The stages that the source says it has reached.
fn steps_of_source(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            steps_of_source(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file");
        let reached = text.split("eached(Stage::").skip(1).filter_map(|rest| rest.split(')').next());
        found.extend(reached.map(str::to_lowercase));
    }
}

#[test]
fn every_step_is_known_here() {
    let mut found = BTreeSet::new();
    steps_of_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let known: BTreeSet<_> = STEPS.iter().chain(&OF_PLANS).map(|step| (*step).to_owned()).collect();
    assert_eq!(found, known);
    let progress = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core/progress.rs")).expect("a file");
    let table = progress.split("Stage, \"stage\", {").nth(1).and_then(|rest| rest.split('}').next()).expect("the table");
    let named: BTreeSet<_> = table.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(found, named, "each stage is reached somewhere");
}

/// What was in the chains is still in them.
fn nothing_is_lost(crew: &Crew, before: &BTreeMap<(String, String), (String, String, String)>) {
    let after = crew.tickets();
    for ((repo, name), (title, _, tip)) in before {
        let (_, _, now) = after.get(&(repo.clone(), name.clone())).unwrap_or_else(|| panic!("{repo}: {title} is gone"));
        crew.sandbox.git(repo, &["merge-base", "--is-ancestor", tip, now]).ok();
    }
    crew.every_worktree_is_there();
}

fn killed_after(crew: &mut Crew, step: &str) {
    crew.copy("template", "ws");
    crew.sandbox.set("GIT_OS_KILL_AFTER", step);
    let killed = crew.start_with_answers();
    crew.sandbox.unset("GIT_OS_KILL_AFTER");
    assert_eq!(killed.code, None, "after {step}: {killed}");
    let before = crew.tickets();
    let again = crew.start_with_answers();
    assert_eq!(again.code, Some(0), "after {step}: {again}");
    assert_eq!(crew.board(), expected(), "after {step}: {again}");
    nothing_is_lost(crew, &before);
    println!("killed after {step}: {} tickets then", before.len());
    crew.all_is_well();
}

fn kill_after_each(steps: &[&str]) {
    let mut crew = Crew::new();
    crew.copy("ws", "template");
    for step in steps {
        killed_after(&mut crew, step);
    }
}

#[test]
fn a_session_that_is_not_killed_comes_to_the_board() {
    let crew = Crew::new();
    let said = crew.start_with_answers();
    assert_eq!(crew.board(), expected(), "{said}");
    said.ok();
    crew.all_is_well();
}

#[test]
fn killed_after_any_phase_the_next_session_goes_on() {
    kill_after_each(&PHASES);
}

#[test]
fn killed_after_any_step_of_the_work_the_next_session_goes_on() {
    kill_after_each(&STEPS[..8]);
}

#[test]
fn killed_after_any_step_of_the_landing_the_next_session_goes_on() {
    kill_after_each(&STEPS[8..]);
}

/// Numbers that look random and are the same for the same seed.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

#[test]
fn a_lock_that_a_killed_process_left_is_removed() {
    let crew = Crew::alone("echo done >done", "");
    let id = crew.ready("Work");
    for name in [format!("refs/os/tickets/{id}"), "refs/notes/os/verdicts".to_owned()] {
        crew.sandbox.write(&format!("ws/hub/.git/{name}.lock"), "");
    }
    crew.start().says("removed the stale lock").ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn killed_at_any_moment_the_next_session_goes_on() {
    let seed = std::env::var("GIT_OS_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
        now.as_secs()
    });
    println!("GIT_OS_TEST_SEED={seed}");
    let mut random = random(seed);
    let mut crew = Crew::new();
    crew.copy("ws", "template");
    crew.sandbox.set("CREW_SLEEP", "0.2");
    for round in 0..6 {
        crew.copy("template", "ws");
        let mut session = crew.spawn(&["start", "--yes", "--answers", "../answers.toml"]);
        let pause = 50 + random(2500);
        std::thread::sleep(std::time::Duration::from_millis(pause));
        session.kill().expect("a signal");
        session.wait().expect("an end");
        // A git that it had started may come to its end by itself.
        let before = crew.tickets();
        let again = crew.start_with_answers();
        assert_eq!(again.code, Some(0), "round {round}, killed after {pause} ms: {again}");
        assert_eq!(crew.board(), expected(), "round {round}, killed after {pause} ms: {again}");
        nothing_is_lost(&crew, &before);
        crew.all_is_well();
    }
}

/// Kills a session once a file is there, and starts another one.
fn killed_while(crew: &Crew, file: &str) {
    let mut session = crew.spawn(&["start", "--yes"]);
    crew.wait_for(file);
    session.kill().expect("a signal");
    session.wait().expect("an end");
}

#[test]
fn an_agent_ends_with_its_orchestrator() {
    let crew = Crew::alone("echo $$ >../../../../pid; exec sleep 60", "");
    let id = crew.ready("Sleep");
    killed_while(&crew, "ws/pid");
    crew.wait("the agent ends", || crew.processes().is_empty());
    assert_eq!(crew.state(&id), "running");
    crew.agent("echo done >done; touch ../../../../again");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn what_an_agent_started_ends_with_the_next_session_at_the_latest() {
    // The shell waits for its child, which nobody told to end with anybody.
    let crew = Crew::alone("setsid sleep 61 & sleep 62 & touch ../../../../started; sleep 63", "");
    let id = crew.ready("Sleep");
    killed_while(&crew, "ws/started");
    crew.agent("echo done >done");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn what_a_check_or_a_judge_started_ends_with_the_next_session_at_the_latest() {
    for (judge, check) in
        [("sleep 64 & touch ../../../../started; sleep 65", "true"), ("", "sleep 66 & touch ../../../../started; sleep 67")]
    {
        let settings = |check: &str| format!("verifier = \"judge\"\nchecks = [{{ name = \"slow\", run = \"{check}\" }}]\n");
        let crew = Crew::alone("echo done >done", &settings(check));
        crew.judge(judge);
        let id = crew.ready("Sleep");
        killed_while(&crew, "ws/started");
        crew.judge("echo '{\"verdict\":\"pass\",\"reasons\":[]}'");
        crew.sandbox.write("ws/started", "");
        if check != "true" {
            crew.registry(&["hub"], &format!("agent = \"crew\"\n{}", settings("true")));
            crew.os(&["init"]).ok();
        }
        crew.start().ok();
        assert_eq!(crew.state(&id), "merged");
        crew.all_is_well();
    }
}

#[test]
fn an_agent_whose_time_is_up_ends_with_all_it_started() {
    let crew = Crew::alone(
        "setsid sleep 68 & sleep 69 & trap '' TERM; touch ../../../../started; sleep 70; sleep 71",
        "timeout = \"1s\"\nmax_attempts = 1",
    );
    let id = crew.ready("Sleep");
    crew.start().ok();
    assert_eq!(crew.state(&id), "blocked");
    assert!(crew.log(&id).contains("it reached its time limit"), "{}", crew.log(&id));
    crew.all_is_well();
}

#[test]
fn an_agent_may_leave_something_that_holds_its_output_open() {
    let crew = Crew::alone("sleep 72 & echo done >done", "");
    let id = crew.ready("Leave something behind");
    let started = std::time::Instant::now();
    crew.start().ok();
    assert!(started.elapsed().as_secs() < 20);
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn an_agent_need_not_read_its_brief_nor_stop_talking() {
    // A brief that is larger than a pipe holds.
    let crew = Crew::alone("exec 0<&-; yes | head -c 3000000; echo done >done", "");
    crew.sandbox.write("long.md", "A long story. ".repeat(12_000));
    let file = crew.sandbox.path("long.md").display().to_string();
    let id = crew.os(&["new", "Read", "--description-file", &file]).ok();
    let id = id.split_whitespace().next().expect("an id");
    crew.os(&["approve", id]).ok();
    crew.start().ok();
    assert_eq!(crew.state(id), "merged");
    crew.agent("sleep 0.05; echo more >more");
    let id = crew.os(&["new", "Do not read", "--description-file", &file]).ok();
    let id = id.split_whitespace().next().expect("an id");
    crew.os(&["approve", id]).ok();
    crew.start().ok();
    assert_eq!(crew.state(id), "merged");
    crew.all_is_well();
}

/// What an agent does, whether its work counts, and what is said of it.
#[test]
fn an_agent_that_fails_is_told_why() {
    for (agent, said) in [
        ("kill -9 $$", "exited with 137"),
        ("exec no-such-program", "exited with 127"),
        ("exit 3", "exited with 3"),
        ("true", "the agent changed nothing"),
        ("echo a >a; git add a; git commit -qm a; git revert --no-edit HEAD >/dev/null", "the agent changed nothing"),
        ("cd ../../.. && rm -rf .claude/worktrees/*", "the worktree is missing"),
        (
            "echo a >a; git add a; git commit -qm a; git rebase -q --exec false main; git checkout -q --orphan x; git commit -qm x",
            "",
        ),
    ] {
        let crew = Crew::alone(agent, "max_attempts = 2");
        let id = crew.ready("Fail");
        let main = crew.sandbox.id("ws/hub", "main");
        let start = crew.start();
        assert_eq!(start.code, Some(0), "{agent}: {start}");
        assert_eq!(crew.state(&id), "blocked", "{agent}: {start}");
        assert!(crew.log(&id).contains(said), "{agent}: {}", crew.log(&id));
        assert_eq!(crew.sandbox.id("ws/hub", "main"), main, "{agent}");
        crew.all_is_well();
    }
}

#[test]
fn nobody_is_sent_to_an_agent_that_cannot_start() {
    let crew = Crew::alone("true", "max_attempts = 1");
    let registry = crew.sandbox.read("ws/hub/registry.toml").replace("[\"sh\", \"../agent.sh\"]", "[\"../no-such-agent\"]");
    crew.sandbox.write("ws/hub/registry.toml", registry);
    let id = crew.ready("Fail");
    let dispatch = crew.os(&["dispatch"]);
    dispatch.says("cannot work on 1 ready ticket: agent `crew` cannot start: there is no program `").ok();
    assert_eq!(crew.state(&id), "ready");
    assert!(!crew.log(&id).contains("claim"), "{}", crew.log(&id));
    assert!(crew.os(&["doctor"]).said().contains("no-such-agent"));
    crew.sandbox.write("ws/no-such-agent", "#!/bin/sh\ncat >/dev/null; echo a >a\n");
    crew.sandbox.sh("ws", "chmod +x no-such-agent").ok();
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn work_counts_wherever_in_its_worktree_an_agent_leaves_it() {
    for (agent, words) in [
        ("echo a >a; git add a; git commit -qm a; echo b >b", "left uncommitted"),
        ("echo a >a", "left uncommitted"),
        ("rm .git; echo a >a", "left uncommitted"),
        ("git checkout -qb elsewhere; echo a >a; git add a; git commit -qm a", ""),
        ("git checkout -q --detach; echo a >a; git add a; git commit -qm a", ""),
        ("echo a >a; git add a; git commit -qm a; git branch -m claude/renamed", ""),
    ] {
        let crew = Crew::alone(agent, "max_attempts = 1");
        let id = crew.ready("Work");
        let start = crew.start();
        assert_eq!(crew.state(&id), "merged", "{agent}: {start}");
        assert!(crew.log(&id).contains(words), "{agent}");
        assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:a"]).ok(), "a");
        crew.all_is_well();
    }
}

#[test]
fn an_agent_does_not_move_main() {
    let agent = "echo a >a; git add a; git commit -qm a; git update-ref refs/heads/main HEAD && touch ../../../../moved; true";
    let crew = Crew::alone(agent, "verifier = \"judge\"\nmax_attempts = 1");
    crew.judge("echo '{\"verdict\":\"fail\",\"reasons\":[\"no\"]}'");
    let id = crew.ready("Work");
    let main = crew.sandbox.id("ws/hub", "main");
    crew.start().ok();
    assert!(!crew.sandbox.path("ws/moved").exists());
    assert_eq!(crew.sandbox.id("ws/hub", "main"), main);
    assert_eq!(crew.state(&id), "blocked");
    crew.all_is_well();
}

#[test]
fn a_judge_that_is_not_clear_fails_the_work() {
    for (judge, said) in [
        ("echo garbage", "gave no clear verdict"),
        ("exit 1", "exited with 1"),
        ("true", "gave no clear verdict"),
        ("echo '{\"verdict\":\"pass\",\"reasons\":[]}'; echo and then some", "gave no clear verdict"),
        ("echo '{\"verdict\":\"pass\",\"reasons\":[]}'; exit 1", "exited with 1"),
        ("head -c 2000000 /dev/urandom", "gave no clear verdict"),
    ] {
        let crew = Crew::alone("echo a >a", "verifier = \"judge\"\nmax_attempts = 1");
        crew.judge(judge);
        let id = crew.ready("Work");
        let start = crew.start();
        assert_eq!(crew.state(&id), "blocked", "{judge}: {start}");
        assert!(crew.log(&id).contains(said), "{judge}: {}", crew.log(&id));
        crew.all_is_well();
    }
}

#[test]
fn a_question_waits_for_its_answer() {
    let crew = Crew::alone("if grep -q 'In blue' ; then echo blue >a; else git os ask 'Which colour?'; fi", "");
    let id = crew.ready("Paint");
    crew.start().says("Which colour?").ok();
    assert_eq!(crew.state(&id), "awaiting-input");
    crew.start().ok();
    assert_eq!(crew.state(&id), "awaiting-input");
    crew.os(&["answer", &id, "In blue"]).ok();
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:a"]).ok(), "blue");
    crew.all_is_well();
}

#[test]
fn an_interrupted_session_says_so_and_the_next_one_goes_on() {
    let crew = Crew::alone("touch ../../../../started; sleep 73", "");
    let id = crew.ready("Sleep");
    let session = crew.spawn(&["start", "--yes"]);
    crew.wait_for("ws/started");
    let pid = session.id().to_string();
    crew.sandbox.sh(".", &format!("kill -INT {pid}")).ok();
    let output = session.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    crew.wait("the agent ends", || crew.processes().is_empty());
    assert_eq!(crew.state(&id), "running");
    crew.agent("echo done >done");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn one_session_at_a_time() {
    let crew = Crew::alone("touch ../../../../started; sleep 1; echo done >done", "");
    let id = crew.ready("Sleep");
    let session = crew.spawn(&["start", "--yes"]);
    crew.wait_for("ws/started");
    crew.start().fails("another one is running");
    assert!(session.wait_with_output().expect("an end").status.success());
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}
