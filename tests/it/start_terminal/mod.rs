//! A session at a terminal: a test types what a person would, and worse.

mod interrupted;
mod person;
mod questions;

use std::collections::BTreeSet;

use crate::crew::Crew;
use person::Person;

/// The widths of the terminals.
const WIDTHS: [u16; 3] = [60, 80, 120];
const LONG: &str = "That it works, in the morning and in the evening, in every town of the country, for everybody who bakes bread, \
                    and that nobody has to read a sentence twice before they know what is meant by it.";

/// A workspace with one commit in alpha that no session has seen.
fn crew() -> Crew {
    let mut crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    crew.sandbox.set("TERM", "xterm");
    crew.start().ok();
    news(&crew, "alpha");
    crew
}

/// A commit that no session has seen.
fn news(crew: &Crew, repo: &str) {
    crew.sandbox.sh(&format!("ws/{repo}"), "git commit -q --allow-empty -m \"News $(git rev-list --count HEAD)\"").ok();
}

/// Drafts with these titles in alpha, and nothing else to talk about.
fn with_drafts(titles: &[&str]) -> Crew {
    let mut crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    crew.sandbox.set("TERM", "xterm");
    crew.start().ok();
    for title in titles {
        crew.sandbox.os("ws/alpha", &["new", title]).ok();
    }
    crew
}

/// What a person sees has this, whatever the rows are.
#[track_caller]
fn shows(screen: &str, text: &str) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(screen).contains(&words(text)), "`{text}` is not shown:\n{screen}");
}

const APPROVE: &str = "Approve it?";

/// The title of the draft that is asked about now.
#[track_caller]
fn title_of(person: &mut Person) -> String {
    person.asked(APPROVE);
    let screen = person.screen();
    let title = screen.lines().rev().find_map(|line| line.trim().strip_prefix("alpha: "));
    title.unwrap_or_else(|| panic!("which one?\n{screen}")).to_owned()
}

fn board(crew: &Crew, expected: &[(&str, &str)]) {
    let expected: BTreeSet<_> = expected.iter().map(|(title, state)| ((*title).to_owned(), (*state).to_owned())).collect();
    assert_eq!(crew.board(), expected);
}

#[test]
fn a_person_answers_approves_rejects_and_puts_off() {
    for columns in WIDTHS {
        let crew = crew();
        let Some(mut person) = Person::sit_down(&crew, columns, "start") else { return };
        person.answer("What matters most now?", LONG);
        person.answer("What should be done next?", "Do this");
        for title in ["Do not do that", "Do this some day", ""] {
            person.asked("");
            person.press(&format!("{title}\r"));
        }
        person.answer("What must not be touched?", "The roof.");
        person.answer("What did you learn", "Ask before you build.");
        for _ in 0..3 {
            match title_of(&mut person).as_str() {
                "Do this" => person.press("a\r"),
                "Do not do that" => {
                    person.press("r\r");
                    person.answer("Why not?", "");
                    person.answer("A rejection needs", "The roof leaks.");
                }
                "Do this some day" => person.press("l\r"),
                other => panic!("`{other}` is no draft:\n{}", person.screen()),
            }
        }
        let screen = person.ends(&crew, 0);
        shows(&screen, LONG);
        assert_eq!(screen.matches("everybody who").count(), 1, "it is shown once:\n{screen}");
        for row in screen.lines().filter(|row| row.starts_with("   > That") || row.starts_with("     ")) {
            let words = row.trim_start_matches("   > ").split_whitespace();
            let known = format!("{LONG} {}", screen.replace('\n', " "));
            words
                .for_each(|word| assert!(known.split_whitespace().any(|known| known == word), "`{word}` was divided:\n{screen}"));
            assert!(row.chars().count() < usize::from(columns), "{screen}");
        }
        board(&crew, &[("Do this", "merged"), ("Do not do that", "rejected"), ("Do this some day", "draft")]);
        let tickets = crew.tickets();
        let find = |state: &str| tickets.iter().find(|ticket| ticket.1.1 == state).expect("one").0.1.clone();
        assert!(crew.sandbox.git("ws/alpha", &["log", "-1", "--format=%B", &find("rejected")]).ok().contains("The roof leaks."));
        let draft = crew.sandbox.os("ws/alpha", &["show", find("draft").rsplit('/').next().expect("an id")]).ok();
        assert!(draft.contains("Do not touch: The roof."), "{draft}");
        let lessons = crew.sandbox.os("ws/alpha", &["learn"]).ok();
        assert!(lessons.contains("Ask before you build."), "{lessons}");
        crew.all_is_well();
    }
}

