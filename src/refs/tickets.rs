//! `refs/os/tickets/<id>`: one ticket each, a chain of events of which each is legal after the one before.

use super::fold::Meeting;
use super::repair::put_back;
use super::{Audit, Folded, Joined, Kind, Order, Rank, Repaired, Scene, chain, find_archived, is_commit};
use crate::core::denial::Denial;
use crate::core::event::{EventKind, State};
use crate::core::fsm::Refusal;
use crate::core::id::{ObjectId, TICKETS, TicketId};
use crate::core::meta::Gate;
use crate::core::ruling::{Ruling, granted};
use crate::core::ticket::Ticket;
use crate::core::wire::{self, WireError};
use crate::git::Repo;
use crate::ledger::replay::{self, JudgeChain, Landed};
use crate::ledger::{Ledger, LedgerError, archive};

pub(crate) struct Tickets;

/// The ticket that a ref is named after.
pub(super) fn id_of(name: &str) -> Option<TicketId> {
    TicketId::parse(name.strip_prefix(TICKETS)?).ok()
}

/// As [`id_of`], of a name that nobody would give.
fn read_id(name: &str) -> Ruling<TicketId> {
    id_of(name).map_or(Ruling::Denied(Denial::NotATicketId), Ruling::Granted)
}

impl Kind for Tickets {
    fn owns(&self, name: &str) -> bool {
        id_of(name).is_some()
    }

    fn rank(&self) -> Rank {
        Rank::Ticket
    }

    fn archive_path(&self, name: &str) -> Option<String> {
        id_of(name).map(|id| archive::ticket_path(&id))
    }

    fn judge(&self, scene: &Scene<'_>, name: &str, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
        let ledger = granted!(scene.ledger());
        let id = granted!(read_id(name));
        let landed = scene.landed(ledger);
        // An archived ticket goes on from where it was archived.
        let known = match old {
            Some(old) => Some(old),
            None => find_archived(scene.repo, self, name)?,
        };
        let illegal = match replay::admit(ledger, &id, new, known, landed)? {
            Ruling::Granted(ticket) => return judge_brand(ledger, &id, known, &ticket),
            Ruling::Denied(illegal) => illegal,
        };
        Ok(match known {
            Some(known) if old.is_none() && known == new => Ruling::Granted(()),
            Some(known) if is_rewrite(ledger, &id, known, new, landed)? || is_repair(ledger, &id, known, new, landed)? => {
                Ruling::Granted(())
            }
            Some(_) if old.is_none() => Ruling::Denied(Denial::ArchivedOtherwise(Box::new(illegal.into()))),
            Some(known) => Ruling::Denied(match ledger.find_quarantine(&id, known)? {
                Some(found) => Denial::Quarantined {
                    since: found.illegal.commit_id,
                    last: found.legal.map(|entry| entry.ticket.state),
                    why: Box::new(illegal.into()),
                },
                None => illegal.into(),
            }),
            None => Ruling::Denied(illegal.into()),
        })
    }

    fn judge_deletion(&self, scene: &Scene<'_>, name: &str, old: ObjectId) -> Result<Ruling<()>, LedgerError> {
        let ledger = granted!(scene.ledger());
        let id = granted!(read_id(name));
        let is_kept = match find_archived(scene.repo, self, name)? {
            Some(kept) => self.keeps(ledger, old, kept)?,
            None => false,
        };
        // What was never a ticket may go.
        if is_kept || replay::legal_part(ledger, &id, old, scene.landed(ledger))?.is_none() {
            return Ok(Ruling::Granted(()));
        }
        Ok(Ruling::Denied(Denial::NotArchived))
    }

    fn accept(&self, scene: &Scene<'_>, name: &str, meeting: &Meeting) -> Result<Ruling<()>, LedgerError> {
        let ledger = granted!(scene.ledger());
        let id = granted!(read_id(name));
        let ticket = granted!(replay::replay(ledger, &id, meeting.theirs, None, scene.landed(ledger))?);
        Ok(if ledger.policy.brands.contains(&ticket.content.brand) {
            Ruling::Granted(())
        } else {
            Ruling::Denied(Denial::OtherBrand(ticket.content.brand))
        })
    }

