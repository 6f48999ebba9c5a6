//! Remotes: fetch, push by compare-and-swap, and what a push came to.

use super::{GitError, Repo};
use crate::core::denial::MOVED_MEANWHILE;
use crate::core::id::ObjectId;

/// One ref of a push: what the remote has to have, and what it shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) name: String,
    /// What the remote has as far as is known here; the remote refuses when it has anything else.
    pub(crate) expected: Option<ObjectId>,
    /// `None` deletes.
    pub(crate) new: Option<ObjectId>,
}

/// How a push ended, for all of its refs at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pushed {
    Done,
    /// A ref of the remote was not what it was expected to be; nothing moved.
    Lost,
    /// The remote said no, in these words; nothing moved.
    Refused(String),
    /// The remote could not be reached, or the connection broke: whether anything moved is not known.
    Unclear(String),
}

/// What a server that judges says of a ref that is not what the push takes it to be.

/// How a fetch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Fetched {
    Done,
    /// The remote could not be reached or read, in git's words.
    Failed(String),
}

/// What becomes of what was fetched before and is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    Kept,
    Forgotten,
}

/// How often a fetch is tried again that another one was in the way of.
const TRIES: u32 = 3;
/// Most arguments of one push; the rest goes in a further one.
const MAX_OFFERS: usize = 400;

impl Repo {
    /// Brings refs of a remote here, by these refspecs. The remote's other branches and tags are left alone.
    ///
    /// # Errors
    /// When git cannot be started.
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
            if tries >= TRIES || !output.stderr.contains("cannot lock ref") {
                return Ok(Fetched::Failed(reason(&output.stderr)));
            }
            tries += 1;
            super::refs::pause(tries);
        }
    }

    /// Offers refs to a remote, all or none: each goes only if the remote has what is expected.
    ///
    /// # Errors
    /// When git cannot be started.
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
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(read_report(output.code, &report, &output.stderr, offers.len()))
    }

    /// Offers of one push, as many as fit on a command line; one push is all or none, several are one after the other.
    #[must_use]
    pub(crate) fn batches(offers: &[Offer]) -> Vec<Vec<Offer>> {
        offers.chunks(MAX_OFFERS).map(<[Offer]>::to_vec).collect()
    }

    /// A git that talks to remotes: no background work is left behind, and nothing is asked of anybody.
    fn network(&self) -> super::Git {
        self.git().config("fetch.writeCommitGraph=false").config("push.useForceIfIncludes=false").config("remote.pushDefault=")
    }
}

/// Whether the user's `pre-push` hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrePush {
    Runs,
    /// Refs of ours are judged already, and are no code that a hook could test.
    Skipped,
}

/// The words of git that say why, on one line.
fn reason(stderr: &str) -> String {
    let line = |prefix: &str| stderr.lines().find_map(|line| line.trim().strip_prefix(prefix).map(str::to_owned));
    let why = line("fatal: ").or_else(|| line("error: ")).or_else(|| stderr.lines().next().map(str::to_owned));
    why.unwrap_or_else(|| "git said nothing".to_owned())
}

/// What `git push --porcelain` came to. The report has a line `<flag>\t<from>:<to>\t<summary>` for each ref that got an
/// answer; without one the connection broke before.
fn read_report(code: i32, report: &str, stderr: &str, offered: usize) -> Pushed {
    let lines: Vec<&str> = report.lines().filter(|line| line.chars().nth(1) == Some('\t')).collect();
    let remote_words = || {
        let said = stderr.lines().filter_map(|line| line.trim().strip_prefix("remote: "));
        said.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    };
    if code == 0 {
        return Pushed::Done;
    }
    let refused: Vec<&&str> = lines.iter().filter(|line| line.starts_with('!')).collect();
    let has = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
    // What a race looks like: the lease is over, the ref is locked or is not what it was, here or over there.
    let race = [
        "stale info",
        "fetch first",
        "non-fast-forward",
        "failed to update ref",
        "cannot lock ref",
        "incorrect old value",
        "reference already exists",
        "needs force",
        "failed to lock",
        "already exists",
    ];
    let plain = refused.iter().find(|line| !has(line, &["atomic push fail", "atomic transaction failed"]));
    match plain.or(refused.first()) {
        Some(line) if has(line, &["hook declined"]) => {
            let words = remote_words();
            let mut errors = words.lines().filter(|line| line.starts_with("error: ")).peekable();
            if errors.peek().is_some() && errors.all(|line| line.ends_with(MOVED_MEANWHILE)) {
                return Pushed::Lost;
            }
            Pushed::Refused(if words.is_empty() { "its hook declined".to_owned() } else { words })
        }
        Some(line) if has(line, &race) => Pushed::Lost,
        Some(line) if has(line, &["atomic transaction failed", "atomic push fail"]) => Pushed::Lost,
        Some(line) if has(line, &["remote failed to report", "unpacker error"]) => Pushed::Unclear(reason(stderr)),
        Some(line) => Pushed::Refused(line.split('\t').next_back().unwrap_or_default().to_owned()),
        // Asked for a lease that the remote, by what it announced, does not meet: nothing was sent.
        None if stderr.contains("does not support --atomic") => {
            Pushed::Refused("it cannot move several refs at once, which git-os relies on".to_owned())
        }
        None if offered > 0 => Pushed::Unclear(reason(stderr)),
        None => Pushed::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_a_lost_race_from_a_no_and_from_a_broken_line() {
        let stale = "To x\n!\ta:refs/os/x\t[rejected] (stale info)\nDone\n";
        assert_eq!(read_report(1, stale, "", 1), Pushed::Lost);
        let locked = "To x\n!\ta:refs/os/x\t[remote rejected] (cannot lock ref 'refs/os/x': is at 1 but expected 2)\nDone\n";
        assert_eq!(read_report(1, locked, "", 1), Pushed::Lost);
        let atomic =
            "!\ta:refs/os/y\t[rejected] (atomic push failed)\n!\ta:refs/os/x\t[remote rejected] (pre-receive hook declined)\n";
        let said = "remote: error: refusing to update `refs/os/x`: no        \nerror: failed to push";
        assert_eq!(read_report(1, atomic, said, 2), Pushed::Refused("error: refusing to update `refs/os/x`: no".to_owned()));
        let late = "remote: error: refusing to update `refs/os/x`: it moved meanwhile\nerror: failed to push";
        assert_eq!(read_report(1, atomic, late, 2), Pushed::Lost);
        assert_eq!(
            read_report(128, "", "fatal: unable to access 'http://x': refused\n", 1),
            Pushed::Unclear("unable to access 'http://x': refused".to_owned())
        );
    }
}
