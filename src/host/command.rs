//! Any program: `PROGRAM find BRANCH` prints `{"url": …, "state": "open|merged|closed", "head": …, "merged_as": …}` or nothing,
//! and `PROGRAM open BRANCH BASE TITLE` opens a request with the text on its standard input.

use super::{Call, Host, NewRequest, PullRequest, RequestState, Tool, list, object, url};

pub(super) struct Command;

impl Tool for Command {
    fn find(&self, _host: &Host<'_>, branch: &str) -> Call<'static> {
        Call { args: ["find", branch].map(str::to_owned).to_vec(), input: None }
    }

    fn read(&self, answer: &str, _branch: &str) -> Result<Option<PullRequest>, String> {
        let Some(found) = list(answer)?.into_iter().next() else { return Ok(None) };
        let state = found["state"].as_str().and_then(RequestState::parse);
        let state = state.ok_or_else(|| "`state` is not open, merged or closed".to_owned())?;
        let (head, merged_as) = (object(&found["head"]), object(&found["merged_as"]));
        Ok(Some(PullRequest { url: url(&found["url"])?, state, head, merged_as }))
    }

    fn open<'r>(&self, _host: &Host<'_>, request: &NewRequest<'r>) -> Call<'r> {
        let args = ["open", request.branch, request.base, request.title].map(str::to_owned).to_vec();
        Call { args, input: Some(request.body) }
    }
}
