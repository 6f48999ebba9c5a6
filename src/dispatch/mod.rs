//! From a ready ticket to landed work: one file per stage. Each stage is an event or a ref, so that another process can resume.
//!
//! [`carry`] does what the state in the chain asks for, until the ticket is closed or waits. The same function resumes the
//! work of a killed orchestrator: nothing that it needs is only in memory.

pub(crate) mod alone;
mod beside;
pub(crate) mod brief;
mod budget;
mod changes;
pub(crate) mod collect;
mod complete;
mod converse;
mod counterfactual;
mod effects;
mod ended;
mod judge;
pub(crate) mod keep;
pub(crate) mod land;
mod learn;
mod mark;
mod panel;
mod planned;
pub(crate) mod planner;
pub(crate) mod prepare;
mod pull;
mod reasons;
pub(crate) mod recover;
pub(crate) mod replay;
pub(crate) mod schedule;
mod scratch;
pub(crate) mod settle;
pub(crate) mod steps;
mod take_in;
pub(crate) mod turn;
pub(crate) mod verify;
mod watch;
mod work;
pub(crate) mod worker;

use std::sync::OnceLock;

use self::ended::Loss;
pub(crate) use self::reasons::last_reason;
use self::reasons::{find_answer, find_failure};
use crate::ledger::replay::system_clock;
use crate::local::journal;
use crate::local::output::{self, Printer};
use crate::local::resting::Resting;
use crate::local::runs::RunRecord;
use crate::local::{self, worktrees};
use camino::{Utf8Path, Utf8PathBuf};

use crate::agent::process::ProcessError;
use crate::agent::stop::Stop;
use crate::agent::transcript::Transcript;
use crate::core::event::{Action, Role, State};
use crate::core::fsm::Refusal;
use crate::core::id::{RunId, TicketId};
use crate::core::progress::{Event, Fate, Listener, Nobody, Stage, Trouble, What};
use crate::core::registry::RepoEntry;
use crate::core::ruling::Ruling;
use crate::env::Env;
use crate::git::{GitError, Repo};
use crate::hook;
use crate::ledger::{Draft, Entry, Ledger, LedgerError, new_run};
use crate::workspace::{Workspace, WorkspaceError};

/// An error of the orchestrator itself; errors in the work are recorded in the ticket.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum DispatchError {
    #[error("repository `{0}` has no agent in the registry")]
    NoAgent(String),
    #[error("the protected branch `{0}` does not exist yet")]
    Unborn(String),
    #[error("cannot continue ticket {id}: {refusal}")]
    Refused { id: TicketId, refusal: Refusal },
    /// A run may not begin.
    #[error("{}", .0.hold)]
    NoBudget(Box<budget::Refused>),
    #[error("interrupted")]
    Interrupted,
    #[error("gave up after {tries} attempts to reach the remote `{remote}`: {why}")]
    RemoteAway { remote: String, tries: u32, why: String },
    /// A branch of a name that is the beginning of another's cannot exist beside it.
    #[error("cannot create the branch `{wanted}`: git cannot keep it beside the branch `{there}`; rename `{there}`")]
    BranchInTheWay { wanted: String, there: String },
    #[error("branch `{branch}` is checked out in `{path}`; switch to another branch there")]
    BranchInUse { branch: String, path: Utf8PathBuf },
    #[error("cannot copy what `.worktreeinclude` names into {worktree}")]
    NotIncluded { worktree: Utf8PathBuf, source: GitError },
    #[error("another process replays ticket {0}")]
    BeingReplayed(TicketId),
    #[error("the worktree {0} was removed while it was in use")]
    Vanished(Utf8PathBuf),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// All that work in a workspace needs: who asks to stop, and who is told what happens.
#[derive(Clone, Copy)]
pub(crate) struct Workplace<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) env: &'a Env,
    pub(crate) stop: &'a Stop,
    pub(crate) listener: &'a dyn Listener,
    /// The agents that may not be used for now.
    pub(crate) resting: &'a Resting,
}

