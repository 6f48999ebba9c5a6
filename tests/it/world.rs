//! Situations of the world's git that other tools met: settings, hooks, layouts and habits of people. Each test is one claim; design
//! 0019 says which kind it belongs to.

use crate::crew::Crew;
use crate::sandbox::Sandbox;

/// An agent that changes one file and commits it.
pub(crate) const COMMITS: &str = "cat >/dev/null; echo two >>two.txt; git add two.txt; git commit -qm \"$GIT_OS_TICKET\"\n";

/// A workspace of one repository with a bare remote, to which landings are pushed.
pub(crate) fn with_remote(agent: &str) -> Crew {
    let crew = Crew::alone(agent, "");
    crew.sandbox.sh("ws/hub", "git init -q --bare ../hub.git; git remote add origin ../hub.git; git push -q -u origin main").ok();
    crew.registry(&["hub"], "agent = \"crew\"\nremote = \"origin\"\npush = \"auto\"\n");
    crew.os(&["init"]).ok();
    crew
}

/// The session says this, the ticket is blocked, and its history says this.
fn is_blocked(crew: &Crew, id: &str, why: &str) {
    crew.start().ok();
    assert_eq!(crew.state(id), "blocked", "{}", crew.log(id));
    assert!(crew.log(id).contains(why), "`{why}` is not in {}", crew.log(id));
    // Nobody begins anew by himself, and nothing was left that disturbs.
    crew.start().ok();
    assert_eq!(crew.state(id), "blocked");
    crew.all_is_well();
}

#[test]
fn a_branch_in_the_way_of_a_tickets_branch_is_named() {
    let crew = Crew::alone(COMMITS, "");
    crew.sandbox.sh("ws/hub", "git branch claude").ok();
    let id = crew.ready("Work");
    is_blocked(&crew, &id, "beside the branch `claude`");
    let doctor = |command: &str| {
        let said = crew.os(&["doctor"]).fails("beside the branch");
        assert!(said.contains(command), "{command}: {said}");
        crew.sandbox.sh("ws/hub", &format!("git {command}")).ok();
        crew.os(&["doctor"]).ok();
    };
    crew.sandbox.sh("ws/hub", "git branch claude-1").ok();
    doctor("branch -m 'claude' 'claude-2'");
    crew.sandbox.sh("ws/hub", "git branch -m claude-2 claude").ok();
    crew.sandbox.sh("ws/hub", &format!("git branch -m claude other; git branch claude/{id}/mine; git os unblock {id}")).ok();
    is_blocked(&crew, &id, &format!("beside the branch `claude/{id}/mine`"));
    doctor(&format!("branch -m 'claude/{id}/mine' 'claude-{id}-mine-1'"));
    crew.sandbox.sh("ws/hub", &format!("git branch claude/{id}/mine")).ok();
    crew.sandbox.sh("ws/hub", &format!("git branch -D claude/{id}/mine; git os unblock {id}")).ok();
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
}

#[test]
fn what_git_does_not_take_is_a_reason_and_nobody_holds_the_ticket() {
    let lfs = "git config filter.lfs.clean 'no-such-program'; git config filter.lfs.required true; echo '*.bin filter=lfs' >.gitattributes; \
               git add .; git commit -qm attributes";
    for (setup, agent, why) in [
        ("git config core.autocrlf input; git config core.safecrlf true", "printf 'a\\r\\nb\\r\\n' >win.txt", "win.txt"),
        (lfs, "echo x >a.bin", "a.bin"),
        (":", "mkdir -p 'git~1'; echo x >'git~1/x'", "git~1"),
        (":", "git init -q empty; echo x >empty/x; echo y >y", "empty"),
    ] {
        let crew = Crew::alone(&format!("cat >/dev/null; {agent}\n"), "max_attempts = 2");
        crew.sandbox.sh("ws/hub", setup).ok();
        let id = crew.ready("Work");
        is_blocked(&crew, &id, why);
        // What cannot be landed is saved all the same, or stays where it is.
        let kept = crew.sandbox.sh("ws/hub", "git for-each-ref refs/os/rescue; ls -R .claude/worktrees").ok();
        assert!(kept.contains("refs/os/rescue") || kept.contains(why), "{kept}");
    }
}

