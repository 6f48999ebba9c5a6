//! A kind of ref that only tests have: one file, as any other kind, so that tests show that every door knows it.

use super::fold::Meeting;
use super::{Audit, Kind, Scene, grows, is_commit};
use crate::core::denial::Denial;
use crate::core::id::{ObjectId, is_ref_component};
use crate::core::ruling::{Ruling, granted};
use crate::ledger::LedgerError;

pub(crate) const SAMPLES: &str = "refs/os/samples/";
/// A commit with this subject is illegal in such a ref.
pub(crate) const BAD: &str = "bad";

pub(crate) struct Samples;

fn judge(scene: &Scene<'_>, tip: ObjectId) -> Result<Ruling<()>, LedgerError> {
    granted!(is_commit(scene.repo, tip)?);
    let is_bad = scene.repo.read_commit(tip)?.subject() == BAD;
    Ok(if is_bad { Ruling::Denied(Denial::WrittenOnce) } else { Ruling::Granted(()) })
}

impl Kind for Samples {
    fn owns(&self, name: &str) -> bool {
        name.strip_prefix(SAMPLES).is_some_and(is_ref_component)
    }

    fn judge(&self, scene: &Scene<'_>, _name: &str, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
        granted!(grows(scene.repo, old, new)?);
        judge(scene, new)
    }

    fn accept(&self, scene: &Scene<'_>, _name: &str, meeting: &Meeting) -> Result<Ruling<()>, LedgerError> {
        judge(scene, meeting.theirs)
    }

    fn audit(&self, scene: &Scene<'_>, name: &str, tip: ObjectId, report: &mut Audit) -> Result<(), LedgerError> {
        if let Ruling::Denied(why) = judge(scene, tip)? {
            report.add(name, Some(tip), &why);
        }
        Ok(())
    }
}
