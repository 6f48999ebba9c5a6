//! A verifier's judgement of one exact commit, with its evidence.

use serde::{Deserialize, Serialize};

use super::event::named;
use super::id::{ObjectId, RunId, TicketId};

/// The version of the schema below.
pub(crate) const VERSION: u32 = 1;

named! {
    /// Yes or no.
    Judgement, "judgement", { Pass = "pass", Fail = "fail" }
}

named! {
    /// How well the doctor finds the repository.
    Grade, "grade", { A = "A", B = "B", C = "C", F = "F" }
}

/// How one check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckResult {
    pub(crate) name: String,
    /// The command as the policy has it.
    pub(crate) run: String,
    /// The exit code; 128 + the signal's number when a signal ended it; 124 when time was up.
    pub(crate) exit: i32,
    /// The object id that git gives to the output as a blob.
    pub(crate) output: ObjectId,
    /// Wall time in milliseconds.
    pub(crate) millis: u64,
}

/// Who judged beyond the checks, and in which words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Judge {
    /// The agent's name in the registry; `checks` when checks alone decide.
    pub(crate) agent: String,
    pub(crate) reasons: Vec<String>,
}

/// The whole judgement: `verdicts/<n>.json` of the event, one line of the note.
#[expect(clippy::struct_field_names, reason = "the field is what the word means")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) version: u32,
    pub(crate) ticket: TicketId,
    pub(crate) verdict: Judgement,
    /// The verifier's run.
    pub(crate) run: RunId,
    /// The run whose work it is.
    pub(crate) holder: RunId,
    pub(crate) commit: ObjectId,
    pub(crate) tree: ObjectId,
    pub(crate) base: ObjectId,
    pub(crate) checks: Vec<CheckResult>,
    pub(crate) judge: Judge,
    /// The doctor's grade of the repository when it was judged.
    pub(crate) grade: Grade,
}

impl Verdict {
    /// Whether it is on this ticket: by its id, or by the shorter one it had before another ticket was found to have it too.
    #[must_use]
    pub(crate) fn is_on(&self, id: &TicketId) -> bool {
        id.as_str().starts_with(self.ticket.as_str())
    }

    /// One line of JSON.
    ///
    /// # Panics
    /// Never: all keys are strings.
    #[must_use]
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a verdict has only string keys")
    }

    /// Reads one line of JSON.
    ///
    /// # Errors
    /// When it is not a verdict of a version known here.
    pub(crate) fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let verdict: Self = serde_json::from_str(text)?;
        if verdict.version == VERSION {
            Ok(verdict)
        } else {
            Err(serde::de::Error::custom(format!("verdict version {} is not known here", verdict.version)))
        }
    }

    /// Whether every check ended with 0.
    #[must_use]
    pub(crate) fn checks_passed(&self) -> bool {
        self.checks.iter().all(|check| check.exit == 0)
    }
}
