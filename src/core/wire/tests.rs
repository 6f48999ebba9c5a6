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
    (any::<String>(), 0_u8..=4, vec("[a-z][a-z0-9-]{0,8}", 0..4), depends).prop_map(|(title, priority, labels, depends)| {
        let title = text::line(&title, text::MAX_TITLE);
        Content {
            title: if title.is_empty() { "x".to_owned() } else { title },
            brand: Brand::parse("umano").expect("valid"),
            kind: Kind::parse("fix").expect("valid"),
            priority,
            labels: labels.iter().map(|label| Label::parse(label).expect("valid")).collect(),
            depends,
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
            EventKind::Merge => Action::Merge,
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
