//! Reads and writes commits, trees and blobs as bytes; nothing that is read is trusted.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use gix::objs::{Exists as _, Find as _, FindHeader as _};

use super::signature::NewCommit;
use super::{GitError, Identity, Repo};
use crate::core::id::ObjectId;
use crate::core::time::Timestamp;

/// The maximum number of attempts when a `git gc` interferes.
const TRIES: u32 = 3;
/// How long after a repack an object that is not found may still be moving between packs.
const RECENTLY: Duration = Duration::from_secs(10);
/// The maximum size of an object that is read from a push, in bytes; the same limit applies to existing objects.
const MAX_PUSHED: u64 = 64 * 1024 * 1024;

/// Small objects that were read before, by id. One command reads the policy and the tip of its ticket several times, and each costs as
/// much as a file does.
///
/// What is in here stays: the first objects that are read are the ones that are read again.
#[derive(Default)]
pub(super) struct Remembered(RefCell<HashMap<ObjectId, (Kind, Vec<u8>)>>);

impl Remembered {
    /// The maximum number of objects, and the size of each in bytes.
    const COUNT: usize = 64;
    const SIZE: usize = 4096;

    fn get<T>(&self, id: ObjectId, read: impl Fn(Kind, &[u8]) -> T) -> Option<T> {
        self.0.borrow().get(&id).map(|(kind, data)| read(*kind, data))
    }

    fn put(&self, id: ObjectId, kind: Kind, data: &[u8]) {
        let mut objects = self.0.borrow_mut();
        if data.len() <= Self::SIZE && objects.len() < Self::COUNT {
            objects.insert(id, (kind, data.to_vec()));
        }
    }
}

/// The type of an object.
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
    /// The committer's time, or the start of 1970 if it cannot be parsed.
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

impl Repo {
    /// Whether the object exists.
    #[must_use]
    pub(crate) fn has_object(&self, id: ObjectId) -> bool {
        native(id).is_some_and(|id| self.store.has(id) || self.quarantine.as_ref().is_some_and(|pushed| pushed.exists(&id)))
    }

    /// Returns type and size in bytes, without reading the contents.
    ///
    /// # Errors
    /// If the object does not exist or cannot be read.
    pub(crate) fn read_header(&self, id: ObjectId) -> Result<(Kind, u64), GitError> {
        if let Some(header) = self.remembered.get(id, |kind, data| (kind, data.len() as u64)) {
            return Ok(header);
        }
        let native = native(id).ok_or(GitError::Malformed { id, what: "has an id of the wrong length" })?;
        let pushed = self.quarantine.as_ref().and_then(|pushed| pushed.try_header(&native).ok().flatten());
        if let Some(header) = pushed {
            return Ok((kind(header.kind), header.size));
        }
        self.store.header(native).map_err(|source| GitError::Read { id, source })
    }

