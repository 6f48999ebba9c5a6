//! Laws that hold for every record and every message.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn hex(len: usize) -> impl Strategy<Value = String> {
    vec(prop::sample::select(b"0123456789abcdef".to_vec()), len).prop_map(|bytes| String::from_utf8(bytes).expect("ascii"))
}

fn object() -> impl Strategy<Value = ObjectId> {
    prop_oneof![hex(40), hex(64)].prop_map(|text| ObjectId::parse(&text).expect("hex"))
}

fn run() -> impl Strategy<Value = RunId> {
    hex(32).prop_map(|text| RunId::parse(&text).expect("hex"))
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0_i64..253_402_300_799).prop_map(Timestamp)
}

fn content() -> impl Strategy<Value = Content> {
    let depends = vec(hex(4).prop_map(|hex| TicketId::parse(&format!("T-2026-05-07-umano-{hex}")).expect("valid")), 0..4);
    let parts = (
        any::<String>(),
        0_u8..=4,
        vec("[a-z][a-z0-9-]{0,8}", 0..4),
        depends,
        any::<bool>(),
        vec("[a-z]{1,5}(/[a-z*]{1,5}){0,2}", 0..3),
    );
    parts.prop_map(|(title, priority, labels, depends, tests_may_change, scope)| {
        let title = text::line(&title, text::MAX_TITLE);
        Content {
            title: if title.is_empty() { "x".to_owned() } else { title },
            brand: Brand::parse("umano").expect("valid"),
            kind: Kind::parse("fix").expect("valid"),
            priority,
            labels: labels.iter().map(|label| Label::parse(label).expect("valid")).collect(),
            depends,
            tests_may_change,
            scope: scope.iter().filter_map(|area| Area::parse(area).ok()).collect(),
        }
    })
}

fn unknown() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("Os-X-[A-Za-z]{1,8}", any::<String>()), 0..3).prop_map(|pairs| {
        let cleaned = pairs.into_iter().map(|(key, value)| (key, text::line(&value, 200)));
        cleaned.filter(|(_, value)| !value.is_empty()).collect()
    })
}

