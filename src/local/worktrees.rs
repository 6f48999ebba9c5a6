//! The worktrees of tickets: where they are, how long they stay, and how what they hold is saved.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::locks::clear_of_ticket;
use crate::core::event::State;
use crate::core::id::{ObjectId, RESCUE, TicketId};
use crate::core::time::Timestamp;
use crate::git::process::{modified, read_file, rename_file};
use crate::git::refs::{Attempts, Moved, RefEdit};
use crate::git::{Git, GitError, Repo};
use crate::ledger::LedgerError;

const DAY: u64 = 24 * 3600;
/// What the worktree of a verification has after the ticket's id.
pub(crate) const VERIFICATION: &str = ".verify";
/// What the repository of a replay has after the ticket's id.
const REPLAY: &str = ".replay";
/// The folder of worktrees, from the top of a repository.
pub(crate) const FOLDER: &str = ".claude/worktrees";

/// What a worktree below our folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Work,
    Verification,
}

/// Where the worktrees of tickets are.
#[must_use]
pub(crate) fn folder(repo: &Repo) -> Utf8PathBuf {
    top(repo).join(FOLDER)
}

/// The main worktree, also when seen from a linked one; of a bare repository its own folder.
#[must_use]
pub(crate) fn top(repo: &Repo) -> Utf8PathBuf {
    match repo.common_dir().file_name() {
        Some(".git") => repo.common_dir().parent().unwrap_or(repo.common_dir()).to_owned(),
        _ => repo.common_dir().to_owned(),
    }
}

/// The worktree in which a ticket is worked on.
#[must_use]
pub(crate) fn of_ticket(repo: &Repo, id: &TicketId) -> Utf8PathBuf {
    folder(repo).join(id.as_str())
}

/// The worktree in which a ticket is verified.
#[must_use]
pub(crate) fn of_verification(repo: &Repo, id: &TicketId) -> Utf8PathBuf {
    folder(repo).join(format!("{id}{VERIFICATION}"))
}

/// Where the repository is in which a ticket is replayed.
#[must_use]
pub(crate) fn of_replay(repo: &Repo, id: &TicketId) -> Utf8PathBuf {
    folder(repo).join(format!("{id}{REPLAY}"))
}

/// The repositories of replays, with their tickets.
#[must_use]
pub(crate) fn list_replays(repo: &Repo) -> Vec<(TicketId, Utf8PathBuf)> {
    let paths = folder(repo).read_dir_utf8().into_iter().flatten().flatten().map(|entry| entry.path().to_owned());
    paths.filter_map(|path| Some((TicketId::parse(path.file_name()?.strip_suffix(REPLAY)?).ok()?, path))).collect()
}

/// Whose worktree a path below our folder is, and what for.
#[must_use]
pub(crate) fn purpose(path: &Utf8Path, folder: &Utf8Path) -> Option<(TicketId, Purpose)> {
    let name = path.file_name().filter(|_| is_inside(path, folder))?;
    let (name, purpose) = match name.strip_suffix(VERIFICATION) {
        Some(name) => (name, Purpose::Verification),
        None => (name, Purpose::Work),
    };
    Some((TicketId::parse(name).ok()?, purpose))
}

/// Whether a path is inside of a folder, both as they are on disk.
fn is_inside(path: &Utf8Path, folder: &Utf8Path) -> bool {
    let real = |path: &Utf8Path| path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    real(path).starts_with(real(folder))
}

/// The worktrees in which tickets are worked on, with the time they were made, whether git knows them or they are mere folders.
#[must_use]
pub(crate) fn list(repo: &Repo) -> BTreeMap<TicketId, (Utf8PathBuf, Timestamp)> {
    let folder = folder(repo);
    let mut found = BTreeMap::new();
    let mut add = |path: &Utf8Path, dated_by: &Utf8Path| {
        if let (Some((id, Purpose::Work)), Ok(made)) = (purpose(path, &folder), modified(dated_by)) {
            found.entry(id).or_insert_with(|| (path.to_owned(), made));
        }
    };
    for admin in repo.common_dir().join("worktrees").read_dir_utf8().into_iter().flatten().flatten() {
        // It may be gone, or not yet written.
        let Ok(points_to) = read_file(&admin.path().join("gitdir")) else { continue };
        // Since git 2.48 it may be relative to the folder that it is in.
        if let Some(path) = admin.path().join(points_to.trim()).parent() {
            add(path, admin.path());
        }
    }
    for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
        add(entry.path(), entry.path());
    }
    found
}

