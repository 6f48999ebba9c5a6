//! Watching work from another process: `git os top` and `git os log --follow`.

use crate::crew::Crew;

#[test]
fn what_goes_on_is_seen_from_another_process() {
    let crew = Crew::alone("", "");
    let (began, go) = (crew.sandbox.path("ws/began"), crew.sandbox.path("ws/go"));
    let script = format!(
        "cat >/dev/null; touch '{}'; until [ -e '{}' ]; do sleep 0.1; done; echo done >>work\n",
        began.display(),
        go.display()
    );
    crew.agent(&script);
    crew.os(&["top"]).says("0 tickets at work, 0 waiting for you").ok();
    let id = crew.ready("Open on Sundays");
    let mut work = crew.spawn(&["dispatch"]);
    crew.wait_for("ws/began");
    let top = crew.os(&["top"]).says("1 ticket at work, 0 waiting for you").says(&id).says("crew is working, attempt 1").ok();
    assert!(top.contains("running") && top.contains("lease until ") && top.contains("Open on Sundays"), "{top}");
    let json: serde_json::Value = serde_json::from_str(&crew.os(&["top", "--json"]).ok()).expect("JSON");
    let one = &json["tickets"][0];
    assert_eq!(
        (&one["ticket"], &one["state"], &one["is_here"]),
        (&id.as_str().into(), &"running".into(), &true.into()),
        "{json}"
    );
    assert_eq!(one["last"]["text"], "crew is working, attempt 1", "{json}");
    // One that follows ends by itself, once the ticket rests.
    let followed = std::thread::scope(|scope| {
        let follower = scope.spawn(|| crew.os(&["log", &id, "--follow"]));
        crew.sandbox.write("ws/go", "");
        follower.join().expect("it ends")
    });
    assert!(work.wait().expect("it ends").success());
    let text = followed.ok();
    for told in [format!("{id} is running"), "crew is working, attempt 1".to_owned(), format!("{id} is merged")] {
        assert!(text.contains(&told), "{told}: {text}");
    }
    assert!(text.trim_end().ends_with(&format!("{id} is merged")), "{text}");
    crew.os(&["top"]).says("0 tickets at work, 0 waiting for you").ok();
    let lines = crew.os(&["log", &id, "--follow", "--json"]).ok();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["text"], "preparing the worktree", "{lines}");
    crew.all_is_well();
}

#[test]
fn what_waits_for_a_person_is_named_with_what_helps() {
    let crew = Crew::alone("cat >/dev/null; git os ask 'Which Sunday?'\n", "");
    let id = crew.ready("Open on Sundays");
    crew.os(&["dispatch"]).ok();
    let top = crew.os(&["top"]).says("0 tickets at work, 1 waiting for you").ok();
    assert!(top.contains("Which Sunday?") && top.contains(&format!("git os answer {id} TEXT")), "{top}");
    crew.os(&["log", &id, "--follow"]).says("asks: Which Sunday?").says(&format!("{id} is awaiting-input")).ok();
}
