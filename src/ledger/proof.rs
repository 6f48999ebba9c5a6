//! Whether a passing verdict proves what the policy asks it to: the rule of the core, and what can be seen of it in the repository.

use super::replay::Link;
use super::{Ledger, LedgerError};
use crate::core::denial::{Cause, Denial};
use crate::core::event::Action;
use crate::core::meta::{Check, Paths};
use crate::core::proof::{self, Mixture, Proof};
use crate::core::ruling::{Ruling, granted};
use crate::core::ticket::Content;
use crate::core::time::Timestamp;
use crate::core::verdict::Verdict;
use crate::core::wire;
use crate::git::Repo;
use crate::git::mixture::Keep;

/// How many events before a `pass` are looked at for the one that handed the work in.
const MAX_BACK: usize = 1000;

impl Ledger<'_> {
    /// Judges a passing verdict by checks that are marked as tests. No test runs: what a check said is taken from the verdict, and what
    /// it was asked about is compared with the commits.
    ///
    /// # Errors
    /// When git cannot read what it takes.
    pub(crate) fn judge_proof(&self, content: &Content, checks: &[Check], verdict: &Verdict) -> Result<Ruling<()>, LedgerError> {
        if let Err(why) = proof::judge(content, checks, verdict) {
            return Ok(Ruling::Denied(why));
        }
        for check in checks.iter().filter(|check| check.is_marked()) {
            let found = verdict.checks.iter().find(|result| result.name == check.name && result.run == check.run);
            if let Some(proof) = found.and_then(|result| result.proof.as_ref()) {
                granted!(is_so(self.repo, check, proof, verdict)?);
            }
        }
        Ok(Ruling::Granted(()))
    }

    /// The same for the `pass` of a chain, which has to prove what some policy asked for that was in force since the work was handed in.
    pub(super) fn judge_proof_of(&self, verdict: Option<&Verdict>, link: &Link) -> Result<Ruling<()>, LedgerError> {
        let Some(verdict) = verdict.filter(|_| self.policy.checks.iter().any(Check::is_marked)) else {
            return Ok(Ruling::Granted(()));
        };
        let content = &link.record.after.content;
        // A verification goes by the policy that was there when it began, and another one may be published meanwhile. Whoever writes an
        // event can choose its time, but not that of an event before it.
        let since = handed_in(self.repo, link)?;
        let mut refused = None;
        for checks in self.checks_between(since, link.commit.time().max(since))? {
            match self.judge_proof(content, &checks, verdict)? {
                Ruling::Granted(()) => return Ok(Ruling::Granted(())),
                Ruling::Denied(why) => drop(refused.get_or_insert(why)),
            }
        }
        Ok(refused.map_or(Ruling::Granted(()), Ruling::Denied))
    }
}

/// When the work was handed in that an event is about.
fn handed_in(repo: &Repo, link: &Link) -> Result<Timestamp, LedgerError> {
    let mut next = link.commit.parents.first().copied();
    for _ in 0..MAX_BACK {
        let Some(commit_id) = next else { break };
        let commit = repo.read_commit(commit_id)?;
        match wire::decode(&commit.message) {
            Ok(record) if matches!(record.event.action, Action::Submit { .. } | Action::Stale { .. }) => return Ok(commit.time()),
            Ok(_) => next = commit.parents.first().copied(),
            Err(_) => break,
        }
    }
    Ok(link.commit.time())
}

/// Whether the trees that a proof names are those of its commits, as far as they are here: work that was redone is kept by nobody.
fn is_so(repo: &Repo, check: &Check, proof: &Proof, verdict: &Verdict) -> Result<Ruling<()>, LedgerError> {
    let denied = || Ok(Ruling::Denied(Denial::ProofNotSo(check.name.clone())));
    if !repo.has_object(verdict.commit) || !repo.has_object(verdict.base) {
        return Ok(Ruling::Granted(()));
    }
    let Ok(paths) = Paths::new(check.tests.iter().map(String::as_str)) else { return denied() };
    let base = repo.read_commit(verdict.base)?.tree_id;
    let mix = |code, tests| repo.mix(code, tests, &paths, Keep::Named);
    let (old, new) = match (mix(verdict.tree, base), mix(base, verdict.tree)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(error), _) | (_, Err(error)) => return Ok(Ruling::Denied(Denial::Unreadable(Cause::new(error)))),
    };
    let named = Mixture::ALL.iter().map(|mixture| proof.tried(*mixture).tree);
    if named.eq([base, old.tree_id, new.tree_id]) && proof.lost == old.count {
        return Ok(Ruling::Granted(()));
    }
    denied()
}
