//! Running → verifying: runs the agent and submits its work.

use super::budget::Refused;
use super::ended::{Loss, give_back};
use super::watch::Tips;
use super::{DispatchError, Site, brief, complete, converse, learn, mark, prepare, take_in, write};
use crate::agent::outbox::{self, Message};
use crate::agent::process::sweep;
use crate::agent::{Brief, Duty};
use crate::core::event::{Action, Role, State};
use crate::core::outcome::Outcome;
use crate::core::progress::{Activity, CareEvent, Hold, Stage, What};
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
struct Came {
    agent: String,
    /// What it says of itself; null if nothing.
    record: serde_json::Value,
    /// The written form of how it ended; empty where that is not known.
    outcome: String,
    /// Why it did not succeed, if it did not.
    failure: Option<String>,
    /// The last that it said.
    words: String,
}

pub(super) fn run(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &mut RunRecord,
) -> Result<Ruling<(), Hold>, DispatchError> {
    let attempt = entry.ticket.attempt;
    match record.stage().clone() {
        AgentStage::Worked { attempt: done, agent, record: said, failure, outcome, words } if done == attempt => {
            name_strays(site, entry, record)?;
            clear_locks(site, entry)?;
            hand_in(site, ledger, entry, record, &Came { agent, record: said, failure, outcome, words }).map(Ruling::Granted)
        }
        AgentStage::Working { attempt: begun, from } if begun == attempt => {
            // The orchestrator was killed under it. Nobody knows how far it was, so it begins anew, and nothing is lost.
            sweep(record.run());
            clear_locks(site, entry)?;
            let _restored = stash::restore(&site.repo, &record.stash())?;
            name_strays(site, entry, record)?;
            name_settings(site, ledger, entry, record)?;
            prepare::ensure_worktree(site, ledger, entry, from)?;
            work(site, ledger, entry, record)
        }
        AgentStage::Claimed | AgentStage::Working { .. } | AgentStage::Worked { .. } => work(site, ledger, entry, record),
    }
}

