//! The acceptance criteria of a ticket: what has to be true for its work to land, one numbered line each.
//!
//! They are a file of the ticket's tree. The rules let nobody change it after the approval, and a verdict names the file by its id, so
//! work is judged by what was approved.

use serde::{Deserialize, Serialize};

use super::id::ObjectId;
use super::text;
use super::verdict::CheckResult;

/// The file in the tree of a ticket.
pub(crate) const FILE: &str = "acceptance.md";
/// The maximum number of criteria of a ticket.
pub(crate) const MAX: usize = 50;
/// The maximum length of one, in bytes.
pub(crate) const MAX_ONE: usize = 1000;

/// The criteria, in their order; the first has the number 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Criteria(Vec<String>);

/// The answer to one criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) number: u32,
    pub(crate) met: bool,
    /// Where whoever answered looked: files and lines, a check, a command.
    #[serde(rename = "where", default)]
    pub(crate) place: String,
}

/// What a verdict says of the criteria.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// The id of the file as a git blob.
    pub(crate) file: ObjectId,
    /// The answers that git-os found by itself; those of a judge are with the judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) by_rule: Vec<Answer>,
}

/// A criterion that git-os can judge by itself, since it is worded by this rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The check with this name passes.
    Passes(String),
    /// A file does not contain a text any more, or is gone.
    Gone { path: String, text: String },
}

const PASSES: (&str, &str) = ("The check `", "` passes.");
const GONE: (&str, &str) = ("` no longer contains `", "`.");

impl Rule {
    /// The criterion, if it can be read again from the words.
    #[must_use]
    pub(crate) fn to_criterion(&self) -> Option<String> {
        let words = match self {
            Self::Passes(name) => format!("{}{name}{}", PASSES.0, PASSES.1),
            Self::Gone { path, text } => format!("`{path}{}{text}{}", GONE.0, GONE.1),
        };
        (Self::parse(&words).as_ref() == Some(self) && clean(&words) == words).then_some(words)
    }

    /// Reads a criterion that is worded by a rule.
    #[must_use]
    pub(crate) fn parse(words: &str) -> Option<Self> {
        if let Some(name) = words.strip_prefix(PASSES.0).and_then(|rest| rest.strip_suffix(PASSES.1)) {
            return (!name.is_empty()).then(|| Self::Passes(name.to_owned()));
        }
        let (path, text) = words.strip_prefix('`')?.strip_suffix(GONE.1)?.split_once(GONE.0)?;
        (!path.is_empty() && !text.is_empty()).then(|| Self::Gone { path: path.to_owned(), text: text.to_owned() })
    }

    /// Judges it, by the checks that ran and by what is in the files of the work.
    ///
    /// # Errors
    /// Those of `read`, which returns a file of the work, if it is there.
    pub(crate) fn judge<E>(
        &self,
        checks: &[CheckResult],
        read: impl FnOnce(&str) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(bool, String), E> {
        Ok(match self {
            Self::Passes(name) => match checks.iter().find(|check| check.name == *name) {
                Some(check) => (check.has_passed(), format!("check `{name}`, exit {}", check.exit)),
                None => (false, format!("there is no check `{name}`")),
            },
            Self::Gone { path, text } => match read(path)? {
                Some(file) if String::from_utf8_lossy(&file).contains(text) => (false, format!("`{path}` contains it")),
                Some(_) => (true, format!("`{path}`")),
                None => (true, format!("`{path}` is gone")),
            },
        })
    }
}

/// A criterion as it is stored: one line.
fn clean(words: &str) -> String {
    text::line(words, MAX_ONE)
}

impl Criteria {
    /// Of these lines; empty ones are left out.
    ///
    /// # Errors
    /// If one is longer than [`MAX_ONE`], or if there are more than [`MAX`].
    pub(crate) fn new<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, TooMuch> {
        let mut all = Vec::new();
        for words in lines {
            let words = text::whole_line(words, MAX_ONE).map_err(|_| TooMuch::Long { number: all.len() + 1 })?;
            let words = words.trim();
            if !words.is_empty() {
                all.push(words.to_owned());
            }
        }
        if all.len() > MAX { Err(TooMuch::Many(all.len())) } else { Ok(Self(all)) }
    }

    /// Reads the file. Any text is read: lines that begin with a number and a point are criteria; without such a line, each line
    /// that is not empty is one.
    #[must_use]
    pub(crate) fn parse(file: &str) -> Self {
        let numbered: Vec<_> = file.lines().filter_map(numbered).collect();
        let lines = if numbered.is_empty() { file.lines().map(str::trim).collect() } else { numbered };
        Self(lines.into_iter().map(clean).filter(|words| !words.is_empty()).collect())
    }

