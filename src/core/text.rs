//! Untrusted text: how it is stored, and how it is shown.

use std::borrow::Cow;

use super::progress::Trouble;

/// The longest title, in bytes.
pub(crate) const MAX_TITLE: usize = 200;
/// The maximum length of an event's body, in bytes.
pub(crate) const MAX_BODY: usize = 64 * 1024;
/// The maximum size of a file in a ticket's tree, in bytes.
pub(crate) const MAX_FILE: usize = 1024 * 1024;
/// The maximum length of a description, in bytes: its file ends with a line break.
pub(crate) const MAX_DESCRIPTION: usize = MAX_FILE - 1;
/// Room for the words that say how much of a text was left out.
const LEFT_OUT: usize = 64;

/// A text does not fit, as it would be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text has {size} bytes; the limit is {limit} bytes")]
pub(crate) struct TooLong {
    pub(crate) size: usize,
    pub(crate) limit: usize,
}

/// Whether a character must be escaped before it is stored in a line or shown on a terminal.
#[must_use]
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Makes text safe for a terminal: control, bidirectional and invisible characters are escaped.
#[must_use]
pub(crate) fn escape(text: &str) -> String {
    shown(text).into_owned()
}

/// Like [`escape`], but does not copy text that is already safe.
#[must_use]
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    escape_with(text, |_| false)
}

/// Like [`escape`], but keeps line breaks and tabs.
#[must_use]
pub(crate) fn escape_lines(text: &str) -> String {
    escape_with(text, |character| matches!(character, '\n' | '\t')).into_owned()
}

