//! Which ticket a commit belongs to: by the chains, by a note, or by what the commit says of itself.

use serde::Serialize;

use super::{Done, OperationError};
use crate::core::event::named;
use crate::core::id::{ObjectId, PROVENANCE_NOTES, RunId, TicketId, VERDICT_NOTES};
use crate::core::trailers::{Key, plain};
use crate::git::Repo;
use crate::ledger::{Entry, Ledger, LedgerError, archive};

named! {
    /// What says so.
    By, "source", {
        /// The chain of the ticket has it as its work: nobody can claim it falsely.
        Chain = "chain",
        /// A note on the commit.
        Note = "note",
        /// A trailer of the commit alone, which anybody can write.
        Trailer = "trailer",
    }
}

/// The ticket of a commit.
#[derive(Debug, Serialize)]
pub(crate) struct Which {
    pub(crate) commit: ObjectId,
    pub(crate) ticket: TicketId,
    /// The run that made it, where the commit or its ticket says so.
    pub(crate) run: Option<RunId>,
    pub(crate) by: By,
    #[serde(skip)]
    pub(crate) entry: Entry,
}

/// Finds the ticket of a commit.
///
/// # Errors
/// When there is no such commit, or git cannot read.
pub(crate) fn which(ledger: &Ledger<'_>, name: &str) -> Done<Option<Which>> {
    let repo = ledger.repo;
    let commit = repo.git().find_commit(name)?.ok_or_else(|| OperationError::NoCommit(crate::core::text::escape(name)))?;
    let message = repo.read_commit(commit)?.message;
    let said = |key: Key| plain::values(&message, key.as_str()).into_iter().next_back().map(str::to_owned);
    let run = said(Key::Run).and_then(|run| RunId::parse(&run).ok());
    let found = |entry: Entry, by: By| {
        let run = run.clone().or_else(|| entry.ticket.run.clone());
        Which { commit, ticket: entry.id.clone(), run, by, entry }
    };
    let told = said(Key::Ticket).and_then(|id| TicketId::parse(&id).ok()).map(|id| read(ledger, &id)).transpose()?.flatten();
    let noted = find_noted(repo, commit)?.map(|id| read(ledger, &id)).transpose()?.flatten();
    for candidate in [&told, &noted].into_iter().flatten() {
        if is_work_of(repo, candidate, commit)? {
            return Ok(Some(found(candidate.clone(), By::Chain)));
        }
    }
    for row in ledger.rows()?.tickets {
        if row.ticket.head.is_some()
            && let Some(entry) = read(ledger, &row.id)?
            && is_work_of(repo, &entry, commit)?
        {
            return Ok(Some(found(entry, By::Chain)));
        }
    }
    for (id, tip) in archive::list(repo)? {
        let entry = ledger.read_entry(id, tip)?;
        if is_work_of(repo, &entry, commit)? {
            return Ok(Some(found(entry, By::Chain)));
        }
    }
    Ok(noted.map(|entry| found(entry, By::Note)).or_else(|| told.map(|entry| found(entry, By::Trailer))))
}

/// A ticket, live or archived.
fn read(ledger: &Ledger<'_>, id: &TicketId) -> Result<Option<Entry>, LedgerError> {
    match ledger.find(id) {
        Ok(None) => archive::find(ledger.repo, id)?.map(|tip| ledger.read_entry(id.clone(), tip)).transpose(),
        found => found,
    }
}

/// Whether a commit is among those that a ticket handed in, or is what the branch has of them.
fn is_work_of(repo: &Repo, entry: &Entry, commit: ObjectId) -> Result<bool, LedgerError> {
    let (Some(head), Some(base)) = (entry.ticket.head, entry.ticket.base) else { return Ok(false) };
    if commit == head || entry.ticket.copy == Some(commit) {
        return Ok(true);
    }
    // What is not here any more has nothing to tell.
    Ok(repo.has_object(head) && repo.has_object(base) && repo.is_ancestor(commit, head)? && !repo.is_ancestor(commit, base)?)
}

/// The ticket that a note on a commit names.
fn find_noted(repo: &Repo, commit: ObjectId) -> Result<Option<TicketId>, LedgerError> {
    for notes in [PROVENANCE_NOTES, VERDICT_NOTES] {
        let Some(text) = repo.find_note(notes, commit)? else { continue };
        let lines = text.lines().rev().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut ids = lines.filter_map(|note| TicketId::parse(note["ticket"].as_str()?).ok());
        if let Some(id) = ids.next() {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
