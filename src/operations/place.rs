//! Where an operation takes place, and in whose name: a repository of the workspace, and a run.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Done, OperationError};
use crate::core::event::State;
use crate::core::id::{Brand, RepoName, RunId, TicketId};
use crate::core::registry::FILE;
use crate::dispatch::{Site, Workplace};
use crate::env::Env;
use crate::gate;
use crate::git::{GitError, Repo};
use crate::ledger::{Ledger, LedgerError};
use crate::local::held;
use crate::workspace::in_force::{self, InForce};
use crate::workspace::{Workspace, resolve_in};

/// A repository of the workspace, opened.
pub(crate) struct Place {
    pub(crate) repo: Repo,
    pub(crate) workspace: Option<Workspace>,
    /// Its name in the registry; without a workspace it has none.
    pub(crate) name: Option<RepoName>,
    /// Why there is no workspace.
    pub(crate) apart: Apart,
}

/// Why a repository is by itself.
#[derive(Debug, Default)]
pub(crate) enum Apart {
    /// It names no registry, or was asked for alone.
    #[default]
    Unnamed,
    /// The file that it names is not there, nor is one at the top of the work tree.
    Missing(Utf8PathBuf),
    /// The registry that it names does not have it, or no longer.
    Unlisted(Workspace),
}

/// Where a ticket is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Repository,
    /// All repositories of the workspace, if there is one.
    Workspace,
}

impl Place {
    /// The repository with this name in the registry, or else the one around a directory. Outside of any repository it is
    /// the hub of the workspace around.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn around(dir: &Utf8Path, name: Option<&str>) -> Done<Self> {
        let around = Repo::discover(dir);
        let found = match &around {
            Ok(repo) => in_force::find(repo)?,
            Err(_) => InForce::Nothing,
        };
        if let Some(name) = name {
            return match (found, &around) {
                (InForce::Found(workspace, _) | InForce::Unlisted(workspace), _) => Self::named(workspace, name),
                (InForce::Missing(file), _) => Err(OperationError::RegistryMissing(file)),
                (InForce::Nothing, Ok(_)) => Err(OperationError::RepoWithoutRegistry),
                (InForce::Nothing, Err(_)) => {
                    Self::named(workspace_around(dir)?.ok_or(OperationError::RepoWithoutRegistry)?, name)
                }
            };
        }
        let repo = match around {
            Ok(repo) => repo,
            Err(error @ GitError::NoRepository(_)) => {
                let workspace = workspace_around(dir)?.ok_or(error)?;
                let repo = workspace.open(workspace.hub()?)?;
                let name = workspace.name_of(&repo).cloned();
                return Ok(Self { repo, workspace: Some(workspace), name, apart: Apart::default() });
            }
            Err(error) => return Err(error.into()),
        };
        Ok(match found {
            InForce::Found(workspace, name) => {
                Self { repo, workspace: Some(workspace), name: Some(name), apart: Apart::default() }
            }
            InForce::Unlisted(workspace) => Self { apart: Apart::Unlisted(workspace), ..Self::alone(repo) },
            InForce::Missing(file) => Self { apart: Apart::Missing(file), ..Self::alone(repo) },
            InForce::Nothing => Self::alone(repo),
        })
    }

    /// The repository with this name, in the registry or in an earlier one.
    fn named(workspace: Workspace, name: &str) -> Done<Self> {
        let entry = match workspace.entry(name) {
            Ok(entry) => entry,
            Err(unknown) => {
                let former = workspace.list_former()?.into_iter().find(|former| former.name.as_str() == name);
                let repo = former.ok_or(unknown)?.repo;
                return Ok(Self { apart: Apart::Unlisted(workspace), ..Self::alone(repo) });
            }
        };
        let (repo, name) = (workspace.open(entry)?, Some(entry.name.clone()));
        Ok(Self { repo, name, workspace: Some(workspace), apart: Apart::default() })
    }

    /// A repository by itself, whatever registry it names.
    #[must_use]
    pub(crate) fn alone(repo: Repo) -> Self {
        Self { repo, workspace: None, name: None, apart: Apart::default() }
    }

    /// What it is called: by its registry, or by its policy, or else by its path.
    #[must_use]
    pub(crate) fn label(&self) -> String {
        let of_policy = || self.ledger().ok().map(|ledger| ledger.policy.repo.to_string());
        let name = self.name.as_ref().map(ToString::to_string).or_else(of_policy);
        name.unwrap_or_else(|| self.repo.home().to_string())
    }

    /// The ledger of this repository.
    ///
    /// # Errors
    /// When git-os is not set up in it.
    pub(crate) fn ledger(&self) -> Result<Ledger<'_>, LedgerError> {
        Ledger::open(&self.repo)
    }

    /// The workspace, for operations that cannot do without.
    ///
    /// # Errors
    /// When this repository has no registry.
    pub(crate) fn workspace(&self) -> Done<&Workspace> {
        self.workspace.as_ref().ok_or_else(|| self.without_workspace())
    }

    /// The same place, for an operation on the whole workspace: in another repository than the hub, where the file of the
    /// registry is not looked at closely, it may be that of an older branch.
    ///
    /// # Errors
    /// When the refs of the hub cannot be read.
    pub(crate) fn in_workspace(mut self) -> Done<Self> {
        if let Some(workspace) = self.workspace.take() {
            let is_hub = self.name.as_ref() == Some(&workspace.registry.hub);
            let hub = if is_hub { None } else { workspace.open(workspace.hub()?).ok() };
            self.workspace = Some(match hub {
                Some(hub) => workspace.or_later(&hub)?,
                None => workspace,
            });
        }
        Ok(self)
    }

    /// Why there is no workspace.
    #[must_use]
    pub(crate) fn without_workspace(&self) -> OperationError {
        match &self.apart {
            Apart::Missing(file) => OperationError::RegistryMissing(file.clone()),
            Apart::Unlisted(workspace) => OperationError::NotInRegistry(workspace.file.clone()),
            Apart::Unnamed => self.find_unused().map_or(OperationError::NoRegistry, OperationError::RegistryUnused),
        }
    }

    /// The registry at the top of this repository, if git-os was set up here once and is no longer.
    #[must_use]
    pub(crate) fn find_unused(&self) -> Option<Utf8PathBuf> {
        let is_unused = self.workspace.is_none() && matches!(self.apart, Apart::Unnamed);
        let file = self.repo.work_dir().filter(|_| is_unused)?.join(FILE);
        (file.as_std_path().is_file() && self.ledger().is_ok()).then_some(file)
    }

    /// The place of work in this repository.
    ///
    /// # Errors
    /// When it is not in a registry.
    pub(crate) fn site<'a>(&'a self, at: Workplace<'a>) -> Done<Site<'a>> {
        let name = self.name.as_ref().ok_or_else(|| self.without_workspace())?;
        Ok(Site::open(at, at.workspace.entry(name.as_str())?)?)
    }

    /// The place of the ticket that a person means. Work of it that landed without git-os is noticed.
    ///
    /// # Errors
    /// When none or several fit.
    pub(crate) fn find(self, words: &str, scope: Scope) -> Done<(Self, TicketId)> {
        let (place, id) = match self.workspace.as_ref().filter(|_| scope == Scope::Workspace) {
            None => {
                let id = resolve_in(&self.repo, words)?;
                (self, id)
            }
            Some(workspace) => {
                let found = workspace.resolve(words, self.name.as_ref().map(|name| (name, &self.repo)))?;
                if Some(&found.repo) == self.name.as_ref() {
                    (self, found.id)
                } else {
                    let repo = workspace.open(workspace.entry(found.repo.as_str())?)?;
                    (Self { repo, workspace: self.workspace, name: Some(found.repo), apart: self.apart }, found.id)
                }
            }
        };
        place.notice_landing(&id)?;
        Ok((place, id))
    }

    /// The repository in which tickets of a brand are created: this one if it has the brand, or else one that does.
    ///
    /// # Errors
    /// When no repository of the workspace has it.
    pub(crate) fn with_brand(self, brand: &Brand) -> Done<Self> {
        let Some(workspace) = &self.workspace else { return Ok(self) };
        if self.ledger()?.policy.brands.contains(brand) {
            return Ok(self);
        }
        let no_brand = || OperationError::NoBrand { brand: brand.to_string(), known: workspace.registry.brands() };
        let entry = workspace.registry.repos_of(brand).next().ok_or_else(no_brand)?;
        let (repo, name) = (workspace.open(entry)?, Some(entry.name.clone()));
        Ok(Self { repo, name, apart: self.apart, workspace: self.workspace })
    }

    /// The brands that tickets can have here.
    ///
    /// # Errors
    /// When there is no workspace, and git-os is not set up in this repository.
    pub(crate) fn brands(&self) -> Result<Vec<Brand>, LedgerError> {
        match &self.workspace {
            Some(workspace) => Ok(workspace.registry.brands()),
            None => Ok(self.ledger()?.policy.brands),
        }
    }

    /// Closes a ticket that landed where no hook saw it.
    fn notice_landing(&self, id: &TicketId) -> Done<()> {
        let ledger = self.ledger()?;
        // What cannot be read is for the operation itself to say.
        if ledger.find(id).is_ok_and(|entry| entry.is_some_and(|entry| entry.ticket.state == State::Verified)) {
            gate::reconcile(&ledger)?;
        }
        Ok(())
    }
}

