//! How far the steps of a plan are, as the events of the ticket tell it.

use std::collections::BTreeMap;

use super::Approval;
use super::note::Note;
use crate::core::event::{Action, Event, Role, StepState};
use crate::core::id::{ObjectId, StepId};
use crate::core::report::Report;

/// How far one step is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// `None` before it has begun.
    pub(crate) state: Option<StepState>,
    /// How often it failed since an operator last made the ticket ready.
    pub(crate) failures: u32,
    /// The commit of the ticket's branch when it was done.
    pub(crate) checkpoint: Option<ObjectId>,
    /// Why it failed or was refused last, until it is done.
    pub(crate) reason: Option<String>,
    /// Whether a person refused it, and it was not begun anew.
    pub(crate) is_refused: bool,
    /// What was said when it was done: the last words of its agent, what its command printed, or the answer of a person.
    pub(crate) result: Option<String>,
    /// What a person approved, until it is used.
    pub(crate) approved: Option<Approval>,
    /// The work that waits for approval, or was approved.
    pub(crate) made: Option<ObjectId>,
    /// The answer of a person, where the step asks.
    pub(crate) answer: Option<String>,
    /// At which event it was done.
    done_at: usize,
}

/// How far all of them are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Track {
    steps: BTreeMap<StepId, Told>,
    /// What is asked, until it is answered.
    asked: Option<Note>,
    /// Whether the work as a whole failed or was given back since the last step was done.
    has_failed: bool,
    /// Whether what came after the last step that is done was taken back, and nothing was begun since.
    is_rolled_back: bool,
}

