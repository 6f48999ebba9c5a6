//! A git that fails, dies, hangs, says nothing or answers garbage at the n-th call of a command: the command ends, says so, and the next
//! one goes on.
//!
//! `GIT_OS_TEST_FAULTS=all` tries every call; a part of a command's name tries every call of those; otherwise one call of each command is
//! tried.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::crew::Crew;
use crate::sandbox::{Out, RUN};

/// What happens at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Fails,
    Dies,
    Hangs,
    SaysNothing,
    AnswersGarbage,
}

const MODES: [Mode; 5] = [Mode::Fails, Mode::Dies, Mode::Hangs, Mode::SaysNothing, Mode::AnswersGarbage];

impl Mode {
    fn script(self) -> &'static str {
        match self {
            Self::Fails => "echo 'fatal: injected' >&2; exit 128",
            Self::Dies => "kill -9 $$",
            Self::Hangs => "sleep 307",
            Self::SaysNothing => "exit 0",
            Self::AnswersGarbage => "printf '\\377\\000%s\\n\\t%s' \"$*\" 'x y z'; exit 0",
        }
    }

    /// What is told to whoever gave the command, if it did not go well.
    fn words(self) -> Option<&'static str> {
        match self {
            Self::Fails => Some("injected"),
            Self::Dies => Some("signal 9 ended git"),
            Self::Hangs => Some("timed out"),
            Self::SaysNothing | Self::AnswersGarbage => None,
        }
    }
}

/// No command takes as long as this here, however busy the machine is.
const DEADLINE: Duration = Duration::from_secs(120);
/// How many commands are tried side by side.
const SIDE_BY_SIDE: usize = 2;

/// A ticket with a plan whose first step is done, and whose second one failed.
const PLANNED: &str = "echo '{\"goal\":\"Planned\",\"steps\":[{\"id\":\"A\",\"title\":\"One\"},{\"id\":\"B\",\"title\":\"Two\",\"shell\":\"echo b >b; exit 1\",\"max_attempts\":1}]}' >plan.json
 git os plan import plan.json; git os plan approve Planned; git os dispatch; rm plan.json";

/// A verb, its arguments, and what is done with a good git before it. [`SETUP`] says which tickets there are.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("init", "", ""),
    ("uninstall", "", ""),
    ("start", "--yes", ""),
    ("start", "$READY", "git os claim $READY"),
    ("session", "", "git os start --yes"),
    ("dispatch", "", ""),
    ("worker", "--until-empty", ""),
    ("context", "$CLAIMED", ""),
    ("new", "Another", ""),
    ("list", "--all", ""),
    ("ready", "", ""),
    ("show", "$HANDED", ""),
    ("log", "$HANDED", ""),
    ("which", "main", ""),
    ("edit", "$DRAFT --description more", ""),
    ("approve", "$DRAFT", ""),
    ("reject", "$DRAFT --reason no", ""),
    ("plan", "import plan.json", "echo '{\"goal\":\"Planned\",\"steps\":[{\"id\":1,\"title\":\"One\"}]}' >plan.json"),
    ("resume", "Planned", PLANNED),
    ("rollback", "Planned --to A", PLANNED),
    ("take", "$READY", ""),
    ("drop", "$CLAIMED", "git os take $CLAIMED; echo x >.claude/worktrees/$CLAIMED/x"),
    ("claim", "$READY", ""),
    ("renew", "$CLAIMED --lease 9h", ""),
    ("step", "$CLAIMED one done", ""),
    ("note", "$RUNNING 'Two of three'", ""),
    ("ask", "$RUNNING 'Which one?'", ""),
    ("answer", "$RUNNING 'This one'", "git os ask $RUNNING 'Which one?'"),
    ("submit", "$RUNNING", ""),
    ("pass", "$HANDED --verdict ../../verdict", ""),
    ("fail", "$HANDED --reason no", ""),
    ("verify", "$HANDED", ""),
    ("merge", "$HANDED", "git os verify $HANDED"),
    ("revert", "$HANDED", "git os verify $HANDED; git os merge $HANDED"),
    ("learn", "'Ground comes first.'", ""),
    ("sync", "", "git os new Another"),
    ("archive", "--after 0d", "git os cancel $DRAFT --reason no"),
    ("server", "install ../hub.git", ""),
    ("demo", "--bare-setup ../../demo", ""),
    (
        "stale",
        "$HANDED",
        "git os verify $HANDED; git commit -q --allow-empty -m more; git rebase -q main claude/$HANDED; git switch -q main",
    ),
    ("block", "$CLAIMED --reason no", ""),
    ("unblock", "$CLAIMED", "git os block $CLAIMED --reason no"),
    ("release", "$CLAIMED", ""),
    ("expire", "$CLAIMED", ""),
    ("cancel", "$DRAFT --reason no", ""),
    ("comment", "$HANDED Well", ""),
    ("conflict", "$HANDED 'It was not so'", ""),
    ("fsm", "", ""),
    ("fsck", "--repair", ""),
    ("doctor", "", ""),
    ("agents", "", ""),
    ("usage", "", ""),
    ("replay", "$HANDED --agent crew", "git os verify $HANDED; git os merge $HANDED"),
    ("top", "", ""),
    ("task", "status", ""),
    ("hooks", "install", ""),
    ("gc", "", ""),
];

