//! A workspace that an older git-os wrote is read, worked on and examined by this one, and the other way round.

use std::path::PathBuf;

use crate::sandbox::Sandbox;

/// Made by the git-os of 21 November 2026: tickets in several states, one archived, notes, a learning, a session and a wiki.
const WORKSPACE: &[u8] = include_bytes!("../../fixtures/older/2026-11-21.bundle");
/// The program that wrote it, for the way back; see `CONTRIBUTING.md`.
const OLDER: &str = "GIT_OS_TEST_OLDER";

/// The repository of the bundle, with all its refs, and the hooks of now.
fn unpack() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("older.bundle", WORKSPACE);
    let script = "git init -q r && cd r && git config core.hooksPath /dev/null &&
        git fetch -q --update-head-ok ../older.bundle '+refs/*:refs/*' && git config --unset core.hooksPath &&
        git reset -q --hard && git-os init";
    sandbox.sh(".", script).ok();
    sandbox
}

/// The ids of the tickets in a state.
fn in_state(sandbox: &Sandbox, state: &str) -> Vec<String> {
    let listed = sandbox.os("r", &["list", "--all", "--state", state]).ok();
    listed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// What happens to a ticket from here on.
fn work_on(sandbox: &Sandbox) {
    let running = in_state(sandbox, "running").remove(0);
    sandbox.os("r", &["block", &running, "--reason", "flour"]).ok();
    let verified = in_state(sandbox, "verified").remove(0);
    sandbox.os("r", &["merge", &verified]).ok();
    let new = sandbox.ticket("r", "New", "ready");
    sandbox.os("r", &["comment", &new.id, "a word"]).ok();
    sandbox.os("r", &["archive", "--after", "0m"]).ok();
    sandbox.os("r", &["start", "--yes"]).ok();
}

#[test]
fn a_workspace_of_an_older_git_os_is_read_worked_on_and_examined() {
    let sandbox = unpack();
    let before = sandbox.refs("r", &["refs/os", "refs/notes"]);
    sandbox.os("r", &["fsck"]).says("6 tickets with 35 events replayed, 0 findings").ok();
    let of = |state| in_state(&sandbox, state).len();
    assert_eq!((of("merged"), of("running"), of("verified"), of("rejected")), (3, 1, 1, 1));
    sandbox.os("r", &["session"]).ok();
    assert_eq!(sandbox.refs("r", &["refs/os", "refs/notes"]), before, "to read it changes nothing");
    work_on(&sandbox);
    sandbox.os("r", &["fsck"]).says(", 0 findings").ok();
}

#[test]
#[ignore = "it takes an older git-os, which `GIT_OS_TEST_OLDER` names"]
fn what_this_git_os_writes_is_read_worked_on_and_examined_by_an_older_one() {
    let older = std::env::var_os(OLDER).map(PathBuf::from).expect("the path of an older git-os");
    let sandbox = unpack();
    work_on(&sandbox);
    std::fs::copy(older, sandbox.path("older-git-os")).expect("copied");
    let older = "../older-git-os";
    sandbox.sh("r", &format!("{older} fsck")).says(", 0 findings").ok();
    sandbox.sh("r", &format!("{older} list --all && {older} new 'By the older one'")).ok();
    let draft = in_state(&sandbox, "draft").remove(0);
    sandbox.sh("r", &format!("{older} approve {draft} && {older} claim {draft} && {older} fsck")).ok();
    sandbox.os("r", &["fsck"]).says(", 0 findings").ok();
    sandbox.os("r", &["release", &draft]).ok();
    sandbox.sh("r", &format!("{older} fsck")).ok();
}
