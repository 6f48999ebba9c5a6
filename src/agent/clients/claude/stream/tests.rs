//! Lines as Claude Code 2.1.332 prints them, shortened.

use super::*;
use crate::agent::clients::tests::{NOW, around, exited, timed_out};

fn run() -> Run {
    Run::new(Teller::new("coder", around()))
}

fn hear(lines: &[&str], finished: &Finished) -> (Vec<Event>, Report) {
    let mut run = run();
    let events = lines.iter().flat_map(|line| run.hear(line)).collect();
    (events, run.report(finished))
}

fn end(lines: &[&str], finished: &Finished) -> (Outcome, String) {
    let failure = hear(lines, finished).1.failure.expect("a failure");
    (failure.end, failure.to_string())
}

const INIT: &str = r#"{"type":"system","subtype":"init","session_id":"5e6f9292-3049-405a-a16d-8d03d19fb4e9","model":"claude-opus-5-5","permissionMode":"acceptEdits"}"#;
const DONE: &str = r#"{"type":"result","subtype":"success","is_error":false,"api_error_status":null,"terminal_reason":"completed","result":"Done.","num_turns":4,"duration_ms":275,"total_cost_usd":0.0024000000000000002,"usage":{"input_tokens":300,"output_tokens":60},"modelUsage":{"claude-opus-5-5":{"inputTokens":300,"outputTokens":60,"cacheReadInputTokens":7,"cacheCreationInputTokens":0}},"permission_denials":[{"tool_name":"Write","tool_use_id":"toolu_5","tool_input":{"file_path":"/etc/x","content":"secret"}}],"result_index":0}"#;

#[test]
fn what_it_uses_and_asks_is_heard() {
    let tool = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"So."},{"type":"tool_use","name":"Bash","input":{"command":"ls  -l"}}]}}"#;
    let bash = ToolUse { name: "Bash".to_owned(), detail: "ls -l".to_owned() };
    let mut run = run();
    assert_eq!(run.hear(tool), [Event::Tool(bash.clone())]);
    let ask = r#"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls -l"}}}"#;
    let heard = run.hear(ask);
    let [Event::Permission(permission)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((permission.id.as_str(), &permission.tool), ("r1", &bash));
    let reply = run.reply(permission, Decision::Allow).expect("a reply");
    assert_eq!(
        reply,
        r#"{"response":{"request_id":"r1","response":{"behavior":"allow","updatedInput":{"command":"ls -l"}},"subtype":"success"},"type":"control_response"}"#
    );
    assert_eq!(run.hear("noise"), []);
}

#[test]
fn a_person_reads_what_was_said_and_done() {
    let stream = [
        r#"{"type":"system","subtype":"init"}"#,
        r#"{"type":"assistant","message":{"content":[{"type":"text","text":"So."},{"type":"tool_use","name":"Bash","input":{"command":"ls  -l"}}]}}"#,
        r#"{"type":"user","message":{"content":[{"type":"tool_result","content":[{"type":"text","text":"a\nb"}]}]}}"#,
        r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"c"}]}}"#,
        r#"{"type":"result","result":"Done."}"#,
        r#"{"type":"of another program"}"#,
        "warning: no JSON",
    ]
    .join("\n");
    let plain = crate::agent::plain(&stream);
    let expected = "So.\n> Bash ls -l\n    a\n    b\n    c\nresult: Done.\n{\"type\":\"of another program\"}\nwarning: no JSON\n";
    assert_eq!(plain, expected);
}

