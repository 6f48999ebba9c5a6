//! Hooks of others run on beside ours, and come back as they were when git-os goes.

use std::collections::BTreeMap;
use std::path::Path;

use crate::sandbox::{Sandbox, gits};

/// Somebody else's hook: it notes that it ran, and with what on standard input where that matters.
pub(super) fn hook(sandbox: &Sandbox, name: &str) -> String {
    let input = if name == "reference-transaction" { "sed 's/^/  /'" } else { "cat >/dev/null" };
    let log = sandbox.path("log");
    format!("#!/bin/sh\n# {name} of somebody else\n{{ echo \"{name} $1\"; {input}; }} >>'{}'\n", log.display())
}

/// Where somebody else's hooks are, and how they came there.
pub(super) struct Manager {
    pub(super) name: &'static str,
    /// The folder of the hooks, in the sandbox.
    folder: &'static str,
    pub(super) hooks: &'static [&'static str],
    /// Lines of shell in the repository.
    set_up: &'static str,
    /// Whether its hooks run in a linked worktree even without git-os.
    pub(super) is_everywhere: bool,
}

pub(super) const MANAGERS: &[Manager] = &[
    Manager {
        name: "lefthook",
        folder: "r/.git/hooks",
        hooks: &["pre-commit", "commit-msg", "post-merge"],
        set_up: ":",
        is_everywhere: true,
    },
    Manager {
        name: "pre-commit",
        folder: "r/.git/hooks",
        hooks: &["pre-commit", "pre-merge-commit"],
        set_up: ":",
        is_everywhere: true,
    },
    Manager {
        name: "a reference-transaction",
        folder: "r/.git/hooks",
        hooks: &["reference-transaction", "pre-commit", "pre-merge-commit"],
        set_up: ":",
        is_everywhere: true,
    },
    Manager {
        name: "links to a tool",
        folder: "tool",
        hooks: &["reference-transaction", "pre-merge-commit"],
        set_up: "ln -s ../../../tool/reference-transaction ../../../tool/pre-merge-commit .git/hooks",
        is_everywhere: true,
    },
    Manager {
        name: "a global core.hooksPath",
        folder: "home/hooks",
        hooks: &["pre-commit", "commit-msg", "reference-transaction", "post-commit"],
        set_up: "git config --global core.hooksPath '~/hooks'",
        is_everywhere: true,
    },
    Manager {
        name: "husky",
        folder: "r/.husky/_",
        hooks: &["pre-commit", "commit-msg", "pre-merge-commit", "post-commit"],
        set_up: "git config core.hooksPath .husky/_; echo '*' >.husky/_/.gitignore; mkdir -p .husky",
        is_everywhere: false,
    },
    Manager {
        name: "an included file",
        folder: "r/.githooks",
        hooks: &["pre-commit", "commit-msg", "reference-transaction"],
        set_up: "printf '[core]\n\thooksPath = .githooks\n' >.gitconfig; git config include.path ../.gitconfig",
        is_everywhere: false,
    },
    Manager {
        name: "an included file, over a setting",
        folder: "r/.githooks",
        hooks: &["pre-commit", "pre-merge-commit"],
        set_up: "git config core.hooksPath nowhere; printf '[core]\n\thooksPath = .githooks\n' >.gitconfig
            git config includeIf.gitdir:r/.path ../.gitconfig; test \"$(git config core.hooksPath)\" = .githooks",
        is_everywhere: false,
    },
    Manager {
        name: "several settings",
        folder: "r/.githooks",
        hooks: &["pre-commit", "post-commit"],
        set_up: "git config --add core.hooksPath ''; git config --add core.hooksPath .githooks",
        is_everywhere: false,
    },
    Manager {
        name: "a setting of one worktree",
        folder: "r/.githooks",
        hooks: &["pre-commit", "reference-transaction"],
        set_up: "git config extensions.worktreeConfig true; git config --worktree core.hooksPath .githooks",
        is_everywhere: false,
    },
    Manager {
        name: "a file included for one worktree",
        folder: "r/.githooks",
        hooks: &["pre-commit", "reference-transaction"],
        set_up: "printf '[core]\n\thooksPath = .githooks\n' >.gitconfig; git config extensions.worktreeConfig true
            git config core.hooksPath nowhere; git config --worktree include.path \"$PWD/.gitconfig\"",
        is_everywhere: false,
    },
];

