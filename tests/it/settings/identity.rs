//! Whoever git takes for the person, git-os takes too, and so does the git of an agent; keys that sign are found as git finds them.

use super::Way;
use crate::crew::Crew;
use crate::sandbox::Sandbox;
use crate::world::COMMITS;

/// Takes away who the person is.
const NOBODY: &str = "git config --global --unset user.name; git config --global --unset user.email";

/// The name and mail in what git says of who commits.
fn committer(sandbox: &Sandbox, way: Way, settings: &[String]) -> String {
    let says = way.git(sandbox, "ws/hub", settings, &["var", "GIT_COMMITTER_IDENT"]).ok();
    says.rsplitn(3, ' ').last().expect("a name").to_owned()
}

/// Who a new ticket is by, opened in this way.
fn opens(sandbox: &Sandbox, way: Way, settings: &[String]) -> String {
    let id = way.git(sandbox, "ws/hub", settings, &["os", "new", "Work"]).ok();
    let id = id.split_whitespace().next().expect("an id");
    sandbox.git("ws/hub", &["log", "-1", "--format=%cn <%ce>", &format!("refs/os/tickets/{id}")]).ok()
}

#[test]
fn who_opens_a_ticket_is_whoever_git_says() {
    let more = "printf '[user]\\nname = Bo\\nemail = bo@example.com\\n' >$HOME/more";
    for (setup, variables) in [
        ("git config --global user.name Bo; git config --global user.email bo@example.com", &[][..]),
        ("git config user.name Bo; git config user.email bo@example.com", &[]),
        ("mkdir -p $HOME/.config/git; cp $HOME/more $HOME/.config/git/config", &[]),
        ("mkdir -p $HOME/xdg/git; cp $HOME/more $HOME/xdg/git/config", &[("XDG_CONFIG_HOME", "<home>/xdg")]),
        ("git config extensions.worktreeConfig true; cp $HOME/more .git/config.worktree", &[]),
        ("git config --global include.path more", &[]),
        ("git config --global 'includeIf.gitdir:**/hub/.path' more", &[]),
        ("git config --global 'includeIf.gitdir/i:**/HUB/.path' more", &[]),
        ("git config --global includeIf.onbranch:main.path more", &[]),
        ("git config --global 'includeIf.hasconfig:remote.*.url:nowhere/**.path' more; git remote add far nowhere/hub", &[]),
        (
            "git config --global user.name Ann; git config --global committer.name Bo; git config --global user.email bo@example.com",
            &[],
        ),
        (":", &[("GIT_COMMITTER_NAME", "Bo"), ("GIT_COMMITTER_EMAIL", "bo@example.com")]),
        ("git config user.name Bo", &[("EMAIL", "bo@example.com")]),
        (":", &[("GIT_CONFIG_GLOBAL", "<home>/more")]),
        (":", &[("GIT_CONFIG_SYSTEM", "<home>/more"), ("GIT_CONFIG_NOSYSTEM", "0")]),
    ] {
        let mut crew = Crew::alone(COMMITS, "");
        crew.sandbox.sh("ws/hub", &format!("{NOBODY}; {more}; {setup}")).ok();
        for (key, value) in variables {
            let value = value.replace("<home>", &crew.sandbox.path("home").display().to_string());
            crew.sandbox.set(key, &value);
        }
        let git = committer(&crew.sandbox, Way::File, &[]);
        assert!(git.starts_with("Bo <bo@"), "{setup}: {git}");
        assert_eq!(opens(&crew.sandbox, Way::File, &[]), git, "{setup} {variables:?}");
    }
}

#[test]
fn whom_a_caller_names_is_the_person_for_git_os_and_for_its_agents() {
    let settings = ["user.name=Bo", "user.email=bo@example.com"].map(str::to_owned);
    for way in Way::ALL {
        let crew = Crew::alone(COMMITS, "");
        assert_eq!(opens(&crew.sandbox, way, &settings), "Bo <bo@example.com>", "{way:?}");
        let id = crew.ready("Work");
        way.git(&crew.sandbox, "ws/hub", &settings, &["os", "start", "--yes"]).ok();
        assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
        assert_eq!(crew.sandbox.git("ws/hub", &["log", "-1", "--format=%an", "main"]).ok(), "Bo", "{way:?}");
    }
}

