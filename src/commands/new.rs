//! `git os new`

use clap::Args as ClapArgs;

use super::context::{Context, OPERATOR, view};
use crate::core::id::{Brand, Kind, Label};
use crate::core::text;
use crate::core::ticket::Content;
use crate::error::CliError;
use crate::ledger::{Answer, Ledger};

/// Open a ticket
///
/// The ticket is a chain of commits on a ref of its own under refs/os/tickets. Nothing in the working tree,
/// the index or the current branch changes. It starts as a draft; `git os approve` makes it ready.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// What is to be done, in one line
    title: String,

    /// The brand it belongs to; by default the one of the repository
    #[arg(long)]
    brand: Option<String>,

    /// What kind of work it is: task, fix, feature, docs, ...
    #[arg(long, default_value = "task")]
    kind: String,

    /// 0 is the most urgent, 4 the least
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=4))]
    priority: u8,

    /// A label; may be given several times
    #[arg(long = "label", value_name = "L")]
    labels: Vec<String>,

    /// A ticket that has to be merged first; may be given several times
    #[arg(long = "depends", value_name = "ID")]
    depends: Vec<String>,

    /// What is to be done, in full
    #[arg(long, conflicts_with = "description_file")]
    description: Option<String>,

    /// A file with the description; - is standard input
    #[arg(long, value_name = "FILE")]
    description_file: Option<String>,

    /// Print the ticket as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let mut place = ctx.place()?;
    // A brand of another repository opens the ticket there.
    if let (Some(brand), Some(workspace), None) = (&args.brand, &place.workspace, &ctx.repo_name) {
        let brand = Brand::parse(brand).map_err(CliError::no)?;
        let has_it = |ledger: &Ledger<'_>| ledger.policy.brands.contains(&brand);
        if !has_it(&place.ledger()?) {
            let entry = workspace
                .registry
                .repos_of(&brand)
                .next()
                .ok_or_else(|| CliError::no(format!("no repository has the brand `{brand}`")))?;
            place.name = Some(entry.name.clone());
            place.repo = workspace.open(entry)?;
        }
    }
    let ledger = place.ledger()?;
    let brand = args.brand.as_ref().map_or(Ok(ledger.policy.brand.clone()), |brand| Brand::parse(brand)).map_err(CliError::no)?;
    let title = text::line(&args.title, usize::MAX);
    if title.len() > text::MAX_TITLE {
        return Err(CliError::no("a title is one line of at most 200 bytes; the rest goes into the description"));
    }
    let depends = args.depends.iter().map(|part| ctx.find(part).map(|found| found.1)).collect::<Result<_, _>>()?;
    let labels = args.labels.iter().map(|label| Label::parse(label)).collect::<Result<_, _>>().map_err(CliError::no)?;
    let kind = Kind::parse(&args.kind).map_err(CliError::no)?;
    let content = Content { title, brand, kind, priority: args.priority, labels, depends };
    let description = super::read_text(ctx, args.description.as_deref(), args.description_file.as_deref())?.unwrap_or_default();
    match ledger.create(content, &description, OPERATOR, None)? {
        Answer::Yes(entry) if args.json => ctx.ui.json(&super::with_version(&view(&ledger, &entry)?)),
        Answer::Yes(entry) => ctx.ui.line(format!("{} {}", entry.id, entry.ticket.content.title)),
        Answer::No(refusal) => Err(CliError::no(refusal)),
    }
}
