//! A landed ticket, worked on again by another agent: in a repository of its own, which borrows the objects and is thrown away.
//!
//! All is as it was when the ticket was first worked on: the branch, the policy, the events, the learnings. So the brief is what
//! it was, and whatever is written there reaches no ref of the real repository.

use camino::Utf8Path;
use serde::Serialize;

use super::verify::Judging;
use super::{DispatchError, Site, Workplace, brief, include, last_reason, verify, work};
use crate::agent::process::{sweep, sweep_place};
use crate::core::event::{Action, State};
use crate::core::id::{ARCHIVE, LEARNINGS, META, ObjectId, RunId, SESSIONS, TICKETS, TicketId};
use crate::core::meta::Push;
use crate::core::ruling::Ruling;
use crate::core::time::Timestamp;
use crate::core::usage::Usage;
use crate::core::verdict::{Judgement, Verdict};
use crate::git::process::{remove_all, write_file};
use crate::git::{Git, GitError, Repo};
use crate::ledger::attempts::{Attempt, Teller, attempts};
use crate::ledger::replay::{Link, links};
use crate::ledger::{Entry, Ledger, new_run};
use crate::local::locks::take_replay;
use crate::local::runs::RunRecord;
use crate::local::worktrees;
use crate::workspace::Workspace;

/// How many events of a stream are looked at for what it was at a time.
const MAX_BACK: usize = 100_000;

/// A ticket as it landed, and as another agent would have done it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Replayed {
    pub(crate) ticket: TicketId,
    /// The commit that the work begins with.
    pub(crate) base: ObjectId,
    /// The brief, as a git blob.
    pub(crate) brief: ObjectId,
    pub(crate) landed: Side,
    pub(crate) replay: Side,
}

/// What came of the work of one agent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Side {
    pub(crate) agent: Option<String>,
    /// How the agent ended, or that its work was handed in.
    pub(crate) outcome: String,
    /// Null if nothing was judged.
    pub(crate) verdict: Option<Judgement>,
    /// Why it did not pass, or was not judged.
    pub(crate) reasons: Vec<String>,
    pub(crate) attempts: usize,
    /// From the first claim to the end, with checks and judges, in seconds.
    pub(crate) seconds: u64,
    /// What its agents used, without judges.
    pub(crate) usage: Usage,
    pub(crate) diff: Size,
}

/// How much a work changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Size {
    pub(crate) files: u64,
    pub(crate) added: u64,
    pub(crate) removed: u64,
}

/// What the chain of a landed ticket says of its work.
struct Known {
    id: TicketId,
    links: Vec<Link>,
    /// The event with which the first run began to work.
    start: ObjectId,
    since: Timestamp,
    run: RunId,
    verdict: Verdict,
}

/// Works on a landed ticket again, with this agent. `None` if its chain does not say where it began.
///
/// # Errors
/// If another process replays it, the orchestrator fails, or somebody interrupts.
pub(crate) fn run(site: &Site<'_>, entry: &Entry, verdict: Verdict, agent: &str) -> Result<Option<Replayed>, DispatchError> {
    let links = links(&site.repo, entry.tip, None)?.granted().unwrap_or_default();
    let is_start = |link: &&Link| matches!(link.record.event.action, Action::Start { .. });
    let Some(start) = links.iter().rev().find(is_start) else { return Ok(None) };
    let Some(run) = start.record.after.run.clone() else { return Ok(None) };
    let (start, since) = (start.commit_id, start.commit.time());
    let known = Known { id: entry.id.clone(), links, start, since, run, verdict };
    let Some(_lock) = take_replay(&site.repo, &known.id)? else { return Err(DispatchError::BeingReplayed(known.id)) };
    let place = worktrees::of_replay(&site.repo, &known.id);
    clear(&place, &known.id)?;
    let done = in_place(site, &known, &place, agent);
    // Nothing of it is of use to anybody, however it ended.
    sweep(&known.run);
    let cleared = clear(&place, &known.id);
    let done = done?;
    cleared?;
    Ok(Some(done))
}

/// Removes what killed replays left.
///
/// # Errors
/// When something of it stays.
pub(super) fn clear_left(repo: &Repo) -> Result<(), DispatchError> {
    for (id, place) in worktrees::list_replays(repo) {
        if let Some(_lock) = take_replay(repo, &id)? {
            clear(&place, &id)?;
        }
    }
    Ok(())
}

fn clear(place: &Utf8Path, id: &TicketId) -> Result<(), GitError> {
    if !place.is_symlink() && !place.as_std_path().exists() {
        return Ok(());
    }
    let folder = place.join(worktrees::FOLDER);
    for name in [id.to_string(), format!("{id}{}", worktrees::VERIFICATION)] {
        sweep_place(&folder.join(name));
    }
    remove_all(place)
}

