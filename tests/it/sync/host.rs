//! A host that runs no hooks of ours: nothing is refused there, and what its workflow runs finds it.

use super::fleet::{BARE, Fleet, Plan};
use crate::sandbox::Out;

/// What the workflows of all hosts run.
const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/hooks/workflows/check.sh");
/// The name of nothing.
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// One machine with a landed ticket, and a host that knows of both.
fn fleet(settings: &str) -> (Fleet, String) {
    let fleet = Fleet::new(1, Plan { settings: &format!("push = \"auto\"\n{settings}"), ..Plan::default() });
    let id = landed(&fleet);
    (fleet, id)
}

/// Takes a ticket through to its landing at the host.
fn landed(fleet: &Fleet) -> String {
    let id = fleet.ready("m0", "Work");
    for verb in ["claim", "start"] {
        fleet.os("m0", &[verb, &id]).ok();
    }
    fleet.sandbox.work("m0", &id);
    for verb in ["submit", "verify", "merge"] {
        fleet.os("m0", &[verb, &id]).ok();
    }
    assert_eq!(fleet.sandbox.state(BARE, &id), "merged");
    id
}

/// What a runner does: a fresh clone, as little of it as hosts give, and the script in it.
fn check(fleet: &Fleet, moved: &[&str]) -> Out {
    let url = format!("file://{}", fleet.sandbox.path(BARE).display());
    let before = fleet.sandbox.refs(BARE, &[]);
    let script = format!("rm -rf runner; git clone -q --depth 1 {url} runner; cd runner; exec sh {CHECK} \"$@\"");
    let mut command = fleet.sandbox.command(".", "/bin/sh");
    let out = Out::of("check.sh", moved, command.args(["-ec", &script, "check"]).args(moved));
    assert_eq!(fleet.sandbox.refs(BARE, &[]), before, "it only looks");
    out
}

#[track_caller]
fn finds(out: Out, what: &str) {
    assert_eq!(out.code, Some(1), "{out}");
    let _said = out.says(what);
}

#[test]
fn honest_history_passes_the_check_of_a_host() {
    for (settings, init_args) in [("", ""), ("gate = \"all\"\n", ""), ("", "--object-format=sha256")] {
        let plan = Plan { settings: &format!("push = \"auto\"\n{settings}"), init_args, ..Plan::default() };
        let fleet = Fleet::new(1, plan);
        let old = fleet.sandbox.id(BARE, "main");
        landed(&fleet);
        let new = fleet.sandbox.id(BARE, "main");
        assert_ne!(old, new);
        check(&fleet, &[]).ok();
        check(&fleet, &[&old, &new, "refs/heads/main"]).ok();
        // A workflow may be late, and the first one of a branch is told of nothing before.
        landed(&fleet);
        check(&fleet, &[&old, &new, "refs/heads/main"]).ok();
        // By then somebody works on top of what was pushed by hand.
        let main = fleet.sandbox.id(BARE, "main");
        if settings.is_empty() {
            fleet.sandbox.sh("m0", "git commit -q --allow-empty -m 'By hand' && git push -q origin main").ok();
            let id = fleet.ready("m0", "Under way");
            for verb in ["claim", "start"] {
                fleet.os("m0", &[verb, &id]).ok();
            }
            fleet.sandbox.work("m0", &id);
            fleet.os("m0", &["submit", &id]).ok();
            fleet.os("m0", &["sync"]).ok();
            check(&fleet, &[&main, &fleet.sandbox.id(BARE, "main"), "refs/heads/main"]).ok();
        }
        check(&fleet, &[&NOTHING.repeat(2)[..old.len()], &new, "refs/heads/main"]).ok();
        fleet.os("m0", &["archive", "--after", "0m"]).ok();
        fleet.os("m0", &["sync"]).ok();
        check(&fleet, &[]).ok();
    }
}

