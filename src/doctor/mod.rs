//! Nineteen checks of a workspace, each with a reason and a remedy, and the grade they make.
//!
//! A check whose subject does not exist says `n/a` and is not counted; one that could not run counts as failed. A warning keeps the
//! grade from being A, and holds nothing up.

mod agents;
mod environment;
mod filters;
mod hooks;
mod memory;
pub(crate) mod mistakes;
pub(crate) mod programs;
mod refs;
pub(crate) mod repair;
pub(crate) mod setup;
mod subject;
mod work;

use crate::core::text::in_one_line;
use camino::Utf8Path;
use serde::Serialize;

use crate::core::event::named;
use crate::core::id::RepoName;
use crate::core::progress::{Busy, Event, Listener};
use crate::core::registry::RepoEntry;
use crate::core::verdict::Grade;
use crate::git::Repo;
use crate::workspace::Workspace;
use subject::Subject;

/// How many checks there are; the grade A means all of them that apply.
pub(crate) const COUNT: usize = 19;

named! {
    /// How a check ended.
    Outcome, "outcome", {
        Pass = "pass",
        /// Something is not as it should be, and work goes on all the same.
        Warn = "warn",
        Fail = "fail",
        NotApplicable = "n/a",
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    outcome: Outcome,
    /// One line for somebody who has never seen this repository.
    reason: String,
    /// A command that is safe to paste; empty where nothing is wrong.
    remedy: String,
}

impl Finding {
    fn pass(reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Pass, reason: reason.into(), remedy: String::new() }
    }

    fn not_applicable(reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::NotApplicable, reason: reason.into(), remedy: String::new() }
    }

    fn fail(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, reason: reason.into(), remedy: remedy.into() }
    }

    fn warn(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warn, reason: reason.into(), remedy: remedy.into() }
    }

    /// Passed when nothing is wrong; otherwise failed with the first things that are.
    fn of(faults: &[String], all_well: impl Into<String>, remedy: impl Into<String>) -> Self {
        if faults.is_empty() { Self::pass(all_well) } else { Self::fail(few(faults), remedy) }
    }
}

/// How many things a reason names before it only counts.
const NAMED: usize = 3;

/// The first few of several things.
fn few(faults: &[String]) -> String {
    let shown = faults.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    match faults.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// Why a check could not run, with its causes, on one line.
#[derive(Debug)]
struct Trouble(String);

impl<E: std::error::Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(in_one_line(&error))
    }
}

/// One of the nineteen.
struct Check {
    number: usize,
    name: &'static str,
    run: fn(&Subject<'_>) -> Result<Finding, Trouble>,
}

const fn check(number: usize, name: &'static str, run: fn(&Subject<'_>) -> Result<Finding, Trouble>) -> Check {
    Check { number, name, run }
}

/// The number of the check of the registry and the policy, without which few others can run.
const FIRST: usize = 1;
/// The number of the check that replays all tickets.
const CHAINS: usize = 7;

/// The checks, in the order of their numbers.
const CHECKS: &[Check; COUNT] = &[
    check(FIRST, "registry and repositories", environment::registry),
    check(2, "git version and features", environment::git),
    check(3, "hooks present, current, executable", hooks::present),
    check(4, "hooks not shadowed, other hooks still run", hooks::not_shadowed),
    check(5, "refspecs", environment::refspecs),
    check(6, "schema version", environment::schema),
    check(CHAINS, "every chain valid", refs::chains),
    check(8, "no unknown refs under refs/os", refs::foreign),
    check(9, "no unverified work on protected branches", refs::branches),
    check(10, "verdict notes match the chains", refs::notes),
    check(11, "leases and live runs agree", work::leases),
    check(12, "worktrees within policy", work::worktrees),
    check(13, "role contracts", agents::contracts),
    check(14, "agent client hooks", agents::wiring),
    check(15, "silo", agents::silo),
    check(16, "no secrets in git-os refs", memory::secrets),
    check(17, "wiki links and front matter", memory::wiki),
    check(18, "search index", memory::index),
    check(19, "remote up to date, ref count bounded", refs::bounds),
];

