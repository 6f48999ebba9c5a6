//! Two sides that both went on: nothing is lost, and all come to the same.

use super::fleet::{BARE, Fleet, Plan};

/// Two clones that know each other and no server, each with what both had before.
fn peers() -> Fleet {
    let fleet = Fleet::new(2, Plan::default());
    for (machine, other) in [("m0", "m1"), ("m1", "m0")] {
        let url = format!("file://{}", fleet.sandbox.path(other).display());
        let refs = format!("+refs/os/*:refs/os-remote/{other}/*");
        let script = format!(
            "git remote remove origin; git config --unset git-os.remote || true; git remote add {other} '{url}'
             git config --add remote.{other}.fetch '{refs}'
             git config --add remote.{other}.fetch '+refs/notes/os/*:refs/os-remote/{other}/notes/*'"
        );
        fleet.sandbox.sh(machine, &script).ok();
        fleet.sandbox.sh(machine, "git for-each-ref --format='delete %(refname)' refs/os-remote | git update-ref --stdin").ok();
    }
    fleet
}

fn diverged(count: usize) -> (Fleet, Vec<String>) {
    let fleet = Fleet::new(2, Plan::default());
    let ids: Vec<_> = (0..count).map(|number| fleet.ready("m0", &format!("Ticket {number}"))).collect();
    fleet.settle();
    (fleet, ids)
}

#[test]
fn what_was_written_on_both_sides_is_in_one_history() {
    let (fleet, ids) = diverged(1);
    let id = &ids[0];
    fleet.os("m0", &["edit", id, "--title", "A better title"]).ok();
    fleet.os("m0", &["comment", id, "from the first"]).ok();
    fleet.os("m1", &["edit", id, "--priority", "0"]).ok();
    fleet.os("m1", &["comment", id, "from the second"]).ok();
    let before = fleet.git("m1", &["log", "--format=%an %ad %s", "-2", &format!("refs/os/tickets/{id}")]).ok();
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.events("m0", id), ["create", "approve", "edit", "comment", "edit", "comment"]);
    // Who wrote it and when is as it was, and so is what the other side wrote.
    let after = fleet.git("m0", &["log", "--format=%an %ad", "-2", &format!("refs/os/tickets/{id}")]).ok();
    let names = |text: &str| text.lines().map(|line| line.split(" [").next().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before));
    fleet.os("m0", &["show", id]).says("A better title").says("priority 0").ok();
}

#[test]
fn what_is_no_longer_possible_stands_there_as_a_conflict() {
    let (fleet, ids) = diverged(1);
    let id = &ids[0];
    fleet.sandbox.write("m1-description", "What the second machine has to say of it");
    let file = fleet.sandbox.path("m1-description").display().to_string();
    fleet.os("m0", &["cancel", id, "--reason", "not wanted any more"]).ok();
    fleet.os("m1", &["edit", id, "--title", "Wanted all the same", "--description-file", &file]).ok();
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.events("m0", id), ["create", "approve", "cancel", "conflict"]);
    let name = format!("refs/os/tickets/{id}");
    let kept = fleet.git("m0", &["show", &format!("{name}:conflicts/4.event")]).ok();
    assert!(kept.contains("Wanted all the same") && kept.contains("author m1"), "{kept}");
    fleet.git("m0", &["show", &format!("{name}:conflicts/4.description.md")]).says("has to say of it").ok();
    // The machine whose event it was has it as it was written, too.
    assert_eq!(fleet.sandbox.refs("m1", &["refs/os/rejected"]).lines().count(), 1);
    fleet.os("m1", &["log", id]).says("could not be replayed").ok();
}

