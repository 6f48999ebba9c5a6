//! A git-os that is gone, broken or too old stops nobody's own work, and opens nothing of ours.

use super::fronts::{fronts, replace_front};
use super::stage::Stage;
use crate::sandbox::{Sandbox, gits};

/// How git-os, which is `../bin/git-os`, comes to be unable to answer.
const BROKEN: &[(&str, &str)] = &[
    ("deleted", "rm ../bin/git-os"),
    ("not executable", "cp ../bin/git-os ../bin/copy && mv ../bin/copy ../bin/git-os && chmod -x ../bin/git-os"),
    ("a link that dangles", "ln -sf ../gone ../bin/git-os"),
    ("a folder", "rm ../bin/git-os && mkdir ../bin/git-os"),
    ("no program", "rm ../bin/git-os && echo hello >../bin/git-os && chmod +x ../bin/git-os"),
    ("an empty program", "rm ../bin/git-os && : >../bin/git-os && chmod +x ../bin/git-os"),
    ("killed", "rm ../bin/git-os && printf '#!/bin/sh\\nkill -9 $$\\n' >../bin/git-os && chmod +x ../bin/git-os"),
    (
        "crashed",
        "rm ../bin/git-os && printf '#!/bin/sh\\ncat >/dev/null; kill -SEGV $$\\n' >../bin/git-os && chmod +x ../bin/git-os",
    ),
    ("panicked", "rm ../bin/git-os && printf '#!/bin/sh\\nexit 101\\n' >../bin/git-os && chmod +x ../bin/git-os"),
    ("too old for this hook", "rm ../bin/git-os && printf '#!/bin/sh\\nexit 129\\n' >../bin/git-os && chmod +x ../bin/git-os"),
];

/// Ordinary work that nothing is said about.
const QUIET: &str = "git switch -q topic && git commit -q --allow-empty -m x && git tag t && git tag -d t >/dev/null && git stash list \
                     && git fetch -q origin && git push -q --force origin topic && git switch -q main && git branch -q -D topic";

