//! What landed can be taken back, whatever the history of the work looks like.

use crate::sandbox::Sandbox;

/// Work on a branch `work` that began at `main~1`, by shell.
const SHAPES: [(&str, &str); 6] = [
    ("one commit", "git switch -q -c work main; echo w >w; git add w; git commit -qm w"),
    (
        "several commits",
        "git switch -q -c work main; for n in 1 2 3; do echo $n >w; git add w; git commit -qm $n; done; git mv a moved; git commit -qm mv",
    ),
    ("main was merged in", "git switch -q -c work main~1; echo w >w; git add w; git commit -qm w; git merge -q --no-edit main"),
    (
        "branches were merged in",
        "git switch -q -c side main; echo s >s; git add s; git commit -qm s; git switch -q -c more main; echo o >o; git add o
         git commit -qm o; git switch -q -c work main; echo w >w; git add w; git commit -qm w; git merge -q --no-edit side more",
    ),
    (
        "a merge with changes of its own",
        "git switch -q -c side main; echo s >a; git commit -qam s; git switch -q -c work main; echo w >a; git commit -qam w
         git merge -q side || true; echo both >a; git commit -qam both",
    ),
    (
        "a commit and its own revert",
        "git switch -q -c work main; echo w >w; git add w; git commit -qm w; git revert --no-edit HEAD; echo x >x; git add x; git commit -qm x",
    ),
];

/// Lands what a shell script leaves on `work`; answers the ticket.
fn land(sandbox: &Sandbox, script: &str) -> String {
    let id = sandbox.ticket("hub", "Do it", "running").id;
    sandbox.sh("hub", &format!("{script}; git switch -q main")).ok();
    for args in [&["submit", &id, "--head", "work"][..], &["verify", &id], &["merge", &id]] {
        sandbox.os("hub", args).ok();
    }
    id
}

/// Somebody commits on `main` what a shell script leaves in the index.
fn on_main(sandbox: &Sandbox, script: &str) {
    sandbox.sh("hub", &format!("{script}; git commit -qm later")).ok();
}

/// Everything that a failed revert could leave behind.
fn left(sandbox: &Sandbox) -> String {
    let worktrees = sandbox.git("hub", &["worktree", "list"]).ok();
    let files = sandbox.sh("hub", "git status --porcelain; ls -A .claude/worktrees 2>/dev/null || true").ok();
    format!("{}\n{worktrees}\n{files}", sandbox.refs("hub", &["refs"]))
}

fn workspace(settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], settings);
    sandbox.sh("hub", "git add registry.toml; git commit -qm registry").ok();
    sandbox
}

/// Takes a piece of work back, at once or after somebody went on with something else, which stays.
fn takes_back(shape: &str, script: &str, goes_on: bool) {
    let sandbox = workspace("");
    let (before, tip) = (sandbox.id("hub", "main^{tree}"), sandbox.id("hub", "main"));
    let id = land(&sandbox, script);
    let landed = sandbox.id("hub", "main");
    assert_ne!(sandbox.id("hub", "main^{tree}"), before, "{shape}");
    if goes_on {
        on_main(&sandbox, "echo later >later; git add later");
    }
    sandbox.os("hub", &["revert", &id]).ok();
    if goes_on {
        sandbox.sh("hub", "git rm -q later").ok();
    }
    assert_eq!(sandbox.sh("hub", "git write-tree").ok(), before, "{shape}");
    sandbox.sh("hub", "git reset -q --hard").ok();
    let said = sandbox.git("hub", &["log", "-1", "--format=%B", "main"]).ok();
    assert!(said.starts_with(&format!("Revert \"Do it\"\n\nThis takes back what {id} landed:\n")), "{said}");
    let commits = sandbox.git("hub", &["rev-list", &format!("{tip}..{landed}")]).ok();
    assert!(commits.lines().all(|commit_id| said.contains(commit_id)), "{shape}: {said}");
    let _said = sandbox.os("hub", &["revert", &id]).fails("the protected branch has nothing of its work");
    sandbox.os("hub", &["fsck"]).ok();
    sandbox.os("hub", &["doctor"]).ok();
}

#[test]
fn work_of_any_shape_is_taken_back() {
    for (shape, script) in SHAPES {
        takes_back(shape, script, false);
        takes_back(shape, script, true);
    }
}

#[test]
fn where_later_work_is_in_the_way_nothing_is_left_behind() {
    for (shape, script) in [SHAPES[1], SHAPES[4]] {
        let sandbox = workspace("");
        let id = land(&sandbox, script);
        on_main(&sandbox, "for f in w a; do test ! -e $f || echo later >$f; done; git add -u");
        let before = left(&sandbox);
        let out = sandbox.os("hub", &["revert", &id]);
        assert_eq!(out.code, Some(1), "{shape}: {out}");
        let file = if shape == "several commits" { "`w`" } else { "`a`" };
        let _said = out.fails(&format!("conflicts in {file}; nothing was changed"));
        assert_eq!(left(&sandbox), before, "{shape}");
    }
}

#[test]
fn a_revert_that_does_not_pass_is_blocked_with_the_reason() {
    let sandbox = workspace("checks = [{ name = \"needs w\", run = \"test ! -e need || test -e w\" }]\n");
    let id = land(&sandbox, SHAPES[0].1);
    on_main(&sandbox, "echo n >need; git add need");
    let main = sandbox.id("hub", "main");
    let _said = sandbox.os("hub", &["revert", &id]).fails("did not pass verification; it is now `blocked`");
    let rows = sandbox.os("hub", &["list", "--state", "blocked"]).ok();
    let revert = rows.split_whitespace().next().expect("a ticket");
    sandbox.os("hub", &["show", revert]).says("the revert did not pass verification").says("needs w").ok();
    assert_eq!(sandbox.id("hub", "main"), main);
    assert_eq!(sandbox.git("hub", &["worktree", "list"]).ok().lines().count(), 1);
}
