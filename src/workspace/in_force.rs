//! Which registry counts in a repository: its file, or else the one that was published in the refs of the hub.
//!
//! A file comes and goes with branches and hands. It counts where it is there and valid, unless it is what an older branch
//! has of the registry; nothing that happens to it stops anybody.

use std::collections::HashSet;
use std::fmt;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{CONFIG_KEY, Workspace, WorkspaceError};
use crate::core::id::{ObjectId, RepoName};
use crate::core::registry::{FILE, Registry};
use crate::core::text::in_one_line;
use crate::core::time::Timestamp;
use crate::git::Repo;
use crate::ledger::LedgerError;
use crate::ledger::policy::{self, PublishedRegistry};

/// How many changes of the file are looked at.
const MAX_CHANGES: &str = "-200";
/// Where a repository's own configuration says where the hub is, relative to its git directory, so that both can be moved.
pub(crate) const HUB_KEY: &str = "git-os.hub";

/// Where a registry was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// In its file.
    File,
    /// In the refs of the hub, where it was published at this time, since the file does not count.
    Published { since: Timestamp, why: NotTheFile },
}

/// Why the file of a registry does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotTheFile {
    Missing,
    /// It cannot be read, or has errors; the first of them.
    Invalid(String),
    /// It is what the branch that is checked out has, and a later one was published.
    Earlier,
}

impl fmt::Display for NotTheFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => out.write_str("it does not exist"),
            Self::Invalid(why) => out.write_str(why),
            Self::Earlier => out.write_str("it is an earlier version"),
        }
    }
}

/// The registry that counts in a repository.
#[derive(Debug)]
pub(crate) enum InForce {
    /// The registry has the repository, by this name.
    Found(Workspace, RepoName),
    /// The repository names this registry, which does not have it.
    Unlisted(Workspace),
    /// The repository names this file, which is not there, and nothing else is known of the registry.
    Missing(Utf8PathBuf),
    /// The repository names none.
    Nothing,
}

impl InForce {
    /// A registry that counts in a repository, which it may not have.
    fn of(workspace: Workspace, repo: &Repo) -> Self {
        match workspace.name_of(repo).cloned() {
            Some(name) => Self::Found(workspace, name),
            None => Self::Unlisted(workspace),
        }
    }
}

/// Finds the registry that counts in a repository.
///
/// # Errors
/// When there is one that cannot be read, and none was published.
pub(crate) fn find(repo: &Repo) -> Result<InForce, WorkspaceError> {
    let Some(named) = repo.config(CONFIG_KEY).map(Utf8PathBuf::from) else { return Ok(InForce::Nothing) };
    let trouble = match Workspace::load(&named) {
        Ok(workspace) => {
            let Some(name) = workspace.name_of(repo).cloned() else {
                return Ok(match (find_copied(repo)?, find_hub(repo, &named)?) {
                    (Some(found), _) => found,
                    // What an older branch has may not have it yet.
                    (None, Some(hub)) => InForce::of(workspace.or_later(&hub)?, repo),
                    (None, None) => InForce::Unlisted(workspace),
                });
            };
            let workspace = workspace.or_later(repo)?;
            return Ok(if workspace.source == Source::File {
                InForce::Found(workspace, name)
            } else {
                InForce::of(workspace, repo)
            });
        }
        Err(error) => error,
    };
    let is_missing = trouble.is_missing();
    let is_moved = is_missing && named.parent().is_some_and(|folder| !folder.as_std_path().exists());
    let hub = find_hub(repo, &named)?;
    let main = hub.as_ref().unwrap_or(repo);
    if is_moved && let Some(workspace) = find_at_top(main)? {
        return Ok(InForce::of(workspace.or_later(main)?, repo));
    }
    if let Some(hub) = &hub
        && let Some(published) = policy::find_registry(hub)?
        && let Ok(registry) = Registry::parse(&published.text)
    {
        let file = if is_moved { moved(hub, &registry) } else { Some(named.clone()) };
        if let Some(file) = file {
            let why = if is_missing { NotTheFile::Missing } else { NotTheFile::Invalid(first_fault(&trouble)) };
            return Ok(InForce::of(of_published(published, registry, file, why), repo));
        }
    }
    if !is_missing {
        return Err(trouble);
    }
    // The registry of the work tree counts, where nothing else is left.
    Ok(find_at_top(repo)?.map_or(InForce::Missing(named), |workspace| InForce::of(workspace, repo)))
}

