//! What both hook programs share besides the rule: how to read git-os's answer, and what to print without one.

use core::ffi::CStr;

use crate::rule::Missing;

/// The name under which the hook starts git-os, which tells git-os that it runs as a hook.
pub(crate) const NAME: &CStr = c"git-os-hook";
/// The hook.
pub(crate) const HOOK: &CStr = c"reference-transaction";
/// The most bytes of a ref name in a message; the name of a loose ref is a path, and thus shorter.
pub(crate) const ROOM: usize = 4 * 1024;

/// The result of starting git-os.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Whether git may continue.
    Answer(bool),
    NotStarted,
    /// It crashed, or is too old to know this hook.
    Failed,
}

impl End {
    /// The exit code is `None` for a killed process.
    pub(crate) fn of(exit_code: Option<i32>) -> Self {
        match exit_code {
            Some(0) => Self::Answer(true),
            Some(1) => Self::Answer(false),
            _ => Self::Failed,
        }
    }
}

/// The ref to name if git-os does not answer: the first that is then refused, or else the first.
pub(crate) struct Found<'n> {
    pub(crate) missing: Option<Missing>,
    name: &'n mut [u8],
    len: usize,
}

impl<'n> Found<'n> {
    /// `room` holds the name.
    pub(crate) fn none(room: &'n mut [u8]) -> Self {
        Self { missing: None, name: room, len: 0 }
    }

    pub(crate) fn note(&mut self, name: &[u8], missing: Missing) {
        if self.missing >= Some(missing) {
            return;
        }
        (self.missing, self.len) = (Some(missing), 0);
        for (place, byte) in self.name.iter_mut().zip(name) {
            // Anyone may have chosen the name, so print nothing but text on a terminal.
            *place = if byte.is_ascii_control() { b'?' } else { *byte };
            self.len = self.len.wrapping_add(1);
        }
    }

    /// The message for the user, in pieces, if the git-os at `program` gave no answer.
    pub(crate) fn message<'m>(&'m self, missing: Missing, end: End, program: &'m [u8]) -> [&'m [u8]; 7] {
        let name = self.name.get(..self.len).unwrap_or_default();
        let reason: &[u8] = match end {
            End::NotStarted => b"cannot start git-os at `",
            End::Failed | End::Answer(_) => b"no answer from git-os at `",
        };
        let (action, hint): (&[u8], &[u8]) = match missing {
            Missing::Refuse => {
                (b"error: refusing to update `", b"hint: reinstall git-os and run `git os init`; other refs are not affected\n")
            }
            Missing::Pass => (b"warning: not checking the update of `", b"hint: `git os fsck` checks it later\n"),
        };
        [action, name, b"`: ", reason, program, b"`\n", hint]
    }
}
