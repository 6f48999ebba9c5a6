//! What happens while git-os works, as typed events: terminal, log, `--json` and kill-points listen to one stream.
//!
//! How an event reads is in [`words`]; whoever listens decides where it goes.

mod care;
mod fate;
mod words;

use camino::Utf8PathBuf;
use serde::Serialize;

pub(crate) use care::{CareEvent, Idle};
pub(crate) use fate::{Fate, FateKind, Hold, Trouble};

use super::event::{State, named};
use super::freshness::Decision;
use super::id::{Brand, ObjectId, RepoName, SessionId, StepId, TicketId};
use super::interview::Unused;
use super::outcome::Outcome;
use super::proof::Mixture;
use super::session::Phase;
use super::usage::Usage;
use super::verdict::{Grade, Judgement};

/// Whoever is told what happens. Lanes tell at once, so it may be called from several threads.
pub(crate) trait Listener: Sync {
    /// Something happened.
    fn hear(&self, event: &Event);
}

/// Hears nothing.
pub(crate) struct Nobody;

impl Listener for Nobody {
    fn hear(&self, _event: &Event) {}
}

/// Several who listen, in their order.
pub(crate) struct All<'a>(pub(crate) &'a [&'a dyn Listener]);

impl Listener for All<'_> {
    fn hear(&self, event: &Event) {
        for listener in self.0 {
            listener.hear(event);
        }
    }
}

/// One thing that happened, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Event {
    /// In a session, for the whole workspace.
    Session(SessionEvent),
    /// What a session looks at just now; only who watches is told.
    Busy(Busy),
    /// In a worker, for all that it works on.
    Worker(WorkerEvent),
    /// The lane of a brand took a ticket, or is free again.
    Lane {
        brand: Brand,
        ticket: Option<TicketId>,
        /// The ticket that is not worked on any more.
        #[serde(skip_serializing_if = "Option::is_none")]
        left: Option<TicketId>,
    },
    /// In one repository, and while work is done on one ticket if it is named.
    Work { repo: RepoName, brand: Brand, ticket: Option<TicketId>, what: What },
}

impl Event {
    /// The name by which a test asks to be killed right after this event.
    #[must_use]
    pub(crate) fn kill_point(&self) -> Option<&'static str> {
        match self {
            Self::Session(SessionEvent::PhaseEnded(phase)) => Some(phase.as_str()),
            Self::Session(SessionEvent::Reached(stage)) | Self::Work { what: What::Reached(stage), .. } => Some(stage.as_str()),
            Self::Session(_) | Self::Busy(_) | Self::Worker(_) | Self::Lane { .. } | Self::Work { .. } => None,
        }
    }
}

named! {
    /// A point of the way from a draft to landed work after which all that was done is kept.
    Stage, "stage", {
        Drafted = "drafted", Claimed = "claimed", Prepared = "prepared", Started = "started", Briefed = "briefed",
        Worked = "worked", Begun = "begun", Made = "made", Checkpoint = "checkpoint", Done = "done", Submitted = "submitted", Checked = "checked", Judged = "judged", Verdict = "verdict", Noted = "noted",
        Rebased = "rebased", Restacked = "restacked", Landing = "landing", Pushed = "pushed", Moved = "moved", Merged = "merged",
        Finished = "finished", Learned = "learned", Answered = "answered",
    }
}

/// How far something is that goes through repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Busy {
    Begun {
        repos: usize,
    },
    At {
        repo: RepoName,
        check: Option<String>,
    },
    /// One repository is done.
    Done,
}

/// What a worker does beyond its repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WorkerEvent {
    /// No ticket is ready, and it waits for one.
    Waiting,
    /// The registry is another one than in its last round.
    RegistryChanged,
}

/// What happens in a session beyond its repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SessionEvent {
    /// A phase begins or is skipped.
    Phase(Decision),
    PhaseEnded(Phase),
    Reached(Stage),
    Graded(Grade),
    /// A check of the doctor fails.
    DoctorFailed {
        number: usize,
        name: String,
        reason: String,
        remedy: String,
    },
    /// The latest session is of somebody else, who has not finished it.
    OtherSession(SessionId, String),
    /// How many tickets are open, by state.
    Outstanding(Vec<(State, usize)>),
    /// So many open tickets are in a repository that is no longer in the registry.
    LeftOut(RepoName, usize),
    /// So many blocked tickets are as an earlier session listed them.
    StillBlocked {
        count: usize,
    },
    /// What a brand waits for, as a person said on a day.
    WaitsFor {
        brand: Brand,
        date: String,
        words: String,
    },
    /// The brief, as a page.
    Brief(String),
    NobodyAnswered,
    /// What was answered beforehand about a brand is not used.
    AnswersUnused {
        brand: Brand,
        why: Unused,
    },
    Approved {
        count: usize,
    },
    /// How many lines the day's page got.
    Distilled {
        lines: usize,
        date: String,
    },
    /// Something was to be drafted for a repository that is not in the registry.
    UnknownRepo {
        repo: String,
        title: String,
    },
    Trouble(Trouble),
}