impl Workplace<'_> {
    /// The same, where nobody is told anything.
    pub(crate) fn in_silence(self) -> Self {
        Self { listener: &Nobody, ..self }
    }

    /// Tells what happens in a repository.
    pub(crate) fn tell(self, entry: &RepoEntry, what: What) {
        self.listener.hear(&Event::Work { repo: entry.name.clone(), brand: entry.brand.clone(), ticket: None, what });
    }

    /// Tells what went wrong in a repository.
    pub(crate) fn tell_trouble(self, entry: &RepoEntry, error: &DispatchError) {
        self.tell(entry, What::Trouble(Trouble::of(error)));
    }
}

/// Where work is done: one repository of the workspace, and who is told.
pub(crate) struct Site<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) entry: &'a RepoEntry,
    pub(crate) repo: Repo,
    pub(crate) env: &'a Env,
    pub(crate) stop: &'a Stop,
    listener: &'a dyn Listener,
    pub(crate) resting: &'a Resting,
    /// The ticket that is worked on.
    ticket: Option<TicketId>,
    settings: OnceLock<Vec<(String, String)>>,
}

impl<'a> Site<'a> {
    /// Opens a repository of the workspace for work.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(at: Workplace<'a>, entry: &'a RepoEntry) -> Result<Self, DispatchError> {
        let Workplace { workspace, env, stop, listener, resting } = at;
        Ok(Self {
            workspace,
            entry,
            repo: workspace.open(entry)?,
            env,
            stop,
            listener,
            resting,
            ticket: None,
            settings: OnceLock::new(),
        })
    }

    /// The same, for work on this ticket.
    #[must_use]
    pub(crate) fn for_ticket(self, id: &TicketId) -> Self {
        Self { ticket: Some(id.clone()), ..self }
    }

    /// Tells what happens here, and writes it down for those who watch the ticket.
    pub(crate) fn tell(&self, what: What) {
        if let (Some(id), Some(text)) = (&self.ticket, what.note()) {
            let usage = if let What::Usage(usage) = &what { Some(usage.to_string()) } else { None };
            // Nobody may be watching, so work goes on.
            drop(journal::add(&self.repo, id, &journal::Entry::new(system_clock(), &text, usage)));
        }
        let (repo, brand) = (self.entry.name.clone(), self.entry.brand.clone());
        self.listener.hear(&Event::Work { repo, brand, ticket: self.ticket.clone(), what });
    }

    /// The account of an agent, by which it rests.
    pub(crate) fn account<'b>(&'b self, agent: &'b str) -> &'b str {
        self.workspace.registry.account(agent)
    }

    /// Tells that all up to this stage is done and kept.
    pub(crate) fn reached(&self, stage: Stage) {
        self.tell(What::Reached(stage));
    }

    /// Tells how much of what somebody printed is not kept, if any.
    fn tell_cut(&self, who: &str, transcript: &Transcript) {
        let bytes = transcript.cut();
        if bytes > 0 {
            self.tell(What::Cut { who: who.to_owned(), bytes });
        }
    }

    /// Keeps what somebody printed for a ticket. That it cannot be kept is told, and is no reason to stop.
    fn keep(&self, id: &TicketId, run: &RunId, printer: Printer, transcript: &Transcript) {
        if let Err(error) = output::keep(&self.repo, id, run, printer, &transcript.bytes()) {
            self.tell(What::Trouble(Trouble::of(&error)));
        }
    }

    /// Opens the ledger of the repository.
    ///
    /// # Errors
    /// If git-os is not set up in it.
    pub(crate) fn ledger(&self) -> Result<Ledger<'_>, LedgerError> {
        Ledger::open(&self.repo)
    }

    /// The path of a ticket's worktree.
    #[must_use]
    pub(crate) fn worktree(&self, id: &TicketId) -> Utf8PathBuf {
        worktrees::of_ticket(&self.repo, id)
    }

    /// The settings by which the git of an agent or a check pushes from no repository of the workspace.
    ///
    /// # Errors
    /// If the hooks that refuse cannot be written in this repository.
    pub(crate) fn settings_for_runs(&self) -> Result<Vec<(String, String)>, DispatchError> {
        if let Some(known) = self.settings.get() {
            return Ok(known.clone());
        }
        let mut settings = hook::install::run::put(&self.repo)?;
        for entry in self.workspace.registry.repos.iter().filter(|entry| entry.name != self.entry.name) {
            // One that is not there has nothing to push.
            let Ok(repo) = self.workspace.open(entry) else { continue };
            match hook::install::run::put(&repo) {
                Ok(more) => settings.extend(more),
                Err(error) => self.tell(What::Trouble(Trouble::of(&error))),
            }
        }
        // They are the same for the agent of a ticket, its checks and its judge.
        Ok(self.settings.get_or_init(|| settings).clone())
    }

    /// The folder of the registry.
    #[must_use]
    pub(crate) fn registry_dir(&self) -> Utf8PathBuf {
        let root = self.workspace.root();
        root.canonicalize_utf8().unwrap_or_else(|_| root.to_owned())
    }
}

