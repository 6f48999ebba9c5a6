//! Remotes: fetch, push by compare-and-swap, and the result of a push.

use std::collections::BTreeMap;

use super::failure::{Failure, FailureKind, Undone, of_push};
use super::refs::pause;
use super::{GitError, Repo};
use crate::core::id::ObjectId;

/// One ref update of a push: the expected value on the remote, and the new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) name: String,
    /// The value that the remote is known to have; the remote refuses the update if it has another one.
    pub(crate) expected: Option<ObjectId>,
    /// `None` deletes.
    pub(crate) new: Option<ObjectId>,
}

/// The result of a push, for all of its refs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pushed {
    Done,
    /// A ref on the remote did not have the expected value; nothing was updated.
    Lost,
    /// The remote refused, with this message; nothing was updated.
    Refused(String),
    /// The remote could not be reached, or the connection broke: whether anything moved is not known.
    Unclear(Failure),
}

/// How a fetch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Fetched {
    Done,
    /// The remote could not be reached or read.
    Failed(Failure),
}

/// What happens to fetched refs that the remote no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    Kept,
    Forgotten,
}

/// The maximum number of attempts when another fetch interferes.
const TRIES: u32 = 3;
/// The maximum number of arguments of one push; more refs need another push.
const MAX_OFFERS: usize = 400;

impl Repo {
    /// Fetches refs of a remote with these refspecs. Does not fetch the remote's other branches and tags.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn fetch(&self, remote: &str, refspecs: &[String], gone: Gone) -> Result<Fetched, GitError> {
        let mut args = vec!["fetch", "--quiet", "--atomic", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
        args.push(if gone == Gone::Forgotten { "--prune" } else { "--no-prune" });
        args.extend(["--end-of-options", remote]);
        args.extend(refspecs.iter().map(String::as_str));
        let mut tries = 0;
        loop {
            let output = self.network().run(&args)?;
            if output.code == 0 {
                return Ok(Fetched::Done);
            }
            // Another fetch into the same refs, beside this one, says nothing of the remote.
            let failure = Failure::of_fetch(&output);
            if tries >= TRIES || failure.kind != FailureKind::LostRace {
                return Ok(Fetched::Failed(failure));
            }
            tries += 1;
            pause(tries);
        }
    }

    /// Pushes refs to a remote, all or none: each is updated only if the remote has the expected value.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn push(&self, remote: &str, offers: &[Offer], hooks: PrePush) -> Result<Pushed, GitError> {
        if offers.is_empty() {
            return Ok(Pushed::Done);
        }
        let mut words: Vec<String> =
            ["push", "--porcelain", "--atomic", "--no-follow-tags", "--recurse-submodules=no"].map(str::to_owned).to_vec();
        if hooks == PrePush::Skipped {
            words.push("--no-verify".to_owned());
        }
        let hex = |id: Option<ObjectId>| id.map(|id| id.to_string()).unwrap_or_default();
        words.extend(offers.iter().map(|offer| format!("--force-with-lease={}:{}", offer.name, hex(offer.expected))));
        words.extend(["--end-of-options".to_owned(), remote.to_owned()]);
        words.extend(offers.iter().map(|offer| format!("{}:{}", hex(offer.new), offer.name)));
        let output = self.network().run(&words)?;
        if output.code == 0 {
            return Ok(Pushed::Done);
        }
        Ok(match of_push(&output) {
            Undone::Lost => Pushed::Lost,
            // A server that judges says no to what is not what the push takes it to be, too.
            Undone::Declined(_) if self.has_moved(remote, offers)? => Pushed::Lost,
            Undone::Declined(words) => Pushed::Refused(words),
            Undone::Unclear(failure) if failure.kind == FailureKind::Unsupported => {
                Pushed::Refused("it cannot move several refs at once, which git-os relies on".to_owned())
            }
            Undone::Unclear(failure) => Pushed::Unclear(failure),
        })
    }

    /// Whether a remote has by now anything else than what offers expect. One that does not answer is not known to have.
    fn has_moved(&self, remote: &str, offers: &[Offer]) -> Result<bool, GitError> {
        let names = offers.iter().map(|offer| offer.name.as_str());
        let output = self.network().run(["ls-remote", "--refs", "--end-of-options", remote].into_iter().chain(names))?;
        if output.code != 0 {
            return Ok(false);
        }
        let report = String::from_utf8_lossy(&output.stdout);
        let there: BTreeMap<&str, &str> =
            report.lines().filter_map(|line| line.split_once('\t').map(|(id, name)| (name, id))).collect();
        let is_there = |offer: &Offer| there.get(offer.name.as_str()).and_then(|id| ObjectId::parse(id).ok());
        Ok(offers.iter().any(|offer| is_there(offer) != offer.expected))
    }

    /// Splits ref updates into pushes that fit on a command line. Each push is atomic, but several pushes together are not.
    #[must_use]
    pub(crate) fn batches(offers: &[Offer]) -> Vec<Vec<Offer>> {
        offers.chunks(MAX_OFFERS).map(<[Offer]>::to_vec).collect()
    }

    /// Returns a git for remotes: it leaves no background processes and does not prompt.
    fn network(&self) -> super::Git {
        self.git().config("fetch.writeCommitGraph=false").config("push.useForceIfIncludes=false").config("remote.pushDefault=")
    }
}

