//! Whose hand an event has to be by: the policy in force asks for signatures, and policies vouch for what was there before.
//!
//! One rule at all doors. An event is by the policy in force; or it was by one before it, and stands in the history that a
//! later policy names in its file `tips`. So nothing that was right becomes wrong when actors come and go, and nothing that a
//! key signs after it was taken away, or that nobody signs, passes for old.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};

use super::replay::{self, Landed, Link};
use super::{Ledger, LedgerError, archive, policy, shared_remote};
use crate::core::denial::{Cause, Denial};
use crate::core::event::{EventKind, Role};
use crate::core::fsm::{By, rule_of};
use crate::core::id::{META, ObjectId, TICKETS, TicketId};
use crate::core::refs::tracking;
use crate::core::ruling::Ruling;
use crate::core::signer::{self, Actor, Hand, Signed, email_of, is_asked};
use crate::core::wire;
use crate::git::Repo;
use crate::git::object::parse_commit;
use crate::git::signature::{NewCommit, Sealed, SignError, split};

/// The file beside a policy that names the histories it vouches for: `<commit> <ticket>` a line.
pub(crate) const TIPS: &str = "tips";
/// How large that file may be.
const MAX_TIPS: usize = 32 * 1024 * 1024;
/// The longest history that is looked at.
const MAX_CHAIN: usize = 100_000;

/// The policies up to the one in force, newest first, and what they vouch for; read when it is first asked for.
#[derive(Default)]
pub(crate) struct Past {
    policies: OnceCell<Vec<Published>>,
    /// The history of one tip, which the events of a ticket are asked for one after the other.
    history: RefCell<Option<(ObjectId, HashSet<ObjectId>)>>,
}

struct Published {
    actors: Vec<Actor>,
    tips_blob_id: Option<ObjectId>,
    tips: OnceCell<HashMap<String, Vec<ObjectId>>>,
}

impl Published {
    fn tips(&self, repo: &Repo, id: &TicketId) -> Result<&[ObjectId], LedgerError> {
        let Some(blob_id) = self.tips_blob_id else { return Ok(&[]) };
        if self.tips.get().is_none() {
            let text = repo.read_blob(blob_id, MAX_TIPS)?;
            let mut all: HashMap<String, Vec<ObjectId>> = HashMap::new();
            for (tip, id) in String::from_utf8_lossy(&text).lines().filter_map(|line| line.split_once(' ')) {
                if let Ok(tip) = ObjectId::parse(tip) {
                    all.entry(id.to_owned()).or_default().push(tip);
                }
            }
            self.tips.get_or_init(|| all);
        }
        Ok(self.tips.get().and_then(|all| all.get(id.as_str())).map_or(&[], Vec::as_slice))
    }
}

/// What a commit tells of who wrote it.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_hand(repo: &Repo, commit_id: ObjectId) -> Result<Hand, LedgerError> {
    let data = repo.read_commit_bytes(commit_id)?;
    let Some(commit) = parse_commit(&data) else {
        let signed = Signed::Invalid("not in the form of a commit");
        return Ok(Hand { signed, author: String::new(), committer: String::new() });
    };
    let signed = match split(&data, commit.tree_id) {
        Sealed::Not => Signed::No,
        Sealed::With { payload, signature } => Signed::read(&payload, &signature),
        Sealed::UnexpectedHeader => Signed::Invalid("the commit has headers that an event does not have"),
    };
    Ok(Hand { signed, author: commit.author, committer: commit.committer })
}

/// A commit, signed by this machine's key, if that is one of an actor in this role whom the commit names.
///
/// # Errors
/// When there is no such key.
pub(crate) fn sign(repo: &Repo, actors: &[Actor], role: Role, commit: &NewCommit) -> Result<Vec<u8>, LedgerError> {
    let email = email_of(&commit.committer);
    // Asked first, so that nobody is asked for a passphrase in vain.
    if !actors.iter().any(|actor| actor.email == email && actor.roles.contains(&role)) {
        return Err(LedgerError::NotYours { role, why: Box::new(Denial::NotAnActor(email.to_owned())) });
    }
    let payload = commit.to_bytes();
    let signature = repo.sign(&payload).map_err(|source| match source {
        SignError::Git(error) => LedgerError::Git(error),
        source => LedgerError::Unsigned { role, source },
    })?;
    // Whatever program made it, it is judged as everybody will judge it.
    let signed = Signed::read(&payload, signature.as_bytes());
    let hand = Hand { signed, author: commit.author.clone(), committer: commit.committer.clone() };
    signer::permit(actors, role, &hand).map_err(|why| LedgerError::NotYours { role, why: Box::new(why) })?;
    Ok(commit.to_signed_bytes(&signature))
}

