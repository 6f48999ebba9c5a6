//! Files that a filter stores in another form: Git LFS, whose objects have to be where a clone finds them, and git-crypt.

use crate::crew::Crew;
use crate::world::with_remote;

/// What stands in for git-lfs, which need not be installed: the store of the remote is the folder that `lfs.url` names.
const GIT_LFS: &str = r##"#!/bin/sh
set -eu
here=$(git rev-parse --git-common-dir)/lfs/objects
there=$(git config lfs.url)/lfs/objects
place() { echo "$(echo "$1" | cut -c1-2)/$(echo "$1" | cut -c3-4)/$1"; }
pass() { [ -e "$1/$3" ] && mkdir -p "$(dirname "$2/$3")" && cp "$1/$3" "$2/$3"; }
oids() { sed -n 's/^oid sha256://p'; }
case $1 in
clean)
  file=$(mktemp); cat >"$file"
  object=$(place "$(sha256sum <"$file" | cut -d' ' -f1)")
  printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %s\n' "$(basename "$object")" "$(wc -c <"$file" | tr -d ' ')"
  mkdir -p "$(dirname "$here/$object")"; mv "$file" "$here/$object" ;;
smudge)
  object=$(place "$(oids)")
  [ -e "$here/$object" ] || pass "$there" "$here" "$object"
  cat "$here/$object" ;;
fetch)
  for last; do :; done
  for oid in $(git grep -h '^oid sha256:' "$last" | oids); do pass "$there" "$here" "$(place "$oid")" || :; done ;;
pre-push)
  while read -r _ commit name _; do
    echo "$name" >>"$(git config lfs.url)/pushed"
    for oid in $(git grep -h '^oid sha256:' "$commit" | oids); do pass "$here" "$there" "$(place "$oid")"; done
  done ;;
esac
"##;

/// As `git lfs install` sets it up.
const INSTALL: &str = "git config --global filter.lfs.clean 'git-lfs clean -- %f'
                       git config --global filter.lfs.smudge 'git-lfs smudge -- %f'
                       git config --global filter.lfs.required true";
const TRACK: &str = "echo '*.bin filter=lfs diff=lfs merge=lfs -text' >.gitattributes; git add .; git commit -qm track";
/// An agent that writes a large file and commits it.
const WRITES: &str = "cat >../brief; echo large >big.bin; git add big.bin; git commit -qm big\n";
/// Where git-lfs keeps what `WRITES` writes, below its folder of objects.
const OBJECT: &str = "9b/fc/9bfce334a37bd1bc1d36b0370195b31fe9a9389dd43d0873891a3544ef1140a1";
/// An agent that commits the pointer to that, and not the file.
const POINTS: &str = "cat >../brief; git rm -q --cached --ignore-unmatch big.bin
printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:9bfce334a37bd1bc1d36b0370195b31fe9a9389dd43d0873891a3544ef1140a1\\nsize 6\\n' >../pointer
git update-index --add --cacheinfo 100644,$(git hash-object -w --no-filters ../pointer),big.bin
git commit -qm big; git reset -q --hard || :\n";

/// A repository that tracks files with Git LFS, with a remote.
fn with_lfs(agent: &str) -> Crew {
    let crew = with_remote(agent);
    crew.sandbox.script("bin/git-lfs", GIT_LFS);
    let url = crew.sandbox.path("ws/hub.git").display().to_string();
    crew.sandbox.sh("ws/hub", &format!("{INSTALL}; git config --global lfs.url {url}; {TRACK}; git push -q origin main")).ok();
    crew.sandbox.script("ws/hub/.git/hooks/pre-push", "#!/bin/sh\nexec git lfs pre-push \"$@\"\n");
    crew
}

