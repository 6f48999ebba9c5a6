//! Reads files: those of git and git-os, and those that somebody else wrote.

use camino::Utf8Path;

use crate::git::GitError;

/// Reads a text file of git or git-os.
///
/// # Errors
/// If it does not exist or is not UTF-8.
#[expect(clippy::disallowed_methods, reason = "the files of a git directory belong to this module")]
pub(crate) fn read_file(path: &Utf8Path) -> Result<String, GitError> {
    std::fs::read_to_string(path).map_err(GitError::file(path))
}

/// Reads a file of git or git-os as bytes.
///
/// # Errors
/// If it does not exist.
#[expect(clippy::disallowed_methods, reason = "the files of a git directory belong to this module")]
pub(crate) fn read_bytes(path: &Utf8Path) -> Result<Vec<u8>, GitError> {
    std::fs::read(path).map_err(GitError::file(path))
}

/// Reads a text file that somebody else wrote: a regular file of at most so many bytes, and no link, pipe or device, whatever is put in
/// its place meanwhile. `None` if it is no such file.
#[must_use]
pub(crate) fn read_untrusted(path: &Utf8Path, max: u64) -> Option<String> {
    use rustix::fs::OFlags;
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let is_fit = file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= max);
    let mut text = String::new();
    let size = is_fit.then(|| file.take(max + 1).read_to_string(&mut text)).and_then(Result::ok)?;
    (size as u64 <= max).then_some(text)
}
