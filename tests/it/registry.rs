//! A registry that is not where a repository says: on another branch, or in a folder that was moved.

use crate::sandbox::Sandbox;

const WARNING: &str = "warning: cannot read the registry `";
const HINT: &str = "hint: git os init   # run it where registry.toml is";

/// Two repositories of one registry, which is in the first; both have a ticket.
fn workspace() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "other"], "");
    with_tickets(sandbox)
}

fn with_tickets(sandbox: Sandbox) -> Sandbox {
    for dir in ["hub", "other"] {
        sandbox.ticket(dir, &format!("Of {dir}"), "ready");
    }
    sandbox
}

/// What must work with one repository alone, and the hooks.
#[track_caller]
fn works_alone(sandbox: &Sandbox, dir: &str) {
    let out = sandbox.os(dir, &["list"]);
    assert_eq!((out.stderr.matches(WARNING).count(), out.stderr.matches(HINT).count()), (1, 1), "{out}");
    let list = out.ok();
    assert!(list.contains("Of hub") && !list.contains("Of other"), "{list}");
    // The tickets are asked for twice here, and the warning is still one.
    let out = sandbox.os(dir, &["ready"]);
    assert_eq!(out.stderr.matches(WARNING).count(), 1, "{out}");
    assert!(out.ok().contains("Of hub"));
    let ticket = sandbox.ticket(dir, "Verified alone", "verified");
    sandbox.os(dir, &["show", &ticket.id]).says("Verified alone").ok();
    sandbox.os(dir, &["claim", "--next"]).says(" claimed by run ").ok();
    sandbox.os(dir, &["learn", "Registries come and go."]).ok();
    sandbox.os(dir, &["fsck"]).says(WARNING).ok();
    let out = sandbox.git(dir, &["commit", "-q", "--allow-empty", "-m", "x"]);
    assert_eq!(out.stderr, "", "{out}");
    out.ok();
    let _said = sandbox.git(dir, &["update-ref", "refs/os/foreign", "HEAD"]).fails("refusing to update");
    for args in
        [&["start", "--yes"][..], &["start", "--plan"], &["dispatch"], &["worker", "--until-empty"], &["list", "--repo", "other"]]
    {
        let out = sandbox.os(dir, args);
        assert!(!out.stderr.contains(WARNING), "{out}");
        let mut said = out.fails("").lines().map(str::to_owned).collect::<Vec<_>>();
        let hint = said.pop().expect("a hint");
        assert_eq!(hint, HINT);
        let [error] = said.as_slice() else { panic!("{args:?}: {said:?}") };
        assert!(error.starts_with("error: there is no registry at `") && error.contains("registry.toml`"), "{error}");
    }
    let out = sandbox.os(dir, &["dispatch", "--json"]).fails("\"registry-missing\"");
    assert!(!out.contains("warning"), "{out}");
}

/// The same by an older git-os, which did not publish the registry.
fn unpublished() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "other"], "");
    let script = "git ls-tree refs/os/meta | grep policy.json | git mktree >tree
                  git cat-file commit refs/os/meta | sed \"s/^tree .*/tree $(cat tree)/\" | git hash-object -t commit -w --stdin >commit
                  git -c core.hooksPath=/dev/null update-ref refs/os/meta $(cat commit); rm tree commit";
    sandbox.sh("hub", script).ok();
    with_tickets(sandbox)
}

/// The note that a command goes on by the published registry.
#[track_caller]
fn goes_on(sandbox: &Sandbox, dir: &str, why: &str) {
    let out = sandbox.os(dir, &["list"]);
    assert_eq!(out.stderr.lines().count(), 1, "{out}");
    assert!(out.stderr.starts_with("note: using the registry published on 2026-05-07, not `"), "{out}");
    assert!(out.stderr.trim_end().ends_with(why), "{out}");
    let list = out.ok();
    assert!(list.contains("Of hub") && list.contains("Of other"), "{list}");
}

