//! What this clone has that a remote has not: put together, and pushed until the remote has it or says why not.

use std::collections::{BTreeMap, BTreeSet};

use super::{Synced, fetch_anew, fold, keeps};
use crate::core::event::State;
use crate::core::id::{ARCHIVE, BRANCHES, META, ObjectId, TICKETS, VERDICT_NOTES};
use crate::core::refs::{RefKind, mirrored, tracking_prefix};
use crate::core::ticket::Ticket;
use crate::core::wire;
use crate::git::Repo;
use crate::git::refs::pause;
use crate::git::remote::{Fetched, Offer, PrePush, Pushed};
use crate::ledger::cache::Row;
use crate::ledger::replay::{self, Landed};
use crate::ledger::{Ledger, LedgerError, archive};

/// How often a push is tried again after a lost race.
const TRIES: u32 = 60;

/// Pushes all that is shared and new, and folds in what others pushed meanwhile.
///
/// # Errors
/// When git or the ledger fails; what the remote says is an answer.
pub(crate) fn push(ledger: &Ledger<'_>, remote: &str) -> Result<Synced, LedgerError> {
    let mut synced = Synced::default();
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    let mut tries = 0;
    'again: loop {
        let mut offers = offers(ledger, remote)?;
        offers.retain(|offer| !refused.contains_key(&offer.name));
        for batch in Repo::batches(&offers) {
            match ledger.repo.push(remote, &batch, PrePush::Skipped)? {
                Pushed::Done => synced.pushed += batch.len(),
                Pushed::Refused(words) => {
                    let named = named(&words, &batch);
                    if named.is_empty() {
                        refused.insert(remote.to_owned(), words);
                        break 'again;
                    }
                    refused.extend(named);
                    continue 'again;
                }
                lost @ (Pushed::Lost | Pushed::Unclear(_)) => {
                    tries += 1;
                    if let Fetched::Failed(why) = fetch_anew(ledger.repo, remote)? {
                        synced.offline = Some(why.to_string());
                        break 'again;
                    }
                    match lost {
                        Pushed::Unclear(why) if tries > 3 || !why.may_pass() => {
                            synced.offline = Some(why.to_string());
                            break 'again;
                        }
                        _ if tries > TRIES => {
                            refused.insert(remote.to_owned(), "it kept moving".to_owned());
                            break 'again;
                        }
                        _ => {}
                    }
                    let folded = fold(ledger.repo, remote)?;
                    synced.folded.add(folded);
                    pause(tries);
                    continue 'again;
                }
            }
        }
        break;
    }
    synced.refused = refused.into_iter().collect();
    Ok(synced)
}

/// The offers that a refusal names, with its words about each.
fn named(words: &str, batch: &[Offer]) -> Vec<(String, String)> {
    let about = |name: &str| {
        let line = words.lines().find(|line| line.contains(&format!("`{name}`")))?;
        Some(line.trim_start_matches("error: ").to_owned())
    };
    batch.iter().filter_map(|offer| Some((offer.name.clone(), about(&offer.name)?))).collect()
}

/// What is to be pushed, in the order in which a remote that judges needs it.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) fn offers(ledger: &Ledger<'_>, remote: &str) -> Result<Vec<Offer>, LedgerError> {
    let repo = ledger.repo;
    let prefix = tracking_prefix(remote);
    let theirs: BTreeMap<String, ObjectId> =
        repo.list_refs(&prefix)?.into_iter().map(|(name, tip)| (mirrored(&name[prefix.len()..]), tip)).collect();
    let rows = ledger.rows()?;
    let quarantined: BTreeSet<&str> = rows.quarantined.iter().map(|strange| strange.ref_name.as_str()).collect();
    let mut ours = repo.list_refs("refs/os/")?;
    ours.extend(repo.list_refs("refs/notes/os/")?);
    let there = There::new(ledger, remote)?;
    let mut offers: Vec<Offer> = Vec::new();
    let mut is_held_back = false;
    let mut here = BTreeSet::new();
    for (name, tip) in ours {
        let Some(kind) = RefKind::of(&name).filter(RefKind::is_shared) else { continue };
        here.insert(name.clone());
        let expected = theirs.get(&name).copied();
        if quarantined.contains(name.as_str()) || expected == Some(tip) {
            continue;
        }
        let mut new = Some(tip);
        if matches!(kind, RefKind::Ticket(_)) {
            new = there.part_to_share(tip)?;
            is_held_back |= new != Some(tip);
        }
        // What the remote has and was not folded in, since it is not by the rules, is not written over.
        let descends = match (expected, new) {
            (Some(expected), Some(new)) if expected == new => false,
            (Some(expected), Some(new)) => {
                repo.is_ancestor(expected, new).unwrap_or(false) || goes_on_from_archive(ledger, &kind, expected, new)?
            }
            (None, new) => new.is_some(),
            (_, None) => false,
        };
        if descends {
            offers.push(Offer { name, expected, new });
        }
    }
    for row in &rows.tickets {
        let is_in_step = theirs.get(&row.id.ref_name()) == Some(&row.tip);
        offers.extend(there.head_offer(row, is_in_step));
    }
    for (name, tip) in theirs.iter().filter(|(name, _)| !here.contains(*name)) {
        let archived = match RefKind::of(name) {
            Some(RefKind::Ticket(id)) => archive::find(repo, &id)?,
            Some(RefKind::Session) => archive::find_session(repo, name)?,
            _ => None,
        };
        if let Some(archived) = archived
            && archive::has_all(ledger, *tip, archived, name.starts_with(TICKETS))?
        {
            offers.push(Offer { name: name.clone(), expected: Some(*tip), new: None });
        }
    }
    // Notes only repeat chains, and wait for those that wait.
    offers.retain(|offer| !is_held_back || offer.name != VERDICT_NOTES);
    // A policy before what it judges, an archive before what it takes the place of, chains before the notes that repeat them.
    let rank = |offer: &Offer| match offer.name.as_str() {
        META => 0,
        ARCHIVE => 1,
        name if name.starts_with(BRANCHES) => 2,
        name if name.starts_with(TICKETS) && offer.new.is_some() => 3,
        VERDICT_NOTES => 5,
        _ if offer.new.is_none() => 6,
        _ => 4,
    };
    offers.sort_by_key(rank);
    Ok(offers)
}

