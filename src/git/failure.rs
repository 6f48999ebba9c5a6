//! Why git failed, decided in this one place: by its exit status, by porcelain output, by typed errors, and only then by its words.

use std::error::Error;
use std::fmt;

use super::process::Output;
use crate::core::event::named;

named! {
    /// What kind of failure it is, as far as somebody acts on it.
    FailureKind, "kind of failure", {
        /// Somebody else holds a ref or a worktree, or moved it first: read again and try again.
        LostRace = "lost-race",
        /// A hook said no, here or over there.
        Refused = "refused",
        /// The remote could not be reached, or the connection broke.
        Unreachable = "unreachable",
        /// The remote does not let us in as who we are.
        NoCredentials = "no-credentials",
        TimedOut = "timed-out",
        /// A signal ended git: nothing is known of what it was asked.
        Killed = "killed",
        /// The other side lacks something that git-os relies on.
        Unsupported = "unsupported",
        /// The remote does not have a ref that was asked for by name.
        NoSuchRef = "no-such-ref",
        /// Git does not take the command as it was given.
        Misuse = "misuse",
        /// Anything else: git's words say what.
        Failed = "failed",
    }
}

/// How a git process failed, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    words: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.words)
    }
}

impl Error for Failure {}

/// The exit code of git for options that it does not know.
const USAGE: i32 = 129;
/// The exit codes of a fetch that reached the remote and could not write the refs here. Some versions, 2.47 among them, end
/// in an assertion of their own, by SIGABRT, when such a ref is locked.
const NOT_STORED: [i32; 2] = [1, 134];

/// What git says where nothing but its words tells. It runs with `LC_ALL=C`; the first that is found counts, since
/// `Could not read from remote repository` follows them all.
const PHRASES: &[(&str, FailureKind)] = &[
    ("couldn't find remote ref", FailureKind::NoSuchRef),
    ("cannot lock ref", FailureKind::LostRace),
    // Another git is about to make or remove a worktree, and this one read its folder.
    ("/commondir: ", FailureKind::LostRace),
    ("ref updates aborted by hook", FailureKind::Refused),
    ("does not support --atomic", FailureKind::Unsupported),
    ("could not read Username", FailureKind::NoCredentials),
    ("could not read Password", FailureKind::NoCredentials),
    ("Authentication failed", FailureKind::NoCredentials),
    ("Permission denied (", FailureKind::NoCredentials),
    ("Host key verification failed", FailureKind::NoCredentials),
    ("requested URL returned error: 401", FailureKind::NoCredentials),
    ("requested URL returned error: 403", FailureKind::NoCredentials),
    ("timed out", FailureKind::TimedOut),
    ("Operation too slow", FailureKind::TimedOut),
    ("unable to access", FailureKind::Unreachable),
    ("does not appear to be a git repository", FailureKind::Unreachable),
    ("Could not read from remote repository", FailureKind::Unreachable),
    ("hung up", FailureKind::Unreachable),
    ("unexpected disconnect", FailureKind::Unreachable),
    ("invalid refspec", FailureKind::Misuse),
];

impl Failure {
    /// Of a command in this repository, with all it said.
    #[must_use]
    pub(crate) fn of(output: &Output) -> Self {
        let said = if output.stderr.is_empty() { silence(output) } else { output.stderr.clone() };
        Self { kind: kind(output), words: said }
    }

    /// Of a command that asks a remote, with the one line that says why.
    #[must_use]
    pub(super) fn of_remote(output: &Output) -> Self {
        Self { kind: kind(output), words: reason(&output.stderr).unwrap_or_else(|| silence(output)) }
    }

    /// Of a fetch.
    #[must_use]
    pub(super) fn of_fetch(output: &Output) -> Self {
        let failure = Self::of_remote(output);
        let kind = if NOT_STORED.contains(&output.code) { FailureKind::LostRace } else { failure.kind };
        Self { kind, ..failure }
    }

    /// Whether the same may go well without anything being changed here.
    #[must_use]
    pub(crate) fn may_pass(&self) -> bool {
        match self.kind {
            FailureKind::LostRace
            | FailureKind::Unreachable
            | FailureKind::TimedOut
            | FailureKind::Killed
            | FailureKind::Failed => true,
            FailureKind::Refused
            | FailureKind::NoCredentials
            | FailureKind::Unsupported
            | FailureKind::NoSuchRef
            | FailureKind::Misuse => false,
        }
    }
}

fn kind(output: &Output) -> FailureKind {
    if output.code == USAGE && output.signal.is_none() {
        return FailureKind::Misuse;
    }
    // What the remote's own programs print is not git's word.
    let says = |phrase: &str| output.stderr.lines().any(|line| !line.starts_with("remote: ") && line.contains(phrase));
    let found = PHRASES.iter().find(|(phrase, _)| says(phrase));
    let unknown = if output.signal.is_some() { FailureKind::Killed } else { FailureKind::Failed };
    found.map_or(unknown, |(_, kind)| *kind)
}

