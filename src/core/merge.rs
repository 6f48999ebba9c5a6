//! What it means that an event is still there after histories were put one on top of the other.

use super::event::{Action, Event, EventKind};
use super::id::ObjectId;
use super::ticket::Content;

/// An edit made on one text, put on another: what it changed is changed, and what it left alone stays as it is there.
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
    }
}

/// One event with what it was written on, as far as it takes to know it again elsewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) event: &'a Event,
    /// Who wrote it and when, as git has it: author and committer.
    pub(crate) by: (&'a str, &'a str),
    /// The content before it.
    pub(crate) before: Option<&'a Content>,
    /// The head that the ticket has after it.
    pub(crate) head: Option<ObjectId>,
}

/// Whether `new` says all that `old` said: the same event, word for word, on whatever it stands.
///
/// That a head has landed is a fact and not an act: two machines that both noticed it said the same.
#[must_use]
pub(crate) fn says_the_same(old: &Told<'_>, new: &Told<'_>) -> bool {
    if old.event.action.kind() == EventKind::Merge && new.event.action.kind() == EventKind::Merge {
        return old.head == new.head;
    }
    let act = match (&old.event.action, &new.event.action) {
        (Action::Edit { content: edited }, Action::Edit { content }) => match (old.before, new.before) {
            (Some(was), Some(onto)) => rebase(was, edited, onto) == *content,
            _ => edited == content,
        },
        (old, new) => old == new,
    };
    let words = |event: &Event| (event.actor, event.agent.clone(), event.by.clone(), event.nonce.clone(), event.text.clone());
    act && words(old.event) == words(new.event) && old.by == new.by
}

/// Which of two histories comes first where no remote says so: the one whose first event of its own is older; where both
/// are of one second, the one with the lesser id. Both sides come to the same answer.
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
        };
        let (was, edited, onto) = (content("one", 2, "x"), content("one", 0, "x"), content("two", 2, "y"));
        assert_eq!(rebase(&was, &edited, &onto), content("two", 0, "y"));
    }
}
