//! Reads one table of `[agents]`: what its kind cannot do is refused where it stands.

use toml_edit::{Item, TableLike};

use super::Reader;
use crate::core::registry::{AgentEntry, AgentKind};
use crate::core::text;
use crate::core::time::parse_span;
use crate::core::usage::MicroDollars;

/// What any kind may have.
const KEYS: &[&str] = &["kind", "run", "model", "account", "identity", "env", "no_progress", "max_turns", "max_dollars"];
/// Variables that are git-os's to set, or that would make an agent's client take itself for a part of another one.
const NOT_PASSED: &[&str] = &["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "AI_AGENT", "PATH", "TERM"];

impl Reader<'_> {
    /// One agent; `None` if nothing can be said of it.
    pub(super) fn an_agent(&mut self, agent: &dyn TableLike, at: &str, item: &Item) -> Option<AgentEntry> {
        self.known_keys(agent, at, KEYS);
        let kind = self.parsed(agent, at, "kind", item.span(), str::parse::<AgentKind>);
        let run = self.strings(agent, "run");
        let model = self.maybe(agent, "model", |text| Ok(text.to_owned()));
        let account = self.maybe(agent, "account", account);
        let identity = self.maybe(agent, "identity", identity);
        let env = self.variables(agent);
        let span = |text: &str| parse_span(text).ok_or_else(|| format!("`{}` is not a time such as 20m", text::escape(text)));
        let no_progress = self.maybe(agent, "no_progress", span);
        let max_turns = self.turns(agent);
        let max_dollars = self.dollars(agent);
        let kind = kind?;
        if kind.program().is_none() && run.is_empty() {
            self.fault(item.span(), format!("{at} is of kind `{kind}` and needs `run = [\"program\", …]`"));
        }
        for key in KEYS.iter().filter(|key| agent.contains_key(key) && !kind.keys().contains(key)) {
            let span = agent.get_key_value(key).and_then(|(key, _)| key.span());
            self.fault(span, format!("`{key}` has no effect on agents of kind `{kind}`"));
        }
        let lines = self.lines(agent, item.span());
        Some(AgentEntry { kind, run, model, account, max_turns, max_dollars, no_progress, env, identity, lines })
    }

    /// The names of variables.
    fn variables(&mut self, agent: &dyn TableLike) -> Vec<String> {
        let names = self.strings(agent, "env");
        for name in &names {
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let is_ours = name.starts_with("GIT_") || NOT_PASSED.contains(&name.as_str());
            let span = agent.get("env").and_then(Item::span);
            if !is_name {
                self.fault(span, format!("`env`: `{}` is not the name of a variable", text::escape(name)));
            } else if is_ours {
                self.fault(span, format!("`env`: `{name}` is not passed to agents"));
            }
        }
        names
    }

    fn turns(&mut self, agent: &dyn TableLike) -> Option<u32> {
        let item = agent.get("max_turns")?;
        let turns = item.as_integer().and_then(|turns| u32::try_from(turns).ok()).filter(|turns| (1..=10_000).contains(turns));
        if turns.is_none() {
            self.fault(item.span(), "`max_turns` is not a number from 1 to 10000");
        }
        turns
    }

    fn dollars(&mut self, agent: &dyn TableLike) -> Option<MicroDollars> {
        let item = agent.get("max_dollars")?;
        let number =
            item.as_integer().map(|number| number.to_string()).or_else(|| item.as_float().map(|number| number.to_string()));
        let dollars = number.as_deref().and_then(MicroDollars::parse).filter(|dollars| *dollars > MicroDollars(0));
        if dollars.is_none() {
            self.fault(item.span(), "`max_dollars` is not an amount such as 2.50");
        }
        dollars
    }
}

/// Who an author is: `Name <mail>`, as git writes it.
fn identity(text: &str) -> Result<String, String> {
    let is_part = |part: &str| !part.is_empty() && part.trim() == part && !part.contains(['<', '>']) && text::is_line(part, 200);
    match text.strip_suffix('>').and_then(|text| text.split_once(" <")) {
        Some((name, mail)) if is_part(name) && is_part(mail) && !mail.contains(' ') => Ok(text.to_owned()),
        Some(_) | None => Err(format!("`{}` is not an author such as `Name <mail@example.com>`", text::escape(text))),
    }
}

/// The name of an account: one word or a few.
fn account(text: &str) -> Result<String, String> {
    if !text.trim().is_empty() && text::is_line(text, 100) { Ok(text.to_owned()) } else { Err("it is not a name".to_owned()) }
}
