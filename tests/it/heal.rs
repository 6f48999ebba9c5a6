//! What agents, checks, people and crashes leave behind stops no session.

use crate::crew::Crew;

#[test]
fn an_index_lock_that_an_agent_left_is_cleared() {
    let crew = Crew::alone("echo done >done; touch \"$(git rev-parse --git-dir)/index.lock\"", "");
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn a_blank_question_a_pipe_and_a_link_in_the_outbox_are_passed_over() {
    let agent = "echo done >done; box=$GIT_OS_OUTBOX; test -d \"$box\"
echo '{\"kind\":\"ask\",\"text\":\"  \"}' >\"$box/1.json\"
mkfifo \"$box/2.json\"
echo '{\"kind\":\"learn\",\"text\":\"A leak.\"}' >../../../../secret; ln -s ../../../../secret \"$box/3.json\"";
    let crew = Crew::alone(agent, "");
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    let notes =
        crew.sandbox.sh("ws/hub", "git grep -c 'A leak' $(git for-each-ref --format='%(objectname)' refs/os refs/notes) || true");
    assert_eq!(notes.stdout.trim(), "");
    crew.all_is_well();
}

#[test]
fn what_an_agent_notes_is_kept_with_its_ticket_once() {
    let agent = "git os note 'Sundays are <short>'; git os note $GIT_OS_TICKET 'Done at 3'; git os step look done --text 'Found it'; echo done >done";
    let crew = Crew::alone(agent, "");
    let id = crew.ready("Work");
    // The process is killed after the agent, and once more after its messages were taken in.
    for stage in ["worked", "submitted"] {
        crew.sandbox.sh("ws/hub", &format!("GIT_OS_KILL_AFTER={stage} git os dispatch || test $? = 137")).ok();
    }
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    let log = crew.os(&["log", &id]).ok();
    for words in ["Sundays are <short>", "> Done at 3", "step look done -> running", "Found it"] {
        assert_eq!(log.matches(words).count(), 1, "{words}: {log}");
    }
    crew.all_is_well();
}

#[test]
fn an_agent_hears_that_its_outbox_is_full_and_nothing_more_is_kept() {
    let agent = "echo done >done; set +e; for n in $(seq 200); do echo \"{\\\"kind\\\":\\\"note\\\",\\\"text\\\":\\\"note $n\\\"}\" >$GIT_OS_OUTBOX/$(printf %039d $n).json; done
git os note 'one more' >../../../../said 2>&1; echo $? >>../../../../said";
    let crew = Crew::alone(agent, "");
    let id = crew.ready("Work");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    let said = crew.sandbox.read("ws/said");
    assert!(said.starts_with("error: this run has said as much as it may") && said.ends_with("\n1\n"), "{said}");
    let log = crew.os(&["log", &id]).ok();
    assert!(log.contains("note 200") && !log.contains("one more"), "{log}");
    crew.all_is_well();
}

#[test]
fn a_worktree_folder_that_somebody_removed_is_forgotten() {
    let crew = Crew::alone("echo done >done", "");
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    crew.sandbox.sh("ws/hub", "rm -rf .claude/worktrees/*").ok();
    crew.start().says("removed its worktree").ok();
    crew.every_worktree_is_there();
    crew.all_is_well();
}

#[test]
fn a_folder_that_git_does_not_know_is_moved_aside() {
    let crew = Crew::alone("echo done >done", "");
    let id = crew.ready("Work");
    crew.sandbox.write(&format!("ws/hub/.claude/worktrees/{id}/precious"), "precious");
    crew.start().says(&format!("{id}.lost-1")).ok();
    assert_eq!(crew.state(&id), "merged");
    assert_eq!(crew.sandbox.read(&format!("ws/hub/.claude/worktrees/{id}.lost-1/precious")), "precious");
    crew.all_is_well();
}

#[test]
fn a_folder_of_worktrees_may_be_reached_by_a_link() {
    let crew = Crew::alone("echo done >done", "");
    crew.sandbox.sh("ws/hub", "mkdir ../elsewhere; rm -rf .claude; ln -s ../elsewhere .claude").ok();
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn a_read_only_folder_that_a_check_left_is_removed() {
    let check = "checks = [{ name = \"cache\", run = \"mkdir -p cache/x && touch cache/x/y && chmod -R a-w cache\" }]\n";
    let crew = Crew::alone("echo done >done", check);
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn one_bad_ticket_ref_stops_nothing_else() {
    let crew = Crew::alone("echo done >$GIT_OS_TICKET", "");
    let (bad, good) = (crew.ready("Spoil"), crew.ready("Work"));
    let script = format!("git -c core.hooksPath=/dev/null update-ref refs/os/tickets/{bad} main");
    crew.sandbox.sh("ws/hub", &script).ok();
    crew.start().says("is quarantined").ok();
    assert_eq!(crew.state(&good), "merged");
    let _said = crew.sandbox.os("ws/hub", &["fsck"]).fails(&bad);
    crew.sandbox.os("ws/hub", &["fsck", "--repair"]).says(&bad).ok();
    assert_eq!(crew.state(&bad), "");
    assert!(crew.log(&good).contains("Os-Attempt: 1\n") && !crew.log(&good).contains("Os-Attempt: 2\n"));
}

#[test]
fn a_ticket_that_cannot_be_begun_says_why_and_leaves_the_others() {
    // Nothing can be written where its worktree belongs.
    let crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    crew.agent("echo done >done");
    let good = crew.ready("Work");
    let bad = crew.sandbox.ticket("ws/alpha", "Spoil", "ready").id;
    crew.sandbox.sh("ws/alpha", "rm -rf .claude; touch .claude").ok();
    crew.start().says("1 blocked").ok();
    assert_eq!(crew.state(&good), "merged");
    let said = crew.sandbox.os("ws/alpha", &["show", &bad]).ok();
    assert!(said.contains("`git worktree add") && said.contains(".claude"), "{said}");
    crew.sandbox.sh("ws/alpha", "rm .claude").ok();
    crew.sandbox.os("ws/alpha", &["unblock", &bad]).ok();
    crew.start().ok();
    assert_eq!(crew.sandbox.state("ws/alpha", &bad), "merged");
    crew.all_is_well();
}

#[test]
fn a_repository_that_is_gone_keeps_what_is_pending_for_it() {
    let crew = Crew::with(&["hub", "alpha", "beta"], "agent = \"crew\"\n");
    crew.agent("echo done >done");
    let wish = "matters = \"\"\nnext = [{ title = \"Work\", repo = \"beta\" }]\navoid = \"\"\nwaiting = \"\"\nlearned = \"\"\n";
    crew.sandbox.write("ws/answers.toml", format!("[brand.alpha]\n{wish}"));
    crew.sandbox.sh("ws", "mv beta away").ok();
    crew.start_with_answers().says("cannot draft `Work` yet").ok();
    crew.sandbox.sh("ws", "mv away beta").ok();
    crew.start_with_answers().ok();
    assert!(crew.board().contains(&("Work".to_owned(), "merged".to_owned())));
}

#[test]
fn a_truncated_record_does_not_hold_its_ticket_for_ever() {
    let mut crew = Crew::alone("echo done >done", "");
    let id = crew.ready("Work");
    crew.sandbox.set("GIT_OS_KILL_AFTER", "started");
    assert_eq!(crew.start().code, None);
    crew.sandbox.unset("GIT_OS_KILL_AFTER");
    crew.sandbox.sh("ws/hub", "for run in .git/os/runs/*; do case $run in *.lock) ;; *) echo '{' >$run;; esac; done").ok();
    crew.start().ok();
    crew.sandbox.sh("ws/hub", "test -z \"$(ls .git/os/runs)\"").ok();
    crew.sandbox.sh("ws/hub", "test -z \"$(ls .git/os/outbox 2>/dev/null)\"").ok();
    assert_eq!(crew.state(&id), "running");
}

#[test]
fn uninstalling_leaves_nothing_of_the_machine() {
    let crew = Crew::alone("echo done >done", "");
    crew.ready("Work");
    crew.start().ok();
    crew.os(&["uninstall"]).ok();
    assert!(!crew.sandbox.path("ws/hub/.git/os").exists());
}

#[test]
fn a_repository_that_is_moved_keeps_the_hooks_path_of_before() {
    let crew = Crew::alone("echo done >done", "");
    crew.os(&["uninstall"]).ok();
    crew.sandbox.git("ws/hub", &["config", "core.hooksPath", ".husky"]).ok();
    crew.os(&["init"]).ok();
    crew.sandbox.sh(".", "mv ws moved").ok();
    crew.sandbox.os("moved/hub", &["init"]).ok();
    let former = crew.sandbox.git("moved/hub", &["config", "git-os.formerHooksPath"]).ok();
    assert_eq!(former.trim(), ".husky");
    crew.sandbox.os("moved/hub", &["uninstall"]).ok();
    assert_eq!(crew.sandbox.git("moved/hub", &["config", "core.hooksPath"]).ok().trim(), ".husky");
}

#[test]
fn a_run_whose_repository_has_no_agent_any_more_waits() {
    let crew = Crew::alone("touch ../../../../started; sleep 73", "");
    let id = crew.ready("Work");
    let mut session = crew.spawn(&["start", "--yes"]);
    crew.wait_for("ws/started");
    session.kill().expect("a signal");
    session.wait().expect("an end");
    crew.registry(&["hub"], "");
    crew.start().says("has no agent in the registry").ok();
    crew.registry(&["hub"], "agent = \"crew\"\n");
    crew.agent("echo done >done");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
    crew.all_is_well();
}

#[test]
fn a_session_that_can_work_on_nothing_says_why() {
    let crew = Crew::alone("echo done >done", "");
    crew.registry(&["hub"], "");
    let id = crew.os(&["new", "Work"]).ok().split_whitespace().next().expect("an id").to_owned();
    // The draft becomes ready in this very session.
    crew.start().says("1 draft approved").says("hub: cannot work on 1 ready ticket: there is no agent in the registry").ok();
    crew.os(&["dispatch"]).says("cannot work on 1 ready ticket").ok();
    assert_eq!(crew.state(&id), "ready");
}

#[test]
fn a_board_of_an_older_git_os_is_rebuilt() {
    let crew = Crew::alone("echo done >done", "");
    let id = crew.ready("Work");
    let tip = crew.sandbox.id("ws/hub", &format!("refs/os/tickets/{id}"));
    let old = format!("git-os board 1\n{tip}\t{id}\t0\t1\tmerged\thub\ttask\t2\t-\t-\toperator\t-\t-\t0\t-\t-\t1\tLies\n");
    crew.sandbox.write("ws/hub/.git/os/board", &old);
    let listed = crew.sandbox.os("ws/hub", &["list"]).ok();
    assert!(listed.contains("Work") && !listed.contains("Lies"), "{listed}");
    let board = crew.sandbox.read("ws/hub/.git/os/board");
    assert!(board.starts_with("git-os board 3\n") && board.contains("\tOs-State: ready\t"), "{board}");
    // What is on the board is believed, as long as the tip is the same.
    crew.sandbox.write("ws/hub/.git/os/board", board.replace("] Work", "] Know"));
    assert!(crew.sandbox.os("ws/hub", &["list"]).ok().contains("Know"));
}
