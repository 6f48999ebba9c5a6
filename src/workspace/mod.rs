//! The repositories of one registry, opened; which ticket a person means, and which tickets are ready.

mod find;
mod former;
pub(crate) mod in_force;
mod ready;

use camino::{Utf8Path, Utf8PathBuf};

pub(crate) use self::find::resolve_in;
pub(crate) use self::in_force::Source;
pub(crate) use self::ready::Readiness;
use crate::core::id::RepoName;
use crate::core::registry::{Fault, Registry, RepoEntry};
use crate::core::text::{comma, escape, plural};
use crate::git::process::read_file;
use crate::git::{GitError, Repo};
use crate::ledger::LedgerError;

/// Where a repository's own configuration says where the registry is.
pub(crate) const CONFIG_KEY: &str = "git-os.registry";

/// What helps where the registry does not have a repository.
pub(crate) const ENLIST: &str = "git os init   # in the hub, once the registry has a `[[repo]]` table for this repository";

/// What can be wrong with a workspace.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", prefix = "registry-")]
pub(crate) enum WorkspaceError {
    #[error("cannot read the registry `{path}`")]
    Unreadable { path: Utf8PathBuf, source: GitError },
    #[error("invalid registry `{path}`: {}:{}", plural(.faults.len(), "error", "errors"), list(.faults))]
    Faults { path: Utf8PathBuf, faults: Vec<Fault> },
    #[error("repository `{name}` is not in the registry; expected one of: {}", comma(.known))]
    NoRepo { name: String, known: Vec<RepoName> },
    #[error("cannot open repository `{name}`")]
    Open { name: RepoName, source: GitError },
    #[error("ticket `{words}` is in `{name}`, which is no longer in the registry `{file}`")]
    Former { words: String, name: RepoName, file: Utf8PathBuf, home: Utf8PathBuf },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl WorkspaceError {
    /// Whether there is no such file.
    fn is_missing(&self) -> bool {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        matches!(self, Self::Unreadable { source: GitError::File { source, .. }, .. }
            if matches!(source.kind(), NotFound | NotADirectory))
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().fold(String::new(), |all, fault| all + "\n  " + &fault.to_string())
}

/// A registry and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) registry: Registry,
    /// The registry file.
    pub(crate) file: Utf8PathBuf,
    /// The text of the registry.
    pub(crate) text: String,
    pub(crate) source: Source,
}

impl Workspace {
    /// Reads a registry.
    ///
    /// # Errors
    /// When it cannot be read, or with all its faults.
    pub(crate) fn load(file: &Utf8Path) -> Result<Self, WorkspaceError> {
        let text = read_file(file).map_err(|source| WorkspaceError::Unreadable { path: file.to_owned(), source })?;
        Self::of_text(file.to_owned(), text)
    }

    /// The workspace of a registry that is, or could be, in a file.
    ///
    /// # Errors
    /// With all its faults.
    pub(crate) fn of_text(file: Utf8PathBuf, text: String) -> Result<Self, WorkspaceError> {
        match Registry::parse(&text) {
            Ok(registry) => Ok(Self { registry, file, text, source: Source::File }),
            Err(faults) => Err(WorkspaceError::Faults { path: file, faults }),
        }
    }

    /// Reads a registry, if there is such a file.
    ///
    /// # Errors
    /// When it is there and cannot be read, or with all its faults.
    pub(crate) fn find(file: &Utf8Path) -> Result<Option<Self>, WorkspaceError> {
        match Self::load(file) {
            Err(error) if error.is_missing() => Ok(None),
            read => read.map(Some),
        }
    }

    /// The folder to which the registry's paths are relative.
    #[must_use]
    pub(crate) fn root(&self) -> &Utf8Path {
        self.file.parent().unwrap_or(Utf8Path::new("."))
    }

    /// The file as the configuration of a repository names it.
    #[must_use]
    pub(crate) fn recorded_file(&self) -> Utf8PathBuf {
        self.file.canonicalize_utf8().unwrap_or_else(|_| self.file.clone())
    }

    /// Where a repository is.
    #[must_use]
    pub(crate) fn path_of(&self, entry: &RepoEntry) -> Utf8PathBuf {
        if entry.path == "." { self.root().to_owned() } else { self.root().join(&entry.path) }
    }

    /// The name under which the registry has a repository.
    #[must_use]
    pub(crate) fn name_of(&self, repo: &Repo) -> Option<&RepoName> {
        let is_it = |path: Utf8PathBuf| {
            // Where the git directory is at its usual place its path tells; opening a repository costs a millisecond.
            match path.join(".git").canonicalize_utf8() {
                Ok(git_dir) if git_dir.is_dir() => git_dir == repo.common_dir(),
                _ => Repo::open(&path).is_ok_and(|other| other.common_dir() == repo.common_dir()),
            }
        };
        self.registry.repos.iter().find(|entry| is_it(self.path_of(entry))).map(|entry| &entry.name)
    }

    /// Opens one repository.
    ///
    /// # Errors
    /// When it is not there or not a repository.
    pub(crate) fn open(&self, entry: &RepoEntry) -> Result<Repo, WorkspaceError> {
        Repo::open(&self.path_of(entry)).map_err(|source| WorkspaceError::Open { name: entry.name.clone(), source })
    }

    /// The repository with this name.
    ///
    /// # Errors
    /// When the registry has none.
    pub(crate) fn entry(&self, name: &str) -> Result<&RepoEntry, WorkspaceError> {
        self.registry.find_repo(name).ok_or_else(|| WorkspaceError::NoRepo {
            name: escape(name),
            known: self.registry.repos.iter().map(|entry| entry.name.clone()).collect(),
        })
    }

    /// The hub.
    ///
    /// # Errors
    /// Never for a registry that was read without faults.
    pub(crate) fn hub(&self) -> Result<&RepoEntry, WorkspaceError> {
        self.entry(self.registry.hub.as_str())
    }
}
