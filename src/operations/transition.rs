//! The verbs that write one event and need no more than its ticket: approve, reject, block, release, comment, ask, ….

use super::{Caller, Done, OperationError, plan, refused, write};
use crate::core::event::{Action, EventKind, Role, StepState};
use crate::core::fsm::{Refusal, rule_of};
use crate::core::id::{RunId, StepId, TicketId};
use crate::core::plan::note::quoted;
use crate::ledger::{Draft, Entry, Ledger};
use crate::local::held;

/// The draft of an event that only the holder of a ticket may write.
pub(super) fn holders(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller, action: Action) -> Done<Draft> {
    let run = holder(ledger, id, caller, action.kind())?;
    Ok(Draft::new(action, Role::Executor).by(&run))
}

/// The run that acts on a ticket which it holds. What the state of the ticket does not allow is said first.
///
/// # Errors
/// When the ticket cannot have such an event now, or this clone does not hold it.
pub(super) fn holder(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller, event: EventKind) -> Done<RunId> {
    let state = ledger.read_legal(id)?.0.ticket.state;
    if !rule_of(event).allows(state) {
        return Err(refused(ledger, id, Refusal::WrongState { event, state }));
    }
    caller.run_on(ledger.repo, id)
}

/// The draft of an event that the holder of a ticket may write, and an operator if this clone holds it with no run.
fn holders_or_operators(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller, action: Action) -> Done<Draft> {
    match caller.run_on(ledger.repo, id) {
        Ok(run) => Ok(Draft::new(action, Role::Executor).by(&run)),
        Err(OperationError::NoHolder(_) | OperationError::InvalidValue(_)) => Ok(Draft::new(action, Role::Operator)),
        Err(error) => Err(error),
    }
}

/// Writes an event after which the ticket may be free, and then forgets the run that held it.
pub(super) fn write_free(ledger: &Ledger<'_>, id: &TicketId, draft: &Draft) -> Done<Entry> {
    let entry = write(ledger, id, draft)?;
    if entry.ticket.run.is_none() {
        held::forget(ledger.repo, id)?;
    }
    Ok(entry)
}

pub(super) fn operators(action: Action) -> Draft {
    Draft::new(action, Role::Operator)
}

/// Makes a draft ready.
///
/// # Errors
/// When the rules refuse it.
pub(crate) fn approve(ledger: &Ledger<'_>, id: &TicketId) -> Done<Entry> {
    write_free(ledger, id, &operators(Action::Approve))
}

/// Closes a draft.
///
/// # Errors
/// When the reason is too long, or the rules refuse it.
pub(crate) fn reject(ledger: &Ledger<'_>, id: &TicketId, reason: &str) -> Done<Entry> {
    write(ledger, id, &operators(Action::Reject).quoting(reason)?)
}

/// Closes a ticket whose work is not wanted.
///
/// # Errors
/// When the reason is too long, or the rules refuse it.
pub(crate) fn cancel(ledger: &Ledger<'_>, id: &TicketId, reason: &str) -> Done<Entry> {
    write(ledger, id, &operators(Action::Cancel).quoting(reason)?)
}

/// Blocks a ticket, in the name of its holder or of an operator.
///
/// # Errors
/// When the reason is too long, or the rules refuse it.
pub(crate) fn block(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller, reason: &str) -> Done<Entry> {
    write(ledger, id, &holders_or_operators(ledger, id, caller, Action::Block)?.quoting(reason)?)
}

/// Makes a blocked ticket ready again.
///
/// # Errors
/// When the rules refuse it.
pub(crate) fn unblock(ledger: &Ledger<'_>, id: &TicketId) -> Done<Entry> {
    write_free(ledger, id, &operators(Action::Unblock))
}

/// Makes a claimed ticket ready again, in the name of its holder or of an operator.
///
/// # Errors
/// When the rules refuse it.
pub(crate) fn release(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller) -> Done<Entry> {
    write_free(ledger, id, &holders_or_operators(ledger, id, caller, Action::Release)?)
}

/// Makes a ticket ready again whose lease has expired. With a shared remote, the remote decides.
///
/// # Errors
/// When the rules refuse it.
pub(crate) fn expire(ledger: &Ledger<'_>, id: &TicketId) -> Done<Entry> {
    write_free(ledger, id, &operators(Action::Expire))
}

/// Adds a comment; an archived ticket becomes a live one again.
///
/// # Errors
/// When the text is too long, or the rules refuse it.
pub(crate) fn comment(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller, text: &str) -> Done<Entry> {
    let role = if caller.is_agent() { Role::Executor } else { Role::Operator };
    write(ledger, id, &Draft::new(Action::Comment, role).quoting(text)?)
}

/// Asks the operator; the ticket waits for the answer.
///
/// # Errors
/// When the question is too long, or the caller does not hold the ticket.
pub(crate) fn ask(ledger: &Ledger<'_>, id: &TicketId, caller: &Caller, question: &str) -> Done<Entry> {
    write(ledger, id, &holders(ledger, id, caller, Action::Ask)?.quoting(&quoted(question))?)
}

/// Answers a question; the work can be resumed.
///
/// # Errors
/// When the text is too long, or the rules refuse it.
pub(super) fn answer(ledger: &Ledger<'_>, id: &TicketId, text: &str) -> Done<Entry> {
    write(ledger, id, &operators(Action::Answer).quoting(text)?)
}

/// Records an event that could not be replayed.
///
/// # Errors
/// When the text is too long, or the rules refuse it.
pub(crate) fn conflict(ledger: &Ledger<'_>, id: &TicketId, text: &str) -> Done<Entry> {
    write(ledger, id, &Draft::new(Action::Conflict, Role::Sync).quoting(text)?)
}

/// Sets the state of a step of the plan, with words about it.
///
/// # Errors
/// When the caller does not hold the ticket, or is an agent and the ticket has a plan, or the words are too long.
pub(crate) fn step(
    ledger: &Ledger<'_>,
    id: &TicketId,
    caller: &Caller,
    (step, state): (StepId, StepState),
    text: &str,
) -> Done<Entry> {
    if caller.is_agent() {
        plan::refuse_planned(ledger, id)?;
    }
    write(ledger, id, &holders(ledger, id, caller, Action::Step { step, state })?.quoting(&quoted(text))?)
}
