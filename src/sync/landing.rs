//! A landing at the shared remote: the branch moves together with the ticket that lets it, or neither does.

use super::{fetch_anew, fold};
use crate::core::event::{Action, Role};
use crate::core::id::{ObjectId, TicketId};
use crate::core::refs::tracking;
use crate::core::ruling::Ruling;
use crate::git::refs::{Moved, RefEdit};
use crate::git::remote::{Fetched, Offer, PrePush, Pushed};
use crate::ledger::replay::Landed;
use crate::ledger::{Draft, Ledger, LedgerError};

/// A verified ticket, and the branch its head is to become the tip of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Landing<'a> {
    pub(crate) ticket: &'a TicketId,
    /// The full name of the branch.
    pub(crate) branch: &'a str,
    pub(crate) head: ObjectId,
}

/// How a landing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The remote has it, and the ticket there says so.
    Done,
    /// The branch or the ticket is not what it was; what they are now is folded in.
    Moved,
    /// The remote does not take it, in these words.
    Refused(String),
    /// The remote cannot be reached.
    Away(String),
}

/// Pushes a branch with the ticket whose verdict lets it land and which says, in the same push, that it has: so nobody ever
/// sees work that has landed on a ticket that could still be worked on.
///
/// # Errors
/// When git or the ledger fails; what the remote says is an answer.
pub(crate) fn land(ledger: &Ledger<'_>, remote: &str, landing: &Landing<'_>) -> Result<Arrival, LedgerError> {
    let repo = ledger.repo;
    let landed = Landed::new(repo, &ledger.policy).and_commit(landing.head);
    let Ruling::Granted((live, merged)) =
        ledger.prepare(landing.ticket, &Draft::new(Action::Merge { copy: None }, Role::Gate), &landed)?
    else {
        return Ok(Arrival::Moved);
    };
    let short = landing.branch.trim_start_matches("refs/heads/");
    let tracked = format!("refs/remotes/{remote}/{short}");
    let name = landing.ticket.ref_name();
    let offer = |name: &str, tracked: &str, new| -> Result<Offer, LedgerError> {
        Ok(Offer { name: name.to_owned(), expected: repo.find_ref(tracked)?, new: Some(new) })
    };
    let offers = [offer(&name, &tracking(remote, &name), merged.tip)?, offer(landing.branch, &tracked, landing.head)?];
    for offer in &offers {
        if let (Some(expected), Some(new)) = (offer.expected, offer.new)
            && !repo.is_ancestor(expected, new)?
        {
            fold(repo, remote)?;
            return Ok(Arrival::Moved);
        }
    }
    let answer = repo.push(remote, &offers, PrePush::Runs)?;
    if answer == Pushed::Done {
        // Whoever wrote on it here meanwhile finds it merged by the next fold.
        return Ok(match repo.move_refs(&[RefEdit::advance(name, live, merged.tip)])? {
            Moved::Done | Moved::Lost => Arrival::Done,
        });
    }
    match answer {
        Pushed::Refused(words) => return Ok(Arrival::Refused(words)),
        Pushed::NotTaken(why) => return Ok(Arrival::Refused(why.to_string())),
        Pushed::Done | Pushed::Lost | Pushed::Unclear(_) => {}
    }
    // A race, or an answer that was lost: what the remote has by now tells.
    if let Fetched::Failed(why) = fetch_anew(repo, remote)? {
        return Ok(Arrival::Away(why.to_string()));
    }
    fold(repo, remote)?;
    Ok(match repo.find_ref(&tracking(remote, &landing.ticket.ref_name()))? {
        Some(there) if repo.is_ancestor(merged.tip, there)? => Arrival::Done,
        _ => Arrival::Moved,
    })
}
