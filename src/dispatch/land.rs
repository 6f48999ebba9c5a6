//! Verified → merged: fast-forwards the protected branch to exactly the verified commit.

use crate::core::ruling::Ruling;
use std::collections::BTreeSet;
use std::fs::File;

use super::turn::Patience;
use super::{DispatchError, Site, pull, take_in, write};
use crate::core::event::{Action, Role};
use crate::core::id::{BRANCHES, ObjectId, PROVENANCE_NOTES};
use crate::core::meta::{Land, OfflineClaims, Push};
use crate::core::progress::{Activity, Hold, LandingEvent, RemoteEvent, Stage, What};
use crate::gate;
use crate::git::Git;
use crate::git::refs::{Moved, RefEdit, pause};
use crate::git::remote::Fetched;
use crate::git::worktree::Forwarded;
use crate::ledger::{Draft, Entry, Ledger, shared_remote};
use crate::local::locks::{clear_of_ticket, take_landing};
use crate::local::worktrees;
use crate::sync::{self, Arrival};

/// How often it is looked whether another landing on this machine is over, and how long the pauses are in between, as in [`pause`].
const MAX_TRIES: u32 = 600;
const PATIENT: u32 = 5;

/// The result of an attempt to land.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Landing {
    Landed,
    /// The branch has moved; the ticket must be verified again.
    Stale,
    /// Another ticket had its turn; the next attempt decides by the new state.
    Waited,
    /// It cannot land as things are.
    Held(Hold),
}

/// Lands a verified ticket, or resubmits it on top of a branch that moved, or lets another ticket land first.
///
/// # Errors
/// If git or the ledger fails.
pub(crate) fn run(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    patience: &mut Patience,
) -> Result<Landing, DispatchError> {
    if ledger.policy.land == Land::PullRequest {
        return pull::run(site, ledger, entry);
    }
    let Some(head) = entry.ticket.head else { return Ok(Landing::Held(Hold::NoHead)) };
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let remote = remote_of(site);
    let mut is_away = false;
    if let Some(remote) = &remote {
        match follow(site, ledger, remote, &trunk)? {
            Followed::Done => {}
            Followed::Away(why) if ledger.policy.offline_claims == OfflineClaims::Allow => {
                site.tell(What::Landing(LandingEvent::Alone { remote: remote.clone(), why }));
                is_away = true;
            }
            Followed::Away(why) => return Ok(Landing::Held(Hold::RemoteAway { remote: remote.clone(), why })),
            Followed::Apart(hold) => return Ok(Landing::Held(hold)),
        }
        if ledger.find(&entry.id)?.is_none_or(|now| now.tip != entry.tip) {
            // Another event was written in the meantime; the ticket's new state decides what comes next.
            return Ok(Landing::Stale);
        }
        if !is_away && patience.lets_another_go_first(site, ledger, entry)? {
            return Ok(Landing::Waited);
        }
    }
    let Some(turn) = take_turn(site)? else { return Ok(Landing::Waited) };
    let tip = ledger.find_trunk_tip()?.ok_or_else(|| DispatchError::Unborn(trunk.clone()))?;
    if !ledger.repo.is_ancestor(head, tip)? {
        if !ledger.repo.is_ancestor(tip, head)? {
            drop(turn);
            return restack(site, ledger, entry, tip);
        }
        if let Ruling::Denied(why) = gate::judge(ledger, Some(tip), Some(head))? {
            return Ok(Landing::Held(Hold::Gate { why: why.full() }));
        }
        site.reached(Stage::Landing);
        if let Some(remote) = remote.as_ref().filter(|_| !is_away) {
            name_unpublished(site, ledger, remote, &[head])?;
            // Push first: if two machines land at once, the remote accepts one, and the other has not changed anything yet.
            match sync::land(ledger, remote, &sync::Landing { ticket: &entry.id, branch: &trunk, head })? {
                Arrival::Done => {}
                Arrival::Moved => return Ok(Landing::Stale),
                Arrival::Refused(why) => return Ok(Landing::Held(Hold::RemoteRefuses { remote: remote.clone(), why })),
                Arrival::Away(why) => return Ok(Landing::Held(Hold::RemoteAway { remote: remote.clone(), why })),
            }
            site.reached(Stage::Pushed);
        }
        match advance(site, &trunk, tip, head)? {
            None => {}
            Some(hold) if remote.is_some() && !is_away => site.tell(What::Landing(LandingEvent::NotHereYet(hold))),
            Some(hold) => return Ok(Landing::Held(hold)),
        }
        site.reached(Stage::Moved);
    }
    // The hook may already have noticed the landing.
    gate::reconcile(ledger)?;
    site.reached(Stage::Merged);
    site.tell(What::Landing(LandingEvent::Landed { branch: short(&trunk) }));
    Ok(Landing::Landed)
}

