//! The rule, over every way in which tests can be lost and a fix can be shown.

use proptest::prelude::*;

use super::*;
use crate::core::id::{Brand, Kind};

/// The tree of the head; those of the mixtures are other digits.
const HEAD: char = 'a';

fn object(digit: char) -> ObjectId {
    ObjectId::parse(&digit.to_string().repeat(40)).expect("hex")
}

fn content(kind: &str, tests_may_change: bool) -> Content {
    Content {
        title: "One".to_owned(),
        brand: Brand::parse("one").expect("valid"),
        kind: Kind::parse(kind).expect("valid"),
        priority: 2,
        labels: Vec::new(),
        depends: Vec::new(),
        tests_may_change,
        scope: Vec::new(),
    }
}

fn check(name: &str) -> Check {
    Check { name: name.to_owned(), run: "run".to_owned(), tests: vec!["tests/**".to_owned()] }
}

/// What a check says, as these tests write it: exit code, and tests that ran, failed and were skipped, if it counts them.
type Said = (i32, Option<(u64, u64, u64)>);

fn trial((exit, tests): Said) -> Trial {
    let tests = tests.map(|(ran, failed, skipped)| Tally { ran, failed, skipped });
    Trial { exit, tests, output: object('f'), millis: 1, known: false }
}

/// The result on the head, and on base, tests of the base, and tests of the head; each mixture has files of its own.
fn result(name: &str, head: Said, others: [Option<Said>; 3]) -> CheckResult {
    let [base, head_code_base_tests, base_code_head_tests] =
        [('b', 0), ('c', 1), ('d', 2)].map(|(digit, at)| Tried { tree: object(digit), result: others[at].map(trial) });
    let patterns = vec!["tests/**".to_owned()];
    let proof = Proof { patterns, gone: Vec::new(), lost: 0, base, head_code_base_tests, base_code_head_tests };
    let Trial { exit, tests, output, millis, .. } = trial(head);
    CheckResult { name: name.to_owned(), run: "run".to_owned(), exit, output, millis, tests, proof: Some(proof) }
}

/// The codes of what stands against one check's results.
fn codes(kind: &str, may_change: bool, results: &[CheckResult]) -> Vec<&'static str> {
    let checks: Vec<_> = results.iter().map(|result| check(&result.name)).collect();
    faults(&content(kind, may_change), &checks, results, object(HEAD)).iter().map(Denial::code).collect()
}

const GREEN: Said = (0, None);
const RED: Said = (1, None);

#[test]
fn a_fix_is_red_without_the_work_and_green_with_it() {
    let said = |new: Option<Said>| codes("fix", false, &[result("t", GREEN, [Some(GREEN), Some(GREEN), new])]);
    assert_eq!(said(Some(RED)), [""; 0]);
    assert_eq!(said(Some((1, Some((3, 1, 0))))), [""; 0]);
    assert_eq!(said(Some((124, None))), [""; 0]);
    assert_eq!(said(Some(GREEN)), ["fix-without-effect"]);
    // To find no test is no failure of one, whatever the exit code.
    assert_eq!(said(Some((5, Some((0, 0, 0))))), ["fix-without-effect"]);
    assert_eq!(said(Some((0, Some((0, 0, 0))))), ["fix-without-effect"]);
    assert_eq!(said(None), ["proof-missing"]);
    // It is asked of fixes alone, and may not be given up by allowing tests to change.
    assert_eq!(codes("task", false, &[result("t", GREEN, [Some(GREEN), Some(GREEN), None])]), [""; 0]);
    assert_eq!(codes("fix", true, &[result("t", GREEN, [None, None, Some(GREEN)])]), ["fix-without-effect"]);
}

#[test]
fn one_check_of_several_shows_a_fix() {
    let one = |name: &str, new: Option<Said>| result(name, GREEN, [Some(GREEN), Some(GREEN), new]);
    assert_eq!(codes("fix", false, &[one("a", Some(GREEN)), one("b", Some(RED))]), [""; 0]);
    assert_eq!(codes("fix", false, &[one("a", Some(RED)), one("b", None)]), [""; 0]);
    assert_eq!(codes("fix", false, &[one("a", Some(GREEN)), one("b", Some(GREEN))]), ["fix-without-effect"]);
    assert_eq!(codes("fix", false, &[one("a", Some(GREEN)), one("b", None)]), ["proof-missing"]);
}

#[test]
fn the_same_files_need_no_second_run() {
    let mut same = result("t", GREEN, [Some(GREEN), None, None]);
    let proof = same.proof.as_mut().expect("a proof");
    // The work changes no test: those of the base are those of the head.
    proof.head_code_base_tests.tree = object(HEAD);
    proof.base_code_head_tests.tree = object('b');
    assert_eq!(codes("task", false, &[same.clone()]), [""; 0]);
    assert_eq!(codes("fix", false, &[same.clone()]), ["fix-without-effect"]);
    same.proof.as_mut().expect("a proof").base.result = Some(trial(RED));
    assert_eq!(codes("fix", false, &[same.clone()]), [""; 0], "a test that was red before");
    // The work changes nothing but tests, which pass on the base as well.
    let proof = same.proof.as_mut().expect("a proof");
    (proof.head_code_base_tests.tree, proof.base_code_head_tests.tree) = (object('b'), object(HEAD));
    assert_eq!(codes("fix", false, &[same]), ["fix-without-effect"]);
}

