//! The table as a snapshot, and the laws of `apply`.

use proptest::prelude::*;
use snapbox::assert_data_eq;

use super::*;
use crate::core::event::StepState;
use crate::core::id::{Brand, Kind, Nonce, RunId, StepId};
use crate::core::ticket::Content;

fn object(digit: char) -> ObjectId {
    ObjectId::parse(&digit.to_string().repeat(40)).expect("hex")
}

fn run(digit: char) -> RunId {
    RunId::parse(&digit.to_string().repeat(32)).expect("hex")
}

fn content() -> Content {
    Content {
        title: "Fix it".to_owned(),
        brand: Brand::parse("umano").expect("valid"),
        kind: Kind::parse("fix").expect("valid"),
        priority: 2,
        labels: Vec::new(),
        depends: Vec::new(),
        tests_may_change: false,
        scope: Vec::new(),
    }
}

fn ticket(state: State) -> Ticket {
    let held = state.is_held() || state.is_terminal();
    Ticket {
        schema: 1,
        state,
        content: content(),
        author: Role::Scout,
        run: held.then(|| run('a')),
        lease: state.is_held().then_some(Timestamp(1000)),
        attempt: 1,
        head: Some(object('1')),
        base: Some(object('2')),
        copy: None,
        steps: Vec::new(),
        seq: 5,
        unknown: vec![("Os-Future".to_owned(), "kept".to_owned())],
    }
}

fn action(kind: EventKind) -> Action {
    let (head, base, lease) = (object('1'), object('2'), Timestamp(2000));
    match kind {
        EventKind::Create => Action::Create { content: content(), repo: base },
        EventKind::Edit => Action::Edit { content: content() },
        EventKind::Approve => Action::Approve,
        EventKind::Reject => Action::Reject,
        EventKind::Claim => Action::Claim { run: run('a'), lease },
        EventKind::Start => Action::Start { attempt: 1 },
        EventKind::Renew => Action::Renew { lease },
        EventKind::Step => Action::Step { step: StepId::parse("S1").expect("valid"), state: StepState::Done },
        EventKind::Ask => Action::Ask,
        EventKind::Answer => Action::Answer,
        EventKind::Submit => Action::Submit { head, base },
        EventKind::Pass => Action::Pass,
        EventKind::Fail => Action::Fail { then: State::Running },
        EventKind::Stale => Action::Stale { head, base },
        EventKind::Merge => Action::Merge { copy: None },
        EventKind::Block => Action::Block,
        EventKind::Unblock => Action::Unblock,
        EventKind::Release => Action::Release,
        EventKind::Expire => Action::Expire,
        EventKind::Cancel => Action::Cancel,
        EventKind::Comment => Action::Comment,
        EventKind::Conflict => Action::Conflict,
    }
}

fn event(kind: EventKind, actor: Role, by: Option<RunId>) -> Event {
    let nonce = Nonce::parse(&"0".repeat(32)).expect("hex");
    Event { action: action(kind), actor, agent: None, by, nonce, text: "because".to_owned() }
}

fn verdict() -> Verdict {
    serde_json::from_value(serde_json::json!({
        "version": 1, "ticket": "T-2026-05-07-umano-91c2", "verdict": "pass", "run": "b".repeat(32), "holder": "a".repeat(32),
        "commit": "1".repeat(40), "tree": "3".repeat(40), "base": "2".repeat(40),
        "checks": [{"name": "tests", "run": "true", "exit": 0, "output": "4".repeat(40), "millis": 1}],
        "judge": {"agent": "checks", "reasons": []}, "grade": "A",
    }))
    .expect("a verdict")
}

/// Applies an event under the best conditions: dependencies merged, head landed, or a copy of it if it was before, lease expired.
fn apply_kindly(before: Option<&Ticket>, event: &Event) -> Result<Ticket, Refusal> {
    let verdict = verdict();
    let mut event = event.clone();
    if let (Action::Merge { copy }, Some(State::Merged)) = (&mut event.action, before.map(|before| before.state)) {
        *copy = Some(object('9'));
    }
    let facts = Facts {
        now: Timestamp(5000),
        dependency: &|_| Dependency::Merged,
        is_landed: &|_| true,
        is_copy: &|_, _, _| true,
        lands_at_host: false,
        verdict: Some(&verdict),
    };
    apply(before, &event, &facts)
}

