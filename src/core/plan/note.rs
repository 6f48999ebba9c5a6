//! What an event says of a step beside its words: the first line of its body.
//!
//! It is a line and no trailer, because a trailer that is not known to an older git-os would make the event invalid for it. It comes
//! first, so that nothing that an agent says stands in its place and nothing is cut from it.

use std::fmt;

use super::Approval;
use crate::core::id::{ObjectId, StepId};

/// What an event says of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    /// The step is done, and the ticket's branch was at this commit.
    Done {
        checkpoint: ObjectId,
    },
    /// It waits for a person to approve it: before it runs, or before what it made, this commit, is written to the ticket's branch.
    WaitsBeforeRun {
        step: StepId,
    },
    WaitsBeforeWrite {
        step: StepId,
        made: ObjectId,
    },
    /// It asks a person, as the plan says.
    Asks {
        step: StepId,
    },
    Approved {
        step: StepId,
        approval: Approval,
    },
    Refused {
        step: StepId,
    },
    /// All that was done after this step was taken back.
    RolledBack {
        step: StepId,
        checkpoint: ObjectId,
    },
}

const DONE: &str = "Done at ";
const WAITS: &str = "Waits for approval of step ";
const ASKS: &str = "Question of step ";
const APPROVED: &str = "Approved step ";
const REFUSED: &str = "Refused step ";
const ROLLED_BACK: &str = "Rolled back to step ";
const ALL: [&str; 6] = [DONE, WAITS, ASKS, APPROVED, REFUSED, ROLLED_BACK];

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { checkpoint } => write!(out, "{DONE}{checkpoint}"),
            Self::WaitsBeforeRun { step } => write!(out, "{WAITS}{step} {}", Approval::BeforeRun),
            Self::WaitsBeforeWrite { step, made } => write!(out, "{WAITS}{step} {} {made}", Approval::BeforeWrite),
            Self::Asks { step } => write!(out, "{ASKS}{step}"),
            Self::Approved { step, approval } => write!(out, "{APPROVED}{step} {approval}"),
            Self::Refused { step } => write!(out, "{REFUSED}{step}"),
            Self::RolledBack { step, checkpoint } => write!(out, "{ROLLED_BACK}{step} at {checkpoint}"),
        }
    }
}

impl Note {
    /// The body of an event with this note and these words.
    #[must_use]
    pub(crate) fn with(&self, words: &str) -> String {
        if words.trim().is_empty() { self.to_string() } else { format!("{self}\n\n{words}") }
    }

    /// The note of a body, and the words after it. A body without a note is all words.
    #[must_use]
    pub(crate) fn read(body: &str) -> (Option<Self>, &str) {
        let (first, rest) = body.split_once('\n').unwrap_or((body, ""));
        match Self::parse(first) {
            Some(note) => (Some(note), rest.trim_start_matches('\n')),
            None => (None, body),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let words = |prefix: &str| line.strip_prefix(prefix).map(|rest| rest.split(' ').collect::<Vec<_>>());
        let step = |id: &str| StepId::parse(id).ok();
        let object = |id: &str| ObjectId::parse(id).ok();
        if let Some(words) = words(DONE) {
            let [id] = words.as_slice() else { return None };
            return Some(Self::Done { checkpoint: object(id)? });
        }
        if let Some(words) = words(WAITS) {
            return match words.as_slice() {
                [id, when] if Approval::parse(when) == Some(Approval::BeforeRun) => {
                    Some(Self::WaitsBeforeRun { step: step(id)? })
                }
                [id, when, made] if Approval::parse(when) == Some(Approval::BeforeWrite) => {
                    Some(Self::WaitsBeforeWrite { step: step(id)?, made: object(made)? })
                }
                _ => None,
            };
        }
        if let Some(words) = words(ASKS) {
            let [id] = words.as_slice() else { return None };
            return Some(Self::Asks { step: step(id)? });
        }
        if let Some(words) = words(APPROVED) {
            let [id, when] = words.as_slice() else { return None };
            return Some(Self::Approved { step: step(id)?, approval: Approval::parse(when)? });
        }
        if let Some(words) = words(REFUSED) {
            let [id] = words.as_slice() else { return None };
            return Some(Self::Refused { step: step(id)? });
        }
        let words = words(ROLLED_BACK)?;
        let [id, "at", checkpoint] = words.as_slice() else { return None };
        Some(Self::RolledBack { step: step(id)?, checkpoint: object(checkpoint)? })
    }
}

/// The words of an agent or a person, which are no note whatever they say.
#[must_use]
pub(crate) fn quoted(words: &str) -> String {
    if ALL.iter().any(|prefix| words.trim_start().starts_with(prefix)) {
        format!("> {}", words.trim_start())
    } else {
        words.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_made_and_words_are_none() {
        let step = StepId::parse("S-2").expect("valid");
        let id = ObjectId::parse(&"ab".repeat(20)).expect("hex");
        let all = [
            Note::Done { checkpoint: id },
            Note::WaitsBeforeRun { step: step.clone() },
            Note::WaitsBeforeWrite { step: step.clone(), made: id },
            Note::Asks { step: step.clone() },
            Note::Approved { step: step.clone(), approval: Approval::BeforeWrite },
            Note::Refused { step: step.clone() },
            Note::RolledBack { step, checkpoint: id },
        ];
        for note in all {
            assert_eq!(Note::read(&note.with("So it is.\n\nMore")), (Some(note.clone()), "So it is.\n\nMore"));
            assert_eq!(Note::read(&note.with("")), (Some(note.clone()), ""));
            assert_eq!(Note::read(&quoted(&note.with("x"))).0, None, "{note}");
        }
        for words in ["", "Done at noon", "Approved step", "Waits for approval of step S1 never", "Refused step a b"] {
            assert_eq!(Note::read(words), (None, words));
        }
    }
}