#[test]
fn a_repository_inside_that_is_no_submodule_does_not_land() {
    let make = "mkdir app; cd app; git init -q; echo code >main.c; git add .; git commit -qm scaffold; cd ..";
    for left in [make.to_owned(), format!("{make}; git add app; git commit -qm app")] {
        let crew = Crew::alone(&format!("cat >/dev/null; {left}\n"), "max_attempts = 1");
        let id = crew.ready("Scaffold");
        is_blocked(&crew, &id, "`app` is a repository of its own");
        assert_eq!(crew.sandbox.git("ws/hub", &["ls-tree", "--name-only", "main", "app"]).ok(), "");
    }
}

#[test]
fn where_a_submodule_is_lands_once_its_remote_has_it() {
    let crew = Crew::alone(COMMITS, "max_attempts = 1");
    let lib = "git init -q -b main ../lib; git -C ../lib commit -q --allow-empty -m one
               git -c protocol.file.allow=always submodule add -q -b main ../lib lib; git commit -qm lib
               git -C ../lib commit -q --allow-empty -m two";
    crew.sandbox.sh("ws/hub", lib).ok();
    let update = "cat >/dev/null; git -c protocol.file.allow=always submodule update -q --init; cd lib";
    crew.agent(&format!("{update}; git fetch -q; git checkout -q origin/main\n"));
    let id = crew.ready("Bump");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.id("ws/hub", "main:lib"), crew.sandbox.id("ws/lib", "main"));
    crew.agent(&format!("{update}; git commit -q --allow-empty -m mine; cd ..; git add lib; git commit -qm lib\n"));
    let id = crew.ready("Bump to nowhere");
    crew.start().ok();
    assert_eq!(crew.state(&id), "blocked");
    assert!(crew.log(&id).contains("which none of its remote branches contains"), "{}", crew.log(&id));
}

#[test]
fn files_that_look_changed_in_every_checkout_are_not_committed() {
    let crew = Crew::alone(
        "cat >/dev/null; echo two >>two.txt; git add two.txt; git commit -qm two; printf 'mine\\r\\n' >other.cfg\n",
        "",
    );
    let setup = "printf 'one\\r\\n' >win.cfg; printf 'x\\r\\n' >other.cfg; git add .; git commit -qm files
                 echo '*.cfg text' >.gitattributes; git add .gitattributes; git commit -qm attributes";
    crew.sandbox.sh("ws/hub", setup).ok();
    let id = crew.ready("Work");
    crew.sandbox.sh("ws/hub", "git switch -q --detach").ok();
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    let changed = crew.sandbox.git("ws/hub", &["diff", "--name-only", "HEAD", "main"]).ok();
    assert_eq!(changed, "other.cfg\ntwo.txt", "what the agent did to such a file is its work");
}

#[test]
fn what_a_person_has_stashed_is_not_taken() {
    let crew =
        Crew::alone("cat >/dev/null; echo x >>x; git add .; git commit -qm x; git stash; git stash pop\n", "max_attempts = 1");
    crew.sandbox.sh("ws/hub", "echo thought >thought; git add thought; git stash push -q -m mine").ok();
    let before = crew.sandbox.git("ws/hub", &["rev-parse", "stash"]).ok();
    let id = crew.ready("Work");
    is_blocked(&crew, &id, "of the stash went while the agent worked");
    assert_eq!(crew.sandbox.git("ws/hub", &["rev-parse", "stash"]).ok(), before);
    assert_eq!(crew.sandbox.git("ws/hub", &["ls-tree", "--name-only", "main", "thought"]).ok(), "");
}

#[test]
fn how_an_agent_resolves_a_conflict_is_not_how_a_person_does() {
    let conflict = "git switch -q -c other HEAD~1; echo other >a; git add a; git commit -qm o; git switch -q -; git merge other; echo mine >a; git add a";
    let crew = Crew::alone(&format!("cat >/dev/null; {conflict}; git commit -qm merged\n"), "max_attempts = 1");
    crew.sandbox.sh("ws/hub", "git config rerere.enabled true; echo main >a; git add a; git commit -qm main").ok();
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.sh("ws/hub", "find .git/rr-cache -type f 2>/dev/null || :").ok(), "");
}

