//! Reads `registry.toml` table by table; an error is recorded, and reading continues.

mod actors;
mod agents;
mod budgets;
mod judges;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use toml_edit::{Item, TableLike};

use super::{AgentEntry, Authorship, Fault, Lines, Registry, RepoEntry};
use crate::core::id::{Brand, RepoName};
use crate::core::interview::DEFAULT_QUESTIONS;
use crate::core::meta::{Check, DEFAULT_ATTEMPTS, Gate, Land, OfflineClaims, Paths, Push};
use crate::core::ticket::DEFAULT_LEASE;
use crate::core::time::parse_span;
use crate::core::verdict::Grade;

/// Reads the whole file.
///
/// # Errors
/// All errors, in the order of their lines.
pub(super) fn read(text: &str, root: &dyn TableLike) -> Result<Registry, Vec<Fault>> {
    let mut reader = Reader { text, faults: Vec::new(), faulty_agents: BTreeSet::new() };
    let registry = reader.registry(root);
    reader.faults.sort_by_key(|fault| fault.line);
    match registry {
        Some(registry) if reader.faults.is_empty() => Ok(registry),
        _ => Err(reader.faults),
    }
}

/// The number of the line that has this byte, counted from 1.
pub(in crate::core) fn line_at(text: &str, byte: usize) -> usize {
    text.get(..byte.min(text.len())).unwrap_or(text).matches('\n').count() + 1
}

/// The keys of a `[[repo]]` table.
const REPO_KEYS: &[&str] = &[
    "name",
    "path",
    "brand",
    "remote",
    "push",
    "protected",
    "gate",
    "auto_commit",
    "skip",
    "silo",
    "agent",
    "planner",
    "verifier",
    "verifiers",
    "quorum",
    "decorrelated",
    "checks",
    "max_attempts",
    "parallel",
    "timeout",
    "lease",
    "grade",
    "offline_claims",
    "land",
    "host",
    "author",
    "trailers",
];

struct Reader<'a> {
    text: &'a str,
    faults: Vec<Fault>,
    /// The names of agents that could not be read.
    faulty_agents: BTreeSet<String>,
}

