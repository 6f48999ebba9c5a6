//! What Claude Code prints in a run, line by line.
//!
//! A run may have several results, since what it does in the background begins new turns. Cost and the usage of each model grow
//! over all of them and count sub-agents; turns, time and refusals are those since the result before.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::agent::clients::{MAX_DETAIL, Report, Talk, Teller, answer, detail, object, tool};
use crate::agent::process::Finished;
use crate::agent::session::{Decision, Event, Failure, Permission};
use crate::core::outcome::{Cap, Outcome};
use crate::core::progress::ToolUse;
use crate::core::text;
use crate::core::time::Timestamp;
use crate::core::usage::{MicroDollars, Usage, add};

/// How often a refused key is tried.
const LAST_TRY: u64 = 3;

/// What is known of a run.
pub(super) struct Run {
    teller: Teller,
    session: Option<String>,
    model: Option<String>,
    /// The last result.
    result: Option<Value>,
    turns: Option<u64>,
    millis: Option<u64>,
    /// The names of the calls that were refused, so that none is counted twice.
    denied: Vec<(String, ToolUse)>,
    /// It was told to wait, and has heard nothing since.
    waits: Option<Value>,
    /// When a limit that it ran into ends.
    limit: Option<Timestamp>,
    /// The judgement that the model gave last, whether or not the client took it as it was.
    judgement: Option<Value>,
    /// The usage of each message by its name, for a run that ends without a result.
    messages: BTreeMap<String, Value>,
}

impl Run {
    pub(super) fn new(teller: Teller) -> Self {
        Self {
            teller,
            session: None,
            model: None,
            result: None,
            turns: None,
            millis: None,
            denied: Vec::new(),
            waits: None,
            limit: None,
            judgement: None,
            messages: BTreeMap::new(),
        }
    }

    fn add_result(&mut self, result: &Value) {
        add(&mut self.turns, result["num_turns"].as_u64());
        add(&mut self.millis, result["duration_ms"].as_u64());
        for denial in result["permission_denials"].as_array().into_iter().flatten() {
            let id = denial["tool_use_id"].as_str().unwrap_or_default();
            if id.is_empty() || self.denied.iter().all(|(other, _)| other != id) {
                let name = denial["tool_name"].as_str().unwrap_or_default();
                self.denied.push((id.to_owned(), tool(name, &denial["tool_input"])));
            }
        }
        self.result = Some(result.clone());
    }

    /// Why it did not end in order.
    fn failure(&self, finished: &Finished) -> Option<Failure> {
        let Some(result) = &self.result else {
            return Some(match &self.waits {
                Some(waits) => {
                    self.refused(waits["error_status"].as_u64(), waits["error"].as_str().unwrap_or_default(), finished)
                }
                None => self.teller.silent(finished),
            });
        };
        let words = || {
            let errors = result["errors"].as_array().into_iter().flatten();
            let mut said = result["result"].as_str().into_iter().chain(errors.filter_map(Value::as_str));
            said.find(|words| !words.is_empty()).unwrap_or("it gave no details").to_owned()
        };
        let is = |words: &[&str]| {
            [&result["subtype"], &result["terminal_reason"]].iter().any(|key| words.contains(&key.as_str().unwrap_or_default()))
        };
        if is(&["error_max_turns", "max_turns"]) {
            return Some(self.teller.failure(Outcome::OverBudget(Cap::Turns), &format!("was stopped: {}", words())));
        }
        if is(&["error_max_budget_usd", "budget_exhausted"]) {
            return Some(self.teller.failure(Outcome::OverBudget(Cap::Dollars), &format!("was stopped: {}", words())));
        }
        (result["is_error"].as_bool() != Some(false))
            .then(|| self.refused(result["api_error_status"].as_u64(), &words(), finished))
    }