/// The right to land, once nothing else on this machine lands in the repository; `None` if that takes long.
fn take_turn(site: &Site<'_>) -> Result<Option<File>, DispatchError> {
    for _ in 0..MAX_TRIES {
        if let Some(turn) = take_landing(&site.repo)? {
            return Ok(Some(turn));
        }
        if site.stop.is_interrupted() {
            return Err(DispatchError::Interrupted);
        }
        pause(PATIENT);
    }
    Ok(None)
}

/// Does what follows a landing; doing it again changes nothing.
///
/// # Errors
/// If git or the ledger fails.
pub(crate) fn finish(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<(), DispatchError> {
    if let Some(head) = entry.ticket.head {
        provenance(ledger, entry, head)?;
    }
    if let Some(remote) = remote_of(site) {
        share(site, ledger, &remote)?;
    }
    // Nothing else keeps work of which the branch has only a copy.
    if entry.ticket.copy.is_none() {
        ledger.forget_work(&entry.id)?;
    }
    site.reached(Stage::Finished);
    super::learn::after_landing(site, ledger, entry)?;
    for saved in super::collect::when_crowded(site, ledger)? {
        site.tell(What::Care(saved));
    }
    Ok(())
}

/// Rebases the work onto the present tip of the branch, and resubmits it.
fn restack(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, tip: ObjectId) -> Result<Landing, DispatchError> {
    site.tell(What::Begun(Activity::Rebasing));
    let branch = entry.id.branch();
    let head = entry.ticket.head.unwrap_or(tip);
    let sitting = site.repo.list_worktrees()?.into_iter().find(|one| one.branch.as_ref() == Some(&branch));
    let sitting = sitting.and_then(|worktree| Some((site.repo.pinned(&worktree.path)?, worktree.path)));
    let mut was_killed = false;
    if let Some((git, path)) = &sitting {
        let here = git.find_commit("HEAD")?.unwrap_or(head);
        // What is committed on top of the work is somebody's; a branch that left it was moved by a rebase that was killed here.
        let goes_on = ledger.repo.is_ancestor(head, here).unwrap_or(true);
        if *path == site.worktree(&entry.id) && !goes_on {
            was_killed = clear_of_ticket(&site.repo, &entry.id, path)?;
        }
        if !was_killed && has_changes(git, head)? {
            return Ok(Landing::Held(Hold::Uncommitted { path: path.clone() }));
        }
        let kept = match (was_killed, goes_on && here != head) {
            (true, _) => worktrees::rescue(&site.repo, &entry.id, path, here)?,
            (false, true) => Some(worktrees::keep(&site.repo, &entry.id, here)?),
            (false, false) => None,
        };
        if let Some(ref_name) = kept {
            site.tell(What::Landing(LandingEvent::Kept { path: path.clone(), ref_name }));
        }
    }
    match take_in::onto(site, &entry.id, head, tip)? {
        Ruling::Granted(head) => {
            super::prepare::set_branch(&site.repo, &branch, head)?;
            site.reached(Stage::Rebased);
            if let Some((git, _)) = &sitting {
                take_in::sit_on(git, &branch)?;
            }
            write(ledger, &entry.id, &Draft::new(Action::Stale { head, base: tip }, Role::Gate))?;
            site.reached(Stage::Restacked);
            if let Some(run) = &entry.ticket.run {
                // A machine that sees the ticket `verifying` with an expired lease would release it.
                drop(super::keep::renew(site, &entry.id, run));
            }
            if let Some(remote) = remote_of(site) {
                // From now on, the others let it go first.
                share(site, ledger, &remote)?;
            }
        }
        Ruling::Denied(why) => {
            write(ledger, &entry.id, &Draft::new(Action::Block, Role::Gate).saying(&why.to_string()))?;
        }
    }
    Ok(Landing::Stale)
}

/// Whether a user changed files of a worktree after they were submitted. A process that was killed after it moved the branch
/// leaves old files, or a mix of old and new; those do not count as changes.
fn has_changes(git: &Git, handed_in: ObjectId) -> Result<bool, DispatchError> {
    let changed = |since: &str| -> Result<BTreeSet<String>, DispatchError> {
        let mut names = BTreeSet::new();
        for what in [&["diff"][..], &["diff", "--cached"]] {
            let args = [what, &["--name-only", "-z", "--ignore-submodules=all", since, "--"]].concat();
            let listed = git.output(args)?;
            names.extend(listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned));
        }
        Ok(names)
    };
    let since_branch = changed("HEAD")?;
    Ok(!since_branch.is_empty() && !since_branch.is_disjoint(&changed(&handed_in.to_string())?))
}

