//! `git os sync`

use std::sync::Mutex;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::{Context, renamed};
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::core::registry::RepoEntry;
use crate::core::text::plural;
use crate::core::text::{chain, escape, first_line};
use crate::error::{CliError, Code};
use crate::operations::sync::Brought;
use crate::operations::{self, Place};
use crate::workspace::Workspace;

/// How many repositories talk to their remotes at once.
const SIDE_BY_SIDE: usize = 8;

/// Sync with the shared remote
///
/// Fetches the refs of git-os, merges them with the local ones and pushes the result. A plain `git fetch` fetches the same
/// refs, and the next git-os command merges them. Protected branches are not pushed here; landing work pushes them.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Remote to sync with [default: the shared remote in the registry]
    remote: Option<String>,

    /// Sync all repositories of the registry, in parallel
    #[arg(long, conflicts_with = "remote")]
    all: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Summary {
    version: u32,
    repos: Vec<Line>,
}

/// What became of one repository.
#[derive(Serialize)]
struct Line {
    repo: String,
    remote: Option<String>,
    /// Refs that moved here.
    fetched: usize,
    /// Refs that the remote took.
    pushed: usize,
    /// Tickets with events on both sides.
    merged: usize,
    conflicts: usize,
    renamed: Vec<[String; 2]>,
    /// Refs that stayed where they were, and why.
    refused: Vec<[String; 2]>,
    /// Refs of which the remote has lost something since the last time.
    went_back: Vec<String>,
    /// Tickets that this clone had taken by hand and no longer holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Lost>,
    /// Why the remote could not be reached.
    offline: Option<String>,
    error: Option<String>,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place_of_all()?;
    let lines = match place.workspace.as_ref().filter(|_| args.all) {
        Some(workspace) => all(ctx, workspace, args.json)?,
        None => vec![here(ctx, &place, args)?],
    };
    let bad = lines.iter().filter(|line| line.is_bad()).count();
    let total = lines.len();
    if args.json {
        ctx.ui.json(&Summary { version: crate::core::json::VERSION, repos: lines })?;
    }
    match bad {
        0 => Ok(()),
        _ if total == 1 => Err(CliError::no(Code::NotUpToDate, "not all refs are up to date with the remote")),
        _ => {
            let total = plural(total, "repository", "repositories");
            Err(CliError::no(Code::NotUpToDate, format!("{bad} of {total} not up to date with the remote")))
        }
    }
}

#[derive(Debug, Serialize)]
struct Lost {
    ticket: TicketId,
    state: State,
}

/// The repository the command is about.
fn here(ctx: &Context, place: &Place, args: &Args) -> Result<Line, CliError> {
    let remote = operations::sync::remote_of(place, args.remote.as_deref())?;
    let shown = ctx.ui.task("sync");
    shown.now(&remote);
    let name = place.name.as_ref().map_or_else(|| "this repository".to_owned(), ToString::to_string);
    let line = Line::of(&name, Some(&remote), operations::sync::sync_here(place, &remote).map_err(|error| chain(&error)));
    drop(shown);
    if !args.json {
        line.print(ctx)?;
    }
    Ok(line)
}

