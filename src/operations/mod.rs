//! What can be done to tickets: one function a verb, from typed input to typed outcome, with every guard in it.
//!
//! The command line, a session and every later door call these and nothing deeper. The rules of a ticket itself are in
//! `core::fsm`; the guards here are those that need more than one ticket, such as who holds it, on what it depends, in
//! which repository it belongs, and whether its work is on the tip of the protected branch.

pub(crate) mod agents;
pub(crate) mod archive;
pub(crate) mod checkout;
pub(crate) mod claim;
mod error;
pub(crate) mod land;
pub(crate) mod learn;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod replay;
pub(crate) mod revert;
pub(crate) mod submit;
pub(crate) mod sync;
pub(crate) mod take;
pub(crate) mod task;
pub(crate) mod ticket;
pub(crate) mod transition;
pub(crate) mod uninstall;
pub(crate) mod usage;
pub(crate) mod watch;
pub(crate) mod which;

pub(crate) use self::error::{FIND_REGISTRY, Holder, OperationError, Verb};
pub(crate) use self::place::{Apart, Caller, Place, Scope};
use crate::core::fsm::Refusal;
use crate::core::id::{ObjectId, TicketId};
use crate::core::ruling::Ruling;
use crate::ledger::{Draft, Entry, Ledger};
use crate::local::worktrees;
use crate::sync::submit_shared;

/// What came of an operation: what it did, or why it did nothing.
pub(crate) type Done<T> = Result<T, OperationError>;

/// Writes an event, at the shared remote first if the remote decides events of this kind.
///
/// # Errors
/// When the rules refuse it or the ledger cannot be written.
fn write(ledger: &Ledger<'_>, id: &TicketId, draft: &Draft) -> Done<Entry> {
    match submit_shared(ledger, id, draft)? {
        Ruling::Granted(entry) => Ok(*entry),
        Ruling::Denied(refusal) => Err(refused(ledger, id, refusal)),
    }
}

/// The tip of the protected branch on which tickets land.
///
/// # Errors
/// When it does not exist yet.
pub(crate) fn trunk_tip(ledger: &Ledger<'_>) -> Done<ObjectId> {
    if let Some(tip) = ledger.find_trunk_tip()? {
        return Ok(tip);
    }
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let top = worktrees::top(ledger.repo);
    let has_other = ledger.repo.git_at(&top).find_commit("HEAD")?.is_some();
    let branch = trunk.trim_start_matches("refs/heads/").to_owned();
    Err(OperationError::NoTrunk { branch, repo: ledger.policy.repo.clone(), top, has_other })
}

/// The refusal of an event, with who holds the ticket if that is why.
fn refused(ledger: &Ledger<'_>, id: &TicketId, refusal: Refusal) -> OperationError {
    let holder = match (&refusal, ledger.find(id)) {
        (Refusal::WrongState { .. }, Ok(Some(entry))) if entry.ticket.state.is_held() => {
            let holding = ledger.find_holding(entry.tip).ok().flatten();
            holding.map(|holding| Box::new(Holder { holding, until: entry.ticket.lease }))
        }
        _ => None,
    };
    OperationError::Refused { id: id.clone(), refusal, holder }
}
