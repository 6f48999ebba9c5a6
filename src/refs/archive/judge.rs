//! Whether a move of the archive is by the rules: nothing it named is gone, and all it names is kept, closed and legal.

use std::collections::{HashMap, HashSet};

use super::has_all;
use crate::core::id::{ObjectId, SessionId, TicketId};
use crate::core::ticket::Ticket;
use crate::git::Repo;
use crate::git::tree::{COMMIT, Entry, FOLDER};
use crate::ledger::archive::{Folds, entries, session_path, ticket_path};
use crate::ledger::replay::{Illegal, Landed};
use crate::ledger::{Ledger, LedgerError};

/// How the messages of the archive's own commits begin; what they hold does not.
const OWN: [&str; 2] = ["[archive] ", "[bundle] "];

/// What a move of the archive brings, and the tips that its own commits keep.
struct Brought {
    new: Folds,
    kept: HashSet<ObjectId>,
}

/// How the chains in it are judged: as those that come in, `replay::admit`, or as what is there, `replay::replay`.
pub(crate) type JudgeChain =
    fn(&Ledger<'_>, &TicketId, ObjectId, Option<ObjectId>, &Landed<'_>) -> Result<Result<Ticket, Illegal>, LedgerError>;

/// Why a move of the archive is not by the rules, if it is not: it names all that it named, each as it was or further on,
/// keeps what it names, and holds nothing but legal chains of closed tickets.
///
/// # Errors
/// When git cannot read.
pub(crate) fn judge(
    ledger: &Ledger<'_>,
    old: Option<ObjectId>,
    new: ObjectId,
    chain: JudgeChain,
    landed: &Landed<'_>,
) -> Result<Option<String>, LedgerError> {
    let repo = ledger.repo;
    if repo.read_header(new)?.0 != crate::git::object::Kind::Commit {
        return Ok(Some("it is not a commit".to_owned()));
    }
    if let Some(old) = old
        && !repo.is_ancestor(old, new)?
    {
        return Ok(Some("it would lose what is there".to_owned()));
    }
    let before = match old {
        Some(old) => entries(repo, repo.read_commit(old)?.tree_id)?,
        None => Folds::new(),
    };
    let tree_id = repo.read_commit(new)?.tree_id;
    if let Some(strange) = strange_entry(repo, tree_id)? {
        return Ok(Some(format!("`{}` does not belong there", crate::core::text::escape(&strange))));
    }
    let after = entries(repo, tree_id)?;
    if let Some(lost) = before.keys().find(|path| !after.contains_key(*path)) {
        return Ok(Some(format!("`{lost}` would be gone")));
    }
    let kept = own_parents(repo, new, old)?;
    let brought = Brought { new: after.into_iter().filter(|(path, tip)| before.get(path) != Some(tip)).collect(), kept };
    for (path, tip) in &brought.new {
        if let Some(why) =
            judge_one(ledger, path, *tip, before.get(path).copied(), &brought.kept, |id| chain(ledger, id, *tip, None, landed))?
        {
            return Ok(Some(format!("`{path}`: {why}")));
        }
    }
    Ok(None)
}

