//! Names the ticket in the commits of a run, when they are taken in and before anything is judged: what lands is what was
//! verified.

use std::collections::HashMap;

use super::{DispatchError, Site};
use crate::core::id::{ObjectId, RunId};
use crate::core::registry::Authorship;
use crate::core::trailers::{Key, plain};
use crate::git::Repo;
use crate::ledger::{Entry, LedgerError};

/// How many commits of one run are named.
const MAX_COMMITS: usize = 10_000;

/// What is written into the commits of a run.
struct Marks {
    trailers: Vec<(&'static str, String)>,
    /// The author in place of the person in whose clone the agent works.
    author: Option<(String, String)>,
}

/// The head of a run's work with the ticket named in each commit of it, after the base. Signed commits are left as they are,
/// with all others of the run: nobody can sign them again.
///
/// # Errors
/// When git cannot read or write them.
pub(super) fn run(
    site: &Site<'_>,
    entry: &Entry,
    run: &RunId,
    base: ObjectId,
    head: ObjectId,
) -> Result<ObjectId, DispatchError> {
    let marks = marks(site, entry, run)?;
    if marks.trailers.is_empty() && marks.author.is_none() {
        return Ok(head);
    }
    let range = format!("{base}..{head}");
    let most = format!("--max-count={}", MAX_COMMITS + 1);
    let listed = site.repo.git().output(["rev-list", "--reverse", "--topo-order", &most, &range])?;
    let ids: Result<Vec<_>, _> = listed.lines().map(ObjectId::parse).collect();
    let ids = ids.map_err(LedgerError::from)?;
    if ids.len() > MAX_COMMITS {
        return Ok(head);
    }
    let mut commits = Vec::new();
    for id in ids {
        let data = site.repo.read_commit_bytes(id)?;
        if is_signed(&data) {
            return Ok(head);
        }
        commits.push((id, data));
    }
    let mut renamed = HashMap::new();
    for (id, data) in commits {
        let new = rewritten(&data, &marks, entry.id.as_str(), &renamed);
        if new != data {
            renamed.insert(id.to_string(), site.repo.write_commit_bytes(&new)?);
        }
    }
    Ok(renamed.get(&head.to_string()).copied().unwrap_or(head))
}

fn marks(site: &Site<'_>, entry: &Entry, run: &RunId) -> Result<Marks, DispatchError> {
    let mut marks = Marks { trailers: Vec::new(), author: None };
    if site.entry.trailers {
        marks.trailers.push((Key::Ticket.as_str(), entry.id.to_string()));
        marks.trailers.push((Key::Run.as_str(), run.to_string()));
    }
    let agent = site.entry.agent.as_ref().and_then(|name| site.workspace.registry.agents.get(name));
    match (agent.and_then(|agent| agent.identity.clone()), site.entry.author) {
        (Some(identity), Authorship::Agent) => marks.author = Some((person(&site.repo)?, identity)),
        (Some(identity), Authorship::Person) => marks.trailers.push(("Co-authored-by", identity)),
        (None, _) => {}
    }
    Ok(marks)
}

/// The person in whose clone the agent works, as an author is written.
fn person(repo: &Repo) -> Result<String, DispatchError> {
    let who = repo.identity()?;
    Ok(format!("{} <{}>", who.name, who.email))
}

fn headers(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    (&data[..end], data.get(end + 2..).unwrap_or_default())
}

fn is_signed(data: &[u8]) -> bool {
    headers(data).0.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"gpgsig"))
}

/// A commit with the marks of a ticket, on top of what its parents became.
fn rewritten(data: &[u8], marks: &Marks, ticket: &str, renamed: &HashMap<String, ObjectId>) -> Vec<u8> {
    let (headers, message) = headers(data);
    let is_marked = plain::values(message, Key::Ticket.as_str()).contains(&ticket);
    let mut out = Vec::with_capacity(data.len() + 200);
    for line in headers.split(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let parent = text.strip_prefix("parent ").and_then(|parent| renamed.get(parent));
        let author = marks.author.as_ref().filter(|_| !is_marked).and_then(|(person, agent)| {
            let when = text.strip_prefix("author ")?.strip_prefix(person.as_str())?;
            Some(format!("author {agent}{when}"))
        });
        match (parent, author) {
            (Some(parent), _) => out.extend_from_slice(format!("parent {parent}").as_bytes()),
            (None, Some(author)) => out.extend_from_slice(author.as_bytes()),
            (None, None) => out.extend_from_slice(line),
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    if is_marked {
        out.extend_from_slice(message);
    } else {
        out.extend_from_slice(&plain::append(message, &marks.trailers));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(author: Option<(&str, &str)>) -> Marks {
        let trailers = vec![("Os-Ticket", "T-1".to_owned())];
        Marks { trailers, author: author.map(|(one, other)| (one.to_owned(), other.to_owned())) }
    }

    #[test]
    fn a_commit_keeps_all_but_what_is_marked() {
        let old = "tree 1\nparent a\nparent b\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 2 +0000\nencoding x\n\nFix\n";
        let new = ObjectId::parse(&"1".repeat(40)).expect("hex");
        let renamed = HashMap::from([("b".to_owned(), new)]);
        let marks = marks(Some(("A <a@b>", "C <c@d>")));
        let expected = format!(
            "tree 1\nparent a\nparent {new}\nauthor C <c@d> 1 +0000\ncommitter A <a@b> 2 +0000\nencoding x\n\nFix\n\nOs-Ticket: T-1\n"
        );
        let once = rewritten(old.as_bytes(), &marks, "T-1", &renamed);
        assert_eq!(String::from_utf8_lossy(&once), expected);
        assert_eq!(rewritten(&once, &marks, "T-1", &HashMap::new()), once);
    }

    #[test]
    fn an_author_that_the_agent_chose_stays() {
        let old = b"tree 1\nauthor Z <z@b> 1 +0000\ncommitter A <a@b> 2 +0000\n\nFix\n";
        let new = rewritten(old, &marks(Some(("A <a@b>", "C <c@d>"))), "T-1", &HashMap::new());
        assert!(String::from_utf8_lossy(&new).contains("author Z <z@b> 1 +0000"));
    }

    #[test]
    fn a_signature_is_seen() {
        assert!(is_signed(b"tree 1\ngpgsig -----BEGIN\n x\n\nFix\n"));
        assert!(!is_signed(b"tree 1\n\nFix\n\ngpgsig x\n"));
    }
}
