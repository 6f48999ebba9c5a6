//! Gitea's and Forgejo's `tea`. Its lists are printed tables: all values are texts, and neither head nor merge commit is among
//! them.

use super::{Call, Host, NewRequest, PullRequest, RequestState, Tool, list, url};

pub(super) struct Tea;

impl Tool for Tea {
    fn find(&self, host: &Host<'_>, _branch: &str) -> Call<'static> {
        let args = ["pulls", "list", "--remote", host.remote, "--state", "all", "--limit", "100"];
        let fields = ["--fields", "index,state,head,url", "--output", "json"];
        Call { args: args.iter().chain(&fields).map(ToString::to_string).collect(), input: None }
    }

    fn read(&self, answer: &str, branch: &str) -> Result<Option<PullRequest>, String> {
        let is_of_branch = |one: &serde_json::Value| {
            let head = one["head"].as_str().unwrap_or_default();
            head == branch || head.rsplit_once(':').is_some_and(|(_, name)| name == branch)
        };
        let number = |one: &serde_json::Value| one["index"].as_str().and_then(|index| index.parse::<u64>().ok());
        let Some(latest) = list(answer)?.into_iter().filter(is_of_branch).max_by_key(number) else { return Ok(None) };
        let state = match latest["state"].as_str() {
            Some("open") => RequestState::Open,
            Some("merged") => RequestState::Merged,
            Some("closed") => RequestState::Closed,
            other => return Err(format!("unknown state `{}`", other.unwrap_or_default())),
        };
        Ok(Some(PullRequest { url: url(&latest["url"])?, state, head: None, merged_as: None }))
    }

    fn open<'r>(&self, host: &Host<'_>, request: &NewRequest<'r>) -> Call<'r> {
        let args = ["pulls", "create", "--remote", host.remote, "--head", request.branch, "--base", request.base];
        let rest = ["--title", request.title, "--description", request.body];
        Call { args: args.iter().chain(&rest).map(ToString::to_string).collect(), input: None }
    }
}
