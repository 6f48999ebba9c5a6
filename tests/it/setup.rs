//! `git os init` asks before it takes anything away, and `git os uninstall` takes what it was told to, and says what stays.

use crate::crew::Crew;
use crate::sandbox::Sandbox;

/// All files of git's that belong to a repository's setup, as text.
fn setup_of(sandbox: &Sandbox, dir: &str) -> String {
    let script = "cat .git/config .git/info/exclude; ls .git/hooks";
    sandbox.sh(dir, script).ok() + &sandbox.refs(dir, &[])
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let sandbox = Sandbox::new();
    for name in ["hub", "other"] {
        sandbox.repo(name, "");
    }
    sandbox.registry(&["hub", "other"], "checks = [{ name = \"tests\", run = \"true\" }]");
    let before = ["hub", "other"].map(|dir| setup_of(&sandbox, dir));
    let out = sandbox.os("hub", &["init", "--dry-run"]).ok();
    assert_eq!(
        out,
        "hub: to be done: policy published, hooks installed, worktrees excluded from status, registry recorded\n\
         other: to be done: policy published, hooks installed, worktrees excluded from status, registry recorded\n\
         dry run: nothing was changed"
    );
    assert_eq!(["hub", "other"].map(|dir| setup_of(&sandbox, dir)), before);
    sandbox.os("hub", &["init"]).ok();
    let before = ["hub", "other"].map(|dir| setup_of(&sandbox, dir));
    sandbox.registry(&["hub"], "checks = [{ name = \"lint\", run = \"true\" }]\ngate = \"off\"");
    let out = sandbox.os("hub", &["init", "--dry-run"]).ok();
    let told = "hub: to be done: policy updated\n  adds check `lint`: `true`\n  removes check `tests`\n  gate: tickets -> off\n\
                takes away: other: is no longer in the registry; its hooks and refs stay\n\
                takes away: hub: removes check `tests`\ntakes away: hub: gate: tickets -> off\n\
                dry run: nothing was changed";
    assert_eq!(out, told);
    assert_eq!(["hub", "other"].map(|dir| setup_of(&sandbox, dir)), before);
}

#[test]
fn a_dry_run_without_a_registry_shows_the_one_it_would_write() {
    let sandbox = Sandbox::new();
    sandbox.repo("hub", "");
    let out = sandbox.os("hub", &["init", "--dry-run"]).ok();
    assert!(out.contains("hub/registry.toml:\n\nversion = 1\n"), "{out}");
    assert!(!sandbox.path("hub/registry.toml").exists());
    assert_eq!(sandbox.refs("hub", &["refs/os"]), "");
}

#[test]
fn nothing_is_taken_away_unasked() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "other"], "checks = [{ name = \"tests\", run = \"true\" }]");
    let good = sandbox.read("hub/registry.toml");
    let policy = |dir: &str| sandbox.git(dir, &["rev-parse", "refs/os/meta"]).ok();
    let before = ["hub", "other"].map(policy);
    for (from, to, said) in [
        ("\"true\"", "\"false\"", ""),
        ("name = \"tests\"", "name = \"lint\"", "removes check `tests`"),
        ("protected = [\"main\"]", "protected = [\"main\"]\ngate = \"off\"", "gate: tickets -> off"),
        ("protected = [\"main\"]", "protected = [\"trunk\"]", "no longer protects branch `main`"),
        ("protected = [\"main\"]", "protected = [\"main\"]\ngrade = \"F\"", "grade: A -> F"),
        ("protected = [\"main\"]", "protected = [\"main\"]\nauto_commit = [\"a/**\"]", "lets `a/**` land without a ticket"),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good, "{from}");
        sandbox.write("hub/registry.toml", changed);
        if said.is_empty() {
            sandbox.os("hub", &["init"]).ok();
            sandbox.write("hub/registry.toml", &good);
            sandbox.os("hub", &["init"]).ok();
            continue;
        }
        let before = ["hub", "other"].map(policy);
        let out = sandbox.os("hub", &["init"]).says(said);
        assert!(out.stderr.contains("this registry takes something away:\n"), "{out}");
        let _said = out.fails("error: nothing was changed\nhint: git os init --help   # see `--yes`\n");
        // Nor does the doctor do it, which asks nobody.
        let _said = sandbox.os("hub", &["doctor", "--fix"]).says("`git os init` asks before it changes the policy").said();
        assert_eq!(["hub", "other"].map(policy), before, "{to}");
    }
    sandbox.write("hub/registry.toml", good.replace("name = \"tests\"", "name = \"lint\""));
    let out = sandbox.os("hub", &["init", "--yes"]).ok();
    assert!(out.contains("other: policy updated\n  adds check `lint`: `true`\n  removes check `tests`"), "{out}");
    assert_ne!(["hub", "other"].map(policy), before);
}

