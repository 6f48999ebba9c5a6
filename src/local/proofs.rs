//! Which verdicts say what a check makes of which files, so that the same is not run again.
//!
//! The file only names events. What a check said is read from the chain that has the event, so whoever can write here can make git-os
//! look in vain, and no more.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::include;
use super::worktrees::top;
use crate::core::event::Action;
use crate::core::id::{ObjectId, TicketId};
use crate::core::proof::{Mixture, Trial};
use crate::core::verdict::Verdict;
use crate::core::wire;
use crate::git::process::{modified, read_file, write_file};
use crate::git::{GitError, Repo};
use crate::ledger::tree;
use crate::ledger::{Entry, Ledger, LedgerError};

/// How many results are known at most; the oldest are forgotten.
const MAX_KNOWN: usize = 500;
/// The version of the file.
const VERSION: u32 = 1;
/// From this exit code on a check did not come to its end by itself: a time-out is 124, and signals are above.
const UNFINISHED: i32 = 124;

/// The contents of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// The latest last.
    known: Vec<Known>,
}

/// An event whose verdict has a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// Of files, command and surroundings; see [`Surroundings::key`].
    key: ObjectId,
    ticket: TicketId,
    event: ObjectId,
}

/// What a result depends on besides the files of a commit.
pub(crate) struct Surroundings<'r> {
    repo: &'r Repo,
    text: String,
}

impl<'r> Surroundings<'r> {
    /// As they are now: how long a check may take, and the ignored files that it is given.
    ///
    /// # Errors
    /// If git cannot list the files.
    pub(crate) fn of(repo: &'r Repo, timeout: u64) -> Result<Self, GitError> {
        let top = top(repo);
        let mut text = format!("timeout {timeout}\n");
        for name in include::list(repo)? {
            let path = top.join(&name);
            let size = path.metadata().map_or(0, |file| file.len());
            let time = modified(&path).map_or(0, |time| time.0);
            text += &format!("file {name:?} {size} {time}\n");
        }
        Ok(Self { repo, text })
    }

    /// What stands for files, command and surroundings.
    fn key(&self, tree: ObjectId, run: &str) -> ObjectId {
        self.repo.blob_id(format!("{tree}\n{run:?}\n{}", self.text).as_bytes())
    }
}

fn path(repo: &Repo) -> Utf8PathBuf {
    repo.os_dir().join("proofs.json")
}

fn read(repo: &Repo) -> Vec<Known> {
    let text = read_file(&path(repo)).unwrap_or_default();
    let kept: Kept = serde_json::from_str(&text).unwrap_or_default();
    if kept.version == VERSION { kept.known } else { Vec::new() }
}

/// Finds what a check said of these files in an earlier verdict that stands in a chain.
///
/// # Errors
/// When git fails; what the file names and is not there is passed over.
pub(crate) fn find(ledger: &Ledger<'_>, at: &Surroundings<'_>, tree: ObjectId, run: &str) -> Result<Option<Trial>, LedgerError> {
    let key = at.key(tree, run);
    for known in read(ledger.repo).into_iter().rev().filter(|known| known.key == key) {
        let Some(verdict) = read_event(ledger, &known)? else { continue };
        let found = results(&verdict).into_iter().find(|(of, of_run, _)| *of == tree && *of_run == run);
        if let Some((_, _, trial)) = found {
            return Ok(Some(Trial { known: true, ..trial }));
        }
    }
    Ok(None)
}

/// The verdict of an event, if the event is in a chain and was judged by the rules.
fn read_event(ledger: &Ledger<'_>, known: &Known) -> Result<Option<Verdict>, LedgerError> {
    let Ok((entry, _)) = ledger.read_legal(&known.ticket) else { return Ok(None) };
    let repo = ledger.repo;
    if !repo.has_object(known.event) || !repo.is_ancestor(known.event, entry.tip)? {
        return Ok(None);
    }
    let commit = repo.read_commit(known.event)?;
    let Ok(record) = wire::decode(&commit.message) else { return Ok(None) };
    if !matches!(record.event.action, Action::Pass | Action::Fail { .. }) {
        return Ok(None);
    }
    let Some(verdict) = tree::read_verdict(repo, commit.tree_id, record.after.seq)?.granted() else { return Ok(None) };
    // Of a failed one nobody else has looked whether it is on these files.
    let is_so =
        verdict.is_on(&known.ticket) && repo.read_commit(verdict.commit).is_ok_and(|judged| judged.tree_id == verdict.tree);
    Ok(is_so.then_some(verdict))
}

/// The results of a verdict that were not taken over, each with its files and its command.
fn results(verdict: &Verdict) -> Vec<(ObjectId, &str, Trial)> {
    let mut all = Vec::new();
    for check in &verdict.checks {
        let (exit, tests, output, millis) = (check.exit, check.tests, check.output, check.millis);
        all.push((verdict.tree, check.run.as_str(), Trial { exit, tests, output, millis, known: false }));
        for tried in check.proof.iter().flat_map(|proof| Mixture::ALL.iter().map(|mixture| proof.tried(*mixture))) {
            all.extend(tried.result.clone().filter(|trial| !trial.known).map(|trial| (tried.tree, check.run.as_str(), trial)));
        }
    }
    all.retain(|(_, _, trial)| trial.exit < UNFINISHED);
    all
}

/// Keeps where the results of a verdict are that was just written.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn keep(at: &Surroundings<'_>, entry: &Entry, verdict: &Verdict) -> Result<(), GitError> {
    let mut known = read(at.repo);
    for (tree, run, _) in results(verdict) {
        let key = at.key(tree, run);
        known.retain(|other| other.key != key);
        known.push(Known { key, ticket: entry.id.clone(), event: entry.tip });
    }
    known.drain(..known.len().saturating_sub(MAX_KNOWN));
    let text = serde_json::to_string(&Kept { version: VERSION, known }).unwrap_or_default();
    write_file(&path(at.repo), text.as_bytes(), 0o600)
}