    fn join(
        &self,
        scene: &Scene<'_>,
        name: &str,
        (ours, theirs): (ObjectId, ObjectId),
        order: Order,
    ) -> Result<Ruling<Joined>, LedgerError> {
        let ledger = granted!(scene.ledger());
        let id = granted!(read_id(name));
        let landed = scene.landed(ledger);
        let kept = replay::legal_part(ledger, &id, ours, landed)?;
        if kept != Some(ours) {
            // What is here is quarantined, and gives way to what has all of it that was legal.
            let is_repair = match kept {
                Some(kept) => scene.repo.is_ancestor(kept, theirs)?,
                None => true,
            };
            return Ok(if is_repair { Ruling::Granted(Joined::Theirs) } else { Ruling::Denied(Denial::LocalIllegal) });
        }
        chain::join(scene, &id, (ours, theirs), order)
    }

    fn keeps(&self, ledger: &Ledger<'_>, part: ObjectId, whole: ObjectId) -> Result<bool, LedgerError> {
        Ok(part == whole || ledger.repo.is_ancestor(part, whole)? || super::events::keeps(ledger, part, whole)?)
    }

    /// A ticket goes on from where it was archived, with all that the live one at the remote said.
    fn may_replace(&self, ledger: &Ledger<'_>, name: &str, old: ObjectId, new: ObjectId) -> Result<bool, LedgerError> {
        let Some(archived) = find_archived(ledger.repo, self, name)? else { return Ok(false) };
        Ok(ledger.repo.is_ancestor(archived, new)? && super::events::keeps(ledger, old, new)?)
    }

    /// That work is merged is not said where it has not arrived, nor that it is verified where its base has not.
    fn part_to_share(&self, repo: &Repo, there: &Landed<'_>, tip: ObjectId) -> Result<Option<ObjectId>, LedgerError> {
        // Where history is cut off, what is not here is taken to have arrived long ago.
        let is_cut = repo.is_shallow();
        let has = |commit_id: ObjectId| there.has_seen(commit_id) || (is_cut && !repo.has_object(commit_id));
        let can_go = |ticket: &Ticket| match ticket.state {
            State::Merged => ticket.landed_commit().is_some_and(has),
            State::Verified => ticket.base.is_some_and(has),
            _ => true,
        };
        let commit = repo.read_commit(tip)?;
        if wire::decode(&commit.message).is_ok_and(|record| can_go(&record.after)) {
            return Ok(Some(tip));
        }
        let Some(links) = replay::links(repo, tip, None)?.granted() else { return Ok(None) };
        Ok(links.iter().find(|link| can_go(&link.record.after)).map(|link| link.commit_id))
    }

    fn judge_archived(&self, scene: &Scene<'_>, name: &str, tip: ObjectId, judge: JudgeChain) -> Result<Ruling<()>, LedgerError> {
        let ledger = granted!(scene.ledger());
        let id = granted!(read_id(name));
        let ticket = granted!(judge(ledger, &id, tip, None, scene.landed(ledger))?);
        Ok(if ticket.state.is_terminal() { Ruling::Granted(()) } else { Ruling::Denied(Denial::NotClosed(ticket.state)) })
    }

    fn audit(&self, scene: &Scene<'_>, name: &str, tip: ObjectId, report: &mut Audit) -> Result<(), LedgerError> {
        audit_chain(scene, name, name, tip, report).map(drop)
    }

    fn repair(&self, scene: &Scene<'_>, name: &str, tip: ObjectId) -> Result<Option<Repaired>, LedgerError> {
        let (Ruling::Granted(ledger), Some(id)) = (scene.ledger(), id_of(name)) else { return Ok(None) };
        match ledger.find_quarantine(&id, tip)? {
            Some(found) if is_certain(&found.illegal.why) => put_back(scene.repo, name, tip, found.legal.map(|entry| entry.tip)),
            _ => Ok(None),
        }
    }

