//! Plans: steps that are done one after the other, what waits for a person, and what heals after a kill.

use serde_json::Value;

use crate::crew::Crew;

/// Keeps each brief under the step and the attempt, fails step 2 twice, and records what step 1 learned.
const AGENT: &str = r##"set -eu
cat >"$GIT_OS_OUTBOX/../../../../../briefs-$GIT_OS_STEP-$GIT_OS_ATTEMPT"
case "$GIT_OS_STEP:$GIT_OS_ATTEMPT" in
  1:1) git os learn "Rubric rows come sorted by weight" >/dev/null ;;
  2:1) echo "the score has no percent sign" >&2; exit 1 ;;
  2:2) echo half >score; git add -A; git commit -qm "Half a score"; echo "the score is rounded twice" >&2; exit 1 ;;
esac
echo "$GIT_OS_STEP" >>made; git add -A; git commit -qm "Step $GIT_OS_STEP"
echo "step $GIT_OS_STEP is done"
"##;

/// Says yes to each criterion.
const JUDGE: &str = r##"cat >"$(dirname "$0")/judged"
echo '{"verdict":"pass","reasons":["looked"],"criteria":[{"number":1,"met":true,"where":"made:1"},{"number":2,"met":true,"where":"made:2"},{"number":3,"met":true,"where":"made:3"},{"number":4,"met":true,"where":"made"}]}'
"##;

fn json(out: &str) -> Value {
    serde_json::from_str(out).expect("JSON")
}

/// A ready ticket with this plan.
fn ready(crew: &Crew, plan: &str) -> String {
    crew.sandbox.write("ws/plan", plan);
    let made = json(&crew.os(&["plan", "import", "../plan", "--json"]).ok());
    let id = made["id"].as_str().expect("an id").to_owned();
    assert_eq!(made["state"], "draft", "{made}");
    crew.os(&["plan", "approve", &id]).ok();
    id
}

/// The steps as `git os plan show` has them: id, state, checkpoint.
fn steps(crew: &Crew, id: &str) -> Vec<(String, String, Option<String>)> {
    let shown = json(&crew.os(&["plan", "show", id, "--json"]).ok());
    let words = |value: &Value| value.as_str().map(str::to_owned);
    let all = shown["plan"]["steps"].as_array().expect("steps").iter();
    all.map(|step| (words(&step["id"]).expect("id"), words(&step["state"]).expect("state"), words(&step["checkpoint"]))).collect()
}

/// Their ids and states.
fn states(crew: &Crew, id: &str) -> String {
    steps(crew, id).iter().map(|(id, state, _)| format!("{id}={state}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_agent_may_say_that_its_step_failed_and_not_that_it_passed() {
    let agent = r##"cat >/dev/null; said=../../../../said
case "$GIT_OS_STEP:$GIT_OS_ATTEMPT" in
  A:1) git os step A failed --text 'The ledger is missing' >>$said ;;
  A:2) git os step B done 2>>$said; git os step A waiting 2>>$said; git os step A done --text 'Found the ledger' >>$said ;;
  B:*) git os step B done >>$said ;;
esac
echo "$GIT_OS_STEP" >>made; git add -A; git commit -qm "Step $GIT_OS_STEP"
"##;
    let crew = Crew::alone(agent, "max_attempts = 2");
    let plan =
        r#"{"goal":"Count","steps":[{"id":"A","title":"Look"},{"id":"B","title":"Count","check":"false","depends_on":["A"]}]}"#;
    let id = ready(&crew, plan);
    crew.os(&["dispatch"]).ok();
    let (said, log) = (crew.sandbox.read("ws/said"), crew.log(&id));
    assert_eq!((crew.state(&id).as_str(), states(&crew, &id).as_str()), ("blocked", "A=done B=failed"), "{log}");
    for words in ["this run is for step `A`, not for `B`", "not `waiting`", "noted: step A is failed"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let log = crew.os(&["log", &id]).ok();
    assert!(log.contains("The ledger is missing") && log.contains("Found the ledger"), "{log}");
    crew.all_is_well();
}

