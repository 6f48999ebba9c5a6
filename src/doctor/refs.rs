//! The refs of git-os and the branches they guard: legal, ours, clean, bounded.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::subject::Subject;
use super::{Finding, Trouble};
use crate::core::event::State;
use crate::core::id::{ARCHIVE, BRANCHES, META, ObjectId, TICKETS, VERDICT_NOTES};
use crate::core::meta::Gate;
use crate::core::ruling::Ruling;
use crate::core::text::escape;
use crate::core::text::plural;
use crate::gate;
use crate::git::{RefBackend, Repo};
use crate::ledger::replay::Landed;
use crate::ledger::shared_remote;
use crate::refs::{self, kind_of, strays};
use crate::sync;

/// How many live tickets a repository may have before every fetch feels it.
const MAX_LIVE: usize = 10_000;
/// How many closed tickets may wait for the archive. A session folds them in long before; where none is held, some hundreds
/// are no reason to stop work.
const MAX_WAITING: usize = 10 * refs::archive::DUE;
/// How many refs may wait to be pushed. To have some is what working is like; with so many nobody knows of months of work.
const MAX_UNPUSHED: usize = 500;
/// The folders of loose refs that are ours.
const FOLDERS: [&str; 2] = ["refs/os", "refs/notes/os"];

pub(super) fn chains(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let rows = subject.rows()?;
    let fault = |one: &crate::ledger::cache::Quarantined| format!("`{}`: {}", escape(&one.ref_name), one.why.full());
    let faults: Vec<_> = rows.quarantined.iter().map(fault).collect();
    let events: u64 = rows.tickets.iter().map(|row| u64::from(row.ticket.seq)).sum();
    let all_well = format!("{} with {events} events, all valid", plural(rows.tickets.len(), "live ticket", "live tickets"));
    Ok(Finding::of(&faults, all_well, "git os fsck"))
}

pub(super) fn foreign(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let refs = subject.refs()?;
    let strange = refs.iter().filter(|(name, _)| kind_of(name).is_none());
    let mut faults: Vec<_> = strange.map(|(name, _)| format!("git-os has no ref `{}`", escape(name))).collect();
    if !faults.is_empty() {
        return Ok(Finding::of(&faults, "", "git os fsck"));
    }
    if subject.repo.backend() == RefBackend::Files {
        let known: HashSet<&str> = refs.iter().map(|(name, _)| name.as_str()).collect();
        let is_broken = |path: &Utf8Path, name: &str| {
            // It may have come or gone since the refs were listed.
            let is_ref = subject.repo.find_ref(name).is_ok_and(|found| found.is_some());
            !is_ref && path.as_std_path().exists()
        };
        for path in loose_files(subject.repo) {
            let name = path.strip_prefix(subject.repo.common_dir()).map(Utf8Path::as_str).unwrap_or_default();
            if !is_lock(&path) && !known.contains(name) && is_broken(&path, name) {
                faults.push(format!("`{}` is a symbolic ref or not a valid ref", escape(name)));
            }
        }
    }
    let all_well = format!("{}, all with known names", plural(refs.len(), "ref", "refs"));
    Ok(Finding::of(&faults, all_well, format!("git -C '{}' for-each-ref refs/os refs/notes/os", subject.repo.home())))
}

/// The loose files below our refs, locks among them.
fn loose_files(repo: &Repo) -> Vec<Utf8PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<_> = FOLDERS.map(|folder| repo.common_dir().join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.into_path()),
                Ok(_) => files.push(entry.into_path()),
                // It is gone already.
                Err(_) => {}
            }
        }
    }
    files.sort();
    files
}

fn is_lock(path: &Utf8Path) -> bool {
    path.extension() == Some("lock")
}

pub(super) fn branches(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let (ledger, repo) = (subject.ledger()?, subject.repo);
    let policy = &ledger.policy;
    if policy.gate == Gate::Off || policy.protected.is_empty() {
        return Ok(Finding::not_applicable("the gate protects no branch in this repository"));
    }
    if repo.is_shallow() {
        let remedy = format!("git -C '{}' fetch --unshallow", repo.home());
        return Ok(Finding::fail("cannot check branches in a shallow clone", remedy));
    }
    let mut tips = Vec::new();
    for branch in &policy.protected {
        tips.extend(repo.find_ref(&format!("refs/heads/{branch}"))?.map(|tip| (branch.as_str(), tip)));
    }
    let names: Vec<_> = tips.iter().map(|tip| format!("`{}`", tip.0)).collect();
    if names.is_empty() {
        return Ok(Finding::not_applicable("no protected branch has a commit yet"));
    }
    let strays = match strays::list(ledger)?.len() {
        0 => String::new(),
        count => {
            let commits = plural(count, "commit", "commits");
            format!("; {commits} that no ticket landed came while an agent worked: see `git os fsck`")
        }
    };
    let all_well = format!("{}: every commit is allowed{strays}", names.join(", "));
    let mark = fingerprint(subject, &tips)?.to_string();
    if subject.recall("branches") == mark {
        return Ok(Finding::pass(all_well));
    }
    let mut faults = Vec::new();
    for (branch, tip) in &tips {
        faults.extend(gate::find_ungated(ledger, branch, *tip)?.into_iter().map(|(_, why)| format!("`{branch}`: {why}")));
    }
    let landed = Landed::new(repo, policy);
    for row in subject.rows()?.tickets.iter().filter(|row| row.ticket.state == State::Merged) {
        if !row.ticket.landed_commit().is_some_and(|commit_id| landed.has(commit_id)) {
            faults.push(format!("{} is `merged`, but no protected branch contains its commit", row.id));
        }
    }
    if faults.is_empty() {
        subject.remember("branches", &mark);
    }
    Ok(Finding::of(&faults, all_well, "git os fsck"))
}

