//! The stored form of an event: one commit message, one encoder, one decoder.
//!
//! A message is `[state] title`, a free body, and the trailers as the last paragraph. Every record has exactly one canonical
//! form, so a check encodes what the rules compute and compares bytes.

use std::fmt::Write as _;

use super::event::{Action, Event, EventKind, Role, State, StepState};
use super::id::{Brand, Kind, Label, Nonce, ObjectId, RunId, StepId, TicketId};
use super::text;
use super::ticket::{Content, LOWEST_PRIORITY, MAX_LIST, Ticket};
use super::time::Timestamp;

/// The schema version that this encoder writes.
pub(crate) const SCHEMA: u32 = 1;
/// The maximum length of a message, in bytes.
pub(crate) const MAX_MESSAGE: usize = 128 * 1024;
/// The maximum number of trailers in a message.
const MAX_TRAILERS: usize = 64;
/// The maximum length of the value of an unknown trailer, in bytes.
const MAX_UNKNOWN: usize = 4096;

/// The content of one commit of a chain: the event, and the ticket after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) event: Event,
    pub(crate) after: Ticket,
}

/// Why a message is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the message is not a record of git-os: {0}")]
    Malformed(&'static str),
    #[error("trailer `{0}` is missing or not valid")]
    Trailer(&'static str),
    #[error("it was written by a newer git-os (schema {0}); this one knows {SCHEMA}")]
    Newer(u32),
}

/// The known trailers, in the order in which they are written.
const KNOWN: &[&str] = &[
    "Os-Schema",
    "Os-Event",
    "Os-State",
    "Os-Brand",
    "Os-Kind",
    "Os-Priority",
    "Os-Labels",
    "Os-Depends",
    "Os-Author",
    "Os-Actor",
    "Os-Agent",
    "Os-By",
    "Os-Run",
    "Os-Lease",
    "Os-Attempt",
    "Os-Head",
    "Os-Base",
    "Os-Steps",
    "Os-Step",
    "Os-Repo",
    "Os-Nonce",
    "Os-Seq",
];

/// Encodes a record as a commit message.
#[must_use]
pub(crate) fn encode(record: &Record) -> String {
    let Record { event, after } = record;
    let mut out = String::with_capacity(512);
    let mut put = |key: &str, value: &dyn std::fmt::Display| {
        // Writing to a string cannot fail.
        writeln!(out, "{key}: {value}").expect("a string takes all text");
    };
    let content = &after.content;
    put("Os-Schema", &after.schema);
    put("Os-Event", &event.action.kind());
    put("Os-State", &after.state);
    put("Os-Brand", &content.brand);
    put("Os-Kind", &content.kind);
    put("Os-Priority", &content.priority);
    if !content.labels.is_empty() {
        put("Os-Labels", &join(content.labels.iter().map(Label::as_str)));
    }
    if !content.depends.is_empty() {
        put("Os-Depends", &join(content.depends.iter().map(TicketId::as_str)));
    }
    put("Os-Author", &after.author);
    put("Os-Actor", &event.actor);
    if let Some(agent) = &event.agent {
        put("Os-Agent", agent);
    }
    if let Some(by) = &event.by {
        put("Os-By", by);
    }
    if let Some(run) = &after.run {
        put("Os-Run", run);
    }
    if let Some(lease) = after.lease {
        put("Os-Lease", &lease);
    }
    put("Os-Attempt", &after.attempt);
    if let Some(head) = after.head {
        put("Os-Head", &head);
    }
    if let Some(base) = after.base {
        put("Os-Base", &base);
    }
    if !after.steps.is_empty() {
        let steps: Vec<_> = after.steps.iter().map(|(id, state)| format!("{id}={state}")).collect();
        put("Os-Steps", &steps.join(" "));
    }
    match &event.action {
        Action::Step { step, state } => put("Os-Step", &format_args!("{step}={state}")),
        Action::Create { repo, .. } => put("Os-Repo", repo),
        Action::Edit { .. }
        | Action::Approve
        | Action::Reject
        | Action::Claim { .. }
        | Action::Start { .. }
        | Action::Renew { .. }
        | Action::Ask
        | Action::Answer
        | Action::Submit { .. }
        | Action::Pass
        | Action::Fail { .. }
        | Action::Stale { .. }
        | Action::Merge
        | Action::Block
        | Action::Unblock
        | Action::Release
        | Action::Expire
        | Action::Cancel
        | Action::Comment
        | Action::Conflict => {}
    }
    put("Os-Nonce", &event.nonce);
    put("Os-Seq", &after.seq);
    for (key, value) in &after.unknown {
        put(key, value);
    }
    let body = if event.text.is_empty() { String::new() } else { format!("{}\n\n", event.text) };
    format!("[{}] {}\n\n{body}{out}", after.state, content.title)
}

fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

/// The trailers of a message; each is read once, by its key.
struct Trailers<'a> {
    known: [Option<&'a str>; KNOWN.len()],
    unknown: Vec<(String, String)>,
}

impl<'a> Trailers<'a> {
    fn find(&self, key: &'static str) -> Option<&'a str> {
        KNOWN.iter().position(|known| *known == key).and_then(|at| self.known[at])
    }

    /// Reads a trailer that must be present and valid.
    fn read<T>(&self, key: &'static str, parse: impl Fn(&'a str) -> Option<T>) -> Result<T, WireError> {
        self.find(key).and_then(parse).ok_or(WireError::Trailer(key))
    }

    /// Reads a trailer that may be absent, but must be valid if present.
    fn maybe<T>(&self, key: &'static str, parse: impl Fn(&'a str) -> Option<T>) -> Result<Option<T>, WireError> {
        self.find(key).map(|text| parse(text).ok_or(WireError::Trailer(key))).transpose()
    }

    /// Reads a list of words separated by single spaces; an absent trailer is an empty list.
    fn list<T>(&self, key: &'static str, parse: impl Fn(&'a str) -> Option<T>) -> Result<Vec<T>, WireError> {
        let Some(text) = self.find(key) else { return Ok(Vec::new()) };
        let words: Option<Vec<_>> = text.split(' ').map(parse).collect();
        words.filter(|words| words.len() <= MAX_LIST).ok_or(WireError::Trailer(key))
    }
}