/// The name of a branch as people say it.
pub(super) fn short(branch: &str) -> String {
    branch.trim_start_matches("refs/heads/").to_owned()
}

/// Moves a protected branch by fast-forward, together with index and files where it is checked out.
/// Returns what holds it where it is, if anything does.
fn advance(site: &Site<'_>, trunk: &str, old: ObjectId, new: ObjectId) -> Result<Option<Hold>, DispatchError> {
    if let Some((path, what)) = site.repo.find_operation_on(trunk)? {
        return Ok(Some(Hold::InUse { branch: short(trunk), path, what: what.to_owned() }));
    }
    let checked_out = site.repo.list_worktrees()?.into_iter().find(|worktree| worktree.branch.as_deref() == Some(trunk));
    let moved = if let Some(worktree) = checked_out {
        site.repo.git_at(&worktree.path).fast_forward(trunk, new)?
    } else {
        site.repo.forward(trunk, old, new, &format!("git os: land {}", new.short(12)))?
    };
    Ok(match moved {
        // A setting or a hook may have made git end well and do something else.
        Forwarded::Done if site.repo.find_ref(trunk)?.is_none_or(|now| !site.repo.is_ancestor(new, now).unwrap_or(false)) => {
            let why = format!("git ended with 0, but the branch is not at {}", new.short(12));
            Some(Hold::NotMoved { branch: short(trunk), why })
        }
        Forwarded::Done => None,
        Forwarded::Overwrites => Some(Hold::WouldOverwrite { branch: short(trunk) }),
        Forwarded::Failed(failure) => Some(Hold::NotMoved { branch: short(trunk), why: failure.to_string() }),
    })
}

/// Writes a note on the landed commit that names its ticket and run.
fn provenance(ledger: &Ledger<'_>, entry: &Entry, head: ObjectId) -> Result<(), DispatchError> {
    let links = crate::ledger::replay::links(ledger.repo, entry.tip, None)?.granted().unwrap_or_default();
    let submit = links.iter().find(|link| matches!(link.record.event.action, Action::Submit { .. }));
    let agent = submit.and_then(|link| link.record.event.agent.clone());
    let note = serde_json::json!({
        "version": 1, "ticket": entry.id, "run": entry.ticket.run, "agent": agent, "attempt": entry.ticket.attempt,
    });
    Ok(ledger.repo.add_note_line(PROVENANCE_NOTES, head, &note.to_string(), &ledger.repo.identity()?)?)
}

/// The remote that landings are pushed to, if the registry says so.
#[must_use]
pub(crate) fn remote_of(site: &Site<'_>) -> Option<String> {
    shared_remote(&site.repo).filter(|_| site.entry.push == Push::Auto)
}

