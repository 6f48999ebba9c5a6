//! Phase 5: questions about the brands that there is something to ask about. Every answer is in the log before the next question.

use std::collections::BTreeMap;

use super::log::{Log, Pending, Source};
use super::{Interviewed, Put, Said, Session, SessionError};
use crate::core::event::State;
use crate::core::freshness::Decision;
use crate::core::id::Brand;
use crate::core::interview::{Answers, Extent, Question, Reason, Topic, Unused, Wish, next_question};
use crate::core::progress::{SessionEvent, Stage};
use crate::core::session::Phase;
use crate::core::text;
use crate::core::text::plural;
use crate::git::Repo;
use crate::ledger::Ledger;
use crate::memory::learnings::{self, Confidence, Learning};

/// The brands about which answers were given beforehand that are not used, and why.
pub(super) fn find_unused(
    given: &BTreeMap<Brand, Answers>,
    interviewed: &Interviewed,
    decision: &Decision,
    log: &Log,
    date: &str,
) -> Vec<SessionEvent> {
    let why = |brand: &Brand, answers: &Answers| match log.answers.get(brand) {
        // An interrupted session has them by now.
        Some(held) if held.says_as(answers) => None,
        _ if matches!(interviewed, Interviewed::Only(brands) if brands.contains(brand)) => None,
        Some(held) if held.is_closed => Some(Unused::AnsweredBefore),
        _ if decision.runs && decision.brands.contains(brand) => None,
        _ if matches!(interviewed, Interviewed::Only(_)) => Some(Unused::NotMeant),
        _ if log.seen.interviewed.get(brand).is_some_and(|day| day == date) => Some(Unused::AskedToday),
        _ => Some(Unused::NoReason),
    };
    let unused = given.iter().filter_map(|(brand, answers)| Some((brand.clone(), why(brand, answers)?)));
    unused.map(|(brand, why)| SessionEvent::AnswersUnused { brand, why }).collect()
}

