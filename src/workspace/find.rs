//! The ticket that a person means, looked for in one repository or in all of a workspace.

use super::{Workspace, WorkspaceError};
use crate::core::id::{RepoName, TICKETS, TicketId};
use crate::core::naming::{Attribute, Shelf, meant};
use crate::core::text;
use crate::git::Repo;
use crate::ledger::{Candidate, Ledger, LedgerError, archive};

/// How many of several fitting tickets are named.
const MAX_NAMED: usize = 10;

/// A ticket found somewhere in the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) repo: RepoName,
    pub(crate) id: TicketId,
}

/// The ticket that a person means in one repository.
///
/// # Errors
/// When none or several fit, or the repository is not under git-os.
pub(crate) fn resolve_in(repo: &Repo, words: &str) -> Result<TicketId, LedgerError> {
    let ledger = Ledger::open(repo)?;
    match find_whole(&ledger, words)? {
        Some(id) => Ok(id),
        None => Ok(choose(&[ledger], words)?.id),
    }
}

impl Workspace {
    /// The ticket that a person means, looked for in all repositories. A whole id is looked for in `first`, which is open
    /// already, before any other is opened.
    ///
    /// # Errors
    /// When none or several fit.
    pub(crate) fn resolve(&self, words: &str, first: Option<(&RepoName, &Repo)>) -> Result<Found, WorkspaceError> {
        let ledger_here = first.and_then(|(_, repo)| Ledger::open(repo).ok());
        if let Some(ledger) = &ledger_here
            && let Some(found) = find_in(ledger, words)?
        {
            return Ok(found);
        }
        let others = self.registry.repos.iter().filter(|entry| first.is_none_or(|(name, _)| *name != entry.name));
        let repos: Vec<Repo> = others.filter_map(|entry| self.open(entry).ok()).collect();
        for repo in &repos {
            // What it cannot fold in is for a command about that repository to say.
            drop(crate::sync::fold_fetched(repo));
        }
        let mut ledgers = Vec::new();
        for ledger in repos.iter().filter_map(|repo| Ledger::open(repo).ok()) {
            if let Some(found) = find_in(&ledger, words)? {
                return Ok(found);
            }
            ledgers.push(ledger);
        }
        ledgers.extend(ledger_here);
        ledgers.sort_by(|left, right| left.policy.repo.cmp(&right.policy.repo));
        match choose(&ledgers, words) {
            Err(error @ LedgerError::NotFound(_)) => Err(self.find_in_former(words)?.unwrap_or(error.into())),
            found => Ok(found?),
        }
    }

    /// Why a ticket is not found here that is in a repository which is no longer in the registry.
    fn find_in_former(&self, words: &str) -> Result<Option<WorkspaceError>, WorkspaceError> {
        for former in self.list_former()? {
            if resolve_in(&former.repo, words).is_ok() {
                let (words, home) = (text::escape(words), former.repo.home().to_owned());
                return Ok(Some(WorkspaceError::Former { words, name: former.name, file: self.file.clone(), home }));
            }
        }
        Ok(None)
    }
}

fn find_in(ledger: &Ledger<'_>, words: &str) -> Result<Option<Found>, LedgerError> {
    Ok(find_whole(ledger, words)?.map(|id| Found { repo: ledger.policy.repo.clone(), id }))
}

/// The ticket with this id, live or archived.
fn find_whole(ledger: &Ledger<'_>, words: &str) -> Result<Option<TicketId>, LedgerError> {
    let Ok(id) = TicketId::parse(words) else { return Ok(None) };
    let is_there = ledger.repo.find_ref(&id.ref_name())?.is_some() || archive::find(ledger.repo, &id)?.is_some();
    Ok(is_there.then_some(id))
}

/// The one ticket that fits words which are no whole id.
fn choose(ledgers: &[Ledger<'_>], words: &str) -> Result<Found, LedgerError> {
    let fitting = meant(words, |shelf, attribute| {
        let mut all = Vec::new();
        for (at, ledger) in ledgers.iter().enumerate() {
            all.extend(texts(ledger, shelf, attribute)?.into_iter().map(|(text, id)| (text, (at, id))));
        }
        Ok::<_, LedgerError>(all)
    })?;
    match fitting.as_slice() {
        [] => Err(LedgerError::NotFound(text::escape(words))),
        [(at, id)] => Ok(Found { repo: ledgers[*at].policy.repo.clone(), id: id.clone() }),
        _ => {
            let named = fitting.iter().take(MAX_NAMED).map(|(at, id)| candidate(&ledgers[*at], id));
            let candidates = named.collect::<Result<_, _>>()?;
            Err(LedgerError::Ambiguous { part: text::escape(words), candidates, count: fitting.len() })
        }
    }
}

/// The ids or the titles of the tickets on a shelf.
fn texts(ledger: &Ledger<'_>, shelf: Shelf, attribute: Attribute) -> Result<Vec<(String, TicketId)>, LedgerError> {
    let of_id = |id: TicketId| (id.to_string(), id);
    Ok(match (shelf, attribute) {
        (Shelf::Live, Attribute::Id) => {
            let refs = ledger.repo.list_refs(TICKETS)?;
            refs.iter().filter_map(|(name, _)| TicketId::parse(&name[TICKETS.len()..]).ok()).map(of_id).collect()
        }
        (Shelf::Live, Attribute::Title) => {
            let rows = ledger.rows()?;
            let last_legal = rows.quarantined.into_iter().filter_map(|one| one.legal);
            rows.tickets.into_iter().chain(last_legal).map(|row| (row.ticket.content.title, row.id)).collect()
        }
        (Shelf::Archived, Attribute::Id) => archive::list(ledger.repo)?.into_iter().map(|(id, _)| of_id(id)).collect(),
        (Shelf::Archived, Attribute::Title) => {
            let mut titles = Vec::new();
            for (id, tip) in archive::list(ledger.repo)? {
                titles.push((ledger.read_entry(id.clone(), tip)?.ticket.content.title, id));
            }
            titles
        }
    })
}

/// One of several tickets that fit, as a person tells it from the others.
fn candidate(ledger: &Ledger<'_>, id: &TicketId) -> Result<Candidate, LedgerError> {
    // One that is quarantined as a whole has no title.
    let ticket = match ledger.read_legal(id) {
        Ok((entry, _)) => Some(entry.ticket),
        Err(LedgerError::Quarantined { .. }) => None,
        Err(error) => return Err(error),
    };
    let state = ticket.as_ref().map(|ticket| ticket.state);
    let title = ticket.map(|ticket| ticket.content.title).unwrap_or_default();
    Ok(Candidate { id: id.clone(), repo: ledger.policy.repo.clone(), state, title })
}
