//! Where the objects and refs of a repository are: in git's own files, or in memory, for tests.

#[cfg(test)]
pub(crate) mod memory;

use std::time::Duration;

use camino::Utf8Path;
use gix::actor::SignatureRef;
use gix::lock::acquire::Fail;
use gix::objs::Write as _;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit as NativeEdit, RefLog};
use gix::refs::{FullName, Target};

use super::durable::{self, Durable};
use super::object::{Kind, foreign, kind, native};
use super::refs::{Expected, RefEdit};
use super::{GitError, Identity, loose, shared};
use crate::core::id::ObjectId;

/// How long gix waits for a lock, as git does unless something else is set; whoever moves a ref waits longer for another process.
const LOCK_PATIENCE: Duration = Duration::from_millis(100);
/// The same for the lock of `packed-refs`.
const PACKED_LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// An error of whatever keeps the data.
pub(super) type Source = Box<dyn std::error::Error + Send + Sync>;

/// Objects by id, and refs by name. The laws of the rooms above hold for both kinds.
pub(super) enum Store {
    Git(Box<gix::Repository>),
    #[cfg(test)]
    Memory(memory::Memory),
}

impl Store {
    /// Whether it is in git's own files, which git itself can change, too.
    pub(super) fn is_git(&self) -> bool {
        matches!(self, Self::Git(_))
    }

    /// The hash by which objects are named.
    pub(super) fn hash(&self) -> gix::hash::Kind {
        match self {
            Self::Git(git) => git.object_hash(),
            #[cfg(test)]
            Self::Memory(_) => gix::hash::Kind::Sha1,
        }
    }

    /// Whether an object is there.
    pub(super) fn has(&self, id: gix::ObjectId) -> bool {
        match self {
            Self::Git(git) => git.has_object(id),
            #[cfg(test)]
            Self::Memory(memory) => memory.find(id).is_some(),
        }
    }

    /// The type of an object, and its size in bytes.
    pub(super) fn header(&self, id: gix::ObjectId) -> Result<(Kind, u64), Source> {
        match self {
            Self::Git(git) => git.find_header(id).map(|header| (kind(header.kind()), header.size())).map_err(Into::into),
            #[cfg(test)]
            Self::Memory(memory) => {
                memory.find(id).map(|found| (found.0, found.1.len() as u64)).ok_or_else(|| "it is missing".into())
            }
        }
    }

    /// The type and the contents of an object.
    pub(super) fn find(&self, id: gix::ObjectId) -> Result<(Kind, Vec<u8>), Source> {
        match self {
            Self::Git(git) => git.find_object(id).map(|found| (kind(found.kind), found.detach().data)).map_err(Into::into),
            #[cfg(test)]
            Self::Memory(memory) => memory.find(id).ok_or_else(|| "it is missing".into()),
        }
    }

    /// Writes an object that has this id.
    pub(super) fn write(&self, id: ObjectId, kind: gix::objs::Kind, data: &[u8]) -> Result<(), Source> {
        match self {
            Self::Git(git) if data.len() <= loose::MAX => {
                let header = gix::objs::encode::loose_header(kind, data.len() as u64);
                let object = [&header, data].concat();
                Ok(loose::write(git.objects.store_ref().path(), &id.to_string(), &object, Durable::of(git))?)
            }
            Self::Git(git) => {
                let _whole = super::ending::step();
                git.objects.write_buf(kind, data)?;
                let hex = id.to_string();
                let path = git.objects.store_ref().path().join(&hex[..2]).join(&hex[2..]);
                if Durable::of(git).loose_objects {
                    durable::sync(&path)?;
                }
                shared::adjust_native(&path);
                Ok(())
            }
            #[cfg(test)]
            Self::Memory(memory) => {
                memory.write(id, kind, data);
                Ok(())
            }
        }
    }

    /// What a ref that is not symbolic points to.
    pub(super) fn find_ref(&self, name: &str) -> Result<Option<ObjectId>, Source> {
        match self {
            Self::Git(git) => {
                let Ok(full) = FullName::try_from(name) else { return Ok(None) };
                let found = git.try_find_reference(full.as_ref())?;
                Ok(found
                    .and_then(|found| if found.name().as_bstr() == name { found.target().try_id().map(foreign) } else { None }))
            }
            #[cfg(test)]
            Self::Memory(memory) => Ok(memory.find_ref(name)),
        }
    }

    /// The refs below a prefix that ends in a slash, in order, without symbolic ones; nothing where they changed meanwhile.
    pub(super) fn list_refs(&self, prefix: &str) -> Result<Option<Vec<(String, ObjectId)>>, Source> {
        match self {
            Self::Git(git) => {
                // A malformed ref file is not a ref, and fsck reports it. One that is packed and goes while it is listed
                // looks the same, and is there when it is looked for again.
                let listed = list_once(git, prefix)?;
                let is_settled = listed.1 == 0 || list_once(git, prefix)? == listed;
                Ok(is_settled.then_some(listed.0))
            }
            #[cfg(test)]
            Self::Memory(memory) => Ok(Some(memory.list_refs(prefix))),
        }
    }

    /// Reads the packed refs anew the next time, whatever their file's time says.
    pub(super) fn forget_packed(&self) {
        match self {
            // Whatever fails here fails again when they are read.
            Self::Git(git) => git.refs.force_refresh_packed_buffer().unwrap_or_default(),
            #[cfg(test)]
            Self::Memory(_) => {}
        }
    }

