//! Roles with keys: who signs may act, and nobody else, whatever they can write.

use super::fleet::{BARE, Fleet, Plan};
use crate::sandbox::Out;

/// How a forger works: `next ID EVENT STATE [SED]…` makes the message of a next event out of the one before it, `commit ID`
/// writes it as plain git does, `signed ID` with the key of the machine, and `force ID COMMIT` takes it there past the hooks.
const TOOLS: &str = r#"
past() { git -c core.hooksPath=/dev/null "$@"; }
tip() { git rev-parse refs/os/tickets/$1; }
body() { git cat-file commit refs/os/tickets/$1 | sed '1,/^$/d'; }
next() {
    id=$1 event=$2 state=$3; shift 3
    seq=$(body $id | sed -n 's/^Os-Seq: //p')
    body $id | sed -e "1s/^\[[a-z-]*\]/[$state]/" -e "s/^Os-Event: .*/Os-Event: $event/" -e "s/^Os-State: .*/Os-State: $state/" \
        -e "s/^Os-Seq: .*/Os-Seq: $((seq + 1))/" -e "s/^Os-Nonce: .*/Os-Nonce: 0123456789abcdef0123456789abcdef/" \
        -e "/^Os-Repo: /d" "$@"
}
commit() { git commit-tree -F - -p $(tip $1) $(tip $1)^{tree}; }
signed() { git commit-tree -S -F - -p $(tip $1) $(tip $1)^{tree}; }
again() { git hash-object -t commit -w --stdin; }
force() { past push -q origin $2:refs/os/tickets/$1; }
"#;

/// Runs lines of shell on a machine, with the tools of a forger.
fn forge(fleet: &Fleet, machine: &str, script: &str) -> Out {
    let mut command = fleet.sandbox.command(machine, "/bin/sh");
    command.env("HOME", fleet.sandbox.path(&format!("homes/{machine}")));
    Out::of("sh", &[script], command.args(["-ec", &format!("{TOOLS}\n{script}")]))
}

/// The table of an actor whose key is that of a machine.
fn actor(fleet: &Fleet, machine: &str, roles: &str) -> String {
    let key = fleet.sandbox.read(&format!("homes/{machine}/.ssh/id.pub"));
    let roles: Vec<_> = roles.split(' ').map(|role| format!("{role:?}")).collect();
    format!(
        "\n[[actor]]\nname = {machine:?}\nemail = \"{machine}@example.com\"\nkeys = [{:?}]\nroles = [{}]\n",
        key.trim_end(),
        roles.join(", ")
    )
}

/// A machine gets a key, and git's own settings name it.
fn key(fleet: &Fleet, machine: &str) {
    let script = "mkdir -p ~/.ssh && ssh-keygen -q -t ed25519 -N '' -C $0 -f ~/.ssh/id
        git config --global gpg.format ssh && git config --global user.signingKey '~/.ssh/id'";
    forge(fleet, machine, script).ok();
}

const OPERATOR: &str = "operator gate verifier reviewer planner scout";

/// The registry of all machines, with these tables behind what it has.
fn registry(fleet: &Fleet, tables: &str) {
    for machine in &fleet.machines {
        let path = format!("{machine}/registry.toml");
        let text = fleet.sandbox.read(&path);
        let text = text.split("\n[[actor]]").next().expect("a registry").to_owned();
        fleet.sandbox.write(&path, text + tables);
    }
}

/// Everybody gets a key: `m0` is operator, the others are workers.
fn give_keys(fleet: &Fleet) {
    let mut tables = String::new();
    for (number, machine) in fleet.machines.iter().enumerate() {
        key(fleet, machine);
        tables += &actor(fleet, machine, if number == 0 { OPERATOR } else { "ticket-executor" });
    }
    registry(fleet, &tables);
    fleet.os("m0", &["init"]).says("policy updated").ok();
}

/// An operator `m0` and workers, around a server that judges; each has a key, and a ticket is older than the keys.
fn signed(workers: usize, init_args: &'static str) -> (Fleet, String) {
    let fleet = Fleet::new(workers + 1, Plan { is_judged: true, init_args, ..Plan::default() });
    let old = fleet.ready("m0", "Older than the keys");
    fleet.settle();
    give_keys(&fleet);
    fleet.settle();
    fleet.all_agree();
    (fleet, old)
}

