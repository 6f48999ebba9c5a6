//! Git notes: one blob for each annotated object, in a tree with a fan-out of two digits or without one.

use std::collections::HashSet;

use super::refs::Update;
use super::tree::{FILE, FOLDER};
use super::{GitError, Identity, Repo};
use crate::core::id::ObjectId;

/// The maximum size of a note, in bytes.
const MAX_NOTE: usize = 1024 * 1024;

/// The annotated objects, with the note blob of each.
type Notes = Vec<(ObjectId, ObjectId)>;

impl Repo {
    /// Lists all notes of a notes commit: the annotated object and the blob.
    ///
    /// # Errors
    /// If a tree cannot be read.
    pub(crate) fn list_notes(&self, commit_id: ObjectId) -> Result<Notes, GitError> {
        Ok(self.walk_notes(commit_id)?.0)
    }

    /// Finds an entry in the tree of a notes commit that is not a note, and returns its name.
    ///
    /// # Errors
    /// If a tree cannot be read.
    pub(crate) fn find_stranger_in_notes(&self, commit_id: ObjectId) -> Result<Option<String>, GitError> {
        Ok(self.walk_notes(commit_id)?.1)
    }

    fn walk_notes(&self, commit_id: ObjectId) -> Result<(Notes, Option<String>), GitError> {
        let mut notes = Vec::new();
        let mut stranger = None;
        let mut folders = vec![(String::new(), self.read_commit(commit_id)?.tree_id)];
        let mut seen = HashSet::new();
        // A commit has at most one note, with or without a fan-out.
        let mut known = HashSet::new();
        while let Some((prefix, tree_id)) = folders.pop() {
            // Nested copies of one tree need few objects but would take forever to walk.
            if !seen.insert(tree_id) {
                return Err(GitError::Malformed { id: tree_id, what: "is a folder of notes in two places" });
            }
            for entry in self.read_tree(tree_id)? {
                let digits = prefix.clone() + &entry.name;
                if entry.mode == FOLDER && entry.name.len() == 2 && digits.len() < 2 * self.hash_len() {
                    folders.push((digits, entry.id));
                } else if let (FILE, Ok(about)) = (entry.mode, ObjectId::parse(&digits))
                    && known.insert(about)
                {
                    notes.push((about, entry.id));
                } else {
                    stranger = stranger.or(Some(digits));
                }
            }
        }
        Ok((notes, stranger))
    }

    fn find_note_path(&self, tree_id: ObjectId, about: ObjectId) -> Result<Option<String>, GitError> {
        let hex = about.to_string();
        let (mut tree_id, mut path, mut rest) = (tree_id, String::new(), hex.as_str());
        loop {
            let entries = self.read_tree(tree_id)?;
            if entries.iter().any(|entry| entry.name == rest && entry.mode == FILE) {
                return Ok(Some(path + rest));
            }
            match entries.iter().find(|entry| entry.mode == FOLDER && rest.len() > 2 && entry.name == rest[..2]) {
                Some(entry) => {
                    path = path + &rest[..2] + "/";
                    (tree_id, rest) = (entry.id, &rest[2..]);
                }
                None => return Ok(None),
            }
        }
    }

    /// Returns the notes tree with one note set.
    ///
    /// # Errors
    /// If a tree cannot be read or written.
    pub(crate) fn set_note(&self, tree_id: Option<ObjectId>, about: ObjectId, blob: ObjectId) -> Result<ObjectId, GitError> {
        let hex = about.to_string();
        let found = tree_id.map(|tree_id| self.find_note_path(tree_id, about)).transpose()?.flatten();
        let path = found.unwrap_or_else(|| format!("{}/{}", &hex[..2], &hex[2..]));
        self.edit_tree(tree_id, &path, Some(blob))
    }

    /// Finds the note on an object.
    ///
    /// # Errors
    /// If the notes cannot be read.
    pub(crate) fn find_note(&self, notes_ref: &str, about: ObjectId) -> Result<Option<String>, GitError> {
        match self.find_ref(notes_ref)? {
            Some(tip) => self.read_note(self.read_commit(tip)?.tree_id, about),
            None => Ok(None),
        }
    }

    fn read_note(&self, tree_id: ObjectId, about: ObjectId) -> Result<Option<String>, GitError> {
        let Some(path) = self.find_note_path(tree_id, about)? else { return Ok(None) };
        let text = self.find_file(tree_id, &path, MAX_NOTE)?;
        Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
    }

    /// Adds a line to a note, unless the note already has it.
    ///
    /// # Errors
    /// If the notes cannot be read or written.
    pub(crate) fn add_note_line(&self, notes_ref: &str, about: ObjectId, line: &str, who: &Identity) -> Result<(), GitError> {
        self.update_ref(notes_ref, |old| {
            let old_tree = old.map(|id| self.read_commit(id)).transpose()?.map(|commit| commit.tree_id);
            let mut text = match old_tree {
                Some(tree_id) => self.read_note(tree_id, about)?.unwrap_or_default(),
                None => String::new(),
            };
            if text.lines().any(|known| known == line) {
                return Ok(Update::Stop(()));
            }
            text = text + line + "\n";
            let tree_id = self.set_note(old_tree, about, self.write_blob(text.as_bytes())?)?;
            let parents: Vec<_> = old.into_iter().collect();
            let to = self.write_commit(tree_id, &parents, who, &format!("Add a note on {}\n", about.short(12)))?;
            Ok(Update::Move { to, then: () })
        })
    }
}
