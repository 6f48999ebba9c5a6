//! Phase 1: one scout per brand, in parallel, looks for changes: new commits, failing checks and TODO comments.

use crate::local::worktrees;
use std::sync::Mutex;

use camino::Utf8Path;

use super::log::{Pending, Source};
use super::{Session, SessionError, event};
use crate::agent::process::sweep_place;
use crate::core::criteria::Rule;
use crate::core::id::ObjectId;
use crate::core::meta::Paths;
use crate::core::progress::{Busy, Event, What};
use crate::core::registry::RepoEntry;
use crate::core::session::{Phase, Seen};
use crate::core::text;
use crate::core::text::plural;
use crate::dispatch::{DispatchError, Site, Workplace, include, verify};
use crate::git::Repo;
use crate::git::tree::{FILE, FOLDER};
use crate::ledger::{Ledger, new_run};

/// The maximum number of TODO comments in one repository that become drafts at once.
const MAX_TODOS: usize = 10;
/// The maximum size of a source file that is read, in bytes.
const MAX_SOURCE: u64 = 1024 * 1024;
/// The maximum number of new commits that are listed.
const MAX_COMMITS: usize = 20;

/// What a scout found in one repository.
#[derive(Debug, Default)]
pub(super) struct Scouting {
    pub(super) repo: String,
    pub(super) head: String,
    /// How many commits are new; not all of them are listed.
    pub(super) new: usize,
    pub(super) commits: Vec<String>,
    pub(super) signals: Vec<Pending>,
}

impl Session<'_> {
    pub(super) fn scout(&mut self) -> Result<(), SessionError> {
        let brands = self.decision(Phase::Scout).brands.clone();
        let found: Mutex<Vec<Result<Scouting, SessionError>>> = Mutex::default();
        let queue = Mutex::new(brands.iter());
        let (at, workspace, seen) = (self.at, self.workspace, &self.seen);
        let entries_of = |brand| workspace.registry.repos_of(brand).filter(|entry| !entry.silo);
        let repos = brands.iter().flat_map(entries_of).count();
        at.listener.hear(&Event::Busy(Busy::Begun { repos }));
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(brands.len()) {
                scope.spawn(|| {
                    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    while let Some(brand) = next() {
                        for entry in entries_of(brand) {
                            at.listener.hear(&Event::Busy(Busy::At { repo: entry.name.clone(), check: None }));
                            let report = scout_one(at, seen, entry);
                            at.listener.hear(&Event::Busy(Busy::Done));
                            found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(report);
                        }
                    }
                });
            }
        });
        let found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut reports = Vec::new();
        for report in found {
            match report {
                Ok(report) => reports.push(report),
                Err(error @ (SessionError::Interrupted | SessionError::Dispatch(DispatchError::Interrupted))) => {
                    return Err(error);
                }
                // What is wrong with one repository is no reason to leave the others.
                Err(error) => self.tell_trouble(&error)?,
            }
        }
        reports.sort_by(|left, right| left.repo.cmp(&right.repo));
        let mut scouted = Vec::new();
        for report in &reports {
            if let Some(entry) = self.workspace.registry.find_repo(&report.repo) {
                scouted.push(event(entry, What::Scouted { commits: report.new, signals: report.signals.len() }));
                self.seen.scouted.insert(entry.name.clone(), report.head.clone());
                *self.seen.commits.entry(entry.brand.clone()).or_default() += report.new;
            }
        }
        let lines = self.tell_all(&scouted);
        self.seen.news.extend(brands);
        let count: usize = reports.iter().map(|report| report.signals.len()).sum();
        let section = |report: &Scouting| {
            format!(
                "## {}
{}
",
                report.repo,
                report.commits.join(
                    "
"
                )
            )
        };
        let commits = reports.iter().map(section).collect::<Vec<_>>().concat();
        for signal in reports.into_iter().flat_map(|report| report.signals) {
            if !self.log.pending.iter().any(|known| known.key == signal.key) {
                self.log.pending.push(signal);
            }
        }
        self.record(Phase::Scout, &plural(count, "signal", "signals"), &lines.join("\n"), &[("commits.md", commits)])
    }
}

/// What is new in one repository.
fn scout_one(at: Workplace<'_>, seen: &Seen, entry: &RepoEntry) -> Result<Scouting, SessionError> {
    let site = Site::open(at, entry)?;
    let Ok(ledger) = Ledger::open(&site.repo) else {
        return Ok(Scouting { repo: entry.name.to_string(), ..Scouting::default() });
    };
    let mut report = Scouting { repo: entry.name.to_string(), ..Scouting::default() };
    let Some(head) = ledger.find_trunk_tip()? else { return Ok(report) };
    report.head = head.to_string();
    let since = seen.scouted.get(&entry.name).and_then(|text| ObjectId::parse(text).ok());
    let since = since.filter(|since| site.repo.has_object(*since));
    let new = site.repo.difference(since, head)?.added;
    report.new = new.len();
    for id in new.into_iter().take(MAX_COMMITS) {
        report.commits.push(format!("- {} {}", id.short(8), text::line(&site.repo.read_commit(id)?.subject(), text::MAX_TITLE)));
    }
    if report.new > MAX_COMMITS {
        report.commits.push(format!("- and {} more", report.new - MAX_COMMITS));
    }
    let mut failing = Vec::new();
    for check in failing_checks(at, &site, &ledger, head)? {
        if !check.is_done_with(&ledger, seen)? {
            failing.push(check);
        }
    }
    let first_failing = failing.first().map(|signal| signal.title.clone());
    report.signals.extend(failing);
    let mut count = 0;
    for todo in todos(&site.repo, entry, head)? {
        // Those that nobody will draft leave room for others.
        if count < MAX_TODOS && !todo.is_done_with(&ledger, seen)? {
            count += 1;
            // First fix the failing check: no other work can be verified before.
            report.signals.push(Pending { after: first_failing.clone(), ..todo });
        }
    }
    Ok(report)
}