#[test]
fn uninstall_keeps_to_the_repository_it_was_told() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "one", "two"], "");
    let before = ["hub", "two"].map(|dir| setup_of(&sandbox, dir));
    let out = sandbox.os("hub", &["uninstall", "--repo", "one"]).ok();
    assert_eq!(
        out,
        "one: hooks, settings and refspecs removed\none: stays: 1 ref of git-os, which hold the tickets and all that belongs to them"
    );
    assert_eq!(["hub", "two"].map(|dir| setup_of(&sandbox, dir)), before);
    assert_eq!(sandbox.git("one", &["config", "--local", "--get-regexp", "git-os"]).stdout, "");
    let _said = sandbox.os("hub", &["uninstall", "--repo", "none"]).fails("repository `none` is not in the registry");
}

/// Whether git-os is in a repository.
fn is_wired(sandbox: &Sandbox, dir: &str) -> bool {
    let has_hooks = sandbox.path(&format!("{dir}/.git/hooks/reference-transaction")).exists();
    let is_named = !sandbox.git(dir, &["config", "--local", "git-os.registry"]).stdout.is_empty();
    has_hooks && is_named
}

#[test]
fn one_repository_is_changed_unless_all_are_asked_for() {
    let sandbox = Sandbox::new();
    let all = ["hub", "one", "two"];
    sandbox.workspace(&all, "");
    let hooks = || all.map(|dir| sandbox.path(&format!("{dir}/.git/hooks/reference-transaction")).exists());
    let out = sandbox.os("one", &["hooks", "uninstall"]);
    assert!(out.stderr.contains("note: nothing was changed in hub, two; `--all` means all repositories"), "{out}");
    assert_eq!(out.ok(), "one: removed");
    assert_eq!(hooks(), [true, false, true]);
    // To look at all of them changes nothing.
    let said = sandbox.os("hub", &["hooks"]).fails("hint: git os hooks install --all");
    assert!(said.contains("hub: in place\none: hook `reference-transaction` is missing"), "{said}");
    assert_eq!(sandbox.os("hub", &["hooks", "uninstall"]).ok(), "hub: removed");
    assert_eq!(hooks(), [false, false, true]);
    assert_eq!(sandbox.os("hub", &["hooks", "install"]).ok(), "hub: installed");
    assert_eq!(hooks(), [true, false, true]);
    assert_eq!(sandbox.os("hub", &["hooks", "install", "--all"]).ok(), "hub: in place\none: installed\ntwo: in place");
    sandbox.os("two", &["hooks", "uninstall", "--all"]).ok();
    assert_eq!(hooks(), [false; 3]);
    sandbox.os("two", &["hooks", "install", "--repo", "one"]).ok();
    assert_eq!(hooks(), [false, true, false]);
    let _said = sandbox.os("two", &["hooks", "install", "--repo", "one", "--all"]).fails("cannot be used together");
    sandbox.os("two", &["hooks", "install", "--all"]).ok();
    sandbox.os("hub", &["uninstall"]).says("note: nothing was changed in one, two; `--all` means").ok();
    assert_eq!(all.map(|dir| is_wired(&sandbox, dir)), [false, true, true]);
    sandbox.os("two", &["uninstall", "--all"]).ok();
    assert_eq!(all.map(|dir| is_wired(&sandbox, dir)), [false; 3]);
}

