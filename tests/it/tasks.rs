//! A goal as a task: planned by an agent that reads, approved, done, reviewed and landed.

use crate::crew::Crew;

/// Plans, works and judges, by the role it is given. What the planner is told stands in `ws/planner-N`.
const ALL_ROUND: &str = r#"
here=$(dirname "$0")
case $GIT_OS_ROLE in
planner)
    cat >"$here/planner-$GIT_OS_ATTEMPT"
    echo scribble >scribble
    cat "$here/plan-$GIT_OS_ATTEMPT";;
ticket-executor|executor)
    cat >"$here/brief-$GIT_OS_STEP"
    case $GIT_OS_STEP in
    S1) echo 'Sunday 9-17' >>hours;;
    S2) echo 'Open on Sundays' >news;;
    esac;;
esac
"#;

const PLAN: &str = r#"{"version":1,"goal":"Open on Sundays","steps":[{"id":"S1","title":"Add the hours","type":"agent","prompt":"Add Sunday to `hours`.","shell":null,"approval":"none","depends_on":[]},{"id":"S2","title":"Tell people","type":"agent","prompt":"Say it in `news`.","shell":null,"approval":"none","depends_on":["S1"]}],"success_criteria":["`hours` has Sunday.","The check `own` passes."]}"#;

const JUDGE: &str = r#"
cat >"$(dirname "$0")/judge-brief"
echo '{"verdict":"pass","reasons":["read"],"criteria":[{"number":1,"met":true,"where":"hours:1"}]}'
"#;

fn crew() -> Crew {
    let settings = "verifier = \"judge\"\nchecks = [{ name = \"own\", run = \"test -s hours\" }]";
    let crew = Crew::alone(ALL_ROUND, settings);
    crew.judge(JUDGE);
    crew.sandbox.write("ws/plan-1", PLAN);
    crew
}

/// The only ticket, and its state.
fn only(crew: &Crew) -> (String, String) {
    let json: serde_json::Value = serde_json::from_str(&crew.os(&["list", "--json"]).ok()).expect("JSON");
    let all = json["tickets"].as_array().expect("tickets");
    assert_eq!(all.len(), 1, "{json}");
    let word = |key: &str| all[0][key].as_str().expect("a text").to_owned();
    (word("id"), word("state"))
}

#[test]
fn a_goal_lands_in_one_command() {
    let crew = crew();
    let out = crew.os(&["task", "create", "Open on Sundays", "--yes"]).says("crew is planning").ok();
    for told in ["S1", "Add the hours", "after S1", "1. `hours` has Sunday."] {
        assert!(out.contains(told), "{told}: {out}");
    }
    let (id, state) = only(&crew);
    assert_eq!(state, "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:news"]).ok().trim_end(), "Open on Sundays");
    assert!(!crew.sandbox.git("ws/hub", &["ls-tree", "--name-only", "main"]).ok().contains("scribble"), "a planner only reads");
    let planner = crew.sandbox.read("ws/planner-1");
    for told in ["# Plan: Open on Sundays", "<goal>\nOpen on Sundays\n</goal>", "`test -s hours`", "the reviewer `judge`"] {
        assert!(planner.contains(told), "{told}: {planner}");
    }
    let judge = crew.sandbox.read("ws/judge-brief");
    assert!(judge.contains("1. `hours` has Sunday.") && judge.contains("Criterion 2 is met by rule"), "{judge}");
    let log = crew.os(&["task", "log", &id]).says("planned in 2 steps").ok();
    assert!(log.contains("agent crew") && log.contains("as planner") && log.contains("step S2 done -> running"), "{log}");
    crew.os(&["task", "status"]).says("no tasks").ok();
    crew.all_is_well();
}