#[test]
fn a_branch_without_the_registry_is_no_hindrance() {
    let sandbox = workspace();
    sandbox.sh("hub", "git switch -q -c with; git add registry.toml; git commit -qm registry; git switch -q main").ok();
    for dir in ["hub", "other"] {
        goes_on(&sandbox, dir, ": it does not exist");
    }
    for args in [&["start", "--plan"][..], &["worker", "--until-empty"], &["list", "--repo", "other"], &["doctor"]] {
        for dir in ["hub", "other"] {
            sandbox.os(dir, args).says("note: using the registry published on").ok();
        }
    }
    let out = sandbox.os("hub", &["init"]).says("note: using the registry published on").ok();
    assert_eq!(out, "hub: nothing to do\nother: nothing to do");
    assert!(!sandbox.path("hub/registry.toml").exists());
    sandbox.git("hub", &["switch", "-q", "with"]).ok();
    let out = sandbox.os("hub", &["list"]);
    assert_eq!(out.stderr, "", "{out}");
    assert!(out.ok().contains("Of other"));
}

#[test]
fn a_registry_that_nobody_published_leaves_each_repository_alone() {
    let sandbox = unpublished();
    sandbox.sh("hub", "rm registry.toml").ok();
    works_alone(&sandbox, "hub");
}

#[test]
fn a_linked_worktree_uses_the_registry_of_the_main_one() {
    let sandbox = workspace();
    sandbox.sh("hub", "git add registry.toml; git commit -qm registry; git worktree add -q ../linked -b topic").ok();
    let before = sandbox.git("other", &["config", "git-os.registry"]).ok();
    let out = sandbox.os("linked", &["init"]);
    assert!(out.stderr.contains("hub/registry.toml`; `--registry FILE` names another one"), "{out}");
    assert_eq!(out.ok(), "hub: nothing to do\nother: nothing to do");
    assert_eq!(sandbox.git("other", &["config", "git-os.registry"]).ok(), before);
    // To name it is not enough: somebody has to say yes.
    let out = sandbox.os("linked", &["init", "--registry", "registry.toml"]);
    assert!(out.stderr.contains("other: now uses the registry `"), "{out}");
    let _said = out.fails("error: nothing was changed");
    assert_eq!(sandbox.git("other", &["config", "git-os.registry"]).ok(), before);
    // The main worktree is on a branch without the file, and the linked one has it.
    sandbox.sh("hub", "git switch -q -c without; git rm -q registry.toml; git commit -qm without").ok();
    for dir in ["linked", "hub", "other"] {
        goes_on(&sandbox, dir, ": it does not exist");
    }
    sandbox.sh("hub", "git worktree remove --force ../linked").ok();
    goes_on(&sandbox, "other", ": it does not exist");
}

#[test]
fn a_folder_that_was_moved_finds_its_registry() {
    let sandbox = workspace();
    sandbox.sh(".", "mkdir moved; mv hub other moved").ok();
    for dir in ["moved/hub", "moved/hub/sub", "moved/other"] {
        std::fs::create_dir_all(sandbox.path(dir)).expect("a folder");
        let out = sandbox.os(dir, &["list"]);
        assert_eq!(out.stderr, "", "{out}");
        let list = out.ok();
        assert!(list.contains("Of hub") && list.contains("Of other"), "{list}");
    }
    sandbox.os("moved/hub", &["start", "--plan"]).ok();
    // Without its file as well.
    sandbox.sh("moved/hub", "mv registry.toml ..").ok();
    for dir in ["moved/hub", "moved/other"] {
        goes_on(&sandbox, dir, ": it does not exist");
    }
    sandbox.sh("moved/hub", "mv ../registry.toml .").ok();
    sandbox.os("moved/hub", &["init"]).says("registry recorded").ok();
    let noted = sandbox.git("moved/other", &["config", "git-os.registry"]).ok();
    assert!(noted.ends_with("/moved/hub/registry.toml"), "{noted}");
}

#[test]
fn a_registry_that_is_broken_stops_nobody_but_init() {
    let sandbox = workspace();
    sandbox.write("hub/registry.toml", "version = 1\n[os]\n");
    for dir in ["hub", "other"] {
        goes_on(&sandbox, dir, "line 1: there is no `[[repo]]`");
    }
    let said = sandbox.os("hub", &["init"]).fails("error: invalid registry");
    assert!(said.contains("line 2: [os] has no `hub`"), "{said}");
    sandbox.sh("hub", "rm registry.toml; mkdir registry.toml").ok();
    goes_on(&sandbox, "hub", "Is a directory (os error 21)");
    let _said = sandbox.git("hub", &["update-ref", "refs/os/foreign", "HEAD"]).fails("refusing to update");
}

