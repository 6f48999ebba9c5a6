//! `reference-transaction`: checks every update of git-os refs and protected branches, whatever command makes it.

use camino::{Utf8Path, Utf8PathBuf};

use super::caller::Caller;
use super::front::Watch;
use super::install;
use super::judge;
use super::rename;
use super::{Reply, here, say, within};
use crate::core::denial::{Cause, Denial};
use crate::core::id::{META, ObjectId, STRAYS};
use crate::core::refs::is_ours;
use crate::core::rule::{self, Concern, Files, Missing, State, Value};
use crate::core::ruling::Ruling;
use crate::core::text::{escape, in_one_line};
use crate::gate;
use crate::git::Repo;
use crate::git::process::{read_bytes, remove_file, write_file};
use crate::ledger::{Ledger, LedgerError};
use crate::sync;

/// What the file of a landing holds if a protected branch drops commits.
const DROPS: &[u8] = b"drops\n";

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

/// Takes what is needed of a line. Ignores the old value, because git sends zeros if the caller did not give one.
pub(super) fn parse_line(line: &rule::Line<'_>) -> Line {
    let new = match line.new {
        _ if std::str::from_utf8(line.name).is_err() => New::Strange,
        Value::Nothing => New::Nothing,
        Value::Object(id) => ObjectId::parse(&String::from_utf8_lossy(id)).map_or(New::Strange, New::Object),
        Value::Symbolic(_) => New::Symbolic,
    };
    Line { new, name: String::from_utf8_lossy(line.name).into_owned() }
}

/// The updates of watched refs.
fn moves(input: &[u8], state: State, files: &mut impl Files, is_watched: impl Fn(&[u8]) -> Option<Missing>) -> Vec<Line> {
    let mut moves = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        rule::judge(line, state, files, &is_watched, |concern, _| match concern {
            Concern::Moves(line) => moves.push(parse_line(&line)),
            Concern::Strange(_) => {
                moves.push(Line { new: New::Strange, name: String::from_utf8_lossy(concern.name()).into_owned() });
            }
            // A write through an alias has a line of its own for the target.
            Concern::Aliases(_) => {}
        });
    }
    moves
}

/// The files of the common directory, if it is known.
struct Common<'a>(Option<&'a Utf8Path>);

impl Common<'_> {
    fn path(&self, name: &[u8]) -> Option<Utf8PathBuf> {
        Some(self.0?.join(std::str::from_utf8(name).ok()?))
    }
}

impl Files for Common<'_> {
    fn has(&mut self, name: &[u8]) -> bool {
        self.path(name).is_some_and(|path| path.as_std_path().exists())
    }

    fn read(&mut self, name: &[u8], into: &mut [u8]) -> usize {
        let bytes = self.path(name).and_then(|path| read_bytes(&path).ok()).unwrap_or_default();
        into.iter_mut().zip(bytes).map(|(place, byte)| *place = byte).count()
    }
}

pub(super) fn run(argument: &str, input: &[u8]) -> Reply {
    let state = State::of(argument.as_bytes());
    let repo = match here() {
        Ok(repo) => repo,
        Err(error) => {
            let ours = moves(input, state, &mut Common(None), |name| rule::watched(name, state, std::iter::empty()));
            let why = unjudged(error);
            return ours.iter().fold(Reply::Go, |_, line| refuse(&line.name, &why));
        }
    };
    if install::run_previous(&repo, "reference-transaction", &[argument], input) == Reply::Stop {
        // git respects the exit code only in the `prepared` state.
        return Reply::Stop;
    }
    let ledger = Ledger::open(&repo);
    let moves = watched_moves(&repo, &ledger, state, input);
    match state {
        _ if moves.is_empty() => Reply::Go,
        State::Prepared => {
            let answer = prepared(&repo, &ledger, &moves);
            if answer == Reply::Go && moves.iter().any(|line| !is_ours(&line.name)) {
                announce_landing(&repo, &ledger, &moves);
            }
            answer
        }
        State::Committed => committed(&repo, &ledger),
        State::Other => Reply::Go,
    }
}

/// `update`: refuses one ref of a push. A refusal in the transaction would end `git receive-pack`, and with it the refs that follow.
pub(super) fn run_update(name: &str, old: &str, new: &str) -> Reply {
    let Ok(repo) = here() else { return Reply::Go };
    let ledger = Ledger::open(&repo);
    let line = format!("{old} {new} {name}");
    match rule::Line::parse(line.as_bytes()) {
        Some(line) if watcher(&ledger, &watches(&ledger), State::Prepared)(line.name).is_some() => {
            prepared(&repo, &ledger, &[parse_line(&line)])
        }
        _ => Reply::Go,
    }
}

/// The updates that git-os has to check.
fn watched_moves(repo: &Repo, ledger: &Opened<'_>, state: State, input: &[u8]) -> Vec<Line> {
    let watches = watches(ledger);
    let mut files = Common(Some(repo.common_dir()));
    if !rule::listens(state, watches.iter().map(Watch::as_rule), &mut files) {
        return Vec::new();
    }
    moves(input, state, &mut files, watcher(ledger, &watches, state))
}

fn watches(ledger: &Opened<'_>) -> Vec<Watch> {
    ledger.as_ref().map(|ledger| install::watched(&ledger.policy)).unwrap_or_default()
}

