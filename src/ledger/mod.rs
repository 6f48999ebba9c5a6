//! Tickets kept as chains of commits: one door to write ([`Ledger::submit`]), one to look ([`Ledger::rows`]).
//!
//! A write makes the commit first, applies it in memory, and moves the ref last, by compare-and-swap.
//! A lost race is read again and answered with what is true by then.

pub(crate) mod archive;
pub(crate) mod attempts;
#[cfg(test)]
pub(crate) mod builder;
pub(crate) mod cache;
mod draft;
mod facts;
mod holders;

pub(crate) mod policy;
mod proof;
mod quarantine;
pub(crate) mod replay;
mod scope;
pub(crate) mod signed;

pub(crate) mod tree;

use crate::core::denial::{Denial, Illegal};
use crate::core::event::{Action, Event, Role, State};
use crate::core::fsm::{self, Refusal};
use crate::core::id::{InvalidId, Nonce, ObjectId, RESCUE, RepoName, RunId, TicketId};
use crate::core::meta::Policy;
use crate::core::ruling::Ruling;
use crate::core::secrets;
use crate::core::text;
use crate::core::ticket::{Content, Ticket};
use crate::core::time::Timestamp;
use crate::core::wire::{self, Record, WireError};
use crate::git::refs::{Moved, RefEdit, Update};
use crate::git::signature::{NewCommit, SignError};
use crate::git::{GitError, Repo};
pub(crate) use draft::{Draft, File, criteria_file, description_file, plan_file};
pub(crate) use facts::FactsHere;
pub(crate) use quarantine::Quarantine;
use replay::Landed;

/// The file in a ticket's tree that says what is to be done.
pub(crate) const DESCRIPTION: &str = "description.md";

/// What can go wrong with the ledger; a refused event is not among it.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum LedgerError {
    #[error("git-os is not set up in this repository")]
    NotInitialised,
    #[error("cannot read the policy in `refs/os/meta`")]
    #[strum(serialize = "unreadable-policy")]
    Policy(#[source] serde_json::Error),
    #[error("cannot read the policy in `refs/os/meta`")]
    #[strum(serialize = "no-policy-object")]
    PolicyObject(#[source] GitError),
    #[error("ticket `{0}` not found")]
    #[strum(serialize = "ticket-not-found")]
    NotFound(String),
    #[error("`{part}` matches {count} tickets:{}", one_a_line(.candidates, *.count))]
    #[strum(serialize = "ticket-ambiguous")]
    Ambiguous { part: String, candidates: Vec<Candidate>, count: usize },
    #[error("ticket {id} is quarantined{}", last_legal(*.last))]
    Quarantined { id: TicketId, last: Option<State>, source: Box<Illegal> },
    #[error("refusing to update ticket {id}")]
    Illegal { id: TicketId, source: Box<Denial> },
    #[error("commit {commit_id} is not an event")]
    #[strum(serialize = "not-an-event")]
    Event { commit_id: ObjectId, source: WireError },
    #[error("cannot replay commit {commit_id} on another chain")]
    Unchained { commit_id: ObjectId, source: Box<Denial> },
    #[error("cannot reach remote `{remote}`: {why}")]
    #[strum(serialize = "remote-unreachable")]
    Unreachable { remote: String, why: String },
    #[error("remote `{remote}` rejected the push: {why}")]
    #[strum(serialize = "remote-refused")]
    RefusedThere { remote: String, why: String },
    #[error("brand `{brand}` does not belong to this repository; {allowed}")]
    #[strum(serialize = "other-brand")]
    Brand { brand: String, allowed: String },
    #[error("cannot sign as `{role}`")]
    #[strum(serialize = "cannot-sign")]
    Unsigned { role: Role, source: SignError },
    #[error("cannot sign as `{role}` on this machine")]
    NotYours {
        role: Role,
        #[source]
        why: Box<Denial>,
    },
    #[error("cannot read system randomness")]
    #[strum(serialize = "no-randomness")]
    Random(#[source] getrandom::Error),
    #[error(transparent)]
    #[strum(serialize = "invalid-value")]
    Id(#[from] InvalidId),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// One of several tickets that a person may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: TicketId,
    pub(crate) repo: RepoName,
    /// `None` when no event of it is legal.
    pub(crate) state: Option<State>,
    pub(crate) title: String,
}

/// Candidates as lines, and how many more there are.
fn one_a_line(candidates: &[Candidate], count: usize) -> String {
    let line = |Candidate { id, repo, state, title }: &Candidate| {
        format!("\n  {id} {repo} {} {}", state.map_or("quarantined", State::as_str), text::escape(title))
    };
    let more = count - candidates.len().min(count);
    let rest = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    candidates.iter().map(line).collect::<String>() + &rest
}

/// A ticket and where its chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: TicketId,
    pub(crate) tip: ObjectId,
    pub(crate) tree_id: ObjectId,
    pub(crate) updated: Timestamp,
    pub(crate) ticket: Ticket,
}

/// What came of an event: the ticket after it, or the rule that refuses it.
pub(crate) type Submitted = Ruling<Box<Entry>, Refusal>;

/// The tickets of one repository.
pub(crate) struct Ledger<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) policy: Policy,
    /// The root commit of `refs/os/meta`: which repository this is.
    pub(crate) repo_id: ObjectId,
    past: signed::Past,
}

