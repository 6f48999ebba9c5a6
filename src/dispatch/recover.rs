//! Continues or cleans up the runs that a killed session left behind.

use super::{DispatchError, Site};
use crate::agent::process::sweep;
use crate::core::event::{Action, Role, State};
use crate::core::id::TicketId;
use crate::core::ruling::Ruling;
use crate::ledger::{Draft, shared_remote};
use crate::local::runs::{self, AgentStage, RunRecord};
use crate::sync::submit_shared;

/// The runs of this repository whose orchestrator is gone.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    /// Runs that still hold their ticket.
    pub(crate) holding: Vec<RunRecord>,
    /// Runs that were claiming a ticket on the shared remote; their push may still arrive.
    pub(crate) in_doubt: Vec<RunRecord>,
}

/// Finds the runs of this repository whose orchestrator is gone and that still matter; removes what is left of others.
///
/// # Errors
/// If the ledger cannot be read.
pub(crate) fn orphans(site: &Site<'_>) -> Result<Orphans, DispatchError> {
    let ledger = site.ledger()?;
    let has_remote = shared_remote(&site.repo).is_some();
    let mut orphans = Orphans::default();
    for path in runs::list(&site.repo) {
        let Some(record) = RunRecord::take_over(&path)? else { continue };
        sweep(record.run());
        // If a ticket cannot be read, keep its record until it can.
        let Ok(entry) = ledger.find(record.ticket()) else { continue };
        // A merged ticket counts as held until everything that follows a landing is done.
        let is_ready = entry.as_ref().is_some_and(|entry| entry.ticket.state == State::Ready);
        let holds = entry.is_some_and(|entry| {
            let is_open = entry.ticket.state.is_held() || entry.ticket.state == State::Merged;
            is_open && entry.ticket.run.as_ref() == Some(record.run())
        });
        if holds {
            orphans.holding.push(record);
        } else if is_ready && has_remote && *record.stage() == AgentStage::Claimed {
            orphans.in_doubt.push(record);
        } else {
            record.remove()?;
        }
    }
    Ok(orphans)
}

/// Gives back what others held for too long. Answers which.
///
/// # Errors
/// If the ledger cannot be read or written.
pub(crate) fn expire(site: &Site<'_>) -> Result<Vec<TicketId>, DispatchError> {
    let ledger = site.ledger()?;
    let now = site.repo.identity()?.time;
    let mut expired = Vec::new();
    for row in ledger.rows()?.tickets {
        let has_record = row.ticket.run.as_ref().is_some_and(|run| runs::has(&site.repo, run));
        if !has_record && row.ticket.is_abandoned(row.updated, now) {
            let draft = Draft::new(Action::Expire, Role::Operator).saying("the lease expired");
            // While the remote is unreachable, no claim is taken away.
            if let Ok(Ruling::Granted(_)) = submit_shared(&ledger, &row.id, &draft) {
                expired.push(row.id);
            }
        }
    }
    Ok(expired)
}
