//! What an agent or a check sees of the operator's environment, and what it is told beside that.

use super::process::Spec;
use crate::env::PLACE;

/// What every agent and check may see of the operator's environment.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    // Whoever git-os takes for the person, the agent's own git takes too.
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "EMAIL",
    "CARGO_HOME",
    "RUSTUP_HOME",
];

#[expect(clippy::disallowed_methods, reason = "an agent's environment is built here from what it may see")]
pub(super) fn of(spec: &Spec) -> Vec<(String, String)> {
    let names = PASSED.iter().chain(spec.passed);
    let mut all: Vec<_> = names.filter_map(|key| std::env::var(key).ok().map(|value| ((*key).to_owned(), value))).collect();
    // `git os` has to be the very git-os that runs the agent.
    if let (Some(dir), Some(path)) = (spec.program.parent(), all.iter_mut().find(|(key, _)| key == "PATH")) {
        path.1 = format!("{dir}:{}", path.1);
    }
    all.extend(crate::git::process::settings_for_agents(&spec.settings));
    all.push((PLACE.to_owned(), spec.dir.to_string()));
    all.push(("TERM".to_owned(), "dumb".to_owned()));
    all.push(("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()));
    all.extend(spec.variables.iter().cloned());
    all
}
