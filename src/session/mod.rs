//! One session of `git os start`: phases 0 to 8, one file each, all safe to run again.
//!
//! The result of each phase is in the session's log before the next phase begins, so an interrupted session can continue.

mod brief;
mod close;
mod dispatch;
mod draft;
mod housekeeping;
mod initialise;
mod interview;
mod log;
mod outstanding;
mod scout;

use crate::local::locks::take_session;
use crate::operations::OperationError;
use std::collections::BTreeMap;
use std::fs::File;

use serde::Serialize;

use crate::core::freshness::{Decision, Present, decide};
use crate::core::id::{Brand, RepoName, SessionId};
use crate::core::interview::Answers;
use crate::core::progress::{Event, FateKind, SessionEvent, What};
use crate::core::registry::RepoEntry;
use crate::core::session::{Phase, Seen};
use crate::core::text;
use crate::core::verdict::Grade;
use crate::dispatch::schedule::Ending;
use crate::dispatch::{DispatchError, Workplace};
use crate::env::Env;
use crate::git::{GitError, Repo};
use crate::ledger::{Ledger, LedgerError};
use crate::workspace::{Workspace, WorkspaceError};
use log::Log;

/// Why a session stopped.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", prefix = "session-")]
pub(crate) enum SessionError {
    #[error("interrupted")]
    Interrupted,
    #[error("cannot start a session: another one is running in this workspace")]
    Busy,
    #[error("cannot read an answer from the terminal")]
    Prompt(#[source] std::io::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    #[error(transparent)]
    Operation(#[from] OperationError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// The decision about a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Approval {
    Approve,
    Reject(String),
    Later,
}

/// A draft as it is shown to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) id: String,
    pub(crate) repo: RepoName,
    pub(crate) brand: Brand,
    pub(crate) title: String,
    pub(crate) description: String,
}

/// Whoever answers: a person at a terminal, or answers given beforehand.
pub(crate) trait Desk {
    /// The five answers of a brand; `None` when there is nobody to ask.
    ///
    /// # Errors
    /// If the prompt fails or is interrupted.
    fn interview(&self, brand: &Brand, brief: &str) -> Result<Option<Answers>, SessionError>;
    /// Asks what to do with a draft.
    ///
    /// # Errors
    /// If the prompt fails or is interrupted.
    fn approve(&self, draft: &Proposal) -> Result<Approval, SessionError>;
}

/// The result of a session.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    pub(crate) version: u32,
    pub(crate) session: Option<SessionId>,
    pub(crate) phases: Vec<Decision>,
    pub(crate) drafted: usize,
    pub(crate) approved: usize,
    pub(crate) grade: Option<Grade>,
    pub(crate) tickets: Vec<TicketEnd>,
    pub(crate) brief: String,
}

/// How a ticket ended.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TicketEnd {
    pub(crate) id: String,
    pub(crate) repo: RepoName,
    pub(crate) brand: Brand,
    pub(crate) title: String,
    pub(crate) fate: FateKind,
    pub(crate) reason: String,
}

/// The state that the phases share.
struct Session<'a> {
    at: Workplace<'a>,
    workspace: &'a Workspace,
    env: &'a Env,
    desk: &'a dyn Desk,
    hub: Repo,
    log: Log,
    jobs: usize,
    summary: Summary,
    /// What sessions have seen, including this one.
    seen: Seen,
    decisions: Vec<Decision>,
    date: String,
}

/// Decides which phases to run, without running them.
///
/// # Errors
/// If a repository cannot be read.
pub(crate) fn plan(workspace: &Workspace) -> Result<Vec<Decision>, SessionError> {
    let hub = workspace.open(workspace.hub()?)?;
    let seen = Log::open(&hub)?.seen;
    Ok(decide(&seen, &present(workspace, &hub)?))
}

/// Runs a session.
///
/// # Errors
/// When another session runs, somebody interrupts, or git fails; the next session goes on from there.
pub(crate) fn run(at: Workplace<'_>, desk: &dyn Desk, jobs: usize) -> Result<Summary, SessionError> {
    let Workplace { workspace, env, stop, .. } = at;
    let hub = workspace.open(workspace.hub()?)?;
    let _lock = lock(&hub)?;
    let log = Log::open(&hub)?;
    let present = present(workspace, &hub)?;
    let seen = log.seen.clone();
    let decisions = decide(&seen, &present);
    let summary = Summary {
        version: crate::core::json::VERSION,
        session: None,
        phases: decisions.clone(),
        drafted: 0,
        approved: 0,
        grade: seen.doctor.as_ref().map(|doctor| doctor.0),
        tickets: Vec::new(),
        brief: String::new(),
    };
    let mut session = Session { at, workspace, env, desk, hub, log, jobs, summary, seen, decisions, date: present.date };
    stop.heed_interrupts();
    for phase in Phase::ALL {
        if stop.is_interrupted() {
            return Err(SessionError::Interrupted);
        }
        let decision = session.decisions[phase.number()].clone();
        session.tell(SessionEvent::Phase(decision.clone()));
        if decision.runs {
            // A terminal interrupts what git is doing just now as well; that is not what went wrong.
            session.run_phase(*phase).map_err(|error| if stop.is_interrupted() { SessionError::Interrupted } else { error })?;
        }
        session.tell(SessionEvent::PhaseEnded(*phase));
    }
    session.close()?;
    Ok(session.summary)
}

