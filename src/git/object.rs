//! Objects in and out: commits, trees and blobs as bytes, read without trust.

use gix::objs::{Exists as _, Find as _, FindHeader as _, Write as _};

use super::{GitError, Identity, Repo};
use crate::core::id::ObjectId;
use crate::core::time::Timestamp;

/// The mode of a file in a tree.
pub(crate) const FILE: u32 = 0o100_644;
/// The mode of a folder in a tree.
pub(crate) const FOLDER: u32 = 0o040_000;
/// The mode of a commit in a tree.
pub(crate) const COMMIT: u32 = 0o160_000;
/// The largest object of a push that is read, in bytes; what is here already is held to the same.
const MAX_PUSHED: u64 = 64 * 1024 * 1024;
/// How many entries of a tree are read.
const MAX_ENTRIES: usize = 200_000;

/// What kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

/// A commit as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) tree_id: ObjectId,
    pub(crate) parents: Vec<ObjectId>,
    /// `Name <mail> seconds zone`.
    pub(crate) author: String,
    pub(crate) committer: String,
    pub(crate) message: Vec<u8>,
}

impl Commit {
    /// The committer's time; the first second of 1970 when it cannot be read.
    #[must_use]
    pub(crate) fn time(&self) -> Timestamp {
        let seconds = self.committer.rsplit(' ').nth(1).and_then(|text| text.parse().ok());
        Timestamp(seconds.unwrap_or_default())
    }

    /// The first line of the message, lossily.
    #[must_use]
    pub(crate) fn subject(&self) -> String {
        let text = String::from_utf8_lossy(&self.message);
        text.lines().next().unwrap_or_default().to_owned()
    }
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) mode: u32,
    pub(crate) name: String,
    pub(crate) id: ObjectId,
}

impl Repo {
    /// Whether the object is here.
    #[must_use]
    pub(crate) fn has_object(&self, id: ObjectId) -> bool {
        native(id)
            .is_some_and(|id| self.inner.has_object(id) || self.quarantine.as_ref().is_some_and(|pushed| pushed.exists(&id)))
    }

    /// Kind and size in bytes, without reading the contents.
    ///
    /// # Errors
    /// When the object is not here or cannot be read.
    pub(crate) fn read_header(&self, id: ObjectId) -> Result<(Kind, u64), GitError> {
        let native = native(id).ok_or(GitError::Malformed { id, what: "has an id of the wrong length" })?;
        let pushed = self.quarantine.as_ref().and_then(|pushed| pushed.try_header(&native).ok().flatten());
        if let Some(header) = pushed {
            return Ok((kind(header.kind), header.size));
        }
        let header = self.inner.find_header(native).map_err(|error| GitError::Read { id, source: Box::new(error) })?;
        Ok((kind(header.kind()), header.size()))
    }

    fn read_object(&self, id: ObjectId, wanted: Kind) -> Result<Vec<u8>, GitError> {
        let native = native(id).ok_or(GitError::Malformed { id, what: "has an id of the wrong length" })?;
        let mut pushed = Vec::new();
        // A blob of zeros packs well: its size is looked at before its contents.
        let header = self.quarantine.as_ref().and_then(|objects| objects.try_header(&native).ok().flatten());
        if header.as_ref().is_some_and(|header| header.size > MAX_PUSHED) {
            return Err(GitError::Malformed { id, what: "is larger than it may be" });
        }
        let found = self.quarantine.as_ref().filter(|_| header.is_some()).and_then(|objects| {
            let found = objects.try_find(&native, &mut pushed).ok().flatten()?;
            Some(kind(found.kind))
        });
        let (found, data) = if let Some(found) = found {
            (found, pushed)
        } else {
            let object = self.inner.find_object(native).map_err(|error| GitError::Read { id, source: Box::new(error) })?;
            (kind(object.kind), object.detach().data)
        };
        if found != wanted {
            let what = match wanted {
                Kind::Commit => "is not a commit",
                Kind::Tree => "is not a tree",
                Kind::Blob => "is not a blob",
                Kind::Tag => "is not a tag",
            };
            return Err(GitError::Malformed { id, what });
        }
        Ok(data)
    }

    /// Reads a commit.
    ///
    /// # Errors
    /// When it is not here, is no commit or has not the shape of one.
    pub(crate) fn read_commit(&self, id: ObjectId) -> Result<Commit, GitError> {
        parse_commit(&self.read_object(id, Kind::Commit)?).ok_or(GitError::Malformed { id, what: "is a malformed commit" })
    }

