//! Replaying a landed ticket with another agent.

use super::{Done, OperationError, Verb};
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::core::outcome::Outcome;
use crate::dispatch::Site;
use crate::dispatch::replay::{self, Replayed};
use crate::doctor::programs::find_lack_of_agent;
use crate::gate;

/// Lets an agent work on a ticket that has landed, from its recorded base, brief and policy, and judges what it hands in. Nothing of it is
/// kept.
///
/// # Errors
/// When the ticket has not landed, the registry has no such agent, it cannot be started, or the orchestrator fails.
pub(crate) fn replay(site: &Site<'_>, id: &TicketId, agent: &str) -> Done<Replayed> {
    let known = || site.workspace.registry.agents.keys().cloned().collect();
    let registered = site.workspace.registry.agents.get(agent);
    let registered = registered.ok_or_else(|| OperationError::NoSuchAgent { agent: agent.to_owned(), known: known() })?;
    if let Some(lack) = find_lack_of_agent(registered, site.workspace.root()) {
        let (outcome, why) = (Outcome::MissingClient, lack.to_string());
        return Err(OperationError::Unusable { agent: agent.to_owned(), outcome, why });
    }
    let (entry, _) = site.ledger()?.read_legal(id)?;
    if entry.ticket.state != State::Merged {
        let (state, needed) = (entry.ticket.state, State::Merged);
        return Err(OperationError::WrongState { verb: Verb::Replay, id: id.clone(), state, needed });
    }
    let verdict = gate::find_pass(&site.repo, entry.tip)?.ok_or_else(|| OperationError::NoBase(id.clone()))?;
    replay::run(site, &entry, verdict, agent)?.ok_or_else(|| OperationError::NoBase(id.clone()))
}
