//! What the git of an agent does and does not do in the repositories of the workspace, and what it did all the same is named.

use crate::crew::Crew;
use crate::world::COMMITS;

/// Two repositories with a remote each, and a third one of nobody's.
fn with_remotes(agent: &str) -> Crew {
    let crew = Crew::with(&["hub", "alpha"], "agent = \"crew\"\n");
    for name in ["hub", "alpha"] {
        let script =
            format!("git init -q --bare ../{name}.git; git remote add origin \"$PWD/../{name}.git\"; git push -q -u origin main");
        crew.sandbox.sh(&format!("ws/{name}"), &script).ok();
    }
    crew.registry(&["hub", "alpha"], "agent = \"crew\"\nremote = \"origin\"\npush = \"auto\"\n");
    crew.os(&["init"]).ok();
    crew.agent(agent);
    crew
}

/// Ways to push, in the worktree of a run of `hub` with a commit that is not on `main`.
const PUSHES: &[&str] = &[
    "git push -q -u origin HEAD",
    "git push -q origin HEAD:main",
    "git push -q origin HEAD:refs/heads/feature",
    "git push -q --force origin HEAD:refs/heads/feature",
    "git push -q --all origin",
    "git push -q origin --delete main",
    "git push -q $WS/hub.git HEAD:refs/heads/feature",
    "git push -q file://$WS/hub.git HEAD:refs/heads/feature",
    "git remote add other $WS/alpha.git; git push -q other HEAD:refs/heads/feature",
    "git -C $WS/hub push -q origin HEAD:refs/heads/feature",
    "git -C $WS/alpha push -q origin HEAD:refs/heads/feature",
    "git --git-dir $WS/alpha/.git push -q origin HEAD:refs/heads/feature",
    "GIT_DIR=$WS/alpha/.git git push -q origin HEAD:refs/heads/feature",
    "mkdir -p sub; cd sub; git push -q origin HEAD:refs/heads/feature",
    "git -C $WS/alpha worktree add -q --detach $WS/beside; git -C $WS/beside push -q origin HEAD:refs/heads/feature",
    "env -u GIT_OS_RUN git push -q origin HEAD:refs/heads/feature",
];

#[test]
fn no_run_pushes_from_a_repository_of_the_workspace() {
    let crew = with_remotes(":");
    let ws = crew.sandbox.path("ws");
    let mut script = format!("cat >/dev/null; WS='{}'; echo x >x; git add x; git commit -qm x\n", ws.display());
    for push in PUSHES {
        script += &format!("if ( {push} ) 2>said; then echo '{push}' >>$WS/done; else cat said >>$WS/said; fi\n");
    }
    crew.agent(&(script + "rm -f said\n"));
    let before = crew.sandbox.refs("ws/alpha.git", &[]);
    let id = crew.ready("Push");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert!(!crew.sandbox.path("ws/done").exists(), "pushed: {}", crew.sandbox.read("ws/done"));
    let said = crew.sandbox.read("ws/said");
    let refused =
        said.lines().filter(|line| *line == "error: an agent or a check cannot push from a repository of the workspace");
    assert_eq!(refused.count(), PUSHES.len(), "{said}");
    assert!(said.contains("hint: commit the work and end; git-os hands it in"), "{said}");
    // What git-os itself pushes arrives.
    assert_eq!(crew.sandbox.id("ws/hub.git", "main"), crew.sandbox.id("ws/hub", "main"));
    assert_eq!(crew.sandbox.refs("ws/hub.git", &["refs/heads"]).lines().count(), 1);
    assert_eq!(crew.sandbox.refs("ws/alpha.git", &[]), before);
    // For the person nothing has changed.
    crew.sandbox.sh("ws/hub", "git push -q origin HEAD:refs/heads/feature; test -z \"$(git config core.hooksPath)\"").ok();
    crew.os(&["doctor"]).says("`reference-transaction`, `pre-merge-commit`, `update` are installed").ok();
    crew.os(&["sync", "--all"]).ok();
    crew.all_is_well();
}

#[test]
fn a_check_and_a_judge_push_no_more_than_an_agent() {
    let crew = with_remotes(COMMITS);
    let try_it = "git push -q origin HEAD:refs/heads/feature && exit 1; echo tried >>../../../../tried";
    let settings = format!(
        "agent = \"crew\"\nverifier = \"judge\"\nremote = \"origin\"\npush = \"auto\"\nchecks = [{{ name = \"push\", run = \"{try_it}\" }}]\n"
    );
    crew.registry(&["hub", "alpha"], &settings);
    crew.judge(&format!("cat >/dev/null; {try_it}; echo '{{\"verdict\":\"pass\",\"reasons\":[]}}'\n"));
    crew.os(&["init", "--yes"]).ok();
    let id = crew.ready("Work");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.read("ws/tried"), "tried\ntried\n");
    assert_eq!(crew.sandbox.refs("ws/hub.git", &["refs/heads"]).lines().count(), 1);
}

