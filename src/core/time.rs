//! Points in time as git stores them: whole seconds since 1970 in UTC.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Timestamp(pub(crate) i64);

impl Timestamp {
    /// Reads `YYYY-MM-DDTHH:MM:SSZ`.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parsed: jiff::Timestamp = text.parse().ok()?;
        let timestamp = Self(parsed.as_second());
        (timestamp.to_string() == text).then_some(timestamp)
    }

    /// The calendar date in UTC, `YYYY-MM-DD`; 1970-01-01 for a time outside the calendar.
    #[must_use]
    pub(crate) fn date(self) -> String {
        self.to_string()[..10].to_owned()
    }

    /// The time this many seconds later.
    #[must_use]
    pub(crate) fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add_unsigned(seconds))
    }

    /// How long it is since `earlier`, for people: `12 s`, `5 min`, `3 h`, `2 d`.
    #[must_use]
    pub(crate) fn lasted(self, earlier: Self) -> String {
        match self.0.saturating_sub(earlier.0) {
            seconds @ ..60 => format!("{} s", seconds.max(0)),
            _ => self.since(earlier),
        }
    }

    /// The time since `earlier`, for people: `just now`, `5 min`, `3 h`, `2 d`.
    #[must_use]
    pub(crate) fn since(self, earlier: Self) -> String {
        match self.0.saturating_sub(earlier.0) {
            ..60 => "just now".to_owned(),
            seconds @ 60..3600 => format!("{} min", seconds / 60),
            seconds @ 3600..86400 => format!("{} h", seconds / 3600),
            seconds => format!("{} d", seconds / 86400),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_second(self.0).unwrap_or_default();
        // Years outside 0–9999 would be longer than readers expect.
        let year = time.to_zoned(jiff::tz::TimeZone::UTC).year();
        let time = if (0..=9999).contains(&year) { time } else { jiff::Timestamp::default() };
        out.pad(&time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a time of the form 2026-05-07T14:20:00Z"))
    }
}

/// Parses a time span such as `90s`, `30m`, `2h` or `1d`, to seconds.
#[must_use]
pub(crate) fn parse_span(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
    let factor = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|seconds| (1..=366 * 86400).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_and_absurd_ones_do_not_panic() {
        let time = Timestamp::parse("2026-05-07T14:20:00Z").expect("valid");
        assert_eq!((time.to_string().as_str(), time.date().as_str()), ("2026-05-07T14:20:00Z", "2026-05-07"));
        for wild in [i64::MIN, -62_135_596_801, 99_999_999_999_999, i64::MAX] {
            assert_eq!(Timestamp(wild).date().len(), 10, "{wild}");
        }
        assert_eq!(
            (parse_span("30m"), parse_span("0s"), parse_span("m"), parse_span("99999999d")),
            (Some(1800), None, None, None)
        );
    }
}
