//! Phase 0: health, landings made by hand, leftovers of a killed session, and worktrees that are no longer needed.

use super::{Session, SessionError, event};
use crate::core::event::State;
use crate::core::id::VERDICT_NOTES;
use crate::core::progress::{Busy, CareEvent, Event, RemoteEvent, SessionEvent, Trouble, What};
use crate::core::registry::RepoEntry;
use crate::core::session::Phase;
use crate::core::text::{in_one_line, plural};
use crate::dispatch::land::{self, Followed};
use crate::dispatch::{Site, collect, recover};
use crate::gate;
use crate::git::remote::Fetched;
use crate::hook::install;
use crate::ledger::{Ledger, shared_remote};
use crate::local::locks;
use crate::sync;

impl Session<'_> {
    pub(super) fn initialise(&mut self) -> Result<(), SessionError> {
        if let Some((session, person)) = self.log.other.take() {
            self.tell(SessionEvent::OtherSession(session, person));
        }
        let mut remarks = Vec::new();
        let repos = &self.workspace.registry.repos;
        self.at.listener.hear(&Event::Busy(Busy::Begun { repos: repos.len() }));
        for entry in repos {
            self.at.listener.hear(&Event::Busy(Busy::At { repo: entry.name.clone(), check: None }));
            // What is wrong with one repository is no reason to leave the others.
            let mut whats = Vec::new();
            if let Err(error) = self.initialise_one(entry, &mut whats) {
                if self.at.stop.is_interrupted() {
                    return Err(SessionError::Interrupted);
                }
                whats.push(What::Trouble(Trouble::of(&error)));
            }
            remarks.extend(whats.into_iter().map(|what| event(entry, what)));
            self.at.listener.hear(&Event::Busy(Busy::Done));
        }
        let lines = self.tell_all(&remarks);
        self.record(Phase::Initialise, &plural(lines.len(), "remark", "remarks"), &lines.join("\n"), &[])
    }

    fn initialise_one(&self, entry: &RepoEntry, whats: &mut Vec<What>) -> Result<(), SessionError> {
        let repo = self.workspace.open(entry)?;
        for lock in locks::unlock(&repo)? {
            whats.push(What::Care(CareEvent::LockRemoved { path: lock }));
        }
        let Ok(ledger) = Ledger::open(&repo) else {
            whats.push(What::Care(CareEvent::NotInitialised));
            return Ok(());
        };
        match install::install(&repo, install::Side::Clone(&ledger.policy), &self.env.program) {
            Ok(true) => whats.push(What::Care(CareEvent::HooksRestored)),
            Ok(false) => {}
            Err(error) => whats.push(What::Care(CareEvent::HooksMissing { why: in_one_line(&error) })),
        }
        let site = Site::open(self.at, entry)?;
        join(&site, &ledger, whats)?;
        for closed in gate::reconcile(&ledger)? {
            whats.push(What::Care(CareEvent::LandedBefore(closed.id)));
        }
        gate::follow_copies(&ledger)?;
        for strange in &ledger.rows()?.quarantined {
            let (ref_name, reason) = (strange.ref_name.clone(), strange.why.full());
            whats.push(What::Care(CareEvent::Quarantined { ref_name, reason }));
        }
        project_verdicts(&ledger)?;
        for id in recover::expire(&site)? {
            whats.push(What::Care(CareEvent::LeaseExpired(id)));
        }
        whats.extend(collect::run(&site, collect::When::Due)?.into_iter().map(What::Care));
        Ok(())
    }
}

/// Comes to where the shared remote is, if there is one; without it the session goes on alone.
fn join(site: &Site<'_>, ledger: &Ledger<'_>, whats: &mut Vec<What>) -> Result<(), SessionError> {
    let came = match (shared_remote(&site.repo), land::remote_of(site)) {
        (_, Some(remote)) => land::follow(site, ledger, &remote, &ledger.policy.trunk().unwrap_or_default())?,
        (Some(remote), None) => match sync::fetch(&site.repo, &remote)? {
            Fetched::Done => Followed::Done,
            Fetched::Failed(why) => Followed::Away(why.to_string()),
        },
        (None, None) => Followed::Done,
    };
    match came {
        Followed::Done => {}
        Followed::Away(why) => whats.push(What::Remote(RemoteEvent::Away { why })),
        Followed::Apart(hold) => whats.push(What::Remote(RemoteEvent::Apart(hold))),
    }
    let folded = sync::fold_fetched(&site.repo)?;
    if !folded.is_nothing() {
        whats.push(What::Remote(RemoteEvent::Folded { refs: folded.moved }));
    }
    let ignored = folded.refused.into_iter().map(|(ref_name, why)| RemoteEvent::Ignored { ref_name, why: why.full() });
    whats.extend(ignored.map(What::Remote));
    Ok(())
}

/// Writes verdict notes that a killed session did not write.
fn project_verdicts(ledger: &Ledger<'_>) -> Result<(), SessionError> {
    for row in ledger.rows()?.tickets {
        if matches!(row.ticket.state, State::Verified | State::Merged)
            && let Some(verdict) = gate::find_pass(ledger.repo, row.tip)?
        {
            ledger.repo.add_note_line(VERDICT_NOTES, verdict.commit, &verdict.to_json(), &ledger.repo.identity()?)?;
        }
    }
    Ok(())
}
