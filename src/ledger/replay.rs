//! Whether a chain came about by the rules: the one judgement that hooks, servers, fsck and readers share.

use std::cell::{Cell, RefCell};
use std::collections::{BinaryHeap, HashSet};

use super::{FactsHere, Ledger, LedgerError, tree};
use crate::core::denial::{Cause, Denial, Illegal};
use crate::core::event::{Action, EventKind, State};
use crate::core::fsm::{self, Refusal};
use crate::core::id::{ObjectId, TicketId};
use crate::core::meta::Policy;
use crate::core::ruling::{Ruling, granted};
use crate::core::ticket::Ticket;
use crate::core::time::Timestamp;
use crate::core::wire::{self, Record};
use crate::git::object::{Commit, Kind};
use crate::git::{GitError, Repo};

/// The longest chain that is read.
const MAX_CHAIN: usize = 100_000;
/// The largest commit object of a chain, in bytes.
const MAX_COMMIT: u64 = 192 * 1024;
/// The most that the commits of a chain may have together, in bytes.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// How far, in seconds, the clock of whoever let an event in is believed to be ahead of the checker's: hours happen.
const MAX_SKEW: u64 = 24 * 3600;
/// How many events of a quarantined chain are looked at for where its lawful part ends.
const MAX_REPAIR: usize = 1000;

/// One link of a chain, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) commit_id: ObjectId,
    pub(crate) commit: Commit,
    pub(crate) record: Record,
}

/// Where the verdict of the event with this number is in the tree.
#[must_use]
pub(crate) fn verdict_path(seq: u32) -> String {
    format!("verdicts/{seq}.json")
}

/// The machine's clock, for leases that are judged without an identity.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a hook judges leases by the checker's own clock")]
pub(crate) fn system_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Where the conflict that stands for a lost event keeps it, but for the end of the name.
#[must_use]
pub(crate) fn conflict_prefix(seq: u32) -> String {
    format!("conflicts/{seq}.")
}

/// By whose clock it is judged whether a lease is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// By that of whoever lets the event in.
    Checkers,
    /// By the event's own, where that is later: whoever let it in has asked a clock, and clocks differ, though not by much.
    Events,
}

/// What is in the protected branches, found out as far as it is asked for.
pub(crate) struct Landed<'a> {
    repo: &'a Repo,
    seen: RefCell<HashSet<ObjectId>>,
    queue: RefCell<Option<BinaryHeap<(i64, ObjectId)>>>,
    tips: Vec<String>,
    supposed: Option<ObjectId>,
    /// Whether the walk came to where a shallow history is cut off.
    is_cut: Cell<bool>,
}

impl<'a> Landed<'a> {
    fn of(repo: &'a Repo, tips: Vec<String>) -> Self {
        let (seen, queue) = (RefCell::default(), RefCell::default());
        Self { repo, seen, queue, tips, supposed: None, is_cut: Cell::new(false) }
    }

    /// About the branches that a policy protects, here and as the shared remote was last seen to have them.
    #[must_use]
    pub(crate) fn new(repo: &'a Repo, policy: &Policy) -> Self {
        let here = Self::of(repo, policy.protected_refs().collect());
        match super::shared_remote(repo) {
            Some(remote) => here.and_of(policy, &remote),
            None => here,
        }
    }

    /// About the branches that a policy protects as a remote was last seen to have them, and no others.
    #[must_use]
    pub(crate) fn at(repo: &'a Repo, policy: &Policy, remote: &str) -> Self {
        Self::of(repo, Vec::new()).and_of(policy, remote)
    }

    /// And as if a commit were the tip of one more of them.
    #[must_use]
    pub(crate) fn and_commit(mut self, commit_id: ObjectId) -> Self {
        self.supposed = Some(commit_id);
        self
    }

    /// And as one more remote has them.
    #[must_use]
    pub(crate) fn and_of(mut self, policy: &Policy, remote: &str) -> Self {
        self.tips.extend(policy.protected.iter().map(|branch| format!("refs/remotes/{remote}/{branch}")));
        self
    }

