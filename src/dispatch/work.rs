//! Running → verifying: runs the agent and submits its work.

use camino::Utf8Path;

use super::ended::{Loss, give_back};
use super::steps::{self, Led};
use super::take_in::{Taken, Untaken};
use super::watch::Tips;
use super::{DispatchError, Site, brief, complete, converse, learn, mark, prepare, take_in, write};
use crate::agent::outbox::{self, Message};
use crate::agent::process::sweep;
use crate::agent::{Brief, Duty};
use crate::core::event::{Action, Role, State};
use crate::core::id::{ObjectId, RunId, StepId};
use crate::core::outcome::Outcome;
use crate::core::plan::note::quoted;
use crate::core::progress::{Activity, CareEvent, Stage, What};
use crate::core::report;
use crate::core::ruling::Ruling;
use crate::core::text::{self, plural};
use crate::git::process::{Git, remove_all, remove_file};
use crate::ledger::attempts::SUBMITTED_BY_ITSELF;
use crate::ledger::{Draft, Entry, Ledger};
use crate::local::locks::clear_of_ticket;
use crate::local::output::Printer;
use crate::local::runs::{AgentStage, RunRecord};
use crate::local::{settings, stash, worktrees};

/// How much of the last words of an agent is kept, in bytes.
const MAX_WORDS: usize = 1000;

/// What an agent came to.
#[derive(Clone)]
pub(super) struct Came {
    pub(super) agent: String,
    /// What it says of itself; null if nothing.
    pub(super) record: serde_json::Value,
    /// The written form of how it ended; empty where that is not known.
    pub(super) outcome: String,
    /// Why it did not succeed, if it did not.
    pub(super) failure: Option<String>,
    /// The last that it said.
    pub(super) words: String,
}

/// What an agent is started for.
pub(super) struct Task {
    /// The step of the plan, if it is one alone.
    pub(super) step: Option<StepId>,
    /// Which attempt it is, from 1.
    pub(super) number: u32,
    pub(super) printer: Printer,
    pub(super) begun: Activity,
}

pub(super) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<(), DispatchError> {
    if steps::run(site, ledger, entry, record)? == Led::Further {
        return Ok(());
    }
    let attempt = entry.ticket.attempt;
    match record.stage().clone() {
        AgentStage::Worked { attempt: done, agent, record: said, failure, outcome, words, step: None } if done == attempt => {
            name_strays(site, entry, record)?;
            clear_locks(site, entry)?;
            hand_in(site, ledger, entry, record, &Came { agent, record: said, failure, outcome, words })
        }
        AgentStage::Working { attempt: begun, from, step: None } if begun == attempt => {
            recover(site, ledger, entry, record, from)?;
            work(site, ledger, entry, record)
        }
        AgentStage::Claimed | AgentStage::Working { .. } | AgentStage::Worked { .. } => work(site, ledger, entry, record),
    }
}

/// After the orchestrator was killed under an agent: nobody knows how far it was, so it begins anew, and nothing is lost.
pub(super) fn recover(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &RunRecord,
    from: ObjectId,
) -> Result<(), DispatchError> {
    sweep(record.run());
    clear_locks(site, entry)?;
    let _restored = stash::restore(&site.repo, &record.stash())?;
    name_strays(site, entry, record)?;
    name_settings(site, ledger, entry, record)?;
    prepare::ensure_worktree(site, ledger, entry, from)
}

