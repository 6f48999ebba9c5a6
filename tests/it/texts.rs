//! What a person or an agent says is kept whole or refused; it is never cut.

use std::process::Stdio;

use crate::sandbox::{Out, RUN, Sandbox};

/// The most bytes of an event's text, and of a description.
const BODY: usize = 64 * 1024;
const DESCRIPTION: usize = 1024 * 1024 - 1;

/// A text of so many bytes with an end of its own.
fn text(size: usize) -> String {
    let end = "\nTHE END";
    "word ".repeat(size).split_at(size - end.len() - 1).0.to_owned() + "." + end
}

/// Runs `git os` with this on standard input.
fn os_reading(sandbox: &Sandbox, args: &[&str], input: &str) -> Out {
    sandbox.write("input", input);
    let file = std::fs::File::open(sandbox.path("input")).expect("a file");
    let mut command = sandbox.command("hub", sandbox.path("bin/git-os").to_str().expect("UTF-8"));
    Out::of("git-os", args, command.args(args).stdin(Stdio::from(file)))
}

fn workspace() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    sandbox
}

#[test]
fn every_verb_refuses_a_text_that_does_not_fit_and_changes_nothing() {
    let sandbox = workspace();
    let [draft, running, verifying] = ["draft", "running", "verifying"].map(|state| sandbox.ticket("hub", state, state).id);
    let asking = sandbox.ticket("hub", "asking", "running").id;
    sandbox.os("hub", &["ask", &asking, "Which?"]).ok();
    let before = sandbox.refs("hub", &["refs/os"]);
    let (long, description) = (text(BODY + 1), text(DESCRIPTION + 1));
    sandbox.write("long", &long);
    sandbox.write("description", &description);
    let cases: [(&[&str], usize); 15] = [
        (&["comment", &draft, &long], BODY),
        (&["comment", &draft, "-"], BODY),
        (&["reject", &draft, "--reason", &long], BODY),
        (&["cancel", &draft, "--reason", &long], BODY),
        (&["block", &running, "--reason", &long], BODY),
        (&["ask", &running, "-"], BODY),
        (&["ask", &running, &long, "--run", RUN], BODY),
        (&["answer", &asking, "-"], BODY),
        (&["fail", &verifying, "--reason", &long], BODY),
        (&["conflict", &draft, "-"], BODY),
        (&["learn", &long], BODY),
        (&["learn", "-"], BODY),
        (&["new", "Long", "--description-file", "../description"], DESCRIPTION),
        (&["edit", &draft, "--description-file", "../description"], DESCRIPTION),
        (&["edit", &draft, "--title", "Other", "--description-file", "../description"], DESCRIPTION),
    ];
    for (args, limit) in cases {
        let out = os_reading(&sandbox, args, &long);
        assert_eq!(out.code, Some(1), "{} {}", args[0], out.stderr);
        let said = format!("error: the text has {} bytes; the limit is {limit} bytes\n", limit + 1);
        assert_eq!((out.stdout.as_str(), out.stderr.as_str()), ("", said.as_str()), "{}", args[0]);
    }
    let _said = sandbox.os("hub", &["edit", &draft, "--title", &"x".repeat(201)]).fails("1 to 200 bytes");
    assert_eq!(sandbox.refs("hub", &["refs/os"]), before);
}

#[test]
fn a_text_that_just_fits_is_kept_to_its_end() {
    let sandbox = workspace();
    let id = sandbox.ticket("hub", "Keep", "running").id;
    for args in [&["comment", &id, "-"][..], &["ask", &id, "-"], &["answer", &id, "-"], &["learn", "-"]] {
        os_reading(&sandbox, args, &text(BODY)).ok();
    }
    sandbox.os("hub", &["block", &id, "--reason", "enough"]).ok();
    os_reading(&sandbox, &["edit", &id, "--description-file", "-"], &text(DESCRIPTION)).ok();
    let log: serde_json::Value = serde_json::from_str(&sandbox.os("hub", &["log", &id, "--json"]).ok()).expect("JSON");
    let texts = log["events"].as_array().expect("events").iter().filter_map(|event| event["text"].as_str());
    assert_eq!(texts.filter(|said| *said == text(BODY)).count(), 3);
    let kept = sandbox.git("hub", &["show", &format!("refs/os/tickets/{id}:description.md")]).stdout;
    assert!(kept == text(DESCRIPTION) + "\n", "the description is another one, of {} bytes", kept.len());
    let learned: serde_json::Value = serde_json::from_str(&sandbox.os("hub", &["learn", "--json"]).ok()).expect("JSON");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert!(words(learned["learnings"][0]["text"].as_str().expect("a text")) == words(&text(BODY)), "it is another text");
    sandbox.os("hub", &["fsck"]).ok();
}

#[test]
fn an_agent_is_told_at_once_that_what_it_says_does_not_fit() {
    let mut sandbox = workspace();
    let id = sandbox.ticket("hub", "Say", "running").id;
    std::fs::create_dir(sandbox.path("outbox")).expect("a folder");
    let outbox = sandbox.path("outbox");
    for (key, value) in [("GIT_OS_OUTBOX", outbox.to_str().expect("UTF-8")), ("GIT_OS_TICKET", &id), ("GIT_OS_RUN", RUN)] {
        sandbox.set(key, value);
    }
    for args in [&["learn", "-"][..], &["ask", &id, "-"]] {
        let _said = os_reading(&sandbox, args, &text(BODY + 1)).fails("the text has 65537 bytes; the limit is 65536 bytes");
        os_reading(&sandbox, args, &text(BODY)).ok();
    }
    assert_eq!(std::fs::read_dir(&outbox).expect("a folder").count(), 2);
}

#[test]
fn what_an_agent_prints_says_so_when_it_is_cut() {
    let crew = crate::crew::Crew::alone("head -c 200000 /dev/zero | tr '\\0' x >&2; exit 1", "max_attempts = 1");
    let id = crew.ready("Fail at length");
    crew.start().ok();
    assert_eq!(crew.state(&id), "blocked");
    let shown = crew.os(&["show", &id]).ok();
    assert!(shown.contains("crew exited with 1: xxx") && shown.contains("bytes left out)") && shown.len() < 6000, "{shown}");
    // All of it is where the reason's run is.
    let printed = crew.os(&["log", &id, "--run", "1"]).ok();
    assert!(printed.matches('x').count() >= 200_000, "{} bytes", printed.len());
}
