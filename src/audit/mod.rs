//! Everything replayed: what came in past the hooks is found here.

use crate::refs;
use serde::Serialize;

use crate::core::event::State;
use crate::core::id::{ARCHIVE, META, ObjectId, RepoName, TicketId, VERDICT_NOTES};
use crate::core::meta::Gate;
use crate::core::refs::{RefKind, is_ours};
use crate::core::ticket::Ticket;
use crate::git::GitError;
use crate::git::object::Kind;
use crate::ledger::replay::{self, Landed};
use crate::ledger::{Ledger, LedgerError, archive};

/// One thing that is not by the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) repo: RepoName,
    #[serde(rename = "ref")]
    pub(crate) ref_name: String,
    /// The commit to look at, when there is one.
    pub(crate) commit: Option<ObjectId>,
    pub(crate) what: String,
}

/// How much was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) tickets: usize,
    pub(crate) events: usize,
    pub(crate) archived: usize,
    pub(crate) refs: usize,
    pub(crate) findings: Vec<Finding>,
}

/// From a commit, or from the first, to a tip: the commits that are there without right, and why. It is asked of the gate,
/// and handed in since that stands above the ledger.
pub(crate) type Smuggled<'a> = dyn Fn(Option<ObjectId>, ObjectId) -> Result<Vec<(ObjectId, String)>, LedgerError> + 'a;

