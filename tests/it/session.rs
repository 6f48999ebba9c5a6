//! Sessions of `git os start`: the demo from end to end, and what the next session still knows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::crew::{Crew, REPOS};
use crate::sandbox::Sandbox;

/// Why each phase of a session ran or did not, as `--json` and `--plan --json` tell it.
fn phases(json: &str) -> BTreeMap<String, (bool, String)> {
    let json: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let phases = json["phases"].as_array().expect("phases").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    phases.map(|one| (text(&one["phase"]), (one["runs"].as_bool().expect("yes or no"), text(&one["why"])))).collect()
}

/// One ticket of the demo.
struct Seen {
    repo: String,
    brand: String,
    title: String,
    state: String,
    attempt: u32,
    head: String,
    base: String,
}

fn demo_tickets(sandbox: &Sandbox) -> Vec<Seen> {
    let json: Value = serde_json::from_str(&sandbox.os("demo/sandbox", &["list", "--closed", "--json"]).ok()).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tickets = json["tickets"].as_array().expect("tickets").iter();
    let seen = |one: &Value| Seen {
        repo: text(&one["repo"]),
        brand: text(&one["brand"]),
        title: text(&one["title"]),
        state: text(&one["state"]),
        attempt: u32::try_from(one["attempt"].as_u64().expect("a number")).expect("a small number"),
        head: text(&one["head"]),
        base: text(&one["base"]),
    };
    tickets.map(seen).collect()
}

#[test]
fn the_demo_lands_work_over_all_brands_and_is_held_by_the_gate() {
    let mut sandbox = Sandbox::new();
    sandbox.unset("GIT_COMMITTER_DATE");
    sandbox.unset("GIT_AUTHOR_DATE");
    let started = std::time::Instant::now();
    let said = sandbox.os(".", &["demo", "demo"]);
    let wall = started.elapsed();
    assert_eq!(said.code, Some(0), "{said}");
    let said = said.says("refused, as it should be; main has not moved").says("refusing to update").said();

    let tickets = demo_tickets(&sandbox);
    let landed: Vec<_> = tickets.iter().filter(|one| one.state == "merged").collect();
    assert!(landed.len() >= 8, "{said}");
    assert!(landed.iter().map(|one| &one.brand).collect::<BTreeSet<_>>().len() >= 6, "{said}");
    assert!(landed.iter().any(|one| one.attempt == 2), "one was refused by the judge and done again");
    let blocked: Vec<_> = tickets.iter().filter(|one| one.state == "blocked").map(|one| one.repo.as_str()).collect();
    assert_eq!(blocked, ["personal"], "{said}");
    assert!(tickets.iter().all(|one| one.brand != "aiquantify"), "nothing happens in the silo");
    assert!(!sandbox.path("demo/aiquantify/.claude").exists());

    // The doors wait for the red check: what they were built on has its fix.
    let find = |title: &str| landed.iter().find(|one| one.title == title).unwrap_or_else(|| panic!("{title}: {said}"));
    let (first, second) = (find("Make the check `tests` pass in umano"), find("Print when the doors open for each event"));
    sandbox.git("demo/umano", &["merge-base", "--is-ancestor", &first.head, &second.base]).ok();

    for repo in tickets.iter().map(|one| &one.repo).collect::<BTreeSet<_>>() {
        let dir = format!("demo/{repo}");
        sandbox.os(&dir, &["fsck"]).ok();
        sandbox.sh(&dir, "sh tests/run.sh && test -z \"$(git status --porcelain --untracked-files=no)\"").ok();
    }

    print_ratio(&sandbox, wall, &tickets);
    nothing_is_left_to_do(&sandbox);
}

/// How long the session took against the slowest brand: its agents' thinking and its checks, one after the other.
fn print_ratio(sandbox: &Sandbox, wall: std::time::Duration, tickets: &[Seen]) {
    const THINKING: f64 = 0.5;
    let mut brands: BTreeMap<&str, f64> = BTreeMap::new();
    for ticket in tickets.iter().filter(|one| one.attempt > 0) {
        *brands.entry(&ticket.brand).or_default() += THINKING * f64::from(ticket.attempt);
        let notes = sandbox.git(&format!("demo/{}", ticket.repo), &["notes", "--ref=os/verdicts", "show", &ticket.head]).stdout;
        for verdict in notes.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let checks = verdict["checks"].as_array().into_iter().flatten();
            let millis: f64 = checks.filter_map(|check| check["millis"].as_f64()).sum();
            *brands.entry(&ticket.brand).or_default() += millis / 1000.0;
        }
    }
    let (slowest, seconds) = brands.iter().max_by(|left, right| left.1.total_cmp(right.1)).expect("a brand");
    let all: f64 = brands.values().sum();
    let wall = wall.as_secs_f64();
    println!("the session took {wall:.1} s; {slowest} alone thinks and checks {seconds:.1} s, all brands {all:.1} s");
    println!("wall / slowest brand = {:.2}", wall / seconds);
}

