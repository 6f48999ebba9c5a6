//! Remotes: fetch, push by compare-and-swap, and the result of a push.

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
    /// The remote was unreachable or the connection broke: it is unknown whether anything was updated.
    Unclear(String),
}

/// What the server hook says if a ref does not have the value that the push expects.
pub(crate) const MOVED_MEANWHILE: &str = "it moved meanwhile";

/// The result of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Fetched {
    Done,
    /// The remote was unreachable or could not be read; git's message.
    Failed(String),
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
            // A conflict with another fetch into the same refs says nothing about the remote.
            if tries >= TRIES || !output.stderr.contains("cannot lock ref") {
                return Ok(Fetched::Failed(reason(&output.stderr)));
            }
            tries += 1;
            super::refs::pause(tries);
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
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(read_report(output.code, &report, &output.stderr, offers.len()))
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

/// Git's reason for an error, on one line.
fn reason(stderr: &str) -> String {
    let line = |prefix: &str| stderr.lines().find_map(|line| line.trim().strip_prefix(prefix).map(str::to_owned));
    let why = line("fatal: ").or_else(|| line("error: ")).or_else(|| stderr.lines().next().map(str::to_owned));
    why.unwrap_or_else(|| "git said nothing".to_owned())
}

/// Interprets `git push --porcelain`. The report has a line `<flag>\t<from>:<to>\t<summary>` for each ref that the remote
/// answered for; if a line is missing, the connection broke before.
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
    // Messages of a race: a stale lease, or a ref that is locked or changed, on either side.
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
        // The remote does not support what the push requires; nothing was sent.
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
        let said = "remote: error: `refs/os/x` stays where it is: no        \nerror: failed to push";
        assert_eq!(read_report(1, atomic, said, 2), Pushed::Refused("error: `refs/os/x` stays where it is: no".to_owned()));
        let late = "remote: error: `refs/os/x` stays where it is: it moved meanwhile\nerror: failed to push";
        assert_eq!(read_report(1, atomic, late, 2), Pushed::Lost);
        assert_eq!(
            read_report(128, "", "fatal: unable to access 'http://x': refused\n", 1),
            Pushed::Unclear("unable to access 'http://x': refused".to_owned())
        );
    }
}
