//! What lands names its ticket, and a ticket is found from any of its commits.

use crate::crew::Crew;

const TWO: &str = "echo one >one; git add one; git commit -qm 'Add one' -m 'Since it was missing.'
                   echo two >two; git add two; git commit -qm 'Add two' -m 'Signed-off-by: Z <z@example.com>'; echo three >three";

fn messages(crew: &Crew, range: &str) -> String {
    crew.sandbox.git("ws/hub", &["log", "--reverse", "--format=%an <%ae> %cn%n%B", range]).ok()
}

#[test]
fn what_lands_names_its_ticket_and_run_and_is_what_was_verified() {
    let crew = Crew::alone(TWO, "");
    let before = crew.sandbox.id("ws/hub", "main");
    let id = crew.ready("Add three files");
    crew.start().ok();
    let run = crew.os(&["show", &id, "--json"]).ok();
    let run = run.split_once("\"run\":\"").and_then(|(_, rest)| rest.split('"').next()).expect("a run").to_owned();
    let ours = format!("Os-Ticket: {id}\nOs-Run: {run}\n");
    let expected = format!(
        "Ann <ann@example.com> Ann\nAdd one\n\nSince it was missing.\n\n{ours}\n\
         Ann <ann@example.com> Ann\nAdd two\n\nSigned-off-by: Z <z@example.com>\n{ours}\n\
         Ann <ann@example.com> Ann\nAdd three files\n\nThe run left this uncommitted.\n\n{ours}"
    );
    assert_eq!(messages(&crew, &format!("{before}..main")), expected.trim_end());
    for commit in ["main", "main~1", "main~2"] {
        let out = crew.os(&["which", commit]).ok();
        let said = format!("{id} merged Add three files\nrun {run}, named by the history of the ticket");
        assert_eq!(out, said, "{commit}");
    }
    let _said = crew.os(&["which", &before]).fails("belongs to no ticket");
    let json = crew.os(&["which", "main", "--json"]).ok();
    assert!(json.contains("\"by\":\"chain\"") && json.contains(&format!("\"ticket\":\"{id}\"")), "{json}");
    crew.all_is_well();
}

#[test]
fn an_agent_is_author_or_co_author_as_the_policy_says() {
    for (author, expected) in [
        ("person", "Ann <ann@example.com> Ann|Co-authored-by: Crew <crew@example.com>"),
        ("agent", "Crew <crew@example.com> Ann|"),
    ] {
        let crew = Crew::alone("echo done >done", &format!("author = \"{author}\"\n"));
        let text = crew.sandbox.read("ws/hub/registry.toml");
        let identity = "[agents.crew]\nidentity = \"Crew <crew@example.com>\"\n";
        crew.sandbox.write("ws/hub/registry.toml", text.replace("[agents.crew]\n", identity));
        crew.os(&["init"]).ok();
        crew.ready("Work");
        crew.start().ok();
        let format = "--format=%an <%ae> %cn|%(trailers:key=Co-authored-by,separator=)";
        assert_eq!(crew.sandbox.git("ws/hub", &["log", "-1", format, "main"]).ok(), expected);
        assert!(messages(&crew, "main~1..main").contains("\nOs-Ticket: T-"));
        crew.all_is_well();
    }
}

#[test]
fn commits_stay_as_they_are_where_the_policy_says_so_or_somebody_signed_them() {
    let crew = Crew::alone("echo done >done; git add done; git commit -qm Done", "trailers = false\n");
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(messages(&crew, "main~1..main"), "Ann <ann@example.com> Ann\nDone");
    crew.os(&["which", "main"]).says(&format!("{id} merged Work")).ok();
    let sign = "ssh-keygen -q -t ed25519 -N '' -f ../key; echo done >done; git add done
                git -c gpg.format=ssh -c user.signingKey=../key.pub commit -q -S -m Signed; rm ../key ../key.pub";
    let crew = Crew::alone(sign, "");
    crew.ready("Work");
    crew.start().ok();
    assert_eq!(messages(&crew, "main~1..main"), "Ann <ann@example.com> Ann\nSigned");
    assert!(crew.sandbox.git("ws/hub", &["cat-file", "commit", "main"]).ok().contains("gpgsig"));
}

#[test]
fn a_trailer_alone_is_a_claim_that_is_not_confirmed() {
    let crew = Crew::alone("echo done >done", "");
    let id = crew.ready("Work");
    crew.start().ok();
    let message = format!("Mine\n\nOs-Ticket: {id}\n");
    crew.sandbox.git("ws/hub", &["commit", "-q", "--allow-empty", "-m", &message]).ok();
    crew.os(&["which", "HEAD"]).says("the history of the ticket does not confirm it").ok();
    crew.sandbox.git("ws/hub", &["commit", "-q", "--allow-empty", "-m", "x\n\nOs-Ticket: T-2026-01-01-none-ffff\n"]).ok();
    let _said = crew.os(&["which", "HEAD"]).fails("belongs to no ticket");
    let _said = crew.os(&["which", "nothing"]).fails("commit `nothing` not found");
}

#[test]
fn an_archived_ticket_is_found_from_its_commit() {
    let crew = Crew::alone("echo done >done", "trailers = false\n");
    let id = crew.ready("Work");
    crew.start().ok();
    crew.sandbox.sh("ws/hub", "GIT_COMMITTER_DATE=2027-01-01T00:00:00Z git os archive").ok();
    assert_eq!(crew.state(&id), "");
    crew.os(&["which", "main"]).says(&format!("{id} merged Work")).ok();
}