/// How the name of a ref begins, below its ticket's, that keeps what was handed in.
const SUBMITTED: &str = "submitted-";
/// The same for where the work was when a step of its plan was done.
const STEP: &str = "step-";

impl<'a> Ledger<'a> {
    /// Opens the ledger of a repository that is under git-os.
    ///
    /// # Errors
    /// When it is not, or its policy cannot be read.
    pub(crate) fn open(repo: &'a Repo) -> Result<Self, LedgerError> {
        let (repo_id, policy) = policy::read(repo)?.ok_or(LedgerError::NotInitialised)?;
        Ok(Self::under(repo, repo_id, policy))
    }

    /// The ledger of a repository as another policy sees it, such as the one in force before a push.
    #[must_use]
    pub(crate) fn under(repo: &'a Repo, repo_id: ObjectId, policy: Policy) -> Self {
        Self { repo, policy, repo_id, past: signed::Past::default() }
    }

    /// Opens a ticket with these files.
    ///
    /// # Errors
    /// When git cannot write; the refusal of the rules is an [`Submitted`].
    pub(crate) fn create(
        &self,
        content: Content,
        files: &[File],
        actor: Role,
        by: Option<RunId>,
    ) -> Result<Submitted, LedgerError> {
        if !self.policy.brands.contains(&content.brand) {
            let allowed: Vec<_> = self.policy.brands.iter().map(|brand| format!("`{brand}`")).collect();
            return Err(LedgerError::Brand {
                brand: content.brand.to_string(),
                allowed: format!("it has {}", allowed.join(" and ")),
            });
        }
        let content = Content { title: text::line(&secrets::redact(&content.title), text::MAX_TITLE), ..content };
        let brand = content.brand.clone();
        let action = Action::Create { content, repo: self.repo_id };
        let event = Event { action, actor, agent: None, by, nonce: nonce()?, text: String::new() };
        let ticket = match fsm::apply(None, &event, &self.facts(&Landed::new(self.repo, &self.policy), None).borrow()) {
            Ok(ticket) => ticket,
            Err(refusal) => return Ok(Ruling::Denied(refusal)),
        };
        let mut tree_id = self.repo.write_tree(&mut [])?;
        for (path, contents) in files {
            tree_id = self.repo.edit_tree(Some(tree_id), path, Some(self.repo.write_blob(contents)?))?;
        }
        let who = self.repo.identity()?;
        let message = wire::encode(&Record { event, after: ticket.clone() });
        let tip = self.write_event(actor, &NewCommit::by(&who, tree_id, &[], message))?;
        for digits in 4..=tip.to_string().len() {
            let id = TicketId::of_root(&who.time.date(), &brand, tip, digits);
            if archive::find(self.repo, &id)?.is_some() {
                continue;
            }
            if self.repo.move_refs(&[RefEdit::create(id.ref_name(), tip)])? == Moved::Done {
                return Ok(Ruling::Granted(Box::new(Entry { id, tip, tree_id, updated: who.time, ticket })));
            }
        }
        Err(LedgerError::NotFound(tip.to_string()))
    }

    /// Writes the next event of a ticket, if the rules allow it by the time it is written.
    ///
    /// # Errors
    /// When the ticket is not there or is quarantined, or git cannot write.
    pub(crate) fn submit(&self, id: &TicketId, draft: &Draft) -> Result<Submitted, LedgerError> {
        self.submit_with(id, draft, &Landed::new(self.repo, &self.policy))
    }

