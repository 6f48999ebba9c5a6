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
    // The very commit, as it is read from wherever one is.
    let hint = format!("--head {}   # submit the last commit without them", &sandbox.id(&place, "HEAD")[..12]);
    for dir in ["hub", &place] {
        let said = sandbox.os(dir, &["submit", &id]).fails("not committed: a, quite new");
        assert!(said.contains("add --all") && said.contains(&hint), "{said}");
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

    sandbox.os("hub", &["drop", &id]).fails("it is `ready`, not `running`");
    sandbox.os("hub", &["claim", &id, "--run", RUN]).ok();
    std::fs::remove_dir_all(sandbox.path("hub/.git/os/held")).expect("another clone's");
    sandbox.os("hub", &["drop", &id]).fails("did not take");
    let said = sandbox.os("hub", &["renew", &id]).fails(&format!("this clone does not hold {id}"));
    assert!(said.contains(&format!("hint: git os show {id}   # names the run that does")), "{said}");
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
    crew.sandbox.sh("ws/hub", &format!("git switch -q -c claude/{id}; echo mine >mine; git add mine; git commit -qm Mine")).ok();
    let mine = crew.sandbox.id("ws/hub", "HEAD");
    crew.start().says("is checked out in `").ok();
    assert_eq!(crew.state(&id), "blocked");
    assert_eq!(crew.sandbox.id("ws/hub", "HEAD"), mine);
    assert_eq!(crew.sandbox.git("ws/hub", &["status", "--porcelain", "--untracked-files=no"]).ok(), "");
}

/// The branch that is checked out, or `HEAD`.
fn branch(sandbox: &Sandbox, dir: &str) -> String {
    sandbox.git(dir, &["rev-parse", "--abbrev-ref", "HEAD"]).ok()
}

#[test]
fn given_back_a_checkout_is_where_it_was_before_and_a_session_can_work() {
    let crew = crate::crew::Crew::alone("cat >/dev/null; echo $GIT_OS_TICKET >agent; git add .; git commit -qm Agent", "");
    let sandbox = &crew.sandbox;
    sandbox.sh("ws/hub", "git switch -q -c my-own").ok();
    for has_work in [false, true] {
        let id = crew.ready(&format!("Work {has_work}"));
        crew.os(&["take", &id, "--here"]).ok();
        if has_work {
            sandbox.sh("ws/hub", "echo mine >mine; git add mine; git commit -qm Mine; echo untracked >untracked").ok();
        }
        let mine = sandbox.id("ws/hub", "HEAD");
        let said = crew.os(&["drop"]).says("back to my-own").said();
        assert_eq!(said.contains("saved its work to refs/os/rescue/"), has_work, "{said}");
        assert_eq!((branch(sandbox, "ws/hub"), crew.state(&id)), ("my-own".to_owned(), "ready".to_owned()));
        assert_eq!(sandbox.id("ws/hub", &format!("claude/{id}")), "");
        let saved = sandbox.git("ws/hub", &["for-each-ref", "--format=%(objectname)", &format!("refs/os/rescue/{id}")]).ok();
        assert_eq!(saved, if has_work { mine } else { String::new() });
        assert_eq!(sandbox.read("ws/hub/untracked"), if has_work { "untracked\n" } else { "" });
        crew.start().ok();
        assert_eq!(crew.state(&id), "merged");
    }
}

