//! Variables that would change what a git of ours works on or says, and do not.

use crate::crew::Crew;
use crate::world::{COMMITS, with_remote};

/// What a caller, or a hook that calls, may have in its environment. `<sandbox>` is a folder with nothing of this name in it.
const VARIABLES: [(&str, &str); 36] = [
    ("GIT_INDEX_FILE", "<sandbox>/other-index"),
    ("GIT_OBJECT_DIRECTORY", "<sandbox>/other-objects"),
    ("GIT_NAMESPACE", "other"),
    ("GIT_PREFIX", "none/"),
    ("GIT_SHALLOW_FILE", "<sandbox>/shallow"),
    ("GIT_GRAFT_FILE", "<sandbox>/grafts"),
    ("GIT_REPLACE_REF_BASE", "refs/heads/"),
    ("GIT_ATTR_SOURCE", "HEAD"),
    ("GIT_DEFAULT_HASH", "sha256"),
    ("GIT_DEFAULT_REF_FORMAT", "reftable"),
    ("GIT_TEMPLATE_DIR", "<sandbox>/templates"),
    ("GIT_REFLOG_ACTION", "somebody else"),
    ("GIT_PAGER", "false"),
    ("PAGER", "false"),
    ("GIT_PAGER_IN_USE", "1"),
    ("GIT_EDITOR", "false"),
    ("GIT_SEQUENCE_EDITOR", "false"),
    ("EDITOR", "false"),
    ("VISUAL", "false"),
    ("GIT_EXTERNAL_DIFF", "false"),
    ("GIT_DIFF_OPTS", "--unified=0"),
    ("GIT_OPTIONAL_LOCKS", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_GLOB_PATHSPECS", "0"),
    ("GIT_ICASE_PATHSPECS", "1"),
    ("GIT_NOTES_REF", "refs/notes/other"),
    ("GIT_NOTES_REWRITE_REF", "refs/notes/*"),
    ("GIT_MERGE_AUTOEDIT", "yes"),
    ("GIT_MERGE_VERBOSITY", "5"),
    ("GIT_PRINT_SHA1_ELLIPSIS", "yes"),
    ("GIT_TRACE", "2"),
    ("GIT_TRACE2", "2"),
    ("GIT_TRACE_PACKET", "2"),
    ("GIT_TRACE_SETUP", "1"),
    ("COLUMNS", "10"),
    ("GIT_ADVICE", "1"),
];

#[test]
fn variables_of_git_that_say_what_to_work_on_and_how_to_speak_are_for_others() {
    let mut crew = with_remote(COMMITS);
    let none = crew.sandbox.path("none").display().to_string();
    let id = crew.ready("Work");
    for (key, value) in VARIABLES {
        crew.sandbox.set(key, &value.replace("<sandbox>", &none));
    }
    crew.os(&["start", "--yes"]).ok();
    crew.os(&["revert", &id]).ok();
    crew.os(&["sync"]).ok();
    crew.os(&["fsck"]).ok();
    for (key, _) in VARIABLES {
        crew.sandbox.unset(key);
    }
    crew.sandbox.set("GIT_EDITOR", "true");
    assert_eq!(crew.state(&id), "merged");
    assert_eq!(crew.sandbox.git("ws/hub", &["log", "--format=%s", "-1", "main"]).ok(), "Revert \"Work\"");
    let refs = crew.sandbox.refs("ws/hub", &["refs"]);
    assert!(!refs.contains("namespaces") && !refs.contains("notes/other"), "{refs}");
    assert!(!crew.sandbox.path("none").exists());
    crew.all_is_well();
}

#[test]
fn each_variable_of_git_by_itself_leaves_a_ticket_where_it_belongs() {
    let mut crew = Crew::alone(COMMITS, "");
    let none = crew.sandbox.path("none").display().to_string();
    for (key, value) in VARIABLES {
        crew.sandbox.set(key, &value.replace("<sandbox>", &none));
        let id = crew.os(&["new", key]).ok();
        let listed = crew.os(&["list"]).ok();
        crew.sandbox.unset(key);
        assert!(listed.contains(key), "{key}: {listed}");
        assert_eq!(crew.state(id.split(' ').next().expect("an id")), "draft", "{key}");
    }
    crew.sandbox.set("GIT_EDITOR", "true");
    crew.os(&["fsck"]).ok();
}

#[test]
fn where_variables_say_the_repository_is_there_it_is() {
    let mut crew = Crew::with(&["hub", "alpha"], "");
    let (hub, tree) = (crew.sandbox.path("ws/hub/.git").display().to_string(), crew.sandbox.path("ws/hub").display().to_string());
    crew.sandbox.set("GIT_DIR", &hub);
    for work_tree in [None, Some(&tree)] {
        if let Some(tree) = work_tree {
            crew.sandbox.set("GIT_WORK_TREE", tree);
        }
        let id = crew.sandbox.os("ws/alpha", &["new", "There"]).ok();
        assert_eq!(crew.sandbox.state("ws/hub", id.split(' ').next().expect("an id")), "draft");
    }
    crew.sandbox.os("ws/alpha", &["fsck"]).ok();
    crew.sandbox.unset("GIT_DIR");
    crew.sandbox.unset("GIT_WORK_TREE");
    assert_eq!(crew.sandbox.refs("ws/alpha", &["refs/os/tickets"]), "");
}

#[test]
fn what_git_says_in_another_language_is_not_read_wrongly() {
    for language in ["de_DE.UTF-8", "fr_FR.UTF-8", "ja_JP.UTF-8"] {
        let mut crew = with_remote(COMMITS);
        for key in ["LC_ALL", "LANG", "LC_MESSAGES"] {
            crew.sandbox.set(key, language);
        }
        crew.sandbox.set("LANGUAGE", language.split('_').next().expect("a language"));
        let id = crew.ready("Work");
        crew.os(&["sync"]).ok();
        crew.sandbox.sh("ws/hub", "git commit -q --allow-empty -m 'A person goes on'; git push -q origin main").ok();
        // Somebody else moves the ticket on the remote: a lease that is over is told by git's words.
        crew.sandbox.sh("ws", &format!("mkdir there; git clone -q hub.git there/hub; cp hub/registry.toml there/hub; cd there/hub; git os init; git os sync; git os comment {id} theirs; git os sync")).ok();
        crew.os(&["comment", &id, "ours"]).ok();
        crew.os(&["sync"]).ok();
        crew.start().ok();
        assert_eq!(crew.state(&id), "merged", "{language}: {}", crew.log(&id));

        crew.all_is_well();
    }
}
