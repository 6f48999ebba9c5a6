//! A ticket whose history is invalid: what every command says of it, how it is repaired, and that it holds up no other.

use super::stage::Stage;
use crate::sandbox::gits;

/// Puts an event on the draft that nobody may write, past the hooks.
const FORGE: &str = r#"
tip=$(git rev-parse refs/os/tickets/$DRAFT)
bad=$(git log -1 --format=%B $tip | sed -e 's/^Os-State: .*/Os-State: merged/' -e 's/^Os-Nonce: .*/Os-Nonce: 00000000000000000000000000000001/' \
  | git commit-tree -F - -p $tip $tip^{tree})
git -c core.hooksPath=/dev/null update-ref refs/os/tickets/$DRAFT $bad
echo $bad
"#;

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_quarantined_ticket_shows_its_last_legal_state_and_is_repaired() {
    let stage = Stage::new(&gits()[0], "");
    let (sandbox, id) = (&stage.sandbox, stage.sandbox.sh("r", "echo $DRAFT").ok());
    let name = format!("refs/os/tickets/{id}");
    let legal = sandbox.id("r", &name);
    let bad = sandbox.sh("r", FORGE).ok();

    let warned = |verb: &str| {
        let out = sandbox.os("r", &[verb, &id]);
        assert_eq!(out.code, Some(0), "{out}");
        assert!(out.stderr.contains(&format!("`{name}` is quarantined")), "{out}");
        assert!(out.stderr.contains(&format!("event {} is invalid: ", &bad[..12])), "{out}");
        assert!(out.stderr.contains("hint: git os fsck --repair"), "{out}");
        out.stdout
    };
    assert!(warned("show").contains("draft"));
    assert!(warned("log").starts_with("1 create -> draft"));
    let shown = json(&sandbox.os("r", &["show", &id, "--json"]).stdout);
    assert_eq!((&shown["state"], &shown["quarantined"]["tip"]), (&"draft".into(), &bad.as_str().into()));
    assert!(shown["quarantined"]["reason"].as_str().is_some_and(|reason| reason.contains("is invalid")), "{shown}");
    let other = json(&sandbox.os("r", &["show", &stage.open.id, "--json"]).ok());
    assert_eq!(other["quarantined"], serde_json::Value::Null);
    let listed = sandbox.os("r", &["list"]);
    assert!(listed.stderr.contains(&format!("`{name}` is quarantined; its last valid state is `draft`")), "{listed}");
    let listed = json(&sandbox.os("r", &["list", "--json"]).stdout);
    let tickets = listed["tickets"].as_array().expect("tickets");
    let one = tickets.iter().find(|one| one["id"] == id.as_str()).expect("it is listed");
    assert_eq!((&one["state"], &one["quarantined"]["tip"]), (&"draft".into(), &bad.as_str().into()));

    // Nobody goes on from there, and whoever tries is told what mends it.
    let _said = sandbox.os("r", &["approve", &id]).fails("its last valid state is `draft`");
    let said = sandbox.sh(
        "r",
        "git update-ref refs/os/tickets/$DRAFT $(git commit-tree -m x -p refs/os/tickets/$DRAFT refs/os/tickets/$DRAFT^{tree})",
    );
    let said = said.fails(&format!("refusing to update `{name}`: the ref has been quarantined since event {}", &bad[..12]));
    assert!(said.contains("(last valid state `draft`)") && said.contains("git os fsck --repair "), "{said}");

    // It holds up no other ticket.
    sandbox.os("r", &["verify", &stage.open.id]).ok();
    assert_eq!(sandbox.state("r", &stage.open.id), "verified");

    let repaired = json(&sandbox.os("r", &["fsck", "--repair", "--json"]).ok());
    let one = &repaired["repaired"][0];
    assert_eq!((&one["ref"], &one["from"], &one["to"]), (&name.as_str().into(), &bad.as_str().into(), &legal.as_str().into()));
    assert_eq!(sandbox.id("r", one["kept"].as_str().expect("a ref")), bad);
    assert_eq!(sandbox.id("r", &name), legal);
    sandbox.os("r", &["approve", &id]).ok();
    assert_eq!(json(&sandbox.os("r", &["fsck", "--repair", "--json"]).ok())["repaired"], serde_json::Value::Null);
}

#[test]
fn verdict_notes_are_rebuilt_from_the_tickets() {
    let stage = Stage::new(&gits()[0], "");
    let sandbox = &stage.sandbox;
    sandbox.os("r", &["verify", &stage.open.id]).ok();
    let forge = "git -c core.hooksPath=/dev/null notes --ref os/verdicts add -m '{\"version\":1}' $BEFORE
        git -c core.hooksPath=/dev/null notes --ref os/verdicts remove $WORK";
    sandbox.sh("r", forge).ok();
    let _said = sandbox.os("r", &["fsck"]).fails("no ticket has the verdict in the note on commit");
    sandbox.os("r", &["fsck", "--repair"]).says("refs/notes/os/verdicts: back to").ok();
    let listed = sandbox.sh("r", "git notes --ref os/verdicts list").ok();
    assert!(!listed.contains(&sandbox.id("r", "main~1")), "{listed}");
    sandbox.sh("r", "git notes --ref os/verdicts show $WORK").says(&stage.open.id).ok();
    sandbox.sh("r", "git notes --ref os/verdicts show $GOOD").says(&stage.verified.id).ok();
    sandbox.os("r", &["fsck"]).ok();
}
