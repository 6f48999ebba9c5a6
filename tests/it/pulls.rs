//! Pull requests: verified work goes to the host as one, and the ticket ends as the host ends it.

use crate::crew::Crew;

/// A stand-in for `gh`, with what it is told in files.
const GH: &str = r#"#!/bin/sh
set -eu
echo "$*" >>"$HOST/calls"
test ! -e "$HOST/away" || { echo 'error connecting to api.github.com' >&2; exit 1; }
branch=; title=; previous=
for word; do
  case $previous in --head) branch=$word ;; --title) title=$word ;; --repo) test -n "$word" ;; esac
  previous=$word
done
here=$HOST/$(echo "$branch" | tr / _)
case $1-$2 in
pr-list)
  test -e "$here" || { echo '[]'; exit 0; }
  . "$here"
  test "$state" != OPEN || head=$(git -C "$HOST/../hub.git" rev-parse --verify -q "refs/heads/$branch")
  printf '[{"url":"https://github.example/pull/%s","state":"%s","headRefOid":"%s","mergeCommit":{"oid":"%s"}}]' $number $state $head $merged ;;
pr-create)
  cat >"$here.body"
  git -C "$HOST/../hub.git" rev-parse --verify -q "refs/heads/$branch" >/dev/null || { echo 'no such branch' >&2; exit 1; }
  echo "$title" >"$here.title"
  printf 'number=7\nstate=OPEN\nhead=\nmerged=\n' >"$here"
  echo "https://github.example/pull/7" ;;
*) echo "unknown command $1" >&2; exit 1 ;;
esac
"#;

/// A crew whose host lands its work, and a clone in which the host does what it is told to.
fn crew(agent: &str, settings: &str) -> Crew {
    let mut crew = Crew::alone(agent, "");
    crew.sandbox
        .sh(
            "ws",
            "git init -q --bare hub.git; git -C hub remote add origin ../hub.git; git -C hub push -q origin main; mkdir host",
        )
        .ok();
    crew.sandbox.sh("ws", "git clone -q hub.git web").ok();
    crew.sandbox.script("bin/gh", GH);
    let host = crew.sandbox.path("ws/host").display().to_string();
    crew.sandbox.set("HOST", &host);
    let settings =
        format!("remote = \"origin\"\npush = \"auto\"\nland = \"pull-request\"\nhost = \"gh\"\nagent = \"crew\"\n{settings}");
    crew.registry(&["hub"], &settings);
    crew.os(&["init"]).ok();
    crew
}

/// Does at the host what makes a pull request into a commit of main.
fn at_host(crew: &Crew, id: &str, script: &str) {
    let file = format!("../host/claude_{id}");
    let script = format!(
        "git fetch -q origin; git switch -q main; git reset -q --hard origin/main; B=origin/claude/{id}\n{script}
         printf 'number=7\\nstate=MERGED\\nhead=%s\\nmerged=%s\\n' $(git rev-parse $B) $(git rev-parse HEAD) >{file}; git push -q origin main"
    );
    crew.sandbox.sh("ws/web", &script).ok();
}

const WORK: &str = "echo one >one; git add one; git commit -qm 'Add one'; echo two >two; git add two; git commit -qm 'Add two'";

/// Whether the ticket waits for its request, which shows what was verified.
#[track_caller]
fn waits(crew: &Crew, id: &str) {
    crew.start().says("the pull request https://github.example/pull/7 is open").ok();
    assert_eq!(crew.state(id), "verified");
    let at = |repo: &str, name: &str| crew.sandbox.id(repo, name);
    let branch = format!("refs/heads/claude/{id}");
    assert_eq!(at("ws/hub.git", &branch), at("ws/hub", &branch));
    assert_eq!(crew.sandbox.read(&format!("ws/host/claude_{id}.title")).trim(), "Work");
    let body = crew.sandbox.read(&format!("ws/host/claude_{id}.body"));
    assert!(body.contains("check `usual`: passed") && body.contains(&format!("Os-Ticket: {id}")), "{body}");
}

