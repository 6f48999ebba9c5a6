//! Settings with which git-os cannot do its work: it says so and does nothing.

use super::Way;
use crate::sandbox::Sandbox;

#[test]
fn a_setting_of_hooks_that_wins_over_every_place_of_ours_is_named() {
    let sandbox = Sandbox::new();
    sandbox.repo("hub", "");
    sandbox.registry(&["hub"], "");
    let theirs = ["core.hooksPath=/theirs".to_owned()];
    for way in [Way::CommandLine, Way::Variables] {
        let said = way.git(&sandbox, "hub", &theirs, &["os", "init"]).fails("core.hooksPath");
        assert!(said.contains("/theirs") && said.contains("command"), "{said}");
    }
}

#[test]
fn a_git_that_is_too_old_is_named() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let git = sandbox.path("bin/git");
    let real = std::fs::read_link(&git).expect("a link").display().to_string();
    std::fs::remove_file(&git).expect("removed");
    let old = "#!/bin/sh\nfor last; do :; done; [ \"$last\" != version ] || exec echo git version 2.38.1\n";
    sandbox.script("bin/git", &format!("{old}exec {real} \"$@\"\n"));
    sandbox.os("hub", &["init"]).fails("git 2.38.1 is too old");
    sandbox.os("hub", &["doctor"]).fails("2.38.1");
}