/// The next session at once: nothing is new, and it says so.
fn nothing_is_left_to_do(sandbox: &Sandbox) {
    let again = sandbox.os("demo/umano", &["start", "--yes", "--json"]).ok();
    let phases = phases(&again);
    for (phase, why) in [
        ("scout", "no brand has new commits"),
        ("brief", "scouts were skipped"),
        ("interview", "already held today with personal"),
    ] {
        assert_eq!(phases[phase], (false, why.to_owned()), "{phase}: {again}");
    }
    for phase in ["initialise", "outstanding", "draft", "dispatch", "close"] {
        assert!(phases[phase].0, "{phase}: {again}");
    }
    let json: Value = serde_json::from_str(&again).expect("JSON");
    assert_eq!(json["tickets"].as_array().map(Vec::len), Some(0), "the queue is drained: {again}");
    assert_eq!(json["drafted"], 0, "{again}");
    let plan = sandbox.os("demo/personal", &["start", "--plan"]).ok();
    let lines: Vec<_> = plan.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines.len(), 9, "{plan}");
    assert_eq!(lines[1], "1 scout skip", "{plan}");
    assert_eq!(lines[7], "7 dispatch run", "{plan}");
}

/// A commit of a person on the branch that is checked out.
fn commit(crew: &Crew, repo: &str, file: &str, text: &str) {
    crew.sandbox.write(&format!("{repo}/{file}"), text);
    crew.sandbox.sh(repo, &format!("git add {file} && git commit -qm 'Change {file} to {text}'")).ok();
}

fn drafts(crew: &Crew) -> BTreeSet<String> {
    crew.board().into_iter().filter(|ticket| ticket.1 == "draft").map(|ticket| ticket.0).collect()
}

#[test]
fn a_commit_of_a_person_is_news_of_its_brand_alone() {
    let crew = Crew::with(&REPOS, "agent = \"crew\"\n");
    crew.start().says("new commits in alpha, beta, hub").ok();
    let plan = |crew: &Crew| phases(&crew.os(&["start", "--plan", "--json"]).ok());
    assert_eq!(plan(&crew)["scout"], (false, "no brand has new commits".to_owned()));
    assert_eq!(plan(&crew)["housekeeping"], (false, "the last grade was A, and nothing has changed".to_owned()));
    commit(&crew, "ws/alpha", "news.md", "News.\n");
    assert_eq!(plan(&crew)["scout"], (true, "new commits in alpha".to_owned()));
    let said = crew.start().says("new commits in alpha").says("alpha: 1 new commit, 0 signals").said();
    assert!(!said.contains("beta: ") && !said.contains("hub: "), "{said}");
    assert_eq!(plan(&crew)["scout"], (false, "no brand has new commits".to_owned()));
    // All are counted, though not all are listed.
    crew.sandbox.sh("ws/alpha", "for at in $(seq 30); do git commit -q --allow-empty -m \"More $at\"; done").ok();
    crew.start().says("alpha: 30 new commits, 0 signals").ok();
    let log = crew
        .sandbox
        .sh(
            "ws/hub",
            "for log in $(git for-each-ref --format='%(refname)' refs/os/sessions); do git cat-file -p $log:commits.md; done",
        )
        .ok();
    assert!(log.contains("- and 10 more") && log.matches(" More ").count() == 20, "{log}");
    crew.all_is_well();
}

