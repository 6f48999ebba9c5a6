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

/// An agent that asks once, and then does as it is told.
const ASKS: &str = r#"brief=$(cat)
case "$brief" in *"the answer"*) printf '%s' "$brief" >told; exit 0;; esac
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
