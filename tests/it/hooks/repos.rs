//! Repositories of every shape, and what lies about history.

use super::stage::Stage;
use crate::sandbox::{Git, Sandbox, check_beside, gits};

/// A registry of one repository at a path.
fn registry(sandbox: &Sandbox, file: &str, path: &str) {
    let text = format!(
        "version = 1\n[os]\nhub = \"r\"\n[[repo]]\nname = \"r\"\npath = {path:?}\nbrand = \"r\"\nprotected = [\"main\"]\n{}",
        check_beside("")
    );
    sandbox.write(file, text);
}

/// What must work in any of them: tickets from new to verified, reading, the hooks, and a clean bill at the end.
#[track_caller]
fn all_works(sandbox: &Sandbox, dir: &str) {
    let draft = sandbox.ticket(dir, "Draft", "draft");
    let claimed = sandbox.ticket(dir, "Claimed", "claimed");
    let list = sandbox.os(dir, &["list"]).ok();
    assert!(list.contains(&draft.id) && list.contains(&claimed.id), "{list}");
    sandbox.os(dir, &["show", &draft.id]).says("Draft").ok();
    let other = sandbox.os(dir, &["claim", &claimed.id]);
    assert_eq!(other.code, Some(1), "{other}");
    let verified = sandbox.ticket(dir, "Verified", "verified");
    let open = sandbox.ticket(dir, "Open", "verifying");
    let main = sandbox.id(dir, "refs/heads/main");
    let move_main = |to: &str| sandbox.git(dir, &["update-ref", "refs/heads/main", to, &main]);
    let _said = move_main(&open.head).fails("refusing to update");
    let _said = sandbox.git(dir, &["update-ref", "-d", &format!("refs/os/tickets/{}", draft.id)]).fails("refusing to update");
    let _said = sandbox.git(dir, &["update-ref", "refs/os/foreign", &main]).fails("refusing to update");
    move_main(&verified.head).ok();
    assert_eq!(sandbox.state(dir, &verified.id), "merged");
    sandbox.git(dir, &["pack-refs", "--all"]).ok();
    sandbox.git(dir, &["gc", "-q"]).ok();
    sandbox.os(dir, &["fsck"]).ok();
    sandbox.os(dir, &["init"]).says("nothing to do").ok();
}

/// A name, since when git has it, the folder of work, and lines of shell that lay it out with `main` at two commits.
const SHAPES: &[(&str, (u32, u32), &str, &str)] = &[
    ("plain", (2, 0), "r", "git init -q r && cd r && COMMITS"),
    ("a linked worktree", (2, 0), "w", "git init -q r && cd r && COMMITS && git worktree add -q -b side ../w"),
    ("sha256", (2, 42), "r", "git init -q --object-format=sha256 r && cd r && COMMITS"),
    ("sha256, before 2.42", (2, 0), "r", "git init -q --object-format=sha256 r 2>/dev/null && cd r && COMMITS"),
    ("reftable", (2, 45), "r", "git init -q --ref-format=reftable r && cd r && COMMITS"),
    ("reftable and sha256", (2, 45), "r", "git init -q --ref-format=reftable --object-format=sha256 r && cd r && COMMITS"),
    (
        "a linked worktree of reftable",
        (2, 45),
        "w",
        "git init -q --ref-format=reftable r && cd r && COMMITS && git worktree add -q -b side ../w",
    ),
    ("a git directory elsewhere", (2, 0), "r", "git init -q --separate-git-dir=g r && cd r && COMMITS"),
    ("spaces and quotes", (2, 0), "a 'b\" $c", "git init -q \"a 'b\\\" \\$c\" && cd a* && COMMITS"),
    ("letters of another script", (2, 0), "größe é", "git init -q 'größe é' && cd g* && COMMITS"),
    ("a symbolic link to it", (2, 0), "l", "git init -q r && ln -s r l && cd r && COMMITS"),
    (
        "a submodule",
        (2, 0),
        "top/r",
        "git init -q o && (cd o && COMMITS) && git init -q top && cd top && git submodule -q add -b main ../o r",
    ),
    ("a config for each worktree", (2, 0), "r", "git init -q r && cd r && git config extensions.worktreeConfig true && COMMITS"),
    ("a subfolder", (2, 0), "r/d/e", "git init -q r && cd r && COMMITS && mkdir -p d/e"),
    ("detached", (2, 0), "r", "git init -q r && cd r && COMMITS && git checkout -q --detach"),
];

