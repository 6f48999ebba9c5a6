//! How a run of an agent ended: one name for each, which says whether it is the work's matter or the agent's.

use std::fmt;

use super::time::Timestamp;

/// The written forms of what has no data, in the order of [`Outcome`].
const PLAIN: &[(&str, Outcome)] = &[
    ("handed-in", Outcome::HandedIn),
    ("nothing-changed", Outcome::NothingChanged),
    ("asked", Outcome::Asked),
    ("failed", Outcome::Failed),
    ("no-login", Outcome::NoLogin),
    ("missing-client", Outcome::MissingClient),
    ("wrong-version", Outcome::WrongVersion),
    ("crashed", Outcome::Crashed),
    ("timed-out", Outcome::TimedOut),
    ("no-progress", Outcome::NoProgress),
    ("interrupted", Outcome::Interrupted),
];

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is work, and a verification begins.
    HandedIn,
    NothingChanged,
    /// It waits for an answer.
    Asked,
    /// The agent says that it could not, or what it did cannot be taken in.
    Failed,
    OverBudget(Cap),
    /// Its model may not be used for now, until a time if one was told: a usage limit, or a service that is away or has too much to do.
    Limited {
        until: Option<Timestamp>,
    },
    /// The model refuses who asks.
    NoLogin,
    MissingClient,
    WrongVersion,
    /// The client or its model went wrong, and not the work.
    Crashed,
    TimedOut,
    NoProgress,
    Interrupted,
}

super::event::named! {
    /// What a budget counts.
    Cap, "cap", { Turns = "turns", Dollars = "dollars", Tokens = "tokens", Minutes = "minutes", Runs = "runs", Disk = "disk" }
}

impl Outcome {
    /// Its name, without what goes with it.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OverBudget(_) => "over-budget",
            Self::Limited { .. } => "limited",
            _ => PLAIN.iter().find(|(_, outcome)| *outcome == self).map_or("failed", |(name, _)| name),
        }
    }

    /// Reads the written form.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, data) = text.split_once(' ').map_or((text, None), |(name, data)| (name, Some(data)));
        match (name, data) {
            ("over-budget", Some(cap)) => Some(Self::OverBudget(Cap::parse(cap)?)),
            ("limited", None) => Some(Self::Limited { until: None }),
            ("limited", Some(until)) => Some(Self::Limited { until: Some(Timestamp::parse(until)?) }),
            (_, None) => PLAIN.iter().find(|(plain, _)| *plain == name).map(|(_, outcome)| *outcome),
            (_, Some(_)) => None,
        }
    }

    /// Whether it counts as an attempt at the work.
    #[must_use]
    pub(crate) fn uses_up_attempt(self) -> bool {
        match self {
            Self::NothingChanged | Self::Failed | Self::OverBudget(_) | Self::NoProgress => true,
            // What was handed in counts once a verdict says that it fails.
            Self::HandedIn
            | Self::Asked
            | Self::Limited { .. }
            | Self::NoLogin
            | Self::MissingClient
            | Self::WrongVersion
            | Self::Crashed
            | Self::TimedOut
            | Self::Interrupted => false,
        }
    }

    /// Whether the same agent would end so with any other ticket.
    #[must_use]
    pub(crate) fn is_of_agent(self) -> bool {
        matches!(self, Self::Limited { .. } | Self::NoLogin | Self::MissingClient | Self::WrongVersion)
    }
}

/// The written form: the name, and what goes with it.
impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverBudget(cap) => write!(out, "over-budget {cap}"),
            Self::Limited { until: Some(until) } => write!(out, "limited {until}"),
            _ => out.pad(self.name()),
        }
    }
}

impl serde::Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_read_as_it_is_written() {
        let with_data = [
            Outcome::OverBudget(Cap::Dollars),
            Outcome::Limited { until: None },
            Outcome::Limited { until: Some(Timestamp(1_800_000_000)) },
        ];
        for outcome in PLAIN.iter().map(|(_, outcome)| *outcome).chain(with_data) {
            assert_eq!(Outcome::parse(&outcome.to_string()), Some(outcome));
        }
        for text in ["", "over-budget", "over-budget patience", "limited soon", "failed twice", "passed"] {
            assert_eq!(Outcome::parse(text), None, "{text}");
        }
    }
}
