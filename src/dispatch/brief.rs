//! The brief of an agent, made from the ticket and the repository only.

use camino::Utf8Path;

use super::{DispatchError, Site, find_failure, find_words};
use crate::core::event::EventKind;
use crate::core::id::Brand;
use crate::core::text::escape;
use crate::core::verdict::CheckResult;
use crate::git::process::read_file;
use crate::ledger::{Entry, Ledger};
use crate::local::include;
use crate::memory::learnings;
use crate::refs::sessions;

/// How much of a repository's own instructions goes into a brief, in bytes.
const MAX_INSTRUCTIONS: usize = 32 * 1024;
/// The maximum number of learnings in a brief.
const MAX_LESSONS: usize = 10;
/// The maximum number of files that are named in a brief.
const MAX_NAMES: usize = 20;

/// Returns the brief of an executor.
///
/// # Errors
/// If the ticket cannot be read.
pub(crate) fn executor(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    worktree: &Utf8Path,
) -> Result<String, DispatchError> {
    let mut text = head(ledger, entry)?;
    let ticket = &entry.ticket;
    text += &format!("\nAttempt {} of {}.\n", ledger.used(entry)?.attempts + 1, ledger.policy.max_attempts);
    text += "\n## What must be true\n\n";
    for check in &ledger.policy.checks {
        text += &format!("- the check `{}` exits with 0: `{}`\n", check.name, check.run);
    }
    match &site.entry.verifier {
        Some(verifier) => {
            text += &format!("- the verifier `{verifier}` reads the change, compares it with this ticket and agrees\n");
        }
        None if ledger.policy.checks.is_empty() => text += "- the change does what this ticket says\n",
        None => {}
    }
    text += &said(site, &ticket.content.brand)?;
    if let Some(reason) = find_failure(ledger, entry)? {
        text += &format!("\n## Why the last attempt failed\n\n{reason}\n");
    }
    if let Some(answer) = find_words(ledger, entry, &[EventKind::Answer])? {
        let question = find_words(ledger, entry, &[EventKind::Ask])?.unwrap_or_default();
        text += &format!("\n## What you asked, and the answer\n\n{question}\n\n{answer}\n");
    }
    let words = format!("{} {}", ticket.content.title, ledger.description(entry)?);
    let lessons = learnings::matching(site.workspace, &ticket.content.brand, &words, MAX_LESSONS)?;
    if !lessons.is_empty() {
        text += "\n## Learnings that may help\n\n";
        for lesson in lessons {
            text += &format!("- {}\n", lesson.text.lines().next().unwrap_or_default());
        }
    }
    text += &instructions(worktree);
    text += "\n## How to work here\n\n\
        - You are in your own worktree, on the branch of the ticket. Change what the ticket asks for, and nothing else.\n";
    let mut included = include::list(&site.repo)?;
    // What is not ignored there was not copied.
    included.retain(|name| !worktree.as_std_path().exists() || worktree.join(name).as_std_path().exists());
    if !included.is_empty() {
        text += &format!("- These files are here although git ignores them; checks have them too: {}\n", in_code(&included));
    }
    text += "\
        - Commit your work here. Do not push, do not merge, do not touch other branches or refs.\n\
        - Do not change git's settings, which all worktrees share: `git -c key=value …` sets one for one command.\n\
        - `git os ask \"…\"` asks the operator a question; then exit. `git os learn \"…\"` records a learning for others.\n\
        - When you are done, exit with 0. git-os commits what you leave uncommitted, in your name.\n";
    Ok(text)
}

/// What the operator said last about a brand; a hub that is not here says nothing.
fn said(site: &Site<'_>, brand: &Brand) -> Result<String, DispatchError> {
    let hub = site.workspace.hub().and_then(|hub| site.workspace.open(hub));
    let latest = hub.ok().map(|hub| sessions::find_latest(&hub)).transpose()?.flatten();
    let Some(said) = latest.and_then(|latest| latest.seen.said.get(brand).cloned()) else { return Ok(String::new()) };
    let mut text = format!("\n## What the operator said about {brand} on {}\n\n", said.date);
    for (what, words) in [("What matters most", &said.matters), ("What is waited for", &said.waiting)] {
        if !words.is_empty() {
            text += &format!("- {what}: {words}\n");
        }
    }
    Ok(text)
}

/// Names as code, the first few of many.
pub(super) fn in_code(names: &[String]) -> String {
    let more = names.len().saturating_sub(MAX_NAMES);
    let mut shown: Vec<_> = names.iter().take(MAX_NAMES).map(|name| format!("`{}`", escape(name))).collect();
    shown.extend((more > 0).then(|| format!("and {more} more")));
    shown.join(", ")
}

/// Returns the brief of a verifier.
///
/// # Errors
/// If the ticket cannot be read.
pub(crate) fn verifier(
    ledger: &Ledger<'_>,
    entry: &Entry,
    worktree: &Utf8Path,
    checks: &[CheckResult],
) -> Result<String, DispatchError> {
    let mut text = head(ledger, entry)?;
    let (base, head) = (entry.ticket.base, entry.ticket.head);
    text += "\n## What you must judge\n\n";
    if let (Some(base), Some(head)) = (base, head) {
        text += &format!("Base: {base}\nHead: {head}\n");
        text += "\nThe work is the difference between the two: `git diff Base Head`. You are in a worktree at its head.\n";
    }
    text += "\n## The checks that ran on this commit\n\n";
    for check in checks {
        text += &format!("- `{}`: exit {} after {} ms\n", check.name, check.exit, check.millis);
    }
    text += &instructions(worktree);
    text += "\n## How to judge\n\n\
        - Another run did this work. Does it do what the ticket asks, completely and honestly, and nothing else?\n\
        - Do not change anything. If anything is unclear, fail the work and give the reason.\n\
        - The last line you print is your judgement, as JSON: {\"verdict\":\"pass\"|\"fail\",\"reasons\":[\"…\"]}\n";
    Ok(text)
}

fn head(ledger: &Ledger<'_>, entry: &Entry) -> Result<String, DispatchError> {
    let content = &entry.ticket.content;
    let mut text = format!("# {}\n\n", content.title);
    text +=
        &format!("Ticket {} in repository {} (brand {}), kind {}.\n", entry.id, ledger.policy.repo, content.brand, content.kind);
    let description = ledger.description(entry)?;
    if !description.is_empty() {
        text += &format!("\n## What is to be done\n\n{description}\n");
    }
    Ok(text)
}

/// The repository's own instructions for agents.
fn instructions(worktree: &Utf8Path) -> String {
    let found = ["CLAUDE.md", "AGENTS.md"].iter().find_map(|name| {
        let path = worktree.join(name);
        // Do not follow links, which could lead out of the worktree.
        let is_plain = path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_INSTRUCTIONS as u64);
        is_plain.then(|| read_file(&path).ok().map(|text| (name, text))).flatten()
    });
    found.map_or_else(String::new, |(name, text)| {
        format!("\n## This repository's own instructions ({name})\n\n{}\n", text.trim_end())
    })
}