#[test]
fn nothing_is_approved_by_a_stray_key() {
    let crew = with_drafts(&["Wait"]);
    for columns in WIDTHS {
        let Some(mut person) = Person::sit_down(&crew, columns, "start") else { return };
        // Typed before anything is asked.
        person.press("a\ry\ra\r");
        person.asked(APPROVE);
        for keys in ["\r", " \r", "\t\r", "aa\r", "yes\r", "1\r", "ä😀\r", "\u{1b}[A\u{1b}[B\r", "\u{1b}[200~a\ra\r\u{1b}[201~\r"]
        {
            person.press(keys);
            person.asked(APPROVE);
        }
        // Pasted by a terminal that does not say so.
        person.press("no\na\na\n");
        person.asked(APPROVE);
        person.press(&format!("{}\r", "a".repeat(5000)));
        person.asked(APPROVE);
        person.press("A\r");
        for keys in ["A\r", "a\r", "\r", "yy\r"] {
            person.asked("Approve this draft?");
            person.press(keys);
        }
        person.answer("Approve this draft?", "n");
        person.answer(APPROVE, "q");
        let screen = person.ends(&crew, 0);
        shows(&screen, "q - decide later about this and all that follow");
        board(&crew, &[("Wait", "draft")]);
    }
    crew.all_is_well();
}

#[test]
fn all_are_approved_together_after_all_were_shown() {
    let crew = with_drafts(&["One", "Two", "Three"]);
    let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
    person.answer(APPROVE, "A");
    person.asked("Approve all 3 drafts?");
    let screen = person.screen();
    assert!(["One", "Two", "Three"].iter().all(|title| screen.contains(&format!("alpha: {title}"))), "{screen}");
    person.press("yes\r");
    person.ends(&crew, 0);
    board(&crew, &[("One", "merged"), ("Two", "merged"), ("Three", "merged")]);
    crew.all_is_well();
}

#[test]
fn a_draft_is_edited_in_the_editor_that_git_knows() {
    let mut crew = with_drafts(&["Paint it red"]);
    crew.sandbox.unset("GIT_EDITOR");
    crew.sandbox.script(
        "bin/paint",
        "#!/bin/sh\nsed -i -e 's/red/blue/' -e 's/priority: 2/priority: 0/' \"$1\"\necho 'As the sea.' >>\"$1\"\n",
    );
    crew.sandbox.script("bin/spoil", "#!/bin/sh\nsed -i 's/priority: .*/priority: 9/' \"$1\"\n");
    crew.sandbox.git("ws/hub", &["config", "core.editor", "paint"]).ok();
    let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
    person.answer(APPROVE, "e");
    person.asked(APPROVE);
    crew.sandbox.git("ws/hub", &["config", "core.editor", "spoil"]).ok();
    person.press("e\r");
    person.answer("Edit it again?", "n");
    person.asked(APPROVE);
    crew.sandbox.git("ws/hub", &["config", "core.editor", "false"]).ok();
    person.press("e\r");
    person.answer(APPROVE, "a");
    let screen = person.ends(&crew, 0);
    shows(&screen, "cannot use the edited draft: line 3: the priority must be a number from 0 to 4");
    shows(&screen, "the editor did not exit with 0; the draft is unchanged");
    board(&crew, &[("Paint it blue", "merged")]);
    let id = crew.tickets().into_keys().next().expect("a ticket").1;
    let shown = crew.sandbox.os("ws/alpha", &["show", id.rsplit('/').next().expect("an id")]).ok();
    assert!(shown.contains("priority 0") && shown.contains("As the sea."), "{shown}");
    crew.all_is_well();
}

#[test]
fn a_terminal_that_knows_no_cursor_is_asked_as_well() {
    let mut crew = with_drafts(&["One", "Two"]);
    crew.sandbox.set("TERM", "dumb");
    let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
    person.press("a\r");
    for answer in ["x\r", "\u{4}", "a\r"] {
        person.read_to(APPROVE);
        person.read_to("   > ");
        person.press(answer);
    }
    person.ends(&crew, 0);
    let mut states: Vec<_> = crew.board().into_iter().map(|ticket| ticket.1).collect();
    states.sort();
    assert_eq!(states, ["draft", "merged"]);
    crew.all_is_well();
}

#[test]
fn init_takes_nothing_away_before_a_person_says_yes() {
    for columns in WIDTHS {
        let mut crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
        crew.sandbox.set("TERM", "xterm");
        let registry = crew.sandbox.read("ws/hub/registry.toml").replace("name = \"usual\"", "name = \"other\"");
        crew.sandbox.write("ws/hub/registry.toml", registry);
        let before = crew.sandbox.id("ws/alpha", "refs/os/meta");
        for (reply, code) in [("n\r", 1), ("\u{4}", 1), ("\u{3}", 130)] {
            let Some(mut person) = Person::sit_down(&crew, columns, "init") else { return };
            person.asked("continue? [y]es [n]o");
            person.press(reply);
            let screen = person.ends(&crew, code);
            shows(&screen, "alpha: removes check `usual`");
            shows(&screen, "nothing was changed");
            assert_eq!(crew.sandbox.id("ws/alpha", "refs/os/meta"), before, "{reply:?}");
        }
        let Some(mut person) = Person::sit_down(&crew, columns, "init") else { return };
        person.asked("continue? [y]es [n]o");
        // A stray key is no answer.
        person.press("x\r");
        person.answer("continue? [y]es [n]o", "yes");
        shows(&person.ends(&crew, 0), "alpha: policy updated");
        assert_ne!(crew.sandbox.id("ws/alpha", "refs/os/meta"), before);
    }
}
