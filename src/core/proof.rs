//! What a verdict proves by tests: the one rule over what a check said of base and head, and of the two put together.
//!
//! The files that a check is marked with are *tests*, all others are *code*. Tests of one side with the code of the other show what
//! each alone hides: that a fix mends something, and that nothing which held before was given up.

use serde::{Deserialize, Serialize};

use super::denial::Denial;
use super::event::named;
use super::id::ObjectId;
use super::meta::Check;
use super::tally::Tally;
use super::ticket::Content;
use super::verdict::{CheckResult, Verdict};

/// The kind of ticket whose work has to turn a red test green.
pub(crate) const FIX: &str = "fix";

named! {
    /// Which code was tried with which tests.
    Mixture, "mixture", {
        /// The base as it is.
        Base = "base",
        HeadCodeBaseTests = "head-code-base-tests",
        BaseCodeHeadTests = "base-code-head-tests",
    }
}

impl Mixture {
    /// For people.
    #[must_use]
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Base => "tests and code of the base",
            Self::HeadCodeBaseTests => "tests of the base on the work's code",
            Self::BaseCodeHeadTests => "the work's tests on the code of the base",
        }
    }
}

/// What a check said of a mixture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trial {
    /// As in [`CheckResult`].
    pub(crate) exit: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tests: Option<Tally>,
    /// The id of the output as a git blob.
    pub(crate) output: ObjectId,
    /// Wall time in milliseconds.
    pub(crate) millis: u64,
    /// Whether it was taken over from an earlier verdict on the same files, instead of being run again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) known: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(is_so: &bool) -> bool {
    !is_so
}

/// A mixture, and what a check said of it, if it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tried {
    pub(crate) tree: ObjectId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Trial>,
}

/// The evidence of one check that is marked as tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proof {
    /// Which files are its tests, as in the policy.
    pub(crate) patterns: Vec<String>,
    /// Test files of the base that the head does not have, as far as they are named; see `lost`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) gone: Vec<String>,
    /// How many test files of the base the head does not have.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) lost: usize,
    pub(crate) base: Tried,
    pub(crate) head_code_base_tests: Tried,
    pub(crate) base_code_head_tests: Tried,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What a check says in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) exit: i32,
    pub(crate) tests: Option<Tally>,
}

impl Seen {
    /// Whether it exited with 0 and did not say that no test ran.
    #[must_use]
    pub(crate) fn has_passed(self) -> bool {
        self.exit == 0 && self.tests.is_none_or(|tests| tests.ran > 0)
    }

    /// Whether something in it failed: to find no test is no failure of one.
    #[must_use]
    pub(crate) fn has_failed(self) -> bool {
        self.exit != 0 && self.tests.is_none_or(|tests| tests.ran > 0)
    }
}

impl Proof {
    /// A mixture, with what was said of it.
    #[must_use]
    pub(crate) fn tried(&self, mixture: Mixture) -> &Tried {
        match mixture {
            Mixture::Base => &self.base,
            Mixture::HeadCodeBaseTests => &self.head_code_base_tests,
            Mixture::BaseCodeHeadTests => &self.base_code_head_tests,
        }
    }

    pub(crate) fn tried_mut(&mut self, mixture: Mixture) -> &mut Tried {
        match mixture {
            Mixture::Base => &mut self.base,
            Mixture::HeadCodeBaseTests => &mut self.head_code_base_tests,
            Mixture::BaseCodeHeadTests => &mut self.base_code_head_tests,
        }
    }

    /// What the check said of a mixture, or of the same files under another name: of the head, if the work changes no file of the other
    /// sort.
    #[must_use]
    pub(crate) fn seen(&self, mixture: Mixture, head: ObjectId, result: &CheckResult) -> Option<Seen> {
        let tree = self.tried(mixture).tree;
        if tree == head {
            return Some(result.seen());
        }
        let same = Mixture::ALL.iter().map(|mixture| self.tried(*mixture)).filter(|tried| tried.tree == tree);
        same.filter_map(|tried| tried.result.as_ref()).map(|trial| Seen { exit: trial.exit, tests: trial.tests }).next()
    }

    /// Whether it was taken over that the check said something.
    #[must_use]
    pub(crate) fn is_taken_over(&self) -> bool {
        Mixture::ALL.iter().filter_map(|mixture| self.tried(*mixture).result.as_ref()).any(|trial| trial.known)
    }

    /// Drops what was taken over.
    pub(crate) fn forget_taken_over(&mut self) {
        for mixture in Mixture::ALL {
            let result = &mut self.tried_mut(*mixture).result;
            if result.as_ref().is_some_and(|trial| trial.known) {
                *result = None;
            }
        }
    }
}

