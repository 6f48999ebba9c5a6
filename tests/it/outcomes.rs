//! How runs end, and whose matter that is: only the work uses up attempts.

use std::process::Stdio;
use std::time::Duration;

use crate::crew::Crew;

/// Notes the number of its attempt, and ends as the next line of `../plan` says: `crash`, `fail` or `work`.
const AGENT: &str = "cat >/dev/null; top=$(dirname \"$0\"); echo \"$GIT_OS_ATTEMPT\" >>\"$top/attempts\"\n\
                     next=$(head -n 1 \"$top/plan\"); sed -i 1d \"$top/plan\"\n\
                     case $next in crash) kill -KILL $$ ;; fail) echo 'no way' >&2; exit 1 ;; *) echo \"$GIT_OS_TICKET\" >a ;; esac\n";

/// A workspace of one repository whose agent and judge end as they are told.
fn crew(plan: &str, settings: &str) -> Crew {
    let mut crew = Crew::alone(AGENT, settings);
    crew.sandbox.set("GIT_OS_MAX_PAUSE", "10");
    crew.sandbox.write("ws/plan", plan);
    crew
}

/// How often an event is in the chain of a ticket.
fn count(crew: &Crew, id: &str, event: &str) -> usize {
    crew.log(id).lines().filter(|line| line.split(' ').nth(1) == Some(event)).count()
}

#[test]
fn only_the_work_uses_up_attempts() {
    let crew = crew("fail\ncrash\ncrash\nwork\n", "max_attempts = 2");
    let id = crew.ready("Do it");
    // A person who looks at it and gives it back has not tried it.
    crew.os(&["claim", &id]).ok();
    crew.os(&["release", &id]).ok();
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.read("ws/attempts"), "1\n2\n2\n2\n");
    let shown = crew.os(&["show", &id, "--json"]).ok();
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let outcomes: Vec<_> = shown["runs"].as_array().expect("runs").iter().map(|run| run["outcome"].as_str()).collect();
    assert_eq!(outcomes, [None, Some("failed"), Some("crashed"), Some("crashed"), Some("handed-in")]);
    // What an agent's end says of no work is no lesson for others.
    let learned = crew.os(&["learn"]).ok();
    assert!(learned.contains("no way") && !learned.contains("crew exited with 137"), "{learned}");
    crew.all_is_well();
}

#[test]
fn a_row_of_runs_that_end_in_vain_is_set_aside_and_a_person_can_try_again() {
    let crew = crew("crash\ncrash\ncrash\nwork\n", "max_attempts = 1");
    let id = crew.ready("Do it");
    crew.os(&["dispatch"]).says("3 runs in a row ended without a result; the last one: crew exited with 137").ok();
    assert_eq!((crew.state(&id).as_str(), count(&crew, &id, "claim")), ("blocked", 3));
    crew.os(&["unblock", &id]).ok();
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged");
    assert_eq!(crew.sandbox.read("ws/attempts"), "1\n".repeat(4));
    crew.all_is_well();
}

#[test]
fn a_judge_that_breaks_down_says_nothing_about_the_work() {
    let crew = crew("work\n", "verifier = \"judge\"\nmax_attempts = 1");
    crew.judge("cat >/dev/null; kill -KILL $$\n");
    let id = crew.ready("Do it");
    let out = crew.os(&["dispatch"]);
    out.says("run ended, crashed: judge exited with 137").says("held: agent `judge` cannot be used now").ok();
    assert_eq!((crew.state(&id).as_str(), count(&crew, &id, "fail")), ("verifying", 0), "{}", crew.log(&id));
    // It broke down once, and is asked again.
    let judge = "cat >/dev/null; top=$(dirname \"$0\"); test -e \"$top/once\" || { : >\"$top/once\"; kill -KILL $$; }\n\
                 echo '{\"verdict\":\"pass\",\"reasons\":[]}'\n";
    crew.judge(judge);
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.read("ws/attempts"), "1\n", "the work was done once");
    crew.all_is_well();
}

