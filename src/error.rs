//! What the command line says when it cannot do something: a message, a hint, a stable code and an exit code.

use std::error::Error;
use std::fmt;

use crate::core::id::InvalidId;
use crate::core::scope::InvalidScope;
use crate::core::text::{chain, shell};
use crate::dispatch::DispatchError;
use crate::doctor::setup::SetupError;
use crate::git::GitError;
use crate::hook::install::InstallError;
use crate::ledger::LedgerError;
use crate::operations::{FIND_REGISTRY, OperationError};
use crate::session::SessionError;
use crate::workspace::WorkspaceError;

/// The exit codes, as git's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The answer is no.
    No = 1,
    Fatal = 128,
    Usage = 129,
    Interrupted = 130,
}

/// What a command itself has to say no to; whatever an operation refuses has a code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Code {
    Io,
    InvalidValue,
    Interrupted,
    // Arguments and files that a user gives.
    NoTicket,
    NotATime,
    NotAVerdict,
    InvalidAnswers,
    InvalidInput,
    AmbiguousSession,
    NoOutput,
    NothingToChange,
    NoRemote,
    NotBare,
    NotEmpty,
    NeedsRegistry,
    RegistryElsewhere,
    GitTooOld,
    // What the work of a command came to.
    NotPassed,
    NotLanded,
    NotUpToDate,
    NotSetUp,
    NotForAgents,
    NotConfirmed,
    InsideWorktree,
    NoPolicy,
    RemoteUnreachable,
    Findings,
    ChecksFailed,
    HookProblems,
    WouldBeRejected,
    DemoFailed,
    /// Not all of several tickets.
    NotAll,
    /// An agent has said as much as it may.
    OutboxFull,
}

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) kind: Kind,
    /// Scripts hold on to it; a code may be added and never changed.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
    /// The reader of our output is gone, so nothing is printed.
    pub(crate) is_broken_pipe: bool,
}

impl CliError {
    /// An error with a message of one line.
    #[must_use]
    pub(crate) fn new(kind: Kind, code: Code, message: impl fmt::Display) -> Self {
        Self::coded(kind, code.into(), message)
    }

    fn coded(kind: Kind, code: &'static str, message: impl fmt::Display) -> Self {
        Self { kind, code, message: message.to_string(), hints: Vec::new(), is_broken_pipe: false }
    }

    /// An error of another module, with its causes.
    fn of(kind: Kind, code: &'static str, error: &dyn Error) -> Self {
        Self::coded(kind, code, chain(error))
    }

    /// The answer is no.
    #[must_use]
    pub(crate) fn no(code: Code, message: impl fmt::Display) -> Self {
        Self::new(Kind::No, code, message)
    }

    /// With something that is safe to paste.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        let is_broken_pipe = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { is_broken_pipe, ..Self::new(Kind::Fatal, Code::Io, error) }
    }
}

impl From<InvalidId> for CliError {
    fn from(error: InvalidId) -> Self {
        Self::no(Code::InvalidValue, error)
    }
}

impl From<InvalidScope> for CliError {
    fn from(error: InvalidScope) -> Self {
        Self::no(Code::InvalidValue, error)
    }
}

impl From<GitError> for CliError {
    fn from(error: GitError) -> Self {
        let cli = Self::of(Kind::Fatal, (&error).into(), &error);
        match error {
            GitError::NoIdentity => {
                cli.hint("git config --global user.name \"Your Name\"").hint("git config --global user.email you@example.com")
            }
            _ => cli,
        }
    }
}

impl From<LedgerError> for CliError {
    fn from(error: LedgerError) -> Self {
        let (kind, code, hint) = match &error {
            LedgerError::Git(_) => (Kind::Fatal, "", None),
            LedgerError::Illegal { source, .. } => (Kind::No, source.code(), source.hint()),
            LedgerError::NotYours { why, .. } => (Kind::No, why.code(), Some("git show refs/os/meta:policy.json".to_owned())),
            LedgerError::Unreachable { .. } | LedgerError::RefusedThere { .. } => {
                (Kind::No, (&error).into(), Some("git os sync".to_owned()))
            }
            LedgerError::NotInitialised => (Kind::Fatal, (&error).into(), Some("git os init".to_owned())),
            LedgerError::Unsigned { .. } => {
                let keys = "git config gpg.format ssh && git config user.signingKey ~/.ssh/id_ed25519.pub";
                (Kind::Fatal, (&error).into(), Some(keys.to_owned()))
            }
            LedgerError::NotFound(_) => (Kind::Fatal, (&error).into(), Some("git os list --all".to_owned())),
            LedgerError::Quarantined { .. } => (Kind::Fatal, (&error).into(), Some("git os fsck --repair".to_owned())),
            other => (Kind::Fatal, other.into(), None),
        };
        match error {
            LedgerError::Git(error) => error.into(),
            error => Self { hints: hint.into_iter().collect(), ..Self::of(kind, code, &error) },
        }
    }
}