fn escape_with(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(|character| is_unsafe(character) && !keep(character)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) && !keep(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a text is only printable ASCII; a fast path, because most texts are.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Makes one storable line: folds white space and escapes unsafe characters. What had to be cut ends with `…`.
///
/// This is for words of programs; see [`whole_line`] for those of people.
#[must_use]
pub(crate) fn line(text: &str, max_bytes: usize) -> String {
    match whole_line(text, max_bytes) {
        Ok(whole) => whole,
        Err(_) => cut(&fold(text), max_bytes.saturating_sub('…'.len_utf8())).to_owned() + "…",
    }
}

/// As [`line()`], but refuses what would have to be cut.
///
/// # Errors
/// With the size and the limit.
pub(crate) fn whole_line(text: &str, limit: usize) -> Result<String, TooLong> {
    bounded(fold(text), limit)
}

/// A word as a shell reads it, with what is unsafe for a terminal escaped.
#[must_use]
pub(crate) fn shell(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+:@%".contains(character);
    let word = escape(word);
    if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Makes storable text of several lines: line ends are `\n`, unsafe characters are escaped, and blank ends are removed. What
/// had to be cut ends with a line that says how much was left out.
///
/// This is for words of programs; see [`whole`] for those of people and agents.
#[must_use]
pub(crate) fn body(text: &str) -> String {
    excerpt(text, MAX_BODY)
}

/// As [`body`], up to another limit.
#[must_use]
pub(crate) fn excerpt(text: &str, limit: usize) -> String {
    let whole = storable(text);
    if whole.len() <= limit {
        return whole;
    }
    let kept = cut(&whole, limit.saturating_sub(LEFT_OUT));
    format!("{kept}\n… ({} bytes left out)", whole.len() - kept.len())
}

/// As [`excerpt`], but refuses what would have to be cut: nobody should lose the end of what they said.
///
/// # Errors
/// With the size and the limit.
pub(crate) fn whole(text: &str, limit: usize) -> Result<String, TooLong> {
    bounded(storable(text), limit)
}

fn bounded(text: String, limit: usize) -> Result<String, TooLong> {
    if text.len() <= limit { Ok(text) } else { Err(TooLong { size: text.len(), limit }) }
}

fn fold(text: &str) -> String {
    escape(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn storable(text: &str) -> String {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    escape_lines(&unix).trim_matches(|character: char| character.is_whitespace()).to_owned()
}

/// Whether `body` would not change this text.
#[must_use]
pub(crate) fn is_body(text: &str) -> bool {
    let is_plain = || text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n'));
    text.len() <= MAX_BODY && ((text.trim_ascii().len() == text.len() && is_plain()) || storable(text) == text)
}

/// Whether `line` would not change this text.
#[must_use]
pub(crate) fn is_line(text: &str, max_bytes: usize) -> bool {
    (text.len() <= max_bytes && is_plain_line(text)) || line(text, max_bytes) == text
}

/// Whether a text is printable ASCII with no space at its ends and none beside another, in one pass.
fn is_plain_line(text: &str) -> bool {
    let mut last = b' ';
    let is_plain = text.bytes().all(|byte| {
        let is_doubled = byte == b' ' && last == b' ';
        last = byte;
        matches!(byte, b' '..=b'~') && !is_doubled
    });
    is_plain && (last != b' ' || text.is_empty())
}

fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim_end()
}

/// The first line of a text.
#[must_use]
pub(crate) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What stands before each cause of an error that is told in several lines.
pub(crate) const BECAUSE: &str = "  because: ";

/// Summarises a text in one line: its first line, without a colon at the end; of an error, the nearest cause follows it.
#[must_use]
pub(crate) fn headline(text: &str) -> String {
    let head = first_line(text).trim_end_matches([':', ' ']);
    let cause = text.lines().nth(1).and_then(|line| line.strip_prefix(BECAUSE));
    cause.map_or_else(|| head.to_owned(), |cause| format!("{head}: {}", cause.trim_end_matches([':', ' '])))
}

/// The message of an error and those of its causes, one per line, without repetitions.
#[must_use]
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    Trouble::of(error).to_string()
}

/// An error with all its causes in one line, each after a colon.
#[must_use]
pub(crate) fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text = text + ": " + &words;
        }
        source = cause.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Names with commas between them.
#[must_use]
pub(crate) fn comma(names: &[impl ToString]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Names of which one is meant, as a sentence has them.
#[must_use]
pub(crate) fn either(names: &[impl ToString]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {}", comma(rest), last.to_string()),
        _ => comma(names),
    }
}

/// A number and its noun, of which `one` is the singular and `many` the plural.
#[must_use]
pub(crate) fn plural(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_never_reach_a_terminal() {
        assert_eq!(escape("a\u{1b}[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c\\nd");
        assert_eq!((shell("/a/b-c"), shell("a b's"), shell("")), ("/a/b-c".into(), r"'a b'\''s'".into(), "''".into()));
        assert_eq!(escape_lines("a\nb\tc\u{7}"), "a\nb\tc\\u{7}");
    }

    #[test]
    fn of_several_names_the_last_comes_after_or() {
        let all = ["a", "b", "c"];
        assert_eq!([0, 1, 2, 3].map(|count| either(&all[..count])), ["", "a", "a or b", "a, b or c"]);
    }

    #[test]
    fn one_is_singular_and_all_other_numbers_are_plural() {
        let histories = [0, 1, 2].map(|number| plural(number, "history", "histories"));
        assert_eq!(histories, ["0 histories", "1 history", "2 histories"]);
    }

    #[test]
    fn a_text_is_cut_by_nobody_who_does_not_say_so() {
        let long = "ä".repeat(MAX_BODY);
        let cut = body(&long);
        let (kept, note) = cut.rsplit_once('\n').expect("two lines");
        assert_eq!(note, format!("… ({} bytes left out)", long.len() - kept.len()));
        assert!(cut.len() <= MAX_BODY && is_body(&cut));
        assert_eq!(whole(&long, MAX_BODY), Err(TooLong { size: 2 * MAX_BODY, limit: MAX_BODY }));
        let fits = "ä".repeat(MAX_BODY / 2);
        assert_eq!((whole(&fits, MAX_BODY), body(&fits)), (Ok(fits.clone()), fits));
        // What counts is the size as stored: an escaped character takes more.
        assert_eq!(whole("\u{7}", 3), Err(TooLong { size: 5, limit: 3 }));
        assert_eq!(line(&"x".repeat(9), 8), "xxxxx…");
        assert_eq!(whole_line("  a \n b ", 3), Ok("a b".to_owned()));
    }

    proptest! {
        #[test]
        fn cleaning_is_idempotent_and_safe(text in any::<String>()) {
            let one = line(&text, MAX_TITLE);
            prop_assert_eq!(line(&one, MAX_TITLE), one.clone());
            prop_assert!(is_line(&one, MAX_TITLE));
            prop_assert_eq!(is_line(&text, MAX_TITLE), one == text);
            prop_assert!(one.len() <= MAX_TITLE && !one.chars().any(char::is_control));
            let many = body(&text);
            prop_assert!(is_body(&many));
            prop_assert_eq!(is_body(&text), many == text);
            prop_assert_eq!(body(&many), many);
        }
    }
}
