//! Folding into the archive, and letting go of the live refs of what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::core::id::{ARCHIVE, ObjectId, SESSIONS, SessionId, TICKETS};
use crate::core::refs::tracking;
use crate::core::time::Timestamp;
use crate::core::trailers::Message;
use crate::core::wire::SCHEMA;
use crate::git::Repo;
use crate::git::refs::{Moved, RefEdit, Update};
use crate::git::tree::{COMMIT, FOLDER, TreeEntry};
use crate::ledger::archive::{Folds, Lookup, present, session_path, ticket_path};
use crate::ledger::{Ledger, LedgerError, shared_remote};
use crate::refs::{Folded, Kind, Order, Scene, fold, kind_of};

/// How many folded tips one commit has as its parents.
const FAN_IN: usize = 256;
/// How long a ticket stays live after it was closed, in seconds, unless something else is asked for.
pub(crate) const AFTER_CLOSED: u64 = 7 * 24 * 3600;
/// How many sessions stay live, the newest.
const LIVE_SESSIONS: usize = 20;
/// From how many closed tickets on a session folds them by itself.
pub(crate) const DUE: usize = 200;

/// What can be folded now: tickets that were closed `after` seconds ago or earlier, and all sessions but the newest.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn due(ledger: &Ledger<'_>, now: Timestamp, after: u64) -> Result<Folds, LedgerError> {
    let rows = ledger.rows()?.tickets.into_iter();
    let closed = rows.filter(|row| row.ticket.state.is_terminal() && row.updated.plus(after) <= now);
    let mut due: Folds = closed.map(|row| (ticket_path(&row.id), row.tip)).collect();
    let mut sessions = Vec::new();
    for (name, tip) in ledger.repo.list_refs(SESSIONS)? {
        if let (Ok(id), Ok(commit)) = (SessionId::parse(&name[SESSIONS.len()..]), ledger.repo.read_commit(tip)) {
            sessions.push((commit.time(), id, tip));
        }
    }
    sessions.sort_by(|left, right| right.cmp(left));
    due.extend(sessions.into_iter().skip(LIVE_SESSIONS).map(|(_, id, tip)| (session_path(&id), tip)));
    Ok(due)
}

/// Folds what is due, once it is much. Answers how many histories that were.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(crate) fn write_due(ledger: &Ledger<'_>) -> Result<usize, LedgerError> {
    let due = due(ledger, ledger.repo.identity()?.time, AFTER_CLOSED)?;
    if due.len() < DUE { Ok(0) } else { write(ledger, &due) }
}

/// Folds tips into the archive, then lets their live refs go. Whoever is killed between the two leaves both, and the next
/// one lets the refs go. Returns how many were folded.
///
/// # Errors
/// When git cannot write.
pub(crate) fn write(ledger: &Ledger<'_>, folds: &Folds) -> Result<usize, LedgerError> {
    let repo = ledger.repo;
    let count = repo.update_ref(ARCHIVE, |old| -> Result<Update<usize>, LedgerError> {
        let mut all = present(repo)?;
        let new: Folds =
            folds.iter().filter(|(path, tip)| all.get(*path) != Some(*tip)).map(|(path, tip)| (path.clone(), *tip)).collect();
        if new.is_empty() {
            return Ok(Update::Stop(0));
        }
        let who = repo.identity()?;
        let mut parents: Vec<ObjectId> = old.into_iter().collect();
        parents.extend(bundle(repo, &new)?);
        let count = new.len();
        all.extend(new);
        let tree_id = write_entries(repo, &all)?;
        let to = repo.write_commit(tree_id, &parents, &who, &message(format_args!("[archive] Fold {count} in")))?;
        Ok(Update::Move { to, then: count })
    })?;
    settle(ledger)?;
    Ok(count)
}

/// The message of a commit of the archive.
pub(super) fn message(subject: impl Display) -> String {
    Message::new(subject, "", SCHEMA).into()
}

/// The commits that keep these tips. Each has tips of about one time, and that time itself: git walks by time, and so looks
/// into one bundle after the other, where it would otherwise hold all that was ever archived in one list and sort it.
fn bundle(repo: &Repo, folds: &Folds) -> Result<Vec<ObjectId>, LedgerError> {
    let mut tips = Vec::new();
    for tip in folds.values().copied().collect::<BTreeSet<_>>() {
        tips.push((repo.read_commit(tip)?.time(), tip));
    }
    tips.sort_unstable_by(|left, right| right.cmp(left));
    let empty = repo.write_tree(&mut [])?;
    let mut bundles = Vec::new();
    for tips in tips.chunks(FAN_IN) {
        let newest = repo.read_commit(tips[0].1)?;
        let parents: Vec<ObjectId> = tips.iter().map(|(_, tip)| *tip).collect();
        bundles.push(repo.rewrite_commit(&newest, empty, &parents, &message(format_args!("[bundle] {}", tips.len())))?);
    }
    Ok(bundles)
}

