//! A person rebases a protected branch over what others have: landed work goes along, and is neither lost nor done twice.

use crate::sandbox::{Sandbox, Ticket};
use crate::sync::fleet::{Fleet, Plan};

/// A hub where work has landed, and `up`, where somebody else went on before it.
fn landed(settings: &str) -> (Sandbox, Ticket) {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], settings);
    sandbox.sh("hub", "printf 'registry.toml\n' >>.git/info/exclude; git branch up").ok();
    let ticket = sandbox.ticket("hub", "Do it", "merged");
    sandbox.sh("hub", "git switch -q up; echo up >up; git add up; git commit -qm up; git switch -q main").ok();
    (sandbox, ticket)
}

/// The commit that stands for the work in the branch, as plain git shows it.
fn copy(sandbox: &Sandbox, dir: &str, ticket: &Ticket) -> String {
    let format = "--format=%(trailers:key=Os-Copy,valueonly,separator=)";
    sandbox.git(dir, &["for-each-ref", format, &format!("refs/os/tickets/{}", ticket.id)]).stdout.trim().to_owned()
}

/// Nothing is wrong with the ticket, and git-os finds that by itself from the commits.
#[track_caller]
fn is_well(sandbox: &Sandbox, dir: &str, ticket: &Ticket) {
    assert_eq!(sandbox.state(dir, &ticket.id), "merged");
    sandbox.sh(dir, "rm -f .git/os/board").ok();
    sandbox.os(dir, &["fsck"]).ok();
    let said = sandbox.os(dir, &["doctor"]).ok();
    assert!(!said.contains("FAIL"), "{said}");
    sandbox.os(dir, &["list", "--all"]).ok();
}

#[test]
fn landed_work_goes_along_with_a_rebase() {
    for goes_on in [false, true] {
        let (sandbox, ticket) = landed("");
        if goes_on {
            sandbox.sh("hub", "echo own >own; git add own; git commit -qm own").ok();
        }
        let at = if goes_on { "main~1" } else { "main" };
        sandbox.git("hub", &["rebase", "-q", "up"]).ok();
        assert_eq!(copy(&sandbox, "hub", &ticket), sandbox.id("hub", at));
        is_well(&sandbox, "hub", &ticket);
        assert!(sandbox.os("hub", &["show", &ticket.id]).ok().contains(&sandbox.id("hub", at)));
        // Once more, over something new.
        sandbox.sh("hub", "git switch -q up; echo 2 >up; git commit -qam up2; git switch -q main; git rebase -q up").ok();
        assert_eq!(copy(&sandbox, "hub", &ticket), sandbox.id("hub", at));
        is_well(&sandbox, "hub", &ticket);
        // The work itself is kept, although no branch has it.
        sandbox.os("hub", &["merge", &ticket.id]).ok();
        sandbox
            .sh(
                "hub",
                &format!("git branch -q -D claude/{}; git reflog expire --expire=now --all; git gc -q --prune=now", ticket.id),
            )
            .ok();
        assert_eq!(sandbox.id("hub", &format!("{}^{{commit}}", ticket.head)), ticket.head);
        sandbox.os("hub", &["revert", &ticket.id]).ok();
        assert_eq!(sandbox.sh("hub", "git ls-tree -r --name-only main -- work").ok(), "");
        is_well(&sandbox, "hub", &ticket);
    }
}

#[test]
fn a_rebase_that_leaves_out_landed_work_is_refused() {
    let spoil = [
        ("left out", "GIT_SEQUENCE_EDITOR=true git rebase -q --onto up main"),
        ("changed", "git reset -q --hard up; mkdir -p work; echo else >work/x; git add work; git commit -qm 'Work, but else'"),
        ("amended", "echo more >more; git add more; git commit -q --amend --no-edit"),
    ];
    for (what, script) in spoil {
        let (sandbox, ticket) = landed("");
        let before = sandbox.refs("hub", &["refs/heads", "refs/os"]);
        let said = sandbox.sh("hub", script).said();
        assert!(said.contains("would drop commit"), "{what}: {said}");
        sandbox.sh("hub", "git rebase --abort 2>/dev/null || git reset -q --hard main").said();
        assert_eq!(sandbox.refs("hub", &["refs/heads", "refs/os"]), before, "{what}");
        is_well(&sandbox, "hub", &ticket);
    }
}

