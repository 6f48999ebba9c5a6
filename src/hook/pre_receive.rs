//! `pre-receive`: judges a push as a whole, before any of its objects is let in, by the policy in `refs/os/meta` alone.

use std::collections::BTreeMap;

use super::judge::{self, Judged};
use super::{Answer, here, install, say};
use crate::core::id::{META, ObjectId};
use crate::core::refs::is_ours;
use crate::core::text::escape;
use crate::git::{GitError, Repo};
use crate::ledger::{Ledger, LedgerError};

/// The most refs one push may move.
const MAX_REFS: usize = 20_000;

/// One line: a ref, what it was and what it shall become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) name: String,
    pub(crate) old: Option<ObjectId>,
    pub(crate) new: Option<ObjectId>,
}

/// Reads a line, `<old> <new> <ref>`; `None` when it is none.
pub(crate) fn parse_line(line: &[u8]) -> Option<Move> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.splitn(3, ' ');
    let mut id = || ObjectId::parse(words.next()?).ok();
    let (old, new) = (id()?, id()?);
    let some = |id: ObjectId| Some(id).filter(|id| !id.is_zero());
    Some(Move { name: words.next()?.to_owned(), old: some(old), new: some(new) })
}

pub(super) fn run(input: &[u8]) -> Answer {
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    if lines.len() > MAX_REFS {
        say(&format!("error: a push moves at most {MAX_REFS} refs here, and this one has {}", lines.len()));
        return Answer::Stop;
    }
    let mut moves = Vec::new();
    for line in lines {
        match parse_line(line) {
            Some(one) => moves.push(one),
            // A name that is not UTF-8 is none of ours, and no branch that a policy could name.
            None if std::str::from_utf8(line).is_err() => {}
            None => {
                say("error: git gave a line that cannot be read");
                return Answer::Stop;
            }
        }
    }
    let (repo, before) = match here().and_then(|repo| Ok((repo.with_quarantine()?, here()?))) {
        Ok(opened) => opened,
        Err(error) => {
            say(&format!("error: this push could not be judged: {error}"));
            return Answer::Stop;
        }
    };
    if install::run_previous(&before, install::SERVER, &[], input) == Answer::Stop {
        return Answer::Stop;
    }
    if let Err(error) = before.clear_left_locks(&["refs/os", "refs/notes/os", "refs/heads"]) {
        // git itself will say that a ref is locked.
        say(&format!("warning: a lock that a killed process left stays: {error}"));
    }
    let refused = judge_push(repo, &before, &moves);
    for (name, judged) in &refused {
        say(&format!("error: `{}` stays where it is: {}", escape(name), escape(&judged.why)));
        if let Some(hint) = &judged.hint {
            say(&format!("hint: {hint}"));
        }
    }
    if refused.is_empty() { Answer::Go } else { Answer::Stop }
}

/// What of a push is not by the rules. All of it is judged as it would be afterwards, so that a branch may come with the
/// ticket that lets it land; what cannot be judged is refused.
///
/// `repo` has the objects of the push, `before` is the repository as it is.
pub(crate) fn judge_push(repo: Repo, before: &Repo, moves: &[Move]) -> Vec<(String, Judged)> {
    let mut refused = Vec::new();
    let no = |why: String| Judged { why, hint: None };
    let mut supposed = BTreeMap::new();
    for one in moves {
        if one.name.starts_with("refs/replace/") {
            refused.push((one.name.clone(), no("what an object is, is not replaced here".to_owned())));
        }
        supposed.insert(one.name.clone(), one.new);
    }
    let repo = repo.supposing(supposed);
    // The policy first, by the one in force: what it says then holds for the rest.
    for one in moves.iter().filter(|one| one.name == META) {
        match judge::judge(&repo, None, &one.name, one.old, one.new) {
            Ok(None) => {}
            Ok(Some(judged)) => refused.push((one.name.clone(), judged)),
            Err(error) => refused.push((one.name.clone(), no(unjudged(&error)))),
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
            return watched.map(|one| (one.name.clone(), no(unjudged(&error)))).collect();
        }
    };
    if let Some(judged) = ledger.as_ref().and_then(|ledger| policy_fits(ledger, before)) {
        return vec![(META.to_owned(), judged)];
    }
    // A branch that the policy of before protects is not let go by the new one alone.
    let old_policy = crate::ledger::policy::read(before).ok().flatten().map(|known| known.1);
    let is_protected = |name: &str| {
        let now = ledger.as_ref().is_some_and(|ledger| ledger.policy.is_protected(name));
        now || old_policy.as_ref().is_some_and(|policy| policy.is_protected(name))
    };
    for one in moves.iter().filter(|one| one.name != META && (is_ours(&one.name) || is_protected(&one.name))) {
        if one.old == one.new {
            continue;
        }
        match judge::judge(&repo, ledger.as_ref(), &one.name, one.old, one.new) {
            Ok(None) => {}
            Ok(Some(judged)) => refused.push((one.name.clone(), judged)),
            Err(error) => refused.push((one.name.clone(), no(unjudged(&error)))),
        }
    }
    refused
}

/// Why a new policy does not go with what is here: a history that is right would not be right by it. It happens when
/// something was pushed after its publisher looked.
fn policy_fits(ledger: &Ledger<'_>, before: &Repo) -> Option<Judged> {
    let left_out = match Ledger::open(before).and_then(|before| ledger.find_left_out(&before)) {
        Ok(left_out) => left_out,
        Err(LedgerError::NotInitialised | LedgerError::Policy(_)) => None,
        Err(error) => return Some(Judged { why: unjudged(&error), hint: None }),
    };
    left_out.map(|id| Judged {
        why: format!("by this policy {id}, which is by the rules, would not be: it was signed by a key that is gone, or before it had to be"),
        hint: Some("`git os init` publishes it again, for what is here by now".to_owned()),
    })
}

fn unjudged(error: &LedgerError) -> String {
    match error {
        LedgerError::Git(GitError::Read { id, .. }) => format!("object {} is missing or cannot be read", id.short(12)),
        error => format!("it could not be judged: {}", crate::core::text::chain(error)),
    }
}
