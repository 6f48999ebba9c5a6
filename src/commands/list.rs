//! `git os list` and `git os ready`

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use clap::Args as ClapArgs;
use serde::Serialize;

use super::context::{Context, now, vain_views};
use crate::core::event::State;
use crate::core::holding::Holding;
use crate::core::id::{Label, ObjectId, RepoName, TicketId};
use crate::core::json::{QuarantineView, TicketView, VERSION};
use crate::core::progress::SessionEvent;
use crate::core::prospect::Never;
use crate::core::text::{chain, comma, escape, plural, shell};
use crate::core::ticket::Ticket;
use crate::core::time::Timestamp;
use crate::core::wrap::cut;
use crate::error::CliError;
use crate::gate;
use crate::git::Repo;
use crate::ledger::cache::Row;
use crate::ledger::{Ledger, archive};
use crate::operations::{OperationError, Place};
use crate::ui::{Tone, tone_of};
use crate::workspace::Readiness;

/// The widest name of a holder in the table, in columns.
const MAX_HOLDER: usize = 24;

/// List tickets
///
/// Lists the open tickets of the workspace: first by priority, then the oldest. Shows the repository, the age, and who
/// works on it; of a closed ticket, when it was last changed. With --json, lists closed tickets as well.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Show only tickets in this state, open or closed; repeatable
    #[arg(long = "state", value_name = "S")]
    states: Vec<State>,

    /// Include closed tickets
    #[arg(long)]
    closed: bool,

    #[command(flatten)]
    filter: Filter,

    /// Include closed and archived tickets
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

    /// Show only tickets of this priority, from 0 (most urgent) to 4 (least)
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=4))]
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

/// A row, the repository it is in, and who holds it.
struct Found {
    repo: RepoName,
    row: Row,
    holding: Option<Holding>,
}

#[expect(clippy::struct_field_names, reason = "the name is part of the contract")]
#[derive(Serialize)]
struct Tickets<'s> {
    version: u32,
    tickets: Vec<TicketView>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    quarantined: &'s [Strange],
}

/// The dependencies that will not land, by the ticket that waits for them.
type Vain = BTreeMap<TicketId, Vec<(TicketId, Never)>>;

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
    let place = ctx.place_of_all()?;
    check_names(ctx, &place, &args.filter, &found)?;
    let taken: Vec<_> = found.iter().filter(|found| args.filter.takes(&found.row.ticket)).collect();
    let is_wanted = |state: State| match args.states.as_slice() {
        // Programs hold on to getting all live tickets.
        [] => args.closed || args.all || args.filter.json || !state.is_terminal(),
        states => states.contains(&state),
    };
    let shown: Vec<_> = taken.iter().copied().filter(|found| is_wanted(found.row.ticket.state)).collect();
    let left_out = if args.states.is_empty() { taken.len() - shown.len() } else { 0 };
    let readiness = Readiness::new(place.workspace.as_ref(), &place.repo).knowing(found.iter().map(|found| &found.row));
    let vain = in_vain(ctx, &readiness, shown.iter().copied());
    if ctx.repo_name.is_none() {
        name_former(ctx, &place, |row| args.filter.takes(&row.ticket) && is_wanted(row.ticket.state))?;
    }
    let shown =
        Shown { found: shown, vain, strange, with_quarantined: args.states.is_empty(), closed: left_out, now: now(&place.repo) };
    print(ctx, &shown, args.filter.json)
}

pub(super) fn run_ready(ctx: &Context, args: &ReadyArgs) -> Result<(), CliError> {
    let (found, strange) = gather(ctx, false)?;
    let place = ctx.place_of_all()?;
    check_names(ctx, &place, &args.filter, &found)?;
    let readiness = Readiness::new(place.workspace.as_ref(), &place.repo).knowing(found.iter().map(|found| &found.row));
    let taken = || found.iter().filter(|one| args.filter.takes(&one.row.ticket));
    let mut ready = Vec::new();
    for one in taken() {
        if readiness.is_ready(&one.row)? {
            ready.push(one);
        }
    }
    let vain = in_vain(ctx, &readiness, taken());
    if ctx.repo_name.is_none() {
        name_former(ctx, &place, |row| args.filter.takes(&row.ticket) && row.ticket.state == State::Ready)?;
    }
    print(
        ctx,
        &Shown { found: ready, vain, strange, with_quarantined: false, closed: 0, now: now(&place.repo) },
        args.filter.json,
    )
}

/// Counts the tickets that are left out because their repository is no longer in the registry.
fn name_former(ctx: &Context, place: &Place, is_wanted: impl Fn(&Row) -> bool) -> Result<(), CliError> {
    let Some(workspace) = &place.workspace else { return Ok(()) };
    for former in workspace.list_former()? {
        let count = former.rows().iter().filter(|row| is_wanted(row)).count();
        if count > 0 {
            let told = SessionEvent::LeftOut(former.name, count).line().unwrap_or_default();
            ctx.ui.say(format!("note: {told}"));
            ctx.ui.say(format!("hint: git -C {} os list", shell(former.repo.home().as_str())));
        }
    }
    Ok(())
}