impl Ledger<'_> {
    /// Replays every chain and every protected branch since its epoch.
    ///
    /// # Errors
    /// When git cannot be read; what is illegal is a finding.
    pub(crate) fn fsck(&self, smuggled: &Smuggled<'_>) -> Result<Report, LedgerError> {
        let mut report = Report::default();
        let landed = Landed::new(self.repo, &self.policy);
        if let Some(tip) = self.repo.find_ref(META)?
            && let Some(why) = refs::policy::judge(self.repo, None, tip)?
        {
            report.findings.push(self.finding(META, Some(tip), &why));
        }
        for prefix in ["refs/os", "refs/notes/os"] {
            let odd = self.repo.list_odd_refs(prefix)?;
            report.findings.extend(odd.iter().map(|(name, what)| self.finding(name, None, what)));
        }
        // On a server nobody but a pusher puts replacements, and nothing here heeds them.
        let is_bare = self.repo.work_dir().is_none();
        for (name, tip) in self.repo.list_refs("refs/")? {
            if is_bare && name.starts_with("refs/replace/") {
                report.findings.push(self.finding(&name, Some(tip), "what an object is, is not replaced here"));
            }
            if !is_ours(&name) {
                continue;
            }
            report.refs += 1;
            match self.fsck_ref(&mut report, &name, tip, &landed) {
                // What cannot be read is no excuse for the rest.
                Err(LedgerError::Git(error @ (GitError::Malformed { .. } | GitError::Read { .. }))) => {
                    report.findings.push(self.finding(&name, Some(tip), &format!("it cannot be judged: {error}")));
                }
                done => done?,
            }
        }
        for branch in &self.policy.protected {
            self.fsck_branch(&mut report, branch, smuggled)?;
        }
        Ok(report)
    }

    fn fsck_ref(&self, report: &mut Report, name: &str, tip: ObjectId, landed: &Landed<'_>) -> Result<(), LedgerError> {
        let Some(kind) = RefKind::of(name) else {
            report.findings.push(self.finding(name, Some(tip), "git-os has no such ref"));
            return Ok(());
        };
        if let RefKind::Ticket(id) = &kind {
            return self.fsck_ticket(report, name, id, tip, landed).map(drop);
        }
        if self.repo.read_header(tip)?.0 != Kind::Commit {
            report.findings.push(self.finding(name, Some(tip), "it is not a commit"));
            return Ok(());
        }
        let wrong = match kind {
            RefKind::Policy => refs::policy::judge(self.repo, None, tip)?,
            RefKind::Archive => {
                self.fsck_archive(report, landed)?;
                refs::archive::audit(self.repo, tip)?
            }
            RefKind::Verdicts => {
                self.fsck_notes(report, tip)?;
                self.repo.find_stranger_in_notes(tip)?.map(|stranger| format!("`{stranger}` is no note"))
            }
            RefKind::Ticket(_)
            | RefKind::Provenance
            | RefKind::Learnings
            | RefKind::Session
            | RefKind::Proposal
            | RefKind::Wiki
            | RefKind::Transcript
            | RefKind::Rescue
            | RefKind::Rejected => None,
        };
        report.findings.extend(wrong.map(|what| self.finding(name, Some(tip), &what)));
        Ok(())
    }

    fn fsck_archive(&self, report: &mut Report, landed: &Landed<'_>) -> Result<(), LedgerError> {
        for (id, tip) in archive::list(self.repo)? {
            report.archived += 1;
            if let Some(ticket) = self.fsck_ticket(report, ARCHIVE, &id, tip, landed)?
                && !ticket.state.is_terminal()
            {
                let what = format!("{id} is `{}`, and only closed tickets are archived", ticket.state);
                report.findings.push(self.finding(ARCHIVE, Some(tip), &what));
            }
        }
        Ok(())
    }

    fn finding(&self, ref_name: &str, commit: Option<ObjectId>, what: &str) -> Finding {
        Finding { repo: self.policy.repo.clone(), ref_name: ref_name.to_owned(), commit, what: what.to_owned() }
    }

    fn fsck_branch(&self, report: &mut Report, branch: &str, smuggled: &Smuggled<'_>) -> Result<(), LedgerError> {
        let ref_name = format!("refs/heads/{branch}");
        let mut epoch = self.policy.epoch.get(branch).copied();
        if self.policy.gate == Gate::Off {
            return Ok(());
        }
        let odd = self.repo.list_odd_refs(&ref_name)?;
        report.findings.extend(odd.iter().filter(|odd| odd.0 == ref_name).map(|(name, what)| self.finding(name, None, what)));
        if odd.iter().any(|odd| odd.0 == ref_name) {
            return Ok(());
        }
        let Some(tip) = self.repo.find_ref(&ref_name)? else {
            if epoch.is_some() {
                report.findings.push(self.finding(&ref_name, epoch, "it is gone"));
            }
            return Ok(());
        };
        if !self.repo.has_object(tip) {
            report.findings.push(self.finding(&ref_name, Some(tip), "its commit is not here"));
            return Ok(());
        }
        // Where only tickets are gated, what people made before may be rewritten, and then even be gone.
        let must_be_there = self.policy.gate == Gate::All && !self.repo.is_shallow();
        epoch = epoch.filter(|epoch| must_be_there || self.repo.has_object(*epoch));
        if let Some(epoch) = epoch.filter(|_| must_be_there)
            && !(self.repo.has_object(epoch) && self.repo.is_ancestor(epoch, tip)?)
        {
            report.findings.push(self.finding(&ref_name, Some(tip), "it no longer descends from where it came under the gate"));
            return Ok(());
        }
        match smuggled(epoch, tip) {
            Ok(found) => {
                report.findings.extend(found.iter().map(|(commit_id, what)| self.finding(&ref_name, Some(*commit_id), what)));
            }
            // History that cannot be read is no excuse for it.
            Err(LedgerError::Git(error @ GitError::Malformed { .. })) => {
                report.findings.push(self.finding(&ref_name, Some(tip), &format!("it cannot be judged: {error}")));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn fsck_ticket(
        &self,
        report: &mut Report,
        name: &str,
        id: &TicketId,
        tip: ObjectId,
        landed: &Landed<'_>,
    ) -> Result<Option<Ticket>, LedgerError> {
        report.tickets += 1;
        match replay::replay(self, id, tip, None, landed)? {
            Ok(ticket) => {
                report.events += ticket.seq as usize;
                if !self.policy.brands.contains(&ticket.content.brand) {
                    let what = format!("brand `{}` does not belong to this repository", ticket.content.brand);
                    report.findings.push(self.finding(name, Some(tip), &what));
                }
                // Merged means landed, whatever moved since.
                let is_gated = self.policy.gate != Gate::Off;
                if is_gated && ticket.state == State::Merged && !ticket.head.is_some_and(|head| landed.has(head)) {
                    report.findings.push(self.finding(name, Some(tip), "it is merged, but its head is in no protected branch"));
                }
                Ok(Some(ticket))
            }
            Err(illegal) => {
                report.findings.push(self.finding(name, Some(illegal.commit_id), &illegal.reason));
                Ok(None)
            }
        }
    }

    fn fsck_notes(&self, report: &mut Report, tip: ObjectId) -> Result<(), LedgerError> {
        for (about, line) in self.added_lines(None, tip)? {
            if !self.is_in_chain(about, &line)? {
                report.findings.push(self.finding(VERDICT_NOTES, Some(about), "a verdict note that no ticket has"));
            }
        }
        Ok(())
    }
}
