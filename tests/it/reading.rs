//! What people read: lists, one ticket with all that happened to it, its history, and what agents and checks printed.

use serde_json::Value;

use crate::crew::Crew;
use crate::sandbox::{Out, RUN, Sandbox};

/// Fails the first time; the judge agrees the second time.
const AGENT: &str = "cat >/dev/null; mkdir -p work; echo \"attempt $GIT_OS_ATTEMPT says \u{1b}[31mhello\"; \
                     [ \"$GIT_OS_ATTEMPT\" != 1 ] && echo good >work/it || echo WRONG >work/it; git add -A; git commit -qm work\n";
const JUDGE: &str =
    "cat >/dev/null; echo 'the judge thinks'; echo '{\"verdict\":\"pass\",\"reasons\":[\"it is what was asked for\"]}'\n";
const CHECK: &str = "checks = [{ name = \"words\", run = \"sh -c 'cat work/it; ! grep -q WRONG work/it'\" }]\n";

/// A workspace in which one ticket has landed at its second attempt; answers its id.
fn landed() -> (Crew, String) {
    let crew = Crew::alone(AGENT, &format!("verifier = \"judge\"\nmax_attempts = 2\n{CHECK}"));
    crew.judge(JUDGE);
    let id = crew.ready("Do it well");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    (crew, id)
}

fn json(out: Out) -> Value {
    serde_json::from_str(&out.ok()).expect("JSON")
}

/// Runs a command as if at a terminal of this width; `None`, and a word on it, where that cannot be done.
fn at_terminal(sandbox: &Sandbox, columns: u32, command: &str) -> Option<Out> {
    let version = sandbox.command("home", "script").arg("--version").output().ok()?;
    if !String::from_utf8_lossy(&version.stdout).contains("util-linux") {
        println!("skipped: there is no `script` of util-linux here");
        return None;
    }
    let program = sandbox.path("bin/git-os").display().to_string();
    let line = format!("stty cols {columns} rows 50; {program} {command}");
    let args = ["-qefc", &line, "/dev/null"];
    Some(Out::of("script", &args, sandbox.command("hub", "script").args(args)))
}

#[test]
fn a_list_has_the_open_tickets_with_repository_age_and_holder() {
    let mut sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "beta"], "");
    let draft = sandbox.ticket("hub", "A draft", "draft").id;
    let claimed = sandbox.ticket("beta", "Somebody does it", "claimed").id;
    let merged = sandbox.ticket("hub", "It is done", "merged").id;
    sandbox.set("GIT_COMMITTER_DATE", "2026-05-07T15:00:00Z");
    let list = |args: &[&str]| sandbox.os("hub", &[&["list"], args].concat());
    let open = [
        format!("{draft}   draft    P2  hub   3 h            A draft"),
        format!("{claimed}  claimed  P2  beta  3 h  Ann@desk  Somebody does it"),
    ];
    assert_eq!(list(&[]).ok(), open.join("\n"));
    let all = list(&["--closed"]).ok();
    assert!(all.lines().last().is_some_and(|last| last.starts_with(&merged) && last.contains("  merged ")), "{all}");
    assert!(list(&["--state", "merged"]).ok().starts_with(&merged));
    for args in [&[][..], &["--closed"], &["--all"], &["--state", "merged"]] {
        let ids = |tickets: &Value| -> Vec<String> {
            let tickets = tickets["tickets"].as_array().expect("tickets");
            tickets.iter().map(|ticket| ticket["id"].as_str().expect("an id").to_owned()).collect()
        };
        let table = list(args).ok();
        let table: Vec<_> = table.lines().filter_map(|line| line.split(' ').next()).collect();
        // Programs get closed ones in any case.
        let is_default = args.is_empty();
        let of_programs = ids(&json(list(&[args, &["--json"]].concat())));
        assert!(
            of_programs == table
                || is_default && of_programs.starts_with(&table.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "{args:?}"
        );
        assert_eq!(of_programs.len(), if is_default { table.len() + 1 } else { table.len() }, "{args:?}");
    }
    let holder = &json(list(&["--json", "--state", "claimed"]))["tickets"][0]["holder"];
    assert_eq!(
        (holder["person"].as_str(), holder["machine"].as_str(), holder["run"].as_str()),
        (Some("Ann"), Some("desk"), Some(RUN))
    );
    assert_eq!(holder["since"].as_str(), Some("2026-05-07T12:00:00Z"));
    sandbox.os("hub", &["cancel", &draft, &claimed, "--reason", "no"]).ok();
    let none = sandbox.os("hub", &["list"]).says("no open tickets; 3 closed tickets are left out");
    assert_eq!(none.ok(), "");
}

