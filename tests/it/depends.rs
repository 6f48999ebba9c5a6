//! What a ticket waits for, and what will never come.

use serde_json::{Value, json};

use crate::crew::Crew;
use crate::sandbox::Sandbox;

fn json(sandbox: &Sandbox, args: &[&str]) -> Value {
    serde_json::from_str(&sandbox.os("hub", &[args, &["--json"]].concat()).ok()).expect("JSON")
}

/// Tickets in several repositories, of which each waits for the one before it.
fn chain(sandbox: &Sandbox, dirs: &[&str]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for dir in dirs {
        let id = sandbox.ticket(dir, "One of a chain", "draft").id;
        if let Some(before) = ids.last() {
            sandbox.os("hub", &["edit", &id, "--depends", before]).ok();
        }
        ids.push(id);
    }
    ids
}

#[test]
fn a_circle_of_any_length_is_refused_in_any_repository() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "alpha", "beta"], "");
    for dirs in [&["hub", "hub"][..], &["alpha", "hub", "beta"], &["beta", "beta", "alpha", "hub", "alpha"]] {
        let ids = chain(&sandbox, dirs);
        let (first, last) = (&ids[0], &ids[ids.len() - 1]);
        let before = sandbox.refs(dirs[0], &["refs/os"]);
        let other = sandbox.ticket("hub", "Another", "draft").id;
        let mut path: Vec<_> = ids.iter().rev().map(String::as_str).collect();
        path.insert(0, first);
        let said = format!("{first} cannot depend on {last}, which waits for it: {}", path.join(" -> "));
        let out = sandbox.os("hub", &["edit", first, "--depends", &other, "--depends", last]);
        assert_eq!(out.code, Some(1), "{out}");
        let _said = out.fails(&said);
        assert!(sandbox.refs(dirs[0], &["refs/os"]).contains(&before) || dirs[0] == "hub");
        // What leads nowhere back is no circle.
        sandbox.os("hub", &["edit", &other, "--depends", first, "--depends", last]).ok();
    }
}

#[test]
fn whoever_closes_a_ticket_closes_no_circle_through_it() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let ids = chain(&sandbox, &["hub", "hub", "hub"]);
    sandbox.os("hub", &["cancel", &ids[1], "--reason", "not wanted"]).ok();
    sandbox.os("hub", &["edit", &ids[0], "--depends", &ids[2]]).ok();
}

/// A ready ticket waits for what will never land; everybody who could wait with it says so.
fn all_say(crew: &Crew, id: &str, dependency: &str, why: &str) {
    let sandbox = &crew.sandbox;
    let in_hub = |args: &[&str]| sandbox.os("ws/hub", args);
    let why = format!("will never land: {why}");
    let warning = format!("warning: {id} cannot be claimed: dependency {dependency} {why}");
    for args in [&["ready"][..], &["list"], &["list", "--state", "ready"]] {
        let out = in_hub(args);
        assert_eq!((out.code, out.stderr.contains(&warning)), (Some(0), true), "{out}");
        assert!(!out.stdout.contains("never"), "{out}");
    }
    let shown = in_hub(&["show", id]).ok();
    let is_said = |line: &str| line.contains(dependency) && line.ends_with(&format!("({why})"));
    assert!(shown.lines().any(is_said), "{shown}");
    let refused = in_hub(&["claim", id]);
    let _said = refused.fails(&format!("{id}: cannot claim: dependency {dependency} {why}"));
    in_hub(&["claim", id, "--json"]).says("dependency-never").fails("never");
    let _said = in_hub(&["claim", "--next"]).fails("no ticket");
    in_hub(&["dispatch"]).says(&format!("{id} cannot be claimed: dependency {dependency} {why}")).ok();
    let shown: Value = serde_json::from_str(&in_hub(&["show", id, "--json"]).ok()).expect("JSON");
    assert_eq!(shown["waits_in_vain"][0]["depends"], json!(dependency));
    let listed: Value = serde_json::from_str(&in_hub(&["list", "--json"]).ok()).expect("JSON");
    let vain = |ticket: &&Value| !ticket["waits_in_vain"].is_null();
    let vain: Vec<_> = listed["tickets"].as_array().expect("tickets").iter().filter(vain).collect();
    assert!(vain.iter().any(|ticket| ticket["id"] == json!(id)), "{listed}");
    assert_eq!(crew.state(id), "ready");
}