#[test]
fn given_back_with_changes_a_checkout_keeps_every_file_and_a_session_can_work() {
    let crew = crate::crew::Crew::alone("cat >/dev/null; echo agent >agent; git add .; git commit -qm Agent", "");
    let (sandbox, id) = (&crew.sandbox, crew.ready("Work"));
    crew.os(&["take", &id, "--here"]).ok();
    sandbox
        .sh("ws/hub", "echo mine >mine; git add mine; git commit -qm Mine; echo changed >mine; echo staged >s; git add s")
        .ok();
    let (mine, status) = (sandbox.id("ws/hub", "HEAD"), sandbox.git("ws/hub", &["status", "--porcelain"]).ok());
    let said = crew.os(&["drop"]).says("on no branch, with every file as it is").says("saved its work to refs/os/rescue/").said();
    let hint = said.lines().find_map(|line| line.strip_prefix("hint: ")).expect("a hint").to_owned();
    assert_eq!((branch(sandbox, "ws/hub").as_str(), sandbox.id("ws/hub", "HEAD")), ("HEAD", mine.clone()));
    assert_eq!(sandbox.git("ws/hub", &["status", "--porcelain"]).ok(), status);
    assert_eq!(
        (sandbox.read("ws/hub/mine").as_str(), sandbox.id("ws/hub", &format!("claude/{id}"))),
        ("changed\n", String::new())
    );
    assert_eq!(sandbox.git("ws/hub", &["for-each-ref", "--format=%(objectname)", "refs/os/rescue"]).ok(), mine);
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    assert_eq!(sandbox.git("ws/hub", &["status", "--porcelain"]).ok(), status, "nobody touched it");
    // It overwrites nothing, whether git can switch or not.
    assert!(hint.contains(" switch main   # takes"), "{hint}");
    let _out = sandbox.sh("ws/hub", &hint);
    assert_eq!((sandbox.read("ws/hub/mine").as_str(), sandbox.read("ws/hub/s").as_str()), ("changed\n", "staged\n"));
}

#[test]
fn in_the_midst_of_a_rebase_nothing_is_given_back() {
    let sandbox = hub();
    let (id, _) = ready(&sandbox, "Mine");
    sandbox.os("hub", &["take", &id, "--here"]).ok();
    commit(&sandbox, "hub", "mine");
    sandbox.sh("hub", "git switch -q -c other HEAD~1; echo other >a; git commit -qam other; git switch -q -").ok();
    sandbox.git("hub", &["rebase", "-q", "other"]).fails("CONFLICT");
    let said = sandbox.os("hub", &["drop", &id]).fails("a rebase of it is in progress");
    assert!(said.contains(" status   # says how to end it") && !said.contains("--abort"), "{said}");
    assert_eq!(sandbox.state("hub", &id), "running");
    sandbox.git("hub", &["rebase", "--abort"]).ok();
    sandbox.os("hub", &["drop"]).says("back to other").ok();
}

#[test]
fn where_the_ticket_is_worked_on_nobody_has_to_name_it() {
    for here in [false, true] {
        let sandbox = hub();
        let ((id, place), (other, _)) = (ready(&sandbox, "Mine"), ready(&sandbox, "Other"));
        let take: &[&str] = if here { &["take", &id, "--here"] } else { &["take", &id] };
        let place = if here { "hub".to_owned() } else { place };
        sandbox.os("hub", &["take", &other]).ok();
        sandbox.os("hub", take).ok();
        sandbox.os(&place, &["drop"]).ok();
        assert_eq!((sandbox.state("hub", &id), sandbox.state("hub", &other)), ("ready".to_owned(), "running".to_owned()));
        sandbox.os("hub", take).ok();
        sandbox.os(&place, &["pass", "--reason", "good"]).fails(&format!("{id}: cannot pass: the ticket is `running`"));
        sandbox.os(&place, &["verify"]).fails(&format!("cannot verify {id}"));
        commit(&sandbox, &place, "work");
        for verb in [&["pass", "--reason", "good"][..], &["verify"]] {
            sandbox.os(&place, &["submit"]).ok();
            sandbox.os(&place, verb).says(&format!("{id} verified")).ok();
            let head = sandbox.id(&place, "HEAD");
            // Once more, by the other verb.
            sandbox.os("hub", &["block", &id, "--reason", "again"]).ok();
            sandbox.os("hub", &["unblock", &id]).ok();
            sandbox.os("hub", take).ok();
            assert_eq!(sandbox.id(&place, "HEAD"), head);
        }
    }
}

