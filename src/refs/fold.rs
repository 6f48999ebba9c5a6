//! What a remote has of a ref, folded in here: the one way for all kinds.

use super::{Folded, Joined, Kind, Order, Scene, find_archived, is_commit};
use crate::core::denial::Denial;
use crate::core::id::ObjectId;
use crate::core::ruling::Ruling;
use crate::git::refs::Update;
use crate::ledger::LedgerError;

/// What is here of a ref, live or archived, and what a remote has that is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meeting {
    pub(crate) ours: Option<ObjectId>,
    pub(crate) theirs: ObjectId,
    /// Whether theirs descends from ours, or there is none here.
    pub(crate) is_forward: bool,
}

impl Meeting {
    /// What theirs goes on from.
    #[must_use]
    pub(crate) fn base(&self) -> Option<ObjectId> {
        self.ours.filter(|_| self.is_forward)
    }
}

/// Whether a remote's value of a ref has something that is not here, and may be taken in; `None` when it has nothing.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn meet(
    scene: &Scene<'_>,
    kind: &dyn Kind,
    name: &str,
    live: Option<ObjectId>,
    theirs: ObjectId,
) -> Result<Ruling<Option<Meeting>>, LedgerError> {
    let repo = scene.repo;
    // Most are as they were, and nothing is looked up for them.
    if live == Some(theirs) {
        return Ok(Ruling::Granted(None));
    }
    let archived = find_archived(repo, kind, name)?;
    let ours = live.or(archived);
    if ours == Some(theirs) {
        return Ok(Ruling::Granted(None));
    }
    if !repo.has_object(theirs) {
        return Ok(Ruling::Denied(Denial::Missing(theirs)));
    }
    if let Ruling::Denied(why) = is_commit(repo, theirs)? {
        return Ok(Ruling::Denied(why));
    }
    // It was archived since, with all of that.
    if let (Some(archived), Ruling::Granted(ledger)) = (archived.filter(|archived| *archived != theirs), scene.ledger())
        && kind.keeps(ledger, theirs, archived)?
    {
        return Ok(Ruling::Granted(None));
    }
    if let Some(ours) = ours
        && repo.is_ancestor(theirs, ours)?
    {
        return Ok(Ruling::Granted(None));
    }
    let is_forward = match ours {
        Some(ours) => repo.is_ancestor(ours, theirs)?,
        None => true,
    };
    let meeting = Meeting { ours, theirs, is_forward };
    Ok(kind.accept(scene, name, &meeting)?.map(|()| Some(meeting)))
}

/// Folds in what a remote has of a ref.
///
/// # Errors
/// When git fails, or the ref keeps changing; what is not legal is an answer.
pub(crate) fn fold(
    scene: &Scene<'_>,
    kind: &dyn Kind,
    name: &str,
    theirs: ObjectId,
    order: Order,
) -> Result<Folded, LedgerError> {
    let repo = scene.repo;
    let mut joined = None;
    let folded = repo.update_ref(name, |live| -> Result<Update<Folded>, LedgerError> {
        joined = None;
        let meeting = match meet(scene, kind, name, live, theirs)? {
            Ruling::Granted(Some(meeting)) => meeting,
            Ruling::Granted(None) => return Ok(Update::Stop(Folded::Same)),
            Ruling::Denied(why) => return Ok(Update::Stop(Folded::Refused(why))),
        };
        let Some(ours) = meeting.ours.filter(|_| !meeting.is_forward) else {
            return Ok(Update::Move { to: theirs, then: Folded::Brought });
        };
        Ok(match kind.join(scene, name, (ours, theirs), order)? {
            Ruling::Granted(Joined::Theirs) => Update::Move { to: theirs, then: Folded::Brought },
            Ruling::Granted(Joined::Both { tip, conflicts }) => {
                joined = Some((ours, theirs));
                Update::Move { to: tip, then: Folded::Merged { conflicts } }
            }
            Ruling::Granted(Joined::Done(folded)) => Update::Stop(folded),
            Ruling::Denied(why) => Update::Stop(Folded::Refused(why)),
        })
    })?;
    if let Some(sides) = joined {
        kind.after_join(scene, sides, order)?;
    }
    Ok(folded)
}
