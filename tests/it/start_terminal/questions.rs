//! What is asked at the terminal: the interview, and the questions of agents.

use super::person::Person;
use super::{APPROVE, WIDTHS, board, crew, news, shows};
use crate::crew::Crew;

/// The answers that are kept in the log of the latest session.
fn kept(crew: &Crew) -> String {
    let refs =
        crew.sandbox.git("ws/hub", &["for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/os/sessions"]).ok();
    let all = refs.lines().map(|name| crew.sandbox.git("ws/hub", &["show", &format!("{name}:answers.json")]).stdout);
    all.collect()
}

#[test]
fn killed_after_any_answer_the_next_session_goes_on_with_the_next_question() {
    let crew = crew();
    let answers = [
        ("What matters most now?", "Matter 😀."),
        ("What should be done next?", "Do this"),
        ("", "Do that"),
        ("", ""),
        ("What must not be touched?", "The roof."),
        ("What did you learn", "To ask."),
    ];
    for (question, answer) in answers {
        let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
        person.asked(if question.is_empty() { "What should be done next?" } else { question });
        person.press(answer);
        person.press("\r");
        // The answer is kept before anything else is asked.
        person.asked(if answer == "To ask." { APPROVE } else { "" });
        person.signal(&crew, "KILL");
        person.wait();
        assert!(kept(&crew).contains(answer), "{}", kept(&crew));
    }
    let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
    person.answer(APPROVE, "A");
    person.answer("Approve all 2 drafts?", "y");
    let screen = person.ends(&crew, 0);
    assert!(!screen.contains("What "), "all was answered: {screen}");
    board(&crew, &[("Do this", "merged"), ("Do that", "merged")]);
    for ticket in crew.tickets().into_keys() {
        let shown = crew.sandbox.os("ws/alpha", &["show", ticket.1.rsplit('/').next().expect("an id")]).ok();
        assert!(shown.contains("Do not touch: The roof."), "{shown}");
    }
    crew.all_is_well();
}

#[test]
fn a_question_a_brand_and_the_interview_can_be_skipped() {
    for columns in WIDTHS {
        let crew = crew();
        news(&crew, "hub");
        let Some(mut person) = Person::sit_down(&crew, columns, "start --no-interview") else { return };
        shows(&person.ends(&crew, 0), "5 interview: skipped: turned off for this session");
        news(&crew, "alpha");
        news(&crew, "hub");
        let mut person = Person::sit_down(&crew, columns, "start").expect("it was there before");
        person.answer("What matters most now?", "");
        person.asked("What should be done next?");
        person.press("\u{4}");
        person.answer("What did you learn", "-");
        person.asked("hub: 1 new commit");
        person.press("q\r");
        let screen = person.ends(&crew, 0);
        shows(&screen, "no answers given");
        assert!(!screen.contains("interrupted"), "{screen}");
        let mut person = Person::sit_down(&crew, columns, "start").expect("it was there before");
        shows(&person.ends(&crew, 0), "5 interview: skipped: no brand has news");
        crew.all_is_well();
    }
}

#[test]
fn a_brand_that_is_named_is_asked_about_without_news() {
    let crew = crew();
    crew.start().ok();
    crew.os(&["start", "--interview", "nobody"]).fails("no repository has the brand `nobody`");
    let Some(mut person) = Person::sit_down(&crew, 80, "start --interview alpha") else { return };
    // What a person pastes in lines is a ticket each.
    person.answer("What matters most now?", "-");
    let screen = person.ends(&crew, 0);
    assert!(!screen.contains("hub:"), "{screen}");
    let mut person = Person::sit_down(&crew, 80, "start --interview alpha").expect("it was there before");
    person.answer("What matters most now?", "");
    person.asked("What should be done next?");
    person.press("\u{1b}[200~Do this\r\nDo that\u{1b}[201~\r");
    person.asked("");
    person.press("\r");
    person.answer("What must not be touched?", "");
    person.answer("What did you learn", "");
    person.answer(APPROVE, "q");
    person.ends(&crew, 0);
    board(&crew, &[("Do this", "draft"), ("Do that", "draft")]);
}

#[test]
fn the_registry_says_how_many_questions_there_are() {
    let crew = crew();
    let registry = crew.sandbox.read("ws/hub/registry.toml");
    let set = |questions: &str| {
        crew.sandbox
            .write("ws/hub/registry.toml", registry.replace("jobs = 2\n", &format!("jobs = 2\nquestions = {questions}\n")));
    };
    set("0");
    crew.os(&["start", "--plan"]).says("the registry says `questions = 0`").ok();
    crew.sandbox.write("ws/none.toml", "");
    crew.os(&["start", "--plan", "--answers", "../none.toml"]).says("not yet held today with alpha").ok();
    set("1");
    let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
    person.asked("What should be done next?");
    person.press("\r");
    let screen = person.ends(&crew, 0);
    assert_eq!(screen.matches("What ").count(), 1, "{screen}");
    set("1001");
    let _said = crew.os(&["init"]).fails("`questions` is not a number from 0 to 1000");
}

