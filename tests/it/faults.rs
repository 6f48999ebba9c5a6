//! A git that fails, dies, says nothing or answers garbage at the n-th call of a command: the command ends, says so, and the next one
//! goes on.
//!
//! `GIT_OS_TEST_FAULTS=all` tries every call; otherwise some of each command are tried.

use std::time::{Duration, Instant};

use crate::crew::Crew;

/// What happens at one call.
const MODES: [(&str, &str); 4] = [
    ("fails", "echo 'fatal: injected' >&2; exit 128"),
    ("dies", "kill -9 $$"),
    ("says nothing", "exit 0"),
    ("answers garbage", "printf '\\377\\000%s\\n\\t%s' \"$*\" 'x y z'; exit 0"),
];
/// How many calls of a command are tried, unless all are.
const SOME: usize = 2;
/// No command takes as long as this here, however busy the machine is.
const DEADLINE: Duration = Duration::from_secs(120);

/// A command, and what is done with a good git before it.
const COMMANDS: &[(&str, &str)] = &[
    ("git os init", ":"),
    ("git os new Another", ":"),
    ("git os approve $DRAFT", ":"),
    ("git os claim $READY", ":"),
    ("git os sync", "git os new Another"),
    ("git os dispatch", ":"),
    ("git os start --yes", ":"),
    ("git os verify $HANDED", ":"),
    ("git os merge $HANDED", "git os verify $HANDED"),
    ("git os revert $HANDED", "git os verify $HANDED; git os merge $HANDED"),
    ("git os cancel $DRAFT --reason no", ":"),
    ("git os archive --after 0d", "git os cancel $DRAFT --reason no"),
    ("git os doctor", ":"),
    ("git os fsck --repair", ":"),
    ("git os gc", ":"),
    ("git os uninstall", ":"),
];

/// A workspace with a remote, a draft, a ready ticket and one that was handed in by a person.
fn workspace() -> (Crew, String) {
    let crew = Crew::alone("cat >/dev/null; echo x >$GIT_OS_TICKET; git add .; git commit -qm $GIT_OS_TICKET\n", "");
    crew.sandbox.sh("ws/hub", "git init -q --bare ../hub.git; git remote add origin ../hub.git; git push -q -u origin main").ok();
    crew.registry(&["hub"], "agent = \"crew\"\nremote = \"origin\"\npush = \"auto\"\n");
    crew.os(&["init"]).ok();
    let (draft, ready) = (crew.sandbox.ticket("ws/hub", "Draft", "draft").id, crew.ready("Ready"));
    let handed = crew.ready("Handed in");
    let by_hand = format!(
        "git os claim {handed}; git os start {handed}; git switch -q -c claude/{handed}; echo h >h; git add h; git commit -qm h; git switch -q main
         git os submit {handed}; git os sync"
    );
    crew.sandbox.sh("ws/hub", &by_hand).ok();
    (crew, format!("DRAFT={draft}; READY={ready}; HANDED={handed}"))
}

#[test]
fn whatever_git_does_at_any_call_the_command_ends_and_the_next_one_goes_on() {
    let is_all = std::env::var("GIT_OS_TEST_FAULTS").is_ok_and(|which| which == "all");
    let (mut runs, mut wrong) = (0, Vec::new());
    for (command, before) in COMMANDS {
        let (crew, names) = workspace();
        crew.sandbox.sh("ws/hub", &format!("{names}; {before}")).ok();
        crew.sandbox.sh("ws", "mkdir ../good; cp -a . ../good/ws").ok();
        let git = crew.sandbox.sh(".", "command -v git").ok();
        let at = |at: usize, what: &str| {
            let count = crew.sandbox.path("calls").display().to_string();
            let script = format!(
                "#!/bin/sh\nn=$(($(cat {count} 2>/dev/null || echo 0) + 1)); echo $n >{count}\n[ $n != {at} ] || {{ {what}; }}\nexec {git} \"$@\"\n"
            );
            crew.sandbox.script("faulty/git", &script);
            crew.sandbox.sh(".", "rm -rf calls ws home/.local; cp -a good/ws ws").ok();
            let started = Instant::now();
            let own = command.replacen("git os", "git-os", 1);
            let out = crew.sandbox.sh("ws/hub", &format!("{names}; PATH=$PWD/../../faulty:$PATH; timeout 150 {own}"));
            (out, started.elapsed(), crew.sandbox.read("calls").trim().parse::<usize>().unwrap_or(0))
        };
        let (out, _, calls) = at(0, ":");
        assert_eq!(out.code, Some(0), "{command}: {out}");
        let step = if is_all { 1 } else { calls.div_ceil(SOME).max(1) };
        for (mode, what) in MODES {
            for call in (1..=calls).step_by(step) {
                runs += 1;
                let (out, took, _) = at(call, what);
                let mut fault = |why: &str| wrong.push(format!("{command}: call {call} of {calls} {mode}: {why}: {out}"));
                if took > DEADLINE {
                    fault("it does not end");
                }
                if out.code.is_none_or(|code| code > 130) || out.said().contains("panicked") {
                    fault("it breaks down");
                }
                if mode == "fails" && out.code != Some(0) && !out.said().contains("injected") && !out.said().contains("fail") {
                    fault("git's words are not told");
                }
                // With a good git, the same goes on from there, and nothing is lost.
                let again = format!(
                    "{names}; git os init >/dev/null; {command} || :; git os init >/dev/null; git os dispatch; git os sync; git os fsck; git fsck --strict --no-dangling"
                );
                let after = crew.sandbox.sh("ws/hub", &again);
                if after.code != Some(0) {
                    wrong.push(format!(
                        "{command}: call {call} of {calls} {mode}: the next one does not go on: {out}\nthen {after}"
                    ));
                    continue;
                }
                let all = crew.sandbox.sh("ws/hub", "git os list --all --json").ok();
                let lost =
                    ["Draft", "Ready", "Handed in"].into_iter().find(|title| !all.contains(&format!("\"title\":\"{title}\"")));
                if let Some(title) = lost {
                    wrong.push(format!("{command}: call {call} of {calls} {mode}: `{title}` is lost"));
                }
                if all.contains("\"state\":\"running\"") || all.contains("\"state\":\"claimed\"") && !command.contains("claim") {
                    wrong.push(format!("{command}: call {call} of {calls} {mode}: a ticket is held by nobody: {all}"));
                }
            }
        }
    }
    println!("{} commands, {runs} faults, {} findings", COMMANDS.len(), wrong.len());
    assert!(wrong.is_empty(), "{} of {runs}:\n{}", wrong.len(), wrong.join("\n\n"));
}
