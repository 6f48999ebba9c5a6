//! Texts of which not every character is known, and whether they could be a given one.

/// One place of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Char(char),
    /// `*`: anything within a component of a path.
    Many,
    /// `?`, and brackets.
    One,
    /// What only the run itself will know, slashes included.
    Unknown,
    /// Where an expansion that was not quoted splits a word.
    Split,
}

pub(super) type Text = Vec<Unit>;

pub(super) fn known(text: &str) -> Text {
    text.chars().map(Unit::Char).collect()
}

pub(super) fn unknown() -> Text {
    vec![Unit::Unknown]
}

/// The text, if all of it is known.
pub(super) fn literal(text: &[Unit]) -> Option<String> {
    text.iter().map(|unit| if let Unit::Char(c) = unit { Some(*c) } else { None }).collect()
}

/// The text for a person and for code; what is not known becomes `…`.
pub(super) fn shown(text: &[Unit]) -> String {
    let one = |unit: &Unit| match unit {
        Unit::Char(c) => *c,
        Unit::Many => '*',
        Unit::One => '?',
        Unit::Unknown => '…',
        Unit::Split => ' ',
    };
    text.iter().map(one).collect()
}

/// Whether the pattern could be this name.
pub(super) fn could_be(pattern: &[Unit], name: &[char]) -> bool {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for unit in pattern {
        let mut next = vec![false; name.len() + 1];
        match unit {
            Unit::Many | Unit::Unknown | Unit::Split => {
                let mut is_reached = false;
                for (at, reached) in reached.iter().enumerate() {
                    is_reached |= reached;
                    next[at] = is_reached;
                }
            }
            Unit::One => next[1..].copy_from_slice(&reached[..name.len()]),
            Unit::Char(c) => {
                for (at, found) in name.iter().enumerate() {
                    next[at + 1] = reached[at] && found == c;
                }
            }
        }
        reached = next;
    }
    reached[name.len()]
}
