//! A repository's own instructions for agents, as its protected branch has them: what a work says there is not in force yet.

use super::part::{MAX_INSTRUCTIONS, quote};
use crate::core::id::ObjectId;
use crate::git::tree::{FILE, LINK, PROGRAM, TreeEntry};
use crate::git::{GitError, Repo};

/// Where they may stand; the first that is there counts.
const NAMES: [&str; 3] = ["CLAUDE.md", "AGENTS.md", ".claude/CLAUDE.md"];
/// The largest file that is read, in bytes.
const MAX_FILE: usize = 4 * 1024 * 1024;

/// Those of a commit, as a section of a brief; empty if there are none.
///
/// # Errors
/// When git cannot read the commit.
pub(super) fn section(repo: &Repo, commit_id: ObjectId) -> Result<String, GitError> {
    let tree_id = repo.read_commit(commit_id)?.tree_id;
    for name in NAMES {
        let Some(entry) = find(repo, tree_id, name)? else { continue };
        let Ok(bytes) = repo.read_blob(entry.id, MAX_FILE) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        if !text.trim().is_empty() {
            let quoted = quote("instructions", text.trim_end(), MAX_INSTRUCTIONS);
            return Ok(format!("\n## This repository's own instructions ({name})\n\n{quoted}"));
        }
    }
    Ok(String::new())
}

/// The file at a path; a link is followed once, within the tree.
pub(super) fn find(repo: &Repo, tree_id: ObjectId, path: &str) -> Result<Option<TreeEntry>, GitError> {
    let is_file = |entry: &TreeEntry| matches!(entry.mode, FILE | PROGRAM);
    let Some(entry) = repo.find_entry(tree_id, path)? else { return Ok(None) };
    if entry.mode != LINK {
        return Ok(Some(entry).filter(is_file));
    }
    let target = repo.read_blob(entry.id, 4096)?;
    let Some(target) = std::str::from_utf8(&target).ok().and_then(|target| resolve(path, target)) else { return Ok(None) };
    Ok(repo.find_entry(tree_id, &target)?.filter(is_file))
}

/// Where a link leads, if that is within the tree.
fn resolve(path: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = path.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect());
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_only_to_what_is_in_the_tree() {
        assert_eq!(resolve("CLAUDE.md", "AGENTS.md").as_deref(), Some("AGENTS.md"));
        assert_eq!(resolve(".claude/CLAUDE.md", "../docs/./rules.md").as_deref(), Some("docs/rules.md"));
        assert_eq!((resolve("CLAUDE.md", "../secret"), resolve("CLAUDE.md", "/etc/passwd")), (None, None));
    }
}
