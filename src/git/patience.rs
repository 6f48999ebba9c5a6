//! How long git is waited for. A git that asks another machine is ended when nothing comes from it, any other when it does nothing.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read};
use std::process::{Child, Output};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::Repo;
use super::ending::{Collect, Ward};
use super::failure::Failure;
use super::family::{Work, is_visible};

/// Where git's configuration says how many seconds a remote may be silent.
const NETWORK_KEY: &str = "git-os.networkTimeout";
/// The same where a person watches, who may have to touch a key first.
const WATCHED: Duration = Duration::from_secs(60);
const UNWATCHED: Duration = Duration::from_secs(10);
/// Where it says how many seconds any other git may do nothing.
const LOCAL_KEY: &str = "git-os.localTimeout";
/// As long as that, hooks and filters of a person may wait for somebody.
const USUAL: Duration = Duration::from_secs(600);
/// How many times as long it may say nothing where the system does not show whether it does something.
const UNSEEN: u32 = 6;
/// Whatever it does, no process of git takes longer.
const MOST: Duration = Duration::from_secs(24 * 60 * 60);
/// How many times it is looked what a process does before it is ended.
const LOOKS: u32 = 10;
/// How long what a process has written is read after its end: a background process may keep its streams open.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
const LAST_WORDS: Duration = Duration::from_secs(30);
/// The remotes that did not answer, each with when it was last asked.
static SILENT: Mutex<BTreeMap<(String, String), (Instant, Failure)>> = Mutex::new(BTreeMap::new());
/// How long such a remote is not asked again by this process: others wait for their turn.
const REST: Duration = Duration::from_secs(60);

/// What ends the wait for a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It says nothing for so long; a remote is asked.
    Silence(Duration),
    /// It says nothing and does nothing for so long.
    Idleness(Duration),
}

impl Patience {
    /// For a git that asks no other machine, where no repository says how long.
    pub(super) fn usual() -> Self {
        static LOCAL: OnceLock<Duration> = OnceLock::new();
        Self::Idleness(*LOCAL.get_or_init(|| {
            let files = gix::config::File::from_globals().ok();
            let value = files.and_then(|files| files.string(LOCAL_KEY).map(|value| value.to_string()));
            seconds(value).unwrap_or(USUAL)
        }))
    }

    /// The same, but for no less than this time.
    pub(super) fn at_least(self, least: Duration) -> Self {
        match self {
            Self::Silence(time) => Self::Silence(time.max(least)),
            Self::Idleness(time) => Self::Idleness(time.max(least)),
        }
    }

    fn time(self) -> Duration {
        match self {
            Self::Silence(time) => time,
            Self::Idleness(time) if is_visible() => time,
            Self::Idleness(time) => time.saturating_mul(UNSEEN),
        }
    }
}

/// Why a process was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    Silent(Duration),
    Idle(Duration),
    Long(Duration),
}

impl Overdue {
    /// As git would say it.
    pub(super) fn words(self) -> String {
        match self {
            Self::Silent(time) => format!("fatal: timed out: no answer for {} s", time.as_secs()),
            Self::Idle(time) => {
                format!(
                    "fatal: timed out: it did nothing for {} s; `git config {LOCAL_KEY} SECONDS` lets it wait longer",
                    time.as_secs()
                )
            }
            Self::Long(time) => format!("fatal: timed out: it was not done after {} s", time.as_secs()),
        }
    }
}

