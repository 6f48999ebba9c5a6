//! Pushes that are unusual and by the rules: the server takes them, and has nothing to find afterwards.

use super::super::fleet::{BARE, Fleet, Plan};
use super::{Place, side_by_side};
use crate::sandbox::gits;

#[test]
fn what_is_odd_and_by_the_rules_gets_in() {
    let place = Place::new();
    side_by_side(CASES, |dir, case| place.try_odd(dir, case));
}

#[test]
fn other_kinds_of_repositories_are_served() {
    let is_recent = gits()[0].is_since(2, 45);
    let kinds = ["--object-format=sha256", "--ref-format=reftable", "--object-format=sha256 --ref-format=reftable"];
    for init_args in kinds.iter().filter(|kind| is_recent || !kind.contains("reftable")) {
        let fleet = Fleet::new(1, Plan { is_judged: true, init_args, ..Plan::default() });
        let id = fleet.ready("m0", "One");
        fleet.os("m0", &["sync"]).ok();
        let name = format!("refs/os/tickets/{id}");
        let rewound = fleet.sandbox.sh("m0", &format!("git push -q --force origin {name}~1:{name}"));
        let _said = rewound.fails("does not descend from");
        let unknown = fleet.sandbox.sh("m0", "git push -q origin main:refs/os/x");
        let _said = unknown.fails("git-os has no such ref");
        fleet.os("m0", &["-C", &format!("../{BARE}"), "fsck"]).ok();
    }
}

