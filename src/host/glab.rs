//! GitLab's `glab`.

use super::{Call, Host, NewRequest, PullRequest, RequestState, Tool, list, object, url};

pub(super) struct Glab;

impl Tool for Glab {
    fn find(&self, host: &Host<'_>, branch: &str) -> Call<'static> {
        let args = ["mr", "list", "--repo", &host.url, "--source-branch", branch, "--all", "--output", "json"];
        Call { args: args.iter().map(ToString::to_string).collect(), input: None }
    }

    fn read(&self, answer: &str, _branch: &str) -> Result<Option<PullRequest>, String> {
        let Some(latest) = list(answer)?.into_iter().next() else { return Ok(None) };
        let state = match latest["state"].as_str() {
            // A locked one is being merged.
            Some("opened" | "locked") => RequestState::Open,
            Some("merged") => RequestState::Merged,
            Some("closed") => RequestState::Closed,
            other => return Err(format!("unknown state `{}`", other.unwrap_or_default())),
        };
        let merged_as = ["squash_commit_sha", "merge_commit_sha"].iter().find_map(|key| object(&latest[key]));
        Ok(Some(PullRequest { url: url(&latest["web_url"])?, state, head: object(&latest["sha"]), merged_as }))
    }

    fn open<'r>(&self, host: &Host<'_>, request: &NewRequest<'r>) -> Call<'r> {
        let args = ["mr", "create", "--repo", &host.url, "--source-branch", request.branch, "--target-branch", request.base];
        let rest = ["--title", request.title, "--description", request.body, "--yes"];
        Call { args: args.iter().chain(&rest).map(ToString::to_string).collect(), input: None }
    }
}