#[test]
fn a_run_in_order_has_its_usage_and_what_was_refused() {
    let (_, report) = hear(&[INIT, DONE], &exited(0, "", ""));
    assert_eq!((&report.failure, report.answer.as_str()), (&None, "Done."));
    let expected = Usage {
        model: Some("claude-opus-5-5".to_owned()),
        input_tokens: Some(300),
        output_tokens: Some(60),
        cache_read_tokens: Some(7),
        cache_write_tokens: Some(0),
        turns: Some(4),
        millis: Some(275),
        micro_dollars: Some(2400),
        denied: Some(1),
    };
    assert_eq!(report.usage, expected);
    let record = report.record().to_string();
    assert!(record.contains(r#""tool_name":"Write""#) && record.contains("/etc/x") && !record.contains("secret"), "{record}");
}

#[test]
fn a_judgement_that_the_client_did_not_take_is_read_without_what_was_not_asked_for() {
    let judged = r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"StructuredOutput","input":{"verdict":"pass","reasons":["fine"],"confidence":0.9}}]}}"#;
    assert_eq!(hear(&[INIT, judged, DONE], &exited(0, "", "")).1.answer, r#"{"reasons":["fine"],"verdict":"pass"}"#);
    let taken = DONE.replace("\"num_turns\"", "\"structured_output\":{\"verdict\":\"fail\"},\"num_turns\"");
    assert_eq!(hear(&[INIT, judged, &taken], &exited(0, "", "")).1.answer, r#"{"verdict":"fail"}"#);
}

#[test]
fn a_run_without_a_result_has_the_usage_of_its_messages() {
    let part = |id: &str, kind: &str| {
        format!(
            r#"{{"type":"assistant","message":{{"id":"{id}","model":"claude-opus-5-5","content":[{{"type":"{kind}"}}],"usage":{{"input_tokens":100,"cache_creation_input_tokens":5,"cache_read_input_tokens":0,"output_tokens":3}}}}}}"#
        )
    };
    let (_, report) = hear(&[INIT, &part("m1", "text"), &part("m1", "tool_use"), &part("m2", "text")], &timed_out("", ""));
    let usage = &report.usage;
    assert_eq!(
        (usage.turns, usage.input_tokens, usage.output_tokens, usage.cache_write_tokens),
        (Some(2), Some(200), Some(6), Some(10))
    );
}

#[test]
fn several_results_are_one_run_and_nothing_is_counted_twice() {
    // A sub-agent in the background: its tokens are in both results, the turns of each are its own.
    let first = r#"{"type":"result","subtype":"success","is_error":false,"num_turns":2,"duration_ms":209,"total_cost_usd":0.0032,"usage":{"input_tokens":200},"modelUsage":{"m":{"inputTokens":400,"outputTokens":80}},"permission_denials":[{"tool_name":"WebFetch","tool_use_id":"t1","tool_input":{"url":"http://x/"}}],"result":"Waiting."}"#;
    let second = r#"{"type":"result","subtype":"success","is_error":false,"num_turns":1,"duration_ms":41,"total_cost_usd":0.0032,"usage":{"input_tokens":100},"modelUsage":{"m":{"inputTokens":400,"outputTokens":80}},"permission_denials":[{"tool_name":"WebFetch","tool_use_id":"t1","tool_input":{"url":"http://x/"}}],"result":"Done."}"#;
    let (_, report) = hear(&[INIT, first, second], &exited(0, "", ""));
    let usage = &report.usage;
    assert_eq!((usage.turns, usage.millis, usage.micro_dollars), (Some(3), Some(250), Some(3200)));
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.denied), (Some(400), Some(80), Some(1)));
    assert_eq!((report.failure, report.answer.as_str()), (None, "Done."));
}