#[test]
fn a_registry_that_is_not_in_use_is_named() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "other"], "");
    sandbox.ticket("other", "Of other", "draft");
    sandbox.os("hub", &["uninstall", "--all"]).says("the registry stays").ok();
    for args in [&["list"][..], &["ready"], &["new", "x"]] {
        let out = sandbox.os("hub", args);
        assert!(out.stderr.starts_with("warning: the registry `") && out.stderr.contains("` is not in use; "), "{out}");
        out.says("hint: git os init\n").ok();
    }
    let said = sandbox.os("hub", &["start", "--plan"]).fails("error: the registry `");
    assert!(said.ends_with("/hub/registry.toml` is not in use\nhint: git os init\n"), "{said}");
    sandbox.os("hub", &["init"]).ok();
    let out = sandbox.os("hub", &["list"]);
    assert_eq!(out.stderr, "", "{out}");
    assert!(out.ok().contains("Of other"));
}

#[test]
fn a_page_is_removed_only_when_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let page = || sandbox.path("home/.local/share/man/man1/git-os.1").exists();
    assert!(page());
    sandbox.os("hub", &["uninstall"]).says("the man pages and completions").ok();
    assert!(page(), "another workspace may need it");
    sandbox.os("home", &["uninstall", "--pages"]).says("removed ").ok();
    assert!(!page());
}

/// A crew with a merged ticket, a held one with uncommitted work, and a blocked one; all have worktrees.
fn crew() -> (Crew, [String; 3]) {
    let crew = Crew::alone("echo done >done-$GIT_OS_TICKET", "max_attempts = 1\n");
    let landed = crew.ready("Landed");
    crew.start().ok();
    crew.agent("echo half >half; git add half; git commit -qm half; exit 1");
    let blocked = crew.ready("Blocked");
    crew.start().ok();
    let held = crew.ready("Held");
    crew.os(&["claim", &held]).ok();
    let path = format!(".claude/worktrees/{held}");
    crew.sandbox.sh("ws/hub", &format!("git worktree add -q {path} -b claude/{held}; echo mine >{path}/mine")).ok();
    (crew, [landed, blocked, held])
}

#[test]
fn worktrees_that_stay_are_named_and_stay_hidden() {
    let (crew, [_, _, held]) = crew();
    let out = crew.os(&["uninstall"]).ok();
    assert!(out.contains("hub: stays: 3 worktrees and 3 branches of tickets; the worktrees stay hidden"), "{out}");
    assert!(out.contains("hub: still held by this clone until ") && out.contains(&format!("{held} Held\n")), "{out}");
    let status = crew.sandbox.git("ws/hub", &["status", "--porcelain"]).ok();
    assert!(!status.contains(".claude"), "{status}");
}

