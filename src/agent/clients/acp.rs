//! The `acp` kind: any program that speaks the Agent Client Protocol, version 1, over its standard input and output.
//!
//! git-os opens one session, sends the brief as one prompt, answers what it is asked, and ends the program once it is done.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Client, Launch, MAX_DETAIL, Report, Talk, Teller, answer, detail, millis, object};
use crate::agent::process::{Finished, ProcessError};
use crate::agent::session::{Decision, Event, Failure, Permission};
use crate::agent::{Brief, Duty, Surroundings};
use crate::core::outcome::{Cap, Outcome};
use crate::core::progress::ToolUse;
use crate::core::registry::AgentEntry;
use crate::core::text;
use crate::core::usage::{Usage, add};

/// The version of the protocol.
const VERSION: u64 = 1;
/// What git-os asks for, by the number of its request.
const INITIALIZE: u64 = 0;
const NEW: u64 = 1;
const MODEL: u64 = 2;
const PROMPT: u64 = 3;
/// The code of an error that says that somebody has to log in first.
const AUTH_REQUIRED: i64 = -32000;
/// The code with which unknown requests are answered.
const UNKNOWN: i64 = -32601;

/// What a verifier may run.
const READING: &[&str] = &["git diff", "git log", "git show", "git status"];

pub(super) struct Acp;

impl Client for Acp {
    fn launch(&self, name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Launch, ProcessError> {
        let mut run = Run::new(Teller::new(name, around), brief, agent.model.clone());
        let capabilities = json!({ "fs": { "readTextFile": false, "writeTextFile": false }, "terminal": false });
        let client = json!({ "name": "git-os", "version": env!("CARGO_PKG_VERSION") });
        run.ask(
            INITIALIZE,
            "initialize",
            &json!({ "protocolVersion": VERSION, "clientCapabilities": capabilities, "clientInfo": client }),
        );
        Ok(Launch {
            words: agent.words(around.registry_dir),
            variables: Vec::new(),
            passed: &[],
            input: Vec::new(),
            is_input_open: true,
            talk: Box::new(run),
        })
    }
}

/// What is known of a run.
struct Run {
    teller: Teller,
    brief: String,
    folder: String,
    duty: Duty,
    wanted_model: Option<String>,
    /// What is to be sent.
    to_say: Vec<String>,
    session: Option<String>,
    /// What came of the prompt.
    done: Option<Value>,
    failure: Option<(Outcome, String)>,
    said: String,
    /// The calls that were told.
    told: BTreeSet<String>,
    denied: Vec<ToolUse>,
    turns: u64,
}

impl Run {
    fn new(teller: Teller, brief: &Brief, wanted_model: Option<String>) -> Self {
        Self {
            teller,
            brief: brief.text.clone(),
            folder: brief.worktree.to_string(),
            duty: brief.duty,
            wanted_model,
            to_say: Vec::new(),
            session: None,
            done: None,
            failure: None,
            said: String::new(),
            told: BTreeSet::new(),
            denied: Vec::new(),
            turns: 0,
        }
    }