    /// Whether a commit is in one of them; what cannot be read is not, but for what a shallow history leaves open.
    #[must_use]
    pub(crate) fn has(&self, head: ObjectId) -> bool {
        self.has_seen(head) || self.is_cut.get()
    }

    /// Whether a commit is in what there is of them.
    #[must_use]
    pub(crate) fn has_seen(&self, head: ObjectId) -> bool {
        let mut seen = self.seen.borrow_mut();
        let mut queue = self.queue.borrow_mut();
        let queue = queue.get_or_insert_with(|| {
            let tips = self.tips.iter().filter_map(|name| self.repo.find_ref(name).ok().flatten()).chain(self.supposed);
            tips.filter(|tip| seen.insert(*tip)).map(|tip| (i64::MAX, tip)).collect()
        });
        while !seen.contains(&head) {
            let Some((_, id)) = queue.pop() else { return false };
            let Ok(commit) = self.repo.read_commit(id) else {
                self.is_cut.set(self.is_cut.get() || self.repo.is_shallow());
                continue;
            };
            let time = commit.time().0;
            queue.extend(commit.parents.into_iter().filter(|parent| seen.insert(*parent)).map(|parent| (time, parent)));
        }
        true
    }
}

/// The links from a tip down to, and without, `until`; newest first.
///
/// # Errors
/// When git fails; that a link is not an event or has several parents is a denial.
pub(crate) fn links(repo: &Repo, tip: ObjectId, until: Option<ObjectId>) -> Result<Ruling<Vec<Link>, Illegal>, LedgerError> {
    let mut all = Vec::new();
    let mut next = Some(tip);
    let mut bytes = 0;
    while let Some(commit_id) = next.filter(|id| Some(*id) != until) {
        let illegal = |why: Denial| Ok(Ruling::Denied(Illegal { commit_id, why }));
        if all.len() >= MAX_CHAIN || bytes > MAX_BYTES {
            return illegal(Denial::ChainTooLong);
        }
        match repo.read_header(commit_id) {
            Ok((Kind::Commit, size @ ..=MAX_COMMIT)) => bytes += size,
            Ok((Kind::Commit, _)) => return illegal(Denial::CommitTooLarge),
            Ok(_) => return illegal(Denial::NotACommit),
            Err(error) => return illegal(Denial::Unreadable(Cause::new(error))),
        }
        let commit = match repo.read_commit(commit_id) {
            Ok(commit) => commit,
            Err(error @ GitError::Malformed { .. }) => return illegal(Denial::Unreadable(Cause::new(error))),
            Err(error) => return Err(error.into()),
        };
        let record = match wire::decode(&commit.message) {
            Ok(record) => record,
            Err(error) => return illegal(error.into()),
        };
        next = match commit.parents.as_slice() {
            [] => None,
            [parent] => Some(*parent),
            _ => return illegal(Denial::SeveralParents),
        };
        all.push(Link { commit_id, commit, record });
    }
    if next.is_none() && until.is_some() {
        return Ok(Ruling::Denied(Illegal { commit_id: tip, why: Denial::NotADescendant }));
    }
    Ok(Ruling::Granted(all))
}

/// How a chain is judged: [`admit`] what comes in, [`replay`] what is there.
pub(crate) type JudgeChain =
    fn(&Ledger<'_>, &TicketId, ObjectId, Option<ObjectId>, &Landed<'_>) -> Result<Ruling<Ticket, Illegal>, LedgerError>;

/// Judges a chain as it is there: all of it, or what comes after `from`.
///
/// # Errors
/// When git fails; the first commit that breaks a rule is a denial.
pub(crate) fn replay(
    ledger: &Ledger<'_>,
    id: &TicketId,
    tip: ObjectId,
    from: Option<ObjectId>,
    landed: &Landed<'_>,
) -> Result<Ruling<Ticket, Illegal>, LedgerError> {
    replay_by(ledger, id, tip, from, landed, Clock::Events)
}

