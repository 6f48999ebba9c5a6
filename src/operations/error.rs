//! Why an operation did nothing: every reason has a stable code, and where there is one, a command that helps.

use std::fmt;

use camino::Utf8PathBuf;

use super::plan::PlanError;
use crate::core::criteria::TooMuch;
use crate::core::event::{EventKind, State};
use crate::core::fsm::Refusal;
use crate::core::holding::Holding;
use crate::core::id::{Brand, InvalidId, ObjectId, RepoName, TicketId};
use crate::core::outcome::Outcome;
use crate::core::progress::Hold;
use crate::core::prospect::route;
use crate::core::text::{TooLong, comma, escape, plural, shell};
use crate::core::time::Timestamp;
use crate::dispatch::DispatchError;
use crate::git::GitError;
use crate::git::failure::Failure;
use crate::hook::install::InstallError;
use crate::ledger::LedgerError;
use crate::workspace::{ENLIST, WorkspaceError};

/// What helps where the registry is not where a repository says.
pub(crate) const FIND_REGISTRY: &str = "git os init   # run it where registry.toml is";

/// Who holds a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) holding: Holding,
    /// The end of its lease.
    pub(crate) until: Option<Timestamp>,
}

/// A check that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedCheck {
    pub(crate) name: String,
    pub(crate) exit: i32,
    /// The blob with what it printed, and the last lines of that.
    pub(crate) output: ObjectId,
    pub(crate) last_words: String,
}

impl fmt::Display for FailedCheck {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "check `{}` exited with {}", self.name, self.exit)?;
        self.last_words.lines().try_for_each(|line| write!(out, "\n    {line}"))
    }
}

/// The tickets that are meant, as a list.
fn route_of(ids: &[TicketId]) -> String {
    ids.iter().map(TicketId::as_str).collect::<Vec<_>>().join(" and ")
}

/// The first of some files.
fn some(files: &[String]) -> String {
    const SHOWN: usize = 5;
    let named = files.iter().take(SHOWN).map(|file| escape(file)).collect::<Vec<_>>().join(", ");
    if files.len() > SHOWN { format!("{named} and {} more", files.len() - SHOWN) } else { named }
}

/// The command that takes a ticket further.
fn next_step(id: &TicketId, state: State) -> String {
    match state {
        State::Draft => format!("git os approve {id}"),
        State::Ready => format!("git os take {id}   # work on it by hand"),
        State::Claimed => format!("git os take {id}   # if this clone claimed it"),
        State::Running => format!("git os submit {id}   # when its work is committed"),
        State::AwaitingInput => format!("git os answer {id} TEXT"),
        State::Verifying => format!("git os verify {id}   # or judge it yourself with `git os pass {id} --reason TEXT`"),
        State::Verified => format!("git os merge {id}"),
        State::Blocked => format!("git os unblock {id}"),
        State::Merged | State::Rejected | State::Canceled => format!("git os show {id}"),
    }
}

/// The way back from work that is verified.
fn set_aside(id: &TicketId) -> String {
    format!("git os block {id} --reason TEXT   # sets it aside; `git os unblock {id}` makes it ready again")
}

