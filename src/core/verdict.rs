//! The result of the verification of one commit, with its evidence.

use serde::{Deserialize, Serialize};

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

/// Who judged in addition to the checks, and the reasons they gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Judge {
    /// The agent's name in the registry; `checks` if no agent was asked.
    pub(crate) agent: String,
    pub(crate) reasons: Vec<String>,
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

    /// Whether every check passed.
    #[must_use]
    pub(crate) fn checks_passed(&self) -> bool {
        self.checks.iter().all(CheckResult::has_passed)
    }
}
