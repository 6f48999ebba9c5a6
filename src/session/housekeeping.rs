//! Phase 2: makes one ticket of each problem that the doctor finds.

use super::log::Pending;
use super::{Session, SessionError};
use crate::core::id::Brand;
use crate::core::progress::SessionEvent;
use crate::core::session::Phase;
use crate::doctor;

impl Session<'_> {
    pub(super) fn housekeeping(&mut self) -> Result<(), SessionError> {
        let report = doctor::examine(self.workspace, &self.env.program);
        self.summary.grade = Some(report.grade);
        let mut failed = Vec::new();
        for check in report.causes() {
            let name = check.name.to_owned();
            failed.push(SessionEvent::DoctorFailed { number: check.number, name, reason: check.reason.clone() });
            let key = format!("doctor:{}", check.number);
            if !self.log.pending.iter().any(|known| known.key == key) {
                self.log.pending.push(Pending {
                    key,
                    repo: self.workspace.registry.hub.to_string(),
                    title: format!("Make doctor check {} pass: {}", check.number, check.name),
                    kind: "chore".to_owned(),
                    priority: 1,
                    description: format!("{}\n\nRemedy: {}", check.reason, check.remedy),
                    after: None,
                    labels: vec!["doctor".to_owned(), format!("doctor-{}", check.number)],
                    brand: Some(Brand::GLOBAL.to_owned()),
                });
            }
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
