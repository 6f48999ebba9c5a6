//! One session of `git os start`: phases 0 to 8, one file each, all safe to run again.
//!
//! The result of each phase is in the session's log before the next phase begins, so an interrupted session can continue.

mod brief;
mod close;
mod desk;
mod dispatch;
mod draft;
mod housekeeping;
mod initialise;
mod interview;
mod log;
mod outstanding;
mod scout;
mod summary;

use crate::local::locks::take_session;
use crate::operations::OperationError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use crate::core::event::State;
use crate::core::freshness::{Decision, Present, decide};
use crate::core::id::{Brand, RepoName, TicketId};
use crate::core::interview::Answers;
use crate::core::progress::{Event, SessionEvent, Trouble, What};
use crate::core::registry::RepoEntry;
use crate::core::session::{Phase, Seen};
use crate::dispatch::{DispatchError, Workplace};
use crate::env::Env;
use crate::git::{GitError, Repo};
use crate::ledger::cache::Row;
use crate::ledger::{Ledger, LedgerError};
use crate::workspace::{Workspace, WorkspaceError};
pub(crate) use desk::{Approval, Asked, Desk, Proposal, Put, Said};
use log::Log;
pub(crate) use log::is_closed;
pub(crate) use summary::{Kept, Summary, TicketEnd};

/// Why a session stopped.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", prefix = "session-")]
pub(crate) enum SessionError {
    #[error("interrupted")]
    Interrupted,
    /// The same, as a whole session tells it.
    #[error("{0}")]
    Stopped(Kept),
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

/// With which brands the interview is held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Interviewed {
    /// Those that there is something to ask about.
    #[default]
    WithReason,
    /// The same, and the answers were given beforehand, so that the registry limits nothing.
    Answered,
    NoBrand,
    /// These, with or without a reason.
    Only(Vec<Brand>),
}

/// What a session is told to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The number of brands to work on in parallel.
    pub(crate) jobs: usize,
    pub(crate) interviewed: Interviewed,
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
    interviewed: &'a Interviewed,
    summary: Summary,
    /// What sessions have seen, including this one.
    seen: Seen,
    decisions: Vec<Decision>,
    date: String,
    /// The tickets whose question was left for later.
    unanswered: BTreeSet<TicketId>,
    /// All questions of agents were left for later.
    has_left_questions: bool,
}

/// Answers to the interview that were given beforehand, by brand.
pub(crate) type Given = BTreeMap<Brand, Answers>;

/// Decides which phases to run, without running them; with what would be told of the answers that were given beforehand.
///
/// # Errors
/// If a repository cannot be read.
pub(crate) fn foresee(
    workspace: &Workspace,
    plan: &Plan,
    given: Option<&Given>,
) -> Result<(Vec<Decision>, Vec<SessionEvent>), SessionError> {
    let hub = workspace.open(workspace.hub()?)?;
    let log = Log::open(&hub)?;
    let present = present(workspace, &hub)?;
    let decisions = decide_as(workspace, plan, &log.seen, &present);
    let decision = &decisions[Phase::Interview.number()];
    let unused = given.map(|given| interview::find_unused(given, &plan.interviewed, decision, &log, &present.date));
    Ok((decisions, unused.unwrap_or_default()))
}

fn decide_as(workspace: &Workspace, plan: &Plan, seen: &Seen, present: &Present) -> Vec<Decision> {
    let mut decisions = decide(seen, present);
    let interview = &mut decisions[Phase::Interview.number()];
    let (runs, why, brands) = match &plan.interviewed {
        Interviewed::NoBrand => (false, "turned off for this session".to_owned(), Vec::new()),
        Interviewed::Only(brands) => (true, "asked for".to_owned(), brands.clone()),
        Interviewed::WithReason if workspace.registry.questions == 0 => {
            (false, "the registry says `questions = 0`".to_owned(), Vec::new())
        }
        Interviewed::WithReason | Interviewed::Answered => return decisions,
    };
    *interview = Decision { phase: Phase::Interview, runs, why, brands };
    decisions
}

