//! `git os edit`

use clap::Args as ClapArgs;

use super::context::{Context, OPERATOR, submit};
use crate::core::event::Action;
use crate::core::id::{Kind, Label};
use crate::core::text;
use crate::error::CliError;
use crate::ledger::{Draft, description_file};

/// Change what a ticket says of itself
///
/// What is not given stays. Shows how the description changed.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// The ticket: its id, or any part of it that is unique
    id: String,

    #[arg(long)]
    title: Option<String>,

    #[arg(long)]
    kind: Option<String>,

    /// 0 is the most urgent, 4 the least
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=4))]
    priority: Option<u8>,

    /// The labels from now on; may be given several times, and once empty for none
    #[arg(long = "label", value_name = "L")]
    labels: Option<Vec<String>>,

    /// The dependencies from now on; may be given several times, and once empty for none
    #[arg(long = "depends", value_name = "ID")]
    depends: Option<Vec<String>>,

    #[arg(long, conflicts_with = "description_file")]
    description: Option<String>,

    /// A file with the description; - is standard input
    #[arg(long, value_name = "FILE")]
    description_file: Option<String>,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let ledger = place.ledger()?;
    let entry = super::show::read(&ledger, &id)?;
    let mut content = entry.ticket.content.clone();
    if let Some(title) = &args.title {
        content.title = text::line(title, text::MAX_TITLE);
    }
    if let Some(kind) = &args.kind {
        content.kind = Kind::parse(kind).map_err(CliError::no)?;
    }
    content.priority = args.priority.unwrap_or(content.priority);
    let given = |words: &Vec<String>| words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>();
    if let Some(labels) = &args.labels {
        content.labels = given(labels).iter().map(|label| Label::parse(label)).collect::<Result<_, _>>().map_err(CliError::no)?;
    }
    if let Some(depends) = &args.depends {
        content.depends = given(depends).iter().map(|part| ctx.find(part).map(|found| found.1)).collect::<Result<_, _>>()?;
        if content.depends.contains(&id) {
            return Err(CliError::no(format!("{id} cannot depend on itself")));
        }
    }
    let old = ledger.description(&entry)?;
    let new = super::read_text(ctx, args.description.as_deref(), args.description_file.as_deref())?;
    let mut draft = Draft::new(Action::Edit { content }, OPERATOR);
    draft.files.extend(new.as_deref().map(description_file));
    let entry = submit(&ledger, &id, &draft)?;
    ctx.ui.line(format!("{} {}", entry.id, entry.ticket.content.title))?;
    let new = ledger.description(&entry)?;
    if old != new {
        let diff = similar::TextDiff::from_lines(&old, &new);
        ctx.ui.line(
            diff.unified_diff().context_radius(2).header("before", "after").missing_newline_hint(false).to_string().trim_end(),
        )?;
    }
    Ok(())
}
