//! Which tickets are ready: in the state `ready`, and everything they depend on has landed. What will not land is told from
//! what has not landed yet.

use std::collections::{HashMap, HashSet};

use super::{Workspace, WorkspaceError};
use crate::core::event::State;
use crate::core::id::TicketId;
use crate::core::prospect::{Never, Prospect};
use crate::core::ticket::Ticket;
use crate::git::Repo;
use crate::ledger::cache::Row;
use crate::ledger::{Ledger, LedgerError, archive};

/// Decides which tickets are ready, in a workspace or, without one, in one repository.
pub(crate) struct Readiness<'a> {
    workspace: Option<&'a Workspace>,
    repo: &'a Repo,
    known: HashMap<&'a TicketId, &'a Ticket>,
}

/// Where a ticket was found.
enum Found {
    Here {
        state: State,
        depends: Vec<TicketId>,
    },
    /// Every place where it could be was looked at.
    Nowhere,
    Unknown,
}

impl<'a> Readiness<'a> {
    /// Without a workspace, all dependencies are looked for in `repo`.
    #[must_use]
    pub(crate) fn new(workspace: Option<&'a Workspace>, repo: &'a Repo) -> Self {
        Self { workspace, repo, known: HashMap::new() }
    }

    /// Takes over tickets from rows that were read before, so that they are not read again.
    #[must_use]
    pub(crate) fn knowing(mut self, rows: impl Iterator<Item = &'a Row>) -> Self {
        self.known = rows.map(|row| (&row.id, &row.ticket)).collect();
        self
    }

    /// Whether a ticket is ready.
    ///
    /// # Errors
    /// When a repository cannot be read.
    pub(crate) fn is_ready(&self, row: &Row) -> Result<bool, WorkspaceError> {
        if row.ticket.state != State::Ready {
            return Ok(false);
        }
        for id in &row.ticket.content.depends {
            if !matches!(self.look(id)?, Found::Here { state: State::Merged, .. }) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How a dependency of a ticket stands.
    ///
    /// # Errors
    /// When a repository cannot be read.
    fn prospect(&self, id: &TicketId, on: &TicketId) -> Result<Prospect, WorkspaceError> {
        Ok(match self.look(on)? {
            Found::Here { state: State::Merged, .. } => Prospect::Landed,
            Found::Here { state, .. } if state.is_terminal() => Prospect::Never(Never::Closed(state)),
            Found::Here { .. } => self.find_cycle(id, on)?.map_or(Prospect::Open, |path| Prospect::Never(Never::Cycle(path))),
            Found::Nowhere => Prospect::Never(Never::Missing),
            Found::Unknown => Prospect::Unknown,
        })
    }

    /// What keeps a ticket from being ready: a dependency that will never land, or else the first that has not landed.
    ///
    /// # Errors
    /// When a repository cannot be read.
    pub(crate) fn find_obstacle(&self, id: &TicketId, ticket: &Ticket) -> Result<Option<(TicketId, Prospect)>, WorkspaceError> {
        let mut first = None;
        for on in &ticket.content.depends {
            match self.prospect(id, on)? {
                Prospect::Landed => {}
                prospect @ Prospect::Never(_) => return Ok(Some((on.clone(), prospect))),
                prospect @ (Prospect::Open | Prospect::Unknown) => first = first.or_else(|| Some((on.clone(), prospect))),
            }
        }
        Ok(first)
    }

    /// The dependencies of a ticket that will never land; none of a ticket that is closed itself.
    ///
    /// # Errors
    /// When a repository cannot be read.
    pub(crate) fn list_never(&self, id: &TicketId, ticket: &Ticket) -> Result<Vec<(TicketId, Never)>, WorkspaceError> {
        let mut all = Vec::new();
        for on in ticket.content.depends.iter().filter(|_| !ticket.state.is_terminal()) {
            if let Prospect::Never(why) = self.prospect(id, on)? {
                all.push((on.clone(), why));
            }
        }
        Ok(all)
    }

    /// The way from a ticket through a dependency back to the ticket, if there is one. Tickets that are closed wait for
    /// nothing, so no way leads through them.
    ///
    /// # Errors
    /// When a repository cannot be read.
    pub(crate) fn find_cycle(&self, id: &TicketId, on: &TicketId) -> Result<Option<Vec<TicketId>>, WorkspaceError> {
        // Each with the place, in this list, of the ticket that waits for it.
        let mut reached = vec![(on.clone(), None)];
        let mut seen: HashSet<TicketId> = reached.iter().map(|one| one.0.clone()).collect();
        let mut at = 0;
        while at < reached.len() {
            if reached[at].0 == *id {
                let mut path = vec![id.clone()];
                let mut step = reached[at].1;
                while let Some(place) = step {
                    let (ticket, before): &(TicketId, Option<usize>) = &reached[place];
                    path.push(ticket.clone());
                    step = *before;
                }
                path.push(id.clone());
                path.reverse();
                return Ok(Some(path));
            }
            if let Found::Here { state, depends } = self.look(&reached[at].0)?
                && !state.is_terminal()
            {
                reached.extend(depends.into_iter().filter(|next| seen.insert(next.clone())).map(|next| (next, Some(at))));
            }
            at += 1;
        }
        Ok(None)
    }

    /// Finds a ticket.
    fn look(&self, id: &TicketId) -> Result<Found, WorkspaceError> {
        if let Some(ticket) = self.known.get(id) {
            return Ok(Found::Here { state: ticket.state, depends: ticket.content.depends.clone() });
        }
        let Some(workspace) = self.workspace else {
            // Which other repositories there are is not known.
            return Ok(match look_in(self.repo, id)? {
                Found::Nowhere => Found::Unknown,
                found => found,
            });
        };
        let mut was_everywhere = true;
        for entry in &workspace.registry.repos {
            match workspace.open(entry) {
                Ok(repo) => match look_in(&repo, id)? {
                    Found::Nowhere => {}
                    Found::Unknown => was_everywhere = false,
                    found @ Found::Here { .. } => return Ok(found),
                },
                Err(_) => was_everywhere = false,
            }
        }
        for former in workspace.list_former()? {
            match look_in(&former.repo, id)? {
                Found::Nowhere => {}
                Found::Unknown => was_everywhere = false,
                found @ Found::Here { .. } => return Ok(found),
            }
        }
        Ok(if was_everywhere { Found::Nowhere } else { Found::Unknown })
    }
}

/// Finds a ticket in one repository. One that git-os is not set up in yet may get it with the next fetch.
fn look_in(repo: &Repo, id: &TicketId) -> Result<Found, LedgerError> {
    let Ok(ledger) = Ledger::open(repo) else { return Ok(Found::Unknown) };
    let tip = match repo.find_ref(&id.ref_name())? {
        Some(tip) => Some(tip),
        None => archive::find(repo, id)?,
    };
    let Some(tip) = tip else { return Ok(Found::Nowhere) };
    // What cannot be read is not known to be merged.
    Ok(ledger.read_entry(id.clone(), tip).map_or(Found::Unknown, |entry| {
        let Ticket { state, content, .. } = entry.ticket;
        Found::Here { state, depends: content.depends }
    }))
}
