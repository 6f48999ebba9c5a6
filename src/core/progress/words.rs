//! How an event reads; this is the one place that words progress.

use std::fmt;

use super::{
    Activity, CareEvent, CheckEvent, DraftEvent, Event, Fate, Idle, LandingEvent, RemoteEvent, SessionEvent, TrialOutcome, What,
    WorkerEvent,
};
use crate::core::event::State;
use crate::core::interview::Unused;
use crate::core::text::{escape, headline, plural};
use crate::core::verdict::Judgement;

impl Event {
    /// What a person is told of it; `None` for what only programs want to know.
    #[must_use]
    pub(crate) fn line(&self) -> Option<String> {
        match self {
            Self::Session(event) => event.line(),
            Self::Worker(WorkerEvent::RegistryChanged) => Some("the registry changed; going on by the new one".to_owned()),
            Self::Worker(WorkerEvent::Waiting) => Some("waiting for ready tickets".to_owned()),
            Self::Busy(_) | Self::Lane { .. } => None,
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
            Self::DoctorFailed { number, name, reason, remedy } if remedy.is_empty() => format!("{number} {name}: {reason}"),
            Self::DoctorFailed { number, name, reason, remedy } => format!("{number} {name}: {reason}; repair: `{remedy}`"),
            Self::OtherSession(session, person) => {
                format!("{person} has not finished session {session}; it stays theirs, and this is a new one")
            }
            Self::Outstanding(counts) if counts.is_empty() => "no open tickets".to_owned(),
            Self::Outstanding(counts) => {
                counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
            }
            Self::LeftOut(repo, count) => {
                let are = plural(*count, "ticket is", "tickets are");
                format!("{are} left out in `{repo}`, which is no longer in the registry")
            }
            Self::StillBlocked { count } => {
                let tickets = plural(*count, "blocked ticket is", "blocked tickets are");
                format!("{tickets} unchanged; `git os list --state blocked` lists them")
            }
            Self::WaitsFor { brand, date, words } => format!("{brand} waits for (answer of {date}): {}", headline(words)),
            Self::Brief(text) => text.clone(),
            Self::NobodyAnswered => "no answers given".to_owned(),
            Self::AnswersUnused { brand, why } => {
                let why = match why {
                    Unused::AskedToday => "it was asked about today already",
                    Unused::AnsweredBefore => "this session has other answers already",
                    Unused::NoReason => "there is nothing to ask about it",
                    Unused::NotMeant => "this session asks about other brands",
                };
                format!("the answers about {brand} are not used: {why}")
            }
            Self::Approved { count } => format!("{} approved", plural(*count, "draft", "drafts")),
            Self::Distilled { lines, date } => format!("{} for ledger/{date}.md", plural(*lines, "line", "lines")),
            Self::UnknownRepo { repo, title } => format!("cannot draft `{title}`: repository `{repo}` not found"),
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
            Self::Denied(tool) => format!("denied {} {}", tool.name, tool.detail).trim_end().to_owned(),
            Self::Cut { who, bytes } => format!("{who} printed more than git-os keeps; left out {bytes} bytes"),
            Self::Check(CheckEvent::Begun { name }) => format!("check {name}"),
            Self::Check(CheckEvent::Tried { name, mixture, outcome, known }) => {
                let known = if *known { " (known from an earlier verdict)" } else { "" };
                format!("check {name}, {}: {outcome}{known}", mixture.words())
            }
            Self::Verdict { judgement: Judgement::Pass, .. } => "verified".to_owned(),
            Self::Verdict { judgement: Judgement::Fail, why } => format!("not verified: {}", headline(why)),
            Self::AttemptFailed { attempt, why } => format!("attempt {attempt} failed: {}", headline(why)),
            Self::RunEnded { outcome, why } => format!("run ended, {}: {}", outcome.name(), headline(why)),
            Self::AttemptWaits { seconds } => format!("the next run begins in {seconds} s"),
            Self::Landing(event) => event.to_string(),
            Self::Remote(event) => event.to_string(),
            Self::Care(event) => event.to_string(),
            Self::Draft(event) => event.to_string(),
            Self::Scouted { commits, signals } => {
                format!("{}, {}", plural(*commits, "new commit", "new commits"), plural(*signals, "signal", "signals"))
            }
            Self::Stands { ticket, state: State::AwaitingInput, title, words } => {
                format!("{ticket} asks ({title}): {}; answer with `git os answer {ticket} TEXT`", headline(words))
            }
            Self::Stands { ticket, state, title, words } if words.is_empty() => format!("{ticket} is {state}: {title}"),
            Self::Stands { ticket, state, title, words } => format!("{ticket} is {state} ({title}): {}", headline(words)),
            // The landing said so itself.
            Self::Ended { fate: Fate::Landed, .. } => return None,
            Self::Ended { title, fate } => format!("{fate} ({title})"),
            Self::Trouble(trouble) => trouble.to_string(),
        })
    }
}

