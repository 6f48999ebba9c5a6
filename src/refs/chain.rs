//! Two histories of one ticket become one: the second is put on top of the first, event by event.

use super::events::{Placed, apart, delta, has, path_at};
use super::tickets::{Tickets, renamed};
use super::{Folded, Joined, Order, Scene, rejected};
use crate::core::denial::Denial;
use crate::core::event::{Action, Event, Role};
use crate::core::fsm::{self, Refusal};
use crate::core::id::{ObjectId, TicketId};
use crate::core::merge;
use crate::core::ruling::{Ruling, granted};
use crate::core::text;
use crate::core::ticket::Ticket;
use crate::core::wire::{self, Record};
use crate::git::Repo;
use crate::git::refs::{Moved, RefEdit};
use crate::git::signature::NewCommit;
use crate::ledger::replay::{self, Landed, conflict_prefix};
use crate::ledger::tree;
use crate::ledger::{FactsHere, Ledger, LedgerError};

/// Puts two legal chains of one name together.
///
/// # Errors
/// When git fails.
pub(super) fn join(
    scene: &Scene<'_>,
    id: &TicketId,
    (ours, theirs): (ObjectId, ObjectId),
    order: Order,
) -> Result<Ruling<Joined>, LedgerError> {
    let ledger = granted!(scene.ledger());
    let landed = scene.landed(ledger);
    match granted!(merged(ledger, id, ours, theirs, order, landed)?) {
        Merged::One { tip, conflicts } if ledger.repo.find_ref(&id.ref_name())? == Some(tip) => {
            let folded = if conflicts == 0 { Folded::Same } else { Folded::Merged { conflicts: 0 } };
            Ok(Ruling::Granted(Joined::Done(folded)))
        }
        Merged::One { tip, conflicts } => {
            if let Ruling::Denied(illegal) = replay::replay(ledger, id, tip, None, landed)? {
                return Ok(Ruling::Denied(Denial::Unmergeable(Box::new(illegal.into()))));
            }
            if conflicts > 0 {
                rejected::keep(ledger.repo, ours)?;
            }
            Ok(Ruling::Granted(Joined::Both { tip, conflicts }))
        }
        Merged::Two { is_ours_first } => rename(scene, id, (ours, theirs), is_ours_first, order),
    }
}

/// What two chains are together.
enum Merged {
    One {
        tip: ObjectId,
        conflicts: usize,
    },
    /// They are two tickets that happen to have one name.
    Two {
        is_ours_first: bool,
    },
}

fn merged(
    ledger: &Ledger<'_>,
    id: &TicketId,
    ours: ObjectId,
    theirs: ObjectId,
    order: Order,
    landed: &Landed<'_>,
) -> Result<Ruling<Merged>, LedgerError> {
    let (our_side, their_side) = apart(ledger.repo, ours, theirs)?;
    let is_root = |side: &[Placed]| side.first().is_some_and(|told| told.before.is_none());
    let age = |side: &[Placed]| side.first().map_or((0, ours), |told| (told.link.commit.time().0, told.link.commit_id));
    let is_ours_first = match order {
        Order::Theirs => false,
        Order::Ours => true,
        Order::Older => merge::is_first(age(&our_side), age(&their_side)),
    };
    if is_root(&our_side) || is_root(&their_side) {
        return Ok(Ruling::Granted(Merged::Two { is_ours_first }));
    }
    let together = if is_ours_first {
        put_on(ledger, id, (ours, &our_side), &their_side, landed)?
    } else {
        put_on(ledger, id, (theirs, &their_side), &our_side, landed)?
    };
    Ok(together.map(|(tip, conflicts)| Merged::One { tip, conflicts }))
}

/// Puts events on top of a chain, but for those that it has. Answers the tip, and how many became conflicts; or why this
/// machine cannot.
fn put_on(
    ledger: &Ledger<'_>,
    id: &TicketId,
    first: (ObjectId, &[Placed]),
    second: &[Placed],
    landed: &Landed<'_>,
) -> Result<Ruling<(ObjectId, usize)>, LedgerError> {
    let repo = ledger.repo;
    let (mut tip, there) = first;
    let commit = repo.read_commit(tip)?;
    let record = wire::decode(&commit.message).map_err(|source| LedgerError::Event { commit_id: tip, source })?;
    let (mut ticket, mut tree_id) = (record.after, commit.tree_id);
    let mut conflicts = 0;
    for told in second {
        if has(repo, there, told)? {
            continue;
        }
        let replayed = replay_one(ledger, id, &ticket, tree_id, told, landed)?;
        let (event, after, tree) = match replayed {
            Ruling::Granted(done) => done,
            Ruling::Denied(why) => {
                conflicts += 1;
                conflict(repo, &ticket, tree_id, told, &why)?
            }
        };
        let actor = event.actor;
        let message = wire::encode(&Record { event, after: after.clone() });
        tip = granted!(ledger.rewrite_event(actor, &NewCommit::like(&told.link.commit, tree, &[tip], message))?);
        (ticket, tree_id) = (after, tree);
    }
    Ok(Ruling::Granted((tip, conflicts)))
}

type Written = (Event, Ticket, ObjectId);

