//! Phase 0: health, landings made by hand, leftovers of a killed session, and worktrees that are no longer needed.

use super::{Session, SessionError};
use crate::core::event::State;
use crate::core::id::VERDICT_NOTES;
use crate::core::registry::RepoEntry;
use crate::core::session::Phase;
use crate::core::text;
use crate::core::text::plural;
use crate::dispatch::land::{self, Followed};
use crate::dispatch::{Site, collect, recover};
use crate::gate;
use crate::git::remote::Fetched;
use crate::hook::install;
use crate::ledger::{Ledger, shared_remote};
use crate::local::locks;
use crate::refs;
use crate::sync;

impl Session<'_> {
    pub(super) fn initialise(&mut self) -> Result<(), SessionError> {
        let mut lines = Vec::new();
        for entry in &self.workspace.registry.repos {
            // A problem with one repository must not stop the others.
            if let Err(error) = self.initialise_one(entry, &mut lines) {
                lines.push(format!("{}: {}", entry.name, text::chain(&error)));
            }
        }
        for line in &lines {
            self.desk.say(line);
        }
        self.record(Phase::Initialise, &plural(lines.len(), "remark", "remarks"), &lines.join("\n"), &[])
    }

    fn initialise_one(&self, entry: &RepoEntry, lines: &mut Vec<String>) -> Result<(), SessionError> {
        let repo = self.workspace.open(entry)?;
        for lock in locks::unlock(&repo)? {
            lines.push(format!("{}: removed `{lock}`, which a killed process left", entry.name));
        }
        let Ok(ledger) = Ledger::open(&repo) else {
            lines.push(format!("{}: not under git-os; `git os init` puts it there", entry.name));
            return Ok(());
        };
        match install::install(&repo, install::Side::Clone(&ledger.policy), &self.env.program) {
            Ok(true) => lines.push(format!("{}: hooks put back", entry.name)),
            Ok(false) => {}
            Err(error) => lines.push(format!("{}: hooks are not in place: {error}", entry.name)),
        }
        let tell = |_: &str| {};
        let site = Site::open(self.workspace, entry, self.env, &tell)?;
        join(&site, &ledger, lines)?;
        for closed in gate::reconcile(&ledger)? {
            lines.push(format!("{}: {} had landed and is merged", entry.name, closed.id));
        }
        let rows = ledger.rows()?;
        for strange in &rows.quarantined {
            lines.push(format!("{}: `{}` is quarantined: {}", entry.name, strange.ref_name, strange.why.full()));
        }
        project_verdicts(&ledger)?;
        for id in recover::expire(&site)? {
            lines.push(format!("{}: the lease of {id} was over; it is ready again", entry.name));
        }
        let folded = refs::archive::write_due(&ledger)?;
        if folded > 0 {
            lines.push(format!("{}: {folded} folded into the archive", entry.name));
        }
        for line in collect::run(&site)? {
            lines.push(format!("{}: {line}", entry.name));
        }
        Ok(())
    }
}

/// Syncs with the shared remote, if there is one; if it is unreachable, the session continues without it.
fn join(site: &Site<'_>, ledger: &Ledger<'_>, lines: &mut Vec<String>) -> Result<(), SessionError> {
    let name = &site.entry.name;
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
        Followed::Away(why) => lines.push(format!("{name}: the remote cannot be reached: {why}")),
        Followed::Apart(why) => lines.push(format!("{name}: {why}")),
    }
    let folded = sync::fold_fetched(&site.repo)?;
    if !folded.is_nothing() {
        lines.push(format!("{name}: {} folded in", plural(folded.moved, "ref", "refs")));
    }
    lines.extend(
        folded.refused.iter().map(|(ref_name, why)| format!("{name}: `{ref_name}` was fetched and stays outside: {why}")),
    );
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
