//! What the command line says when it cannot do something, and with which exit code.

use std::fmt;

use crate::core::text::chain;
use crate::dispatch::DispatchError;
use crate::doctor::setup::SetupError;
use crate::git::GitError;
use crate::hook::install::InstallError;
use crate::ledger::LedgerError;
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

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
    /// Whoever reads our output is gone: nothing is to be said.
    pub(crate) is_broken_pipe: bool,
}

impl CliError {
    /// With a message of one line.
    #[must_use]
    pub(crate) fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), hints: Vec::new(), is_broken_pipe: false }
    }

    /// The answer is no.
    #[must_use]
    pub(crate) fn no(message: impl fmt::Display) -> Self {
        Self::new(Kind::No, message)
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
        Self { is_broken_pipe, ..Self::new(Kind::Fatal, error) }
    }
}

impl From<GitError> for CliError {
    fn from(error: GitError) -> Self {
        let cli = Self::new(Kind::Fatal, chain(&error));
        match error {
            GitError::NoIdentity => cli.hint("git config --global user.email you@example.com"),
            _ => cli,
        }
    }
}

impl From<LedgerError> for CliError {
    fn from(error: LedgerError) -> Self {
        if let LedgerError::Git(error) = error {
            return error.into();
        }
        let cli = Self::new(Kind::Fatal, chain(&error));
        match error {
            LedgerError::NotInitialised => cli.hint("git os init"),
            LedgerError::Illegal { .. } => Self { kind: Kind::No, ..cli },
            LedgerError::Unreachable { .. } | LedgerError::RefusedThere { .. } => {
                Self { kind: Kind::No, ..cli }.hint("git os sync")
            }
            LedgerError::Unsigned { .. } => {
                cli.hint("git config gpg.format ssh && git config user.signingKey ~/.ssh/id_ed25519.pub")
            }
            LedgerError::NotYours { .. } => Self { kind: Kind::No, ..cli }.hint("git show refs/os/meta:policy.json"),
            LedgerError::NotFound(_) => cli.hint("git os list --all"),
            LedgerError::Quarantined { .. } => cli.hint("git os fsck --repair"),
            _ => cli,
        }
    }
}

impl From<WorkspaceError> for CliError {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::Ledger(error) => error.into(),
            error => Self::new(Kind::Fatal, chain(&error)),
        }
    }
}

impl From<InstallError> for CliError {
    fn from(error: InstallError) -> Self {
        Self::new(Kind::Fatal, chain(&error))
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
            error => Self::new(Kind::Fatal, chain(&error)),
        }
    }
}

impl From<SessionError> for CliError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Ledger(error) => error.into(),
            SessionError::Workspace(error) => error.into(),
            SessionError::Dispatch(error) => error.into(),
            SessionError::Git(error) => error.into(),
            SessionError::Interrupted => Self::new(Kind::Interrupted, "interrupted").hint("git os start"),
            error => Self::new(Kind::Fatal, chain(&error)),
        }
    }
}
