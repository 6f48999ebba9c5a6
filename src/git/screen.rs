//! The pager of a person.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Shows text in a pager, as git does. Returns whether the pager could be started.
#[must_use]
pub(crate) fn page(pager: &str, text: &[u8]) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a pager is the user's own program")]
    let mut command = Command::new("sh");
    #[expect(clippy::disallowed_methods, reason = "what the user has set goes before")]
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    let Ok(mut child) = command.args(["-c", pager]).stdin(Stdio::piped()).spawn() else { return false };
    if let Some(mut writer) = child.stdin.take() {
        // The user may quit the pager early.
        drop(writer.write_all(text));
    }
    child.wait().is_ok_and(|status| status.code() != Some(127))
}