impl<'a> Session<'a> {
    fn run_phase(&mut self, phase: Phase) -> Result<(), SessionError> {
        match phase {
            Phase::Initialise => self.initialise(),
            Phase::Scout => self.scout(),
            Phase::Housekeeping => self.housekeeping(),
            Phase::Outstanding => self.outstanding(),
            Phase::Brief => self.brief(),
            Phase::Interview => self.interview(),
            Phase::Draft => self.draft(),
            Phase::Dispatch => self.dispatch(),
            Phase::Close => self.distil(),
        }
    }

    /// Tells what happens.
    fn tell(&self, event: SessionEvent) {
        self.at.listener.hear(&Event::Session(event));
    }

    /// Tells all of these; returns their lines, for the log.
    fn tell_all(&self, events: &[Event]) -> Vec<String> {
        for event in events {
            self.at.listener.hear(event);
        }
        events.iter().filter_map(Event::line).collect()
    }

    /// Writes down what a phase did, with what was seen by then.
    fn record(&mut self, phase: Phase, what: &str, body: &str, files: &[(&str, String)]) -> Result<(), SessionError> {
        self.log.append(&self.hub, phase, what, body, &self.seen, files)?;
        self.summary.session.clone_from(&self.log.id);
        Ok(())
    }

    /// The repositories that exist and are set up.
    fn places(&self) -> Vec<(&'a RepoEntry, Repo)> {
        let open = |entry| Some((entry, self.workspace.open(entry).ok()?));
        self.workspace.registry.repos.iter().filter_map(open).filter(|(_, repo)| Ledger::open(repo).is_ok()).collect()
    }

    fn decision(&self, phase: Phase) -> &Decision {
        &self.decisions[phase.number()]
    }
}

/// Something that happens in a repository.
fn event(entry: &RepoEntry, what: What) -> Event {
    Event::Work { repo: entry.name.clone(), brand: entry.brand.clone(), ticket: None, what }
}

/// One session at a time.
fn lock(hub: &Repo) -> Result<File, SessionError> {
    take_session(hub)?.ok_or(SessionError::Busy)
}

/// Collects the facts that decide which phases run.
fn present(workspace: &Workspace, hub: &Repo) -> Result<Present, SessionError> {
    let mut repos = BTreeMap::new();
    let mut health = String::new();
    for entry in &workspace.registry.repos {
        let Ok(repo) = workspace.open(entry) else {
            health += &format!("{} missing\n", entry.name);
            continue;
        };
        let Ok(ledger) = Ledger::open(&repo) else {
            health += &format!("{} without policy\n", entry.name);
            continue;
        };
        let head = ledger.find_trunk_tip()?.map(|head| head.to_string()).unwrap_or_default();
        health += &fingerprint(&repo, &entry.name, &head)?;
        // A silo is not scouted.
        if !entry.silo {
            repos.insert(entry.name.clone(), (entry.brand.clone(), head));
        }
    }
    Ok(Present { date: hub.identity()?.time.date(), repos, health: hub.blob_id(health.as_bytes()).to_string() })
}

/// A text that changes when anything changes that the doctor checks.
fn fingerprint(repo: &Repo, name: &RepoName, head: &str) -> Result<String, SessionError> {
    let mut all = format!("{name} {head} {:?}\n", repo.config("core.hooksPath"));
    for prefix in ["refs/os/tickets/", "refs/notes/os/"] {
        for (name, tip) in repo.list_refs(prefix)? {
            all += &format!("{name} {tip}\n");
        }
    }
    all += &format!("{:?}\n", repo.find_ref(crate::core::id::META)?);
    Ok(all)
}

impl TicketEnd {
    fn of(ending: &Ending) -> Self {
        Self {
            id: ending.id.to_string(),
            repo: ending.repo.clone(),
            brand: ending.brand.clone(),
            title: ending.title.clone(),
            fate: ending.fate.kind(),
            reason: text::body(&ending.fate.reason()),
        }
    }
}