fn work(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<Ruling<(), Hold>, DispatchError> {
    let worktree = site.worktree(&entry.id);
    let branch = entry.id.branch();
    if !worktree.as_std_path().exists() {
        let trunk = ledger.policy.trunk().unwrap_or_default();
        let start = match ledger.repo.find_ref(&branch)? {
            Some(tip) => tip,
            None => ledger.find_trunk_tip()?.ok_or(DispatchError::Unborn(trunk))?,
        };
        prepare::ensure_worktree(site, ledger, entry, start)?;
    }
    let from = ledger.repo.find_ref(&branch)?.ok_or_else(|| DispatchError::Unborn(branch.clone()))?;
    let attempt = entry.ticket.attempt;
    let number = ledger.used(entry)?.attempts + 1;
    record.advance(AgentStage::Working { attempt, from })?;
    let box_dir = record.outbox();
    remove_all(&box_dir)?;
    crate::git::process::write_file(&box_dir.join("README"), b"Messages of this run to its orchestrator.\n", 0o644)?;
    let name = super::agent_name(site.entry)?;
    let text = brief::executor(site, ledger, entry, &worktree)?.whole();
    site.tell(What::Begun(Activity::Working { agent: name.to_owned(), attempt: number }));
    let brief = Brief {
        text,
        duty: Duty::Executor,
        ticket: entry.id.clone(),
        run: record.run().clone(),
        attempt: number,
        schema: None,
        worktree: worktree.clone(),
        outbox: box_dir.clone(),
        timeout: site.entry.timeout,
        limits: crate::core::budget::Amounts::default(),
    };
    stash::note(&site.repo, &record.stash())?;
    Tips::take(site).keep(&record.tips())?;
    settings::note(&site.repo, &record.settings())?;
    site.reached(Stage::Briefed);
    let outcome = match converse::run(site, name, &brief, Printer::Agent { attempt }) {
        Ok(Ruling::Granted(outcome)) => outcome,
        Ok(Ruling::Denied(refused)) => {
            name_strays(site, entry, record)?;
            return refuse(site, ledger, entry, record, refused);
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
    record.advance(AgentStage::Worked { attempt, agent, record: said, failure, outcome, words })?;
    site.reached(Stage::Worked);
    sweep(record.run());
    name_strays(site, entry, record)?;
    clear_locks(site, entry)?;
    hand_in(site, ledger, entry, record, &came).map(Ruling::Granted)
}

/// Gives a ticket back for which there is no budget now, or sets it aside if its own is used up.
fn refuse(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &RunRecord,
    refused: Refused,
) -> Result<Ruling<(), Hold>, DispatchError> {
    let (run, why) = (record.run(), refused.hold.to_string());
    if let Some(cap) = refused.of_ticket {
        let loss = Loss { outcome: Outcome::OverBudget(cap), ..Loss::of_work(why) };
        return give_back(site, ledger, entry, run, &loss).map(Ruling::Granted);
    }
    let words = report::body(&why, Some(Outcome::Interrupted), &serde_json::Value::Null);
    write(ledger, &entry.id, &Draft::new(Action::Release, Role::Executor).by(run).saying(&words))?;
    Ok(Ruling::Denied(refused.hold))
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

/// Records what the agent left: messages, commits and uncommitted changes.
fn hand_in(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &mut RunRecord,
    came: &Came,
) -> Result<(), DispatchError> {
    let run = &record.run().clone();
    let work_failed = |why: &str| Loss::of_work(why).told_by(&came.agent, &came.record);
    let box_dir = record.outbox();
    let messages = outbox::read(&box_dir);
    learn::from_outbox(site, ledger, entry, run, &messages)?;
    // It may have submitted by itself, past the words that it was told.
    let now = ledger.find(&entry.id)?.map(|now| now.ticket);
    if now.is_some_and(|now| now.state == State::Verifying && now.run.as_ref() == Some(run)) {
        let words = report::body(SUBMITTED_BY_ITSELF, None, &came.record);
        write(ledger, &entry.id, &Draft::new(Action::Comment, Role::Executor).by(run).agent(&came.agent).saying(&words))?;
        return Ok(());
    }
    let questions: Vec<_> = messages
        .iter()
        .filter_map(|message| if let Message::Ask { text } = message { Some(text.as_str()) } else { None })
        .collect();
    let worktree = site.worktree(&entry.id);
    let Some(git) = site.repo.pinned(&worktree).filter(|_| worktree.is_dir()) else {
        site.repo.git().output(["worktree", "prune"])?;
        return give_back(site, ledger, entry, run, &work_failed("the worktree is missing"));
    };
    name_settings(site, ledger, entry, record)?;
    if let Some(why) = mend_stash(site, ledger, entry, record, &git)? {
        return give_back(site, ledger, entry, run, &work_failed(&why));
    }
    let taken = take_in::commit_all(site, entry, &worktree, &git)?;
    if let Ruling::Granted(taken) = &taken {
        prepare::set_branch(&site.repo, &entry.id.branch(), taken.head)?;
        take_in::sit_on(&git, &entry.id.branch())?;
    }
    if !questions.is_empty() {
        let question = questions.join("\n\n");
        let words = report::body(&question, Some(Outcome::Asked), &came.record);
        write(ledger, &entry.id, &Draft::new(Action::Ask, Role::Executor).by(run).agent(&came.agent).saying(&words))?;
        site.tell(What::Question(question));
        // With the answer a new session of the agent begins.
        record.advance(AgentStage::Claimed)?;
        remove_all(&box_dir)?;
        return Ok(());
    }
    if let Some(why) = &came.failure {
        let outcome = Outcome::parse(&came.outcome).filter(|outcome| *outcome != Outcome::HandedIn).unwrap_or(Outcome::Failed);
        return give_back(site, ledger, entry, run, &Loss { outcome, ..work_failed(why) });
    }
    site.resting.wake(site.account(super::agent_name(site.entry)?), site.repo.identity()?.time)?;
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
