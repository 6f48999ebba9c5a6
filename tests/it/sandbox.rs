//! A place of its own for each test: home, environment, programs, repositories, and tickets in any state.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The run that works on tickets.
pub(crate) const RUN: &str = "11111111111111111111111111111111";
/// The run that judges them.
pub(crate) const JUDGE: &str = "22222222222222222222222222222222";
/// When everything happens, unless a test says otherwise.
pub(crate) const NOW: &str = "2026-05-07T12:00:00Z";

/// A check for a repository whose settings have neither a check nor a judge, so that something verifies its work.
pub(crate) fn check_beside(settings: &str) -> &'static str {
    if settings.contains("checks =") || settings.contains("verifier =") {
        return "";
    }
    "checks = [{ name = \"usual\", run = \"true\" }]\n"
}

/// One git program.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

impl Git {
    /// Whether this is at least that version.
    pub(crate) fn is_since(&self, major: u32, minor: u32) -> bool {
        let mut numbers = self.version.split('.').map_while(|part| part.parse::<u32>().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
    }
}

/// The gits to test with, one of each version: that of `PATH`, the usual places, and `GIT_OS_TEST_GITS` (with colons between).
pub(crate) fn gits() -> Vec<Git> {
    let path = std::env::var("PATH").unwrap_or_default();
    let more = std::env::var("GIT_OS_TEST_GITS").unwrap_or_default();
    let first = path.split(':').map(|dir| Path::new(dir).join("git")).find(|git| git.is_file());
    let usual = ["/usr/bin/git", "/usr/local/bin/git"].map(PathBuf::from);
    let given = more.split(':').filter(|path| !path.is_empty()).map(PathBuf::from);
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for path in first.into_iter().chain(usual).chain(given) {
        let Ok(output) = Command::new(&path).arg("version").output() else { continue };
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(version) = text.split_whitespace().nth(2).map(str::to_owned) else { continue };
        if seen.insert(version.clone()) {
            all.push(Git { path, version });
        }
    }
    assert!(!all.is_empty(), "there is no git");
    all
}

/// How a command ended.
#[derive(Debug, Clone)]
#[must_use]
pub(crate) struct Out {
    what: String,
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Out {
    /// Runs a command to its end.
    pub(crate) fn of(program: &str, args: &[&str], command: &mut Command) -> Self {
        let output = command.output().expect("a program that starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            what: format!("{program} {}", args.join(" ")),
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// It exited with 0; answers standard output without the last line break.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.code == Some(0), "{self}");
        self.stdout.trim_end().to_owned()
    }

    /// It exited with anything but 0, and said this; answers what it said.
    #[track_caller]
    pub(crate) fn fails(self, saying: &str) -> String {
        assert!(self.code != Some(0), "{self}");
        self.says(saying).said()
    }

    /// One of its outputs has this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "`{text}` is not said by {self}");
        self
    }

    /// Both outputs.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl std::fmt::Display for Out {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        write!(out, "`{}` -> {code}\n{}{}", self.what, self.stdout, self.stderr)
    }
}

/// A folder with its own home and programs; every command runs in an environment that is built here.
pub(crate) struct Sandbox {
    root: TempDir,
    variables: Vec<(String, String)>,
}

/// A ticket, and the commit of its work where there is one.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) id: String,
    pub(crate) head: String,
}

impl Sandbox {
    /// With the git of `PATH`.
    pub(crate) fn new() -> Self {
        Self::with_git(&gits()[0])
    }

