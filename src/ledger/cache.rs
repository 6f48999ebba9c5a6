//! The board of one repository, remembered under `.git/os`: derived from the refs, safe to delete at any time.
//!
//! A line is trusted only for the very tip it names; a tip that is not in the file is replayed from its root.

use super::replay::{self, Landed};
use super::{Ledger, LedgerError};
use crate::core::denial::Denial;
use crate::core::event::{Role, State};
use crate::core::id::{Brand, Kind, Label, META, ObjectId, RunId, TICKETS, TicketId};
use crate::core::ruling::Ruling;
use crate::core::text;
use crate::core::ticket::{Content, Ticket};
use crate::core::time::Timestamp;
use crate::git::process::{read_file, write_file};

/// The first line; another one means another format.
const HEADER: &str = "git-os board 1";

/// One line of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: TicketId,
    pub(crate) tip: ObjectId,
    pub(crate) updated: Timestamp,
    pub(crate) ticket: Ticket,
}

/// A ref that is shown and not acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quarantined {
    pub(crate) ref_name: String,
    pub(crate) tip: ObjectId,
    pub(crate) why: Denial,
    /// The ticket after its last legal event, if it is one.
    pub(crate) legal: Option<Row>,
}

/// All live tickets of a repository, and what pretends to be one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) tickets: Vec<Row>,
    pub(crate) quarantined: Vec<Quarantined>,
}

impl Ledger<'_> {
    /// The live tickets in the order of their ids.
    ///
    /// # Errors
    /// When the refs or an object cannot be read.
    pub(crate) fn rows(&self) -> Result<Rows, LedgerError> {
        let path = self.repo.os_dir().join("board");
        let known = read_file(&path).unwrap_or_default();
        // The lines stand in the order of their ids, as the refs do: one pass over both finds them.
        let header = self.header()?;
        let mut lines = known.strip_prefix(&header).unwrap_or_default().lines().filter_map(Line::split).peekable();
        let mut unused = 0;
        let landed = Landed::new(self.repo, &self.policy);
        let mut rows = Rows::default();
        let mut is_stale = false;
        for (ref_name, tip) in self.repo.list_refs(TICKETS)? {
            let name = &ref_name[TICKETS.len()..];
            while lines.next_if(|line| line.id < name).is_some() {
                unused += 1;
            }
            let line = lines.next_if(|line| line.id == name);
            if let Some(row) = line.filter(|line| ObjectId::parse(line.tip) == Ok(tip)).and_then(|line| line.read(tip)) {
                rows.tickets.push(row);
                continue;
            }
            match self.judge_ref(&ref_name, tip, &landed)? {
                Ruling::Granted(row) => {
                    is_stale = true;
                    rows.tickets.push(row);
                }
                Ruling::Denied(why) => {
                    let legal = self.find_legal(&ref_name, tip)?;
                    rows.quarantined.push(Quarantined { ref_name, tip, why, legal });
                }
            }
        }
        if is_stale || unused + lines.count() > 64 {
            let text: String = rows.tickets.iter().fold(header, |all, row| all + &write_line(row));
            // A read-only repository is still listed, only not faster the next time.
            drop(write_file(&path, text.as_bytes(), 0o644));
        }
        Ok(rows)
    }

    /// The first line: what is right by one policy with actors need not be by another.
    fn header(&self) -> Result<String, LedgerError> {
        let meta = if self.policy.actors.is_empty() { None } else { self.repo.find_ref(META)? };
        Ok(meta.map_or_else(|| format!("{HEADER}\n"), |meta| format!("{HEADER} {meta}\n")))
    }

    fn find_legal(&self, ref_name: &str, tip: ObjectId) -> Result<Option<Row>, LedgerError> {
        let Ok(id) = TicketId::parse(&ref_name[TICKETS.len()..]) else { return Ok(None) };
        let legal = self.find_quarantine(&id, tip)?.and_then(|found| found.legal);
        Ok(legal.map(|entry| Row { id, tip: entry.tip, updated: entry.updated, ticket: entry.ticket }))
    }

    /// The ticket at a ref, or why it is none.
    fn judge_ref(&self, ref_name: &str, tip: ObjectId, landed: &Landed<'_>) -> Result<Ruling<Row>, LedgerError> {
        let Ok(id) = TicketId::parse(&ref_name[TICKETS.len()..]) else {
            return Ok(Ruling::Denied(Denial::NotATicketId));
        };
        Ok(match replay::replay(self, &id, tip, None, landed)? {
            Ruling::Granted(ticket) => Ruling::Granted(Row { updated: self.repo.read_commit(tip)?.time(), id, tip, ticket }),
            Ruling::Denied(illegal) => Ruling::Denied(illegal.into()),
        })
    }
}

