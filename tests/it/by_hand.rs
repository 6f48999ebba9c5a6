//! A ticket worked by hand: taken, submitted, passed, landed or given back, with no id typed and nothing lost.

use crate::sandbox::{RUN, Sandbox};
use crate::sync::fleet::{Fleet, Plan};

/// The hub, whose check does not want a file to say BAD.
fn hub() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "checks = [{ name = \"words\", run = \"seq 1 30; ! grep -rn BAD a\" }]\n");
    sandbox.sh("hub", "echo '*.env' >.gitignore; echo '*.env' >.worktreeinclude; git add . && git commit -qm all").ok();
    sandbox.write("hub/my.env", "SECRET=1\n");
    sandbox
}

/// A ready ticket, and the folder where it is taken.
fn ready(sandbox: &Sandbox, title: &str) -> (String, String) {
    let id = sandbox.ticket("hub", title, "ready").id;
    let folder = format!("hub/.claude/worktrees/{id}");
    (id, folder)
}

/// Commits a line at the end of a file.
fn commit(sandbox: &Sandbox, dir: &str, line: &str) {
    sandbox.sh(dir, &format!("echo {line} >>a; git commit -qam {line}")).ok();
}

fn rescued(sandbox: &Sandbox, id: &str) -> String {
    let refs = sandbox.git("hub", &["for-each-ref", "--format=%(refname)", &format!("refs/os/rescue/{id}")]).ok();
    refs.lines().filter(|name| !name.contains("submitted-")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_ticket_is_taken_with_a_place_to_work_and_taken_again_it_says_the_same() {
    let sandbox = hub();
    let (id, folder) = ready(&sandbox, "Mine");
    let first = sandbox.os("hub", &["take", &id]).ok();
    assert!(first.contains(&format!("{id} running until 2026-05-07T20:00:00Z\ncd ")), "{first}");
    assert!(first.ends_with(&format!("/{folder}")), "{first}");
    assert_eq!(sandbox.git(&folder, &["symbolic-ref", "--short", "HEAD"]).ok(), format!("claude/{id}"));
    assert_eq!(sandbox.read(&format!("{folder}/my.env")), "SECRET=1\n");
    sandbox.write(&format!("{folder}/a"), "begun\n");
    for dir in ["hub", &folder] {
        assert_eq!(sandbox.os(dir, &["take", &id]).ok(), first);
    }
    assert_eq!(sandbox.read(&format!("{folder}/a")), "begun\n", "it is left as it is");
    let events = sandbox.git("hub", &["rev-list", "--count", &format!("refs/os/tickets/{id}")]).ok();
    assert_eq!(events, "4", "create, approve, claim and start");
}

#[test]
fn what_was_only_claimed_is_started_by_taking_it() {
    let sandbox = hub();
    let (id, folder) = ready(&sandbox, "Mine");
    sandbox.os("hub", &["claim", &id]).ok();
    sandbox.sh("hub", "git switch -q -c my-own").ok();
    commit(&sandbox, "hub", "work");
    sandbox.os("hub", &["submit"]).fails(&format!("git os take {id}"));
    sandbox.os("hub", &["take", &id]).ok();
    assert_eq!(sandbox.state("hub", &id), "running");
    assert!(sandbox.path(&folder).is_dir());
}

#[test]
fn a_claim_that_is_refused_does_not_make_the_holder_forget() {
    let sandbox = hub();
    let (id, _) = ready(&sandbox, "Mine");
    sandbox.os("hub", &["take", &id]).ok();
    sandbox.os("hub", &["claim", &id]).fails("holds it until");
    sandbox.os("hub", &["release", &id]).ok();
    sandbox.os("hub", &["claim", &id, "--run", RUN]).ok();
    sandbox.os("hub", &["claim", &id]).fails(RUN);
    sandbox.os("hub", &["start", &id]).ok();
    assert_eq!(sandbox.state("hub", &id), "running");
}

#[test]
fn of_two_machines_one_takes_a_ticket_and_the_other_makes_no_place_for_it() {
    let fleet = Fleet::new(2, Plan { is_judged: true, ..Plan::default() });
    let id = fleet.ready("m0", "Wanted");
    fleet.settle();
    let commands = ["m0", "m1"].map(|machine| (machine, vec!["take".to_owned(), id.clone()]));
    let ends = fleet.race(&commands);
    let won: Vec<_> = (0..2).filter(|number| ends[*number].0 == Some(0)).collect();
    let [winner] = won.as_slice() else { panic!("one wins: {ends:#?}") };
    let place = |number: usize| fleet.sandbox.path(&format!("m{number}/.claude/worktrees/{id}")).exists();
    assert!(place(*winner) && !place(1 - winner));
    assert!(ends[1 - winner].1.contains("holds it until"), "{ends:#?}");
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn taken_here_the_checkout_is_on_the_branch_and_one_that_git_would_not_switch_is_left_alone() {
    let sandbox = hub();
    let (id, _) = ready(&sandbox, "Mine");
    // What the branch has of an earlier attempt is not what is changed here.
    sandbox
        .sh(
            "hub",
            &format!("git branch claude/{id}; git switch -q claude/{id}; echo x >a; git commit -qam x; git switch -q main"),
        )
        .ok();
    sandbox.write("hub/a", "not committed\n");
    sandbox.os("hub", &["take", &id, "--here"]).fails("would overwrite uncommitted changes");
    assert_eq!((sandbox.state("hub", &id), sandbox.read("hub/a")), ("ready".to_owned(), "not committed\n".to_owned()));
    sandbox.git("hub", &["checkout", "-q", "a"]).ok();
    let taken = sandbox.os("hub", &["take", &id, "--here"]).ok();
    assert!(taken.ends_with(&format!("on branch claude/{id}")), "{taken}");
    assert_eq!(sandbox.git("hub", &["symbolic-ref", "--short", "HEAD"]).ok(), format!("claude/{id}"));
    assert_eq!(sandbox.read("hub/a"), "x\n", "it goes on from the earlier attempt");
    assert_eq!(sandbox.os("hub", &["take", &id, "--here"]).ok(), taken);
    sandbox.os("hub", &["submit"]).ok();
    assert_eq!(sandbox.state("hub", &id), "verifying");
}

#[test]
fn work_is_submitted_without_an_id_from_its_worktree_and_from_a_branch_of_ones_own() {
    let sandbox = hub();
    let ((one, place), (two, _)) = (ready(&sandbox, "One"), ready(&sandbox, "Two"));
    sandbox.os("hub", &["submit"]).fails("this clone holds no ticket by hand");
    sandbox.os("hub", &["take", &one]).ok();
    sandbox.os("hub", &["take", &two]).ok();
    let said = sandbox.os("hub", &["submit"]).fails("more than one ticket");
    assert!(said.contains(&format!("git os submit {one}")) && said.contains(&format!("git os submit {two}")), "{said}");
    commit(&sandbox, &place, "first");
    sandbox.sh(&place, "mkdir -p below").ok();
    sandbox.os(&format!("{place}/below"), &["submit"]).ok();
    assert_eq!(sandbox.state("hub", &one), "verifying");
    sandbox.sh("hub", "git switch -q -c my-own").ok();
    commit(&sandbox, "hub", "second");
    sandbox.os("hub", &["submit"]).says(&format!("{two} is the only ticket")).ok();
    let head = sandbox.id("hub", "my-own");
    assert!(sandbox.os("hub", &["show", &two, "--json"]).ok().contains(&head));
    sandbox.os("hub", &["pass", &two, "--reason", "good"]).ok();
    sandbox.os("hub", &["merge", &two]).ok();
    assert_eq!(sandbox.id("hub", "main"), head);
    // The worktree from which nothing was done is no hindrance.
    sandbox.os("hub", &["fsck"]).ok();
}

#[test]
fn where_two_commits_may_be_meant_nobody_guesses() {
    let sandbox = hub();
    let (id, place) = ready(&sandbox, "Mine");
    sandbox.os("hub", &["take", &id]).ok();
    commit(&sandbox, &place, "in-the-worktree");
    sandbox.sh("hub", "git switch -q -c my-own").ok();
    commit(&sandbox, "hub", "in-the-checkout");
    let said = sandbox.os("hub", &["submit"]).fails("have work");
    assert!(said.contains(&format!("--head claude/{id}")) && said.contains("--head HEAD"), "{said}");
    assert_eq!(sandbox.state("hub", &id), "running");
    // Whoever names the ticket means its branch.
    sandbox.os("hub", &["submit", &id]).ok();
    assert!(sandbox.os("hub", &["show", &id, "--json"]).ok().contains(&sandbox.id("hub", &format!("claude/{id}"))));
}

#[test]
fn what_is_not_committed_is_named_and_nothing_is_submitted() {
    let sandbox = hub();
    let (id, place) = ready(&sandbox, "Mine");
    sandbox.os("hub", &["take", &id]).ok();
    commit(&sandbox, &place, "work");
    sandbox.write(&format!("{place}/a"), "more\n");
    sandbox.write(&format!("{place}/quite new"), "more\n");
    for dir in ["hub", &place] {
        let said = sandbox.os(dir, &["submit", &id]).fails("not committed: a, quite new");
        assert!(said.contains("add --all") && said.contains("--head HEAD"), "{said}");
    }
    assert_eq!(sandbox.state("hub", &id), "running");
    sandbox.os(&place, &["submit", "--head", "HEAD"]).ok();
    assert_eq!(sandbox.state("hub", &id), "verifying");
}

#[test]
fn a_person_passes_work_whose_checks_pass_and_no_other() {
    let sandbox = hub();
    let (id, place) = ready(&sandbox, "Mine");
    sandbox.os("hub", &["pass", &id, "--reason", "good"]).fails(&format!("git os take {id}"));
    sandbox.os("hub", &["take", &id]).ok();
    commit(&sandbox, &place, "BAD");
    sandbox.os(&place, &["submit"]).ok();
    let said = sandbox.os("hub", &["pass", &id, "--reason", "good"]).fails("check `words` exited with 1");
    assert!(said.contains("\n    30\n    2:BAD\n") && !said.contains("    20\n"), "the last lines: {said}");
    let output =
        said.split("git cat-file -p ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("where all of it is");
    assert!(sandbox.git("hub", &["cat-file", "-p", output]).ok().starts_with("1\n2\n"));
    assert_eq!(sandbox.state("hub", &id), "verifying", "nothing is recorded");
    sandbox.os("hub", &["fail", &id, "--reason", "it says BAD"]).ok();
    sandbox.sh(&place, "sed -i s/BAD/good/ a; git commit -qam better").ok();
    sandbox.os(&place, &["submit"]).ok();
    let view = sandbox.os("hub", &["show", &id, "--json"]).ok();
    let holder = view.split("\"run\":\"").nth(1).and_then(|rest| rest.get(..32)).expect("a run");
    sandbox.os("hub", &["pass", &id, "--reason", "mine", "--run", holder]).fails("this run did it");
    sandbox.os("hub", &["pass", &id, "--reason", ""]).fails("a value is required");
    sandbox.os("hub", &["pass", &id]).fails("--reason");
    sandbox.os("hub", &["pass", &id, "--reason", "I read every line"]).ok();
    let log = sandbox.os("hub", &["log", &id]).ok();
    assert!(log.contains("Ann, as reviewer") && log.contains("I read every line"), "{log}");
    sandbox.os("hub", &["merge", &id]).ok();
    sandbox.os("hub", &["fsck"]).ok();
}

#[test]
fn a_ticket_is_given_back_with_nothing_lost() {
    let sandbox = hub();
    let (id, place) = ready(&sandbox, "Mine");
    sandbox.os("hub", &["take", &id]).ok();
    sandbox.os("hub", &["drop", &id]).ok();
    let is_gone = |id: &str, place: &str| !sandbox.path(place).exists() && sandbox.id("hub", &format!("claude/{id}")).is_empty();
    assert!(is_gone(&id, &place));
    assert_eq!((sandbox.state("hub", &id), rescued(&sandbox, &id)), ("ready".to_owned(), String::new()));

    sandbox.os("hub", &["take", &id]).ok();
    commit(&sandbox, &place, "committed");
    sandbox.write(&format!("{place}/new"), "not committed\n");
    // From inside, too: the folder goes away under the command.
    let said = sandbox.os(&place, &["drop", &id]).says("saved its work to refs/os/rescue/").says("hint: cd ").said();
    let saved = rescued(&sandbox, &id);
    assert!(said.contains(&saved) && is_gone(&id, &place), "{said}");
    assert_eq!(sandbox.git("hub", &["show", &format!("{saved}:new")]).ok(), "not committed");
    assert_eq!(sandbox.git("hub", &["log", "-1", "--format=%s", &format!("{saved}~1")]).ok(), "committed");
    assert_eq!(sandbox.state("hub", &id), "ready");
    let worktrees = sandbox.git("hub", &["worktree", "list"]).ok();
    assert_eq!(worktrees.lines().count(), 1, "{worktrees}");

    sandbox.os("hub", &["drop", &id]).fails("the ticket is `ready`");
    sandbox.os("hub", &["claim", &id, "--run", RUN]).ok();
    std::fs::remove_dir_all(sandbox.path("hub/.git/os/held")).expect("another clone's");
    sandbox.os("hub", &["drop", &id]).fails("did not take");
    assert_eq!(sandbox.state("hub", &id), "claimed");
}

#[test]
fn work_that_conflicts_with_what_landed_names_the_files() {
    let sandbox = hub();
    let ((one, place_of_one), (two, place_of_two)) = (ready(&sandbox, "One"), ready(&sandbox, "Two"));
    for (id, place) in [(&one, &place_of_one), (&two, &place_of_two)] {
        sandbox.os("hub", &["take", id]).ok();
        commit(&sandbox, place, id);
        sandbox.os(place, &["submit"]).ok();
        sandbox.os(place, &["pass", id, "--reason", "good"]).ok();
    }
    sandbox.os("hub", &["merge", &one]).ok();
    let said = sandbox.os("hub", &["merge", &two]).fails("conflicts in a");
    assert!(said.contains(&format!("git os unblock {two}")), "{said}");
    sandbox.os("hub", &["merge", &two]).fails("it is `blocked`, not `verified`");
    sandbox.os("hub", &["unblock", &two]).ok();
    sandbox.os("hub", &["take", &two]).ok();
    sandbox.sh(&place_of_two, "git reset -q --hard main").ok();
    commit(&sandbox, &place_of_two, "again");
    sandbox.os(&place_of_two, &["submit"]).ok();
    sandbox.os(&place_of_two, &["pass", &two, "--reason", "good"]).ok();
    sandbox.os("hub", &["merge", &two]).ok();
    assert_eq!(sandbox.state("hub", &two), "merged");
}

#[test]
fn a_branch_that_somebody_has_checked_out_is_not_moved_by_a_session() {
    let crew = crate::crew::Crew::alone("echo agent >agent", "max_attempts = 1\n");
    let id = crew.ready("Work");
    crew.os(&["take", &id, "--here"]).ok();
    crew.sandbox.sh("ws/hub", "echo mine >mine; git add mine; git commit -qm Mine").ok();
    let mine = crew.sandbox.id("ws/hub", "HEAD");
    crew.os(&["drop", &id]).ok();
    crew.start().says("is checked out in `").ok();
    assert_eq!(crew.state(&id), "blocked");
    assert_eq!(crew.sandbox.id("ws/hub", "HEAD"), mine);
    assert_eq!(crew.sandbox.git("ws/hub", &["status", "--porcelain", "--untracked-files=no"]).ok(), "");
}
