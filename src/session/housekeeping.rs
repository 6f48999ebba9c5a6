//! Phase 2: examines the workspace, and says what a person has to repair.
//!
//! No check of the doctor becomes a ticket. What they find is repaired by a command that is for a person alone, in the registry, the
//! hooks, the settings or the refs; an agent commits files in a worktree, and may touch none of these.

use super::{Session, SessionError};
use crate::core::progress::SessionEvent;
use crate::core::session::Phase;
use crate::doctor;

impl Session<'_> {
    pub(super) fn housekeeping(&mut self) -> Result<(), SessionError> {
        let report = doctor::examine(self.workspace, &self.env.program, self.at.listener);
        if self.at.stop.is_interrupted() {
            // What was interrupted says nothing of the workspace.
            return Err(SessionError::Interrupted);
        }
        self.summary.grade = Some(report.grade);
        let mut failed = Vec::new();
        for check in report.causes() {
            let (name, reason, remedy) = (check.name.to_owned(), check.reason.clone(), check.remedy.clone());
            failed.push(SessionEvent::DoctorFailed { number: check.number, name, reason, remedy });
        }
        let graded = SessionEvent::Graded(report.grade);
        let what = graded.line().unwrap_or_default();
        self.tell(graded);
        let lines: Vec<_> = failed.iter().filter_map(SessionEvent::line).collect();
        for event in failed {
            self.tell(event);
        }
        self.seen.doctor = Some((report.grade, super::present(self.workspace, &self.hub)?.health));
        self.record(Phase::Housekeeping, &what, &lines.join("\n"), &[])
    }
}