#[test]
fn large_files_land_with_their_objects() {
    let crew = with_lfs(WRITES);
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert!(crew.sandbox.git("ws/hub", &["show", "main:big.bin"]).ok().starts_with("version https://git-lfs"));
    assert_eq!(crew.sandbox.read("ws/hub/big.bin"), "large\n");
    // A clone finds what it needs at the remote.
    assert_eq!(crew.sandbox.sh("ws", "git clone -q hub.git clone; cat clone/big.bin").ok(), "large");
    crew.all_is_well();
}

#[test]
fn a_pointer_to_what_nobody_has_does_not_land() {
    let crew = Crew::alone(POINTS, "max_attempts = 2");
    crew.sandbox.sh("ws/hub", TRACK).ok();
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "blocked", "{}", crew.log(&id));
    let why = "nobody could check out `big.bin`";
    assert!(crew.log(&id).contains(why), "{}", crew.log(&id));
    assert!(crew.sandbox.read("ws/hub/.claude/worktrees/brief").contains(why), "the second attempt was told");
    // Cut off, it is not there either.
    let object = format!("ws/hub/.git/lfs/objects/{OBJECT}");
    for (contents, state) in [("lar", "blocked"), ("large\n", "merged")] {
        crew.sandbox.write(&object, contents);
        crew.os(&["unblock", &id]).ok();
        crew.start().ok();
        assert_eq!(crew.state(&id), state, "{}", crew.log(&id));
    }
    // What has landed may move, whoever has its object.
    crew.sandbox.sh("ws/hub", "rm -r .git/lfs; git config filter.lfs.required false").ok();
    crew.agent("cat >/dev/null; git mv big.bin bigger.bin; git commit -qm move\n");
    let id = crew.ready("Move");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
}

#[test]
fn an_object_that_the_remote_has_is_fetched_from_there() {
    let crew = with_lfs(POINTS);
    crew.sandbox.write(&format!("ws/hub.git/lfs/objects/{OBJECT}"), "large\n");
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.read(&format!("ws/hub/.git/lfs/objects/{OBJECT}")), "large\n");
}

#[test]
fn a_file_that_no_filter_has_stored_does_not_land() {
    let attributes =
        "printf '*.bin filter=lfs\\nkey filter=git-crypt\\nother filter=other\\n' >.gitattributes; git add .; git commit -qm a";
    for (agent, why) in [
        ("echo large >big.bin", "leaves `big.bin` to Git LFS, but the commit has the contents"),
        ("seq 2000 >big.bin; git add .; git commit -qm b", "leaves `big.bin` to Git LFS, but the commit has the contents"),
        ("echo secret >key", "leaves `key` to git-crypt, but a commit has plain text"),
        ("echo secret >key; git add .; git commit -qm k; git rm -q key; git commit -qm r; echo x >x", "to git-crypt"),
        // Empty files are stored as they are, and what other filters do is not known here.
        (": >big.bin; : >key; echo x >other; printf '\\0GITCRYPT\\0...' >deep; mkdir d; mv deep d/key", ""),
    ] {
        let crew = Crew::alone(&format!("cat >/dev/null; {agent}\n"), "max_attempts = 1");
        crew.sandbox.sh("ws/hub", attributes).ok();
        let id = crew.ready("Work");
        crew.start().ok();
        assert_eq!(crew.state(&id), if why.is_empty() { "merged" } else { "blocked" }, "{agent}: {}", crew.log(&id));
        assert!(crew.log(&id).contains(why), "{agent}: {}", crew.log(&id));
    }
}

#[test]
fn work_of_a_person_is_judged_in_the_same_way() {
    let crew = Crew::alone("exit 1\n", "max_attempts = 2");
    crew.sandbox.sh("ws/hub", TRACK).ok();
    let id = crew.ready("Work");
    let by_hand = format!(
        "git os claim {id}; git os start {id}; git switch -q -c 'claude/{id}' main; echo large >big.bin; git add .; git commit -qm w
         git switch -q main; git os submit {id}; git os verify {id} || :"
    );
    crew.sandbox.sh("ws/hub", &by_hand).says("and no pointer").ok();
    assert_eq!(crew.state(&id), "running");
    crew.os(&["fsck"]).ok();
}