/// The words of git that say why, on one line.
fn reason(stderr: &str) -> Option<String> {
    let line = |prefix: &str| stderr.lines().find_map(|line| line.trim().strip_prefix(prefix).map(str::to_owned));
    // What ssh said stands before it, and says why.
    let fatal = line("fatal: ").filter(|why| !why.starts_with("Could not read from remote repository"));
    fatal.or_else(|| line("error: ")).or_else(|| stderr.lines().next().map(str::to_owned))
}

/// What stands for the words of a git that said nothing.
fn silence(output: &Output) -> String {
    output.signal.map_or_else(|| "git said nothing".to_owned(), |signal| format!("signal {signal} ended git, which said nothing"))
}

/// What `git push --porcelain` says of a push of several refs at once that did not go through.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// A ref was not what it was expected to be, or is held by somebody else.
    Lost,
    /// The remote said no, in these words. It may have said so of a ref that has moved since: its value tells.
    Declined(String),
    /// There is no answer.
    Unclear(Failure),
}

/// The exit code of a push that was not made since a hook of this repository said no.
const VETOED: i32 = 1;

/// What the remote gives as the reason when its transaction failed: another one has the ref, or was faster.
const CONTENDED: &[&str] = &["atomic transaction failed", "atomic push fail", "failed to update ref", "failed to lock"];
/// What it gives for a ref that would have moved, had others not been in the way.
const IN_COMPANY: &[&str] = &["atomic push fail", "atomic transaction failed"];
/// What stands for a remote that had trouble of its own.
const TROUBLE: &[&str] = &["remote failed to report", "unpacker error"];

/// What a push came to whose exit code is not 0. The report has a line `<flag>\t<from>:<to>\t[<status>] (<reason>)` for each
/// ref that got an answer; without one the connection broke before.
pub(super) fn of_push(output: &Output) -> Undone {
    let report = String::from_utf8_lossy(&output.stdout);
    let summaries: Vec<&str> = report.lines().filter_map(|line| line.strip_prefix("!\t")?.split('\t').next_back()).collect();
    let says = |summary: &str, reasons: &[&str]| reasons.iter().any(|reason| summary.contains(reason));
    // Git has compared the values itself.
    if summaries.contains(&"[rejected] (stale info)") {
        return Undone::Lost;
    }
    let plain = summaries.iter().find(|summary| !says(summary, IN_COMPANY));
    let Some(&summary) = plain.or(summaries.first()) else {
        let failure = Failure::of_remote(output);
        // The last of the remote's hooks says no so late that there is no report.
        if failure.kind == FailureKind::Refused {
            return Undone::Declined(failure.words);
        }
        // A `pre-push` hook says no before there is one, and git adds no word of its own but this.
        let is_own = |line: &&str| line.starts_with("error: failed to push some refs to");
        if output.code == VETOED && output.stderr.lines().any(|line| is_own(&line)) && !output.stderr.contains("fatal: ") {
            let said = output.stderr.lines().filter(|line| !is_own(line)).collect::<Vec<_>>().join("\n");
            return Undone::Declined(if said.is_empty() { "the pre-push hook declined".to_owned() } else { said });
        }
        return Undone::Unclear(failure);
    };
    if says(summary, CONTENDED) {
        return Undone::Lost;
    }
    if says(summary, TROUBLE) {
        return Undone::Unclear(Failure::of_remote(output));
    }
    if summary.ends_with("a hidden ref)") {
        let settings = "its `receive.hideRefs` or `transfer.hideRefs` hides refs that git-os needs";
        return Undone::Declined(format!("{summary}: {settings}"));
    }
    let words = remote_words(&output.stderr);
    if !summary.ends_with("hook declined)") {
        return Undone::Declined(summary.to_owned());
    }
    Undone::Declined(if words.is_empty() { "its hook declined".to_owned() } else { words })
}