pub(super) const WORK: &str =
    "git switch -q -c side; git commit -q --allow-empty -m s; git switch -q -; git commit -q --allow-empty -m c;
    git merge -q --no-ff --no-edit side; git branch -q -D side";

/// Every file below a folder with its contents and mode, but for what git writes as it works.
fn listing(folder: &Path) -> BTreeMap<String, (String, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            if ["objects", "refs/os", "logs/refs/os"].contains(&name.as_str()) {
                continue;
            }
            if path.is_symlink() {
                let target = std::fs::read_link(&path).expect("a link");
                all.insert(name, (target.to_string_lossy().into_owned(), 0));
            } else if path.is_dir() {
                folders.push(path);
                all.insert(name + "/", (String::new(), 0));
            } else {
                let mode = path.metadata().map_or(0, |metadata| metadata.permissions().mode());
                all.insert(name, (String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned(), mode));
            }
        }
    }
    all
}

pub(super) fn set_up(sandbox: &Sandbox, manager: &Manager) {
    sandbox.repo("r", "");
    for name in manager.hooks {
        sandbox.script(&format!("{}/{name}", manager.folder), &hook(sandbox, name));
    }
    sandbox.sh("r", manager.set_up).ok();
    sandbox.registry(&["r"], "");
}

/// What ran, without the lines of transactions of git-os itself.
fn log(sandbox: &Sandbox, dir: &str) -> String {
    sandbox.write("log", "");
    sandbox.sh(dir, WORK).ok();
    // Object ids depend on what came before, and some paths on where it is.
    sandbox.sh(".", "sed -E 's/[0-9a-f]{40}/ID/g; s, [^ ]*([A-Z]+_[A-Z]*MSG), \\1,; s,refs/heads/w ,refs/heads/main ,; s,refs/heads/w$,refs/heads/main,' log").ok()
}

#[test]
fn hooks_of_others_still_run_and_come_back() {
    for git in gits() {
        for manager in MANAGERS {
            println!("git {} | {}", git.version, manager.name);
            let sandbox = Sandbox::with_git(&git);
            set_up(&sandbox, manager);
            let without = log(&sandbox, "r");
            assert!(manager.hooks.iter().all(|name| without.contains(name) || *name == "post-merge"), "{without}");
            let before = listing(&sandbox.path("r/.git"));
            let home = listing(&sandbox.path("home"));
            sandbox.os("r", &["init"]).says("hooks installed").ok();
            assert_eq!(log(&sandbox, "r"), without, "{}", manager.name);
            sandbox.sh("r", "git worktree add -q -b w ../w").ok();
            let linked = log(&sandbox, "w");
            assert!(!manager.is_everywhere || linked == without, "{}: {linked}\n{without}", manager.name);
            sandbox.sh("r", "git worktree remove --force ../w; git branch -q -D w; rmdir .git/worktrees || :").ok();

            let installed = listing(&sandbox.path("r/.git"));
            sandbox.os("r", &["init"]).says("nothing to do").ok();
            assert_eq!(listing(&sandbox.path("r/.git")), installed, "{}", manager.name);
            let _said = sandbox.sh("r", "git update-ref refs/os/foreign HEAD").fails("refusing to update");

            sandbox.os("r", &["uninstall"]).ok();
            sandbox.os("r", &["uninstall", "--pages"]).ok();
            let mut after = listing(&sandbox.path("r/.git"));
            let mut expected = before;
            for all in [&mut after, &mut expected] {
                // Commits were made in between.
                all.retain(|name, _| {
                    !["logs", "refs/heads", "index", "COMMIT_EDITMSG", "ORIG_HEAD", "MERGE_", "AUTO_MERGE"]
                        .iter()
                        .any(|part| name.starts_with(part))
                });
            }
            assert_eq!(after, expected, "{}", manager.name);
            let mut home_after = listing(&sandbox.path("home"));
            home_after.retain(|name, _| !name.ends_with('/') || home.contains_key(name));
            assert_eq!(home_after, home, "{}", manager.name);
            assert_eq!(log(&sandbox, "r"), without, "{}", manager.name);
        }
    }
}

