//! Which moves of which refs are by the rules: the one function behind the hook, the server and fsck.

use crate::core::id::{
    ARCHIVE, LEARNINGS, META, ObjectId, PROVENANCE_NOTES, RESCUE, SESSIONS, SessionId, TICKETS, TicketId, VERDICT_NOTES, WIKI,
    is_ref_component,
};
use crate::core::verdict::Verdict;
use crate::gate;
use crate::git::Repo;
use crate::git::object::Kind;
use crate::ledger::replay::{self, Landed};
use crate::ledger::{Ledger, LedgerError, archive, policy};

/// How many events of a quarantined chain are looked at for where its lawful part ends.
const MAX_REPAIR: usize = 1000;

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

/// Whether a ref belongs to git-os.
#[must_use]
pub(crate) fn is_ours(name: &str) -> bool {
    let is = |root: &str| name.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is("refs/os") || is("refs/notes/os")
}

/// Judges a move of a ref of ours or of a protected branch; `None` means it may happen.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn judge(
    repo: &Repo,
    name: &str,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
) -> Result<Option<Judged>, LedgerError> {
    if name == META {
        return match new {
            Some(new) => Ok(policy::judge(repo, old, new)?.and_then(no)),
            None => Ok(no("the policy is not deleted")),
        };
    }
    let ledger = match Ledger::open(repo) {
        Ok(ledger) => ledger,
        Err(LedgerError::NotInitialised) if is_ours(name) => return Ok(no("this repository has no policy in `refs/os/meta`")),
        Err(LedgerError::NotInitialised) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !is_ours(name) {
        return Ok(gate::judge(&ledger, old, new)?.map(|closed| Judged { why: closed.to_string(), hint: Some(hint(&closed)) }));
    }
    let Some(new) = new else {
        return deletion(&ledger, name, old);
    };
    if let Some(rest) = name.strip_prefix(TICKETS) {
        return match TicketId::parse(rest) {
            Ok(id) => ticket(&ledger, &id, old, new),
            Err(_) => Ok(no("the name is not a ticket id")),
        };
    }
    match name {
        VERDICT_NOTES => return verdict_notes(&ledger, old, new),
        PROVENANCE_NOTES | WIKI | ARCHIVE => return grows(repo, old, new),
        _ => {}
    }
    if name.strip_prefix(LEARNINGS).is_some_and(is_ref_component)
        || name.strip_prefix(SESSIONS).is_some_and(|rest| SessionId::parse(rest).is_ok())
        || name.strip_prefix("refs/os/proposals/").is_some_and(is_ref_component)
        || name.strip_prefix("refs/os/transcripts/").is_some_and(is_ref_component)
    {
        return grows(repo, old, new);
    }
    let once = |rest: &str| rest.split_once('/').is_some_and(|(id, time)| TicketId::parse(id).is_ok() && is_ref_component(time));
    if name.strip_prefix(RESCUE).is_some_and(once) || name.strip_prefix("refs/os/rejected/").is_some_and(is_ref_component) {
        return Ok(if old.is_some() { no("it is written once") } else { None });
    }
    Ok(no("git-os has no such ref"))
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
    if old.is_none() && archive::find(ledger.repo, id)?.is_some_and(|tip| tip != new) {
        return Ok(no("the ticket is archived with another history"));
    }
    let landed = Landed::new(ledger.repo, &ledger.policy);
    match replay::replay(ledger, id, new, old, &landed)? {
        Ok(ticket) if old.is_none() && !ledger.policy.brands.contains(&ticket.content.brand) => {
            Ok(no(format!("brand `{}` does not belong to this repository", ticket.content.brand)))
        }
        Ok(_) => Ok(None),
        Err(_) if is_repair(ledger, id, old, new, &landed)? => Ok(None),
        Err(illegal) => Ok(no(illegal.to_string())),
    }
}

/// Whether a chain that is quarantined gives way to one that is by the rules and keeps all of it that was.
fn is_repair(
    ledger: &Ledger<'_>,
    id: &TicketId,
    old: Option<ObjectId>,
    new: ObjectId,
    landed: &Landed<'_>,
) -> Result<bool, LedgerError> {
    let Some(old) = old else { return Ok(false) };
    let kept = legal_part(ledger, id, old, landed)?;
    if kept == Some(old) || replay::replay(ledger, id, new, None, landed)?.is_err() {
        return Ok(false);
    }
    Ok(match kept {
        Some(kept) => ledger.repo.is_ancestor(kept, new)?,
        None => true,
    })
}

/// The last event of a chain up to which all is by the rules.
fn legal_part(ledger: &Ledger<'_>, id: &TicketId, tip: ObjectId, landed: &Landed<'_>) -> Result<Option<ObjectId>, LedgerError> {
    let mut next = Some(tip);
    for _ in 0..MAX_REPAIR {
        let Some(commit_id) = next else { return Ok(None) };
        if replay::replay(ledger, id, commit_id, None, landed)?.is_ok() {
            return Ok(Some(commit_id));
        }
        next = ledger.repo.read_commit(commit_id).ok().and_then(|commit| commit.parents.first().copied());
    }
    // Too much to tell: then nothing is given up.
    Ok(Some(tip))
}

fn deletion(ledger: &Ledger<'_>, name: &str, old: Option<ObjectId>) -> Result<Option<Judged>, LedgerError> {
    let landed = Landed::new(ledger.repo, &ledger.policy);
    let is_squatter = match (name.strip_prefix(TICKETS).map(TicketId::parse), old) {
        (Some(Ok(id)), Some(old)) => legal_part(ledger, &id, old, &landed)?.is_none(),
        _ => false,
    };
    let archived = match name.strip_prefix(TICKETS).map(TicketId::parse) {
        Some(Ok(id)) => archive::find(ledger.repo, &id)?,
        _ => None,
    };
    // Something that is no ticket at all may always be swept out.
    let is_foreign = name.starts_with("refs/os/") && judge_name(name).is_none();
    Ok(if is_foreign || is_squatter || (archived.is_some() && archived == old) {
        None
    } else {
        no("it is not deleted before it is archived")
    })
}

/// A prefix, what stands below it, and which names may.
type Named = (&'static str, &'static str, fn(&str) -> bool);

/// What kind of ref of ours a name stands for, if any.
#[must_use]
pub(crate) fn judge_name(name: &str) -> Option<&'static str> {
    let pair = |rest: &str| rest.split_once('/').is_some_and(|(id, time)| TicketId::parse(id).is_ok() && is_ref_component(time));
    let kinds: [Named; 6] = [
        (TICKETS, "ticket", |rest| TicketId::parse(rest).is_ok()),
        (SESSIONS, "session", |rest| SessionId::parse(rest).is_ok()),
        (LEARNINGS, "learnings", is_ref_component),
        ("refs/os/proposals/", "proposal", is_ref_component),
        ("refs/os/transcripts/", "transcript", is_ref_component),
        ("refs/os/rejected/", "rejected", is_ref_component),
    ];
    match name {
        META => Some("policy"),
        ARCHIVE => Some("archive"),
        WIKI => Some("wiki"),
        VERDICT_NOTES | PROVENANCE_NOTES => Some("notes"),
        _ if name.strip_prefix(RESCUE).is_some_and(pair) => Some("rescue"),
        _ => kinds.iter().find(|(prefix, _, fits)| name.strip_prefix(prefix).is_some_and(fits)).map(|(_, kind, _)| *kind),
    }
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
    let repo = ledger.repo;
    if let Some(refused) = grows(repo, old, new)? {
        return Ok(Some(refused));
    }
    let before = old.map(|old| repo.list_notes(old)).transpose()?.unwrap_or_default();
    let after = repo.list_notes(new)?;
    if let Some(lost) = before.iter().find(|note| !after.iter().any(|other| other.0 == note.0)) {
        return Ok(no(format!("the verdicts on {} would be gone", lost.0.short(12))));
    }
    for (about, note_blob_id) in after.iter().filter(|note| !before.contains(note)) {
        let text = |id| repo.read_blob(id, crate::core::text::MAX_FILE).map(|text| String::from_utf8_lossy(&text).into_owned());
        let known = match before.iter().find(|note| note.0 == *about) {
            Some((_, note_blob_id)) => text(*note_blob_id)?,
            None => String::new(),
        };
        let now = text(*note_blob_id)?;
        if let Some(lost) = known.lines().find(|line| !now.lines().any(|other| other == *line)) {
            return Ok(no(format!("a verdict would be gone: {lost:.60}")));
        }
        for line in now.lines().filter(|line| !known.lines().any(|other| other == *line)) {
            if !is_in_chain(ledger, *about, line)? {
                return Ok(no(format!("no ticket has this verdict on {}", about.short(12))));
            }
        }
    }
    Ok(None)
}

/// Whether a line of a verdict note repeats a verdict in its ticket's chain.
///
/// # Errors
/// When git cannot read the chain.
pub(crate) fn is_in_chain(ledger: &Ledger<'_>, about: ObjectId, line: &str) -> Result<bool, LedgerError> {
    let Ok(verdict) = Verdict::from_json(line) else { return Ok(false) };
    let repo = ledger.repo;
    let tip = match repo.find_ref(&verdict.ticket.ref_name())? {
        Some(tip) => Some(tip),
        None => archive::find(repo, &verdict.ticket)?,
    };
    let Some(tip) = tip.filter(|_| verdict.commit == about) else { return Ok(false) };
    let folder = repo.find_entry(repo.read_commit(tip)?.tree_id, "verdicts")?;
    for entry in folder.map(|folder| repo.read_tree(folder.id)).transpose()?.unwrap_or_default() {
        let text = repo.read_blob(entry.id, crate::core::text::MAX_FILE)?;
        if Verdict::from_json(&String::from_utf8_lossy(&text)).is_ok_and(|known| known == verdict) {
            return Ok(true);
        }
    }
    Ok(false)
}
