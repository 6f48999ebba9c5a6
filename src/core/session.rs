//! A session: its phases, and what it remembers for the next one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::named;
use super::id::{Brand, RepoName};
use super::verdict::Grade;

named! {
    /// The phases of `git os start`, in their order.
    Phase, "phase", {
        Initialise = "initialise", Scout = "scout", Housekeeping = "housekeeping", Outstanding = "outstanding", Brief = "brief",
        Interview = "interview", Draft = "draft", Dispatch = "dispatch", Close = "close",
    }
}

impl Phase {
    /// The number by which people call it, 0 to 8.
    #[must_use]
    pub(crate) fn number(self) -> usize {
        Self::ALL.iter().position(|phase| *phase == self).unwrap_or_default()
    }
}

/// What sessions remember: `seen.json` in the tree of a session's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// How many sessions came before: which of two of the same second is the later one.
    #[serde(default)]
    pub(crate) number: u64,
    /// The commit of each repository's trunk that scouts last read.
    pub(crate) scouted: BTreeMap<RepoName, String>,
    /// The brands of which scouts brought news in a session that is not closed yet.
    #[serde(default)]
    pub(crate) news: BTreeSet<Brand>,
    /// The day on which each brand was last interviewed.
    pub(crate) interviewed: BTreeMap<Brand, String>,
    /// The day of the last distillation.
    pub(crate) distilled: Option<String>,
    /// The doctor's last grade, and the fingerprint of what it looked at.
    pub(crate) doctor: Option<(Grade, String)>,
    /// What was drafted, so that one signal becomes one ticket.
    #[serde(default)]
    pub(crate) drafted: BTreeMap<String, String>,
}