#[test]
fn a_ticket_that_waits_for_a_closed_one_is_named_by_all_who_look() {
    for verb in ["cancel", "reject"] {
        let crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
        let dependency = crew.sandbox.ticket("ws/alpha", "Not wanted", "draft").id;
        let id = crew.ready("Wait");
        crew.os(&["edit", &id, "--depends", &dependency]).ok();
        let quiet = crew.os(&["ready"]);
        assert!(!quiet.said().contains("never"), "a draft may come: {quiet}");
        crew.os(&[verb, &dependency, "--reason", "not wanted"]).ok();
        all_say(&crew, &id, &dependency, if verb == "cancel" { "it is `canceled`" } else { "it is `rejected`" });
        crew.os(&["edit", &id, "--depends", ""]).ok();
        assert!(crew.os(&["ready"]).ok().contains(&id));
    }
}

#[test]
fn a_ticket_that_waits_for_one_that_nobody_has_is_named() {
    let crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    let dependency = crew.sandbox.ticket("ws/alpha", "Lost", "draft").id;
    let id = crew.ready("Wait");
    crew.os(&["edit", &id, "--depends", &dependency]).ok();
    let ref_name = format!("refs/os/tickets/{dependency}");
    crew.sandbox.sh("ws/alpha", &format!("git -c core.hooksPath=/dev/null update-ref -d {ref_name}")).ok();
    all_say(&crew, &id, &dependency, "no repository of the workspace has it");
    // While a repository is not here, it may have it.
    crew.sandbox.sh("ws", "mv alpha elsewhere").ok();
    assert!(!crew.os(&["show", &id]).ok().contains("never"));
    let _said = crew.os(&["claim", &id]).fails("is not merged");
}

#[test]
fn a_circle_that_two_machines_closed_is_named() {
    let crew = Crew::with(&["hub"], "agent = \"crew\"\n");
    let (one, two) = (crew.ready("One"), crew.ready("Two"));
    crew.os(&["edit", &two, "--depends", &one]).ok();
    let sandbox = &crew.sandbox;
    // The other machine does not know of that.
    sandbox.sh("ws", "cp -a hub other").ok();
    let before = sandbox.id("ws/hub", &format!("refs/os/tickets/{two}~1"));
    let set = |dir: &str, ref_name: &str, to: &str| {
        sandbox.sh(dir, &format!("git -c core.hooksPath=/dev/null update-ref refs/os/tickets/{ref_name} {to}")).ok();
    };
    set("ws/other", &two, &before);
    sandbox.sh("ws/other", "git config --unset git-os.registry").ok();
    sandbox.os("ws/other", &["edit", &one, "--depends", &two]).ok();
    sandbox
        .sh("ws/hub", &format!("git -c core.hooksPath=/dev/null fetch -q ../other +refs/os/tickets/{one}:refs/os/tickets/{one}"))
        .ok();
    all_say(&crew, &one, &two, &format!("it waits for this ticket itself: {one} -> {two} -> {one}"));
    all_say(&crew, &two, &one, &format!("it waits for this ticket itself: {two} -> {one} -> {two}"));
}

#[test]
fn nothing_more_is_said_of_tickets_that_wait_as_they_should() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let ids = chain(&sandbox, &["hub", "hub"]);
    sandbox.os("hub", &["approve", &ids[0], &ids[1]]).ok();
    let listed = json(&sandbox, &["list"]);
    assert!(listed["tickets"].as_array().expect("tickets").iter().all(|one| one.get("waits_in_vain").is_none()), "{listed}");
    assert_eq!(sandbox.os("hub", &["list"]).stderr, "");
}
