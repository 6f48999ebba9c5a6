//! What a server lets in, judged by the policy that the repository itself carries.

use super::fleet::{BARE, Fleet, Plan};

#[test]
fn a_push_is_judged_as_a_whole_and_nothing_of_a_bad_one_stays() {
    let fleet = Fleet::new(1, Plan { is_judged: true, ..Plan::default() });
    let good = fleet.ready("m0", "Good");
    let before = fleet.sandbox.sh(BARE, "git count-objects -v | grep -E '^(count|in-pack)'").ok();
    let script = format!(
        "forged=$(git cat-file commit refs/os/tickets/{good} | sed 's/ready/merged/' | git hash-object -t commit -w --stdin)
         git push -q --atomic origin refs/os/tickets/{good} $forged:refs/os/tickets/T-2026-05-07-repo-abcd"
    );
    fleet.sandbox.sh("m0", &script).fails("refusing to update `refs/os/tickets/T-2026-05-07-repo-abcd`");
    assert_eq!(fleet.sandbox.sh(BARE, "git count-objects -v | grep -E '^(count|in-pack)'").ok(), before);
    fleet.os("m0", &["sync"]).ok();
    fleet.all_agree();
}

#[test]
fn a_hook_that_was_there_runs_first_and_comes_back() {
    let fleet = Fleet::new(1, Plan::default());
    fleet.sandbox.script(
        &format!("{BARE}/hooks/pre-receive"),
        "#!/bin/sh\ncat >/dev/null\n[ ! -e stop ] || { echo closed >&2; exit 1; }\n",
    );
    fleet.os("m0", &["-C", "..", "server", "install", BARE]).ok();
    let id = fleet.ready("m0", "One");
    fleet.sandbox.write(&format!("{BARE}/stop"), "");
    fleet.os("m0", &["sync"]).fails("closed");
    fleet.sandbox.sh(BARE, "rm stop").ok();
    fleet.os("m0", &["sync"]).ok();
    fleet.os("m0", &["-C", "..", "server", "uninstall", BARE]).ok();
    assert!(fleet.sandbox.read(&format!("{BARE}/hooks/pre-receive")).contains("closed"));
    assert!(!id.is_empty());
}

#[test]
fn without_git_os_a_server_takes_nothing() {
    let fleet = Fleet::new(1, Plan::default());
    fleet
        .sandbox
        .sh(".", "cp bin/git-os bin/git-os-server && bin/git-os-server server install shared.git && rm bin/git-os-server")
        .ok();
    fleet.ready("m0", "One");
    fleet.os("m0", &["sync"]).fails("cannot check this push: no git-os at `");
}

#[test]
fn a_host_without_hooks_can_ask_for_the_same_judgement() {
    let fleet = Fleet::new(1, Plan::default());
    let id = fleet.ready("m0", "One");
    fleet.os("m0", &["sync"]).ok();
    let line = |old: &str, new: &str| {
        format!("echo $(git rev-parse {old}) $(git rev-parse {new}) refs/os/tickets/{id} | git-os server check")
    };
    let name = format!("refs/os/tickets/{id}");
    fleet.sandbox.sh(BARE, &line(&format!("{name}~1"), &name)).ok();
    fleet.sandbox.sh(BARE, &line(&name, &format!("{name}~1"))).fails("would refuse to update");
}
