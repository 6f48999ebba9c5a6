//! Removes worktrees of finished tickets, after saving uncommitted changes.

use super::{DispatchError, Site};
use crate::core::event::State;
use crate::core::id::{BRANCHES, TicketId};
use crate::core::progress::{CareEvent, Trouble};
use crate::core::time::Timestamp;
use crate::git::process::modified;
use crate::git::worktree::Worktree;
use crate::ledger::{Ledger, archive};
use crate::local::worktrees::Purpose;
use crate::local::{journal, locks, output, worktrees};

/// When a worktree goes that nobody works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// After the time for which it is kept.
    Due,
    /// At once, if its ticket is closed.
    Now,
}

/// How many worktrees of closed tickets stay in a repository, however new they are: git looks at all worktrees whenever it adds one or
/// moves a branch, and each takes the disk of a checkout.
const MAX_CLOSED: usize = 16;
/// How many are left when there were more, so that not each landing has to look at all of them.
const LEFT: usize = MAX_CLOSED / 2;

/// Removes the worktrees that are no longer needed, and what was printed for tickets that are archived. Returns one line for each removal and each failure.
///
/// # Errors
/// If git cannot list the worktrees.
pub(crate) fn run(site: &Site<'_>, when: When) -> Result<Vec<CareEvent>, DispatchError> {
    let ledger = site.ledger()?;
    let folder = worktrees::folder(&site.repo);
    let now = site.repo.identity()?.time;
    let mut done = Vec::new();
    for worktree in site.repo.list_worktrees()? {
        let Some((id, _)) = worktrees::purpose(&worktree.path, &folder) else { continue };
        if let Err(error) = collect(site, &ledger, &id, &worktree, (now, when), &mut done) {
            done.push(CareEvent::WorktreeStays { ticket: id, trouble: Trouble::of(&error) });
        }
    }
    let is_live = |id: &TicketId| Ok(site.repo.find_ref(&id.ref_name())?.is_some());
    super::replay::clear_left(&site.repo)?;
    output::forget(&site.repo, is_live)?;
    journal::forget(&site.repo, is_live)?;
    locks::forget(&site.repo, is_live)?;
    Ok(done)
}

/// Removes the worktrees of the tickets that were closed first, where there are too many. Returns what was saved before.
///
/// # Errors
/// If git cannot list the worktrees, or a ticket cannot be read.
pub(super) fn when_crowded(site: &Site<'_>, ledger: &Ledger<'_>) -> Result<Vec<CareEvent>, DispatchError> {
    let folder = worktrees::folder(&site.repo);
    let count = folder.read_dir_utf8().map_or(0, Iterator::count);
    // Whoever removes them now does it for all.
    let Some(_turn) = (count > MAX_CLOSED).then(|| locks::take_collection(&site.repo)).transpose()?.flatten() else {
        return Ok(Vec::new());
    };
    let mut closed = Vec::new();
    for worktree in site.repo.list_worktrees()? {
        let Some((id, Purpose::Work)) = worktrees::purpose(&worktree.path, &folder) else { continue };
        match ledger.find(&id)? {
            Some(entry) if entry.ticket.state.is_terminal() => closed.push((entry.updated, id, worktree)),
            None if archive::find(&site.repo, &id)?.is_some() => closed.push((Timestamp(0), id, worktree)),
            Some(_) | None => {}
        }
    }
    let mut done = Vec::new();
    if closed.len() > MAX_CLOSED {
        closed.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        closed.truncate(closed.len() - LEFT);
        for (at, id, worktree) in &closed {
            // One that stays is removed, or named, by the collection that comes after its time.
            drop(collect(site, ledger, id, worktree, (*at, When::Now), &mut done));
        }
    }
    done.retain(|event| matches!(event, CareEvent::WorktreeSaved { .. }));
    Ok(done)
}

/// Removes one worktree if it is no longer needed.
fn collect(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    id: &TicketId,
    worktree: &Worktree,
    (now, when): (Timestamp, When),
    done: &mut Vec<CareEvent>,
) -> Result<(), DispatchError> {
    let entry = match ledger.find(id)? {
        Some(entry) => Some(entry),
        None => archive::find(&site.repo, id)?.map(|tip| ledger.read_entry(id.clone(), tip)).transpose()?,
    };
    let is_there = worktree.path.as_std_path().exists();
    let since = match (&entry, site.repo.find_worktree_git_dir(&worktree.path)) {
        (Some(entry), _) => entry.updated,
        (None, Some(git_dir)) => modified(&git_dir)?,
        (None, None) => now,
    };
    let Some(until) = worktrees::kept_until(entry.as_ref().map(|entry| entry.ticket.state), since) else { return Ok(()) };
    let is_closed = entry.as_ref().is_some_and(|entry| entry.ticket.state.is_terminal());
    // Somebody removed the folder: there is nothing to wait for.
    if is_there && now < until && !(is_closed && when == When::Now) {
        return Ok(());
    }
    let beyond = entry.as_ref().and_then(|entry| entry.ticket.head).or(ledger.find_trunk_tip()?);
    let saved = match (beyond, worktree.head) {
        (Some(beyond), _) if is_there => worktrees::rescue(&site.repo, id, &worktree.path, beyond)?,
        // A branch stays; commits that were on none would be lost with the worktree.
        (Some(beyond), Some(head)) if worktree.branch.is_none() && !site.repo.is_ancestor(head, beyond)? => {
            Some(worktrees::keep(&site.repo, id, head)?)
        }
        _ => None,
    };
    if let Some(saved) = saved {
        done.push(CareEvent::WorktreeSaved { ticket: id.clone(), ref_name: saved });
    }
    site.repo.clear_worktree(&worktree.path)?;
    let branch = format!("{BRANCHES}{id}");
    if let (Some(tip), Some(State::Merged)) = (site.repo.find_ref(&branch)?, entry.as_ref().map(|entry| entry.ticket.state))
        && ledger.find_trunk_tip()?.is_some_and(|trunk| site.repo.is_ancestor(tip, trunk).unwrap_or(false))
    {
        site.repo.git().output(["update-ref", "-d", &branch, &tip.to_string()])?;
    }
    done.push(CareEvent::WorktreeRemoved(id.clone()));
    Ok(())
}
