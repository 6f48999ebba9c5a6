//! Runs a process and all its children: with a time limit, read while they run, and ended together.

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

/// The variable with the folder in which a process was started.
const PLACE: &str = "GIT_OS_PLACE";
/// How much of the end of each output stream is kept, in bytes.
const KEPT: usize = 256 * 1024;
/// How long a process may take to end after it was asked to.
const MERCY: Duration = Duration::from_secs(3);
/// The environment variables that are passed to every agent and check.
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
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", prefix = "process-")]
pub(crate) enum ProcessError {
    #[error("`{program}` cannot be started")]
    Start { program: String, source: std::io::Error },
    #[error("processes cannot be watched")]
    Watch(#[source] std::io::Error),
}

/// What to run, in which folder, with which input.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) words: Vec<String>,
    pub(crate) dir: Utf8PathBuf,
    pub(crate) variables: Vec<(String, String)>,
    /// More environment variables to pass on.
    pub(crate) passed: &'static [&'static str],
    pub(crate) input: Vec<u8>,
    /// The time limit, in seconds.
    pub(crate) timeout: u64,
    /// The path of git-os: it starts the process, and its folder is added to `PATH`.
    pub(crate) program: Utf8PathBuf,
    /// The run; its mark in the environment identifies all processes of the run.
    pub(crate) run: RunId,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this exit code; 128 plus the signal's number if a signal ended it.
    Exit(i32),
    TimedOut,
    Interrupted,
}

/// A finished process, with the end of its output.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) ended: Ended,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) took: Duration,
}

impl Finished {
    /// Its standard output, lossily decoded.
    #[must_use]
    pub(crate) fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The last line of standard output that is not blank.
    #[must_use]
    pub(crate) fn last_line(&self) -> String {
        self.stdout_text().lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
    }

    /// The end of its output, to give as a reason: from stderr, if there is any.
    #[must_use]
    pub(crate) fn last_words(&self) -> String {
        let said = if self.stderr.iter().any(|byte| !byte.is_ascii_whitespace()) { &self.stderr } else { &self.stdout };
        let said = String::from_utf8_lossy(said);
        let lines: Vec<_> = said.trim_end().lines().collect();
        text::body(&lines[lines.len().saturating_sub(30)..].join("\n"))
    }
}

/// Whether the user interrupted; after that, no process is started.
static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Remembers an interrupt from now on, even while no process runs; a second one ends this process at once.
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

/// Whether this process was asked to stop; it finishes its current work first.
static IS_DRAINING: AtomicBool = AtomicBool::new(false);

/// Treats SIGTERM as a request to stop from now on.
pub(crate) fn heed_termination() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| at_each(SignalKind::terminate(), || IS_DRAINING.store(true, Ordering::Relaxed)));
}

/// Calls a function at each signal of a kind, for the rest of this process's life.
fn at_each(kind: SignalKind, act: impl Fn() + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    // Without a runtime, the signal ends the process, which is the default.
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

/// Whether no new work may be started.
#[must_use]
pub(crate) fn is_draining() -> bool {
    IS_DRAINING.load(Ordering::Relaxed)
}

/// Whether the user has interrupted.
#[must_use]
pub(crate) fn is_interrupted() -> bool {
    IS_INTERRUPTED.load(Ordering::Relaxed)
}

/// Waits for a time, or until `is_over` returns true.
#[expect(clippy::disallowed_methods, reason = "what is waited for happens on another machine")]
pub(crate) fn pause(time: Duration, is_over: impl Fn() -> bool) {
    const STEP: Duration = Duration::from_millis(100);
    let mut left = time;
    while !left.is_zero() && !is_over() {
        std::thread::sleep(left.min(STEP));
        left = left.saturating_sub(STEP);
    }
}

/// Runs a process to its end, and then ends all processes that it left behind.
///
/// # Errors
/// If it cannot be started.
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
            // The process may not read its brief.
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
        // A background process may keep the streams open, but only the end of the process itself counts.
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

/// Ends a process group, first with SIGTERM and then with SIGKILL.
async fn end(group: Pid, child: &mut tokio::process::Child) {
    // The group may already be gone.
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
    // `git os` must be the same git-os that runs the agent.
    if let (Some(dir), Some(path)) = (spec.program.parent(), all.iter_mut().find(|(key, _)| key == "PATH")) {
        path.1 = format!("{dir}:{}", path.1);
    }
    all.push((PLACE.to_owned(), spec.dir.to_string()));
    all.push(("TERM".to_owned(), "dumb".to_owned()));
    all.push(("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()));
    all.extend(spec.variables.iter().cloned());
    all
}

/// Ends every process with a run's mark, whatever its session or parent.
pub(crate) fn sweep(run: &RunId) {
    sweep_marked(&format!("GIT_OS_RUN={run}"));
}

/// Ends every process that was started in a folder by an orchestrator that is gone, when the run is unknown.
pub(crate) fn sweep_place(dir: &Utf8Path) {
    sweep_marked(&format!("{PLACE}={dir}"));
}

fn sweep_marked(mark: &str) {
    for entry in Utf8Path::new("/proc").read_dir_utf8().into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().parse().ok().and_then(Pid::from_raw) else { continue };
        let Ok(variables) = crate::git::process::read_bytes(&entry.path().join("environ")) else { continue };
        if pid != rustix::process::getpid() && variables.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            // The process may have ended in the meantime.
            rustix::process::kill_process(pid, Signal::KILL).unwrap_or_default();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a process took is a matter of real time")]
fn clock() -> Instant {
    Instant::now()
}
