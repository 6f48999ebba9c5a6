//! The `claude` kind: Claude Code without a terminal, its result as JSON.
//!
//! Exit code and subtype of the result do not tell success from failure; `is_error` and the work itself do.

mod stream;

use super::{Client, Launch, Teller, variables};
use crate::agent::process::ProcessError;
use crate::agent::{Brief, Duty, Surroundings};
use crate::core::budget::Amounts;
use crate::core::outcome::Cap;
use crate::core::registry::AgentEntry;
use crate::core::usage::MicroDollars;

pub(super) use stream::spoken;

/// What of the operator's environment the client needs to reach its model. What marks a session inside another is not among it.
const PASSED: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_BETAS",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "CLAUDE_CODE_MAX_RETRIES",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_ERROR_REPORTING",
    "MAX_THINKING_TOKENS",
    "API_TIMEOUT_MS",
    // Amazon Bedrock.
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    // Google Vertex AI.
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_VERTEX_PROJECT_ID",
    "CLOUD_ML_REGION",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
];

/// What it is told beyond that.
const VARIABLES: &[(&str, &str)] = &[
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_TELEMETRY", "1"),
    // It would wait for what it left in the background until its time is up.
    ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    // A path after `@` in a ticket would attach that file.
    ("CLAUDE_CODE_DISABLE_FILE_MENTIONS", "1"),
];

/// The project's own settings are not read, and what an earlier session remembers is nothing for a judge. Who is named in a commit is
/// the registry's matter.
const SETTINGS: &str = r#"{"disableAllHooks":false,"autoMemoryEnabled":false,"includeCoAuthoredBy":false}"#;

/// The tools of an executor, which writes; with edits accepted, those that write keep to the worktree by themselves.
const WRITER: &[&str] =
    &["--tools", "Bash,Read,Write,Edit,Glob,Grep", "--permission-mode", "acceptEdits", "--allowedTools", "Bash"];

/// The tools of a verifier or planner, which reads. Whatever is not named is refused, and it goes on.
const READER: &[&str] = &[
    "--tools",
    "Bash,Read,Glob,Grep",
    "--permission-mode",
    "dontAsk",
    "--allowedTools",
    "Read",
    "Glob",
    "Grep",
    "Bash(git diff:*)",
    "Bash(git log:*)",
    "Bash(git show:*)",
    "Bash(git status:*)",
];

pub(super) struct Claude;

impl Client for Claude {
    fn launch(&self, name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>) -> Result<Launch, ProcessError> {
        Ok(Launch {
            words: words(agent, &brief.limits, (brief.duty, brief.schema), around),
            variables: variables(VARIABLES),
            passed: PASSED,
            input: brief.text.clone().into_bytes(),
            // It begins once its input has ended, so nothing can be answered while it runs.
            is_input_open: false,
            talk: Box::new(stream::Run::new(Teller::new(name, around))),
        })
    }
}

/// Its command line; the brief is on its standard input.
fn words(agent: &AgentEntry, limits: &Amounts, (duty, schema): (Duty, Option<&str>), around: Surroundings<'_>) -> Vec<String> {
    let mut words = agent.words(around.registry_dir);
    let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
    add(&["-p", "--output-format", "stream-json", "--verbose", "--setting-sources", "", "--strict-mcp-config"]);
    add(&["--settings", SETTINGS]);
    add(if duty.writes() { WRITER } else { READER });
    if let Some(schema) = schema {
        add(&["--json-schema", schema]);
    }
    if let Some(model) = &agent.model {
        add(&["--model", model]);
    }
    if let Some(turns) = limits.get(Cap::Turns) {
        add(&["--max-turns", &turns.to_string()]);
    }
    if let Some(micros) = limits.get(Cap::Dollars) {
        add(&["--max-budget-usd", &MicroDollars(micros).to_string()]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::clients::tests::around;
    use crate::core::registry::Registry;

    const SCHEMA: &str = r#"{"additionalProperties":false}"#;

    #[test]
    fn an_executor_edits_and_a_verifier_reads() {
        let text = "version = 1\n[os]\nhub = \"a\"\n[[repo]]\nname = \"a\"\npath = \".\"\nbrand = \"a\"\n\
                    [agents.a]\nkind = \"claude\"\nmodel = \"opus\"\nmax_turns = 7\nmax_dollars = 2.5\n";
        let registry = Registry::parse(text).expect("a registry");
        let mut limits = Amounts::default();
        limits.set(Cap::Turns, 7);
        limits.set(Cap::Dollars, 2_500_000);
        let line =
            |duty: Duty| words(&registry.agents["a"], &limits, (duty, (!duty.writes()).then_some(SCHEMA)), around()).join(" ");
        let (executor, verifier) = (line(Duty::Executor), line(Duty::Verifier));
        let limits = "--model opus --max-turns 7 --max-budget-usd 2.5";
        assert!(executor.ends_with(&format!("--permission-mode acceptEdits --allowedTools Bash {limits}")), "{executor}");
        assert!(verifier.contains("--permission-mode dontAsk") && verifier.ends_with(limits), "{verifier}");
        assert!(!verifier.contains("Write") && !verifier.contains("Edit,"), "{verifier}");
        assert!(verifier.contains("\"additionalProperties\":false"), "{verifier}");
    }
}
