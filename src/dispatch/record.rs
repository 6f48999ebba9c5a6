//! What this machine knows of its own runs: a file each, and beside it one that is locked as long as the orchestrator lives.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::DispatchError;
use crate::core::id::{ObjectId, RunId, TicketId};
use crate::git::Repo;
use crate::git::process::{read_file, remove_all, remove_file, write_file};

/// How far the agent of a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AgentStage {
    /// Claimed; no agent was started.
    Claimed,
    /// An agent works, from this commit on.
    Working { attempt: u32, from: ObjectId },
    /// It is done and its work waits to be handed in.
    Worked { attempt: u32, agent: String, record: serde_json::Value, failure: Option<String> },
}

/// The contents of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) run: RunId,
    pub(crate) ticket: TicketId,
    pub(crate) stage: AgentStage,
}

/// A run of this process.
#[derive(Debug)]
pub(crate) struct RunRecord {
    body: Body,
    path: Utf8PathBuf,
    /// Held open and locked; the system lets go of it when the process ends, however it ends.
    _lock_file: File,
}

/// Where the records are.
#[must_use]
pub(crate) fn folder(repo: &Repo) -> Utf8PathBuf {
    repo.os_dir().join("runs")
}

impl RunRecord {
    /// Notes a new run.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn create(repo: &Repo, ticket: &TicketId, run: &RunId) -> Result<Self, DispatchError> {
        let path = folder(repo).join(run.as_str());
        let body = Body { run: run.clone(), ticket: ticket.clone(), stage: AgentStage::Claimed };
        // The lock comes first: a record that nobody holds would be taken for that of a killed process.
        let lock_path = lock_path(&path);
        write_file(&lock_path, b"", 0o600)?;
        let lock = lock(&lock_path)?.ok_or_else(|| file_error(&lock_path, std::io::Error::other("it is locked")))?;
        write_file(&path, &json(&body), 0o600)?;
        Ok(Self { body, path, _lock_file: lock })
    }

    /// Takes over a run whose process is gone. `None` when it lives; a file that is no record is removed.
    ///
    /// # Errors
    /// When the file cannot be accessed.
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

    /// How far it is.
    pub(crate) fn stage(&self) -> &AgentStage {
        &self.body.stage
    }

    /// Notes how far it is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn advance(&mut self, stage: AgentStage) -> Result<(), DispatchError> {
        self.body.stage = stage;
        Ok(write_file(&self.path, &json(&self.body), 0o600)?)
    }

    /// Forgets the run, and the messages it left.
    ///
    /// # Errors
    /// When a file stays.
    pub(crate) fn remove(self) -> Result<(), DispatchError> {
        remove_all(&self.outbox())?;
        remove_file(&self.path)?;
        Ok(remove_file(&lock_path(&self.path))?)
    }

    /// Where the run leaves messages for its orchestrator.
    pub(crate) fn outbox(&self) -> Utf8PathBuf {
        let os_dir = self.path.parent().and_then(Utf8Path::parent).unwrap_or(&self.path);
        os_dir.join("outbox").join(self.body.run.as_str())
    }
}

/// The file that is locked as long as the run's orchestrator lives.
fn lock_path(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.lock"))
}

fn read(path: &Utf8Path) -> Option<Body> {
    serde_json::from_str(&read_file(path).ok()?).ok()
}

/// Whether this machine has a record of a run that can be read.
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

/// Locks a file, unless somebody else has.
fn lock(path: &Utf8Path) -> Result<Option<File>, DispatchError> {
    let file = File::options().write(true).create(true).truncate(false).open(path).map_err(|source| file_error(path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(file_error(path, source)),
    }
}

/// All records of a repository, in the order of their runs; a lock alone counts, as what is left of one.
#[must_use]
pub(crate) fn list(repo: &Repo) -> Vec<Utf8PathBuf> {
    let folder = folder(repo);
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().trim_end_matches(".lock").to_owned());
    let names: BTreeSet<_> = names.filter(|name| RunId::parse(name).is_ok()).collect();
    names.iter().map(|name| folder.join(name)).collect()
}
