//! Events that have to be the only one of their kind: pushed before they count, so that the remote picks one winner.

use super::{fold_one, push};
use crate::core::event::Action;
use crate::core::id::{ObjectId, TicketId};
use crate::core::meta::OfflineClaims;
use crate::core::refs::tracking;
use crate::core::ruling::Ruling;
use crate::git::refs::{Attempts, Moved, RefEdit};
use crate::git::remote::{Fetched, Offer, PrePush, Pushed};
use crate::ledger::replay::Landed;
use crate::ledger::{Draft, Ledger, LedgerError, Submitted, shared_remote};
use crate::refs::Folded;

/// How often the remote is asked what became of a push whose answer was lost.
const ASKS: usize = 3;

/// Whether an event is decided by the remote where there is one: who gets a ticket, for how long, and who may take it away again.
#[must_use]
pub(crate) fn is_decided_there(action: &Action) -> bool {
    matches!(action, Action::Claim { .. } | Action::Renew { .. } | Action::Expire)
}

/// Writes an event, by compare-and-swap at the shared remote where it is one of those that only one machine may write.
///
/// # Errors
/// When the remote cannot be reached and the policy asks for it, when it refuses, or when git fails.
pub(crate) fn submit_shared(ledger: &Ledger<'_>, id: &TicketId, draft: &Draft) -> Result<Submitted, LedgerError> {
    match shared_remote(ledger.repo).filter(|_| is_decided_there(&draft.action)) {
        None => ledger.submit(id, draft),
        Some(remote) => match submit_there(ledger, &remote, id, draft) {
            Err(LedgerError::Unreachable { .. }) if ledger.policy.offline_claims == OfflineClaims::Allow => {
                ledger.submit(id, draft)
            }
            answer => answer,
        },
    }
}

fn submit_there(ledger: &Ledger<'_>, remote: &str, id: &TicketId, draft: &Draft) -> Result<Submitted, LedgerError> {
    let repo = ledger.repo;
    let name = id.ref_name();
    let mut has_shared = false;
    let mut attempts = Attempts::at(&name);
    loop {
        attempts.begin()?;
        let landed = Landed::new(repo, &ledger.policy);
        let (live, next) = match ledger.prepare(id, draft, &landed)? {
            Ruling::Granted(prepared) => prepared,
            Ruling::Denied(refusal) => return Ok(Ruling::Denied(refusal)),
        };
        let expected = repo.find_ref(&tracking(remote, &name))?;
        if let Some(expected) = expected
            && !repo.is_ancestor(expected, next.tip)?
        {
            // What was fetched of it is not folded in yet.
            refold(ledger, remote, id)?;
            continue;
        }
        let offer = Offer { name: name.clone(), expected, new: Some(next.tip) };
        let is_won = match repo.push(remote, std::slice::from_ref(&offer), PrePush::Skipped)? {
            Pushed::Done => true,
            Pushed::Lost => false,
            // It may miss what the event stands on: the policy, or what another ticket came to.
            Pushed::Refused(_) if !has_shared => {
                has_shared = true;
                push(ledger, remote)?;
                continue;
            }
            Pushed::Refused(why) => return Err(LedgerError::RefusedThere { remote: remote.to_owned(), why }),
            Pushed::NotTaken(why) => {
                return Err(LedgerError::RefusedThere { remote: remote.to_owned(), why: why.to_string() });
            }
            Pushed::Unclear(why) => has_arrived(ledger, remote, id, next.tip, &why.to_string())?,
        };
        if is_won {
            // If somebody here was faster the fold puts what they wrote on top.
            if repo.move_refs(&[RefEdit::advance(name.clone(), live, next.tip)])? == Moved::Lost {
                remember(ledger, remote, &name, next.tip)?;
                refold(ledger, remote, id)?;
            }
            return Ok(Ruling::Granted(Box::new(next)));
        }
        if let Fetched::Failed(why) = fetch_one(ledger, remote, id)? {
            return Err(LedgerError::Unreachable { remote: remote.to_owned(), why: why.to_string() });
        }
        refold(ledger, remote, id)?;
    }
}

/// Whether a push whose answer was lost arrived all the same.
fn has_arrived(ledger: &Ledger<'_>, remote: &str, id: &TicketId, tip: ObjectId, why: &str) -> Result<bool, LedgerError> {
    for _ in 0..ASKS {
        if fetch_one(ledger, remote, id)? == Fetched::Done {
            let there = ledger.repo.find_ref(&tracking(remote, &id.ref_name()))?;
            return Ok(match there {
                Some(there) => ledger.repo.is_ancestor(tip, there)?,
                None => false,
            });
        }
    }
    Err(LedgerError::Unreachable { remote: remote.to_owned(), why: why.to_owned() })
}

/// Brings one ticket here as the remote has it. A remote that does not have it yet is as good as one that was asked.
fn fetch_one(ledger: &Ledger<'_>, remote: &str, id: &TicketId) -> Result<Fetched, LedgerError> {
    let spec = format!("+{}*:{}*", id.ref_name(), tracking(remote, &id.ref_name()));
    Ok(ledger.repo.fetch(remote, &[spec], &[])?)
}

fn refold(ledger: &Ledger<'_>, remote: &str, id: &TicketId) -> Result<(), LedgerError> {
    match fold_one(ledger, remote, &id.ref_name())? {
        Folded::Refused(why) => Err(LedgerError::Illegal { id: id.clone(), source: Box::new(why) }),
        _ => Ok(()),
    }
}

/// Notes what the remote has by now, should git not have done it.
fn remember(ledger: &Ledger<'_>, remote: &str, name: &str, tip: ObjectId) -> Result<(), LedgerError> {
    let tracked = tracking(remote, name);
    let known = ledger.repo.find_ref(&tracked)?;
    if known != Some(tip) && ledger.repo.move_refs(&[RefEdit::advance(tracked, known, tip)])? == Moved::Lost {
        // A fetch was faster, and knows better.
    }
    Ok(())
}
