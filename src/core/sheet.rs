//! A ticket as a text that a person edits: a line for each field, an empty line, and the description.

use super::id::{Kind, Label};
use super::text;
use super::ticket::LOWEST_PRIORITY;

/// What a person can change of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) priority: u8,
    pub(crate) labels: Vec<Label>,
    pub(crate) description: String,
}

impl Sheet {
    /// The text to edit.
    #[must_use]
    pub(crate) fn to_text(&self) -> String {
        let labels = self.labels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let fields = format!("title: {}\nkind: {}\npriority: {}\nlabels: {labels}\n", self.title, self.kind, self.priority);
        format!("{fields}\n{}\n", self.description)
    }

    /// Reads the edited text.
    ///
    /// # Errors
    /// With what is wrong with it, in one line.
    pub(crate) fn parse(edited: &str) -> Result<Self, String> {
        let edited = edited.replace("\r\n", "\n");
        let (fields, description) = edited.split_once("\n\n").unwrap_or((&edited, ""));
        let (mut title, mut kind, mut priority, mut labels) = (None, None, None, Vec::new());
        for line in fields.lines() {
            let Some((key, value)) = line.split_once(':') else {
                return Err(format!("`{}` is not a field; an empty line goes before the description", text::escape(line)));
            };
            let value = value.trim();
            match key.trim() {
                "title" => title = Some(text::whole_line(value, text::MAX_TITLE).map_err(|error| format!("title: {error}"))?),
                "kind" => kind = Some(Kind::parse(value).map_err(|error| error.to_string())?),
                "priority" => {
                    let number = value.parse().ok().filter(|number| *number <= LOWEST_PRIORITY);
                    let wrong = || format!("priority: `{}` is not a number from 0 to {LOWEST_PRIORITY}", text::escape(value));
                    priority = Some(number.ok_or_else(wrong)?);
                }
                "labels" => {
                    let all: Result<_, _> = value.split_whitespace().map(Label::parse).collect();
                    labels = all.map_err(|error| error.to_string())?;
                }
                other => return Err(format!("unknown field `{}`", text::escape(other))),
            }
        }
        let missing = |field: &str| format!("`{field}` is missing");
        Ok(Self {
            title: title.filter(|title| !title.is_empty()).ok_or_else(|| missing("title"))?,
            kind: kind.ok_or_else(|| missing("kind"))?,
            priority: priority.ok_or_else(|| missing("priority"))?,
            labels,
            description: text::whole(description, text::MAX_DESCRIPTION).map_err(|error| format!("description: {error}"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        Sheet {
            title: "Sort: by name".to_owned(),
            kind: Kind::parse("task").expect("valid"),
            priority: 2,
            labels: vec![Label::parse("todo").expect("valid")],
            description: "One.\n\nkind: two".to_owned(),
        }
    }

    #[test]
    fn what_is_not_edited_stays() {
        assert_eq!(Sheet::parse(&sheet().to_text()), Ok(sheet()));
        let bare = Sheet { labels: Vec::new(), description: String::new(), ..sheet() };
        assert_eq!(Sheet::parse(&bare.to_text()), Ok(bare));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = sheet().to_text();
        for (was, is, what) in [
            ("title: Sort: by name", "title:", "`title` is missing"),
            ("priority: 2", "priority: 9", "priority: `9` is not a number from 0 to 4"),
            ("kind: task\np", "kin: task\np", "unknown field `kin`"),
            ("labels: todo\n\n", "labels: todo\nOne\n\n", "`One` is not a field; an empty line goes before the description"),
        ] {
            assert_eq!(Sheet::parse(&text.replacen(was, is, 1)), Err(what.to_owned()));
        }
        assert!(Sheet::parse("").is_err());
    }
}
