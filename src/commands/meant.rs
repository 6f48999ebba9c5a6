//! Which repositories a command changes that is about how git-os is installed: the one around, the one that `--repo` names, or all.

use crate::commands::context::Context;
use crate::core::registry::RepoEntry;
use crate::core::text::{chain, comma};
use crate::error::{CliError, Code};
use crate::git::Repo;
use crate::operations::Place;
use crate::workspace::{CONFIG_KEY, Workspace};

/// How far a command reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The repository around, or the one that `--repo` names.
    One,
    /// All of the workspace, also those that are no longer in its registry.
    All,
}

impl Reach {
    pub(super) fn of(is_all: bool) -> Self {
        if is_all { Self::All } else { Self::One }
    }
}

/// One repository that is meant.
pub(super) struct Meant {
    pub(super) name: String,
    pub(super) repo: Repo,
    /// What the registry says of it, if it has it.
    pub(super) entry: Option<RepoEntry>,
}

/// The repositories that are meant.
///
/// # Errors
/// When both one and all are named, or the refs of the hub cannot be read.
pub(super) fn repos(ctx: &Context, place: Place, reach: Reach) -> Result<Vec<Meant>, CliError> {
    if reach == Reach::All && ctx.repo_name.is_some() {
        return Err(CliError::no(Code::InvalidInput, "`--all` and `--repo` cannot be used together"));
    }
    let Some(workspace) = place.workspace.as_ref().filter(|_| reach == Reach::All) else {
        let of_name = |workspace: &Workspace| workspace.registry.find_repo(place.name.as_ref()?.as_str()).cloned();
        let (name, entry) = (place.label(), place.workspace.as_ref().and_then(of_name));
        return Ok(vec![Meant { name, repo: place.repo, entry }]);
    };
    let mut all = Vec::new();
    for entry in &workspace.registry.repos {
        match workspace.open(entry) {
            Ok(repo) => all.push(Meant { name: entry.name.to_string(), repo, entry: Some(entry.clone()) }),
            Err(error) => ctx.ui.say(format!("warning: {}", chain(&error))),
        }
    }
    let former = workspace.list_former()?.into_iter();
    all.extend(former.map(|former| Meant { name: former.name.to_string(), repo: former.repo, entry: None }));
    Ok(all)
}

/// Says where git-os stays as it is, when one of several repositories was meant.
///
/// # Errors
/// When the refs of the hub cannot be read.
pub(super) fn name_others(ctx: &Context, workspace: Option<&Workspace>, meant: &[Meant]) -> Result<(), CliError> {
    let Some(workspace) = workspace else { return Ok(()) };
    let listed = workspace.registry.repos.iter().filter_map(|entry| Some((entry.name.clone(), workspace.open(entry).ok()?)));
    let former = workspace.list_former()?.into_iter().map(|former| (former.name, former.repo));
    let is_other = |repo: &Repo| meant.iter().all(|one| one.repo.common_dir() != repo.common_dir());
    let others = listed.chain(former).filter(|(_, repo)| is_other(repo) && repo.config(CONFIG_KEY).is_some());
    let others: Vec<_> = others.map(|(name, _)| name).collect();
    if !others.is_empty() {
        ctx.ui.say(format!("note: nothing was changed in {}; `--all` means all repositories of the workspace", comma(&others)));
    }
    Ok(())
}
