//! Work by hand: `git os take`, `git os submit`, `git os pass` and `git os drop`

use clap::Args as ClapArgs;

use super::claim::{BY_HAND, until};
use super::context::Context;
use super::listen::OneTicket;
use super::transition::{Who, report};
use crate::core::event::State;
use crate::core::id::{RESCUE, TicketId};
use crate::core::text::{escape, shell};
use crate::core::verdict::Verdict;
use crate::error::{CliError, Code};
use crate::git::Repo;
use crate::git::process::read_file;
use crate::operations::checkout::Checkout;
use crate::operations::claim::Lease;
use crate::operations::submit::{self, Work};
use crate::operations::take::{self, Left, Whereabouts};
use crate::operations::{Verb, land};

/// Take a ready ticket to work on it by hand
///
/// Claims the ticket, starts the attempt, makes its branch and a worktree with the files that `.worktreeinclude` names, and
/// prints the folder. Taken again, prints the same.
#[derive(ClapArgs, Debug)]
pub(super) struct TakeArgs {
    /// Ticket id or title, or any unique part of one
    id: String,

    /// Switch this checkout to the ticket's branch instead of making a worktree
    #[arg(long)]
    here: bool,

    /// Lease time, such as 30m or 2h; nobody renews it for you
    #[arg(long, default_value = BY_HAND)]
    lease: String,
}

/// Submit work for verification
///
/// Without an id, submits the ticket whose branch or worktree this is, or else the only one that this clone holds by hand.
#[derive(ClapArgs, Debug)]
pub(super) struct SubmitArgs {
    /// Ticket id or title, or any unique part of one [default: the ticket of this checkout]
    id: Option<String>,

    /// Commit to submit [default: the tip of the ticket's branch, or HEAD if it has work that the branch lacks]
    #[arg(long)]
    head: Option<String>,

    #[command(flatten)]
    who: Who,
}

/// Pass submitted work
///
/// With `--reason`, runs the checks in a clean worktree at exactly the submitted commit, as `git os verify` does, and records
/// the verdict with your reason in place of the judge's. Nothing is recorded if a check fails. With `--verdict`, records a
/// verdict that was made elsewhere; docs/format.md describes the file, under "A verdict". The run that did the work cannot
/// pass it. Without an id, passes the ticket whose branch or worktree this is, or else the only submitted one that this clone holds by
/// hand.
#[derive(ClapArgs, Debug)]
#[command(group = clap::ArgGroup::new("judgement").required(true).args(["reason", "verdict"]))]
pub(super) struct PassArgs {
    /// Ticket id or title, or any unique part of one [default: the ticket of this checkout]
    id: Option<String>,

    /// Why the work is good
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: Option<String>,

    /// File with the verdict as JSON
    #[arg(long, value_name = "FILE")]
    verdict: Option<String>,

    /// Judge as this run [default: a new one]
    #[arg(long, requires = "reason")]
    run: Option<String>,
}

/// Give back a ticket that was taken by hand
///
/// Makes the ticket ready again and removes its worktree and its branch. Work that no protected branch has is saved to a ref
/// below refs/os/rescue first. A checkout of yours that is on the branch goes back to the branch that it came from; with changes that
/// are not committed, its files stay as they are, on no branch. Without an id, gives back the ticket whose branch or worktree this is, or
/// else the only one that this clone holds by hand.
#[derive(ClapArgs, Debug)]
pub(super) struct DropArgs {
    /// Ticket id or title, or any unique part of one [default: the ticket of this checkout]
    id: Option<String>,
}

pub(super) fn run_take(ctx: &Context, args: &TakeArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let lease = Lease::new(None, super::span(&args.lease)?)?;
    let whereabouts = if args.here { Whereabouts::Here(&ctx.env.dir) } else { Whereabouts::Worktree };
    let taken = take::take(&place, &id, &lease, whereabouts)?;
    if let Some(moved) = &taken.moved {
        ctx.ui.say(format!("moved what was in the way to {moved}"));
    }
    ctx.ui.line(format!("{id} {}{}", taken.entry.ticket.state, until(&taken.entry)))?;
    if args.here {
        ctx.ui.line(format!("on branch {}", id.branch().trim_start_matches("refs/heads/")))?;
    } else {
        ctx.ui.line(format!("cd {}", shell(taken.folder.as_str())))?;
    }
    name_saved(ctx, &place.repo, &id)?;
    if matches!(taken.entry.ticket.state, State::Claimed | State::Running) {
        ctx.ui.say(format!("hint: git os submit {id}   # when your work is committed"));
        ctx.ui.say(format!("hint: git os drop {id}   # gives it back"));
    }
    Ok(())
}

