//! How a clone and a remote stand to each other, as far as the last fetch tells; nothing is moved.

use super::offer::offers;
use crate::core::id::{META, ObjectId, TICKETS};
use crate::core::refs::{RefKind, is_ours, mirrored, tracking_prefix};
use crate::git::object::Kind;
use crate::ledger::replay::{self, Landed};
use crate::ledger::{Ledger, LedgerError, archive};
use crate::refs;

/// What is to be done between a clone and a remote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many refs of ours a sync would push.
    pub(crate) unpushed: usize,
    /// How many refs of the remote were fetched and wait for the next fold.
    pub(crate) unfolded: usize,
    /// Refs of the remote that no fold takes in, and why; none as long as others wait for one.
    pub(crate) outside: Vec<(String, String)>,
}

/// Compares what is here with what was last seen of a remote.
///
/// # Errors
/// When git cannot read; what is not by the rules is an answer.
pub(crate) fn standing(ledger: &Ledger<'_>, remote: &str) -> Result<Standing, LedgerError> {
    let repo = ledger.repo;
    let unpushed = offers(ledger, remote)?.iter().filter(|offer| is_ours(&offer.name)).count();
    let mut standing = Standing { unpushed, ..Standing::default() };
    let prefix = tracking_prefix(remote);
    let landed = Landed::new(repo, &ledger.policy);
    for (name, theirs) in repo.list_refs(&prefix)? {
        let name = mirrored(&name[prefix.len()..]);
        let Some(kind) = RefKind::of(&name) else {
            standing.outside.push((name, "git-os has no such ref".to_owned()));
            continue;
        };
        let ours = match (repo.find_ref(&name)?, &kind) {
            (None, RefKind::Ticket(id)) => archive::find(repo, id)?,
            (None, RefKind::Session) => archive::find_session(repo, &name)?,
            (live, _) => live,
        };
        if !kind.is_shared() || ours == Some(theirs) {
            continue;
        }
        if !repo.has_object(theirs) || repo.read_header(theirs)?.0 != Kind::Commit {
            standing.outside.push((name, "it is not a commit that is here".to_owned()));
            continue;
        }
        if let Some(ours) = ours
            && repo.is_ancestor(theirs, ours)?
        {
            continue;
        }
        match why_outside(ledger, &kind, ours, theirs, &landed)? {
            // Whose the rest is, is not known.
            Some(why) if kind == RefKind::Policy => {
                return Ok(Standing { outside: vec![(name, why)], unfolded: 0, ..standing });
            }
            Some(why) => standing.outside.push((name, why)),
            None => standing.unfolded += 1,
        }
    }
    if standing.unfolded > 0 {
        // What waits for the same fold may be what the others need to be by the rules.
        standing.outside.clear();
    }
    Ok(standing)
}

/// Why a fold would leave a ref outside, if it would.
fn why_outside(
    ledger: &Ledger<'_>,
    kind: &RefKind,
    ours: Option<ObjectId>,
    theirs: ObjectId,
    landed: &Landed<'_>,
) -> Result<Option<String>, LedgerError> {
    let repo = ledger.repo;
    let before = match ours {
        Some(ours) if !repo.is_ancestor(ours, theirs)? => None,
        ours => ours,
    };
    match kind {
        RefKind::Ticket(id) => Ok(match replay::replay(ledger, id, theirs, None, landed)? {
            Ok(ticket) if !ledger.policy.brands.contains(&ticket.content.brand) => {
                Some(format!("brand `{}` does not belong to this repository", ticket.content.brand))
            }
            Ok(_) => None,
            Err(illegal) => Some(illegal.to_string()),
        }),
        RefKind::Archive => refs::archive::judge(ledger, before, theirs, replay::replay, landed),
        RefKind::Policy => match refs::policy::judge(repo, before, theirs)? {
            None if refs::policy::is_of_another(repo, theirs)? && !repo.list_refs(TICKETS)?.is_empty() => {
                Ok(Some(format!("`{META}` there belongs to another repository than the tickets here")))
            }
            judged => Ok(judged),
        },
        RefKind::Verdicts => {
            let made_up = ledger.find_made_up(ours, theirs)?;
            Ok(made_up.map(|(about, _)| format!("no ticket has a verdict it has on {}", about.short(12))))
        }
        RefKind::Provenance
        | RefKind::Learnings
        | RefKind::Session
        | RefKind::Proposal
        | RefKind::Wiki
        | RefKind::Transcript
        | RefKind::Rescue
        | RefKind::Rejected => Ok(None),
    }
}
