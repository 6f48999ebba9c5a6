//! stub
#[derive(Debug, thiserror::Error)]
pub(crate) enum DispatchError {
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    #[error(transparent)]
    Workspace(#[from] crate::ledger::workspace::WorkspaceError),
    #[error(transparent)]
    Git(#[from] crate::git::GitError),
    #[error("x")]
    X,
}
