//! Creating and editing tickets.

use super::{Done, OperationError, Place, write};
use crate::core::criteria::Criteria;
use crate::core::event::{Action, Role};
use crate::core::id::{Brand, Kind, Label, TicketId};
use crate::core::plan::Plan;
use crate::core::ruling::Ruling;
use crate::core::scope::Area;
use crate::core::ticket::Content;
use crate::core::{secrets, text};
use crate::ledger::{Draft, Entry, Ledger, criteria_file, description_file, plan_file};
use crate::workspace::Readiness;

/// A ticket that is to be created.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) title: String,
    /// `None` means the brand of the repository.
    pub(crate) brand: Option<Brand>,
    pub(crate) kind: Kind,
    /// From 0, the most urgent, to 4.
    pub(crate) priority: u8,
    pub(crate) labels: Vec<Label>,
    pub(crate) depends: Vec<TicketId>,
    pub(crate) tests_may_change: bool,
    /// Which files the work may change; empty means any.
    pub(crate) scope: Vec<Area>,
    pub(crate) description: String,
    /// The acceptance criteria, one line each.
    pub(crate) acceptance: Vec<String>,
    pub(crate) plan: Option<Plan>,
}

/// A title as it is stored.
fn title(words: &str) -> Done<String> {
    text::whole_line(&secrets::redact(words), text::MAX_TITLE).map_err(|_| OperationError::TitleTooLong)
}

/// A description as it is stored.
fn description(words: &str) -> Done<String> {
    Ok(text::whole(&secrets::redact(words), text::MAX_DESCRIPTION)?)
}

/// Acceptance criteria as they are stored.
pub(super) fn criteria(lines: &[String]) -> Done<Criteria> {
    let lines: Vec<_> = lines.iter().map(|words| secrets::redact(words)).collect();
    Ok(Criteria::new(lines.iter().map(String::as_ref))?)
}

/// Creates a ticket as a draft. It cannot close a circle of dependencies, for nothing depends on it yet.
///
/// # Errors
/// When a text is too long, the rules refuse it, the repository does not have the brand, or git cannot write.
pub(crate) fn create(ledger: &Ledger<'_>, new: New, actor: Role) -> Done<Entry> {
    let title = title(&new.title)?;
    let description = description(&new.description)?;
    let criteria = criteria(&new.acceptance)?;
    let brand = new.brand.unwrap_or_else(|| ledger.policy.brand.clone());
    let New { kind, priority, labels, depends, tests_may_change, scope, .. } = new;
    let content = Content { title, brand, kind, priority, labels, depends, tests_may_change, scope };
    let mut files = vec![description_file(&description)];
    files.extend((!criteria.is_empty()).then(|| criteria_file(&criteria)));
    files.extend(new.plan.as_ref().map(plan_file));
    match ledger.create(content, &files, actor, None)? {
        Ruling::Granted(entry) => Ok(*entry),
        Ruling::Denied(refusal) => Err(OperationError::NotCreated(refusal)),
    }
}

/// What an edit changes; `None` leaves it unchanged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) title: Option<String>,
    pub(crate) kind: Option<Kind>,
    pub(crate) priority: Option<u8>,
    pub(crate) labels: Option<Vec<Label>>,
    pub(crate) depends: Option<Vec<TicketId>>,
    pub(crate) tests_may_change: Option<bool>,
    pub(crate) scope: Option<Vec<Area>>,
    pub(crate) description: Option<String>,
    pub(crate) acceptance: Option<Vec<String>>,
    pub(crate) plan: Option<Plan>,
}

/// An edited ticket, and its description before and after.
#[derive(Debug, Clone)]
pub(crate) struct Edited {
    pub(crate) entry: Entry,
    pub(crate) before: String,
    pub(crate) after: String,
    /// Whether anything was written; an edit that changes nothing is no event.
    pub(crate) is_changed: bool,
}

/// Changes what a ticket says.
///
/// # Errors
/// When a text is too long, the rules refuse it, the ticket would wait for itself, or git cannot write.
pub(crate) fn edit(place: &Place, id: &TicketId, changes: Changes) -> Done<Edited> {
    let ledger = &place.ledger()?;
    let (entry, _) = ledger.read_legal(id)?;
    let mut content = entry.ticket.content.clone();
    if let Some(words) = &changes.title {
        content.title = title(words)?;
    }
    if let Some(depends) = &changes.depends {
        refuse_cycle(place, id, depends)?;
    }
    content.kind = changes.kind.unwrap_or(content.kind);
    content.priority = changes.priority.unwrap_or(content.priority);
    content.labels = changes.labels.unwrap_or(content.labels);
    content.depends = changes.depends.unwrap_or(content.depends);
    content.tests_may_change = changes.tests_may_change.unwrap_or(content.tests_may_change);
    content.scope = changes.scope.unwrap_or(content.scope);
    let before = ledger.description(&entry)?;
    let words = changes.description.as_deref().map(description).transpose()?;
    let is_same = words.as_ref().is_none_or(|words| words.trim_end() == before);
    let known = ledger.criteria(entry.tree_id)?;
    let criteria = changes.acceptance.as_deref().map(criteria).transpose()?.filter(|criteria| *criteria != known);
    let known = ledger.plan(entry.tree_id)?.and_then(Ruling::granted);
    let plan = changes.plan.filter(|plan| known.as_ref() != Some(plan));
    if content == entry.ticket.content && is_same && criteria.is_none() && plan.is_none() {
        return Ok(Edited { entry, after: before.clone(), before, is_changed: false });
    }
    let mut draft = Draft::new(Action::Edit { content }, Role::Operator);
    if let Some(words) = &words {
        draft.files.push(description_file(words));
    }
    draft.files.extend(criteria.map(|criteria| criteria_file(&criteria)));
    draft.files.extend(plan.as_ref().map(plan_file));
    let entry = write(ledger, id, &draft)?;
    let after = ledger.description(&entry)?;
    Ok(Edited { entry, before, after, is_changed: true })
}

/// Refuses dependencies that lead back to the ticket, through whatever repositories of the workspace.
fn refuse_cycle(place: &Place, id: &TicketId, depends: &[TicketId]) -> Done<()> {
    let readiness = Readiness::new(place.workspace.as_ref(), &place.repo);
    for on in depends {
        if on == id {
            return Err(OperationError::SelfDependency(id.clone()));
        }
        if let Some(path) = readiness.find_cycle(id, on)? {
            return Err(OperationError::DependencyCycle { id: id.clone(), on: on.clone(), path });
        }
    }
    Ok(())
}
