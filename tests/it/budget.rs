//! Budgets that machines share: what is reserved at the remote before a run, and settled after it.

use std::process::Stdio;

use crate::crew::Crew;
use crate::sync::fleet::{Fleet, Plan};

/// What `refs/os/budget` says in a repository: runs that were charged, and runs that are reserved.
fn counted(book: &str) -> (u64, usize) {
    let book: serde_json::Value = serde_json::from_str(book).expect("a book");
    let runs = |brands: &serde_json::Value| {
        brands.as_object().map_or(0, |all| all.values().filter_map(|one| one["runs"].as_u64()).sum())
    };
    (runs(&book["total"]), book["open"].as_object().map_or(0, serde_json::Map::len))
}

#[test]
fn what_the_day_has_no_room_for_stays_ready_and_says_when_it_goes_on() {
    let crew = Crew::alone("date +%N >work; git add -A; git commit -qm \"Do $GIT_OS_TICKET\"", "");
    let text = std::fs::read_to_string(crew.sandbox.path("ws/hub/registry.toml")).expect("a registry");
    crew.sandbox.write("ws/hub/registry.toml", format!("{text}\n[budget]\nday = {{ runs = 2 }}\n"));
    crew.os(&["init"]).ok();
    let ids = ["One", "Two", "Three"].map(|title| crew.ready(title));
    let said = crew.os(&["dispatch"]).ok();
    let landed = ids.iter().filter(|id| crew.state(id) == "merged").count();
    let ready = ids.iter().filter(|id| crew.state(id) == "ready").count();
    assert_eq!((landed, ready), (2, 1), "{said}");
    let again = crew.os(&["dispatch"]);
    let told = format!("{}{}", again.stdout, again.stderr);
    assert!(
        told.contains("the budget of the day has no room for another run: 2 runs used of 2 runs; it begins anew at "),
        "{told}"
    );
    let book = crew.sandbox.git("ws/hub", &["show", "refs/os/budget:book.json"]).ok();
    assert_eq!(counted(&book), (2, 0));
    crew.os(&["fsck"]).ok();
}

#[test]
fn a_book_that_nobody_earned_is_refused_and_found() {
    let crew = Crew::alone("date +%N >work; git add -A; git commit -qm work", "");
    let text = std::fs::read_to_string(crew.sandbox.path("ws/hub/registry.toml")).expect("a registry");
    crew.sandbox.write("ws/hub/registry.toml", format!("{text}\n[budget]\nday = {{ runs = 9 }}\n"));
    crew.os(&["init"]).ok();
    crew.ready("One");
    crew.os(&["dispatch"]).ok();
    // The runs are gone from it, and nothing says why.
    let forge = "set -e; book=$(git show refs/os/budget:book.json | sed 's/\"runs\":1/\"runs\":0/g' | git hash-object -w --stdin)
                 change=$(git rev-parse refs/os/budget:change.json)
                 tree=$(printf '100644 blob %s\\tbook.json\\n100644 blob %s\\tchange.json\\n' $book $change | git mktree)
                 new=$(git commit-tree -p refs/os/budget -m '[settle] nothing' $tree)";
    crew.sandbox.sh("ws/hub", &format!("{forge}; git update-ref refs/os/budget $new")).fails("is not what its change makes of");
    crew.sandbox.sh("ws/hub", "git update-ref -d refs/os/budget").fails("never deleted");
    crew.sandbox.sh("ws/hub", &format!("{forge}; git -c core.hooksPath=/dev/null update-ref refs/os/budget $new")).ok();
    crew.os(&["fsck"]).fails("is not what its change makes of");
}

/// Eight machines, and far more tickets than the day has room for; some machines are killed while an agent works.
#[test]
fn machines_never_use_more_together_than_the_day_has_room_for() {
    let rounds: usize = std::env::var("GIT_OS_TEST_BUDGET").ok().and_then(|count| count.parse().ok()).unwrap_or(6);
    let settings = format!(
        "agent = \"crew\"\nchecks = []\n[budget]\nday = {{ runs = {rounds} }}\n[agents.crew]\nkind = \"command\"\nrun = [\"sh\", \"./agent.sh\"]\n"
    );
    let fleet = Fleet::new(8, Plan { settings: &settings, is_judged: true, ..Plan::default() });
    let log = fleet.sandbox.path("log");
    let agent = format!(
        "echo run >>{}; sleep 0.2; echo $GIT_OS_TICKET >work-$GIT_OS_TICKET; git add -A; git commit -qm \"$GIT_OS_TICKET\"\n",
        log.display()
    );
    for machine in &fleet.machines {
        fleet.sandbox.write(&format!("{machine}/agent.sh"), &agent);
    }
    for number in 0..rounds * 5 {
        fleet.ready("m0", &format!("Ticket {number}"));
    }
    fleet.settle();
    let count = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    for turn in 0..3 {
        let before = count();
        let start = |(at, machine): (usize, &String)| {
            let mut command = fleet.command(machine, machine, "git-os");
            command.args(["worker", "--until-empty"]).stdout(Stdio::null()).stderr(Stdio::null());
            if (at + turn) % 3 == 0 {
                command.env("GIT_OS_KILL_AFTER", "worked");
            }
            command.spawn().expect("a worker")
        };
        let mut all: Vec<_> = fleet.machines.iter().enumerate().map(start).collect();
        // Others are killed while their agents work, with what they reserved.
        while count() == before && all.iter_mut().any(|one| one.try_wait().is_ok_and(|end| end.is_none())) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        for (at, one) in all.iter_mut().enumerate().filter(|(at, _)| (at + turn) % 3 == 1) {
            one.kill().unwrap_or_else(|error| println!("machine {at} had ended: {error}"));
        }
        for mut one in all {
            one.wait().expect("an end");
        }
    }
    let runs = count();
    println!("{runs} runs began, {rounds} were allowed");
    let book = fleet.sandbox.git("shared.git", &["show", "refs/os/budget:book.json"]).ok();
    let (charged, open) = counted(&book);
    // One that was killed between reserving and beginning is open, and none of the runs.
    assert!(runs + open > rounds / 2 && runs <= rounds, "{runs} runs of {rounds}, {open} open");
    assert!(usize::try_from(charged).expect("a count") + open <= rounds, "{charged} and {open} of {rounds}");
}
