//! `git os list` and `git os ready`

use std::borrow::Cow;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::Context;
use crate::core::event::State;
use crate::core::id::{ObjectId, RepoName};
use crate::core::json::{QuarantineView, TicketView, VERSION};
use crate::core::text::chain;
use crate::core::ticket::Ticket;
use crate::error::CliError;
use crate::gate;
use crate::git::Repo;
use crate::ledger::cache::Row;
use crate::ledger::{Ledger, archive};
use crate::ui::{Tone, tone_of};
use crate::workspace::Readiness;

/// List tickets
///
/// Lists all live tickets of the workspace, most urgent first.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Show only tickets in this state; repeatable
    #[arg(long = "state", value_name = "S")]
    states: Vec<State>,

    #[command(flatten)]
    filter: Filter,

    /// Include archived tickets
    #[arg(long)]
    all: bool,
}

/// List tickets that can be claimed now
///
/// Lists the ready tickets whose dependencies are all merged, most urgent first.
#[derive(ClapArgs, Debug)]
pub(super) struct ReadyArgs {
    #[command(flatten)]
    filter: Filter,
}

#[derive(ClapArgs, Debug)]
struct Filter {
    /// Show only tickets of this brand
    #[arg(long)]
    brand: Option<String>,

    /// Show only tickets with this label; repeatable
    #[arg(long = "label", value_name = "L")]
    labels: Vec<String>,

    /// Show only tickets of this priority
    #[arg(long)]
    priority: Option<u8>,

    /// Print the tickets as JSON
    #[arg(long)]
    json: bool,
}

impl Filter {
    fn takes(&self, ticket: &Ticket) -> bool {
        let content = &ticket.content;
        self.brand.as_ref().is_none_or(|brand| content.brand.as_str() == brand)
            && self.priority.is_none_or(|priority| content.priority == priority)
            && self.labels.iter().all(|label| content.labels.iter().any(|own| own.as_str() == label))
    }
}

/// A row and the repository it is in.
struct Found {
    repo: RepoName,
    row: Row,
}

#[expect(clippy::struct_field_names, reason = "the name is part of the contract")]
#[derive(Serialize)]
struct Tickets {
    version: u32,
    tickets: Vec<TicketView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quarantined: Vec<Strange>,
}

/// A ref that is shown and not acted on.
#[derive(Serialize)]
struct Strange {
    repo: RepoName,
    #[serde(rename = "ref")]
    ref_name: String,
    tip: ObjectId,
    reason: String,
    /// The ticket after its last legal event.
    #[serde(skip)]
    legal: Option<Row>,
}

impl Strange {
    fn view(&self) -> Option<TicketView> {
        let row = self.legal.as_ref()?;
        let mut view = TicketView::new(&row.id, &self.repo, &row.ticket, row.updated, None);
        view.quarantined = Some(QuarantineView { tip: self.tip, reason: self.reason.clone() });
        Some(view)
    }
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let (found, strange) = gather(ctx, args.all)?;
    let takes = |found: &Found| {
        let is_state = args.states.is_empty() || args.states.contains(&found.row.ticket.state);
        is_state && args.filter.takes(&found.row.ticket)
    };
    let found: Vec<_> = found.into_iter().filter(takes).collect();
    print(ctx, &found, strange, args.filter.json, args.states.is_empty())
}

pub(super) fn run_ready(ctx: &Context, args: &ReadyArgs) -> Result<(), CliError> {
    let (found, strange) = gather(ctx, false)?;
    let place = ctx.place()?;
    let readiness = Readiness::new(place.workspace.as_ref(), &place.repo).knowing(found.iter().map(|found| &found.row));
    let mut ready = Vec::new();
    for one in found {
        if args.filter.takes(&one.row.ticket) && readiness.is_ready(&one.row)? {
            ready.push(one);
        }
    }
    print(ctx, &ready, strange, args.filter.json, false)
}

