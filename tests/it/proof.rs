//! Verdicts that prove something: a fix turns a red test green, and no work gives up what the tests of its base held.

use crate::crew::Crew;

/// The check of these tests.
const CHECK: &str = "{ name = \"tests\", run = \"sh tests/run.sh\", tests = [\"tests/**\"] }";

/// Runs the tests that it finds, and prints TAP.
const RUNNER: &str = "n=0 bad=0\n\
    is() { n=$((n + 1)); if [ \"$2\" = \"$3\" ]; then echo \"ok $n - $1\"; else echo \"not ok $n - $1: $2\"; bad=1; fi; }\n\
    skip() { n=$((n + 1)); echo \"ok $n - $1 # SKIP\"; }\n\
    for file in tests/*.t; do . \"./$file\"; done\necho \"1..$n\"; exit $bad\n";

/// A workspace of one repository with code, of which `double.sh` has a fault, and tests.
fn workshop(agent: &str, check: &str, settings: &str) -> Crew {
    let crew = Crew::alone(agent, &format!("max_attempts = 1\nchecks = [{check}]\n{settings}"));
    for (path, text) in [
        ("add.sh", "echo $(($1 + $2))\n"),
        ("double.sh", "echo $(($1 + 3))\n"),
        ("tests/run.sh", RUNNER),
        ("tests/add.t", "is adds \"$(sh add.sh 1 2)\" 3\nis zero \"$(sh add.sh 0 0)\" 0\n"),
        ("tests/double.t", "is doubles \"$(sh double.sh 3)\" 6\n"),
    ] {
        crew.sandbox.write(&format!("ws/hub/{path}"), text);
    }
    crew.sandbox.sh("ws/hub", "git add -A . && git commit -qm 'Add and double'").ok();
    crew
}

/// A ticket that is ready.
fn ready(crew: &Crew, args: &[&str]) -> String {
    let made = crew.os(&[&["new", "Double it", "--json"], args].concat()).ok();
    let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    let id = made["id"].as_str().expect("an id").to_owned();
    crew.os(&["approve", &id]).ok();
    id
}

/// The last verdict on a ticket.
fn verdict(crew: &Crew, id: &str) -> serde_json::Value {
    let shown: serde_json::Value = serde_json::from_str(&crew.os(&["show", id, "--json"]).ok()).expect("JSON");
    shown["verdict"].clone()
}

/// Mends the fault, and shows it.
const FIX: &str = "echo 'echo $(($1 * 2))' >double.sh; echo 'is five \"$(sh double.sh 5)\" 10' >>tests/double.t\n";

#[test]
fn a_fix_lands_by_a_test_that_fails_without_it() {
    let crew = workshop(&format!("cat >../../../../brief; {FIX}"), CHECK, "");
    let id = ready(&crew, &["--kind", "fix"]);
    let said = crew.os(&["dispatch"]);
    let said = said.says("check tests, the work's tests on the code of the base: red, as it should be").ok();
    assert_eq!(crew.state(&id), "merged", "{said}\n{}", crew.log(&id));
    println!("{}", crew.sandbox.read("ws/brief"));
    println!("{}", crew.os(&["show", &id]).ok());
    println!("{}", verdict(&crew, &id));
    crew.all_is_well();
}
