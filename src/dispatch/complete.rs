//! Whether others can check out what work points to outside of its commits: submodules, and what filters make of files.

use camino::Utf8Path;

use super::brief::in_code;
use super::take_in::Untaken;
use super::{DispatchError, Site};
use crate::core::id::ObjectId;
use crate::core::ruling::Ruling;
use crate::git::lfs::{self, MAX_POINTER, Pointer};
use crate::git::{Git, GitError};
use crate::ledger::LedgerError;

/// How every file begins that git-crypt has encrypted.
const ENCRYPTED: &[u8] = b"\0GITCRYPT\0";
/// The largest file that is looked into, in bytes.
const MAX_FILE: usize = 64 << 20;

/// What work adds or changes, each with its path.
struct Changed {
    /// The commits that submodules are at.
    links: Vec<(String, ObjectId)>,
    files: Vec<(String, ObjectId)>,
}

impl Changed {
    fn between(site: &Site<'_>, base: ObjectId, head: ObjectId) -> Result<Self, DispatchError> {
        let listed = site.repo.git().output(["diff-tree", "-r", "-z", "--no-renames", &base.to_string(), &head.to_string()])?;
        let mut changed = Self { links: Vec::new(), files: Vec::new() };
        // `:<old mode> <new mode> <old id> <new id> <status>`, then the path.
        let mut fields = listed.split('\0');
        while let (Some(change), Some(path)) = (fields.next(), fields.next()) {
            let words: Vec<&str> = change.split(' ').collect();
            let [_, mode, _, id, _] = words.as_slice() else { continue };
            let list = match *mode {
                "160000" => &mut changed.links,
                "100644" | "100755" => &mut changed.files,
                _ => continue,
            };
            list.push((path.to_owned(), ObjectId::parse(id).map_err(LedgerError::from)?));
        }
        Ok(changed)
    }
}

/// Whether everything that an agent's work points to can be had by others.
pub(super) fn judge(
    site: &Site<'_>,
    worktree: &Utf8Path,
    git: &Git,
    base: ObjectId,
    head: ObjectId,
) -> Result<Ruling<(), Untaken>, DispatchError> {
    let changed = Changed::between(site, base, head)?;
    for (path, commit_id) in changed.links {
        if let Ruling::Denied(why) = judge_link(worktree, git, head, path, commit_id)? {
            return Ok(Ruling::Denied(why));
        }
    }
    judge_filtered(site, &changed.files, base, head)
}

/// The same of the files alone: where work is verified that was handed in elsewhere, its submodules are checked out nowhere.
pub(super) fn judge_files(site: &Site<'_>, base: ObjectId, head: ObjectId) -> Result<Ruling<(), Untaken>, DispatchError> {
    judge_filtered(site, &Changed::between(site, base, head)?.files, base, head)
}

/// Whether a new or moved link is to a submodule, and to a commit that its remote has.
fn judge_link(
    worktree: &Utf8Path,
    git: &Git,
    head: ObjectId,
    path: String,
    commit_id: ObjectId,
) -> Result<Ruling<(), Untaken>, DispatchError> {
    let modules = format!("{head}:.gitmodules");
    let listed = git.run(["config", "--blob", &modules, "--get-regexp", r"^submodule\..*\.path$"])?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    if !listed.lines().any(|line| line.split_once(' ').is_some_and(|(_, known)| known == path)) {
        return Ok(Ruling::Denied(Untaken::Nested(path)));
    }
    let place = worktree.join(&path);
    let is_there = place.join(".git").as_std_path().exists();
    let is_missing = if is_there {
        let asked = Git::at(&place).run(["rev-list", "--max-count=1", &commit_id.to_string(), "--not", "--remotes"])?;
        asked.code != 0 || !asked.stdout.is_empty()
    } else {
        true
    };
    Ok(if is_missing { Ruling::Denied(Untaken::Unpushed { path, commit_id }) } else { Ruling::Granted(()) })
}

/// Whether files that a filter stores in another form were stored in it, and what that form points to is there.
fn judge_filtered(
    site: &Site<'_>,
    files: &[(String, ObjectId)],
    base: ObjectId,
    head: ObjectId,
) -> Result<Ruling<(), Untaken>, DispatchError> {
    let paths: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
    let filters = site.repo.list_filters(head, &paths)?;
    let (mut raw, mut plain, mut pointers) = (Vec::new(), Vec::new(), Vec::new());
    for (path, filter) in filters {
        let Some((_, blob_id)) = files.iter().find(|(known, _)| *known == path) else { continue };
        let (_, size) = site.repo.read_header(*blob_id)?;
        // Both filters leave an empty file as it is.
        if size == 0 {
            continue;
        }
        let read = |max: usize| if size > max as u64 { Ok(Vec::new()) } else { site.repo.read_blob(*blob_id, max) };
        if filter == lfs::FILTER {
            match Pointer::parse(&read(MAX_POINTER)?) {
                Some(pointer) => pointers.push((path, *blob_id, pointer)),
                None => raw.push(path),
            }
        } else if filter == "git-crypt" || filter.starts_with("git-crypt-") {
            let is_plain = size <= MAX_FILE as u64 && !read(MAX_FILE)?.starts_with(ENCRYPTED);
            plain.extend(is_plain.then_some(path));
        }
    }
    let why = if !raw.is_empty() {
        Untaken::NoPointers(in_code(&raw))
    } else if !plain.is_empty() {
        Untaken::NotEncrypted(in_code(&plain))
    } else {
        let lost = lost(site, pointers, base, head)?;
        if lost.is_empty() {
            return Ok(Ruling::Granted(()));
        }
        Untaken::NoObjects(in_code(&lost))
    };
    Ok(Ruling::Denied(why))
}

/// The paths whose Git LFS objects nobody has, as far as can be told here.
fn lost(
    site: &Site<'_>,
    pointers: Vec<(String, ObjectId, Pointer)>,
    base: ObjectId,
    head: ObjectId,
) -> Result<Vec<String>, DispatchError> {
    let repo = &site.repo;
    let mut missing = Vec::new();
    for (path, blob_id, pointer) in pointers {
        let is_known = || -> Result<bool, GitError> {
            // What landed before is no fault of this work, which may only move it: a clone need not have every object.
            let find = format!("--find-object={blob_id}");
            let found = repo.git().output(["log", "-1", "-m", "--format=%H", &find, &base.to_string()])?;
            Ok(!found.is_empty())
        };
        if !repo.has_lfs_object(&pointer)? && !is_known()? {
            missing.push((path, pointer));
        }
    }
    let has_origin = || repo.config("remote.origin.url").map(|_| "origin");
    if let Some(remote) = site.entry.remote.as_deref().or_else(has_origin).filter(|_| !missing.is_empty()) {
        let paths: Vec<&str> = missing.iter().map(|(path, _)| path.as_str()).collect();
        repo.fetch_lfs_objects(remote, head, &paths)?;
    }
    let mut lost = Vec::new();
    for (path, pointer) in missing {
        if !repo.has_lfs_object(&pointer)? {
            lost.push(path);
        }
    }
    Ok(lost)
}
