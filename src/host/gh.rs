//! GitHub's `gh`.

use super::{Call, Host, NewRequest, PullRequest, RequestState, Tool, list, object, url};

pub(super) struct Gh;

impl Tool for Gh {
    fn find(&self, host: &Host<'_>, branch: &str) -> Call<'static> {
        let args = ["pr", "list", "--repo", &host.url, "--head", branch, "--state", "all", "--limit", "20"];
        let fields = ["--json", "url,state,headRefOid,mergeCommit"];
        Call { args: args.iter().chain(&fields).map(ToString::to_string).collect(), input: None }
    }

    fn read(&self, answer: &str, _branch: &str) -> Result<Option<PullRequest>, String> {
        let Some(latest) = list(answer)?.into_iter().next() else { return Ok(None) };
        let state = match latest["state"].as_str() {
            Some("OPEN") => RequestState::Open,
            Some("MERGED") => RequestState::Merged,
            Some("CLOSED") => RequestState::Closed,
            other => return Err(format!("unknown state `{}`", other.unwrap_or_default())),
        };
        let (head, merged_as) = (object(&latest["headRefOid"]), object(&latest["mergeCommit"]["oid"]));
        Ok(Some(PullRequest { url: url(&latest["url"])?, state, head, merged_as }))
    }

    fn open<'r>(&self, host: &Host<'_>, request: &NewRequest<'r>) -> Call<'r> {
        let args = ["pr", "create", "--repo", &host.url, "--head", request.branch, "--base", request.base];
        let rest = ["--title", request.title, "--body-file", "-"];
        Call { args: args.iter().chain(&rest).map(ToString::to_string).collect(), input: Some(request.body) }
    }
}