fn work(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<(), DispatchError> {
    let number = ledger.used(entry)?.attempts + 1;
    let agent = super::agent_name(site.entry)?.to_owned();
    let attempt = entry.ticket.attempt;
    let begun = Activity::Working { agent, attempt: number };
    let task = Task { step: None, number, printer: Printer::Agent { attempt }, begun };
    let came = engage(site, ledger, entry, record, task, |worktree| brief::executor(site, ledger, entry, worktree))?;
    hand_in(site, ledger, entry, record, &came)
}

/// The commit that the ticket's branch is at, with its worktree in place.
pub(super) fn in_place(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<ObjectId, DispatchError> {
    let branch = entry.id.branch();
    if !site.worktree(&entry.id).as_std_path().exists() {
        let trunk = ledger.policy.trunk().unwrap_or_default();
        let start = match ledger.repo.find_ref(&branch)? {
            Some(tip) => tip,
            None => ledger.find_trunk_tip()?.ok_or(DispatchError::Unborn(trunk))?,
        };
        prepare::ensure_worktree(site, ledger, entry, start)?;
    }
    ledger.repo.find_ref(&branch)?.ok_or(DispatchError::Unborn(branch))
}

/// Has an agent work in the ticket's worktree, to its end.
pub(super) fn engage(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &mut RunRecord,
    task: Task,
    tell: impl FnOnce(&Utf8Path) -> Result<brief::Text, DispatchError>,
) -> Result<Came, DispatchError> {
    let from = in_place(site, ledger, entry)?;
    let worktree = site.worktree(&entry.id);
    let attempt = entry.ticket.attempt;
    record.advance(AgentStage::Working { attempt, from, step: task.step.clone() })?;
    let box_dir = record.outbox();
    remove_all(&box_dir)?;
    crate::git::process::write_file(&box_dir.join("README"), b"Messages of this run to its orchestrator.\n", 0o644)?;
    let name = super::agent_name(site.entry)?;
    let text = tell(&worktree)?.whole();
    site.tell(What::Begun(task.begun));
    let brief = Brief {
        text,
        duty: Duty::Executor,
        ticket: entry.id.clone(),
        run: record.run().clone(),
        schema: None,
        attempt: task.number,
        step: task.step.clone(),
        worktree: worktree.clone(),
        outbox: box_dir.clone(),
        timeout: site.entry.timeout,
        limits: crate::core::budget::Amounts::default(),
    };
    stash::note(&site.repo, &record.stash())?;
    Tips::take(site).keep(&record.tips())?;
    settings::note(&site.repo, &record.settings())?;
    site.reached(Stage::Briefed);
    let outcome = match converse::run(site, name, &brief, task.printer) {
        Ok(Ruling::Granted(outcome)) => outcome,
        Ok(Ruling::Denied(refused)) => {
            name_strays(site, entry, record)?;
            return Err(DispatchError::NoBudget(Box::new(refused)));
        }
        Err(error) => {
            name_strays(site, entry, record)?;
            return Err(error);
        }
    };
    let came = Came {
        agent: outcome.agent.clone(),
        record: outcome.record.clone(),
        outcome: outcome.end().to_string(),
        failure: outcome.failure().map(ToString::to_string),
        words: text::line(&outcome.answer, MAX_WORDS),
    };
    let Came { agent, record: said, failure, outcome, words } = came.clone();
    record.advance(AgentStage::Worked { attempt, agent, record: said, failure, outcome, words, step: task.step })?;
    site.reached(Stage::Worked);
    sweep(record.run());
    over(site, entry, record)?;
    Ok(came)
}

/// Clears up after an agent that is over.
pub(super) fn over(site: &Site<'_>, entry: &Entry, record: &RunRecord) -> Result<(), DispatchError> {
    name_strays(site, entry, record)?;
    clear_locks(site, entry)
}

/// Names what came to protected branches since the agent began.
fn name_strays(site: &Site<'_>, entry: &Entry, record: &RunRecord) -> Result<(), DispatchError> {
    Tips::read(&record.tips()).compare(site, &entry.id, record.run(), super::agent_name(site.entry)?);
    Ok(remove_file(&record.tips())?)
}

/// Removes the locks that a killed git left in the ticket's branch and worktree; the run must have no live processes.
fn clear_locks(site: &Site<'_>, entry: &Entry) -> Result<(), DispatchError> {
    Ok(clear_of_ticket(&site.repo, &entry.id, &site.worktree(&entry.id)).map(drop)?)
}

/// Names the settings of git that changed while the agent worked. They stay: somebody else may have changed them.
fn name_settings(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &RunRecord) -> Result<(), DispatchError> {
    let keys = settings::find_changed(&site.repo, &record.settings(), &entry.id)?;
    if !keys.is_empty() {
        let event = CareEvent::SettingsChanged { keys };
        let draft = Draft::new(Action::Comment, Role::Executor).by(record.run());
        write(ledger, &entry.id, &draft.saying(&event.to_string()))?;
        site.tell(What::Care(event));
    }
    Ok(())
}

/// Puts back what the agent took from the stash, which all worktrees share, and then says what keeps its work from being handed in.
fn mend_stash(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &RunRecord,
    git: &Git,
) -> Result<Option<String>, DispatchError> {
    let gone = stash::restore(&site.repo, &record.stash())?;
    if gone == 0 {
        return Ok(None);
    }
    // What was in it may be in the work now, in commits or not; all of it is kept, and none of it is handed in.
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let start = ledger.find_trunk_tip()?.ok_or(DispatchError::Unborn(trunk))?;
    worktrees::rescue(&site.repo, &entry.id, &site.worktree(&entry.id), start)?;
    prepare::set_branch(&site.repo, &entry.id.branch(), start)?;
    take_in::sit_on(git, &entry.id.branch())?;
    let entries = plural(gone, "entry", "entries");
    Ok(Some(format!(
        "{entries} of the stash went while the agent worked, and its work may contain them: worktrees share the stash; they are back on it"
    )))
}

/// What an agent left.
pub(super) struct Left {
    pub(super) git: Git,
    pub(super) taken: Ruling<Taken, Untaken>,
    /// What it asks the operator, if anything.
    pub(super) question: Option<String>,
    /// All that it said on the way.
    pub(super) messages: Vec<Message>,
}

/// Collects what the agent left: messages, commits and uncommitted changes, which become a commit with this subject. `None` if nothing
/// more is to be done with it.
pub(super) fn collect(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &RunRecord,
    came: &Came,
    subject: &str,
) -> Result<Option<Left>, DispatchError> {
    let run = record.run();
    let work_failed = |why: &str| Loss::of_work(why).told_by(&came.agent, &came.record);
    let messages = outbox::read(&record.outbox());
    learn::from_outbox(site, ledger, entry, run, &messages)?;
    // It may have submitted by itself, past the words that it was told.
    let now = ledger.find(&entry.id)?.map(|now| now.ticket);
    if now.is_some_and(|now| now.state == State::Verifying && now.run.as_ref() == Some(run)) {
        let words = report::body(SUBMITTED_BY_ITSELF, None, &came.record);
        write(ledger, &entry.id, &Draft::new(Action::Comment, Role::Executor).by(run).agent(&came.agent).saying(&words))?;
        return Ok(None);
    }
    let questions: Vec<_> = messages
        .iter()
        .filter_map(|message| if let Message::Ask { text } = message { Some(text.as_str()) } else { None })
        .collect();
    let question = (!questions.is_empty()).then(|| questions.join("\n\n"));
    let worktree = site.worktree(&entry.id);
    let Some(git) = site.repo.pinned(&worktree).filter(|_| worktree.is_dir()) else {
        site.repo.git().output(["worktree", "prune"])?;
        give_back(site, ledger, entry, run, &work_failed("the worktree is missing"))?;
        return Ok(None);
    };
    name_settings(site, ledger, entry, record)?;
    if let Some(why) = mend_stash(site, ledger, entry, record, &git)? {
        give_back(site, ledger, entry, run, &work_failed(&why))?;
        return Ok(None);
    }
    let taken = take_in::commit_all(site, entry, &worktree, &git, subject)?;
    Ok(Some(Left { git, taken, question, messages }))
}

/// Puts the ticket's branch and worktree where the work is.
pub(super) fn keep_taken(site: &Site<'_>, entry: &Entry, left: &Left) -> Result<(), DispatchError> {
    if let Ruling::Granted(taken) = &left.taken {
        prepare::set_branch(&site.repo, &entry.id.branch(), taken.head)?;
        take_in::sit_on(&left.git, &entry.id.branch())?;
    }
    Ok(())
}

/// Puts the question of an agent to the operator. With the answer a new session of the agent begins.
pub(super) fn ask(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &mut RunRecord,
    came: &Came,
    question: &str,
) -> Result<(), DispatchError> {
    let words = report::body(&quoted(question), Some(Outcome::Asked), &came.record);
    let draft = Draft::new(Action::Ask, Role::Executor).by(record.run()).agent(&came.agent).saying(&words);
    write(ledger, &entry.id, &draft)?;
    site.tell(What::Question(question.to_owned()));
    forget(record)
}

/// Forgets the agent of a run, and what it left beside its work.
pub(super) fn forget(record: &mut RunRecord) -> Result<(), DispatchError> {
    remove_all(&record.outbox())?;
    Ok(record.advance(AgentStage::Claimed)?)
}

/// How a run ended whose agent did not succeed.
pub(super) fn loss(came: &Came, why: &str) -> Loss {
    let outcome = Outcome::parse(&came.outcome).filter(|outcome| *outcome != Outcome::HandedIn).unwrap_or(Outcome::Failed);
    Loss { outcome, ..Loss::of_work(why).told_by(&came.agent, &came.record) }
}

/// Hands in what the agent left.
fn hand_in(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &mut RunRecord,
    came: &Came,
) -> Result<(), DispatchError> {
    let Some(left) = collect(site, ledger, entry, record, came, &entry.ticket.content.title)? else { return Ok(()) };
    keep_taken(site, entry, &left)?;
    if let Some(question) = &left.question {
        return ask(site, ledger, entry, record, came, question);
    }
    if let Some(why) = &came.failure {
        return give_back(site, ledger, entry, record.run(), &loss(came, why));
    }
    site.resting.wake(site.account(super::agent_name(site.entry)?), site.repo.identity()?.time)?;
    submit(site, ledger, entry, record.run(), left, came)
}

/// Submits what is in the worktree, or gives the ticket back.
pub(super) fn submit(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    run: &RunId,
    left: Left,
    came: &Came,
) -> Result<(), DispatchError> {
    let work_failed = |why: &str| Loss::of_work(why).told_by(&came.agent, &came.record);
    let (Left { git, taken, .. }, worktree) = (left, site.worktree(&entry.id));
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let base = ledger.find_trunk_tip()?.ok_or(DispatchError::Unborn(trunk))?;
    let taken = match taken {
        Ruling::Granted(taken) => taken,
        Ruling::Denied(why) => return give_back(site, ledger, entry, run, &work_failed(&why.to_string())),
    };
    let head = match take_in::onto(site, &entry.id, taken.head, base)? {
        Ruling::Granted(head) => head,
        Ruling::Denied(why) => return give_back(site, ledger, entry, run, &work_failed(&why.to_string())),
    };
    let head = mark::run(site, entry, run, base, head)?;
    if head == base || ledger.repo.read_commit(head)?.tree_id == ledger.repo.read_commit(base)?.tree_id {
        let why = match came.words.as_str() {
            "" => "the agent changed nothing".to_owned(),
            words => format!("the agent changed nothing; its last words: {words}"),
        };
        return give_back(site, ledger, entry, run, &Loss { outcome: Outcome::NothingChanged, ..work_failed(&why) });
    }
    if !ledger.repo.is_ancestor(base, head)? {
        return give_back(site, ledger, entry, run, &work_failed("the commits are not based on the protected branch"));
    }
    if let Ruling::Denied(why) = complete::judge(site, &worktree, &git, base, head)? {
        return give_back(site, ledger, entry, run, &work_failed(&why.to_string()));
    }
    if head != taken.head {
        prepare::set_branch(&site.repo, &entry.id.branch(), head)?;
        take_in::sit_on(&git, &entry.id.branch())?;
    }
    let words = report::body(&taken.note.unwrap_or_default(), None, &came.record);
    let draft = Draft::new(Action::Submit { head, base }, Role::Executor).by(run).agent(&came.agent).saying(&words);
    write(ledger, &entry.id, &draft)?;
    site.reached(Stage::Submitted);
    Ok(())
}