impl What {
    /// As it is written down for those who watch a ticket: beside what is told, also what agents use and ask.
    pub(crate) fn note(&self) -> Option<String> {
        match self {
            Self::Tool(tool) => Some(format!("uses {} {}", tool.name, tool.detail).trim_end().to_owned()),
            Self::Usage(usage) => Some(format!("the agent ended: {usage}")),
            Self::Question(question) => Some(format!("asks: {}", headline(question))),
            Self::Check(CheckEvent::Ended { name, exit, millis }) => {
                Some(format!("check {name} exited with {exit} after {millis} ms"))
            }
            Self::Ended { title, fate } => Some(format!("{fate} ({title})")),
            told => told.line(),
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preparing => write!(out, "preparing the worktree"),
            Self::Working { agent, attempt } => write!(out, "{agent} is working, attempt {attempt}"),
            Self::Step { step, title, attempt: 1 } => write!(out, "step {step}: {title}"),
            Self::Step { step, title, attempt } => write!(out, "step {step}, attempt {attempt}: {title}"),
            Self::Judging { agent } => write!(out, "{agent} is judging"),
            Self::Planning { agent } => write!(out, "{agent} is planning"),
            Self::Rebasing => write!(out, "the branch moved; rebasing"),
        }
    }
}

impl fmt::Display for TrialOutcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}",
            match self {
                Self::Green => "green",
                Self::Red => "red",
                Self::GreenInVain => "green, so no test shows what is mended",
                Self::RedAsMeant => "red, as it should be",
            }
        )
    }
}

impl fmt::Display for LandingEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone { remote, why } => write!(out, "landing locally only: cannot reach {remote}: {why}"),
            Self::LetsFirst(first) => write!(out, "waiting for {first} to land first: the branch moved during its verification"),
            Self::Kept { path, ref_name } => write!(out, "saved unsubmitted work from {path} as {ref_name}"),
            Self::Publishes { branch, remote, count, newest, subject } => {
                let (commits, newest) = (plural(*count, "commit", "commits"), newest.short(12));
                write!(
                    out,
                    "warning: pushing to {remote} publishes {commits} of `{branch}` that no ticket landed; newest: {newest} ({})",
                    escape(subject)
                )
            }
            Self::NotHereYet(hold) => write!(out, "landed on the remote, but the local branch did not move: {hold}"),
            Self::WaitsForHost(hold) => write!(out, "waiting: {hold}"),
            Self::Landed { branch } => write!(out, "landed on {branch}"),
        }
    }
}

impl fmt::Display for RemoteEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away { why } => write!(out, "cannot reach the remote: {why}"),
            Self::AwayUntil { remote, why, seconds } => {
                write!(out, "remote `{remote}` cannot be reached: {}", headline(why))?;
                seconds.map_or(Ok(()), |seconds| write!(out, "; trying again in {seconds} s"))
            }
            Self::Back { remote } => write!(out, "remote `{remote}` can be reached again"),
            Self::Apart(hold) => write!(out, "{hold}"),
            Self::Folded { refs } => write!(out, "merged {} from the remote", plural(*refs, "ref", "refs")),
            Self::Ignored { ref_name, why } => write!(out, "ignored `{ref_name}` after fetch: {why}"),
            Self::NotPushed { remote, why } => write!(out, "not pushed to {remote} yet: {}", headline(why)),
            Self::Refused { remote, ref_name, why } => write!(out, "{remote} rejected `{ref_name}`: {}", headline(why)),
        }
    }
}