    pub(super) fn read_object(&self, id: ObjectId, wanted: Kind) -> Result<Vec<u8>, GitError> {
        let native = native(id).ok_or(GitError::Malformed { id, what: "has an id of the wrong length" })?;
        let mut pushed = Vec::new();
        // A blob of zeros compresses well, so check its size before reading the contents.
        let header = self.quarantine.as_ref().and_then(|objects| objects.try_header(&native).ok().flatten());
        if header.as_ref().is_some_and(|header| header.size > MAX_PUSHED) {
            return Err(GitError::Malformed { id, what: "is larger than it may be" });
        }
        let found = self.quarantine.as_ref().filter(|_| header.is_some()).and_then(|objects| {
            let found = objects.try_find(&native, &mut pushed).ok().flatten()?;
            Some(kind(found.kind))
        });
        let (found, data) = if let Some(found) = found { (found, pushed) } else { self.find_patiently(id, native)? };
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

    /// Looks again for a missing object if the packs have just changed: a `git gc` may be moving it.
    fn find_patiently(&self, id: ObjectId, native: gix::ObjectId) -> Result<(Kind, Vec<u8>), GitError> {
        if let Some(found) = self.remembered.get(id, |kind, data| (kind, data.to_vec())) {
            return Ok(found);
        }
        let mut tries = 0;
        loop {
            match self.store.find(native) {
                Ok((kind, data)) => {
                    self.remembered.put(id, kind, &data);
                    return Ok((kind, data));
                }
                Err(source) if tries >= TRIES || !self.is_repacked() => return Err(GitError::Read { id, source }),
                Err(_) => {
                    tries += 1;
                    super::refs::pause(tries);
                }
            }
        }
    }

    /// Whether packs were added or removed recently. Do not wait in other cases: many objects may be missing for good.
    fn is_repacked(&self) -> bool {
        let objects = self.common_dir.join("objects");
        let others = super::process::read_file(&objects.join("info/alternates")).unwrap_or_default();
        let others = others.lines().filter(|line| !line.starts_with('#')).map(|line| objects.join(line)).collect::<Vec<_>>();
        let is_new = |folder: &Utf8PathBuf| super::process::age(&folder.join("pack")).is_ok_and(|age| age < RECENTLY);
        is_new(&objects) || others.iter().any(is_new)
    }

    /// Reads a commit.
    ///
    /// # Errors
    /// If it does not exist, is not a commit, or is malformed.
    pub(crate) fn read_commit(&self, id: ObjectId) -> Result<Commit, GitError> {
        parse_commit(&self.read_object(id, Kind::Commit)?).ok_or(GitError::Malformed { id, what: "is a malformed commit" })
    }

    /// Returns the bytes of a commit as stored, including a signature.
    ///
    /// # Errors
    /// If it does not exist or is not a commit.
    pub(crate) fn read_commit_bytes(&self, id: ObjectId) -> Result<Vec<u8>, GitError> {
        self.read_object(id, Kind::Commit)
    }

    /// Reads a blob of at most `max` bytes; checks the size first.
    ///
    /// # Errors
    /// If it does not exist, is not a blob, or is larger.
    pub(crate) fn read_blob(&self, id: ObjectId, max: usize) -> Result<Vec<u8>, GitError> {
        let (_, size) = self.read_header(id)?;
        if size > max as u64 {
            return Err(GitError::Malformed { id, what: "is larger than it may be" });
        }
        self.read_object(id, Kind::Blob)
    }

    /// The id of an object with these contents, whether or not it exists.
    pub(super) fn name_object(&self, kind: gix::objs::Kind, data: &[u8]) -> Result<ObjectId, GitError> {
        let hashed = gix::objs::compute_hash(self.store.hash(), kind, data);
        Ok(foreign(&hashed.map_err(|source| GitError::Write { source: source.into() })?))
    }

    pub(super) fn write_object(&self, kind: gix::objs::Kind, data: &[u8]) -> Result<ObjectId, GitError> {
        let id = self.name_object(kind, data)?;
        // Written again it would take the place of itself, for which some file systems wait for the disk.
        if self.freshen(id) {
            return Ok(id);
        }
        let mut tries = 0;
        loop {
            match self.store.write(id, kind, data) {
                Ok(()) => return Ok(id),
                // A `git gc` takes away folders of loose objects that are empty, also while something is put into one.
                Err(error) if tries < TRIES && super::failure::is_gone(error.as_ref()) => {
                    tries += 1;
                    super::refs::pause(tries);
                }
                Err(source) => return Err(GitError::Write { source }),
            }
        }
    }

    /// Makes a loose object as young as if it had just been written, so that no `git gc` takes it away. Returns whether it
    /// is there.
    fn freshen(&self, id: ObjectId) -> bool {
        let hex = id.to_string();
        let path = self.common_dir().join("objects").join(&hex[..2]).join(&hex[2..]);
        // One that a crash cut down to nothing is written anew.
        path.as_std_path().metadata().is_ok_and(|file| file.len() > 0) && super::process::touch(&path)
    }

    /// Writes a commit with these bytes.
    ///
    /// # Errors
    /// If the object store cannot be written.
    pub(crate) fn write_commit_bytes(&self, data: &[u8]) -> Result<ObjectId, GitError> {
        self.write_object(gix::objs::Kind::Commit, data)
    }

    /// Writes a blob.
    ///
    /// # Errors
    /// If the object store cannot be written.
    pub(crate) fn write_blob(&self, data: &[u8]) -> Result<ObjectId, GitError> {
        self.write_object(gix::objs::Kind::Blob, data)
    }

    /// The id of a blob with these contents, whether or not it exists.
    #[must_use]
    pub(crate) fn blob_id(&self, data: &[u8]) -> ObjectId {
        let id = gix::objs::compute_hash(self.store.hash(), gix::objs::Kind::Blob, data);
        id.map_or_else(|_| self.zero(), |id| foreign(&id))
    }

    /// The id that means "no object", in this repository's hash.
    #[must_use]
    pub(crate) fn zero(&self) -> ObjectId {
        foreign(&self.store.hash().null())
    }

    /// Writes a commit; author and committer are the same.
    ///
    /// # Errors
    /// If the object store cannot be written.
    pub(crate) fn write_commit(
        &self,
        tree_id: ObjectId,
        parents: &[ObjectId],
        who: &Identity,
        message: &str,
    ) -> Result<ObjectId, GitError> {
        self.write_new(&NewCommit::by(who, tree_id, parents, message.to_owned()))
    }

    /// Writes a commit with the author, committer and times of another commit.
    ///
    /// # Errors
    /// If the object store cannot be written.
    pub(crate) fn rewrite_commit(
        &self,
        like: &Commit,
        tree_id: ObjectId,
        parents: &[ObjectId],
        message: &str,
    ) -> Result<ObjectId, GitError> {
        self.write_new(&NewCommit::like(like, tree_id, parents, message.to_owned()))
    }
}

/// Parses the bytes of a commit object.
#[must_use]
pub(crate) fn parse_commit(data: &[u8]) -> Option<Commit> {
    // Like git: without a blank line, everything is headers.
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

/// Converts an id to gix's type.
pub(super) fn native(id: ObjectId) -> Option<gix::ObjectId> {
    gix::ObjectId::try_from(id.as_bytes()).ok()
}

/// Converts an id from gix's type.
pub(super) fn foreign(id: &gix::oid) -> ObjectId {
    ObjectId::from_bytes(id.as_bytes()).expect("gix knows ids of 20 and 32 bytes alone")
}

pub(super) fn kind(kind: gix::objs::Kind) -> Kind {
    match kind {
        gix::objs::Kind::Commit => Kind::Commit,
        gix::objs::Kind::Tree => Kind::Tree,
        gix::objs::Kind::Blob => Kind::Blob,
        gix::objs::Kind::Tag => Kind::Tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::process::remove_all;
    use crate::git::tests::repo;

    #[test]
    fn an_object_that_does_not_come_is_given_up_also_after_a_repack() {
        let (_dir, repo) = repo();
        assert!(repo.is_repacked(), "it is new, so its packs are");
        let missing = ObjectId::parse(&"1234567".repeat(6)[..40]).expect("an id");
        assert!(matches!(repo.read_object(missing, Kind::Blob), Err(GitError::Read { .. })));
    }

    #[test]
    fn an_object_whose_folder_is_always_taken_away_is_given_up() {
        let (_dir, repo) = repo();
        remove_all(&repo.common_dir().join("objects")).expect("removed");
        assert!(matches!(repo.write_blob(b"x"), Err(GitError::Write { .. })));
    }
}