/// All repositories of the registry; each says how it went as soon as it is known.
fn all(ctx: &Context, workspace: &Workspace, is_quiet: bool) -> Result<Vec<Line>, CliError> {
    let entries: Vec<&RepoEntry> = workspace.registry.repos.iter().collect();
    let next = Mutex::new(entries.iter().enumerate());
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut progress = ctx.ui.count("sync", entries.len());
    let mut lines = std::thread::scope(|scope| -> Result<Vec<(usize, Line)>, CliError> {
        for _ in 0..SIDE_BY_SIDE.min(entries.len()) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let taken = next.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    let Some((at, entry)) = taken else { return };
                    // Nobody to tell means that the command is over.
                    if sender.send((at, one(workspace, entry))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut lines = Vec::new();
        progress.at("fetching and pushing");
        for (at, line) in receiver {
            if !is_quiet {
                line.print(ctx)?;
            }
            lines.push((at, line));
            progress.step();
            progress.at("fetching and pushing");
        }
        Ok(lines)
    })?;
    drop(progress);
    lines.sort_by_key(|(at, _)| *at);
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

fn one(workspace: &Workspace, entry: &RepoEntry) -> Line {
    let name = entry.name.as_str();
    let Some(remote) = entry.remote.as_deref() else { return Line::of(name, None, Ok(Brought::default())) };
    let synced = workspace
        .open(entry)
        .map_err(|error| chain(&error))
        .and_then(|repo| operations::sync::sync_listed(&repo, entry, remote).map_err(|error| chain(&error)));
    Line::of(name, Some(remote), synced)
}

impl Line {
    fn of(repo: &str, remote: Option<&str>, brought: Result<Brought, String>) -> Self {
        let (Brought { synced, lost }, error) = match brought {
            Ok(brought) => (brought, None),
            Err(error) => (Brought::default(), Some(error)),
        };
        let folded = synced.folded;
        let unfolded = folded.refused.into_iter().map(|(name, why)| (name, why.full()));
        let refused = synced.refused.into_iter().chain(unfolded);
        Self {
            repo: repo.to_owned(),
            remote: remote.map(str::to_owned),
            fetched: folded.moved,
            pushed: synced.pushed,
            merged: folded.merged,
            conflicts: folded.conflicts,
            renamed: folded.renamed.iter().map(|(old, new)| [old.to_string(), new.to_string()]).collect(),
            refused: refused.map(|(name, why)| [name, why]).collect(),
            went_back: synced.rewound,
            offline: synced.offline,
            lost: lost.into_iter().map(|(ticket, state)| Lost { ticket, state }).collect(),
            error,
        }
    }

    fn is_bad(&self) -> bool {
        self.offline.is_some() || self.error.is_some() || !self.refused.is_empty()
    }

    fn print(&self, ctx: &Context) -> Result<(), CliError> {
        let remote = self.remote.clone().unwrap_or_default();
        let what = match (&self.remote, &self.offline, &self.error) {
            (_, _, Some(error)) => escape(first_line(error)),
            (None, ..) => "no shared remote".to_owned(),
            (_, Some(why), _) => format!("cannot reach `{remote}`: {}", escape(why)),
            _ => self.moves(&remote),
        };
        ctx.ui.line(format!("{}: {what}", self.repo))?;
        for [old, new] in &self.renamed {
            ctx.ui.say(renamed(old, new));
        }
        for Lost { ticket, state } in &self.lost {
            let branch = ticket.branch();
            let branch = branch.trim_start_matches("refs/heads/");
            ctx.ui.say(format!("note: {ticket} is {state} by now and no longer held here; its branch `{branch}` stays"));
        }
        for name in &self.went_back {
            ctx.ui.say(format!(
                "warning: {}: `{}` was rewound on `{remote}`; this clone still has the lost commits",
                self.repo,
                escape(name)
            ));
        }
        for [name, why] in &self.refused {
            ctx.ui.say(format!("warning: {}: cannot update `{}`: {}", self.repo, escape(name), escape(why)));
        }
        Ok(())
    }

    fn moves(&self, remote: &str) -> String {
        let mut words = Vec::new();
        if self.fetched > 0 {
            words.push(format!("{} fetched from `{remote}`", plural(self.fetched, "ref", "refs")));
        }
        if self.merged > 0 {
            words.push(format!("{} merged", plural(self.merged, "history", "histories")));
        }
        if self.conflicts > 0 {
            words.push(plural(self.conflicts, "conflict", "conflicts"));
        }
        if self.pushed > 0 {
            words.push(format!("{} pushed", plural(self.pushed, "ref", "refs")));
        }
        if words.is_empty() && !self.refused.is_empty() {
            return format!("not all refs are up to date with `{remote}`");
        }
        if words.is_empty() { format!("up to date with `{remote}`") } else { words.join(", ") }
    }
}
