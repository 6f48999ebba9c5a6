//! The file format of answers to the interview: `[brand.<name>]` with a key for each question.

use std::collections::BTreeMap;

use toml_edit::{Document, Item, TableLike, Value};

use super::{Answers, Topic, Wish};
use crate::core::id::Brand;
use crate::core::registry::{Fault, Registry, line_at};
use crate::core::text::{self, comma};

/// Parses an answers file; its brands and repositories are those of a registry.
///
/// # Errors
/// All errors, with their lines.
pub(crate) fn parse(file: &str, registry: &Registry) -> Result<BTreeMap<Brand, Answers>, Vec<Fault>> {
    let document = Document::parse(file).map_err(|error| vec![fault(file, error.span(), error.message())])?;
    let mut reader = Reader { file, registry, faults: Vec::new() };
    let all = reader.brands(document.as_table());
    reader.faults.sort_by_key(|fault| fault.line);
    if reader.faults.is_empty() { Ok(all) } else { Err(reader.faults) }
}

type Span = Option<std::ops::Range<usize>>;

fn fault(file: &str, span: Span, what: impl Into<String>) -> Fault {
    Fault { line: line_at(file, span.map_or(0, |span| span.start)), what: what.into() }
}

/// Reads the tables; an error is recorded, and reading continues.
struct Reader<'a> {
    file: &'a str,
    registry: &'a Registry,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, span: Span, what: impl Into<String>) {
        self.faults.push(fault(self.file, span, what));
    }

    fn brands(&mut self, root: &dyn TableLike) -> BTreeMap<Brand, Answers> {
        let mut all = BTreeMap::new();
        for (key, item) in root.iter() {
            if key != "brand" {
                self.fault(item.span(), format!("unknown key `{}`; expected `[brand.NAME]`", text::escape(key)));
            }
        }
        let brands = root.get("brand").and_then(Item::as_table_like);
        for (name, item) in brands.into_iter().flat_map(TableLike::iter) {
            match (Brand::parse(name), item.as_table_like()) {
                (Ok(brand), Some(_)) if !self.registry.brands().contains(&brand) => {
                    let known = comma(&self.registry.brands());
                    self.fault(item.span(), format!("no repository has the brand `{brand}`; expected one of: {known}"));
                }
                (Ok(brand), Some(table)) => drop(all.insert(brand, self.answers(table, &item.span()))),
                (Err(error), _) => self.fault(item.span(), error.to_string()),
                (Ok(_), None) => self.fault(item.span(), format!("`{name}` is not a table")),
            }
        }
        all
    }

    fn answers(&mut self, table: &dyn TableLike, at: &Span) -> Answers {
        let mut answers = Answers::default();
        for (key, item) in table.iter() {
            let span = || item.span().or_else(|| at.clone());
            let words = match item.as_str().map(|words| text::whole(words, text::MAX_BODY)).transpose() {
                Ok(words) => words,
                Err(too_long) => {
                    self.fault(span(), format!("`{}`: {too_long}", text::escape(key)));
                    continue;
                }
            };
            match (Topic::parse(key), words) {
                (Some(Topic::Next), _) => match item.as_array() {
                    Some(array) => answers.next = array.iter().map(|value| self.wish(value, &span())).collect(),
                    None => self.fault(span(), "`next` is not an array"),
                },
                (Some(topic), Some(words)) => answers.set(topic, words),
                (Some(_), None) | (None, _) => self
                    .fault(span(), format!("`{}` is not one of the questions, or its answer is not a string", text::escape(key))),
            }
        }
        answers
    }

    fn wish(&mut self, value: &Value, at: &Span) -> Wish {
        let span = || value.span().or_else(|| at.clone());
        let mut wish = Wish::default();
        if let Some(title) = value.as_str() {
            title.clone_into(&mut wish.title);
            self.bound(&wish, &span());
            return wish;
        }
        let Some(table) = value.as_inline_table() else {
            self.fault(span(), "an entry of `next` must be a title or `{ title = … }`");
            return wish;
        };
        let known = self.faults.len();
        for (key, value) in table {
            let words = value.as_str().map(str::to_owned);
            match (key, words, value.as_integer()) {
                ("title", Some(words), _) => wish.title = words,
                ("repo", Some(words), _) => {
                    if self.registry.find_repo(&words).is_none() {
                        let known = comma(&self.registry.repos.iter().map(|entry| &entry.name).collect::<Vec<_>>());
                        let what =
                            format!("repository `{}` is not in the registry; expected one of: {known}", text::escape(&words));
                        self.fault(span(), what);
                    }
                    wish.repo = Some(words);
                }
                ("kind", words @ Some(_), _) => wish.kind = words,
                ("description", words @ Some(_), _) => wish.description = words,
                ("after", words @ Some(_), _) => wish.after = words,
                ("priority", _, Some(number @ 0..=4)) => wish.priority = u8::try_from(number).ok(),
                _ => self.fault(
                    span(),
                    format!("unknown key `{}` in an entry of `next`, or its value is not valid", text::escape(key)),
                ),
            }
        }
        if self.faults.len() == known && wish.title.trim().is_empty() {
            self.fault(span(), "an entry of `next` has no title");
        }
        self.bound(&wish, &span());
        wish
    }

    /// Records what of a wish is longer than a ticket can say.
    fn bound(&mut self, wish: &Wish, at: &Span) {
        if let Err(too_long) = text::whole_line(&wish.title, text::MAX_TITLE) {
            self.fault(at.clone(), format!("the title of an entry of `next`: {too_long}"));
        }
        if let Err(too_long) = text::whole(wish.description.as_deref().unwrap_or_default(), text::MAX_DESCRIPTION) {
            self.fault(at.clone(), format!("the description of an entry of `next`: {too_long}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses answers in a workspace of two brands.
    fn parse(file: &str) -> Result<BTreeMap<Brand, Answers>, Vec<Fault>> {
        let repo = |name: &str| {
            format!("[[repo]]\nname = \"{name}\"\npath = \"../{name}\"\nbrand = \"{name}\"\nprotected = [\"main\"]\n")
        };
        let text = format!("version = 1\n[os]\nhub = \"umano\"\n{}{}", repo("umano"), repo("last"));
        super::parse(file, &Registry::parse(&text).expect("a registry"))
    }

    #[test]
    fn answers_for_what_the_registry_does_not_have_are_named() {
        let bad = "[brand.umano]\nnext = [{ title = \"One\", repo = \"last\" },\n{ title = \"Two\", repo = \"none\" }]\n[brand.none]\nmatters = \"x\"\n";
        let shown: Vec<_> = parse(bad).expect_err("bad").iter().map(ToString::to_string).collect();
        let repo = "line 3: repository `none` is not in the registry; expected one of: umano, last";
        let brand = "line 4: no repository has the brand `none`; expected one of: last, umano, _global";
        assert_eq!(shown, [repo, brand]);
    }

    #[test]
    fn answers_are_read_for_each_brand() {
        let file =
            "[brand.umano]\nmatters = \" Prices \"\nnext = [\"One\", { title = \"Two\", priority = 1, after = \"One\" }]\n";
        let all = parse(file).expect("good");
        let answers = &all[&Brand::parse("umano").expect("valid")];
        assert_eq!((answers.matters.as_str(), answers.avoid.as_str()), ("Prices", ""));
        let two = Wish { title: "Two".to_owned(), priority: Some(1), after: Some("One".to_owned()), ..Wish::default() };
        assert_eq!(answers.next, [Wish { title: "One".to_owned(), ..Wish::default() }, two]);
        assert_eq!(parse(""), Ok(BTreeMap::new()));
    }

    #[test]
    fn all_faults_of_the_answers_are_named_at_once_with_their_lines() {
        let bad = "version = 1
[brand.umano]
matters = 1
wishes = \"x\"
next = [
  1,
  { title = \"\" },
  { title = \"Two\", priority = 9, colour = \"red\" },
]
[brand.\"No Brand\"]
[brand]
other = 1
[brand.last]
next = \"One\"
";
        let shown: Vec<_> = parse(bad).expect_err("bad").iter().map(ToString::to_string).collect();
        snapbox::assert_data_eq!(
            shown.join("\n"),
            snapbox::str![[r#"
line 1: unknown key `version`; expected `[brand.NAME]`
line 3: `matters` is not one of the questions, or its answer is not a string
line 4: `wishes` is not one of the questions, or its answer is not a string
line 6: an entry of `next` must be a title or `{ title = … }`
line 7: an entry of `next` has no title
line 8: unknown key `priority` in an entry of `next`, or its value is not valid
line 8: unknown key `colour` in an entry of `next`, or its value is not valid
line 10: `No Brand` is not a brand (lower-case letters, digits, `-`, `_`; at most 40 characters)
line 12: `other` is not a table
line 14: `next` is not an array
"#]]
        );
    }

    #[test]
    fn what_is_too_long_is_named_and_not_cut() {
        let long = "x".repeat(text::MAX_BODY + 1);
        let wordy = "y".repeat(text::MAX_TITLE + 1);
        let file = format!("[brand.umano]\navoid = \"{long}\"\nnext = [\n\"{wordy}\",\n{{ title = \"{wordy}\" }}]\n");
        let shown: Vec<_> = parse(&file).expect_err("bad").iter().map(ToString::to_string).collect();
        let title = "the title of an entry of `next`: the text has 201 bytes; the limit is 200 bytes";
        let avoid = "line 2: `avoid`: the text has 65537 bytes; the limit is 65536 bytes";
        assert_eq!(shown, [avoid.to_owned(), format!("line 4: {title}"), format!("line 5: {title}")]);
    }

    #[test]
    fn broken_answers_are_named_with_their_line() {
        let faults = parse("[brand.umano]\nnext = [\"a\" \"b\"]\n").expect_err("bad");
        assert_eq!(faults[0].to_string(), "line 2: missing comma between array elements, expected `,`");
    }
}
