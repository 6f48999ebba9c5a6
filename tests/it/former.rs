//! A repository that is no longer in the registry: until git-os is taken out of it, its tickets are counted, found and worked on.

use crate::sandbox::Sandbox;

/// A workspace from whose registry a repository with three tickets was taken: one is ready, and one is merged.
fn workspace() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "gone", "other"], "");
    for (title, state) in [("First", "draft"), ("Second", "ready"), ("Third", "merged")] {
        sandbox.ticket("gone", title, state);
    }
    sandbox.registry(&["hub", "other"], "");
    sandbox
}

/// The registry does not have the repository in which a command runs.
const WARNING: &str = "hub/registry.toml` does not have `gone`; using this repository alone";

#[test]
fn what_is_left_out_is_counted() {
    let sandbox = workspace();
    // Before and after the registry is published.
    for _ in 0..2 {
        for dir in ["hub", "other"] {
            let out = sandbox.os(dir, &["list"]);
            let note = "note: 2 tickets are left out in `gone`, which is no longer in the registry\nhint: git -C ";
            assert!(out.stderr.starts_with(note) && out.stderr.contains("/gone os list\n"), "{out}");
            out.ok();
            sandbox.os(dir, &["list", "--closed"]).says("note: 3 tickets are left out").ok();
            sandbox.os(dir, &["ready"]).says("note: 1 ticket is left out in `gone`").ok();
            let out = sandbox.os(dir, &["list", "--brand", "other"]);
            assert_eq!(out.stderr.lines().next(), Some("no tickets"), "{out}");
            out.ok();
        }
        sandbox.os("hub", &["init", "--yes"]).ok();
    }
    let session =
        sandbox.os("hub", &["start", "--yes"]).says("2 tickets are left out in `gone`, which is no longer in the registry");
    session.ok();
    sandbox.os("gone", &["uninstall"]).ok();
    let out = sandbox.os("hub", &["list"]);
    assert_eq!(out.stderr, "no tickets\n", "{out}");
    out.ok();
}

#[test]
fn a_ticket_there_is_found_by_name_and_is_worked_on_there() {
    let sandbox = workspace();
    sandbox.os("hub", &["init", "--yes"]).ok();
    for args in [&["show", "Second"][..], &["cancel", "Second", "--reason", "x"], &["log", "Second"]] {
        let said = sandbox.os("hub", args).fails("error: ticket `Second` is in `gone`, which is no longer in the registry `");
        assert!(said.contains("hint: git -C ") && said.contains("/gone os list"), "{said}");
    }
    let _said = sandbox.os("hub", &["show", "None"]).fails("error: ticket `None` not found");
    // In it, and by its name, all commands agree.
    for (dir, args) in [
        ("gone", &["new", "Fourth"][..]),
        ("gone", &["list", "--state", "draft"]),
        ("gone", &["show", "Fourth"]),
        ("gone", &["approve", "Fourth"]),
        ("gone", &["claim", "Fourth"]),
        ("hub", &["show", "Fourth", "--repo", "gone"]),
        ("other", &["list", "--repo", "gone"]),
    ] {
        sandbox.os(dir, args).says(WARNING).ok();
    }
    for args in [&["start", "--plan"][..], &["dispatch"], &["verify", "Fourth"]] {
        let _said = sandbox.os("gone", args).fails("hub/registry.toml` does not have this repository");
    }
    let said = sandbox.os("gone", &["doctor"]).fails("has no repository at `");
    assert!(said.contains("# 1: in the hub, once the registry has a `[[repo]]` table"), "{said}");
    // Whoever depends on what landed there need not wait for ever.
    let merged = sandbox.git("gone", &["for-each-ref", "--format=%(refname:lstrip=3)", "refs/os/tickets"]).ok();
    let is_merged = |id: &&str| sandbox.state("gone", id) == "merged";
    let merged = merged.lines().find(is_merged).expect("the merged ticket").to_owned();
    sandbox.registry(&["hub", "gone", "other"], "");
    sandbox.os("hub", &["new", "Later", "--depends", &merged]).ok();
    sandbox.registry(&["hub", "other"], "");
    sandbox.os("hub", &["approve", "Later"]).ok();
    assert!(sandbox.os("hub", &["ready"]).ok().contains("Later"));
    sandbox.os("hub", &["show", "Later"]).says("Third").ok();
}

#[test]
fn uninstall_finds_it_by_name_and_with_all() {
    for args in [&["uninstall", "--repo", "gone"][..], &["uninstall", "--all"]] {
        let sandbox = workspace();
        sandbox.os("hub", &["init", "--yes"]).ok();
        sandbox.os("hub", args).says("gone: hooks, settings and refspecs removed").ok();
        assert_eq!(sandbox.git("gone", &["config", "--local", "--get-regexp", "git-os"]).stdout, "");
        assert!(!sandbox.path("gone/.git/hooks/reference-transaction").exists());
        let _said = sandbox.os("hub", &["uninstall", "--repo", "gone"]).fails("");
    }
}

#[test]
fn a_repository_that_went_to_another_registry_is_none_of_this_one() {
    let sandbox = workspace();
    sandbox.os("hub", &["init", "--yes"]).ok();
    sandbox.sh(".", "mkdir new; mv gone new/gone; cd new/gone; git os uninstall; git rm -q --cached registry.toml || :").ok();
    sandbox.os("new/gone", &["init", "--registry", "../../none.toml"]).fails("cannot read the registry");
    let text =
        "version = 1\n[os]\nhub = \"gone\"\n[[repo]]\nname = \"gone\"\npath = \".\"\nbrand = \"gone\"\nprotected = [\"main\"]\n";
    sandbox.write("new/gone/registry.toml", text);
    sandbox.os("new/gone", &["init", "--yes"]).ok();
    sandbox.sh(".", "mv new/gone gone; git -C gone os init").ok();
    let out = sandbox.os("hub", &["list"]);
    assert_eq!(out.stderr, "no tickets\n", "{out}");
    out.ok();
    let _said = sandbox.os("hub", &["uninstall", "--repo", "gone"]).fails("repository `gone` is not in the registry");
}

#[test]
fn a_repository_that_changed_its_name_is_the_same_one() {
    let sandbox = workspace();
    sandbox.registry(&["hub", "gone", "other"], "");
    let text = sandbox.read("hub/registry.toml").replace("name = \"gone\"", "name = \"renamed\"");
    sandbox.write("hub/registry.toml", text);
    let out = sandbox.os("hub", &["list"]);
    assert_eq!(out.stderr, "", "{out}");
    assert!(out.ok().contains("First"));
}
