//! Running → running: does one step of the ticket's plan, and keeps where the work was when it was done.
//!
//! What came of a step is an event of the ticket, written after the commit that it speaks of is kept; so whoever goes on after a crash
//! finds either the event, or what the event will say.

use super::ended::{Loss, give_back};
use super::planned::base_of;
pub(crate) use super::planned::{find_plan, track};
use super::scratch::Scratch;
use super::take_in::sit_on;
use super::verify::{ending, run_check};
use super::work::{self, Came, Left, Task};
use super::{DispatchError, Site, brief, learn, prepare, take_in, write};
use crate::agent::process::sweep;
use crate::core::event::{Action, Role, StepState};
use crate::core::id::{ObjectId, StepId};
use crate::core::meta::Check;
use crate::core::outcome::Outcome;
use crate::core::plan::note::{Note, quoted};
use crate::core::plan::{Approval, Plan, Step, StepType, Told, Track};
use crate::core::progress::{Activity, Stage, Trouble, What};
use crate::core::report;
use crate::core::ruling::Ruling;
use crate::core::text::excerpt;
use crate::ledger::{Draft, Entry, Ledger};
use crate::local::output::Printer;
use crate::local::runs::{AgentStage, RunRecord};

/// How much of what a command printed is kept with its step, in bytes.
const MAX_RESULT: usize = 2000;

/// Whether there is more to do than the steps of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Led {
    /// Something was done, and the ticket is to be looked at again.
    Further,
    /// An agent works on the whole: there is no plan, or all its steps are done and what they made has failed.
    Whole,
}

/// One step, and all that it is done with.
struct Turn<'a> {
    site: &'a Site<'a>,
    ledger: &'a Ledger<'a>,
    entry: &'a Entry,
    plan: &'a Plan,
    track: &'a Track,
    step: &'a Step,
    told: Told,
}

/// Does the next thing that the plan of a ticket asks for.
pub(super) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<Led, DispatchError> {
    let plan = match ledger.plan(entry.tree_id)? {
        None => return Ok(Led::Whole),
        Some(Ruling::Granted(plan)) => plan,
        Some(Ruling::Denied(faults)) => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            let words = format!("the plan cannot be followed:\n{}", faults.join("\n"));
            write(ledger, &entry.id, &Draft::new(Action::Block, Role::Executor).by(record.run()).saying(&words))?;
            return Ok(Led::Further);
        }
    };
    let track = track(ledger, entry)?;
    let turn = |step| Turn {
        site,
        ledger,
        entry,
        plan: &plan,
        track: &track,
        step,
        told: track.find(&step.id).cloned().unwrap_or_default(),
    };
    let attempt = entry.ticket.attempt;
    match record.stage().clone() {
        AgentStage::Worked { step: None, attempt: done, .. } | AgentStage::Working { step: None, attempt: done, .. }
            if done == attempt =>
        {
            return Ok(Led::Whole);
        }
        AgentStage::Worked { step: Some(id), agent, record: said, failure, outcome, words, .. } => {
            if let Some(step) = plan.find(&id).filter(|_| track.is_running(&id)) {
                work::over(site, entry, record)?;
                turn(step).take(record, &Came { agent, record: said, failure, outcome, words })?;
            } else {
                work::forget(record)?;
            }
            return Ok(Led::Further);
        }
        AgentStage::Working { step: Some(id), from, .. } => {
            if track.is_running(&id) {
                work::recover(site, ledger, entry, record, from)?;
            }
            work::forget(record)?;
            return Ok(Led::Further);
        }
        AgentStage::Claimed | AgentStage::Worked { .. } | AgentStage::Working { .. } => {}
    }
    if let Some(id) = find_undone(ledger, entry, &track) {
        let draft = Draft::new(Action::Step { step: id, state: StepState::Waiting }, Role::Executor).by(record.run());
        write(ledger, &entry.id, &draft)?;
        return Ok(Led::Further);
    }
    match plan.next(&track) {
        Some(step) => turn(step).begin(record).map(|()| Led::Further),
        None if track.has_failed() => Ok(Led::Whole),
        None => finish(site, ledger, entry, record).map(|()| Led::Further),
    }
}

