//! What is a plan, and what is wrong with what is none.

use proptest::prelude::*;

use super::*;

/// The spec of a page on dispatch, as it stands there.
const SPEC: &str = include_str!("../../../fixtures/plans/spec.yaml");
/// A plan by the schema of a page on several agents.
const PLAN: &str = include_str!("../../../fixtures/plans/plan.json");

#[track_caller]
fn faults(text: &str) -> Vec<String> {
    Plan::read(text).expect_err("it has faults").iter().map(ToString::to_string).collect()
}

#[test]
fn a_spec_with_tasks_becomes_a_plan() {
    let plan = Plan::read(SPEC).expect("no fault");
    assert_eq!((plan.title().as_str(), plan.steps.len()), ("Scoring UI component", 3));
    let third = &plan.steps[2];
    assert_eq!((third.id.as_str(), third.kind, third.approval), ("3", StepType::Agent, Approval::None));
    assert_eq!(third.depends_on.iter().map(StepId::as_str).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(plan.backstop.as_deref(), Some("npm test"));
    assert_eq!(plan.success_criteria, ["scoring UI renders correctly"]);
    assert_eq!(plan.criteria().len(), 4);
    assert!(plan.criteria()[0].starts_with("Step 1: Component renders"), "{:?}", plan.criteria());
    assert_eq!((plan.context.decisions.len(), plan.context.files.len()), (2, 2));
}

#[test]
fn a_plan_with_steps_is_read_with_all_four_types() {
    let plan = Plan::read(PLAN).expect("no fault");
    let kinds: Vec<_> = plan.steps.iter().map(|step| step.kind).collect();
    assert_eq!(kinds, [StepType::AskUser, StepType::Agent, StepType::Shell, StepType::Skill]);
    assert_eq!(plan.steps[1].approval, Approval::BeforeWrite);
    assert_eq!(plan.task_id.as_deref(), Some("export-totals"));
}

#[test]
fn the_written_form_is_read_as_the_same_plan() {
    for text in [SPEC, PLAN] {
        let plan = Plan::read(text).expect("no fault");
        assert_eq!(Plan::read(&plan.to_file()).expect("no fault"), plan);
    }
}

#[test]
fn all_faults_are_named_with_their_places() {
    let text = "goal: Many faults\nversion: 2\nsteps:\n  - id: A\n    title: One\n    depends_on: [C, X, A]\n    type: robot\n  \
                - id: A\n    title: Two\n    shell: make\n    approval: sometimes\n  - title: Three\n    type: shell\n    \
                passes: perhaps\n  - id: B b\n    title: Four\n  - id: C\n    title: Five\n    depends_on: [D]\n    prompt: [x]\n  \
                - id: D\n    title: Six\n    depends_on: [C]\n\
                colour: red\nbackstop: {}\n";
    snapbox::assert_data_eq!(
        faults(text).join("\n"),
        snapbox::str![[r#"
line 2, version: version 2 needs a newer git-os; this one knows 1
line 6, steps[0].depends_on[1]: there is no step `X`
line 6, steps[0].depends_on[2]: step `A` cannot depend on itself
line 7, steps[0].type: `robot` is none of: agent, skill, shell, ask_user
line 8, steps[1].id: the id `A` is that of another step (line 4, steps[0].id)
line 11, steps[1].approval: `sometimes` is none of: none, before_run, before_write
line 12, steps[2]: `id` is missing
line 12, steps[2]: a step of type `shell` needs `shell`
line 14, steps[2].passes: is to be true or false
line 15, steps[3].id: `B b` is not a step id (letters, digits, `-`, `_`; at most 40 characters)
line 17, steps[4].id: a circle of dependencies: `C` needs `D` needs `C`
line 20, steps[4].prompt: is to be a text
line 24, colour: unknown key; expected one of: version, goal, name, task_id, project, target_repo, context, steps, tasks, success_criteria, backstop
line 25, backstop: is to be a text
"#]]
    );
}

#[test]
fn faults_of_json_have_paths() {
    let text = "{\n\t\"goal\": \"x\",\n\t\"steps\": [{\"id\": \"S1\", \"title\": \"a\", \"type\": \"shell\"}]\n}";
    assert!(faults(text)[0].contains("steps[0]: a step of type `shell` needs `shell`"), "{:?}", faults(text));
    assert!(faults("{\"goal\": \"x\", }")[0].contains("line 1"), "{:?}", faults("{\"goal\": \"x\", }"));
    assert!(faults("{\"goal\":\"x\",\"goal\":\"y\",\"steps\":[]}").iter().any(|fault| fault.contains("there twice")));
}

#[test]
fn hostile_texts_end_soon() {
    let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (one, other) in ('b'..='z').zip('a'..='y') {
        bomb += &format!("{one}: &{one} [*{other},*{other},*{other},*{other},*{other},*{other},*{other},*{other}]\n");
    }
    assert!(faults(&bomb)[0].contains("an alias"), "{:?}", faults(&bomb));
    for text in ["[".repeat(100_000), "- ".repeat(50_000), "{a: ".repeat(50_000), "x".repeat(MAX_TEXT + 1)] {
        assert!(!faults(&text).is_empty());
    }
    assert!(faults("steps: !!python/object:os.system [x]")[0].contains("a tag"));
    assert!(faults("--- \na: 1\n---\nb: 1\n")[0].contains("a second document"));
    assert!(!faults("").is_empty() && !faults("~").is_empty() && !faults("- a").is_empty());
}

proptest! {
    #[test]
    fn any_text_is_a_plan_or_has_faults(text in any::<String>()) {
        prop_assert!(Plan::read(&text).is_err_and(|faults| !faults.is_empty()));
    }

    #[test]
    fn what_is_read_is_written_and_read_the_same(goal in "[a-zA-Z: '\"#{}-]{1,30}", titles in prop::collection::vec("\\PC{1,20}", 1..5)) {
        let steps: Vec<_> = titles.iter().enumerate().map(|(at, title)| serde_json::json!({ "id": at, "title": title })).collect();
        let text = serde_json::json!({ "goal": goal, "steps": steps }).to_string();
        if let Ok(plan) = Plan::read(&text) {
            prop_assert_eq!(Plan::read(&plan.to_file()).expect("no fault"), plan);
        }
    }
}
