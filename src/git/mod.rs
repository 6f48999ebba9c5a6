//! The only code that knows git's plumbing: objects, refs, notes, worktrees, and starting git itself.
//!
//! It does not know tickets. No other module uses gix. Every read that a check depends on ignores replacement refs, grafts
//! and the commit-graph, so that they cannot change what an object contains or which commits are its ancestors.

pub(crate) mod ancestry;
pub(crate) mod config;
pub(crate) mod diff;
mod durable;
pub(crate) mod editor;
mod ending;
pub(crate) mod failure;
mod family;
mod helper;
pub(crate) mod lfs;
pub(crate) mod locks;
mod loose;
pub(crate) mod mixture;
pub(crate) mod notes;
pub(crate) mod object;
mod patience;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod refs;
pub(crate) mod remote;
pub(crate) mod screen;
mod shared;
pub(crate) mod signature;
mod store;
mod surroundings;
pub(crate) mod tree;
pub(crate) mod worktree;
mod zone;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use gix::ThreadSafeRepository;

use crate::core::id::ObjectId;
use crate::core::time::Timestamp;
use failure::{Failure, FailureKind, NotFound};
pub(crate) use process::Git;
use store::Store;

/// The oldest supported git. Debian 12 ships it, and `reference-transaction` and `worktree add` behave as expected from
/// this version on.
pub(crate) const OLDEST_GIT: (u32, u32) = (2, 39);
/// A git that writes zeros to `git bisect log` if a `reference-transaction` hook is installed, whatever the hook does: 2.47.3 does, 2.39.5
/// and 2.55.0 do not.
pub(crate) const FLAWED_GIT: (u32, u32) = (2, 47);

/// An error from git or its files.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", prefix = "git-")]
pub(crate) enum GitError {
    #[error("not inside a git repository: `{0}`")]
    NoRepository(Utf8PathBuf),
    #[error("cannot open the repository at `{path}`")]
    Open { path: Utf8PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the repository at `{0}` belongs to another user")]
    Untrusted(Utf8PathBuf),
    #[error("git does not know who you are")]
    NoIdentity,
    #[error("the path `{0}` is not UTF-8")]
    Path(String),
    #[error("cannot read object {id}")]
    Read { id: ObjectId, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("object {id} {what}")]
    Malformed { id: ObjectId, what: &'static str },
    #[error("cannot write an object")]
    Write { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("cannot read the refs")]
    Refs { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("cannot update `{name}`")]
    Move { name: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("`{name}` kept changing; gave up after {attempts} attempts")]
    Busy { name: String, attempts: u32 },
    #[error("cannot start `{program}`")]
    Start { program: String, source: std::io::Error },
    #[error("`git {command}` failed")]
    Command { command: String, source: Failure },
    #[error("cannot access `{path}`")]
    File { path: Utf8PathBuf, source: std::io::Error },
}

impl GitError {
    /// Whether git was asked and said no, other than because somebody else was faster or a remote does not answer.
    #[must_use]
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Command { source, .. } if matches!(source.kind, FailureKind::Refused | FailureKind::Misuse | FailureKind::Failed))
    }

    fn file(path: &Utf8Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

/// How a repository stores refs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefBackend {
    /// Loose files and `packed-refs`, read and written in process.
    Files,
    /// Any other format, read and written by git itself.
    Cli,
}

/// Who acts and when: git's committer identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) time: Timestamp,
    /// The time zone as git writes it, such as `+0200`.
    pub(crate) zone: String,
}

/// One repository, opened from one of its worktrees.
pub(crate) struct Repo {
    store: Store,
    /// The state of `packed-refs` that the store has read.
    packed: Cell<Option<refs::pack::Mark>>,
    remembered: object::Remembered,
    git_dir: Utf8PathBuf,
    common_dir: Utf8PathBuf,
    work_dir: Option<Utf8PathBuf>,
    backend: RefBackend,
    /// Hypothetical values of refs, for a check of an update; `None` is a deletion.
    supposed: BTreeMap<String, Option<ObjectId>>,
    /// The objects of a push while it is being checked.
    quarantine: Option<gix::odb::Handle>,
}

