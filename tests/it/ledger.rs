//! What sessions write down, and what they say of what waits: the pages of days, the log, blocked tickets, checks of the doctor.

use crate::crew::{Crew, REPOS};

fn page(crew: &Crew, day: &str) -> String {
    crew.sandbox.git("ws/hub", &["show", &format!("refs/os/wiki:ledger/{day}.md")]).stdout
}

/// It is another day from now on.
fn on(crew: &mut Crew, day: &str) {
    let noon = format!("{day}T12:00:00Z");
    crew.sandbox.set("GIT_COMMITTER_DATE", &noon);
    crew.sandbox.set("GIT_AUTHOR_DATE", &noon);
}

#[test]
fn what_landed_is_on_the_page_of_its_day_whenever_a_session_sees_it() {
    let mut crew = Crew::with(&REPOS, "agent = \"crew\"\n");
    on(&mut crew, "2026-05-07");
    crew.ready("First");
    crew.start().ok();
    crew.ready("Second");
    crew.start().says("1 line for ledger/2026-05-07.md").ok();
    let first = page(&crew, "2026-05-07");
    assert!(first.contains("- landed: First (hub, ") && first.contains("- landed: Second (hub, "), "{first}");
    // Without a session, and then a comment on the day after.
    on(&mut crew, "2026-05-08");
    let third = crew.sandbox.ticket("ws/alpha", "Third", "ready").id;
    crew.os(&["dispatch"]).ok();
    on(&mut crew, "2026-05-09");
    crew.os(&["comment", &third, "Thanks."]).ok();
    let stuck = crew.sandbox.ticket("ws/alpha", "Stuck", "running").id;
    crew.os(&["block", &stuck, "--reason", "It rains."]).ok();
    crew.start().says("1 line for ledger/2026-05-08.md").says("1 line for ledger/2026-05-09.md").ok();
    assert_eq!(page(&crew, "2026-05-07"), first);
    assert!(page(&crew, "2026-05-08").contains(&format!("- landed: Third (alpha, {third})")));
    assert!(page(&crew, "2026-05-09").contains("- blocked: Stuck (alpha, "), "{}", page(&crew, "2026-05-09"));
    on(&mut crew, "2026-05-10");
    crew.os(&["comment", &stuck, "Still."]).ok();
    crew.start().ok();
    assert_eq!(page(&crew, "2026-05-10"), "");
    let wiki = crew.sandbox.id("ws/hub", "refs/os/wiki");
    crew.start().ok();
    assert_eq!(crew.sandbox.id("ws/hub", "refs/os/wiki"), wiki, "it is there once");
    crew.all_is_well();
}

#[test]
fn what_another_machine_landed_is_on_the_page_too() {
    let mut crew = Crew::new();
    on(&mut crew, "2026-05-07");
    crew.start().ok();
    // The other machine has clones of the same remotes, and no session.
    crew.copy("ws", "other");
    for repo in REPOS {
        let remote = crew.sandbox.path(&format!("ws/{repo}.git")).display().to_string();
        let other = format!("other/{repo}");
        crew.sandbox.sh(&other, &format!("git remote set-url origin {remote}; git config --unset git-os.registry")).ok();
    }
    crew.sandbox.os("other/hub", &["init"]).ok();
    let id = crew.sandbox.ticket("other/alpha", "Elsewhere", "ready").id;
    crew.sandbox.os("other/hub", &["worker", "--until-empty"]).ok();
    assert_eq!(crew.sandbox.state("other/alpha", &id), "merged");
    assert_eq!(crew.sandbox.state("ws/alpha", &id), "");
    on(&mut crew, "2026-05-09");
    crew.start().ok();
    assert!(page(&crew, "2026-05-07").contains(&format!("- landed: Elsewhere (alpha, {id})")), "{}", page(&crew, "2026-05-07"));
}

#[test]
fn the_log_of_a_session_is_in_the_order_in_which_it_was_written() {
    let crew = Crew::new();
    crew.start_with_answers().ok();
    // All of it is of one second.
    let log = crew.os(&["session", "2026"]).ok();
    let phases: Vec<_> = log.lines().filter_map(|line| line.split_once('[')?.1.split_once(']')).map(|(phase, _)| phase).collect();
    let mut once = phases.clone();
    once.dedup();
    let order = ["initialise", "scout", "housekeeping", "outstanding", "brief", "interview", "draft", "dispatch", "close"];
    assert_eq!(once, order, "{log}");
    assert!(phases.len() > order.len(), "{log}");
    assert!(log.trim_end().ends_with("[close] closed\n  Ann"), "{log}");
}

#[test]
fn a_blocked_ticket_is_listed_once_with_its_reason() {
    let crew = Crew::with(&REPOS, "agent = \"crew\"\n");
    let block = |title: &str, reason: &str| {
        let id = crew.sandbox.ticket("ws/hub", title, "running").id;
        crew.os(&["block", &id, "--reason", reason]).ok();
        id
    };
    let first = block("One", "It rains.");
    crew.start().says(&format!("hub: {first} is blocked (One): It rains.")).ok();
    let said = crew.start().says("1 blocked ticket is unchanged; `git os list --state blocked` lists them").said();
    assert!(!said.contains("It rains."), "{said}");
    let second = block("Two", "It \u{1b}[31msnows.");
    let said = crew.start().says("1 blocked ticket is unchanged").says(&format!("{second} is blocked (Two): It ")).said();
    assert!(!said.contains("It rains.") && !said.contains('\u{1b}'), "{said}");
    // Whatever happened to it since, it is listed again.
    crew.os(&["comment", &first, "Still."]).ok();
    crew.start().says("is blocked (One): It rains.").says("1 blocked ticket is unchanged").ok();
}

#[test]
fn no_agent_is_sent_to_do_what_only_a_person_can() {
    let crew = Crew::with(&REPOS, "agent = \"crew\"\n");
    crew.start().ok();
    crew.sandbox.sh("ws", "mv beta elsewhere").ok();
    let said = crew.start().says("1 registry and repositories: ").says("repair: `git os init`").said();
    assert!(!said.contains("drafted") && said.contains("0 tickets landed"), "{said}");
    crew.sandbox.sh("ws", "mv elsewhere beta").ok();
    assert_eq!(crew.board(), std::collections::BTreeSet::new(), "{said}");
}