/// A workspace with a remote, a draft, a ready ticket, and tickets of a person: one claimed, one that runs, and one that was handed in.
/// Returns the names of the tickets as settings of shell variables.
fn workspace() -> (Crew, String) {
    let crew = Crew::alone("cat >/dev/null; echo x >$GIT_OS_TICKET; git add .; git commit -qm $GIT_OS_TICKET\n", "");
    crew.sandbox.sh("ws/hub", "git init -q --bare ../hub.git; git remote add origin ../hub.git; git push -q -u origin main").ok();
    crew.registry(&["hub"], "agent = \"crew\"\nremote = \"origin\"\npush = \"auto\"\n");
    crew.os(&["init"]).ok();
    crew.sandbox.sh("ws/hub", "git config --global git-os.localTimeout 1; git config --global git-os.networkTimeout 1").ok();
    let (draft, ready) = (crew.sandbox.ticket("ws/hub", "Draft", "draft").id, crew.ready("Ready"));
    let (claimed, running, handed) = (crew.ready("Claimed"), crew.ready("Running"), crew.ready("Handed in"));
    let mut by_hand = format!("git os claim {claimed}\n");
    for id in [&running, &handed] {
        by_hand += &format!(
            "git os claim {id}; git os start {id}; git switch -q -c claude/{id}; echo h >h-{id}; git add h-{id}; git commit -qm h
             git switch -q main\n"
        );
    }
    by_hand += &format!("git os submit {handed}; git os sync");
    crew.sandbox.sh("ws/hub", &by_hand).ok();
    let head = crew.sandbox.id("ws/hub", &format!("claude/{handed}"));
    let ticket = crate::sandbox::Ticket { id: handed.clone(), head };
    let run = crew
        .sandbox
        .git(
            "ws/hub",
            &["log", "-1", "--format=%(trailers:key=Os-Run,valueonly,separator=)", &format!("refs/os/tickets/{handed}")],
        )
        .ok();
    crew.sandbox.write("verdict", crew.sandbox.verdict("ws/hub", &ticket).replace(RUN, run.trim()));
    (crew, format!("DRAFT={draft}; READY={ready}; CLAIMED={claimed}; RUNNING={running}; HANDED={handed}"))
}

/// The events of all tickets, and the commits of all branches, as far as anything keeps them.
fn kept(crew: &Crew) -> BTreeSet<String> {
    let script = "git log -z --format='%B' --all; printf '\\0'; git rev-list --all | tr '\\n' '\\0'";
    let all = crew.sandbox.sh("ws/hub", script).ok();
    all.split('\0').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// What must still be there: the events of tickets, and the commits of branches.
fn to_keep(crew: &Crew) -> BTreeSet<String> {
    let script = "git log -z --format='%B' --glob=refs/os/tickets; printf '\\0'; git rev-list --branches | tr '\\n' '\\0'";
    let all = crew.sandbox.sh("ws/hub", script).ok();
    all.split('\0').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// One command under test.
struct Trial<'a> {
    crew: &'a Crew,
    names: &'a str,
    verb: &'static str,
    line: String,
    git: String,
}

impl Trial<'_> {
    /// Runs the command where the n-th call of git does something else; answers also how many calls there were.
    fn run(&self, at: usize, what: &str) -> (Out, Duration, usize) {
        let count = self.crew.sandbox.path("calls").display().to_string();
        let git = &self.git;
        // A call is counted where it is made: those of git itself, and of hooks, are counted too.
        let script = format!(
            "#!/bin/sh\nn=$(($(cat {count} 2>/dev/null || echo 0) + 1)); echo $n >{count}\n[ $n != {at} ] || {{ {what}; }}\nexec {git} \"$@\"\n"
        );
        self.crew.sandbox.script("faulty/git", &script);
        self.crew.sandbox.sh(".", "rm -rf calls demo ws home/.local; cp -a good/ws ws").ok();
        let started = Instant::now();
        let script = format!("{}; PATH=$PWD/../../faulty:$PATH; timeout 150 git-os {}", self.names, self.line);
        let out = self.crew.sandbox.sh("ws/hub", &script);
        (out, started.elapsed(), self.crew.sandbox.read("calls").trim().parse::<usize>().unwrap_or(0))
    }

    /// What is wrong with what a fault at one call comes to.
    fn faults(&self, at: usize, mode: Mode, before: &BTreeSet<String>) -> Vec<String> {
        let (out, took, _) = self.run(at, mode.script());
        let mut wrong = Vec::new();
        let mut fault = |why: &str, out: &dyn std::fmt::Display| wrong.push(format!("{why}: {out}"));
        if took > DEADLINE {
            fault("it does not end", &out);
        }
        if out.code.is_none_or(|code| code > 130) || out.said().contains("panicked") {
            fault("it breaks down", &out);
        }
        // A command that goes on without what git was asked for says why, too.
        let has_failed = out.code != Some(0) || out.said().contains("` failed");
        if mode.words().is_some_and(|words| has_failed && !out.said().contains(words)) {
            fault("git's words are not told", &out);
        }
        if mode.words().is_some() && self.verb == "fsck" && out.code == Some(0) {
            fault("all is said to be well, and was not looked at", &out);
        }
        let living = self.crew.processes();
        if !living.is_empty() {
            fault("something lives on", &living.join("\n"));
        }
        // With a good git, the same goes on from there.
        let again = self.crew.sandbox.sh("ws/hub", &format!("{}; rm -rf ../../demo; git os {}", self.names, self.line));
        if again.code != Some(0) && !again.said().contains("error: ") || again.said().contains("panicked") {
            fault("the same again breaks down", &again);
        }
        let others = "git os init >/dev/null; git os dispatch; git os sync; git os fsck; git fsck --strict --no-dangling";
        let after = self.crew.sandbox.sh("ws/hub", others);
        if after.code != Some(0) {
            fault("the next one does not go on", &format!("{out}\nthen {again}\nthen {after}"));
            return wrong;
        }
        let after = kept(self.crew);
        let lost: Vec<_> = before.difference(&after).map(String::as_str).collect();
        if !lost.is_empty() {
            fault("something is lost", &format!("{}\n{out}\nthen {again}", lost.join("\n")));
        }
        let all = self.crew.sandbox.sh("ws/hub", "git os list --all").ok();
        let is_held = |line: &&str| line.contains("running") || line.contains("claimed");
        let is_by_hand = |line: &str| {
            ["Claimed", "Running"].iter().any(|title| line.contains(title))
                || matches!(self.verb, "claim" | "start" | "take") && line.contains("Ready")
        };
        if let Some(line) = all.lines().filter(is_held).find(|line| !is_by_hand(line)) {
            fault("a ticket is held by nobody", &format!("{line}\n{out}\nthen {again}"));
        }
        wrong
    }
}

