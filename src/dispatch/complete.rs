//! Whether others can check out what work points to outside of its commits: submodules, and what filters make of files.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::brief::in_code;
use super::take_in::Untaken;
use super::{DispatchError, Site};
use crate::core::id::ObjectId;
use crate::core::ruling::Ruling;
use crate::git::Git;
use crate::git::lfs::{self, MAX_POINTER, Pointer};
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
    /// From one commit to another.
    fn between(site: &Site<'_>, base: ObjectId, head: ObjectId) -> Result<Self, DispatchError> {
        let args = ["diff-tree", "-r", "-z", "--no-renames", &base.to_string(), &head.to_string()];
        Self::read(&site.repo.git().output(args)?)
    }

    /// By every commit on the way from one to another.
    fn by_each(site: &Site<'_>, base: ObjectId, head: ObjectId) -> Result<Self, DispatchError> {
        let range = format!("{base}..{head}");
        let args = ["log", "--format=", "--raw", "--no-abbrev", "-z", "-m", "--no-renames", &range];
        Self::read(&site.repo.git().output(args)?)
    }

    /// Reads git's list: `:<old mode> <new mode> <old id> <new id> <status>`, then the path.
    fn read(listed: &str) -> Result<Self, DispatchError> {
        let mut changed = Self { links: Vec::new(), files: Vec::new() };
        let mut fields = listed.split('\0');
        while let Some(change) = fields.next() {
            // Between commits are empty fields.
            let words: Vec<&str> = change.trim_start_matches('\n').split(' ').collect();
            let [_, mode, _, id, _] = words.as_slice() else { continue };
            let Some(path) = fields.next() else { break };
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
    // What was in plain text once is no secret any more, so every commit counts.
    let versions = Changed::by_each(site, base, head)?.files;
    let paths: BTreeSet<&String> = files.iter().chain(&versions).map(|(path, _)| path).collect();
    let paths: Vec<String> = paths.into_iter().cloned().collect();
    let filters: BTreeMap<String, String> = site.repo.list_filters(head, &paths)?.into_iter().collect();
    let has = |path: &str, wanted: fn(&str) -> bool| filters.get(path).is_some_and(|filter| wanted(filter));
    let (mut raw, mut plain, mut pointers) = (Vec::new(), BTreeSet::new(), Vec::new());
    for (path, blob_id) in files.iter().filter(|(path, _)| has(path, |filter| filter == lfs::FILTER)) {
        match read(site, *blob_id, MAX_POINTER)? {
            Some(blob) if blob.is_empty() => {}
            blob => match blob.and_then(|blob| Pointer::parse(&blob)) {
                Some(pointer) => pointers.push((path.clone(), *blob_id, pointer)),
                None => raw.push(path.clone()),
            },
        }
    }
    for (path, blob_id) in versions.iter().filter(|(path, _)| has(path, is_of_git_crypt)) {
        let blob = read(site, *blob_id, MAX_FILE)?;
        plain.extend(blob.filter(|blob| !blob.is_empty() && !blob.starts_with(ENCRYPTED)).map(|_| path.clone()));
    }
    let why = if !raw.is_empty() {
        Untaken::NoPointers(in_code(&raw))
    } else if !plain.is_empty() {
        Untaken::NotEncrypted(in_code(&plain.into_iter().collect::<Vec<_>>()))
    } else {
        let lost = lost(site, pointers, base, head)?;
        if lost.is_empty() {
            return Ok(Ruling::Granted(()));
        }
        Untaken::NoObjects(in_code(&lost))
    };
    Ok(Ruling::Denied(why))
}

fn is_of_git_crypt(filter: &str) -> bool {
    filter.strip_prefix("git-crypt").is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The contents of a file, if it is not longer than `max` bytes.
fn read(site: &Site<'_>, blob_id: ObjectId, max: usize) -> Result<Option<Vec<u8>>, DispatchError> {
    let (_, size) = site.repo.read_header(blob_id)?;
    Ok(if size > max as u64 { None } else { Some(site.repo.read_blob(blob_id, max)?) })
}

/// The paths whose Git LFS objects nobody has, as far as can be told here.
fn lost(
    site: &Site<'_>,
    pointers: Vec<(String, ObjectId, Pointer)>,
    base: ObjectId,
    head: ObjectId,
) -> Result<Vec<String>, DispatchError> {
    let (repo, store) = (&site.repo, site.repo.lfs_store()?);
    let mut missing: Vec<_> = pointers.into_iter().filter(|(_, _, pointer)| !store.has(pointer)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    // What landed before is no fault of this work, which may only move it: a clone need not have every object.
    let listed = repo.git().output(["ls-tree", "-r", "--full-tree", &base.to_string()])?;
    let landed: BTreeSet<&str> = listed.lines().filter_map(|line| line.split(['\t', ' ']).nth(2)).collect();
    missing.retain(|(_, blob_id, _)| !landed.contains(blob_id.to_string().as_str()));
    let mut unknown = Vec::new();
    for one in missing {
        let find = format!("--find-object={}", one.1);
        if repo.git().output(["log", "-1", "-m", "--format=%H", &find, &base.to_string()])?.is_empty() {
            unknown.push(one);
        }
    }
    let has_origin = || repo.config("remote.origin.url").map(|_| "origin");
    if let Some(remote) = site.entry.remote.as_deref().or_else(has_origin).filter(|_| !unknown.is_empty()) {
        let paths: Vec<&str> = unknown.iter().map(|(path, _, _)| path.as_str()).collect();
        repo.fetch_lfs_objects(remote, head, &paths)?;
    }
    Ok(unknown.into_iter().filter(|(_, _, pointer)| !store.has(pointer)).map(|(path, _, _)| path).collect())
}
