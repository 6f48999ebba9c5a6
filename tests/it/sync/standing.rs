//! What the doctor thinks of how a clone stands to the remote.

use super::fleet::{BARE, Fleet, Plan};
use crate::crew::Crew;
use crate::sandbox::Out;

fn examined(fleet: &Fleet, machine: &str) -> Out {
    fleet.os(machine, &["doctor", "--grade"])
}

#[test]
fn an_everyday_clone_has_grade_a_before_and_after_a_sync() {
    let fleet = Fleet::new(2, Plan::default());
    examined(&fleet, "m0").says("up to date with `origin`").says("grade A").ok();
    let ids: Vec<_> = (0..3).map(|number| fleet.ready("m0", &format!("Ticket {number}"))).collect();
    examined(&fleet, "m0").says("3 refs to push to `origin`").says("grade A").ok();
    fleet.os("m0", &["sync"]).ok();
    fleet.os("m1", &["sync"]).ok();
    // Both go on, and one of them has fetched.
    for machine in ["m0", "m1"] {
        fleet.os(machine, &["comment", &ids[0], machine]).ok();
        fleet.os(machine, &["claim", "--next"]).ok();
    }
    fleet.os("m0", &["sync"]).ok();
    fleet.git("m1", &["fetch", "-q"]).ok();
    examined(&fleet, "m1").says("grade A").ok();
    fleet.os("m1", &["reject", &fleet.new_ticket("m1", "No"), "--reason", "no"]).ok();
    fleet.os("m1", &["archive", "--after", "0m"]).ok();
    fleet.settle();
    examined(&fleet, "m0").says("up to date with `origin`").says("grade A").ok();
    fleet.sandbox.sh(".", &format!("mv {BARE} away")).ok();
    examined(&fleet, "m0").says("grade A").ok();
}

#[test]
fn what_stays_outside_is_named_by_the_doctor_until_it_is_mended() {
    let fleet = Fleet::new(2, Plan::default());
    let id = fleet.ready("m0", "Good");
    fleet.os("m0", &["sync"]).ok();
    let name = format!("refs/os/tickets/{id}");
    let script = format!(
        "forged=$(git cat-file commit {name} | sed 's/ready/verified/' | git hash-object -t commit -w --stdin)
         git update-ref {name} $forged; git update-ref refs/os/anything main"
    );
    fleet.sandbox.sh(BARE, &script).ok();
    for machine in ["m0", "m1"] {
        fleet.git(machine, &["fetch", "-q"]).ok();
    }
    examined(&fleet, "m1").fails("grade B");
    let said = examined(&fleet, "m0").fails("grade B");
    assert!(said.contains(&format!("`{name}` of `origin` is not merged")), "{said}");
    assert!(said.contains("`refs/os/anything` of `origin` is not merged: git-os has no such ref"), "{said}");
    fleet.git("m0", &["push", "-q", "--force", "origin", &name, ":refs/os/anything"]).ok();
    examined(&fleet, "m0").says("up to date with `origin`").says("grade A").ok();
    fleet.os("m1", &["sync"]).ok();
    examined(&fleet, "m1").says("up to date with `origin`").says("grade A").ok();
}

#[test]
fn months_of_work_that_nobody_else_knows_of_are_no_grade_a() {
    let fleet = Fleet::new(1, Plan::default());
    fleet.os("m0", &["learn", "Everything"]).ok();
    let many = "git for-each-ref --format='%(objectname)' refs/os/learnings | head -1 | while read -r tip; do
                    for n in $(seq 501); do echo create refs/os/learnings/n$n $tip; done; done | git update-ref --stdin";
    fleet.sandbox.sh("m0", many).ok();
    examined(&fleet, "m0").says("refs are not pushed to `origin`").fails("grade B");
    fleet.os("m0", &["sync"]).ok();
    examined(&fleet, "m0").says("grade A").ok();
}

#[test]
fn a_remote_that_hides_what_was_pushed_to_it_is_named() {
    let crew = Crew::with(&["hub"], "agent = \"crew\"\nremote = \"origin\"\n");
    crew.sandbox.sh("ws/hub", "git init -q --bare ../hub.git; git remote add origin ../hub.git; git push -q origin main").ok();
    let told = "`origin` shows none of the `refs/os/*` that were pushed to it: it hides them, as `uploadpack.hideRefs` and";
    // Nothing was pushed, and there is nothing to miss.
    crew.sandbox.sh("ws/hub.git", "git config transfer.hideRefs refs/os").ok();
    assert!(!crew.os(&["init"]).ok().contains(told));
    let _said =
        crew.os(&["sync"]).fails("a hidden ref): its `receive.hideRefs` or `transfer.hideRefs` hides refs that git-os needs");
    crew.sandbox.sh("ws/hub.git", "git config --unset transfer.hideRefs").ok();
    crew.os(&["sync"]).ok();
    crew.os(&["sync"]).ok();
    assert_eq!(crew.os(&["init"]).ok(), "hub: nothing to do");
    for key in ["uploadpack", "transfer"] {
        crew.sandbox.sh("ws/hub.git", &format!("git config {key}.hideRefs refs/os")).ok();
        crew.os(&["init"]).says(told).ok();
        crew.sandbox.sh("ws/hub.git", &format!("git config --unset-all {key}.hideRefs")).ok();
    }
    // Offline it says that alone.
    crew.sandbox.sh("ws", "mv hub.git away").ok();
    let out = crew.os(&["init"]).says("cannot reach `origin`").ok();
    assert!(!out.contains(told), "{out}");
}