#[test]
fn a_spec_of_three_tasks_goes_to_its_end_though_one_fails_twice() {
    let settings = "verifier = \"judge\"\nchecks = [{ name = \"made\", run = \"echo check >>../../../../order; test -f made\" }]";
    let crew = Crew::alone(AGENT, settings);
    crew.judge(JUDGE);
    crew.sandbox.script("bin/npm", "#!/bin/sh\necho \"npm $* $(cat made | tr '\\n' ' ')\" >>../../../../order\n");
    let id = ready(&crew, include_str!("../../fixtures/plans/spec.yaml"));
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(states(&crew, &id), "1=done 2=done 3=done");
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:made"]).ok(), "1\n2\n3");
    // The backstop of the spec, and the command of its first condition, come after everything else.
    assert_eq!(crew.sandbox.read("ws/order"), "check\nnpm test 1 2 3 \n");
    let brief = |name: &str| crew.sandbox.read(&format!("ws/briefs-{name}"));
    let (first, second, third) = (brief("2-1"), brief("2-2"), brief("2-3"));
    assert!(!first.contains("Why the last attempt"), "{first}");
    assert!(second.contains("the score has no percent sign") && second.contains("Attempt 2 of 3 at this step"), "{second}");
    assert!(third.contains("the score is rounded twice") && third.contains("git log --oneline"), "{third}");
    for (name, own) in [("1-1", "Create a table"), ("2-1", "Add the overall score"), ("3-1", "Wire the table")] {
        let text = brief(name);
        assert!(text.starts_with(&format!("# {own}")) && text.contains("Scoring UI component"), "{text}");
        assert!(text.contains("Use the table of the component library") && text.contains("`src/api/evaluations.ts`"), "{text}");
        assert_eq!(text.contains("Rubric rows come sorted by weight"), name != "1-1", "{name}: {text}");
    }
    assert_eq!(crew.os(&["log", &id, "--step", "2"]).ok(), "step 2 is done");
    let printed = json(&crew.os(&["log", &id, "--step", "3", "--json"]).ok());
    assert_eq!((&printed["run"], &printed["output"]), (&Value::from(1), &Value::from("step 3 is done\n")));
    crew.os(&["log", &id, "--step", "4"]).fails("has no step `4`; expected one of: 1, 2, 3");
    assert!(brief("3-1").contains("step 2 is done"), "{}", brief("3-1"));
    // What git-os says it would tell is what it told, but for how far the ticket is by now.
    let made = json(&crew.os(&["context", &id, "--step", "3", "--json"]).ok());
    crew.sandbox.write("ws/again", crew.os(&["context", &id, "--step", "3"]).ok());
    let parts: Vec<_> =
        made["parts"].as_array().expect("parts").iter().map(|part| part["name"].as_str().expect("name")).collect();
    assert!(parts.starts_with(&["head", "step", "plan", "earlier", "found", "context"]), "{parts:?}");
    let hash = crew.sandbox.sh("ws", "git hash-object briefs-3-1").ok();
    assert_ne!(hash.trim(), crew.sandbox.sh("ws", "git hash-object briefs-2-1").ok().trim());
    let judged = crew.sandbox.read("ws/judged");
    assert!(judged.contains("4. scoring UI renders correctly") && judged.contains("`backstop`, exit 0"), "{judged}");
    crew.all_is_well();
}

#[test]
fn a_brief_is_what_context_says_beforehand() {
    let crew = Crew::alone(AGENT, "");
    let id = ready(&crew, "goal: One step\nsteps:\n  - {id: 1, title: Do it, acceptance: It is done, check: test -f made}\n");
    crew.os(&["claim", &id]).ok();
    let before = json(&crew.os(&["context", &id, "--json"]).ok());
    crew.os(&["release", &id]).ok();
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    let hash = crew.sandbox.sh("ws", "git hash-object briefs-1-1").ok();
    assert_eq!(before["hash"].as_str(), Some(hash.trim()), "{}", crew.sandbox.read("ws/briefs-1-1"));
}