/// What a push says that a ref was is not what it is: nothing else that comes with it is judged by it.
#[test]
fn a_push_that_lies_about_what_was_there_moves_nothing() {
    let place = Place::new();
    let here = &place.fleet.sandbox;
    let before = here.refs(BARE, &[]);
    let lines = r#". ../tools.sh
        pack() { printf '%04x%s' $(( ${#1} + 4 )) "$1"; }
        new=$(fold $CLOSED $(tip $CLOSED)); zero=0000000000000000000000000000000000000000
        { printf '%04x%s %s %s\0 report-status\n' $((4 + 40 + 1 + 40 + 1 + 15 + 1 + 15)) $POLICY $new refs/os/archive
          pack "$(tip $CLOSED) $zero refs/os/tickets/$CLOSED"; printf 0000
          printf '%s\n^%s\n' $new $(git rev-parse refs/os/archive) | git pack-objects --revs --stdout -q
        } | git receive-pack ../shared.git | tr '\0' ' '"#;
    let out = here.sh("forced", lines);
    assert!(out.said().contains("refusing to update `refs/os/archive`: it changed in the meantime"), "{out}");
    assert_eq!(here.refs(BARE, &[]), before);
}

/// A ref of the server that stands for a protected branch is no way around its name.
#[test]
fn a_protected_branch_is_moved_by_its_own_name_alone() {
    let place = Place::new();
    let here = &place.fleet.sandbox;
    here.git(BARE, &["symbolic-ref", "refs/heads/master", "refs/heads/main"]).ok();
    let push = here.sh("forced", "git push -q origin $WORK:refs/heads/master");
    let _said = push.fails("push to `refs/heads/main` instead");
}

const CASES: &[(&str, &str)] = &[
    ("a comment on a closed ticket", "forge $CLOSED comment rejected -e \"$SAYS\""),
    (
        "a ticket of 1970",
        "WHO='Eve <eve@example.com> 86400 +0000'; ON=1970-01-02; first=$(title Old); put $(opened $first) $first",
    ),
    (
        "a ticket of 2099",
        "WHO='Eve <eve@example.com> 4070908800 +1400'; ON=2099-01-01; first=$(title New); put $(opened $first) $first",
    ),
    (
        "a name in other letters",
        "WHO=\"$(printf '\\345\\220\\215\\345\\211\\215') O'Neil \\\"x\\\" <a+b@\\303\\244.example> $(date +%s) -1130\"; forge $DRAFT comment draft -e \"$SAYS\"",
    ),
    (
        "a very long name",
        "WHO=\"$(head -c 5000 /dev/zero | tr '\\0' x) <eve@example.com> $(date +%s) +0000\"; forge $DRAFT comment draft -e \"$SAYS\"",
    ),
    ("nobody's name", "WHO=\" <> $(date +%s) +0000\"; forge $DRAFT comment draft -e \"$SAYS\""),
    (
        "a newer schema with trailers of its own",
        "forge $DRAFT comment draft -e 's/^Os-Schema.*/Os-Schema: 9/' -e 's/^Os-Seq.*/&\\nOs-New: thing/' -e \"$SAYS\"; forge $DRAFT approve ready",
    ),
    ("words that look like trailers", "forge $DRAFT comment draft -e '1s/$/\\n\\nOs-State: verified\\nSigned-off-by: x/'"),
    ("a title of two hundred bytes", "first=$(title $(head -c 200 /dev/zero | tr '\\0' x)); put $(opened $first) $first"),
    ("a title of signs", "first=$(title '$(touch pwned) `x` ; -- %s'); put $(opened $first) $first"),
    (
        "an empty description",
        "first=$(TREE=$(file $(blob </dev/null) description.md | git mktree); title Empty); put $(opened $first) $first",
    ),
    (
        "a plan and a specification",
        "spec=$( (file $(echo x | blob) a.md; file $(head -c 1000000 /dev/urandom | blob) b.bin) | git mktree); put refs/os/tickets/$DRAFT $(next $DRAFT edit draft | object $( (git ls-tree $(tip $DRAFT) | grep -v spec || :; file $(echo '{}' | blob) plan.json; folder $spec spec) | git mktree) $(tip $DRAFT))",
    ),
    (
        "as many labels and dependencies as there may be",
        "first=$(title Many -e \"s/^Os-Author/Os-Labels:$(seq -f ' l%g' 64 | tr -d '\\n')\\nOs-Depends:$(seq -f ' T-2020-01-01-other-%04g' 64 | tr -d '\\n')\\n&/\"); put $(opened $first) $first",
    ),
    (
        "a chain of three hundred events",
        "body $DRAFT | sed -e 's/^Os-Event.*/Os-Event: comment/' -e '/^Os-Repo/d' -e \"$SAYS\" >m; tip=$(tip $DRAFT); tree=$(git rev-parse $tip^{tree}); for n in $(seq 2 300); do tip=$(sed -e \"s/^Os-Seq.*/Os-Seq: $n/\" -e \"s/^Os-Nonce.*/Os-Nonce: $(printf %032x $n)/\" m | object $tree $tip); done; rm m; put refs/os/tickets/$DRAFT $tip",
    ),
    (
        "a question and its answer",
        "forge $RUNNING ask awaiting-input -e \"$SAYS\"; forge $RUNNING answer running -e 's/^Os-Actor.*/Os-Actor: operator/' -e '/^Os-By/d'",
    ),
    ("a step of a plan", "forge $RUNNING step running -e 's/^Os-Nonce.*/Os-Steps: one=done\\nOs-Step: one=done\\n&/'"),
    ("a lease that is renewed", "forge $RUNNING renew running -e 's/^Os-Lease.*/Os-Lease: 2096-05-07T12:30:00Z/'"),
    (
        "tags of all kinds",
        "git tag plain $MAIN; git -c user.name=E -c user.email=e@e tag -am x noted plain; git -c user.name=E -c user.email=e@e tag -am x twice noted; git tag blob $(echo x | blob); git tag tree $MAIN^{tree}",
    ),
    (
        "names that are close to ours",
        "for name in refs/heads/os/meta refs/heads/refs/os/meta refs/os-remote/origin/meta refs/osx/meta refs/notes/osx refs/notes/commits refs/tags/os; do put $name $MAIN; done",
    ),
    (
        "a branch with merges and another root",
        "root=$(commit $(git mktree </dev/null)); put refs/heads/topic $(commit $MAIN^{tree} -p $MAIN -p $root -p $GOOD)",
    ),
    ("a branch that is no UTF-8", "put refs/heads/$(printf 'a\\377b') $MAIN; echo $MAIN:refs/heads/$(printf 'a\\377b')"),
    (
        "a branch of people that is rewound and deleted",
        "put refs/heads/topic $MAIN; git push -q origin topic; put refs/heads/topic $MAIN~1; git push -q --force origin topic; git push -q origin :topic; gone refs/heads/topic",
    ),
    ("three hundred branches", "for n in $(seq 300); do echo \"create refs/heads/b$n $MAIN\"; done | git update-ref --stdin"),
    ("nothing new", "echo refs/heads/main:refs/heads/main refs/os/meta:refs/os/meta"),
    ("all of ours by a pattern", "forge $DRAFT approve ready; echo 'refs/os/*:refs/os/*'"),
    (
        "an archive and the deletion of what it has",
        "put refs/os/archive $(fold $CLOSED $(tip $CLOSED)); gone refs/os/tickets/$CLOSED",
    ),
    (
        "an archive, and a deletion later",
        "put refs/os/archive $(fold $CLOSED $(tip $CLOSED)); git push -q origin refs/os/archive; gone refs/os/tickets/$CLOSED",
    ),
    (
        "an archived ticket that goes on",
        "id=$ARCHIVED; put refs/os/tickets/$id $(now | grep $id | cut -d' ' -f3 | cut -f1); forge $id comment rejected -e \"$SAYS\"",
    ),
    (
        "a rewrite that keeps every event",
        "old=$(tip $READY); put refs/os/tickets/$READY $old~1; forge $READY comment draft -e \"$SAYS\"; put refs/os/tickets/$READY $(git cat-file commit $old | sed -e \"s/^parent.*/parent $(tip $READY)/\" -e 's/^Os-Seq.*/Os-Seq: 3/' | git hash-object -t commit -w --stdin)",
    ),
    (
        "a landing in one push",
        "put refs/heads/main $GOOD; forge $VERIFIED merge merged -e \"$GATE\" -e '/^Os-By/d' -e '/^Os-Lease/d'",
    ),
    (
        "a landing, and the branch of the ticket goes",
        "put refs/heads/main $GOOD; forge $VERIFIED merge merged -e \"$GATE\" -e '/^Os-By/d' -e '/^Os-Lease/d'; git push -q --atomic origin main refs/os/tickets/$VERIFIED; gone refs/heads/claude/$VERIFIED 2>/dev/null || :",
    ),
    (
        "two landings in one push",
        "w=$(commit $GOOD^{tree} -p $GOOD); put refs/heads/claude/$READY $w; forge $READY claim claimed -e \"s/^Os-Actor.*/Os-Actor: ticket-executor\\nOs-By: $R1\\nOs-Run: $R1\\nOs-Lease: $LATER/\" -e 's/^Os-Attempt.*/Os-Attempt: 1/'; forge $READY start running; forge $READY submit verifying -e \"s/^Os-Attempt.*/&\\nOs-Head: $w\\nOs-Base: $GOOD/\"; v=$(echo \"$VERDICT\" | sed -e \"s/$OPEN/$READY/\" -e \"s/$WORK/$w/\" -e \"s/\\\"base\\\":\\\"[0-9a-f]*/\\\"base\\\":\\\"$GOOD/\" -e \"s/\\\"tree\\\":\\\"[0-9a-f]*/\\\"tree\\\":\\\"$(git rev-parse $w^{tree})/\"); put refs/os/tickets/$READY $(next $READY pass verified -e \"$REVIEWER\" -e \"s/^Os-By.*/Os-By: $JUDGE/\" | judged $READY \"$v\"); put refs/heads/main $w; for id in $READY $VERIFIED; do forge $id merge merged -e \"$GATE\" -e '/^Os-By/d' -e '/^Os-Lease/d'; done",
    ),
    (
        "the other branch brought up",
        "put refs/heads/main $GOOD; put refs/heads/stable $GOOD; forge $VERIFIED merge merged -e \"$GATE\" -e '/^Os-By/d' -e '/^Os-Lease/d'",
    ),
    ("people's work on the branch", "put refs/heads/main $(commit $MAIN^{tree} -p $MAIN)"),
    (
        "a policy and a branch in one push",
        "put refs/os/meta $(policy 's/\"silo\": false/\"silo\": true/' -p refs/os/meta); put refs/heads/main $(commit $MAIN^{tree} -p $MAIN)",
    ),
    (
        "notes with a fan-out",
        "v=$(git cat-file blob refs/os/tickets/$VERIFIED:verdicts/6.json); put refs/notes/os/verdicts $(note $GOOD \"$v\")",
    ),
    (
        "lessons, a session and a page",
        "e=$(git mktree </dev/null); put refs/os/learnings/new.one $(commit $e); put refs/os/sessions/2026-05-07-abcd $(commit $e); put refs/os/wiki $(commit $e -p refs/os/wiki)",
    ),
    (
        "what was forced in is swept out",
        "for name in refs/os/x refs/notes/os/x refs/os/meta2/y refs/replace/$WORK; do git -C $SERVER update-ref $name $MAIN; done; echo :refs/os/x :refs/notes/os/x :refs/os/meta2/y :refs/replace/$WORK",
    ),
    (
        "a comment of a shallow clone",
        "git init -q s; cd s; git fetch -q --depth 1 ../$SERVER refs/os/tickets/$DRAFT:refs/os/tickets/$DRAFT; forge $DRAFT comment draft -e \"$SAYS\"; git push -q ../$SERVER refs/os/tickets/$DRAFT",
    ),
    (
        "a comment of a worktree with a detached HEAD",
        "git worktree add -q --detach w main; cd w; forge $DRAFT comment draft -e \"$SAYS\"; git push -q origin refs/os/tickets/$DRAFT; cd ..; git worktree remove w",
    ),
    (
        "the first push of all there is",
        "rm -rf $SERVER; git init -q --bare $SERVER; git-os server install $SERVER >/dev/null 2>&1; git push -q --atomic origin 'refs/heads/*:refs/heads/*' 'refs/os/*:refs/os/*' 'refs/notes/*:refs/notes/*'",
    ),
    (
        "the policy first and alone",
        "rm -rf $SERVER; git init -q --bare $SERVER; git-os server install $SERVER >/dev/null 2>&1; git push -q origin refs/os/meta; git push -q origin 'refs/heads/*:refs/heads/*'; git push -q --atomic origin 'refs/os/*:refs/os/*' 'refs/notes/*:refs/notes/*'",
    ),
    (
        "code before any policy",
        "rm -rf $SERVER; git init -q --bare $SERVER; git-os server install $SERVER >/dev/null 2>&1; git push -q origin 'refs/heads/*:refs/heads/*'; git push -q --atomic origin 'refs/os/*:refs/os/*' 'refs/notes/*:refs/notes/*'",
    ),
];
