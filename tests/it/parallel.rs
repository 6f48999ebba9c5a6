//! Several tickets of one repository at once: whose scopes are apart, and no others; and work that leaves its scope.

use serde_json::Value;

use crate::crew::Crew;

/// Notes who works beside it. `Left` and `Right` wait for each other; each work writes the file that its description names.
const AGENT: &str = r##"set -eu
IFS= read -r title; title=${title#"# "}; file=$(sed -n 's/^file //p')
ws=../../../..
mkdir -p "$ws/running"; : >"$ws/running/$title"
case $title in Left) other=Right ;; Right) other=Left ;; *) other= ;; esac
if test -e "$ws/together" && test -n "$other"; then
  i=0; until test -e "$ws/running/$other" || test -e "$ws/met"; do i=$((i + 1)); test $i -lt 600 || exit 1; sleep 0.05; done
  : >"$ws/met"
fi
ls "$ws/running" | tr '\n' ' ' >"$ws/beside-$title"
if test -e "$ws/wait"; then : >"$ws/waits-$title"; sleep 60; fi
mkdir -p "$(dirname "$file")"; echo "$title" >"$file"; git add -A; git commit -qm "$title"
rm "$ws/running/$title"
"##;

fn crew(settings: &str) -> Crew {
    Crew::alone(AGENT, settings)
}

/// A ticket that is ready: its work writes this file, and may change the files of this scope.
fn ready(crew: &Crew, title: &str, file: &str, scope: &[&str]) -> String {
    let mut words = vec!["new", title, "--json", "--description"];
    let description = format!("file {file}");
    words.push(&description);
    words.extend(scope.iter().flat_map(|area| ["--scope", *area]));
    let made: Value = serde_json::from_str(&crew.os(&words).ok()).expect("JSON");
    let id = made["id"].as_str().expect("an id").to_owned();
    crew.os(&["approve", &id]).ok();
    id
}

/// Who worked while this ticket did.
fn beside(crew: &Crew, title: &str) -> Vec<String> {
    crew.sandbox.read(&format!("ws/beside-{title}")).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn tickets_whose_scopes_are_apart_are_worked_on_side_by_side() {
    let crew = crew("parallel = 3");
    crew.sandbox.write("ws/together", "");
    let ids = [
        ready(&crew, "Left", "left/a", &["left/**"]),
        ready(&crew, "Right", "right/a", &["right/**", "README.md"]),
        ready(&crew, "Within", "left/b/c", &["left/b"]),
        ready(&crew, "Anywhere", "other", &[]),
    ];
    crew.os(&["dispatch", "--jobs", "4"]).ok();
    for id in &ids {
        assert_eq!(crew.state(id), "merged", "{}", crew.log(id));
    }
    assert!(beside(&crew, "Left").contains(&"Right".to_owned()) || beside(&crew, "Right").contains(&"Left".to_owned()));
    assert_eq!(beside(&crew, "Anywhere"), ["Anywhere"], "what may change any file is alone");
    assert!(!beside(&crew, "Within").contains(&"Left".to_owned()));
    crew.all_is_well();
}

#[test]
fn a_repository_has_one_at_a_time_unless_it_says_otherwise() {
    let crew = crew("");
    for (title, scope) in [("One", "one"), ("Two", "two")] {
        ready(&crew, title, &format!("{scope}/a"), &[scope]);
    }
    crew.os(&["dispatch", "--jobs", "4"]).says("2 of 2 tickets landed").ok();
    assert_eq!((beside(&crew, "One"), beside(&crew, "Two")), (vec!["One".to_owned()], vec!["Two".to_owned()]));
    crew.registry(&["hub"], "agent = \"crew\"\nparallel = 0\n");
    crew.os(&["init"]).fails("`parallel` is not a number from 1 to 64");
}

#[test]
fn works_side_by_side_go_on_after_a_kill() {
    let crew = crew("parallel = 2\ntimeout = \"20s\"");
    for file in ["ws/together", "ws/wait"] {
        crew.sandbox.write(file, "");
    }
    let ids = [ready(&crew, "Left", "left/a", &["left"]), ready(&crew, "Right", "right/a", &["right"])];
    let mut dispatch = crew.spawn(&["dispatch", "--jobs", "2"]);
    crew.wait_for("ws/waits-Left");
    crew.wait_for("ws/waits-Right");
    dispatch.kill().expect("killed");
    dispatch.wait().expect("ended");
    crew.sandbox.sh("ws", "rm -r wait met running").ok();
    let said = crew.os(&["dispatch", "--jobs", "2"]);
    for id in &ids {
        assert_eq!(crew.state(id), "merged", "{said}");
    }
    crew.all_is_well();
}

#[test]
fn work_that_leaves_its_scope_is_refused_and_told_why() {
    let agent = "cat >../../../../brief-$GIT_OS_ATTEMPT; mkdir -p src; echo x >src/a\n\
                 if test $GIT_OS_ATTEMPT = 1; then mkdir docs; echo x >docs/a; echo x >more; else git rm -rq docs more; fi\n";
    let crew = Crew::alone(agent, "max_attempts = 2\nchecks = [{ name = \"runs\", run = \"echo run >>../../../../runs\" }]");
    let id = ready(&crew, "Stay", "src/a", &["/src/"]);
    let said = "the work changes files outside of the scope of its ticket: `docs/a`, and 1 more";
    crew.os(&["dispatch"]).says(said).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.read("ws/runs").lines().count(), 1, "work that is refused for its files is not checked");
    assert!(crew.sandbox.read("ws/brief-1").contains("you change only files that match `src`"));
    let brief = crew.sandbox.read("ws/brief-2");
    assert!(brief.contains(said) && brief.contains("Undo what you changed outside of the scope"), "{brief}");
    crew.os(&["fsck"]).ok();
}

#[test]
fn a_scope_is_shown_edited_and_kept() {
    let crew = crew("");
    crew.os(&["new", "Odd", "--scope", "../src"]).fails("`../src` cannot be a scope: names are not empty");
    crew.os(&["new", "Odd", "--scope", "a b"]).fails("no white space");
    let id = ready(&crew, "Do it", "a", &["src/**", "/docs/"]);
    crew.os(&["show", &id]).says("scope       src/** docs").ok();
    let shown: Value = serde_json::from_str(&crew.os(&["show", &id, "--json"]).ok()).expect("JSON");
    assert_eq!(shown["scope"], serde_json::json!(["src/**", "docs"]));
    crew.os(&["edit", &id, "--scope", "lib"]).ok();
    crew.os(&["log", &id]).says("scope: src/**, docs -> lib").ok();
    crew.os(&["edit", &id, "--title", "Do it well"]).ok();
    let message = crew.sandbox.git("ws/hub", &["log", "-1", "--format=%B", &format!("refs/os/tickets/{id}")]).ok();
    assert!(message.contains("Os-Schema: 3") && message.trim_end().ends_with("Os-Scope: lib"), "{message}");
    crew.os(&["edit", &id, "--scope", ""]).ok();
    let shown: Value = serde_json::from_str(&crew.os(&["show", &id, "--json"]).ok()).expect("JSON");
    assert!(shown.get("scope").is_none(), "{shown}");
    crew.os(&["fsck"]).ok();
}