#[test]
fn of_what_this_clone_holds_only_that_is_meant_to_which_it_can_be_done() {
    let sandbox = hub();
    let ((one, place), (two, _)) = (ready(&sandbox, "One"), ready(&sandbox, "Two"));
    sandbox.os("hub", &["drop"]).fails("git os ready");
    for verb in [&["pass", "--reason", "good"][..], &["verify"]] {
        sandbox.os("hub", verb).fails("git os list --state verifying");
    }
    sandbox.os("hub", &["take", &one]).ok();
    sandbox.os("hub", &["take", &two]).ok();
    let said = sandbox.os("hub", &["drop"]).fails("more than one ticket");
    assert!(said.contains(&format!("git os drop {one}")) && said.contains(&format!("git os drop {two}")), "{said}");
    commit(&sandbox, &place, "work");
    sandbox.os(&place, &["submit"]).ok();
    sandbox.os("hub", &["pass", "--reason", "good"]).says(&format!("{one} is the only submitted ticket")).ok();
    sandbox.os("hub", &["merge"]).ok();
    // On the branch of what has landed, no other ticket is given back.
    sandbox.os(&place, &["drop"]).fails(&format!("cannot drop {one}: it is `merged`, not `running`"));
    assert_eq!(sandbox.state("hub", &two), "running");
    sandbox.os("hub", &["drop"]).says(&format!("{two} is the only ticket")).ok();
    assert_eq!(sandbox.state("hub", &two), "ready");
}

#[test]
fn what_is_not_committed_where_the_ticket_is_not_worked_on_is_nobodys_business() {
    let sandbox = hub();
    let (id, place) = ready(&sandbox, "Mine");
    sandbox.os("hub", &["take", &id]).ok();
    sandbox.write("hub/a", "somebody else's\n");
    // Of a ticket that nobody works on, files say nothing.
    let other = sandbox.ticket("hub", "Other", "draft").id;
    sandbox.os("hub", &["submit", &other]).fails("cannot submit: the ticket is `draft`, not `running`");
    let said = sandbox.os("hub", &["submit"]).fails("`main` has it already, so there is nothing to verify");
    assert!(said.contains(&format!("hint: git os take {id}   # says where")), "{said}");
    sandbox.write(&format!("{place}/a"), "forgotten\n");
    for dir in ["hub", &place] {
        sandbox.os(dir, &["submit"]).fails(&format!("{place} is not committed: a"));
    }
    // What git is to be told is told where the branch is checked out.
    commit(&sandbox, &place, "work");
    sandbox.sh("hub", "git -c core.hooksPath=/dev/null commit -qam else").ok();
    let said = sandbox.os("hub", &["submit"]).fails("it is not based on the tip of `main`");
    assert!(said.contains(&format!("{place} rebase main\n")), "{said}");
}

#[test]
fn a_run_by_hand_printed_nothing_and_its_checks_did() {
    let sandbox = hub();
    let (id, place) = ready(&sandbox, "Mine");
    sandbox.os("hub", &["take", &id]).ok();
    let said = sandbox.os("hub", &["log", &id, "--run", "1"]).fails("run 1 of ");
    assert!(
        said.contains("was worked by hand by Ann; it has no output") && said.contains(&format!("hint: git os log {id} ")),
        "{said}"
    );
    commit(&sandbox, &place, "work");
    sandbox.os(&place, &["submit"]).ok();
    sandbox.os(&place, &["pass", "--reason", "good"]).ok();
    let said = sandbox.os("hub", &["log", &id, "--run", "1"]).fails("worked by hand");
    let hint = format!("git os log {id} --run 1 --check words");
    assert!(said.contains(&format!("hint: {hint}\n")), "{said}");
    let printed = sandbox.os("hub", &hint.split(' ').skip(2).collect::<Vec<_>>()).ok();
    assert!(printed.starts_with("1\n2\n"), "{printed}");
}