#[test]
fn a_registry_that_is_broken_and_was_not_published_is_an_error() {
    let sandbox = unpublished();
    let good = sandbox.read("hub/registry.toml");
    sandbox.write("hub/registry.toml", "version = 1\n[os]\n");
    // Whatever else lies about.
    sandbox.write("other/registry.toml", &good);
    for dir in ["hub", "other"] {
        let _said = sandbox.os(dir, &["list"]).fails("invalid registry");
    }
}

#[test]
fn a_registry_of_an_older_branch_does_not_count() {
    let sandbox = workspace();
    sandbox.sh("hub", "git add registry.toml; git commit -qm one; git branch old").ok();
    sandbox.repo("third", "");
    sandbox.registry(&["hub", "other", "third"], "");
    let out = sandbox.os("hub", &["init"]).ok();
    assert!(out.contains("hub: registry published") && out.contains("third: policy published"), "{out}");
    sandbox.ticket("third", "Of third", "draft");
    sandbox.sh("hub", "git commit -qam three; git switch -q old").ok();
    for dir in ["hub", "other"] {
        goes_on(&sandbox, dir, ": it is an earlier version");
    }
    assert!(sandbox.os("other", &["list"]).ok().contains("Of third"));
    // Nor for the repository that it did not have yet.
    goes_on(&sandbox, "third", ": it is an earlier version");
    sandbox.os("third", &["show", "Of third"]).says("note: using the registry published on").ok();
    assert_eq!(sandbox.os("hub", &["init"]).ok().matches("nothing to do").count(), 3);
    // A person's own edit counts, whatever was published.
    let edited = sandbox.read("hub/registry.toml") + "# mine\n";
    sandbox.write("hub/registry.toml", edited);
    let out = sandbox.os("hub", &["list"]);
    assert!(!out.stderr.contains("note: using the registry"), "{out}");
    // And so does an earlier version that somebody wants back and says so.
    sandbox.sh("hub", "git checkout -q registry.toml").ok();
    let out = sandbox.os("hub", &["init", "--registry", "registry.toml"]);
    assert!(out.stderr.contains("third: is no longer in the registry; its hooks and refs stay"), "{out}");
    let _said = out.fails("nothing was changed");
    sandbox.os("hub", &["init", "--registry", "registry.toml", "--yes"]).says("hub: registry published").ok();
    let out = sandbox.os("hub", &["list"]).says("note: 1 ticket is left out in `third`, which is no longer in the registry");
    assert!(!out.ok().contains("Of third"));
}

#[test]
fn a_registry_that_was_published_and_taken_back_does_not_count() {
    let sandbox = workspace();
    sandbox.sh("hub", "git add registry.toml; git commit -qm one; git branch side").ok();
    let edited = sandbox.read("hub/registry.toml") + "\n[agents.later]\nkind = \"claude\"\n";
    let counts = |edited: bool| {
        let out = sandbox.os("hub", &["agents"]);
        assert_eq!(out.stderr, "", "{out}");
        assert_eq!(out.ok().contains("later"), edited);
    };
    // It was never committed.
    for take_back in ["git checkout -q registry.toml", "git stash -q", "git reset -q --hard"] {
        sandbox.write("hub/registry.toml", &edited);
        sandbox.os("hub", &["init"]).ok();
        counts(true);
        sandbox.sh("hub", take_back).ok();
        counts(false);
        sandbox.os("hub", &["init"]).says("hub: registry published").ok();
    }
    // A commit takes it back, within the same second.
    sandbox.write("hub/registry.toml", &edited);
    sandbox.sh("hub", "git os init; git commit -qam later; git revert --no-edit HEAD").ok();
    counts(false);
    // On another branch it is still there, and this one is older: what counts is said, and how to have the file.
    sandbox.write("hub/registry.toml", &edited);
    sandbox.sh("hub", "git os init; git commit -qam again; git switch -q side").ok();
    let out = sandbox.os("hub", &["init"]).says(": it is an earlier version");
    assert!(out.stderr.contains("hint: git os init --registry ") && out.stderr.contains("# goes by the file again"), "{out}");
    out.ok();
}

