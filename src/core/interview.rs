//! The interview: which questions a session asks about which brand, and what was answered.

mod file;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use self::file::parse;
use super::event::named;
use super::id::Brand;
use super::text::plural;

/// How many questions a session asks unless the registry says otherwise.
pub(crate) const DEFAULT_QUESTIONS: usize = 10;
/// How many signals or tickets a question names.
const NAMED: usize = 5;

named! {
    /// What a question is about, in the order in which they are asked.
    Topic, "question of the interview", {
        Matters = "matters", Next = "next", Avoid = "avoid", Waiting = "waiting", Learned = "learned",
    }
}

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
    /// The questions that were answered or skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) asked: Vec<Topic>,
    /// Nothing more is asked about this brand.
    #[serde(default)]
    pub(crate) is_closed: bool,
    /// The wishes are pending drafts by now.
    #[serde(default)]
    pub(crate) is_drafted: bool,
}

impl Answers {
    /// Sets the answer to a question that is answered by a text.
    pub(crate) fn set(&mut self, topic: Topic, words: String) {
        match topic {
            Topic::Matters => self.matters = words,
            Topic::Next => self.next.push(Wish { title: words, ..Wish::default() }),
            Topic::Avoid => self.avoid = words,
            Topic::Waiting => self.waiting = words,
            Topic::Learned => self.learned = words,
        }
    }

    /// Whether the same was said, whatever became of it.
    #[must_use]
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        let words =
            |all: &Self| (all.matters.clone(), all.next.clone(), all.avoid.clone(), all.waiting.clone(), all.learned.clone());
        words(self) == words(other)
    }

    /// Lets everything be asked again. What was said stays until something else is; wishes that are drafts by now are no wishes any more.
    pub(crate) fn reopen(&mut self) {
        self.asked.clear();
        self.is_closed = false;
        if self.is_drafted {
            self.next.clear();
        }
    }

    /// How much was said: texts, and wishes.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        let texts = [&self.matters, &self.avoid, &self.waiting, &self.learned];
        self.next.len() + texts.into_iter().filter(|text| !text.is_empty()).count()
    }
}

/// Why answers that were given beforehand are not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unused {
    AskedToday,
    /// This session, which goes on, has other answers.
    AnsweredBefore,
    /// There is nothing to ask about the brand.
    NoReason,
    /// The session asks about others alone.
    NotMeant,
}

/// Why there is something to ask about a brand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reason {
    /// How many commits are new.
    pub(crate) commits: usize,
    /// The titles of what scouts found.
    pub(crate) signals: Vec<String>,
    /// The tickets that are blocked or wait for an answer, each in one line.
    pub(crate) stuck: Vec<String>,
}

impl Reason {
    /// In lines, as it is shown before the first question about the brand.
    #[must_use]
    pub(crate) fn lines(&self, brand: &Brand) -> Vec<String> {
        let counts = [
            (self.commits, plural(self.commits, "new commit", "new commits")),
            (self.signals.len(), plural(self.signals.len(), "signal", "signals")),
            (self.stuck.len(), format!("{} blocked or waiting", plural(self.stuck.len(), "ticket", "tickets"))),
        ];
        let counts: Vec<_> = counts.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect();
        let mut lines = vec![if counts.is_empty() { brand.to_string() } else { format!("{brand}: {}", counts.join(", ")) }];
        for all in [&self.signals, &self.stuck] {
            lines.extend(all.iter().take(NAMED).map(|one| format!("- {one}")));
            lines.extend((all.len() > NAMED).then(|| format!("- and {} more", all.len() - NAMED)));
        }
        lines
    }

    /// The questions that there is a reason for, the most important first.
    fn topics(&self, answers: &Answers, extent: Extent) -> Vec<Topic> {
        let has_news = self.commits > 0 || !self.signals.is_empty();
        let is_open = has_news || extent == Extent::All;
        let will_draft = !self.signals.is_empty() || !answers.next.is_empty();
        let all = [
            (Topic::Next, is_open),
            (Topic::Matters, is_open),
            (Topic::Waiting, !self.stuck.is_empty()),
            (Topic::Avoid, will_draft),
            (Topic::Learned, is_open),
        ];
        all.into_iter().filter(|(_, is_asked)| *is_asked).map(|(topic, _)| topic).collect()
    }
}

/// A question about a brand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) brand: Brand,
    pub(crate) topic: Topic,
    pub(crate) text: &'static str,
}

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What there is a reason for, and no more questions than this in all.
    Most(usize),
    /// All that can be asked, as somebody named the brands.
    All,
}

/// The next question of a session, if there is one: the brands with the most to talk about come first, and share the questions.
#[must_use]
pub(crate) fn next_question(
    brands: &BTreeMap<Brand, Reason>,
    held: &BTreeMap<Brand, Answers>,
    extent: Extent,
) -> Option<Question> {
    let limit = match extent {
        Extent::Most(limit) => limit,
        Extent::All => usize::MAX,
    };
    let asked: usize = held.values().map(|answers| answers.asked.len()).sum();
    if asked >= limit {
        return None;
    }
    let mut order: Vec<_> = brands.iter().collect();
    order.sort_by_key(|(_, reason)| std::cmp::Reverse((reason.signals.len() + reason.stuck.len(), reason.commits)));
    let share = (limit / order.len().max(1)).max(1);
    for (brand, reason) in order {
        let answers = held.get(brand).cloned().unwrap_or_default();
        if answers.is_closed {
            continue;
        }
        let topics: Vec<_> = reason.topics(&answers, extent).into_iter().take(share).collect();
        let open = Topic::ALL.iter().find(|topic| topics.contains(topic) && !answers.asked.contains(topic));
        if let Some(topic) = open {
            return Some(Question { brand: brand.clone(), topic: *topic, text: words(*topic, reason) });
        }
    }
    None
}

