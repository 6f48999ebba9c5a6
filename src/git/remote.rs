//! Remotes: fetch, push by compare-and-swap, and the result of a push.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::ending::has_ended_git;
use super::failure::{Failure, FailureKind, Undone, of_push};
use super::refs::{Moved, RefEdit, pause};
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
    /// A hook here or the remote refused, with this message; nothing was updated.
    Refused(String),
    /// The remote answers, and the push does not get there whenever it is tried, for this reason; nothing was updated.
    NotTaken(Failure),
    /// The remote cannot be reached: whether anything moved is not known.
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

/// The maximum number of attempts when another fetch interferes.
const TRIES: u32 = 3;
/// The maximum number of arguments of one push; more refs need another push.
const MAX_OFFERS: usize = 400;
/// How long a push may be silent that runs a hook of the person's, which may be testing.
const HOOK_PATIENCE: Duration = Duration::from_secs(1800);

impl Repo {
    /// Fetches refs of a remote with these refspecs. Does not fetch the remote's other branches and tags. Refs below one of the
    /// prefixes `forget`, which end in a slash, are deleted here when the remote no longer has them.
    ///
    /// # Errors
    /// If git cannot be started, or if refs cannot be read or deleted.
    pub(crate) fn fetch(&self, remote: &str, refspecs: &[String], forget: &[String]) -> Result<Fetched, GitError> {
        if forget.is_empty() {
            return Ok(self.fetch_by(&["--no-prune"], remote, refspecs)?.0);
        }
        // `--prune` would forget what any of the refspecs fetches. So git says what the remote has, in the same connection.
        let mut before = Vec::new();
        for prefix in forget {
            before.extend(self.list_refs(prefix)?);
        }
        match self.fetch_by(&["--porcelain", "--verbose", "--no-prune"], remote, refspecs)? {
            (Fetched::Done, report) => {
                self.forget_others(&before, &report.lines().filter_map(reported).collect())?;
                Ok(Fetched::Done)
            }
            // git before 2.41 does not know `--porcelain`, and what the remote has no more may be in the way of what it has now.
            (Fetched::Failed(failure), _) if matches!(failure.kind, FailureKind::Misuse | FailureKind::LostRace) => {
                let output = self.network().run(["ls-remote", "--refs", "--end-of-options", remote])?;
                if output.code != 0 {
                    return Ok(Fetched::Failed(Failure::of_fetch(&output)));
                }
                let report = String::from_utf8_lossy(&output.stdout);
                let names = report.lines().filter_map(|line| Some(line.split_once('\t')?.1));
                let there: Vec<String> = names.flat_map(|name| refspecs.iter().filter_map(|spec| mapped(spec, name))).collect();
                self.forget_others(&before, &there.iter().map(String::as_str).collect())?;
                Ok(self.fetch_by(&["--no-prune"], remote, refspecs)?.0)
            }
            (failed, _) => Ok(failed),
        }
    }

    /// Deletes all of these refs that are not there any more; what another process moved meanwhile stays.
    fn forget_others(&self, refs: &[(String, ObjectId)], there: &BTreeSet<&str>) -> Result<(), GitError> {
        let edits: Vec<RefEdit> = refs
            .iter()
            .filter(|(name, _)| !there.contains(name.as_str()))
            .map(|(name, tip)| RefEdit::delete(name, *tip))
            .collect();
        // All at once means to write the packed refs once.
        if !edits.is_empty() && self.move_refs(&edits)? == Moved::Lost {
            for edit in edits {
                let (Moved::Done | Moved::Lost) = self.move_refs(&[edit])?;
            }
        }
        Ok(())
    }

