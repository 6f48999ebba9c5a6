//! The programs that a person has chosen for the terminal: the editor and the pager.

use std::io::Write as _;
use std::process::{Command, Stdio};

use camino::Utf8Path;

/// Lets a person edit a file in their editor, as git does. Returns whether it ended well.
#[must_use]
pub(crate) fn edit(editor: &str, path: &Utf8Path) -> bool {
    #[expect(clippy::disallowed_methods, reason = "an editor is the user's own program")]
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{editor} \"$@\""), editor, path.as_str()]).status().is_ok_and(|status| status.success())
}

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