#[test]
fn equal_priorities_are_listed_by_age() {
    let mut sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    // Enough that the order of hashes would be another one.
    for minute in [5, 3, 1, 4, 2, 0] {
        for key in ["GIT_COMMITTER_DATE", "GIT_AUTHOR_DATE"] {
            sandbox.set(key, &format!("2026-05-07T12:0{minute}:00Z"));
        }
        sandbox.ticket("hub", &format!("Minute {minute}"), "ready");
    }
    sandbox.os("hub", &["edit", "minute 4", "--priority", "0"]).ok();
    for args in [&["list"][..], &["ready"]] {
        let listed = sandbox.os("hub", args).ok();
        let minutes: Vec<_> = listed.lines().filter_map(|line| line.chars().last()).collect();
        assert_eq!(minutes, ['4', '0', '1', '2', '3', '5'], "{listed}");
    }
    sandbox.os("hub", &["claim", "--next"]).ok();
    sandbox.os("hub", &["claim", "--next"]).ok();
    let claimed = sandbox.os("hub", &["list", "--state", "claimed"]).ok();
    assert!(claimed.contains("Minute 4") && claimed.contains("Minute 0"), "{claimed}");
}

#[test]
fn a_list_is_cut_to_the_width_of_a_terminal_and_to_none_elsewhere() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let title = "Größe ".repeat(20);
    let title = title.trim();
    sandbox.os("hub", &["new", title]).ok();
    assert!(sandbox.os("hub", &["list"]).ok().ends_with(title));
    let Some(out) = at_terminal(&sandbox, 70, "list") else { return };
    let line = out.ok();
    assert!(line.ends_with('…'), "{line}");
    assert_eq!(line.chars().count(), 70, "{line}");
}

#[test]
fn a_brand_that_nobody_has_is_refused_and_a_label_is_named() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "beta"], "");
    sandbox.os("hub", &["new", "One", "--label", "ui"]).ok();
    for verb in ["list", "ready"] {
        sandbox
            .os("hub", &[verb, "--brand", "nope"])
            .fails("no repository has the brand `nope`; expected one of: beta, hub, _global");
        sandbox.os("hub", &[verb, "--label", "nope"]).says("note: no ticket has the label `nope`; these are used: ui").ok();
        sandbox.os("hub", &[verb, "--repo", "nope"]).fails("expected one of: hub, beta");
        assert!(!sandbox.os("hub", &[verb, "--label", "ui"]).said().contains("note:"));
    }
    sandbox.os("hub", &["list", "--state", "nope"]).fails("expected one of: draft, ready");
}

#[test]
fn a_ticket_is_shown_with_who_worked_where_and_what_came_of_it() {
    let (crew, id) = landed();
    let head = crew.sandbox.id("ws/hub", "main");
    crew.os(&["comment", &id, "Well done."]).ok();
    let next = crew.ready("Follow up");
    crew.os(&["edit", &next, "--depends", &id]).ok();
    let shown = crew.os(&["show", &id]).ok();
    for part in [
        format!("  landed as   {head}\n"),
        format!("  branch      claude/{id}\n"),
        "  created     2026-05-07T12:00:00Z by Ann, as operator\n".to_owned(),
        "  1  2026-05-07T12:00:00Z  0 s  Ann, agent crew, on desk  failed: check `words` exited with 1\n".to_owned(),
        "  2  2026-05-07T12:00:00Z  0 s  Ann, agent crew, on desk  landed\n".to_owned(),
        format!("verdict: pass on {}, grade ", &head[..12]),
        "  check words  exit 0  ".to_owned(),
        "  judged by judge\n    it is what was asked for\n".to_owned(),
        "comments\n  2026-05-07T12:00:00Z Ann\n    Well done.".to_owned(),
    ] {
        assert!(shown.contains(&part), "`{part}` is not in\n{shown}");
    }
    let shown = crew.os(&["show", &next]).ok();
    assert!(shown.contains(&format!("depends on\n  {id}  merged  hub  Do it well")), "{shown}");
    let shown = json(crew.os(&["show", &id, "--json"]));
    assert_eq!(
        (shown["runs"][0]["holder"]["machine"].as_str(), shown["runs"][1]["stage"].as_str()),
        (Some("desk"), Some("landed"))
    );
    assert_eq!(shown["runs"][1]["outcome"].as_str(), Some("handed-in"));
    assert_eq!((shown["landed"].as_str(), shown["verdict"]["judge"]["agent"].as_str()), (Some(head.as_str()), Some("judge")));
    assert_eq!(shown["comments"][0]["text"].as_str(), Some("Well done."));
    crew.os(&["claim", &next]).ok();
    let held = crew.os(&["show", &next]).ok();
    assert!(held.contains("  held by     Ann, on desk\n  since       2026-05-07T12:00:00Z (just now)\n"), "{held}");
}