#[test]
fn a_repository_of_any_shape_works() {
    for git in gits() {
        for (name, since, dir, script) in SHAPES {
            if !git.is_since(since.0, since.1) {
                continue;
            }
            println!("git {} | {name}", git.version);
            let sandbox = Sandbox::with_git(&git);
            let commits = "git symbolic-ref HEAD refs/heads/main && echo a >a && git add a && git commit -qm one && git commit -q --allow-empty -m two";
            sandbox.sh(".", &script.replace("COMMITS", commits)).ok();
            let path = sandbox.git(dir, &["rev-parse", "--show-toplevel"]).ok();
            registry(&sandbox, "hub/registry.toml", &path);
            let file = sandbox.path("hub/registry.toml");
            sandbox.os(dir, &["init", "--registry", file.to_str().expect("UTF-8")]).ok();
            sandbox.git(dir, &["config", "gc.autoDetach", "false"]).ok();
            all_works(&sandbox, dir);
            sandbox.os(dir, &["uninstall"]).ok();
        }
    }
}

#[test]
fn a_bare_repository_works() {
    for git in gits() {
        let sandbox = Sandbox::with_git(&git);
        sandbox.repo("seed", "");
        sandbox.sh(".", "git clone -q --bare seed r.git").ok();
        let _said = sandbox.os("r.git", &["init"]).fails("this is a bare repository");
        registry(&sandbox, "hub/registry.toml", "../r.git");
        sandbox.os("r.git", &["init", "--registry", "../hub/registry.toml"]).ok();
        all_works(&sandbox, "r.git");
    }
}

#[test]
fn a_registry_is_written_where_there_is_none_and_no_repository_is_no_crash() {
    let sandbox = Sandbox::new();
    sandbox.repo("r", "");
    sandbox.os("r", &["init"]).ok();
    all_works(&sandbox, "r");
    sandbox.write("empty/file", "");
    for args in [&["init"][..], &["list"], &["new", "x"], &["fsck"], &["uninstall"], &["show", "x"]] {
        let out = sandbox.os("empty", args);
        assert_eq!(out.code, Some(128), "{out}");
        let _said = out.fails("not inside a git repository");
    }
    assert_eq!(sandbox.sh("empty", "ls -A").ok(), "file");
}

/// What there is, and the branch that a new registry protects.
const TRUNKS: &[(&str, &str)] = &[
    ("git clone -q seed r; cd r; git switch -q -c fix/typo", "main"),
    ("git -C seed branch -m next; git clone -q seed r; cd r; git switch -q -c fix; git branch main", "next"),
    ("git -C seed switch -q -c fix; git clone -q -o theirs seed r; git -C r remote set-head theirs main", "main"),
    ("git -C seed branch fix; git clone -q --branch fix seed r", "main"),
    ("git -C seed switch -q -c fix; mv seed r; git config --global init.defaultBranch main", "main"),
    (
        "git -C seed branch -m develop; git -C seed switch -q -c fix; mv seed r; git config --global init.defaultBranch develop",
        "develop",
    ),
    ("git -C seed branch -m master; git -C seed switch -q -c fix; mv seed r", "master"),
    (
        "git -C seed branch -m trunk; git -C seed checkout -q -b fix; mv seed r; git config --global init.defaultBranch ''",
        "trunk",
    ),
    ("git -C seed branch -m odd/name; git -C seed checkout -q --detach; mv seed r", "odd/name"),
    ("git -C seed branch -m one; git -C seed switch -q -c two; mv seed r", "two"),
    ("git init -q -b begun r", "begun"),
];

#[test]
fn a_new_registry_protects_the_default_branch_whatever_is_checked_out() {
    for git in gits() {
        for (set_up, branch) in TRUNKS {
            println!("git {} | {set_up}", git.version);
            let sandbox = Sandbox::with_git(&git);
            sandbox.repo("seed", "");
            sandbox.sh(".", set_up).ok();
            sandbox.os("r", &["init"]).ok();
            let registry = sandbox.read("r/registry.toml");
            assert!(registry.contains(&format!("protected = [\"{branch}\"]")), "{set_up}: {registry}");
            let policy = sandbox.git("r", &["show", "refs/os/meta:policy.json"]).ok();
            assert!(policy.contains(&format!("\"{branch}\"")), "{set_up}: {policy}");
        }
    }
}

