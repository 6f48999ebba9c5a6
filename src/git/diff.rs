//! What differs: paths between two trees, and commits that make the same changes.

use super::tree::{FOLDER, TreeEntry};
use super::{GitError, Repo};
use crate::core::id::ObjectId;

/// The maximum number of paths that are listed.
const MAX_PATHS: usize = 100_000;

impl Repo {
    /// The paths of files that were added, removed or changed, or `None` if there are too many to list.
    ///
    /// # Errors
    /// If a tree cannot be read.
    pub(crate) fn changed_paths(&self, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Option<Vec<String>>, GitError> {
        let mut paths = Vec::new();
        let mut pairs = vec![(String::new(), old, new)];
        while let Some((prefix, old, new)) = pairs.pop() {
            if old == new {
                continue;
            }
            if paths.len() > MAX_PATHS {
                return Ok(None);
            }
            let read = |id: Option<ObjectId>| id.map_or_else(|| Ok(Vec::new()), |id| self.read_tree(id));
            let (old, new) = (read(old)?, read(new)?);
            let names = old.iter().chain(new.iter().filter(|entry| !old.iter().any(|other| other.name == entry.name)));
            for name in names.map(|entry| &entry.name) {
                let side = |side: &[TreeEntry]| side.iter().find(|entry| entry.name == *name).cloned();
                let (old, new) = (side(&old), side(&new));
                if old == new {
                    continue;
                }
                let path = format!("{prefix}{name}");
                let is_folder = |entry: &Option<TreeEntry>| entry.as_ref().is_some_and(|entry| entry.mode == FOLDER);
                let folder =
                    |entry: &Option<TreeEntry>| entry.as_ref().filter(|entry| entry.mode == FOLDER).map(|entry| entry.id);
                if is_folder(&old) || is_folder(&new) {
                    pairs.push((format!("{path}/"), folder(&old), folder(&new)));
                }
                let is_file = |entry: &Option<TreeEntry>| entry.as_ref().is_some_and(|entry| entry.mode != FOLDER);
                if is_file(&old) || is_file(&new) {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        Ok(Some(paths))
    }

    /// The paths that a commit changes compared with its first parent, or `None` if there are too many to list.
    ///
    /// # Errors
    /// If a commit or a tree cannot be read.
    pub(crate) fn commit_paths(&self, commit_id: ObjectId) -> Result<Option<Vec<String>>, GitError> {
        let commit = self.read_commit(commit_id)?;
        let parent = commit.parents.first().map(|parent| self.read_commit(*parent)).transpose()?;
        self.changed_paths(parent.map(|parent| parent.tree_id), Some(commit.tree_id))
    }

    /// The last of the commits below `tip` that make the same changes as those from `base` to `head`, or `None` if a change is not among
    /// them. That is `head` if it is there. Two changes are the same if git takes them for the same in a rebase.
    ///
    /// # Errors
    /// If git cannot compare them, for instance because a commit is not here.
    pub(crate) fn find_copy(&self, base: ObjectId, head: ObjectId, tip: ObjectId) -> Result<Option<ObjectId>, GitError> {
        if self.is_ancestor(head, tip)? {
            return Ok(Some(head));
        }
        let (sides, base) = (format!("{tip}...{head}"), format!("^{base}"));
        let list = |options: [&str; 2]| {
            let args =
                ["rev-list", "--no-merges", "--topo-order"].into_iter().chain(options).chain([sides.as_str(), base.as_str()]);
            self.git().output(args)
        };
        if !list(["--cherry-pick", "--right-only"])?.is_empty() {
            return Ok(None);
        }
        let copies = list(["--cherry-mark", "--left-only"])?;
        Ok(copies.lines().find_map(|line| ObjectId::parse(line.strip_prefix('=')?).ok()))
    }

    /// The last of the commits on the way to `tip` that make, each alone, all the changes from `base` to `head`, as a host makes
    /// them when it squashes a branch.
    ///
    /// # Errors
    /// If git cannot compare them.
    pub(crate) fn find_squash(&self, base: ObjectId, head: ObjectId, tip: ObjectId) -> Result<Option<ObjectId>, GitError> {
        let (base, head, tip) = (base.to_string(), head.to_string(), tip.to_string());
        let wanted = self.patch_ids(&["diff-tree", "-p", &base, &head])?;
        let Some((wanted, _)) = wanted.into_iter().next() else { return Ok(None) };
        let not_base = format!("^{base}");
        let log = ["log", "-p", "--first-parent", "--no-merges", "--max-count=1000", "--format=commit %H", &tip, &not_base];
        let found = self.patch_ids(&log)?.into_iter().find(|(patch, _)| *patch == wanted);
        Ok(found.and_then(|(_, commit)| ObjectId::parse(&commit).ok()))
    }

    /// The ids of the changes that a git prints, with the commits that make them.
    fn patch_ids(&self, args: &[&str]) -> Result<Vec<(String, String)>, GitError> {
        let (first, rest) = args.split_at(1);
        let plain = ["--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--full-index"];
        let patches = self.git().output(first.iter().chain(&plain).chain(rest))?;
        let ids = self.git().input(["patch-id", "--stable"], patches.as_bytes())?;
        let pair = |line: &str| line.split_once(' ').map(|(patch, commit)| (patch.to_owned(), commit.to_owned()));
        Ok(ids.lines().filter_map(pair).collect())
    }
}