/// All pairs of role and run that can matter.
fn actors() -> impl Iterator<Item = (Role, Option<RunId>)> {
    Role::ALL.iter().flat_map(|role| [None, Some(run('a')), Some(run('b'))].map(|by| (*role, by)))
}

#[test]
fn the_table_is_what_was_reviewed() {
    let mut lines = Vec::new();
    for from in State::ALL {
        for kind in EventKind::ALL {
            let before = ticket(*from);
            let mut who = Vec::new();
            let mut to = None;
            for (role, by) in actors() {
                if let Ok(after) = apply_kindly(Some(&before), &event(*kind, role, by.clone())) {
                    who.push(format!("{role}{}", by.map_or("", |by| if by == run('a') { "+holder" } else { "+other" })));
                    to = Some(after.state);
                }
            }
            if let Some(to) = to {
                let all = Role::ALL.len() * 3;
                let who = if who.len() == all { "anyone".to_owned() } else { who.join(" ") };
                lines.push(format!("{from:<15} {kind:<9} {to:<15} {who}"));
            }
        }
    }
    assert_data_eq!(lines.join("\n") + "\n", snapbox::file!["table.txt"]);
}

#[test]
fn every_event_has_one_rule() {
    for kind in EventKind::ALL {
        assert_eq!(RULES.iter().filter(|rule| rule.event == *kind).count(), 1, "{kind}");
    }
}

