//! What differs between two policies, in words, and which of it takes something away.

use super::{Gate, OfflineClaims, Policy};
use crate::core::ballot::Judges;
use crate::core::text::comma;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) what: String,
    pub(crate) weight: Weight,
}

/// Whether a change takes away something that protects the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Plain,
    Loss,
}

/// The differences as they are found.
struct Changes(Vec<Change>);

impl Changes {
    fn plain(&mut self, what: String) {
        self.0.push(Change { what, weight: Weight::Plain });
    }

    fn loss(&mut self, what: String) {
        self.0.push(Change { what, weight: Weight::Loss });
    }

    /// A setting with two values, of which the later may be the weaker.
    fn setting(&mut self, name: &str, (old, new): (impl ToString, impl ToString), is_weaker: impl Into<Weight>) {
        let (old, new) = (old.to_string(), new.to_string());
        if old != new {
            self.0.push(Change { what: format!("{name}: {old} -> {new}"), weight: is_weaker.into() });
        }
    }
}

impl From<bool> for Weight {
    fn from(is_weaker: bool) -> Self {
        if is_weaker { Self::Loss } else { Self::Plain }
    }
}

/// How much a gate lets pass.
fn openness(gate: Gate) -> u8 {
    match gate {
        Gate::All => 0,
        Gate::Tickets => 1,
        Gate::Off => 2,
    }
}

impl Policy {
    /// What differs in a later policy.
    #[must_use]
    pub(crate) fn changes_to(&self, next: &Self) -> Vec<Change> {
        let mut all = Changes(Vec::new());
        let branches = (self.protected.as_slice(), next.protected.as_slice());
        added(branches).for_each(|branch| all.plain(format!("protects branch `{branch}`")));
        removed(branches).for_each(|branch| all.loss(format!("no longer protects branch `{branch}`")));
        for check in &next.checks {
            match self.checks.iter().find(|known| known.name == check.name) {
                None => all.plain(format!("adds check `{}`: `{}`", check.name, check.run)),
                Some(known) => {
                    all.setting(&format!("check `{}`", check.name), (&known.run, &check.run), Weight::Plain);
                    let tests = (comma(&known.tests), comma(&check.tests));
                    all.setting(&format!("tests of check `{}`", check.name), tests, known.is_marked());
                }
            }
        }
        for check in self.checks.iter().filter(|known| next.checks.iter().all(|check| check.name != known.name)) {
            all.loss(format!("removes check `{}`", check.name));
        }
        all.setting("gate", (self.gate, next.gate), openness(next.gate) > openness(self.gate));
        // `A` is the least letter.
        all.setting("grade", (self.grade, next.grade), next.grade > self.grade);
        all.setting("verifier", (yes_or_no(self.judged), yes_or_no(next.judged)), self.judged);
        let judges = (judges(self), judges(next));
        all.setting("judges", (&judges.0, &judges.1), self.is_judged_less(next));
        all.setting("silo", (yes_or_no(self.silo), yes_or_no(next.silo)), self.silo);
        let is_allowed = next.offline_claims == OfflineClaims::Allow;
        all.setting("offline_claims", (self.offline_claims, next.offline_claims), is_allowed);
        all.setting("land", (self.land, next.land), Weight::Plain);
        all.setting("max_attempts", (self.max_attempts, next.max_attempts), Weight::Plain);
        all.setting("brand", (&self.brand, &next.brand), Weight::Plain);
        all.setting("name", (&self.repo, &next.repo), Weight::Plain);
        let paths = (self.auto_commit.as_slice(), next.auto_commit.as_slice());
        added(paths).for_each(|path| all.loss(format!("lets `{path}` land without a ticket")));
        removed(paths).for_each(|path| all.plain(format!("`{path}` needs a ticket to land")));
        for actor in &next.actors {
            match self.actors.iter().find(|known| known.name == actor.name) {
                None => all.plain(format!("adds actor `{}`", actor.name)),
                Some(known) if known != actor => all.plain(format!("changes actor `{}`", actor.name)),
                Some(_) => {}
            }
        }
        for actor in self.actors.iter().filter(|known| next.actors.iter().all(|actor| actor.name != known.name)) {
            all.loss(format!("removes actor `{}`", actor.name));
        }
        all.0
    }
}

impl Policy {
    /// Whether a later policy asks less of the judges.
    fn is_judged_less(&self, next: &Self) -> bool {
        let Some(own) = &self.judges else { return false };
        let loses = |later: &Judges| own.quorum > later.quorum || (own.decorrelated && !later.decorrelated);
        next.judges.as_ref().is_none_or(loses)
    }
}

/// What is asked of the judges, beyond that one agrees.
fn judges(policy: &Policy) -> String {
    policy.judges.as_ref().map_or_else(|| "one".to_owned(), ToString::to_string)
}

fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

fn added<'a>((old, new): (&'a [String], &'a [String])) -> impl Iterator<Item = &'a String> {
    new.iter().filter(|item| !old.contains(item))
}

fn removed<'a>((old, new): (&'a [String], &'a [String])) -> impl Iterator<Item = &'a String> {
    added((new, old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{Brand, RepoName};
    use crate::core::meta::Check;
    use crate::core::verdict::Grade;

    fn policy() -> Policy {
        let check = |name: &str, run: &str| Check { name: name.to_owned(), run: run.to_owned(), tests: Vec::new() };
        Policy {
            version: 1,
            repo: RepoName::parse("shop").expect("a name"),
            brand: Brand::parse("shop").expect("a name"),
            brands: Vec::new(),
            protected: vec!["main".to_owned()],
            gate: Gate::Tickets,
            auto_commit: Vec::new(),
            checks: vec![check("tests", "make test"), check("lint", "make lint")],
            grade: Grade::A,
            judges: None,
            judged: true,
            max_attempts: 3,
            silo: true,
            offline_claims: OfflineClaims::Refuse,
            land: crate::core::meta::Land::Merge,
            epoch: std::collections::BTreeMap::new(),
            actors: Vec::new(),
        }
    }

    #[test]
    fn what_is_taken_away_is_told_from_what_is_added() {
        let mut next = policy();
        next.protected = vec!["trunk".to_owned()];
        next.checks.remove(0);
        next.checks[0].run = "true".to_owned();
        (next.gate, next.grade, next.judged, next.silo) = (Gate::Off, Grade::C, false, false);
        next.auto_commit = vec!["wiki/**".to_owned()];
        let there = policy().changes_to(&next);
        let back = next.changes_to(&policy());
        let told = |changes: &[Change]| {
            let mark = |change: &Change| if change.weight == Weight::Loss { "- " } else { "  " };
            changes.iter().fold(String::new(), |all, change| all + mark(change) + &change.what + "\n")
        };
        snapbox::assert_data_eq!(
            told(&there),
            snapbox::str![[r"
  protects branch `trunk`
- no longer protects branch `main`
  check `lint`: make lint -> true
- removes check `tests`
- gate: tickets -> off
- grade: A -> C
- verifier: yes -> no
- silo: yes -> no
- lets `wiki/**` land without a ticket

"]]
        );
        snapbox::assert_data_eq!(
            told(&back),
            snapbox::str![[r"
  protects branch `main`
- no longer protects branch `trunk`
  adds check `tests`: `make test`
  check `lint`: true -> make lint
  gate: off -> tickets
  grade: C -> A
  verifier: no -> yes
  silo: no -> yes
  `wiki/**` needs a ticket to land

"]]
        );
        assert_eq!(policy().changes_to(&policy()), []);
    }
}
