//! Tries the tests of the base with the work, and the tests of the work with the base, where that decides.
//!
//! Whether what comes of it is good enough is decided in [`crate::core::proof`], as at every other door.

use std::collections::HashMap;

use super::scratch::{Ignored, Scratch};
use super::verify::{Found, ending, run_check};
use super::{DispatchError, Site};
use crate::core::denial::Denial;
use crate::core::id::{ObjectId, RunId};
use crate::core::meta::{Check, Paths};
use crate::core::progress::{CheckEvent, TrialOutcome, Trouble, What};
use crate::core::proof::{self, FIX, Mixture, Proof, Seen, Trial, Tried};
use crate::core::verdict::Verdict;
use crate::git::mixture::Keep;
use crate::ledger::{Entry, Ledger};
use crate::local::output::Printer;
use crate::local::proofs::{self, Surroundings};

/// Adds its evidence to the result of each check that the policy marks as tests, and what stands against the work to the reasons.
///
/// # Errors
/// When git or a process fails, or the user interrupts.
pub(super) fn prove(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    place: &Scratch,
    run: &RunId,
    found: &mut Found,
) -> Result<(), DispatchError> {
    let checks = &ledger.policy.checks;
    let (Some(head), Some(base)) = (entry.ticket.head, entry.ticket.base) else { return Ok(()) };
    if !checks.iter().any(Check::is_marked) {
        return Ok(());
    }
    let tree_of = |commit_id| ledger.repo.read_commit(commit_id).map(|commit| commit.tree_id);
    let trees = Trees { head: tree_of(head)?, base: tree_of(base)? };
    for (check, result) in checks.iter().zip(&mut found.checks).filter(|(check, _)| check.is_marked()) {
        result.proof = Some(trees.proof(ledger, check)?);
    }
    let at = Surroundings::of(&site.repo, site.entry.timeout)?;
    let mut trials = Trials { site, ledger, entry, place, run, at, trees, commits: (base, head), said: HashMap::new() };
    trials.run_all(found, Recall::IfKnown)?;
    let faults = |found: &Found| proof::faults(&entry.ticket.content, checks, &found.checks, trees.head);
    let mut reasons = faults(found);
    // What is remembered may be out of date, and nobody is refused for that.
    if !reasons.is_empty() && found.checks.iter().filter_map(|result| result.proof.as_ref()).any(Proof::is_taken_over) {
        for proof in found.checks.iter_mut().filter_map(|result| result.proof.as_mut()) {
            proof.forget_taken_over();
        }
        trials.run_all(found, Recall::Nothing)?;
        reasons = faults(found);
    }
    found.reasons.extend(reasons.iter().map(|denial| trials.reason(denial)));
    Ok(())
}

/// Remembers what the checks of a verdict said that was just written. To forget it only costs time.
pub(super) fn remember(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry, verdict: &Verdict) {
    if !ledger.policy.checks.iter().any(Check::is_marked) {
        return;
    }
    let kept = Surroundings::of(&site.repo, site.entry.timeout).and_then(|at| proofs::keep(&at, entry, verdict));
    if let Err(error) = kept {
        site.tell(What::Trouble(Trouble::of(&error)));
    }
}

/// Whether results of earlier verdicts are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recall {
    IfKnown,
    Nothing,
}

/// The files of the work and of its base.
#[derive(Debug, Clone, Copy)]
struct Trees {
    head: ObjectId,
    base: ObjectId,
}

impl Trees {
    /// What the tests of a check are on either side, before anything was tried.
    fn proof(self, ledger: &Ledger<'_>, check: &Check) -> Result<Proof, DispatchError> {
        let malformed = |_| crate::git::GitError::Malformed { id: ledger.repo_id, what: "has patterns that cannot be used" };
        let paths = Paths::new(check.tests.iter().map(String::as_str)).map_err(malformed)?;
        let old = ledger.repo.mix(self.head, self.base, &paths, Keep::Written)?;
        let new = ledger.repo.mix(self.base, self.head, &paths, Keep::Written)?;
        let untried = |tree| Tried { tree, result: None };
        Ok(Proof {
            patterns: check.tests.clone(),
            gone: old.extra,
            lost: old.count,
            base: untried(self.base),
            head_code_base_tests: untried(old.tree_id),
            base_code_head_tests: untried(new.tree_id),
        })
    }
}