#[test]
fn what_an_agent_says_it_used_is_shown_as_cost() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let id = sandbox.ticket("hub", "Costly", "running").id;
    assert!(!sandbox.os("hub", &["show", &id]).ok().contains("cost"), "nobody said anything");
    // As a run of Claude Code writes it.
    let crew = Crew::alone("", "");
    crew.sandbox.script(
        "ws/claude",
        "#!/bin/sh\ncat >/dev/null; echo x >x; git add x; git commit -qm x\n\
         echo '{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"I do it.\"}]}}'\n\
         echo '{\"type\":\"result\",\"is_error\":false,\"result\":\"Done.\",\"num_turns\":2,\"total_cost_usd\":0.25}'\n",
    );
    let registry = crew.sandbox.read("ws/hub/registry.toml");
    let claude = format!("kind = \"claude\"\nrun = [\"{}\"]", crew.sandbox.path("ws/claude").display());
    crew.sandbox.write("ws/hub/registry.toml", registry.replace("kind = \"command\"\nrun = [\"sh\", \"../agent.sh\"]", &claude));
    crew.os(&["init"]).ok();
    let id = crew.ready("Costly");
    crew.start().ok();
    let shown = crew.os(&["show", &id]).ok();
    assert!(shown.contains("  cost        $0.25 (as 1 run of 1 said)\n"), "{shown}\n{}", crew.log(&id));
    assert_eq!(crew.os(&["log", &id, "--run", "1"]).ok(), "I do it.\nresult: Done.");
}

#[test]
fn a_history_says_what_an_edit_changed_and_who_wrote_it_where() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let other = sandbox.ticket("hub", "Other", "draft").id;
    let id = sandbox.ticket("hub", "One", "draft").id;
    let edit = |args: &[&str]| drop(sandbox.os("hub", &[&["edit", id.as_str()], args].concat()).ok());
    edit(&["--title", "Two", "--priority", "0", "--label", "a", "--label", "b", "--depends", &other]);
    edit(&["--description", "old"]);
    edit(&["--description", "new\nlines", "--label", ""]);
    sandbox.os("hub", &["edit", &id, "--depends", ""]).ok();
    let log = sandbox.os("hub", &["log", &id]).ok();
    for part in [
        "    title: One -> Two\n    priority: 2 -> 0\n    labels: (none) -> a, b\n",
        &format!("    depends on: (none) -> {other}\n"),
        "    description: (none) -> 1 line\n",
        "    labels: a, b -> (none)\n    description: 1 line -> 2 lines\n",
    ] {
        assert!(log.contains(part), "`{part}` is not in\n{log}");
    }
    let patch = sandbox.os("hub", &["log", &id, "--patch"]).ok();
    assert!(patch.contains("\n-old\n+new\n+lines\n"), "{patch}");
    let events = json(sandbox.os("hub", &["log", &id, "--json"]));
    assert_eq!(events["events"][3]["changes"][0], serde_json::json!({ "field": "title", "old": "One", "new": "Two" }));
    sandbox.os("hub", &["approve", &id]).ok();
    sandbox.os("hub", &["claim", &id, "--run", RUN]).ok();
    let log = sandbox.os("hub", &["log", &id]).ok();
    assert!(log.starts_with("7 claim -> claimed\n  2026-05-07T12:00:00Z Ann, on desk, as ticket-executor\n6 approve"), "{log}");
}

#[test]
fn an_edit_that_changes_nothing_is_no_event() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let id = sandbox.ticket("hub", "One", "draft").id;
    let tip = || sandbox.id("hub", &format!("refs/os/tickets/{id}"));
    let before = tip();
    sandbox.os("hub", &["edit", &id]).fails("no option says what to change, and there is no terminal for an editor");
    let same = sandbox.os("hub", &["edit", &id, "--priority", "2", "--title", "One", "--description", ""]).ok();
    assert_eq!(same, format!("{id} One (nothing changed)"));
    assert_eq!(tip(), before);
}

