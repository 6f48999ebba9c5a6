//! What nobody may be kept from: the commands of a user's day, the way back after a refusal, and the landing of verified work.

use super::stage::Stage;
use crate::sandbox::gits;

/// A name and lines of shell that exit with 0; they follow one another in one repository.
type Step = (&'static str, &'static str);

const DAY: &[Step] = &[
    ("switch to a branch", "git switch -q topic"),
    ("commit", "echo 1 >x; git add x; git commit -q -m 1"),
    ("commit --amend", "git commit -q --amend -m one"),
    ("branch and checkout", "git checkout -q -b side; echo 2 >y; git add y; git commit -q -m 2; git switch -q -"),
    ("merge", "git merge -q side"),
    (
        "merge --no-ff",
        "git switch -q side; echo 3 >y; git commit -q -a -m 3; git switch -q topic; git merge -q --no-ff --no-edit side",
    ),
    ("rebase", "git switch -q -c story topic~1; echo 4 >z; git add z; git commit -q -m 4; git rebase -q topic"),
    ("rebase -i", "GIT_SEQUENCE_EDITOR=true git rebase -q -i topic~1"),
    ("cherry-pick", "git switch -q topic; git cherry-pick story"),
    ("revert", "git revert --no-edit HEAD"),
    ("stash and pop", "echo 5 >x; git stash -q; git stash pop -q; git checkout -q x"),
    ("tag", "git tag v1; git tag -a -m v v2; git tag -f v1 HEAD~1; git tag -d v1"),
    (
        "branch -m, -c, -C, -d",
        "git branch a1; git branch -m a1 a2; git branch -c a2 a3; git branch -C a2 a3; git branch -D a2 a3",
    ),
    ("bisect", "git bisect start -q HEAD HEAD~2; git bisect good; git bisect reset"),
    (
        "worktree",
        "git worktree add -q ../w1 -b w1; (cd ../w1; echo 6 >v; git add v; git commit -q -m 6); git worktree remove ../w1",
    ),
    ("detached commits", "git checkout -q --detach; git commit -q --allow-empty -m d; git switch -q topic"),
    ("fetch", "git fetch -q origin; git fetch -q --prune origin; git fetch -q --atomic --tags origin"),
    ("push", "git push -q origin topic side; git push -q --force origin side~1:side; git push -q origin :side"),
    ("pull on a branch", "git branch -q --set-upstream-to=origin/topic; git pull -q; git pull -q --rebase"),
    (
        "work on a ticket's branch",
        "git switch -q claude/$OPEN; git commit -q --allow-empty -m more; git reset -q --hard HEAD~1; git switch -q topic",
    ),
    ("own notes", "git notes add -m x; git notes append -m y; git notes remove"),
    ("replace and graft", "git replace --graft topic topic~2; git replace -d $(git rev-parse topic)"),
    ("a commit on main", "git switch -q main; echo 7 >h; git add h; git commit -q -m 7"),
    ("amend of it", "echo 8 >h; git commit -q -a --amend -m 8"),
    (
        "two commits and a reset",
        "echo 9 >h; git commit -q -a -m 9; echo 10 >h; git commit -q -a -m 10; git reset -q --hard HEAD~1",
    ),
    ("undo of the reset", "git reset -q --hard ORIG_HEAD"),
    ("reset --soft and again", "git reset -q --soft HEAD~1; git commit -q -m 'ten'"),
    ("stash on main", "echo 11 >h; git stash -q; git stash pop -q; git reset -q --hard"),
    ("no-ops", "git reset -q --hard; git checkout -q -B main; git merge -q main; git rebase -q main; git branch -f topic topic"),
    ("rebase of own commits", "GIT_SEQUENCE_EDITOR='sed -i 1s/pick/reword/' git rebase -q -i HEAD~1"),
    ("merge of a branch", "git merge -q --no-edit topic"),
    (
        "merge of a branch, ff",
        "git switch -q -c quick; echo 12 >q; git add q; git commit -q -m 12; git switch -q main; git merge -q quick; git branch -q -d quick",
    ),
    (
        "merge of a branch, squashed",
        "git switch -q -c slow; echo 13 >q; git commit -q -a -m 13; git switch -q main; git merge -q --squash slow; git commit -q -m s",
    ),
    ("revert on main", "git revert --no-edit HEAD"),
    ("revert of a landing", "git revert --no-edit $MAIN; git revert --no-edit HEAD"),
    ("cherry-pick on main", "git cherry-pick slow"),
    (
        "push . branch:main",
        "git switch -q topic; git rebase -q main; git commit -q --allow-empty -m t; git push -q . topic:main; git switch -q main",
    ),
    (
        "fetch . branch:main",
        "git switch -q topic; git commit -q --allow-empty -m u; git fetch -q . topic:main; git switch -q main",
    ),
    (
        "branch -f main ahead",
        "git switch -q topic; git commit -q --allow-empty -m v; git branch -f main topic; git switch -q main",
    ),
    ("push main", "git push -q origin main"),
    (
        "pull main",
        "git clone -q ../origin.git ../c; (cd ../c; git commit -q --allow-empty -m far; git push -q); git pull -q origin main",
    ),
    (
        "pull main with a merge",
        "(cd ../c; git commit -q --allow-empty -m far2; git push -q); git commit -q --allow-empty -m near; git pull -q --no-rebase --no-edit origin main",
    ),
    (
        "pull --rebase",
        "(cd ../c; git commit -q --allow-empty -m far3; git push -q -f); git commit -q --allow-empty -m near2; git pull -q --rebase origin main",
    ),
    (
        "subtree of another project",
        "git init -q ../sub; (cd ../sub; git commit -q --allow-empty -m sub); git submodule -q add ../sub sub; git commit -q -m sub; git submodule -q update --init",
    ),
    ("pack-refs", "git pack-refs --all --prune"),
    ("commit after packing", "git commit -q --allow-empty -m p; git tag packed; git pack-refs --all; git tag -d packed"),
    ("repack", "git repack -q -a -d"),
    ("gc", "git gc -q --prune=now"),
    (
        "maintenance",
        "git maintenance run --quiet --task=gc; git maintenance run --quiet --task=loose-objects --task=incremental-repack",
    ),
    ("reflog expire", "git reflog expire --expire=now --all"),
    (
        "clone",
        "git clone -q . ../d; git clone -q --mirror . ../e; git clone -q --bare . ../f; (cd ../d; git commit -q --allow-empty -m d)",
    ),
    (
        "a verify line",
        "printf 'verify refs/heads/main %s\\nverify refs/os/meta %s\\n' $(git rev-parse main refs/os/meta) | git update-ref --stdin",
    ),
    (
        "a prepared transaction that is dropped",
        "printf 'start\\ncreate refs/heads/no %s\\nprepare\\nabort\\n' $MAIN | git update-ref --stdin",
    ),
    (
        "format-patch and am",
        "git format-patch -q -1 --stdout slow >../p; git switch -q -c am slow~1; git am -q ../p; git switch -q main",
    ),
    (
        "filter-branch of a branch",
        "FILTER_BRANCH_SQUELCH_WARNING=1 git filter-branch -f --msg-filter cat topic~1..topic >/dev/null",
    ),
    ("sparse checkout", "git sparse-checkout set --no-cone a '/registry.toml'; git sparse-checkout disable"),
    ("a bundle", "git bundle create -q ../b main; git fetch -q ../b main:frombundle"),
    (
        "a ref that begins like ours",
        "git update-ref refs/oscar/x main; git update-ref refs/os-remote/x/y main; git update-ref refs/notes/osx main; git update-ref refs/heads/main2 main",
    ),
];