/// Does what the step says.
const WRITER: &str = r##"cat >/dev/null
echo "$GIT_OS_STEP" >>totals.txt; git add -A; git commit -qm "Step $GIT_OS_STEP"
echo "run $GIT_OS_STEP" >>"$GIT_OS_OUTBOX/../../../../../runs"
"##;

#[test]
fn what_needs_approval_stops_survives_a_restart_and_goes_on() {
    let crew = Crew::alone(WRITER, "");
    let id = ready(&crew, include_str!("../../fixtures/plans/plan.json"));
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "awaiting-input");
    crew.os(&["approve", &id, "--step", "S1"]).fails("step `S1` does not wait for approval");
    crew.os(&["answer", &id, "CSV, please"]).ok();
    crew.os(&["start", "--yes"]).ok();
    // The agent ran, and nothing of what it made is on the branch.
    assert_eq!((crew.state(&id).as_str(), crew.sandbox.read("ws/runs").as_str()), ("awaiting-input", "run S2\n"));
    let branch = format!("claude/{id}");
    assert_eq!(crew.sandbox.id("ws/hub", &branch), crew.sandbox.id("ws/hub", "main"));
    let shown = crew.os(&["show", &id]).ok();
    assert!(shown.contains("waits for approval before its changes are kept") && shown.contains("totals.txt"), "{shown}");
    crew.os(&["answer", &id, "perhaps"]).fails("answer yes, or no and why");
    crew.os(&["resume", &id]).fails("only a blocked ticket is resumed");
    crew.os(&["rollback", &id, "--to", "S1"]).fails("only a ticket on which nobody works is rolled back");
    crew.os(&["approve", &id, "--step", "S3"]).fails("step `S3` does not wait for approval");
    crew.os(&["approve", &id, "--step", "S9"]).fails("has no step `S9`");
    // Nothing that is only in the worktree or in a process is needed.
    crew.sandbox
        .sh("ws/hub", &format!("git worktree remove --force .claude/worktrees/{id}; rm -rf .git/os/runs .git/os/outbox"))
        .ok();
    crew.os(&["start", "--yes"]).ok();
    assert_eq!((crew.state(&id).as_str(), crew.sandbox.read("ws/runs").as_str()), ("awaiting-input", "run S2\n"));
    crew.os(&["approve", &id, "--step", "S2"]).ok();
    crew.os(&["release", &id]).ok();
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.sandbox.read("ws/runs"), "run S2\n");
    assert_eq!(states(&crew, &id), "S1=done S2=done S3=waiting S4=pending");
    assert_eq!(crew.sandbox.git("ws/hub", &["show", &format!("{branch}:totals.txt")]).ok(), "S2");
    // A refusal blocks; going on asks again.
    crew.os(&["reject", &id, "--step", "S3", "--reason", "Count the bytes too."]).ok();
    assert_eq!(crew.state(&id), "blocked");
    assert!(crew.os(&["show", &id]).ok().contains("Count the bytes too."));
    crew.os(&["reject", &id, "--step", "S3", "--reason", "no"]).fails("does not wait for approval");
    crew.os(&["resume", &id]).ok();
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "awaiting-input");
    crew.os(&["answer", &id, "yes"]).ok();
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:count.txt"]).ok().trim(), "1");
    assert_eq!(crew.sandbox.read("ws/runs"), "run S2\nrun S4\n");
    crew.all_is_well();
}

