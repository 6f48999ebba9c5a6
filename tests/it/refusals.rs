//! What a command prints when it is refused: what was tried, what the rule said, what to do next, and a code for scripts.

use crate::sandbox::{RUN, Sandbox};

/// A refused command: its arguments, its exit code, its message without `error: `, its first hint, and its code with `--json`.
type Case<'a> = (&'a [&'a str], i32, &'a str, &'a str, &'a str);

fn check(sandbox: &Sandbox, (args, exit, message, hint, code): Case<'_>) {
    let out = sandbox.os("hub", args);
    assert_eq!(out.code, Some(exit), "{out}");
    assert_eq!(out.stdout, "", "a refusal is no result: {out}");
    let mut said = out.stderr.lines().skip_while(|line| !line.starts_with("error: "));
    assert_eq!(said.next(), Some(format!("error: {message}").as_str()), "{out}");
    assert_eq!(said.next().unwrap_or_default(), if hint.is_empty() { String::new() } else { format!("hint: {hint}") }, "{out}");
    if code.is_empty() {
        return;
    }
    let out = sandbox.os("hub", &[args, &["--json"]].concat());
    assert_eq!(out.code, Some(exit), "{out}");
    let object = out.stderr.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no object: {out}"));
    let object: serde_json::Value = serde_json::from_str(object).expect("JSON");
    let error = &object["error"];
    assert_eq!((object["version"].as_u64(), error["exit"].as_i64()), (Some(1), Some(exit.into())), "{out}");
    assert_eq!((error["code"].as_str(), error["message"].as_str()), (Some(code), Some(message)), "{out}");
    assert_eq!(error["hint"].as_str().unwrap_or_default(), hint, "{out}");
}

/// A workspace with a draft, a ready ticket that depends on it, and one that a run works on.
fn workspace() -> (Sandbox, [String; 3]) {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let ids = ["draft", "ready", "running"].map(|state| sandbox.ticket("hub", state, state).id);
    sandbox.os("hub", &["edit", &ids[1], "--depends", &ids[0]]).ok();
    (sandbox, ids)
}

#[test]
fn a_refusal_is_printed_for_people_and_for_programs() {
    let (sandbox, [draft, ready, running]) = workspace();
    let long = "x".repeat(201);
    let (show_draft, show_running) = (format!("git os show {draft}"), format!("git os show {running}"));
    let approve = format!("git os approve {draft}");
    let holds = format!("; run {RUN} of Ann on desk holds it until 2026-05-07T20:00:00Z");
    let cases: &[Case<'_>] = &[
        (&["claim", &draft], 1, &format!("{draft}: cannot claim: the ticket is `draft`, not `ready`"), &approve, "wrong-state"),
        (
            &["claim", &running],
            1,
            &format!("{running}: cannot claim: the ticket is `running`, not `ready`{holds}"),
            &show_running,
            "wrong-state",
        ),
        (
            &["claim", &ready],
            1,
            &format!("{ready}: cannot claim: dependency {draft} is not merged"),
            &show_draft,
            "dependency-open",
        ),
        (&["claim", "--next"], 1, "no ticket of this repository is ready", "git os list", "none-ready"),
        (&["claim", &ready, "--run", "me"], 1, "`me` is not a run id (32 hexadecimal digits)", "", "invalid-value"),
        (
            &["claim", &ready, "--lease", "soon"],
            1,
            "invalid time `soon`: expected a number and a unit, such as 30m, 2h or 7d",
            "",
            "not-a-time",
        ),
        (&["show", "nothing"], 128, "ticket `nothing` not found", "git os list --all", "ticket-not-found"),
        (
            &["new", &long],
            1,
            "the title must be one line of 1 to 200 bytes; put the rest into the description",
            "",
            "title-too-long",
        ),
        (
            &["new", "Odd", "--brand", "other"],
            1,
            "no repository has the brand `other`; expected one of: hub, _global",
            "",
            "no-brand",
        ),
        (&["sync"], 1, "no shared remote is configured", "git os sync REMOTE", "no-shared-remote"),
        (&["sync", "nowhere"], 1, "remote `nowhere` not found", "git remote -v", "no-remote"),
        (
            &["--repo", "other", "list"],
            128,
            "repository `other` is not in the registry; expected one of: hub",
            "",
            "registry-no-repo",
        ),
        (&["session", "nothing"], 1, "`nothing` matches 0 sessions", "git os session", "ambiguous-session"),
    ];
    for case in cases {
        check(&sandbox, *case);
    }
}