impl Repo {
    /// Finds the repository around a directory, or the one that `GIT_DIR` names.
    ///
    /// # Errors
    /// If there is none, or if it cannot be trusted or opened.
    #[expect(clippy::disallowed_methods, reason = "git tells its hooks by this variable where they run")]
    pub(crate) fn discover(dir: &Utf8Path) -> Result<Self, GitError> {
        if let Some(git_dir) = std::env::var_os("GIT_DIR").filter(|git_dir| !git_dir.is_empty()) {
            // Use the full path: gix looks for `.git` below a relative path, and git runs push hooks with the path `.`.
            let git_dir = absolute(&dir.as_std_path().join(git_dir))?;
            return match ThreadSafeRepository::open_opts(git_dir.as_std_path(), options().open_path_as_is(true)) {
                Ok(found) => Self::wrap(&found, dir),
                Err(_) if !git_dir.join("HEAD").as_std_path().exists() => Err(GitError::NoRepository(git_dir)),
                Err(error) => Err(open_error(&git_dir, error)),
            };
        }
        let none = || GitError::NoRepository(dir.to_owned());
        let trust = gix::sec::trust::Mapping { full: options(), reduced: options() };
        // Like git, ignore a ceiling that is not a parent folder.
        let upwards = gix::discover::upwards::Options { match_ceiling_dir_or_error: false, ..Default::default() };
        let found = ThreadSafeRepository::discover_with_environment_overrides_opts(dir, upwards, trust);
        match found {
            Ok(found) => Self::wrap(&found, dir),
            Err(error) => Err(match failure::of_discovery(&error) {
                NotFound::Foreign => GitError::Untrusted(dir.to_owned()),
                NotFound::Nowhere => none(),
                NotFound::Broken if !dir.as_std_path().exists() => none(),
                NotFound::Broken => open_error(dir, error),
            }),
        }
    }

    /// Opens the repository at a directory, which is a work tree or a git directory.
    ///
    /// # Errors
    /// If there is none, or if it cannot be trusted or opened.
    pub(crate) fn open(dir: &Utf8Path) -> Result<Self, GitError> {
        match ThreadSafeRepository::open_opts(dir.as_std_path(), options()) {
            Ok(found) => Self::wrap(&found, dir),
            Err(_) if !dir.join(".git").as_std_path().exists() && !dir.join("HEAD").as_std_path().exists() => {
                Err(GitError::NoRepository(dir.to_owned()))
            }
            Err(error) => Err(open_error(dir, error)),
        }
    }

    fn wrap(found: &ThreadSafeRepository, dir: &Utf8Path) -> Result<Self, GitError> {
        let mut inner = found.to_thread_local();
        // Git's own commands heed a namespace only where they serve a remote, as they do while a push is judged.
        if quarantine().is_none() {
            inner.clear_namespace();
        }
        if inner.git_dir_trust() != gix::sec::Trust::Full {
            return Err(GitError::Untrusted(dir.to_owned()));
        }
        let git_dir = absolute(inner.git_dir())?;
        let common_dir = absolute(inner.common_dir())?;
        let work_dir = inner.workdir().map(absolute).transpose()?;
        let sharing = inner.config_snapshot().string("core.sharedRepository").map(|value| value.to_string());
        shared::remember(&common_dir, sharing.as_deref());
        let storage = inner.config_snapshot().string("extensions.refStorage").map(|value| value.to_string());
        let backend = if storage.is_none_or(|storage| storage == "files") { RefBackend::Files } else { RefBackend::Cli };
        let store = Store::Git(Box::new(inner));
        Ok(Self {
            store,
            packed: Cell::default(),
            remembered: object::Remembered::default(),
            git_dir,
            common_dir,
            work_dir,
            backend,
            supposed: BTreeMap::new(),
            quarantine: None,
        })
    }

    /// Adds the objects of the push that is being checked; git keeps them in a separate folder until then.
    ///
    /// # Errors
    /// If the folder that git names cannot be read.
    pub(crate) fn with_quarantine(mut self) -> Result<Self, GitError> {
        if let Some(folder) = quarantine() {
            let folder = absolute(Path::new(&folder))?;
            let objects = gix::odb::at(folder.as_std_path(), self.store.hash());
            self.quarantine = Some(objects.map_err(GitError::file(&folder))?);
        }
        Ok(self)
    }

    /// Returns the repository as it would be if refs had these values; `None` is a deletion. Writes nothing.
    #[must_use]
    pub(crate) fn supposing(mut self, refs: BTreeMap<String, Option<ObjectId>>) -> Self {
        self.supposed = refs;
        self
    }

    /// The git directory of this worktree.
    #[must_use]
    pub(crate) fn git_dir(&self) -> &Utf8Path {
        &self.git_dir
    }

    /// The git directory that all worktrees share.
    #[must_use]
    pub(crate) fn common_dir(&self) -> &Utf8Path {
        &self.common_dir
    }

    /// The top of this worktree; `None` in a bare repository.
    #[must_use]
    pub(crate) fn work_dir(&self) -> Option<&Utf8Path> {
        self.work_dir.as_deref()
    }

    /// The top of the main work tree, also for a linked one.
    #[must_use]
    pub(crate) fn main_top(&self) -> Option<Utf8PathBuf> {
        if self.git_dir == self.common_dir {
            return self.work_dir.clone();
        }
        self.common_dir.parent().filter(|_| self.common_dir.file_name() == Some(".git")).map(Utf8Path::to_owned)
    }

    /// The working directory for commands that concern the whole repository.
    #[must_use]
    pub(crate) fn home(&self) -> &Utf8Path {
        self.work_dir.as_deref().unwrap_or(&self.common_dir)
    }

