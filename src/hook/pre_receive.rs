//! `pre-receive`: checks a push as a whole, before its objects are accepted, by the policy in `refs/os/meta` alone.

use std::collections::BTreeMap;

use super::judge;
use super::{Reply, here, install, say};
use crate::core::denial::{Cause, Denial};
use crate::core::id::{META, ObjectId};
use crate::core::refs::is_ours;
use crate::core::rule::{self, Value};
use crate::core::ruling::Ruling;
use crate::core::text::in_one_line;
use crate::git::{GitError, Repo};
use crate::ledger::{Ledger, LedgerError};
use crate::refs::kind_of;

/// The maximum number of refs in one push.
const MAX_REFS: usize = 20_000;
/// The maximum length of git's input for a push, in bytes.
pub(super) const MAX_INPUT: u64 = 64 * 1024 * 1024;

/// One line of input: a ref, its old value and its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) name: String,
    pub(crate) old: Option<ObjectId>,
    pub(crate) new: Option<ObjectId>,
}

/// Parses a line, `<old> <new> <ref>`; `None` if it is malformed.
pub(crate) fn parse_line(line: &[u8]) -> Option<Move> {
    let line = rule::Line::parse(line)?;
    let id = |value: Value<'_>| match value {
        Value::Nothing => Some(None),
        Value::Object(id) => ObjectId::parse(std::str::from_utf8(id).ok()?).ok().map(Some),
        Value::Symbolic(_) => None,
    };
    // No policy and no git-os ref has a name that is not UTF-8, but such a name may still be under a reserved prefix.
    Some(Move { name: String::from_utf8_lossy(line.name).into_owned(), old: id(line.old)?, new: id(line.new)? })
}

pub(super) fn run(input: &[u8]) -> Reply {
    if input.len() as u64 > MAX_INPUT {
        say("error: refusing this push: it updates too many refs");
        return Reply::Stop;
    }
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    if lines.len() > MAX_REFS {
        say(&format!("error: refusing this push: the limit is {MAX_REFS} refs, and it updates {}", lines.len()));
        return Reply::Stop;
    }
    let mut moves = Vec::new();
    for line in lines {
        let Some(one) = parse_line(line) else {
            say("error: refusing this push: cannot parse a line from git");
            return Reply::Stop;
        };
        moves.push(one);
    }
    let (repo, before) = match here().and_then(|repo| Ok((repo.with_quarantine()?, here()?))) {
        Ok(opened) => opened,
        Err(error) => {
            say(&format!("error: cannot check this push: {}", in_one_line(&error)));
            return Reply::Stop;
        }
    };
    if install::run_previous(&before, install::SERVER, &[], input) == Reply::Stop {
        return Reply::Stop;
    }
    if let Err(error) = before.clear_left_locks(&["refs/os", "refs/notes/os", "refs/heads"]) {
        // git itself will report the locked ref.
        say(&format!("warning: cannot remove the lock of a killed process: {}", in_one_line(&error)));
    }
    let mut refused = misplaced(&before, &moves);
    if refused.is_empty() {
        refused = judge_push(repo, &before, &moves);
    }
    for (name, why) in &refused {
        super::say_refused(name, why);
    }
    if refused.is_empty() { Reply::Go } else { Reply::Stop }
}

/// What of a push is not about the refs that it seems to be about. What a ref was is what the pusher says; git sees to the
/// truth of it ref by ref, when all was judged and what counted on the others may move.
fn misplaced(before: &Repo, moves: &[Move]) -> Vec<(String, Denial)> {
    let mut refused = Vec::new();
    let no = |name: &str, why: Denial| (name.to_owned(), why);
    let policy = crate::ledger::policy::read(before).ok().flatten().map(|known| known.1);
    let is_watched = |name: &str| is_ours(name) || policy.as_ref().is_some_and(|policy| policy.is_protected(name));
    let symbolic: BTreeMap<String, String> = match before.list_symbolic_refs() {
        Ok(symbolic) => symbolic.into_iter().collect(),
        Err(error) => {
            let why = Denial::Unjudged(Cause::new(error));
            return moves.iter().map(|one| no(&one.name, why.clone())).collect();
        }
    };
    for one in moves {
        if let Some(target) = symbolic.get(&one.name).filter(|target| is_watched(target)) {
            refused.push(no(&one.name, Denial::SymbolicThere(target.clone())));
        } else if (kind_of(&one.name).is_some() || (is_watched(&one.name) && !is_ours(&one.name))) && one.old != one.new {
            match before.find_present_ref(&one.name) {
                Ok(present) if present == one.old => {}
                Ok(_) => refused.push(no(&one.name, Denial::MovedMeanwhile)),
                Err(error) => refused.push(no(&one.name, Denial::Unjudged(Cause::new(error)))),
            }
        }
    }
    refused
}

