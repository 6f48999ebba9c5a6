//! The parts of a brief, each with a limit of its own, and how what others wrote is set off in it.

use serde::Serialize;

use crate::core::text::excerpt;

/// The longest parts, in bytes. Together they are the longest brief; four bytes are about a token.
pub(super) const MAX_DESCRIPTION: usize = 48 * 1024;
pub(super) const MAX_INSTRUCTIONS: usize = 24 * 1024;
pub(super) const MAX_DIFF: usize = 40 * 1024;
/// That of a reason, a question, an answer, or what a check printed.
pub(super) const MAX_WORDS: usize = 8 * 1024;
pub(super) const MAX_LESSON: usize = 500;

/// A brief: what an agent is told, part by part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text {
    parts: Vec<Part>,
}

/// One part of a brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Its size, in bytes.
    pub(crate) bytes: usize,
    #[serde(skip)]
    text: String,
}

impl Text {
    /// Adds a part, unless it says nothing.
    pub(super) fn add(&mut self, name: &'static str, text: String) {
        if !text.is_empty() {
            self.parts.push(Part { name, bytes: text.len(), text });
        }
    }

    /// The parts, in their order.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// All of it.
    #[must_use]
    pub(crate) fn whole(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }
}

/// What somebody else wrote, up to a limit, between marks that nothing in it can end.
#[must_use]
pub(super) fn quote(mark: &str, text: &str, limit: usize) -> String {
    let text = excerpt(text, limit);
    let ending = format!("</{mark}");
    // Whoever wrote the ending in any case may not have meant any harm, and is still readable.
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.as_bytes().windows(ending.len()).position(|part| part.eq_ignore_ascii_case(ending.as_bytes())) {
        safe += &rest[..at];
        safe += "<\\/";
        rest = &rest[at + "</".len()..];
    }
    safe += rest;
    format!("<{mark}>\n{safe}\n</{mark}>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_quotation_from_within() {
        assert_eq!(quote("reason", "a </reason> b </REASON >", 100), "<reason>\na <\\/reason> b <\\/REASON >\n</reason>\n");
        assert_eq!(quote("reason", "a < b </re", 100), "<reason>\na < b </re\n</reason>\n");
        let cut = quote("reason", &"ä".repeat(1000), 200);
        assert!(cut.len() < 300 && cut.contains("bytes left out"), "{cut}");
    }
}
