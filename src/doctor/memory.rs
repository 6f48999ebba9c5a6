//! What is kept for later: nothing secret in it, a wiki that hangs together, an index.

use std::collections::{BTreeMap, HashSet};

use camino::Utf8Path;

use super::subject::Subject;
use super::{Finding, Trouble};
use crate::core::id::{LEARNINGS, ObjectId, SESSIONS, TICKETS, WIKI};
use crate::core::secrets;
use crate::core::text::plural;
use crate::core::text::{MAX_FILE, escape};
use crate::git::tree::{FILE, FOLDER};
use crate::git::{GitError, Repo};

/// The first line of what is remembered; another one means other shapes were looked for.
const HEADER: &str = "git-os clean 1";
/// How deep folders are followed.
const DEPTH: usize = 8;

/// Looks at open tickets, learnings, sessions, proposals and wiki. What was leaked stays in a history that only grows,
/// so revoking the secret and closing the ticket is what settles the matter: closed tickets are left out.
pub(super) fn secrets(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let closed: HashSet<ObjectId> =
        subject.rows()?.tickets.iter().filter(|row| row.ticket.state.is_terminal()).map(|row| row.tip).collect();
    let is_memory = |name: &str| {
        name == WIKI || [TICKETS, LEARNINGS, SESSIONS, "refs/os/proposals/"].iter().any(|kind| name.starts_with(kind))
    };
    let known = subject.recall("secrets");
    let clean: HashSet<ObjectId> =
        known.strip_prefix(HEADER).unwrap_or_default().lines().filter_map(|line| ObjectId::parse(line).ok()).collect();
    let mut scan = Scan { repo: subject.repo, seen: HashSet::new() };
    let (mut faults, mut tips, mut is_new) = (Vec::new(), Vec::new(), false);
    let mut remedy = "git os fsck".to_owned();
    for (name, tip) in subject.refs()?.iter().filter(|(name, tip)| is_memory(name) && !closed.contains(tip)) {
        if !clean.contains(tip) {
            if let Some((commit_id, kind)) = scan.history(*tip, &clean)? {
                let name = escape(name);
                faults.push(format!("`{name}` contains what looks like {kind} (commit {}); revoke it", commit_id.short(12)));
                if let Some(id) = name.strip_prefix(TICKETS) {
                    remedy = format!("git os log {id}");
                }
                continue;
            }
            is_new = true;
        }
        tips.push(*tip);
    }
    if is_new {
        let text = tips.iter().fold(format!("{HEADER}\n"), |text, tip| text + &format!("{tip}\n"));
        subject.remember("secrets", &text);
    }
    let all_well =
        format!("no token or private key in {} of open tickets, learnings, sessions and wiki", plural(tips.len(), "ref", "refs"));
    Ok(Finding::of(&faults, all_well, remedy))
}

/// A search through histories, which looks at each object once.
struct Scan<'a> {
    repo: &'a Repo,
    seen: HashSet<ObjectId>,
}

impl Scan<'_> {
    /// The first commit, newest first, whose message holds a secret, or whose files do where it is the newest.
    fn history(&mut self, tip: ObjectId, clean: &HashSet<ObjectId>) -> Result<Option<(ObjectId, &'static str)>, GitError> {
        let mut next = Some(tip);
        while let Some(commit_id) = next.filter(|id| !clean.contains(id)) {
            let commit = self.repo.read_commit(commit_id)?;
            if let Some(kind) = first_kind(&commit.message) {
                return Ok(Some((commit_id, kind)));
            }
            if commit_id == tip
                && let Some(kind) = self.tree(commit.tree_id, DEPTH)?
            {
                return Ok(Some((commit_id, kind)));
            }
            next = commit.parents.first().copied();
        }
        Ok(None)
    }

    fn tree(&mut self, tree_id: ObjectId, depth: usize) -> Result<Option<&'static str>, GitError> {
        for entry in self.repo.read_tree(tree_id)? {
            // What was seen and had something would have ended the search of its own ref; here it is found again.
            let found = match entry.mode {
                FOLDER if depth > 0 => self.tree(entry.id, depth - 1)?,
                FILE if !self.seen.contains(&entry.id) => first_kind(&self.repo.read_blob(entry.id, MAX_FILE)?),
                _ => None,
            };
            if found.is_some() {
                return Ok(found);
            }
            self.seen.insert(entry.id);
        }
        Ok(None)
    }
}

