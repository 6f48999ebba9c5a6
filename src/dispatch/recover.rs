//! What a session does with the runs that a killed one left behind.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::record::{self, AgentStage, RunRecord};
use super::{DispatchError, Site};
use crate::agent::process::sweep;
use crate::core::event::{Action, Role, State};
use crate::core::id::TicketId;
use crate::git::Repo;
use crate::git::process::remove_file;
use crate::ledger::{Answer, Draft, shared_remote};
use crate::sync::submit_shared;

/// The runs of this repository whose orchestrator is gone.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    /// Those that still hold their ticket.
    pub(crate) holding: Vec<RunRecord>,
    /// Those that were about to claim one at the shared remote: their push may arrive yet.
    pub(crate) in_doubt: Vec<RunRecord>,
}

/// The runs of this repository whose orchestrator is gone and that matter; what is left of others is cleared.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn orphans(site: &Site<'_>) -> Result<Orphans, DispatchError> {
    let ledger = site.ledger()?;
    let has_remote = shared_remote(&site.repo).is_some();
    let mut orphans = Orphans::default();
    for path in record::list(&site.repo) {
        let Some(record) = RunRecord::take_over(&path)? else { continue };
        sweep(record.run());
        // A ticket that cannot be read keeps its record until it can.
        let Ok(entry) = ledger.find(record.ticket()) else { continue };
        // A merged one is held too, as long as what follows a landing may not be done.
        let is_ready = entry.as_ref().is_some_and(|entry| entry.ticket.state == State::Ready);
        let holds = entry.is_some_and(|entry| {
            let is_open = entry.ticket.state.is_held() || entry.ticket.state == State::Merged;
            is_open && entry.ticket.run.as_ref() == Some(record.run())
        });
        if holds {
            orphans.holding.push(record);
        } else if is_ready && has_remote && *record.stage() == AgentStage::Claimed {
            orphans.in_doubt.push(record);
        } else {
            record.remove()?;
        }
    }
    Ok(orphans)
}

/// How long a ref of ours may be locked by somebody who lives: a move takes milliseconds, and a hook's judgement not much more.
const LOCKED: Duration = Duration::from_secs(1);

/// Removes the locks on refs of ours that a killed process left. Answers which.
///
/// # Errors
/// When one of them stays.
#[expect(clippy::disallowed_methods, reason = "whether a lock is given up can only be seen by waiting")]
pub(crate) fn unlock(repo: &Repo) -> Result<Vec<Utf8PathBuf>, DispatchError> {
    let mut locks = Vec::new();
    let mut folders = vec![repo.common_dir().join("refs/os"), repo.common_dir().join("refs/notes/os")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
            let path = entry.path().to_owned();
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(path),
                Ok(meta) if path.extension() == Some("lock") => locks.push((path, meta.ino())),
                Ok(_) | Err(_) => {}
            }
        }
    }
    if !locks.is_empty() {
        std::thread::sleep(LOCKED);
    }
    // Another lock of the same name was taken since.
    locks.retain(|(path, inode)| path.metadata().is_ok_and(|meta| meta.ino() == *inode));
    locks.into_iter().map(|(path, _)| Ok(remove_file(&path).map(|()| path)?)).collect()
}

/// Gives back what others held for too long. Answers which.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(crate) fn expire(site: &Site<'_>) -> Result<Vec<TicketId>, DispatchError> {
    let ledger = site.ledger()?;
    let now = site.repo.identity()?.time;
    let mut expired = Vec::new();
    for row in ledger.rows()?.tickets {
        let is_over = row.ticket.lease.is_some_and(|lease| now >= lease.plus(crate::core::fsm::LEASE_GRACE_SECONDS));
        let has_record = row.ticket.run.as_ref().is_some_and(|run| record::has(&site.repo, run));
        if is_over && !has_record && row.ticket.state.is_held() && row.ticket.state != State::Verified {
            let draft = Draft::new(Action::Expire, Role::Operator).saying("the lease was over");
            // While the remote is away nothing is taken from anybody.
            if let Ok(Answer::Yes(_)) = submit_shared(&ledger, &row.id, &draft) {
                expired.push(row.id);
            }
        }
    }
    Ok(expired)
}