#[test]
fn what_was_refused_before_it_was_written_is_not_on_the_branch() {
    let crew = Crew::alone(WRITER, "");
    let id = ready(&crew, "goal: Two\nsteps:\n  - {id: A, title: One}\n  - {id: B, title: Two, approval: before_write}\n");
    crew.os(&["start", "--yes"]).ok();
    crew.os(&["answer", &id, "no: it says nothing"]).ok();
    assert_eq!(crew.state(&id), "blocked");
    crew.os(&["resume", &id]).ok();
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.sandbox.read("ws/runs"), "run A\nrun B\nrun B\n");
    crew.os(&["approve", &id, "--step", "B"]).ok();
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:totals.txt"]).ok(), "A\nB");
}

const FOUR: &str = "goal: Four\nsteps:\n  - {id: A, title: One}\n  - {id: B, title: Two}\n  - {id: C, title: Three}\n  \
                    - {id: D, title: Four, type: shell, shell: 'test -f ../../../../go', max_attempts: 2}\n";

#[test]
fn a_rollback_restores_the_very_tree_and_loses_nothing() {
    let crew = Crew::alone(WRITER, "");
    let id = ready(&crew, FOUR);
    crew.os(&["rollback", &id, "--to", "A"]).fails("it is not done");
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "blocked");
    let shown = crew.os(&["show", &id]).ok();
    assert!(shown.contains("step `D` failed 2 times"), "{shown}");
    let before = steps(&crew, &id);
    let (branch, at) = (format!("claude/{id}"), |at: usize| before[at].2.clone().expect("a checkpoint"));
    assert_eq!(crew.sandbox.id("ws/hub", &branch), at(2));
    crew.sandbox.sh("ws/hub", &format!("echo mine >.claude/worktrees/{id}/mine")).ok();
    let said = crew.os(&["rollback", &id, "--to", "B"]).ok();
    assert!(said.contains("to be done again: C, D") && said.contains("is kept: refs/os/rescue/"), "{said}");
    let tree = |name: &str| crew.sandbox.id("ws/hub", &format!("{name}^{{tree}}"));
    assert_eq!(tree(&branch), tree(&at(1)));
    let place = format!("ws/hub/.claude/worktrees/{id}");
    assert_eq!(crew.sandbox.git(&place, &["status", "--porcelain"]).ok(), "");
    let kept = said.split("is kept: ").nth(1).expect("a ref").trim().to_owned();
    assert_eq!(crew.sandbox.git("ws/hub", &["show", &format!("{kept}:mine")]).ok(), "mine");
    crew.sandbox.git("ws/hub", &["merge-base", "--is-ancestor", &at(2), &kept]).ok();
    assert_eq!(states(&crew, &id), "A=done B=done C=pending D=pending");
    crew.os(&["rollback", &id, "--to", "B"]).fails("is the last one that is done");
    crew.sandbox.write("ws/go", "");
    let said = crew.os(&["resume", &id]).ok();
    assert!(said.contains("ready; step C is next"), "{said}");
    crew.os(&["resume", &id]).fails("only a blocked ticket is resumed");
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:totals.txt"]).ok(), "A\nB\nC");
    assert_eq!(crew.sandbox.read("ws/runs"), "run A\nrun B\nrun C\nrun C\n");
    crew.os(&["rollback", &id, "--to", "A"]).fails("git os revert");
    crew.os(&["resume", &id]).fails("it is `merged`");
    crew.all_is_well();
}

#[test]
fn killed_around_a_step_no_work_is_lost_or_done_twice() {
    for stage in ["begun", "briefed", "worked", "made", "checkpoint", "done", "submitted"] {
        let mut crew = Crew::alone(WRITER, "");
        let id = ready(&crew, FOUR);
        crew.sandbox.write("ws/go", "");
        crew.sandbox.set("GIT_OS_KILL_AFTER", stage);
        // Killed each time that it comes to the stage, it still goes on.
        for _ in 0..5 {
            // Whether it came to the stage or not.
            drop(crew.os(&["dispatch"]));
        }
        crew.sandbox.unset("GIT_OS_KILL_AFTER");
        crew.os(&["start", "--yes"]).ok();
        assert_eq!(crew.state(&id), "merged", "{stage}: {}", crew.log(&id));
        assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:totals.txt"]).ok(), "A\nB\nC", "{stage}");
        assert_eq!(states(&crew, &id), "A=done B=done C=done D=done", "{stage}");
        let events = crew.log(&id).lines().filter(|line| line.starts_with("Os-Step: ") && line.ends_with("=done")).count();
        assert_eq!(events, 4, "{stage}");
        crew.all_is_well();
    }
}

