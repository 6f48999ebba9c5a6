//! What the errors of a model's service mean, whichever client passes them on.

use crate::core::outcome::Outcome;
use crate::core::time::Timestamp;

/// Times farther ahead than this are not taken for the end of a limit, in seconds.
const FARTHEST: u64 = 40 * 24 * 3600;

/// What says, in any words, that nothing more may be used for now.
const LIMITS: &[&str] = &[
    "usage limit",
    "rate limit",
    "rate-limit",
    "rate_limit",
    "spend limit",
    "spending limit",
    "limit reached",
    "hit your limit",
    "quota",
    "credit balance",
    "resource_exhausted",
    "too many requests",
];

/// What says that nobody is logged in, or that the key is wrong.
const LOGINS: &[&str] = &[
    "not logged in",
    "please run /login",
    "log in",
    "login required",
    "api key",
    "api_key",
    "authenticat",
    "unauthorized",
    "unauthenticated",
    "auth method",
    "credentials",
    "missing environment variable",
];

/// What says that the service cannot be reached, or has too much to do.
const AWAY: &[&str] = &[
    "overloaded",
    "high demand",
    "service unavailable",
    "connection refused",
    "econnrefused",
    "enotfound",
    "unable to connect",
    "could not resolve",
];

/// What says that the ticket's work is too long for the model.
const TOO_LONG: &[&str] = &["prompt is too long", "context length", "context_length", "maximum context", "request_too_large"];

/// What an error means for a run.
pub(super) fn judge(status: Option<u64>, words: &str, now: Timestamp) -> Outcome {
    let lower = words.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|word| has_words(&lower, word));
    match status.or_else(|| find_status(&lower)) {
        // A model that is not there is one that may not be used.
        Some(401 | 403 | 404) => Outcome::NoLogin,
        // A service that fails may answer the next time; until then no other ticket would fare better.
        Some(402 | 429 | 500..) => Outcome::Limited { until: find_end(words, now) },
        Some(413) => Outcome::Failed,
        Some(_) | None if says(TOO_LONG) => Outcome::Failed,
        Some(_) | None if says(LIMITS) => Outcome::Limited { until: find_end(words, now) },
        Some(_) | None if says(LOGINS) => Outcome::NoLogin,
        Some(_) | None if says(AWAY) => Outcome::Limited { until: find_end(words, now) },
        Some(_) | None => Outcome::Crashed,
    }
}

/// Whether a text has these words, not as the end of another word.
fn has_words(lower: &str, words: &str) -> bool {
    lower.match_indices(words).any(|(at, _)| is_word_start(lower, at))
}

/// The status of an answer that a client names in its words: after `status`, `error` or `code`, or in brackets.
fn find_status(lower: &str) -> Option<u64> {
    let is_number =
        |word: &&str| word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<&str> =
        lower.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let numbers = words.iter().enumerate().filter(|(_, word)| is_number(word));
    let mut named = numbers.filter(|(at, word)| {
        let before = at.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or_default();
        ["status", "error", "code", "http"].contains(&before) || lower.contains(&format!("({word})"))
    });
    named.next().and_then(|(_, word)| word.parse().ok())
}

/// When a limit ends, if the words say so: as a point in time, or after how long.
pub(super) fn find_end(words: &str, now: Timestamp) -> Option<Timestamp> {
    let is_ahead = |time: &Timestamp| *time > now && *time <= now.plus(FARTHEST);
    let stamps = words.split(|character: char| !character.is_ascii_digit()).filter_map(|digits| match digits.len() {
        10 => digits.parse().ok().map(Timestamp),
        13 => digits.parse::<i64>().ok().map(|millis| Timestamp(millis / 1000)),
        _ => None,
    });
    let dates = words.split([' ', '"', ',', '|', '(', ')']).filter_map(Timestamp::parse);
    let point = stamps.chain(dates).find(is_ahead);
    point.or_else(|| find_wait(words).map(|seconds| now.plus(seconds)).filter(is_ahead))
}

/// How long one has to wait, in seconds, rounded up: `in 20s`, `after 1h2m3s`, `in 2 days 3 hours`.
fn find_wait(words: &str) -> Option<u64> {
    let lower = words.to_lowercase();
    ["in ", "after ", "for "].iter().find_map(|before| {
        lower
            .match_indices(before)
            .filter(|(at, _)| is_word_start(&lower, *at))
            .find_map(|(at, _)| wait(&lower[at + before.len()..]))
    })
}

