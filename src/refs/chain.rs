//! Two histories of one ticket become one: the second is put on top of the first, event by event.

use super::said::{Placed, apart, delta, has, path_at};
use super::{Order, Outcome, TRIES};
use crate::core::event::{Action, Event, Role};
use crate::core::fsm;
use crate::core::id::{ObjectId, REJECTED, TicketId};
use crate::core::merge;
use crate::core::text;
use crate::core::ticket::Ticket;
use crate::core::wire::{self, Record};
use crate::git::Repo;
use crate::git::refs::{Moved, RefEdit};
use crate::git::signature::NewCommit;
use crate::ledger::replay::{self, Landed, conflict_prefix};
use crate::ledger::{FactsHere, Ledger, LedgerError, archive};

/// Folds in a remote's chain of a ticket.
///
/// # Errors
/// When git fails; what is not by the rules is an answer.
pub(crate) fn fold(
    ledger: &Ledger<'_>,
    id: &TicketId,
    theirs: ObjectId,
    order: Order,
    landed: &Landed<'_>,
) -> Result<Outcome, LedgerError> {
    let repo = ledger.repo;
    for _ in 0..TRIES {
        let live = repo.find_ref(&id.ref_name())?;
        let known = match live {
            Some(live) => Some(live),
            None => archive::find(repo, id)?,
        };
        if known == Some(theirs) {
            return Ok(Outcome::Same);
        }
        if let Some(archived) = archive::find(repo, id)?
            && archived != theirs
            && repo.has_object(theirs)
            && super::archive::has_all(ledger, theirs, archived, true)?
        {
            // It was archived since, with all of that.
            return Ok(Outcome::Same);
        }
        if !repo.has_object(theirs) {
            return Ok(Outcome::Refused("its commit is not here".to_owned()));
        }
        if repo.read_header(theirs)?.0 != crate::git::object::Kind::Commit {
            return Ok(Outcome::Refused("it is not a commit".to_owned()));
        }
        if let Some(known) = known
            && repo.is_ancestor(theirs, known)?
        {
            return Ok(Outcome::Same);
        }
        let judged = match replay::replay(ledger, id, theirs, None, landed)? {
            Ok(ticket) => ticket,
            Err(illegal) => return Ok(Outcome::Refused(illegal.to_string())),
        };
        if !ledger.policy.brands.contains(&judged.content.brand) {
            return Ok(Outcome::Refused(format!("brand `{}` does not belong to this repository", judged.content.brand)));
        }
        let Some(ours) = known else {
            match repo.move_refs(&[RefEdit::create(id.ref_name(), theirs)])? {
                Moved::Done => return Ok(Outcome::Brought),
                Moved::Lost => continue,
            }
        };
        let (tip, outcome) = if repo.is_ancestor(ours, theirs)? || !is_legal(ledger, id, ours, landed)? {
            if !repo.is_ancestor(ours, theirs)? && !keeps_lawful(ledger, id, ours, theirs, landed)? {
                return Ok(Outcome::Refused("what is here is not by the rules, and what is there does not mend it".to_owned()));
            }
            (theirs, Outcome::Brought)
        } else {
            match merged(ledger, id, ours, theirs, order, landed)? {
                Merged::One { tip, conflicts } if Some(tip) == live => {
                    return Ok(if conflicts == 0 { Outcome::Same } else { Outcome::Merged { conflicts: 0 } });
                }
                Merged::One { tip, conflicts } => {
                    if let Err(illegal) = replay::replay(ledger, id, tip, None, landed)? {
                        return Ok(Outcome::Refused(format!("it cannot be put together with what is here: {illegal}")));
                    }
                    if conflicts > 0 {
                        keep_rejected(repo, ours)?;
                    }
                    (tip, Outcome::Merged { conflicts })
                }
                Merged::Apart(why) => return Ok(Outcome::Refused(why)),
                Merged::Two { is_ours_first } => return rename(ledger, id, ours, theirs, is_ours_first, order, landed),
            }
        };
        if repo.move_refs(&[RefEdit::advance(id.ref_name(), live, tip)])? == Moved::Done {
            return Ok(outcome);
        }
    }
    Err(LedgerError::Busy(id.clone()))
}

fn is_legal(ledger: &Ledger<'_>, id: &TicketId, tip: ObjectId, landed: &Landed<'_>) -> Result<bool, LedgerError> {
    Ok(replay::replay(ledger, id, tip, None, landed)?.is_ok())
}

/// Whether a chain has all of what was by the rules in one that is quarantined.
fn keeps_lawful(
    ledger: &Ledger<'_>,
    id: &TicketId,
    ours: ObjectId,
    theirs: ObjectId,
    landed: &Landed<'_>,
) -> Result<bool, LedgerError> {
    Ok(match replay::legal_part(ledger, id, ours, landed)? {
        Some(kept) => ledger.repo.is_ancestor(kept, theirs)?,
        None => true,
    })
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
    /// They cannot be put together here, for this reason.
    Apart(String),
}

fn merged(
    ledger: &Ledger<'_>,
    id: &TicketId,
    ours: ObjectId,
    theirs: ObjectId,
    order: Order,
    landed: &Landed<'_>,
) -> Result<Merged, LedgerError> {
    let (our_side, their_side) = apart(ledger.repo, ours, theirs)?;
    let is_root = |side: &[Placed]| side.first().is_some_and(|told| told.before.is_none());
    let age = |side: &[Placed]| side.first().map_or((0, ours), |told| (told.link.commit.time().0, told.link.commit_id));
    let is_ours_first = match order {
        Order::Theirs => false,
        Order::Ours => true,
        Order::Older => merge::is_first(age(&our_side), age(&their_side)),
    };
    if is_root(&our_side) || is_root(&their_side) {
        return Ok(Merged::Two { is_ours_first });
    }
    let together = if is_ours_first {
        put_on(ledger, id, (ours, &our_side), &their_side, landed)?
    } else {
        put_on(ledger, id, (theirs, &their_side), &our_side, landed)?
    };
    Ok(match together {
        Ok((tip, conflicts)) => Merged::One { tip, conflicts },
        Err(why) => Merged::Apart(why),
    })
}