#[test]
fn a_landing_that_both_noticed_is_one_event() {
    let fleet = Fleet::new(2, Plan::default());
    let id = fleet.ready("m0", "Work");
    for verb in ["claim", "start"] {
        fleet.os("m0", &[verb, &id]).ok();
    }
    let head = fleet.sandbox.work("m0", &id);
    fleet.os("m0", &["submit", &id]).ok();
    fleet.os("m0", &["verify", &id]).ok();
    fleet.os("m0", &["sync"]).ok();
    // It lands by hand here, and by a pull there, before anybody syncs.
    fleet.git("m0", &["merge", "-q", "--ff-only", &head]).ok();
    fleet.os("m1", &["sync"]).ok();
    fleet.git("m0", &["push", "-q", "origin", "main"]).ok();
    fleet.sandbox.sh("m1", "git fetch -q origin main && git merge -q --ff-only FETCH_HEAD").ok();
    assert_eq!((fleet.sandbox.state("m0", &id), fleet.sandbox.state("m1", &id)), ("merged".to_owned(), "merged".to_owned()));
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.events("m0", &id).iter().filter(|event| *event == "merge" || *event == "conflict").count(), 1);
}

#[test]
fn peers_come_to_the_same_whoever_syncs_first() {
    let mut ends = Vec::new();
    let (fleet, ids) = {
        let fleet = peers();
        let ids: Vec<_> = (0..50).map(|number| fleet.ready("m0", &format!("Ticket {number}"))).collect();
        fleet.git("m1", &["fetch", "-q", "m0"]).ok();
        fleet.os("m1", &["list"]).says(&ids[49]).ok();
        (fleet, ids)
    };
    for (number, id) in ids.iter().enumerate() {
        let (first, second) = if number % 2 == 0 { ("m0", "m1") } else { ("m1", "m0") };
        fleet.os(first, &["comment", id, "one side"]).ok();
        match number % 3 {
            0 => drop(fleet.os(second, &["comment", id, "other side"]).ok()),
            1 => drop(fleet.os(second, &["cancel", id, "--reason", "no"]).ok()),
            _ => drop(fleet.os(second, &["claim", id]).ok()),
        }
        fleet.os(first, &["claim", id]).ok();
    }
    for machine in ["m0", "m1"] {
        fleet.os(machine, &["learn", &format!("{machine} has learned this")]).ok();
    }
    fleet.sandbox.sh(".", "cp -a . ../saved-$$ && mv ../saved-$$ copy").ok();
    for order in [["m0", "m1"], ["m1", "m0"]] {
        let (one, two) = (order[0], order[1]);
        for (machine, other) in [(one, two), (two, one), (one, two)] {
            // A peer is read; what is new here it fetches by itself.
            fleet.git(machine, &["fetch", "-q", other]).ok();
            fleet.os(machine, &["list", "--all"]).ok();
        }
        assert_eq!(fleet.shared_refs("m0"), fleet.shared_refs("m1"));
        fleet.os("m0", &["fsck"]).ok();
        ends.push(fleet.shared_refs("m0"));
        fleet.sandbox.sh(".", "for m in m0 m1; do rm -rf $m; cp -a copy/$m $m; done").ok();
    }
    assert_eq!(ends[0], ends[1]);
    assert!(ends[0].contains(&ids[0]));
}

#[test]
fn two_tickets_of_one_name_both_live_on() {
    let fleet = Fleet::new(2, Plan::default());
    // Roots whose first four digits are the same are looked for, as chance would have it one day.
    let mut seen = std::collections::BTreeMap::new();
    let (mut left, mut right) = (None, None);
    for number in 0..2000 {
        let machine = if number % 2 == 0 { "m0" } else { "m1" };
        let id = fleet.new_ticket(machine, &format!("Ticket {number}"));
        match seen.insert(id.clone(), machine) {
            Some(other) if other != machine => {
                (left, right) = (Some(id.clone()), Some(id));
                break;
            }
            _ => {}
        }
    }
    let (Some(left), Some(_)) = (left, right) else { panic!("no two ids were the same") };
    fleet.os("m0", &["sync"]).ok();
    fleet.os("m1", &["sync"]).says("because another ticket has the id").says(&left).ok();
    fleet.settle();
    fleet.all_agree();
    let named = fleet.shared_refs("m0").lines().filter(|line| line.contains(&left)).count();
    assert_eq!(named, 2);
}