    /// With this git.
    pub(crate) fn with_git(git: &Git) -> Self {
        let mut root = TempDir::with_prefix("git-os-").expect("a temporary folder");
        // For whoever wants to see what a failure left.
        root.disable_cleanup(std::env::var_os("GIT_OS_TEST_KEEP").is_some());
        let here = root.path().canonicalize().expect("a path");
        for folder in ["bin", "home"] {
            std::fs::create_dir(here.join(folder)).expect("a folder");
        }
        // A link of its own: what is installed beside the program stays in the sandbox.
        let program = Path::new(env!("CARGO_BIN_EXE_git-os"));
        let own = here.join("bin/git-os");
        std::fs::hard_link(program, &own).or_else(|_| std::fs::copy(program, &own).map(drop)).expect("the program");
        std::os::unix::fs::symlink(&git.path, here.join("bin/git")).expect("a link");
        let settings = "[user]\n\tname = Ann\n\temail = ann@example.com\n[init]\n\tdefaultBranch = main\n\
                        [protocol \"file\"]\n\tallow = always\n[git-os]\n\tmachine = desk\n[gc]\n\tautoDetach = false\n[maintenance]\n\tautoDetach = false\n";
        std::fs::write(here.join("home/.gitconfig"), settings).expect("a file");
        let variables = [
            ("PATH", format!("{}/bin:/usr/bin:/bin", here.display())),
            ("HOME", here.join("home").display().to_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("GIT_AUTHOR_DATE", NOW.to_owned()),
            ("GIT_COMMITTER_DATE", NOW.to_owned()),
            ("GIT_EDITOR", "true".to_owned()),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
            ("GIT_CEILING_DIRECTORIES", here.display().to_string()),
            ("TZ", "UTC".to_owned()),
            ("LC_ALL", "C".to_owned()),
            ("TERM", "dumb".to_owned()),
        ];
        let variables = variables.map(|(key, value)| (key.to_owned(), value)).to_vec();
        Self { root, variables }
    }

    /// Sets a variable for all commands that follow.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.variables.retain(|known| known.0 != key);
        self.variables.push((key.to_owned(), value.to_owned()));
    }

    /// Takes a variable away from all commands that follow.
    pub(crate) fn unset(&mut self, key: &str) {
        self.variables.retain(|known| known.0 != key);
    }

