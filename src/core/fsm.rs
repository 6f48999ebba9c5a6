//! The state machine of a ticket: one table, and the one function that applies it.
//!
//! The command line, the hooks, the server and fsck all call [`apply`]; no other code decides what is allowed.

mod refusal;

pub(crate) use self::refusal::Refusal;
use super::event::{Action, Event, EventKind, Role, State};
use super::id::{ObjectId, TicketId};
use super::ticket::{LOWEST_PRIORITY, MAX_LIST, Ticket};
use super::time::Timestamp;
use super::verdict::{Judgement, Verdict};
use super::{text, wire};

/// How long a lease is still respected after it expires, because clocks differ.
pub(crate) const LEASE_GRACE_SECONDS: u64 = 60;

/// The states in which an event may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// No state: the event starts the chain.
    Nothing,
    In(&'static [State]),
    /// Any state that is not terminal.
    Open,
    Any,
}

/// The state to which an event leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Is(State),
    Same,
    /// One of these, as the event itself says.
    OneOf(&'static [State]),
}

/// Who may write the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Role(Role),
    /// The run that holds the ticket.
    Holder,
    /// The role in which the ticket was created.
    Author,
    /// A verifier or reviewer whose run is not the holder's.
    AnotherRun(Role),
    Anyone,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) event: EventKind,
    pub(crate) from: From,
    pub(crate) to: To,
    pub(crate) by: &'static [By],
    /// What else must be given or true, in words; [`apply`] checks it.
    pub(crate) needs: &'static str,
}

const HELD: &[State] = &[State::Claimed, State::Running, State::AwaitingInput, State::Verifying];
const OPERATOR: &[By] = &[By::Role(Role::Operator)];
const HOLDER: &[By] = &[By::Holder];
const GATE: &[By] = &[By::Role(Role::Gate)];
const JUDGES: &[By] = &[By::AnotherRun(Role::Verifier), By::AnotherRun(Role::Reviewer)];

const fn rule(event: EventKind, from: From, to: To, by: &'static [By], needs: &'static str) -> Rule {
    Rule { event, from, to, by, needs }
}

/// The table.
pub(crate) const RULES: &[Rule] = {
    use EventKind as E;
    use State as S;
    &[
        rule(E::Create, From::Nothing, To::Is(S::Draft), &[By::Anyone], "a title and a brand of the repository"),
        rule(
            E::Edit,
            From::In(&[S::Draft, S::Ready, S::Blocked]),
            To::Same,
            &[By::Role(Role::Operator), By::Role(Role::Planner), By::Author],
            "",
        ),
        rule(E::Approve, From::In(&[S::Draft]), To::Is(S::Ready), OPERATOR, ""),
        rule(E::Reject, From::In(&[S::Draft]), To::Is(S::Rejected), OPERATOR, "a reason"),
        rule(
            E::Claim,
            From::In(&[S::Ready]),
            To::Is(S::Claimed),
            &[By::Role(Role::Executor)],
            "every dependency merged, a run and a lease",
        ),
        rule(E::Start, From::In(&[S::Claimed]), To::Is(S::Running), HOLDER, "the number of the claimed attempt"),
        rule(E::Renew, From::In(HELD), To::Same, HOLDER, "a later lease"),
        rule(E::Step, From::In(&[S::Running]), To::Same, HOLDER, "a step and its state"),
        rule(E::Ask, From::In(&[S::Running]), To::Is(S::AwaitingInput), HOLDER, "a question"),
        rule(E::Answer, From::In(&[S::AwaitingInput]), To::Is(S::Running), OPERATOR, "an answer"),
        rule(E::Submit, From::In(&[S::Running]), To::Is(S::Verifying), HOLDER, "a head and a base"),
        rule(E::Pass, From::In(&[S::Verifying]), To::Is(S::Verified), JUDGES, "a passing verdict on this head"),
        rule(E::Fail, From::In(&[S::Verifying]), To::OneOf(&[S::Running, S::Blocked]), JUDGES, "a reason"),
        rule(E::Stale, From::In(&[S::Verified]), To::Is(S::Verifying), GATE, "a new head and a new base"),
        rule(E::Merge, From::In(&[S::Verified, S::Merged]), To::Is(S::Merged), GATE, "its work in a protected branch"),
        rule(
            E::Block,
            From::In(&[S::Claimed, S::Running, S::AwaitingInput, S::Verifying, S::Verified]),
            To::Is(S::Blocked),
            &[By::Holder, By::Role(Role::Gate), By::Role(Role::Operator)],
            "a reason",
        ),
        rule(E::Unblock, From::In(&[S::Blocked]), To::Is(S::Ready), OPERATOR, ""),
        rule(E::Release, From::In(HELD), To::Is(S::Ready), &[By::Holder, By::Role(Role::Operator)], ""),
        rule(E::Expire, From::In(HELD), To::Is(S::Ready), &[By::Anyone], "a lease that expired 60 s ago"),
        rule(E::Cancel, From::Open, To::Is(S::Canceled), OPERATOR, "a reason"),
        rule(E::Comment, From::Any, To::Same, &[By::Anyone], "a text"),
        rule(E::Conflict, From::Any, To::Same, &[By::Role(Role::Sync)], "the text of the event that could not be replayed"),
    ]
};

