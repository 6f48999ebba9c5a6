//! Why an operation did nothing: every reason has a stable code, and where there is one, a command that helps.

use std::fmt;

use camino::Utf8PathBuf;

use crate::core::event::{EventKind, State};
use crate::core::fsm::{Refusal, rule_of};
use crate::core::holding::Holding;
use crate::core::id::{Brand, InvalidId, ObjectId, TicketId};
use crate::core::progress::Hold;
use crate::core::prospect::route;
use crate::core::text::{TooLong, comma};
use crate::core::time::Timestamp;
use crate::dispatch::DispatchError;
use crate::git::GitError;
use crate::hook::install::InstallError;
use crate::ledger::LedgerError;
use crate::workspace::WorkspaceError;

/// What helps where the registry is not where a repository says.
pub(crate) const FIND_REGISTRY: &str = "git os init   # run it where registry.toml is";

/// Who holds a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) holding: Holding,
    /// The end of its lease.
    pub(crate) until: Option<Timestamp>,
}

/// The end of a refusal.
fn held_by(holder: Option<&Holder>) -> String {
    let Some(Holder { holding: Holding { run, person, machine, .. }, until }) = holder else { return String::new() };
    let machine = machine.as_ref().map(|machine| format!(" on {machine}")).unwrap_or_default();
    let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
    format!("; run {run} of {person}{machine} holds it{until}")
}

/// Why an operation did nothing.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum OperationError {
    #[error("{id}: {refusal}{}", held_by(.holder.as_deref()))]
    Refused { id: TicketId, refusal: Refusal, holder: Option<Box<Holder>> },
    #[error("cannot create the ticket: {0}")]
    NotCreated(Refusal),
    #[error("cannot {verb} {id}: {why}")]
    Held { verb: Verb, id: TicketId, why: Hold },
    #[error("cannot {verb} {id}: it is `{state}`, not `{needed}`")]
    WrongState { verb: Verb, id: TicketId, state: State, needed: State },
    #[error("cannot land {id}: it did not pass verification; it is now `{state}`")]
    NotPassed { id: TicketId, state: State },
    #[error("no ticket of this repository is ready")]
    NoneReady,
    #[error("no ticket of this repository is verified")]
    NoneVerified,
    #[error("no run of this clone holds {0}")]
    NoHolder(TicketId),
    #[error("this repository has no registry")]
    NoRegistry,
    #[error("there is no registry at `{0}`, which this repository names")]
    RegistryMissing(Utf8PathBuf),
    #[error("this repository is not in its registry")]
    NotInRegistry,
    #[error("`--repo` needs a registry, and there is none")]
    RepoWithoutRegistry,
    #[error("no repository has the brand `{brand}`; expected one of: {}", comma(.known))]
    NoBrand { brand: String, known: Vec<Brand> },
    #[error("the title must be one line of 1 to 200 bytes; put the rest into the description")]
    TitleTooLong,
    #[error(transparent)]
    TextTooLong(#[from] TooLong),
    #[error("{0} cannot depend on itself")]
    SelfDependency(TicketId),
    #[error("{id} cannot depend on {on}, which waits for it: {}", route(.path))]
    DependencyCycle { id: TicketId, on: TicketId, path: Vec<TicketId> },
    #[error("commit `{0}` not found")]
    NoCommit(String),
    #[error("the protected branch does not exist yet")]
    NoTrunk,
    #[error("cannot submit {}: it is the tip of `{trunk}`, so there is nothing to verify", .head.short(12))]
    NothingToSubmit { head: ObjectId, trunk: String },
    #[error("cannot submit {}: it is not based on the tip of `{trunk}`", .head.short(12))]
    NotOnTip { head: ObjectId, trunk: String },
    #[error("cannot revert {0}: its history does not record the base of the work")]
    NoBase(TicketId),
    #[error("cannot revert {of}: {why}; nothing was changed")]
    RevertBlocked { of: TicketId, why: String },
    #[error("cannot revert {0}: the protected branch has nothing of its work")]
    NothingToRevert(TicketId),
    #[error("the learning is empty")]
    LearningEmpty,
    #[error("this clone has already recorded this learning")]
    LearningKnown,
    #[error("no shared remote is configured")]
    NoSharedRemote,
    #[error("remote `{0}` not found")]
    NoRemote(String),
    #[error("a session or worker is at work in `{0}`")]
    AtWork(Utf8PathBuf),
    #[error("cannot remove the settings of git-os from the configuration of this repository")]
    SettingsStay,
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error(transparent)]
    InvalidValue(#[from] InvalidId),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// What somebody wanted to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Verify,
    Land,
    Revert,
}