    fn ask(&mut self, id: u64, method: &str, params: &Value) {
        self.to_say.push(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
    }

    fn fail(&mut self, end: Outcome, words: &str) {
        self.failure = Some((end, words.to_owned()));
    }

    /// The answer to what was asked.
    fn take(&mut self, id: u64, result: &Value) {
        match id {
            INITIALIZE => {
                if result["protocolVersion"] != VERSION {
                    let version = text::line(&result["protocolVersion"].to_string(), 20);
                    let words = format!("speaks version {version} of the Agent Client Protocol; git-os speaks version {VERSION}");
                    return self.fail(Outcome::WrongVersion, &words);
                }
                let folder = self.folder.clone();
                self.ask(NEW, "session/new", &json!({ "cwd": folder, "mcpServers": [] }));
            }
            NEW => {
                let Some(session) = result["sessionId"].as_str() else {
                    return self.fail(Outcome::Crashed, "opened no session");
                };
                self.session = Some(session.to_owned());
                let Some(model) = self.wanted_model.clone() else { return self.prompt() };
                match choose_model(session, result, &model) {
                    Some((method, params)) => self.ask(MODEL, method, &params),
                    None => self.fail(Outcome::WrongVersion, &format!("has no model `{}` to choose", text::line(&model, 100))),
                }
            }
            MODEL => self.prompt(),
            PROMPT => self.done = Some(result.clone()),
            _ => {}
        }
    }

    fn prompt(&mut self) {
        let (session, brief) = (self.session.clone(), std::mem::take(&mut self.brief));
        self.ask(PROMPT, "session/prompt", &json!({ "sessionId": session, "prompt": [{ "type": "text", "text": brief }] }));
    }

    /// What the program asks of git-os.
    fn asked(&mut self, id: &Value, method: &str, params: &Value) -> Option<Event> {
        if method != "session/request_permission" {
            let error = json!({ "code": UNKNOWN, "message": "git-os does not do this; use your own tools" });
            self.to_say.push(json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string());
            return None;
        }
        let call = &params["toolCall"];
        let request = Permission { id: id.to_string(), tool: used(call), input: params.clone() };
        if !self.duty.writes() && !is_reading(call) {
            return Some(Event::Permission(request));
        }
        let reply = self.reply(&request, Decision::Allow);
        self.to_say.extend(reply);
        let is_new = self.told.insert(call["toolCallId"].to_string());
        is_new.then_some(Event::Tool(request.tool))
    }

    /// What the program tells.
    fn told(&mut self, update: &Value) -> Option<Event> {
        match update["sessionUpdate"].as_str()? {
            "agent_message_chunk" => {
                if self.said.is_empty() {
                    self.turns += 1;
                }
                self.said += update["content"]["text"].as_str().unwrap_or_default();
                None
            }
            "tool_call" | "tool_call_update" => {
                self.said.clear();
                // What it is used on may come with a later line.
                let is_begun = update["status"] != "pending";
                (is_begun && self.told.insert(update["toolCallId"].to_string())).then(|| Event::Tool(used(update)))
            }
            _ => None,
        }
    }

    fn usage(&self, finished: &Finished) -> Usage {
        let none = Value::Null;
        let result = self.done.as_ref().unwrap_or(&none);
        let quota = &result["_meta"]["quota"];
        let tokens = |of_result: &str, of_quota: &str| {
            result["usage"][of_result].as_u64().or_else(|| quota["token_count"][of_quota].as_u64())
        };
        let mut turns = None;
        add(&mut turns, (self.turns > 0).then_some(self.turns));
        Usage {
            model: self.wanted_model.clone().or_else(|| quota["model_usage"][0]["model"].as_str().map(str::to_owned)),
            input_tokens: tokens("inputTokens", "input_tokens"),
            output_tokens: tokens("outputTokens", "output_tokens"),
            cache_read_tokens: tokens("cachedReadTokens", "cached_tokens"),
            cache_write_tokens: tokens("cachedWriteTokens", "cache_write_tokens"),
            turns,
            millis: millis(finished),
            micro_dollars: None,
            denied: self.done.as_ref().and_then(|_| u64::try_from(self.denied.len()).ok()),
        }
    }
}

/// How a session is told its model, in one of the two ways that programs have; `None` if it has no such model.
fn choose_model(session: &str, opened: &Value, model: &str) -> Option<(&'static str, Value)> {
    let mut models = opened["models"]["availableModels"].as_array().into_iter().flatten();
    if models.any(|known| known["modelId"] == model) {
        return Some(("session/set_model", json!({ "sessionId": session, "modelId": model })));
    }
    let mut options = opened["configOptions"].as_array().into_iter().flatten();
    let option = options.find(|option| option["category"] == "model" || option["id"] == "model")?;
    let is_known = option["options"].as_array().into_iter().flatten().any(|known| known["value"] == model);
    is_known.then(|| ("session/set_config_option", json!({ "sessionId": session, "configId": option["id"], "value": model })))
}

/// Whether a call only reads: by its kind, or by its command, which is one command of git and no more.
fn is_reading(call: &Value) -> bool {
    let command = call["rawInput"]["command"].as_str().or_else(|| call["title"].as_str()).unwrap_or_default();
    match call["kind"].as_str() {
        Some("read" | "search" | "think") => true,
        Some("execute") => {
            let is_one = !command.contains([';', '&', '|', '<', '>', '$', '`', '\n', '\\']) && !command.contains("--output");
            is_one && READING.iter().any(|read| command == *read || command.starts_with(&format!("{read} ")))
        }
        _ => false,
    }
}

/// What a call uses, and on what.
fn used(call: &Value) -> ToolUse {
    let title = call["title"].as_str().unwrap_or_default();
    let detail = match detail(&call["rawInput"]) {
        detail if detail.is_empty() => text::line(title, MAX_DETAIL),
        detail => detail,
    };
    ToolUse { name: text::line(call["kind"].as_str().unwrap_or("tool"), MAX_DETAIL), detail }
}

impl Talk for Run {
    fn hear(&mut self, line: &str) -> Vec<Event> {
        let Some(value) = object(line) else { return Vec::new() };
        let event = match (value["method"].as_str(), value.get("id")) {
            (Some(method), Some(id)) => self.asked(id, method, &value["params"]),
            (Some("session/update"), None) => self.told(&value["params"]["update"]),
            (None, Some(id)) => {
                let id = id.as_u64().unwrap_or(u64::MAX);
                match value.get("error") {
                    Some(error) if !error.is_null() => self.done_with(error),
                    _ => self.take(id, &value["result"]),
                }
                None
            }
            (Some(_) | None, None) => None,
        };
        event.into_iter().collect()
    }

