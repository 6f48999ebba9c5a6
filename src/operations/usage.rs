//! What agents used, from the chains of tickets: runs, tokens, turns, time and money.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Done;
use crate::core::event::{Role, named};
use crate::core::id::{Brand, RepoName, TicketId};
use crate::core::report::Report;
use crate::core::time::Timestamp;
use crate::core::usage::Usage;
use crate::ledger::attempts::{Teller, attempts};
use crate::ledger::{Ledger, archive, replay};

named! {
    /// By what it is added up.
    By, "grouping", { Agent = "agent", Brand = "brand", Ticket = "ticket", Day = "day" }
}

/// One run of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) repo: RepoName,
    pub(crate) brand: Brand,
    pub(crate) ticket: TicketId,
    /// Its name and, where it says so, its model.
    pub(crate) agent: String,
    pub(crate) by: Teller,
    /// When it ended; when it began, where nothing tells of its end.
    pub(crate) time: Timestamp,
    /// All unknown where the agent said nothing.
    pub(crate) usage: Usage,
}

/// What several runs used together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sum {
    pub(crate) runs: usize,
    /// How many of them say nothing of money.
    pub(crate) without_cost: usize,
    pub(crate) usage: Usage,
}

impl Sum {
    fn add(&mut self, run: &Run) {
        self.runs += 1;
        self.without_cost += usize::from(run.usage.micro_dollars.is_none());
        self.usage.add(&run.usage);
    }
}

/// The runs on the tickets of a repository, live and archived, that ended at a time or later. Work by hand is none.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn runs(ledger: &Ledger<'_>, since: Option<Timestamp>) -> Done<Vec<Run>> {
    let mut all = Vec::new();
    let live = ledger.rows()?.tickets.into_iter().map(|row| (row.id, row.tip));
    for (id, tip) in live.chain(archive::list(ledger.repo)?) {
        let Some(links) = replay::links(ledger.repo, tip, None)?.granted() else { continue };
        let Some(brand) = links.first().map(|link| link.record.after.content.brand.clone()) else { continue };
        let run = |agent: String, by, time, usage| Run {
            repo: ledger.policy.repo.clone(),
            brand: brand.clone(),
            ticket: id.clone(),
            agent,
            by,
            time,
            usage,
        };
        for link in links.iter().filter(|link| link.record.event.actor == Role::Planner) {
            let event = &link.record.event;
            if let (Some(agent), Some(record)) = (&event.agent, Report::read(&event.text).record) {
                all.push(run(agent.clone(), Teller::Planner, link.commit.time(), Usage::of_record(&record)));
            }
        }
        for attempt in attempts(&links) {
            let Some(agent) = attempt.holding.agent.clone() else { continue };
            for told in &attempt.told {
                let name = told.agent.clone().unwrap_or_else(|| agent.clone());
                all.push(run(name, told.by, told.time, Usage::of_record(&told.record)));
            }
            if attempt.told.iter().all(|told| told.by == Teller::Verifier) {
                all.push(run(agent, Teller::Executor, attempt.ended.unwrap_or(attempt.begun), Usage::default()));
            }
        }
    }
    all.retain(|run| since.is_none_or(|since| run.time >= since));
    Ok(all)
}

/// Adds up; the key is what the runs of a sum have in common.
#[must_use]
pub(crate) fn sums(runs: &[Run], by: By) -> BTreeMap<String, Sum> {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for run in runs {
        let key = match by {
            By::Agent => run.agent.clone(),
            By::Brand => run.brand.to_string(),
            By::Ticket => run.ticket.to_string(),
            By::Day => run.time.date(),
        };
        sums.entry(key).or_default().add(run);
    }
    sums
}

/// The sum of all.
#[must_use]
pub(crate) fn total(runs: &[Run]) -> Sum {
    let mut sum = Sum::default();
    for run in runs {
        sum.add(run);
    }
    // Of several models none is the one.
    sum.usage.model = None;
    sum
}