#[test]
fn a_fresh_clone_of_the_hub_has_the_published_registry() {
    let sandbox = workspace();
    sandbox.sh("hub", "git init -q --bare ../hub.git; git remote add origin ../hub.git; git push -q origin main").ok();
    let text = sandbox.read("hub/registry.toml").replacen("protected", "remote = \"origin\"\nprotected", 1);
    sandbox.write("hub/registry.toml", text);
    sandbox.sh("hub", "git os init; git os sync").ok();
    sandbox.sh(".", "mkdir there; git clone -q hub.git there/hub").ok();
    let out = sandbox.os("there/hub", &["init"]);
    assert!(out.stderr.contains("note: using the registry published on 2026-05-07"), "{out}");
    assert!(out.stderr.contains("registry.toml:17: cannot open repository `other`"), "{out}");
    let _said = out.fails("cannot set up 1 repository");
    assert!(!sandbox.path("there/hub/registry.toml").exists());
    sandbox.sh("there", "git clone -q ../other other").ok();
    sandbox.os("there/hub", &["init"]).ok();
    let list = sandbox.os("there/other", &["list"]).ok();
    assert!(list.contains("Of hub"), "{list}");
}

#[test]
fn a_clone_takes_over_what_an_older_git_os_agreed_on() {
    let sandbox = unpublished();
    sandbox
        .sh("hub", "git init -q --bare ../hub.git; git push -q ../hub.git main refs/os/meta; git clone -q ../hub.git ../later")
        .ok();
    sandbox.os("later", &["init"]).says("wrote ").ok();
    let text = sandbox.read("later/registry.toml");
    assert!(text.contains("hub = \"hub\"") && text.contains("protected = [\"main\"]"), "{text}");
    assert_eq!(sandbox.id("later", "refs/os/meta~1"), sandbox.id("hub", "refs/os/meta"));
}

#[test]
fn a_workspace_that_was_copied_is_one_of_its_own() {
    let sandbox = workspace();
    sandbox.sh(".", "mkdir copy; cp -a hub other copy").ok();
    sandbox.ticket("hub", "Of the original", "draft");
    for dir in ["copy/hub", "copy/other"] {
        let out = sandbox.os(dir, &["list"]);
        assert_eq!(out.stderr, "", "{out}");
        let list = out.ok();
        assert!(list.contains("Of hub") && list.contains("Of other") && !list.contains("Of the original"), "{list}");
    }
    sandbox.os("copy/other", &["new", "Of the copy", "--brand", "hub"]).ok();
    assert!(!sandbox.os("hub", &["list"]).ok().contains("Of the copy"));
    assert!(sandbox.os("copy/hub", &["init"]).ok().contains("other: registry recorded"));
    assert!(sandbox.git("copy/other", &["config", "git-os.registry"]).ok().ends_with("/copy/hub/registry.toml"));
}

#[test]
fn a_registry_that_was_reverted_by_a_commit_counts_again() {
    let mut sandbox = workspace();
    sandbox.sh("hub", "git add registry.toml; git commit -qm one").ok();
    let good = sandbox.read("hub/registry.toml");
    sandbox.write("hub/registry.toml", good.replace("name = \"usual\"", "name = \"other\""));
    sandbox.os("hub", &["init", "--yes"]).ok();
    sandbox.sh("hub", "git commit -qam two").ok();
    // Later, and not by a switch to an older branch.
    for key in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
        sandbox.set(key, "2026-05-08T12:00:00Z");
    }
    sandbox.git("hub", &["revert", "--no-edit", "HEAD"]).ok();
    let out = sandbox.os("hub", &["list"]);
    assert_eq!(out.stderr, "", "{out}");
    sandbox.os("hub", &["init", "--yes"]).says("adds check `usual`").ok();
}

#[test]
fn a_registry_further_up_that_does_not_have_the_repository_is_not_its_own() {
    let sandbox = workspace();
    sandbox.repo("hub/nested", "");
    sandbox.os("hub/nested", &["init"]).says("does not have this repository").ok();
    assert!(sandbox.read("hub/nested/registry.toml").contains("hub = \"nested\""));
    assert!(!sandbox.os("hub/nested", &["list"]).said().contains("Of hub"));
}