#[test]
fn how_a_run_failed_is_told() {
    let error = |status: &str, words: &str| {
        format!(
            r#"{{"type":"result","subtype":"success","is_error":true,"api_error_status":{status},"terminal_reason":"api_error","result":"{words}","num_turns":1,"total_cost_usd":0,"modelUsage":{{}},"permission_denials":[]}}"#
        )
    };
    for (status, words, outcome, said) in [
        (
            "401",
            "Invalid API key · Fix external API key",
            Outcome::NoLogin,
            "coder got 401 from its model: Invalid API key · Fix external API key",
        ),
        (
            "403",
            "Failed to authenticate. API Error: 403 no access",
            Outcome::NoLogin,
            "coder ended with an error: Failed to authenticate. API Error: 403 no access",
        ),
        (
            "529",
            "API Error: 529 Overloaded.",
            Outcome::Limited { until: None },
            "coder ended with an error: API Error: 529 Overloaded.",
        ),
        ("500", "API Error: 500 boom.", Outcome::Limited { until: None }, "coder ended with an error: API Error: 500 boom."),
        (
            "400",
            "Credit balance is too low",
            Outcome::Limited { until: None },
            "coder got 400 from its model: Credit balance is too low",
        ),
        (
            "null",
            "Not logged in · Please run /login",
            Outcome::NoLogin,
            "coder ended with an error: Not logged in · Please run /login",
        ),
    ] {
        assert_eq!(end(&[INIT, &error(status, words)], &exited(1, "", "")), (outcome, said.to_owned()));
    }
    for (reason, subtype, error, cap) in [
        ("max_turns", "error_max_turns", "Reached maximum number of turns (2)", Cap::Turns),
        ("budget_exhausted", "error_max_budget_usd", "Reached maximum budget ($0.01)", Cap::Dollars),
    ] {
        let line = format!(
            r#"{{"type":"result","subtype":"{subtype}","is_error":true,"terminal_reason":"{reason}","num_turns":3,"errors":["{error}"]}}"#
        );
        assert_eq!(end(&[INIT, &line], &exited(1, "", "")), (Outcome::OverBudget(cap), format!("coder was stopped: {error}")));
    }
    assert_eq!(end(&[INIT], &exited(0, "", "")).0, Outcome::Crashed);
    assert_eq!(end(&[INIT], &exited(143, "", "")).0, Outcome::Crashed);
    assert_eq!(end(&[], &exited(1, "", "error: unknown option '--tools'\n")).0, Outcome::WrongVersion);
}

#[test]
fn a_key_that_is_refused_again_and_again_ends_the_run() {
    let retry = |attempt: u64, status: u64| {
        format!(
            r#"{{"type":"system","subtype":"api_retry","attempt":{attempt},"max_retries":10,"retry_delay_ms":601,"error_status":{status},"error":"authentication_failed"}}"#
        )
    };
    let mut run = run();
    run.hear(&retry(2, 401));
    assert!(!run.is_over());
    run.hear(&retry(5, 529));
    assert!(!run.is_over());
    run.hear(&retry(3, 401));
    assert!(run.is_over());
    let failure = run.report(&exited(0, "", "")).failure.expect("a failure");
    assert_eq!(
        (failure.end, failure.to_string().as_str()),
        (Outcome::NoLogin, "coder got 401 from its model: authentication_failed")
    );
}

#[test]
fn when_a_limit_ends_is_told_where_the_service_says_it() {
    let limited = r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"terminal_reason":"api_error","result":"API Error: Request rejected (429) · limit","num_turns":1}"#;
    let at = |seconds: u64| Outcome::Limited { until: Some(NOW.plus(seconds)) };
    assert_eq!(end(&[INIT, limited], &exited(1, "", "")).0, Outcome::Limited { until: None });
    let event = format!(
        r#"{{"type":"rate_limit_event","rate_limit_info":{{"status":"rejected","resetsAt":{},"rateLimitType":"five_hour"}}}}"#,
        NOW.plus(3600).0
    );
    assert_eq!(end(&[INIT, &event, limited], &exited(1, "", "")).0, at(3600));
    assert_eq!(
        end(&[INIT, &event.replace("rejected", "allowed"), limited], &exited(1, "", "")).0,
        Outcome::Limited { until: None }
    );
    let retry = r#"{"type":"system","subtype":"api_retry","attempt":1,"max_retries":1,"retry_delay_ms":7137,"error_status":429,"error":"rate_limit"}"#;
    // The run took ten seconds.
    assert_eq!(end(&[INIT, retry, limited], &exited(1, "", "")).0, at(18));
    // Its time was up while it waited.
    assert_eq!(end(&[INIT, retry], &timed_out("", "")).0, at(18));
}
