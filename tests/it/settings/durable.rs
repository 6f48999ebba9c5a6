//! What `core.fsync` asks for is on the disk in its order: shown by the system calls.

use crate::sandbox::Sandbox;

/// The calls by which files reach the disk and their places.
const CALLS: &str = "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat";

/// A file that took its place, and whether it was on the disk before the next one did.
#[derive(Debug)]
struct Placed {
    path: String,
    is_durable: bool,
}

/// What a program puts below `.git`, in order; nothing where system calls cannot be watched.
fn placed(sandbox: &Sandbox, program: &str, args: &[&str]) -> Option<Vec<Placed>> {
    let log = sandbox.path("calls").display().to_string();
    let program = sandbox.path(&format!("bin/{program}")).display().to_string();
    let mut command = sandbox.command("hub", "strace");
    let watch = ["-f", "-y", "-s", "4096", "-e", CALLS, "-o", &log, &program];
    if command.args(watch).args(args).output().ok()?.status.code() != Some(0) {
        return None;
    }
    let (mut durable, mut all) = (Vec::new(), Vec::new());
    for line in sandbox.read("calls").lines() {
        if line.contains("sync(") {
            let path = line.split(['<', '>']).nth(1).expect("a path").to_owned();
            // What is already in its place may follow, as long as nothing builds on it.
            if let Some(last) = all.last_mut().filter(|last: &&mut Placed| path.ends_with(&last.path)) {
                last.is_durable = true;
            }
            durable.push(path.rsplit('/').next().expect("a name").to_owned());
        } else if line.ends_with("= 0") {
            let paths: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            let (from, to) = (paths[0].rsplit('/').next().expect("a name"), paths[paths.len() - 1]);
            if to.contains("/objects/") || to.contains("/refs/") || to.starts_with("objects/") || to.ends_with("packed-refs") {
                all.push(Placed { path: to.to_owned(), is_durable: durable.iter().any(|name| name == from) });
            }
        }
    }
    Some(all)
}

#[test]
fn what_git_would_sync_is_on_the_disk_before_it_takes_its_place_and_objects_before_refs() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    if placed(&sandbox, "git", &["version"]).is_none() {
        println!("skipped: system calls cannot be watched here with `strace`");
        return;
    }
    for (settings, objects, refs) in [
        ("", false, false),
        ("core.fsync=committed", true, true),
        ("core.fsync=loose-object", true, false),
        ("core.fsync=none,reference", false, true),
        ("core.fsyncObjectFiles=true", true, false),
        ("core.fsync=all core.fsyncMethod=batch", true, true),
    ] {
        sandbox
            .sh("hub", "git config --unset-all core.fsync; git config --unset-all core.fsyncObjectFiles; :")
            .code
            .expect("an end");
        for (key, value) in settings.split_whitespace().filter_map(|setting| setting.split_once('=')) {
            sandbox.git("hub", &["config", key, value]).ok();
        }
        // Git itself is the measure.
        let commit = sandbox.sh("hub", &format!("git commit-tree -m '{settings}' HEAD^{{tree}}")).ok();
        let name = format!("refs/heads/{}{}", u8::from(objects), u8::from(refs));
        let by_git = placed(&sandbox, "git", &["update-ref", &name, &commit]).expect("watched");
        assert!(by_git.iter().all(|one| one.is_durable == refs), "{settings}: {by_git:?}");

        let id = sandbox.ticket("hub", "Work", "draft").id;
        // What is long is written by gix.
        let ours = placed(&sandbox, "git-os", &["comment", &id, &"word ".repeat(1200)]).expect("watched");
        let is_ref = |one: &Placed| one.path.contains("refs/os/");
        assert!(ours.iter().any(is_ref) && !ours.iter().all(is_ref), "{settings}: {ours:?}");
        assert!(ours.iter().all(|one| one.is_durable == if is_ref(one) { refs } else { objects }), "{settings}: {ours:?}");
        let first_ref = ours.iter().position(is_ref).expect("it is there");
        assert!(ours[first_ref..].iter().all(is_ref), "{settings}: {ours:?}");
    }
}

#[test]
fn refs_that_have_to_be_on_the_disk_are_packed_as_git_packs_them() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    sandbox.git("hub", &["config", "core.fsync", "committed"]).ok();
    let tip = sandbox.id("hub", "refs/os/meta");
    sandbox
        .sh("hub", &format!("for n in $(seq 200); do mkdir -p .git/refs/os-remote/x; echo {tip} >.git/refs/os-remote/x/$n; done"))
        .ok();
    let before = sandbox.refs("hub", &["refs/os-remote"]);
    let Some(placed) = placed(&sandbox, "git-os", &["new", "Work"]) else {
        println!("skipped: system calls cannot be watched here with `strace`");
        return;
    };
    let packed = placed.iter().find(|one| one.path.ends_with("packed-refs")).expect("they are packed");
    assert!(packed.is_durable, "{placed:?}");
    assert_eq!(sandbox.refs("hub", &["refs/os-remote"]), before);
    sandbox.os("hub", &["fsck"]).ok();
}
