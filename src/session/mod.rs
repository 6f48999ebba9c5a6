//! stub
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    #[error(transparent)]
    Workspace(#[from] crate::ledger::workspace::WorkspaceError),
    #[error(transparent)]
    Git(#[from] crate::git::GitError),
    #[error(transparent)]
    Dispatch(#[from] crate::dispatch::DispatchError),
    #[error("x")]
    Interrupted,
    #[error("x")]
    X,
}
