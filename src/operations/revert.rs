//! Reverting landed work with a new commit, which goes through a ticket of its own.

use super::claim::{Lease, start};
use super::error::Verb;
use super::ticket::{New, create};
use super::transition::{approve, block};
use super::{Caller, Done, OperationError, write};
use crate::core::event::{Action, Role, State};
use crate::core::id::{ObjectId, TicketId};
use crate::core::ruling::Ruling;
use crate::core::text;
use crate::dispatch::{DispatchError, Site};
use crate::gate;
use crate::ledger::{Draft, Entry, Ledger};

/// How long the ticket of a revert is claimed for, in seconds.
const LEASE: u64 = 1800;

/// Creates a ticket that undoes what another one landed, works on it with `git revert`, and lands it.
///
/// # Errors
/// When the work has not landed, cannot be undone without conflicts, or the ticket of the revert cannot land.
pub(crate) fn revert(site: &Site<'_>, id: &TicketId) -> Done<Entry> {
    let ledger = site.ledger()?;
    let (entry, _) = ledger.read_legal(id)?;
    let (State::Merged, Some(head)) = (entry.ticket.state, entry.ticket.head) else {
        let (state, needed) = (entry.ticket.state, State::Merged);
        return Err(OperationError::WrongState { verb: Verb::Revert, id: id.clone(), state, needed });
    };
    let base = gate::find_pass(&site.repo, entry.tip)?.map_or(entry.ticket.base, |verdict| Some(verdict.base));
    let base = base.ok_or_else(|| OperationError::NoBase(id.clone()))?;
    let tip = ledger.find_trunk_tip()?.ok_or(OperationError::NoTrunk)?;
    let content = &entry.ticket.content;
    let new = New {
        title: text::line(&format!("Revert: {}", content.title), text::MAX_TITLE),
        brand: Some(content.brand.clone()),
        kind: content.kind.clone(),
        priority: content.priority,
        labels: content.labels.clone(),
        depends: Vec::new(),
        description: format!("Revert what {id} landed: the commits from {base} to {head}."),
    };
    let id = create(&ledger, new, Role::Operator)?.id;
    let caller = begin(&ledger, &id)?;
    match revert_range(site, &id, tip, (base, head))? {
        Ruling::Granted(head) => {
            let run = caller.run_on(ledger.repo, &id)?;
            write(&ledger, &id, &Draft::new(Action::Submit { head, base: tip }, Role::Executor).by(&run))?;
        }
        Ruling::Denied(why) => {
            block(&ledger, &id, &caller, &why)?;
            return Err(OperationError::RevertBlocked { of: entry.id, id, why });
        }
    }
    super::land::land(site, &id)
}

/// Approves and claims the ticket of a revert, for a run of its own, and starts the attempt.
fn begin(ledger: &Ledger<'_>, id: &TicketId) -> Done<Caller> {
    let lease = Lease::new(None, LEASE)?;
    let caller = Caller::of(lease.run.clone());
    approve(ledger, id)?;
    let until = ledger.repo.identity()?.time.plus(lease.seconds);
    write(ledger, id, &Draft::new(Action::Claim { run: lease.run.clone(), lease: until }, Role::Executor).by(&lease.run))?;
    start(ledger, id, &caller)?;
    Ok(caller)
}

/// The commit that undoes a range, on the branch of a ticket; or why there is none.
fn revert_range(
    site: &Site<'_>,
    id: &TicketId,
    tip: ObjectId,
    (base, head): (ObjectId, ObjectId),
) -> Done<Ruling<ObjectId, String>> {
    let git = site.repo.git();
    let branch = id.branch();
    git.output(["update-ref", &branch, &tip.to_string()])?;
    let path = site.worktree(id);
    site.repo.add_worktree(&path, &branch)?;
    let inside = site.repo.pinned(&path).ok_or_else(|| DispatchError::Vanished(path.clone()))?;
    let output = inside.run(["revert", "--no-edit", &format!("{base}..{head}")])?;
    if output.code != 0 {
        drop(inside.run(["revert", "--abort"])?);
        return Ok(Ruling::Denied("the work conflicts with later commits".to_owned()));
    }
    let commit_id = ObjectId::parse(inside.output(["rev-parse", "HEAD"])?.trim())?;
    git.output(["update-ref", &branch, &commit_id.to_string()])?;
    Ok(Ruling::Granted(commit_id))
}
