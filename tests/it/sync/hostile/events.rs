//! Events that the rules do not allow, or that are not written the way events are written.

use super::Seen::Fsck;
use super::{Case, Place};

/// What is said when a message has no written form.
const FORM: &str = "the event is not written the way it is written";

#[test]
fn no_event_against_the_rules_gets_in() {
    Place::new().try_all(RULES);
}

#[test]
fn no_event_in_another_form_gets_in() {
    Place::new().try_all(FORMS);
}

const RULES: &[Case] = &[
    ("approved by a planner", "forge $DRAFT approve ready -e 's/^Os-Actor.*/Os-Actor: planner/'", "is not for a planner", Fsck),
    ("verified out of nothing", "forge $DRAFT approve verified", "it claims the state `verified` where", Fsck),
    (
        "started before it was claimed",
        "forge $READY start running -e \"$EXECUTOR\"",
        "cannot start a ticket that is `ready`",
        Fsck,
    ),
    ("approved twice", "forge $READY approve ready", "cannot approve a ticket that is `ready`", Fsck),
    ("rejected without a reason", "forge $DRAFT reject rejected", "reason", Fsck),
    ("rejected when it was ready", "forge $READY reject rejected -e \"$SAYS\"", "cannot reject", Fsck),
    ("a closed ticket that is approved", "forge $CLOSED approve ready", "cannot approve a ticket that is `rejected`", Fsck),
    (
        "a merged ticket that is claimed",
        "forge $MERGED claim claimed -e \"$EXECUTOR\" -e \"s/^Os-Run.*/Os-By: $R3\\nOs-Run: $R3\\nOs-Lease: $LATER/\"",
        "stays where it is",
        Fsck,
    ),
    (
        "edited while somebody works on it",
        "forge $RUNNING edit running -e 's/^Os-Actor.*/Os-Actor: operator/' -e '1s/RUNNING/Else/'",
        "cannot edit",
        Fsck,
    ),
    (
        "answered without a question",
        "forge $RUNNING answer running -e 's/^Os-Actor.*/Os-Actor: operator/' -e \"$SAYS\"",
        "cannot answer",
        Fsck,
    ),
    ("unblocked though not blocked", "forge $READY unblock ready", "cannot unblock", Fsck),
    ("canceled by an executor", "forge $READY cancel canceled -e \"$EXECUTOR\" -e \"$SAYS\"", "is not for", Fsck),
    (
        "submitted without running",
        "forge $CLAIMED submit verifying -e \"s/^Os-Attempt.*/&\\nOs-Head: $WORK\\nOs-Base: $MAIN/\"",
        "cannot submit",
        Fsck,
    ),
    (
        "opened a second time",
        "git cat-file commit $(git rev-list --max-parents=0 refs/os/tickets/$DRAFT) | sed '1,/^$/d' >m; put refs/os/tickets/$DRAFT $(sed -e 's/^Os-Seq.*/Os-Seq: 2/' m | on $DRAFT)",
        "stays where it is",
        Fsck,
    ),
    ("a number that is skipped", "forge $DRAFT approve ready -e 's/^Os-Seq.*/Os-Seq: 9/'", "another attempt or number", Fsck),
    (
        "a number that goes back",
        "forge $READY comment ready -e 's/^Os-Seq.*/Os-Seq: 1/' -e \"$SAYS\"",
        "another attempt or number",
        Fsck,
    ),
    (
        "an attempt that is counted down",
        "forge $CLAIMED start running -e 's/^Os-Attempt.*/Os-Attempt: 0/'",
        "stays where it is",
        Fsck,
    ),
    (
        "another author",
        "forge $DRAFT comment draft -e 's/^Os-Author.*/Os-Author: planner/' -e \"$SAYS\"",
        "which the event does not",
        Fsck,
    ),
    ("a title that changes on the way", "forge $DRAFT approve ready -e '1s/DRAFT/Other/'", "title, brand", Fsck),
    (
        "a dependency that falls away",
        "forge $DRAFT approve ready -e \"s/^Os-Author/Os-Depends: $READY\\n&/\"",
        "title, brand",
        Fsck,
    ),
    (
        "another holder",
        "forge $RUNNING comment running -e \"s/^Os-Run.*/Os-Run: $R3/\" -e \"$SAYS\"",
        "another holder or lease",
        Fsck,
    ),
    (
        "a longer lease by a comment",
        "forge $RUNNING comment running -e 's/^Os-Lease.*/Os-Lease: 2096-05-07T12:30:00Z/' -e \"$SAYS\"",
        "another holder or lease",
        Fsck,
    ),
    (
        "a lease renewed by another",
        "forge $RUNNING renew running -e \"$EXECUTOR\" -e \"s/^Os-By.*/Os-By: $R3/\" -e 's/^Os-Lease.*/Os-Lease: 2096-05-07T12:30:00Z/'",
        "holds the ticket",
        Fsck,
    ),
    (
        "a lease renewed to an earlier end",
        "forge $RUNNING renew running -e 's/^Os-Lease.*/Os-Lease: 2016-05-07T12:30:00Z/'",
        "a later lease",
        Fsck,
    ),
    (
        "a claim on top of another's",
        "forge $CLAIMED claim claimed -e \"s/^Os-By.*/Os-By: $R3/\" -e \"s/^Os-Run.*/Os-Run: $R3/\" -e 's/^Os-Attempt.*/Os-Attempt: 2/'",
        "cannot claim a ticket that is `claimed`",
        Fsck,
    ),
    (
        "a claim beside another's",
        "put refs/os/tickets/$CLAIMED $(next $CLAIMED claim claimed -e \"s/^Os-By.*/Os-By: $R3/\" -e \"s/^Os-Run.*/Os-Run: $R3/\" -e 's/^Os-Seq.*/Os-Seq: 3/' | object $(git rev-parse $(tip $CLAIMED)^{tree}) $(git rev-parse $(tip $CLAIMED)~1))",
        "does not descend from",
        super::Seen::Sync,
    ),
    ("a claim by nobody", "forge $READY claim claimed -e \"$EXECUTOR\" -e 's/^Os-Attempt.*/Os-Attempt: 1/'", "Os-Run", Fsck),
    (
        "a claim in another's name",
        "forge $READY claim claimed -e \"$EXECUTOR\\nOs-By: $R3\" -e \"s/^Os-Attempt.*/Os-Run: $R1\\nOs-Lease: $LATER\\nOs-Attempt: 1/\"",
        "stays where it is",
        Fsck,
    ),
    (
        "a claim of what waits for another",
        "first=$(title Waiting -e \"s/^Os-Author/Os-Depends: $DRAFT\\n&/\"); ref=$(opened $first); put $ref $first; id=${ref##*/}; forge $id approve ready; forge $id claim claimed -e 's/^Os-Actor.*/Os-Actor: ticket-executor/' -e \"s/^Os-Attempt.*/Os-By: $R3\\nOs-Run: $R3\\nOs-Lease: $LATER\\nOs-Attempt: 1/\"",
        "stays where it is",
        Fsck,
    ),
    (
        "a submit by another run",
        "forge $RUNNING submit verifying -e \"s/^Os-By.*/Os-By: $R3/\" -e \"s/^Os-Nonce.*/Os-Head: $WORK\\nOs-Base: $MAIN\\n&/\"",
        "holds the ticket",
        Fsck,
    ),
    (
        "work taken for a comment",
        "forge $RUNNING comment running -e \"$SAYS\" -e \"s/^Os-Nonce.*/Os-Head: $WORK\\nOs-Base: $MAIN\\n&/\"",
        "another head or base",
        Fsck,
    ),
    (
        "a pass without a file",
        "forge $OPEN pass verified -e \"$REVIEWER\" -e \"s/^Os-By.*/Os-By: $JUDGE/\"",
        "verdicts/6.json",
        Fsck,
    ),
    ("a pass of one's own work", "BY=$R1 pass \"$VERDICT\"", "the run that did the work cannot judge it", Fsck),
    (
        "a pass by an executor",
        "put refs/os/tickets/$OPEN $(next $OPEN pass verified -e \"s/^Os-By.*/Os-By: $JUDGE/\" | judged $OPEN \"$VERDICT\")",
        "is not for",
        Fsck,
    ),
    ("a verdict by another run", "BY=$R3 pass \"$VERDICT\"", "by the judging run", Fsck),
    ("a verdict on another commit", "pass \"$(echo \"$VERDICT\" | sed -e \"s/$WORK/$GOOD/\")\"", "stays where it is", Fsck),
    (
        "a verdict on another tree",
        "pass \"$(echo \"$VERDICT\" | sed -e \"s/\\\"tree\\\":\\\"[0-9a-f]*/\\\"tree\\\":\\\"$(git rev-parse $GOOD^{tree})/\")\"",
        "a tree that its commit has not",
        Fsck,
    ),
    ("a verdict on another ticket", "pass \"$(echo \"$VERDICT\" | sed \"s/$OPEN/$DRAFT/\")\"", "on another ticket", Fsck),
    (
        "a verdict on another base",
        "pass \"$(echo \"$VERDICT\" | sed \"s/\\\"base\\\":\\\"[0-9a-f]*/\\\"base\\\":\\\"$GOOD/\")\"",
        "head and base",
        Fsck,
    ),
    (
        "a verdict with a failed check",
        "pass \"$(echo \"$VERDICT\" | sed \"s/\\\"checks\\\":.]/\\\"checks\\\":[{\\\"name\\\":\\\"t\\\",\\\"run\\\":\\\"t\\\",\\\"exit\\\":1,\\\"output\\\":\\\"$MAIN\\\",\\\"millis\\\":1}]/\")\"",
        "every check 0",
        Fsck,
    ),
    ("a verdict that says fail", "pass \"$(echo \"$VERDICT\" | sed 's/\"pass\"/\"fail\"/')\"", "says pass", Fsck),
    ("a verdict that is no JSON", "pass '{{{{'", "is not a verdict", Fsck),
    ("a verdict that is nested without end", "pass \"$(head -c 200000 /dev/zero | tr '\\0' '[')\"", "is not a verdict", Fsck),
    (
        "merged without the head in main",
        "forge $VERIFIED merge merged -e \"$GATE\" -e '/^Os-By/d' -e '/^Os-Lease/d'",
        "head is in the protected branch",
        Fsck,
    ),
    (
        "expired before the lease is over",
        "forge $RUNNING expire ready -e '/^Os-Run/d' -e '/^Os-Lease/d' -e '/^Os-By/d' -e 's/^Os-Actor.*/Os-Actor: sync/'",
        "the lease holds until",
        Fsck,
    ),
    (
        "expired in a future that is made up",
        "WHO='Eve <eve@example.com> 4000000000 +0000'; forge $RUNNING expire ready -e '/^Os-Run/d' -e '/^Os-Lease/d' -e '/^Os-By/d' -e 's/^Os-Actor.*/Os-Actor: sync/'",
        "the lease holds until",
        Fsck,
    ),
    (
        "nine events by the rules and a tenth against them",
        "for n in 1 2 3 4 5 6 7 8 9; do forge $DRAFT comment draft -e \"$SAYS\"; done; forge $DRAFT merge merged -e \"$GATE\"",
        "cannot merge",
        Fsck,
    ),
    (
        "a step against the rules on the way to a state that is right",
        "forge $DRAFT approve ready -e 's/^Os-Actor.*/Os-Actor: planner/'; forge $DRAFT comment ready -e 's/^Os-Actor.*/Os-Actor: operator/' -e \"$SAYS\"",
        "is not for a planner",
        Fsck,
    ),
    (
        "a chain of another repository",
        "first=$(title Elsewhere -e \"s/^Os-Repo.*/Os-Repo: $MAIN/\"); put $(opened $first) $first",
        "opened in another repository",
        Fsck,
    ),
    (
        "a brand of another repository",
        "first=$(title Brand -e 's/^Os-Brand.*/Os-Brand: other/'); BRAND=other; put $(opened $first) $first",
        "does not belong to this repository",
        Fsck,
    ),
    (
        "an edit to a brand of another repository",
        "forge $DRAFT edit draft -e 's/^Os-Brand.*/Os-Brand: other/'",
        "does not belong to this repository",
        Fsck,
    ),
    ("an id that is not of the root", "put refs/os/tickets/T-$DAY-repo-0000000 $(title Name)", "is not the one that", Fsck),
    ("an id of another day", "first=$(title Day); ON=2020-01-01; put $(opened $first) $first", "is not the one that", Fsck),
    (
        "a time that no calendar holds",
        "WHO='Eve <eve@example.com> 99999999999999999999 +0000'; first=$(title Time); put $(opened $first) $first",
        "stays where it is",
        Fsck,
    ),
    ("a chain under the name of another", "put refs/os/tickets/$DRAFT $(tip $READY)", "does not descend from", Fsck),
    (
        "fifty refs, one of them bad",
        "for n in $(seq 50); do first=$(title \"Number $n\"); put $(opened $first) $first; done; forge $DRAFT approve verified",
        "it claims the state",
        Fsck,
    ),
];

