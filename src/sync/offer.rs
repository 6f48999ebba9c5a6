//! What this clone has that a remote has not: put together, and pushed until the remote has it or says why not.

use std::collections::{BTreeMap, BTreeSet};

use super::{Synced, fetch_anew, fetched_refs, fold};
use crate::core::event::State;
use crate::core::id::{BRANCHES, ObjectId};
use crate::core::refs::{NOTES_ROOT, ROOT};
use crate::git::Repo;
use crate::git::process::has_ended_git;
use crate::git::refs::Attempts;
use crate::git::remote::{Fetched, Offer, PrePush, Pushed};
use crate::ledger::cache::Row;
use crate::ledger::replay::Landed;
use crate::ledger::{Ledger, LedgerError};
use crate::refs::{Rank, find_archived, kind_of};

/// How often a push is tried again whose answer was lost.
const ASKS: u32 = 3;

/// Pushes all that is shared and new, and folds in what others pushed meanwhile.
///
/// # Errors
/// When git or the ledger fails; what the remote says is an answer.
pub(crate) fn push(ledger: &Ledger<'_>, remote: &str) -> Result<Synced, LedgerError> {
    let mut synced = Synced::default();
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    let mut attempts = Attempts::at(remote);
    attempts.begin()?;
    let mut unclear = 0;
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
                Pushed::NotTaken(why) => {
                    refused.insert(remote.to_owned(), why.to_string());
                    break 'again;
                }
                Pushed::Unclear(why) if has_ended_git() => {
                    synced.offline = Some(why.to_string());
                    break 'again;
                }
                lost @ (Pushed::Lost | Pushed::Unclear(_)) => {
                    if let Fetched::Failed(why) = fetch_anew(ledger.repo, remote)? {
                        synced.offline = Some(why.to_string());
                        break 'again;
                    }
                    if let Pushed::Unclear(why) = lost {
                        unclear += 1;
                        if unclear > ASKS || !why.may_pass() {
                            synced.offline = Some(why.to_string());
                            break 'again;
                        }
                    }
                    let folded = fold(ledger.repo, remote)?;
                    synced.folded.add(folded);
                    if let Err(busy) = attempts.begin() {
                        refused.insert(remote.to_owned(), busy.to_string());
                        break 'again;
                    }
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
    let theirs: BTreeMap<String, ObjectId> = fetched_refs(repo, remote)?.into_iter().collect();
    let rows = ledger.rows()?;
    let quarantined: BTreeSet<&str> = rows.quarantined.iter().map(|strange| strange.ref_name.as_str()).collect();
    let mut ours = repo.list_refs(ROOT)?;
    ours.extend(repo.list_refs(NOTES_ROOT)?);
    let there = There::new(ledger, remote)?;
    let mut offers: Vec<Offer> = Vec::new();
    let mut is_held_back = false;
    let mut here = BTreeSet::new();
    for (name, tip) in ours {
        let Some(kind) = kind_of(&name).filter(|kind| kind.is_shared()) else { continue };
        here.insert(name.clone());
        let expected = theirs.get(&name).copied();
        if quarantined.contains(name.as_str()) || expected == Some(tip) {
            continue;
        }
        let new = kind.part_to_share(repo, &there.landed, tip)?;
        is_held_back |= new != Some(tip);
        // What the remote has and was not folded in, since it is not legal, is not written over.
        let is_forward = match (expected, new) {
            (Some(expected), Some(new)) if expected == new => false,
            (Some(expected), Some(new)) => {
                repo.is_ancestor(expected, new).unwrap_or(false) || kind.may_replace(ledger, &name, expected, new)?
            }
            (None, new) => new.is_some(),
            (_, None) => false,
        };
        if is_forward {
            offers.push(Offer { name, expected, new });
        }
    }
    for row in &rows.tickets {
        let is_in_step = theirs.get(&row.id.ref_name()) == Some(&row.tip);
        offers.extend(there.head_offer(row, is_in_step));
    }
    for (name, tip) in theirs.iter().filter(|(name, _)| !here.contains(*name)) {
        let Some(kind) = kind_of(name) else { continue };
        if let Some(archived) = find_archived(repo, kind, name)?
            && kind.keeps(ledger, *tip, archived)?
        {
            offers.push(Offer { name: name.clone(), expected: Some(*tip), new: None });
        }
    }
    let rank = |offer: &Offer| match kind_of(&offer.name) {
        None => Rank::Branch,
        Some(_) if offer.new.is_none() => Rank::Deletion,
        Some(kind) => kind.rank(),
    };
    // Notes only repeat chains, and wait for those that wait.
    offers.retain(|offer| !is_held_back || rank(offer) != Rank::Notes);
    offers.sort_by_key(rank);
    Ok(offers)
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

    /// The work that was handed in goes with the ticket, on its branch: whoever judges it needs it. It waits for what it sits
    /// on, and goes when it has landed.
    fn head_offer(&self, row: &Row, is_in_step: bool) -> Option<Offer> {
        let (head, base, landed) = (row.ticket.head?, row.ticket.base?, row.ticket.landed_commit()?);
        let name = row.id.branch();
        let expected = self.branches.get(&name).copied();
        match row.ticket.state {
            // Most are of this kind, and nothing is walked for them.
            State::Merged if is_in_step && expected.is_none() => None,
            // A landing that has not arrived there is verified work for now.
            State::Verifying | State::Verified | State::Merged
                if self.repo.has_object(head) && self.has(base) && !self.has(landed) =>
            {
                (expected != Some(head)).then_some(Offer { name, expected, new: Some(head) })
            }
            State::Merged if expected == Some(head) && self.has(landed) => Some(Offer { name, expected, new: None }),
            _ => None,
        }
    }
}