#[test]
fn a_check_that_begins_to_fail_becomes_a_ticket() {
    let settings = "agent = \"crew\"\nchecks = [{ name = \"even\", run = \"test ! -e odd\" }]\n";
    let crew = Crew::with(&REPOS, settings);
    crew.os(&["start"]).ok();
    assert_eq!(drafts(&crew), BTreeSet::new());
    commit(&crew, "ws/alpha", "odd", "1\n");
    crew.os(&["start"]).ok();
    let title = "Make the check `even` pass in alpha".to_owned();
    assert_eq!(drafts(&crew), BTreeSet::from([title.clone()]));
    // It is still open, so it is not opened again.
    commit(&crew, "ws/alpha", "more.md", "More.\n");
    crew.os(&["start"]).ok();
    assert_eq!(drafts(&crew), BTreeSet::from([title.clone()]));
    crew.agent("git rm -q odd; git commit -qm 'Be even'");
    crew.start().ok();
    assert_eq!(crew.board(), BTreeSet::from([(title, "merged".to_owned())]));
    crew.all_is_well();
}

#[test]
fn a_rejected_draft_is_not_proposed_again() {
    let crew = Crew::with(&REPOS, "agent = \"crew\"\n");
    commit(&crew, "ws/alpha", "list.sh", "# TODO: Sort the list\n# TODO: Print the list\n");
    crew.os(&["start"]).ok();
    let sort = "Resolve the TODO in list.sh: Sort the list".to_owned();
    let print = "Resolve the TODO in list.sh: Print the list".to_owned();
    assert_eq!(drafts(&crew), BTreeSet::from([sort.clone(), print.clone()]));
    let tickets = crew.tickets();
    let unwanted = tickets.iter().find(|ticket| ticket.1.0 == sort).expect("a ticket");
    let id = unwanted.0.1.rsplit('/').next().expect("an id");
    crew.os(&["reject", id, "--reason", "It is sorted by hand."]).ok();
    for text in ["One.\n", "Two.\n", "Three.\n"] {
        commit(&crew, "ws/alpha", "other.md", text);
        crew.os(&["start"]).says("alpha: 1 new commit, 1 signal").ok();
        assert_eq!(drafts(&crew), BTreeSet::from([print.clone()]));
    }
    crew.all_is_well();
}

#[test]
fn a_comment_whose_ticket_landed_is_drafted_again_only_if_it_says_something_else() {
    let crew = Crew::with(&REPOS, "agent = \"crew\"\n");
    // It does the work, and leaves the comment, which the person who approves the draft accepts.
    crew.agent("cat >/dev/null; echo $GIT_OS_TICKET >>done");
    commit(&crew, "ws/alpha", "list.sh", "# TODO: Sort the list\n");
    crew.os(&["start"]).ok();
    let tickets = crew.tickets();
    let id = tickets.keys().find_map(|key| Some(key.1.rsplit_once('/')?.1)).expect("a draft");
    crew.os(&["edit", id, "--acceptance", ""]).ok();
    crew.os(&["approve", id]).ok();
    crew.start().ok();
    let landed = ("Resolve the TODO in list.sh: Sort the list".to_owned(), "merged".to_owned());
    assert_eq!(crew.board(), BTreeSet::from([landed.clone()]));
    for archived in [false, true] {
        if archived {
            crew.sandbox.os("ws/alpha", &["archive", "--after", "0m"]).ok();
        }
        commit(&crew, "ws/alpha", "other.md", if archived { "Two.\n" } else { "One.\n" });
        crew.os(&["start"]).says("alpha: 1 new commit, 0 signals").ok();
        assert_eq!(crew.board(), if archived { BTreeSet::new() } else { BTreeSet::from([landed.clone()]) });
    }
    commit(&crew, "ws/alpha", "list.sh", "# TODO: Sort the list by name\n");
    crew.os(&["start"]).ok();
    assert_eq!(drafts(&crew), BTreeSet::from(["Resolve the TODO in list.sh: Sort the list by name".to_owned()]));
    crew.all_is_well();
}

#[test]
fn comments_that_nobody_wants_leave_room_for_others() {
    let crew = Crew::with(&REPOS, "agent = \"crew\"\n");
    let comments = |range: std::ops::Range<u32>| range.fold(String::new(), |all, number| format!("{all}# TODO: Do {number}\n"));
    commit(&crew, "ws/alpha", "list.sh", &comments(10..20));
    crew.os(&["start"]).says("alpha: 3 new commits, 10 signals").ok();
    let ids: Vec<_> = crew.tickets().into_keys().filter_map(|key| Some(key.1.rsplit_once('/')?.1.to_owned())).collect();
    let words: Vec<&str> = ["reject"].into_iter().chain(ids.iter().map(String::as_str)).chain(["--reason", "no"]).collect();
    crew.os(&words).ok();
    commit(&crew, "ws/alpha", "list.sh", &comments(10..32));
    crew.os(&["start"]).says("alpha: 1 new commit, 10 signals").ok();
    assert_eq!(drafts(&crew).len(), 10);
    crew.all_is_well();
}

