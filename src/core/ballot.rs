//! Several judges of one commit: how many have to agree, and which of their votes count.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::criteria::{Answer, Criteria};
use super::id::RunId;
use super::verdict::{Judgement, Verdict};

/// What a policy asks of the judges, where that is more than that one of them agrees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Judges {
    /// Who may vote, by their names in the registry.
    pub(crate) verifiers: Vec<String>,
    /// How many have to agree.
    pub(crate) quorum: u32,
    /// Whether the vote of an agent that is like the one who worked does not count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) decorrelated: bool,
}

impl fmt::Display for Judges {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {}", self.quorum, self.verifiers.join(", "))?;
        if self.decorrelated { out.write_str(", unlike the agent that worked") } else { Ok(()) }
    }
}

/// An agent, by what it has in common with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Party {
    /// Its name in the registry.
    pub(crate) agent: String,
    /// The kind of its client and, where that says nothing of the program, the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<String>,
    /// The model, as the client or otherwise the registry names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
}

impl Party {
    /// Whether the other is likely to make the same mistakes: it has the same model or, where a model is not known, the same client.
    #[must_use]
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        if self.agent == other.agent {
            return true;
        }
        match (&self.model, &other.model) {
            (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
            // Of a client that is not known, nothing says that it is another.
            _ => self.client.is_none() || other.client.is_none() || self.client == other.client,
        }
    }
}

/// What one of several judges found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vote {
    /// The run of the judge.
    pub(crate) run: RunId,
    pub(crate) verdict: Judgement,
    #[serde(flatten)]
    pub(crate) party: Party,
    pub(crate) reasons: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) criteria: Vec<Answer>,
}

/// The votes on one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ballot {
    /// Who did the work; null if that was no agent.
    pub(crate) worker: Option<Party>,
    pub(crate) votes: Vec<Vote>,
}

/// Why a vote does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uncounted {
    Against,
    /// The policy does not name this judge.
    NotNamed,
    /// The judge, or its run, has voted before.
    Twice,
    /// The run is the one that did the work.
    Holder,
    LikeWorker,
    /// It does not say that this criterion is met.
    Criterion(u32),
}

impl fmt::Display for Uncounted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Against => out.write_str("one is against"),
            Self::NotNamed => out.write_str("one is not a verifier of the policy"),
            Self::Twice => out.write_str("one voted twice"),
            Self::Holder => out.write_str("one is the run that did the work"),
            Self::LikeWorker => out.write_str("one has the model or client of the agent that did the work"),
            Self::Criterion(number) => write!(out, "one does not say that criterion {number} is met"),
        }
    }
}

impl Judges {
    /// Why a vote of a verdict does not count, if it does not.
    #[must_use]
    pub(crate) fn find_fault(&self, verdict: &Verdict, ballot: &Ballot, at: usize, criteria: &Criteria) -> Option<Uncounted> {
        let vote = ballot.votes.get(at)?;
        let by_rule = verdict.acceptance.as_ref().map_or(&[][..], |answered| &answered.by_rule);
        let is_repeated = |other: &Vote| other.party.agent == vote.party.agent || other.run == vote.run;
        if vote.verdict == Judgement::Fail {
            Some(Uncounted::Against)
        } else if !self.verifiers.contains(&vote.party.agent) {
            Some(Uncounted::NotNamed)
        } else if ballot.votes[..at].iter().any(is_repeated) {
            Some(Uncounted::Twice)
        } else if vote.run == verdict.holder {
            Some(Uncounted::Holder)
        } else if self.decorrelated && ballot.worker.as_ref().is_some_and(|worker| worker.is_like(&vote.party)) {
            Some(Uncounted::LikeWorker)
        } else {
            criteria.find_unmet(by_rule, Some(&vote.criteria)).map(Uncounted::Criterion)
        }
    }

    /// Whether enough votes of a verdict count; otherwise how many do.
    ///
    /// # Errors
    /// The number of votes that count, and what is wrong with the first that does not.
    pub(crate) fn agree(&self, verdict: &Verdict, criteria: &Criteria) -> Result<(), (u32, Option<Uncounted>)> {
        let Some(ballot) = &verdict.ballot else { return Err((0, None)) };
        let faults: Vec<_> = (0..ballot.votes.len()).map(|at| self.find_fault(verdict, ballot, at, criteria)).collect();
        let count = u32::try_from(faults.iter().filter(|fault| fault.is_none()).count()).unwrap_or(u32::MAX);
        if count >= self.quorum { Ok(()) } else { Err((count, faults.into_iter().flatten().next())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(agent: &str, client: Option<&str>, model: Option<&str>) -> Party {
        Party { agent: agent.to_owned(), client: client.map(str::to_owned), model: model.map(str::to_owned) }
    }

    #[test]
    fn who_is_like_whom() {
        let worker = party("claude", Some("claude"), Some("opus"));
        for (other, is_like) in [
            (party("claude", Some("claude"), Some("sonnet")), true),
            (party("judge", Some("claude"), Some("OPUS")), true),
            (party("judge", Some("opencode"), Some("opus")), true),
            (party("judge", Some("claude"), None), true),
            (party("judge", None, None), true),
            (party("judge", Some("claude"), Some("sonnet")), false),
            (party("judge", Some("codex"), None), false),
        ] {
            assert_eq!(worker.is_like(&other), is_like, "{other:?}");
            assert_eq!(other.is_like(&worker), is_like, "{other:?}");
        }
    }
}