fn write_line(row: &Row) -> String {
    let ticket = &row.ticket;
    let content = &ticket.content;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let list = |words: Vec<&str>| if words.is_empty() { "-".to_owned() } else { words.join(" ") };
    [
        row.tip.to_string(),
        row.id.to_string(),
        row.updated.0.to_string(),
        ticket.schema.to_string(),
        ticket.state.to_string(),
        content.brand.to_string(),
        content.kind.to_string(),
        content.priority.to_string(),
        list(content.labels.iter().map(Label::as_str).collect()),
        list(content.depends.iter().map(TicketId::as_str).collect()),
        ticket.author.to_string(),
        or_dash(ticket.run.as_ref().map(ToString::to_string)),
        or_dash(ticket.lease.map(|lease| lease.0.to_string())),
        ticket.attempt.to_string(),
        or_dash(ticket.head.map(|id| id.to_string())),
        or_dash(ticket.base.map(|id| id.to_string())),
        ticket.seq.to_string(),
        content.title.clone(),
    ]
    .join("\t")
        + "\n"
}

/// A list of words; `-` is none.
fn list<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    if text == "-" { Some(Vec::new()) } else { text.split(' ').map(parse).collect() }
}

/// A value that may be absent, written `-`; what is neither is a fault of the line.
fn maybe<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Unreadable> {
    if text == "-" { Ok(None) } else { parse(text).map(Some).ok_or(Unreadable) }
}

/// The line is not one of ours.
struct Unreadable;

/// A line of the board, not read any further than to know which ticket it is about.
struct Line<'a> {
    tip: &'a str,
    id: &'a str,
    rest: &'a str,
}

impl<'a> Line<'a> {
    fn split(line: &'a str) -> Option<Self> {
        let (tip, rest) = line.split_once('\t')?;
        let (id, rest) = rest.split_once('\t')?;
        Some(Self { tip, id, rest })
    }

    /// Reads what stands after the id. The steps and what is not known are left to the chain.
    fn read(&self, tip: ObjectId) -> Option<Row> {
        let mut fields = self.rest.split('\t');
        let mut next = || fields.next();
        let id = TicketId::parse(self.id).ok()?;
        let updated = Timestamp(next()?.parse().ok()?);
        let schema = next()?.parse().ok()?;
        let state = State::parse(next()?)?;
        let content = Content {
            brand: Brand::parse(next()?).ok()?,
            kind: Kind::parse(next()?).ok()?,
            priority: next()?.parse().ok()?,
            labels: list(next()?, |text| Label::parse(text).ok())?,
            depends: list(next()?, |text| TicketId::parse(text).ok())?,
            title: String::new(),
        };
        let mut ticket = Ticket {
            schema,
            state,
            content,
            author: Role::parse(next()?)?,
            run: maybe(next()?, |text| RunId::parse(text).ok()).ok()?,
            lease: maybe(next()?, |text| text.parse().ok().map(Timestamp)).ok()?,
            attempt: next()?.parse().ok()?,
            head: maybe(next()?, |text| ObjectId::parse(text).ok()).ok()?,
            base: maybe(next()?, |text| ObjectId::parse(text).ok()).ok()?,
            steps: Vec::new(),
            seq: next()?.parse().ok()?,
            unknown: Vec::new(),
        };
        let title = next()?;
        ticket.content.title = text::is_line(title, text::MAX_TITLE).then(|| title.to_owned())?;
        Some(Row { id, tip, updated, ticket })
    }
}
