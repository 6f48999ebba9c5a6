//! Starts a run: a process that ties its life to the orchestrator's, and then becomes the agent.

use std::os::unix::process::CommandExt as _;

use rustix::process::Signal;

use super::process::{Ended, Finished};

/// With what this process exits when it could not become the agent. An agent may exit so too, so its words decide.
pub(crate) const EXIT: i32 = 127;

/// Replaces this process with the given command. Returns only if it fails.
pub(crate) fn enter(words: &[String], parent: Option<i32>) -> std::io::Error {
    #[cfg(target_os = "linux")]
    {
        // When the orchestrator is killed, its agents must die too.
        if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
            return error.into();
        }
        let now = rustix::process::getppid().map(rustix::process::Pid::as_raw_pid);
        if parent.is_some() && now != parent {
            return std::io::Error::other("the orchestrator is gone");
        }
    }
    let Some((program, args)) = words.split_first() else {
        return std::io::Error::other("no program was named");
    };
    #[expect(clippy::disallowed_methods, reason = "this is the one place where a process becomes an agent")]
    let error = std::process::Command::new(program).args(args).exec();
    std::io::Error::new(error.kind(), format!("{}{error}", refusal(program)))
}

/// How the words begin with which it says that it cannot become a program.
fn refusal(program: &str) -> String {
    format!("cannot start `{program}`: ")
}

/// Why the program was not started; `None` if it was, however it ended then.
pub(super) fn find_refusal(program: &str, finished: &Finished) -> Option<String> {
    if finished.ended != Ended::Exit(EXIT) || !finished.transcript.stdout.bytes().is_empty() {
        return None;
    }
    // It says one line, and nothing else was there to speak.
    let said = finished.transcript.stderr.text();
    let why = said.trim_end().strip_prefix("error: ")?.strip_prefix(&refusal(program))?;
    (!why.contains('\n')).then(|| format!("cannot start `{program}`: {why}"))
}