#[test]
fn who_names_a_brand_is_asked_though_the_session_has_no_questions_left() {
    let crew = crew();
    news(&crew, "hub");
    let registry = crew.sandbox.read("ws/hub/registry.toml").replace("jobs = 2\n", "jobs = 2\nquestions = 1\n");
    crew.sandbox.write("ws/hub/registry.toml", registry);
    let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
    person.asked("alpha: 1 new commit");
    for wish in ["Do this", ""] {
        person.press(&format!("{wish}\r"));
        person.asked("");
    }
    // The only question was asked; the session is not over.
    shows(&person.screen(), APPROVE);
    person.press("\u{3}");
    person.ends(&crew, 130);
    // Of the other brand nothing was asked, and of this one not all; then all was asked, and is asked again.
    for (brand, second) in [("hub", "should be done next?"), ("alpha", "must not be touched?"), ("alpha", "should be done next?")]
    {
        let mut person = Person::sit_down(&crew, 80, &format!("start --interview {brand}")).expect("it was there before");
        person.answer("What matters most now?", &format!("All of {brand}."));
        person.asked(second);
        person.press("-\r");
        person.asked(APPROVE);
        person.press("\u{3}");
        person.ends(&crew, 130);
    }
    assert!(kept(&crew).contains("All of hub.") && kept(&crew).contains("All of alpha."), "{}", kept(&crew));
}

/// From now on, somebody else types.
fn change_places(crew: &Crew, name: &str) {
    let settings = ["git config --global user.name NAME", "git config --global user.email NAME@example.com"].join("; ");
    crew.sandbox.sh("ws/hub", &settings.replace("NAME", name)).ok();
}

#[test]
fn the_session_of_one_person_is_not_continued_by_another() {
    let crew = crew();
    let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
    person.answer("What matters most now?", "The roof.");
    person.answer("What should be done next?", "Do this");
    person.asked("");
    person.press("\u{3}");
    person.ends(&crew, 130);
    let of_ann = kept(&crew);

    change_places(&crew, "Bob");
    let mut person = Person::sit_down(&crew, 80, "start").expect("it was there before");
    person.answer("What matters most now?", "The cellar.");
    person.answer("What should be done next?", "Do that");
    person.asked("");
    person.press("\r");
    person.answer("What must not be touched?", "q");
    person.answer(APPROVE, "a");
    let screen = person.ends(&crew, 0);
    shows(&screen, "Ann has not finished session");
    board(&crew, &[("Do that", "merged")]);
    assert!(kept(&crew).contains(&of_ann), "what Ann said stays with her session: {}", kept(&crew));
    let listed = crew.os(&["session"]).ok();
    assert!(listed.contains("Ann  unfinished: [interview] alpha: next") && listed.contains("Bob  closed"), "{listed}");
    // His own is closed, and nobody else's is told of again.
    let said = crew.start().said();
    assert!(!said.contains("has not finished"), "{said}");

    change_places(&crew, "Ann");
    let before = crew.sandbox.git("ws/hub", &["for-each-ref", "refs/os/sessions"]).ok().lines().count();
    let mut person = Person::sit_down(&crew, 80, "start").expect("it was there before");
    person.answer(APPROVE, "a");
    let screen = person.ends(&crew, 0);
    shows(&screen, "drafted T-");
    board(&crew, &[("Do this", "merged"), ("Do that", "merged")]);
    let after = crew.sandbox.git("ws/hub", &["for-each-ref", "refs/os/sessions"]).ok().lines().count();
    assert_eq!(after, before, "she went on with hers");
    crew.all_is_well();
}

#[test]
fn a_question_mark_asks_for_the_keys_and_is_no_answer() {
    let crew = crew();
    let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
    person.asked("What matters most now?");
    for question in ["What should be done next?", "What did you learn"] {
        person.press("?\r");
        person.asked("Enter skips a question");
        person.press("\r");
        person.asked(question);
    }
    person.press("\r");
    shows(&person.ends(&crew, 0), "no answers given");
    assert_eq!(crew.sandbox.os("ws/alpha", &["learn"]).ok(), "");
    crew.sandbox.os("ws/alpha", &["new", "Wait"]).ok();
    let mut person = Person::sit_down(&crew, 80, "start").expect("it was there before");
    person.answer(APPROVE, "?");
    person.answer(APPROVE, "r");
    person.answer("Why not?", "?");
    person.asked("Ctrl-D goes back to the draft");
    person.press("\u{4}");
    person.answer(APPROVE, "A");
    person.asked("[y]es [n]o (Enter asks again)");
    person.press("\r");
    person.answer("Approve this draft?", "n");
    person.answer(APPROVE, "q");
    shows(&person.ends(&crew, 0), "a - approve this ticket");
    board(&crew, &[("Wait", "draft")]);
    crew.agent(ASKS);
    crew.os(&["approve", "Wait"]).ok();
    let mut person = Person::sit_down(&crew, 80, "start --no-interview").expect("it was there before");
    person.answer("Your answer?", "?");
    person.answer("Enter leaves it for later", "");
    person.ends(&crew, 0);
    board(&crew, &[("Wait", "awaiting-input")]);
}

