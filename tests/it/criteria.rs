//! Acceptance criteria, and judges of whom several have to agree: what they decide, and that no forged verdict gets around them.

use crate::crew::Crew;
use crate::sandbox::Out;

/// Does the same work each time.
const AGENT: &str = "cat >/dev/null; echo \"$GIT_OS_TICKET\" >>a\n";

/// Keeps its brief, and answers as `../answer` says.
const JUDGE: &str = "cat >>\"$(dirname \"$0\")/briefs\"; cat \"$(dirname \"$0\")/answer\"\n";

fn crew(settings: &str) -> Crew {
    let crew = Crew::alone(AGENT, settings);
    crew.judge(JUDGE);
    crew
}

/// A ready ticket with these acceptance criteria.
fn ready(crew: &Crew, criteria: &[&str]) -> String {
    let mut words = vec!["new", "Do it", "--json"];
    for one in criteria {
        words.extend(["--acceptance", one]);
    }
    let made: serde_json::Value = serde_json::from_str(&crew.os(&words).ok()).expect("JSON");
    assert_eq!(made["acceptance"].as_array().map_or(0, Vec::len), criteria.len(), "{made}");
    let id = made["id"].as_str().expect("an id").to_owned();
    crew.os(&["approve", &id]).ok();
    id
}

fn answer(crew: &Crew, criteria: &str) {
    crew.sandbox.write("ws/answer", format!("{{\"verdict\":\"pass\",\"reasons\":[\"read it\"]{criteria}}}\n"));
}

/// Takes the ticket to `verified`, and no further.
fn verified(crew: &Crew, id: &str) {
    let mut command = crew.sandbox.command("ws/hub", crew.sandbox.path("bin/git-os").to_str().expect("UTF-8"));
    command.arg("dispatch").env("GIT_OS_KILL_AFTER", "verdict").output().expect("a process");
    assert_eq!(crew.state(id), "verified", "{}", crew.log(id));
}

