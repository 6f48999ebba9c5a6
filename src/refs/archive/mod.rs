//! Closed tickets and old sessions, folded into one ref, so that the live refs are what is open, however old a project is.
//!
//! The tree names each one's last commit (`tickets/<yyyy-mm>/<id>`, `sessions/<yyyy-mm>/<id>`); the commits keep them: a
//! bundle has up to [`FAN_IN`] of them as its parents, and a commit of the archive has the one before it and its bundles.

mod judge;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::judge::{audit, judge};

use super::{Order, Outcome, Sides, chain, keeps};
use crate::core::id::{ARCHIVE, ObjectId, SESSIONS, SessionId, TICKETS, TicketId};
use crate::core::refs::{RefKind, tracking};
use crate::core::time::Timestamp;
use crate::git::Repo;
use crate::git::refs::{Moved, RefEdit};
use crate::git::tree::{COMMIT, Entry, FOLDER};
use crate::ledger::archive::{Folds, Lookup, entries, present, session_path, ticket_path};
use crate::ledger::replay::{self, Landed};
use crate::ledger::{Ledger, LedgerError, shared_remote};

/// How many folded tips one commit has as its parents.
const FAN_IN: usize = 256;
/// How long a ticket stays live after it was closed, in seconds, unless something else is asked for.
pub(crate) const AFTER_CLOSED: u64 = 7 * 24 * 3600;
/// How many sessions stay live, the newest.
const LIVE_SESSIONS: usize = 20;
/// From how many closed tickets on a session folds them by itself.
pub(crate) const DUE: usize = 200;
/// How often a lost race is tried again.
const TRIES: usize = 50;

/// Whether an archive has all that a live ref had, by the ref's name.
///
/// # Errors
/// When the archive or a chain cannot be read.
pub(crate) fn keeps_ref(repo: &Repo, archive: ObjectId, name: &str, tip: ObjectId) -> Result<bool, LedgerError> {
    let path = match RefKind::of(name) {
        Some(RefKind::Ticket(id)) => ticket_path(&id),
        _ => match name.strip_prefix(SESSIONS).and_then(|rest| SessionId::parse(rest).ok()) {
            Some(id) => session_path(&id),
            None => return Ok(false),
        },
    };
    match repo.find_entry(repo.read_commit(archive)?.tree_id, &path)? {
        Some(entry) if entry.mode == COMMIT => Ok(repo.is_ancestor(tip, entry.id)?),
        _ => Ok(false),
    }
}

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
/// one lets the refs go. Answers how many were folded.
///
/// # Errors
/// When git cannot write.
pub(crate) fn write(ledger: &Ledger<'_>, folds: &Folds) -> Result<usize, LedgerError> {
    let repo = ledger.repo;
    for _ in 0..TRIES {
        let old = repo.find_ref(ARCHIVE)?;
        let known = present(repo)?;
        let new: Folds =
            folds.iter().filter(|(path, tip)| known.get(*path) != Some(*tip)).map(|(path, tip)| (path.clone(), *tip)).collect();
        if new.is_empty() {
            break;
        }
        let who = repo.identity()?;
        let mut parents: Vec<ObjectId> = old.into_iter().collect();
        parents.extend(bundle(repo, &new)?);
        let mut all = known;
        let count = new.len();
        all.extend(new);
        let tree_id = write_entries(repo, &all)?;
        let tip = repo.write_commit(tree_id, &parents, &who, &format!("[archive] Fold {count} in\n\nOs-Schema: 1\n"))?;
        if repo.move_refs(&[RefEdit::advance(ARCHIVE, old, tip)])? == Moved::Done {
            settle(ledger)?;
            return Ok(count);
        }
    }
    settle(ledger)?;
    Ok(0)
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
        bundles.push(repo.rewrite_commit(&newest, empty, &parents, &format!("[bundle] {}\n\nOs-Schema: 1\n", tips.len()))?);
    }
    Ok(bundles)
}

/// The tree that names these.
fn write_entries(repo: &Repo, all: &Folds) -> Result<ObjectId, LedgerError> {
    let mut tops: BTreeMap<&str, BTreeMap<&str, Vec<Entry>>> = BTreeMap::new();
    for (path, id) in all {
        let Some((top, rest)) = path.split_once('/') else { continue };
        let Some((month, name)) = rest.split_once('/') else { continue };
        let months = tops.entry(top).or_default();
        months.entry(month).or_default().push(Entry { mode: COMMIT, name: name.to_owned(), id: *id });
    }
    let mut top_entries = Vec::new();
    for (top, months) in tops {
        let mut month_entries = Vec::new();
        for (month, mut entries) in months {
            month_entries.push(Entry { mode: FOLDER, name: month.to_owned(), id: repo.write_tree(&mut entries)? });
        }
        top_entries.push(Entry { mode: FOLDER, name: top.to_owned(), id: repo.write_tree(&mut month_entries)? });
    }
    Ok(repo.write_tree(&mut top_entries)?)
}