/// Refuses a brand that nobody has, and says so of a label.
fn check_names(ctx: &Context, place: &Place, filter: &Filter, found: &[Found]) -> Result<(), CliError> {
    let contents = || found.iter().map(|found| &found.row.ticket.content);
    if let Some(brand) = &filter.brand {
        let known = place.brands()?;
        if !known.iter().chain(contents().map(|content| &content.brand)).any(|one| one.as_str() == brand) {
            return Err(OperationError::NoBrand { brand: escape(brand), known }.into());
        }
    }
    let labels: BTreeSet<&str> = contents().flat_map(|content| content.labels.iter().map(Label::as_str)).collect();
    for label in filter.labels.iter().filter(|label| !labels.contains(label.as_str())) {
        let known = comma(&labels.iter().collect::<Vec<_>>());
        let known = if known.is_empty() { String::new() } else { format!("; these are used: {known}") };
        ctx.ui.say(format!("note: no ticket has the label `{}`{known}", escape(label)));
    }
    Ok(())
}

/// The ready ones of these tickets that wait for what will not land.
fn in_vain<'f>(ctx: &Context, readiness: &Readiness<'_>, found: impl Iterator<Item = &'f Found>) -> Vain {
    let mut all = Vain::new();
    for row in found.map(|found| &found.row).filter(|row| row.ticket.state == State::Ready) {
        let never = ctx.list_never(readiness, &row.id, &row.ticket);
        if !never.is_empty() {
            all.insert(row.id.clone(), never);
        }
    }
    all
}

/// The tickets of the whole workspace, or of the one repository there is.
fn gather(ctx: &Context, with_archived: bool) -> Result<(Vec<Found>, Vec<Strange>), CliError> {
    let place = ctx.place_of_all()?;
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
    for row in rows.tickets {
        let holding = if row.ticket.state.is_held() { ledger.find_holding(row.tip)? } else { None };
        found.push(Found { repo: name.clone(), row, holding });
    }
    if with_archived {
        for (id, tip) in archive::list(repo)? {
            let entry = ledger.read_entry(id, tip)?;
            found.push(Found { repo: name.clone(), row: Row::from(entry), holding: None });
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

/// A row of the table. A column that would be empty in all rows is left out.
fn cells(found: &Found, now: Timestamp, with_holder: Column) -> Vec<(Tone, Cow<'_, str>)> {
    let ticket = &found.row.ticket;
    let mut cells = vec![
        (Tone::Strong, Cow::Borrowed(found.row.id.as_str())),
        (tone_of(ticket.state), ticket.state.as_str().into()),
        (Tone::Quiet, format!("P{}", ticket.content.priority).into()),
        (Tone::Quiet, found.repo.as_str().into()),
        // How old an open ticket is, and how long a closed one has been closed.
        (Tone::Quiet, now.since(if ticket.state.is_terminal() { found.row.updated } else { found.row.created }).into()),
    ];
    if with_holder == Column::Shown {
        let holder = found.holding.as_ref().map(Holding::short).unwrap_or_default();
        cells.push((Tone::Busy, cut(&escape(&holder), MAX_HOLDER).into()));
    }
    cells.push((Tone::Strong, ticket.content.title.as_str().into()));
    cells
}

/// Whether a table has a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Shown,
    LeftOut,
}

/// What is to be printed.
struct Shown<'f> {
    found: Vec<&'f Found>,
    vain: Vain,
    strange: Vec<Strange>,
    with_quarantined: bool,
    /// How many closed tickets are not shown.
    closed: usize,
    now: Timestamp,
}

impl Shown<'_> {
    fn view(&self, found: &Found) -> TicketView {
        let mut view = TicketView::new(&found.row.id, &found.repo, &found.row.ticket, found.row.updated, None);
        view.holder.clone_from(&found.holding);
        view.waits_in_vain = self.vain.get(&found.row.id).map(|never| vain_views(never)).unwrap_or_default();
        view
    }
}

fn print(ctx: &Context, shown: &Shown<'_>, as_json: bool) -> Result<(), CliError> {
    let strange = &shown.strange;
    if as_json {
        let quarantined = strange.iter().filter(|_| shown.with_quarantined).filter_map(Strange::view);
        let tickets = shown.found.iter().map(|found| shown.view(found)).chain(quarantined).collect();
        return ctx.ui.json(&Tickets { version: VERSION, tickets, quarantined: strange });
    }
    let has_holder = shown.found.iter().any(|found| found.holding.is_some());
    let with_holder = if has_holder { Column::Shown } else { Column::LeftOut };
    ctx.ui.table_to_width(&shown.found.iter().map(|found| cells(found, shown.now, with_holder)).collect::<Vec<_>>())?;
    for (id, never) in &shown.vain {
        for (dependency, why) in never {
            ctx.ui.say(format!("warning: {id} cannot be claimed: dependency {dependency} will never land: {why}"));
        }
    }
    if !shown.vain.is_empty() {
        ctx.ui.say("hint: git os edit TICKET --depends TICKET   # replaces its dependencies; \"\" removes them");
    }
    for one in strange {
        let last = one.legal.as_ref().map(|row| format!("; its last valid state is `{}`", row.ticket.state));
        let last = last.unwrap_or_default();
        ctx.ui.say(format!("warning: {}: `{}` is quarantined{last}: {}", one.repo, one.ref_name, one.reason));
    }
    if !strange.is_empty() {
        ctx.ui.say("hint: git os fsck --repair");
    }
    if shown.found.is_empty() && strange.is_empty() {
        match shown.closed {
            0 => ctx.ui.say("no tickets"),
            closed => {
                ctx.ui.say(format!("no open tickets; {} left out", plural(closed, "closed ticket is", "closed tickets are")));
                ctx.ui.say("hint: git os list --closed");
            }
        }
    }
    Ok(())
}