#[test]
fn settings_that_change_while_an_agent_works_are_named() {
    let crew = Crew::alone(&format!("{COMMITS}git config alias.st 'status --hidden'; git config a.b c\n"), "max_attempts = 1");
    crew.sandbox.git("ws/hub", &["config", "a.b", "mine"]).ok();
    let id = crew.ready("Work");
    crew.start().says("git settings that all worktrees share changed while the agent worked: `a.b`, `alias.st`").ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert!(crew.log(&id).contains("`a.b`, `alias.st`") && !crew.log(&id).contains("hidden"), "{}", crew.log(&id));
    let doctor = crew.os(&["doctor"]).ok();
    assert!(doctor.contains(&format!("`alias.st` during {id}")) && !doctor.contains("hidden"), "{doctor}");
    crew.sandbox.sh("ws/hub", "git config --unset alias.st; git config a.b mine").ok();
    let doctor = crew.os(&["doctor"]).ok();
    assert!(!doctor.contains("during"), "{doctor}");
    // Work that fails says so as well.
    crew.agent("git config a.b c; exit 1\n");
    let id = crew.ready("Fail");
    crew.start().says("`a.b`").ok();
    assert!(crew.state(&id) == "blocked" && crew.log(&id).contains("`a.b`"), "{}", crew.log(&id));
    crew.all_is_well();
}

#[test]
fn a_branch_is_not_moved_while_somebody_rebases_or_bisects_it() {
    let rebase =
        "git switch -q -c up main~1; echo up >a; git add a; git commit -qm up; git switch -q main; echo mine >a; git add a
                  git commit -qm mine; git rebase -q up || :";
    let bisect = "git bisect start -q main main~1 >/dev/null; git bisect good >/dev/null || :; git checkout -q --detach main~1";
    for (begin, end, what) in
        [(rebase, "git rebase --abort", "a rebase"), (bisect, "git bisect reset >/dev/null 2>&1", "a bisect")]
    {
        let crew = Crew::alone(COMMITS, "");
        crew.sandbox.sh("ws/hub", "git commit -q --allow-empty -m more").ok();
        let id = crew.ready("Work");
        crew.sandbox.sh("ws/hub", begin).ok();
        let before = crew.sandbox.id("ws/hub", "main");
        crew.start().says(&format!("{what} of it is in progress")).ok();
        assert_eq!((crew.state(&id).as_str(), crew.sandbox.id("ws/hub", "main")), ("verified", before));
        crew.sandbox.sh("ws/hub", end).ok();
        crew.start().ok();
        assert_eq!(crew.state(&id), "merged", "after {what}: {}", crew.log(&id));
    }
}

#[test]
fn how_a_person_merges_does_not_change_a_landing() {
    for setting in [
        "branch.main.mergeOptions=--squash",
        "branch.main.mergeOptions=--no-ff",
        "branch.main.mergeOptions=--no-commit",
        "merge.ff=false",
        "merge.autoStash=true",
        "merge.verifySignatures=true",
        "pull.rebase=true",
        "rebase.autoSquash=true",
        "rebase.missingCommitsCheck=error",
        "rebase.rebaseMerges=true",
        "rebase.backend=apply",
        "commit.cleanup=strip",
        "rerere.enabled=true",
        "push.pushOption=ci.skip",
        "push.default=nothing",
        "push.followTags=true",
        "fetch.prune=true",
        "core.untrackedCache=true",
        "status.showUntrackedFiles=no",
        "diff.noprefix=true",
        "color.ui=always",
    ] {
        let crew = with_remote(COMMITS);
        let (key, value) = setting.split_once('=').expect("a setting");
        crew.sandbox.git("ws/hub", &["config", key, value]).ok();
        let id = crew.ready("Work");
        // The branch moves meanwhile, so that the work is rebased.
        crew.sandbox
            .sh("ws/hub", "git commit -q --allow-empty -m 'A person goes on'; git -c push.pushOption= push -q origin main:main")
            .ok();
        crew.start().ok();
        assert_eq!(crew.state(&id), "merged", "{setting}: {}", crew.log(&id));
        assert_eq!(crew.sandbox.git("ws/hub", &["status", "--porcelain", "-uno"]).ok(), "", "{setting}");
        assert_eq!(crew.sandbox.id("ws/hub.git", "main"), crew.sandbox.id("ws/hub", "main"), "{setting}");
    }
}