#[test]
fn a_branch_that_was_moved_past_the_gate_fails_the_check_of_a_host() {
    let (fleet, _) = fleet("");
    let id = fleet.ready("m0", "Not verified");
    for verb in ["claim", "start"] {
        fleet.os("m0", &[verb, &id]).ok();
    }
    let (old, new) = (fleet.sandbox.id(BARE, "main"), fleet.sandbox.work("m0", &id));
    fleet.os("m0", &["submit", &id]).ok();
    fleet.os("m0", &["sync"]).ok();
    // The host takes it.
    fleet.git("m0", &["-c", "core.hooksPath=/dev/null", "push", "-q", "origin", &format!("{new}:main")]).ok();
    finds(check(&fleet, &[&old, &new, "refs/heads/main"]), &format!("belongs to ticket {id}"));
    finds(check(&fleet, &[]), &format!("of ticket {id}, which is `verifying`"));
}

#[test]
fn landed_work_that_was_dropped_fails_the_check_of_a_host() {
    let (fleet, id) = fleet("");
    let old = fleet.sandbox.id(BARE, "main");
    fleet.git("m0", &["-c", "core.hooksPath=/dev/null", "push", "-q", "--force", "origin", "main~1:main"]).ok();
    let new = fleet.sandbox.id(BARE, "main");
    finds(check(&fleet, &[&old, &new, "refs/heads/main"]), &id);
    finds(check(&fleet, &[]), "its work in a protected branch");
}

#[test]
fn a_forged_ticket_fails_the_check_of_a_host() {
    let (fleet, _) = fleet("");
    let id = fleet.ready("m0", "Good");
    fleet.os("m0", &["sync"]).ok();
    let main = fleet.sandbox.id(BARE, "main");
    let moved = [main.as_str(), main.as_str(), "refs/heads/main"];
    check(&fleet, &moved).ok();
    let script = format!(
        "forged=$(git cat-file commit refs/os/tickets/{id} | sed 's/ready/verified/' | git hash-object -t commit -w --stdin)
         git push -q --force origin $forged:refs/os/tickets/{id}"
    );
    fleet.sandbox.sh("m0", &script).ok();
    // No push of a branch tells of it: the one that comes next does, and so does the schedule.
    finds(check(&fleet, &moved), &format!("refs/os/tickets/{id}"));
    finds(check(&fleet, &[]), &format!("refs/os/tickets/{id}"));
}

#[test]
fn what_cannot_be_judged_does_not_pass_the_check_of_a_host() {
    let (fleet, _) = fleet("");
    fleet.sandbox.git(BARE, &["update-ref", "-d", "refs/os/meta"]).ok();
    let out = check(&fleet, &[]);
    assert!(!matches!(out.code, Some(0 | 1)), "{out}");
}

#[test]
fn clones_keep_what_was_rewound_deleted_or_forged_at_a_host() {
    let (fleet, _) = fleet("");
    let id = fleet.ready("m0", "Good");
    fleet.os("m0", &["sync"]).ok();
    let (name, tip) = (format!("refs/os/tickets/{id}"), fleet.sandbox.id(BARE, &format!("refs/os/tickets/{id}")));
    fleet.sandbox.git(BARE, &["update-ref", &name, &format!("{name}~1")]).ok();
    fleet.os("m0", &["sync"]).ok();
    assert_eq!(fleet.sandbox.id(BARE, &name), tip);
    fleet.sandbox.git(BARE, &["update-ref", "-d", &name]).ok();
    fleet.os("m0", &["sync"]).ok();
    assert_eq!(fleet.sandbox.id(BARE, &name), tip);
    let script = format!(
        "forged=$(git cat-file commit {name} | sed 's/ready/verified/' | git hash-object -t commit -w --stdin)
         git update-ref {name} $forged"
    );
    fleet.sandbox.sh(BARE, &script).ok();
    fleet.os("m0", &["sync"]).fails("cannot update `");
    assert_eq!(fleet.sandbox.state("m0", &id), "ready");
    fleet.os("m0", &["claim", &id]).fails("it records the state `verified`");
    // By hand, as the page says.
    fleet.git("m0", &["push", "-q", "--force", "origin", &name]).ok();
    fleet.os("m0", &["claim", &id]).ok();
    fleet.all_agree();
}