/// Which mixtures decide about a ticket: none if no rule asks for them.
#[must_use]
pub(crate) fn deciding(content: &Content) -> Vec<Mixture> {
    let mut wanted = Vec::new();
    if content.kind.as_str() == FIX {
        wanted.push(Mixture::BaseCodeHeadTests);
    }
    if !content.tests_may_change {
        wanted.extend([Mixture::Base, Mixture::HeadCodeBaseTests]);
    }
    wanted
}

/// Judges a passing verdict under these checks, by its evidence alone.
///
/// # Errors
/// The first reason against it.
pub(crate) fn judge(content: &Content, checks: &[Check], verdict: &Verdict) -> Result<(), Denial> {
    faults(content, checks, &verdict.checks, verdict.tree).into_iter().next().map_or(Ok(()), Err)
}

/// All reasons against results of checks that passed on a head with this tree; that evidence is missing is one.
#[must_use]
pub(crate) fn faults(content: &Content, checks: &[Check], results: &[CheckResult], head: ObjectId) -> Vec<Denial> {
    let (mut faults, mut seen_on_base) = (Vec::new(), Vec::new());
    for check in checks.iter().filter(|check| check.is_marked()) {
        let is_it = |result: &&CheckResult| result.name == check.name && result.run == check.run;
        let found = results.iter().find(is_it).and_then(|result| Some((result, result.proof.as_ref()?)));
        let Some((result, proof)) = found.filter(|(_, proof)| proof.patterns == check.tests) else {
            faults.push(Denial::ProofMissing(check.name.clone()));
            continue;
        };
        if !content.tests_may_change {
            faults.extend(losses(&check.name, proof, head, result));
        }
        seen_on_base.push((&check.name, proof.seen(Mixture::BaseCodeHeadTests, head, result)));
    }
    if content.kind.as_str() == FIX && !seen_on_base.is_empty() {
        let is_red = |(_, seen): &(&String, Option<Seen>)| seen.is_some_and(Seen::has_failed);
        match seen_on_base.iter().find(|(_, seen)| seen.is_none()) {
            _ if seen_on_base.iter().any(is_red) => {}
            Some((name, _)) => faults.push(Denial::ProofMissing((*name).clone())),
            None => faults.push(Denial::FixWithoutEffect),
        }
    }
    faults
}

/// What the work gave up that the tests of the base held.
fn losses(check: &str, proof: &Proof, head: ObjectId, result: &CheckResult) -> Vec<Denial> {
    let check = || check.to_owned();
    if proof.lost > 0 || !proof.gone.is_empty() {
        let path = proof.gone.first().cloned().unwrap_or_default();
        return vec![Denial::TestFileGone { check: check(), path, more: proof.lost.saturating_sub(1) }];
    }
    let seen = |mixture| proof.seen(mixture, head, result);
    let (Some(base), Some(mixed)) = (seen(Mixture::Base), seen(Mixture::HeadCodeBaseTests)) else {
        return vec![Denial::ProofMissing(check())];
    };
    let mut losses = Vec::new();
    // A base that was red already says of a red mixture only how red it was.
    let is_redder = match (base.tests, mixed.tests) {
        (Some(before), Some(after)) => after.failed > before.failed,
        _ => false,
    };
    if !mixed.has_passed() && (base.has_passed() || is_redder) {
        losses.push(Denial::TestsTurnedRed { check: check() });
    }
    let Some(before) = base.tests else { return losses };
    // A mixture that fails may not have come to its other tests.
    let green = Some(mixed).filter(|mixed| mixed.has_passed());
    for Seen { tests: after, .. } in [Some(result.seen()), green].into_iter().flatten() {
        let ran = after.map_or(0, |after| after.ran);
        if let Some(after) = after.filter(|after| after.skipped > before.skipped) {
            losses.push(Denial::TestsSkipped { check: check(), before: before.skipped, after: after.skipped });
            break;
        }
        if ran < before.ran {
            losses.push(Denial::TestsVanished { check: check(), before: before.ran, after: ran });
            break;
        }
    }
    losses
}

/// What whoever did the work is to do about a reason; `None` if it is not for them.
#[must_use]
pub(crate) fn advice(denial: &Denial) -> Option<&'static str> {
    Some(match denial {
        Denial::FixWithoutEffect => {
            "Add a test that fails on the base, where the fault still is, and passes with your fix. A test that passes without the fix \
             shows nothing."
        }
        Denial::TestFileGone { .. } => {
            "Put the file back under its name. This ticket does not allow tests to be removed or renamed."
        }
        Denial::TestsVanished { .. } | Denial::TestsSkipped { .. } => {
            "See that every test which ran on the base runs again: this ticket does not allow tests to be removed, skipped or left out."
        }
        Denial::TestsTurnedRed { .. } => {
            "Make your code pass the tests as they are in the base. This ticket does not allow what they expect to change."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