#[test]
fn what_the_host_merges_in_any_way_ends_its_ticket() {
    let elsewhere = "echo else >else; git add else; git commit -qm Else; ";
    let near = "echo near >>a; git commit -qam Near; ";
    for (name, script) in [
        ("merge", "git merge -q --no-ff --no-edit $B".to_owned()),
        ("fast-forward", "git merge -q --ff-only $B".to_owned()),
        ("squash", "git merge -q --squash $B; git commit -qm 'Work (#7)'".to_owned()),
        ("squash after others", format!("{elsewhere} git merge -q --squash $B; git commit -qm 'Work (#7)'")),
        (
            "squash that names the ticket",
            format!(
                "{near} git merge -q --squash $B; echo more >>one; git add one; git commit -qm \"Work (#7)\n\n$(git log -1 --format='%(trailers:key=Os-Ticket)' $B)\""
            ),
        ),
        (
            "rebase",
            format!("{elsewhere} git switch -q --detach $B; git rebase -q main; git branch -qf main HEAD; git switch -q main"),
        ),
    ] {
        let crew = crew(WORK, "");
        let id = crew.ready("Work");
        waits(&crew, &id);
        at_host(&crew, &id, &script);
        crew.os(&["merge", &id]).ok();
        assert_eq!(crew.state(&id), "merged", "{name}");
        // The person's branch has followed, hooks and all.
        assert_eq!(crew.sandbox.id("ws/hub", "main"), crew.sandbox.id("ws/hub.git", "main"), "{name}");
        crew.start().ok();
        let commit = if name == "merge" { "main^2" } else { "main" };
        crew.os(&["which", commit]).says(&id).ok();
        let fsck = crew.os(&["fsck"]).ok();
        assert!(!fsck.contains("violation"), "{name}: {fsck}");
        // Whoever clones sees the same.
        crew.os(&["sync"]).ok();
        crew.sandbox.sh("ws", "git clone -q hub.git other; git -C other os init; git -C other os fsck").ok();
        assert_eq!(crew.sandbox.state("ws/other", &id), "merged", "{name}");
    }
}

#[test]
fn a_person_pulls_what_the_host_merged_before_git_os_has_seen_it() {
    for script in ["git merge -q --no-ff --no-edit $B", "git merge -q --squash $B; git commit -qm 'Work (#7)'"] {
        let crew = crew(WORK, "");
        let id = crew.ready("Work");
        waits(&crew, &id);
        // Here it is still held by the gate.
        let _said = crew
            .sandbox
            .sh("ws/hub", &format!("git merge -q --no-ff --no-edit claude/{id}"))
            .fails("refusing to merge into `main`");
        crew.sandbox.sh("ws/hub", "git merge --abort || :").ok();
        at_host(&crew, &id, script);
        crew.sandbox.sh("ws/hub", "git pull -q --ff-only origin main").ok();
        crew.sandbox.sh("ws/hub", "rm -rf .git/os/pulls").ok();
        crew.start().ok();
        assert_eq!(crew.state(&id), "merged");
    }
}

#[test]
fn a_request_that_is_closed_blocks_its_ticket_and_a_later_attempt_opens_another() {
    let crew = crew(WORK, "");
    let id = crew.ready("Work");
    waits(&crew, &id);
    let head = crew.sandbox.id("ws/hub", &format!("refs/heads/claude/{id}"));
    crew.sandbox.write(&format!("ws/host/claude_{id}"), format!("number=7\nstate=CLOSED\nhead={head}\nmerged=\n"));
    let _said = crew.os(&["merge", &id]).fails("");
    assert_eq!(crew.state(&id), "blocked");
    crew.os(&["show", &id]).says("the pull request https://github.example/pull/7 was closed without being merged").ok();
    crew.os(&["unblock", &id]).ok();
    crew.agent("echo three >three");
    waits(&crew, &id);
}

