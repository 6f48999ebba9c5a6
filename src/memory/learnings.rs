//! Learnings: an append-only ref for each clone that writes; readers see the union of all.

use std::collections::HashSet;

use serde::Serialize;

use crate::core::event::named;
use crate::core::id::{Brand, LEARNINGS, RunId, TicketId};
use crate::core::secrets;
use crate::core::text;
use crate::core::time::Timestamp;
use crate::core::trailers::{self, Key, Message};
use crate::core::wire::SCHEMA;
use crate::git::Repo;
use crate::git::process::{read_file, write_file};
use crate::git::refs::Update;
use crate::ledger::{LedgerError, random_hex};
use crate::workspace::{Workspace, WorkspaceError};

/// The maximum number of learnings that are read from one ref, newest first.
const MAX_READ: usize = 2000;

/// The longest text of a learning as it is read, in bytes: where its first line was divided, there are two line breaks.
const MAX_TEXT: usize = text::MAX_BODY + 2;

/// The trailers of a learning, in the order in which they are written.
const KEYS: &[Key] = &[Key::Schema, Key::Brand, Key::Confidence, Key::Ticket, Key::Run, Key::Nonce];

named! {
    /// How reliable a learning is.
    Confidence, "confidence", { High = "high", Medium = "medium", Low = "low" }
}

/// One learning, with its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Learning {
    pub(crate) text: String,
    pub(crate) brand: Brand,
    pub(crate) ticket: Option<TicketId>,
    pub(crate) run: Option<RunId>,
    pub(crate) confidence: Confidence,
}

/// A learning as read from the ref, with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Lesson {
    pub(crate) text: String,
    pub(crate) brand: Option<Brand>,
    pub(crate) ticket: Option<TicketId>,
    pub(crate) confidence: Option<Confidence>,
    pub(crate) time: Timestamp,
}

/// The name of this clone's ref.
fn writer(repo: &Repo) -> Result<String, LedgerError> {
    let path = repo.os_dir().join("writer");
    let known = read_file(&path).unwrap_or_default();
    let known = known.trim();
    if crate::core::id::is_ref_component(known) {
        return Ok(known.to_owned());
    }
    let new = random_hex()?[..12].to_owned();
    write_file(&path, format!("{new}\n").as_bytes(), 0o644)?;
    Ok(new)
}

/// Appends a learning, unless this clone's ref already has it from the same ticket. Returns whether it was appended.
///
/// # Errors
/// If git cannot write.
pub(crate) fn append_once(repo: &Repo, learning: &Learning) -> Result<bool, LedgerError> {
    let body = text::body(&secrets::redact(&learning.text));
    if body.is_empty() {
        return Ok(false);
    }
    let name = format!("{LEARNINGS}{}", writer(repo)?);
    let (subject, rest) = split(&body);
    let subject = text::line(subject, text::MAX_TITLE);
    repo.update_ref(&name, |old| {
        if old.is_some()
            && read_stream(repo, &name)?
                .iter()
                .any(|known| known.text == with_rest(&subject, rest) && known.ticket == learning.ticket)
        {
            return Ok(Update::Stop(false));
        }
        let tree_id = repo.write_tree(&mut [])?;
        let parents: Vec<_> = old.into_iter().collect();
        let message = message(learning, &subject, rest, &random_hex()?);
        let to = repo.write_commit(tree_id, &parents, &repo.identity()?, &message)?;
        Ok(Update::Move { to, then: true })
    })
}

/// Subject and rest of a learning. A first line that is too long for a subject goes on in the rest, so that nothing is lost.
fn split(body: &str) -> (&str, &str) {
    let first = text::first_line(body);
    let mut end = first.len();
    if end > text::MAX_TITLE {
        end = (0..=text::MAX_TITLE).rev().find(|at| body.is_char_boundary(*at)).unwrap_or_default();
        end = first[..end].rfind(' ').filter(|at| *at > 0).unwrap_or(end);
    }
    (body[..end].trim_end(), body[end..].trim())
}

fn message(learning: &Learning, subject: &str, rest: &str, nonce: &str) -> String {
    let message = Message::new(subject, rest, SCHEMA).with(Key::Brand, &learning.brand);
    let message = message.with(Key::Confidence, learning.confidence).with_some(Key::Ticket, learning.ticket.as_ref());
    message.with_some(Key::Run, learning.run.as_ref()).with(Key::Nonce, nonce).into()
}

fn with_rest(subject: &str, rest: &str) -> String {
    if rest.is_empty() { subject.to_owned() } else { format!("{subject}\n\n{rest}") }
}

fn read_stream(repo: &Repo, name: &str) -> Result<Vec<Lesson>, LedgerError> {
    let mut lessons = Vec::new();
    let Some(tip) = repo.find_ref(name)? else { return Ok(lessons) };
    // The ref of a copied clone may have grown on both sides.
    for id in repo.difference(None, tip)?.added.into_iter().take(MAX_READ) {
        let commit = repo.read_commit(id)?;
        if commit.parents.len() > 1 {
            continue;
        }
        lessons.push(read_lesson(&commit.message, commit.time()));
    }
    Ok(lessons)
}

