//! What the tree of an event may hold: plain files, and of them only what the event is there to write.

use std::collections::{HashMap, HashSet};

use super::replay::{Link, conflict_prefix, verdict_path};
use super::{Ledger, LedgerError};
use crate::core::criteria::{self, Criteria};
use crate::core::denial::{Cause, Denial};
use crate::core::event::{EventKind, State};
use crate::core::id::ObjectId;
use crate::core::plan::{self, Plan};
use crate::core::ruling::Ruling;
use crate::core::text::MAX_FILE;
use crate::core::verdict::Verdict;
use crate::git::Repo;
use crate::git::object::Kind;
use crate::git::tree::{FILE, FOLDER};

/// How many entries a folder of a ticket's tree may have.
const MAX_ENTRIES: usize = 1000;
/// How many files a ticket's tree may have in all.
const MAX_FILES: usize = 4000;

/// Whether an event may have this tree: most keep the one before, and none holds anything but plain files.
pub(super) fn judge(repo: &Repo, event: EventKind, before: Option<ObjectId>, link: &Link) -> Result<(), Denial> {
    let tree_id = link.commit.tree_id;
    if before == Some(tree_id) {
        return Ok(());
    }
    let may: fn(&str) -> bool = match event {
        EventKind::Create | EventKind::Edit => {
            |path| path == super::DESCRIPTION || path == criteria::FILE || path == plan::FILE || path.starts_with("spec/")
        }
        EventKind::Pass | EventKind::Fail => |path| path.starts_with("verdicts/"),
        EventKind::Conflict => |path| path.starts_with("conflicts/"),
        _ => return Err(Denial::TreeChanged(event)),
    };
    let is_frozen = event == EventKind::Edit && link.record.after.state != State::Draft;
    let old = match before {
        Some(before) => flatten(repo, before).unwrap_or_default(),
        None => Vec::new(),
    };
    let new = flatten(repo, tree_id)?;
    let before: HashMap<&str, ObjectId> = old.iter().map(|(path, id)| (path.as_str(), *id)).collect();
    let after: HashSet<&str> = new.iter().map(|(path, _)| path.as_str()).collect();
    if after.len() < new.len() {
        return Err(Denial::FileTwice);
    }
    let own = verdict_path(link.record.after.seq);
    let own_conflict = conflict_prefix(link.record.after.seq);
    for (path, id) in &new {
        let known = before.get(path.as_str());
        if known == Some(id) {
            continue;
        }
        if is_frozen && let Some(why) = frozen(path) {
            return Err(why);
        }
        let is_verdict = path.starts_with("verdicts/");
        let is_of_another = match event {
            EventKind::Conflict => !path.starts_with(&own_conflict) || known.is_some(),
            _ => is_verdict && (*path != own || known.is_some()),
        };
        if !may(path) || is_of_another {
            return Err(Denial::MayNotWrite { event, path: path.clone() });
        }
        match repo.read_header(*id) {
            Ok((Kind::Blob, size)) if size <= MAX_FILE as u64 => {}
            Ok(_) => return Err(Denial::NotAFile(path.clone())),
            Err(_) => return Err(Denial::FileMissing(path.clone())),
        }
    }
    let lost = |path: &&str| before.contains_key(path) && !after.contains(path);
    if is_frozen && let Some(why) = [criteria::FILE, plan::FILE].into_iter().find(lost).and_then(frozen) {
        return Err(why);
    }
    let gone = old.iter().find(|entry| !after.contains(entry.0.as_str()) && (event != EventKind::Edit || !may(&entry.0)));
    match gone {
        Some(gone) => Err(Denial::MayNotRemove { event, path: gone.0.clone() }),
        None => Ok(()),
    }
}

/// Why a file does not change after the approval, if it does not.
fn frozen(path: &str) -> Option<Denial> {
    match path {
        criteria::FILE => Some(Denial::CriteriaFrozen),
        plan::FILE => Some(Denial::PlanFrozen),
        _ => None,
    }
}

/// The verdict in a tree.
///
/// # Errors
/// When a tree cannot be read.
pub(crate) fn read_verdict(repo: &Repo, tree_id: ObjectId, seq: u32) -> Result<Ruling<Verdict>, LedgerError> {
    let path = verdict_path(seq);
    let Some(text) = repo.find_file(tree_id, &path, MAX_FILE)? else {
        return Ok(Ruling::Denied(Denial::NoVerdictFile(path)));
    };
    let text = String::from_utf8_lossy(&text);
    Ok(Verdict::from_json(&text).map_err(|error| Denial::NotAVerdict { path, source: Cause::new(error) }).into())
}

