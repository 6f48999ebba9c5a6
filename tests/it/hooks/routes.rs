//! What is refused, by whatever command it comes; after each attempt everything is where it was.

use super::stage::Stage;
use crate::sandbox::gits;

/// What our hook says.
const STAYS: &str = "refusing to update";

/// A name, lines of shell that prepare, lines of which the last must fail, and what is said then.
type Route = (&'static str, &'static str, &'static str, &'static str);

const BRANCH: &[Route] = &[
    ("update-ref forward", "", "git update-ref refs/heads/main $WORK", STAYS),
    ("update-ref forward with old value", "", "git update-ref refs/heads/main $WORK $MAIN", STAYS),
    ("update-ref through HEAD", "", "git update-ref HEAD $WORK", STAYS),
    ("update-ref --stdin", "", "echo update refs/heads/main $WORK | git update-ref --stdin", STAYS),
    (
        "update-ref --stdin batch",
        "",
        "printf 'create refs/heads/x %s\\nupdate refs/heads/main %s\\ncreate refs/tags/x %s\\n' $MAIN $WORK $MAIN | git update-ref --stdin",
        STAYS,
    ),
    (
        "update-ref --stdin prepare and commit",
        "",
        "printf 'start\\nupdate refs/heads/main %s\\nprepare\\ncommit\\n' $WORK | git update-ref --stdin",
        STAYS,
    ),
    (
        "update-ref to work on whose commit its branch was born",
        "tree=$(printf '100644 blob %s\tz\n' $(echo z | git hash-object -w --stdin) | git mktree)
         git branch claude/$DRAFT $(git commit-tree -p $MAIN -m sneaky $tree)",
        "git update-ref refs/heads/main claude/$DRAFT",
        STAYS,
    ),
    (
        "update-ref to a commit that has no message on top of work",
        "",
        "git update-ref refs/heads/main $(printf 'tree %s\nparent %s\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n' \
           $(git rev-parse $WORK^{tree}) $WORK | git hash-object -t commit -w --stdin --literally)",
        STAYS,
    ),
    ("branch -f", "git checkout -q --detach", "git branch -f main $WORK", STAYS),
    ("push . work:main", "git checkout -q --detach", "git push -q . $WORK:refs/heads/main", STAYS),
    ("push . --force", "git checkout -q --detach", "git push -q --force . $MAIN~1:refs/heads/main", STAYS),
    ("push . --no-verify", "git checkout -q --detach", "git push -q --no-verify . $WORK:refs/heads/main", STAYS),
    ("push . --mirror", "git checkout -q --detach && git init -q ../e", "git --git-dir=../e/.git push -q --mirror \"$PWD\"", ""),
    ("fetch . work:main", "git checkout -q --detach", "git fetch -q . claude/$OPEN:main", STAYS),
    ("fetch --force . old:main", "git checkout -q --detach", "git fetch -q . +$(git rev-parse $MAIN~1):refs/heads/main", STAYS),
    (
        "fetch into main from elsewhere",
        "git clone -q . ../c && git checkout -q --detach",
        "git fetch -q ../c origin/claude/$OPEN:main",
        STAYS,
    ),
    ("merge", "", "git merge -q claude/$OPEN", STAYS),
    ("merge --ff-only", "", "git merge -q --ff-only $WORK", STAYS),
    ("merge --no-ff", "", "git merge -q --no-ff --no-edit $WORK", "refusing to merge into"),
    ("merge --no-ff --no-verify", "", "git merge -q --no-ff --no-edit --no-verify $WORK", STAYS),
    ("merge --no-ff of verified work", "", "git merge -q --no-ff --no-edit --no-verify $GOOD", STAYS),
    ("merge --no-commit, then commit", "git merge -q --no-ff --no-commit $WORK", "git commit -q --no-verify -m m", STAYS),
    (
        "merge of two",
        "git branch topic2 $(git commit-tree -p $MAIN -m topic $MAIN^{tree})",
        "git merge -q --no-verify --no-edit $WORK topic2",
        STAYS,
    ),
    (
        "merge of a branch with the work in it",
        "git checkout -q -b mine && git merge -q --no-ff --no-edit $WORK && git checkout -q main",
        "git merge -q mine",
        STAYS,
    ),
    (
        "merge of a commit on top of verified work",
        "git checkout -q -b mine $GOOD && git commit -q --allow-empty -m more && git checkout -q main",
        "git merge -q mine",
        STAYS,
    ),
    ("pull . work", "", "git pull -q --ff-only . $WORK", STAYS),
    (
        "pull . work --no-rebase",
        "git commit -q --allow-empty -m mine && export MAIN=$(git rev-parse main)",
        "git pull -q --no-rebase --no-verify --no-edit . claude/$OPEN",
        STAYS,
    ),
    ("rebase onto work", "", "git rebase -q $WORK", STAYS),
    ("rebase of main onto work", "git commit -q --allow-empty -m mine", "git rebase -q $WORK", STAYS),
    ("reset --hard to work", "", "git reset -q --hard $WORK", STAYS),
    ("reset --soft to work", "", "git reset -q --soft $WORK", STAYS),
    ("reset that drops landed work", "", "git reset -q --hard $MAIN~1", STAYS),
    ("reset --keep that drops landed work", "", "git reset -q --keep $MAIN~2", STAYS),
    (
        "commit --amend of landed work",
        "git reset -q --hard $MAIN",
        "echo more >more && git add more && git commit -q --amend --no-verify -m mine",
        STAYS,
    ),
    ("rebase that drops landed work", "", "git rebase -q --onto $MAIN~2 $MAIN main", STAYS),
    ("cherry-pick of all work", "", "git cherry-pick --allow-empty $WORK~0", STAYS),
    ("squash of all work", "git merge -q --squash $WORK", "git commit -q -m squashed", STAYS),
    ("checkout of all work, then commit", "git checkout $WORK -- .", "git commit -q -m copied", STAYS),
    ("checkout -B", "git checkout -q --detach", "git checkout -q -B main $WORK", STAYS),
    ("switch -C", "git checkout -q --detach", "git switch -q -C main $WORK", STAYS),
    ("worktree add -B", "git checkout -q --detach", "git worktree add -q -B main ../w $WORK", STAYS),
    ("from a linked worktree", "git worktree add -q --detach ../w", "cd ../w && git update-ref refs/heads/main $WORK", STAYS),
    ("from below", "mkdir -p d", "cd d && git update-ref refs/heads/main $WORK", STAYS),
    ("with GIT_DIR from outside", "", "cd / && git --git-dir=\"$OLDPWD/.git\" update-ref refs/heads/main $WORK", STAYS),
    ("with GIT_WORK_TREE elsewhere", "", "GIT_DIR=\"$PWD/.git\" GIT_WORK_TREE=/ git update-ref refs/heads/main $WORK", STAYS),
    ("fast-import", "", "printf 'reset refs/heads/main\\nfrom %s\\n\\n' $WORK | git fast-import --quiet --force", STAYS),
    ("delete with update-ref", "", "git update-ref -d refs/heads/main", STAYS),
    ("delete with branch -D", "git checkout -q --detach", "git branch -q -D main", STAYS),
    ("delete with push", "git checkout -q --detach", "git push -q . :main", STAYS),
    ("delete when packed", "git pack-refs --all", "git update-ref -d refs/heads/main", STAYS),
    (
        "delete when packed and loose",
        "git pack-refs --all && git commit -q --allow-empty -m mine && git checkout -q --detach",
        "git branch -q -D main",
        STAYS,
    ),
    (
        "delete in a batch",
        "",
        "printf 'delete refs/heads/main\\ncreate refs/heads/x %s\\n' $MAIN | git update-ref --stdin",
        STAYS,
    ),
    ("rename away", "", "git branch -m main other", STAYS),
];