/// A step whose state in the ticket is no longer so: it was rolled back, or what it made is not on this machine.
fn find_undone(ledger: &Ledger<'_>, entry: &Entry, track: &Track) -> Option<StepId> {
    let is_lost = |(id, told): (&StepId, &Told)| {
        told.checkpoint.is_some_and(|commit_id| !ledger.repo.has_object(commit_id)).then(|| id.clone())
    };
    let rolled_back = entry.ticket.steps.iter().find(|(id, _)| track.find(id).is_none()).map(|(id, _)| id.clone());
    rolled_back.or_else(|| track.done().into_iter().find_map(is_lost))
}

/// Hands in what all steps together made.
fn finish(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<(), DispatchError> {
    work::in_place(site, ledger, entry)?;
    let worktree = site.worktree(&entry.id);
    let came = Came {
        agent: super::agent_name(site.entry)?.to_owned(),
        record: serde_json::Value::Null,
        outcome: String::new(),
        failure: None,
        words: String::new(),
    };
    let Some(git) = site.repo.pinned(&worktree) else {
        return give_back(site, ledger, entry, record.run(), &Loss::of_work("the worktree is missing"));
    };
    let taken = take_in::commit_all(site, entry, &worktree, &git, &entry.ticket.content.title)?;
    let left = Left { git, taken, question: None, messages: Vec::new() };
    work::keep_taken(site, entry, &left)?;
    work::submit(site, ledger, entry, record.run(), left, &came)
}

impl Turn<'_> {
    /// Begins the step, or asks what has to be asked before.
    fn begin(&self, record: &mut RunRecord) -> Result<(), DispatchError> {
        let Self { ledger, entry, step, told, .. } = self;
        let max = step.max_attempts.unwrap_or(ledger.policy.max_attempts);
        if told.failures >= max {
            let why = told.reason.clone().unwrap_or_default();
            let words = format!("step `{}` failed {}; the last time: {why}", step.id, times(told.failures));
            let words = report::body(&words, Some(Outcome::Failed), &serde_json::Value::Null);
            write(ledger, &entry.id, &Draft::new(Action::Block, Role::Executor).by(record.run()).saying(&words))?;
            return Ok(());
        }
        if step.kind == StepType::AskUser {
            return match &told.answer {
                Some(answer) => self.done(record, work::in_place(self.site, ledger, entry)?, answer, None),
                None => {
                    self.ask(record, &Note::Asks { step: step.id.clone() }, step.prompt.as_ref().unwrap_or(&step.title), None)
                }
            };
        }
        if step.approval == Approval::BeforeRun && told.approved != Some(Approval::BeforeRun) {
            let note = Note::WaitsBeforeRun { step: step.id.clone() };
            return self.ask(record, &note, &self.before_run(), None);
        }
        if let (Some(Approval::BeforeWrite), Some(made)) = (told.approved, told.made) {
            return self.adopt(record, made);
        }
        let entry = if self.track.is_running(&step.id) {
            (*entry).clone()
        } else {
            let draft = Draft::new(Action::Step { step: step.id.clone(), state: StepState::Running }, Role::Executor);
            let entry = write(ledger, &entry.id, &draft.by(record.run()))?;
            self.site.reached(Stage::Begun);
            entry
        };
        let turn = Turn { entry: &entry, told: self.told.clone(), ..*self };
        match step.kind {
            StepType::Shell => turn.shell(record),
            StepType::Agent | StepType::Skill | StepType::AskUser => turn.agent(record),
        }
    }

    fn activity(&self) -> Activity {
        let (step, title) = (self.step.id.clone(), self.step.title.clone());
        Activity::Step { step, title, attempt: self.told.failures + 1 }
    }

    fn agent(&self, record: &mut RunRecord) -> Result<(), DispatchError> {
        let place = self.plan.steps.iter().position(|step| step.id == self.step.id).unwrap_or_default();
        let task = Task {
            step: Some(self.step.id.clone()),
            number: self.told.failures + 1,
            printer: Printer::Step { place, seq: self.entry.ticket.seq },
            begun: self.activity(),
        };
        let came = work::engage(self.site, self.ledger, self.entry, record, task, |worktree| {
            let planned = brief::Planned { plan: self.plan, track: self.track };
            brief::step(self.site, self.ledger, self.entry, worktree, planned, self.step)
        })?;
        self.take(record, &came)
    }

    /// Runs the command of the step in the ticket's worktree.
    fn shell(&self, record: &mut RunRecord) -> Result<(), DispatchError> {
        let Self { site, ledger, entry, step, .. } = self;
        let from = work::in_place(site, ledger, entry)?;
        let attempt = entry.ticket.attempt;
        record.advance(AgentStage::Working { attempt, from, step: Some(step.id.clone()) })?;
        site.tell(What::Begun(self.activity()));
        let worktree = site.worktree(&entry.id);
        let check = Check { name: format!("step {}", step.id), run: step.shell.clone().unwrap_or_default(), tests: Vec::new() };
        let (result, finished) = run_check(site, ledger, &check, &worktree, record.run())?;
        let printed = finished.transcript.last_words();
        let failure = (result.exit != 0).then(|| format!("`{}` exited with {}:\n{}", check.run, result.exit, ending(&printed)));
        let came = Came {
            agent: String::new(),
            record: serde_json::Value::Null,
            outcome: Outcome::Failed.to_string(),
            failure,
            words: excerpt(printed.trim_end(), MAX_RESULT),
        };
        let Came { agent, record: said, failure, outcome, words } = came.clone();
        let step = Some(step.id.clone());
        record.advance(AgentStage::Worked { attempt, agent, record: said, failure, outcome, words, step })?;
        site.reached(Stage::Worked);
        sweep(record.run());
        self.take(record, &came)
    }

    /// Takes in what the step made.
    fn take(&self, record: &mut RunRecord, came: &Came) -> Result<(), DispatchError> {
        let Self { site, ledger, entry, step, .. } = self;
        let Some(left) = work::collect(site, ledger, entry, record, came, &step.title)? else { return Ok(()) };
        if let Some(question) = &left.question {
            work::keep_taken(site, entry, &left)?;
            return work::ask(site, ledger, entry, record, came, question);
        }
        let head = match &left.taken {
            Ruling::Granted(taken) => taken.head,
            Ruling::Denied(why) => return self.failed(record, came, &why.to_string()),
        };
        if let Some(why) = &came.failure {
            work::keep_taken(site, entry, &left)?;
            let loss = work::loss(came, why);
            if !loss.outcome.uses_up_attempt() || matches!(loss.outcome, Outcome::OverBudget(_)) {
                return give_back(site, ledger, entry, record.run(), &loss);
            }
            return self.failed(record, came, why);
        }
        let said = learn::said_of(&step.id, &left.messages);
        // It may not call its step done where it is not; that it is not done, it knows best.
        if let Some((StepState::Failed, words)) = said {
            work::keep_taken(site, entry, &left)?;
            let why = if words.trim().is_empty() { "its agent says that it failed" } else { words };
            return self.failed(record, came, why);
        }
        if !came.agent.is_empty() {
            site.resting.wake(site.account(super::agent_name(site.entry)?), site.repo.identity()?.time)?;
        }
        ledger.keep_step(&entry.id, head)?;
        site.reached(Stage::Made);
        if let Some(why) = self.check(record, head)? {
            work::keep_taken(site, entry, &left)?;
            return self.failed(record, came, &why);
        }
        if step.approval == Approval::BeforeWrite {
            return self.propose(record, &left, head, came);
        }
        work::keep_taken(site, entry, &left)?;
        let words = said.map(|(_, words)| words).filter(|words| !words.trim().is_empty());
        self.done(record, head, words.unwrap_or(&came.words), Some(came))
    }

    /// Why the check of the step fails on what it made, if it does.
    fn check(&self, record: &RunRecord, head: ObjectId) -> Result<Option<String>, DispatchError> {
        let Self { site, ledger, entry, step, .. } = self;
        let Some(run) = &step.check else { return Ok(None) };
        let check = Check { name: format!("check of step {}", step.id), run: run.clone(), tests: Vec::new() };
        let place = Scratch::add(site, &entry.id, head)?;
        let ran = run_check(site, ledger, &check, &place.path, record.run());
        if let Err(error) = place.remove(site) {
            site.tell(What::Trouble(Trouble::of(&error)));
        }
        let (result, finished) = ran?;
        let printed = finished.transcript.last_words();
        Ok((result.exit != 0).then(|| format!("`{run}` exited with {}:\n{}", result.exit, ending(&printed))))
    }

    /// Notes that the step is done, and where the work is by then.
    fn done(&self, record: &mut RunRecord, head: ObjectId, words: &str, came: Option<&Came>) -> Result<(), DispatchError> {
        let Self { site, ledger, entry, step, .. } = self;
        ledger.keep_step(&entry.id, head)?;
        site.reached(Stage::Checkpoint);
        let words = Note::Done { checkpoint: head }.with(&quoted(words));
        let words = report::body(&words, None, came.map_or(&serde_json::Value::Null, |came| &came.record));
        let draft = Draft::new(Action::Step { step: step.id.clone(), state: StepState::Done }, Role::Executor);
        let draft = draft.by(record.run()).agent(came.map_or("", |came| &came.agent)).saying(&words);
        write(ledger, &entry.id, &draft)?;
        site.reached(Stage::Done);
        work::forget(record)
    }

    /// Notes that the step failed. Whether it is tried again is decided when it would begin.
    fn failed(&self, record: &mut RunRecord, came: &Came, why: &str) -> Result<(), DispatchError> {
        let Self { site, ledger, entry, step, told, .. } = self;
        site.tell(What::AttemptFailed { attempt: told.failures + 1, why: format!("step {}: {why}", step.id) });
        let words = report::body(&quoted(why), Some(Outcome::Failed), &came.record);
        let draft = Draft::new(Action::Step { step: step.id.clone(), state: StepState::Failed }, Role::Executor);
        write(ledger, &entry.id, &draft.by(record.run()).agent(&came.agent).saying(&words))?;
        site.reached(Stage::Done);
        work::forget(record)
    }

    /// Asks a person, in the name of the plan.
    fn ask(&self, record: &mut RunRecord, note: &Note, question: &str, came: Option<&Came>) -> Result<(), DispatchError> {
        let words = note.with(&quoted(question));
        let words = report::body(&words, None, came.map_or(&serde_json::Value::Null, |came| &came.record));
        let draft = Draft::new(Action::Ask, Role::Executor).by(record.run()).agent(came.map_or("", |came| &came.agent));
        write(self.ledger, &self.entry.id, &draft.saying(&words))?;
        self.site.tell(What::Question(question.to_owned()));
        work::forget(record)
    }

    fn before_run(&self) -> String {
        let Step { id, title, kind, shell, prompt, .. } = self.step;
        let what = match (kind, shell, prompt) {
            (StepType::Shell, Some(shell), _) => format!("\nIt runs: {shell}"),
            (_, _, Some(prompt)) if prompt != title => format!("\nIts agent is told: {prompt}"),
            _ => String::new(),
        };
        format!("Step {id}, \"{title}\", waits for approval before it runs.{what}\n{}", self.how())
    }

    fn how(&self) -> String {
        let (ticket, step) = (&self.entry.id, &self.step.id);
        format!(
            "`git os approve {ticket} --step {step}` lets it go on; `git os reject {ticket} --step {step} --reason TEXT` does not."
        )
    }

    /// Asks whether what the step made may be written to the ticket's branch, which stays where it was.
    fn propose(&self, record: &mut RunRecord, left: &Left, made: ObjectId, came: &Came) -> Result<(), DispatchError> {
        let Self { site, ledger, entry, step, track, .. } = self;
        let branch = entry.id.branch();
        let from = match track.last_checkpoint().filter(|id| ledger.repo.has_object(*id)) {
            Some(last) => last,
            None => base_of(ledger, made)?.unwrap_or(made),
        };
        let stat = ledger.repo.git().output(["diff", "--stat=80", "--no-ext-diff", &from.to_string(), &made.to_string()])?;
        let words = format!(
            "Step {}, \"{}\", waits for approval before its changes are kept.\n{}\
             `git diff {} {}` shows them.\n{}",
            step.id,
            step.title,
            if stat.trim().is_empty() { "It changed nothing.\n".to_owned() } else { excerpt(&stat, MAX_RESULT) + "\n" },
            from.short(12),
            made.short(12),
            self.how()
        );
        self.ask(record, &Note::WaitsBeforeWrite { step: step.id.clone(), made }, &words, Some(came))?;
        prepare::set_branch(&site.repo, &branch, from)?;
        sit_on(&left.git, &branch)
    }

    /// Takes what a person approved.
    fn adopt(&self, record: &mut RunRecord, made: ObjectId) -> Result<(), DispatchError> {
        let Self { site, ledger, entry, step, .. } = self;
        if !ledger.repo.has_object(made) {
            let draft = Draft::new(Action::Step { step: step.id.clone(), state: StepState::Waiting }, Role::Executor);
            return write(ledger, &entry.id, &draft.by(record.run())).map(drop);
        }
        work::in_place(site, ledger, entry)?;
        prepare::ensure_worktree(site, ledger, entry, made)?;
        self.done(record, made, "", None)
    }
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
