//! How an event reads; this is the one place that words progress.

use std::fmt;

use super::{Activity, CareEvent, CheckEvent, DraftEvent, Event, Idle, LandingEvent, RemoteEvent, SessionEvent, What};
use crate::core::text::{headline, plural};
use crate::core::verdict::Judgement;

impl Event {
    /// What a person is told of it; `None` for what only programs want to know.
    #[must_use]
    pub(crate) fn line(&self) -> Option<String> {
        match self {
            Self::Session(event) => event.line(),
            Self::Lane { .. } => None,
            Self::Work { brand, ticket: Some(ticket), what, .. } => what.line().map(|line| format!("{brand}: {ticket} {line}")),
            Self::Work { repo, ticket: None, what, .. } => what.line().map(|line| format!("{repo}: {line}")),
        }
    }
}

impl SessionEvent {
    /// What a person is told of it; `None` for what only programs want to know.
    #[must_use]
    pub(crate) fn line(&self) -> Option<String> {
        Some(match self {
            Self::PhaseEnded(_) | Self::Reached(_) => return None,
            Self::Phase(decision) => {
                let what = if decision.runs { "" } else { "skipped: " };
                format!("{} {}: {what}{}", decision.phase.number(), decision.phase, decision.why)
            }
            Self::Graded(grade) => format!("grade {grade}"),
            Self::DoctorFailed { number, name, reason } => format!("{number} {name}: {reason}"),
            Self::Outstanding(counts) if counts.is_empty() => "nothing is open".to_owned(),
            Self::Outstanding(counts) => {
                counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
            }
            Self::Brief(text) => text.clone(),
            Self::NobodyAnswered => "nobody answered".to_owned(),
            Self::Approved { count } => format!("{} approved", plural(*count, "draft")),
            Self::Distilled { lines, date } => format!("{} for ledger/{date}.md", plural(*lines, "line")),
            Self::UnknownRepo { repo, title } => format!("there is no repository `{repo}` for: {title}"),
            Self::Trouble(trouble) => trouble.to_string(),
        })
    }
}

impl What {
    /// What a person is told of it; `None` for what only programs want to know.
    #[must_use]
    pub(crate) fn line(&self) -> Option<String> {
        Some(match self {
            Self::Reached(_) | Self::Tool(_) | Self::Usage(_) | Self::Question(_) | Self::Check(CheckEvent::Ended { .. }) => {
                return None;
            }
            Self::Begun(activity) => activity.to_string(),
            Self::Denied(tool) => format!("may not use {} {}", tool.name, tool.detail).trim_end().to_owned(),
            Self::Cut { who, bytes } => format!("{who} printed more than is kept; {bytes} bytes of it are left out"),
            Self::Check(CheckEvent::Begun { name }) => format!("check {name}"),
            Self::Verdict { judgement: Judgement::Pass, .. } => "verified".to_owned(),
            Self::Verdict { judgement: Judgement::Fail, why } => format!("not verified: {}", headline(why)),
            Self::AttemptFailed { attempt, why } => format!("attempt {attempt} failed: {}", headline(why)),
            Self::Landing(event) => event.to_string(),
            Self::Remote(event) => event.to_string(),
            Self::Care(event) => event.to_string(),
            Self::Draft(event) => event.to_string(),
            Self::Scouted { commits, signals } => {
                format!("{}, {}", plural(*commits, "new commit"), plural(*signals, "signal"))
            }
            Self::Stands { ticket, state, title } => format!("{ticket} is {state}: {title}"),
            Self::Ended { title, fate } => format!("{fate} ({title})"),
            Self::Trouble(trouble) => trouble.to_string(),
        })
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preparing => write!(out, "preparing the worktree"),
            Self::Working { agent, attempt } => write!(out, "{agent} works, attempt {attempt}"),
            Self::Judging { agent } => write!(out, "{agent} judges"),
            Self::Rebasing => write!(out, "the branch moved; rebasing"),
        }
    }
}

impl fmt::Display for LandingEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone { remote, why } => write!(out, "landing here alone, since {remote} cannot be reached: {why}"),
            Self::LetsFirst(first) => write!(out, "lets {first} land first, since the branch moved while it was verified"),
            Self::Kept { path, ref_name } => write!(out, "what {path} had beyond what was handed in is kept as {ref_name}"),
            Self::NotHereYet(hold) => write!(out, "it has landed, but not here yet: {hold}"),
            Self::Landed { branch } => write!(out, "landed on {branch}"),
        }
    }
}

impl fmt::Display for RemoteEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away { why } => write!(out, "the remote cannot be reached: {why}"),
            Self::Apart(hold) => write!(out, "{hold}"),
            Self::Folded { refs } => write!(out, "{} folded in", plural(*refs, "ref")),
            Self::Ignored { ref_name, why } => write!(out, "`{ref_name}` was fetched and stays outside: {why}"),
            Self::NotPushed { remote, why } => write!(out, "not pushed to {remote} yet: {}", headline(why)),
            Self::Refused { remote, ref_name, why } => write!(out, "{remote} does not take `{ref_name}`: {}", headline(why)),
        }
    }
}

impl fmt::Display for CareEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInitialised => write!(out, "not under git-os; `git os init` puts it there"),
            Self::LockRemoved { path } => write!(out, "removed `{path}`, which a killed process left"),
            Self::HooksRestored => write!(out, "hooks put back"),
            Self::HooksMissing { why } => write!(out, "hooks are not in place: {why}"),
            Self::LandedBefore(ticket) => write!(out, "{ticket} had landed and is merged"),
            Self::Quarantined { ref_name, reason } => write!(out, "`{ref_name}` is quarantined: {reason}"),
            Self::LeaseExpired(ticket) => write!(out, "the lease of {ticket} was over; it is ready again"),
            Self::GivenBack(ticket) => write!(out, "{ticket} given back"),
            Self::Archived { count } => write!(out, "{count} folded into the archive"),
            Self::WorktreeSaved { ticket, ref_name } => write!(out, "{ticket}: saved what its worktree held to {ref_name}"),
            Self::WorktreeRemoved(ticket) => write!(out, "{ticket}: removed its worktree"),
            Self::WorktreeStays { ticket, trouble } => write!(out, "{ticket}: its worktree stays: {trouble}"),
            Self::WorktreeLost { path } => write!(out, "git did not know its worktree any more; what was there is in {path}"),
            Self::Idle { ready, because } => {
                let because = match because {
                    Idle::NoAgent => "no agent in the registry",
                    Idle::Unborn => "no commit on its protected branch yet",
                };
                write!(out, "{} cannot be worked on: there is {because}", plural(*ready, "ready ticket"))
            }
        }
    }
}

impl fmt::Display for DraftEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { ticket, title } => write!(out, "drafted {ticket} {title}"),
            Self::Refused { title, refusal } => write!(out, "not drafted: {refusal}: {title}"),
            Self::Pending { title } => write!(out, "not here or not under git-os, so this stays pending: {title}"),
        }
    }
}
