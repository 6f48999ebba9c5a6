//! Many machines: what a plain `git fetch` brought is folded in, and what is new here is pushed.
//!
//! The shared remote orders events. What it has not seen yet is put on top of what it has, word for word; between two clones
//! without a shared remote the older history goes first, so that both come to the same commits. Folding writes nothing to
//! a remote and may be interrupted anywhere: every ref moves on its own, and the next fold sees what is left to do.

mod counted;
mod fetch;
mod landing;
mod offer;
mod rewound;
mod shared;
mod standing;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

pub(crate) use self::counted::change;
pub(crate) use self::fetch::fetch;
use self::fetch::fetch_anew;
pub(crate) use self::landing::{Arrival, Landing, land};
pub(crate) use self::offer::push;
use self::rewound::rewound;
pub(crate) use self::shared::submit_shared;
pub(crate) use self::standing::standing;
use crate::core::denial::Denial;
use crate::core::id::{ObjectId, TicketId};
use crate::core::refs::{TRACKING, mirrored, tracking, tracking_prefix};
use crate::git::process::{read_file, write_file};
use crate::git::refs::{Moved, RefEdit};
use crate::git::remote::Fetched;
use crate::git::{RefBackend, Repo};
use crate::ledger::{Ledger, LedgerError, shared_remote};
use crate::refs::{self, Folded, Kind, Order, Rank, Scene, kind_of};

/// What a fold came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// How many refs moved here.
    pub(crate) moved: usize,
    /// How many tickets had events on both sides.
    pub(crate) merged: usize,
    /// How many events could not be replayed, and stand in their tickets as conflicts.
    pub(crate) conflicts: usize,
    /// Tickets whose name was found to be another ticket's, and their new names.
    pub(crate) renamed: Vec<(TicketId, TicketId)>,
    /// Refs of the remote that are not legal, and why.
    pub(crate) refused: Vec<(String, Denial)>,
}

/// What a sync of one repository came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) folded: Summary,
    /// How many refs the remote took.
    pub(crate) pushed: usize,
    /// What the remote did not take, and why.
    pub(crate) refused: Vec<(String, String)>,
    /// What the remote does not have any more, or not all of it: nothing legal does that.
    pub(crate) rewound: Vec<String>,
    /// Why the remote could not be reached, if it could not.
    pub(crate) offline: Option<String>,
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
    let rewound = rewound(&ledger, remote, before)?;
    let mut synced = push(&ledger, remote)?;
    synced.folded.add(folded);
    synced.rewound = rewound;
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

impl Summary {
    fn add(&mut self, other: Self) {
        self.moved += other.moved;
        self.merged += other.merged;
        self.conflicts += other.conflicts;
        self.renamed.extend(other.renamed);
        self.refused = other.refused;
    }