#[test]
fn a_landing_that_a_hook_of_the_persons_refuses_says_so_once() {
    let crew = with_remote(COMMITS);
    let hook = "#!/bin/sh\ncat >/dev/null; echo asked >>../asked; echo 'the tests failed' >&2; exit 1\n";
    crew.sandbox.script("ws/hub/.git/hooks/pre-push", hook);
    let id = crew.ready("Work");
    crew.start().says("the tests failed").ok();
    assert_eq!((crew.state(&id).as_str(), crew.sandbox.read("ws/asked").lines().count()), ("verified", 1));
    crew.sandbox.sh("ws/hub", "rm .git/hooks/pre-push").ok();
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged");
}

#[test]
fn a_hook_of_the_persons_may_take_longer_than_a_remote() {
    let crew = with_remote(COMMITS);
    crew.sandbox.git("ws/hub", &["config", "git-os.networkTimeout", "1"]).ok();
    crew.sandbox.script("ws/hub/.git/hooks/pre-push", "#!/bin/sh\nsleep 2\n");
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
}

#[test]
fn a_push_that_never_gets_there_is_tried_a_few_times() {
    let mut crew = with_remote(COMMITS);
    let ssh = "#!/bin/sh\nfor last; do :; done\ncase \"$last\" in *receive-pack*) echo push >>\"$PUSHES\"; \
               echo 'ERROR: Permission denied to deploy key' >&2; exit 1;; esac\nexec sh -c \"$last\"\n";
    crew.sandbox.script("ssh.sh", ssh);
    let (program, pushes) = (crew.sandbox.path("ssh.sh"), crew.sandbox.path("pushes"));
    crew.sandbox.set("GIT_SSH_COMMAND", &format!("env PUSHES={} {}", pushes.display(), program.display()));
    crew.sandbox.set("GIT_SSH_VARIANT", "simple");
    let url = format!("ssh://git@host{}", crew.sandbox.path("ws/hub.git").display());
    let id = crew.ready("Work");
    crew.sandbox.git("ws/hub", &["remote", "set-url", "origin", &url]).ok();
    for command in [&["claim", id.as_str()][..], &["sync"]] {
        let said = crew.os(command);
        assert_eq!(said.code.filter(|code| *code != 0), said.code, "{said}");
        assert!(said.said().contains("Permission denied to deploy key"), "{said}");
        let tried = crew.sandbox.read("pushes").lines().count();
        assert!((1..=4).contains(&tried), "{tried} pushes by {command:?}");
        crew.sandbox.sh(".", "rm pushes").ok();
    }
}

#[test]
fn a_remote_that_never_answers_is_given_up_on_and_others_go_on() {
    let mut crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    crew.agent(COMMITS);
    crew.sandbox.script("ssh.sh", "#!/bin/sh\nexec sleep 300\n");
    let program = crew.sandbox.path("ssh.sh").display().to_string();
    crew.sandbox.set("GIT_SSH_COMMAND", &program);
    crew.sandbox.set("GIT_SSH_VARIANT", "simple");
    crew.sandbox.sh("ws/hub", "git remote add origin ssh://git@host/hub.git; git config git-os.networkTimeout 1").ok();
    let id = crew.sandbox.ticket("ws/alpha", "Work", "ready").id;
    let text =
        crew.sandbox.read("ws/hub/registry.toml").replacen("path = \"../hub\"\n", "path = \"../hub\"\nremote = \"origin\"\n", 1);
    crew.sandbox.write("ws/hub/registry.toml", text);
    crew.os(&["init"]).says("timed out: no answer for 1 s").ok();
    let out = crew.os(&["worker", "--until-empty", "--poll", "1s"]).says("timed out: no answer for 1 s");
    out.fails("gave up after 2 attempts to reach the remote `origin`");
    assert_eq!(crew.sandbox.state("ws/alpha", &id), "merged");
    crew.os(&["sync"]).fails("timed out: no answer for 1 s");
    assert_eq!(crew.sandbox.sh(".", "ps -e -o args | grep -c '[s]leep 300' || :").ok(), "0", "what git started ends with it");
}

