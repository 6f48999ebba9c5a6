//! What git lets pass without a hook: found by `git os fsck`, shown and not acted on; and what is no finding at all.

use super::stage::Stage;
use crate::sandbox::{Sandbox, gits};

/// A name, lines of shell that go around the hooks, and what fsck has to say.
type Bypass = (&'static str, &'static str, &'static str);

const BYPASSES: &[Bypass] = &[
    (
        "no hooks, main to work",
        "git -c core.hooksPath=/dev/null merge -q --ff-only $WORK",
        "refs/heads/main: the branch contains unverified commit",
    ),
    (
        "no hooks, main to a squash of work",
        "git merge -q --squash $WORK; git -c core.hooksPath=/dev/null commit -q -m s",
        "refs/heads/main: the branch contains unverified commit",
    ),
    (
        "no hooks, by GIT_CONFIG_COUNT",
        "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/dev/null git reset -q --hard $WORK",
        "refs/heads/main: the branch contains unverified commit",
    ),
    (
        "no hooks, main without landed work",
        "git -c core.hooksPath=/dev/null reset -q --hard $MAIN~1",
        "refs/os/tickets/$LANDED: ",
    ),
    (
        "no hooks, main deleted",
        "git -c core.hooksPath=/dev/null update-ref -d refs/heads/main",
        "refs/heads/main: the branch is missing",
    ),
    (
        "no hooks, work committed on a branch and not handed in",
        "cd ../r; git worktree add -q ../w claude/$RUNNING; (cd ../w; git commit -q --allow-empty -m w); git -c core.hooksPath=/dev/null merge -q claude/$RUNNING; git worktree remove ../w",
        "refs/heads/main: the branch contains unverified commit",
    ),
    (
        "branch -C",
        "git branch -q side $WORK; git checkout -q --detach; git branch -C side main",
        "refs/heads/main: the branch contains unverified commit",
    ),
    (
        "branch -M",
        "git branch -q side $WORK; git checkout -q --detach; git branch -m main old || git -c core.hooksPath=/dev/null branch -m main old; git branch -m side main",
        "refs/heads/main: the branch contains unverified commit",
    ),
    ("a ref file", "echo $WORK >.git/refs/heads/main", "refs/heads/main: the branch contains unverified commit"),
    (
        "a ref file that is symbolic",
        "echo ref: refs/heads/claude/$OPEN >.git/refs/heads/main",
        "refs/heads/main: it is a symbolic ref",
    ),
    ("a ref file of garbage", "echo garbage >.git/refs/heads/main", "refs/heads/main: it is a broken ref"),
    (
        "a ref file of an object that is not there",
        "echo 0123456789012345678901234567890123456789 >.git/refs/heads/main",
        "refs/heads/main: commit ",
    ),
    (
        "packed-refs",
        "git pack-refs --all; sed -i \"s,.* refs/heads/main\\$,$WORK refs/heads/main,\" .git/packed-refs",
        "refs/heads/main: the branch contains unverified commit",
    ),
    (
        "a ticket's file, rewound",
        "git rev-parse refs/os/tickets/$LANDED~3 >.git/refs/os/tickets/$OPEN",
        "refs/os/tickets/$OPEN: ",
    ),
    ("a ticket's file, code", "echo $MAIN >.git/refs/os/tickets/$OPEN", "refs/os/tickets/$OPEN: "),
    ("a ticket's file, a blob", "git rev-parse $MAIN:a >.git/refs/os/tickets/$OPEN", "refs/os/tickets/$OPEN: "),
    (
        "a ticket's file, nothing",
        "echo 0123456789012345678901234567890123456789 >.git/refs/os/tickets/$OPEN",
        "refs/os/tickets/$OPEN: ",
    ),
    ("a ticket's file, garbage", "echo garbage >.git/refs/os/tickets/$OPEN", "refs/os/tickets/$OPEN: "),
    ("a ticket's file, symbolic", "echo ref: refs/os/tickets/$VERIFIED >.git/refs/os/tickets/$OPEN", "refs/os/tickets/$OPEN: "),
    (
        "packed tickets",
        "git pack-refs --all; sed -i \"s,.* refs/os/tickets/$OPEN\\$,$MAIN refs/os/tickets/$OPEN,\" .git/packed-refs",
        "refs/os/tickets/$OPEN: ",
    ),
    (
        "a foreign ref",
        "git -c core.hooksPath=/dev/null update-ref refs/os/foreign $MAIN",
        "refs/os/foreign: git-os has no such ref",
    ),
    (
        "a note",
        "git -c core.hooksPath=/dev/null notes --ref=os/verdicts add -m pass $WORK",
        "refs/notes/os/verdicts: no ticket has the verdict in the note on commit",
    ),
    (
        "no hooks, the policy",
        "git -c core.hooksPath=/dev/null update-ref refs/os/meta $(git commit-tree -m x refs/os/meta^{tree})",
        "another repository",
    ),
];

#[test]
fn what_goes_around_the_hooks_is_found() {
    let mut wrong = Vec::new();
    for git in gits() {
        let mut stage = Stage::new(&git, "");
        let running = stage.sandbox.ticket("r", "Running", "running");
        stage.sandbox.set("RUNNING", &running.id);
        stage.sandbox.git("r", &["branch", &format!("claude/{}", running.id)]).ok();
        let sandbox = &stage.sandbox;
        sandbox.os("r", &["fsck"]).ok();
        for (name, script, said) in BYPASSES {
            let refs = stage.refs();
            // Later gits take folders away that became empty.
            sandbox.sh("r", &format!("mkdir -p .git/refs/os/tickets; {script}")).ok();
            let said = sandbox.sh("r", &format!("printf %s \"{said}\"")).stdout;
            let fsck = sandbox.os("r", &["fsck"]);
            println!("git {} | {name} | {}", git.version, if fsck.code == Some(1) { "found" } else { "MISSED" });
            if fsck.code != Some(1) || !fsck.stdout.contains(&said) {
                wrong.push(format!("git {}: {name}: not `{said}` but {fsck}", git.version));
            }
            let changed = said.strip_prefix("refs/os/tickets/").and_then(|rest| rest.strip_suffix(": "));
            if let Some(id) = changed.filter(|id| *id != stage.landed.id) {
                let list = sandbox.os("r", &["list"]);
                if list.code != Some(0) || list.stdout.contains(id) {
                    wrong.push(format!("git {}: {name}: {list}", git.version));
                }
                for verb in [vec!["comment", id, "x"], vec!["block", id, "--reason", "x"]] {
                    let out = sandbox.os("r", &verb);
                    if out.code == Some(0) {
                        wrong.push(format!("git {}: {name}: {out}", git.version));
                    }
                }
            }
            sandbox.sh("r", "rm -f .git/refs/heads/main .git/refs/os/tickets/$OPEN; git worktree prune").ok();
            stage.restore(&refs);
            sandbox
                .git("r", &["-c", "core.hooksPath=/dev/null", "update-ref", &format!("refs/heads/claude/{}", running.id), "main"])
                .ok();
            stage.tidy();
            let clean = sandbox.os("r", &["fsck"]);
            if clean.code != Some(0) {
                wrong.push(format!("git {}: {name}: restored: {clean}", git.version));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_was_done_to_main_past_the_hooks_can_be_put_right_with_them() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        stage
            .sandbox
            .sh("r", "git checkout -q --detach && git -c core.hooksPath=/dev/null branch -q -D main && git branch main $MAIN")
            .ok();
        stage.sandbox.sh("r", "git -c core.hooksPath=/dev/null branch -q -f main $WORK && git branch -q -f main $MAIN").ok();
        stage.sandbox.sh("r", "git -c core.hooksPath=/dev/null symbolic-ref refs/heads/main refs/heads/claude/$OPEN").ok();
        stage.sandbox.sh("r", "git update-ref --no-deref refs/heads/main $MAIN").ok();
        stage.sandbox.os("r", &["fsck"]).ok();
    }
}

#[test]
fn work_under_way_on_top_of_human_commits_is_no_finding_and_keeps_nobody_from_them() {
    for git in gits() {
        let sandbox = Sandbox::with_git(&git);
        sandbox.workspace(&["r"], "");
        sandbox.sh("r", "git commit -q --amend -m 'two, amended after init'").ok();
        for state in ["running", "verifying", "verified"] {
            sandbox.sh("r", "for n in 1 2; do git commit -q --allow-empty -m $n; done").ok();
            let ticket = sandbox.ticket("r", "Work", state);
            let branch = format!("claude/{}", ticket.id);
            if state == "running" {
                sandbox.sh("r", &format!("git branch {branch} && git switch -q {branch} && git commit -q --allow-empty -m w && git switch -q main")).ok();
            }
            sandbox.os("r", &["fsck"]).ok();
            sandbox.sh("r", "git reset -q --hard HEAD~1; git reset -q --hard ORIG_HEAD; git reset -q --hard HEAD~2; git merge -q ORIG_HEAD").ok();
            sandbox.os("r", &["fsck"]).ok();
            let _said =
                sandbox.git("r", &["merge", &branch]).code.filter(|code| state == "verified" || *code != 0).expect("refused");
            sandbox.git("r", &["reset", "-q", "--hard"]).ok();
        }
        sandbox.os("r", &["fsck"]).ok();
    }
}
