//! Files that git ignores and that agents and checks need.

use crate::crew::Crew;

#[test]
fn ignored_files_that_are_named_are_there_for_agents_and_checks_and_do_not_land() {
    let agent =
        "cat >brief.txt; cat .env >seen; ls -a . deep >>seen; echo changed >.env; chmod a-w .env; git add seen brief.txt\n";
    let check = "checks = [{ name = \"env\", run = \"grep -q secret .env && test -x deep/tool && ! test -e other.env && ! test -e open.txt\" }]";
    let crew = Crew::alone(agent, check);
    crew.sandbox
        .sh("ws/hub", "printf '*.env\\n.env\\ndeep/tool\\nlink\\n' >.gitignore; git add .gitignore; git commit -qm ignore")
        .ok();
    // `other.env` is not named, `open.txt` is not ignored.
    crew.sandbox.sh("ws/hub", "printf '/.env\\ntool\\nopen.txt\\nlink\\n' >.worktreeinclude; echo secret >.env; echo no >other.env; echo no >open.txt").ok();
    crew.sandbox
        .sh("ws/hub", "mkdir deep; echo '#!/bin/sh' >deep/tool; chmod +x deep/tool; ln -s /etc/passwd link; git os init")
        .ok();
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    let seen = crew.sandbox.git("ws/hub", &["show", "main:seen"]).ok();
    assert!(seen.contains("secret") && seen.contains("tool") && !seen.contains("other.env") && !seen.contains("link"), "{seen}");
    assert!(!seen.contains("open.txt"), "{seen}");
    let brief = crew.sandbox.git("ws/hub", &["show", "main:brief.txt"]).ok();
    assert!(brief.contains("git ignores them; checks have them too: `.env`, `deep/tool`\n"), "{brief}");
    let landed = crew.sandbox.git("ws/hub", &["ls-tree", "-r", "--name-only", "main"]).ok();
    assert!(!landed.contains(".env") && !landed.contains("tool"), "{landed}");
    assert_eq!(crew.sandbox.read("ws/hub/.env"), "secret\n", "the person's own file");
    crew.os(&["doctor"]).says("`.worktreeinclude` names 2 ignored files").ok();
}

#[test]
fn a_link_of_an_agent_leads_no_named_file_out_of_the_worktree() {
    let agent = "cat >/dev/null; if test -L keep; then echo x >x; else rm -rf keep; ln -s ../../../../outside keep; exit 1; fi\n";
    let crew = Crew::alone(agent, "max_attempts = 3");
    crew.sandbox
        .sh("ws/hub", "echo keep >.gitignore; git add .gitignore; git commit -qm ignore; echo keep >.worktreeinclude")
        .ok();
    crew.sandbox.sh("ws/hub", "mkdir keep ../outside; echo secret >keep/key").ok();
    let id = crew.ready("Work");
    crew.start().ok();
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.sh("ws/outside", "ls -A").ok(), "");
}

#[test]
fn what_an_agent_made_of_a_named_file_is_replaced_and_what_cannot_be_is_a_reason() {
    let agent = "cat >/dev/null; if test -e tried; then echo \"$GIT_OS_TICKET\" >x; else touch tried; rm .env; mkdir -p .env/sub; exit 1; fi\n";
    let crew = Crew::alone(agent, "max_attempts = 3\nchecks = [{ name = \"env\", run = \"test -f .env\" }]");
    crew.sandbox.sh("ws/hub", "printf '.env\\ndeep\\ntried\\n' >.gitignore; git add .gitignore; git commit -qm ignore").ok();
    crew.sandbox.sh("ws/hub", "printf '.env\\ndeep\\n' >.worktreeinclude; echo secret >.env").ok();
    let id = crew.ready("Work");
    crew.start().ok();
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    // A file where a folder has to be.
    crew.agent("cat >/dev/null; rm -rf deep; echo file >deep; exit 1\n");
    crew.sandbox.sh("ws/hub", "mkdir deep; echo secret >deep/key").ok();
    let id = crew.ready("Break");
    drop(crew.start().says("cannot copy what `.worktreeinclude` names"));
    assert_eq!(crew.state(&id), "blocked", "{}", crew.log(&id));
    assert!(crew.log(&id).contains("cannot copy what `.worktreeinclude` names into"), "{}", crew.log(&id));
    assert_eq!(crew.board().len(), 2, "nobody sees a check fail for want of such a file");
    crew.all_is_well();
}
