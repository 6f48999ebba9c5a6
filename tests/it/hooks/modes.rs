//! What the gate's three modes do differently, and repositories that began without a commit.

use super::stage::Stage;
use crate::sandbox::{Sandbox, gits};

#[test]
fn where_all_is_gated_nothing_but_verified_work_and_auto_commit_paths_land() {
    for git in gits() {
        let sandbox = Sandbox::with_git(&git);
        sandbox.workspace(&["r"], "gate = \"all\"\nauto_commit = [\"wiki/**\"]\n");
        let refused = [
            "git commit -q --allow-empty -m x || exit 1",
            "echo x >c; git add c; git commit -q -m x",
            "mkdir -p wiki; echo x >wiki/a; echo x >c; git add c wiki; git commit -q -m x",
            "git commit -q --amend -m x",
            "git reset -q --hard HEAD~1",
            "git switch -q -c b; echo x >c; git add c; git commit -q -m x; git switch -q main; git merge -q b",
            "git switch -q -c b; echo x >c; git add c; git commit -q -m x; git switch -q main; git merge -q --no-ff --no-edit b",
        ];
        for script in &refused[1..] {
            let before = sandbox.id("r", "main");
            let out = sandbox.sh("r", script);
            println!("git {} | all | {script} | {}", git.version, if out.code == Some(0) { "ALLOWED" } else { "refused" });
            assert!(out.code != Some(0), "{out}");
            assert_eq!(sandbox.id("r", "main"), before);
            sandbox.sh("r", "git merge --abort || :; git symbolic-ref HEAD refs/heads/main; git reset -q --hard; git branch -D b || :; rm -rf c wiki").ok();
        }
        sandbox.sh("r", "mkdir -p wiki; echo x >wiki/a; git add wiki; git commit -q -m wiki").ok();
        sandbox.sh("r", "git commit -q --allow-empty -m empty").ok();
        sandbox.sh("r", "git checkout -q -b other; echo x >c; git add c; git commit -q -m x; git commit -q --amend -m y; git switch -q main").ok();
        let ticket = sandbox.ticket("r", "Work", "merged");
        sandbox.os("r", &["fsck"]).ok();
        sandbox.sh("r", "git revert --no-edit HEAD").fails("refusing to update");
        sandbox.sh("r", "git reset -q --hard; git -c core.hooksPath=/dev/null commit -q --allow-empty -m e; git -c core.hooksPath=/dev/null merge -q --no-edit other").ok();
        let _said = sandbox.os("r", &["fsck"]).fails("belongs to no verified ticket");
        assert_eq!(sandbox.state("r", &ticket.id), "merged");
    }
}

#[test]
fn where_nothing_is_gated_branches_are_free_and_our_refs_are_not() {
    for git in gits() {
        let stage = Stage::new(&git, "gate = \"off\"\n");
        let sandbox = &stage.sandbox;
        sandbox.sh("r", "git merge -q --no-edit $WORK; git reset -q --hard $MAIN~1; git commit -q --amend -m x; git merge -q --no-edit $WORK").ok();
        sandbox.sh("r", "git checkout -q --detach; git branch -D main; git branch main $MAIN; git switch -q main").ok();
        let _said = sandbox.sh("r", "git update-ref -d refs/os/tickets/$OPEN").fails("refusing to update");
        sandbox.os("r", &["fsck"]).ok();
        assert_eq!(sandbox.state("r", &stage.landed.id), "merged");
    }
}

#[test]
fn a_gate_that_is_changed_holds_from_the_next_command_on() {
    for git in gits() {
        let stage = Stage::new(&git, "gate = \"off\"\n");
        stage.sandbox.registry(&["r"], "gate = \"all\"\n");
        stage.sandbox.os("r", &["init"]).says("policy updated").says("hooks installed").ok();
        let _said = stage
            .sandbox
            .sh("r", "git commit -q --allow-empty -m x && echo x >c && git add c && git commit -q -m x")
            .fails("refusing to update");
        stage.sandbox.os("r", &["init"]).says("nothing to do").ok();
    }
}

#[test]
fn a_repository_without_a_commit_can_begin_under_git_os() {
    for git in gits() {
        for mode in ["tickets", "all"] {
            let sandbox = Sandbox::with_git(&git);
            sandbox.sh(".", "git init -q r").ok();
            sandbox.registry(&["r"], &format!("gate = \"{mode}\"\n"));
            sandbox.os("r", &["init"]).ok();
            sandbox.os("r", &["new", "Before the first commit"]).ok();
            sandbox.sh("r", "echo a >a; git add a; git commit -q -m first").ok();
            sandbox.os("r", &["fsck"]).ok();
            sandbox.ticket("r", "Work", "merged");
            sandbox.os("r", &["init"]).ok();
            sandbox.os("r", &["fsck"]).ok();
            let next = sandbox.sh("r", "git commit -q --allow-empty -m x; echo x >c; git add c; git commit -q -m second");
            assert_eq!(next.code == Some(0), mode == "tickets", "{next}");
        }
    }
}

#[test]
fn where_all_is_gated_no_name_of_a_file_is_a_way_in() {
    for git in gits() {
        let sandbox = Sandbox::with_git(&git);
        sandbox.workspace(&["r"], "gate = \"all\"\nauto_commit = [\"wiki/**\"]\n");
        sandbox.sh("r", "mkdir wiki && echo a >wiki/a && git add wiki && git commit -q -m page").ok();
        let odd = "name=$(printf '\\377'); echo x >\"$name\"; git add \"$name\"; git commit -q -m odd";
        let _said = sandbox.sh("r", odd).fails("refusing to update");
        sandbox
            .sh(
                "r",
                "git reset -q --hard; mkdir -p wiki; echo b >\"wiki/$(printf '\\377')\"; git add wiki; git commit -q -m page",
            )
            .ok();
        sandbox.os("r", &["fsck"]).ok();
    }
}
