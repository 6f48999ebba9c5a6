//! Work under way: who holds what, who is alive, and which worktrees are still wanted.

use std::collections::HashSet;

use camino::Utf8PathBuf;

use super::subject::Subject;
use super::{Finding, Trouble, few};
use crate::core::event::State;
use crate::core::id::{BRANCHES, RunId};
use crate::core::text::{escape, plural};
use crate::core::time::Timestamp;
use crate::hook::install::quote;
use crate::ledger::archive;
use crate::local::{self, runs};

/// How long nothing has to happen on a ticket until it counts as forgotten, in seconds.
const FORGOTTEN: u64 = 3600;

/// The records that no run keeps locked and whose ticket that run no longer holds.
fn leftovers(subject: &Subject<'_>) -> Result<Vec<Utf8PathBuf>, Trouble> {
    let held = subject.rows()?.tickets.iter().filter(|row| row.ticket.state.is_held());
    let holders: HashSet<&RunId> = held.filter_map(|row| row.ticket.run.as_ref()).collect();
    Ok(runs::left(subject.repo, &holders)?)
}

/// Removes them, each while holding its lock. Returns which.
pub(super) fn remove_leftovers(subject: &Subject<'_>) -> Result<Vec<Utf8PathBuf>, Trouble> {
    let mut removed = Vec::new();
    for path in leftovers(subject)? {
        if runs::remove_left(&path)? {
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
    let here = runs::here(subject.repo);
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
        // What others renewed is known here only after the next fetch.
        if !here.contains(run) && ticket.is_abandoned(row.updated.plus(FORGOTTEN), now) {
            faults.push(format!("the lease on {} expired at {lease}, and no run on this machine is working on it", row.id));
            remedy = format!("git os expire {}", row.id);
        }
    }
    for path in leftovers(subject)? {
        faults.push(format!("`{path}` is left over from a finished run"));
        "git os start".clone_into(&mut remedy);
    }
    let all_well = match held {
        0 => "no ticket is held".to_owned(),
        held => format!("{} held, each with a live run or a valid lease", plural(held, "ticket", "tickets")),
    };
    Ok(Finding::of(&faults, all_well, remedy))
}

pub(super) fn worktrees(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let ledger = subject.ledger()?;
    let now = subject.now();
    let found = local::worktrees::list(subject.repo);
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
            faults.push(format!("`{path}` still exists {why}"));
        }
    }
    let changes = local::settings::list_changes(subject.repo, now)?;
    let named = |change: &local::settings::Change| format!("`{}` during {}", escape(&change.key), change.ticket);
    let changes: Vec<_> = changes.iter().map(named).collect();
    let mut changed = String::new();
    if !changes.is_empty() {
        changed = format!("; git settings changed: {}", few(&changes));
    }
    let included = match local::include::list(subject.repo)?.len() {
        0 => String::new(),
        files => format!("; `{}` names {}", local::include::FILE, plural(files, "ignored file", "ignored files")),
    };
    if let Some((fault, remedy)) = find_branch_in_the_way(subject)? {
        faults.insert(0, fault);
        return Ok(Finding::of(&faults, "", remedy));
    }
    if found.is_empty() {
        return Ok(Finding::pass(format!("no ticket has a worktree{included}{changed}")));
    }
    Ok(Finding::of(
        &faults,
        format!("{}, all in use{included}{changed}", plural(found.len(), "worktree", "worktrees")),
        "git os start",
    ))
}

/// A branch that keeps git from creating those of open tickets, as a fault, and the command that renames it.
fn find_branch_in_the_way(subject: &Subject<'_>) -> Result<Option<(String, String)>, Trouble> {
    let repo = subject.repo;
    let all = BRANCHES.trim_end_matches('/');
    let mut found = repo.find_present_ref(all)?.map(|_| (all.to_owned(), format!("{BRANCHES}T-…")));
    if found.is_none() {
        let rows = &subject.rows()?.tickets;
        let is_open = |id: &str| rows.iter().any(|row| row.id.as_str() == id && !row.ticket.state.is_terminal());
        let below = repo.list_refs(BRANCHES)?.into_iter().map(|(name, _)| name);
        let in_the_way = |name: String| {
            let (id, _) = name.strip_prefix(BRANCHES)?.split_once('/')?;
            is_open(id).then(|| (name.clone(), format!("{BRANCHES}{id}")))
        };
        found = below.into_iter().find_map(in_the_way);
    }
    let Some((name, wanted)) = found else { return Ok(None) };
    let short = |name: &str| name.trim_start_matches("refs/heads/").to_owned();
    let mut free = String::new();
    for number in 1.. {
        free = format!("refs/heads/{}-{number}", short(&name).replace('/', "-"));
        if repo.find_present_ref(&free)?.is_none() && repo.find_ref_in_the_way(&free)?.is_none() {
            break;
        }
    }
    let fault = format!("git cannot create the branch `{}` beside the branch `{}`", short(&wanted), escape(&short(&name)));
    let (at, from, to) = (quote(repo.home().as_str()), quote(&short(&name)), quote(&short(&free)));
    Ok(Some((fault, format!("git -C '{at}' branch -m '{from}' '{to}'"))))
}

/// Why a worktree should be gone by now.
fn overdue(ended: Option<(State, Timestamp)>, made: Timestamp, now: Timestamp) -> Option<String> {
    let (state, since) = match ended {
        Some((state, at)) => (Some(state), at),
        None => (None, made),
    };
    let what = match state {
        Some(State::Blocked) => "its ticket was blocked",
        Some(State::Merged) => "its ticket was merged",
        Some(_) => "its ticket was released or closed",
        None => "it was created, and it belongs to no ticket",
    };
    let is_over = local::worktrees::kept_until(state, since).is_some_and(|until| until < now);
    is_over.then(|| format!("{} after {what}", now.since(since)))
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
