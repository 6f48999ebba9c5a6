//! What the body of an event says beside its words: how a run ended, and what its agent used.
//!
//! Both are lines at the end of the body and no trailers, because a trailer that is not known to an older git-os would make the
//! event invalid for it.

use super::event::{Action, Event};
use super::holding;
use super::outcome::Outcome;
use super::secrets;
use super::text::{self, MAX_BODY};

/// How the line begins that says how a run ended.
const OUTCOME: &str = "Outcome: ";
/// How the line begins that says what its agent used.
const RECORD: &str = "Record: ";
/// The longest record, in bytes; one that is longer is left out.
const MAX_RECORD: usize = 16 * 1024;

/// The body of an event, in its parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report<'a> {
    pub(crate) words: &'a str,
    pub(crate) outcome: Option<Outcome>,
    /// What the agent says of itself: cost, turns, its session.
    pub(crate) record: Option<serde_json::Value>,
}

impl<'a> Report<'a> {
    /// Takes a body apart.
    #[must_use]
    pub(crate) fn read(body: &'a str) -> Self {
        let mut report = Self { words: body, outcome: None, record: None };
        if let Some((rest, record)) = split_line(report.words, RECORD) {
            // One that was cut or redacted hides nothing above it.
            (report.words, report.record) = (rest, serde_json::from_str(record).ok());
        }
        if let Some((rest, outcome)) = split_line(report.words, OUTCOME)
            && let Some(outcome) = Outcome::parse(outcome)
        {
            (report.words, report.outcome) = (rest, Some(outcome));
        }
        report
    }
}

/// The body of an event that says these words, how a run ended, and what its agent said of itself.
#[must_use]
pub(crate) fn body(words: &str, outcome: Option<Outcome>, record: &serde_json::Value) -> String {
    // Secrets are taken out of the words alone: what is taken out may reach to the end of a text.
    let words = secrets::redact(words);
    let (before, last) = words.rsplit_once('\n').map_or((None, words.as_str()), |(before, last)| (Some(before), last));
    // Nobody else says how a run ended.
    let words = match (before, [OUTCOME, RECORD].iter().any(|prefix| last.starts_with(prefix))) {
        (_, false) => words.clone(),
        (Some(before), true) => format!("{before}\n> {last}"),
        (None, true) => format!("> {last}"),
    };
    let mut lines = outcome.map(|outcome| format!("\n{OUTCOME}{outcome}")).unwrap_or_default();
    let json = record.to_string();
    if !record.is_null() && json.len() <= MAX_RECORD {
        lines += &format!("\n{RECORD}{json}");
    }
    text::excerpt(&words, MAX_BODY.saturating_sub(lines.len())) + &lines
}

/// The words of an event that are for people to read.
#[must_use]
pub(crate) fn words(event: &Event) -> &str {
    match &event.action {
        Action::Claim { .. } => holding::other_words(&event.text),
        _ => Report::read(&event.text).words,
    }
}

/// The last line of a text, if it begins so: what is before it, and the rest of the line.
fn split_line<'a>(body: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let (rest, last) = body.rsplit_once('\n').unwrap_or(("", body));
    Some((rest, last.strip_prefix(prefix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_it_was_made_and_words_forge_nothing() {
        let record = serde_json::json!({ "total_cost_usd": 0.5 });
        let words =
            ["", "it failed", "Outcome: failed", "so\nRecord: {\"total_cost_usd\":9}", "Outcome: asked\nRecord: {}", "a\n\nb"];
        for words in words {
            for outcome in [None, Some(Outcome::Limited { until: None })] {
                for record in [None, Some(record.clone())] {
                    let whole = text::body(&body(words, outcome, &record.clone().unwrap_or_default()));
                    let report = Report::read(&whole);
                    assert_eq!((report.outcome, report.record), (outcome, record), "{whole}");
                    assert_eq!(report.words.replace("> ", ""), words, "{whole}");
                }
            }
        }
    }

    #[test]
    fn what_is_taken_out_of_the_words_takes_no_line_of_ours_along() {
        let key = ["-----BEGIN ", "PRIVATE KEY-----\nabc"].concat();
        let whole = secrets::redact(&body(&format!("it printed {key}"), Some(Outcome::Failed), &serde_json::Value::Null));
        assert_eq!(Report::read(&whole).outcome, Some(Outcome::Failed), "{whole}");
        let cut = "so\nOutcome: failed\nRecord: {\"a\":";
        assert_eq!((Report::read(cut).outcome, Report::read(cut).record), (Some(Outcome::Failed), None));
    }

    #[test]
    fn long_words_leave_room_for_what_follows_them() {
        let record = serde_json::json!({ "num_turns": 3 });
        let whole = text::body(&body(&"x".repeat(2 * MAX_BODY), Some(Outcome::Failed), &record));
        assert!(whole.len() <= MAX_BODY);
        let report = Report::read(&whole);
        assert_eq!((report.outcome, report.record), (Some(Outcome::Failed), Some(record)));
        assert!(report.words.ends_with("bytes left out)"));
        let huge = serde_json::json!({ "denials": "x".repeat(MAX_RECORD) });
        assert_eq!(Report::read(&body("so", Some(Outcome::Failed), &huge)).record, None);
    }
}
