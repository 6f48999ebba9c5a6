//! What git's hooks ask: read the lines, decide, exit with 0 or 1.
//!
//! A hook may say no to refs of ours alone. Whatever goes wrong inside, everybody else's refs pass.

pub(crate) mod front;
pub(crate) mod install;
pub(crate) mod judge;
mod pre_merge_commit;
pub(crate) mod pre_receive;
mod reference_transaction;

use std::io::{Read as _, Write as _};

use camino::Utf8Path;

use crate::git::{GitError, Repo};

/// Whether git may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Go,
    Stop,
}

/// Runs a hook by name, with the arguments git gave it.
#[must_use]
pub(crate) fn run(hook: &str, args: &[String]) -> Answer {
    match hook {
        "reference-transaction" => {
            let state = args.first().map(String::as_str).unwrap_or_default();
            let mut lines = Vec::new();
            // Nothing read is nothing judged; git itself refuses what it could not tell.
            if std::io::stdin().lock().read_to_end(&mut lines).is_err() {
                return Answer::Go;
            }
            reference_transaction::run(state, &lines)
        }
        "pre-merge-commit" => pre_merge_commit::run(),
        install::SERVER => {
            let mut lines = Vec::new();
            // What cannot be read cannot be judged, and here nobody works who would be kept from it.
            if std::io::stdin().lock().take(pre_receive::MAX_INPUT + 1).read_to_end(&mut lines).is_err() {
                return Answer::Stop;
            }
            pre_receive::run(&lines)
        }
        _ => Answer::Go,
    }
}

/// The object and the ref of a line that moves a ref to an object; for fuzzers.
#[cfg(fuzzing)]
pub(crate) fn read_line(line: &[u8]) -> Option<(String, String)> {
    use reference_transaction::New;
    let line = reference_transaction::parse_line(&crate::core::rule::Line::parse(line)?);
    match line.new {
        New::Object(id) => Some((id.to_string(), line.name)),
        New::Nothing | New::Symbolic | New::Strange => None,
    }
}

/// The repository a hook runs in.
fn here() -> Result<Repo, GitError> {
    Repo::discover(Utf8Path::new("."))
}

/// Says something to whoever ran git.
fn say(text: &str) {
    // A closed stderr is not worth failing for.
    drop(std::io::stderr().lock().write_all(format!("{text}\n").as_bytes()));
}