#[test]
fn nothing_is_learned_of_a_ticket_that_was_given_back_without_a_word() {
    let sandbox = hub();
    let (id, place) = ready(&sandbox, "Mine");
    for dropped in [true, false] {
        sandbox.os("hub", &["take", &id]).ok();
        let end: &[&str] = if dropped { &["drop", &id] } else { &["release", &id] };
        sandbox.os("hub", end).ok();
    }
    sandbox.os("hub", &["take", &id]).ok();
    commit(&sandbox, &place, "work");
    sandbox.os(&place, &["submit"]).ok();
    sandbox.os(&place, &["pass", "--reason", "good"]).ok();
    sandbox.os("hub", &["merge", &id]).ok();
    assert_eq!(sandbox.os("hub", &["learn"]).ok(), "");
    // What was said of an attempt that failed is still learned.
    let (id, place) = ready(&sandbox, "Again");
    sandbox.os("hub", &["take", &id]).ok();
    commit(&sandbox, &place, "first");
    sandbox.os(&place, &["submit"]).ok();
    sandbox.os("hub", &["fail", &id, "--reason", "The roof leaks."]).ok();
    sandbox.os("hub", &["drop", &id]).ok();
    sandbox.os("hub", &["take", &id]).ok();
    commit(&sandbox, &place, "second");
    sandbox.os(&place, &["submit"]).ok();
    sandbox.os(&place, &["pass", "--reason", "good"]).ok();
    sandbox.os("hub", &["merge", &id]).ok();
    assert!(sandbox.os("hub", &["learn"]).ok().contains("The roof leaks. (found while working on: Again)"));
}

#[test]
fn a_branch_that_is_not_there_is_named_with_what_makes_it() {
    for has_other in [false, true] {
        let sandbox = Sandbox::new();
        sandbox.sh(".", "git init -q -b main hub").ok();
        if has_other {
            sandbox.sh("hub", "git commit -q --allow-empty -m one; git branch -q -m trunk").ok();
        }
        sandbox.registry(&["hub"], "");
        sandbox.os("hub", &["init"]).ok();
        let (id, _) = ready(&sandbox, "Mine");
        let said =
            sandbox.os("hub", &["take", &id]).fails("the branch `main` of `hub`, on which its tickets land, does not exist yet");
        let hint = said.lines().find_map(|line| line.strip_prefix("hint: ")).expect("a hint");
        sandbox.sh(".", hint).ok();
        sandbox.os("hub", &["take", &id]).ok();
        assert_eq!(sandbox.state("hub", &id), "running");
    }
}

#[test]
fn of_several_tickets_all_is_done_that_can_be_and_each_refusal_is_told() {
    let reason: &[&str] = &["--reason", "so"];
    for (verb, state, more, becomes) in [
        ("approve", "draft", &[][..], "ready"),
        ("reject", "draft", reason, "rejected"),
        ("cancel", "ready", reason, "canceled"),
        ("release", "claimed", &[], "ready"),
        ("block", "running", reason, "blocked"),
        ("fail", "verifying", reason, "running"),
        ("merge", "verified", &[], "merged"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.workspace(&["hub"], "");
        let [first, last] = ["First", "Last"].map(|title| sandbox.ticket("hub", title, state).id);
        let [closed, too] = ["Closed", "Closed too"].map(|title| sandbox.ticket("hub", title, "draft").id);
        sandbox.os("hub", &["reject", &closed, &too, "--reason", "no"]).ok();
        // The same ticket by its title is not another one.
        let named = [&[verb, &first, &closed, "nobody", &last, "Last"], more].concat();
        let out = sandbox.os("hub", &named);
        assert_eq!(out.code, Some(128), "{out}");
        let said = out.fails(&format!("error: cannot {verb} 2 of 4 tickets"));
        for line in [format!("{first} {becomes}"), format!("{last} {becomes}"), "error: ticket `nobody` not found".to_owned()] {
            assert_eq!(said.matches(&line).count(), 1, "{verb}: {line}: {said}");
        }
        let refusals = said.lines().filter(|line| line.starts_with("error: ") && line.contains(&closed)).count();
        assert_eq!(refusals, 1, "{verb}: {said}");
        assert_eq!(
            (sandbox.state("hub", &first), sandbox.state("hub", &last)),
            (becomes.to_owned(), becomes.to_owned()),
            "{said}"
        );
        let out = sandbox.os("hub", &[&[verb, &closed, &too], more].concat());
        assert_eq!(out.code, Some(1), "{out}");
        let _said = out.fails(&format!("cannot {verb} 2 of 2 tickets"));
    }
}
