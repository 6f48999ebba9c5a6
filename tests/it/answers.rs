//! A file with answers is used, or it is said what of it is not.

use crate::crew::Crew;

/// Two repositories with news; a session that reads `ws/answers.toml` and drafts nothing.
fn crew() -> Crew {
    Crew::with(&["hub", "alpha"], "agent = \"crew\"\n")
}

const HUB: &str = "[brand.hub]\nmatters = \"All of it.\"\n";
const ALPHA: &str = "[brand.alpha]\nmatters = \"Nothing.\"\n";

#[test]
fn answers_that_cannot_be_read_or_are_about_nobody_stop_the_session_and_the_plan() {
    let crew = crew();
    for args in [&["start", "--plan"][..], &["start", "--yes"], &["start", "--plan", "--json"]] {
        let with = |file| crew.os(&[args, &["--answers", file]].concat());
        let said = with("../none.toml").fails("none.toml");
        assert!(said.contains("error: cannot access `") || said.contains("\"error\""), "{said}");
        crew.sandbox.write(
            "ws/answers.toml",
            "[brand.other]\nmatters = \"x\"\n[brand.hub]\nnext = [{ title = \"x\", repo = \"beta\" }]\n",
        );
        let said = with("../answers.toml").fails("cannot use `../answers.toml`: 2 errors:");
        assert!(said.contains("line 1: no repository has the brand `other`; expected one of: alpha, hub, _global"), "{said}");
        assert!(said.contains("line 4: repository `beta` is not in the registry; expected one of: hub, alpha"), "{said}");
    }
    assert_eq!(crew.board(), [].into());
    assert_eq!(crew.sandbox.refs("ws/hub", &["refs/os/sessions"]), "");
}

#[test]
fn answers_that_are_not_used_are_named_with_the_reason() {
    let crew = crew();
    crew.sandbox.write("ws/answers.toml", HUB);
    let out = crew.start_with_answers();
    assert!(!out.said().contains("are not used"), "{out}");
    out.ok();
    // One has been asked about today, and there is nothing new in the other.
    crew.sandbox.write("ws/answers.toml", format!("{HUB}{ALPHA}"));
    crew.sandbox.sh("ws/hub", "git commit -q --allow-empty -m news").ok();
    crew.sandbox.sh("ws/alpha", "git commit -q --allow-empty -m news").ok();
    let asked = "the answers about hub are not used: it was asked about today already";
    let out = crew.os(&["start", "--plan", "--answers", "../answers.toml"]).says(&format!("note: {asked}"));
    assert_eq!(out.stderr.matches("are not used").count(), 1, "{out}");
    crew.start_with_answers().says(asked).ok();
    crew.start_with_answers().says("the answers about alpha are not used: it was asked about today already").ok();
    crew.sandbox.write("ws/answers.toml", "[brand._global]\nmatters = \"x\"\n");
    crew.start_with_answers().says("the answers about _global are not used: there is nothing to ask about it").ok();
    let said = crew.os(&["start", "--interview", "alpha", "--answers", "../answers.toml"]);
    said.says("the answers about _global are not used: this session asks about other brands").ok();
    let json = crew.os(&["session", "--json"]).ok();
    assert!(!json.is_empty());
}

#[test]
fn a_session_that_goes_on_has_its_answers() {
    let mut crew = crew();
    crew.sandbox.write("ws/answers.toml", HUB);
    crew.sandbox.set("GIT_OS_KILL_AFTER", "answered");
    let killed = crew.start_with_answers();
    assert_eq!(killed.code, None, "{killed}");
    crew.sandbox.unset("GIT_OS_KILL_AFTER");
    let other = HUB.replace("All of it", "Something else");
    crew.sandbox.write("ws/other.toml", other);
    let plan = crew.os(&["start", "--plan", "--answers", "../other.toml"]);
    plan.says("note: the answers about hub are not used: this session has other answers already").ok();
    let out = crew.start_with_answers();
    assert!(!out.said().contains("are not used"), "{out}");
    out.ok();
}
