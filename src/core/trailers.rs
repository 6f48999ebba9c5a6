//! The form of a message of git-os: a subject, a body, and the trailers as its last paragraph. Nothing else writes or reads it.

pub(crate) mod plain;

use std::fmt::{self, Display, Write as _};

use super::event::named;
use super::text;
use super::ticket::MAX_LIST;

/// The maximum length of a message, in bytes.
const MAX_MESSAGE: usize = 128 * 1024;
/// The maximum number of trailers in a message.
const MAX_TRAILERS: usize = 64;
/// The maximum length of a key, in bytes.
const MAX_KEY: usize = 40;
/// The maximum length of the value of an unknown trailer, in bytes.
const MAX_UNKNOWN: usize = 4096;

named! {
    /// The key of a trailer.
    Key, "trailer", {
        Schema = "Os-Schema", Event = "Os-Event", State = "Os-State", Brand = "Os-Brand", Kind = "Os-Kind",
        Priority = "Os-Priority", Labels = "Os-Labels", Depends = "Os-Depends", Author = "Os-Author", Actor = "Os-Actor",
        Agent = "Os-Agent", By = "Os-By", Run = "Os-Run", Lease = "Os-Lease", Attempt = "Os-Attempt", Head = "Os-Head",
        Base = "Os-Base", Copy = "Os-Copy", Steps = "Os-Steps", Step = "Os-Step", Repo = "Os-Repo", Nonce = "Os-Nonce", Seq = "Os-Seq",
        Root = "Os-Root", Phase = "Os-Phase", Outcome = "Os-Outcome", Confidence = "Os-Confidence", Ticket = "Os-Ticket",
        Page = "Os-Page", Kept = "Os-Kept", Other = "Os-Other", Tests = "Os-Tests", Scope = "Os-Scope",
    }
}

/// Why a message or one of its trailers cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrailerError {
    #[error("the message is not a record of git-os: {0}")]
    Malformed(&'static str),
    #[error("trailer `{0}` is missing or not valid")]
    Value(Key),
}

/// A message to be written. It always has a trailer, the schema, so its last paragraph is never a text of somebody else.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    words: String,
    trailers: String,
}

impl Message {
    /// Starts a message. The body is in storable form ([`text::body`]), or empty.
    #[must_use]
    pub(crate) fn new(subject: impl Display, body: &str, schema: u32) -> Self {
        let mut words = String::with_capacity(256 + body.len());
        push(&mut words, subject);
        words += "\n\n";
        if !body.is_empty() {
            words += body;
            words += "\n\n";
        }
        Self { words, trailers: String::with_capacity(512) }.with(Key::Schema, schema)
    }

    /// Adds a trailer. A trailer without a value is left out, as nobody could read it.
    #[must_use]
    pub(crate) fn with(self, key: Key, value: impl Display) -> Self {
        self.with_unknown(key.as_str(), value)
    }

    /// Adds a trailer if there is a value.
    #[must_use]
    pub(crate) fn with_some(self, key: Key, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds a trailer that holds words separated by single spaces, if there are any.
    #[must_use]
    pub(crate) fn with_list(self, key: Key, words: impl IntoIterator<Item = impl Display>) -> Self {
        let mut list = String::new();
        for word in words {
            if !list.is_empty() {
                list.push(' ');
            }
            push(&mut list, word);
        }
        self.with(key, list)
    }

    /// Adds a trailer that a newer git-os wrote, as it was read.
    #[must_use]
    pub(crate) fn with_unknown(mut self, key: &str, value: impl Display) -> Self {
        let line = self.trailers.len();
        self.trailers += key;
        self.trailers += ": ";
        let start = self.trailers.len();
        push(&mut self.trailers, value);
        if self.trailers.len() == start {
            self.trailers.truncate(line);
        } else {
            self.trailers.push('\n');
        }
        self
    }

    /// The message in one line, with tabs in place of its line breaks; [`read_line`] reads it. It has no body.
    #[must_use]
    pub(crate) fn into_line(self) -> String {
        let mut line = String::from(self);
        line.pop();
        line.replace('\n', "\t")
    }
}

/// Appends a value; a line break in it becomes a space, so that no value can begin a line of its own.
fn push(out: &mut String, value: impl Display) {
    let start = out.len();
    // Writing to a string cannot fail.
    write!(out, "{value}").expect("a string takes all text");
    if out[start..].contains('\n') {
        let folded = out[start..].replace('\n', " ");
        out.replace_range(start.., &folded);
    }
}

impl From<Message> for String {
    fn from(message: Message) -> Self {
        message.words + &message.trailers
    }
}

impl Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.words)?;
        out.write_str(&self.trailers)
    }
}

