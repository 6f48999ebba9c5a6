//! Makes learnings of what a run leaves behind.

use super::{DispatchError, Site, find_failure};
use crate::agent::outbox::Message;
use crate::core::event::{Action, Role};
use crate::core::id::RunId;
use crate::core::progress::Stage;
use crate::ledger::{Draft, Entry, Ledger};
use crate::memory::learnings::{self, Confidence, Learning};

/// Records the messages that an agent sent while it worked.
pub(super) fn from_outbox(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    run: &RunId,
    messages: &[Message],
) -> Result<(), DispatchError> {
    for message in messages {
        match message {
            Message::Learn { text } => {
                let learning = Learning {
                    text: text.clone(),
                    brand: entry.ticket.content.brand.clone(),
                    ticket: Some(entry.id.clone()),
                    run: Some(run.clone()),
                    confidence: Confidence::Low,
                };
                learnings::append_once(&site.repo, &learning)?;
            }
            Message::Log { text } => {
                drop(ledger.submit(&entry.id, &Draft::new(Action::Comment, Role::Executor).by(run).saying(text))?);
            }
            Message::Ask { .. } => {}
        }
    }
    Ok(())
}

/// Makes a learning of the reason why an earlier attempt failed, now that the work has landed.
pub(super) fn after_landing(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<(), DispatchError> {
    if let Some(reason) = find_failure(ledger, entry)? {
        let learning = Learning {
            text: format!("{} (found while working on: {})", crate::core::text::first_line(&reason), entry.ticket.content.title),
            brand: entry.ticket.content.brand.clone(),
            ticket: Some(entry.id.clone()),
            run: entry.ticket.run.clone(),
            confidence: Confidence::High,
        };
        learnings::append_once(&site.repo, &learning)?;
        site.reached(Stage::Learned);
    }
    Ok(())
}
