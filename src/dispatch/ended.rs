//! Runs that end without work to verify: what becomes of their ticket, and of their agent.

use super::{DispatchError, Site, write};
use crate::core::event::{Action, Role};
use crate::core::id::RunId;
use crate::core::outcome::Outcome;
use crate::core::progress::{CareEvent, Hold, Trouble, What};
use crate::core::report;
use crate::ledger::{Draft, Entry, Ledger};

/// How many runs in a row may go wrong at least before a ticket is set aside, though it is nothing that the work did.
const MIN_IN_VAIN: u32 = 3;

/// How a run ended that hands nothing in.
pub(super) struct Loss {
    pub(super) outcome: Outcome,
    pub(super) why: String,
    /// What its agent says of itself; null if nothing.
    pub(super) said: serde_json::Value,
    /// Its name and, where it says so, its model.
    pub(super) agent: Option<String>,
}

impl Loss {
    /// That what the agent did cannot be taken in.
    pub(super) fn of_work(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, why: why.into(), said: serde_json::Value::Null, agent: None }
    }

    /// The same, with what an agent said of itself.
    pub(super) fn told_by(self, agent: &str, said: &serde_json::Value) -> Self {
        Self { said: said.clone(), agent: Some(agent.to_owned()), ..self }
    }
}

/// Makes the ticket of a run ready again; or sets it aside, if the work has used up its attempts or too many runs ended in vain.
///
/// # Errors
/// If the ledger cannot be read or written.
pub(super) fn give_back(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    run: &RunId,
    loss: &Loss,
) -> Result<(), DispatchError> {
    let Loss { outcome, why, said, agent } = loss;
    let used = ledger.used(entry)?;
    let max = ledger.policy.max_attempts;
    let mut words = why.clone();
    let is_over = match outcome {
        Outcome::OverBudget(_) => true,
        Outcome::TimedOut | Outcome::Crashed => {
            let enough = if *outcome == Outcome::Crashed { max.max(MIN_IN_VAIN) } else { max };
            let count = used.in_vain + 1;
            if count >= enough && count > 1 {
                words = format!("{}; the last one: {why}", in_vain(count));
            }
            count >= enough
        }
        outcome => outcome.uses_up_attempt() && used.attempts + 1 >= max,
    };
    if outcome.is_of_agent() {
        send_to_rest(site, super::agent_name(site.entry)?, *outcome, why)?;
    } else if outcome.uses_up_attempt() {
        site.tell(What::AttemptFailed { attempt: used.attempts + 1, why: why.clone() });
    } else {
        site.tell(What::RunEnded { outcome: *outcome, why: why.clone() });
    }
    let action = if is_over { Action::Block } else { Action::Release };
    let words = report::body(&words, Some(*outcome), said);
    let draft = Draft::new(action, Role::Executor).by(run).saying(&words);
    let draft = agent.as_ref().map_or(draft.clone(), |agent| draft.agent(agent));
    write(ledger, &entry.id, &draft).map(drop)
}

/// Why nobody is to be sent to a ticket any more that has just been claimed: whoever was, died with it.
///
/// # Errors
/// If the chain cannot be read.
pub(super) fn find_hopeless(ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<String>, DispatchError> {
    let count = ledger.used(entry)?.in_vain;
    Ok((count >= ledger.policy.max_attempts.max(MIN_IN_VAIN)).then(|| in_vain(count)))
}

fn in_vain(count: u32) -> String {
    format!("{count} runs in a row ended without a result")
}

/// Starts nobody else with this agent for a while.
///
/// # Errors
/// If the clock cannot be read.
pub(super) fn send_to_rest(site: &Site<'_>, agent: &str, outcome: Outcome, why: &str) -> Result<Hold, DispatchError> {
    let now = site.repo.identity()?.time;
    match site.resting.send(site.account(agent), outcome, why, now) {
        Ok(rest) => {
            let (agent, why, until) = (agent.to_owned(), why.to_owned(), rest.until);
            site.tell(What::Care(CareEvent::AgentRests { agent, outcome, why, until }));
        }
        Err(error) => site.tell(What::Trouble(Trouble::of(&error))),
    }
    Ok(Hold::Agent { agent: agent.to_owned(), why: why.to_owned() })
}

/// Asks a judge nothing more about this ticket for a while. Others may be another matter.
///
/// # Errors
/// If the clock cannot be read.
pub(super) fn rest_from(site: &Site<'_>, judge: &str, entry: &Entry, outcome: Outcome, why: &str) -> Result<Hold, DispatchError> {
    let now = site.repo.identity()?.time;
    if let Err(error) = site.resting.send(&with(judge, entry), outcome, why, now) {
        site.tell(What::Trouble(Trouble::of(&error)));
    }
    Ok(Hold::Agent { agent: judge.to_owned(), why: why.to_owned() })
}

/// A judge with one ticket, as what rests; no account has such a name.
fn with(judge: &str, entry: &Entry) -> String {
    format!("{judge}\n{}", entry.id)
}

/// Why a judge may not be asked about a ticket now, if so.
///
/// # Errors
/// If the clock cannot be read.
pub(super) fn find_rest_from(site: &Site<'_>, judge: &str, entry: &Entry) -> Result<Option<Hold>, DispatchError> {
    let rest = site.resting.find(&with(judge, entry), site.repo.identity()?.time);
    match rest {
        Some(rest) => Ok(Some(Hold::Agent { agent: judge.to_owned(), why: rest.why })),
        None => find_rest(site, judge),
    }
}

/// Why an agent may not be used now, if so.
///
/// # Errors
/// If the clock cannot be read.
pub(super) fn find_rest(site: &Site<'_>, agent: &str) -> Result<Option<Hold>, DispatchError> {
    let rest = site.resting.find(site.account(agent), site.repo.identity()?.time);
    Ok(rest.map(|rest| Hold::Agent { agent: agent.to_owned(), why: rest.why }))
}
