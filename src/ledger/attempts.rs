//! The attempts at a ticket, one after the other, as its chain tells them.

use super::replay::{Link, links};
use super::tree::read_verdict;
use super::{Entry, Ledger, LedgerError};
use crate::core::event::{Action, State, StepState, named};
use crate::core::holding::Holding;
use crate::core::id::ObjectId;
use crate::core::outcome::Outcome;
use crate::core::report::Report;
use crate::core::text::headline;
use crate::core::time::Timestamp;
use crate::core::verdict::Verdict;

/// What git-os says of an agent that submitted past it, with what the agent used.
pub(crate) const SUBMITTED_BY_ITSELF: &str = "the agent submitted by itself";

/// One attempt: from its claim, or from the failure of the one before, to its end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) holding: Holding,
    /// The number that the ticket had for it. It begins anew when an operator makes the ticket ready again.
    pub(crate) number: u32,
    pub(crate) begun: Timestamp,
    /// `None` while it goes on.
    pub(crate) ended: Option<Timestamp>,
    /// What came of it so far, in a few words.
    pub(crate) stage: String,
    /// How its agent ended, where its chain says so.
    pub(crate) outcome: Option<Outcome>,
    /// What its agents say they used, one after the other, since with each answer a new one begins; and then its judges.
    pub(crate) told: Vec<Told>,
    /// The last verdict on it, as the tree and the number of its event.
    verdict: Option<(ObjectId, u32)>,
}

/// What an agent says of itself at its end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// The agent, where the event names it.
    pub(crate) agent: Option<String>,
    pub(crate) by: Teller,
    pub(crate) time: Timestamp,
    pub(crate) record: serde_json::Value,
}

named! {
    /// What an agent was there for.
    Teller, "teller", { Executor = "executor", Verifier = "verifier", Planner = "planner" }
}

impl Attempt {
    fn begin(holding: Holding, link: &Link, stage: &str) -> Self {
        Self {
            holding,
            number: link.record.after.attempt,
            begun: link.commit.time(),
            ended: None,
            stage: stage.to_owned(),
            outcome: None,
            told: Vec::new(),
            verdict: None,
        }
    }

    /// What the attempt cost in US dollars, with those who judged it, if anybody says so.
    #[must_use]
    pub(crate) fn dollars(&self) -> Option<f64> {
        self.told.iter().filter_map(|told| told.record["total_cost_usd"].as_f64()).reduce(|sum, one| sum + one)
    }
}

/// The attempts of a chain, oldest first; the links are those of [`super::replay::links`], newest first.
#[must_use]
pub(crate) fn attempts(links: &[Link]) -> Vec<Attempt> {
    let mut all: Vec<Attempt> = Vec::new();
    for link in links.iter().rev() {
        let event = &link.record.event;
        if let Some(holding) = Holding::of_claim(event, &link.commit.author, link.commit.time()) {
            all.push(Attempt::begin(holding, link, "preparing"));
        } else if let Some(last) = all.last_mut() {
            tell(last, link);
            if matches!(event.action, Action::Fail { then: State::Running }) {
                let holding = last.holding.clone();
                all.push(Attempt::begin(holding, link, "working"));
            }
        }
    }
    all
}

