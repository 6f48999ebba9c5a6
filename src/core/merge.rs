//! When an event counts as kept after one history was replayed on top of another.

use super::event::{Action, Event, EventKind};
use super::id::ObjectId;
use super::ticket::Content;

/// Replays an edit on other content: fields that the edit changed are set, and all other fields stay.
#[must_use]
pub(crate) fn rebase(was: &Content, edited: &Content, onto: &Content) -> Content {
    fn pick<T: Clone + PartialEq>(was: &T, edited: &T, onto: &T) -> T {
        if was == edited { onto.clone() } else { edited.clone() }
    }
    Content {
        title: pick(&was.title, &edited.title, &onto.title),
        brand: pick(&was.brand, &edited.brand, &onto.brand),
        kind: pick(&was.kind, &edited.kind, &onto.kind),
        priority: pick(&was.priority, &edited.priority, &onto.priority),
        labels: pick(&was.labels, &edited.labels, &onto.labels),
        depends: pick(&was.depends, &edited.depends, &onto.depends),
        tests_may_change: pick(&was.tests_may_change, &edited.tests_may_change, &onto.tests_may_change),
        scope: pick(&was.scope, &edited.scope, &onto.scope),
    }
}

/// One event, with as much of its context as is needed to recognise it in another history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventView<'a> {
    pub(crate) event: &'a Event,
    /// Its author and committer lines, as git stores them.
    pub(crate) by: (&'a str, &'a str),
    /// The content before the event.
    pub(crate) before: Option<&'a Content>,
    /// The head of the ticket after the event.
    pub(crate) head: Option<ObjectId>,
    /// The copy of the head in a protected branch, after the event.
    pub(crate) copy: Option<ObjectId>,
}

/// Whether `new` has everything that `old` has: the same event, whatever commit it follows.
///
/// A landing is a fact and not an act, so two machines that both noticed the same landing wrote the same event.
#[must_use]
pub(crate) fn is_same_event(old: &EventView<'_>, new: &EventView<'_>) -> bool {
    if old.event.action.kind() == EventKind::Merge && new.event.action.kind() == EventKind::Merge {
        return (old.head, old.copy) == (new.head, new.copy);
    }
    let act = match (&old.event.action, &new.event.action) {
        (Action::Edit { content: edited }, Action::Edit { content }) => match (old.before, new.before) {
            (Some(was), Some(onto)) => rebase(was, edited, onto) == *content,
            _ => edited == content,
        },
        (old, new) => old == new,
    };
    act && details(old.event) == details(new.event) && old.by == new.by
}

/// All of an event but what it does. The pattern has no `..`, so that a new field does not compile until it counts here.
fn details(event: &Event) -> impl PartialEq {
    let Event { action: _, actor, agent, by, nonce, text } = event;
    (actor, agent, by, nonce, text)
}

/// Decides which of two histories comes first if there is no remote to order them: the one whose first own event is older
/// or, in the same second, has the smaller id. Both sides get the same result.
#[must_use]
pub(crate) fn is_first(ours: (i64, ObjectId), theirs: (i64, ObjectId)) -> bool {
    ours < theirs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{Brand, Kind, Label};

    #[test]
    fn an_edit_keeps_what_it_did_not_touch() {
        let content = |title: &str, priority, label: &str| Content {
            title: title.to_owned(),
            brand: Brand::parse("b").expect("a brand"),
            kind: Kind::parse("task").expect("a kind"),
            priority,
            labels: vec![Label::parse(label).expect("a label")],
            depends: Vec::new(),
            tests_may_change: false,
            scope: Vec::new(),
        };
        let (was, edited, onto) = (content("one", 2, "x"), content("one", 0, "x"), content("two", 2, "y"));
        assert_eq!(rebase(&was, &edited, &onto), content("two", 0, "y"));
    }
}
