//! A run of an agent from its start to its conclusion: events come, permissions are asked for and answered, and it can be canceled.

use std::collections::VecDeque;
use std::time::Duration;

use super::clients::{self, Client, Launch, Talk};
use super::enter;
use super::process::{self, Ended, Heard, Live, ProcessError, Spec};
use super::stop::Stop;
use super::transcript::{Channel, Transcript};
use super::{Brief, Surroundings};
use crate::core::event::named;
use crate::core::outcome::{Cap, Outcome};
use crate::core::progress::ToolUse;
use crate::core::registry::AgentEntry;
use crate::core::usage::Usage;
use crate::core::{secrets, text};

/// The longest line in which a client is understood, in bytes; a longer one is in the transcript alone.
const MAX_LINE: usize = 4 * 1024 * 1024;
/// How long the words of a failure are, in bytes.
const MAX_WORDS: usize = 400;
/// How much of what a program said they have, in bytes.
const MAX_QUOTE: usize = 4000;

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
    /// Some time has passed.
    Tick,
}

/// Whether an answer could be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Sent,
    /// The client is over, or reads no answers.
    Closed,
}

/// Why a run did not succeed: one of the ends that a run can have, and words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub(crate) struct Failure {
    pub(crate) end: Outcome,
    /// Without what only programs read.
    words: String,
}

impl Failure {
    /// In one short line.
    pub(super) fn new(end: Outcome, words: &str) -> Self {
        // A service may answer with what it was asked.
        Self { end, words: text::line(&secrets::redact(words), MAX_WORDS) }
    }

    /// With what a program said that speaks to people.
    pub(super) fn quoting(end: Outcome, words: &str) -> Self {
        Self { end, words: text::excerpt(words, MAX_QUOTE) }
    }
}

/// What a run of an agent came to.
#[derive(Debug, Clone)]
pub(crate) struct Conclusion {
    pub(crate) ended: Ended,
    pub(crate) took: Duration,
    pub(crate) transcript: Transcript,
    /// The agent's name and, where it says so, its model.
    pub(crate) agent: String,
    /// What it says of itself: cost, turns, its session. Null for programs that say nothing.
    pub(crate) record: serde_json::Value,
    failure: Option<Failure>,
    /// Its last words: where a verifier's judgement stands.
    pub(crate) answer: String,
    pub(crate) usage: Usage,
}

impl Conclusion {
    /// How the run ended, as far as the client can tell: whether there is work is for others to see.
    #[must_use]
    pub(crate) fn end(&self) -> Outcome {
        self.failure.as_ref().map_or(Outcome::HandedIn, |failure| failure.end)
    }

    /// The same, where its time was that of a budget, in these words, if it was.
    #[must_use]
    pub(crate) fn within(mut self, time: Option<String>) -> Self {
        if let Some(time) = time.filter(|_| self.end() == Outcome::TimedOut) {
            let why = format!("the run was stopped: it used up its {time}");
            self.failure = Some(Failure::new(Outcome::OverBudget(Cap::Minutes), &why));
        }
        self
    }

    /// Why the run failed; `None` when it did not.
    #[must_use]
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }
}