#[test]
fn killed_in_a_rollback_or_a_proposal_it_comes_to_what_was_said() {
    let mut crew = Crew::alone(WRITER, "");
    let id = ready(&crew, "goal: Two\nsteps:\n  - {id: A, title: One}\n  - {id: B, title: Two, approval: before_write}\n");
    crew.sandbox.set("GIT_OS_KILL_AFTER", "made");
    for _ in 0..3 {
        drop(crew.os(&["dispatch"]));
    }
    crew.sandbox.unset("GIT_OS_KILL_AFTER");
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "awaiting-input", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.read("ws/runs"), "run A\nrun B\n");
    crew.os(&["block", &id, "--reason", "not now"]).ok();
    crew.os(&["rollback", &id, "--to", "A"]).ok();
    // As if it had been killed before the branch moved.
    let made =
        crew.sandbox.sh("ws/hub", &format!("git log --format=%B refs/os/tickets/{id} | sed -n 's/.*before_write //p'")).ok();
    crew.sandbox.sh("ws/hub", &format!("git -C .claude/worktrees/{id} reset -q --hard {}", made.trim())).ok();
    crew.os(&["resume", &id]).ok();
    crew.os(&["start", "--yes"]).ok();
    crew.os(&["approve", &id, "--step", "B"]).ok();
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:totals.txt"]).ok(), "A\nB");
    crew.all_is_well();
}

#[test]
fn all_faults_of_a_plan_are_named_with_their_places_and_nothing_is_made() {
    let crew = Crew::alone(WRITER, "");
    crew.sandbox.write(
        "ws/bad.yaml",
        "goal: Bad\nsteps:\n  - id: A\n    title: One\n    depends_on: [B, Z]\n  - id: B\n    title: Two\n    depends_on: [A]\n    \
         type: robot\n  - {id: B, title: Three, colour: red}\n",
    );
    let out = crew.os(&["plan", "import", "../bad.yaml"]).fails("the plan has 5 faults");
    for fault in [
        "line 3, steps[0].id: a circle of dependencies: `A` needs `B` needs `A`",
        "line 5, steps[0].depends_on[1]: there is no step `Z`",
        "line 9, steps[1].type: `robot` is none of: agent, skill, shell, ask_user",
        "line 10, steps[2].id: the id `B` is that of another step (line 6, steps[1].id)",
        "line 10, steps[2].colour: unknown key",
    ] {
        assert!(out.contains(fault), "{fault}: {out}");
    }
    crew.sandbox
        .write("ws/bad.json", "{\"goal\": \"x\", \"steps\": [{\"id\": \"S1\"}, {\"id\": \"S1\", \"title\": \"x\\u001b[31m\"}]}");
    let out = crew.os(&["plan", "import", "../bad.json"]).fails("steps[0]: `title` (or `description`) is missing");
    assert!(out.contains("steps[1].id") && !out.contains('\u{1b}'), "{out}");
    assert!(json(&crew.os(&["list", "--all", "--json"]).ok())["tickets"].as_array().expect("a list").is_empty());
}

