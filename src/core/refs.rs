//! The refs that are ours: what each name stands for, and which of them travel.

use super::id::{
    ARCHIVE, LEARNINGS, META, PROPOSALS, PROVENANCE_NOTES, REJECTED, RESCUE, SESSIONS, SessionId, TICKETS, TRANSCRIPTS, TicketId,
    VERDICT_NOTES, WIKI, is_ref_component,
};

/// What a ref of ours holds.
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

/// Whether a ref stands where only refs of ours may.
#[must_use]
pub(crate) fn is_ours(name: &str) -> bool {
    super::rule::is_ours(name.as_bytes())
}

impl RefKind {
    /// What a full ref name stands for; `None` for every name that is not in the list of `docs/format.md`.
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

    /// Whether it goes to a shared remote and comes from one. What a worktree held, what was said in a run and what lost
    /// stay on the machine they belong to.
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

/// Where a remote's refs are kept here; never edited by hand and never pushed.
#[must_use]
pub(crate) fn tracking_prefix(remote: &str) -> String {
    format!("{TRACKING}{remote}/")
}

/// Where all remotes' refs are kept.
pub(crate) const TRACKING: &str = "refs/os-remote/";

/// What a fetch brings along, into a namespace of its own.
#[must_use]
pub(crate) fn refspecs(remote: &str) -> [String; 2] {
    let prefix = tracking_prefix(remote);
    [format!("+refs/os/*:{prefix}*"), format!("+refs/notes/os/*:{prefix}notes/*")]
}

/// The ref of ours that a tracking ref mirrors, by what follows the prefix of its remote.
#[must_use]
pub(crate) fn mirrored(rest: &str) -> String {
    match rest.strip_prefix("notes/") {
        Some(notes) => format!("refs/notes/os/{notes}"),
        None => format!("refs/os/{rest}"),
    }
}

/// Where a remote's value of a ref of ours is kept.
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
