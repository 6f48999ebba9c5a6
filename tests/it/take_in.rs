//! What an agent leaves is taken in on git-os's own terms, and what it hands in is what is judged and what lands.

use crate::crew::Crew;

/// An agent that reads its brief and does this.
fn agent(script: &str) -> String {
    format!("set -eu\ncat >/dev/null\n{script}\n")
}

/// The file at the tip of `main`, or nothing.
fn on_main(crew: &Crew, path: &str) -> String {
    crew.sandbox.git("ws/hub", &["show", &format!("main:{path}")]).stdout
}

#[test]
fn a_head_that_was_turned_elsewhere_moves_nothing() {
    for head in ["refs/heads/main", "refs/heads/users", "refs/os/tickets/$GIT_OS_TICKET", "refs/os/meta"] {
        for gate in ["tickets", "all"] {
            let crew = Crew::alone(
                &agent(&format!("git symbolic-ref HEAD {head}; echo evil >evil")),
                &format!("gate = \"{gate}\"\nmax_attempts = 1"),
            );
            crew.sandbox.sh("ws/hub", "git branch users").ok();
            let id = crew.ready("Turn around");
            let before = crew.sandbox.refs("ws/hub", &["refs/heads/main", "refs/heads/users", "refs/os/meta"]);
            crew.start().ok();
            let after = crew.sandbox.refs("ws/hub", &["refs/heads/main", "refs/heads/users", "refs/os/meta"]);
            // Whatever it took for its branch, only work that was verified as this ticket's may have moved `main`.
            if crew.state(&id) == "merged" {
                crew.sandbox.sh("ws/hub", &format!("git show --stat refs/os/tickets/{id}:verdicts")).ok();
            } else {
                assert_eq!(before, after, "{head} {gate}");
            }
            assert_eq!(before.contains("refs/heads/users"), after.contains("refs/heads/users"));
            crew.os(&["fsck"]).ok();
            crew.start().ok();
        }
    }
}

#[test]
fn half_a_rebase_is_no_work() {
    let crew = Crew::alone(
        &agent(
            "echo one >f; git add f; git commit -qm one; git checkout -q HEAD~1 -B other 2>/dev/null || git checkout -q --detach HEAD~1
             echo two >f; git add f; git commit -qm two; git rebase -q claude/$GIT_OS_TICKET || :",
        ),
        "max_attempts = 1",
    );
    let id = crew.ready("Stop halfway");
    crew.start().ok();
    assert_eq!(crew.state(&id), "blocked");
    assert!(crew.log(&id).contains("left a rebase unfinished"), "{}", crew.log(&id));
    assert!(!on_main(&crew, "f").contains("<<<<"));
    crew.start().ok();
}

#[test]
fn filters_of_a_repository_inside_are_not_run() {
    let crew = Crew::alone(
        &agent(
            "git init -q sub; cd sub; git config user.name x; git config user.email x; echo a >f; git add f; git commit -qm f
             git config filter.evil.clean \"touch $GIT_OS_OUTBOX/../../../../ran; cat\"; echo '* filter=evil' >.gitattributes
             cd ..; git add sub; git commit -qm sub; touch -d 2020-01-01 sub/f; echo more >more",
        ),
        "",
    );
    let id = crew.ready("Bring a friend");
    crew.start().ok();
    assert!(!crew.sandbox.path("ws/ran").exists() && !crew.sandbox.path("ws/hub/ran").exists());
    // Nobody else could check it out, so it does not land.
    assert_eq!(crew.state(&id), "blocked");
    assert!(crew.log(&id).contains("`sub` is a repository of its own"), "{}", crew.log(&id));
    crew.start().ok();
}

#[test]
fn each_check_sees_the_commit_and_not_what_the_one_before_made_of_it() {
    let crew = Crew::alone(
        &agent("echo evil >a; echo 'echo fine >a; git update-index --assume-unchanged a; echo more >untracked' >test.sh"),
        "max_attempts = 1\nchecks = [{ name = \"tests\", run = \"sh test.sh\" }, { name = \"lint\", run = \"! grep -q evil a\" }, \
         { name = \"clean\", run = \"! test -e untracked\" }]",
    );
    let id = crew.ready("Pull the wool");
    crew.start().ok();
    assert_eq!(crew.state(&id), "blocked");
    let log = crew.log(&id);
    assert!(log.contains("check `lint` exited with 1") && !log.contains("check `clean`"), "{log}");
}