/// A message that was read.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// The subject and the body.
    pub(crate) words: &'a str,
    pub(crate) trailers: Trailers<'a>,
}

impl<'a> Parts<'a> {
    /// The subject, and the body, which may be empty.
    #[must_use]
    pub(crate) fn subject_and_body(&self) -> (&'a str, &'a str) {
        self.words.split_once("\n\n").unwrap_or((self.words, ""))
    }
}

/// Reads a message whose trailers are those of `known`, each at most once and in that order; unknown ones come after them.
///
/// # Errors
/// If the message has not this form. Any input bytes are safe.
pub(crate) fn read<'a>(message: &'a [u8], known: &[Key]) -> Result<Parts<'a>, TrailerError> {
    if message.len() > MAX_MESSAGE {
        return Err(TrailerError::Malformed("it is too long"));
    }
    let message = std::str::from_utf8(message).map_err(|_| TrailerError::Malformed("it is not UTF-8"))?;
    let (words, block) = message
        .strip_suffix('\n')
        .and_then(|all| all.rsplit_once("\n\n"))
        .ok_or(TrailerError::Malformed("it has no trailers"))?;
    Ok(Parts { words, trailers: Trailers::read(block.split('\n'), known)? })
}

/// Reads a message in one line, as [`Message::into_line`] writes it.
///
/// # Errors
/// If the line has not this form.
pub(crate) fn read_line<'a>(line: &'a str, known: &[Key]) -> Result<Parts<'a>, TrailerError> {
    let mut fields = line.split('\t');
    let (Some(words), Some("")) = (fields.next(), fields.next()) else {
        return Err(TrailerError::Malformed("it has no trailers"));
    };
    Ok(Parts { words, trailers: Trailers::read(fields, known)? })
}

/// The trailers of a message; each is read once, by its key.
#[derive(Debug)]
pub(crate) struct Trailers<'a> {
    known: [Option<&'a str>; Key::ALL.len()],
    unknown: Vec<(String, String)>,
}

impl<'a> Trailers<'a> {
    fn read(lines: impl Iterator<Item = &'a str>, known: &[Key]) -> Result<Self, TrailerError> {
        let mut trailers = Self { known: [None; Key::ALL.len()], unknown: Vec::new() };
        let mut next = known;
        for (count, line) in lines.enumerate() {
            // Enforce one order, because there is only one canonical form; unknown trailers come last.
            let found = next.iter().enumerate().find_map(|(at, key)| Some((at, value_of(line, *key)?)));
            match found.filter(|(_, value)| !value.is_empty() && count < MAX_TRAILERS && trailers.unknown.is_empty()) {
                Some((at, value)) => {
                    trailers.known[next[at] as usize] = Some(value);
                    next = &next[at + 1..];
                }
                None => trailers.unknown.push(read_unknown(line, count, known)?),
            }
        }
        Ok(trailers)
    }