fn in_place(site: &Site<'_>, known: &Known, place: &Utf8Path, agent: &str) -> Result<Replayed, DispatchError> {
    make(site, known, place)?;
    let workspace = workspace_of(site, place, agent);
    let Some(registered) = workspace.registry.repos.first() else {
        return Err(DispatchError::NoAgent(site.entry.name.to_string()));
    };
    let at = Workplace { workspace: &workspace, env: site.env, stop: site.stop, listener: site.listener, resting: site.resting };
    let there = Site::open(at, registered)?.for_ticket(&known.id);
    // The agent pushes from no repository of the real workspace either.
    let settings = [site.settings_for_runs()?, there.settings_for_runs()?].concat();
    let there = Site { settings: settings.into(), ..there };
    let ledger = there.ledger()?;
    let began = there.repo.identity()?.time;
    let entry = ledger.find(&known.id)?.ok_or_else(|| DispatchError::Vanished(place.to_owned()))?;
    let worktree = there.worktree(&known.id);
    let text = brief::executor(&there, &ledger, &entry, &worktree)?.whole();
    let mut record = RunRecord::create(&there.repo, &known.id, &known.run)?;
    // The steps of a plan are done one by one; all other work is done at once, and leaves this state.
    let mut entry = entry;
    while entry.ticket.state == State::Running {
        work::run(&there, &ledger, &entry, &mut record)?;
        entry = ledger.find(&known.id)?.ok_or_else(|| DispatchError::Vanished(place.to_owned()))?;
    }
    let (verdict, reasons) = judge(&there, &ledger, &entry)?;
    let there_links = links(&there.repo, entry.tip, None)?.granted().unwrap_or_default();
    let all = attempts(&there_links);
    let handed_in = entry.ticket.head.filter(|_| entry.ticket.state == State::Verifying);
    let last = all.last().and_then(|attempt| attempt.outcome);
    let outcome = if handed_in.is_some() { HANDED_IN.to_owned() } else { last.map_or("failed".to_owned(), |it| it.to_string()) };
    let ended = there.repo.identity()?.time;
    Ok(Replayed {
        ticket: known.id.clone(),
        base: known.verdict.base,
        brief: site.repo.blob_id(text.as_bytes()),
        landed: landed(site, known)?,
        replay: Side {
            agent: Some(agent.to_owned()),
            outcome,
            verdict,
            reasons,
            attempts: 1,
            seconds: seconds(began, ended),
            usage: usage(&all),
            diff: handed_in.map(|head| size(&there.repo, known.verdict.base, head)).transpose()?.unwrap_or_default(),
        },
    })
}

/// The written form of the outcome of work that was handed in.
const HANDED_IN: &str = "handed-in";

