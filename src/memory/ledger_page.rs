//! The day's page in the wiki of the hub: what landed, what is blocked, what was learned.

use crate::core::event::Role;
use crate::core::id::WIKI;
use crate::core::trailers::{Key, Message};
use crate::core::wire::SCHEMA;
use crate::git::Repo;
use crate::git::refs::Update;
use crate::ledger::LedgerError;

/// The maximum size of a page, in bytes.
const MAX_PAGE: usize = 1024 * 1024;

/// Adds lines to the page of a day, without those it already has. Returns the number of added lines.
///
/// # Errors
/// If git cannot write.
pub(crate) fn add(hub: &Repo, date: &str, lines: &[String]) -> Result<usize, LedgerError> {
    let path = format!("ledger/{date}.md");
    hub.update_ref(WIKI, |old| {
        let old_tree = old.map(|id| hub.read_commit(id)).transpose()?.map(|commit| commit.tree_id);
        let page = match old_tree {
            Some(tree_id) => hub.find_file(tree_id, &path, MAX_PAGE)?,
            None => None,
        };
        let page = page.map(|page| String::from_utf8_lossy(&page).into_owned());
        let mut text = page.unwrap_or_else(|| format!("---\ntitle: {date}\nkind: ledger\n---\n\n# {date}\n\n"));
        let new: Vec<_> = lines.iter().filter(|line| !text.lines().any(|known| known == line.as_str())).cloned().collect();
        if new.is_empty() {
            return Ok(Update::Stop(0));
        }
        text += &(new.join("\n") + "\n");
        let tree_id = hub.edit_tree(old_tree, &path, Some(hub.write_blob(text.as_bytes())?))?;
        let parents: Vec<_> = old.into_iter().collect();
        let to = hub.write_commit(tree_id, &parents, &hub.identity()?, &message(date))?;
        Ok(Update::Move { to, then: new.len() })
    })
}

fn message(date: &str) -> String {
    Message::new(format_args!("Add to the ledger of {date}"), "", SCHEMA).with(Key::Actor, Role::Librarian).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_bytes_of_a_page_stay_as_they_are() {
        assert_eq!(message("2026-05-07"), "Add to the ledger of 2026-05-07\n\nOs-Schema: 1\nOs-Actor: librarian\n");
    }
}