/// Reads one learning. What others wrote in another form is all text, and of no brand.
fn read_lesson(message: &[u8], time: Timestamp) -> Lesson {
    let Ok(parts) = trailers::read(message, KEYS) else {
        let text = text::body(&String::from_utf8_lossy(message));
        return Lesson { text, brand: None, ticket: None, confidence: None, time };
    };
    let find = |key| parts.trailers.find(key);
    Lesson {
        text: text::excerpt(parts.words, MAX_TEXT),
        brand: find(Key::Brand).and_then(|text| Brand::parse(text).ok()),
        ticket: find(Key::Ticket).and_then(|text| TicketId::parse(text).ok()),
        confidence: find(Key::Confidence).and_then(Confidence::parse),
        time,
    }
}

/// All learnings of a repository, newest first.
///
/// # Errors
/// If git cannot read them.
pub(crate) fn list(repo: &Repo) -> Result<Vec<Lesson>, LedgerError> {
    let mut all = Vec::new();
    for (name, _) in repo.list_refs(LEARNINGS)? {
        all.extend(read_stream(repo, &name)?);
    }
    all.sort_by_key(|lesson| std::cmp::Reverse(lesson.time));
    Ok(all)
}

/// The learnings of a brand, and of the hub, that share the most words with a text.
///
/// # Errors
/// If git cannot read them.
pub(crate) fn matching(workspace: &Workspace, brand: &Brand, about: &str, most: usize) -> Result<Vec<Lesson>, WorkspaceError> {
    let wanted = words(about);
    let mut scored = Vec::new();
    for entry in &workspace.registry.repos {
        // The learnings of a silo are not shared.
        if entry.brand != *brand && (entry.silo || entry.name != workspace.registry.hub) {
            continue;
        }
        let Ok(repo) = workspace.open(entry) else { continue };
        for lesson in list(&repo)? {
            let is_ours = lesson.brand.as_ref().is_some_and(|own| own == brand || own.as_str() == Brand::GLOBAL);
            let score = words(&lesson.text).intersection(&wanted).count();
            if is_ours && score > 1 {
                scored.push((score, lesson));
            }
        }
    }
    scored.sort_by_key(|(score, lesson)| std::cmp::Reverse((*score, lesson.time)));
    Ok(scored.into_iter().take(most).map(|(_, lesson)| lesson).collect())
}

/// The significant words of a text: those with four letters or more.
fn words(text: &str) -> HashSet<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.chars().count() >= 4)
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = "Prices are in cents\n\nSee the ledger.\n\nOs-Schema: 1\nOs-Brand: umano\nOs-Confidence: high\n\
        Os-Ticket: T-2026-05-07-umano-a1b2\nOs-Run: 11111111111111111111111111111111\nOs-Nonce: ab\n";

    #[test]
    fn the_stored_bytes_of_a_learning_stay_as_they_are() {
        let learning = Learning {
            text: String::new(),
            brand: Brand::parse("umano").expect("valid"),
            ticket: TicketId::parse("T-2026-05-07-umano-a1b2").ok(),
            run: RunId::parse(&"1".repeat(32)).ok(),
            confidence: Confidence::High,
        };
        assert_eq!(message(&learning, "Prices are in cents", "See the ledger.", "ab"), STORED);
        let short = Learning { ticket: None, run: None, ..learning };
        assert_eq!(message(&short, "x", "", "ab"), "x\n\nOs-Schema: 1\nOs-Brand: umano\nOs-Confidence: high\nOs-Nonce: ab\n");
    }

    #[test]
    fn a_first_line_of_any_length_is_kept_whole() {
        assert_eq!(split("One\n\nTwo"), ("One", "Two"));
        let words = "wörter ".repeat(100);
        for body in [words.trim(), &words.replace(' ', ""), &format!("{words}\nend")] {
            let (subject, rest) = split(body);
            assert!(subject.len() <= text::MAX_TITLE && !subject.is_empty(), "{subject}");
            assert_eq!(text::line(subject, text::MAX_TITLE), subject);
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(letters(subject) + &letters(rest), letters(body));
        }
    }

    #[test]
    fn a_learning_is_read_with_its_source_and_other_text_without_one() {
        let lesson = read_lesson(STORED.as_bytes(), Timestamp(0));
        assert_eq!(lesson.text, "Prices are in cents\n\nSee the ledger.");
        assert_eq!(lesson.brand.as_ref().map(Brand::as_str), Some("umano"));
        assert_eq!(lesson.ticket.as_ref().map(TicketId::as_str), Some("T-2026-05-07-umano-a1b2"));
        assert_eq!(lesson.confidence, Some(Confidence::High));
        let foreign = read_lesson(b"By hand\n\nOs-Brand umano\n", Timestamp(0));
        assert_eq!((foreign.text.as_str(), foreign.brand), ("By hand\n\nOs-Brand umano", None));
    }
}
