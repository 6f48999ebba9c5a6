//! The policy, the archive and the notes: what each may not become.

use super::Seen::{Fsck, Kept, Sync};
use super::{Case, Place};

#[test]
fn no_policy_against_the_rules_gets_in() {
    Place::new().try_all(POLICY);
}

#[test]
fn no_archive_against_the_rules_gets_in() {
    Place::new().try_all(ARCHIVE);
}

#[test]
fn no_note_against_the_rules_gets_in() {
    Place::new().try_all(NOTES);
}

const POLICY: &[Case] = &[
    (
        "a policy that names another root",
        "ROOT=$MAIN; put refs/os/meta $(policy s/x/x/ -p refs/os/meta)",
        "names another repository",
        Fsck,
    ),
    (
        "a policy that names no root",
        "put refs/os/meta $(git -c user.name=E -c user.email=e@e commit-tree -m x -p refs/os/meta refs/os/meta^{tree})",
        "names another repository",
        Fsck,
    ),
    (
        "a policy with two parents",
        "put refs/os/meta $(policy s/x/x/ -p refs/os/meta -p $MAIN)",
        "a policy commit has one parent",
        Fsck,
    ),
    (
        "a policy with another beginning",
        "put refs/os/meta $(git -c user.name=E -c user.email=e@e commit-tree -m x refs/os/meta^{tree})",
        "does not descend from the one in force",
        Fsck,
    ),
    ("a policy on top of code", "put refs/os/meta $(policy s/x/x/ -p $MAIN)", "refusing to update", Fsck),
    ("a policy that cannot be read", "put refs/os/meta $(policy 's/{/[/' -p refs/os/meta)", "contains no valid policy", Fsck),
    (
        "a policy of a version to come",
        "put refs/os/meta $(policy 's/\"version\": 1/\"version\": 2/' -p refs/os/meta)",
        "contains no valid policy",
        Fsck,
    ),
    (
        "a policy without its file",
        "put refs/os/meta $(git -c user.name=E -c user.email=e@e commit-tree -p refs/os/meta -m \"x\n\nOs-Root: $POLICY\" $(git mktree </dev/null))",
        "contains no valid policy",
        Fsck,
    ),
    (
        "a policy that is nested without end",
        "t=$(file $(head -c 500000 /dev/zero | tr '\\0' '[' | blob) policy.json | git mktree); put refs/os/meta $(commit $t -p refs/os/meta)",
        "contains no valid policy",
        Fsck,
    ),
    (
        "a policy that is enormous",
        "t=$(file $(head -c 300000000 /dev/zero | blob) policy.json | git mktree); put refs/os/meta $(commit $t -p refs/os/meta)",
        "refusing to update",
        Fsck,
    ),
    (
        "a policy against the rules on the way to one by them",
        "put refs/os/meta $(policy 's/{/[/' -p refs/os/meta); put refs/os/meta $(t=$(git rev-parse $POLICY^{tree}); git -c user.name=E -c user.email=e@e commit-tree -p refs/os/meta -m \"x\n\nOs-Root: $POLICY\" $t)",
        "contains no valid policy",
        Fsck,
    ),
    ("the policy deleted", "gone refs/os/meta", "the policy cannot be deleted", Fsck),
    ("the policy rewound", "put refs/os/meta $POLICY", "does not descend from the one in force", Sync),
];

const ARCHIVE: &[Case] = &[
    ("an archive deleted", "gone refs/os/archive", "is never deleted", Sync),
    (
        "an archive rewound to nothing",
        "put refs/os/archive $(commit $(git mktree </dev/null))",
        "the new tip would lose commits",
        Sync,
    ),
    ("an archive that drops an entry", "put refs/os/archive $(archive_of \"\" -p refs/os/archive)", "would be lost", Fsck),
    (
        "an archive of an open ticket",
        "put refs/os/archive $(fold $READY $(tip $READY))",
        "only closed tickets are archived",
        Fsck,
    ),
    (
        "an archive of a tip that nothing keeps",
        "put refs/os/archive $(fold $CLOSED $(tip $CLOSED) none)",
        "no commit of the archive keeps its history",
        Fsck,
    ),
    (
        "an archive of a chain against the rules",
        "forge $DRAFT merge merged -e \"$GATE\"; bad=$(tip $DRAFT); put refs/os/tickets/$DRAFT $(git rev-parse $bad~1); put refs/os/archive $(fold $DRAFT $bad)",
        "cannot merge",
        Fsck,
    ),
    (
        "an archive of another ticket's chain",
        "put refs/os/archive $(fold $READY $(tip $CLOSED))",
        "does not match the first commit",
        Fsck,
    ),
    ("an archive of code", "put refs/os/archive $(fold $READY $MAIN)", "refusing to update", Fsck),
    (
        "an archive in another month",
        "MONTH=2001-01; put refs/os/archive $(fold $CLOSED $(tip $CLOSED))",
        "does not belong in the archive",
        Fsck,
    ),
    (
        "an archive with a blob",
        "put refs/os/archive $(strange \"$(file $(echo x | blob) README)\")",
        "does not belong in the archive",
        Fsck,
    ),
    (
        "an archive with a folder of its own",
        "put refs/os/archive $(strange \"$(folder $(file $(echo x | blob) a | git mktree) things)\")",
        "does not belong in the archive",
        Fsck,
    ),
    (
        "an archive with the file of a ticket",
        "put refs/os/archive $(MODE='100644 blob'; fold $CLOSED $(echo x | blob) none)",
        "does not belong in the archive",
        Fsck,
    ),
    (
        "an archive with a session that is code nobody keeps",
        "put refs/os/archive $(strange \"$(folder $(folder $(printf '160000 commit %s\\t2026-05-07-abcd\\n' $MAIN | git mktree) 2026-05 | git mktree) sessions)\")",
        "no commit of the archive keeps its history",
        Fsck,
    ),
    (
        "an archived ticket that is swapped",
        "first=$(title Kept); put refs/os/archive $(swap $first)",
        "its history would be replaced",
        Fsck,
    ),
    (
        "an archived ticket that is cut short",
        "old=$(now | grep $ARCHIVED | cut -c15- | cut -f1); put refs/os/archive $(swap $(git rev-parse $old~1))",
        "refusing to update",
        Fsck,
    ),
    (
        "a deletion with an archive that lacks it",
        "put refs/os/archive $(fold $CLOSED $(tip $CLOSED)); gone refs/os/tickets/$READY",
        "is deleted only after it is archived",
        Sync,
    ),
];