/// A ticket that a worker has handed in.
fn handed_in(fleet: &Fleet) -> (String, String) {
    let id = fleet.ready("m0", "Work");
    fleet.os("m0", &["sync"]).ok();
    fleet.os("m1", &["sync"]).ok();
    for verb in ["claim", "start"] {
        fleet.os("m1", &[verb, &id]).ok();
    }
    let head = fleet.sandbox.work("m1", &id);
    fleet.os("m1", &["submit", &id]).ok();
    fleet.settle();
    (id, head)
}

#[test]
fn operator_and_worker_go_about_their_day() {
    for init_args in ["", "--object-format=sha256"] {
        let (fleet, old) = signed(1, init_args);
        let (id, head) = handed_in(&fleet);
        fleet.os("m0", &["verify", &id]).ok();
        fleet.os("m0", &["sync"]).ok();
        fleet.git("m0", &["fetch", "-q", "origin"]).ok();
        fleet.git("m0", &["merge", "-q", "--ff-only", &head]).ok();
        fleet.git("m0", &["push", "-q", "origin", "main"]).ok();
        fleet.settle();
        fleet.all_agree();
        assert_eq!(fleet.events("m1", &id), ["create", "approve", "claim", "start", "submit", "pass", "merge"]);
        // What is older than the keys goes on, too.
        fleet.os("m1", &["claim", &old]).ok();
        fleet.settle();
        fleet.all_agree();
        // Plain git agrees about each, given the keys.
        let script = format!(
            "for m in m0 m1; do echo \"$m@example.com $(cat ~/../$m/.ssh/id.pub)\"; done >allowed
             for event in $(git rev-list refs/os/tickets/{id}) refs/os/tickets/{old}; do
                 git -c gpg.ssh.allowedSignersFile=allowed verify-commit $event 2>&1
             done; rm allowed"
        );
        let said = forge(&fleet, "m1", &script).ok();
        assert_eq!(said.matches("Good \"git\" signature for m").count(), 8, "{said}");
        let script = "git verify-commit refs/os/meta 2>&1 || git cat-file commit refs/os/meta";
        assert!(!forge(&fleet, "m0", script).ok().contains("gpgsig"), "the first policy with actors is signed by nobody yet");
    }
}

