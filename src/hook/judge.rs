//! Which moves of which refs are by the rules: the one function behind the hook, the server and fsck.

use crate::core::id::{ObjectId, TicketId};
use crate::core::refs::{RefKind, is_ours};
use crate::gate;
use crate::git::Repo;
use crate::git::object::Kind;
use crate::ledger::replay::{self, Landed};
use crate::ledger::{Ledger, LedgerError, archive};
use crate::refs;
use crate::refs::keeps;

/// A refusal, and what its reader can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) why: String,
    pub(crate) hint: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "it is an answer of the judgements below")]
fn no(why: impl Into<String>) -> Option<Judged> {
    Some(Judged { why: why.into(), hint: None })
}

/// Judges a move of a ref of ours or of a protected branch; `None` means it may happen. Without a ledger the repository
/// is not under git-os.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn judge(
    repo: &Repo,
    ledger: Option<&Ledger<'_>>,
    name: &str,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
) -> Result<Option<Judged>, LedgerError> {
    let kind = RefKind::of(name);
    if kind == Some(RefKind::Policy) {
        return match new {
            Some(new) => Ok(refs::policy::judge(repo, old, new)?.and_then(no)),
            None => Ok(no("the policy is not deleted")),
        };
    }
    let Some(ledger) = ledger else {
        return Ok(if is_ours(name) { no("this repository has no policy in `refs/os/meta`") } else { None });
    };
    if !is_ours(name) {
        return Ok(gate::judge(ledger, old, new)?.map(|closed| Judged { why: closed.to_string(), hint: Some(hint(&closed)) }));
    }
    let (kind, new) = match (kind, new) {
        (Some(kind), Some(new)) => (kind, new),
        (None, Some(_)) => return Ok(no("git-os has no such ref")),
        // Something that is no ref of ours at all may always be swept out.
        (None, None) => return Ok(None),
        (kind, None) => return deletion(ledger, kind.as_ref(), name, old),
    };
    match kind {
        RefKind::Ticket(id) => ticket(ledger, &id, old, new),
        RefKind::Archive => {
            Ok(refs::archive::judge(ledger, old, new, replay::admit, &Landed::new(repo, &ledger.policy))?.and_then(no))
        }
        RefKind::Verdicts => verdict_notes(ledger, old, new),
        RefKind::Provenance | RefKind::Wiki | RefKind::Learnings | RefKind::Session | RefKind::Proposal | RefKind::Transcript => {
            grows(repo, old, new)
        }
        RefKind::Rescue | RefKind::Rejected if old.is_some() => Ok(no("it is written once")),
        RefKind::Rescue | RefKind::Rejected => grows(repo, None, new),
        // It was judged before all else.
        RefKind::Policy => Ok(None),
    }
}

fn hint(closed: &gate::Closed) -> String {
    use gate::Closed;
    match closed {
        Closed::Unverified { ticket, .. } | Closed::Verdict { ticket, .. } => format!(
            "`git os show {ticket}` tells what is missing and `git os merge {ticket}` lands it then; if this was a fast-forward \
             merge, its files are still in your worktree and `git stash` puts them aside"
        ),
        Closed::Drops { .. } => "`git os revert` takes landed work back with a new commit".to_owned(),
        Closed::NoTicket { .. } => "`git os new` opens a ticket for it".to_owned(),
        Closed::Deleted | Closed::Shallow | Closed::Unreadable(_) => {
            "`git os show` and `git os list` tell what is where".to_owned()
        }
    }
}