#[test]
fn a_refused_command_says_what_was_tried_why_and_what_to_do_next() {
    let (sandbox, [draft, ready, running]) = workspace();
    let (show_draft, show_running) = (format!("git os show {draft}"), format!("git os show {running}"));
    let submit = format!("git os submit {running}   # when its work is committed");
    let main = sandbox.id("hub", "main");
    let tip = main.get(..12).expect("a commit");
    let below = sandbox.id("hub", "main~1");
    let aside = sandbox.sh("hub", "git commit-tree -p main~1 -m aside main~1^{tree}").ok();
    let cases: &[Case<'_>] = &[
        (&["learn", " "], 1, "the learning is empty", "", ""),
        (
            &["renew", &ready],
            1,
            &format!("{ready}: cannot renew: the ticket is `ready`, not `claimed`, `running`, `awaiting-input` or `verifying`"),
            &format!("git os show {ready}"),
            "",
        ),
        (
            &["approve", &ready],
            1,
            &format!("{ready}: cannot approve: the ticket is `ready`, not `draft`"),
            &format!("git os show {ready}"),
            "",
        ),
        (&["comment", &draft, ""], 1, &format!("{draft}: cannot comment without a text"), &show_draft, ""),
        (&["edit", &draft, "--depends", &draft], 1, &format!("{draft} cannot depend on itself"), "", ""),
        (&["submit", &running, "--head", "nowhere"], 1, "commit `nowhere` not found", "", ""),
        (
            &["submit", &running, "--head", "main"],
            1,
            &format!("cannot submit {tip}: `main` has it already, so there is nothing to verify"),
            &format!("git os take {running}   # says where its work is to be committed"),
            "",
        ),
        (
            &["submit", &running, "--head", "main~1"],
            1,
            &format!(
                "cannot submit {}: `main` has it already, so there is nothing to verify",
                below.get(..12).expect("a commit")
            ),
            &format!("git os take {running}   # says where its work is to be committed"),
            "",
        ),
        (
            &["submit", &running, "--head", &aside],
            1,
            &format!("cannot submit {}: it is not based on the tip of `main`", aside.get(..12).expect("a commit")),
            "git rebase main",
            "",
        ),
        (&["verify", &running], 1, &format!("cannot verify {running}: it is `running`, not `verifying`"), &submit, ""),
        (&["merge", &running], 1, &format!("cannot land {running}: it is `running`, not `verified`"), &submit, ""),
        (
            &["reject", &ready, "--reason", "no"],
            1,
            &format!("{ready}: cannot reject: the ticket is `ready`, not `draft`"),
            &format!("git os cancel {ready} --reason TEXT"),
            "",
        ),
        (
            &["expire", &running],
            1,
            &format!("{running}: cannot expire: the lease lasts until 2026-05-07T20:00:00Z, plus 60 s of grace"),
            &format!("git os release {running}   # if whoever holds it does not work on it any more"),
            "",
        ),
        (&["merge"], 1, "no ticket of this repository is verified", "git os list", ""),
        (&["revert", &running], 1, &format!("cannot revert {running}: it is `running`, not `merged`"), &show_running, ""),
        (&["archive", "--after", "soon"], 1, "invalid time `soon`: expected a number and a unit, such as 30m, 2h or 7d", "", ""),
    ];
    for case in cases {
        check(&sandbox, *case);
    }
}

#[test]
fn what_was_learned_is_recorded_once() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    sandbox.os("hub", &["learn", "Ask before you build."]).ok();
    let case: Case<'_> = (
        &["learn", "Ask before you build."],
        1,
        "this clone has already recorded this learning",
        "git os learn   # list the learnings",
        "",
    );
    check(&sandbox, case);
}

#[test]
fn an_agent_that_says_nothing_is_told_so() {
    let (mut sandbox, [.., running]) = workspace();
    for (key, value) in [("GIT_OS_OUTBOX", "outbox"), ("GIT_OS_TICKET", running.as_str()), ("GIT_OS_RUN", RUN)] {
        let value = if key == "GIT_OS_OUTBOX" { sandbox.path(value).display().to_string() } else { value.to_owned() };
        sandbox.set(key, &value);
    }
    sandbox.os("hub", &["learn", " "]).fails("the learning is empty");
    sandbox.os("hub", &["ask", " "]).fails("cannot ask without");
    assert!(!sandbox.path("outbox").exists());
    sandbox.os("hub", &["learn", "Prices are in cents"]).says("recorded").ok();
    sandbox.os("hub", &["ask", "Red or blue?"]).says("question sent").ok();
    assert_eq!(std::fs::read_dir(sandbox.path("outbox")).expect("a folder").count(), 2);
}

#[test]
fn outside_of_a_workspace_it_is_said_how_to_begin() {
    let sandbox = Sandbox::new();
    sandbox.repo("hub", "");
    let cases: [Case<'_>; 3] = [
        (&["list"], 128, "git-os is not set up in this repository", "git os init", "not-initialised"),
        (&["start"], 1, "this repository has no registry", "git os init", "no-registry"),
        (&["--repo", "hub", "list"], 1, "`--repo` needs a registry, and there is none", "git os init", "repo-without-registry"),
    ];
    for case in cases {
        check(&sandbox, case);
    }
}

#[test]
fn without_a_registry_a_ticket_still_waits_for_what_it_depends_on() {
    let (sandbox, [draft, ready, _]) = workspace();
    sandbox.sh("hub", "git config --unset git-os.registry; rm registry.toml").ok();
    assert_eq!(sandbox.os("hub", &["ready"]).ok(), "");
    let _said = sandbox.os("hub", &["claim", &ready]).fails(&draft);
    let _said = sandbox.os("hub", &["claim", "--next"]).fails("no ticket");
}
