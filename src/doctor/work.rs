//! Work under way: who holds what, who is alive, and which worktrees are still wanted.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, TryLockError};

use camino::{Utf8Path, Utf8PathBuf};

use super::subject::Subject;
use super::{Finding, Trouble};
use crate::core::event::State;
use crate::core::fsm::LEASE_GRACE_SECONDS;
use crate::core::id::{RunId, TicketId};
use crate::core::text::plural;
use crate::core::time::Timestamp;
use crate::git::Repo;
use crate::git::process::{modified, read_file, remove_file};
use crate::ledger::archive;
use crate::ledger::replay::system_clock;

/// How old, in seconds, a record is whose run has had time to lock it.
const SETTLED: i64 = 60;
const DAY: u64 = 86400;

/// The record of a run on this machine; an orchestrator that lives keeps a file beside it locked.
struct Record {
    run: RunId,
    path: Utf8PathBuf,
}

/// The records of runs of this machine.
fn records(repo: &Repo) -> Vec<Record> {
    let entries = repo.os_dir().join("runs").read_dir_utf8().into_iter().flatten().flatten();
    let record = |path: Utf8PathBuf| Some(Record { run: RunId::parse(path.file_name()?).ok()?, path });
    let mut records: Vec<_> = entries.filter_map(|entry| record(entry.into_path())).collect();
    records.sort_by(|left, right| left.path.cmp(&right.path));
    records
}

/// The file that a live orchestrator keeps locked.
fn lock_path(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.lock"))
}

/// Takes the lock that a live orchestrator would hold; `None` when it does, or the record is gone.
fn take(path: &Utf8Path) -> std::io::Result<Option<File>> {
    let lock_path = lock_path(path);
    // A crash may have left the record alone, and then nobody holds it.
    take_file(if lock_path.as_std_path().exists() { &lock_path } else { path })
}

fn take_file(path: &Utf8Path) -> std::io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The records that no run keeps locked and whose ticket that run no longer holds.
fn leftovers(subject: &Subject<'_>) -> Result<Vec<Utf8PathBuf>, Trouble> {
    let held = subject.rows()?.tickets.iter().filter(|row| row.ticket.state.is_held());
    let holders: HashSet<&RunId> = held.filter_map(|row| row.ticket.run.as_ref()).collect();
    let now = system_clock();
    let mut left = Vec::new();
    for record in records(subject.repo) {
        let is_settled = modified(&record.path).is_ok_and(|then| now.0 - then.0 > SETTLED);
        if is_settled && !holders.contains(&record.run) && take(&record.path)?.is_some() {
            left.push(record.path);
        }
    }
    Ok(left)
}

/// Removes them, each while holding its lock. Answers which.
pub(super) fn remove_leftovers(subject: &Subject<'_>) -> Result<Vec<Utf8PathBuf>, Trouble> {
    let mut removed = Vec::new();
    for path in leftovers(subject)? {
        if let Some(lock) = take(&path)? {
            remove_file(&path)?;
            remove_file(&lock_path(&path))?;
            drop(lock);
            removed.push(path);
        }
    }
    Ok(removed)
}

pub(super) fn leases(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    leases_at(subject, subject.now())
}

/// As of a time.
pub(super) fn leases_at(subject: &Subject<'_>, now: Timestamp) -> Result<Finding, Trouble> {
    let here: HashSet<RunId> = records(subject.repo).into_iter().map(|record| record.run).collect();
    let mut held = 0;
    let mut faults = Vec::new();
    let mut remedy = "git os start".to_owned();
    for row in &subject.rows()?.tickets {
        let ticket = &row.ticket;
        let (Some(run), Some(lease)) = (&ticket.run, ticket.lease) else { continue };
        if !matches!(ticket.state, State::Claimed | State::Running | State::AwaitingInput | State::Verifying) {
            continue;
        }
        held += 1;
        if !here.contains(run) && lease.plus(LEASE_GRACE_SECONDS) < now {
            faults.push(format!("the lease on {} was over at {lease}, and no run of this machine works on it", row.id));
            remedy = format!("git os expire {}", row.id);
        }
    }
    for path in leftovers(subject)? {
        faults.push(format!("`{path}` is left of a run that is over"));
        "git os start".clone_into(&mut remedy);
    }
    let all_well = match held {
        0 => "no ticket is held".to_owned(),
        held => format!("{} held, each by a run or a lease that lasts", plural(held, "ticket")),
    };
    Ok(Finding::of(&faults, all_well, remedy))
}