/// The tree that names these.
pub(super) fn write_entries(repo: &Repo, all: &Folds) -> Result<ObjectId, LedgerError> {
    let mut tops: BTreeMap<&str, BTreeMap<&str, Vec<TreeEntry>>> = BTreeMap::new();
    for (path, id) in all {
        let Some((top, rest)) = path.split_once('/') else { continue };
        let Some((month, name)) = rest.split_once('/') else { continue };
        let months = tops.entry(top).or_default();
        months.entry(month).or_default().push(TreeEntry { mode: COMMIT, name: name.to_owned(), id: *id });
    }
    let mut top_entries = Vec::new();
    for (top, months) in tops {
        let mut month_entries = Vec::new();
        for (month, mut entries) in months {
            month_entries.push(TreeEntry { mode: FOLDER, name: month.to_owned(), id: repo.write_tree(&mut entries)? });
        }
        top_entries.push(TreeEntry { mode: FOLDER, name: top.to_owned(), id: repo.write_tree(&mut month_entries)? });
    }
    Ok(repo.write_tree(&mut top_entries)?)
}

/// Lets go of the live refs of what the archive has, as it has it or further. A live ref to which something happened that
/// the archive does not know stays, put together with what the archive knows, and is archived anew.
///
/// # Errors
/// When git cannot write.
pub(crate) fn settle(ledger: &Ledger<'_>) -> Result<(), LedgerError> {
    let repo = ledger.repo;
    if repo.find_ref(ARCHIVE)?.is_none() {
        return Ok(());
    }
    let live: Vec<_> = repo.list_refs(TICKETS)?.into_iter().chain(repo.list_refs(SESSIONS)?).collect();
    let archived = Lookup::of(repo, live.len())?;
    let scene = Scene::of(ledger);
    let mut edits = Vec::new();
    for (name, tip) in live {
        let Some(kind) = kind_of(&name) else { continue };
        let Some(kept) = kind.archive_path(&name).map(|path| archived.find(repo, &path)).transpose()?.flatten() else { continue };
        if kind.keeps(ledger, tip, kept)? {
            edits.push(RefEdit::delete(name, tip));
        } else if !kind.keeps(ledger, kept, tip)? {
            rejoin(&scene, kind, &name, kept, order_of(ledger, kind, &name, kept)?)?;
        }
    }
    for edits in edits.chunks(1000) {
        if repo.move_refs(edits)? == Moved::Lost {
            // Somebody wrote on one of them: one by one, and that one stays.
            for edit in edits {
                if repo.move_refs(std::slice::from_ref(edit))? == Moved::Lost {}
            }
        }
    }
    Ok(())
}

/// Which goes first of a live ref and what is archived of it: the live one where the remote has it too, and knows more of
/// it than the archive; else what is archived.
fn order_of(ledger: &Ledger<'_>, kind: &dyn Kind, name: &str, archived: ObjectId) -> Result<Order, LedgerError> {
    let Some(remote) = shared_remote(ledger.repo) else { return Ok(Order::Older) };
    Ok(match ledger.repo.find_ref(&tracking(&remote, name))? {
        Some(there) if !kind.keeps(ledger, there, archived)? => Order::Ours,
        Some(_) | None => Order::Theirs,
    })
}

/// Puts another history together with the one here; it is live then, whatever it was.
pub(super) fn rejoin(scene: &Scene<'_>, kind: &dyn Kind, name: &str, tip: ObjectId, order: Order) -> Result<(), LedgerError> {
    match fold(scene, kind, name, tip, order)? {
        // What cannot be put together stays where it is: in the history of the archive, or live.
        Folded::Same | Folded::Brought | Folded::Merged { .. } | Folded::Renamed { .. } | Folded::Refused(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_bytes_of_the_archive_stay_as_they_are() {
        assert_eq!(message("[archive] Fold 3 in"), "[archive] Fold 3 in\n\nOs-Schema: 1\n");
        assert_eq!(message("[bundle] 256"), "[bundle] 256\n\nOs-Schema: 1\n");
    }
}