fn first_kind(bytes: &[u8]) -> Option<&'static str> {
    secrets::scan(&String::from_utf8_lossy(bytes)).first().map(|secret| secret.kind)
}

pub(super) fn wiki(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let repo = subject.repo;
    let none = Finding::not_applicable("no wiki pages yet");
    let Some(tip) = repo.find_ref(WIKI)? else { return Ok(none) };
    let mut files = BTreeMap::new();
    flatten(repo, repo.read_commit(tip)?.tree_id, "", DEPTH, &mut files)?;
    let pages: Vec<_> = files.iter().filter(|(path, _)| is_page(path)).collect();
    if pages.is_empty() {
        return Ok(none);
    }
    let mut faults = Vec::new();
    for (path, id) in &pages {
        let text = repo.read_blob(**id, MAX_FILE)?;
        let text = String::from_utf8_lossy(&text);
        if !has_front_matter(&text) {
            faults.push(format!("`{}` does not start with front matter between two lines of `---`", escape(path)));
        }
        let is_dead = |link: &String| !resolve(path, link).is_some_and(|target| files.contains_key(&target));
        let dead = links(&text).into_iter().filter(is_dead);
        faults.extend(dead.map(|link| format!("`{}` links to `{}`, which does not exist", escape(path), escape(&link))));
    }
    let remedy = format!("git -C '{}' ls-tree -r --name-only {WIKI}", repo.home());
    Ok(Finding::of(&faults, format!("{}, no dead links", plural(pages.len(), "page", "pages")), remedy))
}

fn flatten(
    repo: &Repo,
    tree_id: ObjectId,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, ObjectId>,
) -> Result<(), GitError> {
    for entry in repo.read_tree(tree_id)? {
        let path = format!("{prefix}{}", entry.name);
        match entry.mode {
            FOLDER if depth > 0 => flatten(repo, entry.id, &(path + "/"), depth - 1, files)?,
            FILE => drop(files.insert(path, entry.id)),
            _ => {}
        }
    }
    Ok(())
}

/// The day's ledger is kept by git-os itself and is no page.
fn is_page(path: &str) -> bool {
    Utf8Path::new(path).extension() == Some("md") && !path.starts_with("ledger/")
}

fn has_front_matter(text: &str) -> bool {
    let mut lines = text.lines();
    lines.next() == Some("---") && lines.any(|line| line == "---")
}

/// The targets within the wiki that a page links to; what stands in code is no link.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let prose = line.split('`').step_by(2).filter(|_| !is_code);
        for rest in prose.flat_map(|part| part.split("](").skip(1).map(str::to_owned).collect::<Vec<_>>()) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            let is_elsewhere = target.contains("://") || target.starts_with("mailto:") || target.starts_with("T-");
            if !target.is_empty() && !is_elsewhere {
                links.push(target.to_owned());
            }
        }
    }
    links
}

/// The path that a link on a page means; none when it leads out of the wiki.
fn resolve(page: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    if link.starts_with('/') {
        parts.clear();
    }
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[expect(clippy::unnecessary_wraps, reason = "the table asks every check in one way")]
pub(super) fn index(_subject: &Subject<'_>) -> Result<Finding, Trouble> {
    Ok(Finding::not_applicable("this version has no search index"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_page_are_found_and_resolved() {
        let page = "see [a](a.md#top), [b](../_global/b.md \"B\"), [c](https://x.example/c.md) and `[d](d.md)`\n```\n[e](e.md)\n```\n[f](/F.md)";
        let found: Vec<_> = links(page).iter().map(|link| resolve("umano/page.md", link)).collect();
        assert_eq!(found, [Some("umano/a.md".to_owned()), Some("_global/b.md".to_owned()), Some("F.md".to_owned())]);
        assert_eq!(resolve("page.md", "../../etc/passwd"), None);
    }

    #[test]
    fn front_matter_has_an_end() {
        assert!(has_front_matter("---\ntitle: a\n---\ntext\n"));
        assert!(!has_front_matter("---\ntitle: a\n") && !has_front_matter("# a\n") && !has_front_matter(""));
    }
}
