//! Laws of a session, on a scripted client that is a shell script.

use camino::Utf8PathBuf;

use super::*;
use crate::agent::Duty;
use crate::agent::clients::ClientReport;
use crate::agent::process::Finished;
use crate::agent::transcript::{MAX_HEAD, MAX_TAIL};
use crate::core::id::{RunId, TicketId};
use crate::core::registry::AgentKind;

/// Asks with a line `ask ID`, uses a tool with `use NAME`, and reads `ID allow` or `ID deny`.
struct Scripted;

impl Client for Scripted {
    fn launch(&self, agent: &AgentEntry, brief: &Brief, _around: Surroundings<'_>) -> Launch {
        let input = brief.text.clone().into_bytes();
        Launch { words: agent.run.clone(), variables: Vec::new(), passed: &[], input, is_input_open: true }
    }

    fn hear(&self, line: &str) -> Vec<Event> {
        let tool = |name: &str| ToolUse { name: name.to_owned(), detail: String::new() };
        match line.split_once(' ') {
            Some(("use", name)) => vec![Event::Tool(tool(name))],
            Some(("ask", id)) => {
                vec![Event::Permission(Permission { id: id.to_owned(), tool: tool("Bash"), input: serde_json::Value::Null })]
            }
            _ => Vec::new(),
        }
    }

    fn reply(&self, request: &Permission, decision: Decision) -> Option<String> {
        Some(format!("{} {decision}", request.id))
    }

    fn report(&self, name: &str, finished: &Finished) -> ClientReport {
        ClientReport { agent: name.to_owned(), answer: finished.transcript.last_line(), ..ClientReport::default() }
    }
}

/// A folder with a stand-in for git-os, which only becomes the agent.
struct Bench {
    dir: tempfile::TempDir,
    /// Of its own, since all that carries its mark is ended with it.
    run: RunId,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).expect("random bits");
        let run = RunId::parse(&format!("{:032x}", u128::from_ne_bytes(bits))).expect("a run");
        let bench = Self { dir, run };
        let program = "#!/bin/sh\nshift 3\nexec \"$@\"\n";
        crate::git::process::write_file(&bench.program(), program.as_bytes(), 0o755).expect("a program");
        bench
    }

    fn path(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.dir.path().to_owned()).expect("UTF-8")
    }

    fn program(&self) -> Utf8PathBuf {
        self.path().join("enter")
    }

    fn start(&self, script: &str, timeout: u64, stop: &Stop) -> Session {
        let run = vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
        let agent = AgentEntry {
            kind: AgentKind::Command,
            run,
            model: None,
            identity: None,
            lines: crate::core::registry::Lines::default(),
        };
        let brief = Brief {
            text: "the brief\n".to_owned(),
            duty: Duty::Executor,
            ticket: TicketId::parse("T-2026-05-07-umano-91c2").expect("a ticket"),
            run: self.run.clone(),
            attempt: 1,
            worktree: self.path(),
            outbox: self.path(),
            timeout,
        };
        let around = Surroundings { program: &self.program(), registry_dir: &self.path(), settings: &[] };
        Session::start_client(&Scripted, "crew", &agent, &brief, around, stop).expect("a start")
    }
}

#[test]
fn a_permission_is_asked_for_and_answered_in_the_midst_of_a_run() {
    let bench = Bench::new();
    let script = "read brief; echo use Edit; echo ask 1; read one; echo ask 2; read two; echo \"$brief; $one; $two\"";
    let mut session = bench.start(script, 20, &Stop::default());
    let mut tools = Vec::new();
    while let Some(event) = session.next().expect("a run that can be watched") {
        match event {
            Event::Tool(tool) => tools.push(tool.name),
            Event::Permission(asked) => {
                let decision = if asked.id == "1" { Decision::Allow } else { Decision::Deny };
                assert_eq!(session.answer(&asked, decision), Delivery::Sent);
            }
        }
    }
    let outcome = session.outcome();
    assert_eq!((tools, outcome.failure()), (vec!["Edit".to_owned()], None));
    assert_eq!(outcome.answer, "the brief; 1 allow; 2 deny");
}

#[test]
fn a_run_that_is_canceled_ends_with_what_it_said_by_then() {
    let bench = Bench::new();
    let mut session = bench.start("echo use Edit; sleep 60; echo late", 90, &Stop::default());
    assert!(matches!(session.next(), Ok(Some(Event::Tool(_)))));
    session.cancel();
    let asked = Permission {
        id: "1".to_owned(),
        tool: ToolUse { name: "Bash".to_owned(), detail: String::new() },
        input: serde_json::Value::Null,
    };
    assert_eq!(session.answer(&asked, Decision::Allow), Delivery::Closed);
    let outcome = session.outcome();
    assert_eq!((outcome.ended, outcome.answer.as_str()), (Ended::Canceled, "use Edit"));
}

#[test]
fn an_interrupt_that_is_passed_down_ends_a_run_and_starts_no_other() {
    let bench = Bench::new();
    let stop = Stop::default();
    let mut session = bench.start("echo use Edit; sleep 60", 90, &stop);
    assert!(matches!(session.next(), Ok(Some(Event::Tool(_)))));
    stop.interrupt();
    assert!(matches!(session.next(), Ok(None)));
    assert_eq!(session.outcome().ended, Ended::Interrupted);
    let mut other = bench.start("echo use Edit", 90, &stop);
    assert!(matches!(other.next(), Ok(None)));
    assert_eq!(other.outcome().ended, Ended::Interrupted);
}

#[test]
fn time_that_is_up_ends_a_run() {
    let bench = Bench::new();
    let mut session = bench.start("sleep 60", 0, &Stop::default());
    assert!(matches!(session.next(), Ok(None)));
    assert_eq!(session.outcome().failure(), Some(Failure::TimedOut("crew".to_owned())));
}

#[test]
fn what_is_cut_from_a_long_output_is_said() {
    let bench = Bench::new();
    let lines = (MAX_HEAD + MAX_TAIL) / 10 + 1000;
    let script = format!("yes 123456789 | head -n {lines}; echo '  '; echo the end");
    let mut session = bench.start(&script, 60, &Stop::default());
    assert!(matches!(session.next(), Ok(None)));
    let outcome = session.outcome();
    let cut = outcome.transcript.cut();
    assert_eq!((outcome.ended, outcome.answer.as_str()), (Ended::Exit(0), "the end"));
    assert!(cut > 9000 && outcome.transcript.stdout.text().contains(&format!("[{cut} bytes are left out here]")), "{cut}");
}

#[test]
fn lines_are_put_together_and_what_is_too_long_is_passed_over() {
    let mut lines = Lines::default();
    assert_eq!(lines.add(b"a"), Vec::<String>::new());
    assert_eq!(lines.add(b"b\nc\nd"), ["ab", "c"]);
    assert_eq!(lines.add(&vec![b'x'; MAX_LINE]), Vec::<String>::new());
    assert_eq!(lines.add(b"x\ne\n"), ["e"]);
}