#[test]
fn where_everything_is_gated_nothing_landed_is_rebased() {
    let (sandbox, ticket) = landed("gate = \"all\"");
    let before = sandbox.refs("hub", &["refs/heads/main", "refs/os"]);
    let said = sandbox.git("hub", &["rebase", "up"]).said();
    assert!(said.contains("would drop commit"), "{said}");
    sandbox.git("hub", &["rebase", "--abort"]).said();
    assert_eq!(sandbox.refs("hub", &["refs/heads/main", "refs/os"]), before);
    is_well(&sandbox, "hub", &ticket);
}

#[test]
fn a_rebase_that_no_hook_saw_is_followed_by_whoever_comes_next() {
    for heals in [&["start", "--yes"][..], &["fsck", "--repair"]] {
        let (sandbox, ticket) = landed("");
        sandbox.sh("hub", "git -c core.hooksPath=/dev/null rebase -q up; rm -f .git/os/board").ok();
        let _said = sandbox.os("hub", &["fsck"]).fails(&ticket.id);
        sandbox.os("hub", heals).ok();
        assert_eq!(copy(&sandbox, "hub", &ticket), sandbox.id("hub", "main"), "{heals:?}");
        is_well(&sandbox, "hub", &ticket);
    }
}

#[test]
fn after_a_rebase_the_branch_can_go_back_to_where_it_was() {
    let (sandbox, ticket) = landed("");
    sandbox.sh("hub", "git rebase -q up; git reset -q --hard main@{1}").ok();
    assert_eq!(sandbox.id("hub", "main"), ticket.head);
    is_well(&sandbox, "hub", &ticket);
    sandbox.sh("hub", "git rebase -q up").ok();
    assert_eq!(copy(&sandbox, "hub", &ticket), sandbox.id("hub", "main"));
    is_well(&sandbox, "hub", &ticket);
}

#[test]
fn a_copy_is_believed_wherever_it_arrives() {
    for is_judged in [false, true] {
        let fleet = Fleet::new(2, Plan { is_judged, ..Plan::default() });
        let here = &fleet.sandbox;
        let ticket = here.ticket("m0", "Do it", "merged");
        here.sh("m1", "echo up >up; git add up; git commit -qm up; git push -q origin main").ok();
        here.sh("m0", "git pull -q --rebase").ok();
        let landed = here.id("m0", "main");
        assert_eq!(copy(here, "m0", &ticket), landed);
        // Nobody is told of a landing before it is there.
        here.os("m0", &["sync"]).ok();
        here.os("m1", &["sync"]).ok();
        assert_eq!(here.state("m1", &ticket.id), "verified");
        here.sh("m0", "git push -q origin main; git os sync").ok();
        here.sh("m1", "git os sync; git pull -q").ok();
        assert_eq!(copy(here, "m1", &ticket), landed);
        for machine in ["m0", "m1"] {
            is_well(here, machine, &ticket);
        }
        // One that never had the work itself.
        here.sh(
            ".",
            &format!("git clone -q file://$PWD/shared.git m2; cd m2; git os init; git push -q origin :claude/{} || :", ticket.id),
        )
        .ok();
        is_well(here, "m2", &ticket);
        assert_eq!(here.id("m2", &format!("{}^{{commit}}", ticket.head)), "");
        let _said = here.os("m2", &["revert", &ticket.id]).fails(&format!("the branch has a copy of it that ends at {landed}"));
    }
}

#[test]
fn two_that_land_the_same_work_come_to_one_history() {
    let fleet = Fleet::new(2, Plan::default());
    let here = &fleet.sandbox;
    let ticket = here.ticket("m0", "Do it", "verified");
    here.os("m0", &["sync"]).ok();
    here.os("m1", &["sync"]).ok();
    here.sh("m0", &format!("git merge -q --ff-only {}", ticket.head)).ok();
    here.sh("m1", "echo up >up; git add up; git commit -qm up; git push -q origin main").ok();
    // Another committer, so that the two copies are not the same commit.
    here.sh("m0", "git -c user.name=Other pull -q --rebase").ok();
    assert_ne!(copy(here, "m0", &ticket), "");
    here.os("m1", &["merge", &ticket.id]).ok();
    assert_ne!(here.id("m0", "main"), here.id("m1", "main"));
    here.sh("m0", "git os sync; git push -q; git os sync").ok();
    here.sh("m1", "git pull -q --rebase; git os sync").ok();
    here.os("m0", &["sync"]).ok();
    for machine in ["m0", "m1"] {
        is_well(here, machine, &ticket);
    }
    for name in ["main".to_owned(), format!("refs/os/tickets/{}", ticket.id)] {
        assert_eq!(here.id("m0", &name), here.id("m1", &name), "{name}");
    }
}