pub(super) fn worktrees(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let ledger = subject.ledger()?;
    let now = subject.now();
    let found = ticket_worktrees(subject.repo);
    let rows = &subject.rows()?.tickets;
    let mut faults = Vec::new();
    for (id, (path, made)) in &found {
        let ended = match rows.iter().find(|row| row.id == *id) {
            Some(row) => Some((row.ticket.state, row.updated)),
            None => match archive::find(subject.repo, id)? {
                Some(tip) => ledger.read_entry(id.clone(), tip).map(|entry| Some((entry.ticket.state, entry.updated)))?,
                None => None,
            },
        };
        if let Some(why) = overdue(ended, *made, now) {
            faults.push(format!("`{path}` is still there, {why}"));
        }
    }
    if found.is_empty() {
        return Ok(Finding::pass("no ticket has a worktree"));
    }
    Ok(Finding::of(&faults, format!("{}, each still wanted", plural(found.len(), "worktree")), "git os start"))
}

/// Why a worktree should be gone by now: a day after its ticket landed or left it, three days after it was blocked.
fn overdue(ended: Option<(State, Timestamp)>, made: Timestamp, now: Timestamp) -> Option<String> {
    let (since, days, what) = match ended {
        Some((state, _)) if state.is_held() => return None,
        Some((State::Blocked, at)) => (at, 3, "its ticket was blocked"),
        Some((State::Merged, at)) => (at, 1, "its ticket was merged"),
        Some((_, at)) => (at, 1, "its ticket was given back or closed"),
        None => (made, 1, "it was made, and no ticket is called so"),
    };
    (since.plus(days * DAY) < now).then(|| format!("{} after {what}", now.since(since)))
}

/// The worktrees of tickets with the time they were made, whether git knows them or they are mere folders.
fn ticket_worktrees(repo: &Repo) -> BTreeMap<TicketId, (Utf8PathBuf, Timestamp)> {
    let mut found = BTreeMap::new();
    let admins = repo.common_dir().join("worktrees").read_dir_utf8().into_iter().flatten().flatten();
    for admin in admins {
        // It may be gone, or not yet written.
        let Ok(points_to) = read_file(&admin.path().join("gitdir")) else { continue };
        let Some(path) = Utf8Path::new(points_to.trim()).parent() else { continue };
        add_worktree(&mut found, path, admin.path());
    }
    let main = repo.common_dir().parent().filter(|_| repo.common_dir().file_name() == Some(".git"));
    let folder = main.map(|main| main.join(".claude/worktrees"));
    for entry in folder.and_then(|folder| folder.read_dir_utf8().ok()).into_iter().flatten().flatten() {
        add_worktree(&mut found, entry.path(), entry.path());
    }
    found
}

fn add_worktree(found: &mut BTreeMap<TicketId, (Utf8PathBuf, Timestamp)>, path: &Utf8Path, dated_by: &Utf8Path) {
    let is_ours = path.parent().is_some_and(|folder| folder.ends_with(".claude/worktrees"));
    if let (true, Some(Ok(id)), Ok(made)) = (is_ours, path.file_name().map(TicketId::parse), modified(dated_by)) {
        found.entry(id).or_insert_with(|| (path.to_owned(), made));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worktrees_are_kept_as_long_as_the_policy_says() {
        let at = Timestamp(1_000_000);
        let after = |hours: u64| at.plus(hours * 3600);
        for (ended, hours, is_overdue) in [
            (Some((State::Running, at)), 1000, false),
            (Some((State::Verified, at)), 1000, false),
            (Some((State::Merged, at)), 23, false),
            (Some((State::Merged, at)), 25, true),
            (Some((State::Blocked, at)), 71, false),
            (Some((State::Blocked, at)), 73, true),
            (Some((State::Ready, at)), 25, true),
            (None, 23, false),
            (None, 25, true),
        ] {
            assert_eq!(overdue(ended, at, after(hours)).is_some(), is_overdue, "{ended:?} after {hours} h");
        }
    }
}