    fn audit_archived(&self, scene: &Scene<'_>, name: &str, tip: ObjectId, report: &mut Audit) -> Result<(), LedgerError> {
        let archive = crate::core::id::ARCHIVE;
        if let Some(ticket) = audit_chain(scene, archive, name, tip, report)?
            && !ticket.state.is_terminal()
            && let Some(path) = self.archive_path(name)
        {
            let why = Box::new(Denial::NotClosed(ticket.state));
            report.add(archive, Some(tip), &Denial::Entry { path, why });
        }
        Ok(())
    }
}

/// Whether what is wrong with a chain can never become right: an object that is not here may come, a newer git-os may
/// understand what this one does not, and work whose branch was rewound may be in it again.
fn is_certain(why: &Denial) -> bool {
    !matches!(
        why,
        Denial::Unreadable(_)
            | Denial::NotAnEvent(WireError::Newer(_))
            | Denial::Rule(Refusal::Needs { event: EventKind::Merge, .. })
    )
}

/// A policy may have had more brands once.
fn judge_brand(ledger: &Ledger<'_>, id: &TicketId, known: Option<ObjectId>, ticket: &Ticket) -> Result<Ruling<()>, LedgerError> {
    let brand = &ticket.content.brand;
    let is_allowed = ledger.policy.brands.contains(brand)
        || match known {
            Some(known) => ledger.read_entry(id.clone(), known)?.ticket.content.brand == *brand,
            None => false,
        };
    Ok(if is_allowed { Ruling::Granted(()) } else { Ruling::Denied(Denial::OtherBrand(brand.clone())) })
}

/// Whether a legal chain says all that the one in its place says, on top of what others wrote meanwhile.
fn is_rewrite(
    ledger: &Ledger<'_>,
    id: &TicketId,
    old: ObjectId,
    new: ObjectId,
    landed: &Landed<'_>,
) -> Result<bool, LedgerError> {
    let is_commit = is_commit(ledger.repo, new).is_ok_and(|ruling| ruling.is_granted());
    Ok(is_commit && super::events::keeps(ledger, old, new)? && replay::admit(ledger, id, new, None, landed)?.is_granted())
}

/// Whether a chain that is quarantined gives way to one that is legal and keeps all of it that was.
fn is_repair(ledger: &Ledger<'_>, id: &TicketId, old: ObjectId, new: ObjectId, landed: &Landed<'_>) -> Result<bool, LedgerError> {
    let kept = replay::legal_part(ledger, id, old, landed)?;
    if kept == Some(old) || !replay::admit(ledger, id, new, None, landed)?.is_granted() {
        return Ok(false);
    }
    Ok(match kept {
        Some(kept) => ledger.repo.is_ancestor(kept, new)?,
        None => true,
    })
}

/// Replays a chain, and notes against `ref_name` what is wrong with it. Returns the ticket if it is legal.
fn audit_chain(
    scene: &Scene<'_>,
    ref_name: &str,
    name: &str,
    tip: ObjectId,
    report: &mut Audit,
) -> Result<Option<Ticket>, LedgerError> {
    let (Ruling::Granted(ledger), Some(id)) = (scene.ledger(), id_of(name)) else { return Ok(None) };
    let landed = scene.landed(ledger);
    report.tickets += 1;
    let ticket = match replay::replay(ledger, &id, tip, None, landed)? {
        Ruling::Granted(ticket) => ticket,
        Ruling::Denied(illegal) => {
            report.add(ref_name, Some(illegal.commit_id), &illegal.why);
            return Ok(None);
        }
    };
    report.events += ticket.seq as usize;
    if !ledger.policy.brands.contains(&ticket.content.brand) {
        report.add(ref_name, Some(tip), &Denial::OtherBrand(ticket.content.brand.clone()));
    }
    // Merged means landed, whatever moved since.
    let is_gated = ledger.policy.gate != Gate::Off;
    if is_gated && ticket.state == State::Merged && !ticket.landed_commit().is_some_and(|commit_id| landed.has(commit_id)) {
        report.add(ref_name, Some(tip), &Denial::MergedNotLanded);
    }
    Ok(Some(ticket))
}

/// Gives the later of two tickets with one name the next longer one; see [`chain::join`].
pub(super) fn renamed(from: &TicketId, to: TicketId) -> Joined {
    Joined::Done(Folded::Renamed { from: from.clone(), to })
}
