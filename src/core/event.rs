//! What can happen to a ticket: states, roles, events and the data of each event.

use super::id::{Nonce, ObjectId, RunId, StepId};
use super::ticket::Content;
use super::time::Timestamp;

/// Defines an enum whose variants each have exactly one written form.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize)]
        pub(crate) enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// All variants, in declaration order.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The written form.
            #[must_use]
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Reads the written form.
            #[must_use]
            pub(crate) fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                out.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::parse(text).ok_or_else(|| {
                    let all: Vec<_> = Self::ALL.iter().map(|one| one.as_str()).collect();
                    format!(concat!("not a ", $what, "; expected one of: {}"), all.join(", "))
                })
            }
        }
    };
}
pub(crate) use named;

named! {
    /// The state of a ticket.
    State, "state", {
        Draft = "draft", Ready = "ready", Claimed = "claimed", Running = "running", AwaitingInput = "awaiting-input",
        Verifying = "verifying", Verified = "verified", Blocked = "blocked",
        Merged = "merged", Rejected = "rejected", Canceled = "canceled",
    }
}

impl State {
    /// Whether only comments and conflicts can follow.
    #[must_use]
    pub(crate) fn is_terminal(self) -> bool {
        matches!(self, Self::Merged | Self::Rejected | Self::Canceled)
    }

    /// Whether a run holds a ticket in this state.
    #[must_use]
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Self::Claimed | Self::Running | Self::AwaitingInput | Self::Verifying | Self::Verified)
    }
}

named! {
    /// The capacity in which someone acts.
    Role, "role", {
        Operator = "operator", Planner = "planner", Executor = "ticket-executor", Reviewer = "reviewer", Verifier = "verifier",
        Scout = "scout", Distiller = "distiller", Librarian = "librarian", OperatorGlobal = "operator-global", Gate = "gate", Sync = "sync",
    }
}

named! {
    /// The kinds of events.
    EventKind, "event", {
        Create = "create", Edit = "edit", Approve = "approve", Reject = "reject", Claim = "claim", Start = "start", Renew = "renew",
        Step = "step", Ask = "ask", Answer = "answer", Submit = "submit", Pass = "pass", Fail = "fail", Stale = "stale", Merge = "merge",
        Block = "block", Unblock = "unblock", Release = "release", Expire = "expire", Cancel = "cancel", Comment = "comment", Conflict = "conflict",
    }
}

named! {
    /// The state of a plan step.
    StepState, "step state", { Running = "running", Done = "done", Failed = "failed", Waiting = "waiting" }
}

/// What an event does, with the data it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Creates a ticket in the repository whose policy chain has this root.
    Create {
        content: Content,
        repo: ObjectId,
    },
    /// Replaces the content of the ticket.
    Edit {
        content: Content,
    },
    Approve,
    Reject,
    /// Claims the ticket for a run, until the lease expires.
    Claim {
        run: RunId,
        lease: Timestamp,
    },
    /// Starts the attempt with this number.
    Start {
        attempt: u32,
    },
    Renew {
        lease: Timestamp,
    },
    Step {
        step: StepId,
        state: StepState,
    },
    Ask,
    Answer,
    /// Submits `head`, which is based on the protected branch's tip `base`.
    Submit {
        head: ObjectId,
        base: ObjectId,
    },
    Pass,
    /// Fails the work: back to `running`, or to `blocked` if all attempts are used up.
    Fail {
        then: State,
    },
    Stale {
        head: ObjectId,
        base: ObjectId,
    },
    /// Says that the head is in a protected branch; or, where the branch was rebased, which commit is now a copy of it.
    Merge {
        copy: Option<ObjectId>,
    },
    Block,
    Unblock,
    Release,
    Expire,
    Cancel,
    Comment,
    Conflict,
}

impl Action {
    /// Which event this is.
    #[must_use]
    pub(crate) fn kind(&self) -> EventKind {
        match self {
            Self::Create { .. } => EventKind::Create,
            Self::Edit { .. } => EventKind::Edit,
            Self::Approve => EventKind::Approve,
            Self::Reject => EventKind::Reject,
            Self::Claim { .. } => EventKind::Claim,
            Self::Start { .. } => EventKind::Start,
            Self::Renew { .. } => EventKind::Renew,
            Self::Step { .. } => EventKind::Step,
            Self::Ask => EventKind::Ask,
            Self::Answer => EventKind::Answer,
            Self::Submit { .. } => EventKind::Submit,
            Self::Pass => EventKind::Pass,
            Self::Fail { .. } => EventKind::Fail,
            Self::Stale { .. } => EventKind::Stale,
            Self::Merge { .. } => EventKind::Merge,
            Self::Block => EventKind::Block,
            Self::Unblock => EventKind::Unblock,
            Self::Release => EventKind::Release,
            Self::Expire => EventKind::Expire,
            Self::Cancel => EventKind::Cancel,
            Self::Comment => EventKind::Comment,
            Self::Conflict => EventKind::Conflict,
        }
    }
}

/// One event: what is done, by whom, and the text that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) action: Action,
    pub(crate) actor: Role,
    /// The program and model that acted, such as `claude/claude-opus`.
    pub(crate) agent: Option<String>,
    /// The run that acts, if a run acts.
    pub(crate) by: Option<RunId>,
    pub(crate) nonce: Nonce,
    /// Free text: a reason, a question or an answer; already in storable form (`text::body`).
    pub(crate) text: String,
}