#[test]
fn worktrees_go_by_choice_and_nothing_in_them_is_lost() {
    let (crew, [landed, blocked, held]) = crew();
    let exclude = crew.sandbox.read("ws/hub/.git/info/exclude");
    assert!(exclude.contains("/.claude/worktrees/"));
    let out = crew.os(&["uninstall", "--worktrees", "remove"]).ok();
    assert!(out.contains("hub: removed 3 worktrees and 2 branches of tickets"), "{out}");
    assert!(out.contains(&format!("hub: stays: branch `claude/{blocked}`: its work has not landed")), "{out}");
    let saved = format!("hub: saved uncommitted work as refs/os/rescue/{held}/");
    assert!(out.contains(&saved), "{out}");
    let name = out.lines().find(|line| line.starts_with(&saved)).and_then(|line| line.rsplit(' ').next()).expect("a ref");
    assert_eq!(crew.sandbox.git("ws/hub", &["show", &format!("{name}:mine")]).ok(), "mine");
    assert!(!crew.sandbox.path("ws/hub/.claude").exists());
    assert_eq!(crew.sandbox.id("ws/hub", &format!("refs/heads/claude/{landed}")), "");
    assert!(!crew.sandbox.read("ws/hub/.git/info/exclude").contains(".claude"));
    // What is there is taken up again.
    crew.os(&["init"]).ok();
    assert_eq!((crew.state(&landed), crew.state(&held)), ("merged".to_owned(), "claimed".to_owned()));
}

#[test]
fn a_worktree_in_which_somebody_stands_is_not_removed() {
    let (crew, [landed, ..]) = crew();
    let path = format!("ws/hub/.claude/worktrees/{landed}");
    crew.sandbox.write(&format!("{path}/deep/file"), "");
    let before = setup_of(&crew.sandbox, "ws/hub");
    for dir in [path.clone(), format!("{path}/deep")] {
        let said = crew.sandbox.os(&dir, &["uninstall", "--worktrees", "remove"]).fails("error: cannot remove the worktree of ");
        assert!(said.contains("this command was started in it; nothing was changed\nhint: cd "), "{said}");
        assert!(said.contains("/ws/hub   # and then the same command"), "{said}");
    }
    assert_eq!(setup_of(&crew.sandbox, "ws/hub"), before);
    crew.sandbox.os(&path, &["-C", "../../..", "uninstall", "--worktrees", "remove"]).says("hub: removed 3 worktrees").ok();
    assert!(!crew.sandbox.path("ws/hub/.claude").exists());
}

#[test]
fn the_refs_go_only_after_they_were_shown_and_somebody_said_yes() {
    let (crew, [_, _, held]) = crew();
    let before = crew.sandbox.refs("ws/hub", &["refs/os", "refs/notes"]);
    let out = crew.os(&["uninstall", "--purge"]);
    assert!(out.stderr.contains("refs would be removed: ") && out.stderr.contains("refs/os/tickets (3)"), "{out}");
    let _said = out.fails("error: nothing was changed");
    assert_eq!(crew.sandbox.refs("ws/hub", &["refs/os", "refs/notes"]), before);
    let _said = crew.os(&["uninstall", "--purge", "--yes", "--worktrees", "remove"]).fails("would go with the refs");
    assert_eq!(crew.sandbox.refs("ws/hub", &["refs/os", "refs/notes"]), before);
    crew.os(&["uninstall", "--purge", "--yes"]).says("refs of git-os removed").ok();
    assert_eq!(crew.sandbox.refs("ws/hub", &["refs/os", "refs/notes", "refs/os-remote"]), "");
    assert!(!crew.sandbox.path("ws/hub/.git/os").exists());
    assert!(crew.sandbox.path(&format!("ws/hub/.claude/worktrees/{held}/mine")).exists(), "the worktrees stay");
    crew.sandbox.git("ws/hub", &["commit", "-q", "--allow-empty", "-m", "mine again"]).ok();
}

#[test]
fn nothing_is_uninstalled_under_a_session_that_works() {
    let crew = Crew::alone("touch ../../../../started; sleep 73", "");
    crew.ready("Work");
    let mut session = crew.spawn(&["start", "--yes"]);
    crew.wait_for("ws/started");
    let before = setup_of(&crew.sandbox, "ws/hub");
    let _said = crew.os(&["uninstall"]).fails("error: a session or worker is at work in `");
    assert_eq!(setup_of(&crew.sandbox, "ws/hub"), before);
    session.kill().expect("a signal");
    session.wait().expect("an end");
    crew.os(&["uninstall"]).ok();
}

