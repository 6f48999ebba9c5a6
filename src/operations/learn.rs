//! Recording what was learned.

use super::{Done, OperationError, Place};
use crate::core::id::{Brand, RunId, TicketId};
use crate::core::{secrets, text};
use crate::env::Env;
use crate::memory::learnings::{self, Confidence, Learning};

/// The text of a learning, as it is kept.
///
/// # Errors
/// When it is empty or too long.
pub(crate) fn whole(text: &str) -> Done<String> {
    let text = text::whole(&secrets::redact(text), text::MAX_BODY)?;
    if text.trim().is_empty() { Err(OperationError::LearningEmpty) } else { Ok(text) }
}

/// Records a learning in this clone's stream, with the ticket and run that the surroundings name.
///
/// # Errors
/// When it is empty, too long or recorded already, or git cannot write.
pub(crate) fn learn(place: &Place, env: &Env, text: &str, brand: Option<Brand>, confidence: Confidence) -> Done<()> {
    let text = whole(text)?;
    let brand = match brand {
        Some(brand) => brand,
        None => place.ledger()?.policy.brand,
    };
    let ticket = env.ticket.as_deref().and_then(|id| TicketId::parse(id).ok());
    let run = env.run.as_deref().and_then(|run| RunId::parse(run).ok());
    if learnings::append_once(&place.repo, &Learning { text, brand, ticket, run, confidence })? {
        Ok(())
    } else {
        Err(OperationError::LearningKnown)
    }
}
