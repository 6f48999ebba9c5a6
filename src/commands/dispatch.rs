//! `git os dispatch` and `git os context`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use super::listen::{JsonLines, Terminal};
use crate::core::id::{ObjectId, StepId, TicketId};
use crate::core::json::VERSION;
use crate::core::plan::{Plan, Step, Track};
use crate::core::progress::{Fate, Nobody};
use crate::core::text::plural;
use crate::dispatch::brief::{self, Part, Planned};
use crate::dispatch::{schedule, steps};
use crate::error::CliError;
use crate::ledger::{Entry, Ledger};
use crate::operations::plan;

/// Work on every ready ticket, without a session
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Number of tickets to work on in parallel [default: `jobs` in the registry]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Print progress as JSON, one object per line
    #[arg(long)]
    json: bool,
}

/// Show the brief an agent would get for a ticket
#[derive(ClapArgs, Debug)]
pub(super) struct ContextArgs {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// The step of the ticket's plan [default: the next one]
    #[arg(long, value_name = "S")]
    step: Option<String>,

    /// Print the parts with their sizes, and the hash of the whole, as JSON
    #[arg(long)]
    json: bool,
}

/// What a brief is made of.
#[derive(Serialize)]
struct Made<'a> {
    version: u32,
    id: &'a TicketId,
    /// That of a blob with the whole brief.
    hash: ObjectId,
    bytes: usize,
    parts: &'a [Part],
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place_in_workspace()?;
    let workspace = place.workspace()?;
    let jobs = args.jobs.unwrap_or(workspace.registry.jobs);
    if args.json {
        return ctx.at_work(workspace, &JsonLines(&ctx.ui), |at| schedule::run(at, jobs).map(drop)).map_err(CliError::from);
    }
    let endings = ctx.at_work(workspace, &Terminal::new(&ctx.ui), |at| schedule::run(at, jobs))?;
    let landed = endings.iter().filter(|ending| ending.fate == Fate::Landed).count();
    ctx.ui.line(format!("{landed} of {} landed", plural(endings.len(), "ticket", "tickets")))
}

/// The step that a brief is for; `None` if it is for the whole.
fn find_step(ledger: &Ledger<'_>, entry: &Entry, wanted: Option<&str>) -> Result<Option<(Plan, Track, Step)>, CliError> {
    let Some(wanted) = wanted else {
        let found = steps::find_plan(ledger, entry)?;
        return Ok(found.and_then(|(plan, track)| plan.next(&track).cloned().map(|step| (plan, track, step))));
    };
    let (plan, track) = plan::of(ledger, entry)?;
    let id = StepId::parse(wanted)?;
    let step = plan.find(&id).cloned().ok_or_else(|| plan::no_step(&entry.id, &id))?;
    Ok(Some((plan, track, step)))
}

pub(super) fn run_context(ctx: &Context, args: &ContextArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    ctx.at_site(&place, &Nobody, |site| {
        let ledger = site.ledger()?;
        let (entry, _) = ledger.read_legal(&id)?;
        let worktree = site.worktree(&id);
        let worktree = if worktree.as_std_path().exists() { worktree } else { site.repo.home().to_owned() };
        let brief = match find_step(&ledger, &entry, args.step.as_deref())? {
            Some((plan, track, step)) => {
                brief::step(&site, &ledger, &entry, &worktree, Planned { plan: &plan, track: &track }, &step)?
            }
            None => brief::executor(&site, &ledger, &entry, &worktree)?,
        };
        let whole = brief.whole();
        if args.json {
            let (hash, bytes) = (site.repo.blob_id(whole.as_bytes()), whole.len());
            return ctx.ui.json(&Made { version: VERSION, id: &id, hash, bytes, parts: brief.parts() });
        }
        ctx.ui.line(whole.trim_end())
    })
}