/// The folders in which tickets were verified by processes that were killed, or are verified now.
#[must_use]
pub(crate) fn list_verifications(repo: &Repo) -> Vec<Utf8PathBuf> {
    let folder = folder(repo);
    let paths = folder.read_dir_utf8().into_iter().flatten().flatten().map(|entry| entry.path().to_owned());
    paths.filter(|path| matches!(purpose(path, &folder), Some((_, Purpose::Verification)))).collect()
}

/// Until when the worktree of a ticket stays, from when the ticket came to its state, or from when it was made if there is no
/// such ticket; `None` as long as it is worked on.
#[must_use]
pub(crate) fn kept_until(state: Option<State>, since: Timestamp) -> Option<Timestamp> {
    let days = match state {
        Some(State::Claimed | State::Running | State::AwaitingInput | State::Verifying | State::Verified) => return None,
        Some(State::Blocked) => 3,
        Some(State::Merged | State::Rejected | State::Canceled | State::Draft | State::Ready) | None => 1,
    };
    Some(since.plus(days * DAY))
}

/// Stages all files, also those that settings or attributes keep git from taking: they are to be saved, and not to be landed. What nothing
/// can take, such as a repository of its own without a commit, is moved aside.
fn add_anyhow(repo: &Repo, git: &Git, path: &Utf8Path) -> Result<(), GitError> {
    if git.run(["add", "--all"])?.code == 0 {
        return Ok(());
    }
    let empty = repo.write_tree(&mut [])?.to_string();
    let lax = git.clone().variable("GIT_ATTR_SOURCE", &empty).config("core.safecrlf=false").config("core.autocrlf=false");
    drop(lax.run(["add", "--all", "--ignore-errors"])?);
    let listed = git.output(["ls-files", "--others", "--exclude-standard", "-z"])?;
    let left: Vec<&str> = listed.split('\0').map(|name| name.trim_end_matches('/')).filter(|name| !name.is_empty()).collect();
    if !left.is_empty() {
        let aside = aside(path);
        for name in left {
            rename_file(&path.join(name), &aside.join(name))?;
        }
    }
    Ok(())
}

/// A folder that is not there yet, for what was found at a path and is to be kept.
#[must_use]
pub(crate) fn aside(path: &Utf8Path) -> Utf8PathBuf {
    let is_free = |lost: &Utf8PathBuf| !lost.is_symlink() && !lost.as_std_path().exists();
    let mut names = (1_u32..).map(|number| Utf8PathBuf::from(format!("{path}.lost-{number}")));
    names.find(is_free).unwrap_or_else(|| path.to_owned())
}

