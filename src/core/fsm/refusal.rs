//! The reasons for which the state machine refuses an event.

use std::fmt;

use super::{From, LEASE_GRACE_SECONDS, rule_of};
use crate::core::event::{EventKind, Role, State};
use crate::core::id::{RunId, TicketId};
use crate::core::prospect::Never;
use crate::core::text::either;
use crate::core::time::Timestamp;

/// Why an event is not allowed: an answer, not a failure.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Refusal {
    AlreadyExists,
    DoesNotExist,
    WrongState {
        event: EventKind,
        state: State,
    },
    WrongRole {
        event: EventKind,
        actor: Role,
    },
    NotHolder {
        event: EventKind,
        holder: Option<RunId>,
    },
    /// The run that did the work cannot judge it.
    OwnWork,
    DependencyOpen(TicketId),
    /// It waits for what will not come.
    DependencyNever {
        id: TicketId,
        why: Never,
    },
    LeaseHolds(Timestamp),
    Needs {
        event: EventKind,
        what: &'static str,
    },
    OutOfBounds(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyExists => write!(out, "cannot create: the ticket already exists"),
            Self::DoesNotExist => write!(out, "the ticket does not exist: its first event must be `create`"),
            Self::WrongState { event, state } => {
                write!(out, "cannot {event}: the ticket is `{state}`")?;
                match rule_of(*event).from {
                    From::In(states) => {
                        let states: Vec<_> = states.iter().map(|state| format!("`{state}`")).collect();
                        write!(out, ", not {}", either(&states))
                    }
                    From::Nothing | From::Open | From::Any => Ok(()),
                }
            }
            Self::WrongRole { event, actor } => write!(out, "cannot {event} as {actor}"),
            Self::NotHolder { event, holder: Some(holder) } => write!(out, "cannot {event}: run {holder} holds the ticket"),
            Self::NotHolder { event, holder: None } => write!(out, "cannot {event}: no run holds the ticket"),
            Self::OwnWork => write!(out, "cannot pass or fail the work: this run did it"),
            Self::DependencyOpen(id) => write!(out, "cannot claim: dependency {id} is not merged"),
            Self::DependencyNever { id, why } => write!(out, "cannot claim: dependency {id} will never land: {why}"),
            Self::LeaseHolds(until) => {
                write!(out, "cannot expire: the lease lasts until {until}, plus {LEASE_GRACE_SECONDS} s of grace")
            }
            Self::Needs { event, what } => write!(out, "cannot {event} without {what}"),
            Self::OutOfBounds(what) => write!(out, "{what}"),
        }
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// The code that scripts hold on to; it never changes.
    #[must_use]
    pub(crate) fn code(&self) -> &'static str {
        self.into()
    }
}
