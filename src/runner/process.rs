//! A process and all that it starts: run with a deadline, read while it runs, and ended as a whole.

use std::process::Stdio;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};

use crate::core::id::RunId;
use crate::core::text;

/// The variable that says in which folder a process was started.
const PLACE: &str = "GIT_OS_PLACE";
/// How much of each stream is kept: the end of it.
const KEPT: usize = 256 * 1024;
/// How long a process may take to end by itself once it was told to.
const MERCY: Duration = Duration::from_secs(3);
/// What every agent and check may see of the operator's environment.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "CARGO_HOME",
    "RUSTUP_HOME",
];

/// Why a process could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("`{program}` cannot be started")]
    Start { program: String, source: std::io::Error },
    #[error("processes cannot be watched")]
    Watch(#[source] std::io::Error),
}

/// What to run, where, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) words: Vec<String>,
    pub(crate) dir: Utf8PathBuf,
    pub(crate) variables: Vec<(String, String)>,
    /// Further variables of the operator's that it may see.
    pub(crate) passed: &'static [&'static str],
    pub(crate) input: Vec<u8>,
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
}

/// A process that is over, with the end of what it said.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) ended: Ended,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) took: Duration,
}

impl Finished {
    /// What it printed, lossily.
    #[must_use]
    pub(crate) fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The last line it printed that is not blank.
    #[must_use]
    pub(crate) fn last_line(&self) -> String {
        self.stdout_text().lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
    }

    /// The end of what it said, for a reason: from stderr if there is any.
    #[must_use]
    pub(crate) fn last_words(&self) -> String {
        let said = if self.stderr.iter().any(|byte| !byte.is_ascii_whitespace()) { &self.stderr } else { &self.stdout };
        let said = String::from_utf8_lossy(said);
        let lines: Vec<_> = said.trim_end().lines().collect();
        text::body(&lines[lines.len().saturating_sub(30)..].join("\n"))
    }
}

/// Whether somebody interrupted; once it is so, nothing is started any more.
static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on an interrupt is kept in mind, and not only while a process runs; a second one ends this process at once.
#[expect(clippy::exit, reason = "whoever interrupts twice does not want to wait for anything")]
pub(crate) fn heed_interrupts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        at_each(SignalKind::interrupt(), || {
            if IS_INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        });
    });
}

/// Whether whoever runs this has asked it to come to an end; what is under way is ended first.
static IS_DRAINING: AtomicBool = AtomicBool::new(false);

/// From now on SIGTERM is a wish to end, and not the end.
pub(crate) fn heed_termination() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| at_each(SignalKind::terminate(), || IS_DRAINING.store(true, Ordering::Relaxed)));
}

/// Does something at each signal of a kind, for as long as this process lives.
fn at_each(kind: SignalKind, act: impl Fn() + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    // Without one the signal ends the process, as it does by default.
    let Ok(runtime) = runtime else { return };
    std::thread::spawn(move || {
        runtime.block_on(async {
            let Ok(mut signals) = signal(kind) else { return };
            while signals.recv().await.is_some() {
                act();
            }
        });
    });
}

/// Whether nothing new shall be begun.
#[must_use]
pub(crate) fn is_draining() -> bool {
    IS_DRAINING.load(Ordering::Relaxed)
}

/// Whether somebody interrupted since.
#[must_use]
pub(crate) fn is_interrupted() -> bool {
    IS_INTERRUPTED.load(Ordering::Relaxed)
}

/// Waits for a time, or until there is no reason to any more.
#[expect(clippy::disallowed_methods, reason = "what is waited for happens on another machine")]
pub(crate) fn pause(time: Duration, is_over: impl Fn() -> bool) {
    const STEP: Duration = Duration::from_millis(100);
    let mut left = time;
    while !left.is_zero() && !is_over() {
        std::thread::sleep(left.min(STEP));
        left = left.saturating_sub(STEP);
    }
}

/// Runs a process to its end, and with it all that it left behind.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn run(spec: &Spec) -> Result<Finished, ProcessError> {
    if is_interrupted() {
        return Ok(Finished { ended: Ended::Interrupted, stdout: Vec::new(), stderr: Vec::new(), took: Duration::ZERO });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ProcessError::Watch)?;
    let finished = runtime.block_on(supervise(spec));
    sweep(&spec.run);
    finished
}

async fn supervise(spec: &Spec) -> Result<Finished, ProcessError> {
    let started = clock();
    let fail = |source| ProcessError::Start { program: spec.words.first().cloned().unwrap_or_default(), source };
    let mut command = tokio::process::Command::new(spec.program.as_std_path());
    command.arg("enter").arg(rustix::process::getpid().as_raw_nonzero().to_string()).arg("--").args(&spec.words);
    command.current_dir(&spec.dir).env_clear().envs(environment(spec)).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(fail)?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // It need not read its brief.
            drop(stdin.write_all(&spec.input).await);
        }
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = {
        let watch = async {
            tokio::select! {
                status = child.wait() => status.map(|status| Ended::Exit(exit_code(status))),
                () = tokio::time::sleep(Duration::from_secs(spec.timeout)) => Ok(Ended::TimedOut),
                _ = tokio::signal::ctrl_c() => Ok(Ended::Interrupted),
            }
        };
        let read = async { tokio::join!(drain(stdout, &mut out), drain(stderr, &mut err)) };
        let (mut watch, mut feed, mut read) = (std::pin::pin!(watch), std::pin::pin!(feed), std::pin::pin!(read));
        let (mut is_fed, mut is_read) = (false, false);
        let ended = loop {
            tokio::select! {
                ended = &mut watch => break ended,
                () = &mut feed, if !is_fed => is_fed = true,
                _ = &mut read, if !is_read => is_read = true,
            }
        };
        // A background process may keep the streams open; what counts is the end of the process itself.
        if !is_read {
            drop(tokio::time::timeout(Duration::from_millis(200), &mut read).await);
        }
        ended.map_err(fail)?
    };
    if let (Some(group), Ended::TimedOut | Ended::Interrupted) = (group, ended) {
        end(group, &mut child).await;
    }
    Ok(Finished { ended, stdout: out, stderr: err, took: started.elapsed() })
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

async fn drain(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(1..) = stream.read(&mut buffer).await.inspect(|count| kept.extend_from_slice(&buffer[..*count])) {
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an agent's environment is built here from what it may see")]
fn environment(spec: &Spec) -> Vec<(String, String)> {
    let names = PASSED.iter().chain(spec.passed);
    let mut all: Vec<_> = names.filter_map(|key| std::env::var(key).ok().map(|value| ((*key).to_owned(), value))).collect();
    // `git os` has to be the very git-os that runs the agent.
    if let (Some(dir), Some(path)) = (spec.program.parent(), all.iter_mut().find(|(key, _)| key == "PATH")) {
        path.1 = format!("{dir}:{}", path.1);
    }
    all.push((PLACE.to_owned(), spec.dir.to_string()));
    all.push(("TERM".to_owned(), "dumb".to_owned()));
    all.push(("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()));
    all.extend(spec.variables.iter().cloned());
    all
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
