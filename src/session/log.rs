//! The log of a session: one commit per phase; its tree contains what the next session needs.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::core::event::State;
use crate::core::holding::name_of;
use crate::core::id::{Brand, ObjectId, SESSIONS, SessionId, TicketId};
use crate::core::interview::Answers;
use crate::core::secrets;
use crate::core::session::{Phase, Seen};
use crate::core::text;
use crate::core::trailers::{self, Key, Message};
use crate::core::wire::SCHEMA;
use crate::git::refs::{Moved, RefEdit};
use crate::git::{GitError, Repo};
use crate::ledger::{Ledger, LedgerError, random_hex};
use crate::refs::sessions::{self, Latest, MAX_FILE, SEEN};

/// The file with the pending drafts.
const PENDING: &str = "pending.json";
/// The file with the answers of this session's interview.
const ANSWERS: &str = "answers.json";
/// The outcome of the last phase.
const CLOSED: &str = "closed";

/// An item that will become a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    /// Where it comes from; there is only one open ticket per key.
    pub(super) key: String,
    pub(super) repo: String,
    pub(super) title: String,
    pub(super) kind: String,
    pub(super) priority: u8,
    pub(super) description: String,
    /// Acceptance criteria, one line each.
    #[serde(default)]
    pub(super) acceptance: Vec<String>,
    /// The title of another pending item that must be merged first.
    pub(super) after: Option<String>,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    /// The brand, if it differs from the repository's.
    #[serde(default)]
    pub(super) brand: Option<String>,
}

/// Where an item comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A comment in a file.
    Todo,
    /// A check that fails.
    Check,
    /// What a person said should be done next.
    Wish,
}

impl Source {
    /// The key of an item of this source.
    pub(super) fn key(self, repo: impl Display, what: impl Display) -> String {
        format!("{}:{repo}:{what}", self.word())
    }

    fn word(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::Check => "check",
            Self::Wish => "wish",
        }
    }
}

impl Pending {
    /// Where it comes from, as its key says; what an older git-os had other names for was found by a scout.
    pub(super) fn source(&self) -> Source {
        let word = self.key.split(':').next().unwrap_or_default();
        [Source::Todo, Source::Check, Source::Wish].into_iter().find(|source| source.word() == word).unwrap_or(Source::Check)
    }

