//! Chains whose shape or whose trees are not those of a ticket.

use super::Seen::{Fsck, Sync};
use super::{Case, Place};

#[test]
fn no_strange_tree_or_chain_gets_in() {
    Place::new().try_all(CASES);
}

const CASES: &[Case] = &[
    (
        "two parents",
        "put refs/os/tickets/$DRAFT $(next $DRAFT approve ready | object $(git rev-parse $(tip $DRAFT)^{tree}) $(tip $DRAFT) $MAIN)",
        "an event has one parent",
        Fsck,
    ),
    (
        "a parent named twice",
        "put refs/os/tickets/$DRAFT $(next $DRAFT approve ready | object $(git rev-parse $(tip $DRAFT)^{tree}) $(tip $DRAFT) $(tip $DRAFT))",
        "an event has one parent",
        Fsck,
    ),
    (
        "three hundred parents",
        "put refs/os/tickets/$DRAFT $(next $DRAFT approve ready | object $(git rev-parse $(tip $DRAFT)^{tree}) $(for n in $(seq 300); do git rev-parse $MAIN; done))",
        "an event has one parent",
        Fsck,
    ),
    (
        "no parent",
        "put refs/os/tickets/$READY $(next $READY comment ready -e \"$SAYS\" | object $(git rev-parse $(tip $READY)^{tree}))",
        "does not descend from",
        Fsck,
    ),
    ("a second root", "put refs/os/tickets/$DRAFT $(title Second)", "does not descend from", Fsck),
    (
        "a merge of two chains",
        "put refs/os/tickets/$DRAFT $(next $DRAFT approve ready | object $(git rev-parse $(tip $DRAFT)^{tree}) $(tip $DRAFT) $(tip $READY))",
        "an event has one parent",
        Fsck,
    ),
    (
        "code in the chain",
        "put refs/os/tickets/$DRAFT $(commit $(git rev-parse $(tip $DRAFT)^{tree}) -p $(tip $DRAFT))",
        "refusing to update",
        Fsck,
    ),
    (
        "a comment that changes the tree",
        "put refs/os/tickets/$DRAFT $(next $DRAFT comment draft -e \"$SAYS\" | object $(file $(echo x | blob) description.md | git mktree) $(tip $DRAFT))",
        "changes no files",
        Fsck,
    ),
    (
        "an approval that swaps what was asked for",
        "put refs/os/tickets/$DRAFT $(next $DRAFT approve ready | object $(file $(echo x | blob) description.md | git mktree) $(tip $DRAFT))",
        "changes no files",
        Fsck,
    ),
    (
        "an edit that writes a verdict",
        "put refs/os/tickets/$DRAFT $(next $DRAFT edit draft | object $(folder $(file $(echo \"$VERDICT\" | blob) 2.json | git mktree) verdicts | git mktree) $(tip $DRAFT))",
        "may not write `verdicts/2.json`",
        Fsck,
    ),
    (
        "an edit that writes a file of its own",
        "put refs/os/tickets/$DRAFT $(next $DRAFT edit draft | object $(file $(echo x | blob) evil.sh | git mktree) $(tip $DRAFT))",
        "may not write `evil.sh`",
        Fsck,
    ),
    (
        "a conflict that writes over a description",
        "put refs/os/tickets/$DRAFT $(next $DRAFT conflict draft -e \"$SAYS\" -e 's/^Os-Actor.*/Os-Actor: sync/' | object $(file $(echo x | blob) description.md | git mktree) $(tip $DRAFT))",
        "may not write `description.md`",
        Fsck,
    ),
    ("a conflict by an executor", "forge $DRAFT conflict draft -e \"$SAYS\" -e \"$EXECUTOR\"", "cannot conflict as ", Fsck),
    (
        "a pass that writes more than its verdict",
        "verdicts=$( (file $(echo \"$VERDICT\" | blob) 6.json; file $(echo x | blob) 7.json) | git mktree); put refs/os/tickets/$OPEN $(next $OPEN pass verified -e \"$REVIEWER\" -e \"s/^Os-By.*/Os-By: $JUDGE/\" | object $( (git ls-tree $(tip $OPEN); folder $verdicts verdicts) | git mktree) $(tip $OPEN))",
        "may not write `verdicts/7.json`",
        Fsck,
    ),
    (
        "a pass that takes the description away",
        "verdicts=$(file $(echo \"$VERDICT\" | blob) 6.json | git mktree); first=$(TREE=$(file $(echo text | blob) description.md | git mktree); title Described); put refs/os/tickets/$VERIFIED $(next $VERIFIED comment verified -e \"$SAYS\" | object $(git mktree </dev/null) $(tip $VERIFIED))",
        "changes no files",
        Fsck,
    ),
    (
        "a link in the tree",
        "first=$(TREE=$(printf '120000 blob %s\\tdescription.md\\n' $(printf /etc/passwd | blob) | git mktree); title Link); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "a program in the tree",
        "first=$(TREE=$(printf '100755 blob %s\\tdescription.md\\n' $(echo x | blob) | git mktree); title Program); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "a submodule in the tree",
        "first=$(TREE=$(printf '160000 commit %s\\tdescription.md\\n' $MAIN | git mktree); title Module); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "a `.git` in the tree",
        "first=$(TREE=$(printf '040000 tree %s\\t.git\\n' $(file $(echo x | blob) config | git mktree) | git mktree); title Git); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "a way out of the tree",
        "first=$(TREE=$(folder $(like $(file $(echo x | blob) zz | git mktree) 's/100644 zz/100644 ../') spec | git mktree); title Way); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "a name with an escape",
        "first=$(TREE=$(folder $(printf '100644 blob %s\\ta\\033[2J\\0' $(echo x | blob) | git mktree -z) spec | git mktree); title Name); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "a name that is no UTF-8",
        "first=$(TREE=$(folder $(printf '100644 blob %s\\ta\\377\\0' $(echo x | blob) | git mktree -z) spec | git mktree); title Name); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "a file that is there twice",
        "two=$( (file $(echo x | blob) description.md; file $(echo y | blob) description.me) | git mktree); first=$(TREE=$(like $two 's/description.me/description.md/'); title Twice); put $(opened $first) $first",
        "refusing to update",
        Fsck,
    ),
    (
        "a mode that nothing has",
        "first=$(TREE=$(like $(file $(echo x | blob) description.md | git mktree) s/100644/100777/); title Mode); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "a folder in a folder",
        "deep=$(folder $(file $(echo x | blob) a | git mktree) b | git mktree); first=$(TREE=$(folder $deep spec | git mktree); title Deep); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "a folder that holds itself a thousand times over",
        "t=$(file $(echo x | blob) a | git mktree); for n in 1 2 3 4 5; do t=$(for m in $(seq 99); do folder $t d$m; done | git mktree); done; first=$(TREE=$(folder $t spec | git mktree); title Bomb); put $(opened $first) $first",
        "is not a plain file",
        Fsck,
    ),
    (
        "too many files in a folder",
        "x=$(echo x | blob); first=$(TREE=$(folder $(for n in $(seq 1100); do file $x f$n; done | git mktree) spec | git mktree); title Many); put $(opened $first) $first",
        "too many",
        Fsck,
    ),
    (
        "too many files in many folders",
        "x=$(echo x | blob); t=$(for n in $(seq 900); do file $x f$n; done | git mktree); first=$(title Many); put $(opened $first) $first; id=$(opened $first); id=${id##*/}; put refs/os/tickets/$id $(next $id conflict draft -e \"$SAYS\" -e 's/^Os-Actor.*/Os-Actor: sync/' | object $(for n in $(seq 900); do folder $t d$n; done | git mktree) $(tip $id))",
        "too many",
        Fsck,
    ),
    (
        "a file that is too large",
        "first=$(TREE=$(file $(head -c 2000000 /dev/zero | blob) description.md | git mktree); title Large); put $(opened $first) $first",
        "too large",
        Fsck,
    ),
    (
        "a file that is enormous",
        "first=$(TREE=$(file $(head -c 300000000 /dev/zero | blob) description.md | git mktree); title Huge); put $(opened $first) $first",
        "too large",
        Fsck,
    ),
    ("a rewind", "put refs/os/tickets/$READY $(git rev-parse $(tip $READY)~1)", "does not descend from", Sync),
    (
        "a rewind to a sibling that drops an event",
        "put refs/os/tickets/$READY $(git rev-parse $(tip $READY)~1); forge $READY comment draft -e \"$SAYS\"",
        "does not descend from",
        Sync,
    ),
    ("a deletion", "gone refs/os/tickets/$READY", "is deleted only after it is archived", Sync),
    ("a deletion of what is closed", "gone refs/os/tickets/$CLOSED", "is deleted only after it is archived", Sync),
    (
        "an archived ticket with another beginning",
        "put refs/os/tickets/$ARCHIVED $(title Again)",
        "the archive has another history",
        Fsck,
    ),
];
