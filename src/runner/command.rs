//! The `command` kind: any program, with the brief on standard input and `GIT_OS_*` variables.

use super::process::{self, Spec};
use super::{Brief, Outcome, RunnerError, Surroundings, resolve, variables};
use crate::core::registry::AgentEntry;

pub(super) fn run(name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Outcome, RunnerError> {
    let finished = process::run(&Spec {
        words: agent.run.iter().map(|word| resolve(word, around.registry_dir)).collect(),
        dir: brief.worktree.clone(),
        variables: variables(brief),
        passed: &[],
        input: brief.text.clone().into_bytes(),
        timeout: brief.timeout,
        program: around.program.to_owned(),
        run: brief.run.clone(),
    })?;
    let answer = finished.last_line();
    Ok(Outcome { finished, agent: name.to_owned(), record: serde_json::Value::Null, refusal: None, answer })
}