#[test]
fn whatever_git_does_at_any_call_the_command_ends_and_the_next_one_goes_on() {
    let which = std::env::var("GIT_OS_TEST_FAULTS").unwrap_or_default();
    let (next, runs, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                let (crew, names) = workspace();
                crew.sandbox.sh(".", "mv ws base").ok();
                let git = crew.sandbox.sh(".", "command -v git").ok();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((verb, args, before)) = COMMANDS.get(number) else { return };
                    let is_whole = which == "all" || !which.is_empty() && verb.contains(&which);
                    if !which.is_empty() && !is_whole {
                        continue;
                    }
                    crew.sandbox.sh(".", "rm -rf ws good; cp -a base ws").ok();
                    crew.sandbox.sh("ws/hub", &format!("{names}; {before}")).ok();
                    crew.sandbox.sh(".", "mkdir good; mv ws good/ws; cp -a good/ws ws").ok();
                    let (keep, line) = (to_keep(&crew), format!("{verb} {args}"));
                    let trial = Trial { crew: &crew, names: &names, verb, line, git: git.clone() };
                    let (out, _, calls) = trial.run(0, ":");
                    assert!(matches!(out.code, Some(0 | 1)), "{verb}: {out}");
                    let mut tried = 0;
                    for call in 1..=calls {
                        for (at, mode) in MODES.into_iter().enumerate() {
                            // Each command is tried at another call and in another way.
                            if is_whole || (call, at) == (1 + number / MODES.len() % calls, number % MODES.len()) {
                                tried += 1;
                                for why in trial.faults(call, mode, &keep) {
                                    let why = format!("{verb} {args}: {mode:?} at call {call} of {calls}: {why}");
                                    println!("{why}");
                                    wrong.lock().expect("a list").push(why);
                                }
                            }
                        }
                    }
                    runs.fetch_add(tried, Ordering::Relaxed);
                    println!("{verb} {args}: {calls} calls, {tried} runs");
                }
            });
        }
    });
    let (runs, wrong) = (runs.into_inner(), wrong.into_inner().expect("a list"));
    println!("{} commands, {runs} runs, {} findings", COMMANDS.len(), wrong.len());
    assert!(wrong.is_empty(), "{} of {runs}:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// A verb that nobody adds to the table is one that nobody tries.
#[test]
fn every_verb_is_tried_with_a_git_that_fails() {
    let help = crate::sandbox::Sandbox::new().os(".", &["--help"]).ok();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
    let verbs: BTreeSet<&str> = listed
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|verb| !["", "help"].contains(verb))
        .collect();
    let tried: BTreeSet<&str> = COMMANDS.iter().map(|(verb, ..)| *verb).collect();
    assert!(verbs.len() > 40, "{help}");
    assert_eq!(verbs, tried);
}