#[test]
fn a_mistake_in_the_registry_is_named_with_its_line_and_is_not_grade_a() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "other"], "checks = [{ name = \"tests\", run = \"true\" }]");
    sandbox.os("hub", &["doctor"]).says("grade A").ok();
    let good = sandbox.read("hub/registry.toml");
    let agent = "[agents.judge]\nkind = \"command\"\nrun = [\"./judge.sh\"]\n";
    for (from, to, line, said) in [
        ("\"main\"", "\"master\"", 10, "branch `master` does not exist in `hub`"),
        (
            "run = \"true\"",
            "run = \"no-such-tool -q\"",
            11,
            "check `tests` of `hub` cannot run: there is no program `no-such-tool`",
        ),
        (
            "checks = [{ name = \"tests\", run = \"true\" }]",
            "",
            6,
            "`hub` has neither `checks` nor a `verifier`, so nothing would verify its work",
        ),
        ("checks =", "verifier = \"judge\"\nchecks =", 22, "verifier `judge` cannot start: there is no program `"),
        ("checks =", "agent = \"judge\"\nchecks =", 22, "agent `judge` cannot start: there is no program `"),
    ] {
        let text = good.replacen(from, to, 1);
        let text = if to.contains("judge") { text + agent } else { text };
        sandbox.write("hub/registry.toml", text);
        let out = sandbox.os("hub", &["init", "--yes"]);
        assert!(out.stderr.contains(&format!("hub/registry.toml:{line}: {said}")), "{line} {said}: {out}");
        out.ok();
        // What leaves everything to a person is a warning, and what cannot work is a fault.
        let is_fault = !said.contains("neither") && !said.starts_with("agent");
        let doctor = sandbox.os("hub", &["doctor"]);
        assert_eq!(doctor.code, Some(i32::from(is_fault)), "{doctor}");
        let doctor = doctor.said();
        assert!(doctor.contains(&format!("hub: registry line {line}: {said}")), "{doctor}");
        assert!(doctor.contains(if is_fault { " FAIL  hub" } else { " warn  hub" }) && doctor.contains("grade B"), "{doctor}");
    }
    // A judge that may not be executed cannot start either.
    sandbox.write("hub/registry.toml", good.replacen("checks =", "verifier = \"judge\"\nchecks =", 1) + agent);
    sandbox.write("hub/judge.sh", "#!/bin/sh\n");
    sandbox.os("hub", &["init"]).says("/hub/judge.sh` is not executable\n").ok();
    sandbox.script("hub/judge.sh", "#!/bin/sh\n");
    let out = sandbox.os("hub", &["init"]);
    assert_eq!(out.stderr, "", "{out}");
    sandbox.os("hub", &["doctor"]).says("grade A").ok();
}

#[test]
fn two_names_of_one_repository_are_a_mistake() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "other"], "checks = [{ name = \"tests\", run = \"true\" }]");
    sandbox.sh(".", "ln -s other another").ok();
    sandbox.registry(&["hub", "other", "another"], "checks = [{ name = \"tests\", run = \"true\" }]");
    sandbox.os("hub", &["init", "--yes"]).says(": `another` and `other` are the same repository").ok();
}

#[test]
fn a_repository_that_is_not_there_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "other"], "checks = [{ name = \"tests\", run = \"true\" }]");
    sandbox.sh(".", "mv other away").ok();
    let said = sandbox.os("hub", &["init"]).fails("cannot set up 1 repository");
    assert!(said.contains("/registry.toml:15: cannot open repository `other`\n"), "{said}");
    let doctor = sandbox.os("hub", &["doctor"]).fails("");
    assert!(doctor.contains("registry line 15: cannot open repository `other`: ") && doctor.contains("grade B"), "{doctor}");
}

