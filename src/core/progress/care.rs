//! What is put in order while git-os works, or found out of it.

use camino::Utf8PathBuf;
use serde::Serialize;

use super::Trouble;
use crate::core::event::named;
use crate::core::id::{ObjectId, RunId, TicketId};
use crate::core::outcome::Outcome;
use crate::core::prospect::Never;
use crate::core::time::Timestamp;

/// What is put in order, or found out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CareEvent {
    NotInitialised,
    LockRemoved {
        path: Utf8PathBuf,
    },
    HooksRestored,
    HooksMissing {
        why: String,
    },
    LandedBefore(TicketId),
    Quarantined {
        ref_name: String,
        reason: String,
    },
    LeaseExpired(TicketId),
    /// It is tried again.
    LeaseNotRenewed {
        trouble: Trouble,
    },
    /// Its lease was over, and it was taken away.
    ClaimLost {
        by: Option<RunId>,
    },
    GivenBack(TicketId),
    /// The next session of this clone goes on with it; others can take it after this time, if there are others.
    StaysHeld {
        ticket: TicketId,
        until: Option<Timestamp>,
    },
    /// Nobody is started with it before this time.
    AgentRests {
        agent: String,
        outcome: Outcome,
        why: String,
        until: Timestamp,
    },
    Archived {
        count: usize,
    },
    WorktreeSaved {
        ticket: TicketId,
        ref_name: String,
    },
    WorktreeRemoved(TicketId),
    WorktreeStays {
        ticket: TicketId,
        trouble: Trouble,
    },
    /// Commits came to a protected branch since an agent or the checks of a ticket began, and no ticket landed them.
    Strayed {
        repo: String,
        branch: String,
        agent: String,
        count: usize,
        newest: ObjectId,
        subject: String,
    },
    WorktreeLost {
        path: Utf8PathBuf,
    },
    Idle {
        ready: usize,
        because: Idle,
    },
    /// Nobody is sent to so many ready tickets.
    AgentCannotStart {
        ready: usize,
        agent: String,
        why: String,
    },
    /// Nobody is sent to so many ready tickets for now.
    BudgetUsedUp {
        ready: usize,
        why: String,
    },
    /// Settings of git that worktrees share changed while an agent worked.
    SettingsChanged {
        keys: Vec<String>,
    },
    /// A ready ticket waits for one that will not land.
    WaitsInVain {
        ticket: TicketId,
        dependency: TicketId,
        why: Never,
    },
}

named! {
    /// Why nobody takes the ready tickets of a repository.
    Idle, "reason to be idle", {
        NoAgent = "no-agent", Unborn = "unborn", Agent = "agent-rests",
    }
}
