//! A registry that is not where a repository says: on another branch, or in a folder that was moved.

use crate::sandbox::Sandbox;

const WARNING: &str = "warning: cannot read the registry `";
const HINT: &str = "hint: git os init   # run it where registry.toml is";

/// Two repositories of one registry, which is in the first; both have a ticket.
fn workspace() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "other"], "");
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

#[test]
fn a_branch_without_the_registry_is_no_hindrance() {
    let sandbox = workspace();
    sandbox.sh("hub", "git switch -q -c with; git add registry.toml; git commit -qm registry; git switch -q main").ok();
    works_alone(&sandbox, "hub");
    sandbox.git("hub", &["switch", "-q", "with"]).ok();
    let out = sandbox.os("hub", &["list"]);
    assert_eq!(out.stderr, "", "{out}");
    assert!(out.ok().contains("Of other"));
}

#[test]
fn a_folder_that_was_moved_finds_its_registry() {
    let sandbox = workspace();
    sandbox.sh(".", "mkdir moved; mv hub other moved").ok();
    for dir in ["moved/hub", "moved/hub/sub"] {
        std::fs::create_dir_all(sandbox.path(dir)).expect("a folder");
        let out = sandbox.os(dir, &["list"]);
        assert_eq!(out.stderr, "", "{out}");
        let list = out.ok();
        assert!(list.contains("Of hub") && list.contains("Of other"), "{list}");
    }
    sandbox.os("moved/hub", &["start", "--plan"]).ok();
    // The other one has no registry of its own.
    let out = sandbox.os("moved/other", &["list"]).says(WARNING).says(HINT).ok();
    assert!(out.contains("Of other") && !out.contains("Of hub"), "{out}");
    sandbox.os("moved/hub", &["init"]).says("registry recorded").ok();
    let out = sandbox.os("moved/other", &["list"]);
    assert_eq!(out.stderr, "", "{out}");
    out.ok();
}

#[test]
fn a_registry_that_is_there_and_broken_is_an_error() {
    let sandbox = workspace();
    let good = sandbox.read("hub/registry.toml");
    sandbox.write("hub/registry.toml", "version = 1\n[os]\n");
    for dir in ["hub", "other"] {
        let _said = sandbox.os(dir, &["list"]).fails("invalid registry");
    }
    // Nor does the one of the work tree count instead of it, or when it is broken itself.
    sandbox.write("other/registry.toml", &good);
    let _said = sandbox.os("other", &["list"]).fails("invalid registry");
    sandbox.write("other/registry.toml", "version = 1\n[os]\n");
    sandbox.sh("hub", "rm registry.toml").ok();
    let _said = sandbox.os("other", &["list"]).fails("invalid registry");
    sandbox.sh("hub", "mkdir registry.toml").ok();
    assert!(sandbox.os("hub", &["list"]).fails("cannot read the registry").contains(HINT));
    let _said = sandbox.git("hub", &["update-ref", "refs/os/foreign", "HEAD"]).fails("refusing to update");
}