/// Adds to an attempt what an event says of it.
fn tell(attempt: &mut Attempt, link: &Link) {
    let event = &link.record.event;
    let report = Report::read(&event.text);
    let because = |what: &str| match headline(report.words).as_str() {
        "" => what.to_owned(),
        why => format!("{what}: {why}"),
    };
    let by = if matches!(event.action, Action::Pass | Action::Fail { .. }) { Teller::Verifier } else { Teller::Executor };
    let told = |record: Option<serde_json::Value>| {
        record.map(|record| Told { agent: event.agent.clone(), by, time: link.commit.time(), record })
    };
    let (stage, is_end) = match &event.action {
        Action::Start { .. } | Action::Answer => ("working".to_owned(), false),
        Action::Ask => ("waiting for an answer".to_owned(), false),
        Action::Submit { .. } => {
            if let Some(agent) = &event.agent {
                attempt.holding.agent = Some(agent.clone());
            }
            attempt.outcome = Some(Outcome::HandedIn);
            ("submitted".to_owned(), false)
        }
        Action::Stale { .. } => ("submitted again".to_owned(), false),
        Action::Pass => ("verified".to_owned(), false),
        Action::Merge { .. } => ("landed".to_owned(), true),
        Action::Fail { .. } => (because("failed"), true),
        Action::Block => (because("blocked"), true),
        Action::Release => (because("given back"), true),
        Action::Expire => ("the lease expired".to_owned(), true),
        Action::Cancel => (because("canceled"), true),
        Action::Create { .. }
        | Action::Edit { .. }
        | Action::Approve
        | Action::Reject
        | Action::Claim { .. }
        | Action::Renew { .. }
        | Action::Unblock
        | Action::Conflict => return,
        Action::Step { .. } => {
            // Each step has an agent of its own.
            if attempt.ended.is_none() {
                attempt.told.extend(told(report.record));
            }
            return;
        }
        Action::Comment => {
            // Whoever comments may say anything.
            let is_own = report.words == SUBMITTED_BY_ITSELF && event.agent.is_some() && attempt.ended.is_none();
            attempt.told.extend(told(report.record.filter(|_| is_own)));
            return;
        }
    };
    let is_verdict = matches!(event.action, Action::Pass | Action::Fail { .. });
    // What a judge used is of the verdict, and not of the work.
    if is_verdict || attempt.ended.is_none() {
        attempt.told.extend(told(report.record));
    }
    if !is_verdict && attempt.ended.is_none() {
        attempt.outcome = report.outcome.or(attempt.outcome);
    }
    if is_verdict {
        attempt.verdict = Some((link.commit.tree_id, link.record.after.seq));
    }
    // What happens to the ticket after an attempt is over is not of it, but for its landing.
    if attempt.ended.is_none() || matches!(event.action, Action::Merge { .. }) {
        attempt.stage = stage;
        attempt.ended = attempt.ended.or(is_end.then(|| link.commit.time()));
    }
}

/// What a ticket has used up since an operator last made it ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// Attempts at the work that failed.
    pub(crate) attempts: u32,
    /// Runs in a row, up to now, that ended without being the work's fault.
    pub(crate) in_vain: u32,
}

/// What the chain of a ticket says that it has used up; the links are those of [`super::replay::links`], newest first.
#[must_use]
pub(crate) fn used(links: &[Link]) -> Used {
    let mut used = Used::default();
    let mut is_in_a_row = true;
    let mut has_expired = false;
    for link in links {
        let event = &link.record.event;
        let outcome = || Report::read(&event.text).outcome;
        match &event.action {
            Action::Approve | Action::Unblock => break,
            Action::Fail { .. } => {
                used.attempts += 1;
                is_in_a_row = false;
            }
            Action::Submit { .. } | Action::Answer | Action::Step { state: StepState::Done, .. } => is_in_a_row = false,
            Action::Release if outcome().is_some_and(Outcome::uses_up_attempt) => {
                used.attempts += 1;
                is_in_a_row = false;
            }
            Action::Release if is_in_a_row && matches!(outcome(), Some(Outcome::Crashed | Outcome::TimedOut)) => {
                used.in_vain += 1;
            }
            Action::Expire => has_expired = true,
            // Whoever took it died with it; a person may have let it go.
            Action::Claim { .. } if std::mem::take(&mut has_expired) && is_in_a_row && event.agent.is_some() => used.in_vain += 1,
            Action::Create { .. }
            | Action::Edit { .. }
            | Action::Reject
            | Action::Claim { .. }
            | Action::Start { .. }
            | Action::Renew { .. }
            | Action::Step { .. }
            | Action::Ask
            | Action::Pass
            | Action::Stale { .. }
            | Action::Merge { .. }
            | Action::Block
            | Action::Release
            | Action::Cancel
            | Action::Comment
            | Action::Conflict => {}
        }
    }
    used
}

impl Ledger<'_> {
    /// What a ticket has used up.
    ///
    /// # Errors
    /// When its chain cannot be read.
    pub(crate) fn used(&self, entry: &Entry) -> Result<Used, LedgerError> {
        Ok(links(self.repo, entry.tip, None)?.granted().map(|links| used(&links)).unwrap_or_default())
    }

    /// The last verdict on an attempt. One that was given by hand without a file is none.
    ///
    /// # Errors
    /// When a tree cannot be read.
    pub(crate) fn find_verdict(&self, attempt: &Attempt) -> Result<Option<Verdict>, LedgerError> {
        let Some((tree_id, seq)) = attempt.verdict else { return Ok(None) };
        Ok(read_verdict(self.repo, tree_id, seq)?.granted())
    }
}
