//! What the programs in front of git-os share beside the rule: how they take git-os's answer, and what they say without one.

use core::ffi::CStr;

use crate::rule::Missing;

/// The name under which git-os is started, by which it knows that a hook is asked for.
pub(crate) const NAME: &CStr = c"git-os-hook";
/// The hook that these programs are.
pub(crate) const HOOK: &CStr = c"reference-transaction";
/// How much of a ref's name is told; the name of a loose ref is a path, and thus shorter.
pub(crate) const ROOM: usize = 4 * 1024;

/// What became of starting git-os.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Whether git may go on.
    Answer(bool),
    NotStarted,
    /// It crashed, or does not know this hook.
    Failed,
}

impl End {
    /// `None` for a process that was killed.
    pub(crate) fn of(exit_code: Option<i32>) -> Self {
        match exit_code {
            Some(0) => Self::Answer(true),
            Some(1) => Self::Answer(false),
            _ => Self::Failed,
        }
    }
}

/// The ref to name when git-os does not answer: the first that is refused then, or else the first.
pub(crate) struct Found<'n> {
    pub(crate) missing: Option<Missing>,
    name: &'n mut [u8],
    len: usize,
}

impl<'n> Found<'n> {
    /// `room` is for the name.
    pub(crate) fn none(room: &'n mut [u8]) -> Self {
        Self { missing: None, name: room, len: 0 }
    }

    pub(crate) fn note(&mut self, name: &[u8], missing: Missing) {
        if self.missing >= Some(missing) {
            return;
        }
        (self.missing, self.len) = (Some(missing), 0);
        for (place, byte) in self.name.iter_mut().zip(name) {
            // A stranger chose the name: on a terminal it must be nothing but text.
            *place = if byte.is_ascii_control() { b'?' } else { *byte };
            self.len = self.len.wrapping_add(1);
        }
    }

    /// What to tell the user, in pieces, when git-os, which is at `program`, came to no answer.
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
