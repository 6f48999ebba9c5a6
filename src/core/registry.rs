//! `registry.toml`: the list of the workspace's repositories; all errors are reported at once.

pub(crate) mod interpreter;
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use camino::Utf8Path;
use toml_edit::Document;

pub(super) use self::reader::line_at;
use super::ballot::{Judges, Party};
use super::budget::{Amounts, Budget};
use super::event::named;
use super::id::{Brand, RepoName};
use super::meta::{Check, Gate, Land, OfflineClaims, Push};
use super::outcome::Cap;
use super::signer::Actor;
use super::text::line;
use super::usage::MicroDollars;
use super::verdict::Grade;

/// How much of a command line tells one client from another, in bytes.
const MAX_CLIENT: usize = 200;
/// The name of the file.
pub(crate) const FILE: &str = "registry.toml";

named! {
    /// Which program an agent is.
    AgentKind, "supported kind of agent", {
        Claude = "claude",
        Codex = "codex",
        Gemini = "gemini",
        Opencode = "opencode",
        /// Any program that speaks the Agent Client Protocol.
        Acp = "acp",
        Command = "command",
    }
}

named! {
    /// Who is the author of an agent's commits.
    Authorship, "author", {
        /// The person in whose clone the agent works.
        Person = "person",
        /// The agent, if the registry names its identity; the person is the committer.
        Agent = "agent",
    }
}

/// The registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registry {
    pub(crate) hub: RepoName,
    pub(crate) jobs: usize,
    /// How many questions the interview of a session may have; 0 turns it off.
    pub(crate) questions: usize,
    pub(crate) repos: Vec<RepoEntry>,
    pub(crate) agents: BTreeMap<String, AgentEntry>,
    /// The actors whose signatures are required, in all repositories. `None` keeps the actors of the policy, so that an old
    /// registry does not remove keys.
    pub(crate) actors: Option<Vec<Actor>>,
    /// What agents may use.
    pub(crate) budget: Box<Budget>,
}

/// One repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepoEntry {
    pub(crate) name: RepoName,
    /// The path, relative to the registry file.
    pub(crate) path: String,
    pub(crate) brand: Brand,
    pub(crate) remote: Option<String>,
    pub(crate) push: Push,
    pub(crate) protected: Vec<String>,
    pub(crate) gate: Gate,
    pub(crate) auto_commit: Vec<String>,
    pub(crate) skip: Vec<String>,
    pub(crate) silo: bool,
    pub(crate) agent: Option<String>,
    /// Who plans for `git os task`; without one the agent does.
    pub(crate) planner: Option<String>,
    /// Who judges; without one the checks decide alone.
    pub(crate) verifiers: Vec<String>,
    /// What is asked of the verifiers, if that is more than that the only one agrees.
    pub(crate) judges: Option<Judges>,
    pub(crate) checks: Vec<Check>,
    pub(crate) max_attempts: u32,
    /// How many of its tickets are worked on at once, if their scopes are apart.
    pub(crate) parallel: usize,
    /// The time limit for one run of an agent, or for one check, in seconds.
    pub(crate) timeout: u64,
    /// How long a claim of a run lasts unless it is renewed, in seconds; the process that works renews it.
    pub(crate) lease: u64,
    pub(crate) grade: Grade,
    /// Whether tickets can be claimed while the remote is unreachable.
    pub(crate) offline_claims: OfflineClaims,
    pub(crate) land: Land,
    /// The tool for pull requests: `gh`, `glab`, `tea`, or a program; `None` means the one that fits the remote's URL.
    pub(crate) host: Option<String>,
    pub(crate) author: Authorship,
    /// Whether the commits of runs name their ticket.
    pub(crate) trailers: bool,
    pub(crate) lines: Lines,
}

/// Where a table and its keys are in the file; lines count from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(super) table: usize,
    pub(super) keys: BTreeMap<String, usize>,
}

