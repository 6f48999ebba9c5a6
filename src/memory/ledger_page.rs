//! The pages of days in the wiki of the hub: what landed, what is blocked, what was learned.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::event::Role;
use crate::core::id::WIKI;
use crate::core::trailers::{Key, Message};
use crate::core::wire::SCHEMA;
use crate::git::Repo;
use crate::git::refs::Update;
use crate::ledger::LedgerError;

/// The folder of the pages.
const FOLDER: &str = "ledger";
/// The maximum size of a page, in bytes.
const MAX_PAGE: usize = 1024 * 1024;

/// The lines of several days.
pub(crate) type Days = BTreeMap<String, Vec<String>>;

/// Adds lines to the pages of their days, without those that a page already has. Returns the days that got new lines, and how many.
///
/// # Errors
/// If git cannot write.
pub(crate) fn add(hub: &Repo, days: &Days) -> Result<BTreeMap<String, usize>, LedgerError> {
    hub.update_ref(WIKI, |old| {
        let mut tree_id = old.map(|id| hub.read_commit(id)).transpose()?.map(|commit| commit.tree_id);
        let mut added = BTreeMap::new();
        for (date, lines) in days {
            let path = format!("{FOLDER}/{date}.md");
            let page = match tree_id {
                Some(tree_id) => hub.find_file(tree_id, &path, MAX_PAGE)?,
                None => None,
            };
            let page = page.map(|page| String::from_utf8_lossy(&page).into_owned());
            let mut text = page.unwrap_or_else(|| format!("---\ntitle: {date}\nkind: ledger\n---\n\n# {date}\n\n"));
            let mut known: BTreeSet<String> = text.lines().map(str::to_owned).collect();
            let new: Vec<_> = lines.iter().filter(|line| known.insert((*line).clone())).cloned().collect();
            if new.is_empty() {
                continue;
            }
            text += &(new.join("\n") + "\n");
            tree_id = Some(hub.edit_tree(tree_id, &path, Some(hub.write_blob(text.as_bytes())?))?);
            added.insert(date.clone(), new.len());
        }
        let (Some(tree_id), Some(date)) = (tree_id, added.keys().next_back()) else { return Ok(Update::Stop(added)) };
        let parents: Vec<_> = old.into_iter().collect();
        let to = hub.write_commit(tree_id, &parents, &hub.identity()?, &message(date))?;
        Ok(Update::Move { to, then: added })
    })
}

/// All lines of all pages.
///
/// # Errors
/// If git cannot read.
pub(crate) fn lines(hub: &Repo) -> Result<BTreeSet<String>, LedgerError> {
    let mut all = BTreeSet::new();
    let Some(tip) = hub.find_ref(WIKI)? else { return Ok(all) };
    let Some(folder) = hub.find_entry(hub.read_commit(tip)?.tree_id, FOLDER)? else { return Ok(all) };
    for page in hub.read_tree(folder.id)? {
        let text = hub.read_blob(page.id, MAX_PAGE)?;
        all.extend(String::from_utf8_lossy(&text).lines().map(str::to_owned));
    }
    Ok(all)
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