/// Judges what was handed in, as a verification does. Without a verdict there is the reason for that.
fn judge(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<(Option<Judgement>, Vec<String>), DispatchError> {
    let ticket = &entry.ticket;
    let (State::Verifying, Some(head), Some(base)) = (ticket.state, ticket.head, ticket.base) else {
        return Ok((None, vec![last_reason(ledger, entry)?]));
    };
    if let Ruling::Denied(why) = ledger.judge_scope(&ticket.content, base, head)? {
        return Ok((Some(Judgement::Fail), vec![why.full()]));
    }
    Ok(match verify::examine_work(site, ledger, entry, head, &new_run()?, Judging::Registry)? {
        Ruling::Granted(found) if found.reasons.is_empty() => (Some(Judgement::Pass), Vec::new()),
        Ruling::Granted(found) => (Some(Judgement::Fail), found.reasons),
        Ruling::Denied(hold) => (None, vec![hold.to_string()]),
    })
}

/// The repository in which the replay takes place: what the ticket's own was when its work began.
fn make(site: &Site<'_>, known: &Known, place: &Utf8Path) -> Result<(), DispatchError> {
    let repo = &site.repo;
    let format = if repo.hash_len() == 32 { "--object-format=sha256" } else { "--object-format=sha1" };
    Git::at(&worktrees::top(repo)).output(["init", "--quiet", "--template=", format, place.as_str()])?;
    let objects = format!("{}\n", repo.common_dir().join("objects"));
    write_file(&place.join(".git/objects/info/alternates"), objects.as_bytes(), 0o644)?;
    let git = Git::at(place).config("core.hooksPath=/dev/null");
    let who = repo.identity()?;
    git.output(["config", "user.name", &who.name])?;
    git.output(["config", "user.email", &who.email])?;
    let trunk = Ledger::open(repo)?.policy.trunk().unwrap_or_default();
    let mut refs = vec![(trunk.clone(), known.verdict.base), (known.id.ref_name(), known.start)];
    // Those on which it depends are among them; what they have become since does no harm.
    refs.extend(repo.list_refs(TICKETS)?.into_iter().filter(|(name, _)| *name != known.id.ref_name()));
    refs.extend(repo.find_ref(ARCHIVE)?.map(|tip| (ARCHIVE.to_owned(), tip)));
    for (name, tip) in
        [LEARNINGS, SESSIONS].map(|prefix| repo.list_refs(prefix)).into_iter().collect::<Result<Vec<_>, _>>()?.concat()
    {
        refs.extend(as_of(repo, tip, known.since)?.map(|then| (name, then)));
    }
    if let Some(tip) = repo.find_ref(META)? {
        // Without a policy there is no ticket.
        refs.push((META.to_owned(), as_of(repo, tip, known.since)?.unwrap_or(tip)));
    }
    let lines = refs.iter().fold(String::new(), |lines, (name, id)| lines + &format!("create {name} {id}\n"));
    git.input(["update-ref", "--stdin"], lines.as_bytes())?;
    git.output(["symbolic-ref", "HEAD", &trunk])?;
    git.output(["reset", "--quiet", "--hard"])?;
    include(repo, place)
}

/// The commit of a stream, from its tip back along first parents, that was its tip at a time.
fn as_of(repo: &Repo, tip: ObjectId, time: Timestamp) -> Result<Option<ObjectId>, GitError> {
    let mut next = Some(tip);
    for _ in 0..MAX_BACK {
        let Some(commit_id) = next else { break };
        let commit = repo.read_commit(commit_id)?;
        if commit.time() <= time {
            return Ok(Some(commit_id));
        }
        next = commit.parents.first().copied();
    }
    Ok(None)
}

/// The workspace of the replay: this repository alone, with another agent, and no remote.
fn workspace_of(site: &Site<'_>, place: &Utf8Path, agent: &str) -> Workspace {
    let mut workspace = site.workspace.clone();
    let mut entry = site.entry.clone();
    (entry.path, entry.agent) = (place.to_string(), Some(agent.to_owned()));
    (entry.remote, entry.push) = (None, Push::Never);
    workspace.registry.hub = entry.name.clone();
    workspace.registry.repos = vec![entry];
    workspace
}

/// What came of the work that landed.
fn landed(site: &Site<'_>, known: &Known) -> Result<Side, DispatchError> {
    let all = attempts(&known.links);
    let ended = all.iter().filter_map(|attempt| attempt.ended).max();
    Ok(Side {
        agent: all.last().and_then(|attempt| attempt.holding.agent.clone()),
        outcome: HANDED_IN.to_owned(),
        verdict: Some(known.verdict.verdict),
        reasons: Vec::new(),
        attempts: all.len(),
        seconds: all.first().zip(ended).map_or(0, |(first, ended)| seconds(first.begun, ended)),
        usage: usage(&all),
        diff: size(&site.repo, known.verdict.base, known.verdict.commit)?,
    })
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0)
}

/// What the agents of attempts used.
fn usage(all: &[Attempt]) -> Usage {
    let mut sum = Usage::default();
    for told in all.iter().flat_map(|attempt| &attempt.told).filter(|told| told.by == Teller::Executor) {
        sum.add(&Usage::of_record(&told.record));
    }
    sum
}

/// How much changes between two commits.
fn size(repo: &Repo, base: ObjectId, head: ObjectId) -> Result<Size, GitError> {
    let listed = repo.git().output(["diff", "--numstat", "--no-renames", "-z", &base.to_string(), &head.to_string(), "--"])?;
    let mut size = Size::default();
    for line in listed.split('\0').filter(|line| !line.is_empty()) {
        let mut counts = line.split('\t').map(|count| count.parse::<u64>().unwrap_or(0));
        size.files += 1;
        size.added += counts.next().unwrap_or(0);
        size.removed += counts.next().unwrap_or(0);
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;

    #[test]
    fn a_stream_is_as_it_was_at_a_time() {
        let (_dir, repo) = repo();
        let tree_id = repo.write_tree(&mut []).expect("written");
        let mut who = repo.identity().expect("somebody");
        let mut commits: Vec<ObjectId> = Vec::new();
        for time in [10, 20, 30] {
            who.time = Timestamp(time);
            let parents: Vec<_> = commits.last().copied().into_iter().collect();
            commits.push(repo.write_commit(tree_id, &parents, &who, &format!("{time}\n")).expect("written"));
        }
        let at = |time| as_of(&repo, commits[2], Timestamp(time)).expect("readable");
        assert_eq!([at(5), at(10), at(29), at(99)], [None, Some(commits[0]), Some(commits[1]), Some(commits[2])]);
    }
}
