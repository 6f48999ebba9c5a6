//! What is not a ticket and grew on both sides: one commit with both as its parents, the same on every machine.

use std::collections::{BTreeMap, BTreeSet};

use super::{Order, Outcome, TRIES};
use crate::core::id::{ObjectId, PROPOSALS};
use crate::core::merge::is_first;
use crate::core::refs::RefKind;
use crate::core::text::MAX_FILE;
use crate::git::Repo;
use crate::git::object::{Commit, Kind};
use crate::git::refs::{Moved, RefEdit};
use crate::git::tree::{Entry, FOLDER};
use crate::ledger::{Ledger, LedgerError, archive};

/// A file of notes or a page that grew on both sides: all lines of the first, then those that only the second has.
fn lines(repo: &Repo, first: ObjectId, second: ObjectId) -> Result<ObjectId, LedgerError> {
    let text = |id| repo.read_blob(id, MAX_FILE).map(|text| String::from_utf8_lossy(&text).into_owned());
    let (mut all, more) = (text(first)?, text(second)?);
    let known: BTreeSet<String> = all.lines().map(str::to_owned).collect();
    if !all.is_empty() && !all.ends_with('\n') {
        all.push('\n');
    }
    for line in more.lines().filter(|line| !known.contains(*line)) {
        all += line;
        all.push('\n');
    }
    Ok(repo.write_blob(all.as_bytes())?)
}

/// Two histories of one ref, the one that goes first in front.
pub(crate) struct Sides {
    pub(crate) first: (ObjectId, Commit),
    pub(crate) second: (ObjectId, Commit),
}

impl Sides {
    /// Puts two tips in order.
    ///
    /// # Errors
    /// When one of them is not a commit.
    pub(crate) fn of(repo: &Repo, ours: ObjectId, theirs: ObjectId, order: Order) -> Result<Self, LedgerError> {
        let (our_commit, their_commit) = (repo.read_commit(ours)?, repo.read_commit(theirs)?);
        let is_ours_first = match order {
            Order::Theirs => false,
            Order::Ours => true,
            Order::Older => is_first((our_commit.time().0, ours), (their_commit.time().0, theirs)),
        };
        let (ours, theirs) = ((ours, our_commit), (theirs, their_commit));
        Ok(if is_ours_first { Self { first: ours, second: theirs } } else { Self { first: theirs, second: ours } })
    }

    /// A commit with both as its parents, in the name and at the time of the second; so whoever makes it makes the same.
    ///
    /// # Errors
    /// When git cannot write.
    pub(crate) fn join(&self, repo: &Repo, tree_id: ObjectId, message: &str) -> Result<ObjectId, LedgerError> {
        Ok(repo.rewrite_commit(&self.second.1, tree_id, &[self.first.0, self.second.0], message)?)
    }

    /// The one that was written later.
    #[must_use]
    fn newer(&self) -> &Commit {
        let key = |side: &(ObjectId, Commit)| (side.1.time().0, side.0);
        if key(&self.first) > key(&self.second) { &self.first.1 } else { &self.second.1 }
    }
}

/// Folds in a ref that only grows.
///
/// # Errors
/// When git fails; what is not by the rules is an answer.
pub(crate) fn fold(
    ledger: &Ledger<'_>,
    kind: &RefKind,
    name: &str,
    theirs: ObjectId,
    order: Order,
) -> Result<Outcome, LedgerError> {
    let repo = ledger.repo;
    if !repo.has_object(theirs) || repo.read_header(theirs)?.0 != Kind::Commit {
        return Ok(Outcome::Refused("it is not a commit".to_owned()));
    }
    for _ in 0..TRIES {
        let ours = repo.find_ref(name)?;
        if let Some(ours) = ours
            && (ours == theirs || repo.is_ancestor(theirs, ours)?)
        {
            return Ok(Outcome::Same);
        }
        if ours.is_none() && *kind == RefKind::Session && archive::find_session(repo, name)? == Some(theirs) {
            return Ok(Outcome::Same);
        }
        if *kind == RefKind::Verdicts
            && let Some((about, _)) = ledger.find_made_up(ours, theirs)?
        {
            return Ok(Outcome::Refused(format!("no ticket has a verdict it has on {}", about.short(12))));
        }
        if let (RefKind::Verdicts, Some(known)) = (kind, ours)
            && repo.is_ancestor(known, theirs)?
            && let Some((about, _)) = ledger.find_lost_verdict(ours, theirs)?
        {
            return Ok(Outcome::Refused(format!("a verdict on {} would be gone", about.short(12))));
        }
        let (tip, outcome) = match ours {
            Some(ours) if !repo.is_ancestor(ours, theirs)? => {
                let sides = Sides::of(repo, ours, theirs, order)?;
                (join(repo, kind, &sides)?, Outcome::Merged { conflicts: 0 })
            }
            _ => (theirs, Outcome::Brought),
        };
        if repo.move_refs(&[RefEdit::advance(name, ours, tip)])? == Moved::Done {
            return Ok(outcome);
        }
    }
    Err(crate::git::GitError::Move { name: name.to_owned(), source: "it kept moving".into() }.into())
}