/// One event on top of another state than it was written on; the reason why it is not possible there is inside.
fn replay_one(
    ledger: &Ledger<'_>,
    id: &TicketId,
    before: &Ticket,
    before_tree: ObjectId,
    told: &Placed,
    landed: &Landed<'_>,
) -> Result<Ruling<Written, Refusal>, LedgerError> {
    let repo = ledger.repo;
    let link = &told.link;
    let mut event = link.record.event.clone();
    if let (Action::Edit { content }, Some((was, _))) = (&mut event.action, &told.before) {
        *content = merge::rebase(was, content, &before.content);
    }
    let verdict = match event.action {
        Action::Pass => {
            tree::read_verdict(repo, link.commit.tree_id, link.record.after.seq)?.granted().filter(|found| found.is_on(id))
        }
        _ => None,
    };
    // The event's own time, so that every machine comes to the same.
    let facts = FactsHere::new(ledger, landed, verdict.as_ref(), (link.commit.time(), true));
    let after = match fsm::apply(Some(before), &event, &facts.borrow()) {
        Ok(after) => after,
        Err(refusal) => return Ok(Ruling::Denied(refusal)),
    };
    let mut tree = before_tree;
    for (path, blob) in delta(repo, told)? {
        tree = repo.edit_tree(Some(tree), &path_at(&path, after.seq), blob)?;
    }
    Ok(Ruling::Granted((event, after, tree)))
}

/// The conflict that stands for an event which could not be replayed. Its commit is kept whole, and so is each file it wrote.
fn conflict(repo: &Repo, before: &Ticket, before_tree: ObjectId, told: &Placed, why: &Refusal) -> Result<Written, LedgerError> {
    let lost = &told.link.record.event;
    let words = format!("`{}` could not be replayed: {why}\n\n{}", lost.action.kind(), text::first_line(&lost.text));
    let event = Event {
        action: Action::Conflict,
        actor: Role::Sync,
        agent: None,
        by: None,
        nonce: lost.nonce.clone(),
        text: text::body(&words),
    };
    let facts = fsm::Facts {
        now: told.link.commit.time(),
        dependency: &|_| fsm::Dependency::Elsewhere,
        is_landed: &|_| false,
        is_copy: &|_, _, _| false,
        lands_at_host: false,
        verdict: None,
    };
    let after = fsm::apply(Some(before), &event, &facts)
        .map_err(|refusal| LedgerError::Unchained { commit_id: told.link.commit_id, source: Box::new(refusal.into()) })?;
    let prefix = conflict_prefix(after.seq);
    let raw = repo.write_blob(&repo.read_commit_bytes(told.link.commit_id)?)?;
    let mut tree = repo.edit_tree(Some(before_tree), &format!("{prefix}event"), Some(raw))?;
    for (path, blob) in delta(repo, told)? {
        if blob.is_some() {
            tree = repo.edit_tree(Some(tree), &format!("{prefix}{}", path.replace('/', ".")), blob)?;
        }
    }
    Ok((event, after, tree))
}

/// Gives the later of two tickets with one name the next longer one.
fn rename(
    scene: &Scene<'_>,
    id: &TicketId,
    (ours, theirs): (ObjectId, ObjectId),
    is_ours_first: bool,
    order: Order,
) -> Result<Ruling<Joined>, LedgerError> {
    let repo = scene.repo;
    let moved = if is_ours_first { theirs } else { ours };
    let root = root_of(repo, moved)?;
    let (date, brand) = (root.link.commit.time().date(), root.link.record.after.content.brand.clone());
    let other = root_of(repo, if is_ours_first { ours } else { theirs })?.link.commit_id;
    let shared = root.link.commit_id.to_string().bytes().zip(other.to_string().bytes()).take_while(|(a, b)| a == b).count();
    let longer = TicketId::of_root(&date, &brand, root.link.commit_id, (shared + 1).max(4));
    if is_ours_first {
        // On the machine it comes from it gets the same name.
        let folded = super::fold(scene, &Tickets, &longer.ref_name(), theirs, order)?;
        return Ok(Ruling::Granted(Joined::Done(folded)));
    }
    let is_placed = match repo.find_ref(&longer.ref_name())? {
        Some(known) => repo.is_ancestor(ours, known)?,
        None => repo.move_refs(&[RefEdit::create(longer.ref_name(), ours)])? == Moved::Done,
    };
    if !is_placed {
        return Ok(Ruling::Denied(Denial::NameTaken(longer)));
    }
    Ok(match repo.move_refs(&[RefEdit::advance(id.ref_name(), Some(ours), theirs)])? {
        Moved::Done => Ruling::Granted(renamed(id, longer)),
        Moved::Lost => Ruling::Denied(Denial::MovedDuringFold),
    })
}

fn root_of(repo: &Repo, tip: ObjectId) -> Result<Placed, LedgerError> {
    let unchained = |commit_id, why| LedgerError::Unchained { commit_id, source: Box::new(why) };
    let link = match replay::links(repo, tip, None)? {
        Ruling::Granted(links) => links.into_iter().next_back(),
        Ruling::Denied(illegal) => return Err(unchained(illegal.commit_id, illegal.why)),
    };
    let link = link.ok_or_else(|| unchained(tip, Denial::ChainEmpty))?;
    Ok(Placed { link, before: None })
}
