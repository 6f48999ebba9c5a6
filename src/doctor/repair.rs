//! What the doctor may mend by itself: what `git os init` sets up, and what dead processes of ours left behind.

use crate::core::text::in_one_line;
use camino::Utf8Path;

use super::subject::Subject;
use super::{Outcome, Report, examine_repo, setup, work};
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
        match setup::set_up(workspace, entry, repo, program) {
            Ok(done) => repairs.extend(done.into_iter().map(Repair::Done)),
            Err(error) => repairs.push(Repair::Failed(in_one_line(&error))),
        }
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

fn needs_setup(report: &Report) -> bool {
    report.checks.iter().any(|check| check.outcome == Outcome::Fail && BY_SETUP.contains(&check.number))
}