    /// Whether it had its ticket: a signal is not proposed again after an operator said no, and a comment not after its ticket landed
    /// either. A check that fails is, because it passed in between, and so is what a person wishes for.
    ///
    /// # Errors
    /// If the ticket cannot be read.
    pub(super) fn is_done_with(&self, ledger: &Ledger<'_>, seen: &Seen) -> Result<bool, LedgerError> {
        let Some(id) = seen.drafted.get(&self.key).and_then(|id| TicketId::parse(id).ok()) else { return Ok(false) };
        let state = match ledger.read_legal(&id) {
            Ok((entry, _)) => entry.ticket.state,
            Err(LedgerError::NotFound(_) | LedgerError::Quarantined { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(match self.source() {
            Source::Wish => false,
            Source::Check => matches!(state, State::Rejected | State::Canceled),
            Source::Todo => matches!(state, State::Rejected | State::Canceled | State::Merged),
        })
    }
}

/// The session of a person in a hub.
pub(super) struct Log {
    pub(super) id: Option<SessionId>,
    tip: Option<ObjectId>,
    pub(super) seen: Seen,
    pub(super) pending: Vec<Pending>,
    /// What was answered in this session, as far as it came.
    pub(super) answers: BTreeMap<Brand, Answers>,
    /// The latest session, if it is of somebody else and not closed.
    pub(super) other: Option<(SessionId, String)>,
}

impl Log {
    /// Reads what the latest session knows, whoever held it. The latest session of the person who asks is continued if it was not
    /// closed, with its answers; that of anybody else is left to them.
    ///
    /// # Errors
    /// If the hub cannot be read.
    pub(super) fn open(hub: &Repo) -> Result<Self, LedgerError> {
        let mut log =
            Self { id: None, tip: None, seen: Seen::default(), pending: Vec::new(), answers: BTreeMap::new(), other: None };
        let Some(latest) = sessions::find_latest(hub)? else { return Ok(log) };
        let own = sessions::find_latest_of(hub, &hub.identity()?.email)?.filter(|own| !is_closed(&own.commit.message));
        let is_own = own.as_ref().is_some_and(|own| own.id == latest.id);
        if !is_own && !is_closed(&latest.commit.message) {
            log.other = Some((latest.id, name_of(&latest.commit.author).to_owned()));
        }
        log.pending = read(hub, latest.commit.tree_id, PENDING)?;
        log.seen = latest.seen;
        log.seen.number += u64::from(!is_own);
        if let Some(Latest { id, tip, commit, .. }) = own {
            log.answers = read(hub, commit.tree_id, ANSWERS)?;
            (log.id, log.tip) = (Some(id), Some(tip));
        }
        Ok(log)
    }

    /// Adds the result of a phase.
    ///
    /// # Errors
    /// If git cannot write.
    pub(super) fn append(
        &mut self,
        hub: &Repo,
        phase: Phase,
        what: &str,
        body: &str,
        seen: &Seen,
        files: &[(&str, String)],
    ) -> Result<(), LedgerError> {
        self.write(hub, phase, "ran", what, body, seen, files)
    }

    /// Closes the session.
    ///
    /// # Errors
    /// If git cannot write.
    pub(super) fn close(&mut self, hub: &Repo, what: &str, seen: &Seen) -> Result<(), LedgerError> {
        self.write(hub, Phase::Close, CLOSED, what, "", seen, &[])
    }

    #[expect(clippy::too_many_arguments, reason = "one commit has so many parts, and two callers give them")]
    fn write(
        &mut self,
        hub: &Repo,
        phase: Phase,
        outcome: &str,
        what: &str,
        body: &str,
        seen: &Seen,
        files: &[(&str, String)],
    ) -> Result<(), LedgerError> {
        self.seen = seen.clone();
        let mut tree_id = self.tip.map(|tip| hub.read_commit(tip)).transpose()?.map(|commit| commit.tree_id);
        let json = |value: Result<String, serde_json::Error>| value.unwrap_or_default() + "\n";
        let mut own =
            vec![(SEEN, json(serde_json::to_string_pretty(seen))), (PENDING, json(serde_json::to_string_pretty(&self.pending)))];
        if !self.answers.is_empty() {
            own.push((ANSWERS, json(serde_json::to_string_pretty(&self.answers))));
        }
        for (path, contents) in own.iter().map(|(path, text)| (*path, text)).chain(files.iter().map(|(path, text)| (*path, text)))
        {
            tree_id = Some(hub.edit_tree(tree_id, path, Some(hub.write_blob(secrets::redact(contents).as_bytes())?))?);
        }
        let who = hub.identity()?;
        let body = text::body(&secrets::redact(body));
        let message = message(phase, outcome, what, &body, &random_hex()?);
        let parents: Vec<_> = self.tip.into_iter().collect();
        let tree_id = match tree_id {
            Some(tree_id) => tree_id,
            None => hub.write_tree(&mut [])?,
        };
        let tip = hub.write_commit(tree_id, &parents, &who, &message)?;
        let id = match &self.id {
            Some(id) => id.clone(),
            None => SessionId::parse(&format!("{}-{}", who.time.date(), tip.short(8)))?,
        };
        let name = format!("{SESSIONS}{id}");
        match hub.move_refs(&[RefEdit::advance(&name, self.tip, tip)])? {
            Moved::Done => {
                (self.id, self.tip) = (Some(id), Some(tip));
                Ok(())
            }
            Moved::Lost => Err(GitError::Move { name, source: "another process updated it".into() }.into()),
        }
    }
}

/// What a file of a session says; nothing if it says nothing.
fn read<T: DeserializeOwned + Default>(hub: &Repo, tree_id: ObjectId, path: &str) -> Result<T, LedgerError> {
    Ok(hub.find_file(tree_id, path, MAX_FILE)?.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
}

fn message(phase: Phase, outcome: &str, what: &str, body: &str, nonce: &str) -> String {
    let message = Message::new(format_args!("[{phase}] {}", text::line(what, text::MAX_TITLE)), body, SCHEMA);
    message.with(Key::Phase, phase.number()).with(Key::Outcome, outcome).with(Key::Nonce, nonce).into()
}

/// Whether the session ended with this message.
pub(crate) fn is_closed(message: &[u8]) -> bool {
    let keys = [Key::Schema, Key::Phase, Key::Outcome, Key::Nonce];
    trailers::read(message, &keys).is_ok_and(|parts| parts.trailers.find(Key::Outcome) == Some(CLOSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_bytes_of_a_phase_stay_as_they_are() {
        let stored = "[scout] 2 signals\n\none\ntwo\n\nOs-Schema: 1\nOs-Phase: NUMBER\nOs-Outcome: ran\nOs-Nonce: ab\n";
        let stored = stored.replace("NUMBER", &Phase::Scout.number().to_string());
        assert_eq!(message(Phase::Scout, "ran", "2 signals", "one\ntwo", "ab"), stored);
        assert!(!is_closed(stored.as_bytes()));
    }

    #[test]
    fn a_session_is_closed_by_its_trailer_and_not_by_its_text() {
        assert!(is_closed(message(Phase::Close, CLOSED, "done", "", "ab").as_bytes()));
        assert!(!is_closed(message(Phase::Scout, "ran", "x", "Os-Outcome: closed", "ab").as_bytes()));
    }
}
