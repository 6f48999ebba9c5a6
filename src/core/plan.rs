//! The plan of a ticket: steps one after the other, each a session of an agent, a command or a question, and what proves the whole.
//!
//! It is a file of the ticket's tree, in one written form, and nobody changes it after the approval.

mod node;
pub(crate) mod note;
mod reader;
mod track;

use serde::Serialize;

use super::criteria::{self, Criteria};
use super::event::named;
use super::id::StepId;
pub(crate) use node::{Fault, MAX_TEXT};
pub(crate) use track::{Told, Track};

/// The file in the tree of a ticket.
pub(crate) const FILE: &str = "plan.json";
/// The version of plans that is known here.
pub(crate) const VERSION: u32 = 1;
/// The maximum number of steps, as the state of each is in every event of the ticket.
pub(crate) const MAX_STEPS: usize = super::ticket::MAX_LIST;
/// The longest text of a plan, in bytes.
pub(crate) const MAX_WORDS: usize = 16 * 1024;
/// How often a step may be tried at most.
pub(crate) const MAX_TRIES: u32 = 20;
/// The name of the check by which a verdict shows that the backstop passed.
pub(crate) const BACKSTOP: &str = "backstop";

named! {
    /// What does a step.
    StepType, "step type", { Agent = "agent", Skill = "skill", Shell = "shell", AskUser = "ask_user" }
}

named! {
    /// When a person has to approve a step.
    Approval, "approval", { None = "none", BeforeRun = "before_run", BeforeWrite = "before_write" }
}

/// A plan without faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Plan {
    pub(crate) version: u32,
    pub(crate) goal: String,
    /// The id of the task that another program had for it; only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    /// The repository it was written for; where the ticket is decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_repo: Option<String>,
    #[serde(skip_serializing_if = "Context::is_empty")]
    pub(crate) context: Context,
    pub(crate) steps: Vec<Step>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) success_criteria: Vec<String>,
    /// A line for `sh -c` that has to exit with 0 on the whole work, after all else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backstop: Option<String>,
}

/// What those who do the steps should know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) decisions: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) skills_available: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workdir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
}

impl Context {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    pub(crate) id: StepId,
    pub(crate) title: String,
    #[serde(rename = "type")]
    pub(crate) kind: StepType,
    /// What an agent is told, or a person is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skill_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shell: Option<String>,
    /// What has to be true at the end; it becomes an acceptance criterion of the ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acceptance: Option<String>,
    /// A line for `sh -c` that has to exit with 0 after the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<String>,
    pub(crate) approval: Approval,
    pub(crate) depends_on: Vec<StepId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notes: Option<String>,
    /// Whether it was done before the plan was imported.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) passes: bool,
    /// How often it is tried before the ticket is set aside; that of the policy if it is not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_attempts: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Plan {
    /// Reads a plan or a spec with tasks, in YAML or JSON.
    ///
    /// # Errors
    /// All that is wrong, each with its place.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<Fault>> {
        let (node, mut faults) = node::read(text).map_err(|fault| vec![fault])?;
        let (plan, more) = reader::read(&node);
        faults.extend(more);
        if faults.is_empty() {
            return plan.ok_or_else(Vec::new);
        }
        faults.sort_by_key(|fault| fault.place.line);
        Err(faults)
    }

    /// The one written form.
    #[must_use]
    pub(crate) fn to_file(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The acceptance criteria of a ticket with this plan.
    #[must_use]
    pub(crate) fn criteria(&self) -> Vec<String> {
        let of_step = |step: &Step| step.acceptance.as_ref().map(|words| format!("Step {}: {words}", step.id));
        self.steps.iter().filter_map(of_step).chain(self.success_criteria.iter().cloned()).collect()
    }

    /// The title of a ticket with this plan.
    #[must_use]
    pub(crate) fn title(&self) -> String {
        super::text::line(super::text::first_line(&self.goal), super::text::MAX_TITLE)
    }

    /// A step by its id.
    #[must_use]
    pub(crate) fn find(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// The first step that is not done, and whose dependencies are.
    #[must_use]
    pub(crate) fn next(&self, track: &Track) -> Option<&Step> {
        let is_done = |id: &StepId| track.is_done(id) || self.find(id).is_some_and(|step| step.passes);
        self.steps.iter().find(|step| !is_done(&step.id) && step.depends_on.iter().all(is_done))
    }
}

/// The criteria, if a ticket can have so many and so long ones.
fn fits(criteria: &[String]) -> Result<Criteria, criteria::TooMuch> {
    Criteria::new(criteria.iter().map(String::as_str))
}

#[cfg(test)]
mod tests;
