//! Chooses the next ticket for each lane, up to a number of lanes.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::beside::Busy;
use super::land::bring_trunk;
use super::recover::{self, Orphans};
use super::{DispatchError, Site, Workplace, budget, carry, claim, ended, keep, pull, reasons};
use crate::core::event::State;
use crate::core::id::{Brand, RepoName, TicketId};
use crate::core::meta::OfflineClaims;
use crate::core::outcome::Outcome;
use crate::core::progress::{CareEvent, Event, Fate, Hold, Idle, Trouble, What};
use crate::core::registry::RepoEntry;
use crate::core::scope::Area;
use crate::core::ticket::Content;
use crate::doctor::programs::{Lack, find_lack_of_agent};
use crate::ledger::cache::Row;
use crate::ledger::{Ledger, shared_remote};
use crate::local::runs::{self, RunRecord};
use crate::workspace::{Readiness, Workspace};

/// How long a ticket rests whose attempts failed twice in the same way; twice as long each further time.
const PAUSE: Duration = Duration::from_secs(15);

/// How a ticket ended in this session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) repo: RepoName,
    pub(crate) brand: Brand,
    pub(crate) id: TicketId,
    pub(crate) title: String,
    pub(crate) fate: Fate,
}

impl Ending {
    /// As it is told.
    pub(super) fn event(&self) -> Event {
        let what = What::Ended { title: self.title.clone(), fate: self.fate.clone() };
        Event::Work { repo: self.repo.clone(), brand: self.brand.clone(), ticket: Some(self.id.clone()), what }
    }
}

/// The state that lanes share.
struct Board<'a> {
    at: Workplace<'a>,
    busy: Busy,
    /// Runs of a killed session, which are continued first.
    orphans: Vec<(&'a RepoEntry, RunRecord)>,
    /// Runs of a killed session whose claim may still arrive at the remote.
    in_doubt: Vec<RunRecord>,
    /// Tickets that were tried and are not tried again in this session.
    tried: BTreeSet<TicketId>,
    /// Repositories whose shared remote cannot be reached; their tickets cannot be claimed unless they say so.
    away: &'a BTreeSet<RepoName>,
    results: Vec<Ending>,
    error: Option<DispatchError>,
}

