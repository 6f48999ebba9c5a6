//! Machines: clones of one bare repository, each with a home and an identity of its own.

use std::process::{Command, Stdio};

use crate::sandbox::{Out, Sandbox, check_beside};

/// The bare repository that all share.
pub(crate) const BARE: &str = "shared.git";

/// Machines and what they share.
pub(crate) struct Fleet {
    pub(crate) sandbox: Sandbox,
    pub(crate) machines: Vec<String>,
}

/// How a fleet is made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plan<'a> {
    /// For `git init` of all repositories.
    pub(crate) init_args: &'a str,
    /// Whether the server judges pushes.
    pub(crate) is_judged: bool,
    /// Further lines of the registry.
    pub(crate) settings: &'a str,
}

impl Fleet {
    /// So many machines, all under git-os and in step.
    pub(crate) fn new(count: usize, plan: Plan<'_>) -> Self {
        let mut sandbox = Sandbox::new();
        for key in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            sandbox.unset(key);
        }
        let mut fleet = Self { sandbox, machines: Vec::new() };
        let here = &fleet.sandbox;
        here.sh(".", &format!("git init -q --bare {} {BARE}", plan.init_args)).ok();
        here.repo("seed", plan.init_args);
        let registry = format!(
            "version = 1\n[os]\nhub = \"repo\"\n[[repo]]\nname = \"repo\"\npath = \".\"\nbrand = \"repo\"\nremote = \"origin\"\n{}{}",
            check_beside(plan.settings),
            plan.settings
        );
        here.write("seed/registry.toml", registry);
        here.sh("seed", &format!("git add . && git commit -qm registry && git push -q ../{BARE} main")).ok();
        if plan.is_judged {
            here.os(".", &["server", "install", BARE]).ok();
        }
        for number in 0..count {
            fleet.join(&format!("m{number}"), BARE);
            if number == 0 {
                fleet.os("m0", &["sync"]).ok();
            }
        }
        fleet
    }

    /// One more machine, which clones and says `git os init`.
    pub(crate) fn join(&mut self, name: &str, from: &str) {
        let home = format!("homes/{name}");
        let settings = std::fs::read_to_string(self.sandbox.path("home/.gitconfig")).expect("settings");
        self.sandbox.write(&format!("{home}/.gitconfig"), settings.replace("Ann", name).replace("ann@", &format!("{name}@")));
        let url = format!("file://{}", self.sandbox.path(from).display());
        let format = self.sandbox.git(from, &["config", "extensions.refstorage"]).stdout;
        let format = if format.trim().is_empty() { "files".to_owned() } else { format.trim().to_owned() };
        let mut clone = self.command(name, ".", "git");
        clone.args(["clone", "-q", &url, name]);
        if format != "files" {
            clone.arg(format!("--ref-format={format}"));
        }
        assert!(clone.status().expect("git").success());
        self.machines.push(name.to_owned());
        self.os(name, &["init"]).ok();
    }

    /// A command of a machine, in a folder.
    pub(crate) fn command(&self, machine: &str, dir: &str, program: &str) -> Command {
        let program = self.sandbox.path(&format!("bin/{program}"));
        let mut command = self.sandbox.command(dir, program.to_str().expect("UTF-8"));
        command.env("HOME", self.sandbox.path(&format!("homes/{machine}")));
        command
    }

    /// Runs `git os` on a machine.
    pub(crate) fn os(&self, machine: &str, args: &[&str]) -> Out {
        Out::of("git os", args, self.command(machine, machine, "git-os").args(args))
    }

    /// Runs git on a machine.
    pub(crate) fn git(&self, machine: &str, args: &[&str]) -> Out {
        Out::of("git", args, self.command(machine, machine, "git").args(args))
    }

    /// Opens a ticket and answers its id.
    #[track_caller]
    pub(crate) fn new_ticket(&self, machine: &str, title: &str) -> String {
        let id = self.os(machine, &["new", title]).ok();
        id.split_whitespace().next().expect("an id").to_owned()
    }

    /// Opens a ticket that is ready.
    #[track_caller]
    pub(crate) fn ready(&self, machine: &str, title: &str) -> String {
        let id = self.new_ticket(machine, title);
        self.os(machine, &["approve", &id]).ok();
        id
    }

    /// Syncs all machines, twice, so that what the last one had is with the first.
    pub(crate) fn settle(&self) {
        for _ in 0..2 {
            for machine in &self.machines {
                self.os(machine, &["sync"]).ok();
            }
        }
    }

    /// What is shared of a repository's refs, each with what it points to.
    pub(crate) fn shared_refs(&self, dir: &str) -> String {
        let refs = self.sandbox.refs(dir, &["refs/os", "refs/notes/os"]);
        let is_own = |line: &str| ["refs/os/rejected/", "refs/os/rescue/"].iter().any(|prefix| line.starts_with(prefix));
        refs.lines().filter(|line| !is_own(line)).fold(String::new(), |all, line| all + line.trim() + "\n")
    }

    /// All machines, and the server, have the same refs, and all of them are by the rules.
    #[track_caller]
    pub(crate) fn all_agree(&self) {
        let server = self.shared_refs(BARE);
        for machine in &self.machines {
            let here = self.shared_refs(machine);
            let only = |left: &str, right: &str| -> Vec<String> {
                left.lines().filter(|line| !right.lines().any(|other| other == *line)).map(str::to_owned).collect()
            };
            assert!(here == server, "{machine} has {:#?}\nthe server has {:#?}", only(&here, &server), only(&server, &here));
            self.os(machine, &["fsck"]).ok();
        }
    }

    /// Starts commands at the same time; answers exit code and both outputs of each.
    pub(crate) fn race(&self, commands: &[(&str, Vec<String>)]) -> Vec<(Option<i32>, String)> {
        let start = |(machine, args): &(&str, Vec<String>)| {
            let mut command = self.command(machine, machine, "git-os");
            command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process")
        };
        let children: Vec<_> = commands.iter().map(start).collect();
        let end = |child: std::process::Child| {
            let output = child.wait_with_output().expect("an end");
            (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
        };
        children.into_iter().map(end).collect()
    }

    /// The processes of these machines that still live.
    pub(crate) fn processes(&self) -> Vec<String> {
        let homes = format!("HOME={}/", self.sandbox.path("homes").display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
            let Ok(variables) = std::fs::read(entry.path().join("environ")) else { continue };
            if variables.split(|byte| *byte == 0).any(|variable| variable.starts_with(homes.as_bytes())) {
                let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&words).replace('\0', " "));
            }
        }
        found
    }

    /// The events of a ticket as plain git shows them, oldest first: their kinds.
    pub(crate) fn events(&self, dir: &str, id: &str) -> Vec<String> {
        let format = "--format=%(trailers:key=Os-Event,valueonly,separator=)";
        let log = self.sandbox.git(dir, &["log", "--reverse", format, &format!("refs/os/tickets/{id}")]).ok();
        log.lines().map(str::to_owned).collect()
    }
}
