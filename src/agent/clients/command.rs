//! The `command` kind: any program, with the brief on standard input and `GIT_OS_*` variables.

use super::{Client, Launch, Report, Talk, Teller};
use crate::agent::process::{Ended, Finished, ProcessError};
use crate::agent::session::{Event, Failure};
use crate::agent::{Brief, Surroundings};
use crate::core::outcome::Outcome;
use crate::core::registry::AgentEntry;

/// Exit codes from here on are those of signals, as a shell has them.
const SIGNALS: std::ops::RangeInclusive<i32> = 129..=159;

pub(super) struct Command;

/// One run. Such a program tells nothing but by its exit code.
struct Run(Teller);

impl Client for Command {
    fn launch(&self, name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Launch, ProcessError> {
        let model = agent.model.iter().map(|model| ("GIT_OS_MODEL".to_owned(), model.clone()));
        Ok(Launch {
            words: agent.words(around.registry_dir),
            variables: model.collect(),
            passed: &[],
            input: brief.text.clone().into_bytes(),
            is_input_open: false,
            talk: Box::new(Run(Teller::new(name, around))),
        })
    }
}

impl Talk for Run {
    fn hear(&mut self, _line: &str) -> Vec<Event> {
        Vec::new()
    }

    fn report(&mut self, finished: &Finished) -> Report {
        let failure = match finished.ended {
            Ended::Exit(code) if code != 0 => {
                let end = if SIGNALS.contains(&code) { Outcome::Crashed } else { Outcome::Failed };
                let said = finished.transcript.last_words();
                let said = if said.is_empty() { said } else { format!(": {said}") };
                Some(Failure::quoting(end, &format!("{} exited with {code}{said}", self.0.name)))
            }
            Ended::Exit(_) | Ended::TimedOut | Ended::Interrupted | Ended::Canceled => None,
        };
        Report { failure, answer: finished.transcript.last_line(), ..Report::default() }
    }
}
