//! A plan for a ticket: an agent reads the repository in a clean worktree, and answers with steps and criteria.

use serde_json::Value;

use super::scratch::Scratch;
use super::{DispatchError, Site, brief, converse, ended};
use crate::agent::{Brief, Duty};
use crate::core::budget::Amounts;
use crate::core::outcome::Outcome;
use crate::core::plan::Plan;
use crate::core::progress::{Activity, Trouble, What};
use crate::core::ruling::Ruling;
use crate::core::secrets;
use crate::core::usage::Usage;
use crate::ledger::{Entry, Ledger, new_run};
use crate::local::locks::take_verification;
use crate::local::output::Printer;

/// How often an agent is asked for a plan, the first time included; the second time it is told what is wrong.
const ROUNDS: u32 = 2;

/// The shape of a plan. Clients that hold their model to a schema want every key to be required.
const SCHEMA: &str = r#"{"type":"object","properties":{"version":{"type":"integer","enum":[1]},"goal":{"type":"string"},"steps":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"title":{"type":"string"},"type":{"type":"string","enum":["agent","shell","ask_user"]},"prompt":{"type":["string","null"]},"shell":{"type":["string","null"]},"approval":{"type":"string","enum":["none","before_run","before_write"]},"depends_on":{"type":"array","items":{"type":"string"}}},"required":["id","title","type","prompt","shell","approval","depends_on"],"additionalProperties":false}},"success_criteria":{"type":"array","items":{"type":"string"}}},"required":["version","goal","steps","success_criteria"],"additionalProperties":false}"#;

/// A plan, and who made it.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// The agent's name and, where it says so, its model.
    pub(crate) agent: String,
    /// What it says of itself; null if nothing.
    pub(crate) record: Value,
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) struct Unplanned {
    pub(crate) outcome: Outcome,
    pub(crate) why: String,
    pub(crate) agent: String,
    pub(crate) record: Value,
}

/// Asks an agent for a plan of a draft. `None` if another process does.
///
/// # Errors
/// When git, the ledger or the agent's process fails, or somebody interrupts.
pub(crate) fn run(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    name: &str,
) -> Result<Option<Ruling<Planned, Unplanned>>, DispatchError> {
    let trunk = ledger.policy.trunk().unwrap_or_default();
    let tip = ledger.find_trunk_tip()?.ok_or(DispatchError::Unborn(trunk))?;
    let Some(_lock) = take_verification(&site.repo, &entry.id)? else { return Ok(None) };
    let place = Scratch::add(site, &entry.id, tip)?;
    let planned = ask(site, ledger, entry, name, &place);
    if let Err(error) = place.remove(site) {
        site.tell(What::Trouble(Trouble::of(&error)));
    }
    planned.map(Some)
}

fn ask(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    name: &str,
    place: &Scratch,
) -> Result<Ruling<Planned, Unplanned>, DispatchError> {
    let (mut faults, mut usage) = (Vec::new(), Usage::default());
    let mut attempt = 0;
    loop {
        attempt += 1;
        let brief = Brief {
            text: brief::planner(site, ledger, entry, &faults)?.whole(),
            duty: Duty::Planner,
            ticket: entry.id.clone(),
            run: new_run()?,
            attempt,
            schema: Some(SCHEMA),
            step: None,
            worktree: place.path.clone(),
            outbox: place.path.join(".git-os-none"),
            timeout: site.entry.timeout,
            limits: Amounts::default(),
        };
        site.tell(What::Begun(Activity::Planning { agent: name.to_owned() }));
        let conclusion = match converse::run(site, name, &brief, Printer::Planner { attempt })? {
            Ruling::Granted(conclusion) => conclusion,
            Ruling::Denied(refused) => return Err(DispatchError::NoBudget(Box::new(refused))),
        };
        let (outcome, failure) = (conclusion.end(), conclusion.failure().map(ToString::to_string));
        usage.add(&Usage::of_record(&conclusion.record));
        let record = usage.record();
        let record = if record.is_empty() { Value::Null } else { Value::Object(record) };
        let agent = conclusion.agent;
        if let Some(why) = failure {
            if outcome.is_of_agent() {
                ended::send_to_rest(site, name, outcome, &why)?;
            }
            return Ok(Ruling::Denied(Unplanned { outcome, why, agent, record }));
        }
        match Plan::read(&secrets::redact(&conclusion.answer)) {
            Ok(plan) => return Ok(Ruling::Granted(Planned { plan, agent, record })),
            Err(found) => faults = found.iter().map(ToString::to_string).collect(),
        }
        if attempt == ROUNDS {
            let why = format!("{name} gave no plan that can be used: {}", faults.join("; "));
            return Ok(Ruling::Denied(Unplanned { outcome: Outcome::Failed, why, agent, record }));
        }
    }
}
