//! How far the plan of a ticket is, and where its work goes on.

use super::DispatchError;
use crate::core::id::ObjectId;
use crate::core::plan::{Plan, Track};
use crate::core::ruling::Ruling;
use crate::ledger::{Entry, Ledger, replay};

/// How far the steps of a ticket are.
///
/// # Errors
/// When the chain cannot be read.
pub(crate) fn track(ledger: &Ledger<'_>, entry: &Entry) -> Result<Track, DispatchError> {
    let links = replay::links(ledger.repo, entry.tip, None)?.granted().unwrap_or_default();
    Ok(Track::of(links.iter().rev().map(|link| &link.record.event)))
}

/// The plan of a ticket, if it has one without faults, and how far it is.
///
/// # Errors
/// When the ticket cannot be read.
pub(crate) fn find_plan(ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<(Plan, Track)>, DispatchError> {
    match ledger.plan(entry.tree_id)? {
        Some(Ruling::Granted(plan)) => Ok(Some((plan, track(ledger, entry)?))),
        Some(Ruling::Denied(_)) | None => Ok(None),
    }
}

/// Where work goes on that has a plan: on its branch, or before what a person refused. `None` if nothing is there yet.
///
/// # Errors
/// When the ticket or the branch cannot be read.
pub(super) fn find_start(ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<ObjectId>, DispatchError> {
    let Some((_, track)) = find_plan(ledger, entry)? else { return Ok(None) };
    let tip = ledger.repo.find_ref(&entry.id.branch())?;
    let is_there = |id: &ObjectId| ledger.repo.has_object(*id);
    let last = track.last_checkpoint().filter(is_there);
    Ok(match (tip, last) {
        (Some(tip), last) if track.is_taken_back() => last.or(base_of(ledger, tip)?),
        (Some(tip), Some(_)) => Some(tip),
        (None, last) => last,
        (Some(_), None) => None,
    })
}

/// Where the work on a branch began.
///
/// # Errors
/// When git cannot compare it with the trunk.
pub(super) fn base_of(ledger: &Ledger<'_>, tip: ObjectId) -> Result<Option<ObjectId>, DispatchError> {
    let Some(trunk) = ledger.find_trunk_tip()? else { return Ok(None) };
    let base = ledger.repo.git().line(["merge-base", &tip.to_string(), &trunk.to_string()])?;
    Ok(base.and_then(|base| ObjectId::parse(&base).ok()))
}
