//! One run of an agent, as an orchestrator leads it: it tells what happens, and answers what is asked.

use super::budget::{self, Refused};
use super::effects::Effects;
use super::{DispatchError, Site};
use crate::agent::process::{Ended, ProcessError};
use crate::agent::session::{Conclusion, Decision, Delivery, Event, Session};
use crate::agent::{Brief, Duty, Surroundings};
use crate::core::budget::{Amounts, spent, words};
use crate::core::outcome::{Cap, Outcome};
use crate::core::progress::What;
use crate::core::ruling::Ruling;
use crate::local::output::Printer;

/// Runs an agent to its end, within its budget; what it prints is kept as that of this printer.
///
/// # Errors
/// When it cannot be started, or somebody interrupts; how it ended is in the outcome.
pub(super) fn run(
    site: &Site<'_>,
    name: &str,
    brief: &Brief,
    printer: Printer,
) -> Result<Ruling<Conclusion, Refused>, DispatchError> {
    let limits = budget::limits(site, &site.workspace.registry.agents[name]);
    let timeout = limits.get(Cap::Minutes).map_or(brief.timeout, |seconds| seconds.min(brief.timeout));
    let brief = Brief { timeout, limits, ..brief.clone() };
    let reserved = match budget::reserve(site, &brief, &brief.limits)? {
        Ruling::Granted(reserved) => reserved,
        Ruling::Denied(why) => return Ok(Ruling::Denied(why)),
    };
    let done = converse(site, name, &brief);
    if let Some(reserved) = reserved {
        budget::settle(
            site,
            &brief.run,
            match &done {
                Ok(outcome) => reserved.used_of(&outcome.usage, outcome.took.as_secs()),
                // It never began.
                Err(DispatchError::Process(ProcessError::Start { .. } | ProcessError::Prepare { .. })) => Amounts::default(),
                Err(_) => reserved,
            },
        );
    }
    let outcome = done?;
    site.tell_cut(name, &outcome.transcript);
    site.keep(&brief.ticket, &brief.run, printer, &outcome.transcript);
    if !outcome.usage.is_unknown() {
        site.tell(What::Usage(outcome.usage.clone()));
    }
    if outcome.ended == Ended::Interrupted { Err(DispatchError::Interrupted) } else { Ok(Ruling::Granted(outcome)) }
}

/// Talks with an agent until its end, and ends it where it goes beyond its limits.
fn converse(site: &Site<'_>, name: &str, brief: &Brief) -> Result<Conclusion, DispatchError> {
    let agent = &site.workspace.registry.agents[name];
    let settings = site.settings_for_runs()?;
    let (registry_dir, now) = (site.registry_dir(), site.repo.identity()?.time);
    let around = Surroundings { program: &site.env.program, registry_dir: &registry_dir, settings: &settings, now };
    let no_progress = agent.no_progress.filter(|_| brief.duty == Duty::Executor);
    let mut effects = Effects::begin(brief, &brief.limits, no_progress);
    let mut session = Session::start(name, agent, brief, around, site.stop)?;
    while let Some(event) = session.next()? {
        match event {
            Event::Tool(tool) => site.tell(What::Tool(tool)),
            // What an agent may do is settled before it starts. One that cannot be told so would wait until its time is up.
            Event::Permission(asked) => {
                if session.answer(&asked, Decision::Deny) == Delivery::Closed {
                    session.cancel();
                }
                site.tell(What::Denied(asked.tool));
            }
            Event::Tick => {
                let end = find_exceeded(&session, &brief.limits).or_else(|| effects.find_end(|| session.elapsed()));
                if let Some((end, why)) = end {
                    session.end_for(end, &why);
                }
            }
        }
    }
    let is_of_budget = brief.limits.get(Cap::Minutes).is_some_and(|seconds| seconds <= brief.timeout);
    Ok(session.conclude().within(is_of_budget.then(|| words(Cap::Minutes, brief.timeout))))
}

/// What a run has used more of than it may, as far as its client tells while it works.
fn find_exceeded(session: &Session, limits: &Amounts) -> Option<(Outcome, String)> {
    let used = session.used();
    [Cap::Turns, Cap::Dollars, Cap::Tokens].into_iter().find_map(|cap| {
        let (limit, used) = (limits.get(cap)?, spent(&used, cap)?);
        let why = || format!("it used {} of {}", words(cap, used), words(cap, limit));
        (used > limit).then(|| (Outcome::OverBudget(cap), why()))
    })
}
