//! Why something is not allowed: every reason that git-os gives, with its words and its stable code.

mod cause;

pub(crate) use self::cause::Cause;
use super::ballot::Uncounted;
use super::event::{EventKind, Role, State};
use super::fsm::Refusal;
use super::id::{Brand, ObjectId, TicketId};
use super::text;
use super::verdict::Grade;
use super::wire::WireError;

/// An event that breaks a rule, and which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {} is invalid", .commit_id.short(12))]
pub(crate) struct Illegal {
    pub(crate) commit_id: ObjectId,
    #[source]
    pub(crate) why: Denial,
}

/// A reason. It reads as the end of "refusing to update `X`: …"; the whole text is that of [`Denial::full`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Denial {
    // Objects and refs of any kind.
    #[error("not a commit")]
    NotACommit,
    #[error("commit {} is not in this repository", .0.short(12))]
    Missing(ObjectId),
    #[error("object {} is missing or cannot be read", .0.short(12))]
    UnreadableObject(ObjectId),
    #[error("cannot be read")]
    Unreadable(#[source] Cause),
    #[error("git-os cannot check it")]
    Unjudged(#[source] Cause),
    #[error("git-os has no such ref")]
    UnknownRef,
    #[error("{0}")]
    OddRef(String),
    #[error("it cannot be a symbolic ref")]
    Symbolic,
    #[error("on this server it is a symbolic ref; push to `{0}` instead")]
    SymbolicThere(String),
    #[error("it changed in the meantime")]
    MovedMeanwhile,
    #[error("replacement refs are not allowed on a server")]
    Replacement,
    #[error("the new tip would lose commits")]
    LosesCommits,
    #[error("this ref is written once")]
    WrittenOnce,
    #[error("a ref is deleted only after it is archived")]
    NotArchived,
    #[error("a ref of this kind is never deleted")]
    NeverDeleted,
    #[error("it changed during the merge; the next git-os command tries again")]
    MovedDuringFold,
    #[error("the local history is invalid, and the remote's does not repair it")]
    LocalIllegal,
    #[error("the budget in {} is not what its change makes of the one before", .0.short(12))]
    UnearnedBudget(ObjectId),

    // The chain of a ticket.
    #[error(transparent)]
    Illegal(Box<Illegal>),
    #[error("the chain is too long")]
    ChainTooLong,
    #[error("the chain is empty")]
    ChainEmpty,
    #[error("the commit is too large")]
    CommitTooLarge,
    #[error("an event has one parent")]
    SeveralParents,
    #[error("the new tip does not descend from the current one")]
    NotADescendant,
    #[error(transparent)]
    NotAnEvent(#[from] WireError),
    #[error("it is not in canonical form")]
    NotCanonical,
    #[error("the ticket was created in another repository")]
    OtherRepository,
    #[error("the id `{0}` does not match the first commit of the chain")]
    OtherTicket(TicketId),
    #[error("the name is not a ticket id")]
    NotATicketId,
    #[error("`{0}` is taken")]
    NameTaken(TicketId),
    #[error("brand `{0}` does not belong to this repository")]
    OtherBrand(Brand),
    #[error(transparent)]
    Rule(#[from] Refusal),
    #[error("claimed before {0} was merged")]
    DependencyOpen(TicketId),
    #[error("it records the state `{claimed}`, but the event leads to `{computed}`")]
    WrongState { claimed: State, computed: State },
    #[error("it changes {0}, which this event cannot change")]
    Unearned(&'static str),
    #[error("the ref has been quarantined since event {}{}, and this update does not continue its valid part", .since.short(12), last_legal(*.last))]
    Quarantined {
        since: ObjectId,
        last: Option<State>,
        #[source]
        why: Box<Denial>,
    },
    #[error("the archive has another history of this ticket")]
    ArchivedOtherwise(#[source] Box<Denial>),
    #[error("cannot be merged with the local history")]
    Unmergeable(#[source] Box<Denial>),

    #[error("the ticket is `merged`, but no protected branch contains its head")]
    MergedNotLanded,

    // The files of an event.
    #[error("`{0}` changes no files, but the tree differs")]
    TreeChanged(EventKind),
    #[error("a file is in the tree twice")]
    FileTwice,
    #[error("`{event}` may not write `{}`", text::escape(.path))]
    MayNotWrite { event: EventKind, path: String },
    #[error("`{event}` may not remove `{}`", text::escape(.path))]
    MayNotRemove { event: EventKind, path: String },
    #[error("the acceptance criteria cannot change after the approval")]
    CriteriaFrozen,
    #[error("the plan cannot change after the approval")]
    PlanFrozen,
    #[error("`{}` is too large or not a file", text::escape(.0))]
    NotAFile(String),
    #[error("`{}` is missing", text::escape(.0))]
    FileMissing(String),
    #[error("`{}` is not a plain file", text::escape(.0))]
    NotAPlainFile(String),
    #[error("a folder of the ticket has too many entries")]
    TooManyEntries,
    #[error("the ticket has too many files")]
    TooManyFiles,

    // Verdicts, and the notes that repeat them.
    #[error("the tree has no `{0}`")]
    NoVerdictFile(String),
    #[error("`{path}` is not a verdict")]
    NotAVerdict {
        path: String,
        #[source]
        source: Cause,
    },
    #[error("the verdict is on another ticket")]
    VerdictOnOtherTicket,
    #[error("the verdict names a tree that its commit does not have")]
    VerdictOnOtherTree,
    #[error("the verdict is not on the acceptance criteria of the ticket")]
    OtherCriteria,
    #[error("the verdict does not say that criterion {0} is met, and where")]
    CriterionUnmet(u32),
    #[error("the verdict does not show that the backstop of the plan passed: `{}`", text::escape(.0))]
    BackstopMissing(String),
    #[error("the commit that was judged is not in this repository")]
    JudgedCommitMissing,
    #[error("the policy marks check `{0}` as tests, and the verdict lacks a result that this ticket needs")]
    ProofMissing(String),
    #[error("what the verdict says of the test files of check `{0}` is not so")]
    ProofNotSo(String),
    #[error("the ticket is a fix, and no test that fails on its base passes on its head")]
    FixWithoutEffect,
    #[error("check `{check}`: the test file `{}` of the base is gone{}", text::escape(.path), and_more(*.more))]
    TestFileGone { check: String, path: String, more: usize },
    #[error("check `{check}`: tests vanished: {before} ran on the base, and {after} with the work")]
    TestsVanished { check: String, before: u64, after: u64 },
    #[error("check `{check}`: more tests are skipped: {before} on the base, and {after} with the work")]
    TestsSkipped { check: String, before: u64, after: u64 },
    #[error("check `{check}`: tests of the base fail on the code of the head")]
    TestsTurnedRed { check: String },
    #[error("the work changes files outside of the scope of its ticket: `{}`{}", text::escape(.path), and_more(*.more))]
    OutOfScope { path: String, more: usize },
    #[error("`{}` is not a note", text::escape(.0))]
    NotANote(String),
    #[error("the verdict on {} would be lost: {:.60}", .about.short(12), text::escape(.line))]
    VerdictLost { about: ObjectId, line: String },
    #[error("no ticket has the verdict in the note on commit {}", .0.short(12))]
    VerdictUnbacked(ObjectId),
    #[error("the verdict in the note on commit {} names another tree", .0.short(12))]
    NoteOnOtherTree(ObjectId),

    // Signatures.
    #[error("an event as `{0}` must be signed, and this one is not")]
    Unsigned(Role),
    #[error("{0}")]
    BadSignature(&'static str),
    #[error("key {0} belongs to no actor")]
    UnknownKey(String),
    #[error("the event is as `{role}`, and its signer `{}` does not have that role", text::escape(.actor))]
    RoleNotHeld { role: Role, actor: String },
    #[error("the commit is by `{}`, but `{}` signed it", text::escape(.email), text::escape(.actor))]
    OtherSigner { email: String, actor: String },
    #[error("no actor with the email `{}` has this role", text::escape(.0))]
    NotAnActor(String),
    #[error("only `{}`, who claimed the ticket, can do this; the commit is by `{}`", text::escape(.claimant), text::escape(.email))]
    NotTheClaimant { email: String, claimant: String },
    #[error("an event that `{}` signed must be replayed on its author's machine", text::escape(.email))]
    AuthorsMachine {
        email: String,
        #[source]
        source: Option<Cause>,
    },

    // The policy.
    #[error("this repository has no policy in `refs/os/meta`")]
    NoPolicy,
    #[error("the policy cannot be deleted")]
    PolicyDeleted,
    #[error("commit {} contains no valid policy", .commit_id.short(12))]
    NotAPolicy {
        commit_id: ObjectId,
        #[source]
        source: Cause,
    },
    #[error("a policy commit has one parent")]
    PolicyParents,
    #[error("the new policy does not descend from the one in force")]
    PolicyRewound,
    #[error("the policy in force needs a newer git-os")]
    PolicyNewer,
    #[error("the policy names another repository")]
    PolicyOfAnother,
    #[error("commit {} is not signed by an operator", .commit_id.short(12))]
    NotByAnOperator {
        commit_id: ObjectId,
        #[source]
        why: Box<Denial>,
    },
    #[error("the remote's policy and the local tickets belong to different repositories")]
    SeparateClone,
    #[error("the local and remote policies have diverged, and only an operator's machine can merge them")]
    OperatorNeeded(#[source] Cause),
    #[error("this policy would make {0} invalid: an event was signed with a removed key, or is not signed")]
    PolicyExcludes(TicketId),

    // The archive.
    #[error("`{}` does not belong in the archive", text::escape(.0))]
    StrangeEntry(String),
    #[error("`{}` would be lost", text::escape(.0))]
    EntryLost(String),
    #[error("commit {} removed `{}`", .commit_id.short(12), text::escape(.path))]
    EntryGone { path: String, commit_id: ObjectId },
    #[error("the archived history `{}` is invalid", text::escape(.path))]
    Entry {
        path: String,
        #[source]
        why: Box<Denial>,
    },
    #[error("no commit of the archive keeps its history")]
    HistoryNotKept,
    #[error("its history would be replaced")]
    HistoryReplaced,
    #[error("the ticket is `{0}`, and only closed tickets are archived")]
    NotClosed(State),

    // Protected branches.
    #[error("an agent or a check cannot move a protected branch")]
    FromRun,
    #[error("a protected branch cannot be deleted")]
    BranchDeleted,
    #[error("the new tip would drop commit {} of the landed ticket {ticket}", .commit_id.short(12))]
    DropsLanded { commit_id: ObjectId, ticket: TicketId },
    #[error("the new tip would drop commit {}", .0.short(12))]
    DropsCommit(ObjectId),
    #[error("commit {} belongs to ticket {ticket}, which is `{state}`, and the new tip has no passing verdict", .commit_id.short(12))]
    Unverified { commit_id: ObjectId, ticket: TicketId, state: State },
    #[error("commit {} belongs to no verified ticket and changes files outside the auto-commit paths", .0.short(12))]
    NoTicket(ObjectId),
    #[error("ticket {ticket} cannot land")]
    CannotLand {
        ticket: TicketId,
        #[source]
        why: Box<Denial>,
    },
    #[error("the branch is missing")]
    BranchGone,
    #[error("the branch no longer descends from {}, where its gate began to apply", .0.short(12))]
    OffEpoch(ObjectId),
    #[error("the branch contains unverified commit {} of ticket {ticket}, which is `{state}`", .commit_id.short(12))]
    Ungated { commit_id: ObjectId, ticket: TicketId, state: State },
    #[error("git-os cannot check this update in a shallow clone")]
    Shallow,
    #[error("it has no passing verdict")]
    NoVerdict,
    #[error("its verdict is for another commit")]
    VerdictOnOtherCommit,
    #[error("its head is not based on the branch's current tip")]
    NotOnTip,
    #[error("the policy requires check `{0}`, and its verdict does not show it passing")]
    CheckMissing(String),
    #[error("the doctor's grade was {found}, and the policy requires {required}")]
    GradeTooLow { found: Grade, required: Grade },
    #[error("the policy requires a judge in addition to the checks")]
    NotJudged,
    #[error("{count} of the {quorum} verifiers that the policy requires agree{}", .fault.map(|fault| format!("; {fault}")).unwrap_or_default())]
    NoQuorum { count: u32, quorum: u32, fault: Option<Uncounted> },
    #[error("the verdict names another agent as the one that did the work")]
    OtherWorker,
}

impl Denial {
    /// The code that scripts hold on to; it never changes.
    #[must_use]
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Illegal(illegal) => illegal.why.code(),
            Self::Rule(refusal) => refusal.code(),
            other => other.into(),
        }
    }

    /// What its reader can do about it.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unverified { ticket, .. } | Self::CannotLand { ticket, .. } => format!(
                "git os show {ticket}   # see what is missing; after a refused fast-forward merge, `git stash` sets its files aside"
            ),
            Self::DropsLanded { .. } | Self::DropsCommit(_) => {
                "git os revert TICKET   # undo landed work; `git pull --no-rebase` merges what others landed".to_owned()
            }
            Self::FromRun => "git os submit   # hand in the work; what is verified lands".to_owned(),
            Self::NoTicket(_) => "git os new TITLE   # create a ticket for this work".to_owned(),
            Self::Quarantined { .. } => "git os fsck --repair   # restore the last valid state".to_owned(),
            Self::Rule(Refusal::LeaseHolds(_)) => {
                "git os release TICKET   # if whoever holds it does not work on it any more".to_owned()
            }
            Self::ProofMissing(_) | Self::ProofNotSo(_) => {
                "git os verify TICKET   # the verdict of a verification has it".to_owned()
            }
            Self::OutOfScope { .. } => {
                "git os edit TICKET --scope PATTERN   # if the work needs more files, while it is not worked on".to_owned()
            }
            Self::FixWithoutEffect => {
                "git os edit TICKET --kind task   # if it mends nothing that a test can show, while it is not worked on"
                    .to_owned()
            }
            Self::TestFileGone { .. } | Self::TestsVanished { .. } | Self::TestsSkipped { .. } | Self::TestsTurnedRed { .. } => {
                "git os edit TICKET --tests-may-change   # if it is meant to change tests, while it is not worked on".to_owned()
            }
            Self::PolicyExcludes(_) => "git os init   # publish the policy again".to_owned(),
            _ => return None,
        })
    }

    /// All of it, with the causes.
    #[must_use]
    pub(crate) fn full(&self) -> String {
        text::in_one_line(self)
    }
}

fn last_legal(last: Option<State>) -> String {
    last.map_or_else(String::new, |state| format!(" (last valid state `{state}`)"))
}

/// The end of a sentence on the first of several files.
fn and_more(count: usize) -> String {
    if count > 0 { format!(", and {count} more") } else { String::new() }
}

impl From<Illegal> for Denial {
    fn from(illegal: Illegal) -> Self {
        Self::Illegal(Box::new(illegal))
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantNames;

    use super::*;

    #[test]
    fn the_codes_are_the_ones_that_scripts_know() {
        let known: Vec<&str> = include_str!("denial/codes.txt").lines().collect();
        assert_eq!(Denial::VARIANTS, known.as_slice(), "a code may be added and never changed");
    }

    #[test]
    fn an_illegal_event_has_the_code_of_its_reason_and_says_which_event() {
        let commit_id = ObjectId::parse(&"ab".repeat(20)).expect("an id");
        let denial = Denial::from(Illegal { commit_id, why: Denial::NotCanonical });
        assert_eq!(denial.code(), "not-canonical");
        assert_eq!(denial.full(), "event abababababab is invalid: it is not in canonical form");
    }
}
