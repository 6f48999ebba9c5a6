//! Many machines: what a plain `git fetch` brought is folded in, and what is new here is pushed.
//!
//! The shared remote orders events. What it has not seen yet is put on top of what it has, word for word; between two clones
//! without a shared remote the older history goes first, so that both come to the same commits. Folding writes nothing to
//! a remote and may be interrupted anywhere: every ref moves on its own, and the next fold sees what is left to do.

pub(crate) mod chain;
mod landing;
mod offer;
mod said;
mod shared;
mod standing;
mod union;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

pub(crate) use self::landing::{Arrival, Landing, land};
pub(crate) use self::offer::push;
pub(crate) use self::said::keeps;
use self::said::went_back;
pub(crate) use self::shared::submit_shared;
pub(crate) use self::standing::standing;
pub(crate) use self::union::Sides;
use crate::core::id::{META, ObjectId, TicketId};
use crate::core::refs::{RefKind, TRACKING, mirrored, refspecs, tracking, tracking_prefix};
use crate::git::process::{read_file, write_file};
use crate::git::refs::{Moved, RefEdit};
use crate::git::remote::{Fetched, Gone};
use crate::git::{RefBackend, Repo};
use crate::ledger::replay::{self, Landed};
use crate::ledger::{Ledger, LedgerError, archive, policy, shared_remote};

/// How often a move is tried again when somebody else was faster.
const TRIES: usize = 50;

/// Which of two histories goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// That of the remote, which orders events for all.
    Theirs,
    /// Ours, since it has what the shared remote ordered.
    Ours,
    /// The older one: there is no shared remote.
    Older,
}

/// What became of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing was to be done here.
    Same,
    /// It is here as the remote has it.
    Brought,
    /// Both had something new; so many events could not be replayed and stand as conflicts.
    Merged { conflicts: usize },
    /// The ticket of this name here has a longer one now, since another ticket was found to have its name.
    Renamed(TicketId),
    /// It is not by the rules, and stays outside.
    Refused(String),
}

/// What a fold came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Folded {
    /// How many refs moved here.
    pub(crate) moved: usize,
    /// How many tickets had events on both sides.
    pub(crate) merged: usize,
    /// How many events could not be replayed, and stand in their tickets as conflicts.
    pub(crate) conflicts: usize,
    /// Tickets whose name was found to be another ticket's, and their new names.
    pub(crate) renamed: Vec<(TicketId, TicketId)>,
    /// Refs of the remote that are not by the rules, and why.
    pub(crate) refused: Vec<(String, String)>,
}

/// What a sync of one repository came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) folded: Folded,
    /// How many refs the remote took.
    pub(crate) pushed: usize,
    /// What the remote did not take, and why.
    pub(crate) refused: Vec<(String, String)>,
    /// What the remote does not have any more, or not all of it: nothing that is by the rules does that.
    pub(crate) went_back: Vec<String>,
    /// Why the remote could not be reached, if it could not.
    pub(crate) offline: Option<String>,
}

/// Fetches all of a remote that is ours, with the branches tickets land on and are worked on.
///
/// # Errors
/// When git cannot be started.
pub(crate) fn fetch(repo: &Repo, remote: &str) -> Result<Fetched, LedgerError> {
    bring(repo, remote, "", Gone::Kept)
}

/// Fetches what is ours, and the branches whose names begin in a certain way.
fn bring(repo: &Repo, remote: &str, branches: &str, gone: Gone) -> Result<Fetched, LedgerError> {
    // A killed fetch or fold leaves locks, and this is where the next one comes along.
    repo.clear_left_locks(&["refs/os", "refs/notes/os", "refs/os-remote", &format!("refs/remotes/{remote}")])?;
    let mut specs = refspecs(remote).to_vec();
    specs.push(format!("+refs/heads/{branches}*:refs/remotes/{remote}/{branches}*"));
    Ok(repo.fetch(remote, &specs, gone)?)
}