impl Reader<'_> {
    fn fault(&mut self, span: Option<std::ops::Range<usize>>, what: impl Into<String>) {
        let line = line_at(self.text, span.map_or(0, |span| span.start));
        self.faults.push(Fault { line, what: what.into() });
    }

    fn known_keys(&mut self, table: &dyn TableLike, at: &str, known: &[&str]) {
        for (key, item) in table.iter() {
            if !known.contains(&key) {
                let span = table.get_key_value(key).and_then(|(key, _)| key.span()).or_else(|| item.span());
                self.fault(
                    span,
                    format!("unknown key `{}` in {at}; expected one of: {}", crate::core::text::escape(key), known.join(", ")),
                );
            }
        }
    }

    fn registry(&mut self, root: &dyn TableLike) -> Option<Registry> {
        self.known_keys(root, "the registry", &["version", "os", "repo", "agents", "actor", "budget"]);
        match root.get("version") {
            Some(item) if item.as_integer() == Some(1) => {}
            Some(item) => self.fault(item.span(), "`version` must be 1"),
            None => self.fault(None, "`version = 1` is missing"),
        }
        let agents = self.agents(root);
        let repos = self.repos(root, &agents);
        let actors = self.actors(root);
        let brands = repos.iter().map(|repo| repo.brand.clone()).collect();
        let budget = Box::new(self.budget(root, &brands));
        let (hub, jobs, questions) = self.os(root);
        let hub = hub?;
        if !repos.iter().any(|repo| repo.name == hub) && self.faults.is_empty() {
            let span = root.get("os").and_then(|os| os.get("hub")).and_then(Item::span);
            self.fault(span, format!("the hub `{hub}` is not one of the repositories"));
        }
        Some(Registry { hub, jobs, questions, repos, agents, actors, budget })
    }

    fn os(&mut self, root: &dyn TableLike) -> (Option<RepoName>, usize, usize) {
        let Some(item) = root.get("os") else {
            self.fault(None, "the table `[os]` with `hub` is missing");
            return (None, 1, 0);
        };
        let Some(os) = item.as_table_like() else {
            self.fault(item.span(), "`os` is not a table");
            return (None, 1, 0);
        };
        self.known_keys(os, "`[os]`", &["hub", "jobs", "questions"]);
        let hub = self.parsed(os, "[os]", "hub", item.span(), |text| RepoName::parse(text).map_err(|error| error.to_string()));
        (hub, self.number(os, "jobs", 1..=256, 4), self.number(os, "questions", 0..=1000, DEFAULT_QUESTIONS))
    }

    fn number(&mut self, table: &dyn TableLike, key: &str, range: RangeInclusive<usize>, default: usize) -> usize {
        let Some(item) = table.get(key) else { return default };
        let number = item.as_integer().and_then(|number| usize::try_from(number).ok()).filter(|number| range.contains(number));
        number.unwrap_or_else(|| {
            self.fault(item.span(), format!("`{key}` is not a number from {} to {}", range.start(), range.end()));
            default
        })
    }

    fn agents(&mut self, root: &dyn TableLike) -> BTreeMap<String, AgentEntry> {
        let mut agents = BTreeMap::new();
        let Some(item) = root.get("agents") else { return agents };
        let Some(table) = item.as_table_like() else {
            self.fault(item.span(), "`agents` is not a table");
            return agents;
        };
        for (name, item) in table.iter() {
            let at = format!("`[agents.{}]`", crate::core::text::escape(name));
            let Some(agent) = item.as_table_like() else {
                self.fault(item.span(), format!("{at} is not a table"));
                continue;
            };
            match self.an_agent(agent, &at, item) {
                Some(entry) => drop(agents.insert(name.to_owned(), entry)),
                None => drop(self.faulty_agents.insert(name.to_owned())),
            }
        }
        agents
    }

    fn repos(&mut self, root: &dyn TableLike, agents: &BTreeMap<String, AgentEntry>) -> Vec<RepoEntry> {
        let mut repos: Vec<RepoEntry> = Vec::new();
        let Some(tables) = root.get("repo").and_then(Item::as_array_of_tables) else {
            self.fault(root.get("repo").and_then(Item::span), "there is no `[[repo]]`");
            return repos;
        };
        for table in tables {
            let Some(repo) = self.repo(table, agents) else { continue };
            if repos.iter().any(|other| other.name == repo.name) {
                self.fault(table.span(), format!("there are two repositories named `{}`", repo.name));
            }
            if repos.iter().any(|other| other.path == repo.path) {
                self.fault(table.span(), format!("there are two repositories at `{}`", crate::core::text::escape(&repo.path)));
            }
            repos.push(repo);
        }
        repos
    }

    fn repo(&mut self, table: &toml_edit::Table, agents: &BTreeMap<String, AgentEntry>) -> Option<RepoEntry> {
        let span = table.span();
        self.known_keys(table, "`[[repo]]`", REPO_KEYS);
        let text = |text: &str| Ok::<_, String>(text.to_owned());
        let name =
            self.parsed(table, "[[repo]]", "name", span.clone(), |text| RepoName::parse(text).map_err(|error| error.to_string()));
        let path = self.parsed(table, "[[repo]]", "path", span.clone(), text);
        let brand =
            self.parsed(table, "[[repo]]", "brand", span.clone(), |text| Brand::parse(text).map_err(|error| error.to_string()));
        let remote = self.maybe(table, "remote", text);
        let push = self.maybe(table, "push", str::parse::<Push>).unwrap_or(Push::Manual);
        let gate = self.maybe(table, "gate", str::parse::<Gate>).unwrap_or(Gate::Tickets);
        let grade = self.maybe(table, "grade", str::parse::<Grade>).unwrap_or(Grade::A);
        let protected = if table.contains_key("protected") { self.strings(table, "protected") } else { vec!["main".to_owned()] };
        for branch in &protected {
            if !is_branch(branch) {
                self.fault(
                    table.get("protected").and_then(Item::span),
                    format!("`{}` is not a branch name", crate::core::text::escape(branch)),
                );
            }
        }
        let (auto_commit, skip) = (self.patterns(table, "auto_commit"), self.patterns(table, "skip"));
        let agent = self.agent(table, "agent", agents);
        let planner = self.agent(table, "planner", agents);
        let (verifiers, judges) = self.judges(table, agent.as_deref(), agents);
        let offline_claims = self.maybe(table, "offline_claims", str::parse::<OfflineClaims>).unwrap_or(OfflineClaims::Refuse);
        let land = self.maybe(table, "land", str::parse::<Land>).unwrap_or(Land::Merge);
        let host = self.maybe(table, "host", text);
        if land == Land::PullRequest && remote.is_none() {
            self.fault(table.get("land").and_then(Item::span), "pull requests need a `remote`");
        }
        let author = self.maybe(table, "author", str::parse::<Authorship>).unwrap_or(Authorship::Person);
        let (silo, trailers) = (self.flag(table, "silo").unwrap_or(false), self.flag(table, "trailers").unwrap_or(true));
        let max_attempts = self.max_attempts(table);
        let span = |text: &str| {
            parse_span(text).ok_or_else(|| format!("`{}` is not a time such as 30m", crate::core::text::escape(text)))
        };
        let timeout = self.maybe(table, "timeout", span).unwrap_or(1800);
        let lease = self.maybe(table, "lease", span).unwrap_or(DEFAULT_LEASE);
        let checks = self.checks(table);
        Some(RepoEntry {
            name: name?,
            path: path?,
            brand: brand?,
            remote,
            push,
            protected,
            gate,
            auto_commit,
            skip,
            silo,
            agent,
            planner,
            verifiers,
            judges,
            checks,
            max_attempts,
            parallel: self.number(table, "parallel", 1..=64, 1),
            timeout,
            lease,
            grade,
            offline_claims,
            land,
            host,
            author,
            trailers,
            lines: self.lines(table, table.span()),
        })
    }

    fn lines(&self, table: &dyn TableLike, span: Option<std::ops::Range<usize>>) -> Lines {
        let line = |span: std::ops::Range<usize>| line_at(self.text, span.start);
        let line_of = |key: &str| {
            let (key, item) = table.get_key_value(key)?;
            key.span().or_else(|| item.span()).map(line)
        };
        let keys = table.iter().filter_map(|(key, _)| Some((key.to_owned(), line_of(key)?)));
        Lines { table: span.map_or(1, line), keys: keys.collect() }
    }

    fn agent(&mut self, table: &dyn TableLike, key: &str, agents: &BTreeMap<String, AgentEntry>) -> Option<String> {
        let agent = self.maybe(table, key, |text| Ok(text.to_owned()))?;
        // One that is there and has faults of its own is not missing as well.
        if !agents.contains_key(&agent) && !self.faulty_agents.contains(&agent) {
            self.fault(
                table.get(key).and_then(Item::span),
                format!("there is no `[agents.{}]`", crate::core::text::escape(&agent)),
            );
        }
        Some(agent)
    }

    fn flag(&mut self, table: &dyn TableLike, key: &str) -> Option<bool> {
        let item = table.get(key)?;
        let value = item.as_bool();
        if value.is_none() {
            self.fault(item.span(), format!("`{key}` is neither true nor false"));
        }
        value
    }

    fn max_attempts(&mut self, table: &dyn TableLike) -> u32 {
        let Some(item) = table.get("max_attempts") else { return DEFAULT_ATTEMPTS };
        let number = item.as_integer().and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=100).contains(number));
        number.unwrap_or_else(|| {
            self.fault(item.span(), "`max_attempts` is not a number from 1 to 100");
            DEFAULT_ATTEMPTS
        })
    }

    fn checks(&mut self, table: &toml_edit::Table) -> Vec<Check> {
        let mut checks: Vec<Check> = Vec::new();
        let Some(item) = table.get("checks") else { return checks };
        let Some(array) = item.as_array() else {
            self.fault(item.span(), "`checks` is not an array of `{ name = …, run = … }`");
            return checks;
        };
        for value in array {
            let get = |key| value.as_inline_table().and_then(|check| check.get(key));
            let word = |key| get(key).and_then(toml_edit::Value::as_str);
            let keys = 2 + usize::from(get("tests").is_some());
            match (word("name"), word("run"), value.as_inline_table().map(toml_edit::InlineTable::len)) {
                (Some(name), Some(run), Some(count))
                    if count == keys && crate::core::text::is_line(name, 60) && !name.is_empty() && !run.is_empty() =>
                {
                    if checks.iter().any(|check| check.name == name) {
                        self.fault(value.span(), format!("there are two checks named `{name}`"));
                    }
                    let tests = get("tests").map(|tests| self.tests(tests, name)).unwrap_or_default();
                    checks.push(Check { name: name.to_owned(), run: run.to_owned(), tests });
                }
                _ => self
                    .fault(value.span(), "a check is `{ name = \"…\", run = \"…\" }`, with `tests = [\"…\"]` if it runs tests"),
            }
        }
        checks
    }

    /// The patterns of the files that are the tests of a check.
    fn tests(&mut self, value: &toml_edit::Value, check: &str) -> Vec<String> {
        let all: Option<Vec<String>> =
            value.as_array().and_then(|array| array.iter().map(|one| one.as_str().map(str::to_owned)).collect());
        let at = format!("`tests` of check `{check}`");
        let Some(patterns) = all else {
            self.fault(value.span(), format!("{at} is not an array of strings"));
            return Vec::new();
        };
        match Paths::new(patterns.iter().map(String::as_str)) {
            Err(error) => self.fault(value.span(), format!("{at}: {error}")),
            Ok(paths) if paths.tells_nothing_apart() => {
                self.fault(value.span(), format!("{at}: the patterns have to match the files of its tests, and no others"));
            }
            Ok(_) => {}
        }
        patterns
    }

    fn patterns(&mut self, table: &dyn TableLike, key: &str) -> Vec<String> {
        let patterns = self.strings(table, key);
        for pattern in &patterns {
            if let Err(error) = Paths::new([pattern.as_str()]) {
                self.fault(table.get(key).and_then(Item::span), format!("`{key}`: {error}"));
            }
        }
        patterns
    }

    fn strings(&mut self, table: &dyn TableLike, key: &str) -> Vec<String> {
        let Some(item) = table.get(key) else { return Vec::new() };
        let all: Option<Vec<String>> =
            item.as_array().and_then(|array| array.iter().map(|value| value.as_str().map(str::to_owned)).collect());
        all.unwrap_or_else(|| {
            self.fault(item.span(), format!("`{key}` is not an array of strings"));
            Vec::new()
        })
    }

    fn maybe<T>(&mut self, table: &dyn TableLike, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let item = table.get(key)?;
        match item.as_str().ok_or_else(|| "it is not a string".to_owned()).and_then(parse) {
            Ok(value) => Some(value),
            Err(why) => {
                self.fault(item.span(), format!("`{key}`: {why}"));
                None
            }
        }
    }

    fn parsed<T>(
        &mut self,
        table: &dyn TableLike,
        at: &str,
        key: &str,
        span: Option<std::ops::Range<usize>>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if !table.contains_key(key) {
            self.fault(span, format!("{at} has no `{key}`"));
        }
        self.maybe(table, key, parse)
    }
}

/// Git reserves names with this ending for its lock files.
fn has_lock_ending(part: &str) -> bool {
    part.rsplit_once('.').is_some_and(|(_, ending)| ending == "lock")
}

/// Whether git accepts the name as a branch, also on a command line.
fn is_branch(name: &str) -> bool {
    !name.is_empty()
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with(['.', '-']) && !has_lock_ending(part) && !part.ends_with('.'))
        && !name.contains("..")
        && !name.contains("@{")
        && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"~^:?*[\\".contains(&byte))
}
