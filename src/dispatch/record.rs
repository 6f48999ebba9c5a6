//! The runs of this machine: one record file per run, and a lock file that stays locked while the orchestrator lives.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::DispatchError;
use crate::core::id::{ObjectId, RunId, TicketId};
use crate::git::Repo;
use crate::git::process::{read_file, remove_all, remove_file, write_file};

/// How far a run's agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Claimed; no agent was started.
    Claimed,
    /// An agent is working, starting from this commit.
    Working { attempt: u32, from: ObjectId },
    /// The agent has finished, and its work is not submitted yet.
    Worked { attempt: u32, agent: String, record: serde_json::Value, failure: Option<String> },
}

/// The contents of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) run: RunId,
    pub(crate) ticket: TicketId,
    pub(crate) stage: Stage,
}

/// The record of a run that this process owns.
#[derive(Debug)]
pub(crate) struct RunRecord {
    body: Body,
    path: Utf8PathBuf,
    /// Open and locked; the system releases the lock when the process ends in any way.
    _lock_file: File,
}

/// The folder of the records.
#[must_use]
pub(crate) fn folder(repo: &Repo) -> Utf8PathBuf {
    repo.os_dir().join("runs")
}

impl RunRecord {
    /// Writes the record of a new run.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn create(repo: &Repo, ticket: &TicketId, run: &RunId) -> Result<Self, DispatchError> {
        let path = folder(repo).join(run.as_str());
        let body = Body { run: run.clone(), ticket: ticket.clone(), stage: Stage::Claimed };
        // Take the lock first: a record without a locked file looks like that of a killed process.
        let lock_path = lock_path(&path);
        write_file(&lock_path, b"", 0o600)?;
        let lock = lock(&lock_path)?.ok_or_else(|| file_error(&lock_path, std::io::Error::other("it is locked")))?;
        write_file(&path, &json(&body), 0o600)?;
        Ok(Self { body, path, _lock_file: lock })
    }

    /// Takes over a run whose process is gone. Returns `None` if the process lives; removes a file that is not a record.
    ///
    /// # Errors
    /// If the file cannot be accessed.
    pub(crate) fn take_over(path: &Utf8Path) -> Result<Option<Self>, DispatchError> {
        let lock_path = lock_path(path);
        let Some(lock) = lock(&lock_path)? else { return Ok(None) };
        let Some(body) = read(path) else {
            remove_file(path)?;
            remove_file(&lock_path)?;
            return Ok(None);
        };
        Ok(Some(Self { body, path: path.to_owned(), _lock_file: lock }))
    }

    /// The run.
    pub(crate) fn run(&self) -> &RunId {
        &self.body.run
    }

    /// The ticket it holds.
    pub(crate) fn ticket(&self) -> &TicketId {
        &self.body.ticket
    }

    /// How far the run is.
    pub(crate) fn stage(&self) -> &Stage {
        &self.body.stage
    }

    /// Records how far the run is.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn advance(&mut self, stage: Stage) -> Result<(), DispatchError> {
        self.body.stage = stage;
        Ok(write_file(&self.path, &json(&self.body), 0o600)?)
    }

    /// Removes the record and the messages of the run.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub(crate) fn remove(self) -> Result<(), DispatchError> {
        remove_all(&self.outbox())?;
        remove_file(&self.path)?;
        Ok(remove_file(&lock_path(&self.path))?)
    }

    /// The folder for the run's messages to its orchestrator.
    pub(crate) fn outbox(&self) -> Utf8PathBuf {
        let os_dir = self.path.parent().and_then(Utf8Path::parent).unwrap_or(&self.path);
        os_dir.join("outbox").join(self.body.run.as_str())
    }
}

/// The file that is locked while the run's orchestrator lives.
fn lock_path(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.lock"))
}

fn read(path: &Utf8Path) -> Option<Body> {
    serde_json::from_str(&read_file(path).ok()?).ok()
}

/// Whether this machine has a readable record of a run.
#[must_use]
pub(crate) fn has(repo: &Repo, run: &RunId) -> bool {
    read(&folder(repo).join(run.as_str())).is_some()
}

fn json(body: &Body) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

fn file_error(path: &Utf8Path, source: std::io::Error) -> DispatchError {
    DispatchError::File { path: path.to_owned(), source }
}

/// Locks a file; `None` if another process has locked it.
fn lock(path: &Utf8Path) -> Result<Option<File>, DispatchError> {
    let file = File::options().write(true).create(true).truncate(false).open(path).map_err(|source| file_error(path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(file_error(path, source)),
    }
}

/// Lists all records of a repository, ordered by run; a lock file alone counts as a leftover record.
#[must_use]
pub(crate) fn list(repo: &Repo) -> Vec<Utf8PathBuf> {
    let folder = folder(repo);
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().trim_end_matches(".lock").to_owned());
    let names: BTreeSet<_> = names.filter(|name| RunId::parse(name).is_ok()).collect();
    names.iter().map(|name| folder.join(name)).collect()
}