/// A ticket for a lane.
enum Task<'a> {
    Continue(&'a RepoEntry, Box<RunRecord>),
    Begin(&'a RepoEntry, TicketId),
}

/// Works on all ready tickets of the workspace.
///
/// # Errors
/// When somebody interrupts; what this clone then holds is told.
pub(crate) fn run(at: Workplace<'_>, jobs: usize) -> Result<Vec<Ending>, DispatchError> {
    let done = run_without(at, jobs, &BTreeSet::new());
    if let Err(DispatchError::Interrupted) = done {
        for entry in &at.workspace.registry.repos {
            if let Err(error) = tell_held(at, entry) {
                at.tell_trouble(entry, &error);
            }
        }
    }
    done
}

/// Tells which tickets of a repository runs of this machine hold.
fn tell_held(at: Workplace<'_>, entry: &RepoEntry) -> Result<(), DispatchError> {
    let site = Site::open(at, entry)?;
    let own = runs::here(&site.repo);
    if own.is_empty() {
        return Ok(());
    }
    for row in site.ledger()?.rows()?.tickets {
        if row.ticket.state.is_held() && row.ticket.run.as_ref().is_some_and(|run| own.contains(run)) {
            let is_shared = shared_remote(&site.repo).is_some();
            let until = row.ticket.lease.filter(|_| is_shared);
            site.tell(What::Care(CareEvent::StaysHeld { ticket: row.id, until }));
        }
    }
    Ok(())
}

/// The same, except for tickets of repositories whose shared remote is known to be away.
///
/// # Errors
/// As for [`run`].
pub(super) fn run_without(at: Workplace<'_>, jobs: usize, away: &BTreeSet<RepoName>) -> Result<Vec<Ending>, DispatchError> {
    let workspace = at.workspace;
    if let Some(hub) = workspace.hub().ok().and_then(|hub| workspace.open(hub).ok()) {
        at.resting.keep_in(&hub);
    }
    let (mut orphans, mut in_doubt) = (Vec::new(), Vec::new());
    for entry in &workspace.registry.repos {
        let found = Site::open(at.in_silence(), entry).and_then(|site| {
            let Ok(ledger) = site.ledger() else { return Ok(Orphans::default()) };
            if let (Some(remote), Some(trunk)) = (shared_remote(&site.repo), ledger.policy.trunk()) {
                bring_trunk(&site, &ledger, &remote, &trunk)?;
            }
            pull::follow_all(&Site::open(at, entry)?, &ledger)?;
            if let Some(excess) = budget::find_full(at, entry) {
                let (ready, why) = (count_ready(&ledger)?, excess.to_string());
                if ready > 0 {
                    at.tell(entry, What::Care(CareEvent::BudgetUsedUp { ready, why }));
                }
            } else if let Some(idle) = idle(&site, &ledger)? {
                at.tell(entry, What::Care(idle));
            }
            match vain(workspace, &site, &ledger) {
                Ok(vain) => vain.into_iter().for_each(|vain| at.tell(entry, What::Care(vain))),
                // Another repository that cannot be read keeps nobody from going on here.
                Err(error) => at.tell_trouble(entry, &error),
            }
            recover::orphans(&site)
        });
        match found {
            Ok(found) => {
                orphans.extend(found.holding.into_iter().map(|record| (entry, record)));
                in_doubt.extend(found.in_doubt);
            }
            Err(error) => at.tell_trouble(entry, &error),
        }
    }
    let board =
        Board { at, busy: Busy::default(), orphans, in_doubt, tried: BTreeSet::new(), away, results: Vec::new(), error: None };
    let (board, freed) = (Mutex::new(board), Condvar::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| lane(at, &board, &freed));
        }
    });
    let board = board.into_inner().unwrap_or_else(PoisonError::into_inner);
    // By now, a push that was in progress when its session was killed has ended.
    for record in board.in_doubt {
        record.remove()?;
    }
    match board.error {
        Some(error) => Err(error),
        None => Ok(board.results),
    }
}

/// Why nobody takes the ready tickets of a repository, if there are any and nobody does.
fn idle(site: &Site<'_>, ledger: &Ledger<'_>) -> Result<Option<CareEvent>, DispatchError> {
    let entry = site.entry;
    let because = match &entry.agent {
        // That no agent works in a silo is how it should be.
        None if entry.silo => return Ok(None),
        None => Idle::NoAgent,
        Some(_) if ledger.find_trunk_tip()?.is_none() => Idle::Unborn,
        Some(agent) if ended::find_rest(site, agent)?.is_some() => Idle::Agent,
        Some(agent) => match find_lack(site.workspace, agent) {
            Some(lack) => {
                let (agent, why) = (agent.clone(), lack.to_string());
                let ready = count_ready(ledger)?;
                return Ok((ready > 0).then_some(CareEvent::AgentCannotStart { ready, agent, why }));
            }
            None => return Ok(None),
        },
    };
    let ready = count_ready(ledger)?;
    Ok((ready > 0).then_some(CareEvent::Idle { ready, because }))
}

fn count_ready(ledger: &Ledger<'_>) -> Result<usize, DispatchError> {
    Ok(ledger.rows()?.tickets.iter().filter(|row| row.ticket.state == State::Ready).count())
}

/// What an agent lacks to start; a ticket that is claimed in vain is a ticket that others wait for.
pub(super) fn find_lack(workspace: &Workspace, agent: &str) -> Option<Lack> {
    find_lack_of_agent(workspace.registry.agents.get(agent)?, workspace.root())
}

/// The ready tickets of a repository that nobody can take, since they wait for what will not land.
fn vain(workspace: &Workspace, site: &Site<'_>, ledger: &Ledger<'_>) -> Result<Vec<CareEvent>, DispatchError> {
    let rows = ledger.rows()?.tickets;
    let readiness = Readiness::new(Some(workspace), &site.repo).knowing(rows.iter());
    let mut all = Vec::new();
    for row in rows.iter().filter(|row| row.ticket.state == State::Ready) {
        for (dependency, why) in readiness.list_never(&row.id, &row.ticket)? {
            all.push(CareEvent::WaitsInVain { ticket: row.id.clone(), dependency, why });
        }
    }
    Ok(all)
}