#[test]
fn lessons_notes_and_pages_have_the_lines_of_both() {
    let fleet = Fleet::new(2, Plan::default());
    let page = |machine: &str, path: &str, text: &str| {
        let script = format!(
            "export GIT_INDEX_FILE=.git/wiki-index; rm -f $GIT_INDEX_FILE; parent=
             if git rev-parse -q --verify refs/os/wiki >/dev/null; then git read-tree refs/os/wiki; parent='-p refs/os/wiki'; fi
             blob=$(printf '%s\\n' '{text}' | git hash-object -w --stdin)
             git update-index --add --cacheinfo 100644,$blob,{path}
             git update-ref refs/os/wiki $(git commit-tree $parent -m 'Write {path}' $(git write-tree))"
        );
        fleet.sandbox.sh(machine, &script).ok();
    };
    page("m0", "Brand/shared.md", "as it was");
    fleet.settle();
    page("m0", "Brand/shared.md", "as the first has it");
    page("m0", "Brand/first.md", "only here");
    page("m0", "ledger/2026-05-07.md", "- one");
    page("m1", "Brand/shared.md", "as the second has it");
    page("m1", "Brand/second.md", "only there");
    page("m1", "ledger/2026-05-07.md", "- two");
    fleet.os("m0", &["learn", "The first has learned something"]).ok();
    fleet.os("m1", &["learn", "The second has learned something"]).ok();
    fleet.settle();
    fleet.all_agree();
    let show = |path: &str| fleet.git("m1", &["show", &format!("refs/os/wiki:{path}")]).ok();
    assert_eq!((show("Brand/first.md"), show("Brand/second.md")), ("only here".to_owned(), "only there".to_owned()));
    assert_eq!(show("ledger/2026-05-07.md"), "- one\n- two");
    assert_eq!(show("Brand/shared.md"), "as the first has it");
    // The other text is not lost: it waits for a decision.
    let proposal = fleet.git("m0", &["for-each-ref", "--format=%(refname)", "refs/os/proposals"]).ok();
    assert_eq!(fleet.git("m0", &["show", &format!("{proposal}:other.md")]).ok(), "as the second has it");
    assert_eq!(fleet.shared_refs("m0").lines().filter(|line| line.contains("learnings")).count(), 2);
}

#[test]
fn a_rewrite_that_loses_an_event_is_refused_here_and_there() {
    let fleet = Fleet::new(2, Plan { is_judged: true, ..Plan::default() });
    let id = fleet.ready("m0", "Precious");
    fleet.os("m0", &["comment", &id, "one"]).ok();
    fleet.os("m0", &["sync"]).ok();
    let name = format!("refs/os/tickets/{id}");
    fleet.git("m0", &["update-ref", &name, &format!("{name}~1")]).fails("refusing to update");
    fleet.git("m0", &["push", "-q", "--force", "origin", &format!("{name}~1:{name}")]).fails("refusing to update");
    fleet.git("m0", &["push", "-q", "origin", &format!(":{name}")]).fails("archived");
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn a_remote_that_is_gone_for_good_is_made_anew_from_any_clone() {
    let mut fleet = Fleet::new(3, Plan { is_judged: true, ..Plan::default() });
    let ids: Vec<_> = (0..5).map(|number| fleet.ready("m0", &format!("Ticket {number}"))).collect();
    fleet.os("m1", &["learn", "What the second machine has learned of all this"]).ok();
    fleet.os("m0", &["cancel", &ids[4], "--reason", "no"]).ok();
    fleet.os("m0", &["archive", "--after", "0m"]).ok();
    fleet.settle();
    fleet.sandbox.sh(".", &format!("rm -rf {BARE}")).ok();
    for machine in ["m0", "m1", "m2"] {
        fleet.os(machine, &["comment", &ids[0], &format!("{machine} goes on")]).ok();
    }
    fleet.sandbox.sh(".", &format!("git init -q --bare {BARE}")).ok();
    let url = format!("file://{}", fleet.sandbox.path(BARE).display());
    fleet.git("m2", &["push", "-q", "--mirror", &url]).ok();
    fleet.os(".", &["server", "install", BARE]).ok();
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.events("m0", &ids[0]).iter().filter(|event| *event == "comment").count(), 3);
    fleet.join("later", BARE);
    fleet.os("later", &["show", &ids[4]]).says("canceled").ok();
    fleet.all_agree();
}