/// As [`fetch`], and what the remote does not have any more of tickets and their work is forgotten here. The branches of
/// people are left alone: what was fetched of them may be all there is of them.
///
/// # Errors
/// When git cannot be started.
fn fetch_anew(repo: &Repo, remote: &str) -> Result<Fetched, LedgerError> {
    match bring(repo, remote, "claude/", Gone::Forgotten)? {
        Fetched::Done => fetch(repo, remote),
        failed @ Fetched::Failed(_) => Ok(failed),
    }
}

/// Fetches, folds and pushes until the remote has what is here, or says why not.
///
/// # Errors
/// When git or the ledger fails; that the remote is away is an answer.
pub(crate) fn sync(repo: &Repo, remote: &str) -> Result<Synced, LedgerError> {
    let before = repo.list_refs(&tracking_prefix(remote))?;
    // What the remote has lost would be taken for something that it has.
    if let Fetched::Failed(why) = fetch_anew(repo, remote)? {
        return Ok(Synced { offline: Some(why.to_string()), ..Synced::default() });
    }
    let folded = fold(repo, remote)?;
    let ledger = Ledger::open(repo)?;
    let went_back = went_back(&ledger, remote, before)?;
    let mut synced = push(&ledger, remote)?;
    synced.folded.add(folded);
    synced.went_back = went_back;
    Ok(synced)
}

/// Fetches and folds, and pushes nothing.
///
/// # Errors
/// As for [`sync`].
pub(crate) fn pull(repo: &Repo, remote: &str) -> Result<Synced, LedgerError> {
    // What was deleted over there is not in step, however well it was known.
    Ok(match fetch_anew(repo, remote)? {
        Fetched::Failed(why) => Synced { offline: Some(why.to_string()), ..Synced::default() },
        Fetched::Done => Synced { folded: fold(repo, remote)?, ..Synced::default() },
    })
}

impl Folded {
    fn add(&mut self, other: Self) {
        self.moved += other.moved;
        self.merged += other.merged;
        self.conflicts += other.conflicts;
        self.renamed.extend(other.renamed);
        self.refused = other.refused;
    }

    fn count(&mut self, name: &str, id: Option<&TicketId>, outcome: Outcome) {
        match outcome {
            Outcome::Same => {}
            Outcome::Brought => self.moved += 1,
            Outcome::Merged { conflicts } => {
                self.moved += 1;
                self.merged += 1;
                self.conflicts += conflicts;
            }
            Outcome::Renamed(new) => {
                self.moved += 1;
                self.renamed.extend(id.map(|id| (id.clone(), new)));
            }
            Outcome::Refused(why) => self.refused.push((name.to_owned(), why)),
        }
    }

    /// Whether anything changed here.
    #[must_use]
    pub(crate) fn is_nothing(&self) -> bool {
        self.moved == 0 && self.renamed.is_empty()
    }
}

/// Folds in what was fetched from any remote since the last time; costs a few looks at files when nothing was.
///
/// # Errors
/// When git or the ledger fails.
pub(crate) fn fold_fetched(repo: &Repo) -> Result<Folded, LedgerError> {
    let now = fingerprint(repo);
    let file = repo.os_dir().join("folded");
    if now.is_empty() || read_file(&file).is_ok_and(|known| known == now) {
        return Ok(Folded::default());
    }
    let mut all = Folded::default();
    for remote in remotes(repo)? {
        let folded = fold(repo, &remote)?;
        let refused = folded.refused.clone();
        all.add(folded);
        all.refused.splice(0..0, refused);
    }
    all.refused.sort();
    all.refused.dedup();
    // A read-only repository is looked at anew each time.
    drop(write_file(&file, now.as_bytes(), 0o644));
    Ok(all)
}