/// One lane: takes the next ticket that can be begun, until there is none and nobody works who could make room for one.
fn lane(at: Workplace<'_>, board: &Mutex<Board<'_>>, freed: &Condvar) {
    let (workspace, stop) = (at.workspace, at.stop);
    let mut held = board.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let (task, scope) = match held.next() {
            _ if held.error.is_some() => return,
            Some(_) if stop.is_interrupted() => {
                held.error = Some(DispatchError::Interrupted);
                freed.notify_all();
                return;
            }
            // Whatever is left is for others, or for the next time.
            Some(_) if stop.is_draining() => {
                freed.notify_all();
                return;
            }
            Some(next) => next,
            None if held.busy.is_empty() => {
                freed.notify_all();
                return;
            }
            None => {
                held = freed.wait(held).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
        };
        let (entry, id) = match &task {
            Task::Continue(entry, record) => (*entry, record.ticket().clone()),
            Task::Begin(entry, id) => (*entry, id.clone()),
        };
        let brand = entry.brand.clone();
        held.busy.begin(entry, &id, scope);
        drop(held);
        at.listener.hear(&Event::Lane { brand: brand.clone(), ticket: Some(id.clone()), left: None });
        let record = if let Task::Continue(_, record) = task { Some(*record) } else { None };
        let result = work(at, entry, &id, record);
        at.listener.hear(&Event::Lane { brand: brand.clone(), ticket: None, left: Some(id.clone()) });
        held = board.lock().unwrap_or_else(PoisonError::into_inner);
        held.busy.end(&id);
        let fate = match result {
            Err(error @ DispatchError::Interrupted) => {
                held.error = held.error.take().or(Some(error));
                freed.notify_all();
                continue;
            }
            Err(DispatchError::NoAgent(repo)) => Fate::Held(Hold::NoAgent { repo }),
            // What is wrong with one ticket is no reason to leave the others.
            Err(error) => Fate::Failed(Trouble::of(&error)),
            Ok(Fate::Gone) if held.reclaim(workspace, entry, &id) => {
                freed.notify_all();
                continue;
            }
            Ok(fate) => fate,
        };
        let title = content(workspace, entry, &id).map(|content| content.title).unwrap_or_default();
        let ending = Ending { repo: entry.name.clone(), brand, id, title, fate };
        at.listener.hear(&ending.event());
        held.results.push(ending);
        freed.notify_all();
    }
}

impl<'a> Board<'a> {
    /// Whether a ticket that seems to be taken is held by a run that was killed on this machine; the run is then continued.
    fn reclaim(&mut self, workspace: &Workspace, entry: &'a RepoEntry, id: &TicketId) -> bool {
        let holder = || {
            let repo = workspace.open(entry).ok()?;
            Ledger::open(&repo).ok()?.find(id).ok()??.ticket.run
        };
        let Some(holder) = holder() else { return false };
        let Some(at) = self.in_doubt.iter().position(|record| *record.run() == holder) else { return false };
        let record = self.in_doubt.swap_remove(at);
        self.orphans.push((entry, record));
        true
    }

