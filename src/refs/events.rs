//! Events of two chains compared: the same words by the same author, and the same files, wherever they stand.

use crate::core::denial::Illegal;
use crate::core::event::{Action, Event, EventKind};
use crate::core::id::ObjectId;
use crate::core::merge::{self, EventView};
use crate::core::ruling::Ruling;
use crate::core::signer::is_asked;
use crate::core::text;
use crate::core::ticket::Content;
use crate::core::wire;
use crate::git::Repo;
use crate::git::object::parse_commit;
use crate::ledger::replay::{self, Link, conflict_prefix, verdict_path};
use crate::ledger::tree::{self, Files};
use crate::ledger::{Ledger, LedgerError};

/// One event, with the content and the tree it was written on.
pub(super) struct Placed {
    pub(super) link: Link,
    pub(super) before: Option<(Content, ObjectId)>,
}

/// The events that two chains do not share, each oldest first.
pub(super) fn apart(repo: &Repo, left: ObjectId, right: ObjectId) -> Result<(Vec<Placed>, Vec<Placed>), LedgerError> {
    let side = |tip| -> Result<Vec<Placed>, LedgerError> {
        let links = replay::links(repo, tip, None)?;
        let mut links = match links {
            Ruling::Granted(links) => links,
            Ruling::Denied(Illegal { commit_id, why }) => {
                return Err(LedgerError::Unchained { commit_id, source: Box::new(why) });
            }
        };
        links.reverse();
        let mut before = None;
        let mut told = Vec::with_capacity(links.len());
        for link in links {
            let after = (link.record.after.content.clone(), link.commit.tree_id);
            told.push(Placed { link, before });
            before = Some(after);
        }
        Ok(told)
    };
    let (mut left, mut right) = (side(left)?, side(right)?);
    let shared = left.iter().zip(&right).take_while(|(left, right)| left.link.commit_id == right.link.commit_id).count();
    Ok((left.split_off(shared), right.split_off(shared)))
}

/// What an event changed in the tree: paths with the blob they got, or none. In names that carry the event's number it
/// stands as `#`, since elsewhere the event has another.
pub(super) fn delta(repo: &Repo, told: &Placed) -> Result<Vec<(String, Option<ObjectId>)>, LedgerError> {
    let link = &told.link;
    let unreadable = |why| LedgerError::Unchained { commit_id: link.commit_id, source: Box::new(why) };
    let files = |tree_id: Option<ObjectId>| -> Result<Files, LedgerError> {
        tree_id.map_or_else(|| Ok(Vec::new()), |tree_id| tree::flatten(repo, tree_id).map_err(unreadable))
    };
    let old_tree = told.before.as_ref().map(|before| before.1);
    if old_tree == Some(link.commit.tree_id) {
        return Ok(Vec::new());
    }
    let (old, new) = (files(old_tree)?, files(Some(link.commit.tree_id))?);
    let seq = link.record.after.seq;
    let changed = new.iter().filter(|entry| !old.contains(entry)).map(|(path, blob)| (nameless(path, seq), Some(*blob)));
    let gone = old.iter().filter(|entry| !new.iter().any(|other| other.0 == entry.0)).map(|(path, _)| (path.clone(), None));
    let mut all: Vec<_> = changed.chain(gone).collect();
    all.sort();
    Ok(all)
}

fn nameless(path: &str, seq: u32) -> String {
    if *path == verdict_path(seq) {
        return "verdicts/#".to_owned();
    }
    match path.strip_prefix(&conflict_prefix(seq)) {
        Some(rest) => format!("conflicts/#{rest}"),
        None => path.to_owned(),
    }
}

pub(super) fn path_at(path: &str, seq: u32) -> String {
    if path == "verdicts/#" {
        return verdict_path(seq);
    }
    match path.strip_prefix("conflicts/#") {
        Some(rest) => conflict_prefix(seq) + rest,
        None => path.to_owned(),
    }
}