#[test]
fn what_people_change_at_the_host_is_verified_anew() {
    let crew = crew(WORK, "");
    let id = crew.ready("Work");
    waits(&crew, &id);
    let before = crew.sandbox.id("ws/hub", &format!("refs/heads/claude/{id}"));
    let script = format!(
        "git fetch -q; git switch -q -c mine origin/claude/{id}; echo mine >mine; git add mine; git commit -qm Mine; git push -q origin mine:claude/{id}"
    );
    crew.sandbox.sh("ws/web", &script).ok();
    let _said = crew.os(&["merge", &id]).fails("the pull request https://github.example/pull/7 is open");
    let head = crew.sandbox.id("ws/hub", &format!("refs/heads/claude/{id}"));
    assert_ne!(head, before);
    assert_eq!((head, crew.state(&id)), (crew.sandbox.id("ws/web", "mine"), "verified".to_owned()));
    crew.os(&["log", &id]).says("people changed the branch at the host").ok();
    at_host(&crew, &id, "git merge -q --squash $B; git commit -qm 'Work (#7)'");
    crew.os(&["merge", &id]).ok();
    assert_eq!(crew.state(&id), "merged");
    // And what they break is not verified.
    let id = crew.ready("Work");
    crew.agent("echo four >four");
    waits(&crew, &id);
    let registry = crew.sandbox.read("ws/hub/registry.toml").replace("run = \"true\"", "run = \"test ! -e broken\"");
    crew.sandbox.write("ws/hub/registry.toml", registry);
    crew.os(&["init"]).ok();
    let script = format!(
        "git fetch -q; git switch -q -C mine origin/claude/{id}; echo >broken; git add broken; git commit -qm Mine; git push -q origin mine:claude/{id}"
    );
    crew.sandbox.sh("ws/web", &script).ok();
    let _said = crew.os(&["merge", &id]).fails("it did not pass verification");
}

#[test]
fn a_host_that_is_away_holds_the_ticket_and_says_so() {
    let crew = crew(WORK, "");
    crew.sandbox.write("ws/host/away", "");
    let id = crew.ready("Work");
    crew.start().says("`gh` failed: error connecting to api.github.com").ok();
    assert_eq!(crew.state(&id), "verified");
    let _said = crew.os(&["merge", &id]).fails("`gh` failed: error connecting to api.github.com");
    crew.sandbox.sh("ws/host", "rm away").ok();
    waits(&crew, &id);
    crew.sandbox.sh("bin", "rm gh").ok();
    let _said = crew.os(&["merge", &id]).fails("cannot start `gh`");
    assert_eq!(crew.state(&id), "verified");
    // What has landed is seen without the host.
    at_host(&crew, &id, "git merge -q --squash $B; git commit -qm 'Work (#7)'");
    crew.os(&["merge", &id]).ok();
    assert_eq!(crew.state(&id), "merged");
}

#[test]
fn a_host_is_not_asked_again_at_once_by_those_who_wait() {
    let crew = crew(WORK, "");
    let id = crew.ready("Work");
    waits(&crew, &id);
    let calls = || crew.sandbox.read("ws/host/calls").lines().count();
    let before = calls();
    crew.start().ok();
    crew.os(&["dispatch"]).ok();
    assert_eq!(calls(), before);
    let _said = crew.os(&["merge", &id]).fails("is open");
    assert!(calls() > before);
}

#[test]
fn a_program_of_the_registry_can_stand_for_any_host() {
    let crew = crew(WORK, "");
    let text = crew.sandbox.read("ws/hub/registry.toml").replace("host = \"gh\"", "host = \"../host.sh\"");
    crew.sandbox.write("ws/hub/registry.toml", text);
    let script = "#!/bin/sh\ncase $1 in find) cat \"$HOST/own\" 2>/dev/null || : ;;\n\
                  open) cat >\"$HOST/own.body\"; echo '{\"url\":\"https://own.example/1\",\"state\":\"open\"}' >\"$HOST/own\" ;; esac\n";
    crew.sandbox.script("ws/host.sh", script);
    crew.os(&["init"]).ok();
    let id = crew.ready("Work");
    crew.start().says("the pull request https://own.example/1 is open").ok();
    crew.sandbox.write("ws/host/own", "{\"url\":\"https://own.example/1\",\"state\":\"merged\"}");
    let _said = crew.os(&["merge", &id]).fails("");
    assert_eq!(crew.state(&id), "blocked", "merged, and nowhere to be seen");
    crew.os(&["show", &id]).says("was merged, but no commit of `main` makes the changes that were verified").ok();
}

#[test]
fn pull_requests_need_a_remote_and_a_tool() {
    let crew = Crew::alone(WORK, "");
    crew.registry(&["hub"], "land = \"pull-request\"\nagent = \"crew\"\n");
    let _said = crew.os(&["init"]).fails("pull requests need a `remote`");
}
