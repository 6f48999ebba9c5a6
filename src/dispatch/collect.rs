//! Worktrees of tickets that are done with: saved where something is uncommitted, then removed.

use camino::Utf8Path;

use super::{DispatchError, Site, is_inside, worktrees};
use crate::core::event::State;
use crate::core::id::{BRANCHES, ObjectId, RESCUE, TicketId};
use crate::core::progress::{CareEvent, Trouble};
use crate::core::time::Timestamp;
use crate::git::Repo;
use crate::git::process::{modified, remove_file};
use crate::git::refs::{Moved, RefEdit};
use crate::git::worktree::Worktree;
use crate::ledger::{Ledger, archive};

/// How long a worktree stays after its ticket ended, in seconds: merged, blocked, orphan.
const AFTER_MERGED: i64 = 24 * 3600;
const AFTER_BLOCKED: i64 = 3 * 24 * 3600;
const ORPHAN: i64 = 24 * 3600;

/// Saves what a worktree has beyond a commit, committed or not, to a ref of its own. Answers its name if there was anything.
///
/// # Errors
/// When git cannot write.
pub(crate) fn rescue(repo: &Repo, id: &TicketId, path: &Utf8Path, beyond: ObjectId) -> Result<Option<String>, DispatchError> {
    let Some(git) = repo.pinned(path) else { return Ok(None) };
    clear_locks(repo, id, path)?;
    let head = super::take_in::commit_of(&git, "HEAD")?;
    let is_dirty = !git.output(["status", "--porcelain", "--untracked-files=all"])?.trim().is_empty();
    let is_ahead = match head {
        Some(head) => !repo.is_ancestor(head, beyond)?,
        None => false,
    };
    if !is_dirty && !is_ahead {
        return Ok(None);
    }
    let saved = match head {
        Some(head) if !is_dirty => head,
        _ => {
            git.output(["add", "--all"])?;
            let tree = git.output(["write-tree"])?;
            let tree_id = ObjectId::parse(tree.trim()).map_err(crate::ledger::LedgerError::from)?;
            let parents: Vec<_> = head.into_iter().collect();
            repo.write_commit(tree_id, &parents, &repo.identity()?, &format!("Save what the worktree of {id} held\n"))?
        }
    };
    keep(repo, id, saved)
}

/// Puts a ref on a commit that nothing else may lead to. Answers its name.
///
/// # Errors
/// When git cannot write.
pub(super) fn keep(repo: &Repo, id: &TicketId, saved: ObjectId) -> Result<Option<String>, DispatchError> {
    let time = repo.identity()?.time.to_string().to_lowercase().replace(':', "");
    for number in 0..100 {
        let suffix = if number == 0 { String::new() } else { format!("-{number}") };
        let name = format!("{RESCUE}{id}/{time}{suffix}");
        match repo.find_ref(&name)? {
            Some(known) if known == saved => return Ok(Some(name)),
            Some(_) => {}
            None => {
                if repo.move_refs(&[RefEdit::create(&name, saved)])? == Moved::Done {
                    return Ok(Some(name));
                }
            }
        }
    }
    Ok(None)
}

/// Removes the locks that a killed git left in the ticket's own places; nothing of the run lives any more. Answers whether
/// one was killed while it wrote the files.
///
/// # Errors
/// When one of them stays.
pub(super) fn clear_locks(repo: &Repo, id: &TicketId, path: &Utf8Path) -> Result<bool, DispatchError> {
    let mut was_writing = false;
    if let Some(git_dir) = repo.find_worktree_git_dir(path) {
        let index = git_dir.join("index.lock");
        was_writing = index.exists();
        remove_file(&index)?;
        remove_file(&git_dir.join("HEAD.lock"))?;
    }
    remove_file(&repo.common_dir().join(format!("{}.lock", id.branch())))?;
    Ok(was_writing)
}

/// Removes the worktrees whose time is over. Returns what was done, and what could not be.
///
/// # Errors
/// When git cannot list them.
pub(crate) fn run(site: &Site<'_>) -> Result<Vec<CareEvent>, DispatchError> {
    let ledger = site.ledger()?;
    let folder = worktrees(&site.repo);
    let now = site.repo.identity()?.time;
    let mut done = Vec::new();
    for worktree in site.repo.list_worktrees()? {
        let Some(name) = worktree.path.file_name().filter(|_| is_inside(&worktree.path, &folder)) else { continue };
        let Ok(id) = TicketId::parse(name.trim_end_matches(".verify")) else { continue };
        if let Err(error) = collect(site, &ledger, &id, &worktree, now, &mut done) {
            done.push(CareEvent::WorktreeStays { ticket: id, trouble: Trouble::of(&error) });
        }
    }
    Ok(done)
}

/// Removes one worktree if its time is over.
fn collect(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    id: &TicketId,
    worktree: &Worktree,
    now: Timestamp,
    done: &mut Vec<CareEvent>,
) -> Result<(), DispatchError> {
    let entry = match ledger.find(id)? {
        Some(entry) => Some(entry),
        None => archive::find(&site.repo, id)?.map(|tip| ledger.read_entry(id.clone(), tip)).transpose()?,
    };
    let limit = match entry.as_ref().map(|entry| entry.ticket.state) {
        Some(State::Merged | State::Rejected | State::Canceled) => AFTER_MERGED,
        Some(State::Blocked) => AFTER_BLOCKED,
        Some(State::Draft | State::Ready) | None => ORPHAN,
        Some(State::Claimed | State::Running | State::AwaitingInput | State::Verifying | State::Verified) => return Ok(()),
    };
    let is_there = worktree.path.as_std_path().exists();
    let since = match (&entry, site.repo.find_worktree_git_dir(&worktree.path)) {
        (Some(entry), _) => entry.updated,
        (None, Some(git_dir)) => modified(&git_dir)?,
        (None, None) => now,
    };
    // Somebody removed the folder: there is nothing to wait for.
    if is_there && now.0 - since.0 < limit {
        return Ok(());
    }
    let beyond = entry.as_ref().and_then(|entry| entry.ticket.head).or(ledger.find_trunk_tip()?);
    let saved = match (beyond, worktree.head) {
        (Some(beyond), _) if is_there => rescue(&site.repo, id, &worktree.path, beyond)?,
        // A branch stays; commits that were on none would be lost with the worktree.
        (Some(beyond), Some(head)) if worktree.branch.is_none() && !site.repo.is_ancestor(head, beyond)? => {
            keep(&site.repo, id, head)?
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