    /// As [`Ledger::submit`], with what is taken as landed.
    ///
    /// # Errors
    /// As for [`Ledger::submit`].
    pub(crate) fn submit_with(&self, id: &TicketId, draft: &Draft, landed: &Landed<'_>) -> Result<Submitted, LedgerError> {
        self.repo.update_ref(&id.ref_name(), |live| {
            Ok(match self.prepare_on(live, id, draft, landed)? {
                Ruling::Granted(entry) => Update::Move { to: entry.tip, then: Ruling::Granted(Box::new(entry)) },
                Ruling::Denied(refusal) => Update::Stop(Ruling::Denied(refusal)),
            })
        })
    }

    /// Writes the commit of an event and moves no ref to it. Answers what the ref has to be for that, and the ticket as it
    /// would be; or the refusal of the rules. An archived ticket has no ref, and gets one again.
    pub(crate) fn prepare(
        &self,
        id: &TicketId,
        draft: &Draft,
        landed: &Landed<'_>,
    ) -> Result<Ruling<(Option<ObjectId>, Entry), Refusal>, LedgerError> {
        let live = self.repo.find_ref(&id.ref_name())?;
        Ok(self.prepare_on(live, id, draft, landed)?.map(|entry| (live, entry)))
    }

    /// Keeps a commit that is handed in, should its branch go before it has landed.
    ///
    /// # Errors
    /// If git cannot read or write the ref.
    pub(crate) fn keep_work(&self, id: &TicketId, head: ObjectId) -> Result<(), LedgerError> {
        self.keep(id, SUBMITTED, head)
    }

    /// Keeps a commit that a step of the plan made.
    ///
    /// # Errors
    /// As for [`Ledger::keep_work`].
    pub(crate) fn keep_step(&self, id: &TicketId, commit_id: ObjectId) -> Result<(), LedgerError> {
        self.keep(id, STEP, commit_id)
    }

    fn keep(&self, id: &TicketId, what: &str, head: ObjectId) -> Result<(), LedgerError> {
        let name = format!("{RESCUE}{id}/{what}{}", head.short(12));
        // It may be kept already.
        if self.repo.find_ref(&name)?.is_none() {
            let (Moved::Done | Moved::Lost) = self.repo.move_refs(&[RefEdit::create(name, head)])?;
        }
        Ok(())
    }

    /// Lets go of all that was handed in for a ticket, which has landed.
    ///
    /// # Errors
    /// If git cannot read or delete the refs.
    pub(crate) fn forget_work(&self, id: &TicketId) -> Result<(), LedgerError> {
        let is_work =
            |name: &str| name.rsplit('/').next().is_some_and(|last| last.starts_with(SUBMITTED) || last.starts_with(STEP));
        let kept = self.repo.list_refs(&format!("{RESCUE}{id}/"))?;
        let gone: Vec<_> =
            kept.into_iter().filter(|(name, _)| is_work(name)).map(|(name, tip)| RefEdit::delete(name, tip)).collect();
        if !gone.is_empty() {
            let (Moved::Done | Moved::Lost) = self.repo.move_refs(&gone)?;
        }
        Ok(())
    }

    /// As [`Ledger::prepare`], with the ref's value as it was just read.
    fn prepare_on(
        &self,
        live: Option<ObjectId>,
        id: &TicketId,
        draft: &Draft,
        landed: &Landed<'_>,
    ) -> Result<Ruling<Entry, Refusal>, LedgerError> {
        let entry = self.read_judged(live, id, landed)?;
        let mut action = draft.action.clone();
        if let Action::Edit { content } = &mut action {
            content.title = text::line(&secrets::redact(&content.title), text::MAX_TITLE);
        }
        let event = Event {
            action,
            actor: draft.actor,
            agent: draft.agent.clone(),
            by: draft.by.clone(),
            nonce: nonce()?,
            text: draft.text.clone(),
        };
        let facts = self.facts(landed, draft.verdict.as_ref());
        let ticket = match fsm::apply(Some(&entry.ticket), &event, &facts.borrow()) {
            Ok(ticket) => ticket,
            Err(refusal) => return Ok(Ruling::Denied(refusal)),
        };
        if let Action::Submit { head, .. } | Action::Stale { head, .. } = &event.action {
            self.keep_work(id, *head)?;
        }
        let mut tree_id = entry.tree_id;
        for (path, contents) in &draft.files {
            tree_id = self.repo.edit_tree(Some(tree_id), path, Some(self.repo.write_blob(contents)?))?;
        }
        if let Some(verdict) = &draft.verdict {
            let file = self.repo.write_blob((verdict.to_json() + "\n").as_bytes())?;
            tree_id = self.repo.edit_tree(Some(tree_id), &replay::verdict_path(ticket.seq), Some(file))?;
        }
        let who = self.repo.identity()?;
        let message = wire::encode(&Record { event, after: ticket.clone() });
        let tip = self.write_event(draft.actor, &NewCommit::by(&who, tree_id, &[entry.tip], message))?;
        // What depends on content, on a clock or on who signs is judged as every other door will judge it, before the ref moves.
        let is_plain = draft.files.is_empty()
            && draft.verdict.is_none()
            && !matches!(draft.action, Action::Expire)
            && self.policy.actors.is_empty();
        if !is_plain && let Ruling::Denied(illegal) = replay::admit(self, id, tip, Some(entry.tip), landed)? {
            return Err(LedgerError::Illegal { id: id.clone(), source: Box::new(illegal.why) });
        }
        Ok(Ruling::Granted(Entry { id: id.clone(), tip, tree_id, updated: who.time, ticket }))
    }

