//! A refusal in the midst: git's commands make several transactions, and when one is refused after another has passed, nothing may be lost.

use super::stage::Stage;
use crate::sandbox::{Sandbox, gits};

/// All refs, where HEAD is and what it stands for, the reflogs, the settings of branches, and what is not committed.
fn shown(sandbox: &Sandbox) -> String {
    let script = "git for-each-ref; cat .git/HEAD; git rev-parse HEAD; find .git/logs/refs -type f | sort | xargs wc -l
                  git config --get-regexp '^branch' || :; git stash list; git status --porcelain --untracked-files=no";
    sandbox.sh("r", script).ok()
}

/// The same without the reflogs.
fn without_logs(shown: &str) -> String {
    shown.lines().filter(|line| !line.contains(".git/logs") && !line.ends_with(" total")).collect::<Vec<_>>().join("\n")
}

/// Runs a command that is refused with this, and after which everything is as it was.
#[track_caller]
fn loses_nothing(stage: &Stage, setup: &str, command: &str, says: &[&str]) {
    let refs = stage.sandbox.refs("r", &["refs/heads"]);
    stage.sandbox.sh("r", setup).ok();
    let before = shown(&stage.sandbox);
    let out = stage.sandbox.sh("r", command);
    assert_ne!(out.code, Some(0), "`{command}` is let through\n{}", out.said());
    for text in says {
        assert!(out.said().contains(text), "`{command}` does not say `{text}`\n{}", out.said());
    }
    assert_eq!(before, shown(&stage.sandbox), "after `{command}`");
    assert!(!stage.sandbox.path("r/.git/logs/refs/.tmp-renamed-log").exists(), "`{command}` leaves a log");
    // For the next command.
    stage.sandbox.sh("r", "git symbolic-ref HEAD refs/heads/main; git reset -q --hard").ok();
    for (line, name) in stage.sandbox.refs("r", &["refs/heads"]).lines().filter_map(|line| Some((line, line.split(' ').next()?)))
    {
        if !refs.contains(line) {
            stage.sandbox.git("r", &["update-ref", "-d", name]).ok();
        }
    }
}

const NOT_DELETED: &str = "a protected branch cannot be deleted";
const FIRST: &str = "first change `protected`";

#[test]
fn a_refused_rename_leaves_every_branch_with_its_log() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        for (setup, command, says) in [
            ("git switch -q topic", "git branch -M topic main", "branch `topic` is back at commit"),
            ("git switch -q topic", "git branch -M main", "branch `topic` is back at commit"),
            ("git switch -q topic; git pack-refs --all", "git branch --move --force topic main", "branch `topic` is back"),
            ("git branch a/b topic; git switch -q topic", "git -c x.y=z branch -f -m a/b main", "branch `a/b` is back"),
            ("git switch -q --orphan o; git commit -q --allow-empty -m o", "git branch -M main", "branch `o` is back"),
            (":", "git branch -m trunk", FIRST),
            (":", "git branch -m main main/trunk", FIRST),
            ("git switch -q --detach topic", "git branch -M main topic", FIRST),
        ] {
            loses_nothing(&stage, setup, command, &[NOT_DELETED, says]);
        }
        // A log that a killed git left does not become that of another branch.
        let stale =
            "git switch -q --detach topic; git commit -q --allow-empty -m x; cp .git/logs/HEAD .git/logs/refs/.tmp-renamed-log";
        stage.sandbox.sh("r", stale).ok();
        let before = shown(&stage.sandbox);
        let said = stage.sandbox.sh("r", "git branch -D main").fails(NOT_DELETED);
        assert!(!said.contains("hint: "), "{said}");
        assert_eq!(before, shown(&stage.sandbox));
    }
}

#[test]
fn a_branch_without_a_log_is_found_again() {
    let stage = Stage::new(&gits()[0], "");
    let said = stage.sandbox.sh(
        "r",
        "git config core.logAllRefUpdates false; git switch -q --detach; rm .git/logs/refs/heads/topic; git branch -M topic main",
    );
    let said = said.fails("git fsck --no-reflogs   # list the commits without a branch; one was `topic`");
    assert!(said.contains(NOT_DELETED), "{said}");
}

#[test]
fn a_branch_may_be_given_the_name_that_it_has() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        let before = shown(&stage.sandbox);
        // What hosts print for a new repository.
        for command in
            ["git branch -M main", "git branch -M main main", "git switch -q topic; git branch -M main main; git switch -q main"]
        {
            stage.sandbox.sh("r", command).ok();
        }
        assert_eq!(without_logs(&before), without_logs(&shown(&stage.sandbox)));
        assert!(stage.sandbox.git("r", &["reflog", "main"]).ok().lines().count() > 1, "the log is there");
    }
}

