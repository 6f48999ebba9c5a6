//! `refs/notes/os/verdicts`: notes on code commits, which repeat what the chains of tickets say.

use std::collections::{BTreeMap, HashSet};

use super::fold::Meeting;
use super::repair::put_back;
use super::sides::Sides;
use super::{Audit, Kind, Rank, Repaired, Scene, find_archived, grows, is_commit, tickets};
use crate::core::denial::Denial;
use crate::core::id::{ObjectId, VERDICT_NOTES};
use crate::core::ruling::{Ruling, granted};
use crate::core::text::MAX_FILE;
use crate::core::verdict::Verdict;
use crate::git::Repo;
use crate::ledger::{Ledger, LedgerError, archive};

pub(crate) struct Verdicts;

impl Kind for Verdicts {
    fn owns(&self, name: &str) -> bool {
        name == VERDICT_NOTES
    }

    fn rank(&self) -> Rank {
        Rank::Notes
    }

    fn judge(&self, scene: &Scene<'_>, _name: &str, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
        granted!(grows(scene.repo, old, new)?);
        if let Some(stranger) = scene.repo.find_stranger_in_notes(new)? {
            return Ok(Ruling::Denied(Denial::NotANote(stranger)));
        }
        granted!(loses_none(scene.repo, old, new)?);
        is_backed(scene.repo, old, new)
    }

    fn accept(&self, scene: &Scene<'_>, _name: &str, meeting: &Meeting) -> Result<Ruling<()>, LedgerError> {
        granted!(is_backed(scene.repo, meeting.ours, meeting.theirs)?);
        loses_none(scene.repo, meeting.base(), meeting.theirs)
    }

    fn merge(&self, repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
        sides.join_notes(repo)
    }

    fn audit(&self, scene: &Scene<'_>, name: &str, tip: ObjectId, report: &mut Audit) -> Result<(), LedgerError> {
        if let Ruling::Denied(why) = is_commit(scene.repo, tip)? {
            report.add(name, Some(tip), &why);
            return Ok(());
        }
        for (about, why) in find_faults(scene.repo, None, tip)? {
            report.add(name, Some(about), &why);
        }
        if let Some(stranger) = scene.repo.find_stranger_in_notes(tip)? {
            report.add(name, Some(tip), &Denial::NotANote(stranger));
        }
        Ok(())
    }

    fn repair(&self, scene: &Scene<'_>, name: &str, tip: ObjectId) -> Result<Option<Repaired>, LedgerError> {
        let Ruling::Granted(ledger) = scene.ledger() else { return Ok(None) };
        if find_faults(scene.repo, None, tip)?.is_empty() && scene.repo.find_stranger_in_notes(tip)?.is_none() {
            return Ok(None);
        }
        put_back(scene.repo, name, tip, Some(rebuild(ledger, tip)?))
    }
}

/// A line of a note, and the commit it is about.
type NoteLine = (ObjectId, String);