/// Whether a ticket goes on from where it was archived, and says all that the live one at the remote said.
fn goes_on_from_archive(ledger: &Ledger<'_>, kind: &RefKind, expected: ObjectId, new: ObjectId) -> Result<bool, LedgerError> {
    let RefKind::Ticket(id) = kind else { return Ok(false) };
    let Some(archived) = archive::find(ledger.repo, id)? else { return Ok(false) };
    Ok(ledger.repo.is_ancestor(archived, new)? && keeps(ledger, expected, new)?)
}

/// What the remote's branches have.
struct There<'a> {
    repo: &'a Repo,
    landed: Landed<'a>,
    /// The branches of tickets, by their names there.
    branches: BTreeMap<String, ObjectId>,
}

impl<'a> There<'a> {
    fn new(ledger: &Ledger<'a>, remote: &str) -> Result<Self, LedgerError> {
        let (repo, prefix) = (ledger.repo, format!("refs/remotes/{remote}/"));
        let tracked = repo.list_refs(&BRANCHES.replacen("refs/heads/", &prefix, 1))?;
        let branches = tracked.into_iter().map(|(name, tip)| (name.replacen(&prefix, "refs/heads/", 1), tip)).collect();
        Ok(Self { repo, landed: Landed::at(repo, &ledger.policy, remote), branches })
    }

    fn has(&self, commit_id: ObjectId) -> bool {
        self.landed.has_seen(commit_id)
    }

    /// How much of a chain can go: that work is merged is not said where it has not arrived, nor that it is verified where
    /// what it sits on has not.
    fn part_to_share(&self, tip: ObjectId) -> Result<Option<ObjectId>, LedgerError> {
        // Where history is cut off, what is not here is taken to have arrived long ago.
        let is_cut = self.repo.is_shallow();
        let has = |commit_id: ObjectId| self.has(commit_id) || (is_cut && !self.repo.has_object(commit_id));
        let can_go = |ticket: &Ticket| match ticket.state {
            State::Merged => ticket.head.is_some_and(has),
            State::Verified => ticket.base.is_some_and(has),
            _ => true,
        };
        let commit = self.repo.read_commit(tip)?;
        if wire::decode(&commit.message).is_ok_and(|record| can_go(&record.after)) {
            return Ok(Some(tip));
        }
        let Ok(links) = replay::links(self.repo, tip, None)? else { return Ok(None) };
        Ok(links.iter().find(|link| can_go(&link.record.after)).map(|link| link.commit_id))
    }

    /// The work that was handed in goes with the ticket, on its branch: whoever judges it needs it. It waits for what it sits
    /// on, and goes when it has landed.
    fn head_offer(&self, row: &Row, is_in_step: bool) -> Option<Offer> {
        let (head, base) = (row.ticket.head?, row.ticket.base?);
        let name = row.id.branch();
        let expected = self.branches.get(&name).copied();
        match row.ticket.state {
            // Most are of this kind, and nothing is walked for them.
            State::Merged if is_in_step && expected.is_none() => None,
            // A landing that has not arrived there is verified work for now.
            State::Verifying | State::Verified | State::Merged
                if self.repo.has_object(head) && self.has(base) && !self.has(head) =>
            {
                (expected != Some(head)).then_some(Offer { name, expected, new: Some(head) })
            }
            State::Merged if expected == Some(head) && self.has(head) => Some(Offer { name, expected, new: None }),
            _ => None,
        }
    }
}
