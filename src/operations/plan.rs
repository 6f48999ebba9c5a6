//! Plans: a ticket made of one, the approval of a step, going on after a block, and going back to an earlier step.

use super::transition::{answer as answer_question, operators, write_free};
use super::{Done, OperationError, Place, ticket, write};
use crate::core::event::{Action, Role, State, StepState};
use crate::core::id::{Kind, ObjectId, StepId, TicketId};
use crate::core::plan::note::{Note, quoted};
use crate::core::plan::{Approval, Fault, Plan, Track};
use crate::core::ruling::Ruling;
use crate::core::secrets;
use crate::core::text::{escape, plural};
use crate::dispatch::{prepare, steps};
use crate::ledger::{Draft, Entry, Ledger};
use crate::local::worktrees;

/// Why nothing was done with a plan.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", prefix = "plan-")]
pub(crate) enum PlanError {
    #[error("the plan has {}:{}", plural(.0.len(), "fault", "faults"), lines(.0))]
    Faults(Vec<Fault>),
    #[error("{0} has no plan")]
    None(TicketId),
    #[error("the plan of {id} has no step `{step}`")]
    NoStep { id: TicketId, step: StepId },
    #[error("{id}: step `{step}` does not wait for approval; the ticket is `{state}`")]
    NotWaiting { id: TicketId, step: StepId, state: State },
    #[error("{id}: step `{step}` waits for approval; answer yes, or no and why")]
    WaitsForApproval { id: TicketId, step: StepId },
    #[error("cannot resume {id}: it is `{state}`, and only a blocked ticket is resumed")]
    NotBlocked { id: TicketId, state: State },
    #[error("cannot roll back {id}: it is `{state}`, and only a ticket on which nobody works is rolled back")]
    InWork { id: TicketId, state: State },
    #[error("cannot roll back {id} to step `{step}`: it is not done")]
    NotDone { id: TicketId, step: StepId },
    #[error("cannot roll back {id} to step `{step}`: commit {commit_id} is not in this clone")]
    NotHere { id: TicketId, step: StepId, commit_id: ObjectId },
    #[error("cannot roll back {id}: step `{step}` is the last one that is done")]
    NothingAfter { id: TicketId, step: StepId },
    #[error("cannot submit {id}: step `{step}` of its plan is not done")]
    StepsOpen { id: TicketId, step: StepId },
    #[error("an agent cannot set the steps of {0}: its plan does")]
    NotForAgents(TicketId),
    #[error("this run is for step `{own}`, not for `{step}`")]
    OtherStep { own: String, step: StepId },
    #[error("an agent says that its step is `done` or `failed`, not `{0}`")]
    NotForStep(StepState),
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().fold(String::new(), |lines, fault| lines + &format!("\n  {}", escape(&fault.to_string())))
}

impl PlanError {
    /// A command that helps.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Faults(_) => "git os plan new   # prints a plan to begin with".to_owned(),
            Self::NoStep { id, .. } | Self::NotDone { id, .. } | Self::NothingAfter { id, .. } => {
                format!("git os plan show {id}   # lists the steps, and which are done")
            }
            Self::NotHere { id, .. } => format!("git os log {id}   # says where it was done"),
            Self::NotWaiting { id, state: State::Draft, .. } => {
                format!("git os approve {id}   # approves the ticket and its plan")
            }
            Self::NotWaiting { id, .. } => format!("git os plan show {id}"),
            Self::WaitsForApproval { id, step } => format!("git os approve {id} --step {step}"),
            Self::NotBlocked { id, state: State::AwaitingInput } => format!("git os show {id}   # says what it waits for"),
            Self::NotBlocked { state: State::Ready, .. } => "git os start   # works on what is ready".to_owned(),
            Self::None(id) | Self::NotBlocked { id, .. } => format!("git os show {id}"),
            Self::InWork { id, state: State::Merged } => format!("git os revert {id}"),
            Self::InWork { id, state } if state.is_terminal() => format!("git os show {id}"),
            Self::InWork { id, .. } => format!("git os block {id} --reason TEXT   # ends the work on it"),
            Self::OtherStep { own, .. } => format!("git os step {} failed --text WHY   # if it cannot be done", escape(own)),
            Self::NotForStep(_) => "git os ask TEXT   # if it waits for an answer".to_owned(),
            Self::StepsOpen { .. } | Self::NotForAgents(_) => return None,
        })
    }
}

