//! Agents that do not end by themselves, or do too much: each is ended within its limit, and nothing of it is left.

use crate::crew::Crew;

/// A hub with this agent, these settings of it, and this budget.
fn crew(agent: &str, settings: &str, budget: &str) -> Crew {
    let crew = Crew::alone(agent, "");
    let path = crew.sandbox.path("ws/hub/registry.toml");
    let text = std::fs::read_to_string(&path).expect("a registry");
    let text = text.replace("[agents.crew]\n", &format!("[agents.crew]\n{settings}\n"));
    crew.sandbox.write("ws/hub/registry.toml", format!("{text}\n[budget]\n{budget}\n"));
    crew.os(&["init"]).ok();
    crew
}

/// Whether a process runs whose command line has this mark.
fn runs(mark: &str) -> bool {
    let read = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
    let mut all = std::fs::read_dir("/proc").expect("processes").flatten().map(read);
    all.any(|line| String::from_utf8_lossy(&line).replace('\0', " ").contains(mark))
}

/// Dispatches one ticket, which is then blocked for this reason.
#[track_caller]
fn is_blocked(crew: &Crew, outcome: &str, figures: &str) {
    let id = crew.ready("Go on for ever");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "blocked", "{}", crew.log(&id));
    let log = crew.log(&id);
    assert!(log.contains(&format!("\nOutcome: {outcome}\n")) && log.contains(figures), "{log}");
}

#[test]
fn an_agent_that_does_nothing_is_ended_though_it_talks() {
    let crew = crew("while :; do echo still here; sleep 0.2; done", "no_progress = \"2s\"", "");
    let id = crew.ready("Talk");
    // Three attempts without progress are used up.
    crew.os(&["dispatch"]).ok();
    let log = crew.log(&id);
    assert!(log.contains("Outcome: no-progress\n") && log.contains("it changed no file for 2 s"), "{log}");
    assert_eq!(crew.state(&id), "blocked");
}

#[test]
fn an_agent_that_is_quiet_and_works_is_left_alone() {
    let crew = crew("for i in 1 2 3 4 5 6 7 8; do echo $i >>work; sleep 0.5; done; git add -A; git commit -qm work", "no_progress = \"2s\"", "");
    let id = crew.ready("Work in silence");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
}

#[test]
fn an_agent_that_fills_its_disk_is_ended() {
    let crew = crew("while :; do head -c 4000000 /dev/zero >>heap; sleep 0.05; done", "", "run = { disk = \"20M\" }");
    is_blocked(&crew, "over-budget disk", "of 20 MiB of disk");
}
