//! What stands between agents and the rest: contracts, hooks of agent clients, the silo.

use super::subject::Subject;
use super::{Finding, Trouble};

#[expect(clippy::unnecessary_wraps, reason = "the table asks every check in one way")]
pub(super) fn contracts(_subject: &Subject<'_>) -> Result<Finding, Trouble> {
    Ok(Finding::not_applicable("this version has no role contracts"))
}

#[expect(clippy::unnecessary_wraps, reason = "the table asks every check in one way")]
pub(super) fn wiring(_subject: &Subject<'_>) -> Result<Finding, Trouble> {
    Ok(Finding::not_applicable("this version installs no hooks in agent clients"))
}

/// Without the kernel's layer a silo is only safe from agents that are never sent there.
pub(super) fn silo(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let policy = &subject.ledger()?.policy;
    let name = &policy.repo;
    let is_silo = subject.entry.map_or(policy.silo, |entry| entry.silo);
    let agent = subject.entry.and_then(|entry| entry.agent.as_deref());
    Ok(match (is_silo, agent) {
        (false, _) => Finding::not_applicable("no repository is a silo"),
        (true, None) => Finding::pass(format!(
            "no agent works in the silo `{name}`; this version has no sandbox, so agents that work elsewhere can still read it"
        )),
        (true, Some(agent)) => Finding::fail(
            format!(
                "agent `{agent}` works in the silo `{name}`, and this version has no sandbox to confine it; remove `agent` from the \
                 silo's entry in the registry"
            ),
            "git os init",
        ),
    })
}
