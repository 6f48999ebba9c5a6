//! One repository with a ticket of every kind, for shell lines that know them by variables.

use crate::sandbox::{Git, Sandbox, Ticket};

/// What no route may change without the rules: everything of ours, and the protected branch.
pub(super) const WATCHED: [&str; 4] = ["refs/heads/main", "refs/os", "refs/notes", "refs/os-remote"];

/// The sandbox with its repository `r`.
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) landed: Ticket,
    pub(super) open: Ticket,
    pub(super) verified: Ticket,
}

impl Stage {
    /// `main` has human commits and a landed ticket; besides there are tickets in `draft`, `verifying` and `verified`,
    /// an ordinary branch `topic` one commit ahead of `main`, and a remote `origin`.
    pub(super) fn new(git: &Git, settings: &str) -> Self {
        let mut sandbox = Sandbox::with_git(git);
        sandbox.workspace(&["r"], settings);
        let landed = sandbox.ticket("r", "Landed", "merged");
        let main = sandbox.id("r", "main");
        let before = sandbox.id("r", "main~1");
        let open = sandbox.ticket("r", "Open", "verifying");
        let verified = sandbox.ticket("r", "Verified", "verified");
        let draft = sandbox.ticket("r", "Draft", "draft");
        sandbox.sh("r", "git branch topic && git worktree add -q ../topic topic && cd ../topic && echo t >t && git add t && git commit -qm topic").ok();
        sandbox
            .sh("r", "git worktree remove ../topic && git clone -q --bare . ../origin.git && git remote add origin ../origin.git")
            .ok();
        let own = [
            ("MAIN", &main),
            ("BEFORE", &before),
            ("LANDED", &landed.id),
            ("OPEN", &open.id),
            ("WORK", &open.head),
            ("VERIFIED", &verified.id),
            ("GOOD", &verified.head),
            ("DRAFT", &draft.id),
        ];
        for (key, value) in own {
            sandbox.set(key, value);
        }
        Self { sandbox, landed, open, verified }
    }

    /// Everything that is watched, and where HEAD is.
    pub(super) fn refs(&self) -> String {
        self.sandbox.refs("r", &WATCHED)
    }

    /// Puts watched refs back to where they were, past the hooks.
    #[track_caller]
    pub(super) fn restore(&self, refs: &str) {
        for line in self.refs().lines().filter(|line| !refs.contains(*line)) {
            let name = line.split(' ').next().expect("a name");
            self.sandbox.git("r", &["-c", "core.hooksPath=/dev/null", "update-ref", "--no-deref", "-d", name]).ok();
        }
        for line in refs.lines() {
            let mut words = line.split(' ');
            let (name, id) = (words.next().expect("a name"), words.next().expect("an id"));
            self.sandbox.git("r", &["-c", "core.hooksPath=/dev/null", "update-ref", "--no-deref", name, id]).ok();
        }
    }

    /// Puts index, files and HEAD back after a command that was stopped halfway.
    #[track_caller]
    pub(super) fn tidy(&self) {
        let script = "for command in rebase merge cherry-pick; do git $command --abort || :; done; git symbolic-ref HEAD refs/heads/main
            git update-ref -d refs/heads/claude/$DRAFT
            git reset -q --hard; git clean -fdq -e registry.toml
            git for-each-ref --format='%(refname)' refs/heads | while read -r ref; do
              case $ref in refs/heads/main|refs/heads/topic|refs/heads/claude/*) ;; *) git update-ref --no-deref -d $ref;; esac
            done; git update-ref refs/heads/claude/$OPEN $WORK; git update-ref refs/heads/claude/$VERIFIED $GOOD; git status --porcelain";
        assert_eq!(self.sandbox.sh("r", script).ok(), "?? registry.toml");
    }
}