#[test]
fn what_a_caller_gives_to_open_remotes_no_agent_sees() {
    let crew = Crew::alone("cat >/dev/null; env >../../../../seen; echo x >x; git add x; git commit -qm x\n", "");
    let settings = ["http.extraHeader=secret", "core.hooksPath=/dev/null", "user.name=Bo"].map(str::to_owned);
    crew.ready("Work");
    for way in [Way::CommandLine, Way::Variables] {
        way.git(&crew.sandbox, "ws/hub", &settings, &["os", "start", "--yes"]).code.expect("an end");
        let seen = crew.sandbox.read("ws/seen");
        assert!(seen.contains("GIT_OS_RUN=") && !seen.contains("secret") && !seen.contains("/dev/null"), "{way:?}: {seen}");
    }
}

/// The person has a key, and the registry says that operators sign with it; answers the settings of git that name it.
fn with_key(crew: &Crew) -> [String; 2] {
    crew.sandbox.sh("ws/hub", "ssh-keygen -q -t ed25519 -N '' -C ann -f $HOME/key").ok();
    let key = crew.sandbox.read("home/key.pub");
    let actor = format!(
        "\n[[actor]]\nname = \"ann\"\nemail = \"ann@example.com\"\nkeys = [{:?}]\nroles = [\"operator\"]\n",
        key.trim_end()
    );
    crew.sandbox.write("ws/hub/registry.toml", crew.sandbox.read("ws/hub/registry.toml") + &actor);
    ["gpg.format=ssh".to_owned(), format!("user.signingKey={}", crew.sandbox.path("home/key").display())]
}

#[test]
fn a_program_that_signs_signs_however_it_is_set() {
    for way in Way::ALL {
        let crew = Crew::alone(COMMITS, "");
        crew.sandbox.script("home/sign", "#!/bin/sh\necho asked >>\"$HOME/asked\"; exec ssh-keygen \"$@\"\n");
        let program = format!("gpg.ssh.program={}", crew.sandbox.path("home/sign").display());
        let settings = [&with_key(&crew)[..], &[program]].concat();
        way.git(&crew.sandbox, "ws/hub", &settings, &["os", "init"]).ok();
        crew.sandbox.sh(".", "rm -f home/asked").ok();
        opens(&crew.sandbox, way, &settings);
        assert_eq!(crew.sandbox.read("home/asked"), "asked\n", "{way:?}");
        crew.os(&["fsck"]).ok();
    }
}

#[test]
fn a_key_of_another_kind_than_ssh_is_named() {
    for way in Way::ALL {
        let crew = Crew::alone(COMMITS, "");
        let [format, key] = with_key(&crew);
        way.git(&crew.sandbox, "ws/hub", &[format, key.clone()], &["os", "init"]).ok();
        let settings = [key, "gpg.format=openpgp".to_owned(), "gpg.program=false".to_owned()];
        way.git(&crew.sandbox, "ws/hub", &settings, &["os", "new", "Work"]).fails("git-os signs only with `ssh`");
    }
}

#[test]
fn a_repository_of_somebody_else_that_is_safe_is_worked_in() {
    let mut sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    if sandbox.sh(".", "chown -R 12345 hub 2>/dev/null || echo no").ok() == "no" {
        println!("skipped: this user cannot give a file to another one");
        return;
    }
    sandbox.os("hub", &["list"]).fails("belongs to another user");
    let path = sandbox.path("hub").display().to_string();
    // What the repository says of itself does not count.
    Way::File.git(&sandbox, "hub", &[], &["config", "-f", ".git/config", "safe.directory", &path]).ok();
    sandbox.os("hub", &["list"]).fails("belongs to another user");
    sandbox.git(".", &["config", "--global", "safe.directory", &path]).ok();
    sandbox.os("hub", &["fsck"]).ok();
    sandbox.set("GIT_CONFIG_GLOBAL", "/dev/null");
    sandbox.os("hub", &["list"]).fails("belongs to another user");
}