/// Judges what a move of a ticket's ref would let in: as [`replay`], but a lease has to be over by this machine's clock,
/// and the work that was passed has to be here.
///
/// # Errors
/// As for [`replay`].
pub(crate) fn admit(
    ledger: &Ledger<'_>,
    id: &TicketId,
    tip: ObjectId,
    from: Option<ObjectId>,
    landed: &Landed<'_>,
) -> Result<Ruling<Ticket, Illegal>, LedgerError> {
    Ok(match replay_by(ledger, id, tip, from, landed, Clock::Checkers)? {
        Ruling::Granted(ticket)
            if ticket.state == State::Verified && !ticket.head.is_some_and(|head| ledger.repo.has_object(head)) =>
        {
            Ruling::Denied(Illegal { commit_id: tip, why: Denial::JudgedCommitMissing })
        }
        judged => judged,
    })
}

fn replay_by(
    ledger: &Ledger<'_>,
    id: &TicketId,
    tip: ObjectId,
    from: Option<ObjectId>,
    landed: &Landed<'_>,
    clock: Clock,
) -> Result<Ruling<Ticket, Illegal>, LedgerError> {
    let links = granted!(links(ledger.repo, tip, from)?);
    replay_links(ledger, id, tip, from, &links, landed, clock)
}

/// Judges a chain from its root, and says when it began.
///
/// # Errors
/// As for [`replay`].
pub(super) fn replay_whole(
    ledger: &Ledger<'_>,
    id: &TicketId,
    tip: ObjectId,
    landed: &Landed<'_>,
) -> Result<Ruling<(Ticket, Timestamp), Illegal>, LedgerError> {
    let links = granted!(links(ledger.repo, tip, None)?);
    let created = links.last().map_or(Timestamp(0), |link| link.commit.time());
    let judged = replay_links(ledger, id, tip, None, &links, landed, Clock::Events)?;
    Ok(judged.map(|ticket| (ticket, created)))
}

fn replay_links(
    ledger: &Ledger<'_>,
    id: &TicketId,
    tip: ObjectId,
    from: Option<ObjectId>,
    links: &[Link],
    landed: &Landed<'_>,
    clock: Clock,
) -> Result<Ruling<Ticket, Illegal>, LedgerError> {
    let mut before: Option<(Ticket, ObjectId)> = match from {
        Some(from) => {
            let commit = ledger.repo.read_commit(from)?;
            let record = wire::decode(&commit.message).map_err(|source| LedgerError::Event { commit_id: from, source })?;
            Some((record.after, commit.tree_id))
        }
        None => None,
    };
    let mut claimant = ledger.find_claimant(from)?;
    // Where work was before its branch was rebased, it is no more.
    let last_merge = links.iter().position(|link| link.record.event.action.kind() == EventKind::Merge);
    for (at, link) in links.iter().enumerate().rev() {
        let stands = last_merge.is_none_or(|last| at <= last);
        match judge(ledger, id, before.as_ref(), link, landed, (clock, stands))? {
            Ruling::Granted(after) => before = Some((after, link.commit.tree_id)),
            Ruling::Denied(why) => return Ok(Ruling::Denied(Illegal { commit_id: link.commit_id, why })),
        }
        if let Ruling::Denied(why) = ledger.judge_holder(id, &mut claimant, link)? {
            return Ok(Ruling::Denied(Illegal { commit_id: link.commit_id, why }));
        }
    }
    Ok(before.map(|before| before.0).ok_or(Illegal { commit_id: tip, why: Denial::ChainEmpty }).into())
}

/// The last event of a chain up to which all is by the rules.
///
/// # Errors
/// When git fails.
pub(crate) fn legal_part(
    ledger: &Ledger<'_>,
    id: &TicketId,
    tip: ObjectId,
    landed: &Landed<'_>,
) -> Result<Option<ObjectId>, LedgerError> {
    let mut next = Some(tip);
    for _ in 0..MAX_REPAIR {
        let Some(commit_id) = next else { return Ok(None) };
        if replay(ledger, id, commit_id, None, landed)?.is_granted() {
            return Ok(Some(commit_id));
        }
        next = ledger.repo.read_commit(commit_id).ok().and_then(|commit| commit.parents.first().copied());
    }
    // Too much to tell: then nothing is given up.
    Ok(Some(tip))
}

