//! Takes git-os out of a repository: what it has of git-os, what is removed, and what stays.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::{Done, OperationError};
use crate::core::event::State;
use crate::core::id::{BRANCHES, ObjectId, TicketId};
use crate::core::refs::{NOTES_ROOT, ROOT, TRACKING, refspecs};
use crate::core::text::in_one_line;
use crate::core::time::Timestamp;
use crate::doctor::setup::{self, LEFT_OUT};
use crate::git::Repo;
use crate::git::process::remove_all;
use crate::hook::install;
use crate::ledger::{Ledger, LedgerError, archive};
use crate::local::{held, locks, machine, runs, worktrees};
use crate::workspace::CONFIG_KEY;

/// A ticket that this clone holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) id: TicketId,
    pub(crate) title: String,
    pub(crate) until: Option<Timestamp>,
}

/// What a repository has of git-os.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) held: Vec<Held>,
    pub(crate) worktrees: Vec<(TicketId, Utf8PathBuf)>,
    /// The branches of tickets.
    pub(crate) branches: Vec<(String, ObjectId)>,
    /// All refs of git-os, also those that say what a remote has.
    pub(crate) refs: Vec<(String, ObjectId)>,
}

impl Inventory {
    /// How many refs there are of each kind, such as `refs/os/tickets`.
    #[must_use]
    pub(crate) fn kinds(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for (name, _) in &self.refs {
            let depth = if name.starts_with(NOTES_ROOT) { 4 } else { 3 };
            *kinds.entry(name.split('/').take(depth).collect::<Vec<_>>().join("/")).or_default() += 1;
        }
        kinds
    }
}

/// Looks at what a repository has.
///
/// # Errors
/// When somebody works in it, or git cannot read it.
pub(crate) fn look(repo: &Repo) -> Done<Inventory> {
    if locks::has_session(repo) || runs::is_any_alive(repo)? {
        return Err(OperationError::AtWork(repo.home().to_owned()));
    }
    let mut found = Inventory {
        worktrees: worktrees::list(repo).into_iter().map(|(id, (path, _))| (id, path)).collect(),
        branches: repo.list_refs(BRANCHES)?,
        ..Inventory::default()
    };
    found.branches.retain(|(name, _)| TicketId::parse(&name[BRANCHES.len()..]).is_ok());
    for prefix in [ROOT, NOTES_ROOT, TRACKING] {
        found.refs.extend(repo.list_refs(prefix)?);
    }
    // Without a policy there are no tickets.
    let Ok(ledger) = Ledger::open(repo) else { return Ok(found) };
    let here = runs::here(repo);
    for row in ledger.rows()?.tickets {
        let Some(run) = row.ticket.run.filter(|_| row.ticket.state.is_held()) else { continue };
        if here.contains(&run) || held::find(repo, &row.id).is_some_and(|known| known == run.to_string()) {
            found.held.push(Held { id: row.id, title: row.ticket.content.title, until: row.ticket.lease });
        }
    }
    Ok(found)
}

/// What became of worktrees and branches.
#[derive(Debug, Default)]
pub(crate) struct Cleared {
    pub(crate) worktrees: usize,
    pub(crate) branches: usize,
    /// The refs with what was not committed.
    pub(crate) saved: Vec<String>,
    /// What stays, and why.
    pub(crate) stays: Vec<String>,
}

