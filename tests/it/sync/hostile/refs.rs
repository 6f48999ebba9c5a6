//! Names that are none of ours, and refs that hold what they may not.

use super::Seen::{Fsck, Never, Sync};
use super::{Case, Place};

#[test]
fn no_strange_ref_gets_in() {
    Place::new().try_all(CASES);
}

const CASES: &[Case] = &[
    ("a ticket that is a blob", "put refs/os/tickets/T-$DAY-repo-abcd $(echo x | blob)", "not a commit", Fsck),
    ("a ticket that is a tree", "put refs/os/tickets/T-$DAY-repo-abcd $(git mktree </dev/null)", "not a commit", Fsck),
    (
        "a ticket that is a tag",
        "git -c user.name=E -c user.email=e@e tag -am x t $(tip $DRAFT); t=$(git rev-parse refs/tags/t); gone refs/tags/t; put refs/os/tickets/T-$DAY-repo-abcd $t",
        "not a commit",
        Fsck,
    ),
    (
        "a ticket that is a tag of a tag",
        "git -c user.name=E -c user.email=e@e tag -am x t $(tip $DRAFT); git -c user.name=E -c user.email=e@e tag -am x u t 2>/dev/null; t=$(git rev-parse refs/tags/u); gone refs/tags/t; gone refs/tags/u; put refs/os/tickets/$DRAFT $t",
        "not a commit",
        Fsck,
    ),
    ("a ticket that is code", "put refs/os/tickets/T-$DAY-repo-abcd $MAIN", "not a record of git-os", Fsck),
    ("a policy that is a blob", "put refs/os/meta $(echo x | blob)", "refusing to update", Fsck),
    ("an archive that is a blob", "put refs/os/archive $(echo x | blob)", "not a commit", Fsck),
    ("an archive that is a tree", "put refs/os/archive $(git mktree </dev/null)", "not a commit", Fsck),
    ("notes that are a blob", "put refs/notes/os/verdicts $(echo x | blob)", "not a commit", Fsck),
    ("provenance that is a tree", "put refs/notes/os/provenance $(git mktree </dev/null)", "not a commit", Fsck),
    ("a wiki that is a tree", "put refs/os/wiki $(git mktree </dev/null)", "not a commit", Fsck),
    ("lessons that are a blob", "put refs/os/learnings/abcd $(echo x | blob)", "not a commit", Fsck),
    ("a session that is a blob", "put refs/os/sessions/2026-05-07-abcd $(echo x | blob)", "not a commit", Fsck),
    ("what was rescued that is a blob", "put refs/os/rescue/$DRAFT/2 $(echo x | blob)", "not a commit", Fsck),
    (
        "what was rejected that is a tag",
        "git -c user.name=E -c user.email=e@e tag -am x t $MAIN; t=$(git rev-parse refs/tags/t); gone refs/tags/t; put refs/os/rejected/a $t",
        "not a commit",
        Fsck,
    ),
    ("a name in capitals", "put refs/os/tickets/T-$DAY-repo-ABCD $(tip $DRAFT)", "git-os has no such ref", Fsck),
    ("a folder in capitals", "put refs/os/Tickets/$DRAFT $(tip $DRAFT)", "git-os has no such ref", Fsck),
    ("all in capitals", "put refs/OS/meta $(git rev-parse refs/os/meta)", "git-os has no such ref", Fsck),
    ("notes in capitals", "put refs/notes/OS/verdicts $MAIN", "git-os has no such ref", Fsck),
    ("a name that runs a command", "put 'refs/os/tickets/$(touch${IFS}pwned)' $MAIN", "git-os has no such ref", Fsck),
    ("a name that is an option", "put refs/os/tickets/--help $MAIN", "git-os has no such ref", Fsck),
    ("a name that runs the other way", "put refs/os/tickets/$(printf 'a\\342\\200\\256b') $MAIN", "git-os has no such ref", Fsck),
    (
        "a name that is no UTF-8",
        "put refs/os/tickets/$(printf 'a\\377b') $MAIN; echo $MAIN:refs/os/tickets/$(printf 'a\\377b')",
        "git-os has no such ref",
        Fsck,
    ),
    (
        "a folder that is no UTF-8",
        "put refs/os/$(printf 'a\\377b')/x $MAIN; echo $MAIN:refs/os/$(printf 'a\\377b')/x",
        "git-os has no such ref",
        Fsck,
    ),
    ("a name with a quote and a backtick", "put 'refs/os/learnings/a`b\"c' $MAIN", "git-os has no such ref", Fsck),
    (
        "a name of a thousand letters",
        "put refs/os/learnings/$(head -c 200 /dev/zero | tr '\\0' a) $MAIN",
        "git-os has no such ref",
        Fsck,
    ),
    ("three hundred folders", "put refs/os$(for n in $(seq 300); do printf /a; done) $MAIN", "git-os has no such ref", Fsck),
    ("an unknown folder", "put refs/os/x $MAIN", "git-os has no such ref", Fsck),
    ("notes of another name", "put refs/notes/os/x $MAIN", "git-os has no such ref", Fsck),
    (
        "a folder where tickets are",
        "git for-each-ref --format='delete %(refname)' refs/os/tickets | git update-ref --stdin; put refs/os/tickets $MAIN; echo $MAIN:refs/os/tickets",
        "git-os has no such ref",
        Fsck,
    ),
    (
        "a ref where all is",
        "git for-each-ref --format='delete %(refname)' refs/os | git update-ref --stdin; put refs/os $MAIN; echo $MAIN:refs/os",
        "git-os has no such ref",
        Fsck,
    ),
    (
        "a ref where the notes are",
        "git for-each-ref --format='delete %(refname)' refs/notes/os | git update-ref --stdin; put refs/notes/os $MAIN; echo $MAIN:refs/notes/os",
        "git-os has no such ref",
        Fsck,
    ),
    (
        "a ref below the policy",
        "m=$(git rev-parse refs/os/meta); gone refs/os/meta; put refs/os/meta/x $m; echo $m:refs/os/meta/x",
        "git-os has no such ref",
        Fsck,
    ),
    (
        "a ref below a ticket",
        "t=$(tip $DRAFT); gone refs/os/tickets/$DRAFT; put refs/os/tickets/$DRAFT/x $t; echo $t:refs/os/tickets/$DRAFT/x",
        "git-os has no such ref",
        Fsck,
    ),
    (
        "a ref below the archive",
        "m=$(git rev-parse refs/os/archive); gone refs/os/archive; put refs/os/archive/x $m; echo $m:refs/os/archive/x",
        "git-os has no such ref",
        Fsck,
    ),
    (
        "an object that is replaced",
        "git replace $(tip $DRAFT) $(tip $READY)",
        "replacement refs are not allowed on a server",
        Fsck,
    ),
    (
        "a replacement, and what stands on it",
        "forge $DRAFT approve verified; new=$(tip $DRAFT); put refs/os/tickets/$DRAFT $(git rev-parse $new~1); put refs/replace/$(tip $DRAFT) $new; forge $DRAFT merge merged -e \"$GATE\"",
        "replacement refs are not allowed on a server",
        Fsck,
    ),
    (
        "lessons rewound",
        "put refs/os/learnings/0f3c $(git rev-parse refs/os/learnings/0f3c~1)",
        "the new tip would lose commits",
        Sync,
    ),
    ("lessons deleted", "gone refs/os/learnings/0f3c", "is never deleted", Sync),
    (
        "lessons of another beginning",
        "put refs/os/learnings/0f3c $(commit $(git mktree </dev/null))",
        "the new tip would lose commits",
        Sync,
    ),
    (
        "a session rewound",
        "put refs/os/sessions/2026-05-07-91c2 $(git rev-parse refs/os/sessions/2026-05-07-91c2~1)",
        "the new tip would lose commits",
        Sync,
    ),
    ("a session deleted", "gone refs/os/sessions/2026-05-07-91c2", "is deleted only after it is archived", Sync),
    ("the wiki rewound", "put refs/os/wiki $(git rev-parse refs/os/wiki~1)", "the new tip would lose commits", Sync),
    ("the wiki deleted", "gone refs/os/wiki", "is never deleted", Sync),
    (
        "provenance rewound",
        "put refs/notes/os/provenance $(git rev-parse refs/notes/os/provenance~1)",
        "the new tip would lose commits",
        Sync,
    ),
    // It stays on the machine it belongs to, and whoever put it here has it no more.
    ("what was rescued overwritten", "put refs/os/rescue/$DRAFT/1 $MAIN", "this ref is written once", Never),
    ("what was rescued deleted", "gone refs/os/rescue/$DRAFT/1", "is never deleted", Never),
];