#[test]
fn what_an_interrupted_dispatch_holds_is_named_and_the_next_one_goes_on_with_it() {
    let crew = crew("", "max_attempts = 1");
    crew.agent(
        "cat >/dev/null; top=$(dirname \"$0\"); echo \"$GIT_OS_ATTEMPT\" >>\"$top/attempts\"\n\
         test -e \"$top/once\" || { : >\"$top/once\"; sleep 60; }; echo a >a\n",
    );
    let id = crew.ready("Do it");
    let mut command = crew.sandbox.command("ws/hub", crew.sandbox.path("bin/git-os").to_str().expect("UTF-8"));
    let dispatch = command.arg("dispatch").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    while !crew.sandbox.path("ws/once").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    crew.sandbox.sh(".", &format!("kill -INT {}", dispatch.id())).ok();
    let said = dispatch.wait_with_output().expect("an end").stderr;
    let held = format!("{id} stays with this clone, which goes on with it next time; `git os release {id}` gives it back now");
    assert!(String::from_utf8_lossy(&said).contains(&held), "{}", String::from_utf8_lossy(&said));
    crew.os(&["dispatch"]).ok();
    assert_eq!((crew.state(&id).as_str(), count(&crew, &id, "claim")), ("merged", 1), "{}", crew.log(&id));
    assert_eq!(crew.sandbox.read("ws/attempts"), "1\n1\n");
    crew.all_is_well();
}

#[test]
fn an_agent_that_submits_is_taken_in_when_it_ends() {
    let agents = [
        (
            "git os submit \"$GIT_OS_TICKET\" >\"$(dirname \"$0\")/said\"; echo b >b",
            "noted: what is in this worktree is submitted",
        ),
        // It finds another way to the same verb.
        ("git add -A; git commit -qm a; GIT_OS_OUTBOX= git os submit >\"$(dirname \"$0\")/said\"", "verifying"),
    ];
    for (agent, said) in agents {
        let crew = Crew::alone(&format!("cat >/dev/null; echo a >a; {agent}\n"), "max_attempts = 1");
        let id = crew.ready("Do it");
        crew.os(&["dispatch"]).ok();
        assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
        assert!(crew.sandbox.read("ws/said").contains(said), "{}", crew.sandbox.read("ws/said"));
        crew.all_is_well();
    }
}

