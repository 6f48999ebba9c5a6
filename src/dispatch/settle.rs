//! From submitted to landed, with the guards that hold for a run and for a person alike: roles, and a bound on retries.

use super::turn::Patience;
use super::{DispatchError, Site, land, verify, write};
use crate::core::event::{Action, Role};
use crate::core::fsm::Refusal;
use crate::core::progress::Hold;
use crate::core::prospect::Prospect;
use crate::core::ruling::Ruling;
use crate::ledger::{Draft, Entry, Ledger, Submitted};
use crate::sync::submit_shared;
use crate::workspace::{Readiness, Workspace};

/// How often work is rebased onto a moved branch and verified again before the ticket is blocked.
const MAX_STALE: u32 = 20;

/// What the attempts to land one ticket have used up so far.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    stale: u32,
    patience: Patience,
}

/// Verifies submitted work, if this machine may.
///
/// # Errors
/// If git, the ledger or a process fails, or if the user interrupts.
pub(crate) fn verify(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<Ruling<(), Hold>, DispatchError> {
    // If roles are signed, a worker may have no other role.
    if !ledger.may_act(Role::Verifier) {
        return Ok(Ruling::Denied(Hold::Unverified { ticket: entry.id.clone() }));
    }
    Ok(match verify::run(site, ledger, entry)? {
        None => Ruling::Granted(()),
        Some(why) => Ruling::Denied(why),
    })
}

/// Tries once to land verified work, if this machine may; the ticket's new state decides what comes next. Blocks the ticket
/// if the branch has moved too often.
///
/// # Errors
/// If git or the ledger fails, or if the user interrupts.
pub(crate) fn land(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    tries: &mut Tries,
) -> Result<Ruling<(), Hold>, DispatchError> {
    if !ledger.may_act(Role::Gate) {
        return Ok(Ruling::Denied(Hold::Unlanded { ticket: entry.id.clone() }));
    }
    if tries.stale == MAX_STALE {
        let reason = format!("gave up landing after {MAX_STALE} attempts: the branch moved each time");
        write(ledger, &entry.id, &Draft::new(Action::Block, Role::Gate).saying(&reason))?;
        return Ok(Ruling::Granted(()));
    }
    match land::run(site, ledger, entry, &mut tries.patience)? {
        land::Landing::Held(why) => return Ok(Ruling::Denied(why)),
        land::Landing::Stale => tries.stale += 1,
        land::Landing::Landed | land::Landing::Waited => {}
    }
    Ok(Ruling::Granted(()))
}

/// Claims a ticket, unless something it depends on is not merged. With a shared remote, the remote
/// picks the winner.
///
/// # Errors
/// If the ledger cannot be written, or the remote cannot be reached.
pub(crate) fn claim(
    ledger: &Ledger<'_>,
    workspace: Option<&Workspace>,
    entry: &Entry,
    draft: &Draft,
) -> Result<Submitted, DispatchError> {
    match Readiness::new(workspace, ledger.repo).find_obstacle(&entry.id, &entry.ticket)? {
        None => {}
        Some((id, Prospect::Never(why))) => return Ok(Ruling::Denied(Refusal::DependencyNever { id, why })),
        Some((id, Prospect::Landed | Prospect::Open | Prospect::Unknown)) => {
            return Ok(Ruling::Denied(Refusal::DependencyOpen(id)));
        }
    }
    Ok(submit_shared(ledger, &entry.id, draft)?)
}