/// The workspace whose registry is here or above, for a directory outside of any repository.
fn workspace_around(dir: &Utf8Path) -> Done<Option<Workspace>> {
    let file = dir.ancestors().map(|dir| dir.join(FILE)).find(|file| file.as_std_path().exists());
    Ok(file.map(|file| Workspace::load(&file)).transpose()?)
}

/// In whose name an operation is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The run that was named.
    named: Option<RunId>,
    /// The run that the surroundings name, and the ticket it works on.
    own: Option<String>,
    ticket: Option<String>,
}

impl Caller {
    /// The run that was named, or else whoever the surroundings say.
    ///
    /// # Errors
    /// When the named run is not a run id.
    pub(crate) fn new(env: &Env, named: Option<&str>) -> Done<Self> {
        let named = named.map(RunId::parse).transpose()?;
        Ok(Self { named, own: env.run.clone(), ticket: env.ticket.clone() })
    }

    /// A run, whatever the surroundings say.
    #[must_use]
    pub(super) fn of(run: RunId) -> Self {
        Self { named: Some(run), own: None, ticket: None }
    }

    /// Whether an agent speaks.
    #[must_use]
    pub(super) fn is_agent(&self) -> bool {
        self.own.is_some()
    }

    /// The run that was named, if one was.
    #[must_use]
    pub(super) fn named(&self) -> Option<&RunId> {
        self.named.as_ref()
    }

    /// The run that acts on a ticket: the one that was named, the agent's own, or the one this clone claimed it with.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn run_on(&self, repo: &Repo, id: &TicketId) -> Done<RunId> {
        if let Some(named) = &self.named {
            return Ok(named.clone());
        }
        let own = self.own.clone().filter(|_| self.ticket.as_deref() == Some(id.as_str()));
        let text = own.or_else(|| held::find(repo, id)).ok_or_else(|| OperationError::NoHolder(id.clone()))?;
        Ok(RunId::parse(&text)?)
    }
}
