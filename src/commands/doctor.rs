//! `git os doctor`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use super::listen::Terminal;
use crate::core::text::plural;
use crate::core::verdict::Grade;
use crate::doctor::repair::{Repair, repair_repo};
use crate::doctor::{COUNT, Counts, Examined, Outcome, Report, examine, examine_repo};
use crate::error::{CliError, Code};
use crate::git::Repo;
use crate::operations::{Apart, Place};
use crate::ui::Tone;

/// Check the health of the workspace and grade it
///
/// Runs nineteen checks, each with a reason and a remedy. A: no check fails or warns. B: one or two fail, or there are only
/// warnings. C: three to five fail. F: more. A check that does not apply shows n/a and is not counted; one that cannot run
/// counts as failed. Exits with 1 if a check fails. With --repo, checks one repository.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Print the checks and the grade (this is the default)
    #[arg(long)]
    grade: bool,

    /// Repair what is safe to repair, report it, and check again
    #[arg(long)]
    fix: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Examination<'a> {
    version: u32,
    grade: Grade,
    #[serde(flatten)]
    counts: Counts,
    checks: &'a [Examined],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repairs: Vec<String>,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = match ctx.place_of_all() {
        Ok(place) => place,
        // A registry that cannot be read is what the first check is about.
        Err(error) => match Repo::discover(&ctx.env.dir) {
            Ok(repo) if ctx.repo_name.is_none() => Place::alone(repo),
            _ => return Err(error),
        },
    };
    let repairs = if args.fix { fix(ctx, &place) } else { Vec::new() };
    let report = look(ctx, &place);
    if args.json {
        let (grade, counts) = (report.grade, report.counts());
        ctx.ui.json(&Examination { version: 1, grade, counts, checks: &report.checks, repairs })?;
    } else {
        print(ctx, &report)?;
    }
    match report.failed().count() {
        0 => Ok(()),
        failing => Err(CliError::no(Code::ChecksFailed, format!("{} failed", plural(failing, "check", "checks")))),
    }
}

fn look(ctx: &Context, place: &Place) -> Report {
    let named = match &place.apart {
        Apart::Unlisted(workspace) => Some(workspace),
        Apart::Unnamed | Apart::Missing(_) => place.workspace.as_ref(),
    };
    match named {
        Some(workspace) if ctx.repo_name.is_none() && place.name.is_some() => {
            examine(workspace, &ctx.env.program, &Terminal::of(&ctx.ui, "doctor"))
        }
        named => {
            let entry = named.and_then(|workspace| workspace.registry.find_repo(place.name.as_ref()?.as_str()));
            let _shown = ctx.ui.task("doctor");
            examine_repo(named, entry, &place.repo, &ctx.env.program)
        }
    }
}

/// Repairs each repository that is meant, and reports what was done.
fn fix(ctx: &Context, place: &Place) -> Vec<String> {
    let mut repairs = Vec::new();
    let mut add = |name: &str, done: Vec<Repair>| {
        for one in done {
            let text = match one {
                Repair::Done(what) => format!("{name}: {what}"),
                Repair::Failed(why) => format!("{name}: cannot repair: {why}"),
            };
            ctx.ui.say(&text);
            repairs.push(text);
        }
    };
    match &place.workspace {
        Some(workspace) => {
            let is_meant = |name: &str| ctx.repo_name.as_deref().is_none_or(|meant| meant == name);
            let meant: Vec<_> = workspace.registry.repos.iter().filter(|entry| is_meant(entry.name.as_str())).collect();
            let mut count = ctx.ui.count("doctor", meant.len());
            for entry in meant {
                count.at(entry.name.as_str());
                // What is not there is named by the examination.
                if let Ok(repo) = workspace.open(entry) {
                    add(entry.name.as_str(), repair_repo(Some(workspace), Some(entry), &repo, &ctx.env.program));
                }
                count.step();
            }
        }
        None => add("this repository", repair_repo(None, None, &place.repo, &ctx.env.program)),
    }
    if repairs.is_empty() {
        ctx.ui.say("nothing to repair");
    }
    repairs
}

fn print(ctx: &Context, report: &Report) -> Result<(), CliError> {
    let row = |check: &Examined| {
        let (tone, shown) = match check.outcome {
            Outcome::Pass => (Tone::Good, "ok"),
            Outcome::Warn => (Tone::Bad, "warn"),
            Outcome::Fail => (Tone::Bad, "FAIL"),
            Outcome::NotApplicable => (Tone::Quiet, "n/a"),
        };
        vec![
            (Tone::Quiet, format!("{:>2}", check.number)),
            (Tone::Strong, check.name.to_owned()),
            (tone, shown.to_owned()),
            (Tone::Quiet, check.reason.clone()),
        ]
    };
    ctx.ui.table(&report.checks.iter().filter(|check| check.follows.is_none()).map(row).collect::<Vec<_>>())?;
    for cause in report.causes() {
        let followers = report.checks.iter().filter(|check| check.follows == Some(cause.number)).count();
        if followers > 0 {
            let others = plural(followers, "other check", "other checks");
            ctx.ui.line(format!("{others} cannot run before check {} passes", cause.number))?;
        }
    }
    // One line a remedy, which can be pasted whole.
    let mut remedies: Vec<(&str, Vec<String>)> = Vec::new();
    for check in report.causes() {
        match remedies.iter_mut().find(|known| known.0 == check.remedy) {
            Some(known) => known.1.push(check.number.to_string()),
            None => remedies.push((&check.remedy, vec![check.number.to_string()])),
        }
    }
    if !remedies.is_empty() {
        ctx.ui.line("")?;
        ctx.ui.heading("remedies")?;
    }
    for (remedy, numbers) in remedies {
        let numbers = numbers.join(", ");
        ctx.ui.line(match remedy.split_once("   # ") {
            Some((command, when)) => format!("{command}   # {numbers}: {when}"),
            None => format!("{remedy}   # {numbers}"),
        })?;
    }
    ctx.ui.line("")?;
    ctx.ui.line(format!("grade {} ({})", report.grade, tally(report.counts())))
}

/// What the grade stands on, such as `14 of 14 checks passed, 5 n/a`.
fn tally(counts: Counts) -> String {
    let Counts { passed, made, applicable } = counts;
    let mut words = vec![format!("{passed} of {} passed", plural(applicable, "check", "checks"))];
    if made < applicable {
        words.push(format!("{} could not run", applicable - made));
    }
    if applicable < COUNT {
        words.push(format!("{} n/a", COUNT - applicable));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grade_says_what_it_stands_on() {
        for (passed, made, applicable, said) in [
            (19, 19, 19, "19 of 19 checks passed"),
            (14, 14, 14, "14 of 14 checks passed, 5 n/a"),
            (12, 13, 14, "12 of 14 checks passed, 1 could not run, 5 n/a"),
        ] {
            assert_eq!(tally(Counts { passed, made, applicable }), said);
        }
    }
}