impl Lines {
    /// The line of a key, or of the table if it does not have the key.
    #[must_use]
    pub(crate) fn of(&self, key: &str) -> usize {
        self.keys.get(key).copied().unwrap_or(self.table)
    }
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentEntry {
    pub(crate) kind: AgentKind,
    /// The program and its arguments; see [`from_registry`].
    pub(crate) run: Vec<String>,
    pub(crate) model: Option<String>,
    /// Whose limits it shares with other agents of the same account; its own name if there is none.
    pub(crate) account: Option<String>,
    /// After how many turns of its model a run is stopped.
    pub(crate) max_turns: Option<u32>,
    /// After how much money a run is stopped.
    pub(crate) max_dollars: Option<MicroDollars>,
    /// After how long without any change of a file a run is stopped, in seconds.
    pub(crate) no_progress: Option<u64>,
    /// Further variables of the operator's that it may see.
    pub(crate) env: Vec<String>,
    /// Who it is as an author, `Name <mail>`.
    pub(crate) identity: Option<String>,
    pub(crate) lines: Lines,
}

/// A word of a command line in the registry: what begins with `./` or `../` counts from the registry's folder.
#[must_use]
pub(crate) fn from_registry(word: &str, registry_dir: &Utf8Path) -> String {
    let is_relative = word.starts_with("./") || word.starts_with("../");
    if is_relative { registry_dir.join(word.trim_start_matches("./")).to_string() } else { word.to_owned() }
}

impl AgentEntry {
    /// The program and its first arguments.
    #[must_use]
    pub(crate) fn words(&self, registry_dir: &Utf8Path) -> Vec<String> {
        let Some((program, arguments)) = self.run.split_first() else {
            return self.kind.program().map(str::to_owned).into_iter().collect();
        };
        // An agent works in a worktree, which holds what agents wrote: nothing of it is run as the agent.
        let place = |word: &String| in_folder(word, registry_dir);
        let script_at = self.script_at();
        let program = if program.contains('/') { place(program) } else { program.clone() };
        let argument = |(at, word): (usize, &String)| {
            if Some(at + 1) == script_at { place(word) } else { from_registry(word, registry_dir) }
        };
        std::iter::once(program).chain(arguments.iter().enumerate().map(argument)).collect()
    }

    /// The script that an interpreter is to run, if it is one that `run` names plainly.
    #[must_use]
    pub(crate) fn script(&self, registry_dir: &Utf8Path) -> Option<String> {
        Some(in_folder(&self.run[self.script_at()?], registry_dir))
    }

    fn script_at(&self) -> Option<usize> {
        interpreter::find_script(&self.run.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A path that counts from a folder.
fn in_folder(word: &str, folder: &Utf8Path) -> String {
    if word.starts_with('/') { word.to_owned() } else { folder.join(word.trim_start_matches("./")).to_string() }
}

impl AgentEntry {
    /// What one run of it may use, whatever the budget allows.
    #[must_use]
    pub(crate) fn limits(&self) -> Amounts {
        let mut limits = Amounts::default();
        if let Some(turns) = self.max_turns {
            limits.set(Cap::Turns, u64::from(turns));
        }
        if let Some(MicroDollars(micros)) = self.max_dollars {
            limits.set(Cap::Dollars, micros);
        }
        limits
    }

    /// This agent with this name, as one may differ from another.
    #[must_use]
    pub(crate) fn party(&self, name: &str) -> Party {
        let client = match self.kind {
            // The kind says nothing of the program.
            AgentKind::Acp | AgentKind::Command => line(&format!("{} {}", self.kind, self.run.join(" ")), MAX_CLIENT),
            kind => kind.to_string(),
        };
        Party { agent: name.to_owned(), client: Some(client), model: self.model.clone() }
    }
}

impl AgentKind {
    /// The program of a kind, unless the registry has to name it.
    #[must_use]
    pub(crate) fn program(self) -> Option<&'static str> {
        match self {
            Self::Claude => Some("claude"),
            Self::Codex => Some("codex"),
            Self::Gemini => Some("gemini"),
            Self::Opencode => Some("opencode"),
            Self::Acp | Self::Command => None,
        }
    }

    /// The oldest version with which git-os was tried, where an older one was seen to fail.
    #[must_use]
    pub(crate) fn oldest(self) -> Option<&'static str> {
        match self {
            Self::Claude => Some("2.1.197"),
            Self::Codex | Self::Gemini | Self::Opencode | Self::Acp | Self::Command => None,
        }
    }

    /// The keys of an agent's table that mean something to this kind.
    #[must_use]
    pub(crate) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Claude => &["kind", "run", "model", "account", "identity", "env", "no_progress", "max_turns", "max_dollars"],
            Self::Codex | Self::Gemini | Self::Opencode | Self::Acp | Self::Command => {
                &["kind", "run", "model", "account", "identity", "env", "no_progress"]
            }
        }
    }
}

/// One error, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line number, counted from 1.
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.what)
    }
}

