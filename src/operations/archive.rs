//! Archiving what was closed long enough ago.

use super::Done;
use crate::ledger::Ledger;
use crate::refs;

/// Moves tickets and sessions that were closed at least so many seconds ago into the archive. Returns how many.
///
/// # Errors
/// When git cannot write.
pub(crate) fn archive(ledger: &Ledger<'_>, after: u64) -> Done<usize> {
    let due = refs::archive::due(ledger, ledger.repo.identity()?.time, after)?;
    Ok(refs::archive::write(ledger, &due)?)
}
