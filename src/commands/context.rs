//! What every command needs: where it is, which workspace that belongs to, and how to find a ticket.

use camino::Utf8PathBuf;

use crate::core::event::{Role, State};
use crate::core::fsm::Refusal;
use crate::core::id::{RepoName, RunId, TicketId};
use crate::core::json::TicketView;
use crate::core::text;
use crate::core::text::plural;
use crate::env::Env;
use crate::error::CliError;
use crate::gate;
use crate::git::{GitError, Repo};
use crate::ledger::{Answer, Draft, Entry, Ledger, LedgerError};
use crate::local::held;
use crate::sync::{self, submit_shared};
use crate::ui::Ui;
use crate::workspace::{CONFIG_KEY, Workspace};

/// What every command needs.
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) ui: Ui,
    /// `--repo`.
    pub(crate) repo_name: Option<String>,
}

/// A repository of the workspace, opened.
pub(crate) struct Place {
    pub(crate) repo: Repo,
    pub(crate) workspace: Option<Workspace>,
    /// Its name in the registry, or else in its policy.
    pub(crate) name: Option<RepoName>,
}

impl Place {
    /// The ledger of this repository.
    ///
    /// # Errors
    /// When it is not under git-os.
    pub(crate) fn ledger(&self) -> Result<Ledger<'_>, LedgerError> {
        Ledger::open(&self.repo)
    }
}

impl Context {
    /// The repository the command is about: the one that `--repo` names, or the one around the directory.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn place(&self) -> Result<Place, CliError> {
        let around = Repo::discover(&self.env.dir);
        let workspace = match &around {
            Ok(repo) => workspace_of(repo)?,
            Err(_) => self.workspace_around()?,
        };
        if let Some(name) = &self.repo_name {
            let workspace = workspace.ok_or_else(|| CliError::no("`--repo` needs a registry").hint("git os init"))?;
            let entry = workspace.entry(name)?;
            let repo = workspace.open(entry)?;
            self.fold(&repo)?;
            return Ok(Place { repo, name: Some(entry.name.clone()), workspace: Some(workspace) });
        }
        let repo = match (around, &workspace) {
            (Ok(repo), _) => repo,
            (Err(GitError::NoRepository(_)), Some(workspace)) => workspace.open(workspace.hub()?)?,
            (Err(error), _) => return Err(error.into()),
        };
        let name = workspace.as_ref().and_then(|workspace| name_in(workspace, &repo));
        self.fold(&repo)?;
        Ok(Place { repo, workspace, name })
    }

    /// Folds in what was fetched into a repository since the last command, and says what is to be known of it.
    ///
    /// # Errors
    /// When git or the ledger fails.
    pub(crate) fn fold(&self, repo: &Repo) -> Result<(), CliError> {
        let folded = sync::fold_fetched(repo)?;
        for (old, new) in &folded.renamed {
            self.ui.say(format!("note: another ticket has the name {old}; the one of this clone is {new} now"));
        }
        if folded.conflicts > 0 {
            let events = plural(folded.conflicts, "event", "events");
            self.ui.say(format!(
                "warning: {events} could not be replayed on what others wrote; `git os log` shows them as conflicts"
            ));
        }
        for (name, why) in &folded.refused {
            self.ui.say(format!("warning: ignored `{}` after fetch: {}", text::escape(name), text::escape(&why.full())));
        }
        Ok(())
    }

    /// The workspace whose registry stands here or above, for commands outside of any repository.
    fn workspace_around(&self) -> Result<Option<Workspace>, CliError> {
        let file =
            self.env.dir.ancestors().map(|dir| dir.join(crate::core::registry::FILE)).find(|file| file.as_std_path().exists());
        Ok(file.map(|file| Workspace::load(&file)).transpose()?)
    }

    /// The place of the ticket that a person means, which may be any repository of the workspace.
    ///
    /// # Errors
    /// When none or several fit.
    pub(crate) fn find(&self, part: &str) -> Result<(Place, TicketId), CliError> {
        let place = self.place()?;
        let Some(workspace) = &place.workspace else {
            let id = place.ledger()?.resolve(part)?;
            notice_landing(&place, &id)?;
            return Ok((place, id));
        };
        let found = workspace.resolve(part, place.name.as_ref().map(|name| (name, &place.repo)))?;
        let place = if Some(&found.repo) == place.name.as_ref() {
            place
        } else {
            let repo = workspace.open(workspace.entry(found.repo.as_str())?)?;
            Place { repo, workspace: place.workspace, name: Some(found.repo) }
        };
        notice_landing(&place, &found.id)?;
        Ok((place, found.id))
    }

    /// The run in whose name a holder speaks: the one given, the agent's own, or the one this clone claimed with.
    ///
    /// # Errors
    /// When there is none, or it is not a run id.
    pub(crate) fn run_of(&self, place: &Place, id: &TicketId, given: Option<&str>) -> Result<RunId, CliError> {
        let kept = || held::find(&place.repo, id);
        let own = || self.env.run.clone().filter(|_| self.env.ticket.as_deref() == Some(id.as_str()));
        let text = given.map(str::to_owned).or_else(own).or_else(kept);
        let text = text.ok_or_else(|| CliError::no(format!("no run of this clone holds {id}; name one with `--run`")))?;
        RunId::parse(&text).map_err(CliError::no)
    }
}