    fn refused(&self, status: Option<u64>, words: &str, finished: &Finished) -> Failure {
        let mut failure = self.teller.refused(status, words, finished);
        if let Outcome::Limited { until: None } = failure.end {
            let wait = self.waits.as_ref().and_then(|waits| waits["retry_delay_ms"].as_u64()).map(|wait| wait.div_ceil(1000));
            let until = self.limit.or_else(|| wait.map(|seconds| self.teller.now(finished).plus(seconds)));
            failure.end = Outcome::Limited { until };
        }
        failure
    }

    fn usage(&self) -> Usage {
        let Some(result) = &self.result else { return self.usage_so_far() };
        let models = result["modelUsage"].as_object();
        let tokens = |of_model: &str, of_all: &str| {
            let mut sum = None;
            models.into_iter().flat_map(serde_json::Map::values).for_each(|model| add(&mut sum, model[of_model].as_u64()));
            sum.or_else(|| result["usage"][of_all].as_u64())
        };
        let dollars = result["total_cost_usd"].as_number().and_then(|dollars| MicroDollars::parse(&dollars.to_string()));
        let model = || models.and_then(|models| models.keys().next().cloned());
        Usage {
            model: self.model.clone().or_else(model),
            input_tokens: tokens("inputTokens", "input_tokens"),
            output_tokens: tokens("outputTokens", "output_tokens"),
            cache_read_tokens: tokens("cacheReadInputTokens", "cache_read_input_tokens"),
            cache_write_tokens: tokens("cacheCreationInputTokens", "cache_creation_input_tokens"),
            turns: self.turns,
            millis: self.millis,
            micro_dollars: dollars.map(|MicroDollars(micros)| micros),
            denied: u64::try_from(self.denied.len()).ok(),
        }
    }

    /// What the messages say of a run that has no result. Each is told once for each of its parts.
    fn usage_so_far(&self) -> Usage {
        let mut usage = Usage { model: self.model.clone(), ..Usage::default() };
        for message in self.messages.values() {
            add(&mut usage.turns, Some(1));
            add(&mut usage.input_tokens, message["input_tokens"].as_u64());
            add(&mut usage.output_tokens, message["output_tokens"].as_u64());
            add(&mut usage.cache_read_tokens, message["cache_read_input_tokens"].as_u64());
            add(&mut usage.cache_write_tokens, message["cache_creation_input_tokens"].as_u64());
        }
        usage
    }
}

impl Talk for Run {
    fn hear(&mut self, line: &str) -> Vec<Event> {
        let Some(value) = object(line) else { return Vec::new() };
        let is = |key: &str| value["subtype"] == key;
        match value["type"].as_str() {
            Some("system") if is("init") => {
                self.session = value["session_id"].as_str().map(str::to_owned);
                self.model = value["model"].as_str().map(str::to_owned);
            }
            Some("system") if is("api_retry") => self.waits = Some(value),
            Some("rate_limit_event") => {
                let info = &value["rate_limit_info"];
                self.limit = info["resetsAt"].as_i64().map(Timestamp).filter(|_| info["status"] == "rejected");
            }
            Some("assistant") => {
                // Words of its own are no answer of the model.
                let message = &value["message"];
                if message["model"] != "<synthetic>" {
                    self.waits = None;
                    let id = message["id"].as_str().unwrap_or_default();
                    self.messages.insert(id.to_owned(), message["usage"].clone());
                }
                let parts = || value["message"]["content"].as_array().into_iter().flatten();
                let judged = parts().rfind(|part| part["name"] == "StructuredOutput").map(|part| &part["input"]);
                if let Some(judged) = judged {
                    // What was not asked for is nothing to read.
                    let kept = ["verdict", "reasons", "criteria"].map(|key| (key.to_owned(), judged[key].clone()));
                    self.judgement = Some(kept.into_iter().filter(|(_, value)| !value.is_null()).collect());
                }
                return tools(&value);
            }
            Some("result") => self.add_result(&value),
            Some("control_request") => return permission(&value).map(Event::Permission).into_iter().collect(),
            _ => {}
        }
        Vec::new()
    }