    /// A path in the sandbox.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().canonicalize().expect("a path").join(path)
    }

    /// Writes a file; folders are made as needed.
    pub(crate) fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, contents).expect("a file");
    }

    /// Writes an executable file.
    pub(crate) fn script(&self, path: &str, contents: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(path, contents);
        std::fs::set_permissions(self.path(path), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    /// Reads a file, empty when it is not there.
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read(self.path(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// A command in a folder of the sandbox.
    pub(crate) fn command(&self, dir: &str, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.variables.iter().map(|(key, value)| (key, value)));
        command.current_dir(self.path(dir)).stdin(Stdio::null());
        command
    }

    fn run(&self, dir: &str, program: &str, args: &[&str]) -> Out {
        Out::of(program, args, self.command(dir, program).args(args))
    }

    /// Runs git.
    pub(crate) fn git(&self, dir: &str, args: &[&str]) -> Out {
        self.run(dir, self.path("bin/git").to_str().expect("UTF-8"), args)
    }

    /// Runs `git os`.
    pub(crate) fn os(&self, dir: &str, args: &[&str]) -> Out {
        self.run(dir, self.path("bin/git-os").to_str().expect("UTF-8"), args)
    }

    /// Runs lines of shell; the first that fails ends them.
    pub(crate) fn sh(&self, dir: &str, script: &str) -> Out {
        self.run(dir, "/bin/sh", &["-ec", script])
    }

    /// The object a name stands for; empty when there is none.
    pub(crate) fn id(&self, dir: &str, name: &str) -> String {
        self.git(dir, &["rev-parse", "--verify", "--quiet", name]).stdout.trim().to_owned()
    }

    /// A repository with two commits on `main`.
    pub(crate) fn repo(&self, dir: &str, init_args: &str) {
        let script = format!(
            "git init -q {init_args} . && echo one >a && git add a && git commit -qm one && echo two >b && git add b && git commit -qm two"
        );
        std::fs::create_dir_all(self.path(dir)).expect("a folder");
        self.sh(dir, &script).ok();
    }

    /// A workspace of repositories side by side, the first of them the hub, all under git-os.
    pub(crate) fn workspace(&self, names: &[&str], settings: &str) {
        for name in names {
            self.repo(name, "");
        }
        self.registry(names, settings);
        self.os(names[0], &["init"]).ok();
    }

    /// Writes the registry of such a workspace into its hub; `settings` go to every repository.
    pub(crate) fn registry(&self, names: &[&str], settings: &str) {
        let mut text = format!("version = 1\n\n[os]\nhub = \"{}\"\n", names[0]);
        for name in names {
            text += &format!("\n[[repo]]\nname = \"{name}\"\npath = \"../{name}\"\nbrand = \"{name}\"\nprotected = [\"main\"]\n");
            text += check_beside(settings);
            text += settings;
            text += "\n";
        }
        self.write(&format!("{}/registry.toml", names[0]), text);
    }

    /// Opens a ticket and brings it to a state by the verbs that lead there; answers its id and the commit of its work.
    #[track_caller]
    pub(crate) fn ticket(&self, dir: &str, title: &str, state: &str) -> Ticket {
        let id = self.os(dir, &["new", title]).ok();
        let id = id.split_whitespace().next().expect("an id").to_owned();
        let mut ticket = Ticket { id: id.clone(), head: String::new() };
        let path = ["draft", "ready", "claimed", "running", "verifying", "verified", "merged"];
        let steps = path.iter().position(|known| *known == state).expect("a state on the way");
        for step in &path[1..=steps] {
            match *step {
                "ready" => drop(self.os(dir, &["approve", &id]).ok()),
                "claimed" => drop(self.os(dir, &["claim", &id, "--run", RUN]).ok()),
                "running" => drop(self.os(dir, &["start", &id]).ok()),
                "verifying" => {
                    ticket.head = self.work(dir, &id);
                    self.os(dir, &["submit", &id]).ok();
                }
                "verified" => drop(self.pass(dir, &ticket).ok()),
                _ => drop(self.git(dir, &["merge", "-q", "--ff-only", &ticket.head]).ok()),
            }
        }
        assert_eq!(self.state(dir, &id), state);
        ticket
    }

    /// A commit on the ticket's branch, on top of `main`; answers it.
    #[track_caller]
    pub(crate) fn work(&self, dir: &str, id: &str) -> String {
        let script = format!(
            "export GIT_INDEX_FILE=\"$(git rev-parse --git-dir)/work-index\"; git read-tree main
             file=$(echo {id} | git hash-object -w --stdin)
             git update-index --add --cacheinfo 100644,$file,work/{id}
             commit=$(git commit-tree -p main -m 'Work on {id}' $(git write-tree))
             git update-ref refs/heads/claude/{id} $commit
             rm -f \"$GIT_INDEX_FILE\"; echo $commit"
        );
        self.sh(dir, &script).ok()
    }

    /// A verdict on a ticket's work, as its text.
    pub(crate) fn verdict(&self, dir: &str, ticket: &Ticket) -> String {
        let (tree, base) = (self.id(dir, &format!("{}^{{tree}}", ticket.head)), self.id(dir, &format!("{}^", ticket.head)));
        let (id, head) = (&ticket.id, &ticket.head);
        // The check that a registry of these tests has, unless it has others.
        let has_usual = self.git(dir, &["show", "refs/os/meta:policy.json"]).stdout.contains("\"usual\"");
        let usual = format!(r#"{{"name":"usual","run":"true","exit":0,"output":"{tree}","millis":1}}"#);
        let checks = if has_usual { usual } else { String::new() };
        format!(
            r#"{{"version":1,"ticket":"{id}","verdict":"pass","run":"{JUDGE}","holder":"{RUN}","commit":"{head}","tree":"{tree}","base":"{base}","checks":[{checks}],"judge":{{"agent":"checks","reasons":[]}},"grade":"A"}}"#
        )
    }

    /// Passes a ticket's work.
    pub(crate) fn pass(&self, dir: &str, ticket: &Ticket) -> Out {
        let file = format!("verdict-{}.json", ticket.id);
        self.write(&file, self.verdict(dir, ticket));
        self.os(dir, &["pass", &ticket.id, "--verdict", self.path(&file).to_str().expect("UTF-8")])
    }

    /// The state of a ticket as plain git shows it; empty when there is no such ticket.
    pub(crate) fn state(&self, dir: &str, id: &str) -> String {
        let format = "--format=%(trailers:key=Os-State,valueonly,separator=)";
        self.git(dir, &["for-each-ref", format, &format!("refs/os/tickets/{id}")]).stdout.trim().to_owned()
    }

    /// All refs with what they point to, symbolic ones with their target.
    pub(crate) fn refs(&self, dir: &str, prefixes: &[&str]) -> String {
        let mut args = vec!["for-each-ref", "--format=%(refname) %(objectname) %(symref)"];
        args.extend(prefixes);
        self.git(dir, &args).stdout
    }
}