/// Claims a ready ticket for a new run. `None` when somebody was faster or something it depends on is open.
///
/// # Errors
/// If the ledger cannot be written.
pub(crate) fn claim(site: &Site<'_>, id: &TicketId) -> Result<Option<RunRecord>, DispatchError> {
    let ledger = site.ledger()?;
    let Some(entry) = ledger.find(id)? else { return Ok(None) };
    // Without a commit on the trunk there is nothing to base the work on.
    if ledger.find_trunk_tip()?.is_none() {
        return Ok(None);
    }
    let run = new_run()?;
    // Write the record first: a claim without a record looks like another machine's.
    let record = RunRecord::create(&site.repo, id, &run)?;
    let lease = site.repo.identity()?.time.plus(site.entry.lease);
    let draft = Draft::new(Action::Claim { run: run.clone(), lease }, Role::Executor).by(&run).agent(agent_name(site.entry)?);
    let draft = draft.saying(&local::machine::words(&site.repo));
    match settle::claim(&ledger, Some(site.workspace), &entry, &draft)? {
        Ruling::Granted(_) => {
            site.reached(Stage::Claimed);
            Ok(Some(record))
        }
        Ruling::Denied(_) => {
            record.remove()?;
            Ok(None)
        }
    }
}

fn agent_name(entry: &RepoEntry) -> Result<&str, DispatchError> {
    entry.agent.as_deref().ok_or_else(|| DispatchError::NoAgent(entry.name.to_string()))
}

/// Takes a ticket that this run holds as far as possible.
///
/// # Errors
/// If the orchestrator itself fails; the ticket then stays unchanged for the next session.
pub(crate) fn carry(site: &Site<'_>, id: &TicketId, record: &mut RunRecord) -> Result<Fate, DispatchError> {
    let run = record.run().clone();
    // A run that goes on after a while may have lost its ticket. Where nobody can be asked, the work goes on, and lands nowhere.
    if matches!(keep::renew(site, id, &run), Ok(keep::Kept::Lost)) {
        keep::lost(site, id, record)?;
        return Ok(Fate::Gone);
    }
    let (done, is_lost) = keep::while_alive(site, id, &run, |site| go_on(site, id, record));
    match done {
        Ok(fate @ (Fate::Landed | Fate::Blocked(_))) => Ok(fate),
        _ if is_lost || keep::is_lost(site, id, &run).unwrap_or(false) => keep::lost(site, id, record).map(|()| Fate::Gone),
        Ok(Fate::Held(hold)) => {
            keep::park(site, id, &run)?;
            Ok(Fate::Held(hold))
        }
        done => done,
    }
}

