//! A workspace with a scripted crew, and what its board says afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::sandbox::{Out, Sandbox, check_beside};

/// The repositories of the usual workspace; the first is the hub.
pub(crate) const REPOS: [&str; 3] = ["hub", "alpha", "beta"];

/// What every repository of it is told: a crew, a check, three attempts.
const SETTINGS: &str = "agent = \"crew\"\nverifier = \"judge\"\nmax_attempts = 2\ntimeout = \"20s\"\n\
                        checks = [{ name = \"words\", run = \"sh -c '! grep -r WRONG work 2>/dev/null'\" }]\n";

/// Does what the title says; knows the tickets of [`ANSWERS`].
const AGENT: &str = r##"set -eu
IFS= read -r title; title=${title#"# "}; cat >/dev/null
sleep "${CREW_SLEEP:-0.01}"
[ "$title" != "Do what cannot be done" ] || { echo "there is no way" >&2; exit 1; }
mkdir -p work
echo "$title" >"work/$(echo "$title" | tr ' ' '-')"
[ "$title" != "Get it right" ] || [ "$GIT_OS_ATTEMPT" != 1 ] || echo UNSURE >work/Get-it-right
git add -A
git commit -qm "$title, attempt $GIT_OS_ATTEMPT"
"##;

/// Refuses what is unsure; while it looks at one ticket, somebody commits on the branch it is to land on.
const JUDGE: &str = r##"set -eu
IFS= read -r title; title=${title#"# "}; cat >/dev/null
if [ "$title" = "Meet a moving branch" ] && mkdir ../../../../moved 2>/dev/null; then
  (cd ../../.. && git -c core.hooksPath=/dev/null commit -q --allow-empty -m "A person goes on")
fi
if grep -rq UNSURE work; then
  echo '{"verdict":"fail","reasons":["it says UNSURE"]}'
else
  echo '{"verdict":"pass","reasons":["it is sure"]}'
fi
"##;

/// What is wished for: two in a row, one that fails once, one that cannot be done, one whose branch moves.
pub(crate) const ANSWERS: &str = r#"
[brand.alpha]
matters = "All of it."
next = [
  { title = "Lay the ground", repo = "alpha", priority = 1 },
  { title = "Build on it", repo = "alpha", priority = 0, after = "Lay the ground" },
  { title = "Get it right", repo = "alpha", priority = 3 },
]
avoid = "Nothing."
waiting = "Nobody."
learned = "Ground comes first."

[brand.beta]
matters = "All of it."
next = [
  { title = "Meet a moving branch", repo = "beta", priority = 1 },
  { title = "Do what cannot be done", repo = "beta", priority = 2 },
]
avoid = "Nothing."
waiting = "Nobody."
learned = ""
"#;

/// The board of the usual workspace when all is done.
pub(crate) const BOARD: [(&str, &str); 5] = [
    ("Build on it", "merged"),
    ("Do what cannot be done", "blocked"),
    ("Get it right", "merged"),
    ("Lay the ground", "merged"),
    ("Meet a moving branch", "merged"),
];

/// One workspace below `ws` of a sandbox.
pub(crate) struct Crew {
    pub(crate) sandbox: Sandbox,
    repos: Vec<String>,
}

impl Crew {
    /// The usual workspace, with the agents above.
    pub(crate) fn new() -> Self {
        let crew = Self::with(&REPOS, SETTINGS);
        for name in REPOS {
            let script =
                format!("git init -q --bare ../{name}.git; git remote add origin ../{name}.git; git push -q origin main");
            crew.sandbox.sh(&format!("ws/{name}"), &script).ok();
        }
        crew.registry(&REPOS, &format!("{SETTINGS}remote = \"origin\"\npush = \"auto\"\n"));
        crew.os(&["init"]).ok();
        for name in REPOS {
            crew.os(&["server", "install", &format!("../{name}.git")]).ok();
        }
        crew.sandbox.write("ws/answers.toml", ANSWERS);
        crew.agent(AGENT);
        crew.judge(JUDGE);
        crew
    }

    /// Repositories with these settings; the agents are [`Crew::agent`] and [`Crew::judge`].
    pub(crate) fn with(names: &[&str], settings: &str) -> Self {
        let sandbox = Sandbox::new();
        let repos: Vec<_> = names.iter().map(|name| format!("ws/{name}")).collect();
        for repo in &repos {
            sandbox.repo(repo, "");
        }
        let crew = Self { sandbox, repos };
        crew.registry(names, settings);
        crew.agent(AGENT);
        crew.judge("cat >/dev/null; echo '{\"verdict\":\"pass\",\"reasons\":[]}'\n");
        crew.sandbox.os("ws/hub", &["init"]).ok();
        crew
    }

    /// One repository, the hub, with an agent of this text and no check; further settings of the repository.
    pub(crate) fn alone(agent: &str, settings: &str) -> Self {
        let crew = Self::with(&["hub"], &format!("agent = \"crew\"\n{settings}\n"));
        crew.agent(agent);
        crew
    }

    pub(crate) fn registry(&self, names: &[&str], settings: &str) {
        let mut text = format!("version = 1\n\n[os]\nhub = \"hub\"\njobs = {}\n", names.len());
        for name in names {
            text += &format!("\n[[repo]]\nname = \"{name}\"\npath = \"../{name}\"\nbrand = \"{name}\"\nprotected = [\"main\"]\n");
            text += check_beside(settings);
            text += settings;
        }
        text += "\n[agents.crew]\nkind = \"command\"\nrun = [\"sh\", \"../agent.sh\"]\n";
        text += "\n[agents.judge]\nkind = \"command\"\nrun = [\"sh\", \"../judge.sh\"]\n";
        self.sandbox.write("ws/hub/registry.toml", text);
    }

    pub(crate) fn agent(&self, script: &str) {
        self.sandbox.write("ws/agent.sh", script);
    }

    pub(crate) fn judge(&self, script: &str) {
        self.sandbox.write("ws/judge.sh", script);
    }

    /// Runs `git os` in the hub.
    pub(crate) fn os(&self, args: &[&str]) -> Out {
        self.sandbox.os("ws/hub", args)
    }

    /// An unattended session.
    pub(crate) fn start(&self) -> Out {
        self.os(&["start", "--yes"])
    }

    /// An unattended session of the usual workspace.
    pub(crate) fn start_with_answers(&self) -> Out {
        self.os(&["start", "--yes", "--answers", "../answers.toml"])
    }

    /// From now on git stays in calls that have these words, as long as `ws/hang` is there; `ws/hanging` says that one does.
    pub(crate) fn stop_git_at(&self, words: &str) {
        let git = self.sandbox.path("bin/git");
        let real = std::fs::read_link(&git).expect("a link");
        std::fs::remove_file(&git).expect("a link");
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *\" {words} \"*)\n\
             while [ -e {ws}/hang ]; do touch {ws}/hanging; sleep 0.05; done ;; esac\nexec {} \"$@\"\n",
            real.display(),
            ws = self.sandbox.path("ws").display()
        );
        self.sandbox.script("bin/git", &script);
        self.sandbox.write("ws/hang", "");
    }

    /// The same as a process that goes on by itself.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        let program = self.sandbox.path("bin/git-os");
        let mut command = self.sandbox.command("ws/hub", program.to_str().expect("UTF-8"));
        command.args(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a process")
    }

    /// A ticket of the hub that is ready.
    #[track_caller]
    pub(crate) fn ready(&self, title: &str) -> String {
        self.sandbox.ticket("ws/hub", title, "ready").id
    }

    /// The state of a ticket of the hub.
    pub(crate) fn state(&self, id: &str) -> String {
        self.sandbox.state("ws/hub", id)
    }

    /// Every event of a ticket of the hub with its words, newest first.
    pub(crate) fn log(&self, id: &str) -> String {
        self.sandbox.git("ws/hub", &["log", "--format=%B", &format!("refs/os/tickets/{id}")]).stdout
    }

    /// Title and state of every ticket.
    pub(crate) fn board(&self) -> BTreeSet<(String, String)> {
        self.tickets().into_values().map(|(title, state, _)| (title, state)).collect()
    }

    /// Every ticket's ref with title, state and tip.
    pub(crate) fn tickets(&self) -> BTreeMap<(String, String), (String, String, String)> {
        let mut all = BTreeMap::new();
        for repo in &self.repos {
            let refs =
                self.sandbox.git(repo, &["for-each-ref", "--format=%(refname) %(objectname) %(subject)", "refs/os/tickets"]);
            for line in refs.ok().lines() {
                let mut words = line.splitn(4, ' ');
                let mut next = || words.next().unwrap_or_default().to_owned();
                let (name, tip, state, title) = (next(), next(), next(), next());
                all.insert((repo.clone(), name), (title, state.trim_matches(['[', ']']).to_owned(), tip));
            }
        }
        all
    }

    /// The processes of this sandbox that still live, but for this one.
    pub(crate) fn processes(&self) -> Vec<String> {
        let home = format!("HOME={}", self.sandbox.path("home").display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
            let Ok(variables) = std::fs::read(entry.path().join("environ")) else { continue };
            if variables.split(|byte| *byte == 0).any(|variable| variable == home.as_bytes()) {
                let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let words = String::from_utf8_lossy(&words).replace('\0', " ");
                found.push(format!("{} {words}", entry.file_name().to_string_lossy()));
            }
        }
        found
    }

    /// Waits until a file of the sandbox is there.
    #[track_caller]
    pub(crate) fn wait_for(&self, path: &str) {
        self.wait(&format!("{path} is there"), || self.sandbox.path(path).exists());
    }

    /// Waits until something is so, not longer than any machine needs.
    #[track_caller]
    #[expect(clippy::unused_self, reason = "it reads as what the crew does")]
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..3000 {
            if is_so() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("it never came that {what}");
    }

    /// All that holds after every session that came to its end.
    #[track_caller]
    pub(crate) fn all_is_well(&self) {
        self.os(&["fsck"]).ok();
        for repo in &self.repos {
            let find = |what: &str| self.sandbox.sh(repo, what).ok();
            assert_eq!(find("find .git -name '*.lock' ! -name session.lock"), "", "{repo}: locks");
            assert_eq!(find("ls .git/os/runs .git/os/outbox 2>/dev/null | grep -v : | grep . || true"), "", "{repo}: runs");
            let places = find("ls .claude/worktrees 2>/dev/null || true");
            assert!(!places.contains("scout-") && !places.contains(".verify"), "{repo}: {places}");
            assert_eq!(find("git log --format=%s main | sort | uniq -d"), "", "{repo}: landed twice");
            find("git fsck --strict --no-dangling");
            assert_eq!(find("git status --porcelain --untracked-files=no"), "", "{repo}: index and files follow");
            let shared = format!("{repo}.git");
            if self.sandbox.path(&shared).exists() {
                let landed = |dir: &str| self.sandbox.id(dir, "main");
                assert_eq!(landed(&shared), landed(repo), "{repo}: landed there as here");
                let tickets = |dir: &str| self.sandbox.refs(dir, &["refs/os", "refs/notes/os"]);
                let own = |refs: String| {
                    refs.lines()
                        .filter(|line| !line.contains("/rescue/") && !line.contains("/strays"))
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                };
                assert_eq!(own(tickets(&shared)), own(tickets(repo)), "{repo}: in step");
            }
        }
        for ((repo, name), (title, state, _)) in self.tickets() {
            let events = self.sandbox.git(&repo, &["log", "--format=%(trailers:key=Os-Event,valueonly,separator=)", &name]).ok();
            let merges = events.lines().filter(|event| *event == "merge").count();
            assert_eq!(merges, usize::from(state == "merged"), "{repo}: {title}: {events}");
        }
        assert_eq!(self.processes(), Vec::<String>::new());
    }

    /// Git knows of no worktree that is not there.
    #[track_caller]
    pub(crate) fn every_worktree_is_there(&self) {
        for repo in &self.repos {
            let worktrees = self.sandbox.git(repo, &["worktree", "list"]).ok();
            assert!(!worktrees.contains("prunable"), "{repo}: {worktrees}");
        }
    }

    /// Copies the workspace aside, or takes the copy back.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        let path = |name: &str| -> PathBuf { self.sandbox.path(name) };
        self.sandbox.sh(".", &format!("rm -rf {to}; cp -a {} {}", path(from).display(), path(to).display())).ok();
    }
}