/// The trials of one verification.
struct Trials<'a> {
    site: &'a Site<'a>,
    ledger: &'a Ledger<'a>,
    entry: &'a Entry,
    place: &'a Scratch,
    run: &'a RunId,
    at: Surroundings<'a>,
    trees: Trees,
    /// Base and head.
    commits: (ObjectId, ObjectId),
    /// What a check printed at its end.
    said: HashMap<(String, Mixture), String>,
}

impl Trials<'_> {
    /// Tries what decides and was not tried yet.
    fn run_all(&mut self, found: &mut Found, recall: Recall) -> Result<(), DispatchError> {
        let content = &self.entry.ticket.content;
        let mut is_shown = false;
        for (number, check) in self.ledger.policy.checks.iter().enumerate().filter(|(_, check)| check.is_marked()) {
            for mixture in proof::deciding(content) {
                let result = &found.checks[number];
                let Some(proof) = &result.proof else { continue };
                // One check that shows what a fix mends is enough; where test files are gone, nothing else decides.
                let is_idle = match mixture {
                    Mixture::BaseCodeHeadTests => is_shown,
                    Mixture::Base | Mixture::HeadCodeBaseTests => proof.lost > 0,
                };
                if is_idle {
                    continue;
                }
                let seen = if let Some(seen) = proof.seen(mixture, self.trees.head, result) {
                    seen
                } else {
                    let trial = self.find_or_run(check, (number, mixture), proof.tried(mixture).tree, recall)?;
                    let seen = Seen { exit: trial.exit, tests: trial.tests };
                    self.tell(check, mixture, seen, trial.known);
                    if let Some(proof) = &mut found.checks[number].proof {
                        proof.tried_mut(mixture).result = Some(trial);
                    }
                    seen
                };
                is_shown |= mixture == Mixture::BaseCodeHeadTests && seen.has_failed();
            }
        }
        Ok(())
    }

    fn tell(&self, check: &Check, mixture: Mixture, seen: Seen, known: bool) {
        let is_of_fix = mixture == Mixture::BaseCodeHeadTests && self.entry.ticket.content.kind.as_str() == FIX;
        let outcome = match (is_of_fix, seen.has_passed(), seen.has_failed()) {
            (true, _, true) => TrialOutcome::RedAsMeant,
            (true, _, false) => TrialOutcome::GreenInVain,
            (false, true, _) => TrialOutcome::Green,
            (false, false, _) => TrialOutcome::Red,
        };
        self.site.tell(What::Check(CheckEvent::Tried { name: check.name.clone(), mixture, outcome, known }));
    }

    /// What a check says of a mixture: as an earlier verdict has it, or in the place of this verification.
    fn find_or_run(
        &mut self,
        check: &Check,
        (number, mixture): (usize, Mixture),
        tree: ObjectId,
        recall: Recall,
    ) -> Result<Trial, DispatchError> {
        if recall == Recall::IfKnown
            && let Some(trial) = proofs::find(self.ledger, &self.at, tree, &check.run)?
        {
            return Ok(trial);
        }
        let (base, head) = self.commits;
        let code = if mixture == Mixture::HeadCodeBaseTests { head } else { base };
        let commit_id = if tree == self.trees.base {
            base
        } else {
            let repo = self.ledger.repo;
            repo.write_commit(tree, &[code], &repo.identity()?, &format!("Try the {}\n", mixture.words()))?
        };
        self.place.restore(self.site, commit_id, Ignored::Removed)?;
        let (result, finished) = run_check(self.site, self.ledger, check, &self.place.path, self.run)?;
        self.site.keep(&self.entry.id, self.run, Printer::Trial { place: number, mixture }, &finished.transcript);
        let said = finished.transcript.last_words();
        self.said.insert((check.name.clone(), mixture), ending(&said).to_owned());
        Ok(Trial { exit: result.exit, tests: result.tests, output: result.output, millis: result.millis, known: false })
    }

    /// A reason against the work, as whoever tries next needs it.
    fn reason(&self, denial: &Denial) -> String {
        let mut text = denial.full();
        if let Some(advice) = proof::advice(denial) {
            text += &format!("\n{advice}");
        }
        if let Denial::TestsTurnedRed { check } = denial
            && let Some(said) = self.said.get(&(check.clone(), Mixture::HeadCodeBaseTests))
        {
            text += &format!("\nWith the tests of the base, check `{check}` printed at its end:\n{said}");
        }
        text
    }
}
