//! Trees that are put together of two others: the files that patterns name come from one, all other files from the other.

use std::collections::BTreeMap;

use super::object::Kind;
use super::tree::{FOLDER, RawEntries};
use super::{GitError, Repo};
use crate::core::id::ObjectId;
use crate::core::meta::Paths;
use crate::core::text::escape;

/// How many folders are read at most: a tree can name the same folder very often.
const MAX_FOLDERS: usize = 50_000;
/// How deep folders may be: each takes its part of the stack.
const MAX_DEPTH: usize = 128;
/// How many files that are gone are named.
const MAX_NAMED: usize = 20;

/// What becomes of the trees that are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// They are written, to be checked out.
    Written,
    /// Only their ids are wanted.
    Named,
}

/// A tree that was put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mixed {
    pub(crate) tree_id: ObjectId,
    /// The first of the files with matching names that only the second tree has, in git's order, so that they can be shown.
    pub(crate) extra: Vec<String>,
    /// How many there are.
    pub(crate) count: usize,
}

/// An entry without its name: mode and id.
type Node = (u32, ObjectId);
/// Entries of a folder by their names; a name need not be UTF-8.
type Nodes = BTreeMap<Vec<u8>, Node>;

impl Repo {
    /// Puts a tree together: of `tests` the files that match, and of `code` all others. Links and submodules are files. Where a file of one
    /// side is a folder of the other, the side stays whose name matches. Only folders in which the two differ are read.
    ///
    /// # Errors
    /// If a tree cannot be read or written, or is larger or deeper than trees of files are.
    pub(crate) fn mix(&self, code: ObjectId, tests: ObjectId, paths: &Paths, keep: Keep) -> Result<Mixed, GitError> {
        let mut mixing = Mixing { repo: self, paths, keep, folders: 0, extra: Vec::new(), count: 0 };
        let tree_id = match mixing.folder((Some(code), Some(tests)), "", 0)? {
            Some(tree_id) => tree_id,
            None => mixing.write(&Nodes::new())?,
        };
        Ok(Mixed { tree_id, extra: mixing.extra, count: mixing.count })
    }
}

struct Mixing<'a> {
    repo: &'a Repo,
    paths: &'a Paths,
    keep: Keep,
    folders: usize,
    extra: Vec<String>,
    count: usize,
}