fn judge_one(
    ledger: &Ledger<'_>,
    path: &str,
    tip: ObjectId,
    before: Option<ObjectId>,
    kept: &HashSet<ObjectId>,
    chain: impl Fn(&TicketId) -> Result<Result<Ticket, Illegal>, LedgerError>,
) -> Result<Option<String>, LedgerError> {
    if !kept.contains(&tip) {
        return Ok(Some("nothing keeps its history".to_owned()));
    }
    if let Some(before) = before
        && !has_all(ledger, before, tip, path.starts_with("tickets/"))?
    {
        return Ok(Some("its history would be another one".to_owned()));
    }
    if !path.starts_with("tickets/") {
        return Ok(None);
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let Ok(id) = TicketId::parse(name) else { return Ok(Some("the name is not a ticket id".to_owned())) };
    Ok(match chain(&id)? {
        Ok(ticket) if ticket.state.is_terminal() => None,
        Ok(ticket) => Some(format!("the ticket is `{}`, and only closed ones are archived", ticket.state)),
        Err(illegal) => Some(illegal.to_string()),
    })
}

/// What is not by the rules in an archive as it is, the chains that it names apart: something strange in its tree, something
/// that its commits do not keep, or something that one of them named and a later one does not.
///
/// # Errors
/// When git cannot read.
pub(crate) fn audit(repo: &Repo, tip: ObjectId) -> Result<Option<String>, LedgerError> {
    let tree_id = repo.read_commit(tip)?.tree_id;
    if let Some(strange) = strange_entry(repo, tree_id)? {
        return Ok(Some(format!("`{}` does not belong there", crate::core::text::escape(&strange))));
    }
    let kept = own_parents(repo, tip, None)?;
    if let Some((path, _)) = entries(repo, tree_id)?.iter().find(|(_, tip)| !kept.contains(*tip)) {
        return Ok(Some(format!("`{path}`: nothing keeps its history")));
    }
    let mut seen = HashSet::new();
    let mut queue = vec![tip];
    while let Some(id) = queue.pop() {
        let commit = repo.read_commit(id)?;
        for parent in commit.parents.iter().filter(|parent| !kept.contains(*parent) && seen.insert(**parent)) {
            let before = repo.read_commit(*parent)?;
            if before.subject().starts_with(OWN[0]) {
                if let Some(path) = dropped(repo, before.tree_id, commit.tree_id, "")? {
                    return Ok(Some(format!("`{path}` is gone since commit {}", id.short(12))));
                }
                queue.push(*parent);
            }
        }
    }
    Ok(None)
}

/// What one tree names and another does not; folders that are the same are not looked into.
fn dropped(repo: &Repo, before: ObjectId, after: ObjectId, prefix: &str) -> Result<Option<String>, LedgerError> {
    if before == after {
        return Ok(None);
    }
    let after: HashMap<String, Entry> = repo.read_tree(after)?.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
    for entry in repo.read_tree(before)? {
        let path = format!("{prefix}{}", entry.name);
        match after.get(&entry.name) {
            None => return Ok(Some(path)),
            Some(now) if entry.mode == FOLDER && now.mode == FOLDER => {
                if let Some(path) = dropped(repo, entry.id, now.id, &(path + "/"))? {
                    return Ok(Some(path));
                }
            }
            Some(_) => {}
        }
    }
    Ok(None)
}

/// Something in an archive's tree that is not where it belongs.
fn strange_entry(repo: &Repo, tree_id: ObjectId) -> Result<Option<String>, LedgerError> {
    for top in repo.read_tree(tree_id)? {
        if top.mode != FOLDER || !matches!(top.name.as_str(), "tickets" | "sessions") {
            return Ok(Some(top.name));
        }
        for month in repo.read_tree(top.id)? {
            if month.mode != FOLDER {
                return Ok(Some(format!("{}/{}", top.name, month.name)));
            }
            for entry in repo.read_tree(month.id)? {
                let path = format!("{}/{}/{}", top.name, month.name, entry.name);
                let wanted = match top.name.as_str() {
                    "tickets" => TicketId::parse(&entry.name).ok().map(|id| ticket_path(&id)),
                    _ => SessionId::parse(&entry.name).ok().map(|id| session_path(&id)),
                };
                if entry.mode != COMMIT || wanted.as_ref() != Some(&path) {
                    return Ok(Some(path));
                }
            }
        }
    }
    Ok(None)
}

/// The parents of the archive's own commits from one on, but for what an older one has: the tips that are kept.
fn own_parents(repo: &Repo, new: ObjectId, old: Option<ObjectId>) -> Result<HashSet<ObjectId>, LedgerError> {
    let mut kept = HashSet::new();
    let mut seen: HashSet<ObjectId> = old.into_iter().collect();
    let mut queue = vec![new];
    while let Some(id) = queue.pop() {
        if !seen.insert(id) {
            continue;
        }
        let commit = repo.read_commit(id)?;
        let subject = commit.subject();
        if OWN.iter().any(|own| subject.starts_with(own)) {
            queue.extend(commit.parents);
        } else {
            kept.insert(id);
        }
    }
    Ok(kept)
}
