//! The loop of a worker: fetch, work on ready tickets, push, repeat.
//!
//! Workers are coordinated only by the remote, which accepts one claim per ticket; nothing assigns work to them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::changes::{Away, Changes};
use super::land::{self, Followed};
use super::{DispatchError, Site, Workplace, collect, recover, schedule};
use crate::core::event::{Action, Role, State};
use crate::core::id::RepoName;
use crate::core::progress::{CareEvent, Event, Fate, RemoteEvent, What, WorkerEvent};
use crate::core::registry::RepoEntry;
use crate::core::time::Timestamp;
use crate::ledger::{Draft, shared_remote};
use crate::local::locks;
use crate::refs;
use crate::sync::{self, submit_shared};
use crate::workspace::Workspace;
use crate::workspace::in_force::{self, InForce};

/// The maximum time between two attempts to reach a remote.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How often a worker that is to end when nothing is ready asks a remote that does not answer.
const MAX_TRIES: u32 = 2;

/// How often a worker removes the worktrees that are no longer needed, in seconds.
const COLLECTED_EVERY: u64 = 3600;

/// How long after a remote was away those who live have renewed their leases there, in seconds.
const RENEWED_BY: u64 = 60;

/// The settings of a worker.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Work only in repositories with this shared remote; `None` means any repository.
    pub(crate) remote: Option<String>,
    /// The number of brands to work on in parallel.
    pub(crate) jobs: usize,
    /// How long to wait if no ticket is ready.
    pub(crate) poll: Duration,
    /// What to do if no ticket is ready.
    pub(crate) when_empty: WhenEmpty,
}

/// When something last happened in each repository.
#[derive(Default)]
struct Times {
    /// Its remote was away.
    away: BTreeMap<RepoName, Timestamp>,
    /// Its worktrees that are no longer needed were removed.
    collected: BTreeMap<RepoName, Timestamp>,
}

/// What a worker does if no ticket is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenEmpty {
    Wait,
    End,
}

/// Works until it is asked to stop. Returns the number of tickets that it landed.
///
/// # Errors
/// When somebody interrupts, or a remote stays away from a worker that is to end; what was held is given back before. Never for what
/// else goes wrong with one repository.
pub(crate) fn run(at: Workplace<'_>, plan: &Plan) -> Result<usize, DispatchError> {
    let stop = at.stop;
    stop.heed_interrupts();
    let changes = Changes::new(at.listener);
    let at = Workplace { listener: &changes, ..at };
    let mut newer = None;
    let ended = work(at, plan, &changes, &mut newer);
    give_back(Workplace { workspace: newer.as_ref().unwrap_or(at.workspace), ..at }, plan);
    match ended {
        // Whoever asks twice to end wants an end, and not an error.
        (landed, _) if stop.is_interrupted() => {
            if stop.is_draining() {
                Ok(landed)
            } else {
                Err(DispatchError::Interrupted)
            }
        }
        (landed, ended) => ended.map(|()| landed),
    }
}

/// Works until there is a reason to end. Returns the number of tickets that landed. A registry that changes meanwhile counts from the
/// next round on.
fn work(
    at: Workplace<'_>,
    plan: &Plan,
    changes: &Changes<'_>,
    newer: &mut Option<Workspace>,
) -> (usize, Result<(), DispatchError>) {
    let stop = at.stop;
    let (mut landed, mut failures) = (0, 0_u32);
    let mut times = Times::default();
    loop {
        if let Some(found) = find_newer(newer.as_ref().unwrap_or(at.workspace)) {
            at.listener.hear(&Event::Worker(WorkerEvent::RegistryChanged));
            *newer = Some(found);
        }
        let at = Workplace { workspace: newer.as_ref().unwrap_or(at.workspace), ..at };
        let away = bring(at, plan, &mut times);
        failures = if away.is_empty() { 0 } else { failures.saturating_add(1) };
        let pause = if away.is_empty() { plan.poll } else { backoff(plan.poll, failures) };
        let is_last = plan.when_empty == WhenEmpty::End && failures >= MAX_TRIES;
        changes.tell_remotes(at, &away, if is_last { None } else { Some(pause) });
        if !stop.is_asked() {
            let endings = match schedule::run_without(at, plan.jobs, &away.keys().cloned().collect()) {
                Ok(endings) => endings,
                Err(error) => return (landed, Err(error)),
            };
            landed += endings.iter().filter(|ending| ending.fate == Fate::Landed).count();
            let is_moving = endings.iter().any(|ending| matches!(ending.fate, Fate::Landed | Fate::Blocked(_)));
            changes.next_round();
            if is_moving && !stop.is_asked() {
                continue;
            }
        }
        if stop.is_asked() || (plan.when_empty == WhenEmpty::End && away.is_empty()) {
            return (landed, Ok(()));
        }
        if let Some(away) = away.into_values().next().filter(|_| is_last) {
            let Away { remote, why } = away;
            return (landed, Err(DispatchError::RemoteAway { remote, tries: failures, why }));
        }
        if failures == 0 {
            changes.tell_waiting();
        }
        stop.pause(pause);
    }
}