/// Returns the rule for an event.
///
/// # Panics
/// Never: the test `every_event_has_one_rule` ensures that there is one.
#[must_use]
pub(crate) fn rule_of(event: EventKind) -> &'static Rule {
    RULES.iter().find(|rule| rule.event == event).expect("every event has a rule")
}

impl Rule {
    /// Whether the event may happen in this state.
    #[must_use]
    pub(crate) fn allows(&self, state: State) -> bool {
        match self.from {
            From::Nothing => false,
            From::In(states) => states.contains(&state),
            From::Open => !state.is_terminal(),
            From::Any => true,
        }
    }
}

/// What is known about a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dependency {
    Merged,
    /// It exists in this repository and is not merged.
    Open,
    /// It is not a ticket of this repository; a caller that can see the registry decides.
    Elsewhere,
}

/// What the rules need to know about the world, given by the caller.
pub(crate) struct Facts<'a> {
    /// The clock of the checking machine.
    pub(crate) now: Timestamp,
    pub(crate) dependency: &'a dyn Fn(&TicketId) -> Dependency,
    /// Whether a commit is in a protected branch.
    pub(crate) is_landed: &'a dyn Fn(ObjectId) -> bool,
    /// Whether the first commit is in a protected branch, as a copy of the work from the second to the third.
    pub(crate) is_copy: &'a dyn Fn(ObjectId, ObjectId, ObjectId) -> bool,
    /// Whether the host of the remote lands the work, as it is or as a copy.
    pub(crate) lands_at_host: bool,
    /// The verdict in the event's tree, for `pass`.
    pub(crate) verdict: Option<&'a Verdict>,
}

/// Returns the ticket after an event, or why the event is not allowed.
///
/// # Errors
/// A [`Refusal`] that names the rule.
pub(crate) fn apply(before: Option<&Ticket>, event: &Event, facts: &Facts<'_>) -> Result<Ticket, Refusal> {
    let kind = event.action.kind();
    bounds(event)?;
    let Some(before) = before else {
        return match &event.action {
            Action::Create { content, .. } => Ok(Ticket {
                schema: wire::schema_of(content),
                state: State::Draft,
                content: content.clone(),
                author: event.actor,
                run: None,
                lease: None,
                attempt: 0,
                head: None,
                base: None,
                copy: None,
                steps: Vec::new(),
                seq: 1,
                unknown: Vec::new(),
            }),
            _ => Err(Refusal::DoesNotExist),
        };
    };
    let rule = rule_of(kind);
    if rule.from == From::Nothing {
        return Err(Refusal::AlreadyExists);
    }
    if !rule.allows(before.state) {
        return Err(Refusal::WrongState { event: kind, state: before.state });
    }
    permit(rule, before, event)?;
    let mut after = before.clone();
    after.seq = before.seq.checked_add(1).ok_or(Refusal::OutOfBounds("the ticket has too many events"))?;
    if let To::Is(state) = rule.to {
        after.state = state;
    }
    change(before, &mut after, event, facts)?;
    after.schema = before.schema.max(wire::schema_of(&after.content));
    settle(&mut after);
    Ok(after)
}