    fn count(&mut self, name: &str, outcome: Folded) {
        match outcome {
            Folded::Same => {}
            Folded::Brought => self.moved += 1,
            Folded::Merged { conflicts } => {
                self.moved += 1;
                self.merged += 1;
                self.conflicts += conflicts;
            }
            Folded::Renamed { from, to } => {
                self.moved += 1;
                self.renamed.push((from, to));
            }
            Folded::Refused(why) => self.refused.push((name.to_owned(), why)),
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
pub(crate) fn fold_fetched(repo: &Repo) -> Result<Summary, LedgerError> {
    let now = fingerprint(repo);
    let file = repo.os_dir().join("folded");
    if now.is_empty() || read_file(&file).is_ok_and(|known| known == now) {
        return Ok(Summary::default());
    }
    let mut all = Summary::default();
    for remote in remotes(repo)? {
        let folded = fold(repo, &remote)?;
        let refused = folded.refused.clone();
        all.add(folded);
        all.refused.splice(0..0, refused);
    }
    all.refused.sort_by(|left, right| left.0.cmp(&right.0));
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
/// When git or the ledger fails; what is not legal is left outside and named.
pub(crate) fn fold(repo: &Repo, remote: &str) -> Result<Summary, LedgerError> {
    let mut summary = Summary::default();
    let mut theirs = Vec::new();
    for (name, tip) in fetched_refs(repo, remote)? {
        match kind_of(&name) {
            Some(kind) if kind.is_shared() => theirs.push(Incoming { name, kind, tip }),
            Some(_) => {}
            None => summary.refused.push((name, Denial::UnknownRef)),
        }
    }
    let order = match shared_remote(repo) {
        Some(shared) if shared == remote => Order::Theirs,
        Some(_) => Order::Ours,
        None => Order::Older,
    };
    let (policy, rest) = theirs.into_iter().partition(|one| one.kind.rank() == Rank::Policy);
    if fold_together(&Scene::new(repo, None), policy, order, &mut summary)? > 0 {
        // Whose tickets these are is not known.
        summary.refused.retain(|(name, _)| kind_of(name).is_some());
        return Ok(summary);
    }
    let ledger = match Ledger::open(repo) {
        Ok(ledger) => ledger,
        // What is there belongs to nothing that is known.
        Err(LedgerError::NotInitialised) => return Ok(Summary::default()),
        Err(error) => return Err(error),
    };
    let mut ranks: BTreeMap<Rank, Vec<Incoming>> = BTreeMap::new();
    for one in rest {
        ranks.entry(one.kind.rank()).or_default().push(one);
    }
    let scene = Scene::of(&ledger).and_of(remote);
    for incoming in ranks.into_values() {
        fold_together(&scene, incoming, order, &mut summary)?;
    }
    refs::archive::settle(&ledger)?;
    forget_archived(repo, remote)?;
    Ok(summary)
}

/// A ref as it was fetched, by the name it has at its remote.
struct Incoming {
    name: String,
    kind: &'static dyn Kind,
    tip: ObjectId,
}

/// The refs that were fetched of a remote, by the names they have there.
fn fetched_refs(repo: &Repo, remote: &str) -> Result<Vec<(String, ObjectId)>, LedgerError> {
    let prefix = tracking_prefix(remote);
    Ok(repo.list_refs(&prefix)?.into_iter().map(|(name, tip)| (mirrored(&name[prefix.len()..]), tip)).collect())
}

/// Whether a remote shows none of our refs, though it had some when this clone looked last: it hides them, or has lost them.
///
/// # Errors
/// When git cannot be started.
pub(crate) fn shows_none_of_ours(repo: &Repo, remote: &str) -> Result<bool, LedgerError> {
    Ok(!repo.list_refs(&tracking_prefix(remote))?.is_empty() && repo.shows_any(remote, "refs/os/*")? == Some(false))
}

/// Folds refs of one rank in; one that waits for another, which comes later in the list, is tried again as long as that
/// helps. Returns how many were refused.
fn fold_together(scene: &Scene<'_>, incoming: Vec<Incoming>, order: Order, summary: &mut Summary) -> Result<usize, LedgerError> {
    let mut waiting = incoming;
    loop {
        let before = waiting.len();
        let mut refused = Vec::new();
        for one in waiting {
            match refs::fold(scene, one.kind, &one.name, one.tip, order)? {
                Folded::Refused(why) => refused.push((one, why)),
                folded => summary.count(&one.name, folded),
            }
        }
        if refused.is_empty() || refused.len() == before {
            let count = refused.len();
            summary.refused.extend(refused.into_iter().map(|(one, why)| (one.name, why)));
            return Ok(count);
        }
        waiting = refused.into_iter().map(|one| one.0).collect();
    }
}

/// What tickets would be once all is folded in that was fetched from the shared remote and simply goes on from what is here.
/// For a hook, which judges a branch between a fetch and the next command, and must not write.
///
/// # Errors
/// When git or the ledger fails.
pub(crate) fn fetched(ledger: &Ledger<'_>) -> Result<BTreeMap<String, Option<ObjectId>>, LedgerError> {
    let repo = ledger.repo;
    let mut ahead = BTreeMap::new();
    let Some(remote) = shared_remote(repo) else { return Ok(ahead) };
    let scene = Scene::of(ledger);
    for (name, theirs) in fetched_refs(repo, &remote)? {
        let Some(kind) = kind_of(&name).filter(|kind| kind.rank() == Rank::Ticket) else { continue };
        // What cannot be judged here lets nothing land.
        let Ok(ruling) = refs::meet(&scene, kind, &name, repo.find_ref(&name)?, theirs) else { continue };
        if ruling.granted().flatten().is_some_and(|meeting| meeting.is_forward) {
            ahead.insert(name, Some(theirs));
        }
    }
    Ok(ahead)
}

/// Folds one ref in, as it was just fetched.
fn fold_one(ledger: &Ledger<'_>, remote: &str, name: &str) -> Result<Folded, LedgerError> {
    let Some(theirs) = ledger.repo.find_ref(&tracking(remote, name))? else { return Ok(Folded::Same) };
    match kind_of(name) {
        Some(kind) => refs::fold(&Scene::of(ledger), kind, name, theirs, Order::Theirs),
        None => Ok(Folded::Refused(Denial::UnknownRef)),
    }
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
    let archived = crate::ledger::archive::Lookup::of(repo, fetched.len())?;
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