fn ticket(ledger: &Ledger<'_>, id: &TicketId, old: Option<ObjectId>, new: ObjectId) -> Result<Option<Judged>, LedgerError> {
    let repo = ledger.repo;
    let landed = Landed::new(repo, &ledger.policy);
    // An archived ticket goes on from where it was archived.
    let known = match old {
        Some(old) => Some(old),
        None => archive::find(repo, id)?,
    };
    match replay::admit(ledger, id, new, known, &landed)? {
        Ok(ticket) if !ledger.policy.brands.contains(&ticket.content.brand) => {
            // A policy may have had more brands once.
            let known = known.map(|known| ledger.read_entry(id.clone(), known)).transpose()?;
            let is_kept = known.is_some_and(|known| known.ticket.content.brand == ticket.content.brand);
            let why = || format!("brand `{}` does not belong to this repository", ticket.content.brand);
            Ok(if is_kept { None } else { no(why()) })
        }
        Ok(_) => Ok(None),
        Err(_) if old.is_none() && known == Some(new) => Ok(None),
        Err(illegal) => match known {
            Some(known) if is_rewrite(ledger, id, known, new, &landed)? || is_repair(ledger, id, known, new, &landed)? => {
                Ok(None)
            }
            Some(_) if old.is_none() => Ok(no(format!("the ticket is archived with another history: {illegal}"))),
            _ => Ok(no(illegal.to_string())),
        },
    }
}

/// Whether a legal chain says all that the one in its place says, on top of what others wrote meanwhile.
fn is_rewrite(
    ledger: &Ledger<'_>,
    id: &TicketId,
    old: ObjectId,
    new: ObjectId,
    landed: &Landed<'_>,
) -> Result<bool, LedgerError> {
    let is_commit = ledger.repo.read_header(new).is_ok_and(|header| header.0 == Kind::Commit);
    Ok(is_commit && keeps(ledger, old, new)? && replay::admit(ledger, id, new, None, landed)?.is_ok())
}

/// Whether a chain that is quarantined gives way to one that is by the rules and keeps all of it that was.
fn is_repair(ledger: &Ledger<'_>, id: &TicketId, old: ObjectId, new: ObjectId, landed: &Landed<'_>) -> Result<bool, LedgerError> {
    let kept = replay::legal_part(ledger, id, old, landed)?;
    if kept == Some(old) || replay::admit(ledger, id, new, None, landed)?.is_err() {
        return Ok(false);
    }
    Ok(match kept {
        Some(kept) => ledger.repo.is_ancestor(kept, new)?,
        None => true,
    })
}

fn deletion(
    ledger: &Ledger<'_>,
    kind: Option<&RefKind>,
    name: &str,
    old: Option<ObjectId>,
) -> Result<Option<Judged>, LedgerError> {
    let repo = ledger.repo;
    let archived = match kind {
        Some(RefKind::Ticket(id)) => archive::find(repo, id)?,
        Some(RefKind::Session) => archive::find_session(repo, name)?,
        _ => None,
    };
    let is_kept = match (archived, old) {
        (Some(archived), Some(old)) => refs::archive::has_all(ledger, old, archived, matches!(kind, Some(RefKind::Ticket(_))))?,
        _ => false,
    };
    let is_squatter = match (kind, old) {
        (Some(RefKind::Ticket(id)), Some(old)) if !is_kept => {
            replay::legal_part(ledger, id, old, &Landed::new(repo, &ledger.policy))?.is_none()
        }
        _ => false,
    };
    Ok(if is_kept || is_squatter { None } else { no("it is not deleted before it is archived") })
}

/// What only ever grows: the new tip is a commit that descends from the old one.
fn grows(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Option<Judged>, LedgerError> {
    if repo.read_header(new)?.0 != Kind::Commit {
        return Ok(no("it is not a commit"));
    }
    match old {
        Some(old) if !repo.is_ancestor(old, new)? => Ok(no("it would lose what is there")),
        _ => Ok(None),
    }
}

/// Verdict notes only repeat what the chains say.
fn verdict_notes(ledger: &Ledger<'_>, old: Option<ObjectId>, new: ObjectId) -> Result<Option<Judged>, LedgerError> {
    if let Some(refused) = grows(ledger.repo, old, new)? {
        return Ok(Some(refused));
    }
    if let Some(stranger) = ledger.repo.find_stranger_in_notes(new)? {
        return Ok(no(format!("`{stranger}` is no note")));
    }
    if let Some((about, line)) = ledger.find_lost_verdict(old, new)? {
        return Ok(no(format!("a verdict on {} would be gone: {line:.60}", about.short(12))));
    }
    Ok(ledger.find_made_up(old, new)?.and_then(|(about, _)| no(format!("no ticket has this verdict on {}", about.short(12)))))
}
