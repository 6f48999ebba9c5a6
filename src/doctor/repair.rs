//! What the doctor may mend by itself: what `git os init` sets up, and what dead processes of ours left behind.

use crate::core::text::in_one_line;
use camino::Utf8Path;

use super::setup::{Mode, Setup, SetupError};
use super::subject::Subject;
use super::{Outcome, Report, examine_repo, setup, work};
use crate::core::meta::Weight;
use crate::core::registry::RepoEntry;
use crate::git::Repo;
use crate::git::process::remove_file;
use crate::local::locks;
use crate::workspace::Workspace;

/// The checks that `git os init` heals.
const BY_SETUP: [usize; 4] = [1, 3, 4, 5];

/// One thing that was mended, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Repair {
    Done(String),
    Failed(String),
}

/// Mends one repository. Nothing of others is touched, and nothing that cannot be rebuilt.
#[must_use]
pub(crate) fn repair_repo(
    workspace: Option<&Workspace>,
    entry: Option<&RepoEntry>,
    repo: &Repo,
    program: &Utf8Path,
) -> Vec<Repair> {
    let mut repairs = Vec::new();
    for lock in locks::stale(repo) {
        repairs.push(match remove_file(&lock) {
            Ok(()) => Repair::Done(format!("removed the stale lock `{lock}`")),
            Err(error) => Repair::Failed(in_one_line(&error)),
        });
    }
    let report = examine_repo(workspace, entry, repo, program);
    if let (Some(workspace), Some(entry), true) = (workspace, entry, needs_setup(&report)) {
        repairs.extend(set_up(Setup { workspace, entry, repo, program, mode: Mode::Apply }));
    }
    match work::remove_leftovers(&Subject::new(workspace, entry, repo, program)) {
        Ok(removed) => {
            let done = |path| Repair::Done(format!("removed the leftover record `{path}`"));
            repairs.extend(removed.into_iter().map(done));
        }
        Err(trouble) => repairs.push(Repair::Failed(trouble.0)),
    }
    repairs
}

/// Sets a repository up anew, unless something would be taken away, which `git os init` asks about.
fn set_up(setup: Setup<'_>) -> Vec<Repair> {
    let failed = |error: &SetupError| vec![Repair::Failed(in_one_line(error))];
    let loss = match setup.changes() {
        Ok(changes) => changes.into_iter().find(|change| change.weight == Weight::Loss),
        Err(error) => return failed(&error),
    };
    if let Some(loss) = loss {
        return vec![Repair::Failed(format!("`git os init` asks before it changes the policy: {}", loss.what))];
    }
    match setup::set_up(setup) {
        Ok(done) => done.into_iter().map(Repair::Done).collect(),
        Err(error) => failed(&error),
    }
}

fn needs_setup(report: &Report) -> bool {
    report.checks.iter().any(|check| check.outcome == Outcome::Fail && BY_SETUP.contains(&check.number))
}