/// The registry beside which a repository is, where it was copied with its whole workspace and names that of the original.
fn find_copied(repo: &Repo) -> Result<Option<InForce>, WorkspaceError> {
    let hub = repo.config(HUB_KEY).and_then(|hub| Repo::open(&repo.common_dir().join(hub)).ok());
    let found = find_at_top(hub.as_ref().unwrap_or(repo))?;
    let found = found.map(|workspace| InForce::of(workspace, repo));
    Ok(found.filter(|found| matches!(found, InForce::Found(..))))
}

/// The workspace of a registry that was published, in a clone that has no file of it.
#[must_use]
pub(crate) fn of_clone(hub: &Repo, published: PublishedRegistry) -> Option<Workspace> {
    let registry = Registry::parse(&published.text).ok()?;
    let file = moved(hub, &registry)?;
    Some(of_published(published, registry, file, NotTheFile::Missing))
}

fn of_published(published: PublishedRegistry, registry: Registry, file: Utf8PathBuf, why: NotTheFile) -> Workspace {
    Workspace { registry, file, text: published.text, source: Source::Published { since: published.since, why } }
}

impl Workspace {
    /// This registry, or the published one if this is only what an older branch has of it. Elsewhere than in the hub, and
    /// where the file is not that of a branch, it is taken as it is.
    ///
    /// # Errors
    /// When the refs of the hub cannot be read.
    pub(crate) fn or_later(self, hub: &Repo) -> Result<Self, WorkspaceError> {
        let is_of_hub = self.source == Source::File && self.root().canonicalize_utf8().ok() == hub.main_top();
        let Some(published) = is_of_hub.then(|| policy::find_registry(hub)).transpose()?.flatten() else { return Ok(self) };
        if published.text == self.text
            || !policy::is_earlier_registry(hub, &self.text)?
            || !self.is_of_older_branch(hub, &published)?
        {
            return Ok(self);
        }
        match Registry::parse(&published.text) {
            Ok(registry) => Ok(of_published(published, registry, self.file, NotTheFile::Earlier)),
            Err(_) => Ok(self),
        }
    }