    /// The next ticket that can be begun now, with its scope: first the ones that were begun, then by priority.
    fn next(&mut self) -> Option<(Task<'a>, Vec<Area>)> {
        for at in 0..self.orphans.len() {
            let (entry, record) = &self.orphans[at];
            // One that cannot be read may change any file.
            let content = content(self.at.workspace, entry, record.ticket());
            let scope = content.map(|content| content.scope).unwrap_or_default();
            if self.busy.admits(entry, &scope) {
                let (entry, record) = self.orphans.swap_remove(at);
                self.tried.insert(record.ticket().clone());
                return Some((Task::Continue(entry, Box::new(record)), scope));
            }
        }
        let mut best: Option<(Row, &RepoEntry)> = None;
        for entry in self.at.workspace.registry.repos.iter().filter(|entry| entry.agent.is_some() && !entry.silo) {
            let is_away = self.away.contains(&entry.name) && entry.offline_claims == OfflineClaims::Refuse;
            let agent = entry.agent.as_deref().unwrap_or_default();
            if budget::find_full(self.at, entry).is_some() {
                continue;
            }
            if !self.busy.has_room(entry) || is_away || find_lack(self.at.workspace, agent).is_some() {
                continue;
            }
            let Ok(repo) = self.at.workspace.open(entry) else { continue };
            let Ok(ledger) = Ledger::open(&repo) else { continue };
            // Whoever would be sent to it would come back with nothing.
            let Ok(now) = repo.identity().map(|identity| identity.time) else { continue };
            if self.at.resting.find(self.at.workspace.registry.account(agent), now).is_some() {
                continue;
            }
            let Ok(rows) = ledger.rows() else { continue };
            let readiness = Readiness::new(Some(self.at.workspace), &repo);
            for row in rows.tickets {
                let is_better = best.as_ref().is_none_or(|(best, _)| row.urgency() < best.urgency());
                let is_free = !self.tried.contains(&row.id) && self.busy.admits(entry, &row.ticket.content.scope);
                if is_better && is_free && readiness.is_ready(&row).unwrap_or(false) {
                    best = Some((row, entry));
                }
            }
        }
        let (row, entry) = best?;
        self.tried.insert(row.id.clone());
        Some((Task::Begin(entry, row.id), row.ticket.content.scope))
    }
}

/// Takes one ticket as far as it gets, attempt after attempt; with the record of a run that holds it, that run goes on.
pub(super) fn work(
    at: Workplace<'_>,
    entry: &RepoEntry,
    id: &TicketId,
    mut record: Option<RunRecord>,
) -> Result<Fate, DispatchError> {
    let site = Site::open(at, entry)?.for_ticket(id);
    let mut last_failure = None;
    let mut pause = PAUSE;
    loop {
        let mut own = match record.take() {
            Some(record) => record,
            None => match claim(&site, id)? {
                Some(record) => record,
                None => return Ok(Fate::Gone),
            },
        };
        let fate = carry(&site, id, &mut own)?;
        let run = own.run().clone();
        if !matches!(fate, Fate::Waiting(_) | Fate::Held(_)) {
            own.remove()?;
        }
        // A failed attempt has made the ticket ready again.
        let ledger = site.ledger()?;
        let back = ledger.find(id)?.filter(|entry| entry.ticket.state == State::Ready);
        let Some(back) = back.filter(|_| fate == Fate::Gone) else { return Ok(fate) };
        if !keep::was_given_back(&ledger, &back, &run)? {
            return Ok(fate);
        }
        let (outcome, failure) = reasons::find_end(&ledger, &back)?;
        if outcome.is_some_and(Outcome::is_of_agent) {
            let agent = entry.agent.clone().unwrap_or_default();
            return Ok(Fate::Held(Hold::Agent { agent, why: failure }));
        }
        let is_in_vain = matches!(outcome, Some(Outcome::Crashed | Outcome::TimedOut));
        if last_failure.replace(failure.clone()).is_some_and(|last| last == failure) || is_in_vain {
            // The brief of the last attempt named the failure, and that did not help. What passes by itself may have passed by then.
            site.tell(What::AttemptWaits { seconds: pause.as_secs() });
            stop_for(&site, pause)?;
            if site.stop.is_draining() {
                return Ok(fate);
            }
            pause = pause.saturating_mul(2);
        }
    }
}

/// Waits for a time.
fn stop_for(site: &Site<'_>, time: Duration) -> Result<(), DispatchError> {
    site.stop.pause(time);
    if site.stop.is_interrupted() { Err(DispatchError::Interrupted) } else { Ok(()) }
}

/// What a ticket says, if it can be read.
pub(super) fn content(workspace: &Workspace, entry: &RepoEntry, id: &TicketId) -> Option<Content> {
    let repo = workspace.open(entry).ok()?;
    let found = Ledger::open(&repo).ok()?.find(id).ok()??;
    Some(found.ticket.content)
}