impl Mixing<'_> {
    /// Puts one folder together; `None` if nothing is in it.
    fn folder(
        &mut self,
        (code, tests): (Option<ObjectId>, Option<ObjectId>),
        at: &str,
        depth: usize,
    ) -> Result<Option<ObjectId>, GitError> {
        if code == tests {
            return Ok(code);
        }
        let id = code.or(tests).unwrap_or_else(|| self.repo.zero());
        self.folders += 1;
        if self.folders > MAX_FOLDERS || depth > MAX_DEPTH {
            return Err(GitError::Malformed { id, what: "has too many folders" });
        }
        let (code, tests) = (self.read(code)?, self.read(tests)?);
        let mut mixed = Nodes::new();
        let names = code.keys().chain(tests.keys().filter(|name| !code.contains_key(*name)));
        for name in names {
            let (ours, theirs) = (code.get(name).copied(), tests.get(name).copied());
            if let Some(same) = ours.filter(|_| ours == theirs) {
                mixed.insert(name.clone(), same);
                continue;
            }
            let path = format!("{at}{}", String::from_utf8_lossy(name));
            let folder = |node: Option<Node>| node.filter(|(mode, _)| *mode == FOLDER).map(|(_, id)| id);
            let file = |node: Option<Node>| node.filter(|(mode, _)| *mode != FOLDER);
            let is_test = self.paths.has(&path);
            if is_test && file(theirs).is_some() && file(ours).is_none() {
                self.count += 1;
                if self.extra.len() < MAX_NAMED {
                    self.extra.push(escape(&path));
                }
            }
            let leaf = if is_test { file(theirs) } else { file(ours) };
            let below = match (folder(ours), folder(theirs)) {
                (None, None) => None,
                both => self.folder(both, &format!("{path}/"), depth + 1)?.map(|id| (FOLDER, id)),
            };
            let node = if is_test { leaf.or(below) } else { below.or(leaf) };
            mixed.extend(node.map(|node| (name.clone(), node)));
        }
        if mixed.is_empty() { Ok(None) } else { self.write(&mixed).map(Some) }
    }

    fn read(&self, id: Option<ObjectId>) -> Result<Nodes, GitError> {
        let Some(id) = id else { return Ok(Nodes::new()) };
        let malformed = || GitError::Malformed { id, what: "is a malformed tree" };
        let data = self.repo.read_object(id, Kind::Tree)?;
        let mut nodes = Nodes::new();
        for entry in (RawEntries { rest: &data, hash_len: self.repo.hash_len() }) {
            let (mode, name, id) = entry.ok_or_else(malformed)?;
            // No file can have such a name, and a path with it would lead elsewhere.
            if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || nodes.insert(name.to_vec(), (mode, id)).is_some() {
                return Err(malformed());
            }
        }
        Ok(nodes)
    }

    fn write(&self, nodes: &Nodes) -> Result<ObjectId, GitError> {
        let mut sorted: Vec<(Vec<u8>, &Vec<u8>, Node)> = Vec::with_capacity(nodes.len());
        for (name, node) in nodes {
            // Git sorts a folder as if its name ended in a slash.
            let mut key = name.clone();
            key.extend((node.0 == FOLDER).then_some(b'/'));
            sorted.push((key, name, *node));
        }
        sorted.sort();
        let mut data = Vec::new();
        for (_, name, (mode, id)) in sorted {
            data.extend_from_slice(format!("{mode:o} ").as_bytes());
            data.extend_from_slice(name);
            data.push(0);
            data.extend_from_slice(id.as_bytes());
        }
        match self.keep {
            Keep::Written => self.repo.write_object(gix::objs::Kind::Tree, &data),
            Keep::Named => self.repo.name_object(gix::objs::Kind::Tree, &data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;
    use crate::git::tree::{COMMIT, FILE, LINK, PROGRAM, TreeEntry};

    /// A tree with these files, of which each holds its text; a text that begins with `@` is a link, with `#` a submodule, with `!` a
    /// program.
    fn tree(repo: &Repo, files: &[(&str, &str)]) -> ObjectId {
        let mut here = Vec::new();
        let mut folders: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (path, text) in files {
            if let Some((folder, rest)) = path.split_once('/') {
                folders.entry(folder).or_default().push((rest, text));
                continue;
            }
            let blob = repo.write_blob(text.as_bytes()).expect("written");
            let (mode, id) = match text.chars().next() {
                Some('@') => (LINK, blob),
                Some('#') => (COMMIT, ObjectId::parse(&text[1..].repeat(40)).expect("hex")),
                Some('!') => (PROGRAM, blob),
                _ => (FILE, blob),
            };
            here.push(TreeEntry { mode, name: (*path).to_owned(), id });
        }
        for (name, files) in folders {
            here.push(TreeEntry { mode: FOLDER, name: name.to_owned(), id: tree(repo, &files) });
        }
        repo.write_tree(&mut here).expect("written")
    }

    /// Puts a tree together as git does it, file by file in an index.
    fn by_git(repo: &Repo, code: ObjectId, tests: ObjectId, paths: &Paths) -> ObjectId {
        let index = repo.git_dir().join("mixture-index");
        let git = repo.git().variable("GIT_INDEX_FILE", index.as_str());
        git.output(["read-tree", "--empty"]).expect("an index");
        for (id, wanted) in [(code, false), (tests, true)] {
            let listed = git.output(["ls-tree", "-r", "--full-tree", &id.to_string()]).expect("a tree");
            for line in listed.lines() {
                let (node, path) = line.split_once('\t').expect("a path");
                let mut words = node.split(' ');
                let (mode, id) = (words.next().expect("a mode"), words.nth(1).expect("an id"));
                if paths.has(path) == wanted {
                    git.output(["update-index", "--add", "--replace", "--cacheinfo", &format!("{mode},{id},{path}")])
                        .expect("added");
                }
            }
        }
        ObjectId::parse(git.output(["write-tree", "--missing-ok"]).expect("a tree").trim()).expect("an id")
    }

    #[test]
    fn a_mixture_is_what_git_makes_of_it_file_by_file() {
        let (_dir, repo) = repo();
        let base = [
            ("a.rs", "1"),
            ("src/b.rs", "1"),
            ("src/b_test.go", "old"),
            ("src/deep/er/c_test.go", "old"),
            ("tests/kept", "old"),
            ("tests/gone", "old"),
            ("tests/deep/gone", "old"),
            ("tests/link", "@old"),
            ("tests/sub", "#a"),
            ("sub", "#a"),
            ("x-folder/in", "1"),
            ("y", "1"),
            ("same/one", "1"),
        ];
        let head = [
            ("a.rs", "2"),
            ("src/b.rs", "!2"),
            ("src/b_test.go", "new"),
            ("src/new_test.go", "new"),
            ("tests/kept", "!new"),
            ("tests/link", "@new"),
            ("tests/sub", "#b"),
            ("sub", "#b"),
            ("other/deep", "2"),
            ("x-folder", "2"),
            ("y/in_test.go", "2"),
            ("same/one", "1"),
        ];
        let (base, head) = (tree(&repo, &base), tree(&repo, &head));
        for patterns in [&["tests/**", "*_test.go"][..], &["/tests"], &["tests/**", "!tests/kept"], &["*.rs"], &["x-folder", "y"]]
        {
            let paths = Paths::new(patterns.iter().copied()).expect("valid");
            for (code, tests) in [(base, head), (head, base), (base, base)] {
                let mixed = repo.mix(code, tests, &paths, Keep::Written).expect("mixed");
                assert_eq!(mixed.tree_id, by_git(&repo, code, tests, &paths), "{patterns:?}");
                assert_eq!(repo.mix(code, tests, &paths, Keep::Named).expect("mixed"), mixed);
            }
        }
        let paths = Paths::new(["tests/**", "*_test.go"]).expect("valid");
        let mixed = repo.mix(head, base, &paths, Keep::Named).expect("mixed");
        assert_eq!((mixed.extra.join(" ").as_str(), mixed.count), ("src/deep/er/c_test.go tests/deep/gone tests/gone", 3));
    }

    #[test]
    fn a_tree_that_no_files_make_is_refused_in_time() {
        let (_dir, repo) = repo();
        let one = |mode, name: &str, id| repo.write_tree(&mut [TreeEntry { mode, name: name.to_owned(), id }]).expect("written");
        let blob = repo.write_blob(b"x").expect("written");
        let empty = repo.write_tree(&mut []).expect("written");
        let paths = Paths::new(["tests/**"]).expect("valid");
        let mix = |id| repo.mix(id, empty, &paths, Keep::Named);
        assert!(mix(one(FILE, "..", blob)).is_err());
        // Each folder has the one before ten times.
        let mut bomb = one(FILE, "a", blob);
        for _ in 0..8 {
            let mut entries: Vec<_> = (0..10).map(|at| TreeEntry { mode: FOLDER, name: format!("d{at}"), id: bomb }).collect();
            bomb = repo.write_tree(&mut entries).expect("written");
        }
        assert!(mix(bomb).is_err());
        let mut deep = one(FILE, "a", blob);
        for _ in 0..2000 {
            deep = one(FOLDER, "d", deep);
        }
        assert!(mix(deep).is_err());
    }
}