impl Track {
    /// Of these events, oldest first.
    #[must_use]
    pub(crate) fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut track = Self::default();
        for (at, event) in events.into_iter().enumerate() {
            track.add(at, event);
        }
        track
    }

    fn add(&mut self, at: usize, event: &Event) {
        let report = Report::read(&event.text);
        let (note, words) = Note::read(report.words);
        match &event.action {
            Action::Step { step, state } => {
                let told = self.steps.entry(step.clone()).or_default();
                told.state = Some(*state);
                match state {
                    StepState::Running => (told.is_refused, self.is_rolled_back) = (false, false),
                    StepState::Waiting => *told = Told { failures: told.failures, ..Told::default() },
                    StepState::Done => {
                        let checkpoint = if let Some(Note::Done { checkpoint }) = note { Some(checkpoint) } else { None };
                        let result = Some(words.to_owned()).filter(|words| !words.is_empty());
                        *told = Told { state: Some(*state), checkpoint, result, done_at: at, ..Told::default() };
                        self.has_failed = false;
                    }
                    StepState::Failed => {
                        told.failures += 1;
                        told.reason = Some(words.to_owned());
                        // What it made was not taken. That it may run holds for the next try.
                        told.made = None;
                        told.approved = told.approved.filter(|approval| *approval == Approval::BeforeRun);
                    }
                }
            }
            Action::Ask => {
                if let Some(Note::WaitsBeforeRun { step } | Note::WaitsBeforeWrite { step, .. }) = &note {
                    self.steps.entry(step.clone()).or_default().state = Some(StepState::Waiting);
                }
                self.asked = note;
            }
            Action::Answer => self.answer(note, words),
            Action::Block => {
                if let Some(Note::Refused { step }) = note {
                    let told = self.steps.entry(step).or_default();
                    (told.made, told.approved, told.state, told.is_refused) = (None, None, Some(StepState::Failed), true);
                    told.reason = Some(words.to_owned());
                }
                self.asked = None;
            }
            Action::Approve | Action::Unblock => {
                self.steps.values_mut().for_each(|told| told.failures = 0);
            }
            Action::Comment if event.actor == Role::Operator => {
                if let Some(Note::RolledBack { step, .. }) = note {
                    self.roll_back(&step);
                }
            }
            Action::Fail { .. } => self.has_failed = true,
            Action::Release => self.has_failed |= report.outcome.is_some_and(crate::core::outcome::Outcome::uses_up_attempt),
            Action::Claim { .. } | Action::Expire => self.asked = None,
            Action::Create { .. }
            | Action::Edit { .. }
            | Action::Reject
            | Action::Start { .. }
            | Action::Renew { .. }
            | Action::Submit { .. }
            | Action::Pass
            | Action::Stale { .. }
            | Action::Merge { .. }
            | Action::Cancel
            | Action::Comment
            | Action::Conflict => {}
        }
    }

    fn answer(&mut self, note: Option<Note>, words: &str) {
        match (self.asked.take(), note) {
            (Some(Note::WaitsBeforeRun { step }), Some(Note::Approved { step: approved, approval: Approval::BeforeRun }))
                if step == approved =>
            {
                self.steps.entry(step).or_default().approved = Some(Approval::BeforeRun);
            }
            (
                Some(Note::WaitsBeforeWrite { step, made }),
                Some(Note::Approved { step: approved, approval: Approval::BeforeWrite }),
            ) if step == approved => {
                let told = self.steps.entry(step).or_default();
                (told.approved, told.made) = (Some(Approval::BeforeWrite), Some(made));
            }
            (Some(Note::Asks { step }), None) => self.steps.entry(step).or_default().answer = Some(words.to_owned()),
            // Whatever else is said to what waits for approval, it still waits.
            _ => {}
        }
    }

    fn roll_back(&mut self, to: &StepId) {
        let Some(at) = self.steps.get(to).filter(|told| told.state == Some(StepState::Done)).map(|told| told.done_at) else {
            return;
        };
        self.steps.retain(|_, told| told.state == Some(StepState::Done) && told.done_at <= at);
        self.is_rolled_back = true;
        self.has_failed = false;
    }

    /// How far a step is; `None` if no event tells of it.
    #[must_use]
    pub(crate) fn find(&self, id: &StepId) -> Option<&Told> {
        self.steps.get(id)
    }

    #[must_use]
    pub(crate) fn is_done(&self, id: &StepId) -> bool {
        self.steps.get(id).is_some_and(|told| told.state == Some(StepState::Done))
    }

    /// Whether an event says that it runs, and none yet what came of it.
    #[must_use]
    pub(crate) fn is_running(&self, id: &StepId) -> bool {
        self.steps.get(id).is_some_and(|told| told.state == Some(StepState::Running))
    }

    /// The steps that are done, in the order in which they were.
    #[must_use]
    pub(crate) fn done(&self) -> Vec<(&StepId, &Told)> {
        let mut done: Vec<_> = self.steps.iter().filter(|(_, told)| told.state == Some(StepState::Done)).collect();
        done.sort_by_key(|(_, told)| told.done_at);
        done
    }

    /// The steps that were done after another one, in the order in which they were, and those that were begun.
    #[must_use]
    pub(crate) fn after(&self, id: &StepId) -> Vec<&StepId> {
        let Some(at) = self.steps.get(id).map(|told| told.done_at) else { return Vec::new() };
        let later = self.done().into_iter().filter(|(_, told)| told.done_at > at).map(|(id, _)| id);
        let begun =
            self.steps.iter().filter(|(_, told)| told.state.is_some_and(|state| state != StepState::Done)).map(|(id, _)| id);
        later.chain(begun).collect()
    }

    /// Whether the branch is to be where the last step was done: what is beyond was taken back or refused.
    #[must_use]
    pub(crate) fn is_taken_back(&self) -> bool {
        self.is_rolled_back || self.steps.values().any(|told| told.is_refused)
    }

    /// The last commit at which a step was done.
    #[must_use]
    pub(crate) fn last_checkpoint(&self) -> Option<ObjectId> {
        self.done().into_iter().rev().find_map(|(_, told)| told.checkpoint)
    }

    /// What waits for a person.
    #[must_use]
    pub(crate) fn asked(&self) -> Option<&Note> {
        self.asked.as_ref()
    }

    /// Whether the whole failed since the last step was done, so that somebody has to mend it.
    #[must_use]
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }
}