#[test]
fn what_was_handed_in_is_what_is_put_on_top_of_a_moved_branch() {
    let crew = Crew::alone(&agent("exit 1"), "");
    let sandbox = &crew.sandbox;
    let ticket = sandbox.ticket("ws/hub", "Do good", "verified");
    // The worktree on the ticket's branch has gone on to something else.
    sandbox
        .sh("ws/hub", &format!("git worktree add -q ../side claude/{0} && cd ../side && git switch -q -c wip main", ticket.id))
        .ok();
    sandbox.sh("ws/side", "echo other >other && git add other && git commit -qm other").ok();
    sandbox.sh("ws/hub", "git commit -q --allow-empty -m moved").ok();
    crew.os(&["merge", &ticket.id]).ok();
    assert_eq!(crew.state(&ticket.id), "merged");
    assert_eq!(on_main(&crew, "other"), "");
    let landed = sandbox.sh("ws/hub", &format!("git diff --name-only {0}~1 {0}; git log --format=%s -1 main", ticket.head)).ok();
    let (files, subject) = landed.rsplit_once('\n').expect("two lines");
    assert_eq!(sandbox.sh("ws/hub", "git diff --name-only main~1 main").ok(), files);
    assert_eq!(sandbox.sh("ws/hub", &format!("git log --format=%s -1 {}", ticket.head)).ok(), subject);
    crew.os(&["fsck"]).ok();
}

#[test]
fn what_somebody_put_on_top_of_it_is_kept_when_the_branch_moved() {
    let crew = Crew::alone(&agent("exit 1"), "");
    let sandbox = &crew.sandbox;
    let ticket = sandbox.ticket("ws/hub", "Do good", "verified");
    sandbox.sh("ws/hub", &format!("git worktree add -q ../side claude/{}", ticket.id)).ok();
    sandbox.sh("ws/side", "echo later >later && git add later && git commit -qm later").ok();
    sandbox.sh("ws/hub", "git commit -q --allow-empty -m moved").ok();
    crew.os(&["merge", &ticket.id]).says("saved unsubmitted work from").says(" as refs/os/rescue/").ok();
    assert_eq!(crew.state(&ticket.id), "merged");
    assert_eq!(on_main(&crew, "later"), "");
    let rescued = sandbox.sh("ws/hub", "git for-each-ref --format='%(refname)' refs/os/rescue").ok();
    assert_eq!(sandbox.git("ws/hub", &["show", &format!("{rescued}:later")]).ok(), "later");
    crew.os(&["fsck"]).ok();
}

#[test]
fn what_was_refused_or_given_back_is_not_free_to_land() {
    let crew = Crew::alone(&agent("exit 1"), "");
    let sandbox = &crew.sandbox;
    let ticket = sandbox.ticket("ws/hub", "Try twice", "verifying");
    sandbox
        .sh("ws/hub", &format!("git branch feature {0} && git update-ref -d refs/heads/claude/{1}", ticket.head, ticket.id))
        .ok();
    crew.os(&["release", &ticket.id]).ok();
    let _said = sandbox.git("ws/hub", &["merge", "--ff-only", "feature"]).fails("refusing to update");
    crew.os(&["claim", &ticket.id]).ok();
    let _said = sandbox.git("ws/hub", &["update-ref", "refs/heads/main", "feature"]).fails("refusing to update");
}

#[test]
fn a_verdict_that_is_not_true_is_refused_before_it_is_written() {
    let crew = Crew::alone(&agent("exit 1"), "");
    let sandbox = &crew.sandbox;
    let ticket = sandbox.ticket("ws/hub", "Judge me", "verifying");
    let tree = sandbox.id("ws/hub", &format!("{}^{{tree}}", ticket.head));
    let other = sandbox.id("ws/hub", "main^{tree}");
    let good = sandbox.verdict("ws/hub", &ticket);
    sandbox.write("ws/hub/bad.json", good.replace(&tree, &other));
    let _said = crew.os(&["pass", &ticket.id, "--verdict", "bad.json"]).fails("a tree that its commit does not have");
    assert_eq!(crew.state(&ticket.id), "verifying");
    sandbox.pass("ws/hub", &ticket).ok();
}
