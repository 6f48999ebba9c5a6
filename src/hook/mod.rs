//! The git hooks: read the lines, decide, exit with 0 or 1.
//!
//! A hook refuses only updates of git-os refs and protected branches. If git-os fails, updates of all other refs pass.

mod caller;
pub(crate) mod front;
pub(crate) mod install;
pub(crate) mod judge;
mod pre_merge_commit;
pub(crate) mod pre_receive;
mod reference_transaction;
mod rename;
pub(crate) mod within;

use std::io::{Read as _, Write as _};

use camino::Utf8Path;

use crate::core::denial::Denial;
use crate::core::text::escape;
use crate::git::{GitError, Repo};

/// Whether git may continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Go,
    Stop,
}

/// Runs a hook by name, with git's arguments.
#[must_use]
pub(crate) fn run(hook: &str, args: &[String]) -> Reply {
    match hook {
        "reference-transaction" => {
            let state = args.first().map(String::as_str).unwrap_or_default();
            let mut lines = Vec::new();
            // Without input there is nothing to check; git itself fails if it could not send the input.
            if std::io::stdin().lock().read_to_end(&mut lines).is_err() {
                return Reply::Go;
            }
            reference_transaction::run(state, &lines)
        }
        "pre-merge-commit" => pre_merge_commit::run(),
        "update" => match args {
            [name, old, new] => reference_transaction::run_update(name, old, new),
            _ => Reply::Go,
        },
        install::SERVER => {
            let mut lines = Vec::new();
            // Refuse input that cannot be read; nobody works in a server's repository, so this blocks no ordinary work.
            if std::io::stdin().lock().take(pre_receive::MAX_INPUT + 1).read_to_end(&mut lines).is_err() {
                return Reply::Stop;
            }
            pre_receive::run(&lines)
        }
        _ => Reply::Go,
    }
}

/// Parses a line that sets a ref to an object, for fuzzers.
#[cfg(fuzzing)]
pub(crate) fn read_line(line: &[u8]) -> Option<(String, String)> {
    use reference_transaction::New;
    let line = reference_transaction::parse_line(&crate::core::rule::Line::parse(line)?);
    match line.new {
        New::Object(id) => Some((id.to_string(), line.name)),
        New::Nothing | New::Symbolic | New::Strange => None,
    }
}

/// The repository in which the hook runs.
fn here() -> Result<Repo, GitError> {
    Repo::discover(Utf8Path::new("."))
}

/// Says why a ref does not move.
fn say_refused(name: &str, why: &Denial) {
    say(&format!("error: refusing to update `{}`: {}", escape(name), escape(&why.full())));
    if let Some(hint) = why.hint() {
        say(&format!("hint: {hint}"));
    }
}

/// Says something to whoever ran git.
fn say(text: &str) {
    // Ignore a closed stderr.
    drop(std::io::stderr().lock().write_all(format!("{text}\n").as_bytes()));
}
