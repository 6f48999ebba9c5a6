//! The `command` kind: any program, with the brief on standard input and `GIT_OS_*` variables.

use super::{Client, ClientReport, Launch};
use crate::agent::process::Finished;
use crate::agent::session::{Decision, Event, Permission};
use crate::agent::{Brief, Surroundings};
use crate::core::registry::AgentEntry;
use crate::core::usage::Usage;

pub(super) struct Command;

impl Client for Command {
    fn launch(&self, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Launch {
        Launch {
            words: agent.words(around.registry_dir),
            variables: Vec::new(),
            passed: &[],
            input: brief.text.clone().into_bytes(),
            is_input_open: false,
        }
    }

    fn hear(&self, _line: &str) -> Vec<Event> {
        Vec::new()
    }

    fn reply(&self, _request: &Permission, _decision: Decision) -> Option<String> {
        None
    }

    fn report(&self, name: &str, finished: &Finished) -> ClientReport {
        ClientReport {
            agent: name.to_owned(),
            record: serde_json::Value::Null,
            refusal: None,
            answer: finished.transcript.last_line(),
            usage: Usage::default(),
        }
    }
}
