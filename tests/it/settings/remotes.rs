//! How a person reaches remotes is how git-os reaches them, wherever it is set.

use super::Way;
use super::server::{BASIC, Server};
use crate::crew::Crew;
use crate::world::{COMMITS, with_remote};

/// Reaches whatever repository is asked for, and leaves a trace.
const SSH: &str = "#!/bin/sh\necho \"$0\" >>\"$(dirname \"$0\")/asked\"; for last; do :; done; exec sh -c \"$last\"\n";
/// The same, but nobody can push.
const READS: &str = "#!/bin/sh\necho \"$0\" >>\"$(dirname \"$0\")/asked\"; for last; do :; done\n\
                     case \"$last\" in *receive-pack*) exit 1;; esac; exec sh -c \"$last\"\n";
/// Knows the password: as a helper of git it is asked with `get`, as a program that asks people with the question.
const KNOWS: &str = "#!/bin/sh\necho \"$0\" >>\"$(dirname \"$0\")/asked\"\ncase \"$*\" in get) echo username=ann; echo password=secret;; \
                     Username*) echo ann;; Password*) echo secret;; esac\n";

/// A workspace, and a server of its remote.
struct Road {
    crew: Crew,
    server: Server,
}

impl Road {
    /// The remote of the workspace is at this address.
    fn to(url: &str) -> Self {
        let crew = with_remote(COMMITS);
        for (name, text) in [("ssh", SSH), ("reads", READS), ("knows", KNOWS)] {
            crew.sandbox.script(&format!("way/{name}"), text);
        }
        let road = Self { server: Server::start(crew.sandbox.path("ws")), crew };
        road.crew.sandbox.git("ws/hub", &["remote", "set-url", "origin", &road.fill(url)]).ok();
        road
    }

    /// A text with the places and numbers of this one.
    fn fill(&self, text: &str) -> String {
        let path = |name: &str| self.crew.sandbox.path(name).display().to_string();
        let text = text.replace("<ws>", &path("ws")).replace("<way>", &path("way")).replace("<basic>", BASIC);
        text.replace("<port>", &self.server.port.to_string())
    }

    /// A sync in this way takes a ticket to the remote, through this program of ours.
    #[track_caller]
    fn leads_there(&self, way: Way, settings: &[&str], program: &str) {
        let id = self.crew.ready("Work");
        let settings: Vec<_> = settings.iter().map(|setting| self.fill(setting)).collect();
        let out = way.git(&self.crew.sandbox, "ws/hub", &settings, &["os", "sync"]);
        let said = out.to_string();
        out.ok();
        let tip = |dir: &str| self.crew.sandbox.id(dir, &format!("refs/os/tickets/{id}"));
        assert_eq!(tip("ws/hub.git"), tip("ws/hub"), "{said}");
        assert!(self.crew.sandbox.read("way/asked").contains(program), "{said}");
        let is_http = self.crew.sandbox.git("ws/hub", &["remote", "get-url", "origin"]).ok().starts_with("http");
        assert_eq!(self.server.take_asked().is_empty(), !is_http, "{said}");
    }
}

const HTTP: &str = "http://127.0.0.1:<port>/hub.git";

#[test]
fn what_reaches_a_remote_for_git_reaches_it_for_git_os_however_it_is_set() {
    for (url, settings, program) in [
        ("ssh://git@far<ws>/hub.git", &["core.sshCommand=<way>/ssh", "ssh.variant=simple"][..], "ssh"),
        ("far:hub.git", &["url.<ws>/.insteadOf=far:"], ""),
        (
            "ssh://git@far<ws>/hub.git",
            &["core.sshCommand=<way>/reads", "ssh.variant=simple", "url.<ws>/.pushInsteadOf=ssh://git@far<ws>/"],
            "reads",
        ),
        (HTTP, &["credential.helper=<way>/knows"], "knows"),
        (HTTP, &["credential.http://127.0.0.1:<port>.helper=<way>/knows"], "knows"),
        (HTTP, &["core.askPass=<way>/knows"], "knows"),
        (HTTP, &["http.extraHeader=Authorization: <basic>"], ""),
        ("http://far.invalid/hub.git", &["http.proxy=http://127.0.0.1:<port>", "http.extraHeader=Authorization: <basic>"], ""),
    ] {
        for way in Way::ALL {
            Road::to(url).leads_there(way, settings, program);
        }
    }
}

#[test]
fn what_reaches_a_remote_for_git_reaches_it_for_git_os_by_variables() {
    for (url, variables, program) in [
        ("ssh://git@far<ws>/hub.git", &[("GIT_SSH_COMMAND", "<way>/ssh"), ("GIT_SSH_VARIANT", "simple")][..], "ssh"),
        ("ssh://git@far<ws>/hub.git", &[("GIT_SSH", "<way>/ssh"), ("GIT_SSH_VARIANT", "simple")], "ssh"),
        (HTTP, &[("GIT_ASKPASS", "<way>/knows")], "knows"),
        (HTTP, &[("SSH_ASKPASS", "<way>/knows")], "knows"),
        ("http://far.invalid/hub.git", &[("http_proxy", "http://127.0.0.1:<port>"), ("GIT_ASKPASS", "<way>/knows")], "knows"),
        ("http://far.invalid/hub.git", &[("ALL_PROXY", "http://127.0.0.1:<port>"), ("GIT_ASKPASS", "<way>/knows")], "knows"),
        (HTTP, &[("http_proxy", "http://127.0.0.1:1"), ("no_proxy", "127.0.0.1"), ("GIT_ASKPASS", "<way>/knows")], "knows"),
    ] {
        let mut road = Road::to(url);
        for (key, value) in variables {
            let value = road.fill(value);
            road.crew.sandbox.set(key, &value);
        }
        road.leads_there(Way::File, &[], program);
    }
}

#[test]
fn a_program_that_knows_passwords_sees_the_environment_of_the_person() {
    let mut road = Road::to(HTTP);
    let knows = "#!/bin/sh\n[ \"$VAULT\" = mine ] && exec \"$(dirname \"$0\")/knows\" \"$@\"\n";
    road.crew.sandbox.script("way/vault", knows);
    road.crew.sandbox.set("VAULT", "mine");
    road.leads_there(Way::File, &["credential.helper=<way>/vault"], "knows");
}

#[test]
fn a_protocol_that_a_person_does_not_allow_is_not_spoken() {
    let mut road = Road::to("<ws>/hub.git");
    road.crew.sandbox.set("GIT_ALLOW_PROTOCOL", "https");
    road.crew.os(&["sync"]).fails("transport 'file' not allowed");
}