/// Writes the last event of a ticket anew, with a verdict that `sed` has changed, and tries to put it in the place of the event.
fn forge(crew: &Crew, id: &str, sed: &str) -> Out {
    let script = format!(
        "ref=refs/os/tickets/{id}; tip=$(git rev-parse $ref); file=$(git ls-tree --name-only $tip verdicts/ | tail -n 1)
        blob=$(git show $tip:$file | sed '{sed}' | git hash-object -w --stdin)
        test $blob != $(git rev-parse $tip:$file) || exit 9
        export GIT_INDEX_FILE=$PWD/.git/forged; git read-tree $tip; git update-index --cacheinfo 100644,$blob,$file
        tree=$(git write-tree); rm .git/forged; unset GIT_INDEX_FILE
        forged=$(git cat-file commit $tip | sed \"s/^tree .*/tree $tree/\" | git hash-object -t commit -w --stdin)
        git -c core.hooksPath=/dev/null update-ref $ref $tip^; code=0; git update-ref $ref $forged || code=$?
        test $code = 0 || git -c core.hooksPath=/dev/null update-ref $ref $tip
        exit $code"
    );
    crew.sandbox.sh("ws/hub", &script)
}

#[test]
fn each_criterion_is_answered_by_its_number_or_the_work_fails() {
    let crew = crew("verifier = \"judge\"\nmax_attempts = 4");
    let id = ready(&crew, &["`a` names the ticket.", "Nothing else changes."]);
    let attempts = [
        ("", "criterion 1, \"`a` names the ticket.\": judge did not answer it"),
        (",\"criteria\":[{\"number\":1,\"met\":true,\"where\":\"\"}]", "judge did not say where it looked"),
        (
            ",\"criteria\":[{\"number\":1,\"met\":true,\"where\":\"a:1\"},{\"number\":2,\"met\":false,\"where\":\"git diff\"}]",
            "criterion 2, \"Nothing else changes.\": judge says that it is not met: git diff",
        ),
    ];
    for (criteria, said) in attempts {
        answer(&crew, criteria);
        let mut command = crew.sandbox.command("ws/hub", crew.sandbox.path("bin/git-os").to_str().expect("UTF-8"));
        command.arg("dispatch").env("GIT_OS_KILL_AFTER", "verdict").output().expect("a process");
        assert!(crew.log(&id).contains(said), "{said}: {}", crew.log(&id));
    }
    answer(
        &crew,
        ",\"criteria\":[{\"number\":1,\"met\":true,\"where\":\"a:1\"},{\"number\":2,\"met\":true,\"where\":\"git diff\"}]",
    );
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    let brief = crew.sandbox.read("ws/briefs");
    assert!(brief.contains("1. `a` names the ticket.\n2. Nothing else changes.\n"), "{brief}");
    let shown = crew.os(&["show", &id]).ok();
    assert!(shown.contains("acceptance criteria") && shown.contains("Nothing else changes."), "{shown}");
    crew.os(&["fsck"]).ok();
}

#[test]
fn what_was_approved_is_what_is_judged() {
    let crew = crew("verifier = \"judge\"\nmax_attempts = 1");
    let id = ready(&crew, &["One."]);
    crew.os(&["edit", &id, "--acceptance", "Another."]).fails("the acceptance criteria cannot change after the approval");
    crew.os(&["edit", &id, "--title", "Do it well"]).ok();
    answer(&crew, ",\"criteria\":[{\"number\":1,\"met\":true,\"where\":\"a:1\"}]");
    verified(&crew, &id);
    for (sed, said) in [
        ("s/\"met\":true/\"met\":false/", "does not say that criterion 1 is met"),
        ("s/\"where\":\"a:1\"/\"where\":\" \"/", "does not say that criterion 1 is met"),
        ("s/,\"criteria\":[[][^]]*[]]//", "does not say that criterion 1 is met"),
        ("s/\"acceptance\":{\"file\":\"..../\"acceptance\":{\"file\":\"0000/", "is not on the acceptance criteria of the ticket"),
        ("s/,\"acceptance\":{[^}]*}//", "is not on the acceptance criteria of the ticket"),
    ] {
        forge(&crew, &id, sed).fails(said);
    }
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged");
    // As long as nobody approved it, it may change.
    let draft: serde_json::Value =
        serde_json::from_str(&crew.os(&["new", "More", "--acceptance", "One.", "--json"]).ok()).expect("JSON");
    let draft = draft["id"].as_str().expect("an id");
    crew.os(&["edit", draft, "--acceptance", "Two.", "--acceptance", "Three."]).ok();
    let shown: serde_json::Value = serde_json::from_str(&crew.os(&["show", draft, "--json"]).ok()).expect("JSON");
    assert_eq!(shown["acceptance"], serde_json::json!(["Two.", "Three."]));
    crew.os(&["new", "Too much", "--acceptance", &"x".repeat(1001)]).fails("criterion 1 is longer than 1000 bytes");
}

#[test]
fn what_a_scout_drafts_is_judged_by_rule() {
    let crew = crew("max_attempts = 1");
    crew.sandbox.sh("ws/hub", "echo '# TODO: Print a total' >b; git add b; git commit -qm b").ok();
    crew.os(&["start", "--yes"]).says("criterion 1, \"`b` no longer contains `TODO: Print a total`.\": `b` contains it").ok();
    crew.agent("cat >/dev/null; echo total >b\n");
    let board: serde_json::Value = serde_json::from_str(&crew.os(&["list", "--json"]).ok()).expect("JSON");
    let id = board["tickets"][0]["id"].as_str().expect("a ticket").to_owned();
    crew.os(&["unblock", &id]).ok();
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    crew.os(&["fsck"]).ok();
}

/// Two more judges, of other programs.
fn several(settings: &str, answers: [&str; 2]) -> Crew {
    let crew = Crew::with(
        &["hub"],
        &format!(
            "agent = \"crew\"\nmax_attempts = 1\n{settings}\n\n[agents.one]\nkind = \"command\"\nrun = [\"sh\", \"../one.sh\"]\n\n[agents.two]\nkind = \"command\"\nrun = [\"sh\", \"../two.sh\"]\n"
        ),
    );
    crew.agent(AGENT);
    for (name, answer) in ["one", "two"].iter().zip(answers) {
        let script = format!("cat >/dev/null; echo '{{\"verdict\":\"{answer}\",\"reasons\":[\"{name} read it\"]}}'\n");
        crew.sandbox.write(&format!("ws/{name}.sh"), script);
    }
    crew
}

#[test]
fn as_many_judges_agree_as_the_policy_asks() {
    for (settings, answers, state) in [
        ("verifiers = [\"one\", \"two\"]", ["pass", "pass"], "merged"),
        ("verifiers = [\"one\", \"two\"]", ["pass", "fail"], "blocked"),
        ("verifiers = [\"one\", \"two\"]\nquorum = 1", ["fail", "pass"], "merged"),
        ("verifiers = [\"one\", \"two\"]\nquorum = 1", ["fail", "fail"], "blocked"),
        ("verifiers = [\"one\", \"judge\", \"two\"]\nquorum = 2", ["fail", "pass"], "merged"),
    ] {
        let crew = several(settings, answers);
        let id = crew.ready("Do it");
        crew.os(&["dispatch"]).ok();
        assert_eq!(crew.state(&id), state, "{settings} {answers:?}: {}", crew.log(&id));
        if state == "blocked" {
            assert!(
                crew.log(&id).contains("two: two read it") || crew.log(&id).contains("one: one read it"),
                "{}",
                crew.log(&id)
            );
        }
        crew.all_is_well();
    }
}

#[test]
fn a_vote_that_was_made_up_does_not_land() {
    let crew = several("verifiers = [\"one\", \"two\"]\ndecorrelated = true", ["pass", "pass"]);
    let id = crew.ready("Do it");
    verified(&crew, &id);
    let main = crew.sandbox.sh("ws/hub", "git rev-parse main").ok();
    for (sed, said) in [
        (
            "s/\"agent\":\"two\",\"client\"/\"agent\":\"one\",\"client\"/",
            "1 of the 2 verifiers that the policy requires agree; one voted twice",
        ),
        ("s/\"agent\":\"two\",\"client\"/\"agent\":\"crew\",\"client\"/", "one is not a verifier of the policy"),
        ("s/\"verdict\":\"pass\",\"agent\":\"two\"/\"verdict\":\"fail\",\"agent\":\"two\"/", "one is against"),
        ("s/,\"ballot\":{.*},\"grade\"/,\"grade\"/", "0 of the 2 verifiers"),
        ("s/sh ..\\/two.sh/sh ..\\/agent.sh/", "one has the model or client of the agent that did the work"),
        ("s/\"worker\":{[^}]*}/\"worker\":null/", "names another agent as the one that did the work"),
        ("s/\"worker\":{\"agent\":\"crew\"/\"worker\":{\"agent\":\"else\"/", "names another agent as the one that did the work"),
    ] {
        crew.sandbox.sh("ws/hub", &format!("git update-ref refs/test/own refs/os/tickets/{id}")).ok();
        // The event is well-formed: what it is worth is for the policy to say.
        forge(&crew, &id, sed).ok();
        crew.sandbox.sh("ws/hub", &format!("git merge --ff-only claude/{id}")).fails(said);
        crew.sandbox.sh("ws/hub", "git reset -q --hard").ok();
        assert_eq!(crew.sandbox.sh("ws/hub", "git rev-parse main").ok(), main, "{sed}");
        let tip = format!("refs/os/tickets/{id}");
        crew.sandbox
            .sh("ws/hub", &format!("git -c core.hooksPath=/dev/null update-ref {tip} $(git rev-parse refs/test/own)"))
            .ok();
    }
}

#[test]
fn a_judge_that_is_like_the_agent_does_not_count() {
    let crew = several("verifiers = [\"one\", \"two\"]\nquorum = 1", ["pass", "pass"]);
    let registry = crew.sandbox.read("ws/hub/registry.toml");
    let same = registry.replace("../one.sh", "../agent.sh").replace("../two.sh", "../agent.sh");
    crew.sandbox.write("ws/hub/registry.toml", same.replace("quorum = 1", "quorum = 1\ndecorrelated = true"));
    crew.os(&["init"]).fails("`decorrelated`: `one` and `two` have the same model or client as the agent `crew`");
    // One of two is another.
    let one = registry.replace("../one.sh", "../agent.sh").replace("quorum = 1", "quorum = 1\ndecorrelated = true");
    crew.sandbox.write("ws/hub/registry.toml", one);
    crew.os(&["init"]).ok();
    let id = crew.ready("Do it");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    let verdict = crew.sandbox.sh("ws/hub", "git notes --ref=os/verdicts show main").ok();
    assert!(verdict.contains("\"agent\":\"two\"") && !verdict.contains("\"agent\":\"one\""), "{verdict}");
}