#[test]
fn every_state_is_reachable() {
    let mut reached = vec![State::Draft];
    let mut grew = true;
    while grew {
        grew = false;
        for kind in EventKind::ALL {
            for (role, by) in actors() {
                for from in reached.clone() {
                    let mut event = event(*kind, role, by.clone());
                    for then in [State::Running, State::Blocked] {
                        if *kind == EventKind::Fail {
                            event.action = Action::Fail { then };
                        }
                        if let Ok(after) = apply_kindly(Some(&ticket(from)), &event)
                            && !reached.contains(&after.state)
                        {
                            reached.push(after.state);
                            grew = true;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(reached.len(), State::ALL.len());
}

#[test]
fn what_is_closed_stays_closed() {
    for state in State::ALL.iter().filter(|state| state.is_terminal()) {
        for kind in EventKind::ALL {
            for (role, by) in actors() {
                if let Ok(after) = apply_kindly(Some(&ticket(*state)), &event(*kind, role, by)) {
                    assert_eq!(after.state, *state);
                    assert!(matches!(kind, EventKind::Comment | EventKind::Conflict | EventKind::Merge));
                }
            }
        }
    }
}

#[test]
fn a_claim_waits_for_its_dependencies() {
    let mut before = ticket(State::Ready);
    let id = TicketId::parse("T-2026-05-07-umano-0000").expect("valid");
    before.content.depends.push(id.clone());
    let facts = |dependency| Facts {
        now: Timestamp(0),
        dependency,
        is_landed: &|_| true,
        is_copy: &|_, _, _| true,
        lands_at_host: false,
        verdict: None,
    };
    let claim = event(EventKind::Claim, Role::Executor, Some(run('a')));
    assert_eq!(apply(Some(&before), &claim, &facts(&|_| Dependency::Open)), Err(Refusal::DependencyOpen(id)));
    assert!(apply(Some(&before), &claim, &facts(&|_| Dependency::Elsewhere)).is_ok());
}

#[test]
fn a_lease_ends_a_minute_late() {
    let before = ticket(State::Running);
    let expire = event(EventKind::Expire, Role::Sync, None);
    let at = |now| {
        let facts = Facts {
            now: Timestamp(now),
            dependency: &|_| Dependency::Merged,
            is_landed: &|_| true,
            is_copy: &|_, _, _| true,
            lands_at_host: false,
            verdict: None,
        };
        apply(Some(&before), &expire, &facts)
    };
    assert_eq!(at(1059), Err(Refusal::LeaseHolds(Timestamp(1000))));
    assert_eq!(at(1060).map(|after| (after.state, after.run)), Ok((State::Ready, None)));
}

#[test]
fn a_pass_needs_a_verdict_of_the_very_head() {
    let before = ticket(State::Verifying);
    let pass = event(EventKind::Pass, Role::Verifier, Some(run('b')));
    let judged = |verdict: Option<&Verdict>| {
        let facts = Facts {
            now: Timestamp(0),
            dependency: &|_| Dependency::Merged,
            is_landed: &|_| true,
            is_copy: &|_, _, _| true,
            lands_at_host: false,
            verdict,
        };
        apply(Some(&before), &pass, &facts).is_ok()
    };
    assert!(judged(Some(&verdict())));
    assert!(!judged(None));
    let spoilt: [fn(&mut Verdict); 6] = [
        |verdict| verdict.commit = object('9'),
        |verdict| verdict.base = object('9'),
        |verdict| verdict.verdict = Judgement::Fail,
        |verdict| verdict.checks[0].exit = 1,
        |verdict| verdict.run = run('c'),
        |verdict| verdict.holder = run('c'),
    ];
    for spoil in spoilt {
        let mut verdict = verdict();
        spoil(&mut verdict);
        assert!(!judged(Some(&verdict)), "{verdict:?}");
    }
}

proptest! {
    #[test]
    fn a_step_of_the_table_counts_one_and_keeps_what_it_does_not_know(
        from in prop::sample::select(State::ALL), kind in prop::sample::select(EventKind::ALL),
        actor in prop::sample::select(Role::ALL), who in 0..3_usize
    ) {
        let by = [None, Some(run('a')), Some(run('b'))][who].clone();
        let before = ticket(from);
        if let Ok(after) = apply_kindly(Some(&before), &event(kind, actor, by)) {
            prop_assert_eq!(after.seq, before.seq + 1);
            prop_assert_eq!(&after.unknown, &before.unknown);
            prop_assert_eq!(after.author, before.author);
            // A held ticket has a run and a lease; a free ticket has neither.
            if after.state.is_held() {
                prop_assert!(after.run.is_some() && after.lease.is_some());
            } else {
                prop_assert!(after.lease.is_none());
            }
        }
    }

    #[test]
    fn random_walks_never_have_two_holders(steps in prop::collection::vec((prop::sample::select(EventKind::ALL), prop::sample::select(Role::ALL), 0..3_usize), 1..60)) {
        let mut now = apply_kindly(None, &event(EventKind::Create, Role::Scout, None)).expect("created");
        for (kind, actor, who) in steps {
            let by = [None, Some(run('a')), Some(run('b'))][who].clone();
            let mut event = event(kind, actor, by.clone());
            if let (Action::Claim { run, .. }, Some(by)) = (&mut event.action, by) { *run = by; }
            if let Ok(after) = apply_kindly(Some(&now), &event) {
                // A holder can only be replaced after the ticket was free.
                if now.state.is_held() && after.state.is_held() { prop_assert_eq!(&now.run, &after.run); }
                now = after;
            }
        }
    }
}

#[test]
fn merged_work_can_only_be_in_the_branch_as_a_new_copy() {
    let facts = |is_copy| Facts {
        now: Timestamp(0),
        dependency: &|_| Dependency::Open,
        is_landed: &|_| true,
        is_copy,
        lands_at_host: false,
        verdict: None,
    };
    let merge = |before: &Ticket, copy, is_copy| {
        let mut event = event(EventKind::Merge, Role::Gate, None);
        event.action = Action::Merge { copy };
        apply(Some(before), &event, &facts(is_copy))
    };
    let (yes, no) = (|_, _, _| true, |_, _, _| false);
    let merged = ticket(State::Merged);
    let copied = merge(&merged, Some(object('9')), &yes).expect("a copy");
    assert_eq!((copied.state, copied.copy, copied.head), (State::Merged, Some(object('9')), merged.head));
    assert!(merge(&copied, Some(object('8')), &yes).is_ok());
    assert!(merge(&copied, Some(object('9')), &yes).is_err());
    assert!(merge(&merged, Some(object('9')), &no).is_err());
    assert!(merge(&merged, None, &yes).is_err());
    assert!(merge(&ticket(State::Verified), Some(object('9')), &yes).is_err());
}