/// Lets go of the live refs of what the archive has, as it has it or further. A live ticket to which something happened that
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
    let mut edits = Vec::new();
    for (name, tip) in live {
        let kind = RefKind::of(&name);
        let path = match &kind {
            Some(RefKind::Ticket(id)) => Some(ticket_path(id)),
            _ => name.strip_prefix(SESSIONS).and_then(|rest| SessionId::parse(rest).ok()).map(|id| session_path(&id)),
        };
        let Some(kept) = path.map(|path| archived.find(repo, &path)).transpose()?.flatten() else { continue };
        let is_ticket = matches!(kind, Some(RefKind::Ticket(_)));
        if has_all(ledger, tip, kept, is_ticket)? {
            edits.push(RefEdit::delete(name, tip));
        } else if let Some(RefKind::Ticket(id)) = &kind
            && !has_all(ledger, kept, tip, is_ticket)?
        {
            rejoin(ledger, id, kept, order_of(ledger, &name, kept)?)?;
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

/// Whether one history has all that another has: it goes on from it or, of a ticket, says all that it says.
///
/// # Errors
/// When git cannot read them.
pub(crate) fn has_all(ledger: &Ledger<'_>, part: ObjectId, whole: ObjectId, is_ticket: bool) -> Result<bool, LedgerError> {
    Ok(part == whole || ledger.repo.is_ancestor(part, whole)? || (is_ticket && keeps(ledger, part, whole)?))
}

/// Folds in a remote's archive.
///
/// # Errors
/// When git fails; what is not by the rules is an answer.
pub(crate) fn fold(ledger: &Ledger<'_>, theirs: ObjectId, order: Order) -> Result<Outcome, LedgerError> {
    let repo = ledger.repo;
    for _ in 0..TRIES {
        let ours = repo.find_ref(ARCHIVE)?;
        if let Some(ours) = ours
            && (ours == theirs || repo.is_ancestor(theirs, ours)?)
        {
            return Ok(Outcome::Same);
        }
        let landed = Landed::new(repo, &ledger.policy);
        let mut disputed = Folds::new();
        let common = match ours {
            Some(ours) if !repo.is_ancestor(ours, theirs)? => None,
            ours => ours,
        };
        if let Some(why) = judge(ledger, common, theirs, replay::replay, &landed)? {
            return Ok(Outcome::Refused(why));
        }
        let (tip, outcome) = match ours {
            Some(ours) if common.is_none() => {
                let joined = join(repo, ours, theirs, order)?;
                disputed = joined.1;
                (joined.0, Outcome::Merged { conflicts: 0 })
            }
            _ => (theirs, Outcome::Brought),
        };
        if repo.move_refs(&[RefEdit::advance(ARCHIVE, ours, tip)])? == Moved::Done {
            for (path, tip) in disputed {
                if let Ok(id) = TicketId::parse(path.rsplit('/').next().unwrap_or_default()) {
                    rejoin(ledger, &id, tip, Order::Ours)?;
                }
            }
            return Ok(outcome);
        }
    }
    Err(crate::git::GitError::Move { name: ARCHIVE.to_owned(), source: "it kept moving".into() }.into())
}

/// Two archives as one: each ticket as the one that knows more of it has it. Where both know something of their own the
/// first keeps its place, and what the second has is answered as well.
fn join(repo: &Repo, ours: ObjectId, theirs: ObjectId, order: Order) -> Result<(ObjectId, Folds), LedgerError> {
    let sides = Sides::of(repo, ours, theirs, order)?;
    let mut all = entries(repo, sides.first.1.tree_id)?;
    let mut disputed = Folds::new();
    for (path, tip) in entries(repo, sides.second.1.tree_id)? {
        match all.get(&path) {
            Some(known) if *known == tip || repo.is_ancestor(tip, *known)? => {}
            Some(known) if !repo.is_ancestor(*known, tip)? => drop(disputed.insert(path, tip)),
            _ => drop(all.insert(path, tip)),
        }
    }
    let tree_id = write_entries(repo, &all)?;
    Ok((sides.join(repo, tree_id, "[archive] Put two archives together\n\nOs-Schema: 1\n")?, disputed))
}

/// Which goes first of a live ticket and what is archived of it: the live one where the remote has it too, and knows more
/// of it than the archive; else what is archived.
fn order_of(ledger: &Ledger<'_>, name: &str, archived: ObjectId) -> Result<Order, LedgerError> {
    let Some(remote) = shared_remote(ledger.repo) else { return Ok(Order::Older) };
    Ok(match ledger.repo.find_ref(&tracking(&remote, name))? {
        Some(there) if !has_all(ledger, there, archived, true)? => Order::Ours,
        Some(_) | None => Order::Theirs,
    })
}

/// Puts another history of a ticket together with the one here; it is live then, whatever it was.
fn rejoin(ledger: &Ledger<'_>, id: &TicketId, tip: ObjectId, order: Order) -> Result<(), LedgerError> {
    let landed = Landed::new(ledger.repo, &ledger.policy);
    // What cannot be put together stays where it is: in the history of the archive, or live.
    match chain::fold(ledger, id, tip, order, &landed)? {
        Outcome::Same | Outcome::Brought | Outcome::Merged { .. } | Outcome::Renamed(_) | Outcome::Refused(_) => Ok(()),
    }
}
