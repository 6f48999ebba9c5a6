//! A run of an agent from its start to its outcome: events come, permissions are asked for and answered, and it can be canceled.

use std::collections::VecDeque;

use super::clients::{self, Client, Launch};
use super::process::{Ended, Live, ProcessError, Spec};
use super::stop::Stop;
use super::transcript::{Channel, Transcript};
use super::{Brief, Surroundings};
use crate::core::event::named;
use crate::core::progress::ToolUse;
use crate::core::registry::AgentEntry;
use crate::core::usage::Usage;

/// The longest line in which a client is understood, in bytes; a longer one is in the transcript alone.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// A question of an agent whether it may use a tool. It waits for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(crate) id: String,
    pub(crate) tool: ToolUse,
    /// All that the tool would be given.
    pub(crate) input: serde_json::Value,
}

named! {
    /// What an agent is answered when it asks for a permission.
    Decision, "decision", { Allow = "allow", Deny = "deny" }
}

/// What happens in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Tool(ToolUse),
    Permission(Permission),
}

/// Whether an answer could be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Sent,
    /// The client is over, or reads no answers.
    Closed,
}

/// Why a run did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Refused(String),
    #[error("{agent} exited with {code}: {said}")]
    Exit { agent: String, code: i32, said: String },
    #[error("{0} was stopped: it reached its time limit")]
    TimedOut(String),
    #[error("{0} was interrupted")]
    Interrupted(String),
    #[error("{0} asked for permission, and git-os cannot grant it to this kind of agent")]
    Canceled(String),
}

/// How a run of an agent ended.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    pub(crate) transcript: Transcript,
    /// The agent's name and, where it says so, its model.
    pub(crate) agent: String,
    /// What it says of itself: cost, turns, its session. Null for programs that say nothing.
    pub(crate) record: serde_json::Value,
    /// Why it did not succeed although it exited with 0.
    refusal: Option<String>,
    /// Its last words: where a verifier's judgement stands.
    pub(crate) answer: String,
    pub(crate) usage: Usage,
}

impl Outcome {
    /// How it ended, as far as the client can tell.
    #[must_use]
    pub(crate) fn end(&self) -> crate::core::outcome::Outcome {
        use crate::core::outcome::Outcome as End;
        match (self.ended, &self.refusal) {
            (Ended::Exit(0), None) => End::HandedIn,
            (Ended::Exit(code), _) if code > 128 => End::Crashed,
            (Ended::Exit(_) | Ended::Canceled, _) => End::Failed,
            (Ended::TimedOut, _) => End::TimedOut,
            (Ended::Interrupted, _) => End::Interrupted,
        }
    }

    /// Why the run failed; `None` when it did not.
    #[must_use]
    pub(crate) fn failure(&self) -> Option<Failure> {
        let agent = || self.agent.clone();
        match (self.ended, &self.refusal) {
            (Ended::Exit(0), None) => None,
            (Ended::Exit(0), Some(refusal)) => Some(Failure::Refused(refusal.clone())),
            (Ended::Exit(code), _) => Some(Failure::Exit { agent: agent(), code, said: self.transcript.last_words() }),
            (Ended::TimedOut, _) => Some(Failure::TimedOut(agent())),
            (Ended::Interrupted, _) => Some(Failure::Interrupted(agent())),
            (Ended::Canceled, _) => Some(Failure::Canceled(agent())),
        }
    }
}

/// A run that was started. Dropping it ends it.
pub(crate) struct Session {
    name: String,
    client: &'static dyn Client,
    live: Live,
    lines: Lines,
    /// What was heard and not told yet.
    heard: VecDeque<Event>,
}

impl Session {
    /// Starts an agent.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(
        name: &str,
        agent: &AgentEntry,
        brief: &Brief,
        around: Surroundings<'_>,
        stop: &Stop,
    ) -> Result<Self, ProcessError> {
        Self::start_client(clients::of(agent.kind), name, agent, brief, around, stop)
    }

    fn start_client(
        client: &'static dyn Client,
        name: &str,
        agent: &AgentEntry,
        brief: &Brief,
        around: Surroundings<'_>,
        stop: &Stop,
    ) -> Result<Self, ProcessError> {
        let Launch { words, variables, passed, input, is_input_open } = client.launch(agent, brief, around);
        let spec = Spec {
            words,
            dir: brief.worktree.clone(),
            variables: [brief.variables(), variables].concat(),
            settings: around.settings.to_vec(),
            passed,
            input,
            is_input_open,
            timeout: brief.timeout,
            program: around.program.to_owned(),
            run: brief.run.clone(),
        };
        let live = Live::start(&spec, stop)?;
        Ok(Self { name: name.to_owned(), client, live, lines: Lines::default(), heard: VecDeque::new() })
    }

    /// Waits for what happens next; `None` when the run is over.
    ///
    /// # Errors
    /// When the agent cannot be watched any more.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, ProcessError> {
        while self.heard.is_empty() {
            let Some((channel, bytes)) = self.live.next()? else { return Ok(None) };
            if channel == Channel::Stdout {
                for line in self.lines.add(&bytes) {
                    self.heard.extend(self.client.hear(&line));
                }
            }
        }
        Ok(self.heard.pop_front())
    }

    /// Answers a permission that was asked for.
    pub(crate) fn answer(&mut self, request: &Permission, decision: Decision) -> Delivery {
        let is_sent = self.client.reply(request, decision).is_some_and(|line| self.live.write(format!("{line}\n").as_bytes()));
        if is_sent { Delivery::Sent } else { Delivery::Closed }
    }

    /// Ends the run before its time.
    pub(crate) fn cancel(&mut self) {
        self.live.cancel();
    }

    /// How it ended. A run that is not over is canceled.
    #[must_use]
    pub(crate) fn outcome(self) -> Outcome {
        let finished = self.live.finish();
        let report = self.client.report(&self.name, &finished);
        Outcome {
            ended: finished.ended,
            transcript: finished.transcript,
            agent: report.agent,
            record: report.record,
            refusal: report.refusal,
            answer: report.answer,
            usage: report.usage,
        }
    }
}

/// Puts lines together from the pieces in which they come.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    /// The line that has begun is longer than is read.
    is_too_long: bool,
}

impl Lines {
    /// The lines that these bytes end.
    fn add(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut whole = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.is_too_long |= self.begun.len() + part.len() > MAX_LINE;
            if self.is_too_long {
                self.begun.clear();
            } else {
                self.begun.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.begun);
                if !std::mem::take(&mut self.is_too_long) {
                    whole.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests;