#[test]
fn a_shallow_clone_is_for_looking_and_stops_nobody() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        let sandbox = &stage.sandbox;
        sandbox.sh("r", "for n in 1 2 3; do git commit -q --allow-empty -m $n; done").ok();
        sandbox
            .sh(
                ".",
                "git clone -q --depth 1 \"file://$PWD/r\" s && cd s && git fetch -q --depth 1 origin '+refs/os/*:refs/os/*' || :",
            )
            .ok();
        sandbox.sh(".", "rm -rf s; git clone -q --depth 1 \"file://$PWD/r\" s; cd s; git fetch -q origin refs/os/meta:refs/os/meta; git fetch -q origin '+refs/os/*:refs/os/*' 'refs/heads/claude/*:refs/heads/claude/*'").ok();
        assert_eq!(sandbox.git("s", &["rev-parse", "--is-shallow-repository"]).ok(), "true");
        registry(sandbox, "hub/registry.toml", "../s");
        sandbox.os("s", &["init", "--registry", "../hub/registry.toml"]).ok();
        let list = sandbox.os("s", &["list", "--closed"]);
        assert!(list.stdout.contains(&stage.landed.id) && !list.stderr.contains("quarantined"), "{list}");
        sandbox
            .sh(
                "s",
                "git commit -q --allow-empty -m x; git commit -q --amend --allow-empty -m y; git pull -q --rebase origin main",
            )
            .ok();
        sandbox.os("s", &["fsck"]).ok();
    }
}

/// Ways to make git see another history than there is.
const LIES: &[(&str, &str)] = &[
    ("replaced work", "git replace $WORK $GOOD"),
    ("replaced event", "git replace refs/os/tickets/$OPEN refs/os/tickets/$VERIFIED"),
    ("replaced head of the verdict", "git replace $GOOD $WORK"),
    ("replaced tree", "git replace $WORK^{tree} $GOOD^{tree}"),
    ("replaced landed work by its parent", "git replace -f $MAIN $MAIN~1"),
    ("a graft", "mkdir -p .git/info; echo $WORK >.git/info/grafts"),
    ("a graft of main", "mkdir -p .git/info; echo $MAIN $WORK >.git/info/grafts"),
    ("a replacement elsewhere", "git update-ref refs/mine/$WORK $GOOD; git config core.useReplaceRefs true"),
    ("a list of shallow ends", "echo $MAIN >.git/shallow"),
    ("an empty list of shallow ends", ": >.git/shallow"),
    (
        "a commit-graph",
        "git commit-graph write --reachable; git replace $WORK $GOOD; rm -f .git/objects/info/commit-graph; git -c core.useReplaceRefs=true commit-graph write --reachable || :",
    ),
];

#[test]
fn what_lies_about_history_changes_no_verdict() {
    for git in gits() {
        let stage = Stage::new(&git, "");
        for (name, lie) in LIES {
            let refs = stage.refs();
            stage.sandbox.sh("r", lie).ok();
            for set in [
                "",
                "export GIT_REPLACE_REF_BASE=refs/mine/;",
                "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.useReplaceRefs GIT_CONFIG_VALUE_0=true;",
            ] {
                let attempts = [
                    "git update-ref refs/heads/main $WORK",
                    "git update-ref refs/heads/main $BEFORE",
                    "git update-ref refs/os/tickets/$OPEN refs/os/tickets/$VERIFIED",
                ];
                for attempt in attempts {
                    let out = stage.sandbox.sh("r", &format!("{set} {attempt}"));
                    println!(
                        "git {} | {name} | {attempt} | {}",
                        git.version,
                        if out.code == Some(0) { "ALLOWED" } else { "refused" }
                    );
                    let _said = out.fails("refusing to update");
                }
                assert_eq!(stage.sandbox.sh("r", &format!("{set} git os list --json")).ok().matches("\"verifying\"").count(), 1);
                stage.sandbox.sh("r", &format!("{set} git os fsck")).ok();
            }
            stage.sandbox.sh("r", "git update-ref refs/heads/main $GOOD").ok();
            assert_eq!(stage.sandbox.state("r", &stage.verified.id), "merged", "{name}");
            let truth = "rm -rf .git/info/grafts .git/shallow .git/objects/info/commit-graph*; git config --unset core.useReplaceRefs || :
                git for-each-ref --format='delete %(refname)' refs/replace refs/mine | git update-ref --stdin";
            stage.sandbox.sh("r", truth).ok();
            stage.restore(&refs);
            stage.tidy();
        }
    }
}

#[test]
fn a_repository_of_somebody_else_is_not_touched() {
    let sandbox = Sandbox::new();
    sandbox.repo("r", "");
    if !sandbox.sh(".", "chown -R 12345 r").ok().is_empty() {
        return;
    }
    let before = sandbox.sh("r", "find . -type f | sort | xargs cksum").ok();
    let out = sandbox.os("r", &["init"]);
    if out.code != Some(0) {
        let _said = out.fails("belongs to another user");
        assert_eq!(sandbox.sh("r", "find . -type f ! -name registry.toml | sort | xargs cksum").ok(), before);
    }
}

/// So that a table which is skipped as a whole is noticed.
#[test]
fn every_git_has_shapes() {
    let count = |git: &Git| SHAPES.iter().filter(|shape| git.is_since(shape.1.0, shape.1.1)).count();
    assert!(gits().iter().all(|git| count(git) >= 10));
}
