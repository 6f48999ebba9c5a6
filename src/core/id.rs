//! Identifiers: parsed once at the edge, and valid from then on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub(crate) struct InvalidId {
    /// The text, escaped for a terminal.
    pub(crate) text: String,
    /// What it should be, with an article.
    pub(crate) wanted: &'static str,
}

fn invalid(text: &str, wanted: &'static str) -> InvalidId {
    let mut text = super::text::escape(text);
    if text.chars().count() > 80 {
        text = text.chars().take(77).collect::<String>() + "...";
    }
    InvalidId { text, wanted }
}

/// The name of a git object: 20 bytes in a SHA-1 repository, 32 in a SHA-256 one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectId {
    len: u8,
    bytes: [u8; 32],
}

impl ObjectId {
    /// Makes an id from 20 or 32 raw bytes.
    ///
    /// # Errors
    /// If there is any other number of bytes.
    pub(crate) fn from_bytes(raw: &[u8]) -> Result<Self, InvalidId> {
        if raw.len() != 20 && raw.len() != 32 {
            return Err(invalid("", "an object id"));
        }
        let mut bytes = [0; 32];
        bytes[..raw.len()].copy_from_slice(raw);
        Ok(Self { len: if raw.len() == 20 { 20 } else { 32 }, bytes })
    }

    /// Makes an id from 40 or 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// If the text is anything else.
    pub(crate) fn parse(hex: &str) -> Result<Self, InvalidId> {
        let raw = hex.as_bytes();
        if raw.len() != 40 && raw.len() != 64 {
            return Err(invalid(hex, "an object id"));
        }
        let mut bytes = [0; 32];
        for (at, pair) in raw.chunks_exact(2).enumerate() {
            match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => bytes[at] = high << 4 | low,
                _ => return Err(invalid(hex, "an object id")),
            }
        }
        Ok(Self { len: if raw.len() == 40 { 20 } else { 32 }, bytes })
    }

    /// The raw bytes.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether all bytes are zero, which git uses for "no object".
    #[must_use]
    pub(crate) fn is_zero(&self) -> bool {
        self.as_bytes().iter().all(|byte| *byte == 0)
    }

    /// The first `digits` hexadecimal digits.
    #[must_use]
    pub(crate) fn short(&self, digits: usize) -> String {
        let mut hex = self.to_string();
        hex.truncate(digits);
        hex
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (at, byte) in self.as_bytes().iter().enumerate() {
            hex[2 * at] = DIGITS[usize::from(byte >> 4)];
            hex[2 * at + 1] = DIGITS[usize::from(byte & 15)];
        }
        out.pad(std::str::from_utf8(&hex[..2 * usize::from(self.len)]).unwrap_or_default())
    }
}

impl Serialize for ObjectId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $wanted:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $name(String);

        impl $name {
            /// Parses a text as this identifier.
            ///
            /// # Errors
            /// If the text does not have the right form.
            pub(crate) fn parse(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(invalid(text, $wanted)) }
            }

            /// The text.
            #[must_use]
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(self.as_str())
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

/// Whether a text can be one component of a ref name under `refs/os/`.
#[must_use]
pub(crate) fn is_ref_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 100
        && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
        && !matches!(bytes[0], b'.' | b'-')
        && bytes[bytes.len() - 1] != b'.'
        && bytes.windows(2).all(|pair| pair != b"..")
        && !bytes.ends_with(b".lock")
}

/// The longest name of a repository, a brand, a label or a kind, in bytes.
pub(crate) const MAX_NAME: usize = 40;

fn is_word(text: &str) -> bool {
    text.len() <= MAX_NAME && is_ref_component(text) && !text.contains('.')
}

fn is_hex(text: &str, len: std::ops::RangeInclusive<usize>) -> bool {
    len.contains(&text.len()) && text.bytes().all(|byte| digit(byte).is_some())
}

text_id! {
    /// A business domain: lower-case letters, digits, `-` and `_`; `_global` covers all brands.
    Brand, "a brand (lower-case letters, digits, `-`, `_`; at most 40 characters)", is_word
}
text_id! {
    /// The name of a repository in the registry.
    RepoName, "a repository name (lower-case letters, digits, `-`, `_`; at most 40 characters)", is_word
}
text_id! {
    /// A label of a ticket.
    Label, "a label (lower-case letters, digits, `-`, `_`; at most 40 characters)", is_word
}
text_id! {
    /// What kind of work a ticket is: `task`, `fix`, `feature`, `docs`, … .
    Kind, "a kind (lower-case letters, digits, `-`, `_`; at most 40 characters)", is_word
}
text_id! {
    /// One attempt at a ticket: 128 random bits as 32 hexadecimal digits.
    RunId, "a run id (32 hexadecimal digits)", |text| is_hex(text, 32..=32)
}
text_id! {
    /// Random bits that distinguish two otherwise equal events.
    Nonce, "a nonce (32 hexadecimal digits)", |text| is_hex(text, 32..=32)
}
text_id! {
    /// A session: `<date>-<hex>`, hex from the root commit of its log.
    SessionId, "a session id", |text| {
        text.split_at_checked(10).is_some_and(|(date, hex)| is_date(date) && hex.strip_prefix('-').is_some_and(|hex| is_hex(hex, 4..=64)))
    }
}
text_id! {
    /// A ticket: `T-<date>-<brand>-<hex>`, hex from the root commit of its chain.
    TicketId, "a ticket id", |text| ticket_parts(text).is_some()
}
text_id! {
    /// The id of a step of a plan.
    StepId, "a step id (letters, digits, `-`, `_`; at most 40 characters)", |text| {
        (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    }
}

impl Brand {
    /// The brand for what belongs to all brands.
    pub(crate) const GLOBAL: &'static str = "_global";
}

/// Whether a text is `YYYY-MM-DD`.
#[must_use]
pub(crate) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() })
}