/// Puts events on top of a chain, but for those that it has. Answers the tip, and how many became conflicts; or why this
/// machine cannot.
fn put_on(
    ledger: &Ledger<'_>,
    id: &TicketId,
    first: (ObjectId, &[Placed]),
    second: &[Placed],
    landed: &Landed<'_>,
) -> Result<Result<(ObjectId, usize), String>, LedgerError> {
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
            Ok(done) => done,
            Err(why) => {
                conflicts += 1;
                conflict(repo, &ticket, tree_id, told, &why)?
            }
        };
        let actor = event.actor;
        let message = wire::encode(&Record { event, after: after.clone() });
        tip = match ledger.rewrite_event(actor, &NewCommit::like(&told.link.commit, tree, &[tip], message))? {
            Ok(tip) => tip,
            Err(why) => return Ok(Err(why)),
        };
        (ticket, tree_id) = (after, tree);
    }
    Ok(Ok((tip, conflicts)))
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
) -> Result<Result<Written, String>, LedgerError> {
    let repo = ledger.repo;
    let link = &told.link;
    let mut event = link.record.event.clone();
    if let (Action::Edit { content }, Some((was, _))) = (&mut event.action, &told.before) {
        *content = merge::rebase(was, content, &before.content);
    }
    let verdict = match event.action {
        Action::Pass => {
            replay::read_verdict(repo, link.commit.tree_id, link.record.after.seq)?.ok().filter(|found| found.is_on(id))
        }
        _ => None,
    };
    // The event's own time, so that every machine comes to the same.
    let facts = FactsHere::new(ledger, landed, verdict.as_ref(), link.commit.time());
    let after = match fsm::apply(Some(before), &event, &facts.borrow()) {
        Ok(after) => after,
        Err(refusal) => return Ok(Err(refusal.to_string())),
    };
    let mut tree = before_tree;
    for (path, blob) in delta(repo, told)? {
        tree = repo.edit_tree(Some(tree), &path_at(&path, after.seq), blob)?;
    }
    Ok(Ok((event, after, tree)))
}

/// The conflict that stands for an event which could not be replayed. Its commit is kept whole, and so is each file it wrote.
fn conflict(repo: &Repo, before: &Ticket, before_tree: ObjectId, told: &Placed, why: &str) -> Result<Written, LedgerError> {
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
        verdict: None,
    };
    let after = fsm::apply(Some(before), &event, &facts)
        .map_err(|refusal| LedgerError::Unchained { commit_id: told.link.commit_id, reason: refusal.to_string() })?;
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

/// Keeps what could not be replayed as it was, signature and all, on this machine.
pub(crate) fn keep_rejected(repo: &Repo, tip: ObjectId) -> Result<(), LedgerError> {
    let time = repo.read_commit(tip)?.time().to_string().to_lowercase().replace(':', "");
    let name = format!("{REJECTED}{time}-{}", tip.short(12));
    match repo.move_refs(&[RefEdit::create(name, tip)])? {
        // It is there from the fold before, which was interrupted.
        Moved::Done | Moved::Lost => Ok(()),
    }
}

/// Gives the later of two tickets with one name the next longer one.
fn rename(
    ledger: &Ledger<'_>,
    id: &TicketId,
    ours: ObjectId,
    theirs: ObjectId,
    is_ours_first: bool,
    order: Order,
    landed: &Landed<'_>,
) -> Result<Outcome, LedgerError> {
    let repo = ledger.repo;
    let moved = if is_ours_first { theirs } else { ours };
    let root = root_of(repo, moved)?;
    let (date, brand) = (root.link.commit.time().date(), root.link.record.after.content.brand.clone());
    let other = root_of(repo, if is_ours_first { ours } else { theirs })?.link.commit_id;
    let shared = root.link.commit_id.to_string().bytes().zip(other.to_string().bytes()).take_while(|(a, b)| a == b).count();
    let longer = TicketId::of_root(&date, &brand, root.link.commit_id, (shared + 1).max(4));
    if is_ours_first {
        // On the machine it comes from it gets the same name.
        return fold(ledger, &longer, theirs, order, landed);
    }
    match repo.find_ref(&longer.ref_name())? {
        Some(known) if repo.is_ancestor(ours, known)? => {}
        Some(_) => return Ok(Outcome::Refused(format!("`{longer}` is in its place"))),
        None => {
            if repo.move_refs(&[RefEdit::create(longer.ref_name(), ours)])? == Moved::Lost {
                return Ok(Outcome::Refused(format!("`{longer}` is in its place")));
            }
        }
    }
    match repo.move_refs(&[RefEdit::advance(id.ref_name(), Some(ours), theirs)])? {
        Moved::Done => Ok(Outcome::Renamed(longer)),
        Moved::Lost => Ok(Outcome::Refused("it moved while it was folded; the next fold looks again".to_owned())),
    }
}

fn root_of(repo: &Repo, tip: ObjectId) -> Result<Placed, LedgerError> {
    let links = replay::links(repo, tip, None)?;
    let links = links.map_err(|illegal| LedgerError::Unchained { commit_id: illegal.commit_id, reason: illegal.reason })?;
    let link = links.into_iter().next_back();
    let link = link.ok_or(LedgerError::Unchained { commit_id: tip, reason: "the chain is empty".to_owned() })?;
    Ok(Placed { link, before: None })
}
