//! Plain git carries the state: fetch, pull, clone and init.

use super::fleet::{BARE, Fleet, Plan};

#[test]
fn a_plain_fetch_brings_all_and_the_next_command_shows_it() {
    for init_args in ["", "--object-format=sha256", "--ref-format=reftable"] {
        if init_args.contains("reftable") && !crate::sandbox::gits()[0].is_since(2, 45) {
            continue;
        }
        let fleet = Fleet::new(2, Plan { init_args, is_judged: true, ..Plan::default() });
        let id = fleet.ready("m0", "From the first");
        fleet.os("m0", &["learn", "Exports are sorted by date, not by name"]).ok();
        fleet.os("m0", &["sync"]).ok();
        fleet.git("m1", &["fetch", "-q"]).ok();
        fleet.os("m1", &["list"]).says(&id).says("From the first").ok();
        fleet.os("m1", &["comment", &id, "seen"]).ok();
        fleet.os("m1", &["sync"]).ok();
        fleet.git("m0", &["pull", "-q"]).ok();
        fleet.os("m0", &["log", &id]).says("seen").ok();
        fleet.settle();
        fleet.all_agree();
    }
}

#[test]
fn it_is_the_same_over_ssh() {
    let mut fleet = Fleet::new(2, Plan { is_judged: true, ..Plan::default() });
    // What git speaks to an ssh is what counts here: this one logs in nowhere and runs the command in place.
    fleet.sandbox.script("bin/ssh-here", "#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nexec /bin/sh -c \"$1\"\n");
    let ssh = fleet.sandbox.path("bin/ssh-here").display().to_string();
    fleet.sandbox.set("GIT_SSH_COMMAND", &ssh);
    fleet.sandbox.set("GIT_SSH_VARIANT", "simple");
    let url = format!("somewhere:{}", fleet.sandbox.path(BARE).display());
    for machine in &fleet.machines {
        fleet.git(machine, &["remote", "set-url", "origin", &url]).ok();
    }
    let id = fleet.ready("m0", "Over there");
    fleet.os("m0", &["sync"]).ok();
    fleet.git("m1", &["fetch", "-q"]).ok();
    fleet.os("m1", &["claim", &id]).ok();
    fleet.os("m0", &["claim", &id]).fails("holds it");
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn a_clone_and_init_have_all_there_is() {
    let mut fleet = Fleet::new(1, Plan { is_judged: true, ..Plan::default() });
    let id = fleet.ready("m0", "Old news");
    fleet.os("m0", &["sync"]).ok();
    fleet.join("later", BARE);
    fleet.os("later", &["show", &id]).says("Old news").ok();
    fleet.all_agree();
}

#[test]
fn a_remote_that_is_away_is_named_and_holds_up_nobody() {
    let fleet = Fleet::new(1, Plan::default());
    let id = fleet.ready("m0", "Alone");
    fleet.sandbox.sh(".", &format!("mv {BARE} away")).ok();
    fleet.os("m0", &["sync"]).fails("cannot reach `origin`");
    fleet.os("m0", &["claim", &id]).fails("cannot reach remote");
    assert_eq!(fleet.sandbox.state("m0", &id), "ready");
    fleet.os("m0", &["comment", &id, "meanwhile"]).ok();
    fleet.sandbox.sh(".", &format!("mv away {BARE}")).ok();
    fleet.os("m0", &["claim", &id]).ok();
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn a_policy_may_allow_claims_while_the_remote_is_away() {
    let fleet = Fleet::new(2, Plan { settings: "offline_claims = \"allow\"\n", ..Plan::default() });
    let id = fleet.ready("m0", "On the train");
    fleet.settle();
    fleet.sandbox.sh(".", &format!("mv {BARE} away")).ok();
    fleet.os("m0", &["claim", &id]).ok();
    fleet.os("m1", &["claim", &id]).ok();
    fleet.sandbox.sh(".", &format!("mv away {BARE}")).ok();
    fleet.settle();
    fleet.all_agree();
    // Both were there; one of them came first, and the other is not forgotten.
    let events = fleet.events("m0", &id);
    assert_eq!(events, ["create", "approve", "claim", "conflict"]);
}

#[test]
fn a_pull_of_what_landed_elsewhere_passes_the_gate() {
    for settings in ["", "gate = \"all\"\n"] {
        let fleet = Fleet::new(2, Plan { is_judged: true, settings, ..Plan::default() });
        for _ in 0..2 {
            let id = fleet.ready("m0", "Work");
            fleet.os("m0", &["claim", &id]).ok();
            fleet.os("m0", &["start", &id]).ok();
            let head = fleet.sandbox.work("m0", &id);
            fleet.os("m0", &["submit", &id]).ok();
            // The second machine knows the ticket as it is handed in.
            fleet.os("m0", &["sync"]).ok();
            fleet.os("m1", &["sync"]).ok();
            fleet.os("m0", &["verify", &id]).ok();
            fleet.os("m0", &["merge", &id]).ok();
            fleet.git("m0", &["push", "-q", "origin", "main"]).fails("belongs to");
            fleet.os("m0", &["sync"]).ok();
            fleet.git("m0", &["push", "-q", "origin", "main"]).ok();
            fleet.os("m0", &["sync"]).ok();
            fleet.git("m1", &["pull", "-q", "--ff-only"]).ok();
            assert_eq!(fleet.sandbox.id("m1", "main"), head);
            fleet.os("m1", &["list", "--closed"]).says("merged").ok();
        }
        fleet.settle();
        fleet.all_agree();
    }
}

#[test]
fn locks_that_a_killed_fetch_left_hold_up_no_sync() {
    let fleet = Fleet::new(2, Plan { is_judged: true, ..Plan::default() });
    let branch = "claude/T-2026-01-01-repo-0000";
    fleet.git("m0", &["push", "-q", "origin", &format!("main:refs/heads/{branch}")]).ok();
    fleet.os("m1", &["sync"]).ok();
    fleet.git("m0", &["push", "-q", "origin", &format!(":refs/heads/{branch}")]).ok();
    let locks = ["packed-refs.lock".to_owned(), format!("refs/remotes/origin/{branch}.lock")];
    let new = fleet.ready("m0", "New");
    fleet.os("m0", &["sync"]).ok();
    for lock in &locks {
        fleet.sandbox.sh("m1", &format!("mkdir -p \"$(dirname .git/{lock})\" && touch -d '2 minutes ago' .git/{lock}")).ok();
    }
    fleet.os("m1", &["sync"]).ok();
    fleet.os("m1", &["show", &new]).says("New").ok();
    for lock in &locks {
        assert!(!fleet.sandbox.path(&format!("m1/.git/{lock}")).exists(), "{lock}");
    }
    assert_eq!(fleet.sandbox.refs("m1", &["refs/remotes/origin/claude"]), "");
}

#[test]
fn a_clone_without_the_registry_keeps_to_what_was_agreed() {
    let settings = "verifier = \"judge\"\ngrade = \"B\"\noffline_claims = \"allow\"\ngate = \"all\"\nmax_attempts = 5\n\
                    auto_commit = [\"registry.toml\"]\nchecks = [{ name = \"a \\\"b\\\"\", run = \"true\" }]\n\
                    [agents.judge]\nkind = \"command\"\nrun = [\"true\"]\n";
    let mut fleet = Fleet::new(1, Plan { is_judged: true, settings, ..Plan::default() });
    let id = fleet.ready("m0", "Agreed");
    fleet.os("m0", &["sync"]).ok();
    let agreed = fleet.sandbox.git(BARE, &["rev-parse", "refs/os/meta"]).ok();
    // As where nobody thought of committing it.
    fleet
        .sandbox
        .sh("seed", &format!("git rm -q --cached registry.toml && git commit -qm without && git push -q ../{BARE} main"))
        .ok();
    fleet.join("later", BARE);
    fleet.os("later", &["show", &id]).says("Agreed").ok();
    assert_eq!(fleet.git("later", &["rev-parse", "refs/os/meta"]).ok(), agreed);
    assert!(!fleet.sandbox.path("later/registry.toml").exists(), "the published one counts");
    fleet.settle();
    fleet.all_agree();
    // One repository of several cannot tell what the others are.
    let registry = fleet.sandbox.read("m0/registry.toml").replace("hub = \"repo\"", "hub = \"other\"");
    fleet.sandbox.write("m0/registry.toml", registry + "[[repo]]\nname = \"other\"\npath = \"../seed\"\nbrand = \"other\"\n");
    fleet.os("m0", &["init"]).ok();
    fleet.os("m0", &["sync"]).ok();
    fleet.git("later", &["clone", "-q", &format!("../{BARE}"), "../last"]).ok();
    let init = || crate::sandbox::Out::of("git os", &["init"], fleet.command("later", "last", "git-os").arg("init"));
    init().fails("has its registry in another repository");
    fleet.sandbox.git("last", &["remote", "set-url", "origin", "../nowhere.git"]).ok();
    init().fails("cannot get the policy of this repository");
}
