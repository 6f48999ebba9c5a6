//! A process and all that it starts: run with a deadline, read while it runs, and ended as a whole.

use std::process::Stdio;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::runtime::Runtime;

use super::environment;
use super::stop::Stop;
use super::transcript::{Channel, Transcript};
use crate::core::id::RunId;
use crate::env::PLACE;
use crate::git::process::{Charge, take_charge};

/// How long a process may take to end by itself once it was told to.
const MERCY: Duration = Duration::from_secs(3);
/// How long its streams are read after its end: a background process may keep them open.
const LAST_OUTPUT: Duration = Duration::from_millis(200);
/// How long at least to wait for each piece of what it printed, and for how long in all.
const LAST_READ: Duration = Duration::from_millis(20);
const MAX_LAST_OUTPUT: Duration = Duration::from_secs(10);
/// How often whoever reads it may look at what else it does.
const TICK: Duration = Duration::from_secs(1);

/// Why a process could not be run.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", prefix = "process-")]
pub(crate) enum ProcessError {
    #[error("cannot start `{program}`")]
    Start { program: String, source: std::io::Error },
    #[error("cannot watch the processes")]
    Watch(#[source] std::io::Error),
    #[error("cannot write what `{agent}` reads")]
    Prepare { agent: String, source: std::io::Error },
}

/// What to run, where, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) words: Vec<String>,
    pub(crate) dir: Utf8PathBuf,
    pub(crate) variables: Vec<(String, String)>,
    /// Settings of git that the git it starts has besides those of files, each with its value.
    pub(crate) settings: Vec<(String, String)>,
    /// Further variables of the operator's that it may see.
    pub(crate) passed: &'static [&'static str],
    /// What it reads from standard input.
    pub(crate) input: Vec<u8>,
    /// Its standard input stays open for what is written while it runs.
    pub(crate) is_input_open: bool,
    /// In seconds.
    pub(crate) timeout: u64,
    /// git-os itself: the way in, and a folder for `PATH`.
    pub(crate) program: Utf8PathBuf,
    /// By whose mark in the environment all its processes are found.
    pub(crate) run: RunId,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this code; 128 + the number of the signal when a signal ended it.
    Exit(i32),
    TimedOut,
    Interrupted,
    /// Whoever started it ended it.
    Canceled,
}

/// A process that is over, with what it said.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) ended: Ended,
    pub(crate) transcript: Transcript,
    pub(crate) took: Duration,
}

/// A process that was started. Dropping it ends it, and all that it started.
pub(crate) struct Live {
    /// `None` where somebody had interrupted before it was started.
    running: Option<Running>,
    ended: Option<Ended>,
    transcript: Transcript,
    took: Duration,
    run: RunId,
}

/// What belongs to a process as long as it lives.
struct Running {
    runtime: Runtime,
    child: Child,
    group: Option<Pid>,
    /// Until it is over: a signal that ends this process ends it too.
    charge: Option<Charge>,
    streams: Streams,
    stop: Stop,
    started: Instant,
    timeout: Duration,
    /// How long after its start the next tick is.
    tick: Duration,
    program: String,
}

/// Its ends of the three pipes; each is gone once it is closed.
struct Streams {
    stdin: Option<ChildStdin>,
    /// What is still to be written.
    to_write: Vec<u8>,
    stays_open: bool,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

/// What happens next with a process that runs.
enum Moment {
    Printed(Channel, Vec<u8>),
    Tick,
    Ended(Ended),
}

/// What is heard of a process.
pub(crate) enum Heard {
    Printed(Channel, Vec<u8>),
    /// Some time has passed.
    Tick,
}

/// Runs a process to its end, and with it all that it left behind.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn run(spec: &Spec, stop: &Stop) -> Result<Finished, ProcessError> {
    let mut live = Live::start(spec, stop)?;
    while live.next()?.is_some() {}
    Ok(live.finish())
}

