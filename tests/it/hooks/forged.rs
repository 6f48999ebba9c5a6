//! Events that nobody could have written by the rules: refused at the door, and quarantined when they came past it.

use super::stage::Stage;
use crate::sandbox::gits;

/// How the forger works: `event REF TREE PARENTS… <message` writes a commit, and `next EVENT STATE SED` makes the message of a
/// next event out of the one before it.
pub(crate) const TOOLS: &str = r#"
past() { git -c core.hooksPath=/dev/null "$@"; }
tip() { git rev-parse refs/os/tickets/$1; }
body() { git cat-file commit refs/os/tickets/$1 | sed '1,/^$/d'; }
next() { # ID EVENT STATE [SED]…
    id=$1 event=$2 state=$3; shift 3
    seq=$(body $id | sed -n 's/^Os-Seq: //p')
    body $id | sed -e "1s/^\[[a-z-]*\]/[$state]/" -e "s/^Os-Event: .*/Os-Event: $event/" -e "s/^Os-State: .*/Os-State: $state/" \
        -e "s/^Os-Seq: .*/Os-Seq: $((seq + 1))/" -e "s/^Os-Nonce: .*/Os-Nonce: 0123456789abcdef0123456789abcdef/" \
        -e "/^Os-Repo: /d" "$@"
}
commit() { # ID [ARGS]…, message on stdin
    id=$1; shift
    git commit-tree -F - -p $(tip $id) "$@" $(tip $id)^{tree}
}
"#;

/// A name, the ticket, how the forged commit is made, and what the refusal says.
type Forgery = (&'static str, &'static str, &'static str, &'static str);