const FORMS: &[Case] = &[
    (
        "trailers out of order",
        "forge $DRAFT approve ready -e '/^Os-Kind/{h;d}' -e '/^Os-Priority/{G}'",
        "the trailers are not in order",
        Fsck,
    ),
    (
        "a trailer that is there twice",
        "forge $DRAFT approve ready -e 's/^Os-State.*/&\\nOs-State: verified/'",
        "the trailers are not in order",
        Fsck,
    ),
    (
        "an unknown trailer before known ones",
        "forge $DRAFT approve ready -e 's/^Os-Nonce.*/Os-Foo: bar\\n&/'",
        "the trailers are not in order",
        Fsck,
    ),
    (
        "an unknown trailer of this schema",
        "forge $DRAFT approve ready -e 's/^Os-Seq.*/&\\nOs-Foo: bar/'",
        "which the event does not",
        Fsck,
    ),
    (
        "a second block of trailers",
        "put refs/os/tickets/$DRAFT $( (next $DRAFT approve ready; echo; echo Os-State: verified) | on $DRAFT)",
        "stays where it is",
        Fsck,
    ),
    ("a trailer without a value", "forge $DRAFT approve ready -e 's/^Os-Kind.*/Os-Kind: /'", "a trailer is not", Fsck),
    ("a space at the end of a trailer", "forge $DRAFT approve ready -e 's/^Os-Nonce.*/& /'", "Os-Nonce", Fsck),
    ("a space at the end of the subject", "forge $DRAFT approve ready -e '1s/$/ /'", "cannot be stored", Fsck),
    (
        "lines that end as on another system",
        "put refs/os/tickets/$DRAFT $(next $DRAFT approve ready | sed 's/$/\\r/' | on $DRAFT)",
        "it has no trailers",
        Fsck,
    ),
    (
        "a NUL in the text",
        "put refs/os/tickets/$DRAFT $(next $DRAFT comment draft -e '1s/$/\\n\\nhe\\x00llo/' | on $DRAFT)",
        "stays where it is",
        Fsck,
    ),
    (
        "bytes that are no UTF-8",
        "put refs/os/tickets/$DRAFT $(next $DRAFT comment draft -e '1s/$/\\n\\nhe\\xffllo/' | on $DRAFT)",
        "it is not UTF-8",
        Fsck,
    ),
    (
        "an escape in the text",
        "put refs/os/tickets/$DRAFT $(next $DRAFT comment draft -e '1s/$/\\n\\n\\x1b[2J/' | on $DRAFT)",
        "cannot be stored",
        Fsck,
    ),
    (
        "an escape in the title",
        "first=$(title \"$(printf 'a\\033[2Jb')\"); put $(opened $first) $first",
        "cannot be stored",
        Fsck,
    ),
    (
        "a title that runs the other way",
        "first=$(title \"$(printf 'a\\342\\200\\256b')\"); put $(opened $first) $first",
        "cannot be stored",
        Fsck,
    ),
    (
        "an escape in the agent",
        "put refs/os/tickets/$DRAFT $(next $DRAFT comment draft -e \"$SAYS\" -e 's/^Os-Actor.*/&\\nOs-Agent: a\\x1bb/' | on $DRAFT)",
        "the agent's name",
        Fsck,
    ),
    (
        "a title that is too long",
        "first=$(title $(head -c 201 /dev/zero | tr '\\0' x)); put $(opened $first) $first",
        "cannot be stored",
        Fsck,
    ),
    ("no title", "first=$(title ''); put $(opened $first) $first", "stays where it is", Fsck),
    (
        "a text that is too long",
        "put refs/os/tickets/$DRAFT $( (echo '[draft] DRAFT'; echo; head -c 70000 /dev/zero | tr '\\0' x; echo; echo; next $DRAFT comment draft | sed 1,2d) | on $DRAFT)",
        "cannot be stored",
        Fsck,
    ),
    (
        "a message that is too long",
        "put refs/os/tickets/$DRAFT $( (head -c 140000 /dev/zero | tr '\\0' x; next $DRAFT comment draft) | on $DRAFT)",
        "it is too long",
        Fsck,
    ),
    (
        "a commit that is too large",
        "put refs/os/tickets/$DRAFT $( (head -c 30000000 /dev/zero | tr '\\0' x; next $DRAFT comment draft) | on $DRAFT)",
        "the commit is too large",
        Fsck,
    ),
    (
        "too many trailers",
        "put refs/os/tickets/$DRAFT $( (next $DRAFT comment draft; for n in $(seq 99); do echo Os-X$n: y; done) | on $DRAFT)",
        "a trailer is not",
        Fsck,
    ),
    (
        "no line break at the end",
        "put refs/os/tickets/$DRAFT $(next $DRAFT approve ready | head -c -1 | on $DRAFT)",
        "it has no trailers",
        Fsck,
    ),
    ("no message at all", "put refs/os/tickets/$DRAFT $(on $DRAFT </dev/null)", "it has no trailers", Fsck),
    ("a number in another form", "forge $DRAFT approve ready -e 's/^Os-Priority: /&0/'", "Os-Priority", Fsck),
    ("a number without end", "forge $DRAFT approve ready -e 's/^Os-Seq.*/Os-Seq: 99999999999999999999/'", "Os-Seq", Fsck),
    ("an event nobody knows", "forge $DRAFT explode ready", "Os-Event", Fsck),
    (
        "an event of a newer git-os that is not understood",
        "forge $DRAFT explode ready -e 's/^Os-Schema.*/Os-Schema: 9/'",
        "newer git-os",
        Fsck,
    ),
    (
        "a schema that goes back",
        "forge $DRAFT comment draft -e 's/^Os-Schema.*/Os-Schema: 0/' -e \"$SAYS\"",
        "which the event does not",
        Fsck,
    ),
    (
        "more than sixty-four labels",
        "first=$(title Labels -e \"s/^Os-Author/Os-Labels:$(seq -f ' l%g' 65 | tr -d '\\n')\\n&/\"); put $(opened $first) $first",
        "Os-Labels",
        Fsck,
    ),
    (
        "two spaces between labels",
        "first=$(title Labels -e 's/^Os-Author/Os-Labels: a  b\\n&/'); put $(opened $first) $first",
        "Os-Labels",
        Fsck,
    ),
];

/// Kept where a reader of the table looks for it: what [`FORM`] stands for is said when decoding and encoding differ.
#[test]
fn an_event_has_one_form() {
    let place = Place::new();
    let case: Case = (
        "text that is shifted by an empty paragraph",
        "put refs/os/tickets/$DRAFT $(next $DRAFT comment draft -e '1s/$/\\n\\n/' | on $DRAFT)",
        FORM,
        Fsck,
    );
    place.try_all(&[case]);
}