#[test]
fn no_more_is_fetched_than_the_clone_asked_for() {
    let crew = with_remote(COMMITS);
    crew.os(&["sync"]).ok();
    crew.sandbox
        .sh(
            "ws/hub",
            "git branch develop; git push -q origin develop; for n in 1 2 3; do git push -q origin main:refs/heads/ann/$n; done",
        )
        .ok();
    let branches = |dir: &str| {
        let all = crew.sandbox.git(dir, &["for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin"]).ok();
        all.lines().filter(|name| *name != "HEAD").collect::<Vec<_>>().join("\n")
    };
    for (how, then, wanted) in [
        ("clone -q --single-branch", ":", "main"),
        ("clone -q --single-branch --branch develop", ":", "develop\nmain"),
        ("clone -q --depth 1 --no-single-branch", ":", "ann/1\nann/2\nann/3\ndevelop\nmain"),
        (
            "clone -q --single-branch",
            "git config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*'; git config --add remote.origin.fetch '^refs/heads/ann/*'",
            "develop\nmain",
        ),
    ] {
        crew.sandbox.sh("ws", &format!("rm -rf c; git {how} file://$PWD/hub.git c; cd c; {then}; git os init")).ok();
        crew.sandbox.os("ws/c", &["sync"]).ok();
        assert_eq!(branches("ws/c"), wanted, "{how}; {then}");
        let is_shallow = crew.sandbox.git("ws/c", &["rev-parse", "--is-shallow-repository"]).ok();
        assert_eq!(is_shallow, how.contains("depth").to_string());
    }
}

#[test]
fn a_clone_of_another_branch_works_on_what_is_ready() {
    let crew = with_remote(COMMITS);
    let id = crew.ready("Work");
    crew.sandbox
        .sh(
            "ws/hub",
            "git branch develop; git push -q origin develop; git add registry.toml; git commit -qm r; git push -q origin main",
        )
        .ok();
    crew.os(&["sync"]).ok();
    crew.sandbox
        .sh(
            "ws",
            "mkdir there; git clone -q -b develop hub.git there/hub; cp agent.sh judge.sh there; cp hub/registry.toml there/hub",
        )
        .ok();
    crew.sandbox.os("ws/there/hub", &["init"]).ok();
    crew.sandbox.os("ws/there/hub", &["worker", "--until-empty"]).ok();
    assert_eq!(crew.sandbox.state("ws/there/hub", &id), "merged");
    assert_eq!(crew.sandbox.git("ws/there/hub", &["branch", "--show-current"]).ok(), "develop");
}

#[test]
fn settings_of_notes_copy_no_verdict_to_another_commit() {
    let crew = Crew::alone(COMMITS, "");
    crew.sandbox.sh("ws/hub", "git config notes.rewriteRef 'refs/notes/*'; git config notes.rewriteMode concatenate").ok();
    let agent = "cat >/dev/null; echo x >$GIT_OS_TICKET; git add .; git commit -qm $GIT_OS_TICKET\n";
    crew.agent(agent);
    let (one, two) = (crew.ready("One"), crew.ready("Two"));
    for id in [&one, &two] {
        crew.os(&["dispatch"]).ok();
        assert_eq!(crew.state(id), "merged");
    }
    let rewrite = "git switch -q -c mine; git commit -q --allow-empty --amend -m amended 2>/dev/null || :; git switch -q main";
    crew.sandbox.sh("ws/hub", rewrite).ok();
    crew.os(&["fsck"]).ok();
    crew.all_is_well();
}

#[test]
fn a_refspec_over_our_refs_spoils_no_fetch() {
    for spec in ["+refs/notes/*:refs/notes/*", "+refs/*:refs/*", "refs/notes/*:refs/notes/*"] {
        let crew = with_remote("cat >/dev/null; echo x >$GIT_OS_TICKET; git add .; git commit -qm x\n");
        crew.sandbox.sh("ws/hub", "git notes add -m 'of people'; git push -q origin refs/notes/commits").ok();
        crew.ready("One");
        crew.start().ok();
        crew.os(&["sync"]).ok();
        crew.sandbox
            .sh(
                "ws",
                &format!("git clone -q hub.git c; cd c; git config --add remote.origin.fetch '{spec}'; git switch -q --detach"),
            )
            .ok();
        let doctor = crew.sandbox.sh("ws/c", "git os init; git os doctor").ok();
        assert!(!doctor.contains("FAIL"), "{spec}: {doctor}");
        crew.sandbox.sh("ws/c", "git os new Here; git os learn Here").ok();
        crew.ready("Two");
        crew.start().ok();
        crew.os(&["sync"]).ok();
        crew.sandbox.sh("ws/c", "git fetch -q; git os sync; git fetch -q; git os fsck").ok();
        assert_eq!(crew.sandbox.git("ws/c", &["notes", "list"]).ok().lines().count(), 1, "{spec}: notes of people come");
        // Uninstalled, the person's refspec is as it was.
        crew.sandbox.os("ws/c", &["uninstall"]).ok();
        let left = crew.sandbox.git("ws/c", &["config", "--get-all", "remote.origin.fetch"]).ok();
        assert_eq!(left, format!("+refs/heads/*:refs/remotes/origin/*\n{spec}"));
    }
}

