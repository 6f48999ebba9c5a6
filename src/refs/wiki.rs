//! `refs/os/wiki`: the pages. A page that both sides changed stays as the first has it, and the other text is proposed.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use super::sides::{Sides, joined, lines};
use crate::core::id::{ObjectId, PROPOSALS, WIKI};
use crate::core::trailers::{Key, Message};
use crate::core::wire::SCHEMA;
use crate::git::Repo;
use crate::git::refs::{Moved, RefEdit};
use crate::git::tree::{FOLDER, TreeEntry};
use crate::ledger::LedgerError;

pub(crate) struct Wiki;

impl Kind for Wiki {
    fn owns(&self, name: &str) -> bool {
        name == WIKI
    }

    fn merge(&self, repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
        sides.join(repo, pages(repo, sides)?, &joined())
    }
}

/// The wiki of both. A page that both changed stays as the first has it, and the other text becomes a proposal; the pages
/// of days, which only collect lines, have the lines of both.
fn pages(repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
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
    let read = |id: Option<ObjectId>| -> Result<BTreeMap<String, TreeEntry>, LedgerError> {
        let entries = id.map(|id| repo.read_tree(id)).transpose()?.unwrap_or_default();
        Ok(entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect())
    };
    let (base, first, second) = (read(base)?, read(first)?, read(second)?);
    let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let mut all = Vec::new();
    for name in names {
        let path = format!("{prefix}{name}");
        let (was, one, two) = (base.get(name), first.get(name), second.get(name));
        let is_folder = |entry: Option<&TreeEntry>| entry.is_none_or(|entry| entry.mode == FOLDER);
        let kept = if one == two || was == two {
            one.cloned()
        } else if was == one {
            two.cloned()
        } else if is_folder(one) && is_folder(two) {
            let below = |entry: Option<&TreeEntry>| entry.filter(|entry| entry.mode == FOLDER).map(|entry| entry.id);
            let id = tree(repo, below(was), (below(one), below(two)), &format!("{path}/"), disputed)?;
            id.map(|id| TreeEntry { mode: FOLDER, name: name.clone(), id })
        } else {
            match (one, two) {
                (Some(one), Some(two)) if one.mode == two.mode && path.starts_with("ledger/") => {
                    Some(TreeEntry { id: lines(repo, one.id, two.id)?, ..one.clone() })
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
    let message = proposal(&page.path, sides.first.0, sides.second.0);
    let commit_id = repo.rewrite_commit(&sides.second.1, tree_id, &[], &message)?;
    let name = format!("{PROPOSALS}{}", commit_id.short(16));
    match repo.move_refs(&[RefEdit::create(name, commit_id)])? {
        // It is there when the fold before was interrupted, or somebody else folded the same.
        Moved::Done | Moved::Lost => Ok(()),
    }
}

/// The message of a proposal about a page that two commits changed. The path is whatever others named it.
fn proposal(path: &str, kept: ObjectId, other: ObjectId) -> String {
    let body = "Two sides changed this page; `kept.md` is what the wiki has, `other.md` what gave way.";
    let message = Message::new(format_args!("[open] {path}"), body, SCHEMA).with(Key::Page, path);
    message.with(Key::Confidence, "medium").with(Key::Kept, kept).with(Key::Other, other).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_bytes_of_a_proposal_stay_as_they_are() {
        let id = |digit: &str| ObjectId::parse(&digit.repeat(40)).expect("hex");
        let stored = format!(
            "[open] umano/prices.md\n\nTwo sides changed this page; `kept.md` is what the wiki has, `other.md` what gave way.\n\n\
             Os-Schema: 1\nOs-Page: umano/prices.md\nOs-Confidence: medium\nOs-Kept: {}\nOs-Other: {}\n",
            id("1"),
            id("2")
        );
        assert_eq!(proposal("umano/prices.md", id("1"), id("2")), stored);
        assert_eq!(super::super::sides::joined(), "Put two histories together\n\nOs-Schema: 1\n");
    }

    #[test]
    fn the_name_of_a_page_cannot_inject_a_trailer() {
        let id = ObjectId::parse(&"1".repeat(40)).expect("hex");
        let message = proposal("a\n\nOs-Confidence: high\nb", id, id);
        assert!(message.lines().all(|line| line != "Os-Confidence: high"), "{message}");
        assert!(message.contains("\nOs-Page: a  Os-Confidence: high b\nOs-Confidence: medium\n"), "{message}");
    }
}