const OURS: &[Route] = &[
    ("delete a ticket", "", "git update-ref -d refs/os/tickets/$DRAFT", STAYS),
    ("delete a packed ticket", "git pack-refs --all", "git update-ref -d refs/os/tickets/$DRAFT", STAYS),
    (
        "delete a packed and loose ticket",
        "git pack-refs --all && git os comment $DRAFT again",
        "git update-ref -d refs/os/tickets/$DRAFT",
        STAYS,
    ),
    ("delete a ticket by push", "", "git push -q . :refs/os/tickets/$DRAFT", STAYS),
    ("delete a ticket by a mirror's fetch", "git init -q ../e", "git fetch -q --prune ../e '+refs/os/*:refs/os/*'", STAYS),
    ("rewind a ticket", "", "git update-ref refs/os/tickets/$OPEN refs/os/tickets/$OPEN~1", STAYS),
    ("rewind a ticket by push", "", "git push -q --force . refs/os/tickets/$OPEN~1:refs/os/tickets/$OPEN", STAYS),
    (
        "rewind a ticket in a batch",
        "",
        "printf 'create refs/heads/x %s\\nupdate refs/os/tickets/%s %s\\n' $MAIN $OPEN $(git rev-parse refs/os/tickets/$OPEN~1) | git update-ref --stdin",
        STAYS,
    ),
    ("put code into a ticket", "", "git update-ref refs/os/tickets/$DRAFT $MAIN", STAYS),
    ("put a blob into a ticket", "", "git update-ref refs/os/tickets/$DRAFT $(git rev-parse $MAIN:a)", STAYS),
    ("put one ticket into another", "", "git update-ref refs/os/tickets/$DRAFT refs/os/tickets/$OPEN", STAYS),
    ("copy a ticket to another name", "", "git update-ref refs/os/tickets/T-2026-05-07-r-0000 refs/os/tickets/$OPEN", STAYS),
    ("delete the policy", "", "git update-ref -d refs/os/meta", STAYS),
    ("put code into the policy", "", "git update-ref refs/os/meta $MAIN", STAYS),
    ("replace the policy by another", "", "git update-ref refs/os/meta $(git commit-tree -m x refs/os/meta^{tree})", STAYS),
    ("symbolic ticket", "", "git symbolic-ref refs/os/tickets/$DRAFT refs/os/tickets/$OPEN", "since 2.46"),
    (
        "symbolic ticket of a new name",
        "",
        "git symbolic-ref refs/os/tickets/T-2026-05-07-r-0000 refs/os/tickets/$OPEN",
        "since 2.46",
    ),
    ("symbolic main", "", "git symbolic-ref refs/heads/main refs/heads/claude/$OPEN", "since 2.46"),
    (
        "write through a symbolic ref",
        "git symbolic-ref refs/heads/alias refs/heads/main",
        "git update-ref refs/heads/alias $WORK",
        STAYS,
    ),
    (
        "write a ticket through a symbolic ref",
        "git symbolic-ref refs/heads/alias refs/os/tickets/$DRAFT",
        "git update-ref refs/heads/alias $MAIN",
        STAYS,
    ),
    (
        "commit with HEAD on a ticket",
        "git symbolic-ref HEAD refs/os/tickets/$DRAFT",
        "git commit -q --allow-empty -m mine",
        STAYS,
    ),
    (
        "commit with HEAD on main's alias",
        "git symbolic-ref refs/heads/alias refs/heads/main && git symbolic-ref HEAD refs/heads/alias",
        "git reset -q --soft $WORK",
        STAYS,
    ),
    ("notes add", "", "git notes --ref=os/verdicts add -m pass $WORK", STAYS),
    ("notes add -f", "", "git notes --ref=os/verdicts add -f -m pass $GOOD", STAYS),
    ("notes append", "", "git notes --ref=os/verdicts append -m '{\"verdict\":\"pass\"}' $GOOD", STAYS),
    ("notes edit", "", "GIT_EDITOR='echo pass >' git notes --ref=os/verdicts edit $GOOD", STAYS),
    ("notes remove", "", "git notes --ref=os/verdicts remove $GOOD", STAYS),
    ("notes copy", "", "git notes --ref=os/verdicts copy $GOOD $WORK", STAYS),
    ("notes by update-ref", "", "git update-ref refs/notes/os/verdicts $MAIN", STAYS),
    ("notes deleted", "", "git update-ref -d refs/notes/os/verdicts", STAYS),
    ("notes of another kind", "", "git notes --ref=os/other add -m x $MAIN", STAYS),
    ("notes: squat on the folder", "", "git update-ref refs/notes/os $MAIN", ""),
    ("squat on refs/os", "", "git update-ref refs/os $MAIN", ""),
    ("squat on a folder of ours", "", "git update-ref refs/os/learnings $MAIN", STAYS),
    ("squat below a ref of ours", "", "git update-ref refs/os/wiki/x $MAIN", STAYS),
    ("squat below a learning", "", "git update-ref refs/os/learnings/a/b $MAIN", STAYS),
    ("squat in the depth", "", "git update-ref refs/os/a/b/c/d/e/f $MAIN", STAYS),
    ("a name of another case", "", "git update-ref refs/os/Wiki $MAIN", STAYS),
    ("a name for a shell", "", "git update-ref 'refs/os/learnings/$(id)' $MAIN", STAYS),
    ("a name that is not UTF-8", "", "git update-ref \"$(printf 'refs/os/learnings/\\377')\" $MAIN", STAYS),
    ("a folder that is not UTF-8", "", "git update-ref \"$(printf 'refs/os/\\377/a')\" $MAIN", STAYS),
    ("a blob as learnings", "", "git update-ref refs/os/learnings/x $(git rev-parse $MAIN:a)", STAYS),
    (
        "rewrite of learnings",
        "git update-ref refs/os/learnings/a $(git commit-tree -m a $MAIN^{tree})",
        "git update-ref refs/os/learnings/a $MAIN",
        STAYS,
    ),
    ("deletion of learnings", "git update-ref refs/os/learnings/b $MAIN", "git update-ref -d refs/os/learnings/b", STAYS),
    ("rewrite of the wiki", "git update-ref refs/os/wiki $MAIN", "git update-ref refs/os/wiki $MAIN~1", STAYS),
];