fn seconds(value: Option<String>) -> Option<Duration> {
    value?.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

impl Repo {
    /// How long a remote may be silent: as configured in seconds, or less where nobody watches.
    pub(super) fn network_patience(&self) -> Patience {
        let usual = if std::io::stderr().is_terminal() { WATCHED } else { UNWATCHED };
        Patience::Silence(seconds(self.config(NETWORK_KEY)).unwrap_or(usual))
    }

    /// How long any other git may do nothing.
    pub(super) fn local_patience(&self) -> Patience {
        Patience::Idleness(seconds(self.config(LOCAL_KEY)).unwrap_or(USUAL))
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
    /// It has ended, and nobody has collected it.
    Ended,
}

/// Waits for a process; returns also why it was ended, if it was.
///
/// # Errors
/// If it cannot be waited for.
pub(super) fn wait(mut ward: Ward, patience: Patience) -> std::io::Result<(Output, Option<Overdue>)> {
    let latest = follow(&mut ward.child);
    let mut watch = Watch::new(patience, clock());
    let (mut stdout, mut stderr, mut overdue, mut ended) = (Vec::new(), Vec::new(), None, None);
    loop {
        match latest.recv_timeout(ended.map_or(watch.pause, |_| LAST_OUTPUT)) {
            Ok(News::Out(bytes)) => stdout.extend(bytes),
            Ok(News::Err(bytes)) => stderr.extend(bytes),
            Ok(News::Ended) => ended = ended.or_else(|| Some(clock())),
            Err(RecvTimeoutError::Timeout) if ended.is_none() => {
                overdue = watch.find_overdue(clock(), || ward.family().work());
                if overdue.is_some() {
                    ward.end();
                    ended = Some(clock());
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => break,
        }
        match ended {
            // What speaks on in the background is not waited for.
            Some(ended) if ended.elapsed() > LAST_WORDS => break,
            Some(_) => {}
            None => watch.heard(clock()),
        }
    }
    let how = if overdue.is_some() { Collect::AfterOurs } else { Collect::AfterItsEnd };
    Ok((Output { status: ward.collect(how)?, stdout, stderr }, overdue))
}

/// Passes on what a process prints, and that it has ended.
fn follow(child: &mut Child) -> Receiver<News> {
    let (news, latest) = channel();
    if let Some(stream) = child.stdout.take() {
        pass_on(stream, news.clone(), News::Out);
    }
    if let Some(stream) = child.stderr.take() {
        pass_on(stream, news.clone(), News::Err);
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    std::thread::spawn(move || {
        // It stays there for somebody to collect, so its number is not given to another one.
        let ended = pid.map(|pid| retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)));
        if let Some(Ok(_)) = ended {
            // Nobody may wait any more.
            drop(news.send(News::Ended));
        }
    });
    latest
}

fn pass_on(mut stream: impl Read + Send + 'static, news: Sender<News>, of: fn(Vec<u8>) -> News) {
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        // A stream that cannot be read has ended.
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            if news.send(of(buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    });
}

/// Whether a process gets on.
struct Watch {
    patience: Patience,
    /// How long to wait for news before it is looked what the process does.
    pause: Duration,
    started: Instant,
    /// When it got on last, and what it had done by then.
    last: (Instant, Option<Work>),
}

impl Watch {
    fn new(patience: Patience, now: Instant) -> Self {
        Self { patience, pause: patience.time() / LOOKS, started: now, last: (now, None) }
    }

    /// It said something.
    fn heard(&mut self, now: Instant) {
        self.last = (now, None);
    }

    /// Why it is to be ended now, if it is.
    fn find_overdue(&mut self, now: Instant, work: impl FnOnce() -> Option<Work>) -> Option<Overdue> {
        let (time, took) = (self.patience.time(), now.duration_since(self.started));
        if took >= MOST.max(time) {
            return Some(Overdue::Long(took));
        }
        let quiet = now.duration_since(self.last.0);
        if let Patience::Idleness(_) = self.patience
            && let Some(done) = work()
            && self.last.1.is_none_or(|before| done.is_more_than(before, quiet))
        {
            self.last = (now, Some(done));
            return None;
        }
        let overdue = match self.patience {
            Patience::Silence(_) => Overdue::Silent(time),
            Patience::Idleness(_) => Overdue::Idle(time),
        };
        (quiet >= time).then_some(overdue)
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a process may take is a matter of real time")]
fn clock() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::git::ending::Group;

    fn start(script: &str) -> Ward {
        #[expect(clippy::disallowed_methods, reason = "a process that is silent")]
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ward::start(&mut command, Group::OwnIfPossible).expect("a shell")
    }

    /// All the processes whose numbers are lines of a text are gone.
    fn are_over(ids: &[u8]) {
        for id in String::from_utf8_lossy(ids).lines() {
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

    #[test]
    fn a_process_that_goes_on_talking_is_waited_for() {
        let script = "for n in 1 2 3 4 5 6; do echo $n; sleep 0.2; done; echo end >&2; exit 3";
        let (output, overdue) = wait(start(script), Patience::Silence(Duration::from_secs(1))).expect("an end");
        assert_eq!((output.status.code(), overdue), (Some(3), None));
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"1\n2\n3\n4\n5\n6\n"[..], &b"end\n"[..]));
    }

    #[test]
    fn a_silent_process_is_ended_with_all_that_it_started() {
        let time = Duration::from_millis(700);
        for (patience, why) in [(Patience::Silence(time), Overdue::Silent(time)), (Patience::Idleness(time), Overdue::Idle(time))]
        {
            let script = "echo $$; sh -c 'echo $$; sleep 99 & echo $!; wait'; true";
            let (output, overdue) = wait(start(script), patience).expect("an end");
            assert_eq!((output.status.code(), overdue), (None, Some(why)));
            are_over(&output.stdout);
        }
    }

    #[test]
    fn a_process_that_does_not_want_to_end_is_killed() {
        let script = "trap '' TERM; echo $$; sh -c 'echo $$; while :; do sleep 1; done'";
        let (output, overdue) = wait(start(script), Patience::Silence(Duration::from_millis(500))).expect("an end");
        assert_eq!((output.status.signal(), overdue.is_some()), (Some(9), true));
        are_over(&output.stdout);
    }

    #[test]
    fn a_process_that_works_in_silence_is_waited_for() {
        let script = "n=0; until [ $n -ge 400000 ]; do n=$((n+1)); done; echo done";
        let (output, overdue) = wait(start(script), Patience::Idleness(Duration::from_millis(100))).expect("an end");
        assert_eq!((output.stdout.as_slice(), overdue), (&b"done\n"[..], None));
    }

    #[test]
    fn what_is_left_in_the_background_is_not_waited_for() {
        let script = "setsid sleep 99 & echo $!; exit 4";
        let (output, overdue) = wait(start(script), Patience::usual()).expect("an end");
        assert_eq!((output.status.code(), overdue), (Some(4), None));
        let id = String::from_utf8_lossy(&output.stdout).trim().parse().ok().and_then(Pid::from_raw).expect("a number");
        rustix::process::kill_process(id, rustix::process::Signal::KILL).expect("it lives");
    }

    #[test]
    fn no_process_takes_longer_than_a_day_whatever_it_does() {
        let started = clock();
        let mut watch = Watch::new(Patience::Silence(Duration::from_secs(10)), started);
        let hours = |hours: u64| started + Duration::from_secs(hours * 3600);
        watch.heard(hours(23));
        assert_eq!(watch.find_overdue(hours(23), || None), None);
        watch.heard(hours(24));
        assert_eq!(watch.find_overdue(hours(24), || None), Some(Overdue::Long(MOST)));
    }
}
