//! The loop of a worker: fetch, work on ready tickets, push, repeat.
//!
//! Workers are coordinated only by the remote, which accepts one claim per ticket; nothing assigns work to them.

use crate::refs;
use std::time::Duration;

use super::land::{self, Followed};
use super::{DispatchError, Site, Workplace, recover, schedule};
use crate::core::event::{Action, Role, State};
use crate::core::progress::{CareEvent, Fate, RemoteEvent, What};
use crate::core::registry::RepoEntry;
use crate::ledger::{Draft, shared_remote};
use crate::local::locks;
use crate::sync::{self, submit_shared};
use crate::workspace::Workspace;

/// The maximum time between two attempts to reach a remote.
const MAX_PAUSE: Duration = Duration::from_secs(60);

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

/// What a worker does if no ticket is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenEmpty {
    Wait,
    End,
}

/// Works until it is asked to stop. Returns the number of tickets that it landed.
///
/// # Errors
/// When somebody interrupts, after giving back what was held; otherwise never for what goes wrong with one repository.
pub(crate) fn run(at: Workplace<'_>, plan: &Plan) -> Result<usize, DispatchError> {
    let stop = at.stop;
    stop.heed_interrupts();
    stop.heed_termination();
    let mut landed = 0;
    let mut failures = 0_u32;
    loop {
        let reached = bring(at, plan);
        if !stop.is_asked() {
            let endings = match schedule::run(at, plan.jobs) {
                Ok(endings) => endings,
                Err(error) => {
                    give_back(at, plan);
                    return Err(error);
                }
            };
            let done = endings.iter().filter(|ending| ending.fate == Fate::Landed).count();
            landed += done;
            let is_moving = endings.iter().any(|ending| matches!(ending.fate, Fate::Landed | Fate::Blocked(_)));
            failures = if reached { 0 } else { failures.saturating_add(1) };
            if is_moving && !stop.is_asked() {
                continue;
            }
        }
        // A remote that was asked twice and did not answer keeps nobody from ending.
        if stop.is_asked() || (plan.when_empty == WhenEmpty::End && (reached || failures > 1)) {
            give_back(at, plan);
            return Ok(landed);
        }
        stop.pause(if reached { plan.poll } else { backoff(plan.poll, failures) });
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
/// whether all remotes could be reached.
fn bring(at: Workplace<'_>, plan: &Plan) -> bool {
    let mut reached = true;
    for entry in repos(at.workspace, plan) {
        let came = Site::open(at, entry).and_then(|site| {
            for lock in locks::unlock(&site.repo)? {
                site.tell(What::Care(CareEvent::LockRemoved { path: lock }));
            }
            let Some(remote) = shared_remote(&site.repo) else { return Ok(Followed::Done) };
            let ledger = site.ledger()?;
            let trunk = ledger.policy.trunk().unwrap_or_default();
            let came = land::follow(&site, &ledger, &remote, &trunk)?;
            if came == Followed::Done {
                crate::gate::reconcile(&ledger)?;
                recover::expire(&site)?;
                refs::archive::write_due(&ledger)?;
                land::share(&site, &ledger, &remote)?;
            }
            Ok(came)
        });
        match came {
            Ok(Followed::Done) => {}
            Ok(Followed::Away(why)) => {
                reached = false;
                at.tell(entry, What::Remote(RemoteEvent::Away { why }));
            }
            Ok(Followed::Apart(hold)) => at.tell(entry, What::Remote(RemoteEvent::Apart(hold))),
            Err(error) => at.tell_trouble(entry, &error),
        }
    }
    reached
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