#[test]
fn no_command_moves_a_protected_branch_against_the_rules() {
    attempt(BRANCH);
}

#[test]
fn no_command_moves_refs_of_ours_against_the_rules() {
    attempt(OURS);
}

fn attempt(routes: &[Route]) {
    let mut wrong = Vec::new();
    for git in gits() {
        let stage = Stage::new(&git, "");
        let sandbox = &stage.sandbox;
        let line = stage.sandbox.verdict("r", &stage.verified);
        sandbox.git("r", &["notes", "--ref=os/verdicts", "add", "-m", &line, &stage.verified.head]).ok();
        for (name, before, command, said) in routes {
            let said = match *said {
                "since 2.46" if !git.is_since(2, 46) => continue,
                "since 2.46" => STAYS,
                said => said,
            };
            sandbox.sh("r", before).ok();
            let refs = stage.refs();
            let out = sandbox.sh("r", command);
            let verdict = if out.code == Some(0) { "ALLOWED" } else { "refused" };
            println!("git {} | {name} | {verdict}", git.version);
            if out.code == Some(0) || !out.said().contains(said) || stage.refs() != refs {
                wrong.push(format!("git {}: {name}: {out}", git.version));
                stage.restore(&refs);
            }
            sandbox.sh("r", "rm -rf ../e ../c; git worktree remove --force ../w || :; git worktree prune").ok();
            stage.tidy();
        }
        sandbox.os("r", &["fsck"]).ok();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
