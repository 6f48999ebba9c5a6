//! Reads who judges the work in a repository: one verifier, or several with what is asked of them.

use std::collections::BTreeMap;

use toml_edit::{Item, TableLike};

use super::Reader;
use crate::core::ballot::Judges;
use crate::core::registry::AgentEntry;
use crate::core::text;

impl Reader<'_> {
    /// The verifiers of a repository, and what is asked of them beyond that the only one agrees.
    pub(super) fn judges(
        &mut self,
        table: &dyn TableLike,
        worker: Option<&str>,
        agents: &BTreeMap<String, AgentEntry>,
    ) -> (Vec<String>, Option<Judges>) {
        let one = self.agent(table, "verifier", agents);
        let verifiers = self.strings(table, "verifiers");
        let span = |key: &str| table.get(key).and_then(Item::span);
        if one.is_some() && table.contains_key("verifiers") {
            self.fault(span("verifiers"), "`verifier` and `verifiers` exclude each other");
        }
        for (at, name) in verifiers.iter().enumerate() {
            let shown = text::escape(name);
            if verifiers[..at].contains(name) {
                self.fault(span("verifiers"), format!("`verifiers` names `{shown}` twice"));
            } else if !agents.contains_key(name) && !self.faulty_agents.contains(name) {
                self.fault(span("verifiers"), format!("there is no `[agents.{shown}]`"));
            }
        }
        let verifiers = if verifiers.is_empty() { one.into_iter().collect() } else { verifiers };
        for key in ["quorum", "decorrelated"] {
            if table.contains_key(key) && verifiers.is_empty() {
                self.fault(span(key), format!("`{key}` needs `verifiers`"));
            }
        }
        if verifiers.is_empty() {
            return (verifiers, None);
        }
        let quorum = self.number(table, "quorum", 1..=verifiers.len(), verifiers.len());
        let decorrelated = self.flag(table, "decorrelated").unwrap_or(false);
        if let (true, Some((name, entry))) = (decorrelated, worker.and_then(|name| Some((name, agents.get(name)?)))) {
            let worker = entry.party(name);
            let is_like = |name: &&String| agents.get(*name).is_some_and(|entry| entry.party(name).is_like(&worker));
            let alike: Vec<_> = verifiers.iter().filter(is_like).map(|name| format!("`{name}`")).collect();
            if verifiers.len() - alike.len() < quorum {
                let what = format!(
                    "`decorrelated`: {} {} the same model or client as the agent `{}`, so no quorum of {quorum} is left",
                    alike.join(" and "),
                    if alike.len() == 1 { "has" } else { "have" },
                    text::escape(name),
                );
                self.fault(span("decorrelated"), what);
            }
        }
        let is_plain = verifiers.len() == 1 && !decorrelated;
        let quorum = u32::try_from(quorum).unwrap_or(u32::MAX);
        let judges = (!is_plain).then(|| Judges { verifiers: verifiers.clone(), quorum, decorrelated });
        (verifiers, judges)
    }
}