impl Session<'_> {
    pub(super) fn interview(&mut self) -> Result<(), SessionError> {
        let brands = self.decision(Phase::Interview).brands.clone();
        let extent = match self.interviewed {
            Interviewed::Only(_) => Extent::All,
            Interviewed::WithReason | Interviewed::Answered | Interviewed::NoBrand => {
                Extent::Most(self.workspace.registry.questions)
            }
        };
        if extent == Extent::All {
            self.reopen(&brands)?;
        }
        let has_ended = match self.desk.given() {
            Some(given) => {
                self.take_given(&brands, given)?;
                false
            }
            None if self.desk.is_attended() => self.ask_about(&brands, extent)?,
            None => false,
        };
        let said = self.log.answers.values().filter(|answers| answers.count() > 0).count();
        for brand in &brands {
            let was_asked = self.log.answers.get(brand).is_some_and(|answers| answers.is_closed || !answers.asked.is_empty());
            if was_asked || has_ended {
                self.seen.interviewed.insert(brand.clone(), self.date.clone());
            }
        }
        if said == 0 {
            self.tell(SessionEvent::NobodyAnswered);
        }
        self.record(Phase::Interview, &plural(said, "brand", "brands"), "", &[])
    }

    /// Lets a brand be asked about again with which this session is done; who names it wants to be asked. Answers that were given
    /// beforehand, and that the session has by now, are not taken a second time.
    fn reopen(&mut self, brands: &[Brand]) -> Result<(), SessionError> {
        for brand in brands {
            let is_known = match self.desk.given() {
                Some(given) => match (given.get(brand), self.log.answers.get(brand)) {
                    (Some(new), Some(held)) => held.says_as(new),
                    (None, _) | (_, None) => true,
                },
                None => !self.desk.is_attended(),
            };
            if is_known {
                continue;
            }
            let alone = [(brand.clone(), self.reason(brand)?)].into();
            if next_question(&alone, &self.log.answers, Extent::All).is_none()
                && let Some(answers) = self.log.answers.get_mut(brand)
            {
                answers.reopen();
            }
        }
        Ok(())
    }

    /// Tells which answers that were given beforehand are not used.
    pub(super) fn tell_unused(&self) {
        let Some(given) = self.desk.given() else { return };
        let decision = self.decision(Phase::Interview);
        for event in find_unused(given, self.interviewed, decision, &self.log, &self.date) {
            self.tell(event);
        }
    }

    /// Takes what was answered beforehand.
    fn take_given(&mut self, brands: &[Brand], given: &BTreeMap<Brand, Answers>) -> Result<(), SessionError> {
        for brand in brands {
            let is_open = self.log.answers.get(brand).is_none_or(|answers| !answers.is_closed);
            if let (true, Some(answers)) = (is_open, given.get(brand)) {
                self.learn(brand, &answers.learned)?;
                let answers = Answers { asked: Topic::ALL.to_vec(), is_closed: true, ..answers.clone() };
                self.log.answers.insert(brand.clone(), answers);
                self.remember(brand);
                self.keep(brand, "answers given", "")?;
            }
        }
        Ok(())
    }

    /// Asks until there is no question left. Returns whether the person ended it.
    fn ask_about(&mut self, brands: &[Brand], extent: Extent) -> Result<bool, SessionError> {
        let mut reasons = BTreeMap::new();
        for brand in brands {
            reasons.insert(brand.clone(), self.reason(brand)?);
        }
        let (mut last, mut complaint): (Option<Question>, Option<String>) = (None, None);
        while let Some(question) = next_question(&reasons, &self.log.answers, extent) {
            let is_new = last.as_ref().is_none_or(|last| last.brand != question.brand);
            let reason = reasons.get(&question.brand).filter(|_| is_new);
            let is_more = last.as_ref() == Some(&question) && complaint.is_none();
            let said = self.desk.ask(&Put { question: &question, reason, complaint: complaint.take(), is_more })?;
            let Question { brand, topic, .. } = &question;
            match said {
                Said::Quit => return Ok(true),
                Said::Text(words) => complaint = self.take_answer(brand, *topic, &words)?,
                Said::Nothing => {
                    self.log.answers.entry(brand.clone()).or_default().asked.push(*topic);
                    self.keep(brand, topic.as_str(), "")?;
                }
                Said::NothingMore => {
                    self.log.answers.entry(brand.clone()).or_default().is_closed = true;
                    self.keep(brand, "no more questions", "")?;
                }
            }
            last = Some(question);
        }
        Ok(false)
    }

    /// Keeps an answer. Returns what is wrong with it, if it cannot be kept.
    fn take_answer(&mut self, brand: &Brand, topic: Topic, words: &str) -> Result<Option<String>, SessionError> {
        let lines: Vec<&str> =
            if topic == Topic::Next { words.lines().filter(|line| !line.trim().is_empty()).collect() } else { vec![words] };
        let mut whole = Vec::new();
        for line in lines {
            let fits = match topic {
                Topic::Next => text::whole_line(line, text::MAX_TITLE),
                Topic::Matters | Topic::Avoid | Topic::Waiting | Topic::Learned => text::whole(line, text::MAX_BODY),
            };
            match fits {
                Ok(words) => whole.push(words),
                Err(too_long) => return Ok(Some(too_long.to_string())),
            }
        }
        if topic == Topic::Learned {
            self.learn(brand, words)?;
        }
        let answers = self.log.answers.entry(brand.clone()).or_default();
        answers.is_drafted &= topic != Topic::Next;
        for words in whole {
            answers.set(topic, words);
        }
        if topic != Topic::Next {
            answers.asked.push(topic);
        }
        if matches!(topic, Topic::Matters | Topic::Waiting) {
            self.remember(brand);
        }
        self.keep(brand, topic.as_str(), words)?;
        Ok(None)
    }

    fn keep(&mut self, brand: &Brand, what: &str, words: &str) -> Result<(), SessionError> {
        self.record(Phase::Interview, &format!("{brand}: {what}"), words, &[])?;
        self.tell(SessionEvent::Reached(Stage::Answered));
        Ok(())
    }

    fn learn(&self, brand: &Brand, words: &str) -> Result<(), SessionError> {
        if !words.is_empty() {
            let is_set_up = |repo: &Repo| Ledger::open(repo).is_ok();
            let mut homes = self.workspace.registry.repos_of(brand).filter_map(|entry| self.workspace.open(entry).ok());
            // What is said of a brand whose repositories are not here is kept in the hub.
            let home = homes.find(is_set_up);
            let learning = Learning {
                text: words.to_owned(),
                brand: brand.clone(),
                ticket: None,
                run: None,
                confidence: Confidence::Medium,
            };
            learnings::append_once(home.as_ref().unwrap_or(&self.hub), &learning)?;
        }
        Ok(())
    }

    /// Why a brand is asked about: what scouts found, and what is stuck.
    fn reason(&self, brand: &Brand) -> Result<Reason, SessionError> {
        let mut reason = Reason { commits: self.seen.commits.get(brand).copied().unwrap_or_default(), ..Reason::default() };
        for entry in self.workspace.registry.repos_of(brand).filter(|entry| !entry.silo) {
            let of_repo = self.log.pending.iter().filter(|pending| pending.repo == entry.name.as_str());
            reason.signals.extend(of_repo.map(|pending| pending.title.clone()));
            let Ok(repo) = self.workspace.open(entry) else { continue };
            let Ok(ledger) = Ledger::open(&repo) else { continue };
            let rows = ledger.rows()?.tickets;
            let stuck = rows.iter().filter(|row| matches!(row.ticket.state, State::Blocked | State::AwaitingInput));
            reason.stuck.extend(stuck.map(|row| format!("{} is {}: {}", row.id, row.ticket.state, row.ticket.content.title)));
        }
        Ok(reason)
    }

    /// Remembers for later sessions what matters, and what is waited for. What was not said stays as it was said before.
    fn remember(&mut self, brand: &Brand) {
        let Some(Answers { matters, waiting, .. }) = self.log.answers.get(brand) else { return };
        if matters.is_empty() && waiting.is_empty() {
            return;
        }
        let known = self.seen.said.entry(brand.clone()).or_default();
        for (said, kept) in [(matters, &mut known.matters), (waiting, &mut known.waiting)] {
            if !said.is_empty() {
                kept.clone_from(said);
            }
        }
        known.date.clone_from(&self.date);
    }

    /// Makes pending drafts of the wishes that are none yet.
    pub(super) fn take_wishes(&mut self) {
        let mut answers = std::mem::take(&mut self.log.answers);
        for (brand, answers) in answers.iter_mut().filter(|(_, answers)| !answers.is_drafted) {
            let default_repo = self.workspace.registry.repos_of(brand).next().map(|entry| entry.name.to_string());
            let avoid = if answers.avoid.is_empty() { String::new() } else { format!("\n\nDo not touch: {}", answers.avoid) };
            // What scouts found is drafted in the same breath.
            let is_of_brand = |repo: &str| self.workspace.registry.repos_of(brand).any(|entry| entry.name.as_str() == repo);
            for found in
                self.log.pending.iter_mut().filter(|found| is_of_brand(&found.repo) && !found.description.ends_with(&avoid))
            {
                found.description += &avoid;
            }
            for wish in &answers.next {
                let Some(repo) = wish.repo.clone().or_else(|| default_repo.clone()) else { continue };
                let pending = pending(wish, repo, &avoid);
                if !self.log.pending.iter().any(|known| known.key == pending.key) {
                    self.log.pending.push(pending);
                }
            }
            answers.is_drafted = true;
        }
        self.log.answers = answers;
    }
}

fn pending(wish: &Wish, repo: String, avoid: &str) -> Pending {
    let title = text::line(&wish.title, text::MAX_TITLE);
    Pending {
        key: Source::Wish.key(&repo, &title),
        repo,
        kind: wish.kind.clone().unwrap_or_else(|| "task".to_owned()),
        priority: wish.priority.unwrap_or(2),
        description: format!("{}{avoid}", wish.description.clone().unwrap_or_default()),
        acceptance: Vec::new(),
        after: wish.after.clone(),
        labels: vec!["interview".to_owned()],
        brand: None,
        title,
    }
}