impl Live {
    /// Starts a process, unless somebody has interrupted.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(spec: &Spec, stop: &Stop) -> Result<Self, ProcessError> {
        let running = if stop.is_interrupted() { None } else { Some(Running::start(spec, stop)?) };
        let ended = running.is_none().then_some(Ended::Interrupted);
        Ok(Self { running, ended, transcript: Transcript::default(), took: Duration::ZERO, run: spec.run.clone() })
    }

    /// How long it runs by now, or ran.
    #[must_use]
    pub(crate) fn elapsed(&self) -> Duration {
        match &self.running {
            Some(running) if self.ended.is_none() => running.started.elapsed(),
            _ => self.took,
        }
    }

    /// Waits for what it prints next, which is kept as well, or a tick; `None` when it is over and all is read.
    ///
    /// # Errors
    /// When it cannot be watched any more.
    pub(crate) fn next(&mut self) -> Result<Option<Heard>, ProcessError> {
        let Some(running) = &mut self.running else { return Ok(None) };
        if self.ended.is_none() {
            match running.moment()? {
                Moment::Printed(channel, bytes) => {
                    self.transcript.add(channel, &bytes);
                    return Ok(Some(Heard::Printed(channel, bytes)));
                }
                Moment::Tick => return Ok(Some(Heard::Tick)),
                Moment::Ended(ended) => self.over(ended),
            }
        }
        let took = self.took;
        let rest = self.running.as_mut().and_then(|running| running.rest(took));
        if let Some((channel, bytes)) = &rest {
            self.transcript.add(*channel, bytes);
        }
        Ok(rest.map(|(channel, bytes)| Heard::Printed(channel, bytes)))
    }

    /// Writes to its standard input; returns whether that is still open.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> bool {
        let Some(running) = self.running.as_mut().filter(|_| self.ended.is_none()) else { return false };
        let is_open = running.streams.stays_open && running.streams.stdin.is_some();
        if is_open {
            running.streams.to_write.extend_from_slice(bytes);
        }
        is_open
    }

    /// Ends it now.
    pub(crate) fn cancel(&mut self) {
        if self.ended.is_none() {
            self.over(Ended::Canceled);
        }
    }

    fn over(&mut self, ended: Ended) {
        self.ended = Some(ended);
        let Some(running) = &mut self.running else { return };
        running.streams.stdin = None;
        running.charge = None;
        if let (Some(group), Ended::TimedOut | Ended::Interrupted | Ended::Canceled) = (running.group, ended) {
            running.runtime.block_on(end(group, &mut running.child));
        }
        self.took = running.started.elapsed();
    }

    /// How it ended, with all that it said. One that is not over is ended.
    #[must_use]
    pub(crate) fn finish(mut self) -> Finished {
        self.cancel();
        let ended = self.ended.unwrap_or(Ended::Canceled);
        Finished { ended, transcript: std::mem::take(&mut self.transcript), took: self.took }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.cancel();
        if self.running.is_some() {
            sweep(&self.run);
        }
    }
}

impl Running {
    fn start(spec: &Spec, stop: &Stop) -> Result<Self, ProcessError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ProcessError::Watch)?;
        let started = clock();
        let program = spec.words.first().cloned().unwrap_or_default();
        let mut command = tokio::process::Command::new(spec.program.as_std_path());
        command.arg("enter").arg(rustix::process::getpid().as_raw_nonzero().to_string()).arg("--").args(&spec.words);
        command.current_dir(&spec.dir).env_clear().envs(environment::of(spec)).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        stop.heed_interrupts();
        let child = {
            let _inside = runtime.enter();
            command.spawn()
        };
        let mut child = child.map_err(|source| ProcessError::Start { program: program.clone(), source })?;
        let streams = Streams {
            stdin: child.stdin.take(),
            to_write: spec.input.clone(),
            stays_open: spec.is_input_open,
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
        };
        let charge = child.id().map(take_charge);
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let timeout = Duration::from_secs(spec.timeout);
        Ok(Self { runtime, child, group, charge, streams, stop: stop.clone(), started, timeout, tick: TICK, program })
    }

    /// Waits until it prints something or ends.
    fn moment(&mut self) -> Result<Moment, ProcessError> {
        let left = self.timeout.saturating_sub(self.started.elapsed());
        let until_tick = self.tick.saturating_sub(self.started.elapsed());
        let Self { runtime, child, streams, stop, .. } = self;
        let moment = runtime.block_on(async {
            tokio::select! {
                status = child.wait() => status.map(|status| Moment::Ended(Ended::Exit(exit_code(status)))),
                () = tokio::time::sleep(left) => Ok(Moment::Ended(Ended::TimedOut)),
                () = tokio::time::sleep(until_tick) => Ok(Moment::Tick),
                () = stop.interrupted() => Ok(Moment::Ended(Ended::Interrupted)),
                (channel, bytes) = streams.next() => Ok(Moment::Printed(channel, bytes)),
            }
        });
        if matches!(moment, Ok(Moment::Tick)) {
            self.tick = self.started.elapsed() + TICK;
        }
        moment.map_err(|source| ProcessError::Start { program: self.program.clone(), source })
    }

    /// What it printed before its end, which came after so long, and nobody has read yet.
    fn rest(&mut self, took: Duration) -> Option<(Channel, Vec<u8>)> {
        let Self { runtime, streams, started, .. } = self;
        let since = started.elapsed().saturating_sub(took);
        if since > MAX_LAST_OUTPUT {
            return None;
        }
        // What is there already is read, however slow this machine is.
        let left = LAST_OUTPUT.saturating_sub(since).max(LAST_READ);
        runtime.block_on(async { tokio::time::timeout(left, streams.next_or_end()).await }).ok().flatten()
    }
}

