//! Starts a run: a process that ties its life to the orchestrator's, and then becomes the agent.

use std::os::unix::process::CommandExt as _;

use rustix::process::Signal;

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
    std::io::Error::new(error.kind(), format!("cannot start `{program}`: {error}"))
}