/// Whether the user's `pre-push` hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrePush {
    Runs,
    /// git-os refs have already been checked, and contain no code that a hook could test.
    Skipped,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::process::write_file;
    use crate::git::refs::{Moved, RefEdit};
    use crate::git::tests::{bare, commit, repo};

    const NAME: &str = "refs/os/x";

    /// A remote that has a ref at a first commit, and one that was made here to follow it.
    struct Pair {
        _dirs: [tempfile::TempDir; 2],
        here: Repo,
        there: Repo,
        first: ObjectId,
        next: ObjectId,
    }

    impl Pair {
        fn new() -> Self {
            let ((here_dir, here), (there_dir, there)) = (repo(), bare());
            let first = commit(&here, &[], 1, 0);
            let next = commit(&here, &[first], 2, 0);
            let pair = Self { _dirs: [here_dir, there_dir], here, there, first, next };
            assert_eq!(pair.push(None, first), Pushed::Done);
            pair
        }

        fn push(&self, expected: Option<ObjectId>, new: ObjectId) -> Pushed {
            let offer = Offer { name: NAME.to_owned(), expected, new: Some(new) };
            self.here.push(self.there.home().as_str(), &[offer], PrePush::Skipped).expect("git starts")
        }

        fn fetch(&self) -> Fetched {
            let spec = format!("+{NAME}:refs/os-remote/x");
            self.here.fetch(self.there.home().as_str(), &[spec], Gone::Kept).expect("git starts")
        }

        /// The remote asks this before it takes anything.
        fn hook(&self, name: &str, commands: &str) {
            let hook = self.there.home().join("hooks").join(name);
            write_file(&hook, format!("#!/bin/sh\n{commands}\necho 'error: not this' >&2\nexit 1\n").as_bytes(), 0o755)
                .expect("written");
        }
    }

    #[test]
    fn what_the_remote_has_afterwards_tells_a_race_from_a_no() {
        let pair = Pair::new();
        pair.hook("pre-receive", "");
        assert_eq!(pair.push(Some(pair.first), pair.next), Pushed::Refused("error: not this".to_owned()));
        let theirs = commit(&pair.there, &[pair.first], 3, 0);
        pair.hook("pre-receive", &format!("unset GIT_QUARANTINE_PATH && git update-ref {NAME} {theirs}"));
        assert_eq!(pair.push(Some(pair.first), pair.next), Pushed::Lost);
        assert_eq!(pair.there.find_ref(NAME).expect("readable"), Some(theirs));
    }

    #[test]
    fn a_no_of_the_last_hook_is_a_no_too() {
        let pair = Pair::new();
        pair.hook("reference-transaction", "");
        assert_eq!(pair.push(Some(pair.first), pair.next), Pushed::Refused("ref updates aborted by hook".to_owned()));
    }

    #[test]
    fn a_lease_that_is_over_and_a_lock_are_lost_races() {
        let pair = Pair::new();
        assert_eq!(pair.push(None, pair.next), Pushed::Lost);
        let lock = pair.there.home().join(format!("{NAME}.lock"));
        write_file(&lock, b"", 0o644).expect("written");
        assert_eq!(pair.push(Some(pair.first), pair.next), Pushed::Lost);
        crate::git::process::remove_file(&lock).expect("removed");
        assert_eq!(pair.push(Some(pair.first), pair.next), Pushed::Done);
    }

    #[test]
    fn a_fetch_that_finds_a_ref_locked_is_told_from_a_remote_that_is_away() {
        let pair = Pair::new();
        let lock = pair.here.git_dir().join("refs/os-remote/x.lock");
        write_file(&lock, b"", 0o644).expect("written");
        let Fetched::Failed(failure) = pair.fetch() else { panic!("the ref is locked") };
        assert_eq!(failure.kind, FailureKind::LostRace, "{failure}");
        crate::git::process::remove_file(&lock).expect("removed");
        assert_eq!(pair.fetch(), Fetched::Done);
        crate::git::process::remove_all(pair.there.home()).expect("removed");
        let Fetched::Failed(failure) = pair.fetch() else { panic!("the remote is gone") };
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
        let Pushed::Unclear(failure) = pair.push(Some(pair.first), pair.next) else { panic!("the remote is gone") };
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    }

    #[test]
    fn a_ref_that_is_locked_for_a_moment_is_waited_for() {
        let pair = Pair::new();
        let lock = pair.here.git_dir().join(format!("{NAME}.lock"));
        write_file(&lock, b"", 0o644).expect("written");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Longer than the store waits by itself.
                (0..4).for_each(|_| pause(20));
                crate::git::process::remove_file(&lock).expect("removed");
            });
            let moved = pair.here.move_refs(&[RefEdit::create(NAME, pair.first)]);
            assert_eq!(moved.expect("the lock went"), Moved::Done);
        });
    }
}