fn join(repo: &Repo, kind: &RefKind, sides: &Sides) -> Result<ObjectId, LedgerError> {
    let message = match kind {
        // Whatever reads a session reads its last commit.
        RefKind::Session | RefKind::Proposal => String::from_utf8_lossy(&sides.newer().message).into_owned(),
        _ => "Put two histories together\n\nOs-Schema: 1\n".to_owned(),
    };
    let tree_id = match kind {
        RefKind::Verdicts | RefKind::Provenance => notes(repo, sides)?,
        RefKind::Wiki => wiki(repo, sides)?,
        _ => sides.newer().tree_id,
    };
    sides.join(repo, tree_id, &message)
}

/// The notes of both: for what both annotate, the lines of both.
fn notes(repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
    let known: BTreeMap<_, _> = repo.list_notes(sides.first.0)?.into_iter().collect();
    let mut tree_id = sides.first.1.tree_id;
    for (about, blob) in repo.list_notes(sides.second.0)? {
        let blob = match known.get(&about) {
            Some(known) if *known == blob => continue,
            Some(known) => lines(repo, *known, blob)?,
            None => blob,
        };
        tree_id = repo.set_note(Some(tree_id), about, blob)?;
    }
    Ok(tree_id)
}

/// The wiki of both. A page that both changed stays as the first has it, and the other text becomes a proposal; the pages
/// of days, which only collect lines, have the lines of both.
fn wiki(repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
    let base = repo.git().line(["merge-base", &sides.first.0.to_string(), &sides.second.0.to_string()])?;
    let base = base.and_then(|id| ObjectId::parse(&id).ok());
    let base = base.map(|id| repo.read_commit(id)).transpose()?.map(|commit| commit.tree_id);
    let mut disputed = Vec::new();
    let trees = (Some(sides.first.1.tree_id), Some(sides.second.1.tree_id));
    let tree_id = tree(repo, base, trees, "", &mut disputed)?;
    for page in disputed {
        propose(repo, sides, &page)?;
    }
    Ok(match tree_id {
        Some(tree_id) => tree_id,
        None => repo.write_tree(&mut [])?,
    })
}

/// A page that both sides changed.
struct Disputed {
    path: String,
    base: Option<ObjectId>,
    kept: ObjectId,
    other: ObjectId,
}

type Trees = (Option<ObjectId>, Option<ObjectId>);

fn tree(
    repo: &Repo,
    base: Option<ObjectId>,
    (first, second): Trees,
    prefix: &str,
    disputed: &mut Vec<Disputed>,
) -> Result<Option<ObjectId>, LedgerError> {
    let read = |id: Option<ObjectId>| -> Result<BTreeMap<String, Entry>, LedgerError> {
        let entries = id.map(|id| repo.read_tree(id)).transpose()?.unwrap_or_default();
        Ok(entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect())
    };
    let (base, first, second) = (read(base)?, read(first)?, read(second)?);
    let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let mut all = Vec::new();
    for name in names {
        let path = format!("{prefix}{name}");
        let (was, one, two) = (base.get(name), first.get(name), second.get(name));
        let is_folder = |entry: Option<&Entry>| entry.is_none_or(|entry| entry.mode == FOLDER);
        let kept = if one == two || was == two {
            one.cloned()
        } else if was == one {
            two.cloned()
        } else if is_folder(one) && is_folder(two) {
            let below = |entry: Option<&Entry>| entry.filter(|entry| entry.mode == FOLDER).map(|entry| entry.id);
            let id = tree(repo, below(was), (below(one), below(two)), &format!("{path}/"), disputed)?;
            id.map(|id| Entry { mode: FOLDER, name: name.clone(), id })
        } else {
            match (one, two) {
                (Some(one), Some(two)) if one.mode == two.mode && path.starts_with("ledger/") => {
                    Some(Entry { id: lines(repo, one.id, two.id)?, ..one.clone() })
                }
                (Some(one), Some(two)) => {
                    let base = was.map(|was| was.id);
                    disputed.push(Disputed { path, base, kept: one.id, other: two.id });
                    Some(one.clone())
                }
                // One side took away what the other changed: the change is kept.
                (one, two) => one.or(two).cloned(),
            }
        };
        all.extend(kept);
    }
    Ok(if all.is_empty() { None } else { Some(repo.write_tree(&mut all)?) })
}

/// Puts the text that gave way up for decision.
fn propose(repo: &Repo, sides: &Sides, page: &Disputed) -> Result<(), LedgerError> {
    let mut tree_id = repo.edit_tree(None, "kept.md", Some(page.kept))?;
    tree_id = repo.edit_tree(Some(tree_id), "other.md", Some(page.other))?;
    if let Some(base) = page.base {
        tree_id = repo.edit_tree(Some(tree_id), "base.md", Some(base))?;
    }
    let message = format!(
        "[open] {}\n\nTwo sides changed this page; `kept.md` is what the wiki has, `other.md` what gave way.\n\nOs-Schema: 1\n\
         Os-Page: {}\nOs-Confidence: medium\nOs-Kept: {}\nOs-Other: {}\n",
        page.path, page.path, sides.first.0, sides.second.0
    );
    let commit_id = repo.rewrite_commit(&sides.second.1, tree_id, &[], &message)?;
    let name = format!("{PROPOSALS}{}", commit_id.short(16));
    match repo.move_refs(&[RefEdit::create(name, commit_id)])? {
        // It is there when the fold before was interrupted, or somebody else folded the same.
        Moved::Done | Moved::Lost => Ok(()),
    }
}
