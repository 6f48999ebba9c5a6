//! Running → verifying: the agent works, and what it left is handed in.

use super::record::{RunRecord, Stage};
use super::{DispatchError, Site, brief, give_back, learn, prepare, write};
use crate::core::event::{Action, Role};
use crate::core::id::ObjectId;
use crate::git::Git;
use crate::git::process::remove_all;
use crate::ledger::{Draft, Entry, Ledger};
use crate::runner::outbox::{self, Message};
use crate::runner::process::{Ended, sweep};
use crate::runner::{self, Brief, Duty, Surroundings};

pub(super) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<(), DispatchError> {
    let attempt = entry.ticket.attempt;
    match record.stage().clone() {
        Stage::Worked { attempt: done, agent, record: said, failure } if done == attempt => {
            clear_locks(site, entry)?;
            hand_in(site, ledger, entry, record, &agent, &said, failure)
        }
        Stage::Working { attempt: begun, from } if begun == attempt => {
            // The orchestrator was killed under it. Nobody knows how far it was, so it begins anew, and nothing is lost.
            sweep(record.run());
            clear_locks(site, entry)?;
            prepare::ensure_worktree(site, ledger, entry, from)?;
            work(site, ledger, entry, record)
        }
        Stage::Claimed | Stage::Working { .. } | Stage::Worked { .. } => work(site, ledger, entry, record),
    }
}

fn work(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, record: &mut RunRecord) -> Result<(), DispatchError> {
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
    record.advance(Stage::Working { attempt, from })?;
    let box_dir = record.outbox();
    remove_all(&box_dir)?;
    crate::git::process::write_file(&box_dir.join("README"), b"Messages of this run to its orchestrator.\n", 0o644)?;
    let name = super::agent_name(site.entry)?;
    let agent = &site.workspace.registry.agents[name];
    let text = brief::executor(site, ledger, entry, &worktree)?;
    (site.tell)(&format!("{name} works, attempt {attempt}"));
    let around = Surroundings { program: &site.env.program, registry_dir: &site.registry_dir() };
    let brief = Brief {
        text,
        duty: Duty::Executor,
        ticket: entry.id.clone(),
        run: record.run().clone(),
        attempt,
        worktree: worktree.clone(),
        outbox: box_dir.clone(),
        timeout: site.entry.timeout,
    };
    site.env.step("briefed");
    let outcome = runner::run(name, agent, &brief, around)?;
    if outcome.finished.ended == Ended::Interrupted {
        return Err(DispatchError::Interrupted);
    }
    let failure = outcome.failure();
    let said = outcome.record.clone();
    record.advance(Stage::Worked { attempt, agent: outcome.agent.clone(), record: said.clone(), failure: failure.clone() })?;
    site.env.step("worked");
    sweep(record.run());
    clear_locks(site, entry)?;
    hand_in(site, ledger, entry, record, &outcome.agent, &said, failure)
}

/// Removes the locks that a killed git left in the ticket's own places; nothing of the run lives any more.
fn clear_locks(site: &Site<'_>, entry: &Entry) -> Result<(), DispatchError> {
    super::collect::clear_locks(&site.repo, &entry.id, &site.worktree(&entry.id))
}

/// Takes in what the agent left: messages, commits, uncommitted work.
fn hand_in(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    record: &mut RunRecord,
    agent: &str,
    said: &serde_json::Value,
    failure: Option<String>,
) -> Result<(), DispatchError> {
    let run = &record.run().clone();
    let box_dir = record.outbox();
    let messages = outbox::read(&box_dir);
    learn::from_outbox(site, ledger, entry, run, &messages)?;
    let questions: Vec<_> = messages
        .iter()
        .filter_map(|message| if let Message::Ask { text } = message { Some(text.as_str()) } else { None })
        .collect();
    let worktree = site.worktree(&entry.id);
    let Some(git) = site.repo.pinned(&worktree).filter(|_| worktree.is_dir()) else {
        site.repo.git().output(["worktree", "prune"])?;
        return give_back(site, ledger, entry, run, "the worktree is gone");
    };
    let note = commit_rest(&git, entry)?;
    if !questions.is_empty() {
        write(ledger, &entry.id, &Draft::new(Action::Ask, Role::Executor).by(run).agent(agent).saying(&questions.join("\n\n")))?;
        // With the answer a new session of the agent begins.
        record.advance(Stage::Claimed)?;
        remove_all(&box_dir)?;
        return Ok(());
    }
    if let Some(why) = failure {
        return give_back(site, ledger, entry, run, &why);
    }
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let base = ledger.find_trunk_tip()?.ok_or(DispatchError::Unborn(trunk))?;
    let head = match rebased_head(&git, base)? {
        Ok(head) => head,
        Err(why) => return give_back(site, ledger, entry, run, &why),
    };
    if head == base || ledger.repo.read_commit(head)?.tree_id == ledger.repo.read_commit(base)?.tree_id {
        return give_back(site, ledger, entry, run, "nothing was changed");
    }
    if !ledger.repo.is_ancestor(base, head)? {
        return give_back(site, ledger, entry, run, "the commits do not sit on the protected branch");
    }
    prepare::set_branch(site, &entry.id.branch(), head)?;
    let mut words = note.unwrap_or_default();
    if !said.is_null() {
        words += &format!("\nRecord: {said}");
    }
    let draft = Draft::new(Action::Submit { head, base }, Role::Executor).by(run).agent(agent).saying(&words);
    write(ledger, &entry.id, &draft)?;
    site.env.step("submitted");
    Ok(())
}

/// Commits what was left uncommitted, and says so.
fn commit_rest(git: &Git, entry: &Entry) -> Result<Option<String>, DispatchError> {
    if git.output(["status", "--porcelain", "--untracked-files=all"])?.trim().is_empty() {
        return Ok(None);
    }
    git.output(["add", "--all"])?;
    let message = format!("{}\n\nThe run left this uncommitted.\n\nTicket: {}", entry.ticket.content.title, entry.id);
    git.output(["commit", "--quiet", "--no-verify", "--message", &message])?;
    Ok(Some("What was left uncommitted was committed in the run's name.".to_owned()))
}

/// The worktree's head on top of the protected branch; the reason why it cannot be is inside.
pub(super) fn rebased_head(git: &Git, base: ObjectId) -> Result<Result<ObjectId, String>, DispatchError> {
    let head = || -> Result<Option<ObjectId>, DispatchError> {
        Ok(git.line(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?.and_then(|text| ObjectId::parse(&text).ok()))
    };
    let Some(before) = head()? else { return Ok(Err("the worktree has no commit".to_owned())) };
    let contains = git.run(["merge-base", "--is-ancestor", &base.to_string(), &before.to_string()])?;
    if contains.code == 0 {
        return Ok(Ok(before));
    }
    let rebase = git.run(["rebase", "--quiet", "--no-autostash", &base.to_string()])?;
    if rebase.code != 0 {
        let conflicts = git.output(["diff", "--name-only", "--diff-filter=U"]).unwrap_or_default();
        drop(git.run(["rebase", "--abort"])?);
        let files = conflicts.split_whitespace().collect::<Vec<_>>().join(", ");
        return Ok(Err(format!(
            "the protected branch moved, and the work does not apply on top of it any more; conflicts in {files}"
        )));
    }
    Ok(head()?.ok_or_else(|| "the worktree has no commit".to_owned()))
}
