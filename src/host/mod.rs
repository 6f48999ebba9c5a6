//! The host of a remote, asked by its own tool: pull requests are found and opened there. What a request has to pass is the
//! host's to say.

mod command;
mod gh;
mod glab;
mod tea;

use std::process::Output;

use crate::core::event::named;
use crate::core::id::ObjectId;
use crate::git::Repo;

named! {
    /// How a pull request stands.
    RequestState, "state of a pull request", { Open = "open", Merged = "merged", Closed = "closed" }
}

/// A pull request, as the host tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullRequest {
    pub(crate) url: String,
    pub(crate) state: RequestState,
    /// The commit that it asks to merge, where the tool says so.
    pub(crate) head: Option<ObjectId>,
    /// The commit that it became, where the tool says so.
    pub(crate) merged_as: Option<ObjectId>,
}

/// A pull request to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRequest<'a> {
    /// Short names.
    pub(crate) branch: &'a str,
    pub(crate) base: &'a str,
    pub(crate) title: &'a str,
    pub(crate) body: &'a str,
}

/// Why the host was asked in vain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    #[error("no tool is known for the host of `{0}`; name one as `host` in the registry")]
    Unknown(String),
    #[error("cannot start `{tool}`: {source}")]
    Start { tool: String, source: std::io::Error },
    #[error("`{tool}` failed: {said}")]
    Failed { tool: String, said: String },
    #[error("cannot read the answer of `{tool}`: {said}")]
    Answer { tool: String, said: String },
}

/// One call of a tool.
struct Call<'a> {
    args: Vec<String>,
    input: Option<&'a str>,
}

/// How one tool is talked to.
trait Tool: Sync {
    /// How it is asked for the pull requests of a branch.
    fn find(&self, host: &Host<'_>, branch: &str) -> Call<'static>;

    /// Reads its answer: the latest request of this branch.
    fn read(&self, answer: &str, branch: &str) -> Result<Option<PullRequest>, String>;

    /// How it is told to open one.
    fn open<'r>(&self, host: &Host<'_>, request: &NewRequest<'r>) -> Call<'r>;
}

/// The host of one remote.
pub(crate) struct Host<'a> {
    repo: &'a Repo,
    remote: &'a str,
    url: String,
    program: String,
    tool: &'static dyn Tool,
}

impl<'a> Host<'a> {
    /// By the tool that the registry names (`gh`, `glab`, `tea`, or a program with its path), or else by the remote's URL.
    ///
    /// # Errors
    /// When no tool is known for it.
    pub(crate) fn of(repo: &'a Repo, remote: &'a str, named: Option<&str>) -> Result<Self, HostError> {
        let url = repo.config(&format!("remote.{remote}.url")).unwrap_or_default();
        let guessed = if url.contains("github.") {
            Some("gh")
        } else if url.contains("gitlab.") {
            Some("glab")
        } else if url.contains("gitea.") || url.contains("codeberg.org") || url.contains("forgejo.") {
            Some("tea")
        } else {
            None
        };
        let program = named.or(guessed).ok_or_else(|| HostError::Unknown(url.clone()))?.to_owned();
        let tool: &'static dyn Tool = match program.as_str() {
            "gh" => &gh::Gh,
            "glab" => &glab::Glab,
            "tea" => &tea::Tea,
            _ => &command::Command,
        };
        Ok(Self { repo, remote, url, program, tool })
    }

    /// The name of the tool, as messages have it.
    #[must_use]
    pub(crate) fn tool(&self) -> &str {
        &self.program
    }

    /// The latest pull request of a branch.
    ///
    /// # Errors
    /// When the tool fails, or its answer cannot be read.
    pub(crate) fn find(&self, branch: &str) -> Result<Option<PullRequest>, HostError> {
        let answer = self.ask(&self.tool.find(self, branch))?;
        self.tool.read(&answer, branch).map_err(|said| HostError::Answer { tool: self.program.clone(), said })
    }

    /// Opens a pull request, and looks at it.
    ///
    /// # Errors
    /// When the tool fails, or does not know the request afterwards.
    pub(crate) fn open(&self, request: &NewRequest<'_>) -> Result<PullRequest, HostError> {
        let answer = self.ask(&self.tool.open(self, request))?;
        let said = || format!("it opened no pull request: {}", answer.lines().next().unwrap_or("it said nothing"));
        self.find(request.branch)?.ok_or_else(|| HostError::Answer { tool: self.program.clone(), said: said() })
    }

    fn ask(&self, call: &Call<'_>) -> Result<String, HostError> {
        let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
        let asked = self.repo.ask_tool(&self.program, &args, call.input.map(str::as_bytes));
        let Output { status, stdout, stderr } =
            asked.map_err(|source| HostError::Start { tool: self.program.clone(), source })?;
        if status.success() {
            return Ok(String::from_utf8_lossy(&stdout).into_owned());
        }
        let said =
            [stderr, stdout].iter().map(|text| String::from_utf8_lossy(text).trim().to_owned()).find(|text| !text.is_empty());
        let said = said.map_or_else(|| status.to_string(), |text| text.lines().take(3).collect::<Vec<_>>().join("; "));
        Err(HostError::Failed { tool: self.program.clone(), said })
    }
}

/// An object id in an answer; an empty or unknown one is none.
fn object(value: &serde_json::Value) -> Option<ObjectId> {
    ObjectId::parse(value.as_str()?).ok()
}

/// The objects of an answer, of which the first is the latest.
fn list(answer: &str) -> Result<Vec<serde_json::Value>, String> {
    if answer.trim().is_empty() {
        return Ok(Vec::new());
    }
    match serde_json::from_str(answer) {
        Ok(serde_json::Value::Array(all)) => Ok(all),
        Ok(serde_json::Value::Null) => Ok(Vec::new()),
        Ok(one @ serde_json::Value::Object(_)) => Ok(vec![one]),
        Ok(_) => Err("it is not a list of pull requests".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A URL that may be shown and kept.
fn url(value: &serde_json::Value) -> Result<String, String> {
    let url = value.as_str().unwrap_or_default();
    if crate::core::text::is_line(url, 500) && !url.is_empty() { Ok(url.to_owned()) } else { Err("it names no URL".to_owned()) }
}

#[cfg(test)]
mod tests;
