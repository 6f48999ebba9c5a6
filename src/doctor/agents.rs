//! What stands between agents and the rest: contracts, hooks of agent clients, the silo.

use super::subject::Subject;
use super::{Finding, Trouble};

#[expect(clippy::unnecessary_wraps, reason = "the table asks every check in one way")]
pub(super) fn contracts(_subject: &Subject<'_>) -> Result<Finding, Trouble> {
    Ok(Finding::not_applicable("contracts of roles are not part of this version"))
}

#[expect(clippy::unnecessary_wraps, reason = "the table asks every check in one way")]
pub(super) fn wiring(_subject: &Subject<'_>) -> Result<Finding, Trouble> {
    Ok(Finding::not_applicable("hooks of agent clients are not part of this version; nothing depends on them"))
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
            "`{name}` names no agent, so none is sent into it; the kernel sandbox that keeps out agents working elsewhere \
             is not part of this version"
        )),
        (true, Some(agent)) => Finding::fail(
            format!(
                "agent `{agent}` is sent into the silo `{name}`, but the kernel sandbox that would watch it is not part of this \
                 version; take `agent` out of its entry in the registry"
            ),
            "git os init",
        ),
    })
}
