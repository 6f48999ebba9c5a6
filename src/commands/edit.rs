//! `git os edit`

use camino::Utf8PathBuf;
use clap::Args as ClapArgs;

use super::context::Context;
use crate::core::id::{Kind, Label, TicketId};
use crate::core::scope::Area;
use crate::core::sheet::Sheet;
use crate::error::{CliError, Code};
use crate::git::editor::edit_file;
use crate::git::process::{read_file, remove_file, write_file};
use crate::operations::Place;
use crate::operations::ticket::{self, Changes};

/// Edit a ticket
///
/// Fields without an option stay unchanged. Without options, opens all fields in your editor. Shows how the description changed.
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

    /// Let the work remove tests of its base, or turn them red; `=false` forbids it again
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    tests_may_change: Option<bool>,

    /// Replace the files that the work may change: a path or pattern; repeatable; pass "" to allow all
    #[arg(long, value_name = "PATTERN")]
    scope: Option<Vec<String>>,

    /// New description
    #[arg(long, conflicts_with = "description_file")]
    description: Option<String>,

    /// Read the description from a file; - reads standard input
    #[arg(long, value_name = "FILE")]
    description_file: Option<String>,

    /// Replace the acceptance criteria, until the ticket is approved; repeatable; pass "" to remove all
    #[arg(long, value_name = "TEXT")]
    acceptance: Option<Vec<String>>,
}

impl Args {
    /// Whether no option says what to change.
    fn is_empty(&self) -> bool {
        let Self {
            id: _,
            title,
            kind,
            priority,
            labels,
            depends,
            tests_may_change,
            scope,
            description,
            description_file,
            acceptance,
        } = self;
        [title, kind, description, description_file].iter().all(|text| text.is_none())
            && priority.is_none()
            && labels.is_none()
            && depends.is_none()
            && acceptance.is_none()
            && tests_may_change.is_none()
            && scope.is_none()
    }
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let given = |words: &Vec<String>| words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>();
    let labels = |words| given(words).iter().map(|label| Label::parse(label)).collect::<Result<Vec<_>, _>>();
    let tickets = |words| given(words).iter().map(|part| ctx.find_dependency(part)).collect::<Result<Vec<_>, _>>();
    let scope = |words| given(words).iter().map(|area| Area::parse(area)).collect::<Result<Vec<_>, _>>();
    let sheet = if args.is_empty() { Some(in_editor(ctx, &place, &id)?) } else { None };
    let changes = match &sheet {
        Some((_, changes)) => changes.clone(),
        None => Changes {
            title: args.title.clone(),
            kind: args.kind.as_deref().map(Kind::parse).transpose()?,
            priority: args.priority,
            labels: args.labels.as_ref().map(labels).transpose()?,
            depends: args.depends.as_ref().map(tickets).transpose()?,
            tests_may_change: args.tests_may_change,
            scope: args.scope.as_ref().map(scope).transpose()?,
            description: super::read_text(ctx, args.description.as_deref(), args.description_file.as_deref())?,
            acceptance: args.acceptance.as_ref().map(given),
            plan: None,
        },
    };
    let edited = ticket::edit(&place, &id, changes)?;
    if let Some((path, _)) = &sheet {
        remove_file(path)?;
    }
    let unchanged = if edited.is_changed { "" } else { " (nothing changed)" };
    ctx.ui.line(format!("{} {}{unchanged}", edited.entry.id, edited.entry.ticket.content.title))?;
    if edited.before != edited.after {
        let diff = similar::TextDiff::from_lines(&edited.before, &edited.after);
        ctx.ui.line(
            diff.unified_diff().context_radius(2).header("before", "after").missing_newline_hint(false).to_string().trim_end(),
        )?;
    }
    Ok(())
}

/// Lets a person edit the ticket as a text, and reads what they made of it. The file stays until it became an event, so that
/// nothing that was written is lost.
fn in_editor(ctx: &Context, place: &Place, id: &TicketId) -> Result<(Utf8PathBuf, Changes), CliError> {
    if !ctx.env.stdin_is_terminal || !ctx.env.stdout_is_terminal {
        return Err(CliError::no(Code::NothingToChange, "no option says what to change, and there is no terminal for an editor")
            .hint(format!("git os edit {id} --title TITLE   # or --priority, --label, --depends, --description")));
    }
    let ledger = place.ledger()?;
    let (entry, _) = ledger.read_legal(id)?;
    let path = place.repo.os_dir().join(format!("EDIT-{id}.md"));
    if path.as_std_path().exists() {
        ctx.ui.say(format!("note: going on with `{path}`, which was not used yet"));
    } else {
        let text =
            Sheet::of(entry.ticket.content.clone(), ledger.description(&entry)?, &ledger.criteria(entry.tree_id)?).to_text();
        write_file(&path, text.as_bytes(), 0o600)?;
    }
    if !edit_file(&place.repo, &path)? {
        let message = format!("the editor did not exit with 0; the text is in `{path}`");
        return Err(CliError::no(Code::NothingToChange, message).hint("git var GIT_EDITOR"));
    }
    let read = Sheet::parse(&read_file(&path)?);
    let sheet = read.map_err(|fault| {
        CliError::no(Code::InvalidInput, format!("cannot read `{path}`: {fault}"))
            .hint(format!("git os edit {id}   # edits it again"))
    })?;
    let changes = Changes {
        title: Some(sheet.title),
        kind: Some(sheet.kind),
        priority: Some(sheet.priority),
        labels: Some(sheet.labels),
        depends: Some(sheet.depends.iter().map(|part| ctx.find_dependency(part)).collect::<Result<_, _>>()?),
        tests_may_change: Some(sheet.tests_may_change),
        scope: Some(sheet.scope),
        description: Some(sheet.description),
        acceptance: Some(sheet.acceptance),
        plan: None,
    };
    Ok((path, changes))
}
