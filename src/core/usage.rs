//! What a run of an agent used: tokens, turns, time and money, as far as its client says.

use std::fmt;

use serde::Serialize;

/// The usage of one run; what a client does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    /// The model, or the first of several.
    pub(crate) model: Option<String>,
    /// Tokens that were read anew; those of a cache are counted below.
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    pub(crate) cache_read_tokens: Option<u64>,
    pub(crate) cache_write_tokens: Option<u64>,
    pub(crate) turns: Option<u64>,
    pub(crate) millis: Option<u64>,
    /// In millionths of a US dollar.
    pub(crate) micro_dollars: Option<u64>,
    /// How often a tool was not granted.
    pub(crate) denied: Option<u64>,
}

impl Usage {
    /// Whether nothing is known.
    #[must_use]
    pub(crate) fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// Adds to a count that may not be known yet.
pub(crate) fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

/// An amount of money, in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MicroDollars(pub(crate) u64);

impl MicroDollars {
    /// Reads a decimal number of dollars; what is smaller than a millionth is cut off.
    #[must_use]
    pub(crate) fn parse(dollars: &str) -> Option<Self> {
        let (whole, part) = dollars.split_once('.').unwrap_or((dollars, ""));
        let digits: String = part.chars().chain("000000".chars()).take(6).collect();
        Some(Self(whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(digits.parse().ok()?)?))
    }
}

/// A decimal number of dollars.
impl fmt::Display for MicroDollars {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        out.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_and_written_exactly() {
        for (text, micros, written) in
            [("2", 2_000_000, "2"), ("0.0024000000000000002", 2400, "0.0024"), ("0.5", 500_000, "0.5"), ("10", 10_000_000, "10")]
        {
            let read = MicroDollars::parse(text).expect(text);
            assert_eq!((read, read.to_string().as_str()), (MicroDollars(micros), written));
        }
        for text in ["1e-7", "-1", "", "x", "1.x"] {
            assert_eq!(MicroDollars::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_sum_of_nothing_stays_unknown() {
        let mut sum = None;
        add(&mut sum, None);
        assert_eq!(sum, None);
        add(&mut sum, Some(2));
        add(&mut sum, None);
        add(&mut sum, Some(3));
        assert_eq!(sum, Some(5));
    }
}
