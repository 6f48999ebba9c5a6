//! How far a ticket came, and what holds it up.

use std::error::Error;
use std::fmt;

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::core::event::{Role, named};
use crate::core::id::TicketId;
use crate::core::text::{BECAUSE, headline};
use crate::core::verdict::Grade;

/// How far a ticket came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    Landed,
    /// It was set aside, for this reason.
    Blocked(String),
    /// It waits for an answer to this question.
    Waiting(String),
    /// Somebody else has it, or it was closed meanwhile.
    Gone,
    /// It cannot go on, or land, as things are.
    Held(Hold),
    /// The orchestrator could not work on it; the ticket stays as it is, for the next session.
    Failed(Trouble),
}

named! {
    /// The name of a fate.
    FateKind, "fate", {
        Landed = "landed", Blocked = "blocked", Waiting = "waiting", Gone = "gone", Held = "held", Failed = "failed",
    }
}

impl Fate {
    /// Its name.
    #[must_use]
    pub(crate) fn kind(&self) -> FateKind {
        match self {
            Self::Landed => FateKind::Landed,
            Self::Blocked(_) => FateKind::Blocked,
            Self::Waiting(_) => FateKind::Waiting,
            Self::Gone => FateKind::Gone,
            Self::Held(_) => FateKind::Held,
            Self::Failed(_) => FateKind::Failed,
        }
    }

    /// Why; empty when there is nothing to say.
    #[must_use]
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Landed | Self::Gone => String::new(),
            Self::Blocked(words) | Self::Waiting(words) => words.clone(),
            Self::Held(hold) => hold.to_string(),
            Self::Failed(trouble) => trouble.to_string(),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Landed => write!(out, "landed"),
            Self::Blocked(reason) => write!(out, "blocked: {}", headline(reason)),
            Self::Waiting(question) => write!(out, "waiting for an answer: {}", headline(question)),
            Self::Gone => write!(out, "taken by another run, or closed"),
            Self::Held(hold) => write!(out, "held: {hold}"),
            Self::Failed(trouble) => write!(out, "failed: {trouble}"),
        }
    }
}

/// What keeps a ticket, or a branch, where it is, though nothing is wrong with the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Hold {
    #[error("nothing was submitted")]
    NoHead,
    #[error("repository `{repo}` has no agent in the registry")]
    NoAgent { repo: String },
    #[error("agent `{agent}` cannot be used now: {why}")]
    Agent { agent: String, why: String },
    /// Another run could use more than the registry allows.
    #[error("{why}")]
    Budget { why: String },
    /// It is submitted, and another machine has to verify it.
    #[error("this machine cannot act as {}; an actor with that role must run `git os verify {ticket}`", Role::Verifier)]
    Unverified { ticket: TicketId },
    /// It is verified, and another machine has to land it.
    #[error("this machine cannot act as {}; an actor with that role must run `git os merge {ticket}`", Role::Gate)]
    Unlanded { ticket: TicketId },
    #[error("the doctor's grade is {grade}, and the policy requires {wanted} ({})", .failing.join("; "))]
    Grade { grade: Grade, wanted: Grade, failing: Vec<String> },
    #[error("{why}")]
    Gate { why: String },
    #[error("cannot reach {remote}: {why}")]
    RemoteAway { remote: String, why: String },
    #[error("{remote} rejected the landing: {why}")]
    RemoteRefuses { remote: String, why: String },
    /// The branch here and the branch at the remote each have what the other lacks.
    #[error("the local `{branch}` and the one on {remote} have diverged; run `git pull`")]
    Diverged { branch: String, remote: String },
    /// The branch moved, and a worktree that is to follow has changes.
    #[error("cannot rebase the work: {path} has uncommitted changes")]
    Uncommitted { path: Utf8PathBuf },
    /// The branch is checked out, and moving it would overwrite changes.
    #[error("cannot update `{branch}`: it would overwrite uncommitted changes; commit or stash them")]
    WouldOverwrite { branch: String },
    /// Somebody is in the middle of something that will write the branch.
    #[error("cannot update `{branch}`: {what} of it is in progress in {path}; finish it or abort it")]
    InUse { branch: String, path: Utf8PathBuf, what: String },
    #[error("cannot update `{branch}`: {why}")]
    NotMoved { branch: String, why: String },
    /// The host has it, and does not have merged it yet.
    #[error("the pull request {url} is open")]
    PullRequest { url: String },
    /// The host cannot be asked.
    #[error("{why}")]
    HostAway { why: String },
    #[error("another process on this machine is verifying it")]
    BeingVerified,
}

impl Hold {
    /// The code that scripts hold on to; it never changes.
    #[must_use]
    pub(crate) fn code(&self) -> &'static str {
        self.into()
    }
}

/// An error and its causes, as they are told and kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    pub(crate) message: String,
    /// The nearest first; a cause that only repeats is left out.
    pub(crate) causes: Vec<String>,
}

impl Trouble {
    /// That of an error.
    #[must_use]
    pub(crate) fn of(error: &dyn Error) -> Self {
        let message = error.to_string();
        let mut last = message.clone();
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let said = cause.to_string();
            if said != last {
                causes.push(said.trim().to_owned());
            }
            last = said;
            source = cause.source();
        }
        Self { message, causes }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(out, "\n{BECAUSE}{cause}"))
    }
}
