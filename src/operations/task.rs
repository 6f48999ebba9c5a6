//! A goal as a task: a draft with the goal, a plan by an agent that reads, and then the ticket's own way.

use serde::Serialize;

use super::ticket::{self, New};
use super::{Done, OperationError, write};
use crate::core::event::{Action, Role, State};
use crate::core::id::{Kind, RepoName, StepId, TicketId};
use crate::core::outcome::Outcome;
use crate::core::plan::Plan;
use crate::core::ruling::Ruling;
use crate::core::text::{MAX_TITLE, first_line, line, plural};
use crate::core::{report, secrets};
use crate::dispatch::planner::{self, Planned, Unplanned};
use crate::dispatch::{DispatchError, Site, steps};
use crate::ledger::{Draft, Entry, Ledger, criteria_file, plan_file};

/// An open ticket with a plan, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Task {
    pub(crate) repo: RepoName,
    pub(crate) ticket: TicketId,
    pub(crate) title: String,
    pub(crate) state: State,
    pub(crate) steps: usize,
    /// How many of the steps are done.
    pub(crate) done: usize,
    /// The step that comes next; `None` if all are done.
    pub(crate) next: Option<StepId>,
}

/// Adds the open tickets of a repository that have a plan.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn list(ledger: &Ledger<'_>, all: &mut Vec<Task>) -> Done<()> {
    for row in ledger.rows()?.tickets.into_iter().filter(|row| !row.ticket.state.is_terminal()) {
        let Some(entry) = ledger.find(&row.id)? else { continue };
        let Some((plan, track)) = steps::find_plan(ledger, &entry)? else { continue };
        all.push(Task {
            repo: ledger.policy.repo.clone(),
            ticket: row.id,
            title: row.ticket.content.title.clone(),
            state: row.ticket.state,
            steps: plan.steps.len(),
            done: plan.steps.iter().filter(|step| step.passes || track.is_done(&step.id)).count(),
            next: plan.next(&track).map(|step| step.id.clone()),
        });
    }
    Ok(())
}

/// Keeps a goal as a draft, before anybody plans it.
///
/// # Errors
/// When it is too long, or git cannot write.
pub(crate) fn keep(ledger: &Ledger<'_>, goal: &str, kind: Kind, priority: u8) -> Done<Entry> {
    let title = line(first_line(goal), MAX_TITLE);
    // What the title says in full needs no description.
    let description = if goal.trim() == title { String::new() } else { goal.to_owned() };
    let new = New {
        title,
        brand: None,
        kind,
        priority,
        labels: Vec::new(),
        depends: Vec::new(),
        tests_may_change: false,
        description,
        acceptance: Vec::new(),
        scope: Vec::new(),
        plan: None,
    };
    ticket::create(ledger, new, Role::Operator)
}

/// Has a draft planned by an agent, and writes the plan and its criteria into the ticket.
///
/// # Errors
/// When the ticket is no draft, the repository has no agent, the agent gives no plan, somebody else plans it, or the ledger fails.
pub(crate) fn plan(site: &Site<'_>, id: &TicketId, agent: Option<&str>) -> Done<(Entry, Plan)> {
    let ledger = site.ledger()?;
    let (entry, _) = ledger.read_legal(id)?;
    let agents = &site.workspace.registry.agents;
    let name = agent.or(site.entry.planner.as_deref()).or(site.entry.agent.as_deref());
    let name = name.ok_or_else(|| DispatchError::NoAgent(site.entry.name.to_string()))?;
    if !agents.contains_key(name) {
        return Err(OperationError::NoSuchAgent { agent: name.to_owned(), known: agents.keys().cloned().collect() });
    }
    match planner::run(site, &ledger, &entry, name)? {
        None => Err(OperationError::BeingPlanned(id.clone())),
        Some(Ruling::Granted(Planned { plan, agent, record })) => {
            let steps = plural(plan.steps.len(), "step", "steps");
            let words = report::body(&format!("planned in {steps}"), None, &record);
            // The title and the description stay those of the person.
            let content = entry.ticket.content.clone();
            let mut draft = Draft::new(Action::Edit { content }, Role::Planner).agent(&agent).saying(&words);
            draft.files.extend([plan_file(&plan), criteria_file(&ticket::criteria(&plan.criteria())?)]);
            let entry = write(&ledger, id, &draft)?;
            Ok((entry, plan))
        }
        Some(Ruling::Denied(Unplanned { outcome, why, agent, record })) => {
            let why = secrets::redact(&why);
            let words = report::body(&why, Some(outcome), &record);
            write(&ledger, id, &Draft::new(Action::Comment, Role::Planner).agent(&agent).saying(&words))?;
            match outcome {
                Outcome::Interrupted => Err(OperationError::Dispatch(DispatchError::Interrupted)),
                outcome => Err(OperationError::Unplanned { id: id.clone(), outcome, why }),
            }
        }
    }
}
