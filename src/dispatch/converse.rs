//! One run of an agent, as an orchestrator leads it: it tells what happens, and answers what is asked.

use super::{DispatchError, Site};
use crate::agent::process::Ended;
use crate::agent::session::{Conclusion, Decision, Delivery, Event, Session};
use crate::agent::{Brief, Surroundings};
use crate::core::progress::What;
use crate::local::output::Printer;

/// Runs an agent to its end; what it prints is kept as that of this printer.
///
/// # Errors
/// When it cannot be started, or somebody interrupts; how it ended is in the outcome.
pub(super) fn run(site: &Site<'_>, name: &str, brief: &Brief, printer: Printer) -> Result<Conclusion, DispatchError> {
    let settings = site.settings_for_runs()?;
    let (registry_dir, now) = (site.registry_dir(), site.repo.identity()?.time);
    let around = Surroundings { program: &site.env.program, registry_dir: &registry_dir, settings: &settings, now };
    let mut session = Session::start(name, &site.workspace.registry.agents[name], brief, around, site.stop)?;
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
        }
    }
    let outcome = session.conclude();
    site.tell_cut(name, &outcome.transcript);
    site.keep(&brief.ticket, &brief.run, printer, &outcome.transcript);
    if !outcome.usage.is_unknown() {
        site.tell(What::Usage(outcome.usage.clone()));
    }
    if outcome.ended == Ended::Interrupted { Err(DispatchError::Interrupted) } else { Ok(outcome) }
}