#[test]
fn what_was_learned_of_a_brand_that_is_not_here_is_kept_in_the_hub() {
    let crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    crew.sandbox.sh("ws", "mv alpha away").ok();
    crew.sandbox.write("ws/answers.toml", "[brand.alpha]\nlearned = \"Ground comes first.\"\n");
    crew.os(&["start", "--answers", "../answers.toml", "--interview", "alpha"]).ok();
    assert!(crew.os(&["learn"]).ok().contains("Ground comes first."));
    assert!(crew.os(&["learn", "--json"]).ok().contains("\"brand\":\"alpha\""));
}

#[test]
fn a_check_that_fails_again_is_drafted_again_and_a_wish_that_was_rejected_once_too() {
    let settings = "agent = \"crew\"\nchecks = [{ name = \"even\", run = \"test ! -e odd\" }]\n";
    let crew = Crew::with(&["hub"], settings);
    crew.agent("cat >/dev/null; git rm -q odd; git commit -qm \"Be even for $GIT_OS_TICKET\"");
    crew.sandbox.write("ws/answers.toml", "[brand.hub]\nnext = [\"Paint it\"]\n");
    for round in 1..3 {
        commit(&crew, "ws/hub", "odd", &format!("{round}\n"));
        crew.start().ok();
        assert_eq!(crew.tickets().len(), round, "the check passed in between");
    }
    for round in 1..3 {
        commit(&crew, "ws/hub", "news.md", &format!("{round}\n"));
        crew.os(&["start", "--answers", "../answers.toml", "--interview", "hub"]).says("Paint it").ok();
        assert_eq!(drafts(&crew), BTreeSet::from(["Paint it".to_owned()]));
        crew.os(&["start", "--answers", "../answers.toml", "--interview", "hub"]).says("`Paint it` is open already: T-").ok();
        let draft = crew.tickets().into_iter().find(|ticket| ticket.1.1 == "draft").expect("one").0.1;
        crew.os(&["reject", draft.rsplit('/').next().expect("an id"), "--reason", "Not now."]).ok();
        assert_eq!(crew.board().into_iter().filter(|ticket| ticket.1 == "rejected").count(), 1);
        assert_eq!(crew.tickets().len(), 2 + round);
    }
    crew.all_is_well();
}

#[test]
fn a_silo_gets_no_worktree_no_agent_and_no_scout() {
    let crew =
        Crew::with(&["hub", "vault"], "agent = \"crew\"\nchecks = [{ name = \"seen\", run = \"touch ../../../../seen\" }]\n");
    let registry = crew.sandbox.read("ws/hub/registry.toml");
    let (rest, vault) = registry.split_once("name = \"vault\"").expect("the silo");
    let vault =
        vault.replacen("agent = \"crew\"\nchecks = [{ name = \"seen\", run = \"touch ../../../../seen\" }]", "silo = true", 1);
    crew.sandbox.write("ws/hub/registry.toml", format!("{rest}name = \"vault\"{vault}"));
    crew.os(&["init", "--yes"]).ok();
    commit(&crew, "ws/vault", "secret.sh", "# TODO: Tell nobody\n");
    let id = crew.sandbox.ticket("ws/vault", "Look inside", "ready").id;
    crew.agent("touch ../../../../worked; echo done >done");
    let said = crew.start();
    assert!(!said.said().contains("vault"), "{said}");
    said.ok();
    assert_eq!(crew.sandbox.state("ws/vault", &id), "ready");
    assert_eq!(crew.board().len(), 1);
    assert!(!crew.sandbox.path("ws/vault/.claude").exists());
    assert!(!crew.sandbox.path("ws/worked").exists());
    assert_eq!(crew.sandbox.git("ws/vault", &["worktree", "list"]).ok().lines().count(), 1);
    crew.all_is_well();
}

/// The repository's agent is of the kind `claude`, and this script stands for its program.
fn with_claude(script: &str) -> Crew {
    let crew = Crew::alone(script, "max_attempts = 1");
    let program = format!("[\"sh\", \"{}\"]", crew.sandbox.path("ws/agent.sh").display());
    let registry = crew.sandbox.read("ws/hub/registry.toml");
    let command = "kind = \"command\"\nrun = [\"sh\", \"../agent.sh\"]";
    assert!(registry.contains(command), "{registry}");
    crew.sandbox.write("ws/hub/registry.toml", registry.replace(command, &format!("kind = \"claude\"\nrun = {program}")));
    crew
}

