//! The refs of git-os: one file a kind, and one table of all kinds that every door walks.
//!
//! A kind says which names it has, who may move such a ref and how ([`Kind::judge`]), what of a remote's is taken in
//! ([`Kind::accept`]), how two sides meet ([`Kind::join`]), how its history is examined ([`Kind::audit`]), and whether it
//! travels. Hook, server, sync, fsck and doctor ask this table and add nothing of their own. Most of it has a default: a
//! ref that only grows.

pub(crate) mod archive;
mod audit;
pub(crate) mod budget;
mod chain;
mod events;
mod fold;
#[cfg(test)]
mod laws;
mod learnings;
pub(crate) mod policy;
mod proposals;
mod provenance;
mod rejected;
mod repair;
mod rescue;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod sessions;
mod sides;
pub(crate) mod strays;
mod tickets;
mod transcripts;
pub(crate) mod verdicts;
mod wiki;

use std::cell::OnceCell;

pub(crate) use self::audit::{Audit, Violation};
pub(crate) use self::fold::{Meeting, fold, meet};
pub(crate) use self::repair::Repaired;
use self::sides::Sides;
use crate::core::denial::Denial;
use crate::core::id::{ObjectId, TicketId};
use crate::core::refs::ROOT;
use crate::core::ruling::{Ruling, granted};
use crate::git::Repo;
use crate::ledger::replay::{JudgeChain, Landed};
use crate::ledger::{Ledger, LedgerError, archive as archived};

/// All kinds of refs. What is not in here, git-os does not have.
pub(crate) const KINDS: &[&dyn Kind] = &[
    &policy::Policies,
    &archive::Archive,
    &tickets::Tickets,
    &verdicts::Verdicts,
    &provenance::Provenance,
    &strays::Strays,
    &learnings::Learnings,
    &sessions::Sessions,
    &proposals::Proposals,
    &wiki::Wiki,
    &budget::Budgets,
    &transcripts::Transcripts,
    &rescue::Rescued,
    &rejected::Rejected,
    #[cfg(test)]
    &sample::Samples,
];

/// The kind of a ref, by its full name; none for a name that git-os does not give.
#[must_use]
pub(crate) fn kind_of(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().find(|kind| kind.owns(name)).copied()
}

/// Which refs go first to a remote that judges, and come first from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// What the rest is judged by.
    Policy,
    /// What takes the place of live refs.
    Archive,
    /// The branches that tickets name.
    Branch,
    Ticket,
    Other,
    /// What repeats tickets.
    Notes,
    /// What goes.
    Deletion,
}

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

/// What became of one ref that was folded in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Folded {
    /// Nothing was to be done here.
    Same,
    /// It is here as the remote has it.
    Brought,
    /// Both had something new; so many events could not be replayed and stand as conflicts.
    Merged { conflicts: usize },
    /// The ticket that was called `from` here is called `to` now, since another ticket was found to have its name.
    Renamed { from: TicketId, to: TicketId },
    /// It is not legal, and stays outside.
    Refused(Denial),
}

/// How a kind puts two sides together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The other side as it is.
    Theirs,
    /// A commit that has both, in which so many events stand as conflicts.
    Both { tip: ObjectId, conflicts: usize },
    /// The kind has moved what there was to move.
    Done(Folded),
}

/// What a judgement looks at: a repository, its ledger if it is under git-os, and what has landed in it.
pub(crate) struct Scene<'a> {
    pub(crate) repo: &'a Repo,
    ledger: Option<&'a Ledger<'a>>,
    remote: Option<&'a str>,
    landed: OnceCell<Landed<'a>>,
}

impl<'a> Scene<'a> {
    #[must_use]
    pub(crate) fn new(repo: &'a Repo, ledger: Option<&'a Ledger<'a>>) -> Self {
        Self { repo, ledger, remote: None, landed: OnceCell::new() }
    }

    /// Of a repository that is under git-os.
    #[must_use]
    pub(crate) fn of(ledger: &'a Ledger<'a>) -> Self {
        Self::new(ledger.repo, Some(ledger))
    }

    /// And what has landed at a remote, beside the shared one.
    #[must_use]
    pub(crate) fn and_of(mut self, remote: &'a str) -> Self {
        self.remote = Some(remote);
        self
    }