#[test]
fn what_a_run_makes_itself_it_pushes_as_it_likes() {
    // As the tests of a project do; one of them is a workspace of its own.
    let crew = with_remotes(
        "cat >/dev/null; set -eu; top=$PWD; echo x >x; git add x; git commit -qm x; test -z \"$(ls -d core* 2>/dev/null)\"
         cd \"$(mktemp -d)\"; git init -q --bare there.git; git init -q -b main here; cd here; git commit -q --allow-empty -m one
         test -z \"$(git config core.hooksPath)\"; test \"$(git rev-parse --git-path hooks)\" = .git/hooks
         printf '#!/bin/sh\\ntouch ../ran\\n' >.git/hooks/pre-push; chmod +x .git/hooks/pre-push
         git remote add origin ../there.git; git push -q -u origin main; test -e ../ran; git push -q ../there.git main:other
         git os init >/dev/null; git os hooks status >/dev/null; git os doctor >/dev/null || :; git push -q origin main:third
         git clone -q ../there.git ../clone; cd ../clone; git commit -q --allow-empty -m two; git push -q origin HEAD:fourth
         git clone -q $top ../copy 2>/dev/null; cd ../copy; git push -q ../there.git HEAD:fifth
         echo done >$top/all-of-it; cd $top; git init -q --bare inside.git; git init -q inside; cd inside
         git commit -q --allow-empty -m three; git push -q ../inside.git HEAD:main; cd ..; rm -rf inside inside.git\n",
    );
    let id = crew.ready("Test");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:all-of-it"]).ok(), "done");
}

#[test]
fn a_submodule_that_is_no_repository_of_the_workspace_is_pushed_by_whoever_works_in_it() {
    let crew = Crew::alone(
        "cat >/dev/null; set -eu; git -c protocol.file.allow=always submodule update -q --init; cd lib; git switch -q -c next
         git commit -q --allow-empty -m next; git push -q origin HEAD:next; cd ..; git add lib; git commit -qm 'Use the next one'\n",
        "",
    );
    let lib = "git init -q -b main ../lib; git -C ../lib commit -q --allow-empty -m one
               git -c protocol.file.allow=always submodule add -q -b main ../lib lib; git commit -qm lib";
    crew.sandbox.sh("ws/hub", lib).ok();
    let id = crew.ready("Move");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.git("ws/lib", &["log", "-1", "--format=%s", "next"]).ok(), "next");
}

#[test]
fn a_folder_of_any_name_is_a_repository_of_the_workspace() {
    let crew = Crew::alone(
        "cat >/dev/null; git push -q origin HEAD:refs/heads/feature && exit 1; echo x >x; git add x; git commit -qm x\n",
        "",
    );
    let names = ["a [b] *c?", "d\\e", "f\"g'h", "ümlaut #;="];
    for name in names {
        let dir = format!("{name}/ws");
        let script = "mkdir -p \"$DIR\"; cp -a ws \"$DIR\"; cd \"$DIR/ws/hub\"; git worktree prune; git init -q --bare ../hub.git
             git remote add origin \"$PWD/../hub.git\"; git push -q origin main; git os init; git os new Work; git os approve $(git os list --json | sed -n 's/.*\"id\": *\"\\([^\"]*\\).*/\\1/p' | head -1)
             git os dispatch; test $(git rev-list --count main) = 3; git -C ../hub.git rev-parse -q --verify feature && exit 1 || :";
        crew.sandbox.sh(".", &format!("DIR=$(cat <<'END'\n{dir}\nEND\n)\n{script}")).ok();
    }
}