#[test]
fn a_veto_of_somebody_elses_hook_is_one_and_nothing_is_judged_twice() {
    for git in gits() {
        let sandbox = Sandbox::with_git(&git);
        sandbox.repo("r", "");
        sandbox.script("r/.git/hooks/reference-transaction", "#!/bin/sh\n! grep -q refs/heads/never\n");
        sandbox.registry(&["r"], "");
        sandbox.os("r", &["init"]).ok();
        sandbox.sh("r", "git branch ever").ok();
        let _said = sandbox.sh("r", "git branch never").fails("");
        assert_eq!(sandbox.refs("r", &["refs/heads/never"]), "");
        let _said = sandbox.sh("r", "git update-ref refs/os/foreign HEAD").fails("refusing to update");
        // Where git-os is gone its refs are still looked after, and the other hook is one of the things that are missing.
        sandbox.sh("r", "rm ../bin/git-os; git branch never").ok();
        let _said = sandbox
            .sh("r", "git update-ref refs/os/foreign HEAD")
            .fails("refusing to update `refs/os/foreign`: cannot start git-os at `");
    }
}

#[test]
fn a_hook_that_took_the_place_of_ours_is_chained_and_none_is_thrown_away() {
    let sandbox = Sandbox::new();
    sandbox.repo("r", "");
    let hooks = "r/.git/hooks";
    sandbox.script(&format!("{hooks}/pre-merge-commit"), &hook(&sandbox, "first"));
    sandbox.registry(&["r"], "");
    sandbox.os("r", &["init"]).ok();
    sandbox.script(&format!("{hooks}/pre-merge-commit"), &hook(&sandbox, "second"));
    sandbox.os("r", &["init"]).says("hooks installed").ok();
    assert!(log(&sandbox, "r").contains("second"));
    let _said = sandbox.sh("r", "git update-ref refs/os/foreign HEAD").fails("refusing to update");
    sandbox.os("r", &["uninstall"]).ok();
    assert!(sandbox.read(&format!("{hooks}/pre-merge-commit")).contains("second"));
    assert!(sandbox.read(&format!("{hooks}/pre-merge-commit.git-os-older")).contains("first"));
}

#[test]
fn a_hooks_path_that_is_set_later_is_noticed_and_taken_in() {
    for git in gits() {
        let sandbox = Sandbox::with_git(&git);
        sandbox.workspace(&["r"], "");
        for name in ["pre-commit", "reference-transaction"] {
            sandbox.script(&format!("r/.husky/_/{name}"), &hook(&sandbox, name));
        }
        sandbox.sh("r", "git config core.hooksPath .husky/_; git update-ref refs/os/foreign HEAD; git -c core.hooksPath=/dev/null update-ref -d refs/os/foreign").ok();
        sandbox.os("r", &["init"]).says("hooks installed").ok();
        let _said = sandbox.sh("r", "git update-ref refs/os/foreign HEAD").fails("refusing to update");
        assert!(log(&sandbox, "r").contains("pre-commit"));
        sandbox.os("r", &["uninstall"]).ok();
        assert_eq!(sandbox.git("r", &["config", "core.hooksPath"]).ok(), ".husky/_");
        assert_eq!(sandbox.sh("r", "ls .git/hooks | grep -v sample || :").ok(), "");
    }
}