#[test]
fn a_plan_is_frozen_and_its_backstop_is_asked_for_at_every_door() {
    let crew = Crew::alone(WRITER, "");
    let plan = "goal: One\nsteps: [{id: A, title: One}]\nbackstop: test -f totals.txt\n";
    let id = ready(&crew, plan);
    crew.os(&["plan", "edit", &id, "--file", "../plan"]).ok();
    crew.sandbox.write("ws/other", "goal: One\nsteps: [{id: A, title: One}]\n");
    crew.os(&["plan", "edit", &id, "--file", "../other"]).fails("the plan cannot change after the approval");
    // A verdict without it is refused by the hook too.
    let mut command = crew.sandbox.command("ws/hub", crew.sandbox.path("bin/git-os").to_str().expect("UTF-8"));
    command.arg("dispatch").env("GIT_OS_KILL_AFTER", "verdict").output().expect("a process");
    assert_eq!(crew.state(&id), "verified", "{}", crew.log(&id));
    let script = format!(
        "ref=refs/os/tickets/{id}; tip=$(git rev-parse $ref); file=$(git ls-tree --name-only $tip verdicts/ | tail -n 1)
        blob=$(git show $tip:$file | sed 's/\"name\":\"backstop\"/\"name\":\"other\"/' | git hash-object -w --stdin)
        test $blob != $(git rev-parse $tip:$file) || exit 9
        export GIT_INDEX_FILE=$PWD/.git/forged; git read-tree $tip; git update-index --cacheinfo 100644,$blob,$file
        tree=$(git write-tree); rm .git/forged; unset GIT_INDEX_FILE
        forged=$(git cat-file commit $tip | sed \"s/^tree .*/tree $tree/\" | git hash-object -t commit -w --stdin)
        git -c core.hooksPath=/dev/null update-ref $ref $tip^; code=0; git update-ref $ref $forged || code=$?
        test $code = 0 || git -c core.hooksPath=/dev/null update-ref $ref $tip
        exit $code"
    );
    crew.sandbox.sh("ws/hub", &script).fails("does not show that the backstop of the plan passed");
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn a_backstop_that_fails_is_mended_by_an_agent_for_the_whole() {
    let agent = "cat >\"$GIT_OS_OUTBOX/../../../../../brief-${GIT_OS_STEP:-whole}\"\n\
                 if [ -n \"${GIT_OS_STEP:-}\" ]; then echo a >made; else echo b >mended; git add -A; git commit -qm Mend; fi\n";
    let crew = Crew::alone(agent, "");
    let id = ready(&crew, "goal: One\nsteps: [{id: A, title: One}]\nbackstop: echo looked; test -f mended\n");
    crew.os(&["start", "--yes"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    let brief = crew.sandbox.read("ws/brief-whole");
    assert!(
        brief.contains("All steps are done") && brief.contains("check `backstop` exited with 1"),
        "{brief} {}",
        crew.log(&id)
    );
    crew.all_is_well();
}

#[test]
fn an_agent_gets_past_no_step() {
    let agent = "cat >/dev/null; echo a >a; git add -A; git commit -qm a\n\
                 for words in \"step $GIT_OS_TICKET B done\" \"submit --run $GIT_OS_RUN\" \"approve $GIT_OS_TICKET --step B\" \"rollback $GIT_OS_TICKET --to A\" \
                 \"resume $GIT_OS_TICKET\" \"plan edit $GIT_OS_TICKET --file a\"; do env -u GIT_OS_OUTBOX git os $words && echo \"$words\" >>\
                 \"$GIT_OS_OUTBOX/../../../../../past\"; done\nexit 0\n";
    let crew = Crew::alone(agent, "");
    let id = ready(&crew, "goal: Two\nsteps:\n  - {id: A, title: One}\n  - {id: B, title: Two, approval: before_run}\n");
    crew.os(&["start", "--yes"]).ok();
    assert_eq!((crew.state(&id).as_str(), states(&crew, &id).as_str()), ("awaiting-input", "A=done B=waiting"));
    assert!(!crew.sandbox.path("ws/past").exists(), "{}", crew.sandbox.read("ws/past"));
}
