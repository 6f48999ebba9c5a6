//! Messages from an agent without write access to refs: small files in a folder that the orchestrator reads.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::core::event::StepState;
use crate::core::id::StepId;
use crate::core::ruling::Ruling;
use crate::core::text;
use crate::git::GitError;
use crate::git::process::{read_untrusted, remove_file, write_file};

/// The maximum number of messages that are read from one run.
const MAX_MESSAGES: usize = 200;
/// The maximum size of a message, in bytes; JSON takes up to six for a byte of the text.
const MAX_MESSAGE: u64 = 6 * text::MAX_BODY as u64 + 1024;
/// How much text all messages of a run have together, in bytes.
const MAX_TEXT: usize = 2 * 1024 * 1024;
/// How many entries of the folder are looked at; an agent may fill it with anything.
const MAX_ENTRIES: usize = 10_000;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Message {
    /// A learning.
    Learn { text: String },
    /// A question for the operator.
    Ask { text: String },
    /// A remark on the ticket.
    #[serde(alias = "log")]
    Note { text: String },
    /// What the agent says of a step; the text may be empty.
    Step {
        step: StepId,
        state: StepState,
        #[serde(default)]
        text: String,
    },
}

/// Why a message is not taken: the run has said as much as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this run has said as much as it may: {MAX_MESSAGES} messages, or {} MiB of text", MAX_TEXT >> 20)]
pub(crate) struct Full;

/// Leaves a message; the files sort in order of time. It is granted once the orchestrator would read it: whoever leaves one looks at the
/// outbox with the same eyes.
///
/// # Errors
/// If the folder cannot be written.
pub(crate) fn leave(outbox: &Utf8Path, message: &Message, order: u128) -> Result<Ruling<(), Full>, GitError> {
    let json = serde_json::to_string(message).unwrap_or_default();
    let path = outbox.join(format!("{order:039}.json"));
    write_file(&path, json.as_bytes(), 0o644)?;
    if read(outbox).contains(message) {
        return Ok(Ruling::Granted(()));
    }
    remove_file(&path)?;
    Ok(Ruling::Denied(Full))
}

impl Message {
    /// What it says.
    #[must_use]
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Learn { text } | Self::Ask { text } | Self::Note { text } | Self::Step { text, .. } => text,
        }
    }

    /// Whether it says anything.
    fn says_something(&self) -> bool {
        matches!(self, Self::Step { .. }) || !text::body(self.text()).trim().is_empty()
    }
}

/// Reads the messages in order; skips files that are not messages, and messages without text.
pub(crate) fn read(outbox: &Utf8Path) -> Vec<Message> {
    if outbox.is_symlink() {
        return Vec::new();
    }
    let entries = outbox.read_dir_utf8().into_iter().flatten().flatten().take(MAX_ENTRIES);
    let mut files: Vec<_> =
        entries.map(|entry| entry.path().to_owned()).filter(|path| path.extension() == Some("json")).collect();
    files.sort();
    let texts = files.iter().filter_map(|path| read_untrusted(path, MAX_MESSAGE));
    let messages = texts.filter_map(|text| serde_json::from_str::<Message>(&text).ok());
    let mut left = MAX_TEXT;
    let fits = |message: &Message| {
        let rest = left.checked_sub(message.text().len());
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    messages.filter(Message::says_something).take(MAX_MESSAGES).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox() -> (tempfile::TempDir, camino::Utf8PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().join("box")).expect("UTF-8");
        (dir, path)
    }

    fn note(text: &str) -> Message {
        Message::Note { text: text.to_owned() }
    }

    #[test]
    fn what_is_left_is_read_in_its_order_until_it_is_too_much() {
        let (_dir, path) = outbox();
        for number in 0..MAX_MESSAGES {
            let granted = leave(&path, &note(&number.to_string()), number as u128).expect("written");
            assert_eq!(granted, Ruling::Granted(()));
        }
        let all: Vec<_> = (0..MAX_MESSAGES).map(|number| note(&number.to_string())).collect();
        assert_eq!(read(&path), all);
        assert_eq!(leave(&path, &note("one more"), 1_000).expect("written"), Ruling::Denied(Full));
        assert_eq!(read(&path), all, "what was refused is gone");
    }

    #[test]
    fn all_texts_together_are_bounded() {
        let (_dir, path) = outbox();
        let long = "x".repeat(text::MAX_BODY);
        let taken = (0_u128..100).find(|order| {
            leave(&path, &note(&format!("{order:02}{}", &long[2..])), *order).expect("written") != Ruling::Granted(())
        });
        assert_eq!(taken, Some((MAX_TEXT / text::MAX_BODY) as u128));
    }

    #[test]
    fn what_is_no_message_is_passed_over() {
        let (dir, path) = outbox();
        let put = |name: &str, text: &str| write_file(&path.join(name), text.as_bytes(), 0o644).expect("written");
        put("1.json", r#"{"kind":"log","text":"as before"}"#);
        put("2.json", r#"{"kind":"note","text":"half"#);
        put("3.json", r#"{"kind":"step","step":"../x","state":"done"}"#);
        put("4.json", r#"{"kind":"step","step":"S1","state":"merged"}"#);
        put("5.json", r#"{"kind":"step","step":"S1","state":"failed"}"#);
        put("6.json", r#"{"kind":"note","text":" \n"}"#);
        put("7.json", &format!(r#"{{"kind":"note","text":"{}"}}"#, "x".repeat(usize::try_from(MAX_MESSAGE).expect("fits"))));
        put("8.text", r#"{"kind":"note","text":"no message"}"#);
        let secret = dir.path().join("secret");
        let secret = camino::Utf8PathBuf::from_path_buf(secret).expect("UTF-8");
        write_file(&secret, br#"{"kind":"note","text":"secret"}"#, 0o644).expect("written");
        std::os::unix::fs::symlink(&secret, path.join("9.json")).expect("a link");
        rustix::fs::mkfifoat(rustix::fs::CWD, path.join("10.json").as_std_path(), rustix::fs::Mode::RWXU).expect("a pipe");
        std::fs::create_dir(path.join("11.json")).expect("a folder");
        let step = StepId::parse("S1").expect("valid");
        let read = read(&path);
        assert_eq!(read, [note("as before"), Message::Step { step, state: StepState::Failed, text: String::new() }]);
    }
}