/// Ways to say that no hook of anybody runs.
const EMPTY: &[(&str, &str)] = &[
    ("over a global folder", "git config --global core.hooksPath ~/hooks; git config core.hooksPath ''"),
    ("alone", "git config core.hooksPath ''"),
    ("after another", "git config --add core.hooksPath .githooks; git config --add core.hooksPath ''"),
    ("in an included file", "printf '[core]\\n\\thooksPath =\\n' >.gitconfig; git config include.path ../.gitconfig"),
];

#[test]
fn an_empty_hooks_path_hands_on_to_nothing_and_comes_back() {
    for git in gits() {
        for (name, set_up) in EMPTY {
            println!("git {} | {name}", git.version);
            let sandbox = Sandbox::with_git(&git);
            sandbox.repo("r", "");
            let hooks = ["pre-commit", "reference-transaction", "pre-merge-commit", "commit-msg"];
            for folder in ["r", "r/.git/hooks", "r/.githooks", "home/hooks"] {
                for hook in hooks {
                    sandbox
                        .script(&format!("{folder}/{hook}"), &format!("#!/bin/sh\ntouch '{}'\n", sandbox.path("ran").display()));
                }
            }
            sandbox.sh("r", set_up).ok();
            sandbox.registry(&["r"], "");
            let before = sandbox.read("r/.git/config");
            sandbox.os("r", &["init"]).says("hooks installed").ok();
            sandbox.os("r", &["init"]).says("nothing to do").ok();
            sandbox.sh("r", &format!("rm -f ../ran; {WORK}; git branch -q x; git branch -q -D x")).ok();
            let _said = sandbox.sh("r", "git update-ref refs/os/foreign HEAD").fails("refusing to update");
            assert!(!sandbox.path("ran").exists(), "{name}: a hook of somebody else ran");
            sandbox.sh("r", "git os hooks status").says("in place").ok();
            sandbox.os("r", &["uninstall"]).ok();
            assert_eq!(sandbox.read("r/.git/config"), before, "{name}");
            assert_eq!(sandbox.git("r", &["config", "core.hooksPath"]).ok(), "", "{name}");
        }
    }
}

#[test]
fn hooks_that_cannot_be_in_force_are_an_error_that_names_what_wins() {
    let sandbox = Sandbox::new();
    sandbox.repo("r", "");
    sandbox.registry(&["r"], "");
    sandbox.write("more", "[core]\n\thooksPath = theirs\n");
    let more = sandbox.path("more").display().to_string();
    // A git that is given a setting with every command; no file of a repository overrules it.
    let git = std::fs::read_link(sandbox.path("bin/git")).expect("a link");
    std::fs::remove_file(sandbox.path("bin/git")).expect("a link");
    let wrapper = format!(
        "#!/bin/sh\nexport GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=include.path GIT_CONFIG_VALUE_0='{more}'\nexec '{}' \"$@\"\n",
        git.display()
    );
    sandbox.script("bin/git", &wrapper);
    for _ in 0..2 {
        let said = sandbox.os("r", &["init"]).fails("cannot put the hooks in force");
        assert!(said.contains("command configuration sets `core.hooksPath` to `theirs`"), "{said}");
        assert!(said.contains("hint: git config --show-origin --show-scope --get-all core.hooksPath"), "{said}");
        assert!(!said.contains("hooks installed"), "{said}");
    }
}

