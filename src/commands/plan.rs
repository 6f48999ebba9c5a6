//! `git os plan`, `git os resume` and `git os rollback`

use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};

use super::context::{Context, view};
use crate::core::event::StepState;
use crate::core::id::{StepId, TicketId};
use crate::core::json::VERSION;
use crate::core::plan::{Approval, Plan, Step, Track};
use crate::core::text::{escape_lines, plural};
use crate::error::{CliError, Code};
use crate::git::editor::edit_file;
use crate::git::process::{read_file, remove_file, write_file};
use crate::ledger::Entry;
use crate::operations::{Place, plan, transition};
use crate::ui::Tone;

/// Plans: tickets whose work is done in steps
///
/// A plan is a file in YAML or JSON: steps for agents, skills, commands and questions, what each depends on, which wait for an approval,
/// and what proves the whole. The plan is part of its ticket and cannot change after the approval. `git os plan new` prints one to begin
/// with.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Create a draft from a plan, or from a spec with tasks
    ///
    /// All faults of the file are named at once, each with its line and its path, and nothing is created.
    Import {
        /// The file, in YAML or JSON; - reads standard input
        file: String,

        /// Print the ticket as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a plan to begin with
    New,
    /// Show the plan of a ticket, and how far it is
    Show {
        /// Ticket id or title, or any unique part of one
        id: String,

        /// Print the plan as JSON
        #[arg(long)]
        json: bool,
    },
    /// Replace the plan of a draft
    ///
    /// Without a file, opens the plan in your editor. Title, description and acceptance criteria follow from the plan.
    Edit {
        /// Ticket id or title, or any unique part of one
        id: String,

        /// The new plan, in YAML or JSON; - reads standard input
        #[arg(long, value_name = "FILE")]
        file: Option<String>,
    },
    /// Approve a draft with its plan
    Approve {
        /// Ticket id or title, or any unique part of one
        id: String,
    },
}

/// Resume a blocked ticket after the last step that is done
///
/// The ticket is ready again, and the step that failed or was refused is tried anew.
#[derive(ClapArgs, Debug)]
pub(super) struct ResumeArgs {
    /// Ticket id or title, or any unique part of one
    id: String,
}

/// Put a ticket back to where a step was done
///
/// The ticket's branch, and its worktree if there is one, are put back to the commit of that step. What was done after it is kept under a
/// ref, and the later steps are done again.
#[derive(ClapArgs, Debug)]
pub(super) struct RollbackArgs {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// The step to go back to
    #[arg(long, value_name = "S")]
    to: String,
}

/// What `git os plan new` prints; a test reads it as a plan.
pub(super) const TEMPLATE: &str = include_str!("plan/template.yaml");

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    match &args.what {
        What::Import { file, json } => import(ctx, file, *json),
        What::New => ctx.ui.line(TEMPLATE.trim_end()),
        What::Show { id, json } => show(ctx, id, *json),
        What::Edit { id, file } => edit(ctx, id, file.as_deref()),
        What::Approve { id } => {
            let (place, id) = ctx.find(id)?;
            let ledger = place.ledger()?;
            let (entry, _) = ledger.read_legal(&id)?;
            plan::of(&ledger, &entry)?;
            super::transition::report(ctx, &transition::approve(&ledger, &id)?)
        }
    }
}

fn import(ctx: &Context, file: &str, as_json: bool) -> Result<(), CliError> {
    let text = super::read_text(ctx, None, Some(file))?.unwrap_or_default();
    let plan = plan::read(&text)?;
    let place = target(ctx, &plan)?;
    let ledger = place.ledger()?;
    let entry = plan::import(&ledger, plan.clone())?;
    if as_json {
        return ctx.ui.json(&super::with_version(&view(&ledger, &entry)?));
    }
    ctx.ui.line(format!("{} {}", entry.id, entry.ticket.content.title))?;
    if let Some(backstop) = &plan.backstop {
        ctx.ui.say(format!("note: after the last step, this has to exit with 0: {}", escape_lines(backstop)));
    }
    Ok(())
}

/// The repository that a plan is for: the one that `--repo` names, the one that the plan names, or the one around the directory.
fn target(ctx: &Context, plan: &Plan) -> Result<Place, CliError> {
    let place = ctx.place()?;
    let Some(wanted) = plan.target_repo.as_ref().filter(|_| ctx.repo_name.is_none()) else { return Ok(place) };
    let name = wanted.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let is_listed = place.workspace.as_ref().is_some_and(|workspace| workspace.entry(name).is_ok());
    if is_listed {
        return Ok(Place::around(&ctx.env.dir, Some(name))?);
    }
    let (wanted, label) = (escape_lines(wanted), place.label());
    ctx.ui.say(format!("note: the plan is for `{wanted}`, which the registry does not have; its ticket is in `{label}`"));
    Ok(place)
}

fn edit(ctx: &Context, part: &str, file: Option<&str>) -> Result<(), CliError> {
    let (place, id) = ctx.find(part)?;
    let (text, used) = if let Some(file) = file {
        (super::read_text(ctx, None, Some(file))?.unwrap_or_default(), None)
    } else {
        let path = in_editor(ctx, &place, &id)?;
        (read_file(&path)?, Some(path))
    };
    let edited = plan::replace(&place, &id, plan::read(&text)?)?;
    if let Some(path) = used {
        remove_file(&path)?;
    }
    let unchanged = if edited.is_changed { "" } else { " (nothing changed)" };
    ctx.ui.line(format!("{} {}{unchanged}", edited.entry.id, edited.entry.ticket.content.title))
}

