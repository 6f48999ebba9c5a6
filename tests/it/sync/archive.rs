//! What is closed leaves the live refs and stays within reach.

use super::fleet::{BARE, Fleet, Plan};

#[test]
fn what_is_archived_is_found_by_all_who_ask() {
    let fleet = Fleet::new(2, Plan { is_judged: true, ..Plan::default() });
    let id = fleet.new_ticket("m0", "Done with");
    fleet.os("m0", &["reject", &id, "--reason", "not wanted"]).ok();
    fleet.settle();
    fleet.os("m0", &["archive"]).says("0 refs").ok();
    fleet.os("m0", &["archive", "--after", "0m"]).says("1 ref").ok();
    assert_eq!(fleet.sandbox.state("m0", &id), "");
    fleet.settle();
    fleet.all_agree();
    for machine in ["m0", "m1"] {
        assert_eq!(fleet.sandbox.state(machine, &id), "");
        fleet.os(machine, &["show", &id]).says("rejected").ok();
        fleet.os(machine, &["log", &id]).says("not wanted").ok();
        fleet.os(machine, &["list", "--all"]).says(&id).ok();
        fleet.sandbox.sh(machine, "git reflog expire --expire=now --all; git gc -q --prune=now").ok();
        fleet.os(machine, &["fsck"]).says("1 ticket").ok();
    }
    assert_eq!(fleet.sandbox.state(BARE, &id), "");
    // A word on it brings it back.
    fleet.os("m1", &["comment", &id, "perhaps after all"]).ok();
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.events("m0", &id), ["create", "reject", "comment"]);
    fleet.os("m0", &["archive", "--after", "0m"]).says("1 ref").ok();
    fleet.settle();
    fleet.all_agree();
    fleet.os("m1", &["log", &id]).says("perhaps after all").ok();
}

#[test]
fn two_machines_that_archive_at_once_come_to_one_archive() {
    let fleet = Fleet::new(3, Plan { is_judged: true, ..Plan::default() });
    let ids: Vec<_> = (0..6).map(|number| fleet.new_ticket("m0", &format!("Ticket {number}"))).collect();
    fleet.settle();
    for (machine, ids) in [("m0", &ids[..3]), ("m1", &ids[2..])] {
        for id in ids {
            fleet.os(machine, &["reject", id, "--reason", machine]).ok();
        }
        fleet.os(machine, &["archive", "--after", "0m"]).ok();
    }
    // Meanwhile the third has something to say on one of them.
    fleet.os("m2", &["comment", &ids[0], "wait"]).ok();
    fleet.settle();
    fleet.settle();
    fleet.all_agree();
    for id in &ids {
        fleet.os("m2", &["show", id]).says("rejected").ok();
    }
    fleet.os("m0", &["log", &ids[0]]).says("wait").ok();
    // Both rejected the third ticket: one was first, and the other is not forgotten.
    fleet.os("m1", &["log", &ids[2]]).says("conflict").ok();
}
