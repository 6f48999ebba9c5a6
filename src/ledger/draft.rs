//! What somebody wants to write on a ticket, before the rules have seen it.

use super::DESCRIPTION;
use crate::core::criteria::{self, Criteria};
use crate::core::event::{Action, Role};
use crate::core::id::RunId;
use crate::core::plan::{self, Plan};
use crate::core::text::TooLong;
use crate::core::verdict::Verdict;
use crate::core::{secrets, text};

/// A file of a ticket's tree: its path and its contents.
pub(crate) type File = (String, Vec<u8>);

/// The file of a description.
#[must_use]
pub(crate) fn description_file(description: &str) -> File {
    let text = text::excerpt(&secrets::redact(description), text::MAX_DESCRIPTION);
    (DESCRIPTION.to_owned(), if text.is_empty() { Vec::new() } else { (text + "\n").into_bytes() })
}

/// The file of acceptance criteria.
#[must_use]
pub(crate) fn criteria_file(criteria: &Criteria) -> File {
    (criteria::FILE.to_owned(), criteria.to_file().into_bytes())
}

/// The file of a plan.
#[must_use]
pub(crate) fn plan_file(plan: &Plan) -> File {
    (plan::FILE.to_owned(), plan.to_file().into_bytes())
}

/// What somebody wants to write.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) action: Action,
    pub(crate) actor: Role,
    pub(crate) agent: Option<String>,
    pub(crate) by: Option<RunId>,
    pub(crate) text: String,
    /// Files of the tree to set, by path.
    pub(crate) files: Vec<File>,
    /// The verdict that goes with a `pass` or a `fail`; it becomes a file of the tree.
    pub(crate) verdict: Option<Verdict>,
}

impl Draft {
    /// An action without words or files.
    #[must_use]
    pub(crate) fn new(action: Action, actor: Role) -> Self {
        Self { action, actor, agent: None, by: None, text: String::new(), files: Vec::new(), verdict: None }
    }

    /// Of this run.
    #[must_use]
    pub(crate) fn by(mut self, run: &RunId) -> Self {
        self.by = Some(run.clone());
        self
    }

    /// With these words of a person or an agent, made storable and without secrets; they are kept whole.
    ///
    /// # Errors
    /// When they are too long.
    pub(crate) fn quoting(mut self, words: &str) -> Result<Self, TooLong> {
        self.text = text::whole(&secrets::redact(words), text::MAX_BODY)?;
        Ok(self)
    }

    /// With these words of a program, made storable and without secrets; if they are cut, they say so.
    #[must_use]
    pub(crate) fn saying(mut self, words: &str) -> Self {
        self.text = text::body(&secrets::redact(words));
        self
    }

    /// By this agent.
    #[must_use]
    pub(crate) fn agent(mut self, agent: &str) -> Self {
        let agent = text::line(agent, 100);
        self.agent = (!agent.is_empty()).then_some(agent);
        self
    }
}
