//! The interview: five questions for each engaged brand, and the file format of the answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml_edit::{Document, Item, TableLike, Value};

use super::id::Brand;
use super::registry::Fault;
use super::text;

/// The keys of the answers with their questions, in the order in which they are asked.
pub(crate) const QUESTIONS: [(&str, &str); 5] = [
    ("matters", "What matters most now?"),
    ("next", "What should be done next? One ticket per line; an empty line ends the list."),
    ("avoid", "What must not be touched?"),
    ("waiting", "What is waiting for you or for someone else?"),
    ("learned", "What did you learn that others should know?"),
];

/// One wish from an answer to `next`; it becomes a draft.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) title: String,
    pub(crate) repo: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) priority: Option<u8>,
    pub(crate) description: Option<String>,
    /// The title of another draft that must be merged first.
    pub(crate) after: Option<String>,
}

/// The answers for one brand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answers {
    pub(crate) matters: String,
    pub(crate) next: Vec<Wish>,
    pub(crate) avoid: String,
    pub(crate) waiting: String,
    pub(crate) learned: String,
}

/// Parses an answers file: `[brand.<name>]` with the five keys.
///
/// # Errors
/// All errors, with their lines.
pub(crate) fn parse(file: &str) -> Result<BTreeMap<Brand, Answers>, Vec<Fault>> {
    let line = |span: Option<std::ops::Range<usize>>| file[..span.map_or(0, |span| span.start)].matches('\n').count() + 1;
    let document =
        Document::parse(file).map_err(|error| vec![Fault { line: line(error.span()), what: error.message().to_owned() }])?;
    let mut faults = Vec::new();
    let mut all = BTreeMap::new();
    for (key, item) in document.as_table() {
        if key != "brand" {
            faults
                .push(Fault { line: line(item.span()), what: format!("unknown key `{}`: expected `brand`", text::escape(key)) });
        }
    }
    let brands = document.get("brand").and_then(Item::as_table_like);
    for (name, item) in brands.into_iter().flat_map(TableLike::iter) {
        match (Brand::parse(name), item.as_table_like()) {
            (Ok(brand), Some(table)) => match read_answers(table) {
                Ok(answers) => drop(all.insert(brand, answers)),
                Err((span, what)) => faults.push(Fault { line: line(span.or_else(|| item.span())), what }),
            },
            (Err(error), _) => faults.push(Fault { line: line(item.span()), what: error.to_string() }),
            (Ok(_), None) => faults.push(Fault { line: line(item.span()), what: format!("`{name}` must be a table") }),
        }
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

type Misread = (Option<std::ops::Range<usize>>, String);

fn read_answers(table: &dyn TableLike) -> Result<Answers, Misread> {
    let mut answers = Answers::default();
    for (key, item) in table.iter() {
        let words = item.as_str().map(text::body);
        match (key, words) {
            ("matters", Some(words)) => answers.matters = words,
            ("avoid", Some(words)) => answers.avoid = words,
            ("waiting", Some(words)) => answers.waiting = words,
            ("learned", Some(words)) => answers.learned = words,
            ("next", _) => {
                let array = item.as_array().ok_or((item.span(), "`next` must be an array".to_owned()))?;
                answers.next = array.iter().map(read_wish).collect::<Result<_, _>>()?;
            }
            _ => {
                return Err((
                    item.span(),
                    format!("`{}` is not the key of an answer, or its value is not a string", text::escape(key)),
                ));
            }
        }
    }
    Ok(answers)
}

fn read_wish(value: &Value) -> Result<Wish, Misread> {
    if let Some(title) = value.as_str() {
        return Ok(Wish { title: title.to_owned(), ..Wish::default() });
    }
    let bad = |what: String| (value.span(), what);
    let table = value.as_inline_table().ok_or_else(|| bad("a wish must be a title or `{ title = … }`".to_owned()))?;
    let mut wish = Wish::default();
    for (key, value) in table {
        let words = value.as_str().map(str::to_owned);
        match (key, words, value.as_integer()) {
            ("title", Some(words), _) => wish.title = words,
            ("repo", words @ Some(_), _) => wish.repo = words,
            ("kind", words @ Some(_), _) => wish.kind = words,
            ("description", words @ Some(_), _) => wish.description = words,
            ("after", words @ Some(_), _) => wish.after = words,
            ("priority", _, Some(number @ 0..=4)) => wish.priority = u8::try_from(number).ok(),
            _ => return Err(bad(format!("`{}` is not a key of a wish, or its value has the wrong type", text::escape(key)))),
        }
    }
    if wish.title.trim().is_empty() { Err(bad("a wish must have a title".to_owned())) } else { Ok(wish) }
}