/// The remotes of which something is here, the shared one first.
fn remotes(repo: &Repo) -> Result<Vec<String>, LedgerError> {
    let listed = repo.list_refs(TRACKING)?;
    let mut names: Vec<String> =
        listed.iter().filter_map(|(name, _)| Some(name[TRACKING.len()..].split_once('/')?.0.to_owned())).collect();
    names.dedup();
    let shared = shared_remote(repo);
    names.sort_by_key(|name| Some(name) != shared.as_ref());
    Ok(names)
}

/// What a look at the files of refs tells about whether a fetch changed one: when their folders were last written.
/// Empty where nothing was ever fetched. A folder that was written just now may be written again within the same tick of
/// the file system's clock, so it counts as different each time.
fn fingerprint(repo: &Repo) -> String {
    let common = repo.common_dir();
    let top = common.join(TRACKING.trim_end_matches('/'));
    let mut text = String::new();
    let mut stamp = |path: &Utf8Path| {
        if let Ok(meta) = path.as_std_path().metadata()
            && let Ok(time) = meta.modified()
        {
            let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            text += &format!("{path} {} {}\n", since.as_nanos(), meta.len());
            if time.elapsed().is_ok_and(|age| age.as_millis() < 100) {
                text += "fresh\n";
            }
        }
    };
    if repo.backend() == RefBackend::Cli {
        stamp(&common.join("reftable/tables.list"));
    } else {
        stamp(&common.join("packed-refs"));
        let mut folders: Vec<Utf8PathBuf> = vec![top];
        while let Some(folder) = folders.pop() {
            stamp(&folder);
            let below = folder.read_dir_utf8().into_iter().flatten().flatten();
            folders.extend(
                below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(camino::Utf8DirEntry::into_path),
            );
        }
    }
    // What is not certain is different from all that was ever written down.
    if text.contains("fresh\n") { text + "?" } else { text }
}

/// Folds in what is here of one remote.
///
/// # Errors
/// When git or the ledger fails; what is not by the rules is left outside and named.
pub(crate) fn fold(repo: &Repo, remote: &str) -> Result<Folded, LedgerError> {
    let prefix = tracking_prefix(remote);
    let mut theirs: BTreeMap<String, ObjectId> =
        repo.list_refs(&prefix)?.into_iter().map(|(name, tip)| (mirrored(&name[prefix.len()..]), tip)).collect();
    let mut folded = Folded::default();
    let order = match shared_remote(repo) {
        Some(shared) if shared == remote => Order::Theirs,
        Some(_) => Order::Ours,
        None => Order::Older,
    };
    if let Some(tip) = theirs.remove(META) {
        let outcome = policy::fold(repo, tip, order)?;
        let is_other = matches!(outcome, Outcome::Refused(_));
        folded.count(META, None, outcome);
        if is_other {
            // Whose tickets these are is not known.
            return Ok(folded);
        }
    }
    let ledger = match Ledger::open(repo) {
        Ok(ledger) => ledger,
        // What is there belongs to nothing that is known.
        Err(LedgerError::NotInitialised) => return Ok(folded),
        Err(error) => return Err(error),
    };
    let mut tickets = Vec::new();
    let mut others = Vec::new();
    for (name, tip) in theirs {
        match RefKind::of(&name) {
            Some(RefKind::Ticket(id)) => tickets.push((name, id, tip)),
            Some(RefKind::Archive) => folded.count(&name, None, archive::fold(&ledger, tip, order)?),
            Some(kind) if kind.is_shared() => others.push((name, kind, tip)),
            Some(_) => {}
            None => folded.refused.push((name, "git-os has no such ref".to_owned())),
        }
    }
    fold_tickets(&ledger, remote, tickets, order, &mut folded)?;
    for (name, kind, tip) in others {
        let outcome = union::fold(&ledger, &kind, &name, tip, order)?;
        folded.count(&name, None, outcome);
    }
    archive::settle(&ledger)?;
    forget_archived(repo, remote)?;
    Ok(folded)
}