/// Removes the worktrees of tickets, after saving what is in them, and the branches whose work has landed.
///
/// # Errors
/// When git cannot read the repository.
pub(crate) fn clear(repo: &Repo, inventory: &Inventory) -> Done<Cleared> {
    let mut cleared = Cleared::default();
    let ledger = Ledger::open(repo)?;
    for (id, path) in &inventory.worktrees {
        match clear_one(repo, &ledger, id, path) {
            Ok(saved) => {
                cleared.worktrees += 1;
                cleared.saved.extend(saved);
            }
            Err(error) => cleared.stays.push(format!("worktree `{path}`: {}", in_one_line(&error))),
        }
    }
    for path in worktrees::list_verifications(repo) {
        repo.clear_worktree(&path)?;
    }
    for (name, tip) in &inventory.branches {
        let short = name.trim_start_matches("refs/heads/");
        if !has_landed(&ledger, name, *tip)? {
            cleared.stays.push(format!("branch `{short}`: its work has not landed"));
        } else if repo.git().run(["branch", "--quiet", "--delete", "--force", "--", short])?.code == 0 {
            cleared.branches += 1;
        } else {
            cleared.stays.push(format!("branch `{short}`: git does not delete it"));
        }
    }
    // `rmdir` removes only empty folders.
    let folder = worktrees::folder(repo);
    for folder in [Some(folder.as_path()), folder.parent()].into_iter().flatten() {
        rustix::fs::rmdir(folder.as_std_path()).unwrap_or_default();
    }
    Ok(cleared)
}

fn clear_one(repo: &Repo, ledger: &Ledger<'_>, id: &TicketId, path: &camino::Utf8Path) -> Result<Option<String>, LedgerError> {
    let submitted = ledger.find(id)?.and_then(|entry| entry.ticket.head);
    // Where nothing says what is known elsewhere, all of it counts as unsaved.
    let beyond = submitted.or(ledger.find_trunk_tip()?);
    let saved = worktrees::rescue(repo, id, path, beyond)?;
    repo.clear_worktree(path)?;
    Ok(saved)
}

/// Whether all that a branch has is on a protected branch, as it is or as a copy.
fn has_landed(ledger: &Ledger<'_>, name: &str, tip: ObjectId) -> Result<bool, LedgerError> {
    for branch in ledger.policy.protected_refs() {
        if let Some(protected) = ledger.repo.find_ref(&branch)?
            && ledger.repo.is_ancestor(tip, protected)?
        {
            return Ok(true);
        }
    }
    let Ok(id) = TicketId::parse(&name[BRANCHES.len()..]) else { return Ok(false) };
    let entry = match ledger.find(&id)? {
        Some(entry) => Some(entry),
        None => archive::find(ledger.repo, &id)?.map(|tip| ledger.read_entry(id, tip)).transpose()?,
    };
    Ok(entry.is_some_and(|entry| entry.ticket.state == State::Merged && entry.ticket.head == Some(tip)))
}

/// Removes hooks, settings and refspecs, and what is derived. Worktrees that are still there stay hidden from `git status`.
///
/// # Errors
/// When a file or git's configuration cannot be written.
pub(crate) fn take_out(repo: &Repo, remote: Option<&str>) -> Done<()> {
    install::uninstall(repo)?;
    if worktrees::list(repo).is_empty() {
        install::exclude(repo, &[])?;
    }
    let git = repo.git();
    if let Some(remote) = remote {
        let specs = [refspecs(remote), LEFT_OUT.map(str::to_owned)].concat();
        setup::remove_refspecs(repo, remote, &specs)?;
    }
    // What a person called this machine is not ours to forget.
    let machine = git.find(["config", "--local", machine::KEY])?;
    // There may be none of them.
    let removed = git.output(["config", "--local", "--remove-section", "git-os"]);
    if Repo::open(repo.home())?.config(CONFIG_KEY).is_some() {
        removed?;
        return Err(OperationError::SettingsStay);
    }
    if let Some(machine) = machine {
        git.output(["config", "--local", machine::KEY, machine.trim()])?;
    }
    Ok(remove_all(&repo.os_dir())?)
}

/// Removes all refs of git-os from a repository whose hooks are gone.
///
/// # Errors
/// When git refuses; then all of them are there.
pub(crate) fn purge(repo: &Repo, inventory: &Inventory) -> Done<()> {
    let lines = inventory.refs.iter().fold(String::new(), |all, (name, tip)| all + &format!("delete {name}\0{tip}\0"));
    repo.git().input(["update-ref", "--stdin", "-z"], lines.as_bytes())?;
    Ok(remove_all(&repo.os_dir())?)
}
