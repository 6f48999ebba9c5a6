//! Laws of the book: what is reserved, settled and charged.

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);

fn amounts(all: &[(Cap, u64)]) -> Amounts {
    let mut amounts = Amounts::default();
    for (cap, amount) in all {
        amounts.set(*cap, *amount);
    }
    amounts
}

fn run(number: u32) -> RunId {
    RunId::parse(&format!("{number:032x}")).expect("a run")
}

fn change(at: Timestamp, what: What) -> Change {
    Change { at, machine: "m".to_owned(), what }
}

fn reserve(number: u32, at: Timestamp, dollars: u64) -> Change {
    let brand = Brand::parse("a").expect("a brand");
    let ticket = TicketId::parse("T-2026-05-07-a-91c2").expect("an id");
    let amounts = amounts(&[(Cap::Runs, 1), (Cap::Dollars, dollars), (Cap::Minutes, 600)]);
    change(at, What::Reserve { run: run(number), brand, ticket, until: at.plus(600), amounts })
}

fn day(book: &Book, cap: Cap, at: Timestamp) -> (u64, u64) {
    book.counted(&Scope::Day(None), cap, None, at)
}

#[test]
fn what_is_reserved_counts_until_it_is_settled_and_then_what_was_used() {
    let book = Book::default().after(&reserve(1, NOW, 20)).expect("reserved");
    assert_eq!(day(&book, Cap::Dollars, NOW), (0, 20));
    let used = amounts(&[(Cap::Runs, 1), (Cap::Dollars, 3)]);
    let settle = change(NOW.plus(5), What::Settle { run: run(1), used });
    let settled = book.after(&settle).expect("settled");
    assert_eq!((day(&settled, Cap::Dollars, NOW), day(&settled, Cap::Runs, NOW)), ((3, 0), (1, 0)));
    assert_eq!(settled.clone().after(&settle), Err(Invalid::NotReserved));
    assert_eq!(Book::read(&settled.bytes()), Some(settled));
}

#[test]
fn what_nobody_settles_is_charged_in_full_but_for_time_that_it_had_not() {
    let book = Book::default().after(&reserve(1, NOW, 20)).expect("reserved");
    // The same run begins anew after two minutes: it died with the first.
    let anew = book.clone().after(&reserve(1, NOW.plus(120), 20)).expect("reserved");
    assert_eq!((day(&anew, Cap::Dollars, NOW), day(&anew, Cap::Minutes, NOW)), ((20, 20), (120, 600)));
    // Another machine comes after its time.
    let later = book.after(&reserve(2, NOW.plus(601), 5)).expect("reserved");
    assert_eq!((day(&later, Cap::Dollars, NOW), day(&later, Cap::Runs, NOW)), ((20, 5), (1, 1)));
}

#[test]
fn a_run_begins_only_if_all_that_it_may_use_fits() {
    let brand = Brand::parse("a").expect("a brand");
    let mut budget = Budget::default();
    budget.all.day = amounts(&[(Cap::Dollars, 50)]);
    let book = Book::default().after(&reserve(1, NOW, 20)).expect("reserved");
    let wanted = |dollars| amounts(&[(Cap::Dollars, dollars)]);
    assert_eq!(book.find_excess(&budget, (&brand, None), &wanted(30), NOW), None);
    let excess = book.find_excess(&budget, (&brand, None), &wanted(31), NOW).expect("too much");
    assert_eq!((excess.reserved, excess.until), (20, Some(Timestamp(1_800_057_600))));
    assert_eq!(book.find_excess(&budget, (&brand, None), &wanted(31), NOW.plus(86_400)), None);
}

#[test]
fn any_bytes_are_a_book_or_none() {
    for bytes in [&b""[..], b"{}", b"\xff", b"[1]", br#"{"version":2,"open":{},"days":{},"total":{},"tickets":{}}"#] {
        assert_eq!(Book::read(bytes), None);
    }
    let huge = br#"{"version":1,"open":{},"days":{},"total":{"a":{"runs":18446744073709551615}},"tickets":{}}"#;
    let book = Book::read(huge).and_then(|book| book.after(&reserve(1, NOW, 1)).ok()).expect("a book");
    assert_eq!(book.counted(&Scope::Total(None), Cap::Runs, None, NOW), (u64::MAX, 1));
}
