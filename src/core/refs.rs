//! The refs of git-os: what each name means, and which refs are shared.

use super::id::{
    ARCHIVE, LEARNINGS, META, PROPOSALS, PROVENANCE_NOTES, REJECTED, RESCUE, SESSIONS, SessionId, TICKETS, TRANSCRIPTS, TicketId,
    VERDICT_NOTES, WIKI, is_ref_component,
};

/// The kind of a git-os ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RefKind {
    Policy,
    Archive,
    Ticket(TicketId),
    Verdicts,
    Provenance,
    Learnings,
    Session,
    Proposal,
    Wiki,
    Transcript,
    Rescue,
    Rejected,
}

/// Whether a ref name is reserved for git-os.
#[must_use]
pub(crate) fn is_ours(name: &str) -> bool {
    super::rule::is_ours(name.as_bytes())
}

impl RefKind {
    /// Returns the kind of a full ref name, or `None` if the name is not in the list in `docs/format.md`.
    #[must_use]
    pub(crate) fn of(name: &str) -> Option<Self> {
        let below = |prefix: &str| name.strip_prefix(prefix);
        let is_one = |prefix: &str| below(prefix).is_some_and(is_ref_component);
        match name {
            META => return Some(Self::Policy),
            ARCHIVE => return Some(Self::Archive),
            WIKI => return Some(Self::Wiki),
            VERDICT_NOTES => return Some(Self::Verdicts),
            PROVENANCE_NOTES => return Some(Self::Provenance),
            _ => {}
        }
        if let Some(rest) = below(TICKETS) {
            return TicketId::parse(rest).ok().map(Self::Ticket);
        }
        if let Some(rest) = below(SESSIONS) {
            return SessionId::parse(rest).ok().map(|_| Self::Session);
        }
        if let Some(rest) = below(RESCUE) {
            let (id, time) = rest.split_once('/')?;
            return (TicketId::parse(id).is_ok() && is_ref_component(time)).then_some(Self::Rescue);
        }
        [(LEARNINGS, Self::Learnings), (PROPOSALS, Self::Proposal), (TRANSCRIPTS, Self::Transcript), (REJECTED, Self::Rejected)]
            .into_iter()
            .find_map(|(prefix, kind)| is_one(prefix).then_some(kind))
    }

    /// Whether the ref is pushed to a shared remote and fetched from it. Rescued work, transcripts and rejected histories
    /// stay on their machine.
    #[must_use]
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            Self::Policy
            | Self::Archive
            | Self::Ticket(_)
            | Self::Verdicts
            | Self::Provenance
            | Self::Learnings
            | Self::Session
            | Self::Proposal
            | Self::Wiki => true,
            Self::Transcript | Self::Rescue | Self::Rejected => false,
        }
    }
}

/// The prefix for the refs of a remote; these refs are never edited by hand and never pushed.
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
    fn every_kind_has_its_names_and_nothing_else_is_ours() {
        for (name, shared) in [
            ("refs/os/meta", true),
            ("refs/os/archive", true),
            ("refs/os/tickets/T-2026-05-07-umano-91c2", true),
            ("refs/notes/os/verdicts", true),
            ("refs/os/learnings/0f3c", true),
            ("refs/os/sessions/2026-05-07-91c2", true),
            ("refs/os/wiki", true),
            ("refs/os/rescue/T-2026-05-07-umano-91c2/x", false),
            ("refs/os/rejected/x", false),
        ] {
            assert_eq!(RefKind::of(name).map(|kind| kind.is_shared()), Some(shared), "{name}");
            assert!(is_ours(name));
            assert_eq!(mirrored(&tracking("origin", name)[tracking_prefix("origin").len()..]), name);
        }
        for name in [
            "refs/os",
            "refs/os/",
            "refs/os/tickets/x",
            "refs/os/tickets",
            "refs/os/wiki/x",
            "refs/notes/os/x",
            "refs/heads/main",
        ] {
            assert_eq!(RefKind::of(name), None, "{name}");
        }
        assert!(!is_ours("refs/os-remote/origin/meta") && !is_ours("refs/notes/commits"));
        assert!(is_ours("refs/OS/meta") && is_ours("refs/Notes/os") && RefKind::of("refs/OS/meta").is_none());
    }
}