/// Checks the sizes and shapes that apply to every event.
fn bounds(event: &Event) -> Result<(), Refusal> {
    let kind = event.action.kind();
    if !text::is_body(&event.text) {
        return Err(Refusal::OutOfBounds("the text is too long or has characters that cannot be stored"));
    }
    if event.agent.as_ref().is_some_and(|agent| agent.is_empty() || !text::is_line(agent, 100)) {
        return Err(Refusal::OutOfBounds("the name of the agent is too long or has characters that cannot be stored"));
    }
    let words = matches!(
        kind,
        EventKind::Reject
            | EventKind::Ask
            | EventKind::Answer
            | EventKind::Fail
            | EventKind::Block
            | EventKind::Cancel
            | EventKind::Comment
            | EventKind::Conflict
    );
    if words && event.text.is_empty() {
        return Err(Refusal::Needs { event: kind, what: rule_of(kind).needs });
    }
    if let Action::Create { content, .. } | Action::Edit { content } = &event.action {
        if content.title.is_empty() || !text::is_line(&content.title, text::MAX_TITLE) {
            return Err(Refusal::OutOfBounds("the title must be one line of 1 to 200 bytes"));
        }
        if content.priority > LOWEST_PRIORITY {
            return Err(Refusal::OutOfBounds("the priority must be 0 to 4"));
        }
        if [content.labels.len(), content.depends.len(), content.scope.len()].into_iter().any(|count| count > MAX_LIST) {
            return Err(Refusal::OutOfBounds(
                "a ticket can have at most 64 labels, 64 dependencies and 64 patterns of its scope",
            ));
        }
    }
    Ok(())
}

/// Checks whether this actor and run may write the event.
fn permit(rule: &Rule, before: &Ticket, event: &Event) -> Result<(), Refusal> {
    let is_holder = before.run.is_some() && event.by == before.run;
    let mut refusal = Refusal::WrongRole { event: rule.event, actor: event.actor };
    for by in rule.by {
        match by {
            By::Anyone => return Ok(()),
            By::Role(role) if *role == event.actor => return Ok(()),
            By::Author if before.author == event.actor => return Ok(()),
            By::Holder if event.actor == Role::Executor && is_holder => return Ok(()),
            By::Holder if event.actor == Role::Executor => {
                refusal = Refusal::NotHolder { event: rule.event, holder: before.run.clone() };
            }
            By::AnotherRun(role) if *role == event.actor => {
                return match &event.by {
                    Some(_) if is_holder => Err(Refusal::OwnWork),
                    Some(_) => Ok(()),
                    None => Err(Refusal::Needs { event: rule.event, what: "the run id of the judge" }),
                };
            }
            By::Role(_) | By::Author | By::Holder | By::AnotherRun(_) => {}
        }
    }
    Err(refusal)
}

