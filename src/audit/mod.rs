//! Everything replayed: what came in past the hooks is found here.

mod repair;

pub(crate) use self::repair::repair;
use crate::core::denial::{Cause, Denial};
use crate::core::id::{META, ObjectId};
use crate::core::meta::Gate;
use crate::core::refs::is_ours;
use crate::gate;
use crate::git::GitError;
use crate::ledger::{Ledger, LedgerError};
pub(crate) use crate::refs::{Audit, Violation};
use crate::refs::{Scene, kind_of, strays};

/// Replays every chain, and every protected branch since its epoch.
///
/// # Errors
/// When git cannot be read; what is illegal is a finding.
pub(crate) fn audit(ledger: &Ledger<'_>) -> Result<Audit, LedgerError> {
    let repo = ledger.repo;
    let mut report = Audit::new(ledger.policy.repo.clone());
    let scene = Scene::of(ledger);
    // The rest is judged by it.
    if let Some(tip) = repo.find_ref(META)? {
        audit_ref(&scene, META, tip, &mut report)?;
    }
    for prefix in ["refs/os", "refs/notes/os"] {
        for (name, what) in repo.list_odd_refs(prefix)? {
            report.add(&name, None, &Denial::OddRef(what));
        }
    }
    // On a server nobody but a pusher puts replacements, and nothing here heeds them.
    let is_bare = repo.work_dir().is_none();
    for (name, tip) in repo.list_refs("refs/")? {
        if is_bare && name.starts_with("refs/replace/") {
            report.add(&name, Some(tip), &Denial::Replacement);
        }
        if is_ours(&name) {
            report.refs += 1;
            if name != META {
                audit_ref(&scene, &name, tip, &mut report)?;
            }
        }
    }
    for branch in &ledger.policy.protected {
        audit_branch(ledger, branch, &mut report)?;
    }
    report.strays = strays::list(ledger)?;
    Ok(report)
}

fn audit_ref(scene: &Scene<'_>, name: &str, tip: ObjectId, report: &mut Audit) -> Result<(), LedgerError> {
    let Some(kind) = kind_of(name) else {
        report.add(name, Some(tip), &Denial::UnknownRef);
        return Ok(());
    };
    match kind.audit(scene, name, tip, report) {
        // What cannot be read is no excuse for the rest.
        Err(LedgerError::Git(error @ (GitError::Malformed { .. } | GitError::Read { .. }))) => {
            report.add(name, Some(tip), &Denial::Unjudged(Cause::new(error)));
            Ok(())
        }
        done => done,
    }
}

fn audit_branch(ledger: &Ledger<'_>, branch: &str, report: &mut Audit) -> Result<(), LedgerError> {
    let repo = ledger.repo;
    let name = format!("refs/heads/{branch}");
    let epoch = ledger.policy.epoch.get(branch).copied();
    if ledger.policy.gate == Gate::Off {
        return Ok(());
    }
    if let Some((name, what)) = repo.list_odd_refs(&name)?.into_iter().find(|odd| odd.0 == name) {
        report.add(&name, None, &Denial::OddRef(what));
        return Ok(());
    }
    let Some(tip) = repo.find_ref(&name)? else {
        if epoch.is_some() {
            report.add(&name, epoch, &Denial::BranchGone);
        }
        return Ok(());
    };
    if !repo.has_object(tip) {
        report.add(&name, Some(tip), &Denial::Missing(tip));
        return Ok(());
    }
    match gate::find_ungated(ledger, branch, tip) {
        Ok(found) => found.iter().for_each(|(commit_id, why)| report.add(&name, Some(*commit_id), why)),
        // History that cannot be read is no excuse for it.
        Err(LedgerError::Git(error @ GitError::Malformed { .. })) => {
            report.add(&name, Some(tip), &Denial::Unjudged(Cause::new(error)));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
