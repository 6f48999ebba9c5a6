//! The policy of one repository, as published to `refs/os/meta`; hooks and servers read nothing else.

mod change;

use std::collections::BTreeMap;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::{Deserialize, Serialize};

pub(crate) use self::change::{Change, Weight};
use super::ballot::Judges;
use super::event::named;
use super::id::{Brand, ObjectId, RepoName};
use super::signer::Actor;
use super::verdict::Grade;

/// The schema version of a policy without actors.
pub(crate) const VERSION: u32 = 1;
/// The schema version of a policy with actors; a git-os that does not know actors must not apply the rest of it.
pub(crate) const SIGNED: u32 = 2;
/// The schema version of a policy under which work lands by pull requests; an older git-os would land it by itself.
pub(crate) const PULLED: u32 = 3;
/// The schema version of a policy that marks checks as tests; an older git-os would let work pass that proves nothing.
pub(crate) const PROVEN: u32 = 4;
/// The schema version of a policy that asks several judges, or judges of another kind; an older git-os would ask one.
pub(crate) const JUDGED: u32 = 5;
/// The file of the policy in the tree of `refs/os/meta`.
pub(crate) const FILE: &str = "policy.json";
/// How often a ticket is attempted, if the registry does not say.
pub(crate) const DEFAULT_ATTEMPTS: u32 = 3;

named! {
    /// Which commits need a verified ticket to land.
    Gate, "gate mode", {
        /// Commits of tickets.
        Tickets = "tickets",
        /// All commits, except those that change only auto-commit paths.
        All = "all",
        Off = "off",
    }
}

named! {
    /// What a landing does with the shared remote.
    Push, "push policy", { Auto = "auto", Manual = "manual", Never = "never" }
}

named! {
    /// How verified work lands.
    Land, "way to land", {
        /// git-os moves the protected branch.
        Merge = "merge",
        /// The host of the remote does, by a pull request that it has required checks and reviews for.
        PullRequest = "pull-request",
    }
}

named! {
    /// What a claim does if the shared remote is unreachable.
    OfflineClaims, "offline claim policy", { Refuse = "refuse", Allow = "allow" }
}

/// A command that must exit with 0 before work lands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    /// A line for `sh -c`, run at the top of a worktree.
    pub(crate) run: String,
    /// Patterns, as in a `.gitignore`, of the files that are its tests; empty if it is not marked as one that runs tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tests: Vec<String>,
}

impl Check {
    /// Whether it is marked as one that runs tests.
    #[must_use]
    pub(crate) fn is_marked(&self) -> bool {
        !self.tests.is_empty()
    }
}

/// What hooks, servers and fsck need to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) version: u32,
    pub(crate) repo: RepoName,
    pub(crate) brand: Brand,
    /// All brands that a ticket in this repository can have: its own, and `_global` in the hub.
    pub(crate) brands: Vec<Brand>,
    /// Short names of the protected branches, such as `main`.
    pub(crate) protected: Vec<String>,
    pub(crate) gate: Gate,
    pub(crate) auto_commit: Vec<String>,
    pub(crate) checks: Vec<Check>,
    /// The worst grade with which work may land.
    pub(crate) grade: Grade,
    /// Whether a judge must agree in addition to the checks.
    pub(crate) judged: bool,
    /// What is asked of the judges, if that is more than that one of them agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) judges: Option<Judges>,
    pub(crate) max_attempts: u32,
    pub(crate) silo: bool,
    /// Whether a ticket can be claimed while the shared remote, which picks the winner, is unreachable.
    #[serde(default = "refused")]
    pub(crate) offline_claims: OfflineClaims,
    #[serde(default = "merged", skip_serializing_if = "is_merge")]
    pub(crate) land: Land,
    /// The commit of each protected branch where the gate began to apply; fsck checks the commits after it.
    pub(crate) epoch: BTreeMap<String, ObjectId>,
    /// The actors whose signatures are required; a role that no actor has needs no signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) actors: Vec<Actor>,
}

/// The default for a policy without `offline_claims`.
fn refused() -> OfflineClaims {
    OfflineClaims::Refuse
}