#[test]
fn the_doctor_names_one_cause_and_not_what_follows_from_it() {
    let sandbox = Sandbox::new();
    sandbox.repo("r", "");
    let out = sandbox.os("r", &["doctor"]).fails("git-os is not set up in this repository");
    assert_eq!(out.matches("FAIL").count(), 1, "{out}");
    assert!(out.contains("other checks cannot run before check 1 passes") && out.contains("\ngit os init   # 1\n"), "{out}");
    assert!(out.contains("grade F"), "{out}");
    let json = sandbox.os("r", &["doctor", "--json"]).fails("\"follows\":1");
    assert!(json.contains("\"number\":19"), "{json}");
}

#[test]
fn work_goes_on_where_nothing_verifies_it_and_a_session_says_so() {
    let crew = Crew::with(&["hub"], "agent = \"crew\"\nchecks = []\n");
    let id = crew.ready("Work");
    crew.agent("echo done >done");
    crew.start().says("`hub` has neither `checks` nor a `verifier`, so nothing would verify its work").says("grade B").ok();
    assert_eq!(crew.state(&id), "merged");
}

#[test]
fn worktrees_of_closed_tickets_can_be_collected_at_once() {
    let (crew, [landed, blocked, held]) = crew();
    crew.os(&["gc"]).says("nothing to remove").ok();
    crew.os(&["gc", "--now"]).says(&landed).ok();
    let is_there = |id: &str| crew.sandbox.path(&format!("ws/hub/.claude/worktrees/{id}")).exists();
    assert_eq!((is_there(&landed), is_there(&blocked), is_there(&held)), (false, true, true));
}

#[test]
fn worktrees_of_landed_tickets_do_not_pile_up_and_what_is_in_them_is_saved() {
    let mut crew = Crew::alone("echo \"$GIT_OS_TICKET\" >work; git add -A; git commit -qm \"$GIT_OS_TICKET\"", "");
    let ids: Vec<String> = (0..3).map(|number| crew.ready(&format!("Work {number}"))).collect();
    crew.start().says("3 tickets landed").ok();
    crew.sandbox.write(&format!("ws/hub/.claude/worktrees/{}/mine", ids[0]), "mine\n");
    crew.sandbox.set("GIT_COMMITTER_DATE", "2026-05-07T13:00:00Z");
    let later: Vec<String> = (3..20).map(|number| crew.ready(&format!("Work {number}"))).collect();
    crew.start().says("saved").ok();
    for id in ids.iter().chain(&later) {
        assert_eq!(crew.state(id), "merged");
    }
    let left = |id: &&String| crew.sandbox.path(&format!("ws/hub/.claude/worktrees/{id}")).exists();
    assert_eq!((ids.iter().filter(left).count(), later.iter().filter(left).count()), (0, 11));
    let saved = crew.sandbox.git("ws/hub", &["for-each-ref", "--format=%(refname)", "refs/os/rescue"]).ok();
    assert_eq!(crew.sandbox.git("ws/hub", &["show", &format!("{saved}:mine")]).ok(), "mine");
    crew.all_is_well();
}

#[test]
fn uninstall_saves_what_a_worktree_has_also_where_the_protected_branch_is_gone() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let id = sandbox.ticket("hub", "Mine", "ready").id;
    sandbox.os("hub", &["take", &id]).ok();
    sandbox.write(&format!("hub/.claude/worktrees/{id}/a"), "unsaved\n");
    let registry = sandbox.read("hub/registry.toml").replace("\"main\"", "\"trunk\"");
    sandbox.write("hub/registry.toml", registry);
    sandbox.os("hub", &["init", "--yes"]).ok();
    sandbox.os("hub", &["uninstall", "--worktrees", "remove"]).says("saved uncommitted work as refs/os/rescue/").ok();
    let refs = sandbox.git("hub", &["for-each-ref", "--format=%(refname)", "refs/os/rescue"]).ok();
    assert_eq!(sandbox.git("hub", &["show", &format!("{refs}:a")]).ok(), "unsaved");
}