/// Reads a plan that somebody wrote; secrets are taken out before anything is stored.
///
/// # Errors
/// With all its faults.
pub(crate) fn read(text: &str) -> Done<Plan> {
    Plan::read(&secrets::redact(text)).map_err(|faults| PlanError::Faults(faults).into())
}

/// Creates a draft with a plan.
///
/// # Errors
/// As for [`ticket::create`].
pub(crate) fn import(ledger: &Ledger<'_>, plan: Plan) -> Done<Entry> {
    let new = ticket::New {
        title: plan.title(),
        brand: None,
        kind: Kind::parse("task")?,
        priority: 2,
        labels: Vec::new(),
        depends: Vec::new(),
        tests_may_change: false,
        description: plan.goal.clone(),
        acceptance: plan.criteria(),
        scope: Vec::new(),
        plan: Some(plan),
    };
    ticket::create(ledger, new, Role::Operator)
}

/// Replaces the plan of a draft, and with it what follows from it: title, description and acceptance criteria.
///
/// # Errors
/// As for [`ticket::edit`]; after the approval the rules refuse it.
pub(crate) fn replace(place: &Place, id: &TicketId, plan: Plan) -> Done<ticket::Edited> {
    let changes = ticket::Changes {
        title: Some(plan.title()),
        description: Some(plan.goal.clone()),
        acceptance: Some(plan.criteria()),
        plan: Some(plan),
        ..ticket::Changes::default()
    };
    ticket::edit(place, id, changes)
}

/// The plan of a ticket, and how far it is.
///
/// # Errors
/// When it has none, or one with faults.
pub(crate) fn of(ledger: &Ledger<'_>, entry: &Entry) -> Done<(Plan, Track)> {
    match ledger.plan(entry.tree_id)? {
        Some(Ruling::Granted(plan)) => Ok((plan, steps::track(ledger, entry)?)),
        Some(Ruling::Denied(faults)) => Err(PlanError::Faults(faults).into()),
        None => Err(PlanError::None(entry.id.clone()).into()),
    }
}

/// That a plan does not have a step.
#[must_use]
pub(crate) fn no_step(id: &TicketId, step: &StepId) -> OperationError {
    PlanError::NoStep { id: id.clone(), step: step.clone() }.into()
}

/// What of a step waits for approval.
fn waiting(ledger: &Ledger<'_>, id: &TicketId, step: &StepId) -> Done<Approval> {
    let (entry, _) = ledger.read_legal(id)?;
    let (plan, track) = of(ledger, &entry)?;
    if plan.find(step).is_none() {
        return Err(no_step(id, step));
    }
    let is_waiting = entry.ticket.state == State::AwaitingInput;
    match track.asked().filter(|_| is_waiting) {
        Some(Note::WaitsBeforeRun { step: asked }) if asked == step => Ok(Approval::BeforeRun),
        Some(Note::WaitsBeforeWrite { step: asked, .. }) if asked == step => Ok(Approval::BeforeWrite),
        _ => Err(PlanError::NotWaiting { id: id.clone(), step: step.clone(), state: entry.ticket.state }.into()),
    }
}

/// Approves what waits for it: that a step runs, or that what it made is kept.
///
/// # Errors
/// When the step does not wait for approval.
pub(crate) fn approve_step(ledger: &Ledger<'_>, id: &TicketId, step: &StepId) -> Done<Entry> {
    let approval = waiting(ledger, id, step)?;
    let note = Note::Approved { step: step.clone(), approval };
    write(ledger, id, &operators(Action::Answer).saying(&note.to_string()))
}

/// Refuses it; the ticket is blocked, and what the step made is kept beside the ticket's branch.
///
/// # Errors
/// When the step does not wait for approval, or the reason is too long.
pub(crate) fn reject_step(ledger: &Ledger<'_>, id: &TicketId, step: &StepId, reason: &str) -> Done<Entry> {
    waiting(ledger, id, step)?;
    let words = Note::Refused { step: step.clone() }.with(&quoted(reason));
    write_free(ledger, id, &operators(Action::Block).quoting(&words)?)
}

