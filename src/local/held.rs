//! The run with which a ticket was claimed by hand here, so that nobody has to name it again.

use camino::Utf8PathBuf;

use crate::core::id::{RunId, TicketId};
use crate::git::process::{read_file, remove_file, write_file};
use crate::git::{GitError, Repo};

fn folder(repo: &Repo) -> Utf8PathBuf {
    repo.os_dir().join("held")
}

/// Notes the run that holds a ticket.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn keep(repo: &Repo, id: &TicketId, run: &RunId) -> Result<(), GitError> {
    write_file(&folder(repo).join(id.as_str()), format!("{run}\n").as_bytes(), 0o600)
}

/// What was noted of a ticket; whether it is the name of a run is for the reader to say.
#[must_use]
pub(crate) fn find(repo: &Repo, id: &TicketId) -> Option<String> {
    read_file(&folder(repo).join(id.as_str())).ok().map(|text| text.trim().to_owned())
}

/// The tickets of which a run was noted.
#[must_use]
pub(crate) fn list(repo: &Repo) -> Vec<TicketId> {
    let entries = folder(repo).read_dir_utf8().into_iter().flatten().flatten();
    let mut ids: Vec<_> = entries.filter_map(|entry| TicketId::parse(entry.file_name()).ok()).collect();
    ids.sort_by(|left, right| left.as_str().cmp(right.as_str()));
    ids
}

/// Forgets the run that held a ticket.
///
/// # Errors
/// When the file stays.
pub(crate) fn forget(repo: &Repo, id: &TicketId) -> Result<(), GitError> {
    remove_file(&folder(repo).join(id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;

    #[test]
    fn a_claim_by_hand_is_known_until_it_is_forgotten() {
        let (_dir, repo) = repo();
        let ids = ["T-2026-05-07-one-91c2", "T-2026-05-07-two-91c3"].map(|id| TicketId::parse(id).expect("valid"));
        let run = crate::ledger::new_run().expect("random");
        for id in &ids {
            assert_eq!(find(&repo, id), None);
            keep(&repo, id, &run).expect("written");
            assert_eq!(find(&repo, id), Some(run.to_string()));
        }
        assert_eq!(list(&repo), ids);
        forget(&repo, &ids[0]).expect("removed");
        assert_eq!((find(&repo, &ids[0]), find(&repo, &ids[1])), (None, Some(run.to_string())));
    }
}