/// Finds the invalid updates of a push. All of them are checked against the state after the push, so that a branch can come
/// with the ticket that lets it land. What cannot be checked is refused.
///
/// `repo` has the objects of the push, `before` is the repository as it is.
pub(crate) fn judge_push(repo: Repo, before: &Repo, moves: &[Move]) -> Vec<(String, Denial)> {
    let mut refused = Vec::new();
    let mut supposed = BTreeMap::new();
    for one in moves {
        if one.name.starts_with("refs/replace/") && one.new.is_some() {
            refused.push((one.name.clone(), Denial::Replacement));
        }
        supposed.insert(one.name.clone(), one.new);
    }
    let repo = repo.supposing(supposed);
    // Check the policy first, against the policy in force; then apply it to the other updates.
    for one in moves.iter().filter(|one| one.name == META) {
        match judge::judge(&repo, None, &one.name, one.old, one.new) {
            Ok(Ruling::Granted(())) => {}
            Ok(Ruling::Denied(why)) => refused.push((one.name.clone(), why)),
            Err(error) => refused.push((one.name.clone(), unjudged(error))),
        }
    }
    if !refused.is_empty() {
        return refused;
    }
    let ledger = match Ledger::open(&repo) {
        Ok(ledger) => Some(ledger),
        Err(LedgerError::NotInitialised) => None,
        Err(error) => {
            let watched = moves.iter().filter(|one| is_ours(&one.name) || one.name.starts_with("refs/heads/"));
            let why = unjudged(error);
            return watched.map(|one| (one.name.clone(), why.clone())).collect();
        }
    };
    if let Some(why) = ledger.as_ref().and_then(|ledger| policy_fits(ledger, before)) {
        return vec![(META.to_owned(), why)];
    }
    // A branch that the old policy protects needs the consent of both policies.
    let is_published = moves.iter().any(|one| one.name == META);
    let old = if is_published { crate::ledger::policy::read(before).ok().flatten() } else { None };
    let old = old.map(|(repo_id, policy)| Ledger::under(&repo, repo_id, policy));
    let judge_by = |ledger: Option<&Ledger<'_>>, one: &Move| match judge::judge(&repo, ledger, &one.name, one.old, one.new) {
        Ok(ruling) => ruling.denied(),
        Err(error) => Some(unjudged(error)),
    };
    for one in moves.iter().filter(|one| one.name != META && one.old != one.new) {
        let protects = |ledger: &&Ledger<'_>| ledger.policy.is_protected(&one.name);
        let judged = if is_ours(&one.name) {
            judge_by(ledger.as_ref(), one)
        } else {
            let policies = [&old, &ledger].into_iter().filter_map(Option::as_ref).filter(protects);
            policies.into_iter().find_map(|ledger| judge_by(Some(ledger), one))
        };
        refused.extend(judged.map(|judged| (one.name.clone(), judged)));
    }
    refused
}

/// Why a new policy does not go with what is here: a history that is legal would not be by it. It happens when something
/// was pushed after its publisher looked.
fn policy_fits(ledger: &Ledger<'_>, before: &Repo) -> Option<Denial> {
    match Ledger::open(before).and_then(|before| ledger.find_left_out(&before)) {
        Ok(left_out) => left_out.map(Denial::PolicyExcludes),
        Err(LedgerError::NotInitialised | LedgerError::Policy(_)) => None,
        Err(error) => Some(unjudged(error)),
    }
}

fn unjudged(error: LedgerError) -> Denial {
    match error {
        LedgerError::Git(GitError::Read { id, .. }) => Denial::UnreadableObject(id),
        error => Denial::Unjudged(Cause::new(error)),
    }
}
