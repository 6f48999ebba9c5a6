//! The repository that is examined, with what several checks need read once.

use crate::core::text::in_one_line;
use std::cell::OnceCell;

use camino::{Utf8Path, Utf8PathBuf};

use super::Trouble;
use crate::core::id::ObjectId;
use crate::core::registry::RepoEntry;
use crate::core::time::Timestamp;
use crate::git::Repo;
use crate::git::process::{read_file, write_file};
use crate::ledger::cache::Rows;
use crate::ledger::replay::system_clock;
use crate::ledger::{Ledger, LedgerError};
use crate::workspace::Workspace;

/// One repository under examination.
pub(super) struct Subject<'a> {
    pub(super) workspace: Option<&'a Workspace>,
    pub(super) entry: Option<&'a RepoEntry>,
    pub(super) repo: &'a Repo,
    pub(super) program: &'a Utf8Path,
    ledger: Result<Ledger<'a>, LedgerError>,
    rows: OnceCell<Result<Rows, String>>,
    refs: OnceCell<Result<Vec<(String, ObjectId)>, String>>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(
        workspace: Option<&'a Workspace>,
        entry: Option<&'a RepoEntry>,
        repo: &'a Repo,
        program: &'a Utf8Path,
    ) -> Self {
        let (rows, refs) = (OnceCell::new(), OnceCell::new());
        Self { workspace, entry, repo, program, ledger: Ledger::open(repo), rows, refs }
    }

    /// Whether there is a policy at all, readable or not.
    pub(super) fn is_initialised(&self) -> bool {
        !matches!(self.ledger, Err(LedgerError::NotInitialised))
    }

    /// Whether a check could not run because the policy is not there or cannot be read.
    pub(super) fn is_trouble_with_policy(&self, trouble: &Trouble) -> bool {
        self.ledger.as_ref().is_err_and(|error| in_one_line(error) == trouble.0)
    }

    pub(super) fn ledger(&self) -> Result<&Ledger<'a>, Trouble> {
        self.ledger.as_ref().map_err(|error| Trouble(in_one_line(error)))
    }

    /// The live tickets.
    pub(super) fn rows(&self) -> Result<&Rows, Trouble> {
        let ledger = self.ledger()?;
        let rows = self.rows.get_or_init(|| ledger.rows().map_err(|error| in_one_line(&error)));
        rows.as_ref().map_err(|error| Trouble(error.clone()))
    }

    /// All refs of ours.
    pub(super) fn refs(&self) -> Result<&[(String, ObjectId)], Trouble> {
        let list = || {
            let mut all = self.repo.list_refs("refs/os/")?;
            all.extend(self.repo.list_refs("refs/notes/os/")?);
            Ok(all)
        };
        let refs = self.refs.get_or_init(|| list().map_err(|error: crate::git::GitError| in_one_line(&error)));
        refs.as_deref().map_err(|error| Trouble(error.clone()))
    }

    /// The clock by which leases are judged: git's committer identity, or the machine's when there is none.
    pub(super) fn now(&self) -> Timestamp {
        self.repo.identity().map_or_else(|_| system_clock(), |who| who.time)
    }

    /// What an earlier examination found good, kept beside what else can be rebuilt.
    pub(super) fn recall(&self, what: &str) -> String {
        read_file(&self.memory(what)).unwrap_or_default()
    }

    /// Keeps what was found good.
    pub(super) fn remember(&self, what: &str, text: &str) {
        // A read-only repository is examined all the same, only not faster the next time.
        drop(write_file(&self.memory(what), text.as_bytes(), 0o644));
    }

    fn memory(&self, what: &str) -> Utf8PathBuf {
        self.repo.os_dir().join("doctor").join(what)
    }
}
