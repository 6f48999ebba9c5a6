//! What an argument can be: tickets in the states that a command can act on, and the names that a workspace has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use clap_complete::engine::CompletionCandidate;

use crate::core::event::{EventKind, State, StepState};
use crate::core::fsm::rule_of;
use crate::core::id::{Brand, RepoName, SESSIONS, TicketId};
use crate::core::naming::{Attribute, Shelf, meant};

use crate::git::Repo;
use crate::ledger::Ledger;
use crate::ledger::cache::Row;
use crate::memory::learnings::Confidence;
use crate::operations::Place;
use crate::operations::usage::By;

/// What an argument can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// Tickets on which this command can act.
    Tickets(Acts),
    States,
    StepStates,
    Confidences,
    Groupings,
    Repos,
    Brands,
    Labels,
    Kinds,
    Checks,
    Remotes,
    Sessions,
    Agents,
    Files,
}

/// On which tickets a command can act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acts {
    OnAll,
    OnOpen,
    OnState(State),
    As(EventKind),
}

impl Acts {
    fn of(command: &str) -> Self {
        match command {
            "verify" => Self::OnState(State::Verifying),
            "merge" => Self::OnState(State::Verified),
            "revert" | "replay" => Self::OnState(State::Merged),
            verb => EventKind::parse(verb).map_or(Self::OnAll, Self::As),
        }
    }

    fn takes(self, state: State) -> bool {
        match self {
            Self::OnAll => true,
            Self::OnOpen => !state.is_terminal(),
            Self::OnState(wanted) => state == wanted,
            Self::As(kind) => rule_of(kind).allows(state),
        }
    }
}

impl Values {
    /// By the names of the command and of the argument.
    pub(super) fn of(command: &str, argument: &str) -> Option<Self> {
        Some(match (command, argument) {
            ("session", "id") => Self::Sessions,
            ("resume", "id") => Self::Tickets(Acts::OnState(State::Blocked)),
            ("step", "state") => Self::StepStates,
            (_, "id" | "ids") => Self::Tickets(Acts::of(command)),
            (_, "depends") => Self::Tickets(Acts::OnOpen),
            (_, "states") => Self::States,
            (_, "confidence") => Self::Confidences,
            ("usage", "by") => Self::Groupings,
            (_, "repo") => Self::Repos,
            (_, "brand" | "interview") => Self::Brands,
            (_, "labels") => Self::Labels,
            (_, "kind") => Self::Kinds,
            (_, "check") => Self::Checks,
            (_, "remote") => Self::Remotes,
            (_, "agent" | "planner") => Self::Agents,
            (_, "dirs" | "dir" | "bare" | "registry" | "answers" | "verdict" | "description_file" | "file") => Self::Files,
            _ => return None,
        })
    }
}

/// The command line that is being completed.
pub(super) struct Line {
    dir: Utf8PathBuf,
    /// What `--repo` names.
    repo: Option<String>,
    /// The words before the one at the cursor.
    before: Vec<String>,
    wants_files: AtomicBool,
}