impl From<WorkspaceError> for CliError {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::Ledger(error) => error.into(),
            error => {
                let hint = match &error {
                    WorkspaceError::Unreadable { .. } => Some(FIND_REGISTRY.to_owned()),
                    WorkspaceError::Former { home, .. } => {
                        Some(format!("git -C {} os list   # what is there", shell(home.as_str())))
                    }
                    WorkspaceError::Faults { .. }
                    | WorkspaceError::NoRepo { .. }
                    | WorkspaceError::Open { .. }
                    | WorkspaceError::Ledger(_) => None,
                };
                Self { hints: hint.into_iter().collect(), ..Self::of(Kind::Fatal, (&error).into(), &error) }
            }
        }
    }
}

impl From<InstallError> for CliError {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Git(error) => error.into(),
            error @ InstallError::Front(_) => Self::of(Kind::Fatal, (&error).into(), &error),
            error @ InstallError::Shadowed { .. } => Self::of(Kind::Fatal, (&error).into(), &error)
                .hint("git config --show-origin --show-scope --get-all core.hooksPath"),
        }
    }
}

impl From<SetupError> for CliError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Ledger(error) => error.into(),
            SetupError::Install(error) => error.into(),
            SetupError::Git(error) => error.into(),
        }
    }
}

impl From<DispatchError> for CliError {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::Ledger(error) => error.into(),
            DispatchError::Workspace(error) => error.into(),
            DispatchError::Git(error) => error.into(),
            error => {
                let (kind, code) = match &error {
                    DispatchError::Refused { refusal, .. } => (Kind::Fatal, refusal.code()),
                    DispatchError::Process(error) => (Kind::Fatal, error.into()),
                    DispatchError::RemoteAway { .. } => (Kind::No, (&error).into()),
                    DispatchError::Interrupted => (Kind::Interrupted, (&error).into()),
                    other => (Kind::Fatal, other.into()),
                };
                Self::of(kind, code, &error)
            }
        }
    }
}

impl From<OperationError> for CliError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Ledger(error) => error.into(),
            OperationError::Workspace(error) => error.into(),
            OperationError::Dispatch(error) => error.into(),
            OperationError::Git(error) => error.into(),
            OperationError::Install(error) => error.into(),
            OperationError::InvalidValue(error) => error.into(),
            error => Self { hints: error.hints(), ..Self::of(Kind::No, error.code(), &error) },
        }
    }
}

impl From<SessionError> for CliError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Ledger(error) => error.into(),
            SessionError::Workspace(error) => error.into(),
            SessionError::Dispatch(error) => error.into(),
            SessionError::Operation(error) => error.into(),
            SessionError::Git(error) => error.into(),
            error @ (SessionError::Interrupted | SessionError::Stopped(_)) => {
                Self::new(Kind::Interrupted, Code::Interrupted, error)
            }
            error => Self::of(Kind::Fatal, (&error).into(), &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use strum::VariantNames;

    use super::*;
    use crate::agent::process::ProcessError;
    use crate::core::progress::Hold;
    use crate::operations::plan::PlanError;

    #[test]
    fn every_error_has_a_code_that_scripts_know() {
        let mut all = String::new();
        for (of, codes) in [
            ("commands", Code::VARIANTS),
            ("operations", OperationError::VARIANTS),
            ("plans", PlanError::VARIANTS),
            ("work that is held", Hold::VARIANTS),
            ("ledger", LedgerError::VARIANTS),
            ("git", GitError::VARIANTS),
            ("workspace", WorkspaceError::VARIANTS),
            ("hooks", InstallError::VARIANTS),
            ("dispatch", DispatchError::VARIANTS),
            ("processes", ProcessError::VARIANTS),
            ("session", SessionError::VARIANTS),
        ] {
            writeln!(all, "{of}: {}", codes.join(" ")).expect("a string takes all");
        }
        assert_eq!(all, include_str!("error/codes.txt"), "a code may be added and never changed");
    }

    #[test]
    fn an_error_of_git_has_the_same_code_through_every_module() {
        let git = || GitError::NoIdentity;
        let codes = [
            CliError::from(git()).code,
            CliError::from(LedgerError::Git(git())).code,
            CliError::from(WorkspaceError::Ledger(LedgerError::Git(git()))).code,
            CliError::from(DispatchError::Git(git())).code,
            CliError::from(OperationError::Dispatch(DispatchError::Ledger(LedgerError::Git(git())))).code,
            CliError::from(SessionError::Git(git())).code,
        ];
        assert!(codes.iter().all(|code| *code == "git-no-identity"), "{codes:?}");
    }
}