impl Ledger<'_> {
    /// Whether an event is by an actor who may write it.
    pub(super) fn judge_hand(&self, id: &TicketId, link: &Link) -> Result<Ruling<()>, LedgerError> {
        let role = link.record.event.actor;
        if !is_asked(&self.policy.actors, role) {
            return Ok(Ruling::Granted(()));
        }
        let hand = read_hand(self.repo, link.commit_id)?;
        match signer::permit(&self.policy.actors, role, &hand) {
            Err(why) if !self.is_vouched(id, link.commit_id, role, &hand)? => Ok(Ruling::Denied(why)),
            _ => Ok(Ruling::Granted(())),
        }
    }

    /// Who claimed a ticket last, up to an event of it, if executors sign.
    pub(super) fn find_claimant(&self, tip: Option<ObjectId>) -> Result<Option<String>, LedgerError> {
        let mut next = tip.filter(|_| is_asked(&self.policy.actors, Role::Executor));
        for _ in 0..MAX_CHAIN {
            let Some(commit_id) = next else { break };
            let commit = self.repo.read_commit(commit_id)?;
            let record = wire::decode(&commit.message).map_err(|source| LedgerError::Event { commit_id, source })?;
            if record.event.action.kind() == EventKind::Claim {
                return Ok(Some(email_of(&commit.committer).to_owned()));
            }
            next = commit.parents.first().copied();
        }
        Ok(None)
    }

    /// Whether an event that only the holder may write is by whoever wrote the claim: everybody can read which run holds a
    /// ticket, so that its name alone proves nothing.
    pub(super) fn judge_holder(
        &self,
        id: &TicketId,
        claimant: &mut Option<String>,
        link: &Link,
    ) -> Result<Ruling<()>, LedgerError> {
        let event = &link.record.event;
        if event.actor != Role::Executor || !is_asked(&self.policy.actors, Role::Executor) {
            return Ok(Ruling::Granted(()));
        }
        let email = email_of(&link.commit.committer);
        let kind = event.action.kind();
        if kind == EventKind::Claim {
            *claimant = Some(email.to_owned());
        }
        if !rule_of(kind).by.contains(&By::Holder) || claimant.as_deref() == Some(email) {
            return Ok(Ruling::Granted(()));
        }
        if self.is_vouched(id, link.commit_id, event.actor, &read_hand(self.repo, link.commit_id)?)? {
            return Ok(Ruling::Granted(()));
        }
        let claimant = claimant.clone().unwrap_or_default();
        Ok(Ruling::Denied(Denial::NotTheClaimant { email: email.to_owned(), claimant }))
    }

    /// Whether an event was right by an older policy, and a later one vouches for it.
    fn is_vouched(&self, id: &TicketId, commit_id: ObjectId, role: Role, hand: &Hand) -> Result<bool, LedgerError> {
        if self.past.policies.get().is_none() {
            let policies = read_past(self.repo)?;
            self.past.policies.get_or_init(|| policies);
        }
        let policies = self.past.policies.get().map_or(&[][..], Vec::as_slice);
        for (at, later) in policies.iter().enumerate() {
            if later.tips_blob_id.is_none()
                || !policies[at + 1..].iter().any(|older| signer::permit(&older.actors, role, hand).is_ok())
            {
                continue;
            }
            for tip in later.tips(self.repo, id)? {
                if self.is_in_history(*tip, commit_id) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn is_in_history(&self, tip: ObjectId, commit_id: ObjectId) -> bool {
        let mut known = self.past.history.borrow_mut();
        if known.as_ref().is_none_or(|known| known.0 != tip) {
            let parent = |id: &ObjectId| self.repo.read_commit(*id).ok().and_then(|commit| commit.parents.first().copied());
            let history = std::iter::successors(Some(tip), parent).take(MAX_CHAIN).collect();
            *known = Some((tip, history));
        }
        known.as_ref().is_some_and(|known| known.1.contains(&commit_id))
    }

    /// Whether whoever sits at this machine may act in a role, as far as that can be told without a key.
    #[must_use]
    pub(crate) fn may_act(&self, role: Role) -> bool {
        let actors = &self.policy.actors;
        let is_ours = |email: &str| actors.iter().any(|actor| actor.email == email && actor.roles.contains(&role));
        !is_asked(actors, role) || self.repo.identity().is_ok_and(|who| is_ours(&who.email))
    }

    /// Writes the commit of an event, signed if its role asks for it.
    ///
    /// # Errors
    /// When this machine has no key for it, or git cannot write.
    pub(super) fn write_event(&self, role: Role, commit: &NewCommit) -> Result<ObjectId, LedgerError> {
        if !is_asked(&self.policy.actors, role) {
            return Ok(self.repo.write_new(commit)?);
        }
        Ok(self.repo.write_commit_bytes(&sign(self.repo, &self.policy.actors, role, commit)?)?)
    }

    /// As [`Ledger::write_event`], for an event that somebody wrote on another history; the reason why it is not for this
    /// machine to put it on top of this one is inside.
    pub(crate) fn rewrite_event(&self, role: Role, commit: &NewCommit) -> Result<Ruling<ObjectId>, LedgerError> {
        let email = email_of(&commit.committer);
        let theirs = |source: Option<Cause>| Ok(Ruling::Denied(Denial::AuthorsMachine { email: email.to_owned(), source }));
        if is_asked(&self.policy.actors, role) && self.repo.identity().map_or(true, |who| who.email != email) {
            return theirs(None);
        }
        match self.write_event(role, commit) {
            Err(error @ (LedgerError::Unsigned { .. } | LedgerError::NotYours { .. })) => theirs(Some(Cause::new(error))),
            written => Ok(Ruling::Granted(written?)),
        }
    }

    /// A ticket whose history is right by the policy of before and would not be by this one.
    ///
    /// # Errors
    /// When git cannot read.
    pub(crate) fn find_left_out(&self, before: &Ledger<'_>) -> Result<Option<TicketId>, LedgerError> {
        find_lost(before, self, tickets(before.repo)?)
    }
}

fn find_lost(
    before: &Ledger<'_>,
    after: &Ledger<'_>,
    tickets: Vec<(TicketId, ObjectId)>,
) -> Result<Option<TicketId>, LedgerError> {
    if before.policy.actors == after.policy.actors {
        return Ok(None);
    }
    for (id, tip) in tickets {
        let is_right = |ledger: &Ledger<'_>| -> Result<bool, LedgerError> {
            Ok(replay::replay(ledger, &id, tip, None, &Landed::new(ledger.repo, &ledger.policy))?.is_granted())
        };
        if is_right(before)? && !is_right(after)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The policies up to the one in force, newest first.
fn read_past(repo: &Repo) -> Result<Vec<Published>, LedgerError> {
    let mut all = Vec::new();
    let mut next = repo.find_ref(META)?;
    while let Some(commit_id) = next {
        let commit = repo.read_commit(commit_id)?;
        // One that cannot be read permits nothing.
        if let Ok(policy) = policy::read_file(repo, commit.tree_id) {
            let tips_blob_id = repo.find_entry(commit.tree_id, TIPS)?.map(|entry| entry.id);
            all.push(Published { actors: policy.actors, tips_blob_id, tips: OnceCell::new() });
        }
        next = commit.parents.first().copied();
    }
    Ok(all)
}

/// All tickets, live and archived, with where they end.
fn tickets(repo: &Repo) -> Result<Vec<(TicketId, ObjectId)>, LedgerError> {
    let live = repo.list_refs(TICKETS)?;
    let live = live.iter().filter_map(|(name, tip)| Some((TicketId::parse(&name[TICKETS.len()..]).ok()?, *tip)));
    Ok(live.chain(archive::list(repo)?).collect())
}

/// What the shared remote was last seen to have: this repository as it would be with its policy, and its tickets.
struct There {
    repo: Repo,
    tickets: Vec<(TicketId, ObjectId)>,
}

fn there(repo: &Repo) -> Result<Option<There>, LedgerError> {
    let Some(remote) = shared_remote(repo) else { return Ok(None) };
    let Some(meta) = repo.find_ref(&tracking(&remote, META))? else { return Ok(None) };
    let prefix = tracking(&remote, TICKETS);
    let listed = repo.list_refs(&prefix)?;
    let tickets = listed.into_iter().filter_map(|(name, tip)| Some((TicketId::parse(&name[prefix.len()..]).ok()?, tip)));
    let tickets = tickets.collect();
    Ok(Some(There { repo: Repo::open(repo.home())?.supposing(BTreeMap::from([(META.to_owned(), Some(meta))])), tickets }))
}

/// The histories that a policy published now has to vouch for: those here that are by the policy in force, and those of the
/// shared remote that are by the policy it has.
///
/// # Errors
/// When git cannot read.
pub(crate) fn tips(ledger: &Ledger<'_>) -> Result<String, LedgerError> {
    let mut lines = Vec::new();
    let mut add = |ledger: &Ledger<'_>, tickets: Vec<(TicketId, ObjectId)>| -> Result<(), LedgerError> {
        let landed = Landed::new(ledger.repo, &ledger.policy);
        for (id, tip) in tickets {
            if let Some(tip) = replay::legal_part(ledger, &id, tip, &landed)? {
                lines.push((id, tip));
            }
        }
        Ok(())
    };
    add(ledger, tickets(ledger.repo)?)?;
    if let Some(there) = there(ledger.repo)? {
        add(&Ledger::open(&there.repo)?, there.tickets)?;
    }
    lines.sort();
    lines.dedup();
    Ok(lines.into_iter().fold(String::new(), |all, (id, tip)| all + &format!("{tip} {id}\n")))
}

/// Whether the policy here leaves out what the shared remote has let in by the one before it, of which it knew nothing.
///
/// # Errors
/// When git cannot read.
pub(crate) fn is_overtaken(ledger: &Ledger<'_>) -> Result<bool, LedgerError> {
    let Some(there) = there(ledger.repo)? else { return Ok(false) };
    Ok(find_lost(&Ledger::open(&there.repo)?, ledger, there.tickets)?.is_some())
}
