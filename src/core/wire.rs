//! The stored form of an event: one commit message, one encoder, one decoder.
//!
//! A message is `[state] title`, a free body, and the trailers as the last paragraph. Every record has exactly one canonical
//! form, so a check encodes what the rules compute and compares bytes.

use super::event::{Action, Event, EventKind, Role, State, StepState};
use super::id::{Brand, Kind, Label, Nonce, ObjectId, RunId, StepId, TicketId};
use super::scope::Area;
use super::text;
use super::ticket::{Content, LOWEST_PRIORITY, Ticket};
use super::time::Timestamp;
use super::trailers::{self, Key, Message, TrailerError, Trailers};

/// The schema version of all that uses nothing newer.
pub(crate) const SCHEMA: u32 = 1;
/// The schema version of a ticket whose tests may change. An older git-os keeps the trailer, as one that it does not know.
const WITH_TESTS: u32 = 2;
/// The schema version of a ticket with a scope; as for that one.
const WITH_SCOPE: u32 = 3;
/// The newest schema version of a ticket that is known here.
pub(crate) const NEWEST: u32 = WITH_SCOPE;
/// The value of [`Key::Tests`].
const MAY_CHANGE: &str = "may-change";

/// The content of one commit of a chain: the event, and the ticket after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) event: Event,
    pub(crate) after: Ticket,
}

/// Why a message is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error(transparent)]
    Form(#[from] TrailerError),
    #[error("a newer git-os wrote it (schema {0}; this version supports {NEWEST})")]
    Newer(u32),
}

/// The known trailers of a record, in the order in which they are written.
const KEYS: &[Key] = &[
    Key::Schema,
    Key::Event,
    Key::State,
    Key::Brand,
    Key::Kind,
    Key::Priority,
    Key::Labels,
    Key::Depends,
    Key::Author,
    Key::Actor,
    Key::Agent,
    Key::By,
    Key::Run,
    Key::Lease,
    Key::Attempt,
    Key::Head,
    Key::Base,
    Key::Copy,
    Key::Steps,
    Key::Step,
    Key::Repo,
    Key::Nonce,
    Key::Seq,
    // An older git-os wants what it does not know at the end.
    Key::Tests,
    Key::Scope,
];

/// The lowest schema version that a ticket with this content has.
#[must_use]
pub(crate) fn schema_of(content: &Content) -> u32 {
    match (content.scope.is_empty(), content.tests_may_change) {
        (false, _) => WITH_SCOPE,
        (true, true) => WITH_TESTS,
        (true, false) => SCHEMA,
    }
}

/// Encodes a record as a commit message.
#[must_use]
pub(crate) fn encode(record: &Record) -> String {
    message(&record.after, Some(&record.event)).into()
}

/// Encodes a ticket in one line, in the form of a record without an event.
#[must_use]
pub(crate) fn encode_ticket(ticket: &Ticket) -> String {
    message(ticket, None).into_line()
}

