//! `git os fsck`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use crate::audit::{Finding, Report, audit};
use crate::core::refs::is_ours;
use crate::core::text::plural;
use crate::core::text::{chain, escape};
use crate::error::{CliError, Kind};
use crate::git::Repo;
use crate::ledger::{Ledger, LedgerError};
use crate::refs::kind_of;

/// Replay everything and show what is not by the rules
///
/// Hooks can be switched off and files written by hand; history cannot lie. Exits with 1 when something was found.
/// What was found is shown, and not acted on by any other command.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct All {
    version: u32,
    tickets: usize,
    events: usize,
    archived: usize,
    findings: Vec<Finding>,
}

/// Judges one repository.
pub(crate) fn check(repo: &Repo) -> Result<Report, CliError> {
    let ledger = match Ledger::open(repo) {
        Err(LedgerError::NotInitialised) => {
            let names: Vec<String> =
                repo.list_refs("refs/")?.into_iter().map(|found| found.0).filter(|name| is_ours(name)).collect();
            // What is none of ours most likely stands where the policy was.
            let odd = names.iter().find(|name| kind_of(name).is_none()).or(names.first());
            return Err(odd.map_or_else(
                || LedgerError::NotInitialised.into(),
                |name| CliError::new(Kind::Fatal, format!("there is no policy in `refs/os/meta` to judge `{}` by", escape(name))),
            ));
        }
        opened => opened?,
    };
    Ok(audit(&ledger)?)
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place()?;
    let mut all = All { version: 1, tickets: 0, events: 0, archived: 0, findings: Vec::new() };
    let mut add = |report: Report| {
        all.tickets += report.tickets;
        all.events += report.events;
        all.archived += report.archived;
        all.findings.extend(report.findings);
    };
    match place.workspace.as_ref().filter(|_| ctx.repo_name.is_none()) {
        Some(workspace) => {
            for entry in &workspace.registry.repos {
                match workspace.open(entry) {
                    Ok(repo) => add(check(&repo)?),
                    Err(error) => ctx.ui.say(format!("warning: {}", chain(&error))),
                }
            }
        }
        None => add(check(&place.repo)?),
    }
    if args.json {
        ctx.ui.json(&all)?;
    } else {
        for finding in &all.findings {
            let commit = finding.commit.map(|commit| format!(" (commit {})", commit.short(12))).unwrap_or_default();
            ctx.ui.line(format!("{}: {}: {}{commit}", finding.repo, finding.ref_name, finding.what))?;
        }
        let (tickets, events) = (plural(all.tickets, "ticket"), plural(all.events, "event"));
        ctx.ui.say(format!("{tickets} with {events} replayed, {}", plural(all.findings.len(), "finding")));
    }
    if all.findings.is_empty() { Ok(()) } else { Err(CliError::no(plural(all.findings.len(), "finding"))) }
}