/// Names the last work on a ticket that was saved and is not in its branch.
fn name_saved(ctx: &Context, repo: &Repo, id: &TicketId) -> Result<(), CliError> {
    let Some(tip) = repo.find_ref(&id.branch())? else { return Ok(()) };
    let saved = repo.list_refs(&format!("{RESCUE}{id}/"))?;
    if let Some((name, saved)) = saved.last()
        && !repo.is_ancestor(*saved, tip)?
    {
        ctx.ui.say(format!("note: earlier work on this ticket was saved as {name}"));
        ctx.ui.say(format!("hint: git merge {name}   # brings it into the branch"));
    }
    Ok(())
}

pub(super) fn run_submit(ctx: &Context, args: &SubmitArgs) -> Result<(), CliError> {
    if ctx.env.outbox.is_some() {
        // Whoever started the agent takes its work in, and looks at it first.
        return ctx.ui.line("noted: what is in this worktree is submitted when this run ends");
    }
    let (place, id, found_by) = ctx.find_or_here(args.id.as_deref(), Verb::Submit)?;
    let ledger = place.ledger()?;
    let here = Checkout::around(&place.repo, &ctx.env.dir)?;
    let work = args.head.as_deref().map_or(Work::Here(here.as_ref(), found_by), Work::Revision);
    report(ctx, &submit::submit(&ledger, &id, &ctx.caller(args.who.run.as_deref())?, work)?)
}

pub(super) fn run_pass(ctx: &Context, args: &PassArgs) -> Result<(), CliError> {
    let (place, id, _) = ctx.find_or_here(args.id.as_deref(), Verb::Pass)?;
    if let Some(reason) = &args.reason {
        let caller = ctx.caller(args.run.as_deref())?;
        let listener = OneTicket::new(&ctx.ui, &id);
        let entry = ctx.at_site(&place, &listener, |site| Ok(land::pass(&site.for_ticket(&id), &id, &caller, reason)?))?;
        if place.ledger()?.policy.checks.is_empty() {
            ctx.ui.say("note: no check ran, since the registry has none for this repository");
        }
        return report(ctx, &entry);
    }
    let file = args.verdict.as_deref().unwrap_or_default();
    let text = read_file(&ctx.env.path(file))?;
    let verdict = Verdict::from_json(&text).map_err(|error| {
        CliError::no(Code::NotAVerdict, format!("cannot read `{}` as a verdict: {error}", escape(file)))
            .hint("git os pass TICKET --reason TEXT   # runs the checks and writes the verdict itself")
    })?;
    report(ctx, &submit::pass(&place.ledger()?, &id, verdict)?)
}

pub(super) fn run_drop(ctx: &Context, args: &DropArgs) -> Result<(), CliError> {
    let (place, id, _) = ctx.find_or_here(args.id.as_deref(), Verb::Drop)?;
    let dropped = take::give_back(&place, &id)?;
    for ref_name in &dropped.saved {
        ctx.ui.say(format!("saved its work to {ref_name}"));
    }
    if let Some(folder) = &dropped.removed {
        ctx.ui.say(format!("removed {folder}"));
        if ctx.env.dir.starts_with(folder) {
            ctx.ui.say(format!("hint: cd {}   # this folder is gone", shell(dropped.top.as_str())));
        }
    }
    for Left { folder, to, is_there } in &dropped.left {
        if *is_there {
            ctx.ui.say(format!("switched {folder} back to {to}"));
        } else {
            ctx.ui.say(format!("left {folder} on no branch, with every file as it is: some are not committed"));
            ctx.ui.say(format!("hint: git -C {} switch {}   # takes the changes along", shell(folder.as_str()), shell(to)));
        }
    }
    report(ctx, &dropped.entry)
}