/// All fields of the ticket, and those of the event, each in its place. Nothing is left out with `..`, so that a new field
/// does not compile until it is written here.
fn message(after: &Ticket, event: Option<&Event>) -> Message {
    let Ticket { schema, state, content, author, run, lease, attempt, head, base, copy, steps, seq, unknown } = after;
    let Content { title, brand, kind, priority, labels, depends, tests_may_change, scope } = content;
    let (action, actor, agent, by, nonce, body) = match event {
        Some(Event { action, actor, agent, by, nonce, text }) => {
            (Some(action), Some(actor), agent.as_ref(), by.as_ref(), Some(nonce), text.as_str())
        }
        None => (None, None, None, None, None, ""),
    };
    let message = Message::new(format_args!("[{state}] {title}"), body, *schema)
        .with_some(Key::Event, action.map(Action::kind))
        .with(Key::State, state)
        .with(Key::Brand, brand)
        .with(Key::Kind, kind)
        .with(Key::Priority, priority)
        .with_list(Key::Labels, labels)
        .with_list(Key::Depends, depends)
        .with(Key::Author, author)
        .with_some(Key::Actor, actor)
        .with_some(Key::Agent, agent)
        .with_some(Key::By, by)
        .with_some(Key::Run, run.as_ref())
        .with_some(Key::Lease, *lease)
        .with(Key::Attempt, attempt)
        .with_some(Key::Head, *head)
        .with_some(Key::Base, *base)
        .with_some(Key::Copy, *copy)
        .with_list(Key::Steps, steps.iter().map(|(id, state)| format!("{id}={state}")));
    let message = match action {
        Some(Action::Step { step, state }) => message.with(Key::Step, format_args!("{step}={state}")),
        Some(Action::Create { content: _, repo }) => message.with(Key::Repo, repo),
        // What these did stands in the ticket after them.
        Some(
            Action::Edit { content: _ }
            | Action::Approve
            | Action::Reject
            | Action::Claim { run: _, lease: _ }
            | Action::Start { attempt: _ }
            | Action::Renew { lease: _ }
            | Action::Ask
            | Action::Answer
            | Action::Submit { head: _, base: _ }
            | Action::Pass
            | Action::Fail { then: _ }
            | Action::Stale { head: _, base: _ }
            | Action::Merge { copy: _ }
            | Action::Block
            | Action::Unblock
            | Action::Release
            | Action::Expire
            | Action::Cancel
            | Action::Comment
            | Action::Conflict,
        )
        | None => message,
    };
    let message = message.with_some(Key::Nonce, nonce).with(Key::Seq, seq);
    let message = message.with_some(Key::Tests, tests_may_change.then_some(MAY_CHANGE)).with_list(Key::Scope, scope);
    unknown.iter().fold(message, |message, (key, value)| message.with_unknown(key, value))
}

/// Decodes a commit message.
///
/// # Errors
/// If the message is not exactly what [`encode`] writes. Any input bytes are safe.
pub(crate) fn decode(message: &[u8]) -> Result<Record, WireError> {
    let mut parts = trailers::read(message, KEYS)?;
    let (subject, body) = parts.subject_and_body();
    let trailers = &mut parts.trailers;
    let kind = read_known(trailers, Key::Event, EventKind::parse)?;
    let after = read_ticket(subject, body, trailers)?;
    let event = Event {
        action: read_action(kind, trailers, &after)?,
        actor: trailers.read_one(Key::Actor, Role::parse)?,
        agent: trailers.find(Key::Agent).map(str::to_owned),
        by: trailers.read_maybe(Key::By, |text| RunId::parse(text).ok())?,
        nonce: trailers.read_one(Key::Nonce, |text| Nonce::parse(text).ok())?,
        text: body.to_owned(),
    };
    Ok(Record { event, after })
}

/// Decodes a ticket from one line.
///
/// # Errors
/// If the line is not what [`encode_ticket`] writes.
pub(crate) fn decode_ticket(line: &str) -> Result<Ticket, WireError> {
    let mut parts = trailers::read_line(line, KEYS)?;
    read_ticket(parts.words, "", &mut parts.trailers)
}

/// Reads an unsigned number in its only written form: without a sign and without zeros in front.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_written_so = text == "0" || text.starts_with(|first| matches!(first, '1'..='9'));
    if is_written_so { text.parse().ok() } else { None }
}

fn step(text: &str) -> Option<(StepId, StepState)> {
    let (id, state) = text.split_once('=')?;
    Some((StepId::parse(id).ok()?, StepState::parse(state)?))
}

/// Reads a name that a newer git-os may have more of.
fn read_known<T>(trailers: &Trailers<'_>, key: Key, parse: impl Fn(&str) -> Option<T>) -> Result<T, WireError> {
    let name = trailers.read_one(key, parse);
    name.map_err(|error| match trailers.read_one(Key::Schema, number) {
        Ok(schema) if schema > NEWEST => WireError::Newer(schema),
        Ok(_) => error.into(),
        Err(error) => error.into(),
    })
}

