//! Events that are not written the way events are written.

use super::Seen::Fsck;
use super::{Case, Place};

#[test]
fn no_event_in_another_form_gets_in() {
    Place::new().try_all(FORMS);
}

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
        "which this event cannot change",
        Fsck,
    ),
    (
        "a second block of trailers",
        "put refs/os/tickets/$DRAFT $( (next $DRAFT approve ready; echo; echo Os-State: verified) | on $DRAFT)",
        "refusing to update",
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
        "refusing to update",
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
        "the name of the agent",
        Fsck,
    ),
    (
        "a title that is too long",
        "first=$(title $(head -c 201 /dev/zero | tr '\\0' x)); put $(opened $first) $first",
        "cannot be stored",
        Fsck,
    ),
    ("no title", "first=$(title ''); put $(opened $first) $first", "refusing to update", Fsck),
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
        "which this event cannot change",
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
    (
        "a text with an empty paragraph in front",
        "put refs/os/tickets/$DRAFT $(next $DRAFT comment draft -e '1s/$/\\n\\n/' | on $DRAFT)",
        "it is not in canonical form",
        Fsck,
    ),
];