#[test]
fn a_setting_that_an_older_git_os_replaced_comes_back() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["r"], "");
    sandbox.sh("r", "git config core.hooksPath .husky/_; git os init").ok();
    // As it was written down before.
    let before = "git config --unset include.path; git config core.hooksPath \"$PWD/.git/git-os-hooks\"; git config git-os.formerHooksPathIsLocal true";
    sandbox.sh("r", before).ok();
    sandbox.os("r", &["doctor"]).says("an earlier git-os replaced the value of `core.hooksPath`").fails("");
    sandbox.os("r", &["init"]).says("hooks installed").ok();
    sandbox.os("r", &["init"]).says("nothing to do").ok();
    assert_eq!(sandbox.git("r", &["config", "--local", "--no-includes", "core.hooksPath"]).ok(), ".husky/_");
    // Another file comes to win in between.
    sandbox.sh("r", "printf '[core]\\n\\thooksPath = .githooks\\n' >.gitconfig; git config include.path ../.gitconfig").ok();
    sandbox.os("r", &["init"]).says("hooks installed").ok();
    let _said = sandbox.sh("r", "git update-ref refs/os/foreign HEAD").fails("refusing to update");
    sandbox.os("r", &["uninstall"]).ok();
    sandbox.git("r", &["config", "--unset", "include.path"]).ok();
    assert_eq!(sandbox.git("r", &["config", "--get-all", "core.hooksPath"]).ok(), ".husky/_");
}

#[test]
fn a_hooks_path_that_a_tool_sets_again_and_again_stays_where_it_is_and_so_do_we() {
    for git in gits() {
        let sandbox = Sandbox::with_git(&git);
        sandbox.workspace(&["r"], "");
        for folder in [".husky/_", ".githooks", ".git/hooks"] {
            sandbox.script(&format!("r/{folder}/pre-commit"), &hook(&sandbox, &format!("pre-commit of {folder}")));
        }
        // What `npm install` does with husky each time.
        let install = "git config core.hooksPath .husky/_";
        sandbox.sh("r", &format!("{install}; git os init; {install}")).ok();
        let is_well = |runs: &str| {
            let _said = sandbox.sh("r", "git update-ref refs/os/foreign HEAD").fails("refusing to update");
            assert!(log(&sandbox, "r").contains(&format!("pre-commit of {runs} ")), "{runs}");
            sandbox.os("r", &["hooks", "status"]).says("in place").ok();
            sandbox.os("r", &["init"]).says("nothing to do").ok();
        };
        is_well(".husky/_");
        // Another folder, in force with the next of ours; until then ours stay.
        sandbox.sh("r", "git config core.hooksPath .githooks").ok();
        let _said = sandbox.sh("r", "git update-ref refs/os/foreign HEAD").fails("refusing to update");
        let _said = sandbox.os("r", &["doctor"]).fails("`core.hooksPath` was set to `.githooks`, and the hooks in it do not run");
        sandbox.os("r", &["init"]).says("hooks installed").ok();
        is_well(".githooks");
        sandbox.sh("r", "git config --unset core.hooksPath").ok();
        let said = "`core.hooksPath` is not set any more, so the hooks in `.git/hooks` do not run";
        let _said = sandbox.os("r", &["doctor"]).fails(said);
        sandbox.os("r", &["init"]).says("hooks installed").ok();
        is_well(".git/hooks");
        assert_eq!(sandbox.sh("r", "git config --get-regexp 'hookspath|include' || :").ok(), "");
        sandbox.os("r", &["uninstall"]).ok();
        assert_eq!(
            sandbox.sh("r", "ls -d .git/git-os* || :; git config --local --get-regexp '^(git-os|include|core.hooks)' || :").ok(),
            ""
        );
    }
}

#[test]
fn hooks_that_an_agent_puts_out_of_force_are_back_before_its_work_is_verified() {
    let sandbox = Sandbox::new();
    sandbox.repo("r", "");
    sandbox.write("agent.sh", "cat >/dev/null; git config core.hooksPath .husky/_; echo x >x; git add x; git commit -qm x\n");
    sandbox.registry(&["r"], "agent = \"crew\"\n\n[agents.crew]\nkind = \"command\"\nrun = [\"sh\", \"../agent.sh\"]\n");
    sandbox.os("r", &["init"]).ok();
    let id = sandbox.ticket("r", "Work", "ready").id;
    sandbox.os("r", &["dispatch"]).says("hooks reinstalled").ok();
    assert_eq!(sandbox.state("r", &id), "merged");
    let _said = sandbox.sh("r", "git update-ref refs/os/foreign HEAD").fails("refusing to update");
}