    /// The file.
    #[must_use]
    pub(crate) fn to_file(&self) -> String {
        self.numbered().fold(String::new(), |file, (number, words)| file + &format!("{number}. {words}\n"))
    }

    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, without their numbers.
    #[must_use]
    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Each with its number.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, &str)> {
        (1..).zip(self.0.iter().map(String::as_str))
    }

    /// The first criterion that is not answered with yes and a place: by git-os if it is worded by a rule, and otherwise by these
    /// answers of a judge. Without a judge, only those by rule are asked for.
    #[must_use]
    pub(crate) fn find_unmet(&self, by_rule: &[Answer], by_judge: Option<&[Answer]>) -> Option<u32> {
        let is_met = |answers: &[Answer], number: u32| {
            let mut own = answers.iter().filter(|answer| answer.number == number).peekable();
            own.peek().is_some() && own.all(|answer| answer.met && !answer.place.trim().is_empty())
        };
        let unmet = |(number, words): &(u32, &str)| {
            let is_ruled = Rule::parse(words).is_some() && by_rule.iter().any(|answer| answer.number == *number);
            match by_judge {
                _ if is_ruled => !is_met(by_rule, *number),
                Some(by_judge) => !is_met(by_judge, *number),
                None => Rule::parse(words).is_some(),
            }
        };
        self.numbered().find(unmet).map(|(number, _)| number)
    }
}

/// The rest of a line that begins with a number and a point.
fn numbered(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(|one: char| one.is_ascii_digit());
    if rest.len() == line.len() { None } else { rest.strip_prefix(". ").map(str::trim) }
}

/// Why criteria cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMuch {
    #[error("criterion {number} is longer than {MAX_ONE} bytes")]
    Long { number: usize },
    #[error("a ticket has at most {MAX} criteria, and these are {0}")]
    Many(usize),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(lines in prop::collection::vec(any::<String>(), 0..6)) {
            if let Ok(criteria) = Criteria::new(lines.iter().map(String::as_str)) {
                prop_assert_eq!(Criteria::parse(&criteria.to_file()), criteria);
            }
        }

        #[test]
        fn any_file_has_criteria_or_none(file in any::<String>()) {
            let criteria = Criteria::parse(&file);
            prop_assert_eq!(criteria.find_unmet(&[], Some(&[])), (!criteria.is_empty()).then_some(1));
        }

        #[test]
        fn a_rule_that_is_written_is_read_again(path in "[a-z`/. ]{1,12}", words in "[a-z`. ]{1,12}") {
            for rule in [Rule::Passes(words.clone()), Rule::Gone { path, text: words }] {
                if let Some(criterion) = rule.to_criterion() {
                    let criteria = Criteria::new([criterion.as_str()]).expect("short");
                    prop_assert_eq!(Rule::parse(&criteria.as_slice()[0]), Some(rule));
                }
            }
        }
    }

    fn yes(number: u32, place: &str) -> Answer {
        Answer { number, met: true, place: place.to_owned() }
    }

    #[test]
    fn each_needs_a_yes_and_a_place() {
        let criteria = Criteria::new(["A total is printed.", "The check `tests` passes."]).expect("short");
        let by_rule = [yes(2, "check `tests`, exit 0")];
        assert_eq!(criteria.find_unmet(&by_rule, Some(&[yes(1, "a.rs:3")])), None);
        assert_eq!(criteria.find_unmet(&[], Some(&[yes(1, "a.rs:3"), yes(2, "the check")])), None);
        assert_eq!((criteria.find_unmet(&by_rule, None), criteria.find_unmet(&[], None)), (None, Some(2)));
        for answers in [vec![], vec![yes(1, " ")], vec![yes(2, "b")], vec![yes(1, "a"), Answer { met: false, ..yes(1, "a") }]] {
            assert_eq!(criteria.find_unmet(&by_rule, Some(&answers)), Some(1), "{answers:?}");
        }
        // What git-os cannot judge is not answered by it, whoever says so.
        assert_eq!(criteria.find_unmet(&[yes(1, "rule"), by_rule[0].clone()], Some(&[])), Some(1));
        assert_eq!(
            criteria.find_unmet(&[Answer { met: false, ..by_rule[0].clone() }], Some(&[yes(1, "a"), yes(2, "b")])),
            Some(2)
        );
    }

    #[test]
    fn a_file_by_hand_is_read_too() {
        let criteria = Criteria::parse("# Criteria\n\n1. One\n2. Two\n   more\n");
        assert_eq!(criteria.as_slice(), ["One", "Two"]);
        assert_eq!(Criteria::parse("One\n\nTwo\n").as_slice(), ["One", "Two"]);
    }
}
