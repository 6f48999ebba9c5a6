//! The day's page in the wiki of the hub: what landed, what is blocked, what was learned.

use crate::core::id::WIKI;
use crate::git::refs::{Moved, RefEdit};
use crate::git::{GitError, Repo};
use crate::ledger::LedgerError;

/// The maximum size of a page, in bytes.
const MAX_PAGE: usize = 1024 * 1024;

/// Adds lines to the page of a day, without those it already has. Returns the number of added lines.
///
/// # Errors
/// If git cannot write.
pub(crate) fn add(hub: &Repo, date: &str, lines: &[String]) -> Result<usize, LedgerError> {
    let path = format!("ledger/{date}.md");
    for _ in 0..100 {
        let old = hub.find_ref(WIKI)?;
        let old_tree = old.map(|id| hub.read_commit(id)).transpose()?.map(|commit| commit.tree_id);
        let page = match old_tree {
            Some(tree_id) => hub.find_file(tree_id, &path, MAX_PAGE)?,
            None => None,
        };
        let page = page.map(|page| String::from_utf8_lossy(&page).into_owned());
        let mut text = page.unwrap_or_else(|| format!("---\ntitle: {date}\nkind: ledger\n---\n\n# {date}\n\n"));
        let new: Vec<_> = lines.iter().filter(|line| !text.lines().any(|known| known == line.as_str())).cloned().collect();
        if new.is_empty() {
            return Ok(0);
        }
        text += &(new.join("\n") + "\n");
        let tree_id = hub.edit_tree(old_tree, &path, Some(hub.write_blob(text.as_bytes())?))?;
        let parents: Vec<_> = old.into_iter().collect();
        let message = format!("Add to the ledger of {date}\n\nOs-Schema: 1\nOs-Actor: librarian\n");
        let commit_id = hub.write_commit(tree_id, &parents, &hub.identity()?, &message)?;
        if hub.move_refs(&[RefEdit::advance(WIKI, old, commit_id)])? == Moved::Done {
            return Ok(new.len());
        }
    }
    Err(GitError::Move { name: WIKI.to_owned(), source: "it kept moving".into() }.into())
}