/// Tells whether git-os checks a ref.
fn watcher<'w>(ledger: &Opened<'_>, watches: &'w [Watch], state: State) -> impl Fn(&[u8]) -> Option<Missing> + use<'w> {
    // If the policy cannot be read, the protected branches are unknown, so warn about every branch.
    let is_unknown = ledger.as_ref().is_err_and(|error| !matches!(error, LedgerError::NotInitialised));
    move |name| {
        let branch = (is_unknown && name.starts_with(b"refs/heads/")).then_some(Missing::Pass);
        branch.max(rule::watched(name, state, watches.iter().map(Watch::as_rule)))
    }
}

/// The policy could not be read, which is said of each ref.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UnknownPolicy(String);

fn unjudged(error: impl std::error::Error + Send + Sync + 'static) -> Denial {
    Denial::Unjudged(Cause::new(error))
}

fn refuse(name: &str, why: &Denial) -> Reply {
    super::say_refused(name, why);
    Reply::Stop
}

/// The result of opening the ledger.
type Opened<'a> = Result<Ledger<'a>, LedgerError>;

fn prepared(repo: &Repo, ledger: &Opened<'_>, lines: &[Line]) -> Reply {
    let mut answer = Reply::Go;
    for line in lines {
        match decide(repo, ledger, line) {
            Ok(Ruling::Granted(())) => {}
            Ok(Ruling::Denied(why)) => {
                answer = refuse(&line.name, &why);
                if line.new == New::Nothing {
                    help_after_deletion(repo, &line.name);
                }
            }
            // A branch is ordinary work, which our troubles must not stop; refs of ours stay shut.
            Err(error) if !is_ours(&line.name) => {
                say(&format!("warning: git-os cannot check the update of `{}`: {}", escape(&line.name), in_one_line(&error)));
            }
            Err(error) => answer = refuse(&line.name, &unjudged(error)),
        }
    }
    answer
}

/// Puts back what git took away on the way to a deletion that is refused, and says how to go on.
fn help_after_deletion(repo: &Repo, name: &str) {
    let caller = Caller::find();
    if !is_ours(name) {
        match rename::put_back(repo, name, caller.as_ref()) {
            Ok(None) => {}
            Ok(Some(text)) => say(&format!("hint: {text}")),
            Err(error) => say(&format!("warning: cannot undo what git renamed: {}", in_one_line(&error))),
        }
    }
    if let Some(hint) = caller.and_then(|caller| caller.hint_on_deletion(name)) {
        say(&format!("hint: {hint}"));
    }
}

/// Leaves word for `committed` if a ticket may land, or a branch drops commits. What fails here is noticed by the next git-os command.
fn announce_landing(repo: &Repo, ledger: &Opened<'_>, moves: &[Line]) {
    let (Ok(ledger), Some(file)) = (ledger, Common(Some(repo.common_dir())).path(rule::LANDING)) else { return };
    if moves.iter().any(|line| drops_commits(repo, line)) {
        drop(write_file(&file, DROPS, 0o644));
    } else if !file.as_std_path().exists() && gate::awaits_landing(ledger).unwrap_or(true) {
        drop(write_file(&file, b"", 0o644));
    }
}

fn drops_commits(repo: &Repo, line: &Line) -> bool {
    match (repo.find_ref(&line.name), &line.new) {
        _ if is_ours(&line.name) => false,
        (Ok(Some(old)), New::Object(new)) => !repo.is_ancestor(old, *new).unwrap_or(true),
        _ => false,
    }
}

fn decide(repo: &Repo, ledger: &Opened<'_>, line: &Line) -> Result<Ruling<()>, LedgerError> {
    let old = repo.find_ref(&line.name)?;
    let new = match line.new {
        New::Symbolic => return Ok(Ruling::Denied(Denial::Symbolic)),
        New::Strange => return Ok(Ruling::Denied(Denial::UnknownRef)),
        New::Object(id) => Some(id),
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
            say(&format!("warning: git-os cannot check the update of `{}`: {}", escape(&line.name), in_one_line(&error)));
            return Ok(Ruling::Granted(()));
        }
    };
    if new.is_none() && !is_ours(&line.name) && rename::is_to_itself(repo, &line.name) {
        return Ok(Ruling::Granted(()));
    }
    if (!is_ours(&line.name) || line.name == STRAYS) && within::is_in_run(repo, ledger)? {
        return Ok(Ruling::Denied(Denial::FromRun));
    }
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

/// Notices landings made by hand, and landed work that was rebased. The next git-os command repeats anything that fails here.
fn committed(repo: &Repo, ledger: &Opened<'_>) -> Reply {
    let (Ok(ledger), Some(file)) = (ledger, Common(Some(repo.common_dir())).path(rule::LANDING)) else { return Reply::Go };
    if read_bytes(&file).is_ok_and(|word| word == DROPS) {
        if gate::follow_copies(ledger).is_err() {
            return Reply::Go;
        }
        drop(write_file(&file, b"", 0o644));
    }
    if gate::reconcile(ledger).is_ok() && gate::awaits_landing(ledger).is_ok_and(|awaits| !awaits) {
        drop(remove_file(&file));
    }
    Reply::Go
}