    /// Whether the file is what an older branch has: as its head has it, never as it was published, and not changed there since. What
    /// was published and is on no branch was a change that somebody took back.
    fn is_of_older_branch(&self, hub: &Repo, published: &PublishedRegistry) -> Result<bool, WorkspaceError> {
        let of_git = |source| WorkspaceError::Ledger(LedgerError::Git(source));
        let git = hub.git_at(self.root());
        let Some(head) = git.find_commit("HEAD").map_err(of_git)? else { return Ok(false) };
        let tree_id = hub.read_commit(head).map_err(of_git)?.tree_id;
        let name = self.file.file_name().unwrap_or(FILE);
        let entry = hub.find_entry(tree_id, name).map_err(of_git)?;
        if entry.is_none_or(|entry| entry.id != hub.blob_id(self.text.as_bytes())) {
            return Ok(false);
        }
        let log = ["log", MAX_CHANGES, "--format=%H %ct", "HEAD", "--", name];
        let changes = git.output(log).map_err(of_git)?;
        let changes: Vec<_> = changes.lines().filter_map(|line| line.split_once(' ')).collect();
        let newest = changes.first().and_then(|(_, time)| time.parse().ok());
        if newest.is_some_and(|time| Timestamp(time) > published.since) {
            return Ok(false);
        }
        let published_blob_id = hub.blob_id(published.text.as_bytes());
        let find = |commit_id: ObjectId| -> Result<Option<ObjectId>, WorkspaceError> {
            let tree_id = hub.read_commit(commit_id).map_err(of_git)?.tree_id;
            Ok(hub.find_entry(tree_id, name).map_err(of_git)?.map(|entry| entry.id))
        };
        for commit_id in changes.iter().filter_map(|(commit_id, _)| ObjectId::parse(commit_id).ok()) {
            if find(commit_id)? == Some(published_blob_id) {
                return Ok(false);
            }
        }
        let known: HashSet<ObjectId> = policy::list_registries(hub)?.iter().map(|text| hub.blob_id(text.as_bytes())).collect();
        for prefix in ["refs/heads/", "refs/remotes/"] {
            for (_, tip) in hub.list_refs(prefix).map_err(of_git)? {
                // A tip that cannot be read has nothing to say.
                let Ok(Some(blob_id)) = find(tip) else { continue };
                // What is not known was not published yet, and is no less a later version.
                if blob_id == published_blob_id || !known.contains(&blob_id) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The hub that has the published registry of a repository, if it can be found.
fn find_hub(repo: &Repo, named: &Utf8Path) -> Result<Option<Repo>, WorkspaceError> {
    let beside = || named.parent().filter(|folder| folder.as_std_path().exists()).and_then(|folder| Repo::discover(folder).ok());
    let configured = || {
        let hub = repo.common_dir().join(repo.config(HUB_KEY)?);
        Repo::open(&hub).ok()
    };
    let own = || Repo::open(repo.home()).ok();
    for find in [&own as &dyn Fn() -> Option<Repo>, &beside, &configured] {
        if let Some(hub) = find()
            && policy::find_registry(&hub)?.is_some()
        {
            return Ok(Some(hub));
        }
    }
    Ok(None)
}

/// The registry at the top of a repository's main work tree.
fn find_at_top(repo: &Repo) -> Result<Option<Workspace>, WorkspaceError> {
    match repo.main_top() {
        Some(top) => Workspace::find(&top.join(FILE)),
        None => Ok(None),
    }
}

/// Where the file of a registry would be, now that its hub is elsewhere.
fn moved(hub: &Repo, registry: &Registry) -> Option<Utf8PathBuf> {
    let entry = registry.find_repo(registry.hub.as_str())?;
    root_of(&hub.main_top()?, Utf8Path::new(&entry.path)).map(|root| root.join(FILE))
}

/// The folder from which a path leads to a repository at `top`.
fn root_of(top: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut root = top.to_owned();
    for part in path.components().rev() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::Normal(name) if root.file_name() == Some(name) => drop(root.pop()),
            // `../shop` leads from any sibling; the registry of a hub that names itself so is in the hub.
            Utf8Component::ParentDir if root == *top.parent()? => root = top.to_owned(),
            Utf8Component::Normal(_) | Utf8Component::ParentDir | Utf8Component::RootDir | Utf8Component::Prefix(_) => {
                return None;
            }
        }
    }
    Some(root)
}

/// What is wrong with a file, on one line.
fn first_fault(trouble: &WorkspaceError) -> String {
    match trouble {
        WorkspaceError::Faults { faults, .. } => faults.first().map(ToString::to_string).unwrap_or_default(),
        other => in_one_line(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_where_the_path_of_the_hub_begins() {
        let top = Utf8Path::new("/home/ann/shop");
        let root = |path: &str| root_of(top, Utf8Path::new(path)).map(Utf8PathBuf::into_string);
        assert_eq!(root("."), Some("/home/ann/shop".to_owned()));
        assert_eq!(root("./"), Some("/home/ann/shop".to_owned()));
        assert_eq!(root("../shop"), Some("/home/ann/shop".to_owned()));
        assert_eq!(root("shop"), Some("/home/ann".to_owned()));
        assert_eq!(root("ann/shop"), Some("/home".to_owned()));
        assert_eq!((root("else"), root("/home/ann/shop"), root("../../shop")), (None, None, None));
    }
}