/// What happens in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    Reached(Stage),
    /// Something that takes a while begins.
    Begun(Activity),
    /// An agent uses a tool.
    Tool(ToolUse),
    /// An agent asked whether it may use a tool, and may not.
    Denied(ToolUse),
    Usage(Usage),
    /// So many bytes of what an agent or a check printed were not kept.
    Cut {
        who: String,
        bytes: u64,
    },
    Check(CheckEvent),
    Verdict {
        judgement: Judgement,
        why: String,
    },
    /// An agent asks the operator.
    Question(String),
    AttemptFailed {
        attempt: u32,
        why: String,
    },
    /// It ended, and that is not the work's fault.
    RunEnded {
        outcome: Outcome,
        why: String,
    },
    /// The same went wrong again, and the next attempt waits for so many seconds.
    AttemptWaits {
        seconds: u64,
    },
    Landing(LandingEvent),
    Remote(RemoteEvent),
    Care(CareEvent),
    Draft(DraftEvent),
    /// What a scout found.
    Scouted {
        commits: usize,
        signals: usize,
    },
    /// A ticket that waits for somebody.
    Stands {
        ticket: TicketId,
        state: State,
        title: String,
        /// Its question, or why it is blocked; may be empty.
        words: String,
    },
    /// Work on a ticket came as far as it gets.
    Ended {
        title: String,
        fate: Fate,
    },
    Trouble(Trouble),
}

/// What takes a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Activity {
    Preparing,
    Working {
        agent: String,
        attempt: u32,
    },
    /// A step of the plan, for the so many-th time.
    Step {
        step: StepId,
        title: String,
        attempt: u32,
    },
    Judging {
        agent: String,
    },
    Planning {
        agent: String,
    },
    Rebasing,
}

/// A tool that an agent uses, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ToolUse {
    pub(crate) name: String,
    /// In one line; may be empty.
    pub(crate) detail: String,
}

/// What happens with a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CheckEvent {
    Begun {
        name: String,
    },
    /// With this exit code, after so many milliseconds.
    Ended {
        name: String,
        exit: i32,
        millis: u64,
    },
    /// On a mixture of base and head.
    Tried {
        name: String,
        mixture: Mixture,
        outcome: TrialOutcome,
        /// Whether it was not run again, since an earlier verdict has it.
        known: bool,
    },
}

/// What a check on a mixture says, and whether it is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TrialOutcome {
    Green,
    Red,
    /// Green, where a fix has to be red.
    GreenInVain,
    /// Red, as a fix has to be.
    RedAsMeant,
}

/// What happens on the way to the protected branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LandingEvent {
    /// Without the remote, which cannot be reached.
    Alone {
        remote: String,
        why: String,
    },
    /// Another ticket goes first.
    LetsFirst(TicketId),
    /// What a worktree had beyond the work was kept.
    Kept {
        path: Utf8PathBuf,
        ref_name: String,
    },
    /// What is about to be pushed contains commits of the branch that no ticket landed, and that the remote has not seen.
    Publishes {
        branch: String,
        remote: String,
        count: usize,
        newest: ObjectId,
        subject: String,
    },
    /// At the remote, and not here.
    NotHereYet(Hold),
    /// The host of the remote has to do something first.
    WaitsForHost(Hold),
    Landed {
        branch: String,
    },
}

/// What happens between this clone and the shared remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RemoteEvent {
    Away {
        why: String,
    },
    /// It is asked again after so many seconds, if at all.
    AwayUntil {
        remote: String,
        why: String,
        seconds: Option<u64>,
    },
    /// It answers again.
    Back {
        remote: String,
    },
    Apart(Hold),
    Folded {
        refs: usize,
    },
    Ignored {
        ref_name: String,
        why: String,
    },
    NotPushed {
        remote: String,
        why: String,
    },
    Refused {
        remote: String,
        ref_name: String,
        why: String,
    },
}

/// What becomes of signals and wishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DraftEvent {
    Opened { ticket: TicketId, title: String },
    Refused { title: String, refusal: String },
    Pending { title: String },
    Known { ticket: TicketId, title: String },
}
