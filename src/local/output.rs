//! What agents, judges and checks printed for a ticket, kept on this machine until the ticket is archived.

use camino::Utf8PathBuf;

use super::gone;
use crate::core::id::{RunId, TicketId};
use crate::core::proof::Mixture;
use crate::core::secrets;
use crate::git::process::{read_file, write_file};
use crate::git::{GitError, Repo};

/// Who printed something in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Printer {
    /// The agent, in the attempt that the ticket had this number for.
    Agent {
        attempt: u32,
    },
    /// That of a step of the plan: its place there, from 0, and the number of the event with which it began.
    Step {
        place: usize,
        seq: u32,
    },
    Judge,
    /// The planner, asked for the first time or again.
    Planner {
        attempt: u32,
    },
    /// The check at this place of the verdict, from 0.
    Check {
        place: usize,
    },
    /// The same on a mixture of base and head.
    Trial {
        place: usize,
        mixture: Mixture,
    },
}

fn folder(repo: &Repo) -> Utf8PathBuf {
    repo.os_dir().join("output")
}

/// Where it is kept.
#[must_use]
pub(crate) fn path(repo: &Repo, id: &TicketId, run: &RunId, printer: Printer) -> Utf8PathBuf {
    let name = match printer {
        Printer::Agent { attempt } => format!("agent-{attempt}"),
        Printer::Step { place, seq } => format!("step-{place}-{seq}"),
        Printer::Judge => "judge".to_owned(),
        Printer::Planner { attempt } => format!("planner-{attempt}"),
        Printer::Check { place } => format!("check-{place}"),
        Printer::Trial { place, mixture } => format!("check-{place}.{mixture}"),
    };
    folder(repo).join(id.as_str()).join(run.as_str()).join(name)
}

/// Keeps what was printed, without secrets.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn keep(repo: &Repo, id: &TicketId, run: &RunId, printer: Printer, bytes: &[u8]) -> Result<(), GitError> {
    let text = secrets::redact(&String::from_utf8_lossy(bytes));
    write_file(&path(repo, id, run, printer), text.as_bytes(), 0o600)
}

/// What was printed; `None` if it is not here.
#[must_use]
pub(crate) fn find(repo: &Repo, id: &TicketId, run: &RunId, printer: Printer) -> Option<String> {
    read_file(&path(repo, id, run, printer)).ok()
}

/// Removes what belongs to tickets that are not live.
///
/// # Errors
/// When a folder stays, or it cannot be asked what is live.
pub(crate) fn forget(repo: &Repo, is_live: impl Fn(&TicketId) -> Result<bool, GitError>) -> Result<(), GitError> {
    gone::forget(&folder(repo), is_live)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;

    #[test]
    fn what_was_printed_is_there_until_its_ticket_is_not_live() {
        let (_dir, repo) = repo();
        let [one, two] = ["T-2026-05-07-one-91c2", "T-2026-05-07-two-91c3"].map(|id| TicketId::parse(id).expect("valid"));
        let run = crate::ledger::new_run().expect("random");
        let printers =
            [Printer::Agent { attempt: 1 }, Printer::Agent { attempt: 2 }, Printer::Judge, Printer::Check { place: 0 }];
        for (at, printer) in printers.into_iter().enumerate() {
            assert_eq!(find(&repo, &one, &run, printer), None);
            keep(&repo, &one, &run, printer, format!("{at} \u{fffd}").as_bytes()).expect("written");
        }
        keep(&repo, &two, &run, Printer::Judge, b"two").expect("written");
        forget(&repo, |id| Ok(*id == one)).expect("removed");
        for (at, printer) in printers.into_iter().enumerate() {
            assert_eq!(find(&repo, &one, &run, printer), Some(format!("{at} \u{fffd}")));
        }
        assert_eq!(find(&repo, &two, &run, Printer::Judge), None);
    }
}
