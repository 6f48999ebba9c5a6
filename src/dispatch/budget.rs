//! What a run may use: reserved at the shared remote before it begins, and settled when it is over.
//!
//! Without an answer of the remote nobody begins, so that machines together never use more than the registry says.

use super::ended::{self, Loss};
use super::{DispatchError, Site, Workplace, write};
use crate::agent::Brief;
use crate::core::budget::{Amounts, Book, Change, Excess, Scope, What as Changed};
use crate::core::event::{Action, Role};
use crate::core::id::{BUDGET, RunId};
use crate::core::outcome::{Cap, Outcome};
use crate::core::progress::{Fate, Hold, Trouble, What};
use crate::core::registry::{AgentEntry, RepoEntry};
use crate::core::report;
use crate::core::ruling::Ruling;
use crate::git::Repo;
use crate::git::refs::Update;
use crate::ledger::{Draft, Entry, Ledger, LedgerError};
use crate::local::machine;
use crate::refs;
use crate::sync;

/// How long after its time limit the reservation of a run lasts, in seconds: its end takes a while, and so does the way to the remote.
const GRACE: u64 = 600;

/// Why a run may not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) hold: Hold,
    /// What the ticket has used up, if that is why: then waiting does not help.
    pub(crate) of_ticket: Option<Cap>,
}

/// What one run may use: by the budget, and by what the registry says of its agent.
#[must_use]
pub(super) fn limits(site: &Site<'_>, agent: &AgentEntry) -> Amounts {
    site.workspace.registry.budget.run(&site.entry.brand).least(&agent.limits())
}

/// What is reserved for a run with these limits: the run itself, and all that it may use.
fn wanted(limits: &Amounts) -> Amounts {
    let mut all: Amounts = limits.clone();
    all.set(Cap::Runs, 1);
    all.without(Cap::Disk)
}

/// Reserves what a run may use. Where nothing is counted there is nothing to reserve.
///
/// # Errors
/// When git or the ledger fails.
pub(super) fn reserve(
    site: &Site<'_>,
    brief: &Brief,
    limits: &Amounts,
) -> Result<Ruling<Option<Amounts>, Refused>, DispatchError> {
    let budget = &site.workspace.registry.budget;
    if !budget.is_counted() {
        return Ok(Ruling::Granted(None));
    }
    let (hub, now) = (hub(site)?, site.repo.identity()?.time);
    let amounts = wanted(limits);
    let (run, brand, ticket) = (brief.run.clone(), site.entry.brand.clone(), brief.ticket.clone());
    let until = now.plus(brief.timeout.saturating_add(GRACE));
    let what = Changed::Reserve { run, brand: brand.clone(), ticket: ticket.clone(), until, amounts: amounts.clone() };
    let change = Change { at: now, machine: machine::name(&hub), what };
    let done = apply(&hub, &change, |book| {
        let mut others = book.clone();
        others.open.remove(&brief.run);
        others.find_excess(budget, (&brand, Some(&ticket)), &amounts, now)
    });
    Ok(match done {
        Ok(None) => Ruling::Granted(Some(amounts)),
        Ok(Some(No::Excess(excess))) => {
            let of_ticket = (excess.scope == Scope::Ticket).then_some(excess.cap);
            Ruling::Denied(Refused { hold: Hold::Budget { why: excess.to_string() }, of_ticket })
        }
        Ok(Some(No::Invalid(why))) => Ruling::Denied(Refused { hold: Hold::Budget { why }, of_ticket: None }),
        // Nobody knows what others have reserved.
        Err(LedgerError::Unreachable { remote, why } | LedgerError::RefusedThere { remote, why }) => {
            Ruling::Denied(Refused { hold: Hold::RemoteAway { remote, why }, of_ticket: None })
        }
        Err(error) => return Err(error.into()),
    })
}

/// Settles what a run has used. If that cannot be written, all that was reserved is charged once its time is over.
pub(super) fn settle(site: &Site<'_>, run: &RunId, used: Amounts) {
    let done = hub(site).and_then(|hub| {
        let change = Change {
            at: site.repo.identity()?.time,
            machine: machine::name(&hub),
            what: Changed::Settle { run: run.clone(), used },
        };
        // One that was charged meanwhile needs no more.
        Ok(apply(&hub, &change, |_| None).map(drop)?)
    });
    if let Err(error) = done {
        site.tell(What::Trouble(Trouble::of(&error)));
    }
}

/// Gives a ticket back for which there is no budget now, or sets it aside if its own is used up.
///
/// # Errors
/// If the ledger cannot be read or written.
pub(super) fn give_back(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    run: &RunId,
    refused: Refused,
) -> Result<Fate, DispatchError> {
    let why = refused.hold.to_string();
    if let Some(cap) = refused.of_ticket {
        let loss = Loss { outcome: Outcome::OverBudget(cap), ..Loss::of_work(why) };
        ended::give_back(site, ledger, entry, run, &loss)?;
        return Ok(Fate::Blocked(refused.hold.to_string()));
    }
    let words = report::body(&why, Some(Outcome::Interrupted), &serde_json::Value::Null);
    write(ledger, &entry.id, &Draft::new(Action::Release, Role::Executor).by(run).saying(&words))?;
    Ok(Fate::Held(refused.hold))
}

/// The repository of the book.
fn hub(site: &Site<'_>) -> Result<Repo, DispatchError> {
    Ok(site.workspace.open(site.workspace.hub()?)?)
}

/// Why a change is not made.
enum No {
    Excess(Excess),
    Invalid(String),
}

/// Makes a change of the book, unless the book as it is by then speaks against it.
fn apply(hub: &Repo, change: &Change, find: impl Fn(&Book) -> Option<Excess>) -> Result<Option<No>, LedgerError> {
    let ledger = Ledger::open(hub)?;
    sync::change(&ledger, BUDGET, |tip| {
        let Some(book) = refs::budget::find(hub, tip)? else {
            return Ok(Update::Stop(Some(No::Invalid(format!("`{BUDGET}` cannot be read by this version of git-os")))));
        };
        let after = match book.after(change) {
            Ok(after) => after,
            Err(why) => return Ok(Update::Stop(Some(No::Invalid(why.to_string())))),
        };
        if let Some(excess) = find(&after) {
            return Ok(Update::Stop(Some(No::Excess(excess))));
        }
        Ok(Update::Move { to: refs::budget::write(hub, tip, &after, change)?, then: None })
    })
}

/// Why nobody is to be sent to the tickets of a repository for now, as far as is known here.
pub(super) fn find_full(at: Workplace<'_>, entry: &RepoEntry) -> Option<Excess> {
    let registry = &at.workspace.registry;
    if !registry.budget.is_counted() {
        return None;
    }
    let agent = registry.agents.get(entry.agent.as_deref()?)?;
    let hub = at.workspace.open(at.workspace.hub().ok()?).ok()?;
    let site = Site::open(at.in_silence(), entry).ok()?;
    let book = refs::budget::find(&hub, hub.find_ref(BUDGET).ok()?).ok()??;
    let now = site.repo.identity().ok()?.time;
    book.find_excess(&registry.budget, (&entry.brand, None), &wanted(&limits(&site, agent)), now)
}