impl Registry {
    /// Parses the text of the file.
    ///
    /// # Errors
    /// All errors, in the order of their lines.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let document = Document::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            vec![Fault { line: reader::line_at(text, at), what: error.message().to_owned() }]
        })?;
        reader::read(text, document.as_table())
    }

    /// Finds the repository with this name.
    #[must_use]
    pub(crate) fn find_repo(&self, name: &str) -> Option<&RepoEntry> {
        self.repos.iter().find(|repo| repo.name.as_str() == name)
    }

    /// The account of an agent; without one in the registry it is the only one of its own.
    #[must_use]
    pub(crate) fn account<'a>(&'a self, agent: &'a str) -> &'a str {
        self.agents.get(agent).and_then(|entry| entry.account.as_deref()).unwrap_or(agent)
    }

    /// All brands, in the order of their names, and last `_global`.
    #[must_use]
    pub(crate) fn brands(&self) -> Vec<Brand> {
        let own = self.repos.iter().map(|entry| entry.brand.clone()).filter(|brand| brand.as_str() != Brand::GLOBAL);
        let own: BTreeSet<Brand> = own.collect();
        own.into_iter().chain(Brand::parse(Brand::GLOBAL)).collect()
    }

    /// The repositories of a brand, in the order of the file; for `_global`, the hub.
    pub(crate) fn repos_of<'a>(&'a self, brand: &'a Brand) -> impl Iterator<Item = &'a RepoEntry> {
        self.repos.iter().filter(move |repo| repo.brand == *brand || (brand.as_str() == Brand::GLOBAL && repo.name == self.hub))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Role;

    const GOOD: &str = r#"
version = 1
[os]
hub = "sandbox"
jobs = 6
[[repo]]
name = "sandbox"
path = "."
brand = "sandbox"
agent = "claude"
checks = [{ name = "tests", run = "pytest -q" }]
timeout = "30m"
[agents.claude]
kind = "claude"
"#;

    #[test]
    fn what_is_not_said_has_a_default() {
        let registry = Registry::parse(GOOD).expect("good");
        let repo = &registry.repos[0];
        assert_eq!(
            (registry.jobs, repo.gate, repo.push, repo.max_attempts, repo.timeout),
            (6, Gate::Tickets, Push::Manual, 3, 1800)
        );
        assert_eq!(repo.protected, ["main"]);
    }

    #[test]
    fn all_faults_are_named_at_once_with_their_lines() {
        let bad = GOOD
            .replace("version = 1", "version = 2")
            .replace("jobs = 6", "jobs = 0")
            .replace("path = \".\"", "pth = \".\"")
            .replace("agent = \"claude\"", "agent = \"clod\"")
            .replace("30m", "soon");
        let faults = Registry::parse(&bad).expect_err("bad");
        let shown: Vec<_> = faults.iter().map(ToString::to_string).collect();
        snapbox::assert_data_eq!(
            shown.join("\n"),
            snapbox::str![[r#"
line 2: `version` must be 1
line 5: `jobs` is not a number from 1 to 256
line 6: [[repo]] has no `path`
line 8: unknown key `pth` in `[[repo]]`; expected one of: name, path, brand, remote, push, protected, gate, auto_commit, skip, silo, agent, planner, verifier, verifiers, quorum, decorrelated, checks, max_attempts, parallel, timeout, lease, grade, offline_claims, land, host, author, trailers
line 10: there is no `[agents.clod]`
line 12: `timeout`: `soon` is not a time such as 30m
"#]]
        );
    }

    /// An ed25519 key.
    const KEY: &str = include_str!("signer/key.pub");

    fn with_actors(tables: &str) -> Result<Registry, Vec<Fault>> {
        Registry::parse(&format!("{GOOD}{tables}").replace("KEY", KEY.trim_end()))
    }

    #[test]
    fn actors_have_keys_and_roles() {
        let one = "[[actor]]\nname = \"ann\"\nemail = \"ann@example.com\"\nkeys = [\"KEY\"]\nroles = [\"operator\", \"gate\"]\n";
        let registry = with_actors(one).expect("good");
        let actors = registry.actors.expect("actors");
        assert_eq!(actors[0].roles, [Role::Operator, Role::Gate]);
        assert!(KEY.starts_with(&String::from(actors[0].keys[0].clone())));
    }

    #[test]
    fn to_say_nothing_of_actors_is_not_to_have_none() {
        assert_eq!(with_actors("").expect("good").actors, None);
        assert_eq!(Registry::parse(&format!("actor = []\n{GOOD}")).expect("good").actors, Some(Vec::new()));
        assert!(Registry::parse(&format!("actor = [1]\n{GOOD}")).is_err());
    }

    #[test]
    fn what_is_wrong_with_actors_is_named() {
        let bad = "[[actor]]
name = \"ann\"
email = \"ann <ann@example.com>\"
keys = [\"ssh-rsa AAAAB3NzaC1yc2E ann\"]
roles = [\"ticket-executor\", \"boss\", \"sync\"]
[[actor]]
name = \"ben\"
email = \"ben@example.com\"
keys = [\"KEY\"]
[[actor]]
name = \"ben\"
email = \"ben@example.com\"
keys = [\"KEY\"]
roles = [\"verifier\"]
";
        let shown: Vec<_> = with_actors(bad).expect_err("bad").iter().map(ToString::to_string).collect();
        snapbox::assert_data_eq!(
            shown.join("\n"),
            snapbox::str![[r#"
line 17: `email`: `ann <ann@example.com>` is not a plain email address
line 18: `keys`: key type `ssh-rsa` is not supported; use `ssh-ed25519`
line 19: `roles`: not a role; expected one of: operator, planner, ticket-executor, reviewer, verifier, scout, distiller, librarian, operator-global, gate, sync
line 19: `roles`: `sync` cannot be given to an actor: git-os itself acts as `sync`
line 20: [[actor]] has no `roles`
line 24: the actors `ben` and `ben` have the same name
line 24: the actors `ben` and `ben` have the same email
line 24: the actors `ben` and `ben` have the same key
"#]]
        );
    }

    #[test]
    fn somebody_has_to_be_operator() {
        let one = "[[actor]]\nname = \"ann\"\nemail = \"ann@example.com\"\nkeys = [\"KEY\"]\nroles = [\"verifier\"]\n";
        let faults = with_actors(one).expect_err("bad");
        assert!(faults[0].what.contains("has the role `operator`"), "{faults:?}");
    }

    #[test]
    fn a_kind_that_cannot_run_is_refused_where_it_stands() {
        let faults = Registry::parse(&GOOD.replace("kind = \"claude\"", "kind = \"cursor\"")).expect_err("bad");
        let what =
            "`kind`: not a supported kind of agent; expected one of: claude, codex, gemini, opencode, acp, command".to_owned();
        assert_eq!(faults, [Fault { line: 14, what }]);
    }

    #[test]
    fn what_a_kind_cannot_do_is_refused_where_it_stands() {
        let said = |table: &str| {
            let faults = Registry::parse(&GOOD.replace("kind = \"claude\"\n", table)).expect_err("bad");
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        for (table, fault) in [
            ("kind = \"codex\"\nmax_turns = 3\n", "line 15: `max_turns` has no effect on agents of kind `codex`"),
            ("kind = \"acp\"\n", "line 13: `[agents.claude]` is of kind `acp` and needs `run = [\"program\", …]`"),
            ("kind = \"claude\"\nmax_turns = 0\n", "line 15: `max_turns` is not a number from 1 to 10000"),
            ("kind = \"claude\"\nmax_dollars = -1\n", "line 15: `max_dollars` is not an amount such as 2.50"),
            ("kind = \"gemini\"\nenv = [\"A B\"]\n", "line 15: `env`: `A B` is not the name of a variable"),
            (
                "kind = \"command\"\nrun = [\"x\"]\nenv = [\"CLAUDECODE\"]\n",
                "line 16: `env`: `CLAUDECODE` is not passed to agents",
            ),
        ] {
            assert_eq!(said(table), fault);
        }
        let registry = Registry::parse(&format!("{GOOD}max_turns = 40\nmax_dollars = 2.50\nenv = [\"MY_KEY\"]\n")).expect("good");
        let agent = &registry.agents["claude"];
        assert_eq!(
            (agent.max_turns, agent.max_dollars, agent.env.as_slice()),
            (Some(40), Some(MicroDollars(2_500_000)), ["MY_KEY".to_owned()].as_slice())
        );
    }

    #[test]
    fn no_word_of_an_agent_is_looked_for_in_the_worktree() {
        let words = |run: &str| {
            let registry =
                Registry::parse(&GOOD.replace("kind = \"claude\"", &format!("kind = \"claude\"\nrun = {run}"))).expect("good");
            registry.agents["claude"].words(Utf8Path::new("/reg")).join(" ")
        };
        for (run, expected) in [
            ("[]", "claude"),
            ("[\"claude\", \"--x\"]", "claude --x"),
            ("[\"./agents/x.sh\", \"./a\"]", "/reg/agents/x.sh /reg/a"),
            ("[\"agents/x.sh\"]", "/reg/agents/x.sh"),
            ("[\"sh\", \"agents/x.sh\", \"b/c\"]", "sh /reg/agents/x.sh b/c"),
            ("[\"/usr/bin/python3\", \"x.py\"]", "/usr/bin/python3 /reg/x.py"),
            ("[\"python3\", \"-u\", \"x.py\"]", "python3 -u /reg/x.py"),
            ("[\"sh\", \"-c\", \"exec claude\"]", "sh -c exec claude"),
        ] {
            assert_eq!(words(run), expected);
        }
    }

    #[test]
    fn broken_toml_is_named_with_its_line() {
        let faults = Registry::parse("version = 1\n[os\n").expect_err("bad");
        assert_eq!(faults[0].line, 2);
    }
}
