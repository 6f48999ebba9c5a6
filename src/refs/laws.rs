//! Laws of folding, archiving and auditing, on a repository in git's files and on one in memory.

use proptest::prelude::*;

use super::events::keeps;
use super::*;
use crate::core::id::ARCHIVE;
use crate::git::refs::RefEdit;
use crate::ledger::builder::{Pair, Step, law, run, steps, take, ticket};
use crate::ledger::replay::{self, system_clock};

/// Both sides of a ticket that two clones went on with, each for itself.
fn apart(pair: &Pair, common: &[Step], ours: &[Step], theirs: &[Step]) -> (TicketId, String) {
    let id = ticket(&pair.here, "One");
    for step in common {
        take(&pair.here, &id, *step);
    }
    pair.share();
    for step in ours {
        take(&pair.here, &id, *step);
    }
    for step in theirs {
        take(&pair.there, &id, *step);
    }
    let name = id.ref_name();
    (id, name)
}

fn tip(repo: &Repo, name: &str) -> ObjectId {
    repo.find_ref(name).expect("read").expect("a ref")
}

fn fold_here(repo: &Repo, name: &str, theirs: ObjectId, order: Order) -> Folded {
    let ledger = Ledger::open(repo).expect("under git-os");
    let kind = kind_of(name).expect("a kind");
    fold(&Scene::of(&ledger), kind, name, theirs, order).expect("folded")
}

fn is_legal(repo: &Repo, id: &TicketId, tip: ObjectId) -> bool {
    let ledger = Ledger::open(repo).expect("under git-os");
    replay::replay(&ledger, id, tip, None, &Landed::new(repo, &ledger.policy)).expect("replayed").is_granted()
}

#[test]
fn what_two_clones_wrote_is_in_one_legal_history_whoever_folds_first() {
    let sides = (steps(10), steps(6), steps(6));
    law("fold keeps every event, is legal, and is the same on both sides", &sides, |kept, (common, ours, theirs)| {
        let pair = Pair::new(kept);
        // What lands on one side alone is not landed on the other.
        let stays = |step: &Step| !matches!(step, Step::Land);
        let ours: Vec<_> = ours.into_iter().filter(stays).collect();
        let theirs: Vec<_> = theirs.into_iter().filter(stays).collect();
        let (id, name) = apart(&pair, &common, &ours, &theirs);
        let (left, right) = (tip(&pair.here, &name), tip(&pair.there, &name));
        let folded = fold_here(&pair.here, &name, right, Order::Older);
        prop_assert!(!matches!(folded, Folded::Refused(_)), "{folded:?}");
        fold_here(&pair.there, &name, left, Order::Older);
        let (one, other) = (tip(&pair.here, &name), tip(&pair.there, &name));
        prop_assert_eq!(one, other);
        prop_assert!(is_legal(&pair.here, &id, one));
        let ledger = Ledger::open(&pair.here).expect("under git-os");
        prop_assert!(keeps(&ledger, left, one).expect("read") && keeps(&ledger, right, one).expect("read"));
        // And there it ends.
        prop_assert_eq!(fold_here(&pair.here, &name, right, Order::Older), Folded::Same);
        prop_assert_eq!(fold_here(&pair.here, &name, other, Order::Older), Folded::Same);
        Ok(())
    });
}

#[test]
fn what_is_written_by_the_rules_passes_every_door() {
    law("hook, fold and audit agree on legal histories", &(steps(14), steps(4)), |kept, (first, then)| {
        let pair = Pair::new(kept);
        let (_, name) = apart(&pair, &first, &then, &[]);
        let (old, new) = (tip(&pair.there, &name), tip(&pair.here, &name));
        for repo in [&pair.here, &pair.there] {
            let ledger = Ledger::open(repo).expect("under git-os");
            let scene = Scene::of(&ledger);
            let mut report = Audit::new(ledger.policy.repo.clone());
            for (name, tip) in repo.list_refs(ROOT).expect("listed") {
                let kind = kind_of(&name).expect("a kind");
                kind.audit(&scene, &name, tip, &mut report).expect("audited");
                prop_assert_eq!(kind.repair(&scene, &name, tip).expect("looked at"), None);
            }
            prop_assert_eq!(&report.findings, &Vec::new());
        }
        // What landed here has to be there before the ticket that says so.
        pair.share_main();
        let ledger = Ledger::open(&pair.there).expect("under git-os");
        if old != new {
            prop_assert_eq!(judge(&Scene::of(&ledger), &name, Some(old), Some(new)).expect("judged"), Ruling::Granted(()));
            prop_assert!(!judge(&Scene::of(&ledger), &name, Some(new), Some(old)).expect("judged").is_granted());
        }
        prop_assert!(matches!(fold_here(&pair.there, &name, new, Order::Theirs), Folded::Brought | Folded::Same));
        prop_assert_eq!(tip(&pair.there, &name), new);
        Ok(())
    });
}