const FORGERIES: &[Forgery] = &[
    (
        "a state that was not earned",
        "$DRAFT",
        "next $DRAFT approve verified | commit $DRAFT",
        "it records the state `verified`, but",
    ),
    (
        "a step that was skipped",
        "$DRAFT",
        "next $DRAFT start running -e 's/^Os-Actor.*/Os-Actor: ticket-executor/' | commit $DRAFT",
        "cannot start: the ticket is `draft`",
    ),
    (
        "merged without a landing",
        "$VERIFIED",
        "next $VERIFIED merge merged -e 's/^Os-Actor.*/Os-Actor: gate/' -e '/^Os-By/d' -e '/^Os-Lease/d' | commit $VERIFIED",
        "its work in a protected branch",
    ),
    (
        "another role",
        "$DRAFT",
        "next $DRAFT approve ready -e 's/^Os-Actor.*/Os-Actor: planner/' | commit $DRAFT",
        "cannot approve as planner",
    ),
    (
        "a number that is skipped",
        "$DRAFT",
        "next $DRAFT approve ready -e 's/^Os-Seq.*/Os-Seq: 9/' | commit $DRAFT",
        "attempt or number",
    ),
    (
        "a title that changes on the way",
        "$DRAFT",
        "next $DRAFT approve ready -e '1s/Draft/Other/' | commit $DRAFT",
        "which this event cannot change",
    ),
    (
        "a priority that changes on the way",
        "$DRAFT",
        "next $DRAFT approve ready -e 's/^Os-Priority.*/Os-Priority: 0/' | commit $DRAFT",
        "which this event cannot change",
    ),
    ("two parents", "$DRAFT", "next $DRAFT approve ready | commit $DRAFT -p $MAIN", "an event has one parent"),
    ("no parent", "$DRAFT", "next $DRAFT approve ready | git commit-tree -F - $(tip $DRAFT)^{tree}", "does not descend from"),
    (
        "a second root",
        "$DRAFT",
        "body $DRAFT | sed 's/^Os-Nonce.*/Os-Nonce: 0123456789abcdef0123456789abcdef/' | git commit-tree -F - $(tip $DRAFT)^{tree}",
        "refusing to update",
    ),
    ("a parent from another ticket", "$DRAFT", "next $DRAFT approve ready | commit $OPEN", "does not descend from"),
    (
        "content that changes on the way",
        "$DRAFT",
        "next $DRAFT approve ready | git commit-tree -F - -p $(tip $DRAFT) $MAIN^{tree}",
        "changes no files",
    ),
    (
        "a second block of trailers",
        "$DRAFT",
        "(next $DRAFT approve ready; echo; echo Os-State: verified) | commit $DRAFT",
        "refusing to update",
    ),
    (
        "a trailer that is there twice",
        "$DRAFT",
        "next $DRAFT approve ready -e 's/^Os-State.*/&\\nOs-State: verified/' | commit $DRAFT",
        "refusing to update",
    ),
    (
        "a trailer that is not known",
        "$DRAFT",
        "next $DRAFT approve ready -e 's/^Os-Nonce.*/&\\nOs-Foo: bar/' | commit $DRAFT",
        "refusing to update",
    ),
    ("no nonce", "$DRAFT", "next $DRAFT approve ready -e '/^Os-Nonce/d' | commit $DRAFT", "Os-Nonce"),
    ("no message", "$DRAFT", "echo hello | commit $DRAFT", "refusing to update"),
    (
        "an escape in the text",
        "$DRAFT",
        "(next $DRAFT comment draft | sed -e '1a\\' -e '\\' | sed -e '2a\\' -e \"$(printf '\\033')[2J\") | commit $DRAFT",
        "refusing to update",
    ),
    ("a large message", "$DRAFT", "(body $DRAFT; head -c 300000 /dev/zero | tr '\\0' x) | commit $DRAFT", "too large"),
    (
        "a submit by another run",
        "$RUNNING",
        "next $RUNNING submit verifying -e 's/^Os-By.*/Os-By: 33333333333333333333333333333333/' -e \"s/^Os-Nonce.*/Os-Head: $WORK\\nOs-Base: $MAIN\\n&/\" | commit $RUNNING",
        "holds the ticket",
    ),
    (
        "another holder",
        "$RUNNING",
        "next $RUNNING submit verifying -e 's/^Os-Run.*/Os-Run: 33333333333333333333333333333333/' -e \"s/^Os-Nonce.*/Os-Head: $WORK\\nOs-Base: $MAIN\\n&/\" | commit $RUNNING",
        "holder or lease",
    ),
    (
        "a longer lease",
        "$RUNNING",
        "next $RUNNING comment running -e 's/^Os-Lease.*/Os-Lease: 2036-05-07T12:30:00Z/' -e '1s/$/\\n\\nhello/' | commit $RUNNING",
        "holder or lease",
    ),
    (
        "a pass without a verdict",
        "$OPEN",
        "next $OPEN pass verified -e 's/^Os-Actor.*/Os-Actor: reviewer/' -e 's/^Os-By.*/Os-By: 22222222222222222222222222222222/' | commit $OPEN",
        "verdicts/6.json",
    ),
    (
        "a pass of one's own work",
        "$OPEN",
        "next $OPEN pass verified -e 's/^Os-Actor.*/Os-Actor: reviewer/' | judged $OPEN \"$VERDICT\"",
        "cannot pass or fail the work: this run did it",
    ),
    (
        "a pass with a verdict by another",
        "$OPEN",
        "next $OPEN pass verified -e 's/^Os-Actor.*/Os-Actor: reviewer/' -e 's/^Os-By.*/Os-By: 33333333333333333333333333333333/' | judged $OPEN \"$VERDICT\"",
        "that names the judging run",
    ),
    (
        "a pass of other work",
        "$OPEN",
        "next $OPEN pass verified -e 's/^Os-Actor.*/Os-Actor: reviewer/' -e 's/^Os-By.*/Os-By: 22222222222222222222222222222222/' | judged $OPEN \"$(echo \"$VERDICT\" | sed \"s/$WORK/$GOOD/\")\"",
        "refusing to update",
    ),
    (
        "a pass with a failed check",
        "$OPEN",
        "next $OPEN pass verified -e 's/^Os-Actor.*/Os-Actor: reviewer/' -e 's/^Os-By.*/Os-By: 22222222222222222222222222222222/' | judged $OPEN \"$(echo \"$VERDICT\" | sed \"s/\\\"checks\\\":.]/\\\"checks\\\":[{\\\"name\\\":\\\"t\\\",\\\"run\\\":\\\"t\\\",\\\"exit\\\":1,\\\"output\\\":\\\"$MAIN\\\",\\\"millis\\\":1}]/\")\"",
        "every check at exit 0",
    ),
    (
        "a pass that says fail",
        "$OPEN",
        "next $OPEN pass verified -e 's/^Os-Actor.*/Os-Actor: reviewer/' -e 's/^Os-By.*/Os-By: 22222222222222222222222222222222/' | judged $OPEN \"$(echo \"$VERDICT\" | sed 's/\"pass\"/\"fail\"/')\"",
        "a verdict of `pass`",
    ),
    (
        "an unfinished lease that expires",
        "$LEASED",
        "next $LEASED expire ready -e '/^Os-Run/d' -e '/^Os-Lease/d' -e '/^Os-By/d' -e 's/^Os-Actor.*/Os-Actor: sync/' | commit $LEASED",
        "the lease lasts until",
    ),
];

