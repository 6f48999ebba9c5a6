//! Reads trees entry by entry, and writes them in git's order.

use super::object::Kind;
use super::{GitError, Repo};
use crate::core::id::ObjectId;

/// The mode of a file in a tree.
pub(crate) const FILE: u32 = 0o100_644;
/// The mode of a file in a tree that may be executed.
pub(crate) const PROGRAM: u32 = 0o100_755;
/// The mode of a link in a tree.
pub(crate) const LINK: u32 = 0o120_000;
/// The mode of a folder in a tree.
pub(crate) const FOLDER: u32 = 0o040_000;
/// The mode of a commit in a tree.
pub(crate) const COMMIT: u32 = 0o160_000;
/// The maximum number of entries in a tree.
const MAX_ENTRIES: usize = 200_000;

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    pub(crate) mode: u32,
    pub(crate) name: String,
    pub(crate) id: ObjectId,
}

impl Repo {
    /// Reads a tree; the entries are in git's order.
    ///
    /// # Errors
    /// If it does not exist, is not a tree, is malformed, or has names that are not UTF-8.
    pub(crate) fn read_tree(&self, id: ObjectId) -> Result<Vec<TreeEntry>, GitError> {
        parse_tree(&self.read_object(id, Kind::Tree)?, self.hash_len())
            .ok_or(GitError::Malformed { id, what: "is a malformed tree" })
    }

    /// Finds the entry at a path below a tree.
    ///
    /// # Errors
    /// If a tree on the way cannot be read.
    pub(crate) fn find_entry(&self, tree_id: ObjectId, path: &str) -> Result<Option<TreeEntry>, GitError> {
        let mut tree_id = tree_id;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            match self.find_in_tree(tree_id, part)? {
                Some(entry) if parts.peek().is_none() => return Ok(Some(entry)),
                Some(entry) if entry.mode == FOLDER => tree_id = entry.id,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Finds the entry with this name in a tree; skips the other entries without parsing their names.
    fn find_in_tree(&self, tree_id: ObjectId, name: &str) -> Result<Option<TreeEntry>, GitError> {
        let malformed = || GitError::Malformed { id: tree_id, what: "is a malformed tree" };
        let data = self.read_object(tree_id, Kind::Tree)?;
        for entry in (RawEntries { rest: &data, hash_len: self.hash_len() }) {
            let (mode, found, id) = entry.ok_or_else(malformed)?;
            if found == name.as_bytes() {
                return Ok(Some(TreeEntry { mode, name: name.to_owned(), id }));
            }
        }
        Ok(None)
    }

    /// Reads the file at a path below a tree.
    ///
    /// # Errors
    /// If an object on the way cannot be read or is larger than `max` bytes.
    pub(crate) fn find_file(&self, tree_id: ObjectId, path: &str, max: usize) -> Result<Option<Vec<u8>>, GitError> {
        self.find_entry(tree_id, path)?.map(|entry| self.read_blob(entry.id, max)).transpose()
    }

    /// Writes a tree with these entries, given in any order.
    ///
    /// # Errors
    /// If the object store cannot be written.
    pub(crate) fn write_tree(&self, entries: &mut [TreeEntry]) -> Result<ObjectId, GitError> {
        // Git sorts a folder as if its name ended in a slash.
        let key = |entry: &TreeEntry| entry.name.clone() + if entry.mode == FOLDER { "/" } else { "" };
        entries.sort_by_cached_key(key);
        let mut data = Vec::new();
        for entry in entries {
            if entry.name.is_empty() || entry.name.contains(['\0', '/']) {
                return Err(GitError::Malformed { id: entry.id, what: "has a name that cannot be written" });
            }
            data.extend_from_slice(format!("{:o} {}\0", entry.mode, entry.name).as_bytes());
            data.extend_from_slice(entry.id.as_bytes());
        }
        self.write_object(gix::objs::Kind::Tree, &data)
    }

    /// Returns the tree with one path set to a file or removed; folders are created and removed as needed.
    ///
    /// # Errors
    /// If a tree cannot be read or written.
    pub(crate) fn edit_tree(&self, tree_id: Option<ObjectId>, path: &str, file: Option<ObjectId>) -> Result<ObjectId, GitError> {
        let mut entries = tree_id.map_or_else(|| Ok(Vec::new()), |id| self.read_tree(id))?;
        let (name, rest) = path.split_once('/').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let at = entries.iter().position(|entry| entry.name == name);
        let below = at.map(|at| &entries[at]).filter(|entry| entry.mode == FOLDER).map(|entry| entry.id);
        let new = match (rest, file) {
            (None, file) => file.map(|id| TreeEntry { mode: FILE, name: name.to_owned(), id }),
            (Some(rest), file) => {
                let id = self.edit_tree(below, rest, file)?;
                let is_empty = file.is_none() && self.read_tree(id)?.is_empty();
                (!is_empty).then(|| TreeEntry { mode: FOLDER, name: name.to_owned(), id })
            }
        };
        if let Some(at) = at {
            entries.remove(at);
        }
        entries.extend(new);
        self.write_tree(&mut entries)
    }
}

/// Decodes a name. A name that is not UTF-8 gets a leading NUL, which no valid name has, and is never written again.
fn name_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(name) => name.to_owned(),
        Err(_) => std::iter::once('\0').chain(bytes.iter().map(|byte| char::from(*byte))).collect(),
    }
}

/// Iterates over the entries in the bytes of a tree: mode, name and id.
pub(super) struct RawEntries<'a> {
    pub(super) rest: &'a [u8],
    pub(super) hash_len: usize,
}

impl<'a> Iterator for RawEntries<'a> {
    type Item = Option<(u32, &'a [u8], ObjectId)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = || {
            let zero = self.rest.iter().position(|byte| *byte == 0)?;
            let space = self.rest[..zero].iter().position(|byte| *byte == b' ')?;
            let mode = u32::from_str_radix(std::str::from_utf8(&self.rest[..space]).ok()?, 8).ok()?;
            let id = ObjectId::from_bytes(self.rest.get(zero + 1..zero + 1 + self.hash_len)?).ok()?;
            Some(((mode, &self.rest[space + 1..zero], id), &self.rest[zero + 1 + self.hash_len..]))
        };
        let read = read();
        self.rest = read.as_ref().map_or(&[], |read| read.1);
        Some(read.map(|read| read.0))
    }
}

/// Parses the bytes of a tree object.
#[must_use]
pub(crate) fn parse_tree(data: &[u8], hash_len: usize) -> Option<Vec<TreeEntry>> {
    let mut entries = Vec::new();
    for entry in (RawEntries { rest: data, hash_len }) {
        let (mode, name, id) = entry?;
        entries.push(TreeEntry { mode, name: name_of(name), id });
        if entries.len() > MAX_ENTRIES {
            return None;
        }
    }
    Some(entries)
}