/// Lines of notes that `new` has and `old` has not.
fn added_lines(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Vec<NoteLine>, LedgerError> {
    let notes = |id: Option<ObjectId>| -> Result<BTreeMap<ObjectId, ObjectId>, LedgerError> {
        Ok(id.map(|id| repo.list_notes(id)).transpose()?.unwrap_or_default().into_iter().collect())
    };
    let (before, after) = (notes(old)?, notes(Some(new))?);
    let mut added = Vec::new();
    for (about, blob) in after.iter().filter(|(about, blob)| before.get(about) != Some(blob)) {
        let text = |id: ObjectId| repo.read_blob(id, MAX_FILE).map(|text| String::from_utf8_lossy(&text).into_owned());
        let known = before.get(about).map(|blob| text(*blob)).transpose()?.unwrap_or_default();
        let known: HashSet<&str> = known.lines().collect();
        let now = text(*blob)?;
        let new_lines = now.lines().filter(|line| !line.trim().is_empty() && !known.contains(line));
        added.extend(new_lines.map(|line| (*about, line.to_owned())));
    }
    Ok(added)
}

/// Whether a move of the notes drops no line.
fn loses_none(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
    let Some(old) = old else { return Ok(Ruling::Granted(())) };
    for (about, line) in added_lines(repo, Some(new), old)? {
        // What no ticket says may go: that is how notes are repaired.
        if is_in_chain(repo, about, &line)? {
            return Ok(Ruling::Denied(Denial::VerdictLost { about, line }));
        }
    }
    Ok(Ruling::Granted(()))
}

/// The notes as the chains have them: the lines that are right, then the verdicts that had none.
fn rebuild(ledger: &Ledger<'_>, tip: ObjectId) -> Result<ObjectId, LedgerError> {
    let repo = ledger.repo;
    let mut lines: BTreeMap<ObjectId, Vec<String>> = BTreeMap::new();
    for (about, line) in added_lines(repo, None, tip)? {
        if is_in_chain(repo, about, &line)? && has_judged_tree(repo, about, &line)? {
            lines.entry(about).or_default().push(line);
        }
    }
    let live = ledger.rows()?.tickets.into_iter().map(|row| row.tip);
    let archived = archive::list(repo)?.into_iter().map(|one| one.1);
    for tip in live.chain(archived) {
        let Some(folder) = repo.find_entry(repo.read_commit(tip)?.tree_id, "verdicts")? else { continue };
        for entry in repo.read_tree(folder.id)? {
            let text = repo.read_blob(entry.id, MAX_FILE)?;
            let Ok(verdict) = Verdict::from_json(&String::from_utf8_lossy(&text)) else { continue };
            let (known, line) = (lines.entry(verdict.commit).or_default(), verdict.to_json());
            if !known.iter().any(|other| Verdict::from_json(other).is_ok_and(|other| other == verdict)) {
                known.push(line);
            }
        }
    }
    let mut tree_id = repo.write_tree(&mut [])?;
    for (about, lines) in lines {
        let blob = repo.write_blob((lines.join("\n") + "\n").as_bytes())?;
        tree_id = repo.set_note(Some(tree_id), about, blob)?;
    }
    Ok(repo.write_commit(tree_id, &[tip], &repo.identity()?, "Rebuild the notes from the chains\n")?)
}

/// Whether a move of the notes brings no verdict but those that tickets have.
fn is_backed(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
    for (about, line) in added_lines(repo, old, new)? {
        if !is_in_chain(repo, about, &line)? {
            return Ok(Ruling::Denied(Denial::VerdictUnbacked(about)));
        }
    }
    Ok(Ruling::Granted(()))
}

/// What is wrong with notes, of what came since others that were found to be right.
///
/// # Errors
/// When git cannot read the notes or a chain.
pub(crate) fn find_faults(repo: &Repo, since: Option<ObjectId>, tip: ObjectId) -> Result<Vec<(ObjectId, Denial)>, LedgerError> {
    let mut faults = Vec::new();
    for (about, line) in added_lines(repo, since, tip)? {
        if !is_in_chain(repo, about, &line)? {
            faults.push((about, Denial::VerdictUnbacked(about)));
        } else if !has_judged_tree(repo, about, &line)? {
            faults.push((about, Denial::NoteOnOtherTree(about)));
        }
    }
    Ok(faults)
}

/// Whether a commit, as long as it is here, has the tree that its verdict names.
fn has_judged_tree(repo: &Repo, about: ObjectId, line: &str) -> Result<bool, LedgerError> {
    let Ok(verdict) = Verdict::from_json(line) else { return Ok(false) };
    Ok(!repo.has_object(about) || repo.read_commit(about)?.tree_id == verdict.tree)
}

/// Whether a line of a verdict note repeats a verdict in its ticket's chain.
fn is_in_chain(repo: &Repo, about: ObjectId, line: &str) -> Result<bool, LedgerError> {
    let Ok(verdict) = Verdict::from_json(line) else { return Ok(false) };
    let name = verdict.ticket.ref_name();
    let tip = match repo.find_ref(&name)? {
        Some(tip) => Some(tip),
        None => find_archived(repo, &tickets::Tickets, &name)?,
    };
    let Some(tip) = tip.filter(|_| verdict.commit == about) else { return Ok(false) };
    let tree_id = repo.read_commit(tip)?.tree_id;
    let mut files = Vec::new();
    // One that came too late was given all the same: it stands with the conflict that it became.
    for folder in ["verdicts", "conflicts"] {
        let folder = repo.find_entry(tree_id, folder)?;
        files.extend(folder.map(|folder| repo.read_tree(folder.id)).transpose()?.unwrap_or_default());
    }
    for entry in &files {
        // Other files that a conflict keeps are no verdicts, and may be of any size.
        let Ok(text) = repo.read_blob(entry.id, MAX_FILE) else { continue };
        let text = String::from_utf8_lossy(&text);
        // Word for word, since a reader of notes sees what a parser leaves out.
        if Verdict::from_json(&text).is_ok_and(|known| known == verdict && (text.trim_end() == line || known.to_json() == line)) {
            return Ok(true);
        }
    }
    Ok(false)
}