    /// Fetches, and again for a while if another fetch is at the same refs. Returns what git prints.
    fn fetch_by(&self, options: &[&str], remote: &str, refspecs: &[String]) -> Result<(Fetched, String), GitError> {
        if let Some(failure) = self.why_silent(remote) {
            return Ok((Fetched::Failed(failure), String::new()));
        }
        let mut args =
            vec!["fetch", "--progress", "--refmap=", "--atomic", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
        args.extend(options);
        args.extend(["--end-of-options", remote]);
        args.extend(refspecs.iter().map(String::as_str));
        let mut tries = 0;
        loop {
            let output = self.network().run(&args)?;
            if output.code == 0 {
                return Ok((Fetched::Done, String::from_utf8_lossy(&output.stdout).into_owned()));
            }
            // Another fetch into the same refs, beside this one, says nothing of the remote.
            let failure = Failure::of_fetch(&output);
            if failure.kind == FailureKind::TimedOut {
                self.remember_silent(remote, &failure);
            }
            if tries >= TRIES || failure.kind != FailureKind::LostRace {
                return Ok((Fetched::Failed(failure), String::new()));
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
            ["push", "--porcelain", "--progress", "--atomic", "--no-follow-tags", "--recurse-submodules=no"]
                .map(str::to_owned)
                .to_vec();
        if hooks == PrePush::Skipped {
            words.push("--no-verify".to_owned());
            if let Some(why) = self.push_lfs_objects(remote, offers)? {
                return Ok(Pushed::Refused(why));
            }
        }
        let hex = |id: Option<ObjectId>| id.map(|id| id.to_string()).unwrap_or_default();
        words.extend(offers.iter().map(|offer| format!("--force-with-lease={}:{}", offer.name, hex(offer.expected))));
        words.extend(["--end-of-options".to_owned(), remote.to_owned()]);
        words.extend(offers.iter().map(|offer| format!("{}:{}", hex(offer.new), offer.name)));
        // A mirror takes no refspecs, and a server may not know the options that a person's pushes carry.
        let mut git = self.network().config(&format!("remote.{remote}.mirror=false")).config("push.pushOption=");
        if hooks == PrePush::Runs && self.has_hook("pre-push")? {
            git = git.patient_for(self.network_patience().at_least(HOOK_PATIENCE));
        }
        let mut tries = 0;
        loop {
            let output = git.run(&words)?;
            if output.code == 0 {
                return Ok(Pushed::Done);
            }
            tries += 1;
            match of_push(&output) {
                Undone::Lost => return Ok(Pushed::Lost),
                // A server that judges says no to what is not what the push takes it to be, too.
                Undone::Declined(words) => {
                    return Ok(if self.state_of(remote, offers)? == There::Moved {
                        Pushed::Lost
                    } else {
                        Pushed::Refused(words)
                    });
                }
                Undone::Unclear(failure) if failure.kind == FailureKind::Unsupported => {
                    return Ok(Pushed::Refused("it does not support atomic pushes, which git-os needs".to_owned()));
                }
                // Whoever interrupts does not wait for the remote.
                Undone::Unclear(failure) if has_ended_git() => return Ok(Pushed::Unclear(failure)),
                // Only the remote knows what became of it.
                Undone::Unclear(failure) => match self.state_of(remote, offers)? {
                    There::Arrived => return Ok(Pushed::Done),
                    There::Moved => return Ok(Pushed::Lost),
                    There::Silent => return Ok(Pushed::Unclear(failure)),
                    There::AsExpected if tries < TRIES && failure.may_pass() => pause(tries),
                    There::AsExpected => return Ok(Pushed::NotTaken(failure)),
                },
            }
        }
    }

    /// Whether git would run a hook of this name.
    fn has_hook(&self, name: &str) -> Result<bool, GitError> {
        let path = self.git().line(["rev-parse", "--git-path", &format!("hooks/{name}")])?;
        let runs = |path: String| rustix::fs::access(self.home().join(path).as_std_path(), rustix::fs::Access::EXEC_OK).is_ok();
        Ok(path.is_some_and(runs))
    }

    /// What a remote has by now of the refs of a push.
    fn state_of(&self, remote: &str, offers: &[Offer]) -> Result<There, GitError> {
        let names = offers.iter().map(|offer| offer.name.as_str());
        let output = self.network().run(["ls-remote", "--refs", "--end-of-options", remote].into_iter().chain(names))?;
        if output.code != 0 {
            return Ok(There::Silent);
        }
        let report = String::from_utf8_lossy(&output.stdout);
        let there: BTreeMap<&str, &str> =
            report.lines().filter_map(|line| line.split_once('\t').map(|(id, name)| (name, id))).collect();
        let is_there = |offer: &Offer| there.get(offer.name.as_str()).and_then(|id| ObjectId::parse(id).ok());
        Ok(if offers.iter().all(|offer| is_there(offer) == offer.expected) {
            There::AsExpected
        } else if offers.iter().all(|offer| is_there(offer) == offer.new) {
            There::Arrived
        } else {
            There::Moved
        })
    }

    /// Whether a remote shows any ref of this pattern; `None` if it does not answer.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn shows_any(&self, remote: &str, pattern: &str) -> Result<Option<bool>, GitError> {
        let output = self.network().run(["ls-remote", "--refs", "--end-of-options", remote, pattern])?;
        Ok((output.code == 0).then_some(!output.stdout.is_empty()))
    }

    /// Splits ref updates into pushes that fit on a command line. Each push is atomic, but several pushes together are not.
    #[must_use]
    pub(crate) fn batches(offers: &[Offer]) -> Vec<Vec<Offer>> {
        offers.chunks(MAX_OFFERS).map(<[Offer]>::to_vec).collect()
    }

    /// Returns a git for remotes: it leaves no background processes, does not prompt, and does not wait for ever.
    pub(super) fn network(&self) -> super::Git {
        let git = self.git().config("push.useForceIfIncludes=false").config("remote.pushDefault=");
        // git-lfs, which a hook may start, is silent otherwise for as long as it moves objects.
        git.variable("GIT_LFS_FORCE_PROGRESS", "1").patient_for(self.network_patience())
    }
}

/// What a remote has of the refs of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    /// What the push expects: it did not arrive.
    AsExpected,
    /// What the push offers.
    Arrived,
    /// Something else: somebody was faster.
    Moved,
    /// It does not answer.
    Silent,
}

/// The ref that a line of `git fetch --porcelain` is about: a flag, which may be a space, the old id, the new one, the ref.
fn reported(line: &str) -> Option<&str> {
    line.get(2..)?.splitn(3, ' ').nth(2)
}

/// The ref into which a refspec fetches a ref: one name, or a `*` at the end of both sides.
#[must_use]
pub(crate) fn mapped(spec: &str, name: &str) -> Option<String> {
    let (from, to) = spec.trim_start_matches('+').split_once(':')?;
    match (from.strip_suffix('*'), to.strip_suffix('*')) {
        (Some(from), Some(to)) => Some(format!("{to}{}", name.strip_prefix(from)?)),
        _ => (from == name).then(|| to.to_owned()),
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
            self.here.fetch(self.there.home().as_str(), &[spec], &[]).expect("git starts")
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
    fn what_the_remote_has_no_more_is_forgotten_where_it_is_asked_for() {
        let pair = Pair::new();
        let remote = pair.there.home().as_str().to_owned();
        let specs = ["+refs/os/*:refs/os-remote/*", "+refs/heads/*:refs/far/*"].map(str::to_owned);
        let forget = ["refs/os-remote/", "refs/far/w/"].map(str::to_owned);
        let set = |there: &[&str]| {
            for (name, id) in pair.there.list_refs("refs/").expect("readable") {
                assert_eq!(pair.there.move_refs(&[RefEdit::delete(name, id)]).expect("moved"), Moved::Done);
            }
            for name in there {
                assert_eq!(pair.there.move_refs(&[RefEdit::create(*name, pair.first)]).expect("moved"), Moved::Done);
            }
        };
        let fetched = || {
            assert_eq!(pair.here.fetch(&remote, &specs, &forget).expect("git starts"), Fetched::Done);
            let mut all = pair.here.list_refs("refs/os-remote/").expect("readable");
            all.extend(pair.here.list_refs("refs/far/").expect("readable"));
            all.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        set(&["refs/os/x", "refs/os/y", "refs/heads/main", "refs/heads/w/a", "refs/heads/w/b"]);
        let all = ["refs/os-remote/x", "refs/os-remote/y", "refs/far/main", "refs/far/w/a", "refs/far/w/b"];
        assert_eq!(fetched(), all);
        assert_eq!(fetched(), all, "what is the same is still there");
        set(&["refs/os/y", "refs/heads/w/b"]);
        assert_eq!(fetched(), ["refs/os-remote/y", "refs/far/main", "refs/far/w/b"]);
        // What is gone is in the way of what has come.
        set(&["refs/os/y/z", "refs/heads/w/b/c"]);
        assert_eq!(fetched(), ["refs/os-remote/y/z", "refs/far/main", "refs/far/w/b/c"]);
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

    #[test]
    fn a_ref_that_stays_locked_is_given_up() {
        let pair = Pair::new();
        let lock = pair.here.git_dir().join(format!("{NAME}.lock"));
        write_file(&lock, b"", 0o644).expect("written");
        let error = pair.here.move_refs(&[RefEdit::create(NAME, pair.first)]).expect_err("it is locked");
        assert_eq!(error.to_string(), "cannot update `refs/os/x`");
        assert_eq!(pair.here.find_ref(NAME).expect("readable"), None);
    }
}