/// Judges one link. If it says where work has landed, `stands` tells whether no later one says that too.
fn judge(
    ledger: &Ledger<'_>,
    id: &TicketId,
    before: Option<&(Ticket, ObjectId)>,
    link: &Link,
    landed: &Landed<'_>,
    (clock, stands): (Clock, bool),
) -> Result<Ruling<Ticket>, LedgerError> {
    let Record { event, after } = &link.record;
    if wire::encode(&link.record).as_bytes() != link.commit.message {
        return Ok(Ruling::Denied(Denial::NotCanonical));
    }
    granted!(ledger.judge_hand(id, link)?);
    if let Action::Create { content, repo } = &event.action {
        if *repo != ledger.repo_id {
            return Ok(Ruling::Denied(Denial::OtherRepository));
        }
        if !id.is_of_root(&link.commit.time().date(), &content.brand, link.commit_id) {
            return Ok(Ruling::Denied(Denial::OtherTicket(id.clone())));
        }
    }
    granted!(Ruling::from(tree::judge(ledger.repo, event.action.kind(), before.map(|before| before.1), link)));
    let verdict = match event.action {
        Action::Pass => {
            let verdict = granted!(tree::read_verdict(ledger.repo, link.commit.tree_id, after.seq)?);
            if !verdict.is_on(id) {
                return Ok(Ruling::Denied(Denial::VerdictOnOtherTicket));
            }
            // Work that was redone since is kept by nobody; what is to land has to be here, which the gate sees to.
            if ledger.repo.read_commit(verdict.commit).is_ok_and(|judged| judged.tree_id != verdict.tree) {
                return Ok(Ruling::Denied(Denial::VerdictOnOtherTree));
            }
            granted!(tree::judge_criteria(ledger.repo, link.commit.tree_id, &verdict)?);
            granted!(tree::judge_backstop(ledger.repo, link.commit.tree_id, &verdict)?);
            Some(verdict)
        }
        _ => None,
    };
    let now = match clock {
        Clock::Checkers => system_clock(),
        // A time further ahead than clocks go wrong is made up.
        Clock::Events => Some(link.commit.time())
            .filter(|time| *time <= system_clock().plus(MAX_SKEW))
            .map_or(system_clock(), |time| system_clock().max(time)),
    };
    let facts = FactsHere::new(ledger, landed, verdict.as_ref(), (now, stands));
    let computed = fsm::apply(before.map(|before| &before.0), event, &facts.borrow());
    Ok(match computed {
        Ok(mut computed) => {
            if after.schema > wire::NEWEST {
                // A newer writer may add what is not known here.
                (computed.schema, computed.unknown) = (after.schema, after.unknown.clone());
            }
            if let Some(verdict) = &verdict {
                granted!(ledger.judge_scope(&after.content, verdict.base, verdict.commit)?);
            }
            let proven = |computed| ledger.judge_proof_of(verdict.as_ref(), link).map(|proven| proven.map(|()| computed));
            if computed == *after { proven(computed)? } else { Ruling::Denied(difference(&computed, after)) }
        }
        Err(Refusal::DependencyOpen(id)) => Ruling::Denied(Denial::DependencyOpen(id)),
        Err(refusal) => Ruling::Denied(refusal.into()),
    })
}

/// Says what a commit claims that it has not earned.
fn difference(computed: &Ticket, claimed: &Ticket) -> Denial {
    if computed.state != claimed.state {
        return Denial::WrongState { claimed: claimed.state, computed: computed.state };
    }
    let what = if computed.content != claimed.content {
        "title, brand, kind, priority, labels or dependencies"
    } else if computed.run != claimed.run || computed.lease != claimed.lease {
        "holder or lease"
    } else if computed.attempt != claimed.attempt || computed.seq != claimed.seq {
        "attempt or number"
    } else if computed.head != claimed.head || computed.base != claimed.base || computed.copy != claimed.copy {
        "head, base or copy"
    } else {
        "something else"
    };
    Denial::Unearned(what)
}
