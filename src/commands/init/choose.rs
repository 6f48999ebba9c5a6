//! Which registry `git os init` is about: the one in use, the nearest file, a published one, or a new one.

use camino::Utf8PathBuf;

use super::starter;
use crate::commands::context::Context;
use crate::core::registry::FILE;
use crate::doctor::setup::Mode;
use crate::error::{CliError, Code};
use crate::git::Repo;
use crate::git::process::write_file;
use crate::workspace::in_force::{self, InForce, NotTheFile};
use crate::workspace::{Source, Workspace};

/// Finds the registry, or writes a new one.
///
/// # Errors
/// When it is invalid, or none can be found or written.
pub(super) fn choose(ctx: &Context, named: Option<&str>, mode: Mode) -> Result<Workspace, CliError> {
    if let Some(file) = named {
        return Ok(Workspace::load(&ctx.env.path(file))?);
    }
    let nearest = ctx.env.dir.ancestors().map(|dir| dir.join(FILE)).find(|file| file.as_std_path().exists());
    let repo = Repo::discover(&ctx.env.dir);
    if let Ok(repo) = &repo
        && let InForce::Found(workspace, _) = in_force::find(repo)?
    {
        if let Source::Published { why: NotTheFile::Invalid(_), .. } = &workspace.source {
            // With all its errors.
            return Ok(Workspace::load(&workspace.file)?);
        }
        if nearest.is_some_and(|nearest| !is_same(&nearest, &workspace.file)) {
            ctx.ui.say(format!("note: using the registry `{}`; `--registry FILE` names another one", workspace.file));
        }
        return Ok(workspace);
    }
    if let Some(file) = nearest {
        let found = Workspace::load(&file);
        // A registry further up may be about other repositories; one at the top of this one is its own in any case.
        let is_own = |workspace: &Workspace, repo: &Repo| workspace.name_of(repo).is_some() || repo.work_dir() == file.parent();
        match (&found, &repo) {
            (Ok(workspace), Ok(repo)) if !is_own(workspace, repo) => {
                ctx.ui.say(format!("note: the registry `{file}` does not have this repository"));
            }
            (Err(_), Ok(repo)) if repo.work_dir() != file.parent() => {}
            _ => return Ok(found?),
        }
    }
    let repo = repo?;
    let top = repo.work_dir().ok_or_else(|| {
        CliError::no(Code::NeedsRegistry, "cannot write a registry: this is a bare repository")
            .hint("git os init --registry FILE")
    })?;
    let known = starter::find_known(&repo)?;
    if let Some(published) = known.registry
        && let Some(workspace) = in_force::of_clone(&repo, published)
    {
        return Ok(workspace);
    }
    let file = top.join(FILE);
    let text = starter::write(top, &repo, known.policy)?;
    if mode == Mode::DryRun {
        ctx.ui.line(format!("would write {file}:\n\n{text}"))?;
        return Ok(Workspace::of_text(file, text)?);
    }
    write_file(&file, text.as_bytes(), 0o644)?;
    ctx.ui.say(format!("wrote {file}; commit it, and add a `[[repo]]` table for each other repository"));
    Ok(Workspace::load(&file)?)
}

fn is_same(one: &Utf8PathBuf, other: &Utf8PathBuf) -> bool {
    one == other || one.canonicalize_utf8().ok().is_some_and(|one| other.canonicalize_utf8().ok() == Some(one))
}