/// As [`carry`], while somebody else renews the lease.
fn go_on(site: &Site<'_>, id: &TicketId, record: &mut RunRecord) -> Result<Fate, DispatchError> {
    let run = record.run().clone();
    let mut tries = settle::Tries::default();
    loop {
        let ledger = site.ledger()?;
        let Some(entry) = ledger.find(id)? else { return Ok(Fate::Gone) };
        let is_ours = entry.ticket.run.as_ref() == Some(&run);
        match entry.ticket.state {
            State::Merged if is_ours => {
                land::finish(site, &ledger, &entry)?;
                return Ok(Fate::Landed);
            }
            State::Blocked => return Ok(Fate::Blocked(last_reason(&ledger, &entry)?)),
            State::AwaitingInput if is_ours => return Ok(Fate::Waiting(last_reason(&ledger, &entry)?)),
            State::Claimed if is_ours => match begin(site, &ledger, &entry, record) {
                // Nothing was worked on yet, and the same would happen again: it is for a person to mend.
                Err(error) if is_for_a_person(&error) => {
                    let why = Trouble::of(&error).to_string();
                    write(&ledger, id, &Draft::new(Action::Block, Role::Executor).by(&run).saying(&why))?;
                }
                done => done?,
            },
            State::Running if is_ours => match work::run(site, &ledger, &entry, record) {
                Err(error) if is_for_a_person(&error) => {
                    ended::give_back(site, &ledger, &entry, &run, &Loss::of_work(Trouble::of(&error).to_string()))?;
                }
                Err(DispatchError::NoBudget(refused)) => return budget::give_back(site, &ledger, &entry, &run, *refused),
                done => done?,
            },
            State::Verifying if is_ours => {
                if let Ruling::Denied(hold) = settle::verify(site, &ledger, &entry)? {
                    return Ok(Fate::Held(hold));
                }
            }
            State::Verified if is_ours => {
                if let Ruling::Denied(hold) = settle::land(site, &ledger, &entry, &mut tries)? {
                    return Ok(Fate::Held(hold));
                }
            }
            State::Draft
            | State::Ready
            | State::Merged
            | State::Rejected
            | State::Canceled
            | State::Claimed
            | State::Running
            | State::AwaitingInput
            | State::Verifying
            | State::Verified => return Ok(Fate::Gone),
        }
    }
}

/// Prepares the work on a ticket, unless too many have died with it.
fn begin(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<(), DispatchError> {
    match ended::find_hopeless(ledger, entry)? {
        Some(why) => write(ledger, &entry.id, &Draft::new(Action::Block, Role::Executor).by(record.run()).saying(&why)).map(drop),
        None => prepare::run(site, ledger, entry, record),
    }
}

/// Copies the ignored files that the work in a worktree needs.
///
/// # Errors
/// If one of them cannot be copied.
pub(crate) fn include(repo: &Repo, worktree: &Utf8Path) -> Result<(), DispatchError> {
    let fail = |source| DispatchError::NotIncluded { worktree: worktree.to_owned(), source };
    local::include::copy(repo, worktree).map_err(fail)
}

/// Whether git refused something, and would again: the ticket says so, and does not wait in the hands of a run for a day on which it
/// goes well.
fn is_for_a_person(error: &DispatchError) -> bool {
    match error {
        DispatchError::BranchInTheWay { .. } | DispatchError::BranchInUse { .. } | DispatchError::NotIncluded { .. } => true,
        DispatchError::Git(error) | DispatchError::Ledger(LedgerError::Git(error)) => error.is_refusal(),
        _ => false,
    }
}

/// Writes an event that must be valid at this point.
///
/// # Errors
/// If it is not valid.
pub(crate) fn write(ledger: &Ledger<'_>, id: &TicketId, draft: &Draft) -> Result<Entry, DispatchError> {
    match ledger.submit(id, draft)? {
        Ruling::Granted(entry) => Ok(*entry),
        Ruling::Denied(refusal) => Err(DispatchError::Refused { id: id.clone(), refusal }),
    }
}
