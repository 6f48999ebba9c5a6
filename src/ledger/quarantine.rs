//! Tickets whose chain breaks a rule: what is wrong, and how much of them is legal.

use super::replay::{self, Landed};
use super::{Entry, Ledger, LedgerError, archive};
use crate::core::denial::Illegal;
use crate::core::id::{ObjectId, TicketId};
use crate::core::ruling::Ruling;

/// A ticket that is shown and not acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quarantine {
    pub(crate) tip: ObjectId,
    pub(crate) illegal: Illegal,
    /// The ticket after its last legal event; none when not even the first is legal.
    pub(crate) legal: Option<Entry>,
}

impl Ledger<'_> {
    /// A ticket, live or archived, as its last legal event left it, and what is wrong with the rest if it is quarantined.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`], or [`LedgerError::Quarantined`] when none of it is legal.
    pub(crate) fn read_legal(&self, id: &TicketId) -> Result<(Entry, Option<Quarantine>), LedgerError> {
        let tip = match self.repo.find_ref(&id.ref_name())? {
            Some(tip) => Some(tip),
            None => archive::find(self.repo, id)?,
        };
        let tip = tip.ok_or_else(|| LedgerError::NotFound(id.to_string()))?;
        match self.find_quarantine(id, tip)? {
            None => Ok((self.read_entry(id.clone(), tip)?, None)),
            Some(found) => match found.legal.clone() {
                Some(entry) => Ok((entry, Some(found))),
                None => Err(found.into_error(id)),
            },
        }
    }

    /// What is wrong with a chain, if it is not legal.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn find_quarantine(&self, id: &TicketId, tip: ObjectId) -> Result<Option<Quarantine>, LedgerError> {
        let landed = Landed::new(self.repo, &self.policy);
        let Ruling::Denied(illegal) = replay::replay(self, id, tip, None, &landed)? else { return Ok(None) };
        Ok(Some(Quarantine { tip, illegal, legal: self.find_legal(id, tip, &landed)? }))
    }

    /// The ticket after the last legal event of a chain that is illegal further on.
    ///
    /// # Errors
    /// When git fails.
    pub(super) fn find_legal(&self, id: &TicketId, tip: ObjectId, landed: &Landed<'_>) -> Result<Option<Entry>, LedgerError> {
        let legal = replay::legal_part(self, id, tip, landed)?.filter(|legal| *legal != tip);
        legal.map(|legal| self.read_entry(id.clone(), legal)).transpose()
    }
}

impl Quarantine {
    /// The error of a command that would act on it.
    #[must_use]
    pub(crate) fn into_error(self, id: &TicketId) -> LedgerError {
        let last = self.legal.map(|entry| entry.ticket.state);
        LedgerError::Quarantined { id: id.clone(), last, source: Box::new(self.illegal) }
    }
}