    /// The ledger; denied where there is no policy.
    pub(crate) fn ledger(&self) -> Ruling<&'a Ledger<'a>> {
        self.ledger.map_or(Ruling::Denied(Denial::NoPolicy), Ruling::Granted)
    }

    /// What has landed, by the policy of a ledger.
    pub(crate) fn landed(&self, ledger: &Ledger<'a>) -> &Landed<'a> {
        self.landed.get_or_init(|| {
            let landed = Landed::new(self.repo, &ledger.policy);
            match self.remote {
                Some(remote) => landed.and_of(&ledger.policy, remote),
                None => landed,
            }
        })
    }
}

/// One kind of ref. The defaults are those of a ref that is shared and only grows.
pub(crate) trait Kind: Sync {
    /// Whether this is the name of such a ref.
    fn owns(&self, name: &str) -> bool;

    /// Whether it goes to a shared remote and comes from one.
    fn is_shared(&self) -> bool {
        true
    }

    /// When it goes and comes.
    fn rank(&self) -> Rank {
        Rank::Other
    }

    /// Whether it means nothing in a repository without a policy.
    fn needs_policy(&self) -> bool {
        true
    }

    /// Where the archive keeps such a ref, if it does.
    fn archive_path(&self, _name: &str) -> Option<String> {
        None
    }

    /// Whether a ref may move so, as a hook or a server asks.
    ///
    /// # Errors
    /// When git cannot read what it takes.
    fn judge(&self, scene: &Scene<'_>, _name: &str, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
        grows(scene.repo, old, new)
    }

    /// Whether a ref may go.
    ///
    /// # Errors
    /// When git cannot read what it takes.
    fn judge_deletion(&self, scene: &Scene<'_>, name: &str, old: ObjectId) -> Result<Ruling<()>, LedgerError> {
        let ledger = granted!(scene.ledger());
        let Some(path) = self.archive_path(name) else { return Ok(Ruling::Denied(Denial::NeverDeleted)) };
        Ok(match archived::find_path(scene.repo, &path)? {
            Some(kept) if self.keeps(ledger, old, kept)? => Ruling::Granted(()),
            _ => Ruling::Denied(Denial::NotArchived),
        })
    }

    /// Whether what a remote has may be taken in; it is a commit that is here, and what is here lacks it.
    ///
    /// # Errors
    /// When git cannot read what it takes.
    fn accept(&self, _scene: &Scene<'_>, _name: &str, _meeting: &Meeting) -> Result<Ruling<()>, LedgerError> {
        Ok(Ruling::Granted(()))
    }

    /// One commit of two sides of which neither has the other; the same on every machine.
    ///
    /// # Errors
    /// When git cannot read or write.
    fn merge(&self, repo: &Repo, sides: &Sides) -> Result<ObjectId, LedgerError> {
        sides.join(repo, sides.newer().tree_id, &sides::joined())
    }

    /// Puts two sides together of which neither has the other, for a kind that does more than [`Kind::merge`] them.
    ///
    /// # Errors
    /// When git cannot read or write.
    fn join(
        &self,
        scene: &Scene<'_>,
        _name: &str,
        (ours, theirs): (ObjectId, ObjectId),
        order: Order,
    ) -> Result<Ruling<Joined>, LedgerError> {
        let tip = self.merge(scene.repo, &Sides::of(scene.repo, ours, theirs, order)?)?;
        Ok(Ruling::Granted(Joined::Both { tip, conflicts: 0 }))
    }

    /// What else is to be done once two sides were put together and the ref has moved.
    ///
    /// # Errors
    /// When git cannot read or write.
    fn after_join(&self, _scene: &Scene<'_>, _sides: (ObjectId, ObjectId), _order: Order) -> Result<(), LedgerError> {
        Ok(())
    }

    /// Whether one tip has all that another has.
    ///
    /// # Errors
    /// When git cannot read them.
    fn keeps(&self, ledger: &Ledger<'_>, part: ObjectId, whole: ObjectId) -> Result<bool, LedgerError> {
        Ok(part == whole || ledger.repo.is_ancestor(part, whole)?)
    }

