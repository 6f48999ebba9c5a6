//! Who works on a ticket: the person, the agent and the machine of a claim, and since when.

use std::fmt;

use serde::Serialize;

use super::event::{Action, Event};
use super::id::RunId;
use super::text;
use super::time::Timestamp;

/// How the line of a claim begins that names its machine. It is in the body, because a trailer that is not known to an older
/// git-os would make the event invalid for it.
const MACHINE: &str = "Machine: ";
/// The longest name of a machine, in bytes: that of a label in the names of hosts.
const MAX_MACHINE: usize = 63;

/// Who claimed a ticket. Nothing of it is verified, but where events have to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Holding {
    pub(crate) run: RunId,
    /// The author of the event.
    pub(crate) person: String,
    pub(crate) agent: Option<String>,
    /// `None` if the writer of the claim did not say.
    pub(crate) machine: Option<String>,
    pub(crate) since: Timestamp,
}

impl Holding {
    /// Who claimed by an event; `None` if it is no claim.
    #[must_use]
    pub(crate) fn of_claim(event: &Event, author: &str, time: Timestamp) -> Option<Self> {
        let Action::Claim { run, .. } = &event.action else { return None };
        let (agent, machine) = (event.agent.clone(), machine_of(&event.text).map(str::to_owned));
        Some(Self { run: run.clone(), person: name_of(author).to_owned(), agent, machine, since: time })
    }

    /// In a few letters, for a column.
    #[must_use]
    pub(crate) fn short(&self) -> String {
        let machine = self.machine.as_ref().map(|machine| format!("@{machine}")).unwrap_or_default();
        let agent = self.agent.as_ref().map(|agent| format!(" {agent}")).unwrap_or_default();
        format!("{}{machine}{agent}", self.person)
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { person, agent, machine, .. } = self;
        out.write_str(person)?;
        if let Some(agent) = agent {
            write!(out, ", agent {agent}")?;
        }
        if let Some(machine) = machine {
            write!(out, ", on {machine}")?;
        }
        Ok(())
    }
}

/// The name in `Name <email>`.
#[must_use]
pub(crate) fn name_of(author: &str) -> &str {
    author.rsplit_once(" <").map_or(author, |(name, _)| name)
}

/// The address in `Name <email>`.
#[must_use]
pub(crate) fn address_of(author: &str) -> &str {
    author.rsplit_once(" <").and_then(|(_, rest)| rest.split_once('>')).map_or("", |(address, _)| address)
}

/// The body of a claim on a machine with this host name.
#[must_use]
pub(crate) fn claim_body(host: &str) -> String {
    let name = text::line(host.split('.').next().unwrap_or_default(), MAX_MACHINE);
    if name.is_empty() { String::new() } else { format!("{MACHINE}{name}") }
}

/// The machine that the body of a claim names.
fn machine_of(body: &str) -> Option<&str> {
    let name = body.lines().next()?.strip_prefix(MACHINE)?;
    (!name.is_empty() && name.len() <= MAX_MACHINE).then_some(name)
}

/// The words in the body of a claim beside the machine.
#[must_use]
pub(crate) fn other_words(body: &str) -> &str {
    if machine_of(body).is_some() { body.split_once('\n').map_or("", |(_, rest)| rest) } else { body }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_machine_is_named_without_its_domain() {
        assert_eq!(machine_of(&claim_body("laptop.example.com")), Some("laptop"));
        assert_eq!(claim_body(".example.com"), "");
        assert_eq!(machine_of("a claim of an older git-os says nothing"), None);
        assert_eq!(name_of("Ann <a> B <ann@example.com>"), "Ann <a> B");
        assert_eq!(address_of("Ann <a> B <ann@example.com> 1 +0000"), "ann@example.com");
        assert_eq!((address_of("Ann"), address_of("Ann <ann")), ("", ""));
    }

    proptest! {
        #[test]
        fn any_host_name_is_stored_as_it_is_read_or_not_at_all(host in any::<String>()) {
            let body = claim_body(&host);
            prop_assert!(text::is_body(&body));
            prop_assert_eq!(machine_of(&body).is_some(), !body.is_empty());
        }
    }
}