#[test]
fn objects_go_with_work_that_another_machine_lands() {
    let crew = with_lfs("exit 1\n");
    let hand_in = |id: &str, text: &str| {
        let script = format!(
            "git os claim {id}; git os start {id}; git switch -q -c 'claude/{id}' main; echo {text} >big.bin; git add .; git commit -qm w
             git switch -q main; git os submit {id}; git os sync"
        );
        crew.sandbox.sh("ws/hub", &script)
    };
    let id = crew.ready("Work");
    hand_in(&id, "large").ok();
    let there = "mkdir there; git clone -q hub.git there/hub; cp agent.sh judge.sh there; cp hub/registry.toml there/hub
                 cp hub/.git/hooks/pre-push there/hub/.git/hooks; cd there/hub; git os init; git os sync";
    crew.sandbox.sh("ws", &format!("{there}; git os verify {id}; git os merge {id}")).ok();
    assert_eq!(crew.sandbox.read("ws/there/hub/big.bin"), "large\n");
    assert_eq!(crew.sandbox.sh("ws", "git clone -q hub.git clone; cat clone/big.bin").ok(), "large");
    // Without its objects, work is of no use to others.
    crew.os(&["sync"]).ok();
    crew.sandbox.sh("ws/hub", "git merge -q --ff-only origin/main").ok();
    crew.sandbox.script("bin/git-lfs", &GIT_LFS.replace("pre-push)", "pre-push) echo 'the store is full' >&2; exit 1;;\nx)"));
    let id = crew.ready("More");
    hand_in(&id, "larger").fails("the store is full");
    assert_eq!(crew.sandbox.id("ws/hub.git", &format!("refs/heads/claude/{id}")), "");
}

#[test]
fn the_doctor_names_a_filter_that_is_not_set_up() {
    let crew = Crew::alone("exit 1\n", "");
    let doctor = |setup: &str| {
        crew.sandbox.sh("ws/hub", setup).ok();
        crew.os(&["doctor"]).said()
    };
    let commit = "git add .; git -c core.hooksPath= commit -qm a; git config --unset-all filter.lfs.clean || :";
    let attributes =
        |lines: &str| doctor(&format!("mkdir -p sub; printf '{lines}' >sub/.gitattributes; echo x >sub/a.bin; {commit}"));
    // What nothing has, and what a comment says, is no filter.
    assert!(attributes("*.psd filter=lfs\\n# *.bin filter=lfs\\n").contains("grade A"));
    let said = attributes("*.bin filter=strip\\n");
    assert!(said.contains("grade A") && said.contains("`sub/a.bin` the filter `strip`, which is not set up here"), "{said}");
    let said = doctor("git config filter.strip.required true");
    assert!(said.contains("FAIL") && said.contains("config --get-regexp"), "{said}");
    let macros = "printf '[attr]large filter=lfs\\n*.bin large\\n' >.gitattributes; rm sub/.gitattributes; git config --unset filter.strip.required";
    let said = doctor(&format!("{macros}; {commit}"));
    assert!(
        said.contains("`sub/a.bin` the filter `lfs`, which is not set up here") && said.contains("git lfs install"),
        "{said}"
    );
    let said = doctor("git config filter.lfs.clean 'no-git-lfs clean -- %f'");
    assert!(said.contains("the filter `lfs`, whose program `no-git-lfs` is not installed"), "{said}");
    let said = doctor("git config filter.lfs.required false");
    assert!(said.contains("grade A") && said.contains("`no-git-lfs` is not installed"), "{said}");
    let said = doctor("git config --unset filter.lfs.required; git config filter.lfs.clean 'cat -- %f'");
    assert!(said.contains("grade A"), "{said}");
    let said = attributes("*.bin filter=git-crypt diff=git-crypt\\n");
    assert!(said.contains("git-crypt unlock"), "{said}");
}