/// Saves what a worktree has beyond a commit, if there is one, committed or not, to a ref of its own. Returns its name if there was anything.
///
/// # Errors
/// When git cannot write.
pub(crate) fn rescue(
    repo: &Repo,
    id: &TicketId,
    path: &Utf8Path,
    beyond: impl Into<Option<ObjectId>>,
) -> Result<Option<String>, LedgerError> {
    let Some(git) = repo.pinned(path) else { return Ok(None) };
    clear_of_ticket(repo, id, path)?;
    let head = git.find_commit("HEAD")?;
    let is_dirty = !git.output(["status", "--porcelain", "--untracked-files=all"])?.trim().is_empty();
    let is_ahead = match (head, beyond.into()) {
        (Some(head), Some(beyond)) => !repo.is_ancestor(head, beyond)?,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if !is_dirty && !is_ahead {
        return Ok(None);
    }
    let saved = match head {
        Some(head) if !is_dirty => head,
        _ => {
            add_anyhow(repo, &git, path)?;
            let tree = git.output(["write-tree"])?;
            let tree_id = ObjectId::parse(tree.trim())?;
            let parents: Vec<_> = head.into_iter().collect();
            repo.write_commit(
                tree_id,
                &parents,
                &repo.identity()?,
                &format!("Save the uncommitted changes in the worktree of {id}\n"),
            )?
        }
    };
    keep(repo, id, saved).map(Some)
}

/// Puts a ref on a commit that nothing else may lead to. Returns its name.
///
/// # Errors
/// When git cannot write.
pub(crate) fn keep(repo: &Repo, id: &TicketId, saved: ObjectId) -> Result<String, LedgerError> {
    let time = repo.identity()?.time.to_string().to_lowercase().replace(':', "");
    let folder = format!("{RESCUE}{id}/{time}");
    let mut attempts = Attempts::at(&folder);
    let mut number = 0;
    loop {
        attempts.begin()?;
        let name = if number == 0 { folder.clone() } else { format!("{folder}-{number}") };
        match repo.find_ref(&name)? {
            Some(known) if known == saved => return Ok(name),
            Some(_) => number += 1,
            None => {
                if repo.move_refs(&[RefEdit::create(&name, saved)])? == Moved::Done {
                    return Ok(name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::{commit, repo};

    #[test]
    fn worktrees_are_kept_as_long_as_the_policy_says() {
        let at = Timestamp(1_000_000);
        let after = |hours: u64| at.plus(hours * 3600);
        for (state, hours, is_kept) in [
            (Some(State::Running), 1000, true),
            (Some(State::Verified), 1000, true),
            (Some(State::Merged), 23, true),
            (Some(State::Merged), 25, false),
            (Some(State::Rejected), 25, false),
            (Some(State::Blocked), 71, true),
            (Some(State::Blocked), 73, false),
            (Some(State::Ready), 25, false),
            (None, 23, true),
            (None, 25, false),
        ] {
            let is_so = kept_until(state, at).is_none_or(|until| after(hours) < until);
            assert_eq!(is_so, is_kept, "{state:?} after {hours} h");
        }
    }

    #[test]
    fn what_is_saved_is_saved_once_and_over_nothing_else() {
        let (_dir, repo) = repo();
        for setting in [["user.name", "A"], ["user.email", "a@example.com"]] {
            repo.git().output(["config"].iter().chain(&setting)).expect("set");
        }
        let repo = Repo::open(repo.home()).expect("a repository");
        let id = TicketId::parse("T-2026-05-07-one-91c2").expect("valid");
        let commits = [0, 1, 2].map(|salt| commit(&repo, &[], 1, salt));
        let names = commits.map(|commit_id| keep(&repo, &id, commit_id).expect("written"));
        for (name, commit_id) in names.iter().zip(commits) {
            assert_eq!(repo.find_ref(name).expect("readable"), Some(commit_id), "{name}");
        }
        let path = of_ticket(&repo, &id);
        repo.add_detached_worktree(&path, commits[0]).expect("added");
        let path_in_list = list(&repo).remove(&id).map(|(path, _)| path);
        assert_eq!(path_in_list.as_ref(), Some(&path));
        assert_eq!(rescue(&repo, &id, &path, commits[0]).expect("read"), None, "nothing is lost with it");
        crate::git::process::write_file(&path.join("a"), b"mine", 0o644).expect("written");
        let saved = rescue(&repo, &id, &path, commits[0]).expect("written").expect("something is");
        let tip = repo.find_ref(&saved).expect("readable").expect("it is there");
        let tree_id = repo.read_commit(tip).expect("a commit").tree_id;
        assert_eq!(repo.find_file(tree_id, "a", 100).expect("readable"), Some(b"mine".to_vec()));
        assert_eq!(repo.read_commit(tip).expect("a commit").parents, [commits[0]]);
    }

    #[test]
    fn a_path_tells_whose_worktree_it_is() {
        let folder = Utf8Path::new("/nonexistent/.claude/worktrees");
        let id = TicketId::parse("T-2026-05-07-one-91c2").expect("valid");
        let of = |path: &str| purpose(&Utf8PathBuf::from(path), folder);
        assert_eq!(of(&format!("{folder}/{id}")), Some((id.clone(), Purpose::Work)));
        assert_eq!(of(&format!("{folder}/{id}.verify")), Some((id.clone(), Purpose::Verification)));
        for path in [format!("{folder}/{id}.lost-1"), format!("{folder}/scout-one"), format!("/elsewhere/{id}")] {
            assert_eq!(of(&path), None, "{path}");
        }
    }
}