    fn say(&mut self) -> Vec<String> {
        std::mem::take(&mut self.to_say)
    }

    fn reply(&mut self, request: &Permission, decision: Decision) -> Option<String> {
        let options = || request.input["options"].as_array().into_iter().flatten();
        let find = |kinds: [&str; 2]| kinds.iter().find_map(|kind| options().find(|option| option["kind"] == *kind));
        let option = match decision {
            Decision::Allow => find(["allow_once", "allow_always"]),
            Decision::Deny => {
                self.denied.push(request.tool.clone());
                find(["reject_once", "reject_always"])
            }
        };
        let outcome = match option {
            Some(option) => json!({ "outcome": "selected", "optionId": option["optionId"] }),
            None => json!({ "outcome": "cancelled" }),
        };
        let id: Value = serde_json::from_str(&request.id).ok()?;
        Some(json!({ "jsonrpc": "2.0", "id": id, "result": { "outcome": outcome } }).to_string())
    }

    fn is_over(&self) -> bool {
        self.done.is_some() || self.failure.is_some()
    }

    fn report(&mut self, finished: &Finished) -> Report {
        let failure: Option<Failure> = match (&self.failure, self.done.as_ref().and_then(|done| done["stopReason"].as_str())) {
            (Some((Outcome::Crashed, words)), _) => Some(self.teller.refused(None, words, finished)),
            (Some((end, words)), _) => Some(self.teller.failure(*end, words)),
            (None, Some("end_turn")) => None,
            (None, Some("max_turn_requests")) => {
                Some(self.teller.failure(Outcome::OverBudget(Cap::Turns), "was stopped: it used up its turns"))
            }
            (None, Some("max_tokens")) => {
                Some(self.teller.failure(Outcome::OverBudget(Cap::Tokens), "was stopped: it used up its tokens"))
            }
            (None, Some("refusal")) => Some(self.teller.failure(Outcome::Failed, "refused to do this")),
            (None, Some(reason)) => Some(self.teller.failure(Outcome::Crashed, &format!("stopped: {}", text::line(reason, 50)))),
            (None, None) => Some(self.teller.silent(finished)),
        };
        Report {
            session: self.session.clone(),
            failure,
            answer: answer(&self.said),
            usage: self.usage(finished),
            denied: std::mem::take(&mut self.denied),
        }
    }
}

impl Run {
    /// What was asked for failed.
    fn done_with(&mut self, error: &Value) {
        let code = error["code"].as_i64().unwrap_or_default();
        let message = error["message"].as_str().unwrap_or("it gave no details");
        match code {
            AUTH_REQUIRED => self.fail(Outcome::NoLogin, &format!("has to be logged in: {message}")),
            // Some give the status of their model's service here.
            400..600 => self.fail(Outcome::Crashed, &format!("status {code}: {message}")),
            _ => self.fail(Outcome::Crashed, message),
        }
    }
}

/// What a line of the stream says to a person.
pub(super) fn spoken(value: &Value) -> Option<String> {
    (value["jsonrpc"] == "2.0").then_some(())?;
    let update = &value["params"]["update"];
    Some(match update["sessionUpdate"].as_str() {
        Some("agent_message_chunk") => update["content"]["text"].as_str().unwrap_or_default().to_owned(),
        Some("tool_call_update") if update["status"] == "completed" || update["status"] == "failed" => {
            let tool = used(update);
            format!("> {} {}", tool.name, tool.detail)
        }
        _ => value["error"]["message"].as_str().map(|message| format!("error: {message}")).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