pub(crate) const JUDGED: &str = r#"
judged() { # ID VERDICT, message on stdin
    seq=$(body $1 | sed -n 's/^Os-Seq: //p') file=$(echo "$2" | git hash-object -w --stdin)
    folder=$( (git ls-tree $(tip $1):verdicts 2>/dev/null || :; printf '100644 blob %s\t%s.json\n' $file $((seq + 1))) | git mktree)
    tree=$( (git ls-tree $(tip $1) | sed '/verdicts$/d'; printf '040000 tree %s\tverdicts\n' $folder) | git mktree)
    git commit-tree -F - -p $(tip $1) $tree
}
"#;

#[test]
fn forged_events_are_refused_and_past_the_hooks_they_are_quarantined() {
    let mut wrong = Vec::new();
    for git in gits() {
        let mut stage = Stage::new(&git, "checks = []");
        let running = stage.sandbox.ticket("r", "Running", "running");
        let leased = stage.sandbox.ticket("r", "Leased", "ready");
        let claim = format!("GIT_COMMITTER_DATE=2090-01-01T00:00:00Z git os claim {}", leased.id);
        stage.sandbox.sh("r", &claim).ok();
        let verdict = stage.sandbox.verdict("r", &stage.open);
        for (key, value) in [("RUNNING", &running.id), ("LEASED", &leased.id), ("VERDICT", &verdict)] {
            stage.sandbox.set(key, value);
        }
        let sandbox = &stage.sandbox;
        for (name, ticket, forge, said) in FORGERIES {
            let refs = stage.refs();
            let forged = sandbox.sh("r", &format!("{TOOLS}{JUDGED}{forge}")).ok();
            let out = sandbox.sh("r", &format!("git update-ref refs/os/tickets/{ticket} {forged}"));
            println!("git {} | {name} | {}", git.version, if out.code == Some(0) { "ALLOWED" } else { "refused" });
            if out.code == Some(0) || !out.said().contains(said) || stage.refs() != refs {
                wrong.push(format!("git {}: {name}: {out}", git.version));
            }
            sandbox.sh("r", &format!("{TOOLS}past update-ref refs/os/tickets/{ticket} {forged}")).ok();
            let id = sandbox.sh("r", &format!("echo {ticket}")).ok();
            for (what, out) in [
                ("fsck", sandbox.os("r", &["fsck"])),
                ("a verb", sandbox.os("r", &["comment", &id, "hello"])),
                ("another verb", sandbox.os("r", &["approve", &id])),
            ] {
                if out.code == Some(0) || !out.said().contains(&id) {
                    wrong.push(format!("git {}: {name}: past the hooks {what} does not see it: {out}", git.version));
                }
            }
            let list = sandbox.os("r", &["list"]);
            if !list.stderr.contains(&format!("`refs/os/tickets/{id}` is quarantined")) || list.stdout.contains(&id) {
                wrong.push(format!("git {}: {name}: it is listed: {list}", git.version));
            }
            // What is by the rules may take its place again, and no less than that.
            let tip =
                refs.lines().find_map(|line| line.strip_prefix(&format!("refs/os/tickets/{id} "))).expect("the ticket").trim();
            let rewound = sandbox.sh("r", &format!("git update-ref refs/os/tickets/{id} {tip}~1 2>/dev/null"));
            let is_grafted = ["no parent", "a second root", "a parent from another ticket"].contains(name);
            assert!(is_grafted || rewound.code != Some(0), "{name}: {rewound}");
            sandbox.git("r", &["update-ref", &format!("refs/os/tickets/{id}"), tip]).ok();
            assert_eq!(stage.refs(), refs);
            // fsck puts it back to the last legal event, and keeps what was there.
            sandbox.sh("r", &format!("{TOOLS}past update-ref refs/os/tickets/{ticket} {forged}")).ok();
            let repaired = sandbox.os("r", &["fsck", "--repair"]);
            let kept = sandbox.sh("r", "git for-each-ref --format='%(objectname) %(refname)' refs/os/rejected").ok();
            // It may have landed in a branch that was rewound since.
            if *name == "merged without a landing" {
                assert!(repaired.code == Some(1) && kept.is_empty(), "{name}: {repaired}{kept}");
                stage.restore(&refs);
                continue;
            }
            let is_back = is_grafted || stage.refs().contains(&format!("refs/os/tickets/{id} {tip}"));
            if repaired.code != Some(0) || !kept.contains(&forged) || !is_back {
                wrong.push(format!("git {}: {name}: not repaired: {repaired}{kept}", git.version));
            }
            stage.restore(&refs);
        }
        sandbox.os("r", &["fsck"]).ok();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn words_are_no_trailers_and_a_newer_schema_is_kept() {
    for git in gits() {
        let stage = Stage::new(&git, "checks = []");
        let text = "sed -e '1a\\' -e '\\' -e '1aOs-State: verified'";
        let newer = "sed -e 's/^Os-Schema.*/Os-Schema: 9/' -e '$aOs-New: thing'";
        for (event, state, edit) in [("approve", "ready", text), ("comment", "ready", newer)] {
            let script = format!("{TOOLS}next $DRAFT {event} {state} | {edit} | sed '1s/$/\\n\\nwords/' | commit $DRAFT");
            let made = stage.sandbox.sh("r", &script).ok();
            stage.sandbox.sh("r", &format!("git update-ref refs/os/tickets/$DRAFT {made}")).ok();
            let draft = stage.sandbox.sh("r", "echo $DRAFT").ok();
            assert_eq!(stage.sandbox.state("r", &draft), "ready");
        }
        stage
            .sandbox
            .sh("r", "git os comment $DRAFT again && git cat-file commit refs/os/tickets/$DRAFT")
            .says("Os-New: thing")
            .ok();
        stage.sandbox.os("r", &["fsck"]).ok();
    }
}

#[test]
fn a_chain_of_another_repository_is_refused() {
    for git in gits() {
        let mut sandbox = crate::sandbox::Sandbox::with_git(&git);
        sandbox.workspace(&["r", "s"], "");
        let ticket = sandbox.ticket("s", "Elsewhere", "ready");
        sandbox.set("ID", &ticket.id);
        let fetch = sandbox.sh("r", "git fetch -q ../s refs/os/tickets/$ID:refs/os/tickets/$ID");
        let _said = fetch.fails("the ticket was created in another repository");
        assert_eq!(sandbox.refs("r", &["refs/os/tickets"]), "");
        sandbox.sh("r", "git -c core.hooksPath=/dev/null fetch -q ../s refs/os/tickets/$ID:refs/os/tickets/$ID").ok();
        let _said = sandbox.os("r", &["fsck"]).fails("another repository");
        let _said = sandbox.os("r", &["approve", &ticket.id]).fails("quarantined");
        sandbox.sh("r", "git update-ref -d refs/os/tickets/$ID").ok();
        sandbox.os("r", &["fsck"]).ok();
    }
}