/// Reads the ticket, and takes the unknown trailers.
fn read_ticket(subject: &str, body: &str, trailers: &mut Trailers<'_>) -> Result<Ticket, WireError> {
    let object = |text: &str| ObjectId::parse(text).ok();
    let state = read_known(trailers, Key::State, State::parse)?;
    let title = subject
        .strip_prefix('[')
        .and_then(|rest| rest.strip_prefix(state.as_str()))
        .and_then(|rest| rest.strip_prefix("] "))
        .ok_or(TrailerError::Malformed("the subject is not `[state] title`"))?;
    if !text::is_body(body) || !text::is_line(title, text::MAX_TITLE) || title.is_empty() {
        return Err(TrailerError::Malformed("the title or the body has characters that cannot be stored").into());
    }
    Ok(Ticket {
        schema: trailers.read_one(Key::Schema, number)?,
        state,
        content: Content {
            title: title.to_owned(),
            brand: trailers.read_one(Key::Brand, |text| Brand::parse(text).ok())?,
            kind: trailers.read_one(Key::Kind, |text| Kind::parse(text).ok())?,
            priority: trailers.read_one(Key::Priority, |text| number(text).filter(|priority| *priority <= LOWEST_PRIORITY))?,
            labels: trailers.read_list(Key::Labels, |text| Label::parse(text).ok())?,
            depends: trailers.read_list(Key::Depends, |text| TicketId::parse(text).ok())?,
            tests_may_change: trailers.read_maybe(Key::Tests, |text| (text == MAY_CHANGE).then_some(()))?.is_some(),
            scope: trailers.read_list(Key::Scope, |text| Area::parse(text).ok().filter(|area| area.as_str() == text))?,
        },
        author: trailers.read_one(Key::Author, Role::parse)?,
        run: trailers.read_maybe(Key::Run, |text| RunId::parse(text).ok())?,
        lease: trailers.read_maybe(Key::Lease, Timestamp::parse)?,
        attempt: trailers.read_one(Key::Attempt, number)?,
        head: trailers.read_maybe(Key::Head, object)?,
        base: trailers.read_maybe(Key::Base, object)?,
        copy: trailers.read_maybe(Key::Copy, object)?,
        steps: trailers.read_list(Key::Steps, step)?,
        seq: trailers.read_one(Key::Seq, number)?,
        unknown: trailers.take_unknown(),
    })
}

/// Reads what the event did, from the ticket after it where both have the same data.
fn read_action(kind: EventKind, trailers: &Trailers<'_>, after: &Ticket) -> Result<Action, WireError> {
    let work = || Some((after.head?, after.base?));
    Ok(match kind {
        EventKind::Create => Action::Create {
            content: after.content.clone(),
            repo: trailers.read_one(Key::Repo, |text| ObjectId::parse(text).ok())?,
        },
        EventKind::Edit => Action::Edit { content: after.content.clone() },
        EventKind::Claim => Action::Claim {
            run: after.run.clone().ok_or(TrailerError::Value(Key::Run))?,
            lease: after.lease.ok_or(TrailerError::Value(Key::Lease))?,
        },
        EventKind::Start => Action::Start { attempt: after.attempt },
        EventKind::Renew => Action::Renew { lease: after.lease.ok_or(TrailerError::Value(Key::Lease))? },
        EventKind::Step => {
            let (step, state) = trailers.read_one(Key::Step, step)?;
            Action::Step { step, state }
        }
        EventKind::Submit => {
            let (head, base) = work().ok_or(TrailerError::Value(Key::Head))?;
            Action::Submit { head, base }
        }
        EventKind::Stale => {
            let (head, base) = work().ok_or(TrailerError::Value(Key::Head))?;
            Action::Stale { head, base }
        }
        EventKind::Fail => Action::Fail { then: after.state },
        EventKind::Approve => Action::Approve,
        EventKind::Reject => Action::Reject,
        EventKind::Ask => Action::Ask,
        EventKind::Answer => Action::Answer,
        EventKind::Pass => Action::Pass,
        EventKind::Merge => Action::Merge { copy: after.copy },
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
pub(crate) mod tests;