#[test]
fn without_a_terminal_a_plan_waits_for_its_approval() {
    let crew = crew();
    let json = crew.os(&["task", "create", "Open on Sundays\n\nFrom nine to five.", "--json"]).ok();
    let ticket: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let id = ticket["id"].as_str().expect("an id");
    assert_eq!((&ticket["state"], &ticket["title"]), (&"draft".into(), &"Open on Sundays".into()), "{json}");
    assert!(ticket["acceptance"].to_string().contains("`hours` has Sunday."), "{json}");
    let description = crew.os(&["show", id]).says("From nine to five.").ok();
    assert!(description.contains("Open on Sundays"), "{description}");
    let status = crew.os(&["task", "status", "--json"]).ok();
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!((&status["tasks"][0]["steps"], &status["tasks"][0]["next"]), (&2.into(), &"S1".into()), "{status}");
    crew.os(&["task", "status", id]).says("Tell people").ok();
    crew.os(&["task", "approve", id]).ok();
    assert_eq!(crew.state(id), "merged", "{}", crew.log(id));
    assert!(crew.sandbox.read("ws/brief-S2").contains("Say it in `news`."));
    crew.os(&["task", "approve", id]).ok();
    crew.all_is_well();
}

#[test]
fn a_plan_with_faults_is_asked_for_again_and_the_goal_is_kept() {
    let crew = crew();
    let broken = PLAN.replace("\"depends_on\":[\"S1\"]", "\"depends_on\":[\"S9\"]").replace("\"id\":\"S1\"", "\"id\":\"S1 \"");
    crew.sandbox.write("ws/plan-1", &broken);
    crew.sandbox.write("ws/plan-2", "I would rather not.");
    let said = crew.os(&["task", "create", "Open on Sundays", "--yes"]).fails("has no plan (failed)");
    let (id, state) = only(&crew);
    assert_eq!(state, "draft");
    assert!(said.contains(&format!("git os task plan {id}")), "{said}");
    let again = crew.sandbox.read("ws/planner-2");
    assert!(again.contains("What is wrong with the plan you gave") && again.contains("S9"), "{again}");
    crew.os(&["log", &id]).says("gave no plan that can be used").ok();
    // The second plan is a good one.
    crew.sandbox.write("ws/plan-2", PLAN);
    crew.os(&["task", "plan", &id]).says("Add the hours").ok();
    crew.os(&["task", "cancel", &id, "--reason", "Not now"]).ok();
    assert_eq!(crew.state(&id), "canceled");
    crew.os(&["task", "plan", &id]).fails("canceled");
    crew.all_is_well();
}

#[test]
fn a_planner_that_is_killed_leaves_a_draft_that_can_be_planned() {
    let crew = crew();
    let script = format!(
        "[ $GIT_OS_ROLE != planner ] || [ -e \"$(dirname \"$0\")/go\" ] || {{ touch \"$(dirname \"$0\")/began\"; sleep 100; }}\n{ALL_ROUND}"
    );
    crew.agent(&script);
    let mut create = crew.spawn(&["task", "create", "Open on Sundays", "--yes"]);
    crew.wait_for("ws/began");
    create.kill().expect("killed");
    create.wait().expect("it ends");
    crew.sandbox.write("ws/go", "");
    let (id, state) = only(&crew);
    assert_eq!(state, "draft");
    crew.os(&["task", "plan", &id]).ok();
    crew.os(&["task", "approve", &id]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    crew.all_is_well();
}

#[test]
fn a_task_that_asks_says_what_answers_it() {
    let crew = crew();
    crew.sandbox.write("ws/plan-1", PLAN.replacen("\"approval\":\"none\"", "\"approval\":\"before_write\"", 1));
    let said = crew.os(&["task", "create", "Open on Sundays", "--yes"]).fails("waits for an answer: Step S1");
    let (id, _) = only(&crew);
    assert!(said.contains(&format!("hint: git os approve {id} --step S1")) && !said.contains("\\n"), "{said}");
    crew.os(&["top"]).says(&format!("git os approve {id} --step S1")).ok();
    crew.os(&["show", &id]).says("1 insertion(+)\n").ok();
    crew.os(&["approve", &id, "--step", "S1"]).ok();
    crew.os(&["task", "approve", &id]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
}