/// The registry that counts by now, if it is another one. While it cannot be read, what was known goes on.
fn find_newer(known: &Workspace) -> Option<Workspace> {
    let hub = known.open(known.hub().ok()?).ok()?;
    match in_force::find(&hub).ok()? {
        InForce::Found(found, _) => (found.registry != known.registry || found.file != known.file).then_some(found),
        InForce::Unlisted(_) | InForce::Missing(_) | InForce::Nothing => None,
    }
}

/// Twice as long each time, up to a limit.
fn backoff(poll: Duration, failures: u32) -> Duration {
    poll.saturating_mul(2_u32.saturating_pow(failures.min(10))).min(MAX_PAUSE.max(poll))
}

/// The repositories in which this worker works.
fn repos<'a>(workspace: &'a Workspace, plan: &'a Plan) -> impl Iterator<Item = &'a RepoEntry> {
    let is_meant = |entry: &&RepoEntry| match (&plan.remote, &entry.remote) {
        (Some(wanted), Some(remote)) => wanted == remote,
        (None, _) => true,
        (Some(_), None) => false,
    };
    workspace.registry.repos.iter().filter(move |entry| is_meant(entry))
}

/// Comes to where the remotes are, pushes what is still unpushed, and gives back what others held for too long. Answers
/// which remotes could not be reached.
fn bring(at: Workplace<'_>, plan: &Plan, times: &mut Times) -> BTreeMap<RepoName, Away> {
    let mut away = BTreeMap::new();
    for entry in repos(at.workspace, plan) {
        match bring_one(at, entry, times) {
            Ok((_, Followed::Done)) => {}
            Ok((remote, Followed::Away(why))) => drop(away.insert(entry.name.clone(), Away { remote, why })),
            Ok((_, Followed::Apart(hold))) => at.tell(entry, What::Remote(RemoteEvent::Apart(hold))),
            Err(error) => at.tell_trouble(entry, &error),
        }
    }
    away
}

/// The same for one repository. Answers the remote, too.
fn bring_one(at: Workplace<'_>, entry: &RepoEntry, times: &mut Times) -> Result<(String, Followed), DispatchError> {
    let site = Site::open(at, entry)?;
    for lock in locks::unlock(&site.repo)? {
        site.tell(What::Care(CareEvent::LockRemoved { path: lock }));
    }
    let now = site.repo.identity()?.time;
    if times.collected.get(&entry.name).is_none_or(|last| now >= last.plus(COLLECTED_EVERY)) {
        times.collected.insert(entry.name.clone(), now);
        tidy(&site)?;
    }
    let Some(remote) = shared_remote(&site.repo) else { return Ok((String::new(), Followed::Done)) };
    let ledger = site.ledger()?;
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let came = land::follow(&site, &ledger, &remote, &trunk)?;
    if matches!(came, Followed::Away(_)) {
        times.away.insert(entry.name.clone(), site.repo.identity()?.time);
    }
    if came == Followed::Done {
        crate::gate::reconcile(&ledger)?;
        // A remote that was away for all could be told of no renewal: whoever lives is the first to tell it now.
        let now = site.repo.identity()?.time;
        if times.away.get(&entry.name).is_none_or(|last| now >= last.plus(RENEWED_BY)) {
            for id in recover::expire(&site)? {
                site.tell(What::Care(CareEvent::LeaseExpired(id)));
            }
        }
        refs::archive::write_due(&ledger)?;
        land::share(&site, &ledger, &remote)?;
    }
    Ok((remote, came))
}

/// Removes the worktrees that are no longer needed; where nothing is shared, archives the tickets that are due. A repository that is not
/// set up has neither.
fn tidy(site: &Site<'_>) -> Result<(), DispatchError> {
    let Ok(ledger) = site.ledger() else { return Ok(()) };
    for care in collect::run(site, collect::When::Due)? {
        site.tell(What::Care(care));
    }
    if shared_remote(&site.repo).is_none() {
        refs::archive::write_due(&ledger)?;
    }
    Ok(())
}

/// Gives back the tickets that this machine holds and nobody here works on any more, so that others need not wait.
fn give_back(at: Workplace<'_>, plan: &Plan) {
    for entry in repos(at.workspace, plan) {
        let given = Site::open(at.in_silence(), entry).and_then(|site| {
            let ledger = site.ledger()?;
            for record in recover::orphans(&site)?.holding {
                let Some(found) = ledger.find(record.ticket())? else { continue };
                // Keep tickets that are verified or ask a question; their work must not be repeated.
                if !matches!(found.ticket.state, State::Claimed | State::Running) {
                    let until = found.ticket.lease;
                    at.tell(entry, What::Care(CareEvent::StaysHeld { ticket: record.ticket().clone(), until }));
                    continue;
                }
                let draft = Draft::new(Action::Release, Role::Executor).by(record.run()).saying("the worker stopped");
                if let crate::core::ruling::Ruling::Granted(_) = submit_shared(&ledger, record.ticket(), &draft)? {
                    at.tell(entry, What::Care(CareEvent::GivenBack(record.ticket().clone())));
                    record.remove()?;
                }
            }
            if let Some(remote) = shared_remote(&site.repo)
                && let crate::git::remote::Fetched::Done = sync::fetch(&site.repo, &remote)?
            {
                sync::fold(&site.repo, &remote)?;
                land::share(&site, &ledger, &remote)?;
            }
            Ok(())
        });
        if let Err(error) = given {
            at.tell_trouble(entry, &error);
        }
    }
}