/// What tickets would be once all is folded in that was fetched from the shared remote and simply goes on from what is here.
/// For a hook, which judges a branch between a fetch and the next command, and must not write.
///
/// # Errors
/// When git or the ledger fails.
pub(crate) fn fetched(ledger: &Ledger<'_>) -> Result<BTreeMap<String, Option<ObjectId>>, LedgerError> {
    let repo = ledger.repo;
    let mut refs = BTreeMap::new();
    let Some(remote) = shared_remote(repo) else { return Ok(refs) };
    let prefix = tracking_prefix(&remote);
    let landed = Landed::new(repo, &ledger.policy);
    for (name, theirs) in repo.list_refs(&tracking(&remote, crate::core::id::TICKETS))? {
        let name = mirrored(&name[prefix.len()..]);
        let (Some(RefKind::Ticket(id)), ours) = (RefKind::of(&name), repo.find_ref(&name)?) else { continue };
        let goes_on = match ours {
            Some(ours) => ours != theirs && repo.is_ancestor(ours, theirs).unwrap_or(false),
            None => archive::find(repo, &id)?.is_none(),
        };
        if goes_on && replay::replay(ledger, &id, theirs, None, &landed)?.is_ok() {
            refs.insert(name, Some(theirs));
        }
    }
    Ok(refs)
}

/// Folds tickets in; one that waits for another, which comes later in the list, is tried again as long as that helps.
fn fold_tickets(
    ledger: &Ledger<'_>,
    remote: &str,
    tickets: Vec<(String, TicketId, ObjectId)>,
    order: Order,
    folded: &mut Folded,
) -> Result<(), LedgerError> {
    let mut waiting = tickets;
    loop {
        let before = waiting.len();
        let landed = Landed::new(ledger.repo, &ledger.policy).and_of(&ledger.policy, remote);
        let mut refused = Vec::new();
        for (name, id, tip) in waiting {
            match chain::fold(ledger, &id, tip, order, &landed)? {
                Outcome::Refused(why) => refused.push(((name, id, tip), why)),
                outcome => folded.count(&name, Some(&id), outcome),
            }
        }
        if refused.is_empty() || refused.len() == before {
            folded.refused.extend(refused.into_iter().map(|((name, ..), why)| (name, why)));
            return Ok(());
        }
        waiting = refused.into_iter().map(|one| one.0).collect();
    }
}

/// Folds one ticket in, as it was just fetched.
fn fold_ticket(ledger: &Ledger<'_>, remote: &str, id: &TicketId) -> Result<Outcome, LedgerError> {
    let Some(theirs) = ledger.repo.find_ref(&tracking(remote, &id.ref_name()))? else { return Ok(Outcome::Same) };
    let landed = Landed::new(ledger.repo, &ledger.policy);
    chain::fold(ledger, id, theirs, Order::Theirs, &landed)
}

/// Lets go of what was fetched of tickets that are archived here as they are there.
fn forget_archived(repo: &Repo, remote: &str) -> Result<(), LedgerError> {
    let prefix = tracking(remote, crate::core::id::TICKETS);
    let fetched = repo.list_refs(&prefix)?;
    if fetched.is_empty() {
        return Ok(());
    }
    let theirs = repo.find_ref(&tracking(remote, crate::core::id::ARCHIVE))?;
    // As long as the remote has not archived them, it still has them.
    if theirs.is_none() || theirs != repo.find_ref(crate::core::id::ARCHIVE)? {
        return Ok(());
    }
    let archived = archive::Lookup::of(repo, fetched.len())?;
    let mut edits = Vec::new();
    for (name, tip) in fetched {
        if let Ok(id) = TicketId::parse(&name[prefix.len()..])
            && archived.find_ticket(repo, &id)? == Some(tip)
        {
            edits.push(RefEdit::delete(name, tip));
        }
    }
    if !edits.is_empty() && repo.move_refs(&edits)? == Moved::Lost {
        // A fetch was faster; the next fold looks again.
    }
    Ok(())
}
