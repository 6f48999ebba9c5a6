//! Submitting work, and judging it by hand.

use super::checkout::{self, Checkout, FoundBy};
use super::transition::{holder, holders};
use super::{Caller, Done, OperationError, plan, trunk_tip, write};
use crate::core::event::{Action, EventKind, Role, State};
use crate::core::id::{ObjectId, TicketId};
use crate::core::text;
use crate::core::verdict::Verdict;
use crate::ledger::{Draft, Entry, Ledger, new_run};

/// What somebody submits.
#[derive(Clone, Copy)]
pub(crate) enum Work<'a> {
    /// This revision.
    Revision(&'a str),
    /// What is on the ticket's branch or checked out here.
    Here(Option<&'a Checkout>, FoundBy),
}

/// Submits work for verification.
///
/// # Errors
/// When the caller does not hold the ticket, the work is not on top of the protected branch, or some of it is not committed.
pub(crate) fn submit(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller, work: Work<'_>) -> Done<Entry> {
    holder(ledger, id, caller, EventKind::Submit)?;
    if caller.is_agent() {
        plan::refuse_open_steps(ledger, id)?;
    }
    let head = match work {
        Work::Revision(name) => revision(ledger, name)?,
        Work::Here(checkout, found_by) => checkout::find_work(ledger, id, checkout, found_by)?,
    };
    let base = base_of(ledger, id, head)?;
    write(ledger, id, &holders(ledger, id, caller, Action::Submit { head, base })?)
}

/// Submits verified work again, which was rebased because the protected branch moved.
///
/// # Errors
/// When the work is not on top of the protected branch, or the rules refuse it.
pub(crate) fn resubmit(ledger: &Ledger<'_>, id: &TicketId, name: Option<&str>) -> Done<Entry> {
    let head = revision(ledger, name.unwrap_or(&id.branch()))?;
    let base = base_of(ledger, id, head)?;
    write(ledger, id, &Draft::new(Action::Stale { head, base }, Role::Gate))
}

/// The commit that a name stands for.
fn revision(ledger: &Ledger<'_>, name: &str) -> Done<ObjectId> {
    let spec = format!("{name}^{{commit}}");
    let head = ledger.repo.git().line(["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
    head.and_then(|head| ObjectId::parse(&head).ok()).ok_or_else(|| OperationError::NoCommit(text::escape(name)))
}

/// The tip of the protected branch, which has to be below the work.
fn base_of(ledger: &Ledger<'_>, id: &TicketId, head: ObjectId) -> Done<ObjectId> {
    let base = trunk_tip(ledger)?;
    let trunk = || {
        let trunk = ledger.policy.trunk().unwrap_or_default();
        trunk.trim_start_matches("refs/heads/").to_owned()
    };
    if ledger.repo.is_ancestor(head, base)? {
        return Err(OperationError::NothingToSubmit { id: id.clone(), head, trunk: trunk() });
    }
    if !ledger.repo.is_ancestor(base, head)? {
        let worktrees = ledger.repo.list_worktrees()?;
        let of_ticket = worktrees.into_iter().find(|one| one.branch == Some(id.branch()) && one.head == Some(head));
        return Err(OperationError::NotOnTip { head, trunk: trunk(), top: of_ticket.map(|one| one.path) });
    }
    Ok(base)
}

/// Passes submitted work with a verdict that was made elsewhere.
///
/// # Errors
/// When the verdict is not on this very work, or the rules refuse it.
pub(crate) fn pass(ledger: &Ledger<'_>, id: &TicketId, verdict: Verdict) -> Done<Entry> {
    let mut draft = Draft::new(Action::Pass, Role::Reviewer).by(&verdict.run);
    draft.verdict = Some(verdict);
    write(ledger, id, &draft)
}

/// Fails submitted work. The ticket is blocked if it has used up its attempts.
///
/// # Errors
/// When the reason is too long, or the rules refuse it.
pub(crate) fn fail(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller, reason: &str) -> Done<Entry> {
    let run = match caller.named() {
        Some(run) => run.clone(),
        None => new_run()?,
    };
    let used = ledger.find(id)?.map(|entry| ledger.used(&entry)).transpose()?.unwrap_or_default();
    let then = if used.attempts + 1 >= ledger.policy.max_attempts { State::Blocked } else { State::Running };
    write(ledger, id, &Draft::new(Action::Fail { then }, Role::Reviewer).by(&run).quoting(reason)?)
}