/// Runs a session.
///
/// # Errors
/// When another session runs, somebody interrupts, or git fails; the next session goes on from there.
pub(crate) fn run<'a>(at: Workplace<'a>, desk: &'a dyn Desk, plan: &'a Plan) -> Result<Summary, SessionError> {
    let Workplace { workspace, env, stop, .. } = at;
    let hub = workspace.open(workspace.hub()?)?;
    let _lock = lock(&hub)?;
    let log = Log::open(&hub)?;
    let present = present(workspace, &hub)?;
    let seen = log.seen.clone();
    let decisions = decide_as(workspace, plan, &seen, &present);
    let summary = Summary {
        version: crate::core::json::VERSION,
        session: None,
        phases: decisions.clone(),
        drafted: 0,
        approved: 0,
        rejected: 0,
        answered: 0,
        grade: seen.doctor.as_ref().map(|doctor| doctor.0),
        tickets: Vec::new(),
        brief: String::new(),
    };
    let mut session = Session {
        at,
        workspace,
        env,
        desk,
        hub,
        log,
        jobs: plan.jobs,
        interviewed: &plan.interviewed,
        summary,
        seen,
        decisions,
        date: present.date,
        unanswered: BTreeSet::new(),
        has_left_questions: false,
    };
    stop.heed_interrupts();
    session.run_phases()?;
    Ok(session.summary)
}

impl<'a> Session<'a> {
    fn run_phases(&mut self) -> Result<(), SessionError> {
        for phase in Phase::ALL {
            let decision = self.decisions[phase.number()].clone();
            self.or_stopped(*phase, |session| {
                session.tell(SessionEvent::Phase(decision.clone()));
                if *phase == Phase::Interview {
                    session.tell_unused();
                }
                if decision.runs { session.run_phase(*phase) } else { Ok(()) }
            })?;
            self.tell(SessionEvent::PhaseEnded(*phase));
        }
        self.or_stopped(Phase::Close, Self::close)
    }

    /// Does a part of a session, unless somebody interrupts before or meanwhile.
    fn or_stopped(&mut self, phase: Phase, act: impl FnOnce(&mut Self) -> Result<(), SessionError>) -> Result<(), SessionError> {
        let is_interrupted = |session: &Self| session.at.stop.is_interrupted();
        let done = if is_interrupted(self) { Err(SessionError::Interrupted) } else { act(self) };
        match done {
            // A terminal interrupts what git is doing just now as well; that is not what went wrong.
            Err(error) if is_interrupted(self) || matches!(error, SessionError::Interrupted) => {
                let answers = self.log.answers.values().map(Answers::count).sum::<usize>() + self.summary.answered;
                let decided = self.summary.approved + self.summary.rejected;
                Err(SessionError::Stopped(Kept { phase, answers, drafted: self.summary.drafted, decided }))
            }
            done => done,
        }
    }

    /// Tells what went wrong in a part that the rest does not need, unless it went wrong because somebody interrupts.
    fn tell_trouble(&self, error: &SessionError) -> Result<(), SessionError> {
        if self.at.stop.is_interrupted() {
            return Err(SessionError::Interrupted);
        }
        self.tell(SessionEvent::Trouble(Trouble::of(error)));
        Ok(())
    }

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
    let mut stuck = BTreeSet::new();
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
            let rows = ledger.rows()?.tickets;
            let is_stuck = |row: &Row| matches!(row.ticket.state, State::Blocked | State::AwaitingInput);
            stuck.extend(rows.iter().any(is_stuck).then(|| entry.brand.clone()));
        }
    }
    Ok(Present { date: hub.identity()?.time.date(), repos, stuck, health: hub.blob_id(health.as_bytes()).to_string() })
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
