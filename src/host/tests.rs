//! What the tools say, as their own documentation has it.

use super::*;

const A: &str = "1111111111111111111111111111111111111111";
const B: &str = "2222222222222222222222222222222222222222";

fn request(state: RequestState, head: Option<&str>, merged_as: Option<&str>) -> PullRequest {
    let id = |hex: &str| ObjectId::parse(hex).expect("hex");
    PullRequest { url: "https://x/1".to_owned(), state, head: head.map(id), merged_as: merged_as.map(id) }
}

#[test]
fn the_latest_request_is_read_of_each_tool() {
    let open = format!(r#"[{{"url":"https://x/1","state":"OPEN","headRefOid":"{A}","mergeCommit":null}}]"#);
    assert_eq!(gh::Gh.read(&open, "b"), Ok(Some(request(RequestState::Open, Some(A), None))));
    let merged = format!(r#"[{{"url":"https://x/1","state":"MERGED","headRefOid":"{A}","mergeCommit":{{"oid":"{B}"}}}}, {{}}]"#);
    assert_eq!(gh::Gh.read(&merged, "b"), Ok(Some(request(RequestState::Merged, Some(A), Some(B)))));
    let squashed = format!(
        r#"[{{"web_url":"https://x/1","state":"merged","sha":"{A}","merge_commit_sha":null,"squash_commit_sha":"{B}"}}]"#
    );
    assert_eq!(glab::Glab.read(&squashed, "b"), Ok(Some(request(RequestState::Merged, Some(A), Some(B)))));
    let table = r#"[{"index":"3","state":"closed","head":"ann:b","url":"https://x/0"},
                    {"index":"12","state":"merged","head":"ann:b","url":"https://x/1"},
                    {"index":"13","state":"open","head":"other","url":"https://x/2"}]"#;
    assert_eq!(tea::Tea.read(table, "b"), Ok(Some(request(RequestState::Merged, None, None))));
    let own = format!(r#"{{"url":"https://x/1","state":"closed","head":"{A}"}}"#);
    assert_eq!(command::Command.read(&own, "b"), Ok(Some(request(RequestState::Closed, Some(A), None))));
}

#[test]
fn nothing_is_none_and_nonsense_is_an_error() {
    let tools: [&dyn Tool; 4] = [&gh::Gh, &glab::Glab, &tea::Tea, &command::Command];
    for tool in tools {
        for nothing in ["", "\n", "[]", "null"] {
            assert_eq!(tool.read(nothing, "b"), Ok(None));
        }
        let hostile = ["{", "3", r#"[{"head":"b","index":"1","state":"??","url":"https://x"}]"#];
        for answer in hostile {
            assert!(tool.read(answer, "b").is_err(), "{answer}");
        }
        let escape = "[{\"head\":\"b\",\"index\":\"1\",\"state\":\"open\",\"url\":\"https://x\\u001b[2J\"}]";
        assert!(tool.read(escape, "b").is_err(), "{escape}");
    }
}
