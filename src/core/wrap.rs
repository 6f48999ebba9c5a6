//! Text in rows: lines that are broken at words, so that they fit a terminal of any width.

use std::ops::Range;

use unicode_width::UnicodeWidthChar as _;

/// The number of columns of a text.
#[must_use]
pub(crate) fn columns(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// A text that takes at most so many columns; what had to be cut ends with `…`.
#[must_use]
pub(crate) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used < width
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// The rows of a text in so many columns, as ranges of its bytes. A line break begins a new row, and so does a word that does
/// not fit; blanks stay at the end of the row before. Only a word that is longer than a row is divided.
#[must_use]
pub(crate) fn rows(text: &str, width: usize) -> Vec<Range<usize>> {
    let width = width.max(2);
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        rows_of_line(text, start..start + line.len(), width, &mut rows);
        start += line.len() + 1;
    }
    rows
}

fn rows_of_line(text: &str, line: Range<usize>, width: usize, rows: &mut Vec<Range<usize>>) {
    // Where the row began, how wide it is so far, and the last place where it can be broken.
    let (mut start, mut used, mut break_at) = (line.start, 0, None);
    for (at, character) in text[line.clone()].char_indices() {
        let at = line.start + at;
        let wide = character.width().unwrap_or(0);
        if character == ' ' {
            break_at = Some(at + 1);
            used += 1;
            continue;
        }
        // What has no width belongs to the character before it.
        while used + wide > width && wide > 0 && at > start {
            // A row of blanks alone is none.
            let next = break_at.take().filter(|next| !text[start..*next].trim_start().is_empty()).unwrap_or(at);
            rows.push(start..next);
            (start, used) = (next, columns(&text[next..at]));
        }
        used += wide;
    }
    rows.push(start..line.end);
}

/// The rows of a text as strings, without the blanks at their ends.
#[must_use]
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    rows(text, width).into_iter().map(|row| text[row].trim_end_matches(' ').to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_too_wide_is_cut_and_says_so() {
        for (text, width, expected) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 5, "日本…"), ("日本語", 6, "日本語"), ("", 0, "")]
        {
            assert_eq!(cut(text, width), expected);
        }
    }

    #[test]
    fn a_row_ends_at_a_word() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("one\n\ntwo", 8), ["one", "", "two"]);
        assert_eq!(wrapped("a longwordthatdoesnotfit b", 8), ["a", "longword", "thatdoes", "notfit b"]);
        assert_eq!(wrapped("日本語の文章", 5), ["日本", "語の", "文章"]);
        assert_eq!(wrapped("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
        assert_eq!(wrapped(" longer word", 4), [" lon", "ger", "word"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    proptest! {
        #[test]
        fn no_row_is_too_wide_and_nothing_is_lost(text in "[a-z é日 \n]{0,80}", width in 2_usize..20) {
            let all = rows(&text, width);
            let joined: String = all.iter().map(|row| &text[row.clone()]).collect();
            prop_assert_eq!(joined, text.replace('\n', ""));
            for row in all {
                prop_assert!(columns(text[row].trim_end_matches(' ')) <= width);
            }
        }
    }
}