#[test]
fn whoever_git_takes_for_the_person_the_agents_git_takes_too() {
    let mut crew = Crew::alone(COMMITS, "max_attempts = 1");
    crew.sandbox.sh("ws/hub", "git config --global --unset-all user.name; git config --global --unset-all user.email; git config --global user.useConfigOnly true").code.expect("an end");
    for key in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
        crew.sandbox.set(key, "Ada");
    }
    for key in ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
        crew.sandbox.set(key, "ada@example.com");
    }
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.git("ws/hub", &["log", "-1", "--format=%an %ae", "main"]).ok(), "Ada ada@example.com");
}

#[test]
fn without_an_environment_the_program_still_answers() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    let script = "git config user.name A; git config user.email a@example.com; os=$(command -v git-os)
                  env -i PATH=/usr/bin:/bin \"$os\" new Homeless && env -i \"$os\" list && env -i HOME=/nonexistent \"$os\" list";
    assert_eq!(sandbox.sh("hub", script).ok().matches("Homeless").count(), 3);
}

#[test]
fn worktree_links_may_be_relative() {
    let crew = Crew::alone(COMMITS, "");
    let id = crew.ready("Work");
    // As git 2.48 writes them with worktree.useRelativePaths; an older git reads them, too.
    crew.agent(&format!(
        "{COMMITS}cd \"$(git rev-parse --git-common-dir)\"; for link in worktrees/*/gitdir; do \
         realpath -m --relative-to=\"$(dirname $link)\" \"$(cat $link)\" >$link.new; mv $link.new $link; done\n"
    ));
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert!(crew.log(&id).contains("Os-Attempt: 1\n") && !crew.log(&id).contains("Os-Attempt: 2\n"), "{}", crew.log(&id));
}

#[test]
fn an_agent_has_the_rights_of_an_agent() {
    // Each of these is refused, in its own repository, by `--repo`, by `-C`, and past the verbs.
    let tries = [
        "git os new Mine",
        "git os approve $OTHER",
        "git os pass $GIT_OS_TICKET --verdict /dev/null",
        "git os verify $GIT_OS_TICKET",
        "git os merge $GIT_OS_TICKET",
        "git os cancel $OTHER --reason no",
        "git os --repo alpha new Theirs",
        "git os -C ../../.. sync",
        "git os init",
        "git os uninstall",
        "git os fsck --repair",
        "git push -q . HEAD:main",
        "git -C ../../.. commit -q --allow-empty -m x",
        "git update-ref refs/heads/main HEAD",
    ];
    let crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    let other = crew.sandbox.ticket("ws/hub", "Other", "draft").id;
    let before = crew.sandbox.id("ws/hub", "main");
    let tried = tries.iter().fold(String::new(), |all, one| all + &format!("{one} && echo '{one}' >>../done || :\n"));
    let allowed =
        "git os list; git os show $GIT_OS_TICKET; git os comment $GIT_OS_TICKET 'on it'; git os learn 'ask first'; git os fsck";
    crew.agent(&format!(
        "cat >/dev/null; set -u; OTHER={other}; echo x >x; git add x; git commit -qm x\n{tried}set -e; {allowed}\ncd \"$(mktemp -d)\"
         git init -q -b main own; cd own; git commit -q --allow-empty -m own; git os init >/dev/null; git os new Own\n"
    ));
    let id = crew.ready("Try");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert!(
        !crew.sandbox.path("ws/hub/.claude/worktrees/done").exists(),
        "{}",
        crew.sandbox.read("ws/hub/.claude/worktrees/done")
    );
    assert_eq!(crew.sandbox.state("ws/hub", &other), "draft");
    assert_eq!(crew.sandbox.git("ws/hub", &["rev-list", "--count", &format!("{before}..main")]).ok(), "1");
    assert!(crew.log(&id).contains("on it"));
}