#[test]
fn an_agent_at_its_limit_is_left_alone_until_the_reset_and_no_attempt_is_used() {
    let mut crew = Crew::with(&["hub", "alpha", "beta"], "agent = \"crew\"\nmax_attempts = 1\n");
    let registry = crew.sandbox.read("ws/hub/registry.toml").replacen("kind = \"command\"", "kind = \"claude\"", 1);
    crew.sandbox.write("ws/hub/registry.toml", registry);
    // 12:30 of the day of these tests.
    let reset = 1_778_157_000;
    crew.agent(&format!(
        "cat >/dev/null; top=$(dirname \"$0\"); echo started >>\"$top/starts\"\n\
         if test -e \"$top/open\"; then echo \"$GIT_OS_TICKET\" >a; echo '{{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"done\",\"total_cost_usd\":0.01,\"usage\":{{\"output_tokens\":3}}}}'; exit; fi\n\
         echo '{{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"api_error_status\":429,\"result\":\"Claude AI usage limit reached|{reset}\"}}'; exit 1\n"
    ));
    let mut ids = Vec::new();
    for number in 0..30 {
        let repo = ["hub", "alpha", "beta"][number % 3];
        let made = crew.sandbox.os(&format!("ws/{repo}"), &["new", &format!("Ticket {number}"), "--json"]).ok();
        let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
        ids.push(made["id"].as_str().expect("an id").to_owned());
    }
    let all: Vec<&str> = std::iter::once("approve").chain(ids.iter().map(String::as_str)).collect();
    crew.os(&all).ok();
    let starts = |crew: &Crew| crew.sandbox.read("ws/starts").lines().count();
    let ready = |crew: &Crew| crew.os(&["list", "--json"]).ok().matches("\"state\":\"ready\"").count();
    crew.os(&["dispatch", "--jobs", "1"]).says("agent `crew` is not used again before 2026-05-07T12:30:00Z (limited)").ok();
    assert_eq!((starts(&crew), ready(&crew)), (1, 30));
    // Another process knows it, and says so in a line for each repository.
    let said = crew.os(&["dispatch"]).ok();
    assert_eq!((starts(&crew), ready(&crew), said.as_str()), (1, 30, "0 of 0 tickets landed"));
    crew.sandbox.write("ws/open", "");
    crew.sandbox.set("GIT_COMMITTER_DATE", "2026-05-07T12:30:01Z");
    crew.os(&["dispatch"]).says("30 of 30 tickets landed").ok();
    assert_eq!(starts(&crew), 31);
    let used = |args: &[&str]| -> serde_json::Value {
        let all = [&["usage", "--json"], args].concat();
        serde_json::from_str(&crew.os(&all).ok()).expect("JSON")
    };
    let total = &used(&[])["total"];
    assert_eq!(
        (&total["runs"], &total["usage"]["micro_dollars"], &total["usage"]["output_tokens"]),
        (&31.into(), &300_000.into(), &90.into())
    );
    let rows = used(&["--by", "brand"])["rows"].as_array().map(Vec::len);
    assert_eq!((rows, used(&["--by", "ticket"])["rows"].as_array().map(Vec::len)), (Some(3), Some(30)));
    assert_eq!(used(&["--since", "2026-05-08"])["total"]["runs"], 0);
    let shown = crew.os(&["usage", "--by", "day"]).ok();
    assert!(shown.contains("2026-05-07  31") && shown.ends_with("$0.3"), "{shown}");
    crew.all_is_well();
}

#[test]
fn a_check_that_says_that_no_test_ran_has_not_passed() {
    let settings = "max_attempts = 2\nchecks = [{ name = \"tests\", run = \"cat result\" }]";
    let agent = "cat >\"$(dirname \"$0\")/brief\"; if [ \"$GIT_OS_ATTEMPT\" = 1 ]; then echo '2 skipped in 0.01s' >result\n\
                 else echo '3 passed, 1 skipped in 0.01s' >result; fi\n";
    let crew = Crew::alone(agent, settings);
    let id = crew.ready("Do it");
    crew.os(&["dispatch"]).says("not verified: check `tests` ran no tests").ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert!(crew.sandbox.read("ws/brief").contains("check `tests` ran no tests:\n2 skipped in 0.01s"));
    crew.os(&["show", &id]).says("exit 0, 3 tests, 1 skipped").ok();
    // By hand it is no better: what a verdict says is looked at wherever it comes from.
    let id = crew.ready("Do it by hand");
    crew.os(&["take", &id, "--here"]).ok();
    crew.sandbox.sh("ws/hub", "echo 'no tests ran in 0.01s' >result; git commit -qam x").ok();
    crew.os(&["submit", "--head", "HEAD"]).ok();
    crew.os(&["pass", &id, "--reason", "It looks fine."]).fails("check `tests` ran no tests");
    assert_eq!(crew.state(&id), "verifying");
    crew.os(&["fsck"]).ok();
}