/// How one check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Examined {
    pub(crate) number: usize,
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) reason: String,
    /// A command that is safe to paste; empty where nothing is wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) remedy: String,
    /// The number of the check whose failure keeps this one from running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) follows: Option<usize>,
    /// Whether it came to an answer about its subject: it has one here, and could be looked at.
    #[serde(skip)]
    is_made: bool,
}

/// How many checks came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Made, and nothing was wrong.
    pub(crate) passed: usize,
    /// Those that could run.
    pub(crate) made: usize,
    /// Those whose subject is there.
    pub(crate) applicable: usize,
}

/// All nineteen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) grade: Grade,
    pub(crate) checks: Vec<Examined>,
}

impl Report {
    fn new(checks: Vec<Examined>) -> Self {
        let is_warned = checks.iter().any(|check| check.outcome == Outcome::Warn);
        let grade = match checks.iter().filter(|check| check.outcome == Outcome::Fail).count() {
            0 if !is_warned => Grade::A,
            0..=2 => Grade::B,
            3..=5 => Grade::C,
            _ => Grade::F,
        };
        Self { grade, checks }
    }

    /// The grade without warnings and without the check of all chains: a ticket that is quarantined holds up no other.
    #[must_use]
    pub(crate) fn grade_for_work(&self) -> Grade {
        let heeded = self.checks.iter().filter(|check| check.number != CHAINS && check.outcome != Outcome::Warn);
        Self::new(heeded.cloned().collect()).grade
    }

    /// The checks that failed.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &Examined> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Fail)
    }

    /// The checks that failed or warn by themselves, and not because another one failed.
    pub(crate) fn causes(&self) -> impl Iterator<Item = &Examined> {
        let is_told = |check: &&Examined| matches!(check.outcome, Outcome::Fail | Outcome::Warn);
        self.checks.iter().filter(is_told).filter(|check| check.follows.is_none())
    }

    /// How many checks there really were: one that does not apply has passed nothing.
    #[must_use]
    pub(crate) fn counts(&self) -> Counts {
        let count = |is_so: fn(&Examined) -> bool| self.checks.iter().filter(|check| is_so(check)).count();
        Counts {
            passed: count(|check| check.outcome == Outcome::Pass),
            made: count(|check| check.is_made),
            applicable: count(|check| check.outcome != Outcome::NotApplicable),
        }
    }
}

/// Examines one repository. `entry` is what the workspace's registry says of it; `program` is the git-os its hooks call.
#[must_use]
pub(crate) fn examine_repo(workspace: Option<&Workspace>, entry: Option<&RepoEntry>, repo: &Repo, program: &Utf8Path) -> Report {
    let subject = Subject::new(workspace, entry, repo, program);
    // The first check that cannot run without the policy says why; the others need not say it again.
    let mut root = (!subject.is_initialised()).then_some(FIRST);
    let mut run = |check: &Check| {
        let found = (check.run)(&subject);
        let is_made = found.as_ref().is_ok_and(|finding| finding.outcome != Outcome::NotApplicable);
        let is_of_policy = found.as_ref().is_err_and(|trouble| subject.is_trouble_with_policy(trouble));
        let follows = root.filter(|root| is_of_policy && *root != check.number);
        if is_of_policy {
            root.get_or_insert(check.number);
        }
        let finding = match (found, follows) {
            (Ok(finding), _) => finding,
            (Err(_), Some(root)) => Finding::fail(format!("cannot run before check {root} passes"), ""),
            (Err(trouble), None) => Finding::fail(format!("cannot run this check: {}", trouble.0), "git os fsck"),
        };
        let Finding { outcome, reason, remedy } = finding;
        Examined { number: check.number, name: check.name, outcome, reason, remedy, follows, is_made }
    };
    Report::new(CHECKS.iter().map(&mut run).collect())
}

