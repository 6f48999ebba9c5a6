//! The end of git-os by a signal, and the end of a git that does nothing: with all that was started, and the next command goes on.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};

use crate::crew::Crew;

/// A ticket whose work has passed and is landed by `git merge`, which writes a file through a filter that hangs as long as `ws/hang` is
/// there: a program that is started by a shell that is started by git.
fn workspace() -> (Crew, String) {
    let crew = Crew::alone("cat >/dev/null; echo work >work.slow; git add work.slow; git commit -qm work\n", "");
    crew.sandbox.script(
        "slow.sh",
        "#!/bin/sh\ncd \"$(dirname \"$0\")\"/ws; if [ -e hang ]; then touch hanging; sleep 301; fi; [ ! -e busy ] || ./busy.sh; exec cat\n",
    );
    crew.sandbox.script("ws/busy.sh", "#!/bin/sh\nn=0; until [ $n -ge 1500000 ]; do n=$((n+1)); done\n");
    let filter = crew.sandbox.path("slow.sh").display().to_string();
    let setup = format!(
        "git config filter.slow.smudge {filter}; git config filter.slow.clean cat
         echo '*.slow filter=slow' >.gitattributes; git add .gitattributes; git commit -qm attributes"
    );
    crew.sandbox.sh("ws/hub", &setup).ok();
    let id = crew.ready("Work");
    let work = format!(
        "git os claim {id}; git os start {id}; git switch -q -c claude/{id}; echo work >work.slow; git add work.slow; git commit -qm work
         git switch -q main; git os submit {id}; git os verify {id}"
    );
    crew.sandbox.sh("ws/hub", &work).ok();
    assert_eq!(crew.state(&id), "verified");
    crew.sandbox.write("ws/hang", "");
    (crew, id)
}

fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill");
    assert!(status.success());
}

/// Nothing lives, nothing is locked, and nothing temporary is left. The record of a run, with its lock, is for the next session.
#[track_caller]
fn is_clean(crew: &Crew) {
    crew.wait("all processes are gone", || crew.processes().is_empty());
    let left =
        "find .git \\( -name '*.lock' ! -name session.lock ! -path '*/runs/*' \\) -o -name '.git-os-*' -o -name 'tmp_obj_*'";
    assert_eq!(crew.sandbox.sh("ws/hub", left).ok(), "");
}

#[track_caller]
fn the_next_one_lands(crew: &Crew, id: &str) {
    crew.sandbox.sh("ws", "rm -f hang hanging").ok();
    crew.os(&["merge", id]).ok();
    assert_eq!(crew.state(id), "merged");
    assert_eq!(crew.sandbox.read("ws/hub/work.slow"), "work\n");
    crew.all_is_well();
}

#[test]
fn a_signal_ends_git_with_all_that_it_started_and_the_next_command_goes_on() {
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
        let (crew, id) = workspace();
        let before = crew.tickets();
        let child = crew.spawn(&["merge", &id]);
        crew.wait_for("ws/hanging");
        crew.wait("what git started hangs", || crew.processes().iter().any(|process| process.contains("sleep 301")));
        assert!(crew.sandbox.path("ws/hub/.git/index.lock").exists(), "git is at work");
        signal(&child, name);
        let output = child.wait_with_output().expect("an end");
        assert_eq!(output.status.signal(), Some(number), "{}", String::from_utf8_lossy(&output.stderr));
        let said = if name == "INT" { "interrupted\n" } else { "" };
        assert_eq!(String::from_utf8_lossy(&output.stderr), said, "{name}: a person is answered");
        is_clean(&crew);
        assert_eq!(crew.tickets(), before);
        the_next_one_lands(&crew, &id);
    }
}

#[test]
fn a_session_that_is_interrupted_ends_what_git_is_doing() {
    let (crew, _) = workspace();
    let id = crew.ready("By an agent");
    let child = crew.spawn(&["start", "--yes"]);
    crew.wait_for("ws/hanging");
    signal(&child, "INT");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    is_clean(&crew);
    assert!(!crew.log(&id).contains("block"), "that git was ended is no reason to block: {}", crew.log(&id));
    crew.sandbox.sh("ws", "rm -f hang hanging").ok();
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    crew.all_is_well();
}

#[test]
fn a_signal_that_is_ignored_from_the_start_stays_so() {
    let (crew, id) = workspace();
    let program = crew.sandbox.path("bin/git-os");
    let mut command = crew.sandbox.command("ws/hub", "nohup");
    let child = command.arg(program).args(["merge", &id]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nohup");
    crew.wait_for("ws/hanging");
    signal(&child, "HUP");
    signal(&child, "TERM");
    assert_eq!(child.wait_with_output().expect("an end").status.signal(), Some(15), "not by SIGHUP");
    is_clean(&crew);
    the_next_one_lands(&crew, &id);
}

#[test]
fn a_git_that_does_nothing_is_ended_and_one_that_works_is_not() {
    let (crew, id) = workspace();
    crew.sandbox.sh("ws/hub", "git config git-os.localTimeout 1").ok();
    let said = crew.os(&["merge", &id]).fails("timed out: it did nothing for 1 s");
    assert!(said.contains("`git merge"), "{said}");
    assert!(said.contains("git config git-os.localTimeout SECONDS"), "{said}");
    is_clean(&crew);
    assert_eq!(crew.state(&id), "verified");
    crew.sandbox.write("ws/busy", "");
    the_next_one_lands(&crew, &id);
}

#[test]
fn a_signal_ends_an_agent_with_all_that_it_started() {
    let crew = Crew::alone("cat >/dev/null; sh -c 'setsid sleep 302 & touch ../../../../started; sleep 303'\n", "");
    let id = crew.ready("Work");
    let child = crew.spawn(&["dispatch"]);
    crew.wait_for("ws/started");
    signal(&child, "TERM");
    assert_eq!(child.wait_with_output().expect("an end").status.signal(), Some(15));
    is_clean(&crew);
    crew.agent("echo done >done\n");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    crew.all_is_well();
}