/// Pushes new shared refs. An unreachable remote is reported, and the next push makes up for it.
///
/// # Errors
/// If git or the ledger fails.
pub(crate) fn share(site: &Site<'_>, ledger: &Ledger<'_>, remote: &str) -> Result<(), DispatchError> {
    // The branches of tickets go, too, and with them what they are based on.
    let branches: Vec<ObjectId> = ledger.repo.list_refs(BRANCHES)?.into_iter().map(|(_, tip)| tip).collect();
    if !branches.is_empty() {
        name_unpublished(site, ledger, remote, &branches)?;
    }
    let synced = sync::push(ledger, remote)?;
    if site.stop.is_interrupted() {
        // What was interrupted says nothing of the remote.
        return Err(DispatchError::Interrupted);
    }
    if let Some(why) = synced.offline {
        site.tell(What::Remote(RemoteEvent::NotPushed { remote: remote.to_owned(), why }));
    }
    for (ref_name, why) in synced.refused {
        site.tell(What::Remote(RemoteEvent::Refused { remote: remote.to_owned(), ref_name, why }));
    }
    Ok(())
}

/// Names the commits that people made on the protected branch and did not push, before one of these tips is pushed and contains them.
fn name_unpublished(site: &Site<'_>, ledger: &Ledger<'_>, remote: &str, tips: &[ObjectId]) -> Result<(), DispatchError> {
    let (Some(here), Some(trunk)) = (ledger.find_trunk_tip()?, ledger.policy.trunk()) else { return Ok(()) };
    let unseen = ["rev-list", &here.to_string(), "--not", &format!("--remotes={remote}")];
    let unseen = site.repo.git().output(unseen)?;
    let Some(oldest) = unseen.lines().last().and_then(|line| ObjectId::parse(line).ok()) else { return Ok(()) };
    if !tips.iter().any(|tip| ledger.repo.is_ancestor(oldest, *tip).unwrap_or(false)) {
        return Ok(());
    }
    let since = ledger.repo.read_commit(oldest)?.parents.first().copied();
    let unseen: BTreeSet<&str> = unseen.lines().collect();
    let mut commits = gate::find_unlanded(ledger, since, here)?;
    commits.retain(|commit_id| unseen.contains(commit_id.to_string().as_str()));
    let Some(newest) = commits.first().copied() else { return Ok(()) };
    let (branch, remote, count) = (short(&trunk), remote.to_owned(), commits.len());
    let subject = ledger.repo.read_commit(newest)?.subject();
    site.tell(What::Landing(LandingEvent::Publishes { branch, remote, count, newest, subject }));
    Ok(())
}

/// Creates the protected branch from the remote's, in a clone that was made of another branch.
///
/// # Errors
/// If git fails.
pub(crate) fn bring_trunk(site: &Site<'_>, ledger: &Ledger<'_>, remote: &str, trunk: &str) -> Result<(), DispatchError> {
    if ledger.find_trunk_tip()?.is_none()
        && let Some(there) = site.repo.find_ref(&format!("refs/remotes/{remote}/{}", short(trunk)))?
    {
        // Whoever was faster had a reason.
        let (Moved::Done | Moved::Lost) = site.repo.move_refs(&[RefEdit::create(trunk, there)])?;
    }
    Ok(())
}

/// The result of following the shared remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Followed {
    Done,
    /// The remote is unreachable, for this reason.
    Away(String),
    /// The branch here cannot be brought to where it is there.
    Apart(Hold),
}

/// Fetches from the shared remote, and fast-forwards the protected branch to the remote's.
///
/// # Errors
/// If git or the ledger fails.
pub(crate) fn follow(site: &Site<'_>, ledger: &Ledger<'_>, remote: &str, trunk: &str) -> Result<Followed, DispatchError> {
    let repo = &site.repo;
    if let Fetched::Failed(why) = sync::fetch(repo, remote)? {
        return Ok(Followed::Away(why.to_string()));
    }
    sync::fold(repo, remote)?;
    let short = short(trunk);
    let there = repo.find_ref(&format!("refs/remotes/{remote}/{short}"))?;
    bring_trunk(site, ledger, remote, trunk)?;
    let (Some(there), Some(here)) = (there, ledger.find_trunk_tip()?) else { return Ok(Followed::Done) };
    if repo.is_ancestor(there, here)? {
        return Ok(Followed::Done);
    }
    if !repo.is_ancestor(here, there)? {
        return Ok(Followed::Apart(Hold::Diverged { branch: short, remote: remote.to_owned() }));
    }
    Ok(match advance(site, trunk, here, there)? {
        None => Followed::Done,
        Some(hold) => Followed::Apart(hold),
    })
}
