//! Work on one ticket that a person asked for, while others wait.

use super::land::bring_trunk;
use super::schedule::{Ending, content, find_lack, work};
use super::{DispatchError, Site, Workplace, ended, recover};
use crate::core::id::TicketId;
use crate::core::progress::{Event, Fate, Hold, Trouble};
use crate::core::registry::RepoEntry;
use crate::ledger::shared_remote;

/// Takes one ticket as far as it gets: a ready one, or one that a run held whose orchestrator is gone.
///
/// # Errors
/// When the orchestrator itself fails, or somebody interrupts.
pub(crate) fn run(at: Workplace<'_>, entry: &RepoEntry, id: &TicketId) -> Result<Fate, DispatchError> {
    let workspace = at.workspace;
    if let Some(hub) = workspace.hub().ok().and_then(|hub| workspace.open(hub).ok()) {
        at.resting.keep_in(&hub);
    }
    let site = Site::open(at, entry)?;
    if let (Some(remote), Some(trunk)) = (shared_remote(&site.repo), site.ledger()?.policy.trunk()) {
        bring_trunk(&site, &site.ledger()?, &remote, &trunk)?;
    }
    let Some(agent) = &entry.agent else { return Ok(Fate::Held(Hold::NoAgent { repo: entry.name.to_string() })) };
    if let Some(lack) = find_lack(workspace, agent) {
        return Ok(Fate::Held(Hold::Agent { agent: agent.clone(), why: lack.to_string() }));
    }
    if let Some(hold) = ended::find_rest(&site, agent)? {
        return Ok(Fate::Held(hold));
    }
    // The records of others are let go of, and stay where they are.
    let own = recover::orphans(&site)?.holding.into_iter().find(|record| record.ticket() == id);
    let lane = |ticket, left| at.listener.hear(&Event::Lane { brand: entry.brand.clone(), ticket, left });
    lane(Some(id.clone()), None);
    let done = work(at, entry, id, own);
    lane(None, Some(id.clone()));
    let fate = match done {
        // As in a lane: what goes wrong with a ticket is its end here, and no end of the program.
        Err(error) if !matches!(error, DispatchError::Interrupted) => Fate::Failed(Trouble::of(&error)),
        done => done?,
    };
    let title = content(workspace, entry, id).map(|content| content.title).unwrap_or_default();
    let ending = Ending { repo: entry.name.clone(), brand: entry.brand.clone(), id: id.clone(), title, fate: fate.clone() };
    at.listener.hear(&ending.event());
    Ok(fate)
}
