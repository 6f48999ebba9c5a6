//! From the bytes of a terminal to keys.

/// What a person did at the keyboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// A text that was pasted as a whole.
    Paste(String),
    Enter,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D: deletes, or ends the input of an empty line.
    DeleteOrEnd,
    Backspace,
    Delete,
    Left,
    Right,
    Home,
    End,
    WordLeft,
    WordRight,
    KillWord,
    KillNextWord,
    KillToStart,
    KillToEnd,
    Yank,
    /// A key without a meaning here.
    Other,
}

/// What a terminal writes around a pasted text.
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";
/// The longest escape sequence that is waited for, in bytes.
const MAX_SEQUENCE: usize = 32;
/// The longest text that is taken from one paste, in bytes.
const MAX_PASTE: usize = 1024 * 1024;

/// Bytes that are not a whole key yet.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    /// The last byte was a carriage return: a line feed after it is of the same key.
    after_return: bool,
}

impl Decoder {
    /// The keys that these bytes complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        for byte in bytes {
            if std::mem::take(&mut self.after_return) && *byte == b'\n' {
                continue;
            }
            self.bytes.push(*byte);
            if let Some(key) = self.take() {
                self.after_return = *byte == b'\r' && key == Key::Enter;
                keys.push(key);
            }
        }
        keys
    }

    /// Whether a key has begun that is not whole.
    pub(super) fn is_waiting(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Nothing more came: what has begun was not the beginning of anything.
    pub(super) fn give_up(&mut self) {
        if !self.is_pasting() {
            self.bytes.clear();
        }
    }

    fn is_pasting(&self) -> bool {
        self.bytes.starts_with(PASTE_BEGINS)
    }

    /// Takes the key that is whole by now.
    fn take(&mut self) -> Option<Key> {
        let first = *self.bytes.first()?;
        if self.is_pasting() {
            let is_over = self.bytes.ends_with(PASTE_ENDS);
            if !is_over && self.bytes.len() < MAX_PASTE {
                return None;
            }
            let end = self.bytes.len() - if is_over { PASTE_ENDS.len() } else { 0 };
            let text = String::from_utf8_lossy(&self.bytes[PASTE_BEGINS.len()..end]).into_owned();
            self.bytes.clear();
            return Some(Key::Paste(text.replace("\r\n", "\n").replace('\r', "\n")));
        }
        if first == 0x1b {
            return self.take_sequence();
        }
        if first < 0x80 {
            self.bytes.clear();
            return Some(plain(first));
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => {
                let key = text.chars().next().map(Key::Char);
                self.bytes.clear();
                key
            }
            // The rest of a character is to come.
            Err(error) if error.error_len().is_none() => None,
            Err(_) => {
                self.bytes.clear();
                Some(Key::Other)
            }
        }
    }

    fn take_sequence(&mut self) -> Option<Key> {
        let key = match self.bytes.as_slice() {
            [_] | [_, b'[' | b'O'] => return None,
            [_, b'[', parameters @ .., last] => {
                let is_whole = (0x40..=0x7e).contains(last) && !(parameters.is_empty() && *last == b'[');
                if !is_whole && self.bytes.len() < MAX_SEQUENCE {
                    return None;
                }
                if self.bytes == PASTE_BEGINS {
                    return None;
                }
                control_sequence(parameters, *last)
            }
            [_, b'O', last] => control_sequence(b"", *last),
            [_, b'b' | b'B'] => Key::WordLeft,
            [_, b'f' | b'F'] => Key::WordRight,
            [_, b'd' | b'D'] => Key::KillNextWord,
            [_, 0x7f | 0x08] => Key::KillWord,
            // An escape, and then a sequence.
            [_, 0x1b] => {
                self.bytes.pop();
                return None;
            }
            [..] => Key::Other,
        };
        self.bytes.clear();
        Some(key)
    }
}

fn plain(byte: u8) -> Key {
    match byte {
        b'\r' | b'\n' => Key::Enter,
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Interrupt,
        0x04 => Key::DeleteOrEnd,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x08 | 0x7f => Key::Backspace,
        0x0b => Key::KillToEnd,
        0x15 => Key::KillToStart,
        0x17 => Key::KillWord,
        0x19 => Key::Yank,
        b'\t' => Key::Char(' '),
        0x20..=0x7e => Key::Char(char::from(byte)),
        0x00..=0x1f | 0x80..=0xff => Key::Other,
    }
}

fn control_sequence(parameters: &[u8], last: u8) -> Key {
    // `;5` and `;3` are the arrow with Ctrl and with Alt.
    let is_by_word = parameters.ends_with(b";5") || parameters.ends_with(b";3");
    match (last, parameters) {
        (b'C', _) if is_by_word => Key::WordRight,
        (b'D', _) if is_by_word => Key::WordLeft,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', b"1" | b"7") => Key::Home,
        (b'F', _) | (b'~', b"4" | b"8") => Key::End,
        (b'~', b"3") => Key::Delete,
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        Decoder::default().push(bytes)
    }

    #[test]
    fn what_terminals_send_is_understood() {
        for (bytes, key) in [
            (b"\x1b[D".as_slice(), Key::Left),
            (b"\x1bOC", Key::Right),
            (b"\x1b[1;5D", Key::WordLeft),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[H", Key::Home),
            (b"\x1b[99;9u", Key::Other),
            (b"\x1b[[A", Key::Other),
            (b"\x1bx", Key::Other),
            (b"\x01", Key::Home),
            (b"\x17", Key::KillWord),
            (b"\x00", Key::Other),
            ("ä".as_bytes(), Key::Char('ä')),
            ("😀".as_bytes(), Key::Char('😀')),
            (b"\xff", Key::Other),
            (b"\x1b[200~one\r\ntwo\x03\x1b[201~", Key::Paste("one\ntwo\u{3}".to_owned())),
        ] {
            let read = keys(bytes);
            // What follows a sequence of the console of Linux is one more letter.
            assert_eq!(read.first(), Some(&key), "{bytes:?}");
        }
        assert_eq!(keys(b"a\r\nb\n"), [Key::Char('a'), Key::Enter, Key::Char('b'), Key::Enter]);
    }

    #[test]
    fn an_escape_alone_is_forgotten() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"\x1b"), []);
        assert!(decoder.is_waiting());
        decoder.give_up();
        assert_eq!(decoder.push(b"a"), [Key::Char('a')]);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_are_the_same_keys(bytes in proptest::collection::vec(any::<u8>(), 0..64), cut in 0_usize..64) {
            let cut = cut.min(bytes.len());
            let mut decoder = Decoder::default();
            let mut pieces = decoder.push(&bytes[..cut]);
            pieces.extend(decoder.push(&bytes[cut..]));
            prop_assert_eq!(pieces, keys(&bytes));
        }
    }
}
