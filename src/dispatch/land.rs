//! Verified → merged: the protected branch moves by fast-forward to the very commit that was judged.

use super::{DispatchError, Site, take_in, write};
use crate::core::event::{Action, Role};
use crate::core::id::{ObjectId, PROVENANCE_NOTES};
use crate::core::meta::Push;
use crate::gate;
use crate::ledger::{Draft, Entry, Ledger};

/// What became of an attempt to land.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Landing {
    Landed,
    /// The branch had moved; the ticket is to be verified anew.
    Stale,
    /// It cannot land as things are, and why.
    Held(String),
}

/// Lands a verified ticket, or hands it in anew on top of a branch that moved.
///
/// # Errors
/// When git or the ledger fails.
pub(crate) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<Landing, DispatchError> {
    let Some(head) = entry.ticket.head else { return Ok(Landing::Held("it has no head".to_owned())) };
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let tip = ledger.find_trunk_tip()?.ok_or_else(|| DispatchError::Unborn(trunk.clone()))?;
    if !ledger.repo.is_ancestor(head, tip)? {
        if !ledger.repo.is_ancestor(tip, head)? {
            return restack(site, ledger, entry, tip);
        }
        if let Some(closed) = gate::judge(ledger, Some(tip), Some(head))? {
            return Ok(Landing::Held(closed.to_string()));
        }
        site.env.step("landing");
        if let Err(why) = advance(site, &trunk, tip, head)? {
            return Ok(Landing::Held(why));
        }
        site.env.step("moved");
    }
    // The hook may have noticed the landing by now.
    gate::reconcile(ledger)?;
    site.env.step("merged");
    let short = trunk.trim_start_matches("refs/heads/");
    (site.tell)(&format!("landed on {short}"));
    Ok(Landing::Landed)
}

/// What follows a landing; doing it again changes nothing.
///
/// # Errors
/// When git or the ledger fails.
pub(crate) fn finish(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<(), DispatchError> {
    let trunk = ledger.policy.trunk().unwrap_or_default();
    if let Some(head) = entry.ticket.head {
        provenance(ledger, entry, head)?;
    }
    push(site, &trunk)?;
    site.env.step("finished");
    super::learn::after_landing(site, ledger, entry)
}

/// Puts the work on top of the branch as it is now, and hands it in anew.
fn restack(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, tip: ObjectId) -> Result<Landing, DispatchError> {
    (site.tell)("the branch moved; rebasing");
    let branch = entry.id.branch();
    let head = entry.ticket.head.unwrap_or(tip);
    let sitting = site.repo.list_worktrees()?.into_iter().find(|one| one.branch.as_ref() == Some(&branch));
    let sitting = sitting.and_then(|worktree| Some((site.repo.pinned(&worktree.path)?, worktree.path)));
    if let Some((git, path)) = &sitting
        && !git.output(["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"])?.trim().is_empty()
    {
        return Ok(Landing::Held(format!("the branch moved, and {path} has changes that are not committed")));
    }
    match take_in::onto(site, &entry.id, head, tip)? {
        Ok(head) => {
            super::prepare::set_branch(site, &branch, head)?;
            if let Some((git, _)) = &sitting {
                take_in::sit_on(git, &branch)?;
            }
            write(ledger, &entry.id, &Draft::new(Action::Stale { head, base: tip }, Role::Gate))?;
            site.env.step("restacked");
        }
        Err(why) => drop(write(ledger, &entry.id, &Draft::new(Action::Block, Role::Gate).saying(&why))?),
    }
    Ok(Landing::Stale)
}

/// Moves a protected branch by fast-forward, together with index and files where it is checked out.
/// The reason why it stays is inside.
fn advance(site: &Site<'_>, trunk: &str, old: ObjectId, new: ObjectId) -> Result<Result<(), String>, DispatchError> {
    let checked_out = site.repo.list_worktrees()?.into_iter().find(|worktree| worktree.branch.as_deref() == Some(trunk));
    let output = if let Some(worktree) = checked_out {
        let git = crate::git::Git::at(&worktree.path);
        git.run(["merge", "--quiet", "--ff-only", "--no-autostash", "--no-verify-signatures", &new.to_string()])?
    } else {
        let message = format!("git os: land {}", new.short(12));
        site.repo.git().run(["update-ref", "-m", &message, trunk, &new.to_string(), &old.to_string()])?
    };
    let short = trunk.trim_start_matches("refs/heads/");
    Ok(match output.code {
        0 => Ok(()),
        _ if output.stderr.contains("would be overwritten") => Err(format!(
            "`{short}` is checked out with changes that are not committed and would be overwritten; commit or stash them"
        )),
        _ => Err(format!("`{short}` could not be moved: {}", output.stderr)),
    })
}

/// Notes on the landed commit whose work it is.
fn provenance(ledger: &Ledger<'_>, entry: &Entry, head: ObjectId) -> Result<(), DispatchError> {
    let links = crate::ledger::replay::links(ledger.repo, entry.tip, None)?.unwrap_or_default();
    let submit = links.iter().find(|link| matches!(link.record.event.action, Action::Submit { .. }));
    let agent = submit.and_then(|link| link.record.event.agent.clone());
    let note = serde_json::json!({
        "version": 1, "ticket": entry.id, "run": entry.ticket.run, "agent": agent, "attempt": entry.ticket.attempt,
    });
    Ok(ledger.repo.add_note_line(PROVENANCE_NOTES, head, &note.to_string(), &ledger.repo.identity()?)?)
}

/// Does about the shared remote what the registry says.
fn push(site: &Site<'_>, trunk: &str) -> Result<(), DispatchError> {
    let Some(remote) = site.entry.remote.as_ref().filter(|_| site.entry.push == Push::Auto) else { return Ok(()) };
    let output = site.repo.git().run(["push", "--quiet", remote, &format!("{trunk}:{trunk}")])?;
    if output.code != 0 {
        (site.tell)(&format!("landed here, but not pushed to {remote}: {}", crate::core::text::first_line(&output.stderr)));
    }
    Ok(())
}
