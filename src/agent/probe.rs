//! Which version of a client is here: its program is asked, and not its model.

use camino::{Utf8Path, Utf8PathBuf};

use super::enter;
use super::process::{self, Ended, Spec};
use super::stop::Stop;
use crate::core::id::RunId;
use crate::core::outcome::Outcome;
use crate::core::registry::AgentKind;
use crate::core::text;

/// How long a program may take to say its version, in seconds.
const PATIENCE: u64 = 10;
/// How much is shown of what is no version, in bytes.
const MAX_SHOWN: usize = 100;

/// Why an agent cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) outcome: Outcome,
    pub(crate) why: String,
}

/// The version that a program says it has; `None` where what it says is none.
///
/// # Errors
/// When it does not answer in order.
pub(crate) fn version(words: &[String], git_os: &Utf8Path, run: &RunId, stop: &Stop) -> Result<Option<String>, Unusable> {
    let unusable = |outcome, why: String| Err(Unusable { outcome, why });
    let program = words.first().cloned().unwrap_or_default();
    let folder = tempfile::tempdir().ok().and_then(|dir| Some((Utf8PathBuf::from_path_buf(dir.path().to_owned()).ok()?, dir)));
    let Some((path, _dir)) = folder else {
        return unusable(Outcome::Crashed, "there is no folder for temporary files".to_owned());
    };
    let spec = Spec {
        words: words.iter().cloned().chain(["--version".to_owned()]).collect(),
        dir: path,
        variables: vec![("GIT_OS_RUN".to_owned(), run.to_string())],
        settings: Vec::new(),
        passed: &["CODEX_HOME", "CLAUDE_CONFIG_DIR"],
        input: Vec::new(),
        is_input_open: false,
        timeout: PATIENCE,
        program: git_os.to_owned(),
        run: run.clone(),
    };
    let finished = match process::run(&spec, stop) {
        Ok(finished) => finished,
        Err(error) => return unusable(Outcome::Crashed, text::in_one_line(&error)),
    };
    match finished.ended {
        Ended::Exit(0) => Ok(find_version(&finished.transcript.stdout.text())),
        Ended::Exit(code) => {
            let said = text::line(&finished.transcript.last_useful_line(), MAX_SHOWN);
            let missing = enter::find_refusal(&program, &finished).map(|why| (Outcome::MissingClient, why));
            let crashed = || (Outcome::Crashed, format!("`{program} --version` exited with {code}: {said}"));
            let (outcome, why) = missing.unwrap_or_else(crashed);
            unusable(outcome, why)
        }
        Ended::TimedOut => unusable(Outcome::TimedOut, format!("`{program} --version` did not answer within {PATIENCE} s")),
        Ended::Interrupted | Ended::Canceled => unusable(Outcome::Interrupted, "it was interrupted".to_owned()),
    }
}

/// The first word that looks like a version: numbers with dots, and what may follow them.
fn find_version(text: &str) -> Option<String> {
    let mut words = text.split(|character: char| character.is_whitespace() || character == ',');
    let word =
        words.find(|word| word.trim_start_matches('v').split('.').filter(|part| part.parse::<u64>().is_ok()).count() >= 2)?;
    Some(text::line(word.trim_start_matches('v'), MAX_SHOWN))
}

/// Refuses a version that is older than the oldest with which git-os was tried.
///
/// # Errors
/// When it is too old.
pub(crate) fn is_new_enough(kind: AgentKind, version: Option<String>) -> Result<Option<String>, Unusable> {
    let numbers = |text: &str| text.split(['.', '-']).map_while(|part| part.parse::<u64>().ok()).collect::<Vec<_>>();
    match (kind.oldest(), &version) {
        (Some(oldest), Some(found)) if numbers(found) < numbers(oldest) => {
            let why = format!("version {found} is too old; git-os needs {oldest} or newer");
            Err(Unusable { outcome: Outcome::WrongVersion, why })
        }
        (Some(_) | None, _) => Ok(version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_clients_print() {
        for (text, version) in [
            ("2.1.332 (Claude Code)\n", Some("2.1.332")),
            ("codex-cli 0.171.0\n", Some("0.171.0")),
            ("v1.18.33", Some("1.18.33")),
            ("0.61.0-nightly.3", Some("0.61.0-nightly.3")),
            ("no version, sorry", None),
            ("", None),
        ] {
            assert_eq!(find_version(text).as_deref(), version, "{text}");
        }
    }

    #[test]
    fn what_is_too_old_is_not_used() {
        let outcome =
            |version: &str| is_new_enough(AgentKind::Claude, Some(version.to_owned())).map_err(|unusable| unusable.outcome);
        assert_eq!(outcome("2.1.9"), Err(Outcome::WrongVersion));
        assert_eq!(outcome("2.2"), Ok(Some("2.2".to_owned())));
        assert_eq!(is_new_enough(AgentKind::Claude, None), Ok(None));
    }
}