/// A run that was started. Dropping it ends it.
pub(crate) struct Session {
    name: String,
    program: String,
    talk: Box<dyn Talk>,
    live: Live,
    lines: Lines,
    /// The same of its standard error.
    asides: Lines,
    /// What was heard and not told yet.
    heard: VecDeque<Event>,
    /// Why it was ended before its time.
    stopped: Option<Failure>,
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
        let Launch { words, mut variables, passed, input, is_input_open, talk } = client.launch(name, agent, brief, around)?;
        variables.extend(clients::network());
        variables.extend(process::passed(agent.env.iter().map(String::as_str)));
        let program = words.first().cloned().unwrap_or_default();
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
        let (lines, asides) = (Lines::default(), Lines::default());
        let mut session =
            Self { name: name.to_owned(), program, talk, live, lines, asides, heard: VecDeque::new(), stopped: None };
        session.say();
        Ok(session)
    }

    /// Waits for what happens next; `None` when the run is over.
    ///
    /// # Errors
    /// When the agent cannot be watched any more.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, ProcessError> {
        while self.heard.is_empty() {
            if self.talk.is_over() {
                self.live.cancel();
                return Ok(None);
            }
            let (channel, bytes) = match self.live.next()? {
                Some(Heard::Printed(channel, bytes)) => (channel, bytes),
                Some(Heard::Tick) => return Ok(Some(Event::Tick)),
                None => return Ok(None),
            };
            match channel {
                Channel::Stdout => {
                    for line in self.lines.add(&bytes) {
                        self.heard.extend(self.talk.hear(&line));
                    }
                    self.say();
                }
                Channel::Stderr => self.asides.add(&bytes).iter().for_each(|line| self.talk.overhear(line)),
            }
        }
        Ok(self.heard.pop_front())
    }

    /// Writes what the client is to be told by now. One that reads no more says so by its end.
    fn say(&mut self) {
        for line in self.talk.say() {
            self.live.write(format!("{line}\n").as_bytes());
        }
    }

    /// Answers a permission that was asked for.
    pub(crate) fn answer(&mut self, request: &Permission, decision: Decision) -> Delivery {
        let is_sent = self.talk.reply(request, decision).is_some_and(|line| self.live.write(format!("{line}\n").as_bytes()));
        if is_sent { Delivery::Sent } else { Delivery::Closed }
    }

    /// How long the run takes by now.
    #[must_use]
    pub(crate) fn elapsed(&self) -> Duration {
        self.live.elapsed()
    }

    /// What it has used by now, as far as its client tells.
    #[must_use]
    pub(crate) fn used(&self) -> Usage {
        self.talk.used()
    }

    /// Ends the run before its time, for this reason.
    pub(crate) fn end_for(&mut self, end: Outcome, why: &str) {
        self.stopped = Some(Failure::new(end, &format!("{} was stopped: {why}", self.name)));
        self.live.cancel();
    }

    /// Ends the run before its time.
    pub(crate) fn cancel(&mut self) {
        self.live.cancel();
    }

    /// What it came to. A run that is not over is canceled.
    #[must_use]
    pub(crate) fn conclude(mut self) -> Conclusion {
        let finished = self.live.finish();
        if let Some(line) = self.lines.rest() {
            drop(self.talk.hear(&line));
        }
        let report = self.talk.report(&finished);
        let name = &self.name;
        // A client that waits for its service to serve it again is not slow.
        let waited = report.failure.clone().filter(|failure| failure.end.is_of_agent());
        let failure = match finished.ended {
            Ended::Exit(_) => match enter::find_refusal(&self.program, &finished) {
                Some(why) => Some(Failure::new(Outcome::MissingClient, &format!("{name}: {why}"))),
                None => report.failure.clone(),
            },
            Ended::TimedOut => {
                let late = || Failure::new(Outcome::TimedOut, &format!("{name} was stopped: it reached its time limit"));
                Some(waited.unwrap_or_else(late))
            }
            Ended::Interrupted => Some(Failure::new(Outcome::Interrupted, &format!("{name} was interrupted"))),
            Ended::Canceled if self.stopped.is_some() => self.stopped.take(),
            Ended::Canceled if self.talk.is_over() => report.failure.clone(),
            Ended::Canceled => {
                let why = format!("{name} asked for permission, and git-os cannot grant it to this kind of agent");
                Some(Failure::new(Outcome::Failed, &why))
            }
        };
        let agent = report.usage.model.as_ref().map_or_else(|| name.clone(), |model| format!("{name}/{model}"));
        Conclusion {
            ended: finished.ended,
            took: finished.took,
            transcript: finished.transcript,
            agent,
            record: report.record(),
            failure,
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

    /// The last line, which nothing ended.
    fn rest(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.begun);
        (!line.is_empty()).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests;