impl fmt::Display for CareEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInitialised => write!(out, "git-os is not set up; run `git os init`"),
            Self::LockRemoved { path } => write!(out, "removed the stale lock `{path}`"),
            Self::HooksRestored => write!(out, "hooks reinstalled"),
            Self::HooksMissing { why } => write!(out, "cannot install the hooks: {why}"),
            Self::LandedBefore(ticket) => write!(out, "{ticket} had landed; marked as merged"),
            Self::Quarantined { ref_name, reason } => write!(out, "`{ref_name}` is quarantined: {reason}"),
            Self::LeaseExpired(ticket) => write!(out, "the lease on {ticket} expired; the ticket is ready again"),
            Self::LeaseNotRenewed { trouble } => write!(out, "cannot renew the lease, trying again: {trouble}"),
            Self::ClaimLost { by: Some(run) } => write!(out, "lost the ticket: run {run} has it now"),
            Self::ClaimLost { by: None } => write!(out, "lost the ticket: it was taken away from this run"),
            Self::GivenBack(ticket) => write!(out, "released {ticket}"),
            Self::StaysHeld { ticket, until } => {
                write!(out, "{ticket} stays with this clone, which goes on with it next time")?;
                until.map_or(Ok(()), |until| write!(out, "; others can take it after {until}"))?;
                write!(out, "; `git os release {ticket}` gives it back now")
            }
            Self::AgentRests { agent, outcome, why, until } => {
                let name = outcome.name();
                write!(out, "agent `{agent}` is not used again before {until} ({name}): {}", headline(why))
            }
            Self::Archived { count } => {
                write!(out, "archived {}", plural(*count, "ref", "refs"))
            }
            Self::WorktreeSaved { ticket, ref_name } => write!(out, "{ticket}: saved the changes in its worktree to {ref_name}"),
            Self::WorktreeRemoved(ticket) => write!(out, "{ticket}: removed its worktree"),
            Self::WorktreeStays { ticket, trouble } => write!(out, "{ticket}: cannot remove its worktree: {trouble}"),
            Self::Strayed { repo, branch, agent, count, newest, subject } => {
                let (commits, newest) = (plural(*count, "commit", "commits"), newest.short(12));
                write!(
                    out,
                    "warning: {commits} that no ticket landed came to `{branch}` of {repo} since {agent} began; newest: {newest} ({})",
                    escape(subject)
                )
            }
            Self::WorktreeLost { path } => write!(out, "git no longer knew the worktree; moved its files to {path}"),
            Self::SettingsChanged { keys } => {
                let keys = keys.iter().map(|key| format!("`{}`", escape(key))).collect::<Vec<_>>().join(", ");
                write!(out, "git settings that all worktrees share changed while the agent worked: {keys}")
            }
            Self::WaitsInVain { ticket, dependency, why } => {
                write!(out, "{ticket} cannot be claimed: dependency {dependency} will never land: {why}")
            }
            Self::BudgetUsedUp { ready, why } => {
                write!(out, "not working on {}: {why}", plural(*ready, "ready ticket", "ready tickets"))
            }
            Self::AgentCannotStart { ready, agent, why } => {
                write!(
                    out,
                    "cannot work on {}: agent `{agent}` cannot start: {why}",
                    plural(*ready, "ready ticket", "ready tickets")
                )
            }
            Self::Idle { ready, because } => {
                let because = match because {
                    Idle::NoAgent => "there is no agent in the registry",
                    Idle::Unborn => "there is no commit on its protected branch yet",
                    Idle::Agent => "its agent cannot be used now",
                };
                write!(out, "cannot work on {}: {because}", plural(*ready, "ready ticket", "ready tickets"))
            }
        }
    }
}

impl fmt::Display for DraftEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { ticket, title } => write!(out, "drafted {ticket} {title}"),
            Self::Known { ticket, title } => write!(out, "`{title}` is open already: {ticket}"),
            Self::Refused { title, refusal } => write!(out, "cannot draft `{title}`: {refusal}"),
            Self::Pending { title } => {
                write!(out, "cannot draft `{title}` yet: its repository is missing, or git-os is not set up in it")
            }
        }
    }
}
