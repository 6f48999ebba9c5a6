//! Makes learnings of what a run leaves behind.

use super::{DispatchError, Site, find_failure};
use crate::agent::outbox::Message;
use crate::core::event::{Action, Role, StepState};
use crate::core::id::{RunId, StepId};
use crate::core::plan::note::quoted;
use crate::core::progress::Stage;
use crate::ledger::{Draft, Entry, Ledger, replay};
use crate::memory::learnings::{self, Confidence, Learning};

/// Records the messages that an agent sent while it worked. What is recorded is not recorded again, in case an earlier process was killed
/// on the way. What it says of the step it was given is for whoever leads the plan.
pub(super) fn from_outbox(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    run: &RunId,
    messages: &[Message],
) -> Result<(), DispatchError> {
    let has_plan = ledger.plan(entry.tree_id)?.is_some();
    let mut known = None;
    for message in messages {
        let draft = match message {
            Message::Learn { text } => {
                let learning = Learning {
                    text: text.clone(),
                    brand: entry.ticket.content.brand.clone(),
                    ticket: Some(entry.id.clone()),
                    run: Some(run.clone()),
                    confidence: Confidence::Low,
                };
                learnings::append_once(&site.repo, &learning)?;
                continue;
            }
            Message::Note { text } => Draft::new(Action::Comment, Role::Executor).by(run).saying(&quoted(text)),
            Message::Step { step, state, text } if !has_plan => {
                let action = Action::Step { step: step.clone(), state: *state };
                Draft::new(action, Role::Executor).by(run).saying(&quoted(text))
            }
            Message::Ask { .. } | Message::Step { .. } => continue,
        };
        let known = match &mut known {
            Some(known) => known,
            None => known.insert(said_by(ledger, entry, run)?),
        };
        if !known.contains(&(draft.action.clone(), draft.text.clone())) {
            drop(ledger.submit(&entry.id, &draft)?);
        }
    }
    Ok(())
}

/// What a run has said in events.
fn said_by(ledger: &Ledger<'_>, entry: &Entry, run: &RunId) -> Result<Vec<(Action, String)>, DispatchError> {
    let tip = ledger.find(&entry.id)?.map_or(entry.tip, |now| now.tip);
    let links = replay::links(ledger.repo, tip, None)?.granted().unwrap_or_default();
    let events = links.into_iter().map(|link| link.record.event);
    Ok(events.filter(|event| event.by.as_ref() == Some(run)).map(|event| (event.action, event.text)).collect())
}

/// What an agent said last of the step that it was given.
pub(super) fn said_of<'a>(step: &StepId, messages: &'a [Message]) -> Option<(StepState, &'a str)> {
    messages.iter().rev().find_map(|message| match message {
        Message::Step { step: of, state, text } if of == step => Some((*state, text.as_str())),
        Message::Step { .. } | Message::Learn { .. } | Message::Ask { .. } | Message::Note { .. } => None,
    })
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
