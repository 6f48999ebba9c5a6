//! Git's settings of a repository, which all its worktrees share: what an agent changes there counts for its operator, too.
//!
//! Of values only hashes are kept, and of keys with an address in them not who logs in there: both can hold secrets.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::core::id::TicketId;
use crate::core::secrets::redact;
use crate::core::time::Timestamp;
use crate::git::process::{read_file, write_file};
use crate::git::{Git, GitError, Repo};

/// What a program sets by itself as soon as it is used in a repository.
const OF_PROGRAMS: &[&str] = &["lfs.repositoryformatversion"];
/// How long a change is remembered, in seconds: a week.
const REMEMBERED: i64 = 7 * 24 * 3600;

/// A setting that changed while a ticket was worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) ticket: TicketId,
    /// The key, as it may be shown.
    pub(crate) key: String,
    at: Timestamp,
    /// The hash of what the key, as it may be shown, was afterwards; empty if it was not set any more.
    hash: String,
}

/// The settings, each key with a hash of its values.
fn settings(repo: &Repo) -> Result<BTreeMap<String, String>, GitError> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for file in ["config", "config.worktree"].map(|name| repo.common_dir().join(name)) {
        if !file.as_std_path().exists() {
            continue;
        }
        // Read from elsewhere: where the file is broken, a git in the repository says nothing at all.
        let listed =
            Git::at(Utf8Path::new("/")).output(["config", "--file", file.as_str(), "--no-includes", "--list", "--null"])?;
        for entry in listed.split_terminator('\0') {
            let (key, value) = entry.split_once('\n').unwrap_or((entry, ""));
            if !OF_PROGRAMS.contains(&key) {
                *values.entry(shown(key)).or_default() += &format!("{key}\n{value}\0");
            }
        }
    }
    Ok(values.into_iter().map(|(key, values)| (key, repo.blob_id(values.as_bytes()).to_string())).collect())
}

/// A key as it may be shown: some have an address in them, with a password.
fn shown(key: &str) -> String {
    let plain = match (key.find("://"), key.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://…{}", &key[..scheme], &key[at..]),
        _ => key.to_owned(),
    };
    redact(&plain)
}

/// Notes in a file what the settings are.
///
/// # Errors
/// If git cannot read them, or the file cannot be written.
pub(crate) fn note(repo: &Repo, file: &Utf8Path) -> Result<(), GitError> {
    let lines = settings(repo)?.into_iter().map(|(key, hash)| format!("{hash} {key}\n"));
    write_file(file, lines.collect::<String>().as_bytes(), 0o600)
}

/// Remembers which of the settings are not as they were noted, for the doctor, and notes them anew. Returns their keys.
///
/// # Errors
/// If git cannot read them, or a file cannot be written.
pub(crate) fn find_changed(repo: &Repo, file: &Utf8Path, ticket: &TicketId) -> Result<Vec<String>, GitError> {
    // Without a note, nothing is known of before.
    let Ok(noted) = read_file(file) else { return Ok(Vec::new()) };
    let before: BTreeMap<&str, &str> =
        noted.lines().filter_map(|line| line.split_once(' ')).map(|(hash, key)| (key, hash)).collect();
    let now = settings(repo)?;
    let hash_now = |key: &str| now.get(key).map(String::as_str);
    let mut keys: Vec<&str> = before.keys().copied().chain(now.keys().map(String::as_str)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| before.get(key).copied() != hash_now(key));
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let at = repo.identity()?.time.0;
    let known = read_file(&memory(repo)).unwrap_or_default();
    let line = |key: &&str| format!("{at} {ticket} {} {key}\n", hash_now(key).unwrap_or("-"));
    write_file(&memory(repo), (known + &keys.iter().map(line).collect::<String>()).as_bytes(), 0o600)?;
    note(repo, file)?;
    Ok(keys.into_iter().map(str::to_owned).collect())
}

/// The file with the changes, one a line: when, the ticket, the hash, the key.
fn memory(repo: &Repo) -> Utf8PathBuf {
    repo.os_dir().join("settings")
}

/// The changes of the last week that are still as a run left them, the latest of each key.
///
/// # Errors
/// If git cannot read the settings.
pub(crate) fn list_changes(repo: &Repo, now: Timestamp) -> Result<Vec<Change>, GitError> {
    let known = read_file(&memory(repo)).unwrap_or_default();
    let change = |line: &str| {
        let [at, ticket, hash, key] = line.splitn(4, ' ').collect::<Vec<_>>().try_into().ok()?;
        let (ticket, at) = (TicketId::parse(ticket).ok()?, Timestamp(at.parse().ok()?));
        Some(Change { ticket, key: key.to_owned(), at, hash: hash.trim_start_matches('-').to_owned() })
    };
    let latest: BTreeMap<String, Change> = known.lines().filter_map(change).map(|change| (change.key.clone(), change)).collect();
    if latest.is_empty() {
        return Ok(Vec::new());
    }
    let present = settings(repo)?;
    let stands = |change: &Change| {
        let is_recent = change.at.0.saturating_add(REMEMBERED) > now.0;
        is_recent && present.get(&change.key).map_or("", String::as_str) == change.hash
    };
    Ok(latest.into_values().filter(stands).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo_of;

    #[test]
    fn what_changed_is_named_until_it_is_changed_again() {
        let (_dir, repo) = repo_of("Ann");
        let set = |key: &str, value: &str| drop(repo.git().output(["config", key, value]).expect("set"));
        let file = repo.os_dir().join("noted");
        let ticket = TicketId::parse("T-2026-05-07-one-91c2").expect("valid");
        let changed = || find_changed(&repo, &file, &ticket).expect("compared");
        assert_eq!(changed(), [""; 0], "nothing was noted");
        set("a.same", "1");
        set("a.other", "1");
        set("a.gone", "1");
        note(&repo, &file).expect("noted");
        assert_eq!(changed(), [""; 0]);
        set("a.other", "2");
        repo.git().output(["config", "--unset", "a.gone"]).expect("unset");
        set("url.https://ann:secret@host/.insteadOf", "x");
        set("lfs.repositoryFormatVersion", "0");
        let keys = ["a.gone", "a.other", "url.https://…@host/.insteadof"];
        assert_eq!(changed(), keys);
        assert_eq!(changed(), [""; 0], "it is told once");
        let now = repo.identity().expect("known").time;
        let listed =
            |now: Timestamp| list_changes(&repo, now).expect("listed").into_iter().map(|change| change.key).collect::<Vec<_>>();
        assert_eq!(listed(now), keys);
        assert_eq!(listed(Timestamp(now.0 + REMEMBERED + 1)), [""; 0]);
        set("a.other", "1");
        set("a.gone", "1");
        assert_eq!(listed(now), &keys[2..]);
        for file in [&file, &memory(&repo)] {
            let text = read_file(file).expect("there");
            assert!(!text.contains("secret") && !text.contains("ann"), "{text}");
        }
    }
}
