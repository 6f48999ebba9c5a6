//! `git os verify`, `git os merge` and `git os revert`

use clap::Args as ClapArgs;

use super::context::{Context, Place, submit, workspace};
use crate::core::event::{Action, Role, State};
use crate::core::id::{ObjectId, TicketId};
use crate::core::text::plural;
use crate::dispatch::turn::Patience;
use crate::dispatch::{Site, land, verify};
use crate::error::CliError;
use crate::gate;
use crate::ledger::{Draft, Entry, new_run};

/// Verify work that was handed in: run the checks, ask the judge, write the verdict
#[derive(ClapArgs, Debug)]
pub(super) struct VerifyArgs {
    /// The ticket: its id, or any part of it that is unique
    id: String,
}

/// Land verified tickets
///
/// Fast-forwards the protected branch to the verified commit. When the branch has moved, the work is rebased, verified anew
/// and tried again; several tickets of one repository land one behind the other, and one that fails does not hold up the rest.
#[derive(ClapArgs, Debug)]
pub(super) struct MergeArgs {
    /// The tickets: ids, or any parts of them that are unique; without any, all that are verified in this repository
    ids: Vec<String>,
}

/// Take landed work back with a new commit that undoes it
///
/// Opens a ticket for the undoing, works it by `git revert`, verifies it and lands it as any other.
#[derive(ClapArgs, Debug)]
pub(super) struct RevertArgs {
    /// The ticket: its id, or any part of it that is unique
    id: String,
}

fn site<'a>(place: &'a Place, ctx: &'a Context, tell: &'a (dyn Fn(&str) + Sync)) -> Result<Site<'a>, CliError> {
    let workspace = workspace(place)?;
    let name = place.name.as_ref().ok_or_else(|| CliError::no("this repository is not in its registry"))?;
    Ok(Site::open(workspace, workspace.entry(name.as_str())?, &ctx.env, tell)?)
}

pub(super) fn run_verify(ctx: &Context, args: &VerifyArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let entry = verify_once(ctx, &place, &id)?;
    ctx.ui.line(format!("{id} {}", entry.ticket.state))?;
    match entry.ticket.state {
        State::Verified => Ok(()),
        _ => Err(CliError::no(format!("{id} did not pass")).hint(format!("git os log {id}"))),
    }
}

/// Verifies a ticket that was handed in; one that is verified already is left alone.
fn verify_once(ctx: &Context, place: &Place, id: &TicketId) -> Result<Entry, CliError> {
    let tell = |what: &str| ctx.ui.say(format!("{id}: {what}"));
    let site = site(place, ctx, &tell)?;
    let ledger = site.ledger()?;
    let entry = super::show::read(&ledger, id)?;
    match entry.ticket.state {
        State::Verifying => {
            if let Some(why) = verify::run(&site, &ledger, &entry)? {
                return Err(CliError::no(format!("{id} cannot be verified: {why}")).hint("git os doctor"));
            }
        }
        State::Verified => {}
        state => {
            return Err(CliError::no(format!("{id} is `{state}`; only work that was handed in is verified"))
                .hint(format!("git os show {id}")));
        }
    }
    super::show::read(&ledger, id)
}

pub(super) fn run_merge(ctx: &Context, args: &MergeArgs) -> Result<(), CliError> {
    let mut train = Vec::new();
    if args.ids.is_empty() {
        let place = ctx.place()?;
        let verified = place.ledger()?.rows()?.tickets.into_iter().filter(|row| row.ticket.state == State::Verified);
        for row in verified {
            train.push(ctx.find(row.id.as_str())?);
        }
    }
    for part in &args.ids {
        train.push(ctx.find(part)?);
    }
    if train.is_empty() {
        return Err(CliError::no("no ticket of this repository is verified").hint("git os list"));
    }
    let mut failed = 0;
    for (place, id) in &train {
        match merge_one(ctx, place, id) {
            Ok(()) => ctx.ui.line(format!("{id} merged"))?,
            Err(error) => {
                failed += 1;
                ctx.ui.error(&error, false);
            }
        }
    }
    if failed > 0 {
        Err(CliError::no(format!("{} of {} did not land", failed, plural(train.len(), "ticket", "tickets"))))
    } else {
        Ok(())
    }
}

