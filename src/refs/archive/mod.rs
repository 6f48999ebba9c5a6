//! `refs/os/archive`: closed tickets and old sessions in one ref, so that the live refs are what is open, however old a
//! project is.
//!
//! The tree names each one's last commit (`tickets/<yyyy-mm>/<id>`, `sessions/<yyyy-mm>/<id>`); the commits keep them: a
//! bundle has up to 256 of them as its parents, and a commit of the archive has the one before it and its bundles.

mod judge;
mod write;

pub(crate) use self::write::{AFTER_CLOSED, DUE, due, settle, write, write_due};
use crate::core::id::{ARCHIVE, ObjectId};
use crate::core::ruling::Ruling;
use crate::git::Repo;
use crate::ledger::LedgerError;
use crate::ledger::archive::{Folds, entries};
use crate::ledger::replay;
use crate::refs::fold::Meeting;
use crate::refs::sides::Sides;
use crate::refs::{Audit, Kind, Order, Rank, Scene, is_commit, kind_of, name_at};

pub(crate) struct Archive;

impl Kind for Archive {
    fn owns(&self, name: &str) -> bool {
        name == ARCHIVE
    }

    fn rank(&self) -> Rank {
        Rank::Archive
    }

    fn judge(&self, scene: &Scene<'_>, _name: &str, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
        judge::judge(scene, old, new, replay::admit)
    }

    fn accept(&self, scene: &Scene<'_>, _name: &str, meeting: &Meeting) -> Result<Ruling<()>, LedgerError> {
        judge::judge(scene, meeting.base(), meeting.theirs, replay::replay)
    }

    fn merge(&self, repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
        let tree_id = write::write_entries(repo, &both(repo, sides)?.all)?;
        sides.join(repo, tree_id, &write::message("[archive] Put two archives together"))
    }

    fn after_join(&self, scene: &Scene<'_>, sides: (ObjectId, ObjectId), order: Order) -> Result<(), LedgerError> {
        let sides = Sides::of(scene.repo, sides.0, sides.1, order)?;
        for (path, tip) in both(scene.repo, &sides)?.disputed {
            if let Some(name) = name_at(&path)
                && let Some(kind) = kind_of(&name)
            {
                write::rejoin(scene, kind, &name, tip, Order::Ours)?;
            }
        }
        Ok(())
    }

    fn audit(&self, scene: &Scene<'_>, name: &str, tip: ObjectId, report: &mut Audit) -> Result<(), LedgerError> {
        let mut ruling = is_commit(scene.repo, tip)?;
        if ruling.is_granted() {
            for (path, tip) in entries(scene.repo, scene.repo.read_commit(tip)?.tree_id)? {
                if let Some(name) = name_at(&path)
                    && let Some(kind) = kind_of(&name).filter(|kind| kind.archive_path(&name).as_ref() == Some(&path))
                {
                    report.archived += 1;
                    kind.audit_archived(scene, &name, tip, report)?;
                }
            }
            ruling = judge::audit(scene.repo, tip)?;
        }
        if let Ruling::Denied(why) = ruling {
            report.add(name, Some(tip), &why);
        }
        Ok(())
    }
}

/// What two archives name together.
struct Both {
    all: Folds,
    /// What the second has of what both know something of their own about; the first keeps its place.
    disputed: Folds,
}

/// Two archives as one: each history as the one that knows more of it has it.
fn both(repo: &Repo, sides: &Sides) -> Result<Both, LedgerError> {
    let mut all = entries(repo, sides.first.1.tree_id)?;
    let mut disputed = Folds::new();
    for (path, tip) in entries(repo, sides.second.1.tree_id)? {
        match all.get(&path) {
            Some(known) if *known == tip || repo.is_ancestor(tip, *known)? => {}
            Some(known) if !repo.is_ancestor(*known, tip)? => drop(disputed.insert(path, tip)),
            _ => drop(all.insert(path, tip)),
        }
    }
    Ok(Both { all, disputed })
}
