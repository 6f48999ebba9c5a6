//! What a sync fetches: refs of ours, the branches that the clone asked for, and those that work lands on.

use crate::core::id::BRANCHES;
use crate::core::refs::{refspecs, tracking_prefix};
use crate::git::Repo;
use crate::git::failure::FailureKind;
use crate::git::remote::Fetched;
use crate::ledger::{Ledger, LedgerError};

/// Fetches all of a remote that is ours, with the branches tickets land on and are worked on.
///
/// # Errors
/// When git cannot be started.
pub(crate) fn fetch(repo: &Repo, remote: &str) -> Result<Fetched, LedgerError> {
    bring(repo, remote, &[])
}

/// As [`fetch`], and what the remote does not have any more of tickets and their work is forgotten here. The branches of
/// people are left alone: what was fetched of them may be all there is of them.
///
/// # Errors
/// When git cannot be started.
pub(super) fn fetch_anew(repo: &Repo, remote: &str) -> Result<Fetched, LedgerError> {
    let branches = BRANCHES.trim_start_matches("refs/heads/");
    bring(repo, remote, &[tracking_prefix(remote), format!("refs/remotes/{remote}/{branches}")])
}

fn bring(repo: &Repo, remote: &str, forget: &[String]) -> Result<Fetched, LedgerError> {
    // A killed fetch or fold leaves locks, and this is where the next one comes along.
    repo.clear_left_locks(&["refs/os", "refs/notes/os", "refs/os-remote", &format!("refs/remotes/{remote}")])?;
    let specs = [refspecs(remote).to_vec(), branches(repo, remote)].concat();
    // What work lands on, even if the clone asked for other branches; a remote may not have it yet, and says so.
    let protected = protected(repo, remote, &specs);
    let mut fetched = repo.fetch(remote, &[specs.clone(), protected.clone()].concat(), forget)?;
    // A broken ref keeps git from comparing what is here with what is there.
    if matches!(fetched, Fetched::Failed(_)) && repo.remove_broken_refs(&tracking_prefix(remote))? {
        fetched = repo.fetch(remote, &[specs.clone(), protected.clone()].concat(), forget)?;
    }
    if !protected.is_empty() && matches!(&fetched, Fetched::Failed(why) if why.kind == FailureKind::NoSuchRef) {
        fetched = repo.fetch(remote, &specs, forget)?;
    }
    repo.pack_own_refs();
    Ok(fetched)
}

/// The refspecs for the branches of a remote: those that the clone asked for, and those that tickets are worked on.
fn branches(repo: &Repo, remote: &str) -> Vec<String> {
    let all = repo.configs(&format!("remote.{remote}.fetch"));
    let (not, asked): (Vec<_>, Vec<_>) = all.into_iter().partition(|spec| spec.starts_with('^'));
    let tracked = format!("refs/remotes/{remote}/");
    let is_ours = |spec: &String| {
        let (from, to) = spec.trim_start_matches('+').split_once(':').unwrap_or_default();
        from.starts_with("refs/heads/") && to.starts_with(&tracked)
    };
    let mut specs: Vec<String> = asked.into_iter().filter(is_ours).collect();
    let everything = format!("+refs/heads/*:{tracked}*");
    if specs.is_empty() {
        specs.push(everything.clone());
    }
    if !specs.iter().any(|spec| spec.trim_start_matches('+') == everything.trim_start_matches('+')) {
        let work = BRANCHES.trim_start_matches("refs/heads/");
        specs.push(format!("+{BRANCHES}*:{tracked}{work}*"));
    }
    // A pattern that leaves out branches is the person's to set; refs of ours are not theirs to leave out.
    specs.extend(not.into_iter().filter(|spec| spec.starts_with("^refs/heads/")));
    specs
}

/// The refspecs for the protected branches that none of these covers.
fn protected(repo: &Repo, remote: &str, specs: &[String]) -> Vec<String> {
    let Ok(ledger) = Ledger::open(repo) else { return Vec::new() };
    let is_covered = |name: &str| {
        specs.iter().any(|spec| {
            let from = spec.trim_start_matches('+').split(':').next().unwrap_or_default();
            from.strip_suffix('*').map_or(from == name, |start| name.starts_with(start))
        })
    };
    let wanted = ledger.policy.protected_refs().filter(|name| !is_covered(name));
    wanted.map(|name| format!("+{name}:refs/remotes/{remote}/{}", name.trim_start_matches("refs/heads/"))).collect()
}
