//! A git that asks another machine: it is waited for as long as something comes from it, and then ended with all that it started.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read};
use std::process::{Child, Output};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Repo;
use super::failure::Failure;
use super::process::find_parent;

/// Where git's configuration says how many seconds a remote may be silent.
const PATIENCE_KEY: &str = "git-os.networkTimeout";
/// The same where a person watches, who may have to touch a key first.
const WATCHED: Duration = Duration::from_secs(60);
const UNWATCHED: Duration = Duration::from_secs(10);
/// The remotes that did not answer, each with when it was last asked.
static SILENT: Mutex<BTreeMap<(String, String), (Instant, Failure)>> = Mutex::new(BTreeMap::new());
/// How long such a remote is not asked again by this process: others wait for their turn.
const REST: Duration = Duration::from_secs(60);

impl Repo {
    /// How long a remote may be silent: as configured in seconds, or less where nobody watches.
    pub(super) fn patience(&self) -> Duration {
        let configured = self.config(PATIENCE_KEY).and_then(|seconds| seconds.parse().ok());
        let usual = if std::io::stderr().is_terminal() { WATCHED } else { UNWATCHED };
        configured.filter(|seconds| *seconds > 0).map_or(usual, Duration::from_secs)
    }

    /// Why a remote is not asked now, if it is not.
    pub(super) fn why_silent(&self, remote: &str) -> Option<Failure> {
        let known = SILENT.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&self.key(remote)).filter(|(asked, _)| asked.elapsed() < REST).map(|(_, failure)| failure.clone())
    }

    /// Notes that a remote did not answer just now.
    #[expect(clippy::disallowed_methods, reason = "how long a remote is left alone is a matter of real time")]
    pub(super) fn remember_silent(&self, remote: &str, failure: &Failure) {
        let mut known = SILENT.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(self.key(remote), (Instant::now(), failure.clone()));
    }

    fn key(&self, remote: &str) -> (String, String) {
        (self.common_dir().to_string(), remote.to_owned())
    }
}

/// What comes from a process.
enum News {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// Waits for a process; returns also how long it was silent, if that was too long and it was ended.
///
/// # Errors
/// If it cannot be waited for.
pub(super) fn wait(mut child: Child, patience: Duration) -> std::io::Result<(Output, Option<Duration>)> {
    let (news, latest) = channel();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let of = news.clone();
        scope.spawn(move || stdout.into_iter().for_each(|stream| pass_on(stream, &of, News::Out)));
        scope.spawn(move || stderr.into_iter().for_each(|stream| pass_on(stream, &news, News::Err)));
        let (mut stdout, mut stderr, mut silence) = (Vec::new(), Vec::new(), None);
        loop {
            match latest.recv_timeout(patience) {
                Ok(News::Out(bytes)) => stdout.extend(bytes),
                Ok(News::Err(bytes)) => stderr.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                // Whatever still holds its streams open goes with it.
                Err(RecvTimeoutError::Timeout) => {
                    end_whole(child.id());
                    silence = Some(patience);
                }
            }
        }
        Ok((Output { status: child.wait()?, stdout, stderr }, silence))
    })
}

fn pass_on(mut stream: impl Read, news: &Sender<News>, of: fn(Vec<u8>) -> News) {
    let mut buffer = [0; 8192];
    // A stream that cannot be read has ended.
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        if news.send(of(buffer[..read].to_vec())).is_err() {
            return;
        }
    }
}

/// Kills a process and all that it started, such as ssh. It is stopped first: seeing its children die, it would go on.
fn end_whole(id: u32) {
    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else { return };
    // It may have ended meanwhile.
    let send = |signal| kill_process(pid, signal).unwrap_or_default();
    send(Signal::STOP);
    children(id).into_iter().for_each(end_whole);
    send(Signal::KILL);
}

/// The processes that a process started and that live.
fn children(id: u32) -> Vec<u32> {
    let Ok(folders) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = folders.flatten().filter_map(|folder| folder.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|one| find_parent(*one) == Some(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn start(script: &str) -> Child {
        #[expect(clippy::disallowed_methods, reason = "a process that is silent")]
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a shell")
    }

    #[test]
    fn a_process_that_goes_on_talking_is_waited_for() {
        let script = "for n in 1 2 3 4 5 6; do echo $n; sleep 0.2; done; echo end >&2; exit 3";
        let (output, silence) = wait(start(script), Duration::from_secs(1)).expect("an end");
        assert_eq!((output.status.code(), silence), (Some(3), None));
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"1\n2\n3\n4\n5\n6\n"[..], &b"end\n"[..]));
    }

    #[test]
    fn a_silent_process_is_ended_with_all_that_it_started() {
        let (output, silence) =
            wait(start("echo $$; sh -c 'echo $$; sleep 99 & echo $!; wait'; true"), Duration::from_millis(700)).expect("an end");
        assert_eq!((output.status.code(), silence), (None, Some(Duration::from_millis(700))));
        for id in String::from_utf8_lossy(&output.stdout).lines() {
            #[expect(clippy::disallowed_methods, reason = "the processes of this machine are files")]
            let is_over = || {
                let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
                // Nobody may have collected it yet, and a busy machine takes its time.
                let is_over = state.is_empty() || state.contains(") Z ");
                if !is_over {
                    crate::git::refs::pause(1);
                }
                is_over
            };
            assert!((0..500).any(|_| is_over()), "{id} lives");
        }
    }
}
