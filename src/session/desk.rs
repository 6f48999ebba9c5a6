//! Whoever answers a session: what is asked, and what can be answered.

use std::collections::BTreeMap;

use super::SessionError;
use crate::core::id::{Brand, RepoName};
use crate::core::interview::{Answers, Question, Reason};
use crate::core::sheet::Sheet;

/// A draft as it is shown to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) id: String,
    pub(crate) repo: RepoName,
    pub(crate) brand: Brand,
    pub(crate) sheet: Sheet,
}

/// The decision about a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Approval {
    Approve,
    /// This one and all that follow.
    ApproveRest,
    Reject(String),
    Edit(Sheet),
    Later,
    /// This one and all that follow later.
    Quit,
}

/// A question of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) repo: RepoName,
    pub(crate) title: String,
    /// What the agent was doing, a line each.
    pub(crate) doing: Vec<String>,
    pub(crate) question: String,
}

/// What was said to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    /// Nothing, to this question.
    Nothing,
    /// Nothing more about the brand.
    NothingMore,
    /// Nothing more to any question of this kind.
    Quit,
}

/// A question of the interview as it is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Put<'a> {
    pub(crate) question: &'a Question,
    /// Why the brand is asked about; `None` if that was said before.
    pub(crate) reason: Option<&'a Reason>,
    /// What is wrong with the answer before.
    pub(crate) complaint: Option<String>,
    /// Whether this is another line of the same answer.
    pub(crate) is_more: bool,
}

/// Whoever answers: a person at a terminal, or answers given beforehand.
pub(crate) trait Desk {
    /// Whether somebody is there to answer.
    fn is_attended(&self) -> bool;
    /// The answers about brands that were given beforehand; `None` if they are to be asked for.
    fn given(&self) -> Option<&BTreeMap<Brand, Answers>>;
    /// Asks a question of the interview.
    ///
    /// # Errors
    /// If the prompt fails or is interrupted.
    fn ask(&self, put: &Put<'_>) -> Result<Said, SessionError>;
    /// Asks what to do with the first of these drafts; the others are those that follow.
    ///
    /// # Errors
    /// If the prompt fails or is interrupted.
    fn approve(&self, drafts: &[Proposal]) -> Result<Approval, SessionError>;
    /// Puts the question of an agent.
    ///
    /// # Errors
    /// If the prompt fails or is interrupted.
    fn reply(&self, asked: &Asked) -> Result<Said, SessionError>;
}
