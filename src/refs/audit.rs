//! What an audit looked at, and what it found.

use serde::Serialize;

use super::strays::Stray;
use crate::core::denial::Denial;
use crate::core::id::{ObjectId, RepoName};

/// One thing that is not legal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    pub(crate) repo: RepoName,
    #[serde(rename = "ref")]
    pub(crate) ref_name: String,
    /// The commit to look at, when there is one.
    pub(crate) commit: Option<ObjectId>,
    /// The code of the reason; scripts hold on to it.
    pub(crate) code: &'static str,
    pub(crate) what: String,
}

/// How much was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Audit {
    #[serde(skip)]
    pub(crate) repo: RepoName,
    pub(crate) tickets: usize,
    pub(crate) events: usize,
    pub(crate) archived: usize,
    pub(crate) refs: usize,
    pub(crate) findings: Vec<Violation>,
    /// What came to protected branches beside their gate while agents worked; only a person can say whether it is wrong.
    pub(crate) strays: Vec<Stray>,
}

impl Audit {
    /// Of a repository; nothing was looked at yet.
    #[must_use]
    pub(crate) fn new(repo: RepoName) -> Self {
        Self { repo, tickets: 0, events: 0, archived: 0, refs: 0, findings: Vec::new(), strays: Vec::new() }
    }

    /// Notes what is wrong with a ref, and at which commit.
    pub(crate) fn add(&mut self, ref_name: &str, commit: Option<ObjectId>, why: &Denial) {
        self.findings.push(Violation {
            repo: self.repo.clone(),
            ref_name: ref_name.to_owned(),
            commit,
            code: why.code(),
            what: why.full(),
        });
    }
}
