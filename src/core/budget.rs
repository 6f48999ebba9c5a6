//! Budgets: what runs may use, and the book in which machines reserve an amount before a run and settle it afterwards.
//!
//! A change of the book has one result, so whoever sees the book move can compute whether it moved rightly. What is reserved counts
//! as used until it is settled; what nobody settles in time is charged in full, for nobody knows how much of it was used.

mod amounts;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use self::amounts::{Amounts, spent, words};
use super::id::{Brand, RunId, TicketId};
use super::outcome::Cap;
use super::time::Timestamp;

/// The version of the book that is written.
pub(crate) const VERSION: u32 = 1;
/// How many days the book tells apart.
const MAX_DAYS: usize = 62;
/// How many tickets it knows; those that were worked on last.
const MAX_TICKETS: usize = 2000;
/// How many runs may have something reserved at a time.
const MAX_OPEN: usize = 1000;
/// The longest time for which something is reserved, in seconds.
const MAX_TIME: u64 = 32 * 24 * 3600;
const DAY: i64 = 24 * 3600;

/// The limits of one table of the registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) run: Amounts,
    pub(crate) ticket: Amounts,
    pub(crate) day: Amounts,
    pub(crate) total: Amounts,
}

impl Limits {
    fn is_counted(&self) -> bool {
        [&self.ticket, &self.day, &self.total].iter().any(|amounts| !amounts.is_empty())
    }
}

/// The budget of a workspace, and of each of its brands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) all: Limits,
    pub(crate) brands: BTreeMap<Brand, Limits>,
}

impl Budget {
    /// Whether anything is counted over more than one run.
    #[must_use]
    pub(crate) fn is_counted(&self) -> bool {
        self.all.is_counted() || self.brands.values().any(Limits::is_counted)
    }

    /// What one run for a brand may use.
    #[must_use]
    pub(crate) fn run(&self, brand: &Brand) -> Amounts {
        self.of(brand).map_or_else(|| self.all.run.clone(), |limits| limits.run.least(&self.all.run))
    }

    fn of(&self, brand: &Brand) -> Option<&Limits> {
        self.brands.get(brand)
    }

    /// Every limit that a run for a brand counts against.
    pub(crate) fn limits(&self, brand: &Brand) -> Vec<(Scope, Cap, u64)> {
        let mut all = Vec::new();
        let mut add =
            |scope: Scope, amounts: &Amounts| all.extend(amounts.iter().map(|(cap, limit)| (scope.clone(), cap, limit)));
        add(Scope::Day(None), &self.all.day);
        add(Scope::Total(None), &self.all.total);
        let ticket = self.of(brand).map_or_else(|| self.all.ticket.clone(), |own| own.ticket.least(&self.all.ticket));
        if let Some(own) = self.of(brand) {
            add(Scope::Day(Some(brand.clone())), &own.day);
            add(Scope::Total(Some(brand.clone())), &own.total);
        }
        add(Scope::Ticket, &ticket);
        all
    }
}

/// Over what a limit is counted; without a brand over all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Day(Option<Brand>),
    Total(Option<Brand>),
    Ticket,
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(None) => write!(out, "the budget of the day"),
            Self::Day(Some(brand)) => write!(out, "the budget of {brand} for the day"),
            Self::Total(None) => write!(out, "the budget of the workspace"),
            Self::Total(Some(brand)) => write!(out, "the budget of {brand}"),
            Self::Ticket => write!(out, "the budget of the ticket"),
        }
    }
}

/// Why a run may not begin: with what it may use, a limit could be exceeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excess {
    pub(crate) scope: Scope,
    pub(crate) cap: Cap,
    pub(crate) limit: u64,
    pub(crate) spent: u64,
    pub(crate) reserved: u64,
    pub(crate) wanted: u64,
    /// When it is counted anew.
    pub(crate) until: Option<Timestamp>,
}

impl fmt::Display for Excess {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, cap, limit, spent, reserved, wanted, until } = self;
        let words = |amount| words(*cap, amount);
        write!(out, "{scope} has no room for another run: {} used", words(*spent))?;
        if *reserved > 0 {
            write!(out, " and {} reserved", words(*reserved))?;
        }
        write!(out, " of {}", words(*limit))?;
        if *cap != Cap::Runs {
            write!(out, ", and a run may use {}", words(*wanted))?;
        }
        until.map_or(Ok(()), |until| write!(out, "; it begins anew at {until}"))
    }
}

/// What a run has reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reservation {
    pub(crate) brand: Brand,
    pub(crate) ticket: TicketId,
    pub(crate) machine: String,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) amounts: Amounts,
}

/// What was used for a ticket, and on which day last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Spent {
    day: String,
    amounts: Amounts,
}

/// What was used and is reserved, as all machines of a workspace know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Book {
    version: u32,
    pub(crate) open: BTreeMap<RunId, Reservation>,
    days: BTreeMap<String, BTreeMap<Brand, Amounts>>,
    total: BTreeMap<Brand, Amounts>,
    tickets: BTreeMap<TicketId, Spent>,
}

impl Default for Book {
    fn default() -> Self {
        let (open, days, total) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { version: VERSION, open, days, total, tickets: BTreeMap::new() }
    }
}

/// One change of the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) at: Timestamp,
    pub(crate) machine: String,
    pub(crate) what: What,
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    Reserve { run: RunId, brand: Brand, ticket: TicketId, until: Timestamp, amounts: Amounts },
    Settle { run: RunId, used: Amounts },
}

/// Why a change is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("the run has nothing reserved")]
    NotReserved,
    #[error("the time is over already, or too far ahead")]
    Time,
    #[error("too much is reserved at once")]
    TooMany,
}