/// The command that answers what a ticket asks, or takes it out of its block.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn reply(ledger: &Ledger<'_>, entry: &Entry) -> Done<String> {
    let id = &entry.id;
    if entry.ticket.state == State::Blocked {
        return Ok(format!("git os unblock {id}"));
    }
    Ok(match steps::track(ledger, entry)?.asked() {
        Some(Note::WaitsBeforeRun { step } | Note::WaitsBeforeWrite { step, .. }) => format!("git os approve {id} --step {step}"),
        _ => format!("git os answer {id} TEXT"),
    })
}

/// Answers what a ticket asks. Where a step waits for approval, the answer begins with yes or no.
///
/// # Errors
/// When the answer says neither, is too long, or the rules refuse it.
pub(crate) fn answer(ledger: &Ledger<'_>, id: &TicketId, words: &str) -> Done<Entry> {
    let (entry, _) = ledger.read_legal(id)?;
    let asked = if entry.ticket.state == State::AwaitingInput { steps::track(ledger, &entry)?.asked().cloned() } else { None };
    let Some(Note::WaitsBeforeRun { step } | Note::WaitsBeforeWrite { step, .. }) = asked else {
        return answer_question(ledger, id, &quoted(words));
    };
    let (first, rest) = words.trim().split_once([' ', ',', ':', ';', '.', '\n']).unwrap_or((words.trim(), ""));
    match first.to_lowercase().as_str() {
        "yes" | "y" | "approve" | "approved" => approve_step(ledger, id, &step),
        "no" | "n" | "reject" | "rejected" => {
            let why = rest.trim();
            reject_step(ledger, id, &step, if why.is_empty() { "no reason was given" } else { why })
        }
        _ => Err(PlanError::WaitsForApproval { id: id.clone(), step }.into()),
    }
}

/// Where a ticket goes on.
#[derive(Debug, Clone)]
pub(crate) struct Resumed {
    pub(crate) entry: Entry,
    /// The step that comes next; `None` if all are done.
    pub(crate) next: Option<StepId>,
    pub(crate) checkpoint: Option<ObjectId>,
}

/// Makes a blocked ticket with a plan ready again; its work goes on after the last step that is done.
///
/// # Errors
/// When it has no plan or is not blocked.
pub(crate) fn resume(ledger: &Ledger<'_>, id: &TicketId) -> Done<Resumed> {
    let (entry, _) = ledger.read_legal(id)?;
    let (plan, track) = of(ledger, &entry)?;
    if entry.ticket.state != State::Blocked {
        return Err(PlanError::NotBlocked { id: id.clone(), state: entry.ticket.state }.into());
    }
    let entry = write_free(ledger, id, &operators(Action::Unblock))?;
    Ok(Resumed { entry, next: plan.next(&track).map(|step| step.id.clone()), checkpoint: track.last_checkpoint() })
}

/// What was taken back.
#[derive(Debug, Clone)]
pub(crate) struct RolledBack {
    pub(crate) entry: Entry,
    pub(crate) checkpoint: ObjectId,
    pub(crate) taken_back: Vec<StepId>,
    /// The ref that keeps what was on the branch or in the worktree.
    pub(crate) kept: Option<String>,
}

