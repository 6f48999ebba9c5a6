//! Agents that cannot be used for a while: nobody is started with one before its time is over.
//!
//! What a person can mend is forgotten with the process. A usage limit outlives it, in a file.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::core::outcome::Outcome;
use crate::core::time::Timestamp;
use crate::git::process::{read_file, write_file};
use crate::git::{GitError, Repo};

/// How long an agent rests whose end says nothing of a time, in seconds; twice as long each further time.
const PAUSE: u64 = 60;
/// The longest such rest, in seconds.
const MAX_PAUSE: u64 = 3600;
/// The longest rest that is believed, in seconds: limits by the week are the longest that clients have.
const MAX_LIMIT: u64 = 8 * 24 * 3600;

/// Why an agent rests, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub(crate) until: Timestamp,
    pub(crate) why: String,
    /// How often in a row, this time included.
    times: u32,
    /// It is kept for other processes of this machine.
    #[serde(skip)]
    is_kept: bool,
}

/// The contents of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    agents: BTreeMap<String, Rest>,
}

/// The agents that rest, by the name of their account.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    known: Mutex<BTreeMap<String, Rest>>,
    file: OnceLock<Utf8PathBuf>,
}

impl Resting {
    /// From now on usage limits are kept in a file of this repository, the hub of a workspace.
    pub(crate) fn keep_in(&self, hub: &Repo) {
        // Whoever asks twice means the same workspace.
        self.file.get_or_init(|| hub.os_dir().join("resting.json"));
    }

    /// Why an account may not be used now; `None` if it may.
    #[must_use]
    pub(crate) fn find(&self, account: &str, now: Timestamp) -> Option<Rest> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = self.file.get().and_then(|file| read(file).remove(account)) {
            known.insert(account.to_owned(), there);
        }
        known.get(account).filter(|rest| rest.until > now).cloned()
    }

    /// Sends an account to rest, as a run that ended so asks.
    ///
    /// # Errors
    /// When the file cannot be written; in this process it rests all the same.
    pub(crate) fn send(&self, account: &str, outcome: Outcome, why: &str, now: Timestamp) -> Result<Rest, GitError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let times = known.get(account).map_or(0, |rest| rest.times).saturating_add(1);
        let pause = now.plus(PAUSE.saturating_mul(2_u64.saturating_pow((times - 1).min(10))).min(MAX_PAUSE));
        let (until, is_kept) = match outcome {
            Outcome::Limited { until: Some(until) } => (until.clamp(pause, now.plus(MAX_LIMIT)), true),
            Outcome::Limited { until: None } => (pause, true),
            _ => (pause, false),
        };
        let rest = Rest { until, why: why.to_owned(), times, is_kept };
        known.insert(account.to_owned(), rest.clone());
        if is_kept {
            self.keep(account, Some(&rest), now)?;
        }
        Ok(rest)
    }

    /// An account that was used again without trouble.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn wake(&self, account: &str, now: Timestamp) -> Result<(), GitError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.remove(account) {
            Some(rest) if rest.is_kept => self.keep(account, None, now),
            _ => Ok(()),
        }
    }

    /// Changes what the file says of one account; what it says of others may be other processes' doing.
    fn keep(&self, account: &str, rest: Option<&Rest>, now: Timestamp) -> Result<(), GitError> {
        let Some(file) = self.file.get() else { return Ok(()) };
        let mut agents = read(file);
        agents.retain(|_, rest| rest.until > now);
        match rest {
            Some(rest) => drop(agents.insert(account.to_owned(), rest.clone())),
            None => drop(agents.remove(account)),
        }
        write_file(file, &serde_json::to_vec(&Kept { version: 1, agents }).unwrap_or_default(), 0o600)
    }
}

/// What the file says; nothing if it cannot be read, for a rest is not worth an error.
fn read(file: &Utf8Path) -> BTreeMap<String, Rest> {
    let text = read_file(file).unwrap_or_default();
    let mut agents = serde_json::from_str::<Kept>(&text).unwrap_or_default().agents;
    for rest in agents.values_mut() {
        rest.is_kept = true;
    }
    agents
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;

    fn kept_in(hub: &Repo) -> Resting {
        let resting = Resting::default();
        resting.keep_in(hub);
        resting
    }

    #[test]
    fn a_limit_holds_for_every_process_until_its_reset_and_not_longer() {
        let (_dir, hub) = repo();
        let now = Timestamp(1_800_000_000);
        let (one, other) = (kept_in(&hub), kept_in(&hub));
        let reset = now.plus(7200);
        let rest = one.send("work", Outcome::Limited { until: Some(reset) }, "no more", now).expect("written");
        assert_eq!(rest.until, reset);
        assert_eq!(other.find("work", now).map(|rest| rest.why), Some("no more".to_owned()));
        assert_eq!((other.find("work", reset), other.find("home", now)), (None, None));
        assert_eq!(kept_in(&hub).find("work", reset.plus(1)), None);
    }

    #[test]
    fn what_a_person_can_mend_is_forgotten_with_the_process() {
        let (_dir, hub) = repo();
        let now = Timestamp(1_800_000_000);
        let one = kept_in(&hub);
        for seconds in [60, 120, 240] {
            let rest = one.send("work", Outcome::NoLogin, "401", now).expect("written");
            assert_eq!(rest.until, now.plus(seconds));
        }
        assert!(one.find("work", now).is_some() && kept_in(&hub).find("work", now).is_none());
        one.wake("work", now).expect("written");
        assert_eq!(one.send("work", Outcome::NoLogin, "401", now).expect("written").until, now.plus(60));
    }

    #[test]
    fn a_reset_in_the_past_or_years_ahead_is_not_believed() {
        let now = Timestamp(1_800_000_000);
        let resting = Resting::default();
        let until = |until| {
            let fresh = Outcome::Limited { until: Some(until) };
            resting.wake("work", now).expect("nothing is written");
            resting.send("work", fresh, "", now).expect("nothing is written").until
        };
        assert_eq!(until(Timestamp(0)), now.plus(PAUSE));
        assert_eq!(until(now.plus(u64::from(u32::MAX))), now.plus(MAX_LIMIT));
    }
}