fn words(topic: Topic, reason: &Reason) -> &'static str {
    match topic {
        Topic::Matters => "What matters most now?",
        Topic::Next => "What should be done next? One ticket per line; an empty line ends the list.",
        Topic::Avoid => "What must not be touched?",
        Topic::Waiting if reason.stuck.len() == 1 => "What is this ticket waiting for?",
        Topic::Waiting => "What are these tickets waiting for?",
        Topic::Learned => "What did you learn that others should know?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brand(name: &str) -> Brand {
        Brand::parse(name).expect("valid")
    }

    fn news(commits: usize, signals: &[&str], stuck: &[&str]) -> Reason {
        let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Reason { commits, signals: all(signals), stuck: all(stuck) }
    }

    /// All questions of a session in which somebody says `words` to each.
    fn hold(brands: &BTreeMap<Brand, Reason>, extent: Extent, words: &str) -> Vec<String> {
        let mut held: BTreeMap<Brand, Answers> = BTreeMap::new();
        let mut asked = Vec::new();
        while let Some(question) = next_question(brands, &held, extent) {
            asked.push(format!("{} {}", question.brand, question.topic));
            let answers = held.entry(question.brand).or_default();
            if !words.is_empty() {
                answers.set(question.topic, words.to_owned());
            }
            answers.asked.push(question.topic);
        }
        asked
    }

    #[test]
    fn a_question_has_a_reason() {
        let of = |reason: Reason, words: &str| hold(&[(brand("a"), reason)].into(), Extent::Most(10), words);
        assert_eq!(of(news(1, &[], &[]), ""), ["a matters", "a next", "a learned"]);
        assert_eq!(of(news(1, &[], &[]), "x"), ["a matters", "a next", "a avoid", "a learned"]);
        assert_eq!(of(news(0, &[], &["T-1 is blocked"]), "x"), ["a waiting"]);
        assert_eq!(of(news(2, &["s"], &["t"]), ""), ["a matters", "a next", "a avoid", "a waiting", "a learned"]);
    }

    #[test]
    fn twelve_brands_are_ten_questions() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let mut brands: BTreeMap<_, _> = names.map(|name| (brand(name), news(1, &[], &[]))).into();
        brands.insert(brand("z"), news(1, &["red"], &[]));
        let asked = hold(&brands, Extent::Most(DEFAULT_QUESTIONS), "x");
        assert_eq!((asked.len(), asked[0].as_str()), (10, "z next"));
        assert!(asked.iter().all(|question| question.ends_with("next")), "{asked:?}");
        assert_eq!(hold(&brands, Extent::Most(0), "x"), Vec::<String>::new());
    }

    #[test]
    fn who_names_brands_is_asked_everything_about_each() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let brands: BTreeMap<_, _> = names.map(|name| (brand(name), news(0, &[], &["T-1 is blocked"]))).into();
        assert_eq!(hold(&brands, Extent::All, "x").len(), 12 * Topic::ALL.len());
    }

    #[test]
    fn what_is_asked_again_stays_said_until_then() {
        let wish = Wish { title: "w".to_owned(), ..Wish::default() };
        let asked = vec![Topic::Matters, Topic::Next];
        let answers = Answers { matters: "m".to_owned(), next: vec![wish], asked, is_closed: true, ..Answers::default() };
        let mut drafted = Answers { is_drafted: true, ..answers.clone() };
        drafted.reopen();
        assert_eq!(drafted, Answers { matters: "m".to_owned(), is_drafted: true, ..Answers::default() });
        let mut open = answers.clone();
        open.reopen();
        assert_eq!(open, Answers { asked: Vec::new(), is_closed: false, ..answers }, "the wish is still one");
    }

    #[test]
    fn what_was_asked_is_not_asked_again() {
        let brands = [(brand("a"), news(1, &[], &[]))].into();
        let answers = Answers { asked: vec![Topic::Matters], ..Answers::default() };
        let next = next_question(&brands, &[(brand("a"), answers)].into(), Extent::Most(10));
        assert_eq!(next.map(|question| question.topic), Some(Topic::Next));
        let closed = Answers { is_closed: true, ..Answers::default() };
        assert_eq!(next_question(&brands, &[(brand("a"), closed)].into(), Extent::Most(10)), None);
    }

    #[test]
    fn answers_of_an_older_session_are_read() {
        let json = r#"{"matters":"x","next":[],"avoid":"","waiting":"","learned":""}"#;
        let answers: Answers = serde_json::from_str(json).expect("answers");
        assert_eq!(answers, Answers { matters: "x".to_owned(), ..Answers::default() });
    }
}
