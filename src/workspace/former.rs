//! Repositories that are no longer in a registry and still use it: until git-os is taken out of them, what is in them stays in sight.

use std::collections::HashSet;

use super::in_force::HUB_KEY;
use super::{CONFIG_KEY, Workspace, WorkspaceError};
use crate::core::id::RepoName;
use crate::core::registry::Registry;
use crate::git::Repo;
use crate::ledger::cache::Row;
use crate::ledger::{Ledger, policy};

/// A repository that an earlier registry had.
pub(crate) struct Former {
    /// Its name there.
    pub(crate) name: RepoName,
    pub(crate) repo: Repo,
}

impl Former {
    /// Its live tickets. What cannot be read is said to whoever looks there.
    #[must_use]
    pub(crate) fn rows(&self) -> Vec<Row> {
        Ledger::open(&self.repo).and_then(|ledger| ledger.rows()).map(|rows| rows.tickets).unwrap_or_default()
    }
}

impl Workspace {
    /// The repositories that an earlier publication of the registry has, this one does not have, and that still name it.
    ///
    /// # Errors
    /// When the refs of the hub cannot be read.
    pub(crate) fn list_former(&self) -> Result<Vec<Former>, WorkspaceError> {
        // Without the hub nothing is known of earlier registries.
        let Ok(hub) = self.hub().and_then(|hub| self.open(hub)) else { return Ok(Vec::new()) };
        let is_known =
            |name: &RepoName, path: &str| self.registry.repos.iter().any(|entry| entry.name == *name && entry.path == path);
        let mut tried = HashSet::new();
        let mut all: Vec<Former> = Vec::new();
        for text in policy::list_registries(&hub)? {
            // An older git-os may have published what this one does not read.
            let Ok(registry) = Registry::parse(&text) else { continue };
            for entry in registry.repos {
                if is_known(&entry.name, &entry.path) || !tried.insert(entry.path.clone()) {
                    continue;
                }
                if let Ok(repo) = self.open(&entry)
                    && self.name_of(&repo).is_none()
                    && self.is_named_by(&repo, &hub)
                    && all.iter().all(|known| known.repo.common_dir() != repo.common_dir())
                {
                    all.push(Former { name: entry.name, repo });
                }
            }
        }
        Ok(all)
    }

    /// Whether the configuration of a repository names this registry.
    fn is_named_by(&self, repo: &Repo, hub: &Repo) -> bool {
        let Some(named) = repo.config(CONFIG_KEY) else { return false };
        match repo.config(HUB_KEY) {
            // The way to the hub is right even where the whole workspace was moved or copied.
            Some(way) => Repo::open(&repo.common_dir().join(way)).is_ok_and(|other| other.common_dir() == hub.common_dir()),
            None => self.recorded_file() == named.as_str(),
        }
    }
}
