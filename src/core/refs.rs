//! Names of refs: where those of git-os are, and where a remote's are kept.

/// Where the refs of git-os are, notes apart.
pub(crate) const ROOT: &str = "refs/os/";
/// Where the notes of git-os are.
pub(crate) const NOTES_ROOT: &str = "refs/notes/os/";

/// Whether a ref name is reserved for git-os.
#[must_use]
pub(crate) fn is_ours(name: &str) -> bool {
    super::rule::is_ours(name.as_bytes())
}

/// Where a remote's refs are kept here; never edited by hand and never pushed.
#[must_use]
pub(crate) fn tracking_prefix(remote: &str) -> String {
    format!("{TRACKING}{remote}/")
}

/// The prefix for the refs of all remotes.
pub(crate) const TRACKING: &str = "refs/os-remote/";

/// The refspecs with which a fetch writes the refs of git-os to a separate namespace.
#[must_use]
pub(crate) fn refspecs(remote: &str) -> [String; 2] {
    let prefix = tracking_prefix(remote);
    [format!("+refs/os/*:{prefix}*"), format!("+refs/notes/os/*:{prefix}notes/*")]
}

/// Returns the git-os ref that a tracking ref mirrors, given the part after the prefix of its remote.
#[must_use]
pub(crate) fn mirrored(rest: &str) -> String {
    match rest.strip_prefix("notes/") {
        Some(notes) => format!("refs/notes/os/{notes}"),
        None => format!("refs/os/{rest}"),
    }
}

/// Returns the tracking ref for a git-os ref of a remote.
#[must_use]
pub(crate) fn tracking(remote: &str, name: &str) -> String {
    let rest = match name.strip_prefix("refs/notes/os/") {
        Some(notes) => format!("notes/{notes}"),
        None => name.trim_start_matches("refs/os/").to_owned(),
    };
    tracking_prefix(remote) + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_ours_in_any_case_and_comes_back_from_its_tracking_name() {
        for name in ["refs/os/meta", "refs/os/tickets/T-2026-05-07-umano-91c2", "refs/notes/os/verdicts", "refs/os/x/y"] {
            assert!(is_ours(name));
            assert_eq!(mirrored(&tracking("origin", name)[tracking_prefix("origin").len()..]), name);
        }
        assert!(!is_ours("refs/os-remote/origin/meta") && !is_ours("refs/notes/commits"));
        assert!(is_ours("refs/OS/meta") && is_ours("refs/Notes/os"));
    }
}
