//! The runs of this machine: a file each, and beside it one that is locked as long as the orchestrator lives.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::locks::{take, take_existing};
use crate::core::id::{ObjectId, RunId, StepId, TicketId};
use crate::git::process::{age, read_file, remove_all, remove_file, write_file};
use crate::git::{GitError, Repo};

/// How old a record is whose run has had time to lock it.
const SETTLED: Duration = Duration::from_secs(60);

/// How far the agent of a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AgentStage {
    /// Claimed; no agent was started.
    Claimed,
    /// An agent works, from this commit on.
    Working {
        attempt: u32,
        from: ObjectId,
        /// The step of the plan, if it works on one alone.
        #[serde(default)]
        step: Option<StepId>,
    },
    /// It is done and its work waits to be handed in.
    Worked {
        attempt: u32,
        agent: String,
        /// What it says of itself; null if nothing.
        record: serde_json::Value,
        /// Why it did not succeed, if it did not.
        failure: Option<String>,
        /// The written form of how it ended; empty where an older git-os wrote it.
        #[serde(default)]
        outcome: String,
        /// The last that it said.
        #[serde(default)]
        words: String,
        #[serde(default)]
        step: Option<StepId>,
    },
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
fn folder(repo: &Repo) -> Utf8PathBuf {
    repo.os_dir().join("runs")
}

impl RunRecord {
    /// Notes a new run.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn create(repo: &Repo, ticket: &TicketId, run: &RunId) -> Result<Self, GitError> {
        let path = folder(repo).join(run.as_str());
        let body = Body { run: run.clone(), ticket: ticket.clone(), stage: AgentStage::Claimed };
        // The lock comes first: a record that nobody holds would be taken for that of a killed process.
        let lock_path = lock_path(&path);
        write_file(&lock_path, b"", 0o600)?;
        let held = || GitError::File { path: lock_path.clone(), source: std::io::Error::other("it is locked") };
        let lock = take(&lock_path)?.ok_or_else(held)?;
        write_file(&path, &json(&body), 0o600)?;
        Ok(Self { body, path, _lock_file: lock })
    }

    /// Takes over a run whose process is gone. `None` when it lives; a file that is no record is removed.
    ///
    /// # Errors
    /// When the file cannot be accessed.
    pub(crate) fn take_over(path: &Utf8Path) -> Result<Option<Self>, GitError> {
        let lock_path = lock_path(path);
        let Some(lock) = take(&lock_path)? else { return Ok(None) };
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
    pub(crate) fn advance(&mut self, stage: AgentStage) -> Result<(), GitError> {
        self.body.stage = stage;
        write_file(&self.path, &json(&self.body), 0o600)
    }

    /// Forgets the run, and the messages it left.
    ///
    /// # Errors
    /// When a file stays.
    pub(crate) fn remove(self) -> Result<(), GitError> {
        forget(&self.path)
    }

    /// Where it is noted what people had stashed when the agent began.
    pub(crate) fn stash(&self) -> Utf8PathBuf {
        stash(&self.path)
    }

    /// Where it is noted where the protected branches were when the agent began.
    pub(crate) fn tips(&self) -> Utf8PathBuf {
        tips(&self.path)
    }

    /// Where it is noted what git's settings were when the agent began.
    pub(crate) fn settings(&self) -> Utf8PathBuf {
        settings(&self.path)
    }

    /// Where the run leaves messages for its orchestrator.
    pub(crate) fn outbox(&self) -> Utf8PathBuf {
        outbox(&self.path)
    }
}

fn outbox(path: &Utf8Path) -> Utf8PathBuf {
    let os_dir = path.parent().and_then(Utf8Path::parent).unwrap_or(path);
    os_dir.join("outbox").join(path.file_name().unwrap_or_default())
}

fn forget(path: &Utf8Path) -> Result<(), GitError> {
    remove_all(&outbox(path))?;
    remove_file(&stash(path))?;
    remove_file(&tips(path))?;
    remove_file(&settings(path))?;
    remove_file(path)?;
    remove_file(&lock_path(path))
}

/// The file with what people had stashed when the agent began.
fn stash(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.stash"))
}

/// The file with where the protected branches were when the agent began.
fn tips(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.tips"))
}

/// The file with what git's settings were when the agent began.
fn settings(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.settings"))
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

/// All records of a repository, in the order of their runs; a lock alone counts, as what is left of one.
#[must_use]
pub(crate) fn list(repo: &Repo) -> Vec<Utf8PathBuf> {
    let folder = folder(repo);
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().trim_end_matches(".lock").to_owned());
    let names: BTreeSet<_> = names.filter(|name| RunId::parse(name).is_ok()).collect();
    names.iter().map(|name| folder.join(name)).collect()
}