    /// A live ticket, as its tip says, or `None`.
    ///
    /// # Errors
    /// When the tip is not an event.
    pub(crate) fn find(&self, id: &TicketId) -> Result<Option<Entry>, LedgerError> {
        self.repo.find_ref(&id.ref_name())?.map(|tip| self.read_entry(id.clone(), tip)).transpose()
    }

    /// The ticket whose chain ends at a commit.
    ///
    /// # Errors
    /// When the commit is not an event.
    pub(crate) fn read_entry(&self, id: TicketId, tip: ObjectId) -> Result<Entry, LedgerError> {
        let commit = self.repo.read_commit(tip)?;
        let record = wire::decode(&commit.message).map_err(|source| LedgerError::Event { commit_id: tip, source })?;
        Ok(Entry { id, tip, tree_id: commit.tree_id, updated: commit.time(), ticket: record.after })
    }

    /// A ticket, live or archived, whose whole chain is legal; any other is shown and not acted on.
    ///
    /// # Errors
    /// [`LedgerError::Quarantined`] with the commit and the rule.
    fn read_judged(&self, live: Option<ObjectId>, id: &TicketId, landed: &Landed<'_>) -> Result<Entry, LedgerError> {
        let tip = match live {
            Some(live) => Some(live),
            None => archive::find(self.repo, id)?,
        };
        let tip = tip.ok_or_else(|| LedgerError::NotFound(id.to_string()))?;
        match replay::replay(self, id, tip, None, landed)? {
            Ruling::Granted(ticket) => {
                let commit = self.repo.read_commit(tip)?;
                Ok(Entry { id: id.clone(), tip, tree_id: commit.tree_id, updated: commit.time(), ticket })
            }
            Ruling::Denied(illegal) => Err(Quarantine { tip, illegal, legal: self.find_legal(id, tip, landed)? }.into_error(id)),
        }
    }

    /// The description of a ticket.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn description(&self, entry: &Entry) -> Result<String, LedgerError> {
        let text = self.repo.find_file(entry.tree_id, DESCRIPTION, text::MAX_FILE)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
    }
}

/// The end of a sentence on a quarantined ticket.
fn last_legal(last: Option<State>) -> String {
    last.map_or_else(String::new, |state| format!("; its last valid state is `{state}`"))
}

/// Where a repository's own configuration names the remote that orders events for all machines.
pub(crate) const REMOTE_KEY: &str = "git-os.remote";

/// The remote that orders events for all machines, if this repository has one.
#[must_use]
pub(crate) fn shared_remote(repo: &Repo) -> Option<String> {
    repo.config(REMOTE_KEY).filter(|name| !name.is_empty())
}

/// 128 random bits as hexadecimal digits.
///
/// # Errors
/// When the system gives none.
pub(crate) fn random_hex() -> Result<String, LedgerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(LedgerError::Random)?;
    Ok(bytes.iter().fold(String::with_capacity(32), |hex, byte| hex + &format!("{byte:02x}")))
}

/// A fresh nonce.
fn nonce() -> Result<Nonce, LedgerError> {
    Ok(Nonce::parse(&random_hex()?)?)
}

/// A fresh run id.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn new_run() -> Result<RunId, LedgerError> {
    Ok(RunId::parse(&random_hex()?)?)
}
