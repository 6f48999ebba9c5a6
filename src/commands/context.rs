//! What every command needs: its surroundings, and how to find the repository or the ticket that is meant.

use std::sync::OnceLock;

use super::desk;
use crate::agent::stop::Stop;
use crate::core::id::TicketId;
use crate::core::json::{TicketView, VainView};
use crate::core::prospect::Never;
use crate::core::text;
use crate::core::text::plural;
use crate::core::ticket::Ticket;
use crate::core::time::Timestamp;
use crate::env::Env;
use crate::error::{CliError, Code, Kind};
use crate::git::Repo;
use crate::ledger::replay::system_clock;
use crate::ledger::{Entry, Ledger};
use crate::operations::checkout::{self, Checkout, FoundBy};
use crate::operations::{Apart, Caller, FIND_REGISTRY, Place, Scope, Verb};
use crate::session::SessionError;
use crate::sync;
use crate::ui::Ui;
use crate::workspace::{ENLIST, Readiness, Source, Workspace};

/// What every command needs.
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) ui: Ui,
    /// Whether whoever runs this wants it to end.
    pub(crate) stop: Stop,
    /// `--repo`.
    pub(crate) repo_name: Option<String>,
    /// Set once it was said that the file of the registry does not count.
    pub(crate) warned: OnceLock<()>,
}