    /// Whether a tip may be pushed over another from which it does not descend.
    ///
    /// # Errors
    /// When git cannot read them.
    fn may_replace(&self, _ledger: &Ledger<'_>, _name: &str, _old: ObjectId, _new: ObjectId) -> Result<bool, LedgerError> {
        Ok(false)
    }

    /// How much of a tip can be pushed by now, given what has landed there.
    ///
    /// # Errors
    /// When git cannot read it.
    fn part_to_share(&self, _repo: &Repo, _there: &Landed<'_>, tip: ObjectId) -> Result<Option<ObjectId>, LedgerError> {
        Ok(Some(tip))
    }

    /// Whether a history may stand in the archive in place of such a ref.
    ///
    /// # Errors
    /// When git cannot read it.
    fn judge_archived(&self, _: &Scene<'_>, _name: &str, _tip: ObjectId, _: JudgeChain) -> Result<Ruling<()>, LedgerError> {
        Ok(Ruling::Granted(()))
    }

    /// Examines the history of a ref, and notes what is not legal.
    ///
    /// # Errors
    /// When git cannot read what it takes.
    fn audit(&self, scene: &Scene<'_>, name: &str, tip: ObjectId, report: &mut Audit) -> Result<(), LedgerError> {
        if let Ruling::Denied(why) = is_commit(scene.repo, tip)? {
            report.add(name, Some(tip), &why);
        }
        Ok(())
    }

    /// Puts a ref that is not legal back to what is legal of it, if that can be told and is for this kind to do.
    ///
    /// # Errors
    /// When git cannot read or write.
    fn repair(&self, _: &Scene<'_>, _name: &str, _tip: ObjectId) -> Result<Option<Repaired>, LedgerError> {
        Ok(None)
    }

    /// As [`Kind::audit`], of a history that the archive keeps.
    ///
    /// # Errors
    /// When git cannot read what it takes.
    fn audit_archived(&self, _: &Scene<'_>, _name: &str, _tip: ObjectId, _: &mut Audit) -> Result<(), LedgerError> {
        Ok(())
    }
}

/// Judges a move of a ref where only refs of git-os may stand.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn judge(
    scene: &Scene<'_>,
    name: &str,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
) -> Result<Ruling<()>, LedgerError> {
    let kind = kind_of(name);
    if kind.is_none_or(Kind::needs_policy) {
        granted!(scene.ledger());
    }
    match (kind, old, new) {
        (Some(kind), old, Some(new)) => kind.judge(scene, name, old, new),
        (Some(kind), Some(old), None) => kind.judge_deletion(scene, name, old),
        // What is not there, and what is no ref of ours, may always be swept out.
        (Some(_), None, None) | (None, _, None) => Ok(Ruling::Granted(())),
        (None, _, Some(_)) => Ok(Ruling::Denied(Denial::UnknownRef)),
    }
}

/// The tip that the archive keeps of a ref.
///
/// # Errors
/// When the archive cannot be read.
pub(crate) fn find_archived(repo: &Repo, kind: &dyn Kind, name: &str) -> Result<Option<ObjectId>, LedgerError> {
    match kind.archive_path(name) {
        Some(path) => archived::find_path(repo, &path),
        None => Ok(None),
    }
}

/// The name of the ref that the archive keeps at a path, `<folder>/<month>/<name>`.
fn name_at(path: &str) -> Option<String> {
    let (folder, rest) = path.split_once('/')?;
    Some(format!("{ROOT}{folder}/{}", rest.split_once('/')?.1))
}

/// Whether an object is a commit that is here.
fn is_commit(repo: &Repo, id: ObjectId) -> Result<Ruling<()>, LedgerError> {
    Ok(match repo.read_header(id)?.0 {
        crate::git::object::Kind::Commit => Ruling::Granted(()),
        _ => Ruling::Denied(Denial::NotACommit),
    })
}

/// What only ever grows: the new tip is a commit that descends from the old one.
fn grows(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
    granted!(is_commit(repo, new)?);
    Ok(match old {
        Some(old) if !repo.is_ancestor(old, new)? => Ruling::Denied(Denial::LosesCommits),
        _ => Ruling::Granted(()),
    })
}
