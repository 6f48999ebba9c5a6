//! The attempts at a ticket, one after the other, as its chain tells them.

use super::replay::{Link, read_verdict};
use super::{Ledger, LedgerError};
use crate::core::event::{Action, State};
use crate::core::holding::Holding;
use crate::core::id::ObjectId;
use crate::core::text::headline;
use crate::core::time::Timestamp;
use crate::core::verdict::Verdict;

/// How the line of a submitted work begins that says what its agent used.
const RECORD: &str = "Record: ";

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
    pub(crate) outcome: String,
    /// What the agent says it used.
    pub(crate) record: Option<serde_json::Value>,
    /// The last verdict on it, as the tree and the number of its event.
    verdict: Option<(ObjectId, u32)>,
}

impl Attempt {
    fn begin(holding: Holding, link: &Link, outcome: &str) -> Self {
        Self {
            holding,
            number: link.record.after.attempt,
            begun: link.commit.time(),
            ended: None,
            outcome: outcome.to_owned(),
            record: None,
            verdict: None,
        }
    }

    /// What the attempt cost in US dollars, if its agent says so.
    #[must_use]
    pub(crate) fn dollars(&self) -> Option<f64> {
        self.record.as_ref()?["total_cost_usd"].as_f64()
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
    let because = |what: &str| match headline(&event.text).as_str() {
        "" => what.to_owned(),
        why => format!("{what}: {why}"),
    };
    let (outcome, is_end) = match &event.action {
        Action::Start { .. } | Action::Answer => ("working".to_owned(), false),
        Action::Ask => ("waiting for an answer".to_owned(), false),
        Action::Submit { .. } => {
            if let Some(agent) = &event.agent {
                attempt.holding.agent = Some(agent.clone());
            }
            let record = event.text.lines().rev().find_map(|line| line.strip_prefix(RECORD));
            attempt.record = record.and_then(|record| serde_json::from_str(record).ok());
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
        | Action::Step { .. }
        | Action::Unblock
        | Action::Comment
        | Action::Conflict => return,
    };
    if matches!(event.action, Action::Pass | Action::Fail { .. }) {
        attempt.verdict = Some((link.commit.tree_id, link.record.after.seq));
    }
    // What happens to the ticket after an attempt is over is not of it, but for its landing.
    if attempt.ended.is_none() || matches!(event.action, Action::Merge { .. }) {
        attempt.outcome = outcome;
        attempt.ended = attempt.ended.or(is_end.then(|| link.commit.time()));
    }
}

impl Ledger<'_> {
    /// The last verdict on an attempt. One that was given by hand without a file is none.
    ///
    /// # Errors
    /// When a tree cannot be read.
    pub(crate) fn find_verdict(&self, attempt: &Attempt) -> Result<Option<Verdict>, LedgerError> {
        let Some((tree_id, seq)) = attempt.verdict else { return Ok(None) };
        Ok(read_verdict(self.repo, tree_id, seq)?.granted())
    }
}
