//! `git os fsck`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use crate::audit::{Audit, Violation, audit, repair};
use crate::core::id::RepoName;
use crate::core::refs::is_ours;
use crate::core::text::plural;
use crate::core::text::{chain, escape};
use crate::error::{CliError, Code, Kind};
use crate::git::Repo;
use crate::ledger::{Ledger, LedgerError};
use crate::refs::strays::{Origin, Stray};
use crate::refs::{Repaired, kind_of};

/// Replay all histories and report what is invalid
///
/// Hooks can be turned off and ref files written by hand; fsck finds what came in that way. Exits with 1 if it finds
/// something. No other command acts on an invalid history.
///
/// Commits that came to a protected branch during the run of an agent, and that no ticket landed, are only listed: they may be
/// your own. To take a commit off the list, run `git notes --ref=os/strays remove COMMIT`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Restore refs to their last valid state first
    ///
    /// Resets a ticket to its last valid event, and rebuilds verdict notes from the tickets. Keeps the old history under
    /// `refs/os/rejected/`. Does not change branches, or histories that may become valid: with an event of a newer git-os, or
    /// with missing objects.
    #[arg(long)]
    repair: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct All {
    version: u32,
    tickets: usize,
    events: usize,
    archived: usize,
    findings: Vec<Violation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    strays: Vec<StrayIn>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repaired: Vec<RepairedIn>,
}

/// A commit that came during a run, and where.
#[derive(Serialize)]
struct StrayIn {
    repo: RepoName,
    #[serde(flatten)]
    stray: Stray,
}

/// A ref that was put back, and where.
#[derive(Serialize)]
struct RepairedIn {
    repo: RepoName,
    #[serde(flatten)]
    repaired: Repaired,
}

/// Judges one repository.
pub(crate) fn check(repo: &Repo) -> Result<Audit, CliError> {
    Ok(audit(&open(repo)?)?)
}

/// Puts the refs of one repository back.
fn mend(repo: &Repo) -> Result<Vec<RepairedIn>, CliError> {
    let ledger = open(repo)?;
    let name = &ledger.policy.repo;
    Ok(repair(&ledger)?.into_iter().map(|repaired| RepairedIn { repo: name.clone(), repaired }).collect())
}

fn open(repo: &Repo) -> Result<Ledger<'_>, CliError> {
    match Ledger::open(repo) {
        Err(LedgerError::NotInitialised) => {
            let names: Vec<String> =
                repo.list_refs("refs/")?.into_iter().map(|found| found.0).filter(|name| is_ours(name)).collect();
            // What is none of ours most likely stands where the policy was.
            let odd = names.iter().find(|name| kind_of(name).is_none()).or(names.first());
            Err(odd.map_or_else(
                || LedgerError::NotInitialised.into(),
                |name| {
                    let why = "there is no policy in `refs/os/meta`";
                    CliError::new(Kind::Fatal, Code::NoPolicy, format!("cannot check `{}`: {why}", escape(name)))
                        .hint("git os init")
                },
            ))
        }
        opened => Ok(opened?),
    }
}

impl Args {
    /// Whether refs are put back.
    #[must_use]
    pub(super) fn is_repair(&self) -> bool {
        self.repair
    }
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place_of_all()?;
    let mut all =
        All { version: 1, tickets: 0, events: 0, archived: 0, findings: Vec::new(), strays: Vec::new(), repaired: Vec::new() };
    let mut repairs = Vec::new();
    let mut add = |report: Audit| {
        all.tickets += report.tickets;
        all.events += report.events;
        all.archived += report.archived;
        all.findings.extend(report.findings);
        let repo = report.repo;
        all.strays.extend(report.strays.into_iter().map(|stray| StrayIn { repo: repo.clone(), stray }));
    };
    let mut examine = |repo: &Repo| -> Result<(), CliError> {
        if args.repair {
            repairs.extend(mend(repo)?);
        }
        add(check(repo)?);
        Ok(())
    };
    if let Some(workspace) = place.workspace.as_ref().filter(|_| ctx.repo_name.is_none()) {
        let mut count = ctx.ui.count("fsck", workspace.registry.repos.len());
        for entry in &workspace.registry.repos {
            count.at(entry.name.as_str());
            match workspace.open(entry) {
                Ok(repo) => examine(&repo)?,
                Err(error) => ctx.ui.say(format!("warning: {}", chain(&error))),
            }
            count.step();
        }
    } else {
        let _shown = ctx.ui.task("fsck");
        examine(&place.repo)?;
    }
    all.repaired = repairs;
    if args.json {
        ctx.ui.json(&all)?;
    } else {
        for RepairedIn { repo, repaired } in &all.repaired {
            let to = repaired.to.map_or_else(|| "deleted".to_owned(), |to| format!("back to {}", to.short(12)));
            ctx.ui.line(format!("{repo}: {}: {to}; {} keeps {}", repaired.ref_name, repaired.kept, repaired.from.short(12)))?;
        }
        for finding in &all.findings {
            let commit = finding.commit.map(|commit| format!(" (commit {})", commit.short(12))).unwrap_or_default();
            ctx.ui.line(format!("{}: {}: {}{commit}", finding.repo, finding.ref_name, finding.what))?;
        }
        for StrayIn { repo, stray: Stray { branch, commit, origin } } in &all.strays {
            let (commit, Origin { agent, ticket, .. }) = (commit.short(12), origin);
            ctx.ui.line(format!(
                "{repo}: refs/heads/{branch}: note: commit {commit} came during a run of {} for {ticket}, and no ticket landed it",
                escape(agent)
            ))?;
        }
        let (tickets, events) = (plural(all.tickets, "ticket", "tickets"), plural(all.events, "event", "events"));
        ctx.ui.say(format!("{tickets} with {events} replayed, {}", plural(all.findings.len(), "finding", "findings")));
    }
    if all.findings.is_empty() {
        Ok(())
    } else {
        Err(CliError::no(Code::Findings, plural(all.findings.len(), "finding", "findings")))
    }
}