    /// Moves refs, each only from what is expected; `top` is the git directory that all worktrees share.
    pub(super) fn move_refs(&self, top: &Utf8Path, edits: &[RefEdit], who: Option<&Identity>) -> Result<(), GitError> {
        match self {
            Self::Git(git) => move_by_gix(git, top, edits, who),
            #[cfg(test)]
            Self::Memory(memory) => memory.move_refs(edits),
        }
    }

    /// Who acts and when.
    pub(super) fn identity(&self) -> Result<Identity, GitError> {
        match self {
            Self::Git(git) => Identity::of(git),
            #[cfg(test)]
            Self::Memory(memory) => Ok(memory.identity()),
        }
    }

    /// All values of a key of git's configuration, in the order in which git reads them.
    pub(super) fn configs(&self, key: &str) -> Vec<String> {
        match self {
            Self::Git(git) => {
                let values = git.config_snapshot().plumbing().strings(key).unwrap_or_default();
                values.into_iter().map(|value| value.to_string()).collect()
            }
            #[cfg(test)]
            Self::Memory(memory) => memory.config(key).into_iter().collect(),
        }
    }

    /// A value from the files of git's configuration, as it stands there, whatever the caller of this process set.
    pub(super) fn config_of_files(&self, key: &str) -> Option<String> {
        use gix::config::Source::{Api, Cli, Env, EnvOverride};
        match self {
            Self::Git(git) => {
                let config = git.config_snapshot();
                let is_file = |meta: &gix::config::file::Metadata| !matches!(meta.source, Api | Cli | Env | EnvOverride);
                config.plumbing().string_filter(key, is_file).map(|value| value.to_string())
            }
            #[cfg(test)]
            Self::Memory(memory) => memory.config(key),
        }
    }

    /// A value from git's configuration.
    pub(super) fn config(&self, key: &str) -> Option<String> {
        match self {
            Self::Git(git) => git.config_snapshot().string(key).map(|value| value.to_string()),
            #[cfg(test)]
            Self::Memory(memory) => memory.config(key),
        }
    }
}

/// The refs below a prefix, and how many more there are that cannot be read.
fn list_once(git: &gix::Repository, prefix: &str) -> Result<(Vec<(String, ObjectId)>, usize), Source> {
    let platform = git.references()?;
    let (mut all, mut malformed) = (Vec::new(), 0);
    for found in platform.prefixed(prefix)? {
        let Ok(found) = found else {
            malformed += 1;
            continue;
        };
        let Ok(name) = std::str::from_utf8(found.name().as_bstr()) else { continue };
        if let Some(id) = found.target().try_id() {
            all.push((name.to_owned(), foreign(id)));
        }
    }
    all.sort();
    Ok((all, malformed))
}

fn move_by_gix(git: &gix::Repository, top: &Utf8Path, edits: &[RefEdit], who: Option<&Identity>) -> Result<(), GitError> {
    let name = edits.first().map(|edit| edit.name.clone()).unwrap_or_default();
    let fail = |source: Source| GitError::Move { name: name.clone(), source };
    let mut native_edits = Vec::with_capacity(edits.len());
    for edit in edits {
        let target = |id| native(id).map(Target::Object).ok_or_else(|| fail("an object id of the wrong length".into()));
        let expected = match edit.expected {
            Expected::Absent => PreviousValue::MustNotExist,
            Expected::At(id) => PreviousValue::MustExistAndMatch(target(id)?),
        };
        let change = match edit.new {
            Some(new) => Change::Update { log: LogChange::default(), expected, new: target(new)? },
            None => Change::Delete { expected, log: RefLog::AndReference },
        };
        let full = FullName::try_from(edit.name.as_str()).map_err(|error| fail(Box::new(error)))?;
        native_edits.push(NativeEdit { change, name: full, deref: false });
    }
    let time = who.map(|who| format!("{} {}", who.time.0, who.zone)).unwrap_or_default();
    let who = who.map(|who| SignatureRef { name: who.name.as_str().into(), email: who.email.as_str().into(), time: &time });
    let moved = commit(git, top, native_edits, who).map_err(&fail);
    // Folders are made even for a ref that does not move in the end.
    let names = edits.iter().flat_map(|edit| [edit.name.clone(), format!("logs/{}", edit.name)]);
    for name in names.chain(["packed-refs".to_owned()]) {
        shared::adjust(&top.join(name));
    }
    moved
}

/// Moves refs by their locks, which hold the new values until they take the place of the refs.
fn commit(git: &gix::Repository, top: &Utf8Path, edits: Vec<NativeEdit>, who: Option<SignatureRef<'_>>) -> Result<(), Source> {
    let locks: Vec<_> = edits.iter().map(|edit| top.join(format!("{}.lock", edit.name))).collect();
    let prepared = git.refs.transaction().prepare(
        edits,
        Fail::AfterDurationWithBackoff(LOCK_PATIENCE),
        Fail::AfterDurationWithBackoff(PACKED_LOCK_PATIENCE),
    )?;
    if Durable::of(git).refs {
        for lock in locks {
            match durable::sync(lock.as_std_path()) {
                // What does not change has none.
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
    }
    prepared.commit(who).map(drop)?;
    Ok(())
}