/// The acceptance criteria in the tree of a ticket, and the id of their file.
///
/// # Errors
/// When the tree cannot be read.
pub(crate) fn read_criteria(repo: &Repo, tree_id: ObjectId) -> Result<Option<(Criteria, ObjectId)>, LedgerError> {
    let Some(entry) = repo.find_entry(tree_id, criteria::FILE)? else { return Ok(None) };
    let text = repo.read_blob(entry.id, MAX_FILE)?;
    let criteria = Criteria::parse(&String::from_utf8_lossy(&text));
    Ok((!criteria.is_empty()).then_some((criteria, entry.id)))
}

/// Whether a verdict is on the criteria in the ticket's tree, and says of each that it has to answer that it is met.
///
/// # Errors
/// When the tree cannot be read.
pub(super) fn judge_criteria(repo: &Repo, tree_id: ObjectId, verdict: &Verdict) -> Result<Ruling<()>, LedgerError> {
    let Some((criteria, file)) = read_criteria(repo, tree_id)? else { return Ok(Ruling::Granted(())) };
    let why = match verdict.find_unmet(&criteria) {
        _ if verdict.acceptance.as_ref().is_none_or(|answered| answered.file != file) => Denial::OtherCriteria,
        Some(number) => Denial::CriterionUnmet(number),
        None => return Ok(Ruling::Granted(())),
    };
    Ok(Ruling::Denied(why))
}

/// The plan in the tree of a ticket, or what is wrong with it.
///
/// # Errors
/// When the tree cannot be read.
pub(crate) fn read_plan(repo: &Repo, tree_id: ObjectId) -> Result<Option<Ruling<Plan, Vec<plan::Fault>>>, LedgerError> {
    let Some(text) = repo.find_file(tree_id, plan::FILE, plan::MAX_TEXT + 1)? else { return Ok(None) };
    Ok(Some(match Plan::read(&String::from_utf8_lossy(&text)) {
        Ok(plan) => Ruling::Granted(plan),
        Err(faults) => Ruling::Denied(faults),
    }))
}

/// Whether a verdict shows that the backstop of the ticket's plan passed, if it has one. A plan with faults is run by nobody.
///
/// # Errors
/// When the tree cannot be read.
pub(super) fn judge_backstop(repo: &Repo, tree_id: ObjectId, verdict: &Verdict) -> Result<Ruling<()>, LedgerError> {
    let Some(Ruling::Granted(Plan { backstop: Some(run), .. })) = read_plan(repo, tree_id)? else {
        return Ok(Ruling::Granted(()));
    };
    let is_shown = verdict.checks.iter().any(|check| check.name == plan::BACKSTOP && check.run == run && check.exit == 0);
    Ok(if is_shown { Ruling::Granted(()) } else { Ruling::Denied(Denial::BackstopMissing(run)) })
}

impl Ledger<'_> {
    /// The plan of a ticket, or what is wrong with it.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn plan(&self, tree_id: ObjectId) -> Result<Option<Ruling<Plan, Vec<plan::Fault>>>, LedgerError> {
        read_plan(self.repo, tree_id)
    }

    /// The acceptance criteria of a ticket; without any, there are none in the list.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn criteria(&self, tree_id: ObjectId) -> Result<Criteria, LedgerError> {
        Ok(read_criteria(self.repo, tree_id)?.map(|found| found.0).unwrap_or_default())
    }
}

/// The files of a tree, by their paths.
pub(crate) type Files = Vec<(String, ObjectId)>;

/// The files of a ticket's tree: plain files, two levels deep.
pub(crate) fn flatten(repo: &Repo, tree_id: ObjectId) -> Result<Files, Denial> {
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), tree_id)];
    while let Some((prefix, id)) = folders.pop() {
        let entries = match repo.read_tree(id) {
            Ok(entries) if entries.len() <= MAX_ENTRIES => entries,
            Ok(_) => return Err(Denial::TooManyEntries),
            Err(error) => return Err(Denial::Unreadable(Cause::new(error))),
        };
        for entry in entries {
            let path = format!("{prefix}{}", entry.name);
            let is_name = !matches!(entry.name.as_str(), "" | "." | ".." | ".git");
            let is_clean = is_name && entry.name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
            if files.len() + folders.len() > MAX_FILES {
                return Err(Denial::TooManyFiles);
            }
            match entry.mode {
                FILE if is_clean => files.push((path, entry.id)),
                FOLDER if is_clean && prefix.is_empty() => folders.push((path + "/", entry.id)),
                _ => return Err(Denial::NotAPlainFile(path)),
            }
        }
    }
    Ok(files)
}
