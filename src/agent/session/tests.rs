//! Laws of a session, on a scripted client that is a shell script.

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::agent::Duty;
use crate::agent::clients::Report;
use crate::agent::process::Finished;
use crate::agent::transcript::{MAX_HEAD, MAX_TAIL};
use crate::core::id::{RunId, TicketId};
use crate::core::registry::AgentKind;
use crate::core::time::Timestamp;

/// Asks with a line `ask ID`, uses a tool with `use NAME`, and reads `ID allow` or `ID deny`.
struct Scripted;

impl Client for Scripted {
    fn launch(&self, _: &str, agent: &AgentEntry, brief: &Brief, _: Surroundings<'_>) -> Result<Launch, ProcessError> {
        let input = brief.text.clone().into_bytes();
        let words = agent.run.clone();
        Ok(Launch { words, variables: Vec::new(), passed: &[], input, is_input_open: true, talk: Box::new(Self) })
    }
}

impl Talk for Scripted {
    fn hear(&mut self, line: &str) -> Vec<Event> {
        let tool = |name: &str| ToolUse { name: name.to_owned(), detail: String::new() };
        match line.split_once(' ') {
            Some(("use", name)) => vec![Event::Tool(tool(name))],
            Some(("ask", id)) => {
                vec![Event::Permission(Permission { id: id.to_owned(), tool: tool("Bash"), input: serde_json::Value::Null })]
            }
            _ => Vec::new(),
        }
    }

    fn reply(&mut self, request: &Permission, decision: Decision) -> Option<String> {
        Some(format!("{} {decision}", request.id))
    }

    fn report(&mut self, finished: &Finished) -> Report {
        Report { answer: finished.transcript.last_line(), ..Report::default() }
    }
}

/// A folder in which agents run.
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
        Self { dir, run }
    }

    fn path(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.dir.path().to_owned()).expect("UTF-8")
    }

    /// A file that nobody has just written: a process that is started meanwhile by another thread would keep it busy.
    fn program() -> Utf8PathBuf {
        Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/enter.sh")
    }

    fn start(&self, script: &str, timeout: u64, stop: &Stop) -> Session {
        self.start_program(&Scripted, &["sh", "-c", script], timeout, stop)
    }

    fn start_program(&self, client: &'static dyn Client, words: &[&str], timeout: u64, stop: &Stop) -> Session {
        let run = words.iter().map(|word| (*word).to_owned()).collect();
        let agent = AgentEntry {
            kind: AgentKind::Command,
            run,
            model: None,
            max_turns: None,
            max_dollars: None,
            no_progress: None,
            account: None,
            env: Vec::new(),
            identity: None,
            lines: crate::core::registry::Lines::default(),
        };
        let brief = Brief {
            text: "the brief\n".to_owned(),
            duty: Duty::Executor,
            ticket: TicketId::parse("T-2026-05-07-umano-91c2").expect("a ticket"),
            run: self.run.clone(),
            attempt: 1,
            schema: None,
            step: None,
            worktree: self.path(),
            outbox: self.path(),
            timeout,
            limits: crate::core::budget::Amounts::default(),
        };
        let around = Surroundings { program: &Self::program(), registry_dir: &self.path(), settings: &[], now: Timestamp(0) };
        Session::start_client(client, "crew", &agent, &brief, around, stop).expect("a start")
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
            Event::Tick => {}
            Event::Tool(tool) => tools.push(tool.name),
            Event::Permission(asked) => {
                let decision = if asked.id == "1" { Decision::Allow } else { Decision::Deny };
                assert_eq!(session.answer(&asked, decision), Delivery::Sent);
            }
        }
    }
    let outcome = session.conclude();
    assert_eq!((tools, outcome.end()), (vec!["Edit".to_owned()], Outcome::HandedIn));
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
    let outcome = session.conclude();
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
    assert_eq!(session.conclude().end(), Outcome::Interrupted);
    let mut other = bench.start("echo use Edit", 90, &stop);
    assert!(matches!(other.next(), Ok(None)));
    assert_eq!(other.conclude().ended, Ended::Interrupted);
}

#[test]
fn time_that_is_up_ends_a_run() {
    let bench = Bench::new();
    let mut session = bench.start("sleep 60", 0, &Stop::default());
    assert!(matches!(session.next(), Ok(None)));
    let conclusion = session.conclude();
    assert_eq!(
        (conclusion.end(), conclusion.failure().map(ToString::to_string).as_deref()),
        (Outcome::TimedOut, Some("crew was stopped: it reached its time limit"))
    );
}

#[test]
fn how_a_program_ended_is_told_from_that_it_was_not_there() {
    let bench = Bench::new();
    for (words, end, said) in [
        (vec!["no-such-program"], Outcome::MissingClient, Some("crew: cannot start `no-such-program`: No such file")),
        (vec!["sh", "-c", "exit 127"], Outcome::Failed, Some("crew exited with 127")),
        (vec!["sh", "-c", "echo 'error: cannot start `x`: No such file' >&2; exit 127"], Outcome::Failed, None),
        (
            vec!["sh", "-c", "echo out; echo 'the last line' >&2; exit 3"],
            Outcome::Failed,
            Some("crew exited with 3: the last line"),
        ),
        (vec!["sh", "-c", "kill -9 $$"], Outcome::Crashed, Some("crew exited with 137")),
        (vec!["true"], Outcome::HandedIn, None),
    ] {
        let mut session = bench.start_program(clients::of(AgentKind::Command), &words, 20, &Stop::default());
        while session.next().expect("a run that can be watched").is_some() {}
        let conclusion = session.conclude();
        assert_eq!(conclusion.end(), end, "{words:?}");
        if let Some(said) = said {
            assert_eq!(conclusion.failure().map(ToString::to_string).as_deref(), Some(said), "{words:?}");
        }
    }
}

#[test]
fn what_is_cut_from_a_long_output_is_said() {
    let bench = Bench::new();
    let lines = (MAX_HEAD + MAX_TAIL) / 10 + 1000;
    let script = format!("yes 123456789 | head -n {lines}; echo '  '; echo the end");
    let mut session = bench.start(&script, 60, &Stop::default());
    assert!(matches!(session.next(), Ok(None)));
    let outcome = session.conclude();
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