/// What an agent does to get a commit onto the protected branch all the same, and whether it gets there.
const INTRUSIONS: &[(&str, &str, bool)] = &[
    (
        "hides its variables",
        "env -u GIT_OS_RUN -u GIT_OS_PLACE git -C $WS/hub commit -q --allow-empty -m stray",
        cfg!(not(target_os = "linux")),
    ),
    (
        "hides everything",
        "env -i PATH=\"$PATH\" HOME=\"$HOME\" git -C $WS/hub commit -q --allow-empty -m stray",
        cfg!(not(target_os = "linux")),
    ),
    ("hides it where it works", "env -u GIT_OS_RUN -u GIT_OS_PLACE git push -q . HEAD:main", false),
    ("turns the hooks off", "git -C $WS/hub -c core.hooksPath=/dev/null commit -q --allow-empty -m stray", true),
    (
        "writes the file",
        "git -C $WS/hub rev-parse -q --verify main >/dev/null; id=$(git -C $WS/hub commit-tree -p main -m stray main^{tree}); echo $id >$WS/hub/.git/refs/heads/main",
        true,
    ),
    ("in another repository", "git -C $WS/alpha -c core.hooksPath=/dev/null commit -q --allow-empty -m stray", true),
];

#[test]
fn what_comes_to_a_protected_branch_during_a_run_is_refused_or_named() {
    for (what, script, gets_there) in INTRUSIONS {
        let crew = with_remotes("");
        let ws = crew.sandbox.path("ws");
        crew.agent(&format!("cat >/dev/null; WS='{}'; echo x >x; git add x; git commit -qm x; {script} || :\n", ws.display()));
        let (repo, id) = (if what.contains("another") { "alpha" } else { "hub" }, crew.ready("Work"));
        let said = crew.os(&["dispatch"]).said();
        let count = crew.sandbox.git(&format!("ws/{repo}"), &["log", "--format=%H %s", "main"]).ok();
        let stray = count.lines().find_map(|line| line.strip_suffix(" stray"));
        assert_eq!(stray.is_some(), *gets_there, "{what}: {said}");
        let (fsck, doctor) = (crew.os(&["fsck"]).ok(), crew.sandbox.os(&format!("ws/{repo}"), &["doctor"]).said());
        let Some(stray) = stray else {
            assert_eq!(crew.state(&id), "merged", "{what}: {said}");
            assert!(!said.contains("that no ticket landed") && !fsck.contains("note:"), "{what}: {said}{fsck}");
            continue;
        };
        let told = format!(
            "warning: 1 commit that no ticket landed came to `main` of {repo} since crew began; newest: {} (stray)",
            &stray[..12]
        );
        assert!(said.contains(&told), "{what}: {said}");
        let listed = format!(
            "{repo}: refs/heads/main: note: commit {} came during a run of crew for {id}, and no ticket landed it",
            &stray[..12]
        );
        assert!(fsck.contains(&listed), "{what}: {fsck}");
        assert!(doctor.contains("1 commit that no ticket landed came while an agent worked"), "{what}: {doctor}");
        // Whoever looked at it takes it off the list.
        crew.sandbox.git(&format!("ws/{repo}"), &["notes", "--ref=os/strays", "remove", stray]).ok();
        assert!(!crew.os(&["fsck"]).ok().contains("note:"), "{what}");
    }
}

#[test]
fn what_is_hidden_from_the_environment_hides_no_verb() {
    let crew = with_remotes("");
    let other = crew.sandbox.ticket("ws/hub", "Other", "draft").id;
    crew.agent(&format!(
        "cat >/dev/null; echo x >x; git add x; git commit -qm x\nenv -u GIT_OS_RUN -u GIT_OS_PLACE git os approve {other}; setsid env -i PATH=\"$PATH\" HOME=\"$HOME\" git os new Mine\ntrue\n"
    ));
    let id = crew.ready("Work");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged");
    if cfg!(target_os = "linux") {
        assert_eq!(crew.state(&other), "draft");
        assert!(!crew.os(&["list", "--all"]).ok().contains("Mine"));
    }
}

#[test]
fn what_a_killed_session_did_not_name_the_next_one_names() {
    let mut crew = with_remotes("");
    let ws = crew.sandbox.path("ws");
    crew.agent(&format!(
        "cat >/dev/null; echo x >x; git add x; git commit -qm x; test -e '{0}/done' || git -C '{0}/hub' -c core.hooksPath=/dev/null commit -q --allow-empty -m stray; touch '{0}/done'\n",
        ws.display()
    ));
    let _id = crew.ready("Work");
    crew.sandbox.set("GIT_OS_KILL_AFTER", "worked");
    assert_eq!(crew.os(&["dispatch"]).code, None);
    crew.sandbox.unset("GIT_OS_KILL_AFTER");
    let said = crew.start().said();
    assert!(said.contains("1 commit that no ticket landed came to `main` of hub since crew began"), "{said}");
    assert!(crew.os(&["fsck"]).ok().contains("came during a run of crew"));
}