/// The tickets of the whole workspace, or of the one repository there is.
fn gather(ctx: &Context, with_archived: bool) -> Result<(Vec<Found>, Vec<Strange>), CliError> {
    let place = ctx.place()?;
    let (mut found, mut strange) = (Vec::new(), Vec::new());
    let workspace = place.workspace.as_ref().filter(|_| ctx.repo_name.is_none());
    let Some(workspace) = workspace else {
        gather_one(&place.repo, with_archived, &mut found, &mut strange)?;
        return Ok((sorted(found), strange));
    };
    for entry in &workspace.registry.repos {
        match workspace.open(entry) {
            Ok(repo) => match ctx.fold(&repo).and_then(|()| gather_one(&repo, with_archived, &mut found, &mut strange)) {
                Ok(()) => {}
                Err(error) => ctx.ui.say(format!("warning: {}: {}", entry.name, error.message)),
            },
            Err(error) => ctx.ui.say(format!("warning: {}", chain(&error))),
        }
    }
    Ok((sorted(found), strange))
}

fn gather_one(repo: &Repo, with_archived: bool, found: &mut Vec<Found>, strange: &mut Vec<Strange>) -> Result<(), CliError> {
    let ledger = Ledger::open(repo)?;
    let name = ledger.policy.repo.clone();
    let mut rows = ledger.rows()?;
    // What landed by hand, past the hooks or where git runs none, is noticed here.
    if rows.tickets.iter().any(|row| row.ticket.state == State::Verified) && !gate::reconcile(&ledger)?.is_empty() {
        rows = ledger.rows()?;
    }
    found.extend(rows.tickets.into_iter().map(|row| Found { repo: name.clone(), row }));
    if with_archived {
        for (id, tip) in archive::list(repo)? {
            let entry = ledger.read_entry(id, tip)?;
            found.push(Found { repo: name.clone(), row: Row::from(entry) });
        }
    }
    strange.extend(rows.quarantined.into_iter().map(|one| Strange {
        repo: name.clone(),
        ref_name: one.ref_name,
        tip: one.tip,
        reason: one.why.full(),
        legal: one.legal,
    }));
    Ok(())
}

/// Open ones first, then by urgency, then by age.
fn sorted(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|left, right| {
        let is_closed = |found: &Found| found.row.ticket.state.is_terminal();
        is_closed(left).cmp(&is_closed(right)).then_with(|| left.row.urgency().cmp(&right.row.urgency()))
    });
    found
}

/// A row of the table.
fn cells(found: &Found) -> Vec<(Tone, Cow<'_, str>)> {
    let ticket = &found.row.ticket;
    vec![
        (Tone::Strong, Cow::Borrowed(found.row.id.as_str())),
        (tone_of(ticket.state), ticket.state.to_string().into()),
        (Tone::Quiet, format!("P{}", ticket.content.priority).into()),
        (Tone::Quiet, ticket.content.kind.as_str().into()),
        (Tone::Strong, ticket.content.title.as_str().into()),
    ]
}

fn print(ctx: &Context, found: &[Found], strange: Vec<Strange>, as_json: bool, with_quarantined: bool) -> Result<(), CliError> {
    if as_json {
        let view = |found: &Found| TicketView::new(&found.row.id, &found.repo, &found.row.ticket, found.row.updated, None);
        let quarantined = strange.iter().filter(|_| with_quarantined).filter_map(Strange::view);
        let tickets = found.iter().map(view).chain(quarantined).collect();
        return ctx.ui.json(&Tickets { version: VERSION, tickets, quarantined: strange });
    }
    ctx.ui.table(&found.iter().map(cells).collect::<Vec<_>>())?;
    for one in &strange {
        let last = one.legal.as_ref().map(|row| format!("; its last valid state is `{}`", row.ticket.state));
        let last = last.unwrap_or_default();
        ctx.ui.say(format!("warning: {}: `{}` is quarantined{last}: {}", one.repo, one.ref_name, one.reason));
    }
    if !strange.is_empty() {
        ctx.ui.say("hint: git os fsck --repair");
    }
    if found.is_empty() && strange.is_empty() {
        ctx.ui.say("no tickets");
    }
    Ok(())
}