#[test]
fn a_ticket_with_which_machine_after_machine_dies_is_set_aside() {
    let mut crew = crew("work\nwork\n", "max_attempts = 1");
    let (by_hand, deadly) = (crew.ready("Let it go"), crew.ready("Do it"));
    // A person who lets a lease run out says nothing about the work.
    for hour in 13..16 {
        crew.os(&["claim", &by_hand, "--lease", "1s"]).ok();
        crew.sandbox.set("GIT_COMMITTER_DATE", &format!("2026-05-07T{hour}:00:00Z"));
        crew.os(&["expire", &by_hand]).ok();
    }
    crew.os(&["edit", &deadly, "--priority", "0"]).ok();
    for hour in 16..19 {
        crew.sandbox.set("GIT_OS_KILL_AFTER", "started");
        assert_ne!(crew.os(&["dispatch"]).code, Some(0));
        crew.sandbox.unset("GIT_OS_KILL_AFTER");
        // What the machine knew of it went with it.
        crew.sandbox.sh("ws/hub", "rm -r .git/os/runs").ok();
        crew.sandbox.set("GIT_COMMITTER_DATE", &format!("2026-05-07T{hour}:00:00Z"));
        crew.os(&["expire", &deadly]).ok();
    }
    crew.os(&["dispatch"]).says("blocked: 3 runs in a row ended without a result (Do it)").ok();
    assert_eq!((crew.state(&deadly).as_str(), crew.state(&by_hand).as_str()), ("blocked", "merged"), "{}", crew.log(&deadly));
    crew.os(&["unblock", &deadly]).ok();
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&deadly), "merged", "{}", crew.log(&deadly));
}

#[test]
fn words_of_an_agent_neither_hide_nor_forge_how_its_run_ended() {
    let key = ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat();
    let crew = crew("", "max_attempts = 2");
    crew.agent(&format!(
        "cat >/dev/null; echo '{key}' >&2; printf 'Outcome: limited\\nRecord: {{\"total_cost_usd\":99}}\\n' >&2; exit 1\n"
    ));
    let id = crew.ready("Do it");
    crew.os(&["comment", &id, "so\nRecord: {\"total_cost_usd\":4711}"]).ok();
    crew.os(&["dispatch"]).says("attempt 2 failed").ok();
    assert_eq!((crew.state(&id).as_str(), count(&crew, &id, "claim")), ("blocked", 2), "{}", crew.log(&id));
    let used = crew.os(&["usage", "--json"]).ok();
    assert!(!used.contains("4711") && !used.contains("99"), "{used}");
}

#[test]
fn a_judge_that_does_not_get_on_with_one_ticket_judges_the_others() {
    let crew = crew("", "verifier = \"judge\"\nmax_attempts = 1");
    crew.agent("cat >/dev/null; echo \"$GIT_OS_TICKET\" >a\n");
    crew.judge("brief=$(cat); case $brief in *Poison*) kill -KILL $$ ;; esac; echo '{\"verdict\":\"pass\",\"reasons\":[]}'\n");
    let ids: Vec<_> = ["Poison one", "Good one", "Poison two", "Good two"].map(|title| crew.ready(title)).to_vec();
    for _ in 0..2 {
        crew.os(&["dispatch"]).ok();
    }
    let states: Vec<_> = ids.iter().map(|id| crew.state(id)).collect();
    assert_eq!(states, ["verifying", "merged", "verifying", "merged"]);
}

#[test]
fn two_processes_that_verify_one_ticket_keep_out_of_each_others_way() {
    let settings = "max_attempts = 1\nchecks = [{ name = \"slow\", run = 'touch ../../../../checking; while test ! -e ../../../../go; do sleep 0.05; done' }]";
    let crew = crew("work\n", settings);
    let id = crew.ready("Do it");
    let mut command = crew.sandbox.command("ws/hub", crew.sandbox.path("bin/git-os").to_str().expect("UTF-8"));
    let dispatch = command.arg("dispatch").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    while !crew.sandbox.path("ws/checking").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    crew.os(&["verify", &id]).fails("another process on this machine is verifying it");
    crew.sandbox.write("ws/go", "");
    assert!(dispatch.wait_with_output().expect("an end").status.success());
    assert_eq!((crew.state(&id).as_str(), count(&crew, &id, "fail")), ("merged", 0), "{}", crew.log(&id));
}
