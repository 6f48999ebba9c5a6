//! Verdict notes, which repeat on code commits what the chains of tickets say.

use std::collections::BTreeMap;

use crate::core::id::ObjectId;
use crate::core::text::MAX_FILE;
use crate::core::verdict::Verdict;
use crate::ledger::{Ledger, LedgerError, archive};

/// A line of a note, and the commit it is about.
pub(crate) type NoteLine = (ObjectId, String);

impl Ledger<'_> {
    /// Lines of notes that `new` has and `old` has not.
    pub(crate) fn added_lines(&self, old: Option<ObjectId>, new: ObjectId) -> Result<Vec<NoteLine>, LedgerError> {
        let notes = |id: Option<ObjectId>| -> Result<BTreeMap<ObjectId, ObjectId>, LedgerError> {
            Ok(id.map(|id| self.repo.list_notes(id)).transpose()?.unwrap_or_default().into_iter().collect())
        };
        let (before, after) = (notes(old)?, notes(Some(new))?);
        let mut added = Vec::new();
        for (about, blob) in after.iter().filter(|(about, blob)| before.get(about) != Some(blob)) {
            let text = |id: ObjectId| self.repo.read_blob(id, MAX_FILE).map(|text| String::from_utf8_lossy(&text).into_owned());
            let known = before.get(about).map(|blob| text(*blob)).transpose()?.unwrap_or_default();
            let now = text(*blob)?;
            let new_lines = now.lines().filter(|line| !line.trim().is_empty() && !known.lines().any(|other| other == *line));
            added.extend(new_lines.map(|line| (*about, line.to_owned())));
        }
        Ok(added)
    }

    /// A line that a move of the verdict notes would drop.
    ///
    /// # Errors
    /// When git cannot read the notes.
    pub(crate) fn find_lost_verdict(&self, old: Option<ObjectId>, new: ObjectId) -> Result<Option<NoteLine>, LedgerError> {
        match old {
            Some(old) => Ok(self.added_lines(Some(new), old)?.into_iter().next()),
            None => Ok(None),
        }
    }

    /// A line that a move of the verdict notes would bring, and no chain has.
    ///
    /// # Errors
    /// When git cannot read the notes or the chains.
    pub(crate) fn find_made_up(&self, old: Option<ObjectId>, new: ObjectId) -> Result<Option<NoteLine>, LedgerError> {
        for (about, line) in self.added_lines(old, new)? {
            if !self.is_in_chain(about, &line)? {
                return Ok(Some((about, line)));
            }
        }
        Ok(None)
    }

    /// Whether a line of a verdict note repeats a verdict in its ticket's chain.
    ///
    /// # Errors
    /// When git cannot read the chain.
    pub(crate) fn is_in_chain(&self, about: ObjectId, line: &str) -> Result<bool, LedgerError> {
        let Ok(verdict) = Verdict::from_json(line) else { return Ok(false) };
        let repo = self.repo;
        let tip = match repo.find_ref(&verdict.ticket.ref_name())? {
            Some(tip) => Some(tip),
            None => archive::find(repo, &verdict.ticket)?,
        };
        let Some(tip) = tip.filter(|_| verdict.commit == about) else { return Ok(false) };
        let tree_id = repo.read_commit(tip)?.tree_id;
        let mut files = Vec::new();
        // One that came too late was given all the same: it stands with the conflict that it became.
        for folder in ["verdicts", "conflicts"] {
            let folder = repo.find_entry(tree_id, folder)?;
            files.extend(folder.map(|folder| repo.read_tree(folder.id)).transpose()?.unwrap_or_default());
        }
        for entry in &files {
            // Other files that a conflict keeps are no verdicts, and may be of any size.
            let Ok(text) = repo.read_blob(entry.id, MAX_FILE) else { continue };
            let text = String::from_utf8_lossy(&text);
            // Word for word, since a reader of notes sees what a parser leaves out.
            if Verdict::from_json(&text)
                .is_ok_and(|known| known == verdict && (text.trim_end() == line || known.to_json() == line))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