/// Closes a ticket that landed by hand where no hook saw it.
fn notice_landing(place: &Place, id: &TicketId) -> Result<(), CliError> {
    let ledger = place.ledger()?;
    // What cannot be read is for the command itself to say.
    if ledger.find(id).is_ok_and(|entry| entry.is_some_and(|entry| entry.ticket.state == State::Verified)) {
        gate::reconcile(&ledger)?;
    }
    Ok(())
}

/// Writes an event and turns a refusal into the answer no.
///
/// # Errors
/// When the rules refuse it or the ledger cannot be written.
pub(crate) fn submit(ledger: &Ledger<'_>, id: &TicketId, draft: &Draft) -> Result<Entry, CliError> {
    match submit_shared(ledger, id, draft)? {
        Answer::Yes(entry) => Ok(*entry),
        Answer::No(refusal) => Err(refused(ledger, id, &refusal)),
    }
}

/// The answer no, with who holds the ticket if that is why.
pub(crate) fn refused(ledger: &Ledger<'_>, id: &TicketId, refusal: &Refusal) -> CliError {
    let mut message = format!("{id}: {refusal}");
    if let (Refusal::WrongState { .. }, Ok(Some(entry))) = (refusal, ledger.find(id))
        && let Some(run) = entry.ticket.run
        && entry.ticket.state.is_held()
    {
        message += &format!("; run {run} holds it");
        if let Some(lease) = entry.ticket.lease {
            message += &format!(" until {lease}");
        }
    }
    CliError::no(message).hint(format!("git os show {id}"))
}

/// The workspace a repository says it belongs to.
///
/// # Errors
/// When the registry cannot be read.
pub(crate) fn workspace_of(repo: &Repo) -> Result<Option<Workspace>, CliError> {
    Ok(repo.config(CONFIG_KEY).map(|file| Workspace::load(file.as_str().into())).transpose()?)
}

/// The name under which the registry has a repository.
#[must_use]
pub(crate) fn name_in(workspace: &Workspace, repo: &Repo) -> Option<RepoName> {
    let is_it = |path: Utf8PathBuf| {
        // Where the git directory is at its usual place its path tells; opening a repository costs a millisecond.
        match path.join(".git").canonicalize_utf8() {
            Ok(git_dir) if git_dir.is_dir() => git_dir == repo.common_dir(),
            _ => Repo::open(&path).is_ok_and(|other| other.common_dir() == repo.common_dir()),
        }
    };
    workspace.registry.repos.iter().find(|entry| is_it(workspace.path_of(entry))).map(|entry| entry.name.clone())
}

/// The workspace of a place, for commands that cannot do without.
///
/// # Errors
/// When its repository belongs to none.
pub(crate) fn workspace(place: &Place) -> Result<&Workspace, CliError> {
    place.workspace.as_ref().ok_or_else(|| CliError::no("this repository belongs to no registry").hint("git os init"))
}

/// A ticket for programs.
///
/// # Errors
/// When its description cannot be read.
pub(crate) fn view(ledger: &Ledger<'_>, entry: &Entry) -> Result<TicketView, CliError> {
    let description = ledger.description(entry)?;
    Ok(TicketView::new(&entry.id, &ledger.policy.repo, &entry.ticket, entry.updated, Some(description)))
}

/// The role in which somebody acts who has not said otherwise.
pub(crate) const OPERATOR: Role = Role::Operator;
