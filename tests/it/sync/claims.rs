//! A claim is a push: one of any number of machines wins, and the others are told who did.

use super::carriers::Carrier;
use super::fleet::{Fleet, Plan};
use crate::sandbox::RUN;

/// How often; `GIT_OS_TEST_ROUNDS` says otherwise.
fn rounds() -> usize {
    std::env::var("GIT_OS_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3)
}

/// How many machines race.
const MACHINES: usize = 8;

/// Races for one ticket after the other; answers how long all of it took.
fn race_for_tickets(fleet: &Fleet) -> std::time::Duration {
    let mut tickets = Vec::new();
    for round in 0..rounds() {
        tickets.push(fleet.ready("m0", &format!("Round {round}")));
    }
    fleet.settle();
    let began = std::time::Instant::now();
    for id in &tickets {
        let commands: Vec<_> =
            fleet.machines.iter().map(|machine| (machine.as_str(), vec!["claim".to_owned(), id.clone()])).collect();
        let ends = fleet.race(&commands);
        let winners: Vec<_> = ends.iter().filter(|end| end.0 == Some(0)).collect();
        assert_eq!(winners.len(), 1, "{ends:#?}");
        let run = winners[0].1.split_whitespace().nth(4).expect("a run").to_owned();
        for (code, said) in ends.iter().filter(|end| end.0 != Some(0)) {
            assert_eq!(*code, Some(1), "{said}");
            assert!(said.contains(&format!("run {run} of ")) && said.contains(" holds it"), "{said}");
        }
    }
    let took = began.elapsed();
    fleet.settle();
    fleet.all_agree();
    for id in &tickets {
        assert_eq!(fleet.events("m0", id), ["create", "approve", "claim"]);
    }
    took
}

#[test]
fn one_of_eight_machines_wins() {
    let fleet = Fleet::new(MACHINES, Plan { is_judged: true, ..Plan::default() });
    let took = race_for_tickets(&fleet);
    println!("file: {} rounds of {MACHINES} in {took:.1?}", rounds());
}

#[test]
fn one_of_eight_wins_whatever_carries_the_push() {
    for start in [Carrier::daemon as fn(&Fleet) -> Carrier, Carrier::http] {
        let fleet = Fleet::new(MACHINES, Plan { is_judged: true, ..Plan::default() });
        let carrier = start(&fleet);
        for machine in &fleet.machines {
            fleet.git(machine, &["remote", "set-url", "origin", carrier.url()]).ok();
        }
        let took = race_for_tickets(&fleet);
        let way = carrier.url().split(':').next().unwrap_or_default();
        println!("{way}: {} rounds of {MACHINES} in {took:.1?}", rounds());
    }
}

#[test]
fn next_goes_on_to_the_next_ticket_when_a_race_is_lost() {
    let fleet = Fleet::new(4, Plan { is_judged: true, ..Plan::default() });
    let ids: Vec<_> = (0..4).map(|number| fleet.ready("m0", &format!("Ticket {number}"))).collect();
    fleet.settle();
    let commands: Vec<_> =
        fleet.machines.iter().map(|machine| (machine.as_str(), vec!["claim".to_owned(), "--next".to_owned()])).collect();
    let ends = fleet.race(&commands);
    assert!(ends.iter().all(|end| end.0 == Some(0)), "{ends:#?}");
    fleet.settle();
    for id in &ids {
        assert_eq!(fleet.sandbox.state("m0", id), "claimed");
    }
}

#[test]
fn what_is_claimed_is_not_taken_away_before_its_time() {
    let fleet = Fleet::new(2, Plan { is_judged: true, ..Plan::default() });
    let id = fleet.ready("m0", "Mine");
    fleet.settle();
    fleet.os("m0", &["claim", &id, "--run", RUN]).ok();
    // The second machine does not know of the claim yet, and finds out.
    fleet.os("m1", &["claim", &id]).fails(RUN);
    fleet.os("m1", &["expire", &id]).fails("lasts until");
    // A clock that is ahead does not help: the server has one of its own.
    let mut command = fleet.command("m1", "m1", "git-os");
    let output = command.args(["expire", &id]).env("GIT_COMMITTER_DATE", "2099-01-01T00:00:00Z").output().expect("an end");
    assert_ne!(output.status.code(), Some(0));
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.sandbox.state("m0", &id), "claimed");
}

#[test]
fn whoever_took_a_ticket_by_hand_is_told_that_it_is_gone() {
    let fleet = Fleet::new(2, Plan::default());
    let id = fleet.ready("m0", "Taken away");
    fleet.os("m0", &["sync"]).ok();
    fleet.os("m1", &["sync"]).ok();
    fleet.os("m1", &["take", &id]).ok();
    fleet.os("m1", &["sync"]).ok();
    fleet.os("m0", &["sync"]).ok();
    fleet.os("m0", &["cancel", &id, "--reason", "Not needed."]).ok();
    fleet.os("m0", &["sync"]).ok();
    let said = format!("note: {id} is canceled by now and no longer held here; its branch `claude/{id}` stays");
    fleet.os("m1", &["sync"]).says(&said).ok();
    let again = fleet.os("m1", &["sync"]);
    assert!(!again.stderr.contains("no longer held"), "{again}");
    again.ok();
}
