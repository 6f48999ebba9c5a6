//! Sessions as Gemini CLI and opencode have them.

use super::*;
use crate::agent::clients::tests::{around, exited};
use crate::agent::session::Decision;
use crate::core::id::{RunId, TicketId};

fn run(duty: Duty, model: Option<&str>) -> Run {
    let brief = Brief {
        text: "Do it.".to_owned(),
        duty,
        ticket: TicketId::parse("T-2026-05-07-umano-91c2").expect("a ticket"),
        run: RunId::parse("11111111111111111111111111111111").expect("a run"),
        attempt: 1,
        schema: None,
        step: None,
        worktree: "/work".into(),
        outbox: "/box".into(),
        timeout: 10,
        limits: crate::core::budget::Amounts::default(),
    };
    Run::new(Teller::new("coder", around()), &brief, model.map(str::to_owned))
}

const READY: &str =
    r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":1,"agentInfo":{"name":"gemini-cli","version":"0.61.0"}}}"#;
const OPENED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"sessionId":"s1","models":{"availableModels":[{"modelId":"auto","name":"Auto"}],"currentModelId":"auto"}}}"#;

fn permission(command: &str) -> String {
    let options = r#"[{"optionId":"proceed_always","name":"Allow for this session","kind":"allow_always"},{"optionId":"proceed_once","name":"Allow","kind":"allow_once"},{"optionId":"cancel","name":"Reject","kind":"reject_once"}]"#;
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"session/request_permission","params":{{"sessionId":"s1","options":{options},"toolCall":{{"toolCallId":"t1","status":"pending","title":"{command}","content":[],"locations":[],"kind":"execute"}}}}}}"#
    )
}

#[test]
fn a_run_in_order_is_led_to_its_end() {
    let mut run = run(Duty::Executor, None);
    assert_eq!(run.hear(READY), []);
    assert!(run.say()[0].contains(r#""method":"session/new""#));
    assert_eq!(run.hear(OPENED), []);
    let prompt = run.say().remove(0);
    assert!(prompt.contains(r#""method":"session/prompt""#) && prompt.contains("Do it."), "{prompt}");
    let shell = ToolUse { name: "execute".to_owned(), detail: "echo gem >> a; git commit".to_owned() };
    assert_eq!(run.hear(&permission("echo gem >> a; git commit")), [Event::Tool(shell)]);
    assert_eq!(run.say(), [r#"{"id":0,"jsonrpc":"2.0","result":{"outcome":{"optionId":"proceed_once","outcome":"selected"}}}"#]);
    let update = r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"tool_call_update","toolCallId":"t1","status":"completed","title":"echo","kind":"execute"}}}"#;
    assert_eq!(run.hear(update), []);
    let chunk = r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"Done."}}}}"#;
    assert_eq!(run.hear(chunk), []);
    assert!(!run.is_over());
    let end = r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn","_meta":{"quota":{"token_count":{"input_tokens":200,"output_tokens":40},"model_usage":[{"model":"gemini-3.1-pro-preview"}]}}}}"#;
    assert_eq!(run.hear(end), []);
    assert!(run.is_over());
    let report = run.report(&exited(0, "", ""));
    assert_eq!((report.failure, report.answer.as_str(), report.session.as_deref()), (None, "Done.", Some("s1")));
    assert_eq!((report.usage.input_tokens, report.usage.output_tokens), (Some(200), Some(40)));
    assert_eq!(report.usage.model.as_deref(), Some("gemini-3.1-pro-preview"));
}

#[test]
fn a_verifier_is_let_read_and_no_more() {
    let mut run = run(Duty::Verifier, None);
    let asked = run.hear(&permission("touch planted"));
    let [Event::Permission(request)] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(run.say(), Vec::<String>::new());
    let reply = run.reply(request, Decision::Deny).expect("a reply");
    assert_eq!(reply, r#"{"id":0,"jsonrpc":"2.0","result":{"outcome":{"optionId":"cancel","outcome":"selected"}}}"#);
    assert_eq!(run.denied.len(), 1);
    for (command, is_let) in [
        ("git diff a b", true),
        ("git log", true),
        ("git logs", false),
        ("git log; touch x", false),
        ("git diff --output=x", false),
        ("git show $(touch x)", false),
        ("sh -c 'git log'", false),
    ] {
        assert_eq!(is_reading(&json!({ "kind": "execute", "title": command })), is_let, "{command}");
    }
    assert!(is_reading(&json!({ "kind": "read", "title": "a" })) && !is_reading(&json!({ "kind": "edit", "title": "git log" })));
}

#[test]
fn a_model_is_chosen_in_the_way_that_the_program_has() {
    let mut with_models = run(Duty::Executor, Some("auto"));
    with_models.hear(OPENED);
    assert!(with_models.say()[0].contains(r#""method":"session/set_model""#));
    let mut with_options = run(Duty::Executor, Some("mock/m"));
    with_options.hear(r#"{"jsonrpc":"2.0","id":1,"result":{"sessionId":"s1","configOptions":[{"id":"model","name":"Model","category":"model","type":"select","currentValue":"x","options":[{"value":"mock/m","name":"m"}]}]}}"#);
    let said = with_options.say().remove(0);
    assert!(said.contains(r#""configId":"model""#) && said.contains("session/set_config_option"), "{said}");
    let mut unknown = run(Duty::Executor, Some("nope"));
    unknown.hear(OPENED);
    assert_eq!(unknown.report(&exited(0, "", "")).failure.map(|failure| failure.end), Some(Outcome::WrongVersion));
}

#[test]
fn how_a_run_failed_is_told() {
    for (line, end) in [
        (r#"{"jsonrpc":"2.0","id":3,"error":{"code":401,"message":"{}"}}"#, Outcome::NoLogin),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Authentication required"}}"#, Outcome::NoLogin),
        (
            r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"Internal error: rate limit"}}"#,
            Outcome::Limited { until: None },
        ),
        (r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"Internal error: boom"}}"#, Outcome::Crashed),
        (r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"max_turn_requests"}}"#, Outcome::OverBudget(Cap::Turns)),
        (r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"refusal"}}"#, Outcome::Failed),
        (r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":2}}"#, Outcome::WrongVersion),
    ] {
        let mut run = run(Duty::Executor, None);
        run.hear(line);
        assert!(run.is_over(), "{line}");
        assert_eq!(run.report(&exited(0, "", "")).failure.map(|failure| failure.end), Some(end), "{line}");
    }
    let silent = run(Duty::Executor, None).report(&exited(1, "", "boom\n")).failure.expect("a failure");
    assert_eq!((silent.end, silent.to_string().as_str()), (Outcome::Crashed, "coder exited with 1: boom"));
}

#[test]
fn what_git_os_does_not_do_is_said_so() {
    let mut run = run(Duty::Executor, None);
    run.hear(r#"{"jsonrpc":"2.0","id":"a","method":"fs/read_text_file","params":{"path":"/etc/passwd"}}"#);
    assert!(run.say()[0].contains("-32601"));
}
