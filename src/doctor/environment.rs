//! What everything else stands on: the registry, git itself, refspecs, the version of what is stored.

use crate::core::text::in_one_line;
use crate::refs;
use std::sync::OnceLock;

use super::mistakes::Severity;
use super::subject::Subject;
use super::{Finding, Trouble, few, filters, mistakes, setup};
use crate::core::wire::NEWEST;
use crate::git::process::git_version;
use crate::git::{FLAWED_GIT, GitError, OLDEST_GIT, RefBackend};
use crate::workspace::in_force::NotTheFile;
use crate::workspace::{CONFIG_KEY, ENLIST, Source, Workspace};

/// What helps against mistakes in the registry.
const REMEDY: &str = "git os init   # once the registry is corrected";

pub(super) fn registry(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let repo = subject.repo;
    let noted = repo.config(CONFIG_KEY);
    if !subject.is_initialised() {
        return Ok(Finding::fail("git-os is not set up in this repository", "git os init"));
    }
    let Some(workspace) = subject.workspace else {
        return Ok(match noted.map(|file| Workspace::load(file.as_str().into())) {
            Some(Err(error)) => Finding::fail(in_one_line(&error), "git os init"),
            Some(Ok(workspace)) => Finding::pass(format!("the registry `{}` is valid", workspace.file)),
            None => Finding::not_applicable("this repository has no registry; its policy is in refs/os/meta"),
        });
    };
    let Some(entry) = subject.entry else {
        let reason = format!("the registry `{}` has no repository at `{}`", workspace.file, repo.home());
        return Ok(Finding::fail(reason, ENLIST));
    };
    let hub = workspace.hub()?;
    if hub.name != entry.name
        && let Err(error) = workspace.open(hub)
    {
        return Ok(Finding::fail(format!("cannot open the hub: {}", in_one_line(&error)), "git os init"));
    }
    let file = workspace.recorded_file();
    if noted.as_deref() != Some(file.as_str()) {
        let reason = match noted {
            Some(noted) => format!("this repository uses another registry, `{noted}`"),
            None => "the configuration of this repository does not name its registry".to_owned(),
        };
        return Ok(Finding::fail(reason, "git os init"));
    }
    let known = &subject.ledger()?.policy;
    let mut wanted = refs::policy::of_registry(&workspace.registry, entry, repo, Some(known))?;
    // A branch that was born since is no change of policy.
    wanted.epoch.retain(|branch, _| known.epoch.contains_key(branch));
    if wanted != *known {
        return Ok(Finding::fail("the registry has changed since its policy was published to refs/os/meta", "git os init"));
    }
    let file = &workspace.file;
    let all_well = match &workspace.source {
        Source::File => format!("`{file}` is valid, and its policy is in force"),
        Source::Published { since, why: NotTheFile::Invalid(why) } => {
            let reason = format!("the registry `{file}` is invalid, so the one published on {} is in force: {why}", since.date());
            return Ok(Finding::fail(reason, "git os init"));
        }
        Source::Published { since, why } => {
            format!("the registry published on {} is in force, not `{file}`: {why}", since.date())
        }
    };
    let mistakes = mistakes::find(workspace, entry, repo)?;
    let told = |severity: Option<Severity>| -> Vec<_> {
        let meant = mistakes.iter().filter(|one| severity.is_none_or(|severity| one.severity == severity));
        meant.map(|one| format!("registry line {}: {}", one.line, one.what)).collect()
    };
    Ok(match (told(Some(Severity::Fault)), told(None)) {
        (faults, all) if faults.is_empty() && !all.is_empty() => Finding::warn(few(&all), REMEDY),
        (_, all) => Finding::of(&all, all_well, REMEDY),
    })
}

pub(super) fn git(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    // It does not change while a process lives, and asking costs a process.
    static VERSION: OnceLock<Result<(u32, u32, String), GitError>> = OnceLock::new();
    let (major, minor, version) = match VERSION.get_or_init(git_version) {
        Ok(version) => version,
        Err(error) => return Err(Trouble(in_one_line(error))),
    };
    let (oldest_major, oldest_minor) = OLDEST_GIT;
    if (*major, *minor) < OLDEST_GIT {
        let reason = format!("git {version} is too old: git-os needs {oldest_major}.{oldest_minor} or newer");
        return Ok(Finding::fail(reason, "git --version"));
    }
    let refs = match subject.repo.backend() {
        RefBackend::Files => "refs in files",
        RefBackend::Cli => "refs read and written by git",
    };
    let flaw = if (*major, *minor) == FLAWED_GIT {
        "; its `git bisect log` is wrong wherever there is a `reference-transaction` hook"
    } else {
        ""
    };
    let filters = filters::look(subject)?;
    let mut words = vec![format!("git {version}, {refs}{flaw}")];
    words.extend(filters.remarks);
    Ok(Finding::of(&filters.faults, words.join("; "), filters.remedy))
}

pub(super) fn refspecs(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let Some(entry) = subject.entry else { return Ok(Finding::not_applicable("no registry names a remote")) };
    let Some(remote) = &entry.remote else { return Ok(Finding::not_applicable("the registry names no remote")) };
    let repo = subject.repo;
    if repo.config(&format!("remote.{remote}.url")).is_none() {
        let reason = format!("the registry names the remote `{remote}`, which this repository does not have");
        return Ok(Finding::fail(reason, format!("git -C '{}' remote --verbose", repo.home())));
    }
    let missing = setup::missing_refspecs(repo, remote)?;
    let fault = |spec: &String| match spec.strip_prefix('^') {
        Some(refs) => format!("a refspec makes `git fetch {remote}` write over `{refs}`, and all of the fetch is refused then"),
        None => format!("`git fetch {remote}` does not fetch `{spec}`"),
    };
    let faults: Vec<_> = missing.iter().map(fault).collect();
    Ok(Finding::of(&faults, format!("the refspecs of `{remote}` are as git-os needs them"), "git os init"))
}

pub(super) fn schema(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let version = subject.ledger()?.policy.version;
    let newer = subject.rows()?.tickets.iter().filter(|row| row.ticket.schema > NEWEST);
    let faults: Vec<_> = newer
        .map(|row| format!("a newer git-os wrote {} (schema {}; this version supports {NEWEST})", row.id, row.ticket.schema))
        .collect();
    Ok(Finding::of(&faults, format!("policy version {version}, ticket schema {NEWEST}"), "git os --version"))
}