#[test]
fn what_prunes_a_protected_branch_says_how_to_keep_it() {
    let stage = Stage::new(&gits()[0], "");
    let mirror = "git switch -q --detach; git -C ../origin.git symbolic-ref HEAD refs/heads/topic; git -C ../origin.git branch -q -D main; \
                  git config remote.origin.fetch '+refs/heads/*:refs/heads/*'";
    stage.sandbox.sh("r", mirror).ok();
    let (before, main) = (shown(&stage.sandbox), stage.sandbox.id("r", "main"));
    for command in ["fetch --prune origin", "remote prune origin", "remote update --prune"] {
        let hint = "git config --add remote.NAME.fetch '^refs/heads/main'";
        stage.sandbox.sh("r", &format!("git {command}")).fails(hint);
        assert_eq!(before, shown(&stage.sandbox), "after `git {command}`");
    }
    stage.sandbox.sh("r", "git config --add remote.origin.fetch '^refs/heads/main'; git fetch -q --prune origin").ok();
    assert_eq!(stage.sandbox.id("r", "main"), main);
    let all = "git for-each-ref --format='delete %(refname)' refs/os refs/tags | git update-ref --stdin";
    stage.sandbox.sh("r", all).fails("pass `--exclude='refs/os/*'`");
}

#[test]
fn a_push_loses_only_the_refs_that_are_refused() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        stage.sandbox.sh("r", "git switch -q topic; git clone -q . ../other").ok();
        let push = "git push origin origin/topic:refs/heads/aaa :main +origin/main~1:refs/heads/main2 origin/topic:refs/os/tickets/x origin/topic:refs/heads/zzz";
        let said =
            stage.sandbox.sh("other", push).fails("refusing to update `refs/heads/main`: a protected branch cannot be deleted");
        assert!(said.contains("[remote rejected] main (hook declined)"), "{said}");
        assert!(said.contains("refs/os/tickets/x (hook declined)"), "{said}");
        assert!(!said.contains("hung up"), "{said}");
        for name in ["aaa", "main2", "zzz", "main"] {
            assert_ne!(stage.sandbox.id("r", name), "", "{name}\n{said}");
        }
        stage
            .sandbox
            .sh("other", "git push --atomic origin origin/topic:refs/heads/bbb :main")
            .fails("a protected branch cannot be deleted");
        assert_eq!(stage.sandbox.id("r", "bbb"), "");
        // The hook that was there before still has its say.
        stage.sandbox.script("r/.git/hooks/update.git-os-previous", "#!/bin/sh\n[ $1 != refs/heads/ccc ]\n");
        stage.sandbox.sh("r", "git os init").ok();
        stage
            .sandbox
            .sh("other", "git push origin origin/topic:refs/heads/ccc origin/topic:refs/heads/ddd")
            .fails("ccc (hook declined)");
        assert_eq!(stage.sandbox.id("r", "ccc"), "");
        assert_ne!(stage.sandbox.id("r", "ddd"), "");
    }
}

#[test]
fn what_would_drop_landed_work_takes_nothing_else_with_it() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        // The last word is how to go back.
        for (command, back) in [
            ("git reset -q --hard $BEFORE", "git reset -q --hard"),
            ("git update-ref refs/heads/main $BEFORE", ":"),
            ("echo more >b; git add b; git commit -q --amend -m other", "git reset -q --hard"),
            ("GIT_SEQUENCE_EDITOR='sed -i 2d' git rebase -q -i $BEFORE~1", "git rebase --abort"),
            ("git rebase -q --onto $BEFORE main", "git rebase --abort"),
            ("git switch -q topic; git switch -q -C main $BEFORE", "git reset -q --hard; git switch -q main"),
            ("git switch -q topic; git checkout -q -B main $BEFORE", "git reset -q --hard; git switch -q main"),
            ("git switch -q topic; git branch -f main $BEFORE", "git switch -q main"),
            ("git switch -q topic; git worktree add -q -B main ../w $BEFORE", "git worktree prune; git switch -q main"),
            ("git switch -q topic; git fetch -q . +$BEFORE:main topic:new", "git switch -q main; git branch -q -D new || :"),
            ("git switch -q topic; git fetch -q --atomic . +$BEFORE:main topic:new", "git switch -q main"),
        ] {
            let before = shown(&stage.sandbox);
            let said = stage.sandbox.sh("r", command).fails("would drop commit");
            stage.sandbox.sh("r", back).ok();
            assert_eq!(without_logs(&before), without_logs(&shown(&stage.sandbox)), "after `{command}` and `{back}`\n{said}");
        }
    }
}

#[test]
fn what_was_not_committed_survives_a_refusal() {
    let stage = Stage::new(&gits()[0], "");
    for (command, back) in [
        ("git rebase -q --autostash --onto $BEFORE main", "git rebase --abort"),
        ("git -c rebase.autoStash=true rebase -q --onto $BEFORE main", "git rebase --abort"),
        ("git stash -q; git reset -q --hard $BEFORE", "git reset -q --hard; git stash pop"),
        ("git commit -q -a --amend -m other", ":"),
        ("git reset -q --keep $BEFORE", "git reset -q --keep HEAD"),
        ("git reset -q --merge $BEFORE", ":"),
    ] {
        stage.sandbox.sh("r", "echo unsaved >>a").ok();
        let said = stage.sandbox.sh("r", command).fails("would drop commit");
        stage.sandbox.sh("r", back).ok();
        let text = stage.sandbox.read("r/a");
        assert!(text.contains("unsaved"), "after `{command}` and `{back}`: {text}\n{said}");
        stage.sandbox.sh("r", "git reset -q --hard").ok();
        assert_eq!(stage.sandbox.git("r", &["stash", "list"]).ok(), "", "`{command}` leaves a stash");
    }
}