const NOTES: &[Case] = &[
    ("a verdict that nobody gave", "put refs/notes/os/verdicts $(note $MAIN \"$VERDICT\")", "no ticket has the verdict", Fsck),
    (
        "a verdict that is not in the chain yet",
        "put refs/notes/os/verdicts $(note $WORK \"$VERDICT\")",
        "no ticket has the verdict",
        Fsck,
    ),
    (
        "a verdict with another tree",
        "v=$(git cat-file blob refs/os/tickets/$VERIFIED:verdicts/6.json | sed \"s/\\\"tree\\\":\\\"[0-9a-f]*/\\\"tree\\\":\\\"$MAIN/\"); put refs/notes/os/verdicts $(note $GOOD \"$v\")",
        "no ticket has the verdict",
        Fsck,
    ),
    (
        "a verdict with words of its own",
        "v=$(git cat-file blob refs/os/tickets/$VERIFIED:verdicts/6.json | sed 's/}$/,\"more\":\"all is well\"}/'); put refs/notes/os/verdicts $(note $GOOD \"$v\")",
        "no ticket has the verdict",
        Fsck,
    ),
    (
        "a verdict on another commit",
        "put refs/notes/os/verdicts $(note $MAIN \"$(git cat-file blob refs/os/tickets/$VERIFIED:verdicts/6.json)\")",
        "no ticket has the verdict",
        Fsck,
    ),
    ("a line that is no verdict", "put refs/notes/os/verdicts $(note $GOOD 'all is well')", "no ticket has the verdict", Fsck),
    (
        "a note that is enormous",
        "put refs/notes/os/verdicts $(commit $( (git ls-tree refs/notes/os/verdicts; file $(head -c 300000000 /dev/zero | blob) $MAIN) | git mktree) -p refs/notes/os/verdicts)",
        "refusing to update",
        Fsck,
    ),
    (
        "a file that is no note",
        "put refs/notes/os/verdicts $(commit $( (git ls-tree refs/notes/os/verdicts; file $(echo x | blob) README) | git mktree) -p refs/notes/os/verdicts)",
        "is not a note",
        Fsck,
    ),
    (
        "a note in two places",
        "one=$(file $(git cat-file blob refs/os/tickets/$VERIFIED:verdicts/6.json | blob) $GOOD); two=$(folder $(file $(echo evil | blob) $(echo $GOOD | cut -c3-) | git mktree) $(echo $GOOD | cut -c1-2)); put refs/notes/os/verdicts $(commit $( (git ls-tree refs/notes/os/verdicts | grep -v $GOOD || :; echo \"$one\"; echo \"$two\") | git mktree) -p refs/notes/os/verdicts)",
        "is not a note",
        Fsck,
    ),
    (
        "folders that hold themselves",
        "t=$(file $(echo x | blob) a | git mktree); for n in 1 2 3 4 5 6 7 8; do t=$(for m in $(seq 10 99); do folder $t $m; done | git mktree); done; put refs/notes/os/verdicts $(commit $t -p refs/notes/os/verdicts)",
        "refusing to update",
        Fsck,
    ),
    (
        "notes that drop a line",
        "put refs/notes/os/verdicts $(commit $(git mktree </dev/null) -p refs/notes/os/verdicts)",
        "would be lost",
        Kept,
    ),
    ("notes deleted", "gone refs/notes/os/verdicts", "is never deleted", Sync),
    (
        "notes with another beginning",
        "put refs/notes/os/verdicts $(commit $(git rev-parse refs/notes/os/verdicts^{tree}))",
        "the new tip would lose commits",
        Sync,
    ),
];