/// Puts the ticket's branch, and its worktree if there is one, back to where a step was done. What was done after that is kept under a
/// ref, and its steps are to be done again.
///
/// # Errors
/// When somebody works on the ticket, the step is not done, nothing was done after it, or git cannot write.
pub(crate) fn roll_back(ledger: &Ledger<'_>, id: &TicketId, to: &StepId) -> Done<RolledBack> {
    let (entry, _) = ledger.read_legal(id)?;
    let (plan, track) = of(ledger, &entry)?;
    if plan.find(to).is_none() {
        return Err(no_step(id, to));
    }
    if !matches!(entry.ticket.state, State::Ready | State::Blocked | State::Draft) {
        return Err(PlanError::InWork { id: id.clone(), state: entry.ticket.state }.into());
    }
    let found = track.find(to).filter(|told| told.state == Some(StepState::Done)).and_then(|told| told.checkpoint);
    let Some(checkpoint) = found else {
        return Err(PlanError::NotDone { id: id.clone(), step: to.clone() }.into());
    };
    if !ledger.repo.has_object(checkpoint) {
        return Err(PlanError::NotHere { id: id.clone(), step: to.clone(), commit_id: checkpoint }.into());
    }
    let taken_back: Vec<StepId> = track.after(to).into_iter().cloned().collect();
    let tip = ledger.repo.find_ref(&id.branch())?;
    if taken_back.is_empty() && tip.is_none_or(|tip| tip == checkpoint) {
        return Err(PlanError::NothingAfter { id: id.clone(), step: to.clone() }.into());
    }
    prepare::refuse_in_use(ledger.repo, id)?;
    let kept = keep(ledger, id, tip, checkpoint)?;
    let mut words = match taken_back.as_slice() {
        [] => "What was done after it is taken back.".to_owned(),
        steps => {
            let names: Vec<_> = steps.iter().map(|step| format!("`{step}`")).collect();
            format!("Taken back: {}.", names.join(", "))
        }
    };
    if let Some(kept) = &kept {
        words += &format!(" `{kept}` keeps it.");
    }
    // The event comes first: whoever goes on after a crash puts the branch where it says.
    let note = Note::RolledBack { step: to.clone(), checkpoint };
    let entry = write(ledger, id, &Draft::new(Action::Comment, Role::Operator).saying(&note.with(&words)))?;
    prepare::put_at(ledger.repo, id, checkpoint)?;
    Ok(RolledBack { entry, checkpoint, taken_back, kept })
}

/// Keeps what is on the branch and in the worktree beyond a commit.
fn keep(ledger: &Ledger<'_>, id: &TicketId, tip: Option<ObjectId>, beyond: ObjectId) -> Done<Option<String>> {
    let worktree = worktrees::of_ticket(ledger.repo, id);
    if prepare::is_worktree(ledger.repo, &worktree)
        && let Some(kept) = worktrees::rescue(ledger.repo, id, &worktree, beyond)?
    {
        return Ok(Some(kept));
    }
    match tip {
        Some(tip) if !ledger.repo.is_ancestor(tip, beyond)? => Ok(Some(worktrees::keep(ledger.repo, id, tip)?)),
        _ => Ok(None),
    }
}

/// Refuses to an agent what its plan has not come to yet.
///
/// # Errors
/// When a step of the plan is not done.
pub(super) fn refuse_open_steps(ledger: &Ledger<'_>, id: &TicketId) -> Done<()> {
    let (entry, _) = ledger.read_legal(id)?;
    match steps::find_plan(ledger, &entry)?.and_then(|(plan, track)| plan.next(&track).map(|step| step.id.clone())) {
        Some(step) => Err(PlanError::StepsOpen { id: id.clone(), step }.into()),
        None => Ok(()),
    }
}

/// Refuses to an agent to say how far the steps of a plan are.
///
/// # Errors
/// When the ticket has a plan.
pub(super) fn refuse_planned(ledger: &Ledger<'_>, id: &TicketId) -> Done<()> {
    let (entry, _) = ledger.read_legal(id)?;
    if ledger.plan(entry.tree_id)?.is_some() { Err(PlanError::NotForAgents(id.clone()).into()) } else { Ok(()) }
}

/// Whether an agent may say this of a step: of the one it works on alone how it ended, and anything where no plan counts on it.
///
/// # Errors
/// When it may not.
pub(crate) fn may_say(ledger: &Ledger<'_>, id: &TicketId, own: Option<&str>, (step, state): (&StepId, StepState)) -> Done<()> {
    match own {
        None => refuse_planned(ledger, id),
        Some(own) if own != step.as_str() => Err(PlanError::OtherStep { own: own.to_owned(), step: step.clone() }.into()),
        Some(_) if matches!(state, StepState::Done | StepState::Failed) => Ok(()),
        Some(_) => Err(PlanError::NotForStep(state).into()),
    }
}

impl From<PlanError> for OperationError {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}
