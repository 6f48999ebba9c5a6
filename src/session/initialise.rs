//! Phase 0: health, what landed by hand, what a killed session left, worktrees whose time is over.

use super::{Session, SessionError};
use crate::core::event::State;
use crate::core::id::VERDICT_NOTES;
use crate::core::registry::RepoEntry;
use crate::core::session::Phase;
use crate::core::text;
use crate::dispatch::{Site, collect, recover};
use crate::gate;
use crate::hook::install;
use crate::ledger::Ledger;
use crate::ledger::workspace::plural;

impl Session<'_> {
    pub(super) fn initialise(&mut self) -> Result<(), SessionError> {
        let mut lines = Vec::new();
        for entry in &self.workspace.registry.repos {
            // What is wrong with one repository is no reason to leave the others.
            if let Err(error) = self.initialise_one(entry, &mut lines) {
                lines.push(format!("{}: {}", entry.name, text::chain(&error)));
            }
        }
        for line in &lines {
            self.desk.say(line);
        }
        self.record(Phase::Initialise, &plural(lines.len(), "remark"), &lines.join("\n"), &[])
    }

    fn initialise_one(&self, entry: &RepoEntry, lines: &mut Vec<String>) -> Result<(), SessionError> {
        let repo = self.workspace.open(entry)?;
        for lock in recover::unlock(&repo)? {
            lines.push(format!("{}: removed `{lock}`, which a killed process left", entry.name));
        }
        let Ok(ledger) = Ledger::open(&repo) else {
            lines.push(format!("{}: not under git-os; `git os init` puts it there", entry.name));
            return Ok(());
        };
        match install::install(&repo, &ledger.policy, &self.env.program) {
            Ok(true) => lines.push(format!("{}: hooks put back", entry.name)),
            Ok(false) => {}
            Err(error) => lines.push(format!("{}: hooks are not in place: {error}", entry.name)),
        }
        for closed in gate::reconcile(&ledger)? {
            lines.push(format!("{}: {} had landed and is merged", entry.name, closed.id));
        }
        let rows = ledger.rows()?;
        for strange in &rows.quarantined {
            lines.push(format!("{}: `{}` is quarantined: {}", entry.name, strange.ref_name, strange.reason));
        }
        project_verdicts(&ledger)?;
        let tell = |_: &str| {};
        let site = Site::open(self.workspace, entry, self.env, &tell)?;
        for id in recover::expire(&site)? {
            lines.push(format!("{}: the lease of {id} was over; it is ready again", entry.name));
        }
        for line in collect::run(&site)? {
            lines.push(format!("{}: {line}", entry.name));
        }
        Ok(())
    }
}

/// Writes the verdict notes that a killed session did not get to.
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