#[test]
fn what_was_answered_reappears_though_the_interview_was_left_or_interrupted() {
    for keys in ["q\r", "\u{3}"] {
        let crew = crew();
        crew.sandbox.sh("ws/alpha", "echo '# TODO: Mend the door' >door.sh; git add .; git commit -qm door").ok();
        let id = crew.sandbox.ticket("ws/alpha", "Stuck", "running").id;
        crew.sandbox.os("ws/alpha", &["block", &id, "--reason", "no key"]).ok();
        let Some(mut person) = Person::sit_down(&crew, 80, "start") else { return };
        person.answer("What matters most now?", "The summer hours.");
        person.answer("What should be done next?", "Open on Sundays");
        person.asked("");
        person.press("\r");
        person.answer("What must not be touched?", "The roof.");
        person.answer("What is this ticket waiting for?", "The key.");
        person.asked("What did you learn");
        person.press(keys);
        if keys == "q\r" {
            person.asked(APPROVE);
            person.press("q\r");
            person.ends(&crew, 0);
        } else {
            person.ends(&crew, 130);
            // The next one is not even attended.
            crew.os(&["start", "--no-interview"]).ok();
        }
        for title in ["Open on Sundays", "Resolve the TODO in door.sh: Mend the door"] {
            let shown = crew.sandbox.os("ws/alpha", &["show", title]).ok();
            assert_eq!(shown.matches("Do not touch: The roof.").count(), 1, "{shown}");
        }
        let brief = crew.sandbox.os("ws/alpha", &["context", "Open on Sundays"]).ok();
        assert!(
            brief.contains("What matters most: The summer hours.") && brief.contains("What is waited for: The key."),
            "{brief}"
        );
        news(&crew, "alpha");
        crew.os(&["start"])
            .says("alpha waits for (answer of 2026-05-07): The key.")
            .says("matters (answer of 2026-05-07): The summer")
            .ok();
        // Whoever skips a question takes back nothing.
        let mut person = Person::sit_down(&crew, 80, "start --interview alpha").expect("it was there before");
        person.answer("What matters most now?", "");
        person.answer("What should be done next?", "");
        person.answer("What is this ticket waiting for?", "");
        person.answer("What did you learn", "");
        person.answer(APPROVE, "q");
        person.ends(&crew, 0);
        let brief = crew.sandbox.os("ws/alpha", &["context", "Open on Sundays"]).ok();
        assert!(brief.contains("What matters most: The summer hours.") && brief.contains("The key."), "{brief}");
    }
}

/// An agent that asks once, and then does as it is told.
const ASKS: &str = r#"brief=$(cat)
case "$brief" in *"What you asked"*) printf '%s' "$brief" >told; exit 0;; esac
git os comment "$GIT_OS_TICKET" "I looked at both." || true
git os ask "Red or blue?"
"#;

#[test]
fn the_question_of_an_agent_is_asked_and_its_work_goes_on() {
    for columns in WIDTHS {
        let crew = crew();
        crew.agent(ASKS);
        crew.sandbox.ticket("ws/alpha", "Paint it", "ready");
        let Some(mut person) = Person::sit_down(&crew, columns, "start --no-interview") else { return };
        person.asked("Your answer?");
        shows(&person.screen(), "attempt 1 of 3");
        shows(&person.screen(), "Red or blue?");
        person.press("\r");
        person.ends(&crew, 0);
        board(&crew, &[("Paint it", "awaiting-input")]);
        // Nobody is there: it says how to answer.
        let said = crew.start().says("asks (Paint it): Red or blue?; answer with `git os answer T-").said();
        assert!(said.contains("1 waiting for an answer") || said.contains("awaiting-input"), "{said}");
        let mut person = Person::sit_down(&crew, columns, "start --no-interview").expect("it was there before");
        person.answer("Your answer?", "Blue.");
        let screen = person.ends(&crew, 0);
        board(&crew, &[("Paint it", "merged")]);
        assert_eq!(screen.matches("Your answer?").count(), 1, "{screen}");
        assert!(crew.sandbox.git("ws/alpha", &["show", "main:told"]).ok().contains("Blue."), "{screen}");
        crew.all_is_well();
    }
}

#[test]
fn a_ticket_whose_question_was_answered_is_resumed_by_the_next_session() {
    let crew = crew();
    crew.agent(ASKS);
    let id = crew.sandbox.ticket("ws/alpha", "Paint it", "ready").id;
    crew.start().says(&format!("hint: git os answer {id} TEXT")).ok();
    board(&crew, &[("Paint it", "awaiting-input")]);
    crew.os(&["answer", &id, "Red."]).ok();
    crew.start().ok();
    board(&crew, &[("Paint it", "merged")]);
    crew.all_is_well();
}
