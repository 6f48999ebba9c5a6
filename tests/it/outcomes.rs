//! How runs end, and whose matter that is: only the work uses up attempts.

use std::process::Stdio;
use std::time::Duration;

use crate::crew::Crew;

/// Notes the number of its attempt, and ends as the next line of `../plan` says: `crash`, `fail` or `work`.
const AGENT: &str = "cat >/dev/null; top=$(dirname \"$0\"); echo \"$GIT_OS_ATTEMPT\" >>\"$top/attempts\"\n\
                     next=$(head -n 1 \"$top/plan\"); sed -i 1d \"$top/plan\"\n\
                     case $next in crash) kill -KILL $$ ;; fail) echo 'no way' >&2; exit 1 ;; *) echo a >a ;; esac\n";

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
    out.says("agent `judge` is not used again before").says("held: agent `judge` cannot be used now").ok();
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