/// Lets a person edit the plan. The file stays until it became an event, so that nothing that was written is lost.
fn in_editor(ctx: &Context, place: &Place, id: &TicketId) -> Result<camino::Utf8PathBuf, CliError> {
    if !ctx.env.stdin_is_terminal || !ctx.env.stdout_is_terminal {
        return Err(CliError::no(Code::NothingToChange, "no file says what to change, and there is no terminal for an editor")
            .hint(format!("git os plan edit {id} --file FILE")));
    }
    let ledger = place.ledger()?;
    let (entry, _) = ledger.read_legal(id)?;
    let (plan, _) = plan::of(&ledger, &entry)?;
    let path = place.repo.os_dir().join(format!("EDIT-{id}.json"));
    if path.as_std_path().exists() {
        ctx.ui.say(format!("note: going on with `{path}`, which was not used yet"));
    } else {
        write_file(&path, plan.to_file().as_bytes(), 0o600)?;
    }
    if !edit_file(&place.repo, &path)? {
        let message = format!("the editor did not exit with 0; the text is in `{path}`");
        return Err(CliError::no(Code::NothingToChange, message).hint("git var GIT_EDITOR"));
    }
    Ok(path)
}

/// What is told of a step beside what the plan says.
fn state(step: &Step, track: &Track) -> &'static str {
    match track.find(&step.id).and_then(|told| told.state) {
        Some(state) => state.as_str(),
        None if step.passes => StepState::Done.as_str(),
        None => "pending",
    }
}

/// A plan for programs, with how far each step is.
fn plan_view(plan: &Plan, track: &Track) -> Value {
    let mut value = serde_json::to_value(plan).unwrap_or_default();
    for (step, shown) in plan.steps.iter().zip(value["steps"].as_array_mut().into_iter().flatten()) {
        let told = track.find(&step.id).cloned().unwrap_or_default();
        shown["state"] = json!(state(step, track));
        shown["failures"] = json!(told.failures);
        shown["checkpoint"] = json!(told.checkpoint);
        shown["reason"] = json!(told.reason);
        shown["result"] = json!(told.result);
    }
    value
}

pub(super) fn show(ctx: &Context, part: &str, as_json: bool) -> Result<(), CliError> {
    let (place, id) = ctx.find(part)?;
    let ledger = place.ledger()?;
    let (entry, _) = ledger.read_legal(&id)?;
    let (plan, track) = plan::of(&ledger, &entry)?;
    if as_json {
        let shown = json!({ "version": VERSION, "id": id, "state": entry.ticket.state, "plan": plan_view(&plan, &track) });
        return ctx.ui.json(&shown);
    }
    print(ctx, &entry, &plan, &track)
}

pub(super) fn print(ctx: &Context, entry: &Entry, plan: &Plan, track: &Track) -> Result<(), CliError> {
    ctx.ui.heading(&format!("{} {}", entry.id, plan.title()))?;
    let mut rows = Vec::new();
    for step in &plan.steps {
        let told = track.find(&step.id).cloned().unwrap_or_default();
        let mut about = vec![step.kind.to_string()];
        if step.approval != Approval::None {
            about.push(format!("approval {}", step.approval));
        }
        if !step.depends_on.is_empty() {
            let on: Vec<_> = step.depends_on.iter().map(StepId::as_str).collect();
            about.push(format!("after {}", on.join(", ")));
        }
        if told.failures > 0 {
            about.push(format!("failed {}", plural(told.failures as usize, "time", "times")));
        }
        about.extend(told.checkpoint.map(|commit_id| format!("at {}", commit_id.short(12))));
        rows.push(vec![
            (Tone::Strong, format!("  {}", step.id)),
            (Tone::Quiet, state(step, track).to_owned()),
            (Tone::Strong, step.title.clone()),
            (Tone::Quiet, about.join(", ")),
        ]);
    }
    ctx.ui.table(&rows)?;
    if let Some(backstop) = &plan.backstop {
        ctx.ui.line(format!("\nbackstop: {}", escape_lines(backstop)))?;
    }
    for step in &plan.steps {
        if let Some(reason) = track.find(&step.id).and_then(|told| told.reason.as_ref()) {
            ctx.ui.line("")?;
            ctx.ui.heading(&format!("why step {} failed last", step.id))?;
            ctx.ui.line(escape_lines(reason.trim_end()))?;
        }
    }
    Ok(())
}

pub(super) fn run_resume(ctx: &Context, args: &ResumeArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let resumed = plan::resume(&place.ledger()?, &id)?;
    let next = resumed.next.map_or_else(|| "; all its steps are done".to_owned(), |step| format!("; step {step} is next"));
    let at = resumed.checkpoint.map(|commit_id| format!(", from {}", commit_id.short(12))).unwrap_or_default();
    ctx.ui.line(format!("{id} {}{next}{at}", resumed.entry.ticket.state))
}

pub(super) fn run_rollback(ctx: &Context, args: &RollbackArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let done = plan::roll_back(&place.ledger()?, &id, &StepId::parse(&args.to)?)?;
    let steps: Vec<_> = done.taken_back.iter().map(StepId::as_str).collect();
    let steps = if steps.is_empty() { String::new() } else { format!("; to be done again: {}", steps.join(", ")) };
    ctx.ui.line(format!("{id} {}, at {}{steps}", done.entry.ticket.state, done.checkpoint.short(12)))?;
    if let Some(kept) = done.kept {
        ctx.ui.line(format!("what was there is kept: {kept}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_to_begin_with_is_a_plan() {
        let plan = Plan::read(TEMPLATE).expect("no fault");
        assert_eq!(plan.steps.len(), 4);
    }
}