fn is_word_start(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_none_or(|character| !character.is_alphanumeric())
}

/// The span that a text begins with.
fn wait(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum = None;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        let digits = rest.len() - rest.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let Ok(mut number) = rest[..digits].parse::<u64>() else { return sum };
        rest = &rest[digits..];
        if let Some(part) = rest.strip_prefix('.') {
            rest = part.trim_start_matches(|character: char| character.is_ascii_digit());
            number += 1;
        }
        rest = rest.trim_start();
        let letters = rest.len() - rest.trim_start_matches(|character: char| character.is_ascii_lowercase()).len();
        let factor = match &rest[..letters] {
            "ms" | "millisecond" | "milliseconds" => {
                number = number.div_ceil(1000);
                1
            }
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 24 * 3600,
            _ => return sum,
        };
        rest = &rest[letters..];
        sum = Some(sum.unwrap_or(0u64).saturating_add(number.saturating_mul(factor)));
    }
}

/// Whether a client says that it does not know what it was told to do: another version of it would.
pub(super) fn is_wrong_version(stderr: &str) -> bool {
    const SIGNS: &[&str] = &[
        "unknown option",
        "unknown argument",
        "unknown arguments",
        "unexpected argument",
        "unrecognized option",
        "unrecognized subcommand",
        "unrecognized arguments",
        "invalid values",
        "invalid value",
        "is invalid. allowed choices",
        "unknown field",
        "unknown configuration field",
        "requires node",
        "unsupported node",
    ];
    let lower = stderr.to_lowercase();
    SIGNS.iter().any(|sign| lower.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_957_000);

    #[test]
    fn what_a_service_says_decides_whose_matter_it_is() {
        let limited = |seconds: Option<u64>| Outcome::Limited { until: seconds.map(|seconds| NOW.plus(seconds)) };
        for (status, words, outcome) in [
            (Some(401), "Invalid API key · Fix external API key", Outcome::NoLogin),
            (Some(403), "Failed to authenticate. API Error: 403 no access", Outcome::NoLogin),
            (Some(429), "API Error: Request rejected (429) · limit", limited(None)),
            (Some(529), "API Error: 529 Overloaded. Try again in 5 s", limited(Some(5))),
            (Some(500), "boom", limited(None)),
            (Some(400), "Credit balance is too low", limited(None)),
            (Some(400), "Prompt is too long", Outcome::Failed),
            (Some(404), "There's an issue with the selected model (x)", Outcome::NoLogin),
            (None, "Not logged in · Please run /login", Outcome::NoLogin),
            (None, "Claude AI usage limit reached|1795960600", limited(Some(3600))),
            (None, "unexpected status 401 Unauthorized: Incorrect API key, url: http://127.0.0.1/v1/responses", Outcome::NoLogin),
            (None, "exceeded retry limit, last status: 429 Too Many Requests", limited(None)),
            (None, "Quota exceeded. Check your plan and billing details.", limited(None)),
            (None, "Missing environment variable: `KEY`.", Outcome::NoLogin),
            (None, "We’re currently experiencing high demand, which may cause temporary errors.", limited(None)),
            (None, "You've hit your usage limit. Try again in 2 days 3 hours.", limited(Some(51 * 3600))),
            (None, "Rate limit reached. Please try again in 20.5s.", limited(Some(21))),
            (None, "stream disconnected before completion", Outcome::Crashed),
            (None, "line 429 of the file is wrong", Outcome::Crashed),
        ] {
            assert_eq!(judge(status, words, NOW), outcome, "{words}");
        }
    }

    #[test]
    fn the_end_of_a_limit_is_read_in_the_forms_that_services_have() {
        for (words, seconds) in [
            ("resets 2026-11-29T13:56:41Z", Some(1)),
            ("{\"resetsAt\":1795957060000}", Some(60)),
            ("Your quota will reset after 1h2m3s.", Some(3723)),
            ("retry in 7137 ms", Some(8)),
            ("request 1000000000 failed in 20 pieces", None),
            ("resets 3pm (Europe/Berlin)", None),
            ("in 900 days", None),
            ("within 20 s", None),
        ] {
            let now =
                if words.starts_with("resets 2026") { Timestamp::parse("2026-11-29T13:56:40Z").expect("a time") } else { NOW };
            assert_eq!(find_end(words, now), seconds.map(|seconds| now.plus(seconds)), "{words}");
        }
    }
}