fn number<T: std::str::FromStr + std::fmt::Display>(text: &str) -> Option<T> {
    text.parse::<T>().ok().filter(|number| number.to_string() == text)
}

fn step(text: &str) -> Option<(StepId, StepState)> {
    let (id, state) = text.split_once('=')?;
    Some((StepId::parse(id).ok()?, StepState::parse(state)?))
}

/// Decodes a commit message.
///
/// # Errors
/// If the message is not exactly what [`encode`] writes. Any input bytes are safe.
pub(crate) fn decode(message: &[u8]) -> Result<Record, WireError> {
    if message.len() > MAX_MESSAGE {
        return Err(WireError::Malformed("it is too long"));
    }
    let message = std::str::from_utf8(message).map_err(|_| WireError::Malformed("it is not UTF-8"))?;
    let (head, trailers) =
        message.strip_suffix('\n').and_then(|all| all.rsplit_once("\n\n")).ok_or(WireError::Malformed("it has no trailers"))?;
    let (subject, body) = head.split_once("\n\n").unwrap_or((head, ""));
    let trailers = read_trailers(trailers)?;
    let schema: u32 = trailers.read("Os-Schema", number)?;
    let Some(kind) = trailers.find("Os-Event").and_then(EventKind::parse) else {
        return Err(if schema > SCHEMA { WireError::Newer(schema) } else { WireError::Trailer("Os-Event") });
    };
    let Some(state) = trailers.find("Os-State").and_then(State::parse) else {
        return Err(if schema > SCHEMA { WireError::Newer(schema) } else { WireError::Trailer("Os-State") });
    };
    let title = subject
        .strip_prefix('[')
        .and_then(|rest| rest.strip_prefix(state.as_str()))
        .and_then(|rest| rest.strip_prefix("] "))
        .ok_or(WireError::Malformed("the subject is not `[state] title`"))?;
    if !text::is_body(body) || !text::is_line(title, text::MAX_TITLE) || title.is_empty() {
        return Err(WireError::Malformed("the title or the body has characters that cannot be stored"));
    }
    let after = read_ticket(&trailers, schema, state, title)?;
    let event = Event {
        action: read_action(kind, &trailers, &after)?,
        actor: trailers.read("Os-Actor", Role::parse)?,
        agent: trailers.find("Os-Agent").map(str::to_owned),
        by: trailers.maybe("Os-By", |text| RunId::parse(text).ok())?,
        nonce: trailers.read("Os-Nonce", |text| Nonce::parse(text).ok())?,
        text: body.to_owned(),
    };
    Ok(Record { event, after })
}