fn ticket_parts(text: &str) -> Option<(&str, &str, &str)> {
    let rest = text.strip_prefix("T-")?;
    let (date, rest) = (rest.get(..10)?, rest.get(10..)?.strip_prefix('-')?);
    let (brand, hex) = rest.rsplit_once('-')?;
    (is_date(date) && is_word(brand) && is_hex(hex, 4..=64)).then_some((date, brand, hex))
}

impl TicketId {
    /// Makes the id of the ticket whose chain starts at `root`, with that many of its digits.
    #[must_use]
    pub(crate) fn of_root(date: &str, brand: &Brand, root: ObjectId, digits: usize) -> Self {
        Self(format!("T-{date}-{brand}-{}", root.short(digits)))
    }

    /// Whether this id belongs to the chain with this root commit, created on `date` (UTC) for `brand`.
    #[must_use]
    pub(crate) fn is_of_root(&self, date: &str, brand: &Brand, root: ObjectId) -> bool {
        ticket_parts(&self.0)
            .is_some_and(|parts| parts.0 == date && parts.1 == brand.as_str() && root.to_string().starts_with(parts.2))
    }

    /// The day (UTC) on which the ticket was created.
    #[must_use]
    pub(crate) fn date(&self) -> &str {
        &self.0[2..12]
    }

    /// The ref that holds the chain while the ticket is live.
    #[must_use]
    pub(crate) fn ref_name(&self) -> String {
        format!("{TICKETS}{}", self.0)
    }

    /// The branch for the work on the ticket.
    #[must_use]
    pub(crate) fn branch(&self) -> String {
        format!("{BRANCHES}{}", self.0)
    }
}

/// The refs of live tickets.
pub(crate) const TICKETS: &str = "refs/os/tickets/";
/// The branches of tickets.
pub(crate) const BRANCHES: &str = "refs/heads/claude/";
/// The policy of a repository, as published from the registry.
pub(crate) const META: &str = "refs/os/meta";
/// Closed tickets and old sessions.
pub(crate) const ARCHIVE: &str = "refs/os/archive";
/// Learnings, one append-only ref for each clone that writes.
pub(crate) const LEARNINGS: &str = "refs/os/learnings/";
/// Session logs, in the hub.
pub(crate) const SESSIONS: &str = "refs/os/sessions/";
/// The wiki tree, in the hub.
pub(crate) const WIKI: &str = "refs/os/wiki";
/// What agents used and have reserved, in the hub.
pub(crate) const BUDGET: &str = "refs/os/budget";
/// Uncommitted work saved before a worktree is removed.
pub(crate) const RESCUE: &str = "refs/os/rescue/";
/// Wiki proposals and their state.
pub(crate) const PROPOSALS: &str = "refs/os/proposals/";
/// The redacted transcript of a run.
pub(crate) const TRANSCRIPTS: &str = "refs/os/transcripts/";
/// Local histories with events that could not be replayed.
pub(crate) const REJECTED: &str = "refs/os/rejected/";
/// Verdicts as notes on code commits.
pub(crate) const VERDICT_NOTES: &str = "refs/notes/os/verdicts";
/// Provenance as notes on code commits.
pub(crate) const PROVENANCE_NOTES: &str = "refs/notes/os/provenance";
/// Notes on commits that came to a protected branch beside the gate while an agent worked.
pub(crate) const STRAYS: &str = "refs/notes/os/strays";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_id_round_trips_and_knows_its_root() {
        let root = ObjectId::parse("91c2aa0000000000000000000000000000000000").expect("valid");
        let brand = Brand::parse("violet-studios").expect("valid");
        let id = TicketId::of_root("2026-05-07", &brand, root, 4);
        assert_eq!(id.as_str(), "T-2026-05-07-violet-studios-91c2");
        assert_eq!(TicketId::parse(id.as_str()), Ok(id.clone()));
        assert!(id.is_of_root("2026-05-07", &brand, root));
        assert!(!id.is_of_root("2026-05-08", &brand, root));
        assert!(!id.is_of_root("2026-05-07", &brand, ObjectId::parse(&"0".repeat(40)).expect("valid")));
    }

    #[test]
    fn hostile_names_are_refused() {
        for name in
            ["", ".", "..", "a/b", "-rf", "--help", "A", "$(id)", "a b", "a\u{202e}", ".lock", "a.lock", "a..b", "\u{1b}[2J"]
        {
            assert!(!is_ref_component(name), "{name:?}");
            assert!(TicketId::parse(name).is_err() && Brand::parse(name).is_err() && SessionId::parse(name).is_err());
        }
        assert!(TicketId::parse("T-2026-05-07-umano-91C2").is_err());
        assert!(TicketId::parse("T-2026-05-07-../x-91c2").is_err());
        assert!(SessionId::parse("2026-05-0é-91c2aa").is_err());
    }
}