impl Book {
    /// Reads the written form; `None` for what is no book, or one of a version that is not known here.
    #[must_use]
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(bytes).ok().filter(|book| book.version == VERSION)
    }

    /// The one written form.
    #[must_use]
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The book after a change.
    ///
    /// # Errors
    /// When the change is not possible.
    pub(crate) fn after(mut self, change: &Change) -> Result<Self, Invalid> {
        let Change { at, machine, what } = change;
        if let What::Settle { run, used } = what {
            let settled = self.open.remove(run).ok_or(Invalid::NotReserved)?;
            self.charge(&settled, used);
        }
        self.expire(*at);
        let is_soon = |until: Timestamp| until > *at && until <= at.plus(MAX_TIME);
        match what {
            What::Settle { .. } => {}
            What::Reserve { run, brand, ticket, until, amounts } => {
                if !is_soon(*until) {
                    return Err(Invalid::Time);
                }
                // It died with it, and begins anew.
                if let Some(lost) = self.open.remove(run) {
                    self.charge(&lost, &lost.lost_at(*at));
                }
                if self.open.len() >= MAX_OPEN {
                    return Err(Invalid::TooMany);
                }
                let (brand, ticket, machine) = (brand.clone(), ticket.clone(), machine.clone());
                let reservation = Reservation { brand, ticket, machine, since: *at, until: *until, amounts: amounts.clone() };
                self.open.insert(run.clone(), reservation);
            }
        }
        Ok(self)
    }

    /// Charges what nobody settled in time.
    fn expire(&mut self, at: Timestamp) {
        let (over, open) = std::mem::take(&mut self.open).into_iter().partition(|(_, one)| one.until <= at);
        self.open = open;
        for lost in over.into_values() {
            self.charge(&lost, &lost.lost_at(lost.until));
        }
    }

    fn charge(&mut self, of: &Reservation, used: &Amounts) {
        let day = of.since.date();
        self.days.entry(day.clone()).or_default().entry(of.brand.clone()).or_default().add(used);
        self.total.entry(of.brand.clone()).or_default().add(used);
        let spent =
            self.tickets.entry(of.ticket.clone()).or_insert_with(|| Spent { day: day.clone(), amounts: Amounts::default() });
        spent.amounts.add(used);
        spent.day = day.max(std::mem::take(&mut spent.day));
        while self.days.len() > MAX_DAYS {
            self.days.pop_first();
        }
        while self.tickets.len() > MAX_TICKETS {
            let oldest = self.tickets.iter().min_by_key(|(_, spent)| spent.day.clone()).map(|(id, _)| id.clone());
            oldest.map(|id| self.tickets.remove(&id));
        }
    }

    /// What was used, and what is reserved, of one thing that a limit counts.
    #[must_use]
    pub(crate) fn counted(&self, scope: &Scope, cap: Cap, ticket: Option<&TicketId>, at: Timestamp) -> (u64, u64) {
        let day = at.date();
        let none = BTreeMap::new();
        let sum = |brands: &BTreeMap<Brand, Amounts>, brand: &Option<Brand>| {
            let counts = brands.iter().filter(|(name, _)| brand.as_ref().is_none_or(|brand| brand == *name));
            counts.filter_map(|(_, amounts)| amounts.get(cap)).fold(0, u64::saturating_add)
        };
        let spent = match scope {
            Scope::Day(brand) => sum(self.days.get(&day).unwrap_or(&none), brand),
            Scope::Total(brand) => sum(&self.total, brand),
            Scope::Ticket => ticket.and_then(|id| self.tickets.get(id)?.amounts.get(cap)).unwrap_or(0),
        };
        let counts = |one: &&Reservation| match scope {
            Scope::Day(brand) => one.since.date() == day && brand.as_ref().is_none_or(|brand| *brand == one.brand),
            Scope::Total(brand) => brand.as_ref().is_none_or(|brand| *brand == one.brand),
            Scope::Ticket => Some(&one.ticket) == ticket,
        };
        let reserved = self.open.values().filter(counts).filter_map(|one| one.amounts.get(cap)).fold(0, u64::saturating_add);
        (spent, reserved)
    }

    /// The first limit that a run could exceed which may use so much; a ticket that is not named has used nothing.
    #[must_use]
    pub(crate) fn find_excess(
        &self,
        budget: &Budget,
        (brand, ticket): (&Brand, Option<&TicketId>),
        wanted: &Amounts,
        at: Timestamp,
    ) -> Option<Excess> {
        budget.limits(brand).into_iter().find_map(|(scope, cap, limit)| {
            let wanted = wanted.get(cap).unwrap_or(0);
            let (spent, reserved) = self.counted(&scope, cap, ticket, at);
            let until =
                matches!(scope, Scope::Day(_)).then(|| Timestamp(at.0.saturating_sub(at.0.rem_euclid(DAY)).saturating_add(DAY)));
            let is_over = spent.saturating_add(reserved).saturating_add(wanted) > limit;
            is_over.then_some(Excess { scope, cap, limit, spent, reserved, wanted, until })
        })
    }
}

impl Reservation {
    /// What is charged for a run of which nobody knows how it ended: all but the time that it cannot have had.
    fn lost_at(&self, at: Timestamp) -> Amounts {
        let mut amounts = self.amounts.clone();
        if let Some(most) = amounts.get(Cap::Minutes) {
            let had = u64::try_from(at.0.saturating_sub(self.since.0)).unwrap_or(0);
            amounts.set(Cap::Minutes, had.min(most));
        }
        amounts
    }
}

#[cfg(test)]
mod tests;
