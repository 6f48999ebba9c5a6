//! `git os new`

use clap::Args as ClapArgs;

use super::context::{Context, view};
use crate::core::event::Role;
use crate::core::id::{Brand, Kind, Label};
use crate::core::scope::Area;
use crate::error::CliError;
use crate::operations::ticket::{self, New};

/// Create a ticket
///
/// The ticket is a chain of commits on a ref of its own under refs/os/tickets. The working tree, the index and the current
/// branch do not change. The ticket starts as a draft; `git os approve` makes it ready.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Title, in one line
    title: String,

    /// Brand of the ticket [default: the brand of the repository]
    #[arg(long)]
    brand: Option<String>,

    /// Kind of work: task, fix, feature, docs, ...
    #[arg(long, default_value = "task")]
    kind: String,

    /// Priority, from 0 (most urgent) to 4 (least)
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=4))]
    priority: u8,

    /// Add a label; repeatable
    #[arg(long = "label", value_name = "L")]
    labels: Vec<String>,

    /// Depend on this ticket, which must be merged first; repeatable
    #[arg(long = "depends", value_name = "ID")]
    depends: Vec<String>,

    /// Let the work remove tests of its base, or turn them red
    #[arg(long)]
    tests_may_change: bool,

    /// Let the work change only these files: a path or pattern from the top of the repository, such as 'src/**'; repeatable
    #[arg(long, value_name = "PATTERN")]
    scope: Vec<String>,

    /// Description
    #[arg(long, conflicts_with = "description_file")]
    description: Option<String>,

    /// Read the description from a file; - reads standard input
    #[arg(long, value_name = "FILE")]
    description_file: Option<String>,

    /// Add an acceptance criterion, in one line; repeatable. The verifier answers each by its number
    #[arg(long, value_name = "TEXT")]
    acceptance: Vec<String>,

    /// Print the ticket as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let mut place = ctx.place()?;
    let brand = args.brand.as_deref().map(Brand::parse).transpose()?;
    if let (Some(brand), None) = (&brand, &ctx.repo_name) {
        place = place.with_brand(brand)?;
    }
    let new = New {
        title: args.title.clone(),
        brand,
        kind: Kind::parse(&args.kind)?,
        priority: args.priority,
        labels: args.labels.iter().map(|label| Label::parse(label)).collect::<Result<_, _>>()?,
        depends: args.depends.iter().map(|part| ctx.find_dependency(part)).collect::<Result<_, _>>()?,
        tests_may_change: args.tests_may_change,
        scope: args.scope.iter().map(|area| Area::parse(area)).collect::<Result<_, _>>()?,
        description: super::read_text(ctx, args.description.as_deref(), args.description_file.as_deref())?.unwrap_or_default(),
        acceptance: args.acceptance.clone(),
        plan: None,
    };
    let ledger = place.ledger()?;
    let entry = ticket::create(&ledger, new, Role::Operator)?;
    if args.json {
        return ctx.ui.json(&super::with_version(&view(&ledger, &entry)?));
    }
    ctx.ui.line(format!("{} {}", entry.id, entry.ticket.content.title))
}
