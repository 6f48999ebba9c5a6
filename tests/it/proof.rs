//! Verdicts that prove something: a fix turns a red test green, and no work gives up what the tests of its base held.

use serde_json::Value;

use crate::crew::Crew;
use crate::hooks::forged::{JUDGED, TOOLS};
use crate::sandbox::{JUDGE, RUN};

/// A project: the files of its base, and its check.
struct Project {
    /// The program that it cannot do without.
    needs: &'static str,
    check: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// Tests that a shell runs; it prints TAP.
const SHELL: Project = Project {
    needs: "sh",
    check: "{ name = \"tests\", run = \"sh tests/run.sh\", tests = [\"tests/**\"] }",
    files: &[
        ("add.sh", "echo $(($1 + $2))\n"),
        ("double.sh", "echo $(($1 + 3))\n"),
        ("tests/run.sh", RUNNER),
        ("tests/add.t", "is adds \"$(sh add.sh 1 2)\" 3\nis zero \"$(sh add.sh 0 0)\" 0\n"),
        ("tests/double.t", "is doubles \"$(sh double.sh 3)\" 6\n"),
    ],
};

/// The same, where the runner and the list of tests that it goes by are no test files.
const LISTED: Project = Project {
    needs: "sh",
    check: "{ name = \"tests\", run = \"sh run.sh\", tests = [\"*.t\"] }",
    files: &[
        ("add.sh", "echo $(($1 + $2))\n"),
        ("double.sh", "echo $(($1 + 3))\n"),
        ("run.sh", LIST_RUNNER),
        ("tests.list", "add.t double.t\n"),
        ("add.t", "is adds \"$(sh add.sh 1 2)\" 3\nis zero \"$(sh add.sh 0 0)\" 0\n"),
        ("double.t", "is doubles \"$(sh double.sh 3)\" 6\n"),
    ],
};

/// A script that says nothing but by its exit code; it is one of the tests.
const SILENT: Project = Project {
    needs: "sh",
    check: "{ name = \"tests\", run = \"sh check.sh\", tests = [\"/check.sh\"] }",
    files: &[("add.sh", "echo $(($1 + $2))\n"), ("check.sh", "test \"$(sh add.sh 1 2)\" = 3\n")],
};

const NODE: Project = Project {
    needs: "node",
    check: "{ name = \"tests\", run = \"node --test --test-reporter=tap tests\", tests = [\"tests/**\"] }",
    files: &[
        ("double.js", "exports.double = (number) => number + 3;\nexports.add = (a, b) => a + b;\n"),
        (
            "tests/double.test.js",
            "const test = require('node:test');\nconst assert = require('node:assert');\nconst { double, add } = require('../double');\n\
             test('doubles', () => assert.equal(double(3), 6));\ntest('adds', () => assert.equal(add(1, 2), 3));\n",
        ),
    ],
};

const PYTHON: Project = Project {
    needs: "python3",
    check: "{ name = \"tests\", run = \"python3 -B -m unittest discover -s tests -t .\", tests = [\"tests/**\"] }",
    files: &[
        ("double.py", "def double(number):\n    return number + 3\n"),
        ("tests/__init__.py", ""),
        (
            "tests/test_double.py",
            "import unittest\nfrom double import double\n\nclass Doubles(unittest.TestCase):\n    def test_three(self):\n        \
             self.assertEqual(double(3), 6)\n\n    def test_type(self):\n        self.assertEqual(type(double(1)), int)\n",
        ),
    ],
};

/// Runs the tests that it finds.
const RUNNER: &str = "n=0 bad=0\n\
    is() { n=$((n + 1)); if [ \"$2\" = \"$3\" ]; then echo \"ok $n - $1\"; else echo \"not ok $n - $1: $2\"; bad=1; fi; }\n\
    skip() { n=$((n + 1)); echo \"ok $n - $1 # SKIP\"; }\n\
    for file in tests/*.t; do . \"./$file\"; done\necho \"1..$n\"; exit $bad\n";

/// Runs the tests that are listed.
const LIST_RUNNER: &str = "n=0 bad=0\n\
    is() { n=$((n + 1)); if [ \"$2\" = \"$3\" ]; then echo \"ok $n - $1\"; else echo \"not ok $n - $1: $2\"; bad=1; fi; }\n\
    for file in $(cat tests.list); do . \"./$file\"; done\necho \"1..$n\"; exit $bad\n";

/// Mends the fault of a project, and shows it.
const FIX: &str = "echo 'echo $(($1 * 2))' >double.sh; echo 'is five \"$(sh double.sh 5)\" 10' >>tests/double.t\n";

/// A workspace of one repository with a project; `None` where its program is not installed.
fn workshop(project: &Project, agent: &str, settings: &str) -> Option<Crew> {
    let settings = if settings.contains("max_attempts") { settings.to_owned() } else { format!("max_attempts = 1\n{settings}") };
    let crew = Crew::alone(agent, &format!("{settings}\nchecks = [{}]\n", project.check));
    if crew.sandbox.sh("ws/hub", &format!("command -v {}", project.needs)).code != Some(0) {
        println!("skipped: there is no `{}` here", project.needs);
        return None;
    }
    for (path, text) in project.files {
        crew.sandbox.write(&format!("ws/hub/{path}"), text);
    }
    crew.sandbox.sh("ws/hub", "git add -A . && git commit -qm 'Begin'").ok();
    Some(crew)
}

/// A ticket that is ready.
fn ready(crew: &Crew, args: &[&str]) -> String {
    let made = crew.os(&[&["new", "Double it", "--json"], args].concat()).ok();
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let id = made["id"].as_str().expect("an id").to_owned();
    crew.os(&["approve", &id]).ok();
    id
}

/// The last verdict on a ticket.
fn verdict(crew: &Crew, id: &str) -> Value {
    let shown: Value = serde_json::from_str(&crew.os(&["show", id, "--json"]).ok()).expect("JSON");
    shown["verdict"].clone()
}

#[test]
fn a_fix_lands_by_a_test_that_fails_without_it() {
    let crew = workshop(&SHELL, &format!("cat >../../../../brief; {FIX}"), "").expect("a shell");
    let id = ready(&crew, &["--kind", "fix"]);
    let said = crew.os(&["dispatch"]);
    let said = said.says("check tests, the work's tests on the code of the base: red, as it should be").ok();
    assert_eq!(crew.state(&id), "merged", "{said}\n{}", crew.log(&id));
    let brief = crew.sandbox.read("ws/brief");
    assert!(brief.contains("this is a fix: with it comes a test that fails"), "{brief}");
    let shown = crew.os(&["show", &id]).says("the work's tests on the code of the base  red, exit 1, 4 tests, 1 failed").ok();
    assert!(shown.contains("tests of the base on the work's code      green, exit 0, 3 tests"), "{shown}");
    let policy = crew.sandbox.git("ws/hub", &["show", "refs/os/meta:policy.json"]).ok();
    assert!(policy.contains("\"version\": 4") && policy.contains("\"tests/**\""), "{policy}");
    crew.all_is_well();
}

#[test]
fn why_a_fix_shows_nothing_is_told_to_the_next_attempt() {
    let agent = format!(
        "cat >\"$(dirname \"$0\")/brief-$GIT_OS_ATTEMPT\"; echo 'echo $(($1 * 2))' >double.sh\n\
         [ $GIT_OS_ATTEMPT = 1 ] || {{ {FIX} }}"
    );
    let crew = workshop(&SHELL, &agent, "max_attempts = 2").expect("a shell");
    let id = ready(&crew, &["--kind", "fix"]);
    let said = crew.os(&["dispatch"]).says("green, so no test shows what is mended");
    let said = said.says("not verified: the ticket is a fix, and no test that fails on its base passes on its head").ok();
    assert_eq!(crew.state(&id), "merged", "{said}\n{}", crew.log(&id));
    let brief = crew.sandbox.read("ws/brief-2");
    assert!(brief.contains("Add a test that fails on the base, where the fault still is, and passes with your fix."), "{brief}");
}

/// A bad work: what it does in its worktree, and what refuses it.
struct Planted {
    name: &'static str,
    project: &'static Project,
    kind: &'static str,
    work: &'static str,
    denial: &'static str,
}

const PLANTED: &[Planted] = &[
    Planted {
        name: "a deleted test file",
        project: &SHELL,
        kind: "task",
        work: "git rm -q tests/double.t; echo 'echo 1' >double.sh",
        denial: "check `tests`: the test file `tests/double.t` of the base is gone",
    },
    Planted {
        name: "a deleted test in a kept file",
        project: &PYTHON,
        kind: "task",
        work: "sed -i '/test_type/,$d' tests/test_double.py; sed -i 's/return.*/return 6.0/' double.py",
        denial: "tests of the base fail on the code of the head",
    },
    Planted {
        name: "a deleted test that would still pass",
        project: &PYTHON,
        kind: "task",
        work: "sed -i '/test_type/,$d' tests/test_double.py",
        denial: "check `tests`: tests vanished: 2 ran on the base, and 1 with the work",
    },
    Planted {
        name: "a weakened assertion",
        project: &SHELL,
        kind: "task",
        work: "echo 'echo 3' >add.sh; sed -i 's/^is zero.*/is zero 0 0/' tests/add.t",
        denial: "check `tests`: tests of the base fail on the code of the head",
    },
    Planted {
        name: "a skipped test in a shell",
        project: &SHELL,
        kind: "task",
        work: "sed -i 's/^is zero.*/skip zero/' tests/add.t",
        denial: "check `tests`: more tests are skipped: 0 on the base, and 1 with the work",
    },
    Planted {
        name: "a skipped suite",
        project: &PYTHON,
        kind: "task",
        work: "sed -i 's/    def test_three/    @unittest.skip(\"later\")\\n&/' tests/test_double.py",
        denial: "check `tests`: more tests are skipped: 0 on the base, and 1 with the work",
    },
    Planted {
        name: "an expected value that suits the code",
        project: &NODE,
        kind: "fix",
        work: "sed -i 's/number + 3/8/' double.js; sed -i 's/double(3), 6/double(3), 8/' tests/double.test.js",
        denial: "check `tests`: tests of the base fail on the code of the head",
    },
    Planted {
        name: "a fix without effect",
        project: &SHELL,
        kind: "fix",
        work: "echo '# mended' >>double.sh",
        denial: "the ticket is a fix, and no test that fails on its base passes on its head",
    },
    Planted {
        name: "a fix whose new test passes on the base",
        project: &NODE,
        kind: "fix",
        work: "sed -i 's/number + 3/number * 2/' double.js\n\
               echo \"test('again', () => assert.equal(double(3), 6));\" >>tests/double.test.js",
        denial: "the ticket is a fix, and no test that fails on its base passes on its head",
    },
    Planted {
        name: "a fix of tests alone",
        project: &SHELL,
        kind: "fix",
        work: "echo 'is four 4 4' >>tests/double.t",
        denial: "the ticket is a fix, and no test that fails on its base passes on its head",
    },
    Planted {
        name: "a runner of the tests that does nothing",
        project: &SHELL,
        kind: "task",
        work: "echo 'exit 0' >tests/run.sh; echo 'echo 1' >double.sh",
        denial: "check `tests`: tests of the base fail on the code of the head",
    },
    Planted {
        name: "a runner beside the tests that does nothing",
        project: &LISTED,
        kind: "task",
        work: "echo 'exit 0' >run.sh; echo 'echo 1' >double.sh",
        denial: "check `tests`: tests vanished: 3 ran on the base, and 0 with the work",
    },
    Planted {
        name: "a setting that leaves tests out",
        project: &LISTED,
        kind: "task",
        work: "echo double.t >tests.list; echo 'echo 1' >add.sh; printf 'is a 1 1\\nis b 1 1\\n' >>double.t",
        denial: "check `tests`: tests vanished: 3 ran on the base, and 1 with the work",
    },
    Planted {
        name: "a test file under a name that nobody looks for",
        project: &SHELL,
        kind: "task",
        work: "git mv tests/add.t tests/add.off; echo 'echo 3' >add.sh",
        denial: "check `tests`: the test file `tests/add.t` of the base is gone",
    },
    Planted {
        name: "tests under names that nobody looks for",
        project: &PYTHON,
        kind: "task",
        work: "sed -i 's/def test_three/def check_three/' tests/test_double.py",
        denial: "check `tests`: tests vanished: 2 ran on the base, and 1 with the work",
    },
    Planted {
        name: "a test that runs only where a variable is set",
        project: &SHELL,
        kind: "task",
        work: "sed -i 's/^is zero/test -z \"$ALL_TESTS\" || &/' tests/add.t",
        denial: "check `tests`: tests vanished: 3 ran on the base, and 2 with the work",
    },
    Planted {
        name: "a runner that says nothing, and does nothing any more",
        project: &SILENT,
        kind: "task",
        work: "echo 'exit 0' >check.sh; echo 'echo 1' >add.sh",
        denial: "check `tests`: tests of the base fail on the code of the head",
    },
    Planted {
        name: "a folder of tests that became a link",
        project: &SHELL,
        kind: "task",
        work: "mkdir other; cp tests/run.sh other; echo 'is a 1 1' >other/a.t; git rm -rq tests; ln -s other tests",
        denial: "of the base is gone, and 2 more",
    },
    Planted {
        name: "a ticket that the work itself lets change tests",
        project: &SHELL,
        kind: "task",
        work: "git os edit \"$GIT_OS_TICKET\" --tests-may-change >\"$(dirname \"$0\")/said\" 2>&1\n\
               GIT_OS_OUTBOX= git os edit \"$GIT_OS_TICKET\" --tests-may-change >>\"$(dirname \"$0\")/said\" 2>&1\n\
               git rm -q tests/add.t; echo 'echo 3' >add.sh",
        denial: "check `tests`: the test file `tests/add.t` of the base is gone",
    },
];

#[test]
fn no_planted_work_lands_and_no_door_takes_a_pass_of_it() {
    let mut wrong = Vec::new();
    for (number, planted) in PLANTED.iter().enumerate() {
        let Planted { name, project, kind, work, denial } = planted;
        let Some(mut crew) = workshop(project, &format!("cat >/dev/null\n{work}\n"), "") else { continue };
        let id = ready(&crew, &["--kind", kind]);
        let said = crew.os(&["dispatch"]);
        let log = crew.log(&id);
        if crew.state(&id) != "blocked" || !log.contains(denial) {
            wrong.push(format!("{name}: {} {said}", crew.state(&id)));
            continue;
        }
        assert!(!crew.os(&["show", &id, "--json"]).ok().contains("\"tests_may_change\":true"), "{name}");
        println!("{name}: {denial}");
        // What is said of no evidence, and of invented evidence, is the same for all of them.
        let lies = if number % 4 == 0 { 3 } else { 1 };
        wrong.extend(past_the_dispatcher(&mut crew, &id, denial, lies).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Hands the same work in by hand, and tries to pass it at every door: with the evidence as it is, and with as many other lies. Answers
/// what let it through, or said something else.
fn past_the_dispatcher(crew: &mut Crew, id: &str, denial: &str, lies: usize) -> Vec<String> {
    let judged = verdict(crew, id);
    let head = judged["commit"].as_str().expect("a commit").to_owned();
    crew.os(&["unblock", id]).ok();
    crew.os(&["claim", id, "--run", RUN]).ok();
    crew.os(&["start", id]).ok();
    crew.os(&["submit", id, "--head", &head]).ok();
    let mut honest = judged;
    (honest["verdict"], honest["run"], honest["holder"]) = ("pass".into(), JUDGE.into(), RUN.into());
    let mut bare = honest.clone();
    bare["checks"][0].as_object_mut().expect("a check").remove("proof");
    // As if the work had left the tests alone, or had changed nothing else.
    let mut invented = honest.clone();
    let proof = &mut invented["checks"][0]["proof"];
    (proof["head_code_base_tests"]["tree"], proof["base_code_head_tests"]["tree"]) =
        ("1".repeat(40).into(), "2".repeat(40).into());
    for key in ["gone", "lost"] {
        proof.as_object_mut().expect("a proof").remove(key);
    }
    let green = serde_json::json!({ "exit": 0, "output": "3".repeat(40), "millis": 1 });
    (proof["base"]["result"], proof["head_code_base_tests"]["result"]) = (green.clone(), green.clone());
    proof["base_code_head_tests"]["result"] = serde_json::json!({ "exit": 1, "output": "3".repeat(40), "millis": 1 });
    // A server takes all that came before a pass.
    let server = "git init -q --bare ../server.git; git push -q ../server.git main refs/os/meta; git os server install ../server.git\n\
                  git push -q ../server.git 'refs/heads/claude/*:refs/heads/claude/*' 'refs/os/tickets/*:refs/os/tickets/*'";
    crew.sandbox.sh("ws/hub", server).ok();
    let mut wrong = Vec::new();
    for (what, verdict, said) in [
        ("honest", honest, denial),
        ("bare", bare, "the policy marks check `tests` as tests, and the verdict lacks a result"),
        ("invented", invented, "what the verdict says of the test files of check `tests` is not so"),
    ]
    .into_iter()
    .take(lies)
    {
        let mut expect = |door: &str, out: crate::sandbox::Out| {
            if out.code == Some(0) || !out.said().contains(said) {
                wrong.push(format!("{what}, {door}: {out}"));
            }
        };
        crew.sandbox.write("ws/verdict.json", verdict.to_string());
        expect("pass", crew.os(&["pass", id, "--verdict", "../verdict.json"]));
        crew.sandbox.set("ID", id);
        crew.sandbox.set("VERDICT", &verdict.to_string());
        let forge = format!(
            "{TOOLS}{JUDGED}next $ID pass verified -e 's/^Os-Actor.*/Os-Actor: reviewer/' -e 's/^Os-By.*/Os-By: {JUDGE}/' | \
             judged $ID \"$VERDICT\""
        );
        let forged = crew.sandbox.sh("ws/hub", &forge).ok();
        let name = format!("refs/os/tickets/{id}");
        let tip = crew.sandbox.id("ws/hub", &name);
        expect("reference-transaction", crew.sandbox.git("ws/hub", &["update-ref", &name, &forged]));
        expect("pre-receive", crew.sandbox.git("ws/hub", &["push", "-q", "../server.git", &format!("{forged}:{name}")]));
        let past = |to: &str| crew.sandbox.git("ws/hub", &["-c", "core.hooksPath=/dev/null", "update-ref", &name, to]).ok();
        past(&forged);
        expect("fsck", crew.os(&["fsck"]));
        expect("gate", crew.os(&["merge", id]));
        past(&tip);
        crew.os(&["fsck"]).ok();
    }
    wrong
}

#[test]
fn a_check_that_runs_no_test_proves_nothing() {
    let work = "cat >/dev/null; for file in tests/*.t; do echo >$file; done; echo 'echo 1' >double.sh\n";
    let crew = workshop(&SHELL, work, "").expect("a shell");
    let id = ready(&crew, &[]);
    crew.os(&["dispatch"]).says("not verified: check `tests` ran no tests").ok();
    assert_eq!(crew.state(&id), "blocked");
}

#[test]
fn an_executor_cannot_let_its_own_work_change_tests() {
    let mut crew = workshop(&SHELL, "", "").expect("a shell");
    let id = ready(&crew, &[]);
    crew.os(&["claim", &id, "--run", RUN]).ok();
    crew.os(&["start", &id]).ok();
    crew.os(&["edit", &id, "--tests-may-change"]).fails("cannot edit: the ticket is `running`");
    crew.sandbox.set("ID", &id);
    let may_change = "-e 's/^Os-Schema.*/Os-Schema: 2/' -e '$aOs-Tests: may-change'";
    for (event, said) in [
        ("edit running", "cannot edit: the ticket is `running`"),
        ("renew running -e 's/^Os-Lease.*/Os-Lease: 2027-05-07T12:30:00Z/'", "title, brand, kind"),
        ("step running -e 's/^Os-Attempt.*/&\\nOs-Steps: S1=done\\nOs-Step: S1=done/'", "title, brand, kind"),
    ] {
        let forged = crew.sandbox.sh("ws/hub", &format!("{TOOLS}next $ID {event} {may_change} | commit $ID")).ok();
        crew.sandbox.git("ws/hub", &["update-ref", &format!("refs/os/tickets/{id}"), &forged]).fails(said);
    }
    // An agent may not edit at all, whichever way it asks.
    let agent = "cat >/dev/null; said=\"$(dirname \"$0\")/said\"\n\
                 git os edit \"$GIT_OS_TICKET\" --tests-may-change >\"$said\" 2>&1 || echo \"no\" >>\"$said\"\n\
                 GIT_OS_OUTBOX= git os edit \"$GIT_OS_TICKET\" --tests-may-change >>\"$said\" 2>&1 || echo \"no\" >>\"$said\"\n";
    crew.agent(agent);
    crew.os(&["release", &id]).ok();
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.sandbox.read("ws/said").matches("no\n").count(), 2, "{}", crew.sandbox.read("ws/said"));
    assert!(!crew.log(&id).contains("Os-Tests"), "{}", crew.log(&id));
    crew.os(&["fsck"]).ok();
}

#[test]
fn a_ticket_that_allows_it_changes_tests_and_says_so() {
    let agent = "cat >/dev/null; git rm -q tests/add.t add.sh; sed -i 's/doubles/twice/' tests/double.t\n";
    let crew = workshop(&SHELL, agent, "verifier = \"judge\"").expect("a shell");
    crew.judge("cat >\"$(dirname \"$0\")/judge-brief\"; echo '{\"verdict\":\"pass\",\"reasons\":[]}'\n");
    let id = ready(&crew, &["--tests-may-change"]);
    crew.os(&["edit", &id, "--tests-may-change=false"]).ok();
    crew.os(&["log", &id]).says("tests may change: yes -> no").ok();
    crew.os(&["edit", &id, "--tests-may-change"]).ok();
    crew.os(&["show", &id]).says("tests       may change").ok();
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    let brief = crew.sandbox.read("ws/judge-brief");
    assert!(brief.contains("It allows tests to change."), "{brief}");
    let message = crew.sandbox.git("ws/hub", &["log", "-1", "--format=%B", &format!("refs/os/tickets/{id}")]).ok();
    assert!(message.contains("Os-Schema: 2") && message.trim_end().ends_with("Os-Tests: may-change"), "{message}");
    crew.all_is_well();
}

#[test]
fn what_brought_tests_can_be_reverted() {
    let crew = workshop(&SHELL, &format!("cat >/dev/null; {FIX} echo 'is new 1 1' >tests/new.t"), "").expect("a shell");
    let id = ready(&crew, &["--kind", "fix"]);
    crew.os(&["dispatch"]).ok();
    crew.os(&["revert", &id]).ok();
    assert!(!crew.sandbox.path("ws/hub/tests/new.t").exists());
    crew.os(&["fsck"]).ok();
}

/// A project whose runner counts its runs in `ws/runs`.
fn counted(agent: &str, settings: &str) -> Crew {
    let crew = workshop(&SHELL, agent, settings).expect("a shell");
    let counting = RUNNER.replacen("n=0", "echo run >>../../../../runs; n=0", 1);
    crew.sandbox.write("ws/hub/tests/run.sh", counting);
    crew.sandbox.sh("ws/hub", "git commit -qam 'Count the runs'").ok();
    crew
}

/// How often the check ran since this was asked last.
fn runs(crew: &Crew) -> usize {
    let count = if crew.sandbox.path("ws/runs").exists() { crew.sandbox.read("ws/runs").lines().count() } else { 0 };
    crew.sandbox.write("ws/runs", "");
    count
}

/// Changes code and tests in a way of each ticket's own.
const EACH: &str = "cat >/dev/null; echo \"# $GIT_OS_TICKET\" >>add.sh; echo \"is more 1 1\" >>tests/add.t\n";

#[test]
fn what_a_verdict_says_is_not_run_again_and_a_cache_that_lies_costs_time_alone() {
    let crew = counted(EACH, "");
    let land = |crew: &Crew| {
        let id = ready(crew, &[]);
        crew.os(&["dispatch"]).ok();
        assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
        id
    };
    let known = ".git/os/proofs.json";
    land(&crew);
    assert_eq!(runs(&crew), 3, "head, base, and the base's tests on the head");
    // The base is the head of the ticket before.
    let id = land(&crew);
    assert_eq!(runs(&crew), 2);
    crew.os(&["show", &id]).says("known from an earlier verdict").ok();
    // Without it all is run again.
    crew.sandbox.sh("ws/hub", &format!("rm {known}")).ok();
    land(&crew);
    assert_eq!(runs(&crew), 3);
    for lie in [
        // What is named is no event, or no event of that ticket.
        "sed -i 's/\"event\":\"[0-9a-f]*\"/\"event\":\"1111111111111111111111111111111111111111\"/g'",
        "sed -i \"s/\\\"event\\\":\\\"[0-9a-f]*\\\"/\\\"event\\\":\\\"$(git rev-parse main)\\\"/g\"",
        "sed -i 's/\"ticket\":\"[^\"]*\"/\"ticket\":\"T-2026-05-07-hub-0000\"/g'",
        "printf '{\"version\":9}' >",
        "head -c 100000 /dev/zero >",
    ] {
        crew.sandbox.sh("ws/hub", &format!("{lie} {known}")).ok();
        land(&crew);
        assert_eq!(runs(&crew), 3, "{lie}");
    }
    land(&crew);
    assert_eq!(runs(&crew), 2);
    // An event that says it of other files, under the key of these.
    let mix = "sed -E 's/\"key\":\"[0-9a-f]+\"/\"key\":\"K\"/g' .git/os/proofs.json >../mixed; \
               keys=$(grep -o '\"key\":\"[0-9a-f]*\"' .git/os/proofs.json | tac); \
               for key in $keys; do sed -i \"0,/\\\"key\\\":\\\"K\\\"/s//$key/\" ../mixed; done; cp ../mixed .git/os/proofs.json";
    crew.sandbox.sh("ws/hub", mix).ok();
    land(&crew);
    assert_eq!(runs(&crew), 3);
    crew.os(&["fsck"]).ok();
}

#[test]
fn nobody_is_refused_for_what_is_remembered() {
    let crew = counted(EACH, "");
    let id = ready(&crew, &[]);
    crew.os(&["dispatch"]).ok();
    assert_eq!((crew.state(&id).as_str(), runs(&crew)), ("merged", 3));
    crew.agent("cat >/dev/null; git mv add.sh sum.sh; sed -i 's/add.sh/sum.sh/' tests/add.t\n");
    let id = ready(&crew, &[]);
    crew.os(&["dispatch"]).says("(known from an earlier verdict)").ok();
    assert_eq!((crew.state(&id).as_str(), runs(&crew)), ("blocked", 3), "head, mixture, and the base anew");
    assert!(crew.log(&id).contains("tests of the base fail on the code of the head"));
}

#[test]
fn a_verdict_from_before_the_policy_asked_for_proof_stays_good() {
    let crew = Crew::alone(
        "cat >/dev/null; echo $GIT_OS_TICKET >a\n",
        "max_attempts = 1\nchecks = [{ name = \"tests\", run = \"true\" }]",
    );
    let landed = crew.ready("Land");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&landed), "merged");
    // Verified, and not landed when the policy changes.
    let waiting = crew.sandbox.ticket("ws/hub", "Wait", "verifying");
    let verdict = crew.sandbox.verdict("ws/hub", &waiting).replace(
        "\"checks\":[]",
        &format!("\"checks\":[{{\"name\":\"tests\",\"run\":\"true\",\"exit\":0,\"output\":\"{}\",\"millis\":1}}]", waiting.head),
    );
    crew.sandbox.write("ws/verdict.json", verdict);
    crew.os(&["pass", &waiting.id, "--verdict", "../verdict.json"]).ok();
    let mut crew = crew;
    crew.sandbox.set("GIT_COMMITTER_DATE", "2026-05-08T12:00:00Z");
    let settings =
        "agent = \"crew\"\nmax_attempts = 1\nchecks = [{ name = \"tests\", run = \"true\", tests = [\"tests/**\"] }]\n";
    crew.registry(&["hub"], settings);
    crew.os(&["init"]).ok();
    crew.os(&["fsck"]).ok();
    assert_eq!(crew.state(&waiting.id), "verified");
    crew.os(&["merge", &waiting.id]).fails("the policy marks check `tests` as tests");
    // A new server takes the history as it is.
    crew.sandbox
        .sh(
            "ws/hub",
            "git init -q --bare ../server.git; git push -q ../server.git main refs/os/meta; git os server install ../server.git",
        )
        .ok();
    crew.sandbox
        .sh("ws/hub", "git push -q ../server.git 'refs/heads/claude/*:refs/heads/claude/*' 'refs/os/tickets/*:refs/os/tickets/*'")
        .ok();
    // What is handed in from now on is asked for proof.
    let id = crew.ready("New");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert!(crew.os(&["show", &id]).ok().contains("tests and code of the base"));
}

#[test]
fn a_verification_that_is_killed_in_a_trial_is_done_again() {
    let crew = counted(EACH, "");
    let waits = RUNNER.replacen(
        "n=0",
        "grep -q more tests/add.t || { test -e ../../../../once || { : >../../../../once; sleep 60; }; }; n=0",
        1,
    );
    crew.sandbox.write("ws/hub/tests/run.sh", waits);
    crew.sandbox.sh("ws/hub", "git commit -qam 'Wait once, without the work'").ok();
    let id = ready(&crew, &[]);
    let mut dispatch = crew.spawn(&["dispatch"]);
    crew.wait_for("ws/once");
    dispatch.kill().expect("killed");
    dispatch.wait().expect("ended");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    crew.all_is_well();
}

#[test]
fn what_the_head_left_in_ignored_files_is_not_there_for_the_base() {
    // The work's own tests leave behind what makes the code of the base fail.
    let work = "cat >/dev/null; echo 'test ! -e poison || exit 1' >>add.sh; echo 'echo >poison' >>tests/double.t; \
                echo 'echo $(($1 * 2))' >double.sh\n";
    let crew = workshop(&SHELL, work, "").expect("a shell");
    crew.sandbox
        .sh(
            "ws/hub",
            "echo poison >.gitignore; echo 'test ! -e poison || exit 1' >>double.sh; git add -A .; git commit -qm 'Ignore'",
        )
        .ok();
    let id = ready(&crew, &["--kind", "fix"]);
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "blocked", "{}", crew.log(&id));
    assert!(crew.log(&id).contains("no test that fails on its base"), "{}", crew.log(&id));
}

#[test]
fn patterns_that_cannot_be_used_are_refused_with_their_line() {
    let crew = workshop(&SHELL, "", "").expect("a shell");
    for (tests, said) in [
        ("[]", "`tests` of check `tests`: the patterns have to match the files of its tests, and no others"),
        ("[\"**\"]", "the patterns have to match the files of its tests, and no others"),
        ("[\"tests/{a\"]", "`tests` of check `tests`: error parsing glob"),
        ("\"tests/**\"", "`tests` of check `tests` is not an array of strings"),
        ("[1]", "`tests` of check `tests` is not an array of strings"),
    ] {
        let check = format!("checks = [{{ name = \"tests\", run = \"true\", tests = {tests} }}]\n");
        crew.registry(&["hub"], &format!("agent = \"crew\"\n{check}"));
        let out = crew.os(&["init"]).fails(said);
        assert!(out.contains("line 13"), "{out}");
    }
}
