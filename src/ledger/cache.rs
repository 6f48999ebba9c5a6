//! The board of one repository, remembered under `.git/os`: derived from the refs, safe to delete at any time.
//!
//! A line is trusted only for the very tip it names; a tip that is not in the file is replayed from its root.

use super::replay::{self, Landed};
use super::{Entry, Ledger, LedgerError};
use crate::core::denial::Denial;
use crate::core::id::{META, ObjectId, TICKETS, TicketId};
use crate::core::ruling::Ruling;
use crate::core::ticket::Ticket;
use crate::core::time::Timestamp;
use crate::core::wire;
use crate::git::process::{read_file, write_file};

/// The first line; another one means another format.
const HEADER: &str = "git-os board 3";

/// One line of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: TicketId,
    pub(crate) tip: ObjectId,
    /// The time of the first event; of an archived ticket, the day alone is known.
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) ticket: Ticket,
}

impl Row {
    /// What comes first is to be worked on first: by priority, then by age. What was created in the same second is in the order
    /// of the titles, since an id ends with a hash.
    #[must_use]
    pub(crate) fn urgency(&self) -> (u8, Timestamp, &str, &TicketId) {
        (self.ticket.content.priority, self.created, &self.ticket.content.title, &self.id)
    }
}

impl From<Entry> for Row {
    fn from(entry: Entry) -> Self {
        let created = Timestamp::parse(&format!("{}T00:00:00Z", entry.id.date())).unwrap_or(entry.updated);
        Self { id: entry.id, tip: entry.tip, created, updated: entry.updated, ticket: entry.ticket }
    }
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
                    let id = TicketId::parse(&ref_name[TICKETS.len()..]).ok();
                    let legal = id.map(|id| self.find_legal(&id, tip, &landed)).transpose()?.flatten().map(Row::from);
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

    /// The ticket at a ref, or why it is none.
    fn judge_ref(&self, ref_name: &str, tip: ObjectId, landed: &Landed<'_>) -> Result<Ruling<Row>, LedgerError> {
        let Ok(id) = TicketId::parse(&ref_name[TICKETS.len()..]) else {
            return Ok(Ruling::Denied(Denial::NotATicketId));
        };
        Ok(match replay::replay_whole(self, &id, tip, landed)? {
            Ruling::Granted((ticket, created)) => {
                Ruling::Granted(Row { updated: self.repo.read_commit(tip)?.time(), id, tip, created, ticket })
            }
            Ruling::Denied(illegal) => Ruling::Denied(illegal.into()),
        })
    }
}

/// A line: the tip, the id and both times, and the ticket as `wire` writes it.
fn write_line(row: &Row) -> String {
    let Row { id, tip, created, updated, ticket } = row;
    format!("{tip}\t{id}\t{}\t{}\t{}\n", created.0, updated.0, wire::encode_ticket(ticket))
}

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

    /// Reads what stands after the id.
    fn read(&self, tip: ObjectId) -> Option<Row> {
        let (created, rest) = self.rest.split_once('\t')?;
        let (updated, ticket) = rest.split_once('\t')?;
        Some(Row {
            id: TicketId::parse(self.id).ok()?,
            tip,
            created: Timestamp(created.parse().ok()?),
            updated: Timestamp(updated.parse().ok()?),
            ticket: wire::decode_ticket(ticket).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::wire::tests::record;

    proptest! {
        #[test]
        fn the_board_keeps_all_of_a_ticket(record in record(), seconds in any::<i64>()) {
            let ticket = record.after;
            let tip = ticket.head.expect("a head");
            let id = TicketId::parse("T-2026-05-07-umano-a1b2").expect("valid");
            let row = Row { id, tip, created: Timestamp(seconds / 2), updated: Timestamp(seconds), ticket };
            let text = write_line(&row);
            let lines: Vec<_> = text.lines().collect();
            prop_assert_eq!(lines.len(), 1);
            let line = Line::split(lines[0]).expect("a line");
            prop_assert_eq!(ObjectId::parse(line.tip), Ok(tip));
            prop_assert_eq!(line.id, row.id.as_str());
            prop_assert_eq!(line.read(tip), Some(row));
        }
    }
}