#[test]
fn an_ordinary_day_meets_no_refusal() {
    let mut wrong = Vec::new();
    for git in gits() {
        let stage = Stage::new(&git, "");
        let before = stage.sandbox.refs("r", &["refs/os"]);
        for (name, script) in DAY {
            let out = stage.sandbox.sh("r", script);
            let fsck = stage.sandbox.os("r", &["fsck"]);
            let verdict = if out.code == Some(0) { "allowed" } else { "REFUSED" };
            println!("git {} | {name} | {verdict}", git.version);
            if out.code != Some(0) || fsck.code != Some(0) || out.said().contains("git-os") {
                wrong.push(format!("git {}: {name}: {out}{fsck}", git.version));
            }
        }
        assert_eq!(stage.sandbox.refs("r", &["refs/os"]), before);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What was stopped halfway, and the command that puts everything back.
const WAYS_BACK: &[(&str, &str)] = &[
    ("git merge $WORK", "git reset -q --hard"),
    ("git merge $WORK", "git reset -q --merge"),
    ("git merge --no-ff --no-edit $WORK", "git merge --abort"),
    ("git merge --no-ff --no-edit --no-verify $WORK", "git merge --abort"),
    ("git merge --no-ff --no-edit --no-verify $WORK", "git reset -q --hard"),
    ("git rebase -q $WORK", "git rebase --abort || git reset -q --hard"),
    ("git cherry-pick $WORK", "git cherry-pick --abort"),
    ("git reset -q --hard $WORK", "git reset -q --hard"),
    ("git reset -q --hard HEAD~1", "git reset -q --hard"),
    ("git pull -q --ff-only . $WORK", "git stash -q -u -- ':!registry.toml'; git stash drop -q"),
];

#[test]
fn after_a_refusal_there_is_a_way_back() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        for (command, back) in WAYS_BACK {
            let refs = stage.refs();
            let out = stage.sandbox.sh("r", command);
            assert!(out.code != Some(0), "{out}");
            let back = stage.sandbox.sh("r", back);
            println!("git {} | {command} | {}", git.version, if back.code == Some(0) { "back" } else { "STUCK" });
            assert_eq!(back.code, Some(0), "{out}{back}");
            assert_eq!(stage.refs(), refs);
            assert_eq!(stage.sandbox.git("r", &["status", "--porcelain"]).ok(), "?? registry.toml", "{out}");
        }
    }
}

/// Ways in which verified work may land.
const LANDINGS: &[&str] = &[
    "git merge -q --ff-only $GOOD",
    "git merge -q claude/$VERIFIED",
    "git pull -q --ff-only . claude/$VERIFIED",
    "git rebase -q claude/$VERIFIED",
    "git reset -q --hard $GOOD",
    "git update-ref refs/heads/main $GOOD $MAIN",
    "git checkout -q --detach; git push -q . $GOOD:refs/heads/main",
    "git checkout -q --detach; git fetch -q . claude/$VERIFIED:main",
    "git checkout -q --detach; git branch -f main $GOOD",
    "git -c core.hooksPath=/dev/null merge -q --ff-only $GOOD; git commit -q --allow-empty -m next",
];

#[test]
fn verified_work_lands_by_any_fast_forward_and_its_ticket_is_merged() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        for command in LANDINGS {
            let refs = stage.refs();
            stage.sandbox.sh("r", command).ok();
            println!("git {} | {command} | {}", git.version, stage.sandbox.state("r", &stage.verified.id));
            assert_eq!(stage.sandbox.state("r", &stage.verified.id), "merged", "git {}: {command}", git.version);
            stage.sandbox.os("r", &["fsck"]).ok();
            stage.restore(&refs);
            stage.tidy();
        }
    }
}
