//! `reference-transaction`: checks every update of git-os refs and protected branches, whatever command makes it.

use super::install;
use super::judge;
use super::{Answer, here, say};
use crate::core::denial::{Cause, Denial};
use crate::core::id::{META, ObjectId};
use crate::core::refs::is_ours;
use crate::core::ruling::Ruling;
use crate::core::text::{escape, in_one_line};
use crate::git::{RefBackend, Repo};
use crate::ledger::{Ledger, LedgerError};
use crate::sync;

/// One line of a transaction: the new value of a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) new: New,
    pub(super) name: String,
}

/// The new value of a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum New {
    /// A deletion, or a line that looks like one.
    Nothing,
    Object(ObjectId),
    /// `ref:<target>`.
    Symbolic,
    /// An unknown format, or a name that is not UTF-8, which no git-os ref has.
    Strange,
}

/// Parses one line, `<old> <new> <ref>`. Ignores the old value, because git sends zeros if the caller did not give one.
pub(super) fn parse_line(line: &[u8]) -> Line {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (_, new, name) = (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (new, is_text) = (String::from_utf8_lossy(new), std::str::from_utf8(name).is_ok());
    let new = match ObjectId::parse(&new) {
        _ if !is_text => New::Strange,
        Ok(id) if id.is_zero() => New::Nothing,
        Ok(id) => New::Object(id),
        Err(_) if new.starts_with("ref:") => New::Symbolic,
        Err(_) => New::Strange,
    };
    Line { new, name: String::from_utf8_lossy(name).into_owned() }
}

pub(super) fn run(state: &str, input: &[u8]) -> Answer {
    let lines = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(parse_line);
    let repo = match here() {
        Ok(repo) => repo,
        Err(error) if state == "prepared" => {
            let ours = lines.filter(|line| is_ours(&line.name));
            let why = unjudged(error);
            return ours.fold(Answer::Go, |_, line| refuse(&line.name, &why));
        }
        Err(_) => return Answer::Go,
    };
    if install::run_previous(&repo, "reference-transaction", &[state], input) == Answer::Stop {
        // git respects the exit code only in the `prepared` state.
        return Answer::Stop;
    }
    if state != "prepared" && state != "committed" {
        return Answer::Go;
    }
    let ledger = Ledger::open(&repo);
    let protected: Vec<String> = ledger.iter().flat_map(|ledger| ledger.policy.protected_refs()).collect();
    // If the policy cannot be read, the protected branches are unknown, so warn about every branch.
    let is_unknown = ledger.as_ref().is_err_and(|error| !matches!(error, LedgerError::NotInitialised));
    let is_branch = |name: &str| is_unknown && name.starts_with("refs/heads/");
    let is_watched = |name: &str| is_ours(name) || is_branch(name) || protected.iter().any(|branch| branch == name);
    let watched: Vec<Line> = lines.filter(|line| is_watched(&line.name)).collect();
    if watched.is_empty() {
        return Answer::Go;
    }
    match state {
        "prepared" => prepared(&repo, &ledger, &watched),
        _ => committed(&ledger, &watched, &protected),
    }
}

/// The policy could not be read, which is said of each ref.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UnknownPolicy(String);

fn unjudged(error: impl std::error::Error + Send + Sync + 'static) -> Denial {
    Denial::Unjudged(Cause::new(error))
}

fn refuse(name: &str, why: &Denial) -> Answer {
    super::say_refused(name, why);
    Answer::Stop
}

/// The result of opening the ledger.
type Opened<'a> = Result<Ledger<'a>, LedgerError>;

fn prepared(repo: &Repo, ledger: &Opened<'_>, lines: &[Line]) -> Answer {
    let mut answer = Answer::Go;
    for line in lines {
        match decide(repo, ledger, line) {
            Ok(Ruling::Granted(())) => {}
            Ok(Ruling::Denied(why)) => answer = refuse(&line.name, &why),
            // A branch is ordinary work, which our troubles must not stop; refs of ours stay shut.
            Err(error) if !is_ours(&line.name) => {
                say(&format!("warning: git-os could not judge `{}`: {error}", escape(&line.name)));
            }
            Err(error) => answer = refuse(&line.name, &unjudged(error)),
        }
    }
    answer
}

fn decide(repo: &Repo, ledger: &Opened<'_>, line: &Line) -> Result<Ruling<()>, LedgerError> {
    let old = repo.find_ref(&line.name)?;
    let new = match line.new {
        New::Symbolic => return Ok(Ruling::Denied(Denial::Symbolic)),
        New::Strange => return Ok(Ruling::Denied(Denial::UnknownRef)),
        New::Object(id) => Some(id),
        New::Nothing if old.is_none() || !is_deletion(repo) => return Ok(Ruling::Granted(())),
        New::Nothing => None,
    };
    if old == new {
        // `reset --hard`, `merge --abort` and others write what is there; they are the way back.
        return Ok(Ruling::Granted(()));
    }
    let ledger = match ledger {
        Ok(ledger) => Some(ledger),
        Err(LedgerError::NotInitialised) => None,
        // A new policy can replace one that cannot be read.
        Err(_) if line.name == META => None,
        Err(error) if is_ours(&line.name) => return Ok(Ruling::Denied(unjudged(UnknownPolicy(in_one_line(error))))),
        // A branch is ordinary work, which our troubles must not stop.
        Err(error) => {
            say(&format!("warning: git-os could not judge `{}`: {error}", escape(&line.name)));
            return Ok(Ruling::Granted(()));
        }
    };
    let judged = judge::judge(repo, ledger, &line.name, old, new)?;
    if let (Ruling::Denied(_), Some(ledger), false) = (&judged, ledger, is_ours(&line.name)) {
        // What a pull merges is often what landed elsewhere, by tickets that the same pull has fetched.
        let fetched = sync::fetched(ledger)?;
        if !fetched.is_empty() {
            let repo = here()?.supposing(fetched);
            return judge::judge(&repo, Some(&Ledger::open(&repo)?), &line.name, old, new);
        }
    }
    Ok(judged)
}

/// Whether a new value of zero is a deletion. `pack-refs` (when it prunes) and `verify` also send zeros. With the files
/// backend, only a real deletion holds the lock of `packed-refs`.
fn is_deletion(repo: &Repo) -> bool {
    repo.backend() != RefBackend::Files || repo.common_dir().join("packed-refs.lock").as_std_path().exists()
}

/// Notices landings made by hand. The next git-os command repeats anything that fails here.
fn committed(ledger: &Opened<'_>, lines: &[Line], protected: &[String]) -> Answer {
    if lines.iter().any(|line| protected.contains(&line.name))
        && let Ok(ledger) = ledger
    {
        drop(crate::gate::reconcile(ledger));
    }
    Answer::Go
}
