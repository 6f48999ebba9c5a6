//! The protected branches of the workspace while agents and checks work: what comes to them then, and not by a landing, is named.

use std::collections::HashSet;

use camino::Utf8Path;

use super::{DispatchError, Site};
use crate::core::id::{ObjectId, RunId, TicketId};
use crate::core::progress::{CareEvent, Trouble, What};
use crate::gate;
use crate::git::process::{read_file, write_file};
use crate::ledger::Ledger;
use crate::refs::strays::{self, Origin};

/// Where one protected branch is.
struct Tip {
    /// As the registry names it.
    repo: String,
    ref_name: String,
    commit_id: Option<ObjectId>,
}

/// Where all of them were before something ran.
pub(super) struct Tips(Vec<Tip>);

impl Tips {
    /// Looks where they are. A repository that cannot be opened, or that git-os does not guard, has none.
    pub(super) fn take(site: &Site<'_>) -> Self {
        let mut tips = Vec::new();
        for entry in &site.workspace.registry.repos {
            let Ok(repo) = site.workspace.open(entry) else { continue };
            let Ok(ledger) = Ledger::open(&repo) else { continue };
            for ref_name in ledger.policy.protected_refs() {
                let Ok(commit_id) = repo.find_ref(&ref_name) else { continue };
                tips.push(Tip { repo: entry.name.to_string(), ref_name, commit_id });
            }
        }
        Self(tips)
    }

    /// Keeps them in a file: this process may be killed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn keep(&self, file: &Utf8Path) -> Result<(), DispatchError> {
        let line = |tip: &Tip| {
            let commit_id = tip.commit_id.map(|id| id.to_string()).unwrap_or_default();
            format!("{} {} {commit_id}\n", tip.repo, tip.ref_name)
        };
        Ok(write_file(file, self.0.iter().map(line).collect::<String>().as_bytes(), 0o600)?)
    }

    /// Reads what was kept.
    pub(super) fn read(file: &Utf8Path) -> Self {
        let tip = |line: &str| {
            let mut words = line.split(' ');
            let (repo, ref_name, id) = (words.next()?.to_owned(), words.next()?.to_owned(), words.next()?);
            let commit_id = if id.is_empty() { None } else { Some(ObjectId::parse(id).ok()?) };
            Some(Tip { repo, ref_name, commit_id })
        };
        Self(read_file(file).unwrap_or_default().lines().filter_map(tip).collect())
    }

    /// Tells and notes what came since, besides what landed. What fails here fails nothing of the work.
    pub(super) fn compare(&self, site: &Site<'_>, ticket: &TicketId, run: &RunId, agent: &str) {
        let origin = Origin { version: 1, ticket: ticket.clone(), run: run.clone(), agent: agent.to_owned() };
        for tip in &self.0 {
            if let Err(error) = compare(site, tip, &origin) {
                site.tell(What::Trouble(Trouble::of(&error)));
            }
        }
    }
}

fn compare(site: &Site<'_>, before: &Tip, origin: &Origin) -> Result<(), DispatchError> {
    let registry = &site.workspace.registry;
    let Some(entry) = registry.repos.iter().find(|entry| entry.name.as_str() == before.repo) else { return Ok(()) };
    let repo = site.workspace.open(entry)?;
    let Some(now) = repo.find_ref(&before.ref_name)?.filter(|now| Some(*now) != before.commit_id) else { return Ok(()) };
    let ledger = Ledger::open(&repo)?;
    let mut commits = gate::find_unlanded(&ledger, before.commit_id, now)?;
    let branch = before.ref_name.strip_prefix("refs/heads/").unwrap_or(&before.ref_name);
    for (name, there) in repo.list_refs("refs/remotes/")? {
        // What a pull brings was made by others.
        if !commits.is_empty() && name.ends_with(&format!("/{branch}")) {
            let own: HashSet<_> = repo.difference(Some(there), now)?.added.into_iter().collect();
            commits.retain(|commit_id| own.contains(commit_id));
        }
    }
    let Some(newest) = commits.first() else { return Ok(()) };
    strays::add(&repo, &commits, origin)?;
    let subject = repo.read_commit(*newest)?.subject();
    let (repo, agent, count) = (before.repo.clone(), origin.agent.clone(), commits.len());
    site.tell(What::Care(CareEvent::Strayed { repo, branch: branch.to_owned(), agent, count, newest: *newest, subject }));
    Ok(())
}