impl Context {
    /// The repository the command is about: the one that `--repo` names, or the one around the directory.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn place(&self) -> Result<Place, CliError> {
        let place = self.find_place()?;
        self.warn_of_registry(&place);
        Ok(place)
    }

    /// The same for a command that looks at the whole workspace, if there is one.
    ///
    /// # Errors
    /// When there is no repository.
    pub(crate) fn place_of_all(&self) -> Result<Place, CliError> {
        let place = self.find_place()?.in_workspace()?;
        self.warn_of_registry(&place);
        Ok(place)
    }

    /// Says once why a repository is by itself though it names a registry, or which registry is used instead of the file.
    fn warn_of_registry(&self, place: &Place) {
        let told = match &place.apart {
            Apart::Missing(file) => {
                Some((format!("cannot read the registry `{file}`; using this repository alone"), FIND_REGISTRY))
            }
            Apart::Unlisted(workspace) => {
                let (file, name) = (&workspace.file, place.label());
                Some((format!("the registry `{file}` does not have `{name}`; using this repository alone"), ENLIST))
            }
            Apart::Unnamed => {
                let alone = |file| format!("the registry `{file}` is not in use; using this repository alone");
                place.find_unused().map(|file| (alone(file), "git os init"))
            }
        };
        if let Some((warning, hint)) = told
            && self.warned.set(()).is_ok()
        {
            self.ui.say(format!("warning: {warning}"));
            self.ui.say(format!("hint: {hint}"));
        }
        place.workspace.iter().for_each(|workspace| self.name_source(workspace));
    }

    /// Says which registry is used, if it is not the file.
    pub(super) fn name_source(&self, workspace: &Workspace) {
        if let Source::Published { since, why } = &workspace.source
            && self.warned.set(()).is_ok()
        {
            let date = since.date();
            self.ui.say(format!("note: using the registry published on {date}, not `{}`: {why}", workspace.file));
        }
    }

    /// The same for a command that needs the workspace.
    ///
    /// # Errors
    /// When there is no repository, or no registry.
    pub(crate) fn place_in_workspace(&self) -> Result<Place, CliError> {
        let place = self.find_place()?.in_workspace()?;
        place.workspace.iter().for_each(|workspace| self.name_source(workspace));
        match place.workspace {
            Some(_) => Ok(place),
            None => Err(place.without_workspace().into()),
        }
    }

    fn find_place(&self) -> Result<Place, CliError> {
        let place = Place::around(&self.env.dir, self.repo_name.as_deref())?;
        self.fold(&place.repo)?;
        Ok(place)
    }

    /// Merges in what was fetched into a repository since the last command, and reports what its user should know.
    ///
    /// # Errors
    /// When git or the ledger fails.
    pub(crate) fn fold(&self, repo: &Repo) -> Result<(), CliError> {
        let folded = sync::fold_fetched(repo)?;
        for (old, new) in &folded.renamed {
            self.ui.say(renamed(old.as_str(), new.as_str()));
        }
        if folded.conflicts > 0 {
            let events = plural(folded.conflicts, "event", "events");
            self.ui.say(format!(
                "warning: {events} could not be replayed on the remote history; `git os log` shows them as conflicts"
            ));
        }
        for (name, why) in &folded.refused {
            self.ui.say(format!("warning: ignored `{}` after fetch: {}", text::escape(name), text::escape(&why.full())));
        }
        Ok(())
    }

    /// The place of the ticket that a person means: in the repository that `--repo` names, or in any of the workspace.
    ///
    /// # Errors
    /// When none or several fit.
    pub(crate) fn find(&self, words: &str) -> Result<(Place, TicketId), CliError> {
        let scope = if self.repo_name.is_some() { Scope::Repository } else { Scope::Workspace };
        Ok(self.place()?.find(words, scope)?)
    }

    /// The ticket that was named, or the one that is meant by where the command was given, for what is done by hand.
    ///
    /// # Errors
    /// When none or several fit.
    pub(super) fn find_or_here(&self, words: Option<&str>, verb: Verb) -> Result<(Place, TicketId, FoundBy), CliError> {
        if let Some(words) = words {
            let (place, id) = self.find(words)?;
            return Ok((place, id, FoundBy::Name));
        }
        let place = self.place()?;
        let here = Checkout::around(&place.repo, &self.env.dir)?;
        let (id, found_by) = checkout::find_ticket(&place.ledger()?, here.as_ref(), verb)?;
        if found_by == FoundBy::OnlyOne {
            let what = match verb {
                Verb::Pass | Verb::Verify => "submitted ticket",
                Verb::Submit | Verb::Drop | Verb::Land | Verb::Revert | Verb::Replay | Verb::Note => "ticket",
            };
            self.ui.say(format!("{id} is the only {what} that this clone holds"));
        }
        Ok((place, id, found_by))
    }

    /// The ticket on which another one depends; it may be in any repository of the workspace, whatever `--repo` names.
    ///
    /// # Errors
    /// When none or several fit.
    pub(crate) fn find_dependency(&self, words: &str) -> Result<TicketId, CliError> {
        Ok(self.place()?.find(words, Scope::Workspace)?.1)
    }

    /// The dependencies of a ticket that will not land. What cannot be read is reported, and is no reason to show nothing.
    pub(crate) fn list_never(&self, readiness: &Readiness<'_>, id: &TicketId, ticket: &Ticket) -> Vec<(TicketId, Never)> {
        readiness.list_never(id, ticket).unwrap_or_else(|error| {
            self.ui.say(format!("warning: {}", text::chain(&error)));
            Vec::new()
        })
    }

    /// Asks a person before anything is changed. Where there is nobody to ask, the answer is no.
    ///
    /// # Errors
    /// When somebody interrupts, or the terminal cannot be read.
    pub(super) fn confirm(&self, question: &str) -> Result<bool, CliError> {
        if !self.env.stdin_is_terminal || !self.env.stderr_is_terminal {
            return Ok(false);
        }
        match desk::confirm(&self.ui, &self.stop, 0, question) {
            Err(SessionError::Interrupted) => {
                Err(CliError::new(Kind::Interrupted, Code::Interrupted, "interrupted; nothing was changed"))
            }
            answered => Ok(answered?),
        }
    }

    /// In whose name the command acts.
    ///
    /// # Errors
    /// When `--run` is not a run id.
    pub(crate) fn caller(&self, run: Option<&str>) -> Result<Caller, CliError> {
        Ok(Caller::new(&self.env, run)?)
    }
}

/// The time by the clock that stamps events.
#[must_use]
pub(super) fn now(repo: &Repo) -> Timestamp {
    // Whoever only looks need not be known to git.
    repo.identity().map_or_else(|_| system_clock(), |who| who.time)
}

/// The note on a ticket that got a new name, since another one has its old name.
#[must_use]
pub(crate) fn renamed(old: &str, new: &str) -> String {
    format!("note: ticket {old} of this clone is now {new}, because another ticket has the id {old}")
}

/// A ticket for programs.
///
/// # Errors
/// When its description cannot be read.
pub(crate) fn view(ledger: &Ledger<'_>, entry: &Entry) -> Result<TicketView, CliError> {
    let description = ledger.description(entry)?;
    let acceptance = ledger.criteria(entry.tree_id)?.as_slice().to_vec();
    Ok(TicketView {
        acceptance,
        ..TicketView::new(&entry.id, &ledger.policy.repo, &entry.ticket, entry.updated, Some(description))
    })
}

/// The dependencies of a ticket that will not land, for programs.
#[must_use]
pub(super) fn vain_views(never: &[(TicketId, Never)]) -> Vec<VainView> {
    never.iter().map(|(depends, why)| VainView { depends: depends.clone(), reason: why.to_string() }).collect()
}