impl fmt::Display for Verb {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Verify => "verify",
            Self::Land => "land",
            Self::Revert => "revert",
        })
    }
}

impl OperationError {
    /// The code that scripts hold on to, of an error that began here; it never changes.
    #[must_use]
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Refused { refusal, .. } | Self::NotCreated(refusal) => refusal.code(),
            Self::Held { why, .. } => why.code(),
            own => own.into(),
        }
    }

    /// A command that helps.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused { refusal: Refusal::DependencyOpen(open), .. } => format!("git os show {open}"),
            Self::Refused { id, refusal: Refusal::DependencyNever { .. }, .. } => {
                format!("git os edit {id} --depends TICKET   # replaces its dependencies; \"\" removes them")
            }
            Self::RevertBlocked { of, .. } => format!("git os new \"Revert {of}\"   # and resolve the conflicts in its work"),
            Self::Held { why: Hold::Grade { .. }, .. } => "git os doctor".to_owned(),
            Self::Refused { id, refusal: Refusal::WrongState { event: EventKind::Reject, state }, .. }
                if rule_of(EventKind::Cancel).allows(*state) =>
            {
                format!("git os cancel {id} --reason TEXT   # only drafts are rejected")
            }
            Self::Refused { id, refusal: Refusal::LeaseHolds(_), .. } => {
                format!("git os release {id}   # gives it back although the lease has not expired")
            }
            Self::Refused { id, .. } | Self::Held { id, .. } | Self::WrongState { id, .. } => format!("git os show {id}"),
            Self::NoHolder(id) => format!("the same command with `--run RUN`; `git os show {id}` names the run"),
            Self::NotPassed { id, .. } | Self::NoBase(id) | Self::NothingToRevert(id) => format!("git os log {id}"),
            Self::NoneReady | Self::NoneVerified => "git os list".to_owned(),
            Self::RegistryMissing(_) => FIND_REGISTRY.to_owned(),
            Self::NoRegistry | Self::RepoWithoutRegistry => "git os init".to_owned(),
            Self::NotInRegistry => "git config git-os.registry   # the registry that this repository uses".to_owned(),
            Self::NotOnTip { trunk, .. } => format!("git rebase {trunk}"),
            Self::NothingToSubmit { .. } => "git os submit TICKET --head COMMIT".to_owned(),
            Self::NoSharedRemote => "git os sync REMOTE".to_owned(),
            Self::NoRemote(_) => "git remote -v".to_owned(),
            Self::AtWork(_) => "git os list   # what is being worked on".to_owned(),
            Self::SettingsStay => "git config --local --get-regexp '^git-os\\.'".to_owned(),
            Self::LearningKnown => "git os learn   # list the learnings".to_owned(),
            Self::NotCreated(_)
            | Self::NoBrand { .. }
            | Self::TitleTooLong
            | Self::TextTooLong(_)
            | Self::DependencyCycle { .. }
            | Self::SelfDependency(_)
            | Self::NoCommit(_)
            | Self::NoTrunk
            | Self::LearningEmpty
            | Self::InvalidValue(_)
            | Self::Ledger(_)
            | Self::Workspace(_)
            | Self::Dispatch(_)
            | Self::Install(_)
            | Self::Git(_) => return None,
        })
    }
}
