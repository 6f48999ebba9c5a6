//! Messages from an agent without write access to refs: small files in a folder that the orchestrator reads.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::core::text;
use crate::git::GitError;
use crate::git::process::{read_file, write_file};

/// The maximum number of messages that are read from one run.
const MAX_MESSAGES: usize = 200;
/// The maximum size of a message, in bytes; JSON takes up to six for a byte of the text.
const MAX_MESSAGE: u64 = 6 * text::MAX_BODY as u64 + 1024;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Message {
    /// A learning.
    Learn { text: String },
    /// A question for the operator.
    Ask { text: String },
    /// A line for the record.
    Log { text: String },
}

/// Writes a message; the files sort in order of time.
///
/// # Errors
/// If the folder cannot be written.
pub(crate) fn leave(outbox: &Utf8Path, message: &Message, order: u128) -> Result<(), GitError> {
    let json = serde_json::to_string(message).unwrap_or_default();
    write_file(&outbox.join(format!("{order:039}.json")), json.as_bytes(), 0o644)
}

impl Message {
    /// What it says.
    #[must_use]
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Learn { text } | Self::Ask { text } | Self::Log { text } => text,
        }
    }
}

/// Whether a file is safe to read: a regular file, not a link to another place and not a pipe that never ends.
fn is_readable(path: &Utf8Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_MESSAGE)
}

/// Reads the messages in order; skips files that are not messages, and messages without text.
pub(crate) fn read(outbox: &Utf8Path) -> Vec<Message> {
    if outbox.is_symlink() {
        return Vec::new();
    }
    let entries = outbox.read_dir_utf8().into_iter().flatten().flatten();
    let mut files: Vec<_> =
        entries.map(|entry| entry.path().to_owned()).filter(|path| path.extension() == Some("json")).collect();
    files.sort();
    let texts = files.iter().filter(|path| is_readable(path)).take(MAX_MESSAGES).filter_map(|path| read_file(path).ok());
    let messages = texts.filter_map(|text| serde_json::from_str::<Message>(&text).ok());
    messages.filter(|message| !text::body(message.text()).trim().is_empty()).collect()
}
