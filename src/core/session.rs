//! A session: its phases, and what it passes to the next session.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::named;
use super::id::{Brand, RepoName};
use super::verdict::Grade;

named! {
    /// The phases of `git os start`, in order.
    Phase, "phase", {
        Initialise = "initialise", Scout = "scout", Housekeeping = "housekeeping", Outstanding = "outstanding", Brief = "brief",
        Interview = "interview", Draft = "draft", Dispatch = "dispatch", Close = "close",
    }
}

impl Phase {
    /// The number of the phase, 0 to 8.
    #[must_use]
    pub(crate) fn number(self) -> usize {
        Self::ALL.iter().position(|phase| *phase == self).unwrap_or_default()
    }
}

/// What sessions remember: `seen.json` in the tree of a session's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// The number of earlier sessions; orders two sessions of the same second.
    #[serde(default)]
    pub(crate) number: u64,
    /// The commit of each repository's trunk that scouts have read last.
    pub(crate) scouted: BTreeMap<RepoName, String>,
    /// The brands with news from a session that is not closed yet.
    #[serde(default)]
    pub(crate) news: BTreeSet<Brand>,
    /// The day of each brand's last interview.
    pub(crate) interviewed: BTreeMap<Brand, String>,
    /// The day of the last distillation.
    pub(crate) distilled: Option<String>,
    /// The doctor's last grade, and the fingerprint of what it checked.
    pub(crate) doctor: Option<(Grade, String)>,
    /// The signals that have drafts, so that one signal becomes one ticket.
    #[serde(default)]
    pub(crate) drafted: BTreeMap<String, String>,
    /// How many commits are new in each brand, in a session that is not closed yet.
    #[serde(default)]
    pub(crate) commits: BTreeMap<Brand, usize>,
    /// The blocked tickets that were listed, each with the commit that blocked it.
    #[serde(default)]
    pub(crate) told: BTreeMap<String, String>,
    /// What was said last about each brand.
    #[serde(default)]
    pub(crate) said: BTreeMap<Brand, Remembered>,
}

/// What a person said about a brand in an interview, for later sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// The day on which it was said.
    pub(crate) date: String,
    pub(crate) matters: String,
    pub(crate) waiting: String,
}