/// Examines every repository of a workspace: a check fails when it fails in any of them.
///
/// A repository that is not there fails the first check alone, which says so. The listener hears how far it is.
#[must_use]
pub(crate) fn examine(workspace: &Workspace, program: &Utf8Path, listener: &dyn Listener) -> Report {
    let mut reports = Vec::new();
    let mut missing = Vec::new();
    listener.hear(&Event::Busy(Busy::Begun { repos: workspace.registry.repos.len() }));
    for entry in &workspace.registry.repos {
        listener.hear(&Event::Busy(Busy::At { repo: entry.name.clone(), check: None }));
        match workspace.open(entry) {
            Ok(repo) => reports.push((&entry.name, examine_repo(Some(workspace), Some(entry), &repo, program))),
            Err(error) => missing.push(format!("registry line {}: {}", entry.lines.of("path"), in_one_line(&error))),
        }
        listener.hear(&Event::Busy(Busy::Done));
    }
    let mut checks = fold(&reports).checks;
    if let (Some(first), false) = (checks.first_mut(), missing.is_empty()) {
        if matches!(first.outcome, Outcome::Fail | Outcome::Warn) && !reports.is_empty() {
            missing.push(first.reason.clone());
        }
        (first.outcome, first.reason, first.is_made) = (Outcome::Fail, few(&missing), true);
        "git os init".clone_into(&mut first.remedy);
    }
    Report::new(checks)
}

/// One report out of those of several repositories.
fn fold(reports: &[(&RepoName, Report)]) -> Report {
    let one = |(at, check): (usize, &Check)| {
        let all: Vec<(&RepoName, &Examined)> = reports.iter().map(|(name, report)| (*name, &report.checks[at])).collect();
        let of = |outcome: Outcome| all.iter().filter(move |one| one.1.outcome == outcome).copied().collect::<Vec<_>>();
        // With no repository at all there is nothing that passed.
        let worst = [Outcome::Fail, Outcome::Warn, Outcome::Pass, Outcome::NotApplicable];
        let outcome = worst.into_iter().find(|outcome| !of(*outcome).is_empty()).unwrap_or(Outcome::Fail);
        let of_outcome = &of(outcome);
        let mut remedies: Vec<&str> = of_outcome.iter().map(|one| one.1.remedy.as_str()).filter(|one| !one.is_empty()).collect();
        remedies.sort_unstable();
        remedies.dedup();
        Examined {
            number: check.number,
            name: check.name,
            outcome,
            reason: fold_reasons(of_outcome, all.len()),
            remedy: remedies.join("; "),
            follows: of_outcome.iter().map(|one| one.1.follows).reduce(Option::and).flatten(),
            // One repository in which it could not run leaves it open.
            is_made: !of_outcome.is_empty() && of_outcome.iter().all(|one| one.1.is_made),
        }
    };
    Report::new(CHECKS.iter().enumerate().map(one).collect())
}

/// What several repositories say: once when it is the same, else by name.
fn fold_reasons(all: &[(&RepoName, &Examined)], out_of: usize) -> String {
    let Some((_, first)) = all.first() else { return "cannot open any repository of the registry".to_owned() };
    let is_same = all.iter().all(|one| one.1.reason == first.reason);
    let is_told = matches!(first.outcome, Outcome::Fail | Outcome::Warn);
    if is_same && (all.len() == out_of || !is_told) {
        return first.reason.clone();
    }
    if is_told || all.len() <= NAMED {
        let named: Vec<_> = all.iter().map(|(name, one)| format!("{name}: {}", one.reason)).collect();
        return few(&named);
    }
    format!("in {} repositories; for example, {}: {}", all.len(), all[0].0, first.reason)
}

#[cfg(test)]
mod tests;
