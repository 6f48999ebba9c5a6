//! `git os edit`

use clap::Args as ClapArgs;

use super::context::Context;
use crate::core::id::{Kind, Label};
use crate::error::CliError;
use crate::operations::ticket::{self, Changes};

/// Edit a ticket
///
/// Fields without an option stay unchanged. Shows how the description changed.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// New title, in one line
    #[arg(long)]
    title: Option<String>,

    /// New kind of work
    #[arg(long)]
    kind: Option<String>,

    /// New priority, from 0 (most urgent) to 4 (least)
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=4))]
    priority: Option<u8>,

    /// Replace the labels; repeatable; pass "" to remove all
    #[arg(long = "label", value_name = "L")]
    labels: Option<Vec<String>>,

    /// Replace the dependencies; repeatable; pass "" to remove all
    #[arg(long = "depends", value_name = "ID")]
    depends: Option<Vec<String>>,

    /// New description
    #[arg(long, conflicts_with = "description_file")]
    description: Option<String>,

    /// Read the description from a file; - reads standard input
    #[arg(long, value_name = "FILE")]
    description_file: Option<String>,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let given = |words: &Vec<String>| words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>();
    let labels = |words| given(words).iter().map(|label| Label::parse(label)).collect::<Result<Vec<_>, _>>();
    let tickets = |words| given(words).iter().map(|part| ctx.find_dependency(part)).collect::<Result<Vec<_>, _>>();
    let changes = Changes {
        title: args.title.clone(),
        kind: args.kind.as_deref().map(Kind::parse).transpose()?,
        priority: args.priority,
        labels: args.labels.as_ref().map(labels).transpose()?,
        depends: args.depends.as_ref().map(tickets).transpose()?,
        description: super::read_text(ctx, args.description.as_deref(), args.description_file.as_deref())?,
    };
    let edited = ticket::edit(&place, &id, changes)?;
    ctx.ui.line(format!("{} {}", edited.entry.id, edited.entry.ticket.content.title))?;
    if edited.before != edited.after {
        let diff = similar::TextDiff::from_lines(&edited.before, &edited.after);
        ctx.ui.line(
            diff.unified_diff().context_radius(2).header("before", "after").missing_newline_hint(false).to_string().trim_end(),
        )?;
    }
    Ok(())
}
