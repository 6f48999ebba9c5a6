//! Phase 5: five questions for each engaged brand.

use std::collections::BTreeMap;

use super::log::Pending;
use super::{Session, SessionError};
use crate::core::id::Brand;
use crate::core::interview::{Answers, Wish};
use crate::core::progress::SessionEvent;
use crate::core::session::Phase;
use crate::core::text;
use crate::core::text::plural;
use crate::memory::learnings::{self, Confidence, Learning};

impl Session<'_> {
    pub(super) fn interview(&mut self) -> Result<(), SessionError> {
        let mut all: BTreeMap<Brand, Answers> = BTreeMap::new();
        for brand in self.decision(Phase::Interview).brands.clone() {
            let brief = self.summary.brief.clone();
            let Some(answers) = self.desk.interview(&brand, &brief)? else { continue };
            self.take_answers(&brand, &answers)?;
            self.seen.interviewed.insert(brand.clone(), self.date.clone());
            all.insert(brand, answers);
        }
        if all.is_empty() {
            self.tell(SessionEvent::NobodyAnswered);
            return Ok(());
        }
        let json = serde_json::to_string_pretty(&all).unwrap_or_default() + "\n";
        self.record(Phase::Interview, &plural(all.len(), "brand", "brands"), "", &[("answers.json", json)])
    }

    /// Makes pending drafts of wishes, and learnings of lessons.
    fn take_answers(&mut self, brand: &Brand, answers: &Answers) -> Result<(), SessionError> {
        let default_repo = self.workspace.registry.repos_of(brand).next().map(|entry| entry.name.to_string());
        let avoid = if answers.avoid.is_empty() { String::new() } else { format!("\n\nDo not touch: {}", answers.avoid) };
        for wish in &answers.next {
            let Some(repo) = wish.repo.clone().or_else(|| default_repo.clone()) else { continue };
            let pending = pending(wish, repo, &avoid);
            if !self.log.pending.iter().any(|known| known.key == pending.key) {
                self.log.pending.push(pending);
            }
        }
        let home = self.workspace.registry.repos_of(brand).next();
        if let (Some(entry), false) = (home, answers.learned.is_empty()) {
            let repo = self.workspace.open(entry)?;
            let learning = Learning {
                text: answers.learned.clone(),
                brand: brand.clone(),
                ticket: None,
                run: None,
                confidence: Confidence::Medium,
            };
            learnings::append_once(&repo, &learning)?;
        }
        Ok(())
    }
}

fn pending(wish: &Wish, repo: String, avoid: &str) -> Pending {
    let title = text::line(&wish.title, text::MAX_TITLE);
    Pending {
        key: format!("wish:{repo}:{title}"),
        repo,
        kind: wish.kind.clone().unwrap_or_else(|| "task".to_owned()),
        priority: wish.priority.unwrap_or(2),
        description: format!("{}{avoid}", wish.description.clone().unwrap_or_default()),
        after: wish.after.clone(),
        labels: vec!["interview".to_owned()],
        brand: None,
        title,
    }
}
