//! The text that a person types: what each key makes of it, and how it is laid out.

use std::ops::Range;

use unicode_width::UnicodeWidthChar as _;

use super::keys::Key;
use crate::core::text::is_unsafe;
use crate::core::wrap;

/// The longest text that is taken, in bytes; what has to be shorter says so where it is taken in.
const MAX_TEXT: usize = 256 * 1024;

/// A text and the place of the cursor in it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Line {
    text: String,
    /// In bytes.
    cursor: usize,
    /// What was cut last.
    killed: String,
}

/// How a text is shown.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) rows: Vec<String>,
    /// The row and the column of the cursor.
    pub(super) cursor: (usize, usize),
}

impl Line {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds text at the cursor. What cannot be shown as it is, is left out.
    pub(super) fn insert(&mut self, text: &str) {
        let room = MAX_TEXT.saturating_sub(self.text.len());
        let plain = text.chars().map(|character| if character == '\t' { ' ' } else { character });
        let mut kept: String = plain.filter(|character| *character == '\n' || !is_unsafe(*character)).collect();
        if kept.len() > room {
            let end = (0..=room).rev().find(|at| kept.is_char_boundary(*at)).unwrap_or_default();
            kept.truncate(end);
        }
        self.text.insert_str(self.cursor, &kept);
        self.cursor += kept.len();
    }

    /// Does what a key of editing says.
    pub(super) fn press(&mut self, key: &Key) {
        match key {
            Key::Char(character) => self.insert(character.encode_utf8(&mut [0; 4])),
            Key::Paste(text) => self.insert(text),
            Key::Backspace => drop(self.cut(self.before(self.cursor)..self.cursor)),
            Key::Delete | Key::DeleteOrEnd => drop(self.cut(self.cursor..self.after(self.cursor))),
            Key::Left => self.cursor = self.before(self.cursor),
            Key::Right => self.cursor = self.after(self.cursor),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::WordLeft => self.cursor = self.word_before(),
            Key::WordRight => self.cursor = self.word_after(),
            Key::KillWord => self.kill(self.word_before()..self.cursor),
            Key::KillNextWord => self.kill(self.cursor..self.word_after()),
            Key::KillToStart => self.kill(0..self.cursor),
            Key::KillToEnd => self.kill(self.cursor..self.text.len()),
            Key::Yank => self.insert(&self.killed.clone()),
            Key::Enter | Key::Interrupt | Key::Other => {}
        }
    }

    fn cut(&mut self, range: Range<usize>) -> String {
        self.cursor = range.start;
        self.text.drain(range).collect()
    }

    fn kill(&mut self, range: Range<usize>) {
        let killed = self.cut(range);
        if !killed.is_empty() {
            self.killed = killed;
        }
    }

    /// The place of the character before, with the marks that belong to it.
    fn before(&self, from: usize) -> usize {
        let stands = |character: &char| *character == '\n' || character.width().unwrap_or(0) > 0;
        self.text[..from].char_indices().rev().find(|(_, character)| stands(character)).map_or(0, |(at, _)| at)
    }

    fn after(&self, from: usize) -> usize {
        let stands = |character: &char| *character == '\n' || character.width().unwrap_or(0) > 0;
        let mut rest = self.text[from..].char_indices().skip(1);
        rest.find(|(_, character)| stands(character)).map_or(self.text.len(), |(at, _)| from + at)
    }

    fn word_before(&self) -> usize {
        let head = self.text[..self.cursor].trim_end();
        head.char_indices().rev().find(|(_, character)| character.is_whitespace()).map_or(0, |(at, blank)| at + blank.len_utf8())
    }

    fn word_after(&self) -> usize {
        let tail = &self.text[self.cursor..];
        let blanks = tail.len() - tail.trim_start().len();
        self.cursor + blanks + tail.trim_start().find(char::is_whitespace).unwrap_or(tail.trim_start().len())
    }

    /// The text in rows of so many columns.
    pub(super) fn layout(&self, width: usize) -> Layout {
        let ranges = wrap::rows(&self.text, width);
        let row = ranges.iter().rposition(|range| range.start <= self.cursor).unwrap_or_default();
        let column = wrap::columns(&self.text[ranges[row].start..self.cursor.min(ranges[row].end)]).min(width);
        let shown = |range: Range<usize>| {
            let row = &self.text[range];
            // Blanks that hang over the end of a row would begin another one.
            if wrap::columns(row) > width { row.trim_end_matches(' ') } else { row }.to_owned()
        };
        Layout { rows: ranges.into_iter().map(shown).collect(), cursor: (row, column) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::commands::desk::keys::Decoder;

    fn typed(bytes: &[u8]) -> Line {
        let mut line = Line::default();
        Decoder::default().push(bytes).iter().for_each(|key| line.press(key));
        line
    }

    #[test]
    fn the_usual_keys_edit() {
        for (keys, text) in [
            ("one two\u{17}", "one "),
            ("one two\u{15}", ""),
            ("one two\u{1}\u{b}", ""),
            ("one two\u{1}zero \u{5}!", "zero one two!"),
            ("one\u{1b}[D\u{1b}[D\u{4}", "oe"),
            ("one two\u{1}\u{1b}d", " two"),
            ("one two\u{1b}b\u{b}", "one "),
            ("one two\u{17}\u{1}\u{19}", "twoone "),
            ("e\u{301}x\u{7f}\u{7f}", ""),
            ("a\u{1}\u{1b}[C\u{1b}[Cb", "ab"),
            ("a\u{202e}\u{7}b", "ab"),
        ] {
            assert_eq!(typed(keys.as_bytes()).text(), text, "{keys:?}");
        }
    }

    #[test]
    fn the_cursor_is_where_the_next_character_goes() {
        let mut line = Line::default();
        line.insert("one two three");
        assert_eq!(line.layout(8), Layout { rows: vec!["one two ".to_owned(), "three".to_owned()], cursor: (1, 5) });
        line.press(&Key::Home);
        assert_eq!(line.layout(8).cursor, (0, 0));
        line.press(&Key::End);
        line.insert("   ");
        assert_eq!(line.layout(5).cursor, (2, 5));
    }

    proptest! {
        #[test]
        fn no_keys_lose_the_cursor(bytes in proptest::collection::vec(any::<u8>(), 0..200), width in 2_usize..40) {
            let line = typed(&bytes);
            prop_assert!(line.text.is_char_boundary(line.cursor));
            let layout = line.layout(width);
            prop_assert!(layout.cursor.0 < layout.rows.len() && layout.cursor.1 <= width);
            prop_assert!(layout.rows.iter().all(|row| wrap::columns(row) <= width));
        }
    }
}