#[test]
fn without_git_os_people_work_on_and_refs_of_ours_stay() {
    let mut wrong = Vec::new();
    for git in gits() {
        let stage = Stage::new(&git, "");
        let sandbox = &stage.sandbox;
        sandbox.sh("r", "cp -l ../bin/git-os ../bin/kept").ok();
        let fronts = fronts();
        let all = fronts.iter().flat_map(|front| BROKEN.iter().map(move |broken| (front, broken)));
        for ((front, image), (name, script)) in all {
            replace_front(sandbox, image);
            sandbox.sh("r", script).ok();
            let refs = sandbox.refs("r", &["refs/os", "refs/notes"]);
            let quiet = sandbox.sh("r", QUIET);
            let on_main = sandbox.sh(
                "r",
                "git commit -q --allow-empty -m mine && git commit -q --amend --allow-empty -m own && git reset -q --hard HEAD~1",
            );
            let merge = sandbox.sh("r", "git switch -q -c b && git commit -q --allow-empty -m b && git switch -q main && git merge -q --no-ff --no-edit b");
            let ours = [
                "git update-ref -d refs/os/tickets/$DRAFT",
                "git update-ref refs/os/tickets/$DRAFT $MAIN",
                "git update-ref refs/os/learnings/a $MAIN",
                "git notes --ref=os/verdicts add -m x $MAIN",
                "git push -q . :refs/os/tickets/$DRAFT",
            ];
            let ours = ours.map(|script| sandbox.sh("r", script));
            println!("git {} | {front} | {name} | {:?} {:?} {:?}", git.version, quiet.code, on_main.code, merge.code);
            if quiet.code != Some(0) || quiet.said().contains("git-os") {
                wrong.push(format!("git {}: {front}: {name}: {quiet}", git.version));
            }
            for out in [on_main, merge] {
                if out.code != Some(0) || !out.stderr.contains("warning: not checking the update of `refs/heads/main`: ") {
                    wrong.push(format!("git {}: {front}: {name}: {out}", git.version));
                }
            }
            wrong.extend(
                ours.iter().filter(|out| out.code == Some(0)).map(|out| format!("git {}: {front}: {name}: {out}", git.version)),
            );
            assert_eq!(sandbox.refs("r", &["refs/os", "refs/notes"]), refs);
            sandbox.sh("r", "rm -rf ../bin/git-os; cp -l ../bin/kept ../bin/git-os; git branch -q -D b; git branch topic").ok();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_git_os_refs_are_still_packed_and_collected() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        stage.sandbox.sh("r", "rm ../bin/git-os").ok();
        let refs = stage.refs();
        stage.sandbox.sh("r", "git pack-refs --all && git gc -q").ok();
        assert_eq!(stage.refs(), refs);
        let _said =
            stage.sandbox.sh("r", "git update-ref -d refs/os/tickets/$DRAFT").fails("refusing to update `refs/os/tickets/");
        assert_eq!(stage.refs(), refs);
    }
}

#[test]
fn where_all_is_gated_a_protected_branch_stays_too() {
    for git in gits() {
        let sandbox = Sandbox::with_git(&git);
        sandbox.workspace(&["r"], "gate = \"all\"\n");
        for (name, script) in &BROKEN[..1] {
            sandbox.sh("r", script).ok();
            let _said = sandbox
                .git("r", &["commit", "-q", "--allow-empty", "-m", name])
                .fails("refusing to update `refs/heads/main`: cannot start git-os at `");
            sandbox.sh("r", "git switch -q -c b; git commit -q --allow-empty -m b").ok();
        }
    }
}

#[test]
fn a_policy_of_a_newer_git_os_stops_nobody_and_opens_nothing() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        let newer =
            "policy=$(git show refs/os/meta:policy.json | sed 's/\"version\": 1/\"version\": 99/' | git hash-object -w --stdin)
            tree=$(printf '100644 blob %s\\tpolicy.json\\n' $policy | git mktree)
            commit=$(git commit-tree -p refs/os/meta -m \"$(git cat-file commit refs/os/meta | sed '1,/^$/d')\" $tree)";
        let _said =
            stage.sandbox.sh("r", &format!("{newer}; git update-ref refs/os/meta $commit")).fails("contains no valid policy");
        stage.sandbox.sh("r", &format!("{newer}; git -c core.hooksPath=/dev/null update-ref refs/os/meta $commit")).ok();
        stage.sandbox.sh("r", "git commit -q --allow-empty -m x; git commit -q --amend --allow-empty -m y").ok();
        let _said = stage.sandbox.sh("r", "git update-ref -d refs/os/tickets/$DRAFT").fails("git-os cannot check it");
        stage.sandbox.os("r", &["list"]).says("policy version 99").ok();
    }
}

#[test]
fn a_transaction_that_is_not_ours_does_not_start_git_os() {
    for git in gits() {
        for (front, image) in fronts() {
            let stage = Stage::new(&git, "");
            let sandbox = &stage.sandbox;
            replace_front(sandbox, &image);
            sandbox.sh("r", "rm ../bin/git-os").ok();
            sandbox.script(
                "bin/git-os",
                &format!("#!/bin/sh\ncat >/dev/null\necho \"$@\" >>'{}'\n", sandbox.path("started").display()),
            );
            sandbox.sh("r", "git switch -q topic; git commit -q --allow-empty -m x; git rebase -q main; git stash list; git tag v; git tag -d v").ok();
            sandbox.sh("r", "git fetch -q origin; git push -q -f origin topic; git update-ref refs/os-remote/origin/x main; git switch -q main").ok();
            assert_eq!(sandbox.read("started"), "", "git {}, {front}", git.version);
            sandbox.sh("r", "git commit -q --allow-empty -m x").ok();
            assert_eq!(sandbox.read("started"), "reference-transaction prepared\n", "git {}, {front}", git.version);
            sandbox.sh("r", "mkdir -p .git/os; touch .git/os/landing; git commit -q --allow-empty -m x").ok();
            // Later gits end some transactions with more than one `committed`.
            let started = sandbox.read("started");
            let mut states: Vec<_> = started.lines().skip(1).collect();
            states.dedup();
            assert_eq!(states, ["reference-transaction prepared", "reference-transaction committed"]);
        }
    }
}