/// What the remote's programs printed.
fn remote_words(stderr: &str) -> String {
    let said = stderr.lines().filter_map(|line| line.trim().strip_prefix("remote: "));
    said.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The refs that git left out of a list, and what each is instead of a ref. There is only a warning that says so.
pub(super) fn ignored_refs(output: &Output) -> impl Iterator<Item = (&str, &str)> {
    let ignored = output.stderr.lines().filter_map(|line| line.strip_prefix("warning: ignoring ")?.rsplit_once(' '));
    ignored.map(|(what, name)| (name, what))
}

/// Whether a file or folder that was there a moment ago is not there any more, somewhere in the causes.
#[must_use]
pub(super) fn is_gone(error: &(dyn Error + 'static)) -> bool {
    gix::error::classify(error).is_not_found()
}

/// Whether somebody else holds a lock, so that the same may go well a moment later.
#[must_use]
pub(super) fn is_locked(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref::<Failure>() {
        Some(failure) => failure.kind == FailureKind::LostRace,
        None => gix::error::classify(error).is_retryable(),
    }
}

/// Why no repository was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotFound {
    /// There is none.
    Nowhere,
    /// There is one, of somebody else.
    Foreign,
    /// There is one, and it cannot be opened.
    Broken,
}

/// Of a search for a repository.
#[must_use]
pub(super) fn of_discovery(error: &gix::error::Error) -> NotFound {
    use gix::discover::upwards::Error as Upwards;
    match error.downcast_any_ref::<Upwards>() {
        Some(Upwards::NoTrustedGitRepository { .. }) => NotFound::Foreign,
        Some(_) => NotFound::Nowhere,
        None if error.classify().is_permission_denied() && error.downcast_any_ref::<std::io::Error>().is_none() => {
            NotFound::Foreign
        }
        None => NotFound::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: i32, stdout: &str, stderr: &str) -> Output {
        Output { code, signal: None, stdout: stdout.as_bytes().to_vec(), stderr: stderr.to_owned() }
    }

    fn pushed(report: &str, stderr: &str) -> Undone {
        of_push(&ended(1, report, stderr))
    }

    #[test]
    fn a_report_tells_a_lost_race_from_a_no_and_from_a_broken_line() {
        assert_eq!(pushed("To x\n!\ta:refs/os/x\t[rejected] (stale info)\nDone\n", ""), Undone::Lost);
        let stale = "!\ta:refs/os/y\t[rejected] (atomic push failed)\n!\ta:refs/os/x\t[rejected] (stale info)\n";
        assert_eq!(pushed(stale, "fatal: the remote end hung up unexpectedly"), Undone::Lost);
        let locked = "To x\n!\ta:refs/os/x\t[remote rejected] (atomic transaction failed)\nDone\n";
        assert_eq!(pushed(locked, "remote: error: cannot lock ref 'refs/os/x': is at 1 but expected 2"), Undone::Lost);
        let atomic =
            "!\ta:refs/os/y\t[rejected] (atomic push failed)\n!\ta:refs/os/x\t[remote rejected] (pre-receive hook declined)\n";
        let said = "remote: error: `refs/os/x` stays where it is: no        \nerror: failed to push";
        assert_eq!(pushed(atomic, said), Undone::Declined("error: `refs/os/x` stays where it is: no".to_owned()));
        assert_eq!(pushed(atomic, ""), Undone::Declined("its hook declined".to_owned()));
        let other = "!\t:refs/os/x\t[remote rejected] (deletion prohibited)\n";
        assert_eq!(pushed(other, ""), Undone::Declined("[remote rejected] (deletion prohibited)".to_owned()));
        let silent = "!\ta:refs/os/x\t[remote failure] (remote failed to report status)\n";
        assert!(matches!(pushed(silent, "fatal: the remote end hung up unexpectedly"), Undone::Unclear(_)));
        let words = "unable to access 'http://x': refused";
        let unclear = Failure { kind: FailureKind::Unreachable, words: words.to_owned() };
        assert_eq!(of_push(&ended(128, "", &format!("fatal: {words}\n"))), Undone::Unclear(unclear));
    }

    #[test]
    fn what_git_says_of_a_remote_is_told_apart() {
        let ssh = "Please make sure you have the correct access rights\nand the repository exists.";
        for (stderr, kind, may_pass) in [
            ("fatal: could not read Username for 'https://x': terminal prompts disabled", FailureKind::NoCredentials, false),
            ("remote: Invalid username\nfatal: Authentication failed for 'https://x/'", FailureKind::NoCredentials, false),
            (
                "git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                FailureKind::NoCredentials,
                false,
            ),
            ("fatal: unable to access 'https://x/': The requested URL returned error: 403", FailureKind::NoCredentials, false),
            ("fatal: unable to access 'https://x/': Could not resolve host: x", FailureKind::Unreachable, true),
            (
                "ssh: connect to host x port 22: Connection timed out\nfatal: Could not read from remote repository.",
                FailureKind::TimedOut,
                true,
            ),
            ("fatal: '../x' does not appear to be a git repository", FailureKind::Unreachable, true),
            ("fatal: the receiving end does not support --atomic push", FailureKind::Unsupported, false),
            ("error: no\nfatal: ref updates aborted by hook", FailureKind::Refused, false),
            ("remote: Authentication failed\nfatal: the remote end hung up unexpectedly", FailureKind::Unreachable, true),
            ("fatal: bad object HEAD", FailureKind::Failed, true),
        ] {
            let failure = Failure::of_fetch(&ended(128, "", &format!("{stderr}\n\n{ssh}")));
            assert_eq!((failure.kind, failure.may_pass()), (kind, may_pass), "{stderr}");
        }
        let refused = Failure::of_fetch(&ended(
            128,
            "",
            &format!("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\n{ssh}"),
        ));
        assert_eq!(refused.to_string(), "git@x: Permission denied (publickey).");
        assert_eq!(Failure::of_fetch(&ended(129, "", "error: unknown option `x'\nusage: git fetch")).kind, FailureKind::Misuse);
        let locked = "error: cannot lock ref 'refs/x'\nBUG: refs.c:2278: abort called on a closed reference transaction";
        assert_eq!(Failure::of_fetch(&ended(134, "", locked)).kind, FailureKind::LostRace);
        // The same command failing for another reason is told by its code alone.
        assert_eq!(Failure::of_fetch(&ended(1, "", "")).kind, FailureKind::LostRace);
        assert_eq!(Failure::of_fetch(&ended(130, "", "")).kind, FailureKind::Failed);
    }
}