/// The checks that fail on the current trunk.
fn failing_checks(at: Workplace<'_>, site: &Site<'_>, ledger: &Ledger<'_>, head: ObjectId) -> Result<Vec<Pending>, SessionError> {
    if ledger.policy.checks.is_empty() || site.entry.agent.is_none() {
        return Ok(Vec::new());
    }
    let path = worktrees::folder(&site.repo).join(format!("scout-{}", site.entry.name));
    if path.as_std_path().exists() {
        sweep_place(&path);
    }
    site.repo.add_detached_worktree(&path, head)?;
    let failing = failing_checks_at(at, site, ledger, head, &path);
    // If a part cannot be removed, the next scout finds it and reports it.
    drop(site.repo.clear_worktree(&path));
    failing
}

/// The checks that fail in a worktree.
fn failing_checks_at(
    at: Workplace<'_>,
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    head: ObjectId,
    path: &Utf8Path,
) -> Result<Vec<Pending>, SessionError> {
    include(&site.repo, path)?;
    let mut failing = Vec::new();
    let run = new_run()?;
    for check in &ledger.policy.checks {
        at.listener.hear(&Event::Busy(Busy::At { repo: site.entry.name.clone(), check: Some(check.name.clone()) }));
        let (result, finished) = verify::run_check(site, ledger, check, path, &run)?;
        if result.exit != 0 {
            failing.push(Pending {
                key: Source::Check.key(&site.entry.name, &check.name),
                repo: site.entry.name.to_string(),
                title: text::line(&format!("Make the check `{}` pass in {}", check.name, site.entry.name), text::MAX_TITLE),
                kind: "fix".to_owned(),
                priority: 1,
                description: format!(
                    "`{}` exited with {} on commit {}:\n\n{}",
                    check.run,
                    result.exit,
                    head.short(12),
                    finished.transcript.last_words().lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
                ),
                acceptance: Rule::Passes(check.name.clone()).to_criterion().into_iter().collect(),
                after: None,
                labels: vec!["check".to_owned()],
                brand: None,
            });
        }
    }
    Ok(failing)
}

/// The TODO comments in the trunk's files, except in paths that scouts skip.
fn todos(repo: &Repo, entry: &RepoEntry, head: ObjectId) -> Result<Vec<Pending>, SessionError> {
    let skip = Paths::new(entry.skip.iter().map(String::as_str)).ok();
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), repo.read_commit(head)?.tree_id)];
    while let Some((prefix, tree_id)) = folders.pop() {
        // Skip trees with names that are not UTF-8.
        let Ok(entries) = repo.read_tree(tree_id) else { continue };
        for one in entries {
            let path = format!("{prefix}{}", one.name);
            if skip.as_ref().is_some_and(|skip| skip.has(&path)) {
                continue;
            }
            if one.mode == FOLDER {
                folders.push((path + "/", one.id));
            } else if one.mode & 0o170_000 == FILE & 0o170_000 && repo.read_header(one.id)?.1 <= MAX_SOURCE {
                let text = repo.read_blob(one.id, usize::try_from(MAX_SOURCE).unwrap_or(usize::MAX))?;
                if let Ok(text) = std::str::from_utf8(&text) {
                    found.extend(text.lines().filter_map(todo).map(|todo| (path.clone(), todo.to_owned())));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    let pending = |(path, what): (String, String)| Pending {
        key: Source::Todo.key(&entry.name, format_args!("{path}:{what}")),
        repo: entry.name.to_string(),
        title: text::line(&format!("Resolve the TODO in {path}: {what}"), text::MAX_TITLE),
        kind: "task".to_owned(),
        priority: 3,
        description: format!("`{path}` says:\n\n    TODO: {what}\n\nDo this and remove the comment."),
        acceptance: Rule::Gone { path, text: format!("TODO: {what}") }.to_criterion().into_iter().collect(),
        after: None,
        labels: vec!["todo".to_owned()],
        brand: None,
    };
    Ok(found.into_iter().map(pending).collect())
}

/// The task in a line, if the line is a comment that begins with TODO.
fn todo(line: &str) -> Option<&str> {
    let (before, what) = line.split_once("TODO")?;
    let before = before.trim_end();
    let is_comment =
        ["#", "//", "--", ";", "/*", "*", "<!--", "%", "///", "//!", "\"\"\""].iter().any(|mark| before.ends_with(mark));
    // Accept `TODO(name): …` and `TODO: …`, but not a longer word that contains it.
    let what = what.strip_prefix('(').map_or(Some(what), |rest| rest.split_once(')').map(|(_, rest)| rest))?.strip_prefix(':')?;
    let what = what.trim().trim_end_matches("*/").trim_end_matches("-->").trim();
    (is_comment && !what.is_empty()).then_some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_todo_is_a_comment_that_says_what() {
        for (line, expected) in [
            ("# TODO: Print a total", Some("Print a total")),
            ("  // TODO(ann): Escape it", Some("Escape it")),
            ("/* TODO: Sort */", Some("Sort")),
            ("<!-- TODO: Write -->", Some("Write")),
            ("let x = \"TODO: no\";", None),
            ("# TODOS: no", None),
            ("# TODO", None),
            ("# TODO:   ", None),
        ] {
            assert_eq!(todo(line), expected, "{line}");
        }
    }
}
