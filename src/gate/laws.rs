//! Laws of the gate, on a repository in git's files and on one in memory.

use proptest::prelude::*;

use super::*;
use crate::core::ruling::Ruling;
use crate::ledger::builder::{MAIN, Pair, law, steps, take, ticket, work};

#[test]
fn a_branch_moves_to_a_head_just_when_its_ticket_is_verified_on_its_tip() {
    law(
        "the gate opens for verified work on the tip, and for nothing else of a ticket",
        &(steps(14), steps(14)),
        |kept, (one, two)| {
            let pair = Pair::new(kept);
            let repo = &pair.here;
            let ids = [ticket(repo, "One"), ticket(repo, "Two")];
            for at in 0..one.len().max(two.len()) {
                for (id, steps) in ids.iter().zip([&one, &two]) {
                    if let Some(step) = steps.get(at) {
                        take(repo, id, *step);
                    }
                }
            }
            let ledger = Ledger::open(repo).expect("under git-os");
            let main = repo.find_ref(MAIN).expect("read").expect("a branch");
            let asks = |new| judge(&ledger, Some(main), Some(new)).expect("judged");
            for id in &ids {
                let entry = ledger.find(id).expect("read").expect("a ticket");
                let Some(head) = entry.ticket.head else { continue };
                let is_verified = matches!(entry.ticket.state, State::Verified | State::Merged);
                let is_on_tip = repo.is_ancestor(main, head).expect("read");
                prop_assert_eq!(asks(head).is_granted(), is_verified && is_on_tip || head == main, "{:?}", entry.ticket);
                // Nothing is put on top of it before it has landed.
                if !repo.is_ancestor(head, main).expect("read") {
                    let who = repo.identity().expect("an identity");
                    let tree_id = repo.read_commit(head).expect("a commit").tree_id;
                    let above = repo.write_commit(tree_id, &[head], &who, "more\n").expect("written");
                    prop_assert!(!asks(above).is_granted());
                }
            }
            // What belongs to no ticket is free where only tickets are gated, and what has landed stays.
            prop_assert_eq!(asks(work(repo, "human", 1).0), Ruling::Granted(()));
            prop_assert_eq!(asks(main), Ruling::Granted(()));
            let epoch = ledger.policy.epoch["main"];
            prop_assert_eq!(asks(epoch).is_granted(), epoch == main);
            prop_assert_eq!(find_ungated(&ledger, "main", main).expect("looked at"), Vec::new());
            Ok(())
        },
    );
}