    /// The bytes of a commit as it is stored, signature and all.
    ///
    /// # Errors
    /// When it is not here or is no commit.
    pub(crate) fn read_commit_bytes(&self, id: ObjectId) -> Result<Vec<u8>, GitError> {
        self.read_object(id, Kind::Commit)
    }

    /// Reads a tree, its entries in git's order.
    ///
    /// # Errors
    /// When it is not here, is no tree, has not the shape of one, or has names that are not UTF-8.
    pub(crate) fn read_tree(&self, id: ObjectId) -> Result<Vec<Entry>, GitError> {
        parse_tree(&self.read_object(id, Kind::Tree)?, self.hash_len())
            .ok_or(GitError::Malformed { id, what: "is a malformed tree" })
    }

    /// Reads a blob of at most `max` bytes; the size is looked at first.
    ///
    /// # Errors
    /// When it is not here, is no blob or is larger.
    pub(crate) fn read_blob(&self, id: ObjectId, max: usize) -> Result<Vec<u8>, GitError> {
        let (_, size) = self.read_header(id)?;
        if size > max as u64 {
            return Err(GitError::Malformed { id, what: "is larger than it may be" });
        }
        self.read_object(id, Kind::Blob)
    }

    /// The entry at a path below a tree.
    ///
    /// # Errors
    /// When a tree on the way cannot be read.
    pub(crate) fn find_entry(&self, tree_id: ObjectId, path: &str) -> Result<Option<Entry>, GitError> {
        let mut tree_id = tree_id;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            match self.read_tree(tree_id)?.into_iter().find(|entry| entry.name == part) {
                Some(entry) if parts.peek().is_none() => return Ok(Some(entry)),
                Some(entry) if entry.mode == FOLDER => tree_id = entry.id,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The contents of the file at a path below a tree.
    ///
    /// # Errors
    /// When something on the way cannot be read or is larger than `max` bytes.
    pub(crate) fn find_file(&self, tree_id: ObjectId, path: &str, max: usize) -> Result<Option<Vec<u8>>, GitError> {
        self.find_entry(tree_id, path)?.map(|entry| self.read_blob(entry.id, max)).transpose()
    }

    fn write_object(&self, kind: gix::objs::Kind, data: &[u8]) -> Result<ObjectId, GitError> {
        let id = self.inner.objects.write_buf(kind, data).map_err(|error| GitError::Write { source: error.into() })?;
        Ok(foreign(&id))
    }

    /// Writes a blob.
    ///
    /// # Errors
    /// When the object store cannot be written.
    pub(crate) fn write_blob(&self, data: &[u8]) -> Result<ObjectId, GitError> {
        self.write_object(gix::objs::Kind::Blob, data)
    }

    /// The id that a blob with these contents has or would have.
    #[must_use]
    pub(crate) fn blob_id(&self, data: &[u8]) -> ObjectId {
        let id = gix::objs::compute_hash(self.inner.object_hash(), gix::objs::Kind::Blob, data);
        id.map_or_else(|_| self.zero(), |id| foreign(&id))
    }

    /// "No object", in this repository's hash.
    #[must_use]
    pub(crate) fn zero(&self) -> ObjectId {
        foreign(&self.inner.object_hash().null())
    }

    /// Writes a tree of these entries, in whatever order they come.
    ///
    /// # Errors
    /// When the object store cannot be written.
    pub(crate) fn write_tree(&self, entries: &mut [Entry]) -> Result<ObjectId, GitError> {
        // Git sorts a folder as if its name ended in a slash.
        let key = |entry: &Entry| entry.name.clone() + if entry.mode == FOLDER { "/" } else { "" };
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

    /// The tree with one path set to a file, or taken out; folders come and go as needed.
    ///
    /// # Errors
    /// When a tree cannot be read or written.
    pub(crate) fn edit_tree(&self, tree_id: Option<ObjectId>, path: &str, file: Option<ObjectId>) -> Result<ObjectId, GitError> {
        let mut entries = tree_id.map_or_else(|| Ok(Vec::new()), |id| self.read_tree(id))?;
        let (name, rest) = path.split_once('/').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let at = entries.iter().position(|entry| entry.name == name);
        let below = at.map(|at| &entries[at]).filter(|entry| entry.mode == FOLDER).map(|entry| entry.id);
        let new = match (rest, file) {
            (None, file) => file.map(|id| Entry { mode: FILE, name: name.to_owned(), id }),
            (Some(rest), file) => {
                let id = self.edit_tree(below, rest, file)?;
                let is_empty = file.is_none() && self.read_tree(id)?.is_empty();
                (!is_empty).then(|| Entry { mode: FOLDER, name: name.to_owned(), id })
            }
        };
        if let Some(at) = at {
            entries.remove(at);
        }
        entries.extend(new);
        self.write_tree(&mut entries)
    }

    /// Writes a commit; author and committer are the same.
    ///
    /// # Errors
    /// When the object store cannot be written.
    pub(crate) fn write_commit(
        &self,
        tree_id: ObjectId,
        parents: &[ObjectId],
        who: &Identity,
        message: &str,
    ) -> Result<ObjectId, GitError> {
        self.write_object(gix::objs::Kind::Commit, &commit_bytes(tree_id, parents, who, message))
    }

    /// Writes a commit in the name of those who wrote another: author, committer and times as they stand there.
    ///
    /// # Errors
    /// When the object store cannot be written.
    pub(crate) fn rewrite_commit(
        &self,
        like: &Commit,
        tree_id: ObjectId,
        parents: &[ObjectId],
        message: &str,
    ) -> Result<ObjectId, GitError> {
        let mut data = headers(tree_id, parents);
        data += &format!("author {}\ncommitter {}\n\n{message}", like.author, like.committer);
        self.write_object(gix::objs::Kind::Commit, data.as_bytes())
    }
}

fn headers(tree_id: ObjectId, parents: &[ObjectId]) -> String {
    parents.iter().fold(format!("tree {tree_id}\n"), |all, parent| all + &format!("parent {parent}\n"))
}

fn commit_bytes(tree_id: ObjectId, parents: &[ObjectId], who: &Identity, message: &str) -> Vec<u8> {
    let mut data = headers(tree_id, parents);
    let who = format!("{} <{}> {} {}", who.name, who.email, who.time.0, who.zone);
    data += &format!("author {who}\ncommitter {who}\n\n{message}");
    data.into_bytes()
}

/// Reads the bytes of a commit object.
#[must_use]
pub(crate) fn parse_commit(data: &[u8]) -> Option<Commit> {
    // As git reads it: without a blank line it is all headers.
    let split = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let headers = String::from_utf8_lossy(&data[..split]);
    let message = data.get(split + 2..).unwrap_or_default().to_vec();
    let mut lines = headers.split('\n').peekable();
    let tree_id = ObjectId::parse(lines.next()?.strip_prefix("tree ")?).ok()?;
    let mut parents = Vec::new();
    while let Some(parent) = lines.peek().and_then(|line| line.strip_prefix("parent ")) {
        parents.push(ObjectId::parse(parent).ok()?);
        lines.next();
    }
    let author = lines.next()?.strip_prefix("author ")?.to_owned();
    let committer = lines.next()?.strip_prefix("committer ")?.to_owned();
    Some(Commit { tree_id, parents, author, committer, message })
}

/// A name as text. One that is not UTF-8 is told apart from all that are by a NUL in front, and is never written again.
fn name_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(name) => name.to_owned(),
        Err(_) => std::iter::once('\0').chain(bytes.iter().map(|byte| char::from(*byte))).collect(),
    }
}

/// Reads the bytes of a tree object.
#[must_use]
pub(crate) fn parse_tree(data: &[u8], hash_len: usize) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let zero = rest.iter().position(|byte| *byte == 0)?;
        let space = rest[..zero].iter().position(|byte| *byte == b' ')?;
        let mode = std::str::from_utf8(&rest[..space]).ok()?;
        let id = rest.get(zero + 1..zero + 1 + hash_len)?;
        entries.push(Entry {
            mode: u32::from_str_radix(mode, 8).ok()?,
            name: name_of(&rest[space + 1..zero]),
            id: ObjectId::from_bytes(id).ok()?,
        });
        if entries.len() > MAX_ENTRIES {
            return None;
        }
        rest = &rest[zero + 1 + hash_len..];
    }
    Some(entries)
}

/// As gix has it.
pub(super) fn native(id: ObjectId) -> Option<gix::ObjectId> {
    gix::ObjectId::try_from(id.as_bytes()).ok()
}

/// As we have it.
pub(super) fn foreign(id: &gix::oid) -> ObjectId {
    ObjectId::from_bytes(id.as_bytes()).expect("gix knows ids of 20 and 32 bytes alone")
}

fn kind(kind: gix::objs::Kind) -> Kind {
    match kind {
        gix::objs::Kind::Commit => Kind::Commit,
        gix::objs::Kind::Tree => Kind::Tree,
        gix::objs::Kind::Blob => Kind::Blob,
        gix::objs::Kind::Tag => Kind::Tag,
    }
}
