//! What a registry says that cannot work here, with its line: branches, programs and repositories that are not there.

use super::programs;
use crate::core::meta::Gate;
use crate::core::registry::RepoEntry;
use crate::git::{GitError, Repo};
use crate::workspace::Workspace;

/// One thing, and its line in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) severity: Severity,
}

/// Whether work can go on in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Warning,
    Fault,
}

/// What a registry says of one repository that cannot work.
///
/// # Errors
/// When the repository cannot be read.
pub(crate) fn find(workspace: &Workspace, entry: &RepoEntry, repo: &Repo) -> Result<Vec<Mistake>, GitError> {
    let mut all = Vec::new();
    let mut add = |severity, line: usize, what: String| all.push(Mistake { line, what, severity });
    if let Some(other) = find_same(workspace, entry) {
        add(Severity::Fault, entry.lines.of("path"), format!("`{}` and `{other}` are the same repository", entry.name));
    }
    for branch in &entry.protected {
        if !has_branch(repo, branch)? {
            add(Severity::Fault, entry.lines.of("protected"), format!("branch `{branch}` does not exist in `{}`", entry.name));
        }
    }
    // Without its agent a repository is worked on by hand, and without its planner planned; without its judge nothing passes.
    let workers = entry.agent.iter().map(|name| (Severity::Warning, "agent", name));
    let workers = workers.chain(entry.planner.iter().map(|name| (Severity::Warning, "planner", name)));
    for (severity, key, name) in workers.chain(entry.verifiers.iter().map(|name| (Severity::Fault, "verifier", name))) {
        let Some(agent) = workspace.registry.agents.get(name) else { continue };
        if let Some(lack) = programs::find_lack_of_agent(agent, workspace.root()) {
            add(severity, agent.lines.of("run"), format!("{key} `{name}` cannot start: {lack}"));
        }
    }
    for check in &entry.checks {
        let (lack, lack_on_branch) = programs::find_lacks_of_check(&check.run, entry, repo)?;
        // A ticket may be about to bring what the branch lacks.
        for (severity, lack) in [(Severity::Fault, lack), (Severity::Warning, lack_on_branch)] {
            let what = lack.map(|lack| format!("check `{}` of `{}` cannot run: {lack}", check.name, entry.name));
            if let Some(what) = what {
                add(severity, entry.lines.of("checks"), what);
            }
        }
    }
    // What happens in a silo is not for git-os to verify.
    if entry.checks.is_empty() && entry.verifiers.is_empty() && entry.gate != Gate::Off && !entry.silo {
        let what = format!("`{}` has neither `checks` nor a `verifier`, so nothing would verify its work", entry.name);
        add(Severity::Warning, entry.lines.of("checks"), what);
    }
    Ok(all)
}

/// Another repository of the registry that this one is, in an earlier table.
fn find_same<'a>(workspace: &'a Workspace, entry: &RepoEntry) -> Option<&'a str> {
    let place = |entry: &RepoEntry| workspace.path_of(entry).canonicalize_utf8().ok();
    let own = place(entry)?;
    let mut earlier = workspace.registry.repos.iter().take_while(|other| other.name != entry.name);
    earlier.find(|other| place(other).as_ref() == Some(&own)).map(|other| other.name.as_str())
}

/// Whether a branch is here, at a remote, or about to be born.
fn has_branch(repo: &Repo, branch: &str) -> Result<bool, GitError> {
    let name = format!("refs/heads/{branch}");
    if repo.find_ref(&name)?.is_some() {
        return Ok(true);
    }
    if repo.head_branch().as_deref() == Some(name.as_str()) {
        return Ok(true);
    }
    let ending = format!("/{branch}");
    let is_it = |name: &str| name.strip_prefix("refs/remotes/").is_some_and(|rest| rest.ends_with(&ending));
    Ok(repo.list_refs("refs/remotes/")?.iter().any(|(name, _)| is_it(name)))
}
