//! Every loop that tries something again, driven to its bound: it ends, and says why. Design 0019 has the list.

use crate::crew::Crew;
use crate::world::with_remote;

/// What stands in `PATH` before git: it does something else for some commands, and counts them.
fn instead(crew: &mut Crew, commands: &[(&str, &str)]) {
    let git = crew.sandbox.sh(".", "readlink bin/git").ok();
    let mut script = "#!/bin/sh\ncase \" $* \" in\n".to_owned();
    for (command, what) in commands {
        let count = crew.sandbox.path(command).display().to_string();
        script += &format!("*\" {command} \"*) echo x >>{count}; {what};;\n");
    }
    crew.sandbox.script("bin/git-instead", &format!("{script}esac\nexec {git} \"$@\"\n"));
    crew.sandbox.sh("bin", "mv git git-real; mv git-instead git").ok();
    crew.sandbox.set("GIT_OS_MAX_ATTEMPTS", "4");
}

/// How often a command was asked for since this was asked last.
fn count(crew: &Crew, command: &str) -> usize {
    let count = crew.sandbox.read(command).lines().count();
    crew.sandbox.sh(".", &format!("rm -f {command}")).ok();
    count
}

const LOSES: &str = "printf '!\\tx:refs/os/x\\t[rejected] (stale info)\\n'; exit 1";
const BREAKS: &str = "echo 'fatal: the remote end hung up unexpectedly' >&2; exit 128";

#[test]
fn a_push_that_others_always_win_is_given_up() {
    let mut crew = with_remote("true");
    let id = crew.ready("Work");
    instead(&mut crew, &[("push", LOSES)]);
    crew.os(&["sync"]).fails("`origin` kept changing; gave up after 4 attempts");
    assert_eq!(count(&crew, "push"), 4);
    crew.os(&["claim", &id]).fails(&format!("`refs/os/tickets/{id}` kept changing; gave up after 4 attempts"));
    assert_eq!(count(&crew, "push"), 4);
    assert_eq!(crew.state(&id), "ready");
}

#[test]
fn a_push_whose_answer_is_always_lost_is_given_up() {
    let mut crew = with_remote("true");
    let id = crew.ready("Work");
    instead(&mut crew, &[("push", BREAKS), ("ls-remote", BREAKS)]);
    crew.os(&["sync"]).fails("hung up unexpectedly");
    assert_eq!(count(&crew, "push"), 4, "the first, and three more");
    crew.os(&["claim", &id]).fails("gave up after 4 attempts");
    assert_eq!((count(&crew, "push"), crew.state(&id).as_str()), (4, "ready"));
}

#[test]
fn a_remote_that_does_not_say_what_became_of_a_push_is_asked_a_few_times() {
    let mut crew = with_remote("true");
    let id = crew.ready("Work");
    instead(&mut crew, &[("push", BREAKS), ("ls-remote", BREAKS), ("fetch", BREAKS)]);
    crew.os(&["claim", &id]).fails("hung up unexpectedly");
    assert_eq!((count(&crew, "push"), count(&crew, "fetch"), crew.state(&id).as_str()), (1, 3, "ready"));
}

#[test]
fn a_branch_that_moves_during_each_verification_blocks_the_ticket() {
    let crew = Crew::alone("cat >/dev/null; echo x >x; git add x; git commit -qm x\n", "verifier = \"judge\"");
    crew.judge(
        "cat >/dev/null; (cd ../../.. && git -c core.hooksPath=/dev/null commit -q --allow-empty -m 'A person goes on')
         echo '{\"verdict\":\"pass\",\"reasons\":[]}'\n",
    );
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "blocked", "{}", crew.log(&id));
    assert!(crew.log(&id).contains("gave up landing after 20 attempts: the branch moved each time"), "{}", crew.log(&id));
}

#[test]
fn names_that_are_all_taken_are_not_tried_for_ever() {
    let mut crew = Crew::alone("cat >/dev/null; echo unsaved >a; exit 1\n", "max_attempts = 1");
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "blocked", "{}", crew.log(&id));
    crew.sandbox.sh("ws/hub", &format!("echo unsaved >.claude/worktrees/{id}/more")).ok();
    crew.sandbox.set("GIT_COMMITTER_DATE", "2026-05-17T12:00:00Z");
    for suffix in ["", "-1", "-2", "-3"] {
        let name = format!("refs/os/rescue/{id}/2026-05-17t120000z{suffix}");
        crew.sandbox.git("ws/hub", &["-c", "core.hooksPath=/dev/null", "update-ref", &name, "main"]).ok();
    }
    crew.sandbox.set("GIT_OS_MAX_ATTEMPTS", "4");
    crew.os(&["gc"]).says("kept changing; gave up after 4 attempts").ok();
    assert_eq!(crew.sandbox.read(&format!("ws/hub/.claude/worktrees/{id}/more")), "unsaved\n");
    crew.sandbox.unset("GIT_OS_MAX_ATTEMPTS");
    crew.os(&["gc"]).ok();
}

#[test]
fn a_ticket_that_is_let_first_and_never_lands_is_waited_for_a_while() {
    let mut crew = with_remote("cat >/dev/null; echo x >x; git add x; git commit -qm x\n");
    crew.registry(&["hub"], "agent = \"crew\"\nremote = \"origin\"\npush = \"auto\"\ntimeout = \"3s\"\n");
    for key in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
        crew.sandbox.unset(key);
    }
    let first = crew.ready("Never lands");
    // Its verification seems to have taken long, so others wait for long until it comes again.
    let by_hand = format!(
        "git os claim {first}; git os start {first}; git switch -q -c claude/{first}; echo h >h; git add h; git commit -qm h
         git switch -q main; GIT_COMMITTER_DATE=\"$(($(date +%s) - 60)) +0000\" git os submit {first}; git os verify {first}
         git commit -q --allow-empty -m more; git push -q origin main; git rebase -q main claude/{first}; git switch -q main; git os stale {first}"
    );
    crew.sandbox.sh("ws/hub", &by_hand).ok();
    let id = crew.ready("Work");
    crew.start().says(&format!("waiting for {first} to land first")).ok();
    assert_eq!((crew.state(&id).as_str(), crew.state(&first).as_str()), ("merged", "verifying"));
}