impl Line {
    pub(super) fn new(dir: &Utf8Path, words: &[String]) -> Self {
        let (mut dir, mut repo) = (dir.to_owned(), None);
        let before = &words[..words.len().saturating_sub(1)];
        let mut rest = before.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "-C" => dir = dir.join(rest.next().map_or("", String::as_str)),
                "--repo" => repo = rest.next().cloned(),
                other => repo = other.strip_prefix("--repo=").map(str::to_owned).or(repo),
            }
        }
        Self { dir, repo, before: before.to_vec(), wants_files: AtomicBool::new(false) }
    }

    /// Whether the shell knows better.
    pub(super) fn wants_files(&self) -> bool {
        self.wants_files.load(Ordering::Relaxed)
    }

    /// What fits what was typed.
    pub(super) fn complete(&self, values: Values, typed: &str) -> Vec<CompletionCandidate> {
        let words = |all: &mut dyn Iterator<Item = &'static str>| all.map(|word| (word.to_owned(), String::new())).collect();
        let all: Vec<(String, String)> = match values {
            Values::Files => {
                self.wants_files.store(true, Ordering::Relaxed);
                return Vec::new();
            }
            Values::Tickets(acts) => return self.tickets(acts, typed),
            Values::States => words(&mut State::ALL.iter().map(|one| one.as_str())),
            Values::StepStates => words(&mut StepState::ALL.iter().map(|one| one.as_str())),
            Values::Confidences => words(&mut Confidence::ALL.iter().map(|one| one.as_str())),
            Values::Groupings => words(&mut By::ALL.iter().map(|one| one.as_str())),
            Values::Repos => self.repos(),
            Values::Brands => self.brands(),
            Values::Labels => self.of_tickets(|row| row.ticket.content.labels.iter().map(ToString::to_string).collect()),
            Values::Kinds => self.of_tickets(|row| vec![row.ticket.content.kind.to_string()]),
            Values::Checks => self.checks(),
            Values::Remotes => self.remotes(),
            Values::Sessions => self.sessions(),
            Values::Agents => self.agents(),
        };
        all.into_iter().filter(|(value, _)| value.starts_with(typed)).map(|(value, about)| candidate(value, about)).collect()
    }

    fn place(&self) -> Option<Place> {
        Place::around(&self.dir, self.repo.as_deref()).ok()
    }

    /// The rows of all tickets that a command here could be about, with their repositories. Nothing is folded in: a look must
    /// not change what is looked at.
    fn rows(&self) -> Vec<(RepoName, Row)> {
        let Some(place) = self.place() else { return Vec::new() };
        let of = |repo: &Repo| {
            let ledger = Ledger::open(repo).ok()?;
            let rows = ledger.rows().ok()?.tickets;
            Some(rows.into_iter().map(|row| (ledger.policy.repo.clone(), row)).collect::<Vec<_>>())
        };
        match place.workspace.as_ref().filter(|_| self.repo.is_none()) {
            None => of(&place.repo).unwrap_or_default(),
            Some(workspace) => {
                let repos = workspace.registry.repos.iter().filter_map(|entry| workspace.open(entry).ok());
                repos.filter_map(|repo| of(&repo)).flatten().collect()
            }
        }
    }

    fn tickets(&self, acts: Acts, typed: &str) -> Vec<CompletionCandidate> {
        let is_new = |id: &TicketId| !self.before.iter().any(|word| word == id.as_str());
        let mut rows: Vec<_> =
            self.rows().into_iter().filter(|(_, row)| acts.takes(row.ticket.state) && is_new(&row.id)).collect();
        rows.sort_by(|(_, left), (_, right)| {
            let is_closed = |row: &Row| row.ticket.state.is_terminal();
            (is_closed(left), left.urgency()).cmp(&(is_closed(right), right.urgency()))
        });
        let show = |(repo, row): &(RepoName, Row)| {
            candidate(row.id.to_string(), format!("{}, {repo}: {}", row.ticket.state, row.ticket.content.title))
        };
        let fitting: Vec<_> = rows.iter().filter(|(_, row)| row.id.as_str().starts_with(typed)).map(show).collect();
        if !fitting.is_empty() {
            return fitting;
        }
        // What the command would understand is completed to the id, if it is one ticket.
        let load = |shelf, attribute| match (shelf, attribute) {
            (Shelf::Live, Attribute::Id) => Ok(rows.iter().map(|one| (one.1.id.to_string(), one)).collect()),
            (Shelf::Live, Attribute::Title) => Ok(rows.iter().map(|one| (one.1.ticket.content.title.clone(), one)).collect()),
            (Shelf::Archived, _) => Err(()),
        };
        match meant(typed, load).unwrap_or_default().as_slice() {
            [one] => vec![show(one)],
            _ => Vec::new(),
        }
    }

    fn of_tickets(&self, words: impl Fn(&Row) -> Vec<String>) -> Vec<(String, String)> {
        let all: BTreeSet<String> = self.rows().iter().flat_map(|(_, row)| words(row)).collect();
        all.into_iter().map(|word| (word, String::new())).collect()
    }

    fn repos(&self) -> Vec<(String, String)> {
        let around = Place::around(&self.dir, None).ok().and_then(|place| place.workspace);
        let repos = around.map(|workspace| workspace.registry.repos).unwrap_or_default();
        repos.into_iter().map(|entry| (entry.name.to_string(), format!("brand {}", entry.brand))).collect()
    }

    fn brands(&self) -> Vec<(String, String)> {
        let brands = self.place().and_then(|place| place.brands().ok()).unwrap_or_default();
        let about = |brand: &Brand| if brand.as_str() == Brand::GLOBAL { "all brands".to_owned() } else { String::new() };
        brands.iter().map(|brand| (brand.to_string(), about(brand))).collect()
    }

    fn checks(&self) -> Vec<(String, String)> {
        let workspace = self.place().and_then(|place| place.workspace);
        let repos = workspace.map(|workspace| workspace.registry.repos).unwrap_or_default();
        let checks: BTreeMap<String, String> =
            repos.into_iter().flat_map(|entry| entry.checks).map(|check| (check.name, check.run)).collect();
        checks.into_iter().collect()
    }

    fn agents(&self) -> Vec<(String, String)> {
        let workspace = self.place().and_then(|place| place.workspace);
        let agents = workspace.map(|workspace| workspace.registry.agents).unwrap_or_default();
        agents.into_iter().map(|(name, agent)| (name, agent.kind.to_string())).collect()
    }

    fn remotes(&self) -> Vec<(String, String)> {
        let names = self.place().and_then(|place| place.repo.git().output(["remote"]).ok()).unwrap_or_default();
        names.lines().map(|name| (name.to_owned(), String::new())).collect()
    }

    fn sessions(&self) -> Vec<(String, String)> {
        let hub = self.place().and_then(|place| {
            let workspace = place.workspace.as_ref()?;
            workspace.open(workspace.hub().ok()?).ok()
        });
        let refs = hub.as_ref().and_then(|hub| hub.list_refs(SESSIONS).ok()).unwrap_or_default();
        refs.into_iter().rev().map(|(name, _)| (name[SESSIONS.len()..].to_owned(), String::new())).collect()
    }
}

fn candidate(value: String, about: String) -> CompletionCandidate {
    CompletionCandidate::new(value).help((!about.is_empty()).then(|| about.into()))
}