/// The default for a policy without `land`.
fn merged() -> Land {
    Land::Merge
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_merge(land: &Land) -> bool {
    *land == Land::Merge
}

impl Policy {
    /// The schema version that a git-os has to know to apply all of this policy: the highest that any part of it asks for.
    #[must_use]
    pub(crate) fn needed_version(&self) -> u32 {
        let parts = [
            (!self.actors.is_empty(), SIGNED),
            (self.land == Land::PullRequest, PULLED),
            (self.checks.iter().any(Check::is_marked), PROVEN),
            (self.judges.is_some(), JUDGED),
        ];
        parts.into_iter().filter(|(is_used, _)| *is_used).map(|(_, version)| version).max().unwrap_or(VERSION)
    }

    /// Returns the file as it is stored: indented JSON and a line break.
    ///
    /// # Panics
    /// Never: all keys are strings.
    #[must_use]
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a policy has only string keys") + "\n"
    }

    /// Parses the file.
    ///
    /// # Errors
    /// If it is not a policy of a supported version.
    pub(crate) fn from_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        let policy: Self = serde_json::from_slice(text)?;
        if policy.version == policy.needed_version() {
            Ok(policy)
        } else {
            Err(serde::de::Error::custom(format!("this git-os does not support policy version {}", policy.version)))
        }
    }

    /// Whether a full ref name is that of a protected branch.
    #[must_use]
    pub(crate) fn is_protected(&self, ref_name: &str) -> bool {
        ref_name.strip_prefix("refs/heads/").is_some_and(|branch| self.protected.iter().any(|name| name == branch))
    }

    /// Whether this is the policy of a workspace's hub.
    #[must_use]
    pub(crate) fn is_of_hub(&self) -> bool {
        self.brands.iter().any(|brand| brand.as_str() == Brand::GLOBAL)
    }

    /// The full names of the protected branches.
    pub(crate) fn protected_refs(&self) -> impl Iterator<Item = String> + '_ {
        self.protected.iter().map(|branch| format!("refs/heads/{branch}"))
    }

    /// The branch on which tickets land: the first protected one.
    #[must_use]
    pub(crate) fn trunk(&self) -> Option<String> {
        self.protected_refs().next()
    }
}

/// Path patterns, in the syntax of `.gitignore`.
pub(crate) struct Paths(Gitignore);

impl Paths {
    /// Builds a matcher.
    ///
    /// # Errors
    /// The first pattern that is not valid, and why.
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, ignore::Error> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in patterns {
            builder.add_line(None, pattern)?;
        }
        Ok(Self(builder.build()?))
    }

    /// Whether no path or every path matches, so that the patterns tell nothing apart.
    #[must_use]
    pub(crate) fn tells_nothing_apart(&self) -> bool {
        // A name that nobody gives, at the top and below.
        const ODD: &str = "\u{1}\u{1}";
        self.0.num_ignores() == 0 || (self.has(ODD) && self.has(&format!("{ODD}/{ODD}.{ODD}")))
    }

    /// Whether a path relative to the top of the repository matches.
    #[must_use]
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.matched_path_or_any_parents(path, false).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_tell_nothing_apart_are_known() {
        for (patterns, expected) in [
            (&["tests/**"][..], false),
            (&["*_test.go", "!vendor/**"], false),
            (&["**"], true),
            (&["*"], true),
            (&["/"], true),
            (&["# tests"], true),
            (&["!tests/**"], true),
            (&[], true),
        ] {
            let paths = Paths::new(patterns.iter().copied()).expect("valid");
            assert_eq!(paths.tells_nothing_apart(), expected, "{patterns:?}");
        }
    }

    #[test]
    fn paths_match_as_gitignore_does() {
        let paths = Paths::new(["wiki/**", "*.lock", "node_modules/"]).expect("valid");
        for (path, expected) in [
            ("wiki/a/b.md", true),
            ("a/b.lock", true),
            ("node_modules/x/y.js", true),
            ("src/wiki.rs", false),
            ("docs/wiki/a.md", false),
        ] {
            assert_eq!(paths.has(path), expected, "{path}");
        }
    }
}