/// Applies what the event itself changes, in addition to the state from the table.
fn change(before: &Ticket, after: &mut Ticket, event: &Event, facts: &Facts<'_>) -> Result<(), Refusal> {
    let kind = event.action.kind();
    match &event.action {
        Action::Edit { content } => after.content = content.clone(),
        Action::Claim { run, lease } => {
            if event.by.as_ref() != Some(run) {
                return Err(Refusal::Needs { event: kind, what: "the run id of the claim" });
            }
            let open = |id: &&TicketId| (facts.dependency)(id) == Dependency::Open;
            if let Some(id) = before.content.depends.iter().find(open) {
                return Err(Refusal::DependencyOpen(id.clone()));
            }
            after.run = Some(run.clone());
            after.lease = Some(*lease);
            after.attempt = before.attempt.saturating_add(1);
            (after.head, after.base) = (None, None);
        }
        Action::Start { attempt } if *attempt != before.attempt => {
            return Err(Refusal::Needs { event: kind, what: "the number of the claimed attempt" });
        }
        Action::Renew { lease } => {
            if before.lease.is_some_and(|old| *lease <= old) {
                return Err(Refusal::Needs { event: kind, what: "a later lease" });
            }
            after.lease = Some(*lease);
        }
        Action::Step { step, state } => match after.steps.iter().position(|known| known.0 == *step) {
            Some(at) => after.steps[at].1 = *state,
            None if after.steps.len() >= MAX_LIST => return Err(Refusal::OutOfBounds("a plan can have at most 64 steps")),
            None => after.steps.push((step.clone(), *state)),
        },
        Action::Submit { head, base } | Action::Stale { head, base } => {
            (after.head, after.base) = (Some(*head), Some(*base));
        }
        Action::Pass => judge_pass(before, event, facts)?,
        Action::Fail { then } => {
            if !matches!(then, State::Running | State::Blocked) {
                return Err(Refusal::Needs { event: kind, what: "a next state, `running` or `blocked`" });
            }
            after.state = *then;
            if *then == State::Running {
                after.attempt = before.attempt.saturating_add(1);
            }
        }
        Action::Merge { copy } => {
            let is_merged = before.state == State::Merged;
            let is_in_branch = match (*copy, before.base, before.head) {
                (None, _, Some(head)) => !is_merged && (facts.is_landed)(head),
                (Some(copy), Some(base), Some(head)) => {
                    let may_be_copied = is_merged || facts.lands_at_host;
                    may_be_copied && before.copy != Some(copy) && (facts.is_copy)(copy, base, head)
                }
                _ => false,
            };
            if !is_in_branch {
                return Err(Refusal::Needs { event: kind, what: rule_of(kind).needs });
            }
            after.copy = *copy;
        }
        Action::Unblock => after.attempt = 0,
        Action::Expire => {
            if let Some(lease) = before.lease
                && facts.now < lease.plus(LEASE_GRACE_SECONDS)
            {
                return Err(Refusal::LeaseHolds(lease));
            }
        }
        Action::Create { .. }
        | Action::Approve
        | Action::Reject
        | Action::Start { .. }
        | Action::Ask
        | Action::Answer
        | Action::Block
        | Action::Release
        | Action::Cancel
        | Action::Comment
        | Action::Conflict => {}
    }
    Ok(())
}

fn judge_pass(before: &Ticket, event: &Event, facts: &Facts<'_>) -> Result<(), Refusal> {
    let needs = |what| Err(Refusal::Needs { event: EventKind::Pass, what });
    let Some(verdict) = facts.verdict else {
        return needs("a verdict in the tree");
    };
    if verdict.verdict != Judgement::Pass || !verdict.checks_passed() {
        return needs("a verdict of `pass` with every check at exit 0");
    }
    if Some(verdict.commit) != before.head || Some(verdict.base) != before.base {
        return needs("a verdict on the submitted head and base");
    }
    if Some(&verdict.run) != event.by.as_ref() || Some(&verdict.holder) != before.run.as_ref() {
        return needs("a verdict that names the judging run and the holder's run");
    }
    Ok(())
}

/// Sets and clears the fields that the new state requires, whatever event led to it.
fn settle(after: &mut Ticket) {
    match after.state {
        State::Draft | State::Ready | State::Blocked => {
            after.run = None;
            after.lease = None;
        }
        State::Merged | State::Rejected | State::Canceled => after.lease = None,
        State::Claimed | State::Running | State::AwaitingInput | State::Verifying | State::Verified => {}
    }
}

#[cfg(test)]
mod tests;