#[test]
fn what_was_handed_in_outlives_its_branch_until_it_has_landed() {
    let crew = Crew::alone(COMMITS, "");
    let id = crew.ready("Work");
    crew.sandbox.sh("ws/hub", "echo x >dirty; git add dirty; git switch -q --detach; touch .git/index.lock").ok();
    crew.os(&["claim", &id]).ok();
    let by_hand = format!(
        "rm .git/index.lock; git os start {id}; git switch -q -c 'claude/{id}' main; echo w >w; git add w; git commit -qm w; git switch -q --detach main
         git os submit {id}; git os verify {id}; git branch -q -D 'claude/{id}'; git reflog expire --expire=now --all; git gc -q --prune=now"
    );
    crew.sandbox.sh("ws/hub", &by_hand).ok();
    crew.os(&["fsck"]).ok();
    crew.os(&["merge", &id]).ok();
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:w"]).ok(), "w");
    assert_eq!(crew.sandbox.git("ws/hub", &["for-each-ref", "refs/os/rescue"]).ok(), "", "it needs nobody to keep it");
}

#[test]
fn a_broken_tracking_ref_heals_with_the_next_sync() {
    let crew = with_remote(COMMITS);
    let id = crew.ready("Work");
    crew.os(&["sync"]).ok();
    for broken in ["", "garbage"] {
        crew.sandbox.write(&format!("ws/hub/.git/refs/os-remote/origin/tickets/{id}"), broken);
        crew.os(&["comment", &id, &format!("after `{broken}`")]).ok();
        crew.os(&["sync"]).ok();
        assert_eq!(
            crew.sandbox.id("ws/hub.git", &format!("refs/os/tickets/{id}")),
            crew.sandbox.id("ws/hub", &format!("refs/os/tickets/{id}"))
        );
        crew.os(&["fsck"]).ok();
    }
}

#[test]
fn the_commit_at_which_git_os_began_may_be_rewritten_and_work_goes_on() {
    let rewrites = [
        "git commit -q --amend -m else",
        "git commit -q --amend -m else; git reflog expire --expire=now --all; git gc -q --prune=now",
    ];
    for rewrite in rewrites {
        let crew = Crew::alone(COMMITS, "");
        crew.sandbox.sh("ws/hub", rewrite).ok();
        crew.os(&["fsck"]).ok();
        crew.os(&["doctor"]).says("grade A").ok();
        let id = crew.ready("Work");
        crew.os(&["dispatch"]).ok();
        assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
        crew.all_is_well();
    }
}

#[test]
fn what_a_person_did_not_push_is_named_before_it_is_published_with_work() {
    let crew = with_remote(COMMITS);
    let commit = "git commit -q --allow-empty -m mine; git commit -q --allow-empty -m 'mine too'";
    crew.sandbox.sh("ws/hub", commit).ok();
    let newest = crew.sandbox.id("ws/hub", "main");
    let said = crew.os(&["new", "Nothing is pushed yet"]).said() + &crew.os(&["sync"]).said();
    assert!(!said.contains("publishes"), "{said}");
    let told = format!(
        "warning: pushing to origin publishes 2 commits of `main` that no ticket landed; newest: {} (mine too)",
        &newest[..12]
    );
    let first = crew.ready("First");
    let said = crew.os(&["dispatch"]).said();
    assert_eq!(said.matches(&told).count(), 1, "{said}");
    assert!(said.find(&told) < said.find("landed on main"), "{said}");
    assert_eq!(crew.state(&first), "merged", "{}", crew.log(&first));
    // Now they are public, and what tickets land needs no word.
    let second = crew.ready("Second");
    let said = crew.os(&["dispatch"]).said();
    assert!(!said.contains("publishes"), "{said}");
    assert_eq!(crew.state(&second), "merged", "{}", crew.log(&second));
    crew.all_is_well();
}
