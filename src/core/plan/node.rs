//! A text in YAML or JSON as a tree in which everything knows its place; what could make it grow or nest without bound is refused.

use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

/// The longest text that is read, in bytes.
pub(crate) const MAX_TEXT: usize = 512 * 1024;
/// How deep lists and mappings may nest; a plan needs four.
const MAX_DEPTH: usize = 16;
/// How many lists, mappings and values a text may have.
const MAX_NODES: usize = 20_000;

/// Where something is: by its path, and by its line where the text has lines that count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: Option<usize>,
    pub(crate) path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.path.as_str()) {
            (Some(line), "") => write!(out, "line {line}"),
            (Some(line), path) => write!(out, "line {line}, {path}"),
            (None, "") => out.write_str("the whole"),
            (None, path) => out.write_str(path),
        }
    }
}

impl Place {
    /// The place of a field of what is here.
    fn field(&self, key: &str) -> String {
        let dot = if self.path.is_empty() { "" } else { "." };
        let is_plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if is_plain { format!("{}{dot}{key}", self.path) } else { format!("{}[{key:?}]", self.path) }
    }
}

/// One thing wrong, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) what: String,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A value, as written: which type it has is for the reader to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Nothing,
    /// A text, or a number or a truth value as it is written.
    Text(String),
    List(Vec<Node>),
    /// In the order of the text; a key that is there twice is a fault already.
    Fields(Vec<(String, Node)>),
}

/// Reads a text. Faults of its form end the reading, but for keys that are there twice.
pub(super) fn read(text: &str) -> Result<(Node, Vec<Fault>), Fault> {
    if text.len() > MAX_TEXT {
        return Err(Fault { place: Place::default(), what: format!("longer than {MAX_TEXT} bytes") });
    }
    let mut reader = Reader { parser: Parser::new_from_str(text), faults: Vec::new(), count: 0 };
    match reader.document() {
        Ok(node) => Ok((node, reader.faults)),
        // Not all JSON is YAML: tabs, and halves of characters.
        Err(fault) if text.trim_start().starts_with('{') => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(value) => Ok((of_json(value, Place::default()), Vec::new())),
            Err(error) if error.classify() == serde_json::error::Category::Syntax => {
                let place = Place { line: Some(error.line()), path: String::new() };
                Err(Fault { place, what: error.to_string() })
            }
            Err(_) => Err(fault),
        },
        Err(fault) => Err(fault),
    }
}

/// The same from JSON without lines; its depth is bounded by its reader.
fn of_json(value: serde_json::Value, place: Place) -> Node {
    let value = match value {
        serde_json::Value::Null => Value::Nothing,
        serde_json::Value::Bool(value) => Value::Text(value.to_string()),
        serde_json::Value::Number(value) => Value::Text(value.to_string()),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(all) => {
            let at = |index| Place { line: None, path: format!("{}[{index}]", place.path) };
            Value::List(all.into_iter().enumerate().map(|(index, one)| of_json(one, at(index))).collect())
        }
        serde_json::Value::Object(all) => {
            let fields = all.into_iter().map(|(key, one)| {
                let place = Place { line: None, path: place.field(&key) };
                (key, of_json(one, place))
            });
            Value::Fields(fields.collect())
        }
    };
    Node { place, value }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    faults: Vec<Fault>,
    count: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let place = Place { line: Some(error.marker().line()), path: String::new() };
                Err(Fault { place, what: error.info().to_owned() })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Node, Fault> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::Nothing | Event::DocumentStart(_), _) => {}
                (Event::StreamEnd, _) => {
                    return Ok(Node { place: Place::default(), value: Value::Nothing });
                }
                (event, span) => {
                    let node = self.node(event, span, String::new(), 0)?;
                    return self.end().map(|()| node);
                }
            }
        }
    }

    /// Sees to it that nothing follows.
    fn end(&mut self) -> Result<(), Fault> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentEnd | Event::Nothing, _) => {}
                (_, span) => return Err(fault(span, String::new(), "a second document begins; a file holds one plan")),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, path: String, depth: usize) -> Result<Node, Fault> {
        self.count += 1;
        if self.count > MAX_NODES || depth > MAX_DEPTH {
            return Err(fault(span, path, "too much, or nested too deeply, for a plan"));
        }
        let place = Place { line: Some(span.start.line()), path };
        let value = match event {
            Event::Alias(_) => return Err(Fault { place, what: "an alias; write out what it stands for".to_owned() }),
            Event::Scalar(_, _, _, Some(tag)) | Event::SequenceStart(_, Some(tag)) | Event::MappingStart(_, Some(tag)) => {
                return Err(Fault { place, what: format!("a tag, `{}`; a plan has none", shown(&tag)) });
            }
            Event::Scalar(text, ScalarStyle::Plain, _, None) if matches!(&*text, "" | "~" | "null" | "Null" | "NULL") => {
                Value::Nothing
            }
            Event::Scalar(text, _, _, None) => Value::Text(text.into_owned()),
            Event::SequenceStart(_, None) => self.list(&place, depth)?,
            Event::MappingStart(_, None) => self.fields(&place, depth)?,
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => Value::Nothing,
        };
        Ok(Node { place, value })
    }

    fn list(&mut self, place: &Place, depth: usize) -> Result<Value, Fault> {
        let mut all = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(Value::List(all)),
                (event, span) => {
                    let path = format!("{}[{}]", place.path, all.len());
                    all.push(self.node(event, span, path, depth + 1)?);
                }
            }
        }
    }

    fn fields(&mut self, place: &Place, depth: usize) -> Result<Value, Fault> {
        let mut all: Vec<(String, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd | Event::StreamEnd => return Ok(Value::Fields(all)),
                Event::Scalar(text, _, _, _) => text.into_owned(),
                _ => return Err(fault(span, place.path.clone(), "a key that is no text")),
            };
            let path = place.field(&key);
            let (event, value_span) = self.next()?;
            let mut node = self.node(event, value_span, path, depth + 1)?;
            // A value may begin on another line than its key, and the key is what a person looks for.
            node.place.line = Some(span.start.line());
            if all.iter().any(|(known, _)| *known == key) {
                self.faults.push(Fault { place: node.place, what: "is there twice".to_owned() });
            } else {
                all.push((key, node));
            }
        }
    }
}

fn shown(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

fn fault(span: Span, path: String, what: &str) -> Fault {
    Fault { place: Place { line: Some(span.start.line()), path }, what: what.to_owned() }
}