fn merge_one(ctx: &Context, place: &Place, id: &TicketId) -> Result<(), CliError> {
    let tell = |what: &str| ctx.ui.say(format!("{id}: {what}"));
    let site = site(place, ctx, &tell)?;
    let mut patience = Patience::default();
    loop {
        let ledger = site.ledger()?;
        let entry = super::show::read(&ledger, id)?;
        match entry.ticket.state {
            State::Merged => return Ok(land::finish(&site, &ledger, &entry)?),
            State::Verified => match land::run(&site, &ledger, &entry, &mut patience)? {
                land::Landing::Landed | land::Landing::Waited | land::Landing::Stale => {}
                land::Landing::Held(why) => return Err(CliError::no(format!("{id} cannot land: {why}"))),
            },
            State::Verifying => {
                let entry = verify_once(ctx, place, id)?;
                if entry.ticket.state != State::Verified {
                    return Err(
                        CliError::no(format!("{id} did not pass on top of the branch as it is")).hint(format!("git os log {id}"))
                    );
                }
            }
            state => {
                return Err(
                    CliError::no(format!("{id} is `{state}`; only verified work lands")).hint(format!("git os show {id}"))
                );
            }
        }
    }
}

pub(super) fn run_revert(ctx: &Context, args: &RevertArgs) -> Result<(), CliError> {
    let (place, id) = ctx.find(&args.id)?;
    let tell = |what: &str| ctx.ui.say(format!("{id}: {what}"));
    let site = site(&place, ctx, &tell)?;
    let ledger = site.ledger()?;
    let entry = super::show::read(&ledger, &id)?;
    let (State::Merged, Some(head)) = (entry.ticket.state, entry.ticket.head) else {
        return Err(CliError::no(format!("{id} is `{}`; only landed work is taken back", entry.ticket.state)));
    };
    let base = gate::find_pass(&site.repo, entry.tip)?.map_or(entry.ticket.base, |verdict| Some(verdict.base));
    let base = base.ok_or_else(|| CliError::no(format!("{id} does not say where its work began")))?;
    let mut content = entry.ticket.content.clone();
    content.title = crate::core::text::line(&format!("Revert: {}", content.title), crate::core::text::MAX_TITLE);
    content.depends = Vec::new();
    let description = format!("Take back what {id} landed: the commits from {base} to {head}.");
    let crate::ledger::Answer::Yes(new) = ledger.create(content, &description, super::context::OPERATOR, None)? else {
        return Err(CliError::no("the ticket for the revert could not be opened"));
    };
    let run = new_run()?;
    submit(&ledger, &new.id, &Draft::new(Action::Approve, Role::Operator))?;
    let lease = site.repo.identity()?.time.plus(1800);
    submit(&ledger, &new.id, &Draft::new(Action::Claim { run: run.clone(), lease }, Role::Executor).by(&run))?;
    submit(&ledger, &new.id, &Draft::new(Action::Start { attempt: 1 }, Role::Executor).by(&run))?;
    let tip = ledger.find_trunk_tip()?.ok_or_else(|| CliError::no("the protected branch does not exist"))?;
    let reverted = revert(&site, &new.id, tip, base, head);
    match reverted? {
        Ok(commit_id) => {
            let handed_in = Draft::new(Action::Submit { head: commit_id, base: tip }, Role::Executor).by(&run);
            submit(&ledger, &new.id, &handed_in)?;
        }
        Err(why) => {
            submit(&ledger, &new.id, &Draft::new(Action::Block, Role::Executor).by(&run).saying(&why))?;
            return Err(CliError::no(format!("{} is blocked: {why}", new.id)).hint(format!("git os show {}", new.id)));
        }
    }
    merge_one(ctx, &place, &new.id)?;
    ctx.ui.line(format!("{} merged", new.id))
}

/// The commit that undoes a range, on the branch of a ticket; the reason why there is none is inside.
fn revert(
    site: &Site<'_>,
    id: &TicketId,
    tip: ObjectId,
    base: ObjectId,
    head: ObjectId,
) -> Result<Result<ObjectId, String>, CliError> {
    let git = site.repo.git();
    let branch = id.branch();
    git.output(["update-ref", &branch, &tip.to_string()])?;
    let path = site.worktree(id);
    site.repo.add_worktree(&path, &branch)?;
    let inside = site.repo.pinned(&path).ok_or_else(|| CliError::no("the worktree could not be made"))?;
    let range = format!("{base}..{head}");
    let output = inside.run(["revert", "--no-edit", &range])?;
    let result = if output.code == 0 {
        let text = inside.output(["rev-parse", "HEAD"])?;
        ObjectId::parse(text.trim()).map_err(|error| error.to_string())
    } else {
        drop(inside.run(["revert", "--abort"])?);
        Err("the work cannot be undone without conflicts any more".to_owned())
    };
    if let Ok(commit_id) = &result {
        git.output(["update-ref", &branch, &commit_id.to_string()])?;
    }
    Ok(result)
}