/// Whether an orchestrator that lives works on a ticket.
///
/// # Errors
/// When a record cannot be accessed.
pub(crate) fn is_any_alive(repo: &Repo) -> Result<bool, GitError> {
    for path in list(repo).iter().map(|path| lock_path(path)).filter(|path| path.as_std_path().exists()) {
        if take_existing(&path)?.is_none() && path.as_std_path().exists() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The runs that have a record here.
#[must_use]
pub(crate) fn here(repo: &Repo) -> HashSet<RunId> {
    let records = list(repo).into_iter().filter(|path| path.as_std_path().exists());
    records.filter_map(|path| RunId::parse(path.file_name()?).ok()).collect()
}

/// The records that no orchestrator keeps locked, of runs that hold nothing.
///
/// # Errors
/// When a record cannot be accessed.
pub(crate) fn left(repo: &Repo, holders: &HashSet<&RunId>) -> Result<Vec<Utf8PathBuf>, GitError> {
    let mut left = Vec::new();
    for path in list(repo) {
        let is_settled = age(&path).is_ok_and(|age| age > SETTLED);
        let holds = || path.file_name().and_then(|name| RunId::parse(name).ok()).is_some_and(|run| holders.contains(&run));
        if is_settled && !holds() && take_left(&path)?.is_some() {
            left.push(path);
        }
    }
    Ok(left)
}

/// Removes a record and what belongs to it, unless somebody took it over. Returns whether it was removed.
///
/// # Errors
/// When a file stays.
pub(crate) fn remove_left(path: &Utf8Path) -> Result<bool, GitError> {
    let Some(_lock) = take_left(path)? else { return Ok(false) };
    forget(path)?;
    Ok(true)
}

/// Takes the lock that a live orchestrator would hold, without making a file; `None` when it does, or the record is gone.
fn take_left(path: &Utf8Path) -> Result<Option<File>, GitError> {
    let lock_path = lock_path(path);
    // A crash may have left the record alone, and then nobody holds it.
    take_existing(if lock_path.as_std_path().exists() { &lock_path } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;

    #[test]
    fn a_run_is_taken_over_when_its_orchestrator_is_gone_and_not_before() {
        let (_dir, repo) = repo();
        let ticket = TicketId::parse("T-2026-05-07-one-91c2").expect("valid");
        let run = crate::ledger::new_run().expect("random");
        let mut record = RunRecord::create(&repo, &ticket, &run).expect("written");
        let path = folder(&repo).join(run.as_str());
        assert_eq!((list(&repo), here(&repo)), (vec![path.clone()], HashSet::from([run.clone()])));
        assert!(has(&repo, &run));
        assert!(RunRecord::take_over(&path).expect("readable").is_none(), "it lives");
        assert!(!remove_left(&path).expect("readable"), "it lives");
        record.advance(AgentStage::Working { attempt: 2, from: repo.zero(), step: None }).expect("written");
        write_file(&record.outbox().join("1"), b"", 0o600).expect("written");
        drop(record);
        let record = RunRecord::take_over(&path).expect("readable").expect("nobody holds it");
        assert_eq!((record.run(), record.ticket()), (&run, &ticket));
        assert_eq!(*record.stage(), AgentStage::Working { attempt: 2, from: repo.zero(), step: None });
        let outbox = record.outbox();
        record.remove().expect("removed");
        assert!(list(&repo).is_empty() && !outbox.exists() && !has(&repo, &run));
    }

    #[test]
    fn a_record_of_an_older_git_os_is_read() {
        let run = crate::ledger::new_run().expect("random");
        let old = format!(
            r#"{{"run":"{run}","ticket":"T-2026-05-07-one-91c2","stage":{{"worked":{{"attempt":2,"agent":"crew","record":null,"failure":"no way"}}}}}}"#
        );
        let body: Body = serde_json::from_str(&old).expect("a record");
        let AgentStage::Worked { attempt, failure, outcome, words, .. } = body.stage else { panic!("{body:?}") };
        assert_eq!((attempt, failure.as_deref(), outcome.as_str(), words.as_str()), (2, Some("no way"), "", ""));
    }

    #[test]
    fn what_is_no_record_is_cleared_and_makes_nobody_wait() {
        let (_dir, repo) = repo();
        let run = crate::ledger::new_run().expect("random");
        let path = folder(&repo).join(run.as_str());
        // A lock alone is what is left of a run, too.
        write_file(&lock_path(&path), b"", 0o600).expect("written");
        assert_eq!((list(&repo), here(&repo).len()), (vec![path.clone()], 0));
        write_file(&path, b"{", 0o600).expect("written");
        assert!(!has(&repo, &run));
        assert!(RunRecord::take_over(&path).expect("readable").is_none());
        assert!(list(&repo).is_empty());
    }
}
