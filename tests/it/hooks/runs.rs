//! In a run, the hooks of the repository run as they do elsewhere, each once.

use super::managers::{MANAGERS, WORK, hook, set_up};
use crate::sandbox::{Sandbox, gits};

/// What ran while somebody worked in a linked worktree: object ids and the names of files and of the branch depend on whose it is.
fn log(sandbox: &Sandbox) -> String {
    sandbox.sh(".", "sed -E 's/[0-9a-f]{40}/ID/g; s, [^ ]*([A-Z]+_[A-Z]*MSG), \\1,; s,refs/heads/(w|claude/T-[^ ]*),refs/heads/main,' seen").ok()
}

/// Has an agent of the repository `r` run this script in its worktree.
fn run(sandbox: &Sandbox, script: &str) {
    sandbox.write("agent.sh", format!("cat >/dev/null; {script}\n"));
    let id = sandbox.ticket("r", "Work", "ready").id;
    let said = sandbox.os("r", &["dispatch"]).ok();
    assert_eq!(sandbox.state("r", &id), "merged", "{said}");
}

fn with_agent(sandbox: &Sandbox) {
    let agent = "agent = \"crew\"\n\n[agents.crew]\nkind = \"command\"\nrun = [\"sh\", \"../agent.sh\"]\n";
    sandbox.registry(&["r"], agent);
    sandbox.os("r", &["init"]).ok();
}

#[test]
fn in_a_run_the_hooks_of_others_run_as_in_any_worktree() {
    for git in gits() {
        for manager in MANAGERS {
            println!("git {} | {}", git.version, manager.name);
            let sandbox = Sandbox::with_git(&git);
            set_up(&sandbox, manager);
            with_agent(&sandbox);
            let work = format!(": >'{0}/log'; {WORK}; cp '{0}/log' '{0}/seen'", sandbox.path(".").display());
            sandbox.sh("r", &format!("git worktree add -q -b w ../w; cd ../w; {work}")).ok();
            let without = log(&sandbox);
            assert!(
                !manager.is_everywhere || manager.hooks.iter().all(|name| without.contains(name) || *name == "post-merge"),
                "{without}"
            );
            run(&sandbox, &format!("{work}; echo y >y; git add y; git commit -qm y"));
            assert_eq!(log(&sandbox), without, "{}", manager.name);
            // Uninstalled, nothing of it stays.
            sandbox.os("r", &["uninstall"]).ok();
            assert_eq!(sandbox.sh("r", "ls -d .git/git-os* || :").ok(), "", "{}", manager.name);
        }
    }
}

#[test]
fn hooks_that_came_or_went_since_the_last_run_are_those_of_the_next() {
    let sandbox = Sandbox::new();
    sandbox.repo("r", "");
    with_agent(&sandbox);
    let own = format!("{}/log", sandbox.path(".").display());
    let work = format!(
        ": >'{own}'; git commit -q --allow-empty -m x; cp '{own}' '{own}.seen'; echo $$ >>x; git add x; git commit -qm y"
    );
    let seen = |expected: &[&str]| {
        run(&sandbox, &work);
        let seen = sandbox.read("log.seen");
        let seen: Vec<_> = seen.lines().map(str::trim).collect();
        assert_eq!(seen, expected);
    };
    seen(&[]);
    sandbox.script("r/.git/hooks/post-commit", &hook(&sandbox, "post-commit"));
    seen(&["post-commit"]);
    sandbox.sh("r", "mv .git/hooks/post-commit .git/hooks/pre-commit; git config core.hooksPath .git-hooks; git os init").ok();
    seen(&[]);
    sandbox.sh("r", "git os uninstall; git config --unset core.hooksPath; git os init; mv .git/hooks/pre-commit .git/hooks/post-commit; chmod -x .git/hooks/post-commit").ok();
    seen(&[]);
}

#[test]
fn a_hook_that_refuses_refuses_in_a_run_too() {
    let sandbox = Sandbox::new();
    sandbox.repo("r", "");
    sandbox.script("r/.git/hooks/commit-msg", "#!/bin/sh\n! grep -q WIP \"$1\"\n");
    with_agent(&sandbox);
    run(&sandbox, "echo x >x; git add x; git commit -qm WIP && exit 1; git commit -qm Work");
    assert_eq!(sandbox.git("r", &["log", "-1", "--format=%s", "main"]).ok(), "Work");
}