impl Streams {
    /// What is printed next; waits for ever once both streams are closed.
    async fn next(&mut self) -> (Channel, Vec<u8>) {
        match self.next_or_end().await {
            Some(printed) => printed,
            None => std::future::pending().await,
        }
    }

    /// What is printed next, while what is to be written is; `None` once both streams are closed and all is written.
    async fn next_or_end(&mut self) -> Option<(Channel, Vec<u8>)> {
        let Self { stdin, to_write, stays_open, stdout, stderr } = self;
        loop {
            if to_write.is_empty() && !*stays_open {
                *stdin = None;
            }
            let is_writing = stdin.is_some() && !to_write.is_empty();
            if stdout.is_none() && stderr.is_none() && !is_writing {
                return None;
            }
            tokio::select! {
                count = write(stdin, to_write), if is_writing => match count {
                    Some(count) => drop(to_write.drain(..count)),
                    // It need not read its brief.
                    None => *stdin = None,
                },
                bytes = read(stdout), if stdout.is_some() => match bytes {
                    Some(bytes) => return Some((Channel::Stdout, bytes)),
                    None => *stdout = None,
                },
                bytes = read(stderr), if stderr.is_some() => match bytes {
                    Some(bytes) => return Some((Channel::Stderr, bytes)),
                    None => *stderr = None,
                },
            }
        }
    }
}

/// Writes as much as fits; `None` when nobody reads any more.
async fn write(stream: &mut Option<ChildStdin>, bytes: &[u8]) -> Option<usize> {
    stream.as_mut()?.write(bytes).await.ok().filter(|count| *count > 0)
}

/// Reads what is there; `None` at the end.
async fn read(stream: &mut Option<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 16 * 1024];
    let count = stream.as_mut()?.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
    buffer.truncate(count);
    Some(buffer)
}

/// Ends a process group: asks first, then insists.
async fn end(group: Pid, child: &mut tokio::process::Child) {
    // A group that is gone already is what is wanted.
    rustix::process::kill_process_group(group, Signal::TERM).unwrap_or_default();
    drop(tokio::time::timeout(MERCY, child.wait()).await);
    rustix::process::kill_process_group(group, Signal::KILL).unwrap_or_default();
    drop(child.wait().await);
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Those of these variables of the operator's that are set.
#[expect(clippy::disallowed_methods, reason = "an agent's environment is built here from what it may see")]
pub(super) fn passed<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
}

/// Ends every process that carries a run's mark, whatever session or parent it has by now.
pub(crate) fn sweep(run: &RunId) {
    sweep_marked(&format!("GIT_OS_RUN={run}"));
}

/// Ends every process that was started in a folder by an orchestrator that is gone; the run's name went with it.
pub(crate) fn sweep_place(dir: &Utf8Path) {
    sweep_marked(&format!("{PLACE}={dir}"));
}

fn sweep_marked(mark: &str) {
    for entry in Utf8Path::new("/proc").read_dir_utf8().into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().parse().ok().and_then(Pid::from_raw) else { continue };
        let Ok(variables) = crate::git::process::read_bytes(&entry.path().join("environ")) else { continue };
        if pid != rustix::process::getpid() && variables.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            // It may have ended by itself since.
            rustix::process::kill_process(pid, Signal::KILL).unwrap_or_default();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a process took is a matter of real time")]
fn clock() -> Instant {
    Instant::now()
}