#[test]
fn at_a_terminal_all_fields_are_edited_as_a_text() {
    let mut sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let other = sandbox.ticket("hub", "Other", "draft").id;
    let id = sandbox.ticket("hub", "One", "draft").id;
    let show = |sandbox: &Sandbox| json(sandbox.os("hub", &["show", &id, "--json"]));
    let editor = |sandbox: &mut Sandbox, script: &str| {
        sandbox.script("bin/my editor", &format!("#!/bin/sh\n{script}\n"));
        let path = sandbox.path("bin/my editor").display().to_string();
        sandbox.set("GIT_EDITOR", &format!("'{path}'"));
    };
    editor(&mut sandbox, "sed -i 's/^priority: .*/priority: 9/; s/^title: .*/title: Two/' \"$1\"");
    let Some(refused) = at_terminal(&sandbox, 100, &format!("edit {id}")) else { return };
    refused.fails("line 3: the priority must be a number from 0 to 4");
    assert_eq!(show(&sandbox)["title"].as_str(), Some("One"));
    // What was written is still there.
    editor(&mut sandbox, "sed -i 's/^priority: .*/priority: 0/; s/^depends: .*/depends: other/' \"$1\"; echo more >>\"$1\"");
    at_terminal(&sandbox, 100, &format!("edit {id}")).expect("it is there").says("going on with").ok();
    let shown = show(&sandbox);
    assert_eq!((shown["title"].as_str(), shown["priority"].as_u64()), (Some("Two"), Some(0)));
    assert_eq!((shown["depends"][0].as_str(), shown["description"].as_str()), (Some(other.as_str()), Some("more")));
    editor(&mut sandbox, "exit 1");
    let said =
        at_terminal(&sandbox, 100, &format!("edit {id}")).expect("it is there").fails("did not exit with 0; the text is in");
    assert!(!said.contains("going on with"), "{said}");
}

#[test]
fn what_agents_and_checks_printed_is_kept_until_the_ticket_is_archived() {
    let (mut crew, id) = landed();
    let log = |args: &[&str]| crew.os(&[&["log", id.as_str()], args].concat());
    assert_eq!(log(&["--run", "1"]).ok(), "attempt 1 says \\u{1b}[31mhello");
    assert_eq!(log(&["--run", "2"]).ok(), "attempt 2 says \\u{1b}[31mhello");
    assert_eq!(log(&["--check", "words"]).ok(), "good");
    assert_eq!(log(&["--check", "words", "--run", "1"]).ok(), "WRONG");
    assert_eq!(json(log(&["--check", "words", "--json"]))["output"].as_str(), Some("good\n"));
    log(&["--run", "3"]).fails(&format!("{id} has no run 3"));
    log(&["--check", "nope"]).fails("has no check `nope`; expected one of: words");
    // The worktrees may go.
    crew.sandbox.sh("ws/hub", "git worktree list --porcelain | sed -n 's/^worktree //p' | tail -n +2 | while read -r one; do git worktree remove --force \"$one\"; done").ok();
    assert_eq!(log(&["--run", "1"]).ok(), "attempt 1 says \\u{1b}[31mhello");
    // Another clone has the chain, and not what was printed.
    crew.sandbox.sh("ws", "git clone -q hub other; cd other; git fetch -q origin '+refs/os/*:refs/os/*'").ok();
    let said = crew.sandbox.os("ws/other", &["log", &id, "--check", "words"]).fails("is not in this clone");
    assert!(said.contains("; the run worked on machine `desk`"), "{said}");
    crew.sandbox.set("GIT_COMMITTER_DATE", "2026-05-07T13:00:00Z");
    crew.os(&["archive", "--after", "1s"]).ok();
    crew.os(&["gc"]).ok();
    let log = |args: &[&str]| crew.os(&[&["log", id.as_str()], args].concat());
    assert!(!crew.sandbox.path(&format!("ws/hub/.git/os/output/{id}")).exists());
    log(&["--run", "1"]).fails("is not in this clone");
}

#[test]
fn a_refusal_names_the_verb_that_fits() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let id = sandbox.ticket("hub", "One", "running").id;
    sandbox.os("hub", &["expire", &id]).fails(&format!("hint: git os release {id} "));
    sandbox.os("hub", &["block", &id, "--reason", "wait"]).ok();
    sandbox.os("hub", &["reject", &id, "--reason", "no"]).fails(&format!("hint: git os cancel {id} --reason TEXT"));
    sandbox.os("hub", &["cancel", &id, "--reason", "no"]).ok();
    assert!(!sandbox.os("hub", &["reject", &id, "--reason", "no"]).said().contains("git os cancel"), "it is closed");
}

#[test]
fn the_log_of_a_session_is_in_the_order_of_its_phases() {
    let (crew, _) = landed();
    let sessions = crew.os(&["session"]).ok();
    let id = sessions.split_whitespace().next().expect("an id");
    let entries = json(crew.os(&["session", id, "--json"]));
    let commits: Vec<_> = entries["entries"].as_array().expect("entries").iter().map(|one| one["commit"].as_str()).collect();
    let chain = crew.sandbox.git("ws/hub", &["rev-list", "--reverse", "--topo-order", &format!("refs/os/sessions/{id}")]).ok();
    assert_eq!(commits, chain.lines().map(Some).collect::<Vec<_>>());
}