/// All that decides whether a branch is clean, as one id.
fn fingerprint(subject: &Subject<'_>, tips: &[(&str, ObjectId)]) -> Result<ObjectId, Trouble> {
    let mut text = String::from("1\n");
    let mut put = |name: &str, tip: ObjectId| text.extend([&tip.to_string(), " ", name, "\n"]);
    for (branch, tip) in tips {
        put(branch, *tip);
    }
    let decides = |name: &str| name == META || name == ARCHIVE || name.starts_with(TICKETS);
    for (name, tip) in subject.refs()?.iter().filter(|one| decides(&one.0)) {
        put(name, *tip);
    }
    for (name, tip) in subject.repo.list_refs(BRANCHES)? {
        put(&name, tip);
    }
    Ok(subject.repo.blob_id(text.as_bytes()))
}

pub(super) fn notes(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let repo = subject.repo;
    let Some(tip) = repo.find_ref(VERDICT_NOTES)? else { return Ok(Finding::not_applicable("there are no verdicts yet")) };
    // Notes that were good stay so as long as they are the same, for a chain only grows.
    let good = ObjectId::parse(subject.recall("notes").trim()).ok().filter(|good| repo.has_object(*good));
    let faults: Vec<_> = refs::verdicts::find_faults(repo, good, tip)?.into_iter().map(|(_, why)| why.full()).collect();
    if faults.is_empty() && good != Some(tip) {
        subject.remember("notes", &format!("{tip}\n"));
    }
    let all_well =
        format!("{} with verdicts, all found in their tickets", plural(repo.list_notes(tip)?.len(), "commit", "commits"));
    Ok(Finding::of(&faults, all_well, "git os fsck"))
}

pub(super) fn bounds(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let locks = crate::local::locks::stale(subject.repo);
    if !locks.is_empty() {
        let faults: Vec<_> = locks.iter().map(|lock| format!("the stale lock `{lock}` blocks its ref")).collect();
        return Ok(Finding::of(&faults, "", "git os doctor --fix"));
    }
    let live = subject.refs()?.iter().filter(|(name, _)| name.starts_with(TICKETS)).count();
    let now = subject.now();
    let is_waiting =
        |row: &&crate::ledger::cache::Row| row.ticket.state.is_terminal() && row.updated.plus(refs::archive::AFTER_CLOSED) <= now;
    let waiting = subject.rows()?.tickets.iter().filter(is_waiting).count();
    if let Some(too_many) = too_many(live, waiting) {
        return Ok(Finding::fail(too_many, "git os archive"));
    }
    let mut words = vec![format!("{}, no stale lock", plural(live, "live ticket ref", "live ticket refs"))];
    if waiting >= refs::archive::DUE {
        words.push(format!("{} could be archived", plural(waiting, "closed ticket", "closed tickets")));
    }
    match shared_remote(subject.repo) {
        Some(remote) => match in_step(subject, &remote)? {
            Ruling::Granted(how) => words.push(how),
            Ruling::Denied(faults) => return Ok(Finding::of(&faults, "", "git os sync")),
        },
        None => words.push("no shared remote".to_owned()),
    }
    Ok(Finding::pass(words.join("; ")))
}

/// Why so many live tickets are too many, if they are.
pub(super) fn too_many(live: usize, waiting: usize) -> Option<String> {
    if waiting > MAX_WAITING {
        return Some(format!("{waiting} tickets closed more than a week ago are not archived; every fetch lists them"));
    }
    (live > MAX_LIVE).then(|| format!("{live} live ticket refs, more than {MAX_LIVE}; every fetch lists them"))
}

/// How this clone stands to the shared remote as it was last seen; what is wrong with that is inside.
///
/// What is written here and not pushed yet, or fetched and not folded in yet, is as it should be: the next sync and the next
/// command see to it, and to wait for them is no reason to hold up a landing. What no fold takes in needs somebody.
fn in_step(subject: &Subject<'_>, remote: &str) -> Result<Ruling<String, Vec<String>>, Trouble> {
    let shown = escape(remote);
    let standing = sync::standing(subject.ledger()?, remote)?;
    let mut faults: Vec<_> = standing
        .outside
        .iter()
        .map(|(name, why)| format!("`{}` of `{shown}` is not merged: {}", escape(name), escape(&why.full())))
        .collect();
    if standing.unpushed > MAX_UNPUSHED {
        faults.push(format!("{} refs are not pushed to `{shown}`", standing.unpushed));
    }
    if !faults.is_empty() {
        return Ok(Ruling::Denied(faults));
    }
    Ok(Ruling::Granted(match (standing.unpushed, standing.unfolded) {
        (0, 0) => format!("up to date with `{shown}` as of the last fetch"),
        (unpushed, 0) => format!("{} to push to `{shown}`", plural(unpushed, "ref", "refs")),
        (0, unfolded) => format!("{} of `{shown}` to merge", plural(unfolded, "ref", "refs")),
        (unpushed, unfolded) => format!("{} to push to `{shown}` and {unfolded} to merge", plural(unpushed, "ref", "refs")),
    }))
}
