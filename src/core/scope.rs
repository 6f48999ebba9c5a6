//! Which files the work on a ticket may change, and whether two tickets can be worked on side by side.

use std::fmt;

use super::meta::Paths;
use super::text::is_unsafe;

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 200;

/// A pattern for paths, from the top of the repository: `src/**`, `docs/*.md`, `Cargo.toml`. A folder means all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Area(String);

/// Why a text is no pattern of a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot be a scope: {why}", super::text::escape(.text))]
pub(crate) struct InvalidScope {
    text: String,
    why: &'static str,
}

impl Area {
    /// Reads a pattern; slashes at its ends are left out.
    ///
    /// # Errors
    /// If it is empty, too long or of a form that is not known here.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidScope> {
        let invalid = |why| Err(InvalidScope { text: text.chars().take(MAX_PATTERN).collect(), why });
        let inner = text.trim_matches('/');
        if inner.is_empty() {
            return invalid("it is empty");
        }
        if inner.len() > MAX_PATTERN {
            return invalid("it is longer than 200 bytes");
        }
        // What else has a meaning in patterns is left out, so that what two of them have in common can be told.
        if inner.chars().any(|char| char.is_whitespace() || "!#[]{}\\:,".contains(char) || is_unsafe(char)) {
            return invalid("besides names and `/`, a pattern has only `*`, `**` and `?`, and no white space");
        }
        if inner.split('/').any(|name| matches!(name, "" | "." | "..") || (name.contains("**") && name != "**")) {
            return invalid("names are not empty, `.` or `..`, and `**` stands alone between slashes");
        }
        let area = Self(inner.to_owned());
        if paths(std::slice::from_ref(&area)).is_none() { invalid("it is no pattern") } else { Ok(area) }
    }

    /// As it is stored.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether no path can match both, nor be below a path that does. Where that cannot be told, they meet.
    fn is_apart(&self, other: &Self) -> bool {
        // A name that has to be just this. Other letters than those of ASCII can be written in several ways.
        let plain = |name: &str| name.is_ascii() && !name.contains(['*', '?']);
        let both = self.0.split('/').zip(other.0.split('/'));
        both.take_while(|(one, two)| plain(one) && plain(two)).any(|(one, two)| {
            // Some file systems take large and small letters for the same.
            !one.eq_ignore_ascii_case(two)
        })
    }
}

impl fmt::Display for Area {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Whether works with these scopes may change the same file. One without a scope may change any.
#[must_use]
pub(crate) fn meet(one: &[Area], other: &[Area]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|area| other.iter().any(|other| !area.is_apart(other)))
}

/// What matches the paths of a scope; `None` if a pattern cannot be used.
#[must_use]
pub(crate) fn paths(scope: &[Area]) -> Option<Paths> {
    let anchored: Vec<_> = scope.iter().map(|area| format!("/{area}")).collect();
    Paths::new(anchored.iter().map(String::as_str)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn areas(words: &[&str]) -> Vec<Area> {
        words.iter().map(|word| Area::parse(word).expect("a pattern")).collect()
    }

    #[test]
    fn scopes_meet_unless_they_are_apart_for_sure() {
        for (one, other, expected) in [
            (&["src/**"][..], &["docs/**"][..], false),
            (&["src/a/**"], &["src/b/**"], false),
            (&["src"], &["source"], false),
            (&["/src/"], &["docs/"], false),
            (&["src/a.rs"], &["src/b.rs"], false),
            (&["a/b", "c"], &["d", "a/e"], false),
            (&["src/**"], &["src/a/b.rs"], true),
            (&["src"], &["src/a/b.rs"], true),
            (&["Src/**"], &["src/**"], true),
            (&["**/a.rs"], &["src/**"], true),
            (&["*/a"], &["src/b"], true),
            // It cannot be told without more work.
            (&["src/*.rs"], &["src/*.md"], true),
            (&["straße/a"], &["gasse/a"], true),
            (&["a/b", "c"], &["d", "a"], true),
            (&[], &["src/**"], true),
            (&["src/**"], &[], true),
            (&[], &[], true),
        ] {
            let (one, other) = (areas(one), areas(other));
            assert_eq!((meet(&one, &other), meet(&other, &one)), (expected, expected), "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_scope_begins_at_the_top_and_has_what_is_below() {
        let paths = paths(&areas(&["src/**", "*.md", "docs", "lib/?.rs"])).expect("patterns");
        for (path, expected) in [
            ("src/a/b.rs", true),
            ("README.md", true),
            ("docs/a/b.txt", true),
            ("lib/a.rs", true),
            ("lib/ab.rs", false),
            ("a/README.md", false),
            ("a/docs/b", false),
            ("a/src/b", false),
        ] {
            assert_eq!(paths.has(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for text in ["", "/", "//", "a b", "!a", "#a", "a/../b", "./a", "a//b", "a/**b", "[ab]", "{a,b}", "a\\b", "a\n", "a\u{1}"]
        {
            assert!(Area::parse(text).is_err(), "{text:?}");
        }
        assert!(Area::parse(&"x".repeat(201)).is_err());
        assert_eq!(Area::parse("/src/").map(|area| area.to_string()), Ok("src".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_apart_has_no_path_in_common(
            one in "[aB*?]{1,2}(/[aB*?]{1,2}|/\\*\\*){0,2}", other in "[aB*?]{1,2}(/[aB*?]{1,2}|/\\*\\*){0,2}",
            path in "[aB]{1,2}(/[aB]{1,2}){0,3}",
        ) {
            let (Ok(one), Ok(other)) = (Area::parse(&one), Area::parse(&other)) else { return Ok(()) };
            let has = |area: &Area| paths(std::slice::from_ref(area)).is_some_and(|paths| paths.has(&path));
            prop_assert!(!(one.is_apart(&other) && has(&one) && has(&other)), "{one} {other} {path}");
        }

        #[test]
        fn any_text_is_a_scope_or_not(text in any::<String>()) {
            if let Ok(area) = Area::parse(&text) {
                prop_assert_eq!(Area::parse(area.as_str()), Ok(area));
            }
        }
    }
}
