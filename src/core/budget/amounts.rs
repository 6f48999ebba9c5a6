//! Amounts of what runs may use, and what a client says of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::outcome::Cap;
use crate::core::text::plural;
use crate::core::usage::{MicroDollars, Usage};

/// An amount of each thing that is counted: dollars in millionths, minutes in seconds, disk in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Amounts(BTreeMap<Cap, u64>);

impl Amounts {
    #[must_use]
    pub(crate) fn get(&self, cap: Cap) -> Option<u64> {
        self.0.get(&cap).copied()
    }

    pub(crate) fn set(&mut self, cap: Cap, amount: u64) {
        self.0.insert(cap, amount);
    }

    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same, except for one thing.
    #[must_use]
    pub(crate) fn without(mut self, cap: Cap) -> Self {
        self.0.remove(&cap);
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Cap, u64)> {
        self.0.iter().map(|(cap, amount)| (*cap, *amount))
    }

    pub(crate) fn add(&mut self, more: &Self) {
        for (cap, amount) in more.iter() {
            let sum = self.0.entry(cap).or_default();
            *sum = sum.saturating_add(amount);
        }
    }

    /// The smaller of both, for each thing that one of them has.
    #[must_use]
    pub(crate) fn least(&self, other: &Self) -> Self {
        let mut least = self.clone();
        for (cap, amount) in other.iter() {
            let known = least.0.entry(cap).or_insert(amount);
            *known = (*known).min(amount);
        }
        least
    }

    /// What a run used of what was reserved for it. What its client does not tell counts as used up.
    #[must_use]
    pub(crate) fn used_of(&self, usage: &Usage, seconds: u64) -> Self {
        let used = |(cap, reserved): (Cap, u64)| {
            let told = match cap {
                Cap::Minutes => Some(seconds),
                Cap::Runs => Some(1),
                _ => spent(usage, cap),
            };
            (cap, told.unwrap_or(reserved))
        };
        Self(self.iter().map(used).collect())
    }
}

/// What a client says that a run used of something.
#[must_use]
pub(crate) fn spent(usage: &Usage, cap: Cap) -> Option<u64> {
    match cap {
        Cap::Turns => usage.turns,
        Cap::Dollars => usage.micro_dollars,
        Cap::Tokens => {
            let all = [usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens];
            all.into_iter().flatten().reduce(u64::saturating_add)
        }
        Cap::Minutes => usage.millis.map(|millis| millis.div_ceil(1000)),
        Cap::Runs | Cap::Disk => None,
    }
}

/// An amount, for people.
#[must_use]
pub(crate) fn words(cap: Cap, amount: u64) -> String {
    match cap {
        Cap::Dollars => format!("${}", MicroDollars(amount)),
        Cap::Minutes if amount.is_multiple_of(60) => format!("{} min", amount / 60),
        Cap::Minutes => format!("{amount} s"),
        Cap::Disk => format!("{} MiB of disk", amount.div_ceil(1 << 20)),
        Cap::Runs => counted(amount, "run", "runs"),
        Cap::Turns => counted(amount, "turn", "turns"),
        Cap::Tokens => counted(amount, "token", "tokens"),
    }
}

fn counted(amount: u64, one: &str, many: &str) -> String {
    usize::try_from(amount).map_or_else(|_| format!("{amount} {many}"), |amount| plural(amount, one, many))
}