    /// The folder for caches and for state that belongs to this machine.
    #[must_use]
    pub(crate) fn os_dir(&self) -> Utf8PathBuf {
        self.common_dir.join("os")
    }

    /// How this repository stores refs.
    #[must_use]
    pub(crate) fn backend(&self) -> RefBackend {
        self.backend
    }

    /// Returns a git that runs in this repository.
    #[must_use]
    pub(crate) fn git(&self) -> Git {
        Git::in_repo(self)
    }

    /// Returns a git that runs elsewhere for this repository, such as in one of its worktrees, and finds the repository from there.
    #[must_use]
    pub(crate) fn git_at(&self, dir: &Utf8Path) -> Git {
        Git::at(dir).patient_for(self.local_patience())
    }

    /// A value from git's configuration; the usual precedence applies.
    #[must_use]
    pub(crate) fn config(&self, key: &str) -> Option<String> {
        self.store.config(key)
    }

    /// All values of a key of git's configuration.
    #[must_use]
    pub(crate) fn configs(&self, key: &str) -> Vec<String> {
        self.store.configs(key)
    }

    /// Who acts and when, as `git var GIT_COMMITTER_IDENT` reports it.
    ///
    /// # Errors
    /// If name or email address are not configured.
    pub(crate) fn identity(&self) -> Result<Identity, GitError> {
        self.store.identity()
    }

    /// Whether the repository is shallow, so that ancestry cannot be checked.
    #[must_use]
    pub(crate) fn is_shallow(&self) -> bool {
        self.common_dir.join("shallow").as_std_path().exists()
    }

    /// The length of an object id in this repository, in bytes.
    #[must_use]
    pub(crate) fn hash_len(&self) -> usize {
        self.store.hash().len_in_bytes()
    }
}

impl Identity {
    /// The committer that a repository's configuration and the environment name.
    fn of(git: &gix::Repository) -> Result<Self, GitError> {
        let clean = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            text.chars().filter(|character| !character.is_control() && !"<>".contains(*character)).collect::<String>()
        };
        let config = git.config_snapshot();
        let now = now();
        if let (None, Some(minutes)) = (config.string("gitoxide.commit.committerDate"), zone::minutes_east(now)) {
            // The same as in gix, except for the time. gix reads all time zones to find the name of the current one, and it reads
            // the clock only once per open repository, but git-os keeps repositories open while agents work.
            let first = |keys: &[&str]| keys.iter().find_map(|key| config.string(*key)).ok_or(GitError::NoIdentity);
            let name = first(&["committer.name", "user.name", "gitoxide.committer.nameFallback"])?;
            let email =
                first(&["committer.email", "user.email", "gitoxide.user.emailFallback", "gitoxide.committer.emailFallback"])?;
            return Ok(Self {
                name: clean(&name).trim().to_owned(),
                email: clean(&email).trim().to_owned(),
                time: Timestamp(now),
                zone: zone_text(minutes),
            });
        }
        let signature = git.committer().and_then(Result::ok).ok_or(GitError::NoIdentity)?;
        let mut time = signature.time().map_err(|_| GitError::NoIdentity)?;
        if config.string("gitoxide.commit.committerDate").is_none() {
            time.seconds = now;
        }
        Ok(Self {
            name: clean(signature.name).trim().to_owned(),
            email: clean(signature.email).trim().to_owned(),
            time: Timestamp(time.seconds),
            zone: zone_text(time.offset / 60),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "where git's environment sets no time, the time is now")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A time zone as git writes it.
fn zone_text(minutes: i32) -> String {
    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs());
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}

/// Where the objects of a push are while git asks its hooks about it.
#[expect(clippy::disallowed_methods, reason = "git tells `pre-receive` by this variable where the pushed objects are")]
fn quarantine() -> Option<std::ffi::OsString> {
    std::env::var_os("GIT_QUARANTINE_PATH").filter(|folder| !folder.is_empty())
}

fn options() -> gix::open::Options {
    let mut permissions = gix::open::Permissions::all();
    // Those that the environment gives are in what git lists.
    permissions.config.env = false;
    let given = surroundings::given_settings().iter().map(String::as_str);
    gix::open::Options::default().permissions(permissions).cli_overrides(given).config_overrides([
        // Checks must read the objects themselves.
        "core.useReplaceRefs=false",
        "core.commitGraph=false",
        // A blob of zeros compresses well. 64 MiB is more than any object that is read here may have.
        "gitoxide.objects.allocLimit=64m",
    ])
}

fn open_error(dir: &Utf8Path, error: impl std::error::Error + Send + Sync + 'static) -> GitError {
    GitError::Open { path: dir.to_owned(), source: Box::new(error) }
}

fn absolute(path: &Path) -> Result<Utf8PathBuf, GitError> {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Utf8PathBuf::from_path_buf(full).map_err(|path| GitError::Path(path.to_string_lossy().into_owned()))
}

#[cfg(test)]
pub(crate) mod tests;