#[test]
fn a_worker_neither_approves_nor_judges() {
    let (fleet, _) = signed(1, "");
    let (id, _) = handed_in(&fleet);
    let draft = fleet.new_ticket("m0", "Draft");
    fleet.settle();
    fleet.os("m1", &["approve", &draft]).fails("no actor with the email `m1@example.com` has this role");
    fleet.os("m1", &["verify", &id]).fails("this machine cannot act as verifier");
    // Past the program: signed with the worker's key, and in the operator's name with it.
    let approve = format!("next {draft} approve ready -e 's/^Os-Actor.*/Os-Actor: operator/'");
    let own = format!("c=$({approve} | signed {draft}); force {draft} $c");
    forge(&fleet, "m1", &own).fails("the event is as `operator`, and its signer `m1` does not have that role");
    let named = "export GIT_AUTHOR_EMAIL=m0@example.com GIT_COMMITTER_EMAIL=m0@example.com";
    forge(&fleet, "m1", &format!("{named}; {own}"))
        .fails("the event is as `operator`, and its signer `m1` does not have that role");
    // A verdict, with all that belongs to it.
    let judge = "22222222222222222222222222222222";
    let pass = |how: &str| {
        format!(
        "head=$(body {id} | sed -n 's/^Os-Head: //p') base=$(body {id} | sed -n 's/^Os-Base: //p') run=$(body {id} | sed -n 's/^Os-Run: //p')
         seq=$(($(body {id} | sed -n 's/^Os-Seq: //p') + 1))
         printf '{{\"version\":1,\"ticket\":\"{id}\",\"verdict\":\"pass\",\"run\":\"{judge}\",\"holder\":\"%s\",\"commit\":\"%s\",\"tree\":\"%s\",\"base\":\"%s\",\"checks\":[],\"judge\":{{\"agent\":\"checks\",\"reasons\":[]}},\"grade\":\"A\"}}\\n' \
             $run $head $(git rev-parse $head^{{tree}}) $base >../verdict
         export GIT_INDEX_FILE=../index; git read-tree refs/os/tickets/{id}
         git update-index --add --cacheinfo 100644,$(git hash-object -w ../verdict),verdicts/$seq.json
         tree=$(git write-tree); unset GIT_INDEX_FILE
         c=$(next {id} pass verified -e 's/^Os-Actor.*/Os-Actor: verifier/' -e 's/^Os-By.*/Os-By: {judge}/' | git commit-tree -S -F - -p $(tip {id}) $tree)
         {how} $c"
    )
    };
    forge(&fleet, "m1", &pass(&format!("force {id}")))
        .fails("the event is as `verifier`, and its signer `m1` does not have that role");
    // By an operator's hand the very same is right: the keys alone were in the way.
    forge(&fleet, "m0", &pass(&format!("git update-ref refs/os/tickets/{id}"))).ok();
    assert_eq!(fleet.sandbox.state("m0", &id), "verified");
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn what_is_not_signed_is_refused_and_found() {
    let (fleet, _) = signed(1, "");
    let draft = fleet.new_ticket("m0", "Draft");
    fleet.settle();
    let approve = format!("c=$(next {draft} approve ready | commit {draft})");
    forge(&fleet, "m0", &format!("{approve}; force {draft} $c"))
        .fails("an event as `operator` must be signed, and this one is not");
    let name = format!("refs/os/tickets/{draft}");
    forge(&fleet, "m0", &format!("{approve}; git update-ref {name} $c"))
        .fails("an event as `operator` must be signed, and this one is not");
    forge(&fleet, "m0", &format!("{approve}; past update-ref {name} $c")).ok();
    fleet.os("m0", &["fsck"]).fails("an event as `operator` must be signed, and this one is not");
    fleet.os("m0", &["claim", &draft]).fails("quarantined");
    // A role that nobody has stays as it was.
    fleet.sandbox.sh(BARE, &format!("git update-ref refs/heads/x {name}")).ok();
}

#[test]
fn a_signature_is_of_one_event_by_one_hand() {
    let (fleet, _) = signed(1, "");
    let (one, two) = (fleet.new_ticket("m0", "Twin"), fleet.new_ticket("m0", "Twin"));
    fleet.os("m0", &["approve", &one]).ok();
    fleet.settle();
    let approve = format!("next {two} approve ready");
    let forgeries = [
        (
            "on another parent",
            format!("git cat-file commit $(tip {one}) | sed \"s/^parent.*/parent $(tip {two})/\" | again"),
            "its signature is for different content",
        ),
        (
            "other words",
            format!("git cat-file commit $({approve} | signed {two}) | sed 's/^Os-Nonce: 0/Os-Nonce: 1/' | again"),
            "its signature is for different content",
        ),
        (
            "in another's name",
            format!("export GIT_AUTHOR_EMAIL=m1@example.com GIT_COMMITTER_EMAIL=m1@example.com; {approve} | signed {two}"),
            "the commit is by `m1@example.com`, but `m0` signed it",
        ),
        (
            "two signatures",
            format!(
                "git cat-file commit $({approve} | signed {two}) >../c
                 (sed '/^gpgsig/,$d' ../c; sed -n '/^gpgsig/,/END/p' ../c; sed -n '/^gpgsig/,$p' ../c) | again"
            ),
            "the commit has headers that an event does not have",
        ),
        (
            "a signature in the middle",
            format!("git cat-file commit $({approve} | signed {two}) | sed '/END SSH/a encoding UTF-8' | again"),
            "the commit has headers that an event does not have",
        ),
        (
            "a header beside it",
            format!("git cat-file commit $({approve} | signed {two}) | sed '/^committer/a encoding UTF-8' | again"),
            "the commit has headers that an event does not have",
        ),
        (
            "for files",
            format!(
                "git cat-file commit $({approve} | commit {two}) >../c
                 ssh-keygen -q -Y sign -n file -f ~/.ssh/id ../c
                 (sed '/^$/,$d' ../c; sed -e '1s/^/gpgsig /' -e '2,$s/^/ /' ../c.sig; sed -n '/^$/,$p' ../c) | again; rm ../c.sig"
            ),
            "its signature was made for a purpose other than git",
        ),
        (
            "by a key of nobody",
            format!(
                "rm -f ../k ../k.pub; ssh-keygen -q -t ed25519 -N '' -f ../k; {approve} | git -c user.signingKey=../k commit-tree -S -F - -p $(tip {two}) $(tip {two})^{{tree}}"
            ),
            "belongs to no actor",
        ),
    ];
    for (name, script, says) in forgeries {
        let out = forge(&fleet, "m0", &format!("c=$({script}); test -n \"$c\"; force {two} $c"));
        println!("{name}");
        out.fails(says);
    }
    // The tools are good: without a change it goes.
    forge(&fleet, "m0", &format!("c=$({approve} | signed {two}); force {two} $c")).ok();
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn what_was_signed_is_not_undone_as_a_conflict() {
    let fleet = Fleet::new(2, Plan { is_judged: true, ..Plan::default() });
    let undo = |id: &str| {
        let script = format!(
            "a=$(tip {id}); git cat-file commit $a >../raw; export GIT_INDEX_FILE=../index; git read-tree $a
             git update-index --add --cacheinfo 100644,$(git hash-object -w ../raw),conflicts/2.event
             tree=$(git write-tree); unset GIT_INDEX_FILE
             nonce=$(git cat-file commit $a | sed -n 's/^Os-Nonce: //p')
             c=$(git cat-file commit $a~1 | sed '1,/^$/d' | sed -e 's/^Os-Schema/It could not be\\n\\n&/' -e 's/^Os-Event.*/Os-Event: conflict/' \\
                 -e 's/^Os-Actor.*/Os-Actor: sync/' -e \"s/^Os-Nonce.*/Os-Nonce: $nonce/\" -e 's/^Os-Seq.*/Os-Seq: 2/' -e '/^Os-Repo/d' \\
                 | git commit-tree -F - -p $a~1 $tree)
             past push -q -f origin $c:refs/os/tickets/{id}"
        );
        forge(&fleet, "m1", &script)
    };
    let id = fleet.ready("m0", "Of nobody");
    fleet.settle();
    undo(&id).ok();
    fleet.settle();
    give_keys(&fleet);
    let id = fleet.ready("m0", "By an operator");
    fleet.settle();
    undo(&id).fails("does not descend");
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn a_worker_that_is_no_verifier_hands_in_and_waits() {
    let settings = "push = \"auto\"\nagent = \"crew\"\n[agents.crew]\nkind = \"command\"\nrun = [\"sh\", \"../agent.sh\"]\n";
    let fleet = Fleet::new(2, Plan { is_judged: true, settings, ..Plan::default() });
    fleet.sandbox.write("agent.sh", "set -eu; cat >/dev/null; echo work >work; git add -A; git commit -qm Work\n");
    give_keys(&fleet);
    let id = fleet.ready("m0", "Work");
    fleet.settle();
    fleet.os("m1", &["worker", "--remote", "origin", "--until-empty"]).ok();
    assert_eq!(fleet.sandbox.state(BARE, &id), "verifying");
    // Nobody works on it, and it waits for a verifier for longer than the lease of a run.
    let lease = format!("git log -1 --format='%(trailers:key=Os-Lease,valueonly,separator=)' refs/os/tickets/{id}");
    fleet.sandbox.sh(BARE, &format!("[ $(date -d $({lease}) +%s) -gt $(($(date +%s) + 3600)) ]")).ok();
    fleet.os("m0", &["sync"]).ok();
    fleet.git("m0", &["fetch", "-q", "origin"]).ok();
    fleet.os("m0", &["verify", &id]).ok();
    fleet.os("m0", &["sync"]).ok();
    // By hand the same guard holds as for a run.
    fleet.os("m1", &["sync"]).ok();
    fleet.os("m1", &["merge", &id]).fails(&format!("cannot land {id}: this machine cannot act as gate"));
    assert_eq!(fleet.sandbox.state("m1", &id), "verified");
    fleet.os("m0", &["merge", &id]).ok();
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.sandbox.state(BARE, &id), "merged");
    assert_eq!(fleet.sandbox.git(BARE, &["show", "main:work"]).ok(), "work");
}

#[test]
fn the_name_of_a_run_is_not_its_key() {
    let (fleet, _) = signed(2, "");
    let id = fleet.ready("m0", "Work");
    fleet.settle();
    fleet.os("m1", &["claim", &id]).ok();
    fleet.settle();
    let run = forge(&fleet, "m2", &format!("body {id} | sed -n 's/^Os-Run: //p'")).ok();
    let says = "only `m1@example.com`, who claimed the ticket, can do this; the commit is by `m2@example.com`";
    fleet.os("m2", &["start", &id, "--run", &run]).fails(says);
    let start = format!("c=$(next {id} start running | signed {id}); force {id} $c");
    forge(&fleet, "m2", &start).fails(says);
    forge(&fleet, "m1", &start).ok();
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn no_setting_changes_the_verdict() {
    let (fleet, _) = signed(1, "");
    let draft = fleet.new_ticket("m0", "Draft");
    fleet.settle();
    fleet.sandbox.script("yes", "#!/bin/sh\ncat >/dev/null; echo 'Good \"git\" signature for m0@example.com'; exit 0\n");
    fleet.sandbox.script("no", "#!/bin/sh\necho no >&2; exit 1\n");
    let approve = |how: &str| format!("c=$(next {draft} approve ready | {how} {draft})");
    for program in ["yes", "no"] {
        let path = fleet.sandbox.path(program).display().to_string();
        let set = format!(
            "git config gpg.ssh.program {path}; git config gpg.ssh.allowedSignersFile {path}; git config gpg.program {path}"
        );
        fleet.sandbox.sh(BARE, &set).ok();
        forge(&fleet, "m0", &format!("{}; force {draft} $c", approve("commit"))).fails("must be signed, and this one is not");
        let lie = format!(
            "{}; export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=gpg.ssh.program GIT_CONFIG_VALUE_0={path}; git update-ref refs/os/tickets/{draft} $c",
            approve("commit")
        );
        forge(&fleet, "m0", &lie).fails("must be signed, and this one is not");
        fleet.sandbox.sh("m0", &format!("{set}; git os fsck; git config --unset gpg.ssh.program")).ok();
    }
    forge(&fleet, "m0", &format!("{}; force {draft} $c", approve("signed"))).ok();
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn a_key_that_is_gone_signs_nothing_new_and_what_it_signed_stays() {
    let (fleet, old) = signed(2, "");
    let (id, _) = handed_in(&fleet);
    let gone = actor(&fleet, "m1", "ticket-executor");
    let gone = format!("{}keys = []\nroles = [\"ticket-executor\"]\n", gone.split("keys").next().expect("a table"));
    // Known to nobody when its key goes.
    fleet.os("m1", &["block", &id, "--reason", "I go"]).ok();
    registry(&fleet, &format!("{}{gone}{}", actor(&fleet, "m0", OPERATOR), actor(&fleet, "m2", "ticket-executor")));
    fleet.os("m0", &["init"]).says("policy updated").ok();
    fleet.os("m0", &["sync"]).ok();
    fleet.os("m0", &["fsck"]).ok();
    fleet.os("m1", &["sync"]).code.expect("an end");
    fleet.os("m1", &["fsck"]).fails("belongs to no actor");
    fleet.os("m1", &["claim", &old]).fails("belongs to no actor");
    // As a branch from before, in a clone that never heard of it.
    let claim = format!(
        "c=$(next {old} claim claimed -e 's/^Os-Actor.*/Os-Actor: ticket-executor/' -e 's/^Os-Attempt.*/Os-By: {RUN}\\nOs-Run: {RUN}\\nOs-Lease: 2099-01-01T00:00:00Z\\nOs-Attempt: 1/' | signed {old})"
    );
    forge(&fleet, "m1", &format!("{claim}; force {old} $c")).fails("belongs to no actor");
    // Another worker goes on.
    fleet.os("m2", &["sync"]).ok();
    fleet.os("m2", &["claim", &old]).ok();
    fleet.os("m0", &["sync"]).ok();
    for machine in ["m0", "m2"] {
        fleet.os(machine, &["fsck"]).ok();
    }
    assert_eq!(fleet.events("m0", &id).last().map(String::as_str), Some("submit"));
    assert_eq!(fleet.sandbox.state(BARE, &old), "claimed");
}

const RUN: &str = "33333333333333333333333333333333";

#[test]
fn the_policy_is_changed_by_an_operator_alone() {
    let (fleet, _) = signed(1, "");
    let before = fleet.sandbox.id(BARE, "refs/os/meta");
    let keys = actor(&fleet, "m0", OPERATOR) + &actor(&fleet, "m1", "ticket-executor");
    let all = actor(&fleet, "m0", OPERATOR) + &actor(&fleet, "m1", "ticket-executor operator verifier");
    registry(&fleet, &all);
    fleet.os("m1", &["init"]).says("policy not updated").ok();
    let publish = "new=$(git cat-file blob refs/os/meta:policy.json | sed 's/\"ticket-executor\"/\"operator\"/' | git hash-object -w --stdin)
        tree=$(printf '100644 blob %s\\tpolicy.json\\n' $new | git mktree)
        c=$(git cat-file commit refs/os/meta | sed '1,/^$/d' | git commit-tree SIGN -F - -p refs/os/meta $tree)
        past push -q origin $c:refs/os/meta";
    forge(&fleet, "m1", &publish.replace("SIGN", "-S")).fails("is not signed by an operator");
    forge(&fleet, "m1", &publish.replace("SIGN", "")).fails("is not signed by an operator");
    forge(&fleet, "m0", &publish.replace("SIGN", "")).fails("is not signed by an operator");
    // An older one is not the next one, neither by itself nor written again on top.
    forge(&fleet, "m1", "past push -q -f origin refs/os/meta~1:refs/os/meta").fails("does not descend");
    let again = "c=$(git cat-file commit refs/os/meta | sed \"s/^parent.*/parent $(git rev-parse refs/os/meta)/\" | again); force_meta $c";
    forge(&fleet, "m1", &again.replace("force_meta $c", "past push -q origin $c:refs/os/meta"))
        .fails("is not signed by an operator");
    // Nor by a second link that its first has made an operator.
    let two = publish.replace("past push", "c=$(git commit-tree -S -m x -p $c $tree); past push");
    forge(&fleet, "m1", &two.replace("SIGN", "-S")).fails("is not signed by an operator");
    assert_eq!(fleet.sandbox.id(BARE, "refs/os/meta"), before);
    // What is forced in is found.
    let saved = fleet.sandbox.id("m1", "refs/os/meta");
    forge(&fleet, "m1", &publish.replace("SIGN", "").replace("push -q origin $c:refs/os/meta", "update-ref refs/os/meta $c"))
        .ok();
    fleet.os("m1", &["fsck"]).fails("is not signed by an operator");
    forge(&fleet, "m1", &format!("past update-ref refs/os/meta {saved}")).ok();
    // The operator may.
    registry(&fleet, &keys.replace("\"planner\", ", ""));
    fleet.os("m0", &["init"]).says("policy updated").ok();
    fleet.settle();
    fleet.all_agree();
    assert_ne!(fleet.sandbox.id(BARE, "refs/os/meta"), before);
}

#[test]
fn diverged_events_are_put_together_by_their_authors_machine() {
    let (fleet, _) = signed(1, "");
    let id = fleet.ready("m0", "Work");
    fleet.settle();
    fleet.os("m1", &["claim", &id]).ok();
    fleet.settle();
    fleet.os("m1", &["start", &id]).ok();
    fleet.os("m0", &["comment", &id, "meanwhile"]).ok();
    fleet.os("m0", &["sync"]).ok();
    let before = fleet.sandbox.id("m0", &format!("refs/os/tickets/{id}"));
    // The operator's machine sees both and can put neither on top of the other.
    let url = format!("file://{}", fleet.sandbox.path("m1").display());
    fleet.git("m0", &["remote", "add", "m1", &url]).ok();
    fleet.git("m0", &["fetch", "-q", "m1", "+refs/os/tickets/*:refs/os-remote/m1/tickets/*"]).ok();
    fleet.os("m0", &["sync", "m1"]).says("must be replayed on its author's machine").code.expect("an end");
    assert_eq!(fleet.sandbox.id("m0", &format!("refs/os/tickets/{id}")), before);
    fleet.os("m0", &["fsck"]).ok();
    // The worker's can, and then everybody has it.
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.events("m0", &id), ["create", "approve", "claim", "comment", "start"]);
}

#[test]
fn what_came_meanwhile_is_vouched_for_when_it_is_published_again() {
    let fleet = Fleet::new(2, Plan { is_judged: true, ..Plan::default() });
    let id = fleet.ready("m0", "Work");
    fleet.settle();
    give_keys(&fleet);
    // The other machine knows nothing of it yet.
    fleet.os("m1", &["claim", &id]).ok();
    fleet.os("m0", &["sync"]).fails("this policy would make");
    assert!(!fleet.sandbox.git(BARE, &["show", "refs/os/meta:policy.json"]).ok().contains("actors"));
    fleet.os("m0", &["init"]).says("policy updated").ok();
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.sandbox.state("m0", &id), "claimed");
    fleet.os("m1", &["start", &id]).ok();
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn a_registry_that_says_nothing_of_actors_takes_nobodys_key_away() {
    let (fleet, old) = signed(1, "");
    registry(&fleet, "");
    let said = fleet.os("m0", &["init"]).ok();
    assert!(!said.contains("policy"), "{said}");
    // To have none is to be said.
    for machine in ["m0", "m1"] {
        let path = format!("{machine}/registry.toml");
        fleet.sandbox.write(&path, format!("actor = []\n{}", fleet.sandbox.read(&path)));
    }
    fleet.os("m1", &["init", "--yes"]).says("policy not updated").ok();
    fleet.os("m0", &["init", "--yes"]).says("policy updated").ok();
    fleet.settle();
    forge(&fleet, "m1", "git config --global --unset user.signingKey").ok();
    fleet.os("m1", &["comment", &old, "unsigned"]).ok();
    fleet.settle();
    fleet.all_agree();
}

#[test]
fn what_a_worker_published_before_the_keys_gives_way() {
    let fleet = Fleet::new(2, Plan { is_judged: true, ..Plan::default() });
    fleet.settle();
    let path = "m1/registry.toml";
    let text = fleet.sandbox.read(path);
    fleet.sandbox.write(path, format!("{}\nmax_attempts = 5\n", text.trim_end()));
    fleet.os("m1", &["init"]).says("policy updated").ok();
    give_keys(&fleet);
    fleet.os("m0", &["sync"]).ok();
    fleet.settle();
    fleet.all_agree();
    assert_eq!(fleet.sandbox.refs("m1", &["refs/os/rejected"]).lines().count(), 1);
}

#[test]
fn without_a_key_it_is_said_what_to_do() {
    let (fleet, _) = signed(1, "");
    forge(&fleet, "m0", "git config --global --unset user.signingKey").ok();
    fleet.os("m0", &["new", "x"]).fails("no signing key is configured");
    fleet.os("m0", &["new", "x"]).fails("git config user.signingKey");
    forge(&fleet, "m0", "git config --global user.signingKey '~/.ssh/none'").ok();
    fleet.os("m0", &["new", "x"]).fails("did not sign");
    // A key that an agent holds, named by itself.
    let script = "eval $(ssh-agent) >/dev/null; trap 'kill $SSH_AGENT_PID' EXIT; ssh-add -q ~/.ssh/id
        git config --global user.signingKey \"key::$(cat ~/.ssh/id.pub)\"; mv ~/.ssh/id ~/.ssh/away
        git os new 'By an agent'; git os fsck";
    forge(&fleet, "m0", script).ok();
}