/// Whether events have one that says the same, or a conflict that carries it.
pub(super) fn has(repo: &Repo, events: &[Placed], wanted: &Placed) -> Result<bool, LedgerError> {
    for known in events {
        if says(repo, wanted, known)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn says(repo: &Repo, old: &Placed, new: &Placed) -> Result<bool, LedgerError> {
    let told = |one: &Placed| -> Signed {
        (one.link.record.event.clone(), (one.link.commit.author.clone(), one.link.commit.committer.clone()))
    };
    let ((old_event, old_by), (new_event, new_by)) = (told(old), told(new));
    let head = |one: &Placed| one.link.record.after.head;
    let copy = |one: &Placed| one.link.record.after.copy;
    let wanted = EventView {
        event: &old_event,
        by: (&old_by.0, &old_by.1),
        before: old.before.as_ref().map(|before| &before.0),
        head: head(old),
        copy: copy(old),
    };
    let found = EventView {
        event: &new_event,
        by: (&new_by.0, &new_by.1),
        before: new.before.as_ref().map(|before| &before.0),
        head: head(new),
        copy: copy(new),
    };
    if merge::is_same_event(&wanted, &found) {
        if matches!(old_event.action, Action::Merge { .. }) {
            return Ok(true);
        }
        // The words are the same; the files have to be as well.
        let seq = new.link.record.after.seq;
        for (path, blob) in delta(repo, old)? {
            let found = repo.find_entry(new.link.commit.tree_id, &path_at(&path, seq))?.map(|entry| entry.id);
            if found != blob {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    // A conflict carries the event it stands for; where that event itself stands, the conflict has nothing to add.
    Ok(match (&old_event.action, &new_event.action) {
        _ if old_event.nonce != new_event.nonce => false,
        (_, Action::Conflict) => carried(repo, new)?.is_some_and(|kept| kept == (old_event, old_by)),
        (Action::Conflict, _) => carried(repo, old)?.is_some_and(|kept| kept == (new_event, new_by)),
        _ => false,
    })
}

/// An event and its author and committer.
type Signed = (Event, (String, String));

/// The event that a conflict stands for.
fn carried(repo: &Repo, conflict: &Placed) -> Result<Option<Signed>, LedgerError> {
    let path = format!("{}event", conflict_prefix(conflict.link.record.after.seq));
    let raw = repo.find_file(conflict.link.commit.tree_id, &path, text::MAX_FILE)?.unwrap_or_default();
    let Some(kept) = parse_commit(&raw) else { return Ok(None) };
    let event = wire::decode(&kept.message).ok().map(|record| record.event);
    Ok(event.map(|event| (event, (kept.author, kept.committer))))
}

/// Whether one chain says all that another said, so that it may take its place. A conflict, which anybody may write, does not
/// stand for what had to be signed.
///
/// # Errors
/// When git cannot read them.
pub(crate) fn keeps(ledger: &Ledger<'_>, old: ObjectId, new: ObjectId) -> Result<bool, LedgerError> {
    let repo = ledger.repo;
    let (before, after) = match apart(repo, old, new) {
        Ok(sides) => sides,
        Err(LedgerError::Unchained { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    if before.first().is_some_and(|told| told.before.is_none()) {
        return Ok(false);
    }
    for told in &before {
        if !has(repo, &after, told)? {
            return Ok(false);
        }
        if is_asked(&ledger.policy.actors, told.link.record.event.actor) && !is_itself(&after, told) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an event is among others as what it is; that a head has landed may be said in other words.
fn is_itself(events: &[Placed], wanted: &Placed) -> bool {
    let told = |one: &Placed| {
        let event = &one.link.record.event;
        let kind = event.action.kind();
        (kind, (kind != EventKind::Merge).then(|| event.nonce.clone()))
    };
    events.iter().any(|one| told(one) == told(wanted))
}