    /// Finds a trailer.
    #[must_use]
    pub(crate) fn find(&self, key: Key) -> Option<&'a str> {
        self.known[key as usize]
    }

    /// Reads a trailer that must be present and valid.
    ///
    /// # Errors
    /// If it is neither.
    pub(crate) fn read_one<T>(&self, key: Key, parse: impl Fn(&'a str) -> Option<T>) -> Result<T, TrailerError> {
        self.find(key).and_then(parse).ok_or(TrailerError::Value(key))
    }

    /// Reads a trailer that may be absent, but must be valid if present.
    ///
    /// # Errors
    /// If it is present and not valid.
    pub(crate) fn read_maybe<T>(&self, key: Key, parse: impl Fn(&'a str) -> Option<T>) -> Result<Option<T>, TrailerError> {
        self.find(key).map(|text| parse(text).ok_or(TrailerError::Value(key))).transpose()
    }

    /// Reads a list of words separated by single spaces; an absent trailer is an empty list.
    ///
    /// # Errors
    /// If a word is not valid, or there are more than a list may have.
    pub(crate) fn read_list<T>(&self, key: Key, parse: impl Fn(&'a str) -> Option<T>) -> Result<Vec<T>, TrailerError> {
        let Some(text) = self.find(key) else { return Ok(Vec::new()) };
        let words: Option<Vec<_>> = text.split(' ').map(parse).collect();
        words.filter(|words| words.len() <= MAX_LIST).ok_or(TrailerError::Value(key))
    }

    /// Takes out the trailers that are not known here, in their order.
    #[must_use]
    pub(crate) fn take_unknown(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.unknown)
    }
}

/// The value of a line that has this key. The byte behind the key is looked at first, as it tells most keys apart.
fn value_of(line: &str, key: Key) -> Option<&str> {
    let key = key.as_str();
    if line.as_bytes().get(key.len()) == Some(&b':') { line.strip_prefix(key)?.strip_prefix(": ") } else { None }
}

/// Reads a line that is not the next known trailer, or says what is wrong with it.
fn read_unknown(line: &str, count: usize, known: &[Key]) -> Result<(String, String), TrailerError> {
    let (key, value) = line.split_once(": ").ok_or(TrailerError::Malformed("a trailer is not `Key: value`"))?;
    if !is_key(key) || value.is_empty() || count >= MAX_TRAILERS {
        return Err(TrailerError::Malformed("a trailer is not `Os-Key: value`"));
    }
    if known.iter().any(|known| known.as_str() == key) {
        return Err(TrailerError::Malformed("the trailers are not in order"));
    }
    if !text::is_line(value, MAX_UNKNOWN) {
        return Err(TrailerError::Malformed("a trailer has characters that cannot be stored"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

fn is_key(key: &str) -> bool {
    key.starts_with("Os-") && key.len() <= MAX_KEY && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_key_can_be_a_trailer() {
        for key in Key::ALL {
            assert!(is_key(key.as_str()), "{key}");
        }
    }

    #[test]
    fn a_message_has_subject_body_and_trailers_in_this_order() {
        let message = Message::new("[open] page", "A body.", 1).with_some(Key::Run, None::<&str>).with(Key::Page, "page");
        let message = message.with_list(Key::Labels, ["a", "b"]).with_list(Key::Depends, [""; 0]).with(Key::Other, "");
        assert_eq!(message.to_string(), "[open] page\n\nA body.\n\nOs-Schema: 1\nOs-Page: page\nOs-Labels: a b\n");
        assert_eq!(String::from(message.clone()), message.to_string());
    }

    #[test]
    fn trailers_are_read_once_and_in_order() {
        let known = [Key::Schema, Key::Root, Key::Nonce];
        let read_all =
            |block: &str| read(format!("s\n\n{block}\n").as_bytes(), &known).map(|mut parts| parts.trailers.take_unknown());
        assert_eq!(read_all("Os-Schema: 1\nOs-Nonce: x"), Ok(Vec::new()));
        assert_eq!(read_all("Os-Root: x\nOs-Page: y"), Ok(vec![("Os-Page".to_owned(), "y".to_owned())]));
        for (block, why) in [
            ("Os-Nonce: x\nOs-Schema: 1", "the trailers are not in order"),
            ("Os-Root: x\nOs-Root: x", "the trailers are not in order"),
            ("Os-Page: x\nOs-Root: x", "the trailers are not in order"),
            ("Os-Root", "a trailer is not `Key: value`"),
            ("Os-Root:x", "a trailer is not `Key: value`"),
            ("Os-Root: ", "a trailer is not `Os-Key: value`"),
            ("Os-A:b: c", "a trailer is not `Os-Key: value`"),
            ("Signed-off-by: ann", "a trailer is not `Os-Key: value`"),
            ("Os-Page: x  y", "a trailer has characters that cannot be stored"),
        ] {
            assert_eq!(read_all(block), Err(TrailerError::Malformed(why)), "{block}");
        }
    }

    proptest! {
        #[test]
        fn no_text_can_inject_a_trailer(subject in "(a|\n|Os-Root: evil){0,6}", body in "(a|\n|Os-Root: evil\n){0,6}",
            value in "(a|\n|\nOs-Root: evil\n){0,6}") {
            let known = [Key::Schema, Key::Root, Key::Page, Key::Nonce];
            let message = Message::new(&subject, &body, 1).with(Key::Page, &value).with(Key::Nonce, "x").to_string();
            let parts = read(message.as_bytes(), &known).expect("what is written is read");
            let (schema, nonce) = (parts.trailers.find(Key::Schema), parts.trailers.find(Key::Nonce));
            prop_assert_eq!((schema, nonce, parts.trailers.find(Key::Root)), (Some("1"), Some("x"), None));
            let folded = value.replace('\n', " ");
            prop_assert_eq!(parts.trailers.find(Key::Page).unwrap_or_default(), folded.as_str());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(read(&bytes, Key::ALL));
            drop(read_line(&String::from_utf8_lossy(&bytes), Key::ALL));
        }
    }
}
