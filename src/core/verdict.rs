//! The result of the verification of one commit, with its evidence.

use serde::{Deserialize, Serialize};

use super::ballot::Ballot;
use super::criteria::{Answer, Answered, Criteria};
use super::event::named;
use super::id::{ObjectId, RunId, TicketId};
use super::proof::{Proof, Seen};
use super::tally::Tally;

/// The version of the schema below.
pub(crate) const VERSION: u32 = 1;

named! {
    /// Pass or fail.
    Judgement, "judgement", { Pass = "pass", Fail = "fail" }
}

named! {
    /// The doctor's grade of a repository.
    Grade, "grade", { A = "A", B = "B", C = "C", F = "F" }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckResult {
    pub(crate) name: String,
    /// The command, as in the policy.
    pub(crate) run: String,
    /// The exit code; 128 plus the signal's number if a signal ended it; 124 if it timed out.
    pub(crate) exit: i32,
    /// The id of the output as a git blob.
    pub(crate) output: ObjectId,
    /// Wall time in milliseconds.
    pub(crate) millis: u64,
    /// How many tests ran, where the output says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tests: Option<Tally>,
    /// What it says with the tests or the code of the base, if the policy marks it as tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<Proof>,
}

impl CheckResult {
    /// Whether it exited with 0 and did not say that no test ran.
    #[must_use]
    pub(crate) fn has_passed(&self) -> bool {
        self.seen().has_passed()
    }

    /// What it says in short.
    #[must_use]
    pub(crate) fn seen(&self) -> Seen {
        Seen { exit: self.exit, tests: self.tests }
    }
}

/// The judge of a verdict that a person gave, in place of an agent.
pub(crate) const PERSON: &str = "person";

/// The judge of a verdict that only checks gave.
pub(crate) const CHECKS: &str = "checks";

/// Who judged in addition to the checks, and the reasons they gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Judge {
    /// The agent's name in the registry; [`CHECKS`] if no agent was asked, and [`PERSON`] if a person judged.
    pub(crate) agent: String,
    pub(crate) reasons: Vec<String>,
    /// Their answers to the acceptance criteria.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) criteria: Vec<Answer>,
}

impl Judge {
    /// Nobody: the checks alone decide.
    #[must_use]
    pub(crate) fn checks() -> Self {
        Self { agent: CHECKS.to_owned(), reasons: Vec::new(), criteria: Vec::new() }
    }

    /// A person, with this reason.
    #[must_use]
    pub(crate) fn person(reason: String) -> Self {
        Self { agent: PERSON.to_owned(), reasons: vec![reason], criteria: Vec::new() }
    }

    /// Whether an agent judged, and not only the checks or a person.
    #[must_use]
    pub(crate) fn is_agent(&self) -> bool {
        self.agent != CHECKS && self.agent != PERSON
    }
}

/// The whole verdict: `verdicts/<n>.json` of the event, and one line of the note.
#[expect(clippy::struct_field_names, reason = "the field is what the word means")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) version: u32,
    pub(crate) ticket: TicketId,
    pub(crate) verdict: Judgement,
    /// The verifier's run.
    pub(crate) run: RunId,
    /// The run that did the work.
    pub(crate) holder: RunId,
    pub(crate) commit: ObjectId,
    pub(crate) tree: ObjectId,
    pub(crate) base: ObjectId,
    pub(crate) checks: Vec<CheckResult>,
    pub(crate) judge: Judge,
    /// What it says of the acceptance criteria, if the ticket has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acceptance: Option<Answered>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ballot: Option<Ballot>,
    /// The doctor's grade of the repository at the time of the verification.
    pub(crate) grade: Grade,
}

impl Verdict {
    /// Whether the verdict is for this ticket, by its id or by the shorter id it had before another ticket got the same one.
    #[must_use]
    pub(crate) fn is_on(&self, id: &TicketId) -> bool {
        id.as_str().starts_with(self.ticket.as_str())
    }

    /// Encodes the verdict as one line of JSON.
    ///
    /// # Panics
    /// Never: all keys are strings.
    #[must_use]
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a verdict has only string keys")
    }

    /// Parses one line of JSON.
    ///
    /// # Errors
    /// If it is not a verdict of a supported version.
    pub(crate) fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let verdict: Self = serde_json::from_str(text)?;
        if verdict.version == VERSION {
            Ok(verdict)
        } else {
            Err(serde::de::Error::custom(format!("this git-os does not support verdict version {}", verdict.version)))
        }
    }

    /// The first of these criteria that is not met, as far as the verdict says; of those that need an agent, nothing is asked where
    /// none judged.
    #[must_use]
    pub(crate) fn find_unmet(&self, criteria: &Criteria) -> Option<u32> {
        let by_rule = self.acceptance.as_ref().map_or(&[][..], |answered| &answered.by_rule);
        criteria.find_unmet(by_rule, self.judge.is_agent().then_some(self.judge.criteria.as_slice()))
    }

    /// Whether every check passed.
    #[must_use]
    pub(crate) fn checks_passed(&self) -> bool {
        self.checks.iter().all(CheckResult::has_passed)
    }
}