/// A record in which event and ticket agree.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let parts = (
        content(),
        prop::sample::select(EventKind::ALL),
        prop::sample::select(State::ALL),
        prop::sample::select(Role::ALL),
        (object(), object(), run(), time()),
        any::<String>(),
        (any::<u32>(), any::<u32>(), unknown(), prop::option::of(run()), prop::option::of("[a-z/]{1,20}")),
    );
    parts.prop_map(|(content, kind, state, actor, (head, base, run, lease), words, (attempt, seq, unknown, by, agent))| {
        let copy = (attempt % 2 == 0).then_some(head);
        let step = StepId::parse("S1").expect("valid");
        let after = Ticket {
            schema: SCHEMA,
            state,
            content: content.clone(),
            author: actor,
            run: Some(run.clone()),
            lease: Some(lease),
            attempt,
            head: Some(head),
            base: Some(base),
            copy,
            steps: vec![(step.clone(), StepState::Done)],
            seq,
            unknown,
        };
        let action = match kind {
            EventKind::Create => Action::Create { content, repo: base },
            EventKind::Edit => Action::Edit { content },
            EventKind::Approve => Action::Approve,
            EventKind::Reject => Action::Reject,
            EventKind::Claim => Action::Claim { run, lease },
            EventKind::Start => Action::Start { attempt },
            EventKind::Renew => Action::Renew { lease },
            EventKind::Step => Action::Step { step, state: StepState::Done },
            EventKind::Ask => Action::Ask,
            EventKind::Answer => Action::Answer,
            EventKind::Submit => Action::Submit { head, base },
            EventKind::Pass => Action::Pass,
            EventKind::Fail => Action::Fail { then: state },
            EventKind::Stale => Action::Stale { head, base },
            EventKind::Merge => Action::Merge { copy },
            EventKind::Block => Action::Block,
            EventKind::Unblock => Action::Unblock,
            EventKind::Release => Action::Release,
            EventKind::Expire => Action::Expire,
            EventKind::Cancel => Action::Cancel,
            EventKind::Comment => Action::Comment,
            EventKind::Conflict => Action::Conflict,
        };
        let nonce = Nonce::parse(&head.to_string()[..32]).expect("hex");
        Record { event: Event { action, actor, agent, by, nonce, text: text::body(&words) }, after }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(record in record()) {
        let message = encode(&record);
        prop_assert_eq!(decode(message.as_bytes()), Ok(record));
    }

    #[test]
    fn what_is_read_is_written_the_same(record in record(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut message = encode(&record).into_bytes();
        let at = at.index(message.len());
        message[at] = byte;
        if let Ok(read) = decode(&message) {
            prop_assert_eq!(encode(&read).into_bytes(), message);
        }
    }

    #[test]
    fn a_ticket_in_one_line_is_read_again(record in record()) {
        let line = encode_ticket(&record.after);
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(decode_ticket(&line), Ok(record.after));
    }

    #[test]
    fn any_line_gives_a_ticket_that_is_written_the_same_or_an_error(record in record(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut line = encode_ticket(&record.after).into_bytes();
        let at = at.index(line.len());
        line[at] = byte;
        let Ok(line) = String::from_utf8(line) else { return Ok(()) };
        if let Ok(ticket) = decode_ticket(&line) {
            prop_assert_eq!(encode_ticket(&ticket), line);
        }
    }

    #[test]
    fn any_bytes_give_a_record_or_an_error(bytes in vec(any::<u8>(), 0..600)) {
        drop(decode(&bytes));
    }

    #[test]
    fn a_body_cannot_inject_a_trailer(record in record(), words in "(Os-State: merged\n|\n|Os-Nonce: x\n|a){0,6}") {
        let mut record = record;
        record.event.text = text::body(&words);
        let read = decode(encode(&record).as_bytes()).expect("valid");
        prop_assert_eq!(read.after.state, record.after.state);
    }
}

/// A record in which every field has a value of its own.
fn full() -> Record {
    let object = |digit: &str| ObjectId::parse(&digit.repeat(40)).expect("hex");
    let after = Ticket {
        schema: 1,
        state: State::Running,
        content: Content {
            title: "A title".to_owned(),
            brand: Brand::parse("umano").expect("valid"),
            kind: Kind::parse("fix").expect("valid"),
            priority: 3,
            labels: vec![Label::parse("ui").expect("valid"), Label::parse("now").expect("valid")],
            depends: vec![TicketId::parse("T-2026-05-07-umano-a1b2").expect("valid")],
            tests_may_change: false,
            scope: Vec::new(),
        },
        author: Role::Planner,
        run: Some(RunId::parse(&"1".repeat(32)).expect("hex")),
        lease: Timestamp::parse("2026-05-07T14:20:00Z"),
        attempt: 2,
        head: Some(object("3")),
        base: Some(object("4")),
        copy: Some(object("7")),
        steps: vec![
            (StepId::parse("S1").expect("valid"), StepState::Done),
            (StepId::parse("S2").expect("valid"), StepState::Running),
        ],
        seq: 9,
        unknown: vec![("Os-Future".to_owned(), "kept".to_owned())],
    };
    let event = Event {
        action: Action::Step { step: StepId::parse("S2").expect("valid"), state: StepState::Running },
        actor: Role::Executor,
        agent: Some("claude/opus".to_owned()),
        by: Some(RunId::parse(&"5".repeat(32)).expect("hex")),
        nonce: Nonce::parse(&"6".repeat(32)).expect("hex"),
        text: "A body.\n\nOs-State: merged".to_owned(),
    };
    Record { event, after }
}

#[test]
fn the_stored_bytes_of_an_event_stay_as_they_are() {
    let stored = "[running] A title\n\nA body.\n\nOs-State: merged\n\n\
        Os-Schema: 1\nOs-Event: step\nOs-State: running\nOs-Brand: umano\nOs-Kind: fix\nOs-Priority: 3\n\
        Os-Labels: ui now\nOs-Depends: T-2026-05-07-umano-a1b2\nOs-Author: planner\nOs-Actor: ticket-executor\n\
        Os-Agent: claude/opus\nOs-By: 55555555555555555555555555555555\nOs-Run: 11111111111111111111111111111111\n\
        Os-Lease: 2026-05-07T14:20:00Z\nOs-Attempt: 2\nOs-Head: 3333333333333333333333333333333333333333\n\
        Os-Base: 4444444444444444444444444444444444444444\nOs-Copy: 7777777777777777777777777777777777777777\n\
        Os-Steps: S1=done S2=running\nOs-Step: S2=running\n\
        Os-Nonce: 66666666666666666666666666666666\nOs-Seq: 9\nOs-Future: kept\n";
    assert_eq!(encode(&full()), stored);
    assert_eq!(decode(stored.as_bytes()), Ok(full()));
    let mut changing = full();
    (changing.after.schema, changing.after.content.tests_may_change) = (2, true);
    let with_tests = stored.replace("Os-Schema: 1", "Os-Schema: 2").replace("Os-Future", "Os-Tests: may-change\nOs-Future");
    assert_eq!(encode(&changing), with_tests);
    assert_eq!(decode(with_tests.as_bytes()), Ok(changing));
    let mut scoped = full();
    (scoped.after.schema, scoped.after.content.scope) =
        (3, ["src/**", "a"].map(|area| Area::parse(area).expect("valid")).to_vec());
    let with_scope = stored.replace("Os-Schema: 1", "Os-Schema: 3").replace("Os-Future", "Os-Scope: src/** a\nOs-Future");
    assert_eq!(encode(&scoped), with_scope);
    assert_eq!(decode(with_scope.as_bytes()), Ok(scoped));
    assert!(decode(with_scope.replace("src/**", "/src/**").as_bytes()).is_err(), "a scope has one written form");
    let mut created = full();
    created.event.action = Action::Create { content: created.after.content.clone(), repo: created.after.head.expect("a head") };
    let stored = stored
        .replace("Os-Event: step", "Os-Event: create")
        .replace("Os-Step: S2=running", &format!("Os-Repo: {}", "3".repeat(40)));
    assert_eq!(encode(&created), stored);
    assert_eq!(decode(stored.as_bytes()), Ok(created));
}

#[test]
fn a_number_has_one_written_form() {
    assert_eq!(["0", "7", "10"].map(number::<u32>), [Some(0), Some(7), Some(10)]);
    assert_eq!(["", "+1", "-0", "00", "01", " 1", "4294967296"].map(number::<u32>), [None; 7]);
}

/// Changes one field of a ticket.
type Change = fn(&mut Ticket);

/// A change of each field of a ticket. The pattern has no `..`, so that a new field does not compile until it is here.
fn changes(of: &Ticket) -> Vec<(&'static str, Change)> {
    let Ticket {
        schema: _,
        state: _,
        content,
        author: _,
        run: _,
        lease: _,
        attempt: _,
        head: _,
        base: _,
        copy: _,
        steps: _,
        seq: _,
        unknown: _,
    } = of;
    let Content { title: _, brand: _, kind: _, priority: _, labels: _, depends: _, tests_may_change: _, scope: _ } = content;
    vec![
        ("schema", |ticket| ticket.schema += 1),
        ("state", |ticket| ticket.state = State::Blocked),
        ("title", |ticket| ticket.content.title = "Another".to_owned()),
        ("brand", |ticket| ticket.content.brand = Brand::parse("other").expect("valid")),
        ("kind", |ticket| ticket.content.kind = Kind::parse("task").expect("valid")),
        ("priority", |ticket| ticket.content.priority = 0),
        ("labels", |ticket| ticket.content.labels.clear()),
        ("depends", |ticket| ticket.content.depends.clear()),
        ("tests may change", |ticket| ticket.content.tests_may_change = true),
        ("scope", |ticket| ticket.content.scope = vec![Area::parse("src").expect("valid")]),
        ("author", |ticket| ticket.author = Role::Operator),
        ("run", |ticket| ticket.run = None),
        ("lease", |ticket| ticket.lease = None),
        ("attempt", |ticket| ticket.attempt = 0),
        ("head", |ticket| ticket.head = None),
        ("base", |ticket| ticket.base = None),
        ("copy", |ticket| ticket.copy = None),
        ("steps", |ticket| ticket.steps.clear()),
        ("seq", |ticket| ticket.seq = 0),
        ("unknown", |ticket| ticket.unknown.clear()),
    ]
}

#[test]
fn every_field_of_a_ticket_is_stored_in_the_event_and_on_the_board() {
    let record = full();
    let changes = changes(&record.after);
    // One for each field of the ticket but the content, and for each of the content.
    assert_eq!(changes.len(), 12 + 8);
    for (field, change) in changes {
        let mut other = record.clone();
        change(&mut other.after);
        assert_ne!(other, record, "`{field}` does not count in a comparison");
        assert_ne!(encode(&other), encode(&record), "`{field}` is not written");
        assert_eq!(decode(encode(&other).as_bytes()), Ok(other.clone()), "`{field}` is not read");
        let line = encode_ticket(&other.after);
        assert_ne!(line, encode_ticket(&record.after), "`{field}` is not on the board");
        assert_eq!(decode_ticket(&line), Ok(other.after), "`{field}` is not read from the board");
    }
}
