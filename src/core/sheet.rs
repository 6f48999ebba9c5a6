//! A ticket as a text that a person edits: a line for each field, a line of dashes, and the description.

use super::criteria::Criteria;
use super::id::{Kind, Label};
use super::scope::Area;
use super::text::{comma, escape};
use super::ticket::{Content, LOWEST_PRIORITY};

/// The field that is there once for each acceptance criterion.
const ACCEPTANCE: &str = "acceptance";
/// What stands between the fields and the description.
const DASHES: &str = "---";
/// The field that says whether tests may change, and its values.
const TESTS: &str = "tests may change";
/// The field that says which files may change.
const SCOPE: &str = "scope";
const YES: &str = "yes";
const NO: &str = "no";

/// What a person wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) priority: u8,
    pub(crate) labels: Vec<Label>,
    /// As they were written; who knows the workspace finds out which tickets they are.
    pub(crate) depends: Vec<String>,
    pub(crate) tests_may_change: bool,
    pub(crate) scope: Vec<Area>,
    pub(crate) description: String,
    /// The acceptance criteria, a line each.
    pub(crate) acceptance: Vec<String>,
}

/// Why a text is no sheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl Sheet {
    /// Of a ticket.
    #[must_use]
    pub(crate) fn of(content: Content, description: String, criteria: &Criteria) -> Self {
        let Content { title, brand: _, kind, priority, labels, depends, tests_may_change, scope } = content;
        let depends = depends.iter().map(ToString::to_string).collect();
        let acceptance = criteria.as_slice().to_vec();
        Self { title, kind, priority, labels, depends, tests_may_change, scope, description, acceptance }
    }

    /// The text to edit.
    #[must_use]
    pub(crate) fn to_text(&self) -> String {
        let Self { title, kind, priority, labels, depends, tests_may_change, scope, description, acceptance } = self;
        let (labels, depends) = (comma(labels), comma(depends));
        let fields = format!("title: {title}\nkind: {kind}\npriority: {priority}\nlabels: {labels}\ndepends: {depends}\n");
        let may_change = if *tests_may_change { YES } else { NO };
        let acceptance = acceptance.iter().fold(String::new(), |lines, words| lines + &format!("{ACCEPTANCE}: {words}\n"));
        let scope = comma(scope);
        format!("{fields}{TESTS}: {may_change}\n{SCOPE}: {scope}\n{acceptance}{DASHES}\n{description}\n")
    }

    /// Reads what a person made of it.
    ///
    /// # Errors
    /// At the first line that cannot be read.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        read(text)
    }
}

fn read(text: &str) -> Result<Sheet, Fault> {
    let mut fields = ["title", "kind", "priority", "labels", "depends", TESTS, SCOPE].map(|name| (name, None));
    let mut acceptance = Vec::new();
    let mut lines = text.lines().enumerate();
    let fault = |line: usize, what: String| Fault { line: line + 1, what };
    loop {
        let Some((at, line)) = lines.next() else {
            return Err(fault(text.lines().count(), format!("expected a line `{DASHES}` before the description")));
        };
        if line.trim_end() == DASHES {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.trim() == ACCEPTANCE {
            acceptance.extend(Some(value.trim().to_owned()).filter(|words| !words.is_empty()));
            continue;
        }
        let Some((_, field)) = fields.iter_mut().find(|(known, _)| *known == name.trim()) else {
            return Err(fault(at, format!("`{}` is not a field of a ticket", escape(name.trim()))));
        };
        if field.replace((at, value.trim().to_owned())).is_some() {
            return Err(fault(at, format!("`{}` is given twice", name.trim())));
        }
    }
    // A text that was begun with an older git-os does not have these two.
    let [.., (_, may_change), (_, scope)] = &mut fields;
    let (may_change, scope) = (may_change.take(), scope.take());
    let tests_may_change = match may_change.as_ref().map(|(at, value)| (*at, value.as_str())) {
        None | Some((_, "" | NO)) => false,
        Some((_, YES)) => true,
        Some((at, _)) => return Err(fault(at, format!("`{TESTS}` must be `{YES}` or `{NO}`"))),
    };
    let (at, areas) = scope.unwrap_or_default();
    let scope = words(&areas).map(Area::parse).collect::<Result<_, _>>().map_err(|why| fault(at, why.to_string()))?;
    let mut take = |name: &str| {
        let field = fields.iter_mut().find(|(known, _)| *known == name).and_then(|(_, field)| field.take());
        field.ok_or_else(|| fault(0, format!("the field `{name}` is missing")))
    };
    let title = take("title")?.1;
    let (at, kind) = take("kind")?;
    let kind = Kind::parse(&kind).map_err(|why| fault(at, why.to_string()))?;
    let (at, priority) = take("priority")?;
    let priority = priority.parse().ok().filter(|priority| *priority <= LOWEST_PRIORITY);
    let priority = priority.ok_or_else(|| fault(at, format!("the priority must be a number from 0 to {LOWEST_PRIORITY}")))?;
    let (at, labels) = take("labels")?;
    let labels = words(&labels).map(Label::parse).collect::<Result<_, _>>().map_err(|why| fault(at, why.to_string()))?;
    let depends = words(&take("depends")?.1).map(str::to_owned).collect();
    let description: Vec<&str> = lines.map(|(_, line)| line).collect();
    let description = description.join("\n").trim_end().to_owned();
    Ok(Sheet { title, kind, priority, labels, depends, tests_may_change, scope, description, acceptance })
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::wire::tests::record;

    proptest! {
        #[test]
        fn what_nobody_changed_is_read_as_it_was(record in record(), lines in prop::collection::vec("[a-z:# -]{0,9}[a-z]", 0..4)) {
            let (content, description) = (record.after.content, lines.join("\n"));
            // What a person sees of a title is without the white space at its ends.
            prop_assume!(content.title.trim() == content.title);
            let sheet = Sheet::of(content, description, &Criteria::new(["A total.", "No: colon"]).expect("short"));
            prop_assert_eq!(Sheet::parse(&sheet.to_text()), Ok(sheet));
        }

        #[test]
        fn any_text_is_a_sheet_or_a_fault(text in any::<String>()) {
            let _sheet = read(&text);
        }
    }

    #[test]
    fn a_fault_names_its_line() {
        let sheet =
            |lines: &str| read(&format!("title: One\nkind: fix\n{lines}\n---\ntext\n")).map_err(|fault| fault.to_string());
        let rest = "labels: a, b\ndepends:";
        assert_eq!(sheet(&format!("priority: 1\n{rest}")).map(|sheet| sheet.labels.len()), Ok(2));
        for (lines, fault) in [
            ("priority: 9", "line 3: the priority must be a number from 0 to 4"),
            ("priority: 1\ncolour: red", "line 4: `colour` is not a field of a ticket"),
            ("priority: 1\npriority: 2", "line 4: `priority` is given twice"),
        ] {
            let all = if lines.contains('\n') { lines.to_owned() } else { format!("{lines}\n{rest}") };
            assert_eq!(sheet(&all), Err(fault.to_owned()));
        }
        let none = read("title: One\n").map_err(|fault| fault.to_string());
        assert_eq!(none, Err("line 2: expected a line `---` before the description".to_owned()));
    }
}
