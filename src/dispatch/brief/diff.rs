//! The work as a judge reads it: what differs between two commits, file by file, up to a limit.
//!
//! It is made here and not by `git diff`: attributes that the work itself sets can hide a file from that one.

use std::time::Duration;

use similar::{Algorithm, TextDiff};

use super::part::MAX_DIFF;
use crate::core::id::ObjectId;
use crate::git::tree::{COMMIT, TreeEntry};
use crate::git::{GitError, Repo};

/// The largest file that is compared line by line, in bytes.
const MAX_FILE: usize = 1024 * 1024;
/// How long one file is compared before the comparison gets coarse.
const MAX_TIME: Duration = Duration::from_millis(500);
/// The most files that are looked at.
const MAX_FILES: usize = 2000;

/// What differs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Diff {
    /// As a patch; empty if nothing of it fits.
    pub(super) patch: String,
    /// The files that are not in the patch, each with the reason.
    pub(super) left: Vec<String>,
}

/// The difference between two commits.
///
/// # Errors
/// When git cannot read one of them, or a name is not UTF-8.
pub(super) fn read(repo: &Repo, base: ObjectId, head: ObjectId) -> Result<Diff, GitError> {
    let (base, head) = (repo.read_commit(base)?.tree_id, repo.read_commit(head)?.tree_id);
    let mut diff = Diff::default();
    let Some(paths) = repo.changed_paths(Some(base), Some(head))? else { return Ok(diff) };
    for (at, path) in paths.iter().enumerate() {
        if at >= MAX_FILES {
            diff.left.push(format!("and {} more files", paths.len() - at));
            break;
        }
        let (old, new) = (repo.find_entry(base, path)?, repo.find_entry(head, path)?);
        match compare(repo, path, old.as_ref(), new.as_ref())? {
            Compared::Patch(patch) if diff.patch.len() + patch.len() <= MAX_DIFF => diff.patch += &patch,
            Compared::Patch(patch) => diff.left.push(format!("{path} ({} lines of patch)", patch.lines().count())),
            Compared::Not(why) => diff.left.push(format!("{path} ({why})")),
        }
    }
    Ok(diff)
}

enum Compared {
    Patch(String),
    /// It cannot be compared line by line, for this reason.
    Not(&'static str),
}

fn compare(repo: &Repo, path: &str, old: Option<&TreeEntry>, new: Option<&TreeEntry>) -> Result<Compared, GitError> {
    if [old, new].into_iter().flatten().any(|entry| entry.mode == COMMIT) {
        return Ok(Compared::Not("a submodule"));
    }
    let mut texts = Vec::new();
    for entry in [old, new] {
        let Some(entry) = entry else {
            texts.push(String::new());
            continue;
        };
        if repo.read_header(entry.id)?.1 > MAX_FILE as u64 {
            return Ok(Compared::Not("too large"));
        }
        match String::from_utf8(repo.read_blob(entry.id, MAX_FILE)?) {
            Ok(text) if !text.contains('\0') => texts.push(text),
            Ok(_) | Err(_) => return Ok(Compared::Not("binary")),
        }
    }
    let name = |entry: Option<&TreeEntry>, side: &str| entry.map_or("/dev/null".to_owned(), |_| format!("{side}/{path}"));
    let mode = |entry: Option<&TreeEntry>| entry.map_or("none".to_owned(), |entry| format!("{:06o}", entry.mode));
    let mut patch = String::new();
    if old.map(|entry| entry.mode) != new.map(|entry| entry.mode) {
        patch += &format!("mode of {path}: {} -> {}\n", mode(old), mode(new));
    }
    let compared = TextDiff::configure().algorithm(Algorithm::Patience).timeout(MAX_TIME).diff_lines(&texts[0], &texts[1]);
    patch += &compared.unified_diff().context_radius(3).header(&name(old, "a"), &name(new, "b")).to_string();
    Ok(Compared::Patch(patch))
}