    fn reply(&mut self, request: &Permission, decision: Decision) -> Option<String> {
        let response = match decision {
            Decision::Allow => serde_json::json!({ "behavior": "allow", "updatedInput": request.input }),
            Decision::Deny => serde_json::json!({ "behavior": "deny", "message": "not allowed in this run" }),
        };
        let response = serde_json::json!({ "subtype": "success", "request_id": request.id, "response": response });
        Some(serde_json::json!({ "type": "control_response", "response": response }).to_string())
    }

    /// A key that was refused so often is refused for good; the client would ask with it for minutes.
    fn is_over(&self) -> bool {
        let is_refused = |waits: &Value| {
            matches!(waits["error_status"].as_u64(), Some(401 | 403)) && waits["attempt"].as_u64() >= Some(LAST_TRY)
        };
        self.result.is_none() && self.waits.as_ref().is_some_and(is_refused)
    }

    fn report(&mut self, finished: &Finished) -> Report {
        let said = match self.result.as_ref().and_then(|result| result.get("structured_output")) {
            Some(answer) if !answer.is_null() => answer.to_string(),
            _ => {
                let said = self.result.as_ref().and_then(|result| result["result"].as_str()).map(answer).unwrap_or_default();
                let is_judgement = said.starts_with('{');
                self.judgement.take().filter(|_| !is_judgement).map_or(said, |judgement| judgement.to_string())
            }
        };
        Report {
            session: self.session.clone(),
            failure: self.failure(finished),
            answer: said,
            usage: self.usage(),
            denied: self.denied.iter().map(|(_, tool)| tool.clone()).collect(),
        }
    }
}

/// The tools that a message of the model uses.
fn tools(message: &Value) -> Vec<Event> {
    let parts = message["message"]["content"].as_array().into_iter().flatten();
    let used = parts.filter(|part| part["type"] == "tool_use");
    used.filter_map(|part| Some(Event::Tool(tool(part["name"].as_str()?, &part["input"])))).collect()
}

/// What a line of the stream says to a person: nothing, what the model says, what it uses, or what came of that.
pub(in crate::agent::clients) fn spoken(value: &Value) -> Option<String> {
    let parts = || value["message"]["content"].as_array().into_iter().flatten();
    let said: Vec<String> = match value["type"].as_str()? {
        "assistant" => parts()
            .filter_map(|part| match part["type"].as_str()? {
                "text" => part["text"].as_str().map(str::to_owned),
                "tool_use" => Some(format!("> {} {}", part["name"].as_str()?, detail(&part["input"]))),
                _ => None,
            })
            .collect(),
        "user" => parts().filter(|part| part["type"] == "tool_result").flat_map(|part| texts(&part["content"])).collect(),
        "result" if value.get("subtype").is_some() || value.get("result").is_some() => {
            value["result"].as_str().map(|result| format!("result: {result}")).into_iter().collect()
        }
        "system" | "control_request" | "control_response" | "rate_limit_event" => Vec::new(),
        _ => return None,
    };
    Some(said.join("\n"))
}

/// The result of a tool, which is a text or a list of texts, with each line set in.
fn texts(content: &Value) -> Vec<String> {
    let all: Vec<&str> = match content {
        Value::String(text) => vec![text],
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => Vec::new(),
    };
    all.iter().flat_map(|text| text.lines()).map(|line| format!("    {line}")).collect()
}

/// A question whether a tool may be used.
fn permission(request: &Value) -> Option<Permission> {
    let asked = &request["request"];
    (asked["subtype"] == "can_use_tool").then_some(())?;
    Some(Permission {
        id: text::line(request["request_id"].as_str()?, MAX_DETAIL),
        tool: tool(asked["tool_name"].as_str()?, &asked["input"]),
        input: asked["input"].clone(),
    })
}

#[cfg(test)]
mod tests;