#[test]
fn what_the_base_held_is_not_given_up() {
    let lost = |head: Said, base: Said, old: Said| codes("task", false, &[result("t", head, [Some(base), Some(old), None])]);
    let count = |ran, failed, skipped| (i32::from(failed > 0), Some((ran, failed, skipped)));
    assert_eq!(lost(count(4, 0, 0), count(3, 0, 0), count(3, 0, 0)), [""; 0]);
    assert_eq!(lost(count(2, 0, 0), count(3, 0, 0), count(3, 0, 0)), ["tests-vanished"]);
    // As many as before, and not the same: the base's tests no longer run.
    assert_eq!(lost(count(3, 0, 0), count(3, 0, 0), count(1, 0, 0)), ["tests-vanished"]);
    assert_eq!(lost(count(3, 0, 1), count(3, 0, 0), count(3, 0, 0)), ["tests-skipped"]);
    // It no longer says how many tests ran.
    assert_eq!(lost(GREEN, count(3, 0, 0), count(3, 0, 0)), ["tests-vanished"]);
    assert_eq!(lost(GREEN, count(3, 0, 0), GREEN), ["tests-vanished"]);
    assert_eq!(lost(GREEN, GREEN, RED), ["tests-turned-red"]);
    assert_eq!(lost(count(3, 0, 0), count(3, 0, 0), count(3, 1, 0)), ["tests-turned-red"]);
    assert_eq!(lost(count(3, 0, 0), count(3, 0, 0), (0, Some((0, 0, 0)))), ["tests-turned-red"]);
    // What was red may stay red, and does not get worse.
    assert_eq!(lost(count(3, 0, 0), count(3, 1, 0), count(3, 1, 0)), [""; 0]);
    assert_eq!(lost(count(3, 0, 0), count(3, 1, 0), count(3, 2, 0)), ["tests-turned-red"]);
    assert_eq!(lost(GREEN, RED, RED), [""; 0]);
}

#[test]
fn a_file_that_is_gone_decides_alone_and_may_be_allowed() {
    let mut gone = result("t", GREEN, [None, None, None]);
    let proof = gone.proof.as_mut().expect("a proof");
    (proof.gone, proof.lost) = (vec!["tests/a".to_owned()], 3);
    let said = faults(&content("task", false), &[check("t")], &[gone.clone()], object(HEAD));
    assert_eq!(said[0].to_string(), "check `t`: the test file `tests/a` of the base is gone, and 2 more");
    assert_eq!(codes("task", true, &[gone]), [""; 0]);
}

#[test]
fn evidence_is_of_the_very_check_and_of_all_that_are_marked() {
    let good = || result("t", GREEN, [Some(GREEN), Some(GREEN), None]);
    let said = |checks: &[Check], results: &[CheckResult]| {
        let found = faults(&content("task", false), checks, results, object(HEAD));
        found.iter().map(Denial::code).collect::<Vec<_>>()
    };
    assert_eq!(said(&[check("t")], &[good()]), [""; 0]);
    for change in [
        (|result| result.proof = None) as fn(&mut CheckResult),
        |result| result.run = "true".to_owned(),
        |result| result.name = "other".to_owned(),
        |result| result.proof.as_mut().expect("a proof").patterns.push("src/**".to_owned()),
        |result| result.proof.as_mut().expect("a proof").base.result = None,
        |result| result.proof.as_mut().expect("a proof").head_code_base_tests.result = None,
    ] {
        let mut bad = good();
        change(&mut bad);
        assert_eq!(said(&[check("t")], &[bad]), ["proof-missing"]);
    }
    assert_eq!(said(&[check("t"), check("u")], &[good()]), ["proof-missing"]);
    let plain = Check { tests: Vec::new(), ..check("t") };
    assert_eq!(said(&[plain], &[]), [""; 0], "what is not marked is for the gate");
}

#[test]
fn what_was_taken_over_can_be_dropped() {
    let mut result = result("t", GREEN, [Some(GREEN), Some(GREEN), None]);
    let proof = result.proof.as_mut().expect("a proof");
    assert!(!proof.is_taken_over());
    proof.base.result = Some(Trial { known: true, ..trial(GREEN) });
    assert!(proof.is_taken_over());
    proof.forget_taken_over();
    assert_eq!((proof.base.result.is_none(), proof.head_code_base_tests.result.is_some()), (true, true));
}

fn said() -> impl Strategy<Value = Said> {
    let count = prop::option::of((0..4_u64, 0..4_u64, 0..3_u64));
    (prop::sample::select(vec![0, 1, 124]), count)
}

proptest! {
    /// The verdict of the rule, stated the other way round: what a pass says is so.
    #[test]
    fn a_pass_shows_what_it_has_to(
        head in said(), base in said(), old in said(), new in said(), is_fix in any::<bool>(), may_change in any::<bool>()
    ) {
        let result = result("t", head, [Some(base), Some(old), Some(new)]);
        if codes(if is_fix { "fix" } else { "task" }, may_change, &[result]).is_empty() {
            let ran = |said: Said| said.1.map(|tests| tests.0);
            prop_assert!(!is_fix || (new.0 != 0 && ran(new) != Some(0)));
            if !may_change {
                prop_assert!(ran(base).is_none_or(|before| ran(head).is_some_and(|after| after >= before) || before == 0));
                let passed = |said: Said| said.0 == 0 && ran(said) != Some(0);
                prop_assert!(passed(old) || !passed(base));
            }
        }
    }

    /// To allow tests to change never makes a verdict worse.
    #[test]
    fn to_allow_more_refuses_less(head in said(), others in prop::array::uniform3(prop::option::of(said())), is_fix in any::<bool>()) {
        let kind = if is_fix { "fix" } else { "task" };
        let result = result("t", head, others);
        let (strict, lax) = (codes(kind, false, std::slice::from_ref(&result)), codes(kind, true, &[result]));
        prop_assert!(lax.iter().all(|code| strict.contains(code)));
    }
}