#[test]
fn a_state_that_was_not_earned_is_refused_found_and_put_back() {
    let claimed = prop::sample::select(vec!["ready", "verified", "merged", "canceled", "rejected", "blocked"]);
    law("a forged event passes no door, and repair restores the last legal tip", &(steps(8), claimed), |kept, (first, state)| {
        let pair = Pair::new(kept);
        let (id, name) = apart(&pair, &first, &[], &[]);
        let (repo, old) = (&pair.here, tip(&pair.here, &name));
        let commit = repo.read_commit(old).expect("a commit");
        let text = String::from_utf8(commit.message.clone()).expect("text");
        let line = |line: &str| match line.split_once(": ") {
            Some(("Os-State", _)) => format!("Os-State: {state}\n"),
            Some(("Os-Nonce", _)) => format!("Os-Nonce: {:032x}\n", 7),
            _ => format!("{line}\n"),
        };
        let forged: String = text.lines().map(line).collect();
        let who = repo.identity().expect("an identity");
        let forged = repo.write_commit(commit.tree_id, &[old], &who, &forged).expect("written");
        let ledger = Ledger::open(repo).expect("under git-os");
        let scene = Scene::of(&ledger);
        prop_assert!(!judge(&scene, &name, Some(old), Some(forged)).expect("judged").is_granted());
        prop_assert!(matches!(fold_here(&pair.there, &name, forged, Order::Theirs), Folded::Refused(_)));
        prop_assert_eq!(tip(&pair.there, &name), old);
        drop(repo.move_refs(&[RefEdit::advance(&name, Some(old), forged)]).expect("moved"));
        let mut report = Audit::new(ledger.policy.repo.clone());
        let kind = kind_of(&name).expect("a kind");
        kind.audit(&scene, &name, forged, &mut report).expect("audited");
        prop_assert_eq!(report.findings.len(), 1);
        let repaired = kind.repair(&scene, &name, forged).expect("repaired").expect("it was to be repaired");
        prop_assert_eq!((repaired.to, tip(repo, &name)), (Some(old), old));
        prop_assert_eq!(tip(repo, &repaired.kept), forged);
        prop_assert!(is_legal(repo, &id, tip(repo, &name)));
        Ok(())
    });
}

#[test]
fn two_clones_that_archive_at_once_come_to_one_archive_that_keeps_all() {
    let closed = prop::collection::vec(any::<bool>(), 1..6);
    law("archives join to the same, keep what both had, and never lose", &(closed.clone(), closed), |kept, (ours, theirs)| {
        let pair = Pair::new(kept);
        let ids: Vec<TicketId> = (0..ours.len().max(theirs.len())).map(|at| ticket(&pair.here, &format!("T{at}"))).collect();
        for id in &ids {
            take(&pair.here, id, Step::Cancel);
        }
        pair.share();
        for (repo, chosen) in [(&pair.here, &ours), (&pair.there, &theirs)] {
            let ledger = Ledger::open(repo).expect("under git-os");
            let all = archive::due(&ledger, system_clock().plus(1_000_000), 0).expect("read");
            let picked = chosen.iter().chain(std::iter::repeat(&false));
            let folds = all.into_iter().zip(picked).filter(|one| *one.1).map(|one| one.0).collect();
            archive::write(&ledger, &folds).expect("archived");
        }
        let tips = [&pair.here, &pair.there].map(|repo| repo.find_ref(ARCHIVE).expect("read"));
        for (repo, known, brought) in [(&pair.here, tips[0], tips[1]), (&pair.there, tips[1], tips[0])] {
            let Some(brought) = brought else { continue };
            let folded = fold_here(repo, ARCHIVE, brought, Order::Older);
            prop_assert!(!matches!(folded, Folded::Refused(_)), "{folded:?}");
            let ledger = Ledger::open(repo).expect("under git-os");
            archive::settle(&ledger).expect("settled");
            let now = tip(repo, ARCHIVE);
            let scene = Scene::of(&ledger);
            if let Some(known) = known.filter(|known| *known != now) {
                prop_assert_eq!(judge(&scene, ARCHIVE, Some(known), Some(now)).expect("judged"), Ruling::Granted(()));
                prop_assert!(!judge(&scene, ARCHIVE, Some(now), Some(known)).expect("judged").is_granted());
            }
        }
        if tips.iter().all(Option::is_some) {
            prop_assert_eq!(tip(&pair.here, ARCHIVE), tip(&pair.there, ARCHIVE));
        }
        for repo in [&pair.here, &pair.there] {
            for id in &ids {
                let live = repo.find_ref(&id.ref_name()).expect("read");
                let kept = archived::find(repo, id).expect("read");
                prop_assert!(live.is_some() != kept.is_some(), "{}: {:?} {:?}", id, live, kept);
            }
        }
        Ok(())
    });
}

#[test]
fn one_run_at_a_time_holds_a_ticket_wherever_it_was_claimed() {
    law("of two claims one stands", &(steps(3), 0..3_u8, 3..6_u8), |kept, (before, left, right)| {
        let pair = Pair::new(kept);
        let common: Vec<_> = before.into_iter().filter(|step| matches!(step, Step::Comment(_) | Step::Edit(_))).collect();
        let common: Vec<_> = common.into_iter().chain([Step::Approve]).collect();
        let (id, name) = apart(&pair, &common, &[Step::Claim(left)], &[Step::Claim(right), Step::Start]);
        fold_here(&pair.here, &name, tip(&pair.there, &name), Order::Theirs);
        let ledger = Ledger::open(&pair.here).expect("under git-os");
        let now = ledger.find(&id).expect("read").expect("a ticket").ticket;
        prop_assert_eq!(now.run, Some(run(right)));
        Ok(())
    });
}
