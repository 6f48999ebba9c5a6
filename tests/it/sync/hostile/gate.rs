//! Protected branches: what may not become their tip, whatever comes along in the same push.

use super::Seen::{Fsck, Never};
use super::{Case, Place};

#[test]
fn no_protected_branch_is_talked_past_its_gate() {
    Place::new().try_all(CASES);
}

const CASES: &[Case] = &[
    ("work that is not verified", "put refs/heads/main $WORK", "which is `verifying`", Fsck),
    (
        "work that is not verified, merged",
        "put refs/heads/main $(commit $(git rev-parse $WORK^{tree}) -p $MAIN -p $WORK)",
        "which is `verifying`",
        Fsck,
    ),
    (
        "work that is not verified, squashed",
        "put refs/heads/main $(commit $(git rev-parse $WORK^{tree}) -p $MAIN)",
        "which is `verifying`",
        Fsck,
    ),
    (
        "work that is not verified, with more on top",
        "put refs/heads/main $(commit $(git rev-parse $MAIN^{tree}) -p $WORK)",
        "which is `verifying`",
        Fsck,
    ),
    (
        "verified work with more on top",
        "put refs/heads/main $(commit $(git rev-parse $WORK^{tree}) -p $GOOD -p $WORK)",
        "refusing to update",
        Fsck,
    ),
    ("landed work dropped", "put refs/heads/main $(git rev-parse $LANDED~1)", "would drop commit", Fsck),
    ("another history", "put refs/heads/main $(commit $(git rev-parse $MAIN^{tree}))", "would drop commit", Fsck),
    ("the branch deleted", "gone refs/heads/main", "a protected branch cannot be deleted", Fsck),
    ("the other branch deleted", "gone refs/heads/stable", "a protected branch cannot be deleted", Never),
    (
        "the branch as a blob",
        "put refs/heads/main $(echo x | blob) 2>/dev/null || echo $(echo x | blob) >refs/heads/main",
        "refusing to update",
        Fsck,
    ),
    (
        "two branches that excuse each other",
        "put refs/heads/main $WORK; put refs/heads/stable $WORK",
        "which is `verifying`",
        Fsck,
    ),
    ("the other branch alone", "put refs/heads/stable $WORK", "which is `verifying`", Fsck),
    (
        "a verdict that is forged along with it",
        "pass \"$(echo \"$VERDICT\" | sed 's/\"pass\"/\"fail\"/')\"; put refs/heads/main $WORK",
        "a verdict of `pass`",
        Fsck,
    ),
    (
        "a ticket that goes to hide its work",
        "gone refs/os/tickets/$OPEN; put refs/heads/main $WORK",
        "is deleted only after it is archived",
        Never,
    ),
    (
        "a policy that opens the gate in the same push",
        "put refs/os/meta $(policy 's/\"gate\": \"tickets\"/\"gate\": \"off\"/' -p refs/os/meta); put refs/heads/main $WORK",
        "which is `verifying`",
        Never,
    ),
    (
        "a policy that lets the branch go in the same push",
        "put refs/os/meta $(policy '/\"protected\"/,/]/{/main/d}' -p refs/os/meta); put refs/heads/main $WORK",
        "which is `verifying`",
        Never,
    ),
    (
        "a policy that moves the beginning in the same push",
        "put refs/os/meta $(policy \"/\\\"epoch\\\"/,/}/s/\\\"[0-9a-f]\\{40\\}\\\"/\\\"$WORK\\\"/\" -p refs/os/meta); put refs/heads/main $WORK",
        "which is `verifying`",
        Never,
    ),
    (
        "a policy that deletes the branch in the same push",
        "put refs/os/meta $(policy 's/\"gate\": \"tickets\"/\"gate\": \"off\"/' -p refs/os/meta); gone refs/heads/main",
        "a protected branch cannot be deleted",
        Never,
    ),
    (
        "a policy that protects what is to excuse it",
        "put refs/os/meta $(policy 's/\"stable\"/\"stable\", \"evil\"/' -p refs/os/meta); put refs/heads/evil $WORK; put refs/heads/main $WORK",
        "which is `verifying`",
        Fsck,
    ),
];
