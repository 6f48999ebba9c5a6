//! Agents that do not end by themselves, or do too much: each is ended within its limit, and nothing of it is left.

use crate::crew::Crew;

/// A hub with this agent, these settings of it, and this budget.
fn crew(agent: &str, settings: &str, budget: &str) -> Crew {
    let crew = Crew::alone(agent, "max_attempts = 1");
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
    crew.os(&["dispatch"]).ok();
    let log = crew.log(&id);
    assert!(log.contains("Outcome: no-progress\n") && log.contains("it changed no file for 2 s"), "{log}");
    assert_eq!(crew.state(&id), "blocked");
}

#[test]
fn an_agent_that_is_quiet_and_works_is_left_alone() {
    let crew = crew(
        "for i in 1 2 3 4 5 6 7 8; do echo $i >>work; sleep 0.5; done; git add -A; git commit -qm work",
        "no_progress = \"2s\"",
        "",
    );
    let id = crew.ready("Work in silence");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
}

#[test]
fn an_agent_that_fills_its_disk_is_ended() {
    let crew = crew("while :; do head -c 4000000 /dev/zero >>heap; sleep 0.05; done", "", "run = { disk = \"20M\" }");
    is_blocked(&crew, "over-budget disk", "of 20 MiB of disk");
}

#[test]
fn nothing_is_left_of_an_agent_that_forks_daemons() {
    let agent =
        "for i in 1 2 3; do setsid sh -c 'exec sleep 98765.4' </dev/null >/dev/null 2>&1 & done; while :; do sleep 1; done";
    let crew = crew(agent, "no_progress = \"2s\"", "");
    is_blocked(&crew, "no-progress", "it changed no file for 2 s");
    assert!(!runs("sleep 98765.4"));
}

#[test]
fn an_agent_that_prints_a_gigabyte_of_escapes_takes_no_memory() {
    let crew = crew("yes \"$(printf '\\033]0;x\\007\\033[2J')\" | head -c 1000000000", "", "");
    let id = crew.ready("Print");
    let mut child = crew.spawn(&["dispatch"]);
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(peak > 0 && peak < 200_000, "{peak} kB");
    println!("peak: {peak} kB");
    assert_eq!(crew.state(&id), "blocked", "{}", crew.log(&id));
    assert!(!crew.os(&["show", &id]).stdout.contains('\u{1b}'));
}