/// What helps whoever wanted an event that a ticket in this state cannot have.
fn instead(id: &TicketId, event: EventKind, state: State) -> String {
    match event {
        EventKind::Reject if !state.is_terminal() => format!("git os cancel {id} --reason TEXT"),
        EventKind::Claim if state.is_held() => format!("git os show {id}"),
        EventKind::Approve if state == State::Blocked => next_step(id, state),
        EventKind::Fail | EventKind::Release if state == State::Verified => set_aside(id),
        EventKind::Submit if state == State::Verifying => {
            format!("git os fail {id} --reason TEXT   # gives it back, to be submitted again")
        }
        EventKind::Claim
        | EventKind::Start
        | EventKind::Submit
        | EventKind::Pass
        | EventKind::Fail
        | EventKind::Release
        | EventKind::Expire => next_step(id, state),
        EventKind::Create
        | EventKind::Approve
        | EventKind::Edit
        | EventKind::Reject
        | EventKind::Renew
        | EventKind::Step
        | EventKind::Ask
        | EventKind::Answer
        | EventKind::Stale
        | EventKind::Merge
        | EventKind::Block
        | EventKind::Unblock
        | EventKind::Cancel
        | EventKind::Comment
        | EventKind::Conflict => format!("git os show {id}"),
    }
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
    #[error("this clone does not hold {0}")]
    NoHolder(TicketId),
    #[error("this clone holds no {}", if matches!(.0, Verb::Pass | Verb::Verify) { "submitted ticket" } else { "ticket by hand" })]
    NoneHeld(Verb),
    #[error("this clone holds more than one ticket: {}", route_of(.ids))]
    SeveralHeld { verb: Verb, ids: Vec<TicketId> },
    #[error("this clone did not take {0} by hand")]
    NotByHand(TicketId),
    #[error("this repository has no registry")]
    NoRegistry,
    #[error("there is no registry at `{0}`, which this repository names")]
    RegistryMissing(Utf8PathBuf),
    #[error("the registry `{0}` is not in use")]
    RegistryUnused(Utf8PathBuf),
    #[error("the registry `{0}` does not have this repository")]
    NotInRegistry(Utf8PathBuf),
    #[error("`--repo` needs a registry, and there is none")]
    RepoWithoutRegistry,
    #[error("no repository has the brand `{brand}`; expected one of: {}", comma(.known))]
    NoBrand { brand: String, known: Vec<Brand> },
    #[error("the title must be one line of 1 to 200 bytes; put the rest into the description")]
    TitleTooLong,
    #[error(transparent)]
    TextTooLong(#[from] TooLong),
    #[error(transparent)]
    ManyCriteria(#[from] TooMuch),
    #[error(transparent)]
    Plan(Box<PlanError>),
    #[error("{0} cannot depend on itself")]
    SelfDependency(TicketId),
    #[error("{id} cannot depend on {on}, which waits for it: {}", route(.path))]
    DependencyCycle { id: TicketId, on: TicketId, path: Vec<TicketId> },
    #[error("commit `{0}` not found")]
    NoCommit(String),
    #[error("the branch `{branch}` of `{repo}`, on which its tickets land, does not exist yet")]
    NoTrunk {
        branch: String,
        repo: RepoName,
        top: Utf8PathBuf,
        /// Another branch, with commits, is checked out.
        has_other: bool,
    },
    #[error("cannot submit {}: `{trunk}` has it already, so there is nothing to verify", .head.short(12))]
    NothingToSubmit { id: TicketId, head: ObjectId, trunk: String },
    #[error("cannot submit {}: it is not based on the tip of `{trunk}`", .head.short(12))]
    NotOnTip {
        head: ObjectId,
        trunk: String,
        /// Where it is checked out, on the ticket's branch.
        top: Option<Utf8PathBuf>,
    },
    #[error("cannot submit {id}: both its branch, at {}, and the commit checked out here, {}, have work", .tip.short(12), .head.short(12))]
    SeveralHeads { id: TicketId, tip: ObjectId, head: ObjectId },
    #[error("cannot submit {id}: {} in {top} {} not committed: {}", plural(.files.len(), "file", "files"), if .files.len() == 1 { "is" } else { "are" }, some(.files))]
    Uncommitted { id: TicketId, top: Utf8PathBuf, head: ObjectId, files: Vec<String> },
    #[error("{0} is in no checkout of this repository")]
    NoCheckout(Utf8PathBuf),
    #[error("cannot switch {0} to the ticket's branch: it would overwrite uncommitted changes")]
    ChangesInTheWay(Utf8PathBuf),
    #[error("{id} is taken, but git cannot switch to its branch: {why}")]
    NotSwitched { id: TicketId, why: Failure },
    #[error("{id} is not passed: {}", .failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    ChecksFailed { id: TicketId, failed: Vec<FailedCheck> },
    #[error("{id} is not passed: {why}")]
    Unfit { id: TicketId, why: String },
    #[error("cannot land {id}: {why}\nit is now `blocked`")]
    NowBlocked { id: TicketId, why: String },
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
    #[error("the registry has no agent `{}`; expected one of: {}", escape(.agent), comma(.known))]
    NoSuchAgent { agent: String, known: Vec<String> },
    #[error("agent `{}` cannot be used ({outcome}): {why}", escape(.agent))]
    Unusable { agent: String, outcome: Outcome, why: String },
    #[error("{id} has no plan ({outcome}): {why}")]
    Unplanned { id: TicketId, outcome: Outcome, why: String },
    #[error("{0} is being planned, or verified, by another process")]
    BeingPlanned(TicketId),
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
    Submit,
    Verify,
    Pass,
    Drop,
    Land,
    Revert,
    Replay,
    Note,
}

impl fmt::Display for Verb {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Submit => "submit",
            Self::Verify => "verify",
            Self::Pass => "pass",
            Self::Drop => "drop",
            Self::Land => "land",
            Self::Revert => "revert",
            Self::Replay => "replay",
            Self::Note => "comment on",
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
            Self::Plan(error) => error.as_ref().into(),
            Self::Unusable { outcome, .. } | Self::Unplanned { outcome, .. } => outcome.name(),
            own => own.into(),
        }
    }

    /// Commands that help.
    #[must_use]
    pub(crate) fn hints(&self) -> Vec<String> {
        match self {
            Self::Uncommitted { id, top, head, .. } => vec![
                format!("git -C {top} add --all && git -C {top} commit", top = shell(top.as_str())),
                format!("git os submit {id} --head {}   # submit the last commit without them", head.short(12)),
            ],
            Self::SeveralHeads { id, .. } => vec![
                format!("git os submit {id} --head {}   # the ticket's branch", id.branch().trim_start_matches("refs/heads/")),
                format!("git os submit {id} --head HEAD   # what is checked out here"),
            ],
            Self::SeveralHeld { verb, ids } => {
                let reason = if *verb == Verb::Pass { " --reason TEXT" } else { "" };
                ids.iter().map(|id| format!("git os {verb} {id}{reason}")).collect()
            }
            Self::ChecksFailed { id, failed } => {
                let outputs = failed.iter().map(|check| {
                    format!("git cat-file -p {}   # all that `{}` printed", check.output.short(12), escape(&check.name))
                });
                outputs.chain([format!("git os fail {id} --reason TEXT   # back to work")]).collect()
            }
            Self::NowBlocked { id, .. } => {
                vec![format!("git os unblock {id}"), format!("git os take {id}   # then rebase its branch and submit it again")]
            }
            _ => self.one_hint().into_iter().collect(),
        }
    }

    fn one_hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused { id, refusal: Refusal::LeaseHolds(_), .. } => {
                format!("git os release {id}   # if whoever holds it does not work on it any more")
            }
            Self::Refused { id, refusal: Refusal::WrongState { event, state }, .. } => instead(id, *event, *state),
            Self::WrongState { verb: Verb::Revert | Verb::Replay, id, .. } | Self::BeingPlanned(id) => {
                format!("git os show {id}")
            }
            Self::WrongState { verb: Verb::Drop, id, state: State::Verified, .. } => set_aside(id),
            Self::WrongState { id, state, .. } => next_step(id, *state),
            Self::Plan(error) => return error.hint(),
            Self::NoneHeld(Verb::Pass | Verb::Verify) => "git os list --state verifying".to_owned(),
            Self::NoneHeld(_) => "git os ready   # what can be taken".to_owned(),
            Self::NoTrunk { branch, top, has_other: true, .. } => {
                let begin = format!("git -C {} branch {branch}   # begins it at what is checked out", shell(top.as_str()));
                begin + "; or name another branch in `protected` of the registry"
            }
            Self::NoTrunk { top, .. } => {
                format!("git -C {} commit --allow-empty --message Begin   # its first commit", shell(top.as_str()))
            }
            Self::NotByHand(id) => format!("git os release {id}   # makes it ready again, whoever holds it"),
            Self::ChangesInTheWay(_) => "git stash   # or take it without `--here`, in a worktree of its own".to_owned(),
            Self::NotSwitched { id, .. } => format!("git os take {id}   # in a worktree of its own"),
            Self::NoCheckout(_) => "git os take TICKET   # without `--here`, in a worktree of its own".to_owned(),
            Self::Refused { refusal: Refusal::DependencyOpen(open), .. } => format!("git os show {open}"),
            Self::Refused { id, refusal: Refusal::DependencyNever { .. }, .. } => {
                format!("git os edit {id} --depends TICKET   # replaces its dependencies; \"\" removes them")
            }
            Self::RevertBlocked { of, .. } => format!("git os new \"Revert {of}\"   # and resolve the conflicts in its work"),
            Self::Held { why: Hold::Grade { .. }, .. } => "git os doctor".to_owned(),
            Self::Held { why: Hold::InUse { path, .. }, .. } => {
                format!("git -C {} status   # says how to end it", shell(path.as_str()))
            }
            Self::Refused { id, .. } | Self::Held { id, .. } => format!("git os show {id}"),
            Self::NoHolder(id) => format!("git os show {id}   # names the run that does; act as it with `--run`"),
            Self::NotPassed { id, .. } | Self::NoBase(id) | Self::NothingToRevert(id) => format!("git os log {id}"),
            Self::NoneReady | Self::NoneVerified => "git os list".to_owned(),
            Self::RegistryMissing(_) => FIND_REGISTRY.to_owned(),
            Self::NoRegistry | Self::RepoWithoutRegistry | Self::RegistryUnused(_) => "git os init".to_owned(),
            Self::NotInRegistry(_) => ENLIST.to_owned(),
            Self::NotOnTip { trunk, top: Some(top), .. } => format!("git -C {} rebase {trunk}", shell(top.as_str())),
            Self::NotOnTip { trunk, top: None, .. } => format!("git rebase {trunk}"),
            Self::NothingToSubmit { id, .. } => format!("git os take {id}   # says where its work is to be committed"),
            Self::NoSharedRemote => "git os sync REMOTE".to_owned(),
            Self::NoRemote(_) => "git remote -v".to_owned(),
            Self::AtWork(_) => "git os list   # what is being worked on".to_owned(),
            Self::SettingsStay => "git config --local --get-regexp '^git-os\\.'".to_owned(),
            Self::NoSuchAgent { .. } | Self::Unusable { .. } => {
                "git os agents   # which agents there are, and what they lack".to_owned()
            }
            Self::Unplanned { id, .. } => format!("git os task plan {id}   # asks for a plan again; the goal is kept as a draft"),
            Self::LearningKnown => "git os learn   # list the learnings".to_owned(),
            Self::NotCreated(_)
            | Self::NoBrand { .. }
            | Self::TitleTooLong
            | Self::TextTooLong(_)
            | Self::ManyCriteria(_)
            | Self::DependencyCycle { .. }
            | Self::SelfDependency(_)
            | Self::SeveralHeld { .. }
            | Self::SeveralHeads { .. }
            | Self::Uncommitted { .. }
            | Self::ChecksFailed { .. }
            | Self::Unfit { .. }
            | Self::NowBlocked { .. }
            | Self::NoCommit(_)
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
