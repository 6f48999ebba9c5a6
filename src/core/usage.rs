//! What a run of an agent used: tokens, turns, time and money, as far as its client says.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

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

impl Usage {
    /// What is known, as the record of a run has it.
    #[must_use]
    pub(crate) fn record(&self) -> serde_json::Map<String, Value> {
        let Self {
            model,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            turns,
            millis,
            micro_dollars,
            denied,
        } = self;
        let dollars = micro_dollars.and_then(|micros| MicroDollars(micros).to_string().parse::<serde_json::Number>().ok());
        let all = [
            ("model", model.clone().map(Value::from)),
            ("num_turns", turns.map(Value::from)),
            ("duration_ms", millis.map(Value::from)),
            ("total_cost_usd", dollars.map(Value::from)),
            ("input_tokens", input_tokens.map(Value::from)),
            ("output_tokens", output_tokens.map(Value::from)),
            ("cache_read_tokens", cache_read_tokens.map(Value::from)),
            ("cache_write_tokens", cache_write_tokens.map(Value::from)),
            ("denied", denied.filter(|denied| *denied > 0).map(Value::from)),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    /// Reads what the record of a run says, of whatever version of git-os and of whatever client.
    #[must_use]
    pub(crate) fn of_record(record: &Value) -> Self {
        let count = |key: &str| record[key].as_u64();
        let dollars = record["total_cost_usd"].as_number().map(ToString::to_string);
        Self {
            model: record["model"].as_str().map(str::to_owned),
            input_tokens: count("input_tokens"),
            output_tokens: count("output_tokens"),
            cache_read_tokens: count("cache_read_tokens"),
            cache_write_tokens: count("cache_write_tokens"),
            turns: count("num_turns"),
            millis: count("duration_ms"),
            micro_dollars: dollars.and_then(|dollars| MicroDollars::parse(&dollars)).map(|MicroDollars(micros)| micros),
            denied: count("denied"),
        }
    }

    /// Adds another run; of two models the first stays.
    pub(crate) fn add(&mut self, more: &Self) {
        let Self {
            model,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            turns,
            millis,
            micro_dollars,
            denied,
        } = more;
        self.model = self.model.take().or_else(|| model.clone());
        add(&mut self.input_tokens, *input_tokens);
        add(&mut self.output_tokens, *output_tokens);
        add(&mut self.cache_read_tokens, *cache_read_tokens);
        add(&mut self.cache_write_tokens, *cache_write_tokens);
        add(&mut self.turns, *turns);
        add(&mut self.millis, *millis);
        add(&mut self.micro_dollars, *micro_dollars);
        add(&mut self.denied, *denied);
    }
}

/// What is known of it, in words.
impl fmt::Display for Usage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: Option<u64>, what: &str| count.map(|count| format!("{count} {what}"));
        let known = [
            count(self.input_tokens, "tokens in"),
            count(self.cache_read_tokens, "cached"),
            count(self.output_tokens, "out"),
            count(self.turns, "turns"),
            self.micro_dollars.map(|micros| format!("${}", MicroDollars(micros))),
        ];
        out.write_str(&known.into_iter().flatten().collect::<Vec<_>>().join(", "))
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
    fn a_record_is_read_and_added() {
        let record = serde_json::json!({ "model": "m", "input_tokens": 7, "num_turns": 2, "total_cost_usd": 0.25, "denied": 1 });
        let mut sum = Usage::of_record(&record);
        assert_eq!(Value::from(sum.record()), record);
        assert_eq!((sum.input_tokens, sum.turns, sum.micro_dollars, sum.output_tokens), (Some(7), Some(2), Some(250_000), None));
        sum.add(&Usage::of_record(&serde_json::json!({ "model": "n", "total_cost_usd": 2, "output_tokens": "many" })));
        assert_eq!((sum.model.as_deref(), sum.micro_dollars, sum.output_tokens), (Some("m"), Some(2_250_000), None));
        assert!(Usage::of_record(&Value::Null).is_unknown());
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