fn read_trailers(paragraph: &str) -> Result<Trailers<'_>, WireError> {
    let mut trailers = Trailers { known: [None; KNOWN.len()], unknown: Vec::new() };
    let mut next = 0;
    for (count, line) in paragraph.split('\n').enumerate() {
        let (key, value) = line.split_once(": ").ok_or(WireError::Malformed("a trailer is not `Key: value`"))?;
        let shaped =
            key.starts_with("Os-") && key.len() <= 40 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !shaped || value.is_empty() || count >= MAX_TRAILERS {
            return Err(WireError::Malformed("a trailer is not `Os-Key: value`"));
        }
        match KNOWN.iter().position(|known| *known == key) {
            // Enforce one order, because there is only one canonical form; unknown trailers come last.
            Some(at) if at >= next && trailers.unknown.is_empty() => {
                trailers.known[at] = Some(value);
                next = at + 1;
            }
            Some(_) => return Err(WireError::Malformed("the trailers are not in order")),
            None if text::is_line(value, MAX_UNKNOWN) => trailers.unknown.push((key.to_owned(), value.to_owned())),
            None => return Err(WireError::Malformed("a trailer has characters that cannot be stored")),
        }
    }
    Ok(trailers)
}

fn read_ticket(trailers: &Trailers<'_>, schema: u32, state: State, title: &str) -> Result<Ticket, WireError> {
    let object = |text: &str| ObjectId::parse(text).ok();
    Ok(Ticket {
        schema,
        state,
        content: Content {
            title: title.to_owned(),
            brand: trailers.read("Os-Brand", |text| Brand::parse(text).ok())?,
            kind: trailers.read("Os-Kind", |text| Kind::parse(text).ok())?,
            priority: trailers.read("Os-Priority", |text| number(text).filter(|priority| *priority <= LOWEST_PRIORITY))?,
            labels: trailers.list("Os-Labels", |text| Label::parse(text).ok())?,
            depends: trailers.list("Os-Depends", |text| TicketId::parse(text).ok())?,
        },
        author: trailers.read("Os-Author", Role::parse)?,
        run: trailers.maybe("Os-Run", |text| RunId::parse(text).ok())?,
        lease: trailers.maybe("Os-Lease", Timestamp::parse)?,
        attempt: trailers.read("Os-Attempt", number)?,
        head: trailers.maybe("Os-Head", object)?,
        base: trailers.maybe("Os-Base", object)?,
        steps: trailers.list("Os-Steps", step)?,
        seq: trailers.read("Os-Seq", number)?,
        unknown: trailers.unknown.clone(),
    })
}

/// Reads what the event did, from the ticket after it where both have the same data.
fn read_action(kind: EventKind, trailers: &Trailers<'_>, after: &Ticket) -> Result<Action, WireError> {
    let work = || Some((after.head?, after.base?));
    Ok(match kind {
        EventKind::Create => {
            Action::Create { content: after.content.clone(), repo: trailers.read("Os-Repo", |text| ObjectId::parse(text).ok())? }
        }
        EventKind::Edit => Action::Edit { content: after.content.clone() },
        EventKind::Claim => Action::Claim {
            run: after.run.clone().ok_or(WireError::Trailer("Os-Run"))?,
            lease: after.lease.ok_or(WireError::Trailer("Os-Lease"))?,
        },
        EventKind::Start => Action::Start { attempt: after.attempt },
        EventKind::Renew => Action::Renew { lease: after.lease.ok_or(WireError::Trailer("Os-Lease"))? },
        EventKind::Step => {
            let (step, state) = trailers.read("Os-Step", step)?;
            Action::Step { step, state }
        }
        EventKind::Submit => {
            let (head, base) = work().ok_or(WireError::Trailer("Os-Head"))?;
            Action::Submit { head, base }
        }
        EventKind::Stale => {
            let (head, base) = work().ok_or(WireError::Trailer("Os-Head"))?;
            Action::Stale { head, base }
        }
        EventKind::Fail => Action::Fail { then: after.state },
        EventKind::Approve => Action::Approve,
        EventKind::Reject => Action::Reject,
        EventKind::Ask => Action::Ask,
        EventKind::Answer => Action::Answer,
        EventKind::Pass => Action::Pass,
        EventKind::Merge => Action::Merge,
        EventKind::Block => Action::Block,
        EventKind::Unblock => Action::Unblock,
        EventKind::Release => Action::Release,
        EventKind::Expire => Action::Expire,
        EventKind::Cancel => Action::Cancel,
        EventKind::Comment => Action::Comment,
        EventKind::Conflict => Action::Conflict,
    })
}

#[cfg(test)]
mod tests;