/// The events that a command printed, one a line.
fn events(printed: &str) -> Vec<serde_json::Value> {
    let event = |line: &str| {
        let mut object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(object["version"], 1, "{line}");
        object["event"].take()
    };
    printed.lines().map(event).collect()
}

/// A name for an event: the path to what it is.
fn kind(event: &serde_json::Value) -> String {
    let what = if event["lane"].is_object() { event } else { &event["work"]["what"] };
    let (name, inner) = what.as_object().and_then(|object| object.iter().next()).expect("an event has a name");
    match inner {
        serde_json::Value::String(word) => format!("{name} {word}"),
        serde_json::Value::Object(object) if object.len() == 1 => {
            format!("{name} {}", object.keys().next().expect("a key"))
        }
        _ => name.clone(),
    }
}

#[test]
fn what_happens_is_told_as_one_stream() {
    let crew = with_claude(
        r#"cat >/dev/null; echo done >done
echo '{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Write","input":{"file_path":"done"}}]}}'
echo '{"type":"result","is_error":false,"result":"ok","num_turns":2,"total_cost_usd":0.25,"usage":{"input_tokens":7}}'
"#,
    );
    let id = crew.ready("Write it down");
    let told = events(&crew.os(&["dispatch", "--json"]).ok());
    let kinds: Vec<_> = told.iter().map(kind).collect();
    assert_eq!(
        kinds,
        [
            "lane",
            "reached claimed",
            "begun preparing",
            "reached prepared",
            "reached started",
            "begun working",
            "reached briefed",
            "tool",
            "usage",
            "reached worked",
            "reached submitted",
            "check begun",
            "check ended",
            "reached checked",
            "verdict",
            "reached verdict",
            "reached noted",
            "reached landing",
            "reached moved",
            "reached merged",
            "landing landed",
            "reached finished",
            "lane",
            "ended",
        ]
    );
    let what = |name: &str| {
        let event = told.iter().find(|event| !event["work"]["what"][name].is_null());
        &event.expect("it was told")["work"]["what"][name]
    };
    assert_eq!(*what("tool"), serde_json::json!({ "name": "Write", "detail": "done" }));
    assert_eq!((&what("usage")["micro_dollars"], &what("usage")["input_tokens"]), (&250_000.into(), &7.into()));
    assert_eq!(told[1]["work"]["ticket"], id.as_str());
    assert_eq!(crew.state(&id), "merged");
    assert!(crew.log(&id).contains("Record: {\"input_tokens\":7,\"num_turns\":2,\"total_cost_usd\":0.25}"), "{}", crew.log(&id));
}

#[test]
fn an_agent_that_asks_for_what_it_cannot_be_told_is_ended() {
    let crew = with_claude(
        r#"cat >/dev/null; echo done >done
echo '{"type":"control_request","request_id":"1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"id"}}}'
sleep 74
"#,
    );
    let id = crew.ready("Ask");
    crew.start().says("denied Bash id").ok();
    assert_eq!(crew.state(&id), "blocked");
    assert!(crew.log(&id).contains("asked for permission, and git-os cannot grant it"), "{}", crew.log(&id));
    crew.all_is_well();
}

#[test]
fn what_is_not_kept_of_a_long_output_is_said() {
    let crew = Crew::alone("yes | head -c 3000000; echo done >done", "");
    let id = crew.ready("Talk");
    crew.start().says("crew printed more than git-os keeps; left out 1951424 bytes").ok();
    assert_eq!(crew.state(&id), "merged");
}

#[test]
fn the_answers_in_the_help_are_answers() {
    let crew = Crew::with(&["hub", "bakery", "blog"], "agent = \"crew\"\n");
    let help = crew.os(&["start", "--help"]).ok();
    let example = help.lines().map(str::trim).skip_while(|line| !line.starts_with("[brand."));
    let example: Vec<_> = example.take_while(|line| !line.is_empty()).collect();
    assert!(example.len() > 8, "{help}");
    crew.sandbox.write("ws/answers.toml", example.join("\n"));
    let said = crew.start_with_answers();
    let board = ["Open on Sundays", "Announce it"].map(|title| (title.to_owned(), "merged".to_owned()));
    assert_eq!(crew.board(), board.into(), "{said}");
    crew.all_is_well();
}
